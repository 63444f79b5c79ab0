"""Opens a sealed corpus, numbers its articles, and finds documents on its sites and at its articles' URLs.

    manifest.json       `parameters` have the fingerprint of the key, the parts, and the `site_depth`
    index/hashes.npy    uint64[m], sorted: an encrypted shingle hash for each posting
    index/articles.npy  uint32[m]: the number of its article
    sites/hosts.npy     uint64[h], sorted: encrypted hashes of the hosts of sites and URLs
    sites/places.npy    uint64[2, p]: keyed digests of places, sorted, and their owners

An article's *number* is its place among the articles of its part, ordered by a keyed digest of their ids. The
numbers of the parts of a joined corpus follow each other. A *place* is a site (`host/`, `host/path/`) or the
normal form of a URL. Its *owner* is the number of an article, or `SITE` plus that of a part of the corpus.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import CorpusError
from presswatch_spark.core.model import DocumentBatch
from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.layout import INDEX_FOLDER, SITES_FOLDER
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.sealing.key import SealKey
from presswatch_spark.corpus.store import Corpus, CorpusFolder
from presswatch_spark.matching.cipher import decrypt
from presswatch_spark.matching.judgement.sites import known_hosts, table_of
from presswatch_spark.matching.judgement.urls import hosts_above, original_page
from presswatch_spark.matching.shingle_index import ShingleIndex

Numbers = npt.NDArray[np.uint32]
HASHES, ARTICLES = f"{INDEX_FOLDER}/hashes.npy", f"{INDEX_FOLDER}/articles.npy"
HOSTS, PLACES = f"{SITES_FOLDER}/hosts.npy", f"{SITES_FOLDER}/places.npy"
SITE = 1 << 32
"""From here on, an owner is a part, and not an article."""
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_TYPES = [("<u8", 1), ("<u4", 1), ("<u8", 1), ("<u8", 2)]
_MOST_BITS, _DEEPEST_SITE, _MOST = 64, 100, 1 << 62
_PARAMETERS = frozenset(
    ("kind", "shingle_stride", "filter_bits_per_key", "key_fingerprint", "parts", "site_depth")
)


class SealedCorpus(CorpusFolder):
    """An open sealed corpus: the arrays of its files. `CorpusError` unless these agree with each other."""

    is_sealed = True

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(folder, manifest)
        try:
            self.hashes, self.articles, self.hosts, self.places = (
                arrays.load(folder / name) for name in (HASHES, ARTICLES, HOSTS, PLACES)
            )
            is_sound = self._agrees()
        except (ArithmeticError, AttributeError, EOFError, LookupError, OSError, TypeError, ValueError):
            is_sound = False
        if not is_sound:
            raise CorpusError(
                "the sealed corpus is damaged", where=str(folder), remedy="ask its member to seal it again"
            )

    def _agrees(self) -> bool:
        # Whoever made the folder may want to harm whoever searches it: texts of the manifest are printed,
        # some of its numbers decide about memory, and an article's number leads to a part.
        given, counts, parts = self.manifest.parameters, self.manifest.counts, self.manifest.parts
        depth, bits = given["site_depth"], given["filter_bits_per_key"]
        sizes = [each.articles for each in parts]
        counted = (counts.articles, counts.words, counts.shingles, counts.suppressed)
        numbers = (*sizes, *counted, depth, bits, given["shingle_stride"])
        texts = (given["key_fingerprint"], *(each.fingerprint for each in parts))
        loaded = (self.hashes, self.articles, self.hosts, self.places)
        owners = self.places[1]
        return (
            given.keys() == _PARAMETERS
            and all(type(number) is int and 0 <= number < _MOST for number in numbers)
            and all(_FINGERPRINT.fullmatch(text) for text in texts)
            and (depth <= _DEEPEST_SITE and bits <= _MOST_BITS and 0 < len(self) == sum(sizes))
            and [(each.dtype.str, each.ndim) for each in loaded] == _TYPES
            and len(self.hashes) == len(self.articles) == counts.shingles
            and self.articles.max(initial=0) < len(self)
            and owners[owners < SITE].max(initial=0) < len(self)
            and owners[owners >= SITE].max(initial=SITE) < SITE + len(parts)
        )

    def index(self, key: SealKey) -> ShingleIndex:
        """Open the shingle index; `ConfigError` unless this is the key of the corpus."""
        key.require(self.manifest.key_fingerprint, str(self.folder))
        bits_per_key = self.manifest.parameters["filter_bits_per_key"]
        return ShingleIndex.encrypted(self.hashes, self.articles, key.shingles, bits_per_key)


def article_numbers(corpus: Corpus, key: SealKey) -> Numbers:
    """Return the number of each article of a corpus, by ordinal, in a corpus that is sealed with a key."""
    digests = np.array([key.article(article_id) for (article_id,) in corpus.each("article_id")], "S16")
    numbers = np.empty(len(digests), np.uint32)
    numbers[np.argsort(digests)] = np.arange(len(digests), dtype=np.uint32)
    return numbers


class KeyedSites:
    """Finds documents on members' sites and at articles' URLs; needs the key of the corpus."""

    def __init__(self, corpus: SealedCorpus, key: SealKey) -> None:
        self._key, self._places = key, corpus.places
        self._depth = corpus.manifest.parameters["site_depth"]
        self._hosts = table_of(decrypt(corpus.hosts, key.hosts).tolist())

    def matches(self, batch: DocumentBatch) -> dict[int, set[int]]:
        """Return the owners of the pages of a batch that are on a member's site or at an article's URL."""
        pages = (i for i in known_hosts(batch, self._hosts).tolist() if batch.main_of(i) == i)
        return {i: owners for i in pages if (owners := self.owners(batch.url_of(i)))}

    def owners(self, url: str) -> set[int]:
        """Return the owners of the page at a URL, or of a copy's original."""
        page = original_page(url)
        if page is None:
            return set()
        ends = [place + 1 for place, letter in enumerate(f"{page.path}/") if letter == "/"]
        paths = [f"{page.path}/"[:end] for end in ends[: self._depth + 1]]
        places = (page.text, *(host + path for host in hosts_above(page.host) for path in paths))
        return {owner for place in places for owner in self._owners(place)}

    def _owners(self, place: str) -> list[int]:
        hashes, wanted = self._places[0], np.uint64(self._key.place(place))
        first, last = (int(np.searchsorted(hashes, wanted, side)) for side in ("left", "right"))
        found: list[int] = self._places[1, first:last].tolist()
        return found

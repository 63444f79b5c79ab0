"""Sealed corpora: what a scan needs of a corpus, as hashes that only the holder of a key can calculate.

    manifest.json       `parameters` have the fingerprint of the key, the parts, and the `site_depth`
    index/hashes.npy    uint64[m], sorted: an encrypted shingle hash for each posting
    index/articles.npy  uint32[m]: the number of its article
    sites/hosts.npy     uint64[h], sorted: encrypted hashes of the hosts of sites and URLs
    sites/places.npy    uint64[2, p]: keyed digests of places, sorted, and their owners

An article's *number* is its place among the articles of its part, ordered by a keyed digest of their ids. The
numbers of the parts of a joined corpus follow each other. A *place* is a site (`host/`, `host/path/`) or the
normal form of a URL. Its *owner* is the number of an article, or `SITE` plus that of a part of the corpus.

The key is read by the process that needs it, and never sent to another: tasks carry a `KeySource`. Digests
are those of BLAKE2b with a key, and another `person` for each purpose.
"""

import os
import re
import stat
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.errors import ConfigError, CorpusError, InputError
from presswatch_spark.core.scan_values import DocumentBatch
from presswatch_spark.corpus import layout
from presswatch_spark.corpus.building.workspace import POSTINGS, BuildWorkspace, join_runs, write_run
from presswatch_spark.corpus.layout import INDEX_FOLDER, MANIFEST, SITES_FOLDER
from presswatch_spark.corpus.manifest import CorpusCounts, Manifest, write_manifest
from presswatch_spark.corpus.store import Corpus, CorpusFolder, urls_of
from presswatch_spark.matching.judgement.originals import original_page
from presswatch_spark.matching.judgement.sites import known_hosts, table_of
from presswatch_spark.matching.judgement.urls import hosts_above, page_url
from presswatch_spark.matching.keyed_hashes import KEY_BYTES, decrypt, encrypt, round_keys
from presswatch_spark.matching.shingle_index import ShingleIndex
from presswatch_spark.reading.text.word_kernels import Hashes
from presswatch_spark.storage.drafts import new_folder
from presswatch_spark.storage.objects import StorageOptions

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
LEAST_BYTES, MOST_BYTES = 32, 4096
# Of 32 random bytes, and of their differences, about 30 are distinct; fewer than 20 once in 10**9 keys.
LEAST_DISTINCT = 16
MAKE_KEY = "make one with: (umask 077; head -c 32 /dev/urandom > KEY)"


class SealKey:
    """The key of a member: it encrypts hashes, and makes digests of ids and URLs. Never pickled or shown."""

    def __init__(self, secret: bytes) -> None:
        self._root = blake2b(secret, digest_size=32, person=b"presswatch keyed").digest()
        self.fingerprint = self._digest(b"fingerprint", "", 16).hex()
        self.shingles, self.hosts = (
            round_keys(self._digest(purpose, "", KEY_BYTES)) for purpose in (b"shingles", b"hosts")
        )

    def require(self, fingerprint: str | None, where: str) -> None:
        """Raise `ConfigError` unless the key of a corpus, which has this fingerprint, is this one."""
        if fingerprint != self.fingerprint:
            raise ConfigError(
                f"the key has fingerprint {self.fingerprint}; the corpus was sealed with {fingerprint}",
                where=where,
                remedy="pass the key that sealed it",
            )

    def article(self, article_id: str) -> bytes:
        """Return the digest by which an article is ordered in a sealed corpus."""
        return self._digest(b"article", article_id, 16)

    def corpus(self, digest: str) -> str:
        """Return the fingerprint, in hex, of the corpus with a digest."""
        return self._digest(b"corpus", digest, 16).hex()

    def place(self, place: str) -> int:
        """Return the digest of a site or of the normal form of a URL; the latter begins with `https://`."""
        return int.from_bytes(self._digest(b"place", place, 8), "little")

    def _digest(self, purpose: bytes, text: str, size: int) -> bytes:
        return blake2b(text.encode(), key=self._root, person=purpose, digest_size=size).digest()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key stays in the process that has read it")


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where each host reads the key: a `file`, or a `secret` of AWS Secrets Manager (its ARN)."""

    file: str | None = None
    secret: str | None = None

    @classmethod
    def of(cls, file: str | None, secret: str | None) -> Self | None:
        """Return the source that was named, None if none was; `InputError` if two were."""
        if file and secret:
            raise InputError("pass either --key-file or --key-secret")
        return cls(file and os.path.abspath(file), secret) if file or secret else None

    def read(self, storage: StorageOptions) -> SealKey:
        """Read the key; `ConfigError` if it cannot be read, others may read the file, or anyone may guess it.

        The key has at least 32 random bytes, or their hexadecimal digits (only these in a secret).
        """
        if self.secret:
            from presswatch_spark.storage.s3 import secret_text

            data, where = secret_text(self.secret, storage.profile, "PRESSWATCH_KEY").encode(), self.secret
        else:
            where = str(self.file)
            data = _file_bytes(where)
        with suppress(ValueError):
            data = unhexlify(data.strip())
        values = np.frombuffer(data, np.uint8)
        # Bytes that are not UTF-8 become surrogates, which are not printable.
        if data and data.decode(errors="surrogateescape").strip().isprintable():
            what = "the key is text: a key has 32 random bytes, or their hexadecimal digits"
        elif len(data) < LEAST_BYTES or len(data) > MOST_BYTES:
            what = f"the key has {len(data):,} bytes; it needs {LEAST_BYTES} to {MOST_BYTES:,}"
        elif min(len(np.unique(values)), len(np.unique(np.diff(values)))) < LEAST_DISTINCT:
            what = "the key is not random"
        else:
            return SealKey(data)
        raise ConfigError(what, where=where, remedy=MAKE_KEY)


def _file_bytes(path: str) -> bytes:
    try:
        # Without this flag, a pipe would be waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ConfigError("the key is not in a regular file", where=path, remedy=MAKE_KEY)
            if mode & 0o077:
                raise ConfigError(
                    "other users may read the key", where=path, remedy=f"chmod 600 {path}, or make a new key"
                )
            return file.read(2 * MOST_BYTES + 2)
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", where=path) from None


class SealedCorpus(CorpusFolder):
    """An open sealed corpus: the arrays of its files. `CorpusError` unless these agree with each other."""

    is_sealed = True

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        super().__init__(folder, manifest)
        try:
            self.hashes, self.articles, self.hosts, self.places = (
                layout.load(folder / name) for name in (HASHES, ARTICLES, HOSTS, PLACES)
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
        wanted, (hashes, owners) = np.array([*map(self._key.place, places)], np.uint64), self._places
        bounds = (np.searchsorted(hashes, wanted, side).tolist() for side in ("left", "right"))
        return {owner for first, last in zip(*bounds, strict=True) for owner in owners[first:last].tolist()}


# --- sealing

OF_INDEX = ("shingle_stride", "filter_bits_per_key")
"""Parameters of a corpus that those of its sealed form have as well."""
_ALIKE = (*OF_INDEX, "key_fingerprint")
COUNTS = ("articles", "words", "shingles", "suppressed")
POSTINGS_AT_ONCE = 1 << 22


def seal(corpus: Corpus, key: SealKey, out: str, storage: StorageOptions) -> Manifest:
    """Seal a corpus into `out`, a new folder on disk or S3; the same corpus and key give the same bytes.

    Without the key, it shows only counts, and which articles share shingles. `OutputError` if `out` is not
    empty or cannot be written.
    """
    given, counts, index = corpus.manifest.parameters, corpus.manifest.counts, corpus.index
    numbers, hosts = article_numbers(corpus, key), corpus.sites.hosts
    sites = [host + site.path for host, each in corpus.sites.sites.items() for site in each]
    places = [(key.place(site), SITE) for site in sites]
    for number, row in zip(numbers.tolist(), corpus.each("url", "alternate_urls"), strict=True):
        pages = filter(None, map(page_url, urls_of(*row)))
        places += ((key.place(page.text), number) for page in pages)
    parameters = {
        **{name: given[name] for name in OF_INDEX},
        "key_fingerprint": key.fingerprint,
        "parts": [{"fingerprint": key.corpus(corpus.manifest.digest), "articles": len(corpus)}],
        "site_depth": max((site.count("/") - 1 for site in sites), default=0),
    }
    cut = _cut(index.hashes, index.articles)
    postings = ((encrypt(hashes, key.shingles), numbers[articles]) for hashes, articles in cut)
    known, owned = encrypt(hosts[hosts != 0], key.hosts), np.array(places, np.uint64).reshape(-1, 2).T
    with new_folder(out, storage, MANIFEST) as folder:
        return _write(folder, postings, known, owned, parameters, [counts])


def _cut(hashes: Hashes, articles: Numbers) -> Iterator[tuple[Hashes, Numbers]]:
    for first in range(0, len(hashes), POSTINGS_AT_ONCE):
        last = first + POSTINGS_AT_ONCE
        yield hashes[first:last], articles[first:last]


def _write(
    folder: Path,
    postings: Iterable[tuple[Hashes, Numbers]],
    hosts: Hashes,
    places: Hashes,
    parameters: Mapping[str, object],
    counts: Sequence[CorpusCounts],
) -> Manifest:
    """Write a sealed corpus: postings (hashes, numbers of articles) come in parts, all else in any order."""
    summed = CorpusCounts(*(sum(getattr(each, name) for each in counts) for name in COUNTS))
    work, runs = BuildWorkspace(folder), list[Path]()
    for hashes, articles in postings:
        runs.append(work.run(POSTINGS, len(runs)))
        write_run(runs[-1], hashes, articles.astype(np.uint64))
    join_runs(None, work, INDEX_FOLDER, runs, _index_arrays)
    (folder / SITES_FOLDER).mkdir()
    layout.save(folder / HOSTS, np.unique(hosts))
    layout.save(folder / PLACES, np.unique(places, axis=1))
    return write_manifest(folder, {"kind": "sealed", **parameters}, summed)


def _index_arrays(hashes: Hashes, numbers: Hashes) -> dict[str, layout.Array]:
    return {Path(HASHES).name: hashes, Path(ARTICLES).name: numbers.astype(np.uint32)}


def join(paths: Sequence[str], out: str, storage: StorageOptions) -> Manifest:
    """Join sealed corpora of one key into `out`, in any order; this needs no key.

    Raises `ConfigError` for corpora of several keys or settings, `CorpusError` if a corpus is there twice,
    and the errors of `SealedCorpus.open` and `new_folder`.
    """
    opened = [SealedCorpus.open(path, storage=storage) for path in paths]
    settings = [{name: each.manifest.parameters[name] for name in _ALIKE} for each in opened]
    for path, found in zip(paths, settings, strict=True):
        if found != settings[0]:
            raise ConfigError(
                f"the corpora have other keys or settings: {found} here, and {settings[0]} in {paths[0]}",
                where=path,
                remedy="build them with the same settings, and seal them with one key",
            )
    opened.sort(key=lambda corpus: corpus.manifest.parts[0].fingerprint)
    parts = [part for corpus in opened for part in corpus.manifest.parameters["parts"]]
    if len({part["fingerprint"] for part in parts}) < len(parts):
        raise CorpusError("a corpus is joined twice", where=", ".join(paths), remedy="name each corpus once")
    firsts = np.cumsum([0, *map(len, opened)]).tolist()
    first_parts = np.cumsum([0, *(len(corpus.manifest.parts) for corpus in opened)]).tolist()
    postings = (
        (hashes, numbers + np.uint32(first))
        for corpus, first in zip(opened, firsts, strict=False)
        for hashes, numbers in _cut(corpus.hashes, corpus.articles)
    )
    places = list[Hashes]()
    for corpus, first, first_part in zip(opened, firsts, first_parts, strict=False):
        hashes, owners = corpus.places
        moved = np.where(owners < SITE, np.uint64(first), np.uint64(first_part))
        places.append(np.stack((hashes, owners + moved)))
    hosts = np.concatenate([corpus.hosts for corpus in opened])
    depth = max(corpus.manifest.parameters["site_depth"] for corpus in opened)
    parameters = {**settings[0], "parts": parts, "site_depth": depth}
    counts = [corpus.manifest.counts for corpus in opened]
    with new_folder(out, storage, MANIFEST) as folder:
        return _write(folder, postings, hosts, np.concatenate(places, axis=1), parameters, counts)

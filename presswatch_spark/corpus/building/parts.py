"""One part of the articles: its Arrow file, its signatures and owners, its sorted runs of keys.

Titles and publishers are numbered by the order of their ids. An article is agency copy if it, or another of
its cluster, credits an agency or names one in its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit
from presswatch_spark.corpus import arrays, layout
from presswatch_spark.corpus.building.account import PieceWriter
from presswatch_spark.corpus.building.clusters import Clusters, band_keys
from presswatch_spark.corpus.building.index import Bounds, WordCounter, postings_of, write_run
from presswatch_spark.corpus.building.intake import Cuts, merge_part
from presswatch_spark.corpus.building.workspace import BANDS, POSTINGS, WORDS, BuildWorkspace
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.text.kernels import Hashes
from presswatch_spark.text.words import word_hashes, words_of_each
from presswatch_spark.verify.minhash import signatures

Owners = Mapping[str, tuple[int, int]]
"""By title id, the number of the title and that of its publisher."""

# The word hashes of so many, a megabyte or so, stay in the cache.
_ARTICLES_AT_ONCE = 256
_BEGINNINGS = 1 << 12
_BEGINNING = np.uint64(_BEGINNINGS - 1)


def owner_numbers(registry: Registry) -> Owners:
    """Number titles and publishers by the order of their ids."""
    publishers = {name: place for place, name in enumerate(sorted(set(registry.publisher_of.values())))}
    titles = enumerate(sorted(registry.publisher_of.items()))
    return {title: (place, publishers[publisher]) for place, (title, publisher) in titles}


def share_credits(folder: Path, clusters: Clusters) -> None:
    """Make all articles of a cluster agency copy if one of them is."""
    credited = np.array(arrays.load(folder / layout.AGENCY))
    in_cluster, has_credit = clusters != layout.ALONE, np.zeros(len(clusters), np.bool_)
    has_credit[clusters[credited & in_cluster]] = True
    credited |= in_cluster & has_credit[clusters]
    arrays.save(folder / layout.AGENCY, credited)


@dataclass(frozen=True, slots=True)
class PartReport:
    """The counts of a part; `refused` are the pieces with the rows whose id was taken before."""

    articles: int
    words: int
    distinct_words: int
    postings: int
    refused: tuple[str, ...]


def build_part(
    work: BuildWorkspace,
    cuts: Cuts,
    sources: Sequence[str],
    owners: Owners,
    config: CorpusConfig,
    part: int,
) -> PartReport:
    """Merge a part of the articles and write all that is made of it. Memory holds this part and its keys."""
    table, refusals = merge_part(cuts, part, sources)
    arrays.write_arrow(work.corpus / layout.part_name(part), table)
    refused = PieceWriter(work.scratch, f"refused-part-{part:05d}")
    for refusal in refusals:
        refused.add(asdict(refusal))
    refused.flush()

    first = part * layout.ARTICLES_PER_PART
    counter, names = WordCounter(), AgencyFinder(config.agencies)
    agency = table["agency_credit"].is_valid().to_numpy()
    text, offsets = arrays.texts_of(table["body"].combine_chunks())
    hashes, values, signed = [], [], []
    for row in range(0, len(table), _ARTICLES_AT_ONCE):
        words, bounds = words_of_each(text, offsets[row : row + _ARTICLES_AT_ONCE + 1])
        counter.add(words)
        agency[row : row + _ARTICLES_AT_ONCE] |= names.named(words, bounds)
        signed.append(signatures(words, bounds, config.minhash))
        postings = postings_of(np.uint64(first + row), words, bounds, config.shingle_stride)
        hashes.append(postings[0])
        values.append(postings[1])

    arrays.write_rows(work.corpus / layout.SIGNATURES, first, np.concatenate(signed))
    keys = np.concatenate(hashes)
    write_run(work.run(POSTINGS, part), keys, np.concatenate(values))
    bands = band_keys(np.concatenate(signed), config.cluster_jaccard)
    ordinals = np.tile(np.arange(first, first + len(table), dtype=np.uint64), len(bands))
    write_run(work.run(BANDS, part), bands.reshape(-1), ordinals)
    numbers = np.array([owners[title] for title in table["title_id"].to_pylist()], np.uint32).reshape(-1, 2)
    arrays.write_rows(work.corpus / layout.TITLES, first, numbers[:, 0])
    arrays.write_rows(work.corpus / layout.PUBLISHERS, first, numbers[:, 1])
    arrays.write_rows(work.corpus / layout.AGENCY, first, agency)
    distinct, counts = counter.counts()
    write_run(work.run(WORDS, part), distinct, counts)
    total = int(np.sum(table["words"].to_numpy()))
    return PartReport(len(table), total, len(distinct), len(keys), tuple(refused.paths))


class AgencyFinder:
    """Finds names of agencies among the words of texts: whole words, whatever their case and accents."""

    def __init__(self, names: Sequence[str]) -> None:
        hashed = [words for name in names if len(words := word_hashes(name.encode()))]
        self._words: Hashes = np.concatenate([np.empty(0, np.uint64), *hashed])
        self._bounds = np.cumsum([0, *map(len, hashed)]).astype(np.int64)

    def named(self, words: Hashes, bounds: Bounds) -> npt.NDArray[np.bool_]:
        """Mark which of n texts have any of the names; text i is `words[bounds[i] : bounds[i + 1]]`."""
        texts: npt.NDArray[np.bool_] = _named(words, bounds, self._words, self._bounds)
        return texts


@cached_njit
def _named(words: Hashes, bounds: Bounds, names: Hashes, name_bounds: Bounds) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(bounds) - 1, np.bool_)
    # Nearly no word begins a name: one look shows that.
    begins = np.zeros(_BEGINNINGS, np.bool_)
    for n in range(len(name_bounds) - 1):
        begins[names[name_bounds[n]] & _BEGINNING] = True
    for i in range(len(found)):
        for w in range(bounds[i], bounds[i + 1]):
            if begins[words[w] & _BEGINNING] and _name_begins(words[w : bounds[i + 1]], names, name_bounds):
                found[i] = True
                break
    return found


@inner_njit
def _name_begins(words: Hashes, names: Hashes, bounds: Bounds) -> bool:
    for n in range(len(bounds) - 1):
        size = bounds[n + 1] - bounds[n]
        k = 0
        while k < size and k < len(words) and words[k] == names[bounds[n] + k]:
            k += 1
        if k == size:
            return True
    return False

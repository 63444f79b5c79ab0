"""Measures the rarity of an article's words among all texts that the corpus knows.

Words are *known* if unrelated texts have them: articles of other publishers, more than a few articles of the
same title, or a few domains of the background. Another publisher's article of the same cluster is related.
The other words of a passage count with their bits (`corpus.building.build_index.word_bits`).

The index has at least every fourth shingle of an article, so the articles and publishers that share words
(*sharers*) are counted over four shingles in a row. This finds a passage of at least 11 words that enough
sharers have, except up to three words at either end.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.core.settings.config import OwnershipRules, RarityRules
from presswatch_spark.matching.shingle_index import (
    IndexArrays,
    ShingleIndex,
    block_shift,
    build_directory,
    directory_bits,
    entry_of,
    first_entry,
    passing_places,
    place_of_hash,
    probe_of,
)
from presswatch_spark.reading.text.word_kernels import U64, Hashes, plain
from presswatch_spark.reading.text.words import SHINGLE_WORDS, shingle_hashes
from presswatch_spark.tables.column_values import Ownership

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.int32]

STRIDE = 4
# Other publishers with an unrelated article, other articles of the same title, all other publishers.
UNRELATED, SAME_TITLE, OTHERS = 0, 1, 2
_1 = U64(1)


class Surroundings(NamedTuple):
    """The facts of all articles, by ordinal, and of all words and shingles; arrays may be mapped.

    `clusters`: -1 without cluster. `agency`: the article, or one of its cluster, credits one. `vocabulary`:
    word hashes with their `bits`; `suppressed`: shingles left out of the index; `background`: shingles with
    the number of `domains` that have them. All hashes are uint64 and sorted.
    """

    titles: Ids
    publishers: Ids
    clusters: npt.NDArray[np.int32]
    agency: npt.NDArray[np.bool_]
    vocabulary: Hashes
    bits: npt.NDArray[np.uint8]
    suppressed: Hashes
    background: Hashes
    domains: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class WordRarity:
    """Rarity of the n words of one article.

    `sums` int32[n + 1, 3], cumulative over the words: bits of words that are not known; words that another
    publisher's article has; words that many publishers' articles have.
    """

    sums: Sums
    agency: bool

    def judged(self, spans: Counts, least_run: int, rules: OwnershipRules) -> tuple[int, int, Ownership]:
        """Return the bits of the rarest run, the words that another publisher has, and the ownership.

        Args: spans int64 (s, 4), as in `Overlap`; those of fewer than `least_run` words are no runs.
        """
        rarity, copied, shared, wide = _judge(self.sums, spans, least_run)
        return rarity, shared, ownership_of(self.agency, copied, shared, wide, rules)


def ownership_of(agency: bool, copied: int, shared: int, wide: int, rules: OwnershipRules) -> Ownership:
    """Return the ownership of copied words, of which another publisher has some, and many have `wide`."""
    if agency or wide >= rules.shared_share * copied:
        return "agency"
    return "shared" if shared >= rules.shared_share * copied else "exclusive"


class RarityMeter:
    """Measures the rarity of articles' words."""

    def __init__(
        self,
        index: ShingleIndex,
        around: Surroundings,
        rarity: RarityRules,
        ownership: OwnershipRules,
    ) -> None:
        self._agency = around.agency
        self._limits = (rarity.known_publishers, rarity.known_articles, ownership.agency_publishers)
        self._domains, self._word_bits = rarity.known_domains, rarity.word_bits
        vocabulary_directory = build_directory(around.vocabulary, directory_bits(len(around.vocabulary)))
        self._known = RarityArrays(
            probe_of(index), plain(index.articles), Surroundings(*map(plain, around)),
            plain(vocabulary_directory), block_shift(len(vocabulary_directory) - 1),
        )  # fmt: skip

    def rarity(self, ordinal: int, words: Hashes) -> WordRarity:
        """Return the rarity of the article with that ordinal; `words` are its word hashes, uint64[n]."""
        shingles = shingle_hashes(words)
        sums = sums_of(self._known, ordinal, words, shingles, self._limits, self._domains, self._word_bits)
        return WordRarity(sums, bool(self._agency[ordinal]))


@cached_njit
def _judge(sums: Sums, spans: Counts, least_run: int) -> tuple[int, int, int, int]:
    """Return the bits of the rarest run; the words in a span, each once; the two other sums over these."""
    copied = np.zeros(len(sums), np.bool_)
    rarity = 0
    for s in range(len(spans)):
        first, words = spans[s, 1], spans[s, 2]
        copied[first : first + words] = True
        if words >= least_run:
            rarity = max(rarity, int(sums[first + words, 0] - sums[first, 0]))
    words, shared, wide = 0, 0, 0
    for w in range(len(sums) - 1):
        if copied[w]:
            words += 1
            shared += sums[w + 1, 1] - sums[w, 1]
            wide += sums[w + 1, 2] - sums[w, 2]
    return rarity, words, shared, wide


class RarityArrays(NamedTuple):
    """The arrays that the kernels read: the index with its articles, and the `Surroundings`."""

    probe: IndexArrays
    articles: Ids
    around: Surroundings
    vocabulary_directory: Counts
    vocabulary_shift: np.uint64


class _Met(NamedTuple):
    """The sharers of the last shingles that were found, by kind: `who` uint32[3, STRIDE, most], `counts`.

    Shingle w uses slot w % `STRIDE`; `shingles` has the shingle that is in each slot.
    """

    who: npt.NDArray[np.uint32]
    counts: Counts
    shingles: Counts


@cached_njit
def sums_of(
    known: RarityArrays,
    ordinal: int,
    words: Hashes,
    shingles: Hashes,
    limits: tuple[int, int, int],
    domains: int,
    word_bits: int,
) -> Sums:
    """Return the sums of `WordRarity` for the article with that ordinal, its words and their shingles.

    `limits`: numbers of sharers that are enough, by kind; `domains`: number of domains that is enough;
    `word_bits`: the most bits of a word.
    """
    n, probe, around = len(words), known.probe, known.around
    is_known, is_shared, is_wide = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    met = _Met(
        np.empty((3, STRIDE, max(limits)), np.uint32),
        np.zeros((3, STRIDE), np.int64),
        np.full(STRIDE, -1, np.int64),
    )
    for w in passing_places(probe, shingles):
        h, after = shingles[w], w + SHINGLE_WORDS
        e = entry_of(probe, h)
        # Skip shingles that only this article has, which are most: a call with so many arrays costs more.
        is_last = e + 1 == len(probe.hashes) or probe.hashes[e + 1] != h
        if e >= 0 and not (is_last and known.articles[e] == ordinal):
            _meet(known, e, ordinal, w, met)
            if met.counts[OTHERS, w % STRIDE]:
                is_shared[w:after] = True
            _mark(is_known, met, UNRELATED, limits[UNRELATED], w)
            _mark(is_known, met, SAME_TITLE, limits[SAME_TITLE], w)
            _mark(is_wide, met, OTHERS, limits[OTHERS], w)
        place = first_entry(around.background, h, 0, len(around.background))
        if place >= 0 and around.domains[place] >= domains:
            is_known[w:after] = True
    for w in range(len(shingles) if len(around.suppressed) else 0):
        if first_entry(around.suppressed, shingles[w], 0, len(around.suppressed)) >= 0:
            after = w + SHINGLE_WORDS
            is_known[w:after] = True
            is_shared[w:after] = True
            is_wide[w:after] = True
    sums = np.zeros((n + 1, 3), np.int32)
    for w in range(n):
        h = words[w]
        bucket = (h >> _1) >> known.vocabulary_shift
        first, after = known.vocabulary_directory[bucket], known.vocabulary_directory[bucket + _1]
        bits = min(np.int64(around.bits[place_of_hash(around.vocabulary, h, first, after)]), word_bits)
        sums[w + 1, 0] = sums[w, 0] + (0 if is_known[w] else bits)
        sums[w + 1, 1] = sums[w, 1] + is_shared[w]
        sums[w + 1, 2] = sums[w, 2] + is_wide[w]
    return sums


@inner_njit
def _meet(known: RarityArrays, e: int, ordinal: int, w: int, met: _Met) -> None:
    hashes, around, slot = known.probe.hashes, known.around, w % STRIDE
    h, cluster = hashes[e], around.clusters[ordinal]
    met.counts[:, slot] = 0
    met.shingles[slot] = w
    while e < len(hashes) and hashes[e] == h:
        article = known.articles[e]
        e += 1
        if article == ordinal:
            continue
        publisher = around.publishers[article]
        if publisher != around.publishers[ordinal]:
            _note(met, OTHERS, slot, publisher)
            if cluster < 0 or around.clusters[article] != cluster:
                _note(met, UNRELATED, slot, publisher)
        elif around.titles[article] == around.titles[ordinal]:
            _note(met, SAME_TITLE, slot, article)


@inner_njit
def _note(met: _Met, kind: int, slot: int, one: np.uint32) -> None:
    met.counts[kind, slot] = _add(met.who[kind, slot], met.counts[kind, slot], one)


@uncounted_njit
def _add(who: Ids, count: int, one: np.uint32) -> int:
    """Add `one` after the first `count`, unless it is there or there is no room; return the new count."""
    for k in range(count):
        if who[k] == one:
            return count
    if count < len(who):
        who[count] = one
        count += 1
    return count


@inner_njit
def _mark(marks: Marks, met: _Met, kind: int, limit: int, w: int) -> None:
    """Mark the words of the last shingles, from the first shared one, if `limit` sharers have them."""
    if not met.counts[kind, w % STRIDE]:
        return
    who, count, first = np.empty(limit, np.uint32), 0, w
    for back in range(min(w, STRIDE - 1) + 1):
        slot = (w - back) % STRIDE
        if met.shingles[slot] != w - back or not met.counts[kind, slot]:
            continue
        first = w - back
        for k in range(met.counts[kind, slot]):
            count = _add(who, count, met.who[kind, slot, k])
    if count >= limit:
        marks[first : w + SHINGLE_WORDS] = True

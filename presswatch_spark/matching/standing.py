"""How an article's words stand among all texts that the corpus knows: which are its own, and how rare.

A shingle of eight words is *known* if it stands in an unrelated text: an article of another publisher, more
than a few articles of the same one (page furniture, stock phrases), or a few hosts of the background sample.
Articles of the same cluster are related: a text is not made common by its own copies. A word is known if a
known shingle covers it. What is left of a run is measured in bits, as `corpus.vocabulary` counts them.

The index holds every fourth shingle of a text, so that a passage shared with another article is known but for
three words at either end, and one shorter than 11 words may not be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.config import OwnershipRules, RarityRules
from presswatch_spark.matching.index import ShingleIndex, block_shift, filter_bits
from presswatch_spark.text.kernels import U64, Hashes, plain
from presswatch_spark.text.shingles import SHINGLE_WORDS, shingle_hashes

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]
Sums = npt.NDArray[np.int32]

OWNERSHIPS = ("exclusive", "shared", "agency")
"""Whose a copied text is: this article's alone, another publisher's too, or an agency's."""

# Publishers of one shingle are told apart up to this many.
PUBLISHERS_TOLD = 16
_0, _1 = U64(0), U64(1)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of all articles, by ordinal, and of all words and shingles; arrays may be mapped.

    `publishers` uint32[articles]: number of the publisher. `clusters` int32[articles]: -1 when alone.
    `agency` bool[articles]: whether the article, or one of its cluster, credits an agency. `vocabulary`
    uint64[v], sorted word hashes, with their `bits` uint8[v]. `suppressed` uint64[s], sorted: shingles left
    out of the index. `background` uint64[b], sorted: shingles of the background sample, with the number of
    `hosts` uint16[b] that have them.
    """

    publishers: Ids
    clusters: npt.NDArray[np.int32]
    agency: npt.NDArray[np.bool_]
    vocabulary: Hashes
    bits: npt.NDArray[np.uint8]
    suppressed: Hashes
    background: Hashes
    hosts: npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Standing:
    """One article's words, n in all.

    `sums` int32[n + 1, 3], running sums over the words before each: bits of those that are not known; words
    that another publisher's article has too; words that many publishers' articles have.
    """

    sums: Sums
    agency: bool

    def judged(self, spans: Counts, min_run_words: int, rules: OwnershipRules) -> tuple[int, str]:
        """Bits of the rarest run, and whose the copied words are: one of `OWNERSHIPS`.

        A run's bits are those of its words that are not known. Whose the words are, `conf/scan.yaml` rules.

        Args:
            spans: int64 (s, 4), as in `Overlap`; those of fewer than `min_run_words` words are no runs.
        """
        rarity, copied, shared, wide = _judge(self.sums, spans, min_run_words)
        if self.agency or wide >= rules.shared_share * copied:
            return rarity, "agency"
        return rarity, "shared" if shared >= rules.shared_share * copied else "exclusive"


class Neighbours:
    """Finds the standing of articles."""

    def __init__(
        self, index: ShingleIndex, around: Surroundings, rarity: RarityRules, ownership: OwnershipRules
    ) -> None:
        self._around = around
        self._limits = (rarity.known_publishers, rarity.known_articles, rarity.known_hosts)
        self._many = ownership.agency_publishers
        self._known = _Known(
            plain(index.filter), block_shift(len(index.filter)),
            plain(index.hashes), plain(index.articles),
            plain(index.directory), block_shift(len(index.directory) - 1),
            plain(around.publishers), plain(around.clusters),
            plain(around.suppressed), plain(around.background), plain(around.hosts),
        )  # fmt: skip

    def standing(self, ordinal: int, words: Hashes) -> Standing:
        """Of the article with that ordinal, whose words have these hashes (uint64[n])."""
        around = self._around
        places = np.searchsorted(around.vocabulary, words)
        sums = _standing(
            self._known, ordinal, shingle_hashes(words), around.bits[places], self._limits, self._many
        )
        return Standing(sums, bool(around.agency[ordinal]))


class _Known(NamedTuple):
    """What the kernel reads."""

    filter: Hashes
    filter_shift: np.uint64
    hashes: Hashes
    articles: Ids
    directory: Counts
    directory_shift: np.uint64
    publishers: Ids
    clusters: npt.NDArray[np.int32]
    suppressed: Hashes
    background: Hashes
    hosts: npt.NDArray[np.uint16]


@cached_njit
def _first(hashes: Hashes, h: np.uint64, low: int, high: int) -> int:
    """First place of h in the sorted slice `hashes[low:high]`, or -1."""
    after = high
    while low < high:
        middle = (low + high) >> 1
        if hashes[middle] < h:
            low = middle + 1
        else:
            high = middle
    return low if low < after and hashes[low] == h else -1


@cached_njit
def _meet(
    hashes: Hashes,
    articles: Ids,
    publishers: Ids,
    clusters: npt.NDArray[np.int32],
    e: int,
    ordinal: int,
    met: Ids,
) -> tuple[int, int, int]:
    """Who else has the shingle whose postings begin at e.

    Returns: other publishers with an unrelated article, unrelated articles of the own publisher, all other
    publishers. Of the publishers at most `PUBLISHERS_TOLD` are told apart; `met` is scratch for so many.
    """
    h, publisher, cluster = hashes[e], publishers[ordinal], clusters[ordinal]
    unrelated, own, others = 0, 0, 0
    last_own = np.int64(-1)
    while e < len(hashes) and hashes[e] == h:
        article = np.int64(articles[e])
        e += 1
        related = article == ordinal or (cluster >= 0 and clusters[article] == cluster)
        if publishers[article] == publisher:
            own += not related and article != last_own
            last_own = article
            continue
        at = 0
        while at < others and met[at] != publishers[article]:
            at += 1
        if at == others and others < len(met):
            met[others] = publishers[article]
            others += 1
        if unrelated <= at < others and not related:
            # Publishers with an unrelated article stand first.
            met[at], met[unrelated] = met[unrelated], met[at]
            unrelated += 1
    return unrelated, own, others


@cached_njit
def _standing(
    known: _Known,
    ordinal: int,
    shingles: Hashes,
    bits: npt.NDArray[np.uint8],
    limits: tuple[int, int, int],
    many: int,
) -> Sums:
    n = len(bits)
    met = np.empty(PUBLISHERS_TOLD, np.uint32)
    sums = np.zeros((n + 1, 3), np.int32)
    known_until, shared_until, wide_until = 0, 0, 0
    for w in range(n):
        if w < len(shingles):
            h = shingles[w]
            unrelated, own, others, hosts = 0, 0, 0, 0
            if filter_bits(h) & ~known.filter[(h >> _1) >> known.filter_shift] == _0:
                bucket = (h >> _1) >> known.directory_shift
                e = _first(known.hashes, h, known.directory[bucket], known.directory[bucket + _1])
                if e >= 0:
                    unrelated, own, others = _meet(
                        known.hashes, known.articles, known.publishers, known.clusters, e, ordinal, met
                    )
                place = _first(known.background, h, 0, len(known.background))
                hosts = int(known.hosts[place]) if place >= 0 else 0
            common = len(known.suppressed) > 0 and _first(known.suppressed, h, 0, len(known.suppressed)) >= 0
            after = w + SHINGLE_WORDS
            if common or unrelated >= limits[0] or own >= limits[1] or hosts >= limits[2]:
                known_until = after
            if common or others >= 1:
                shared_until = after
            if common or others >= many:
                wide_until = after
        sums[w + 1, 0] = sums[w, 0] + (0 if w < known_until else np.int32(bits[w]))
        sums[w + 1, 1] = sums[w, 1] + (w < shared_until)
        sums[w + 1, 2] = sums[w, 2] + (w < wide_until)
    return sums


@cached_njit
def _judge(sums: Sums, spans: Counts, min_run_words: int) -> tuple[int, int, int, int]:
    """Bits of the rarest run; words that lie in a span, each counted once, and the two sums over them."""
    copied = np.zeros(len(sums), np.bool_)
    rarity = 0
    for s in range(len(spans)):
        first, words = spans[s, 1], spans[s, 2]
        copied[first : first + words] = True
        if words >= min_run_words:
            rarity = max(rarity, int(sums[first + words, 0] - sums[first, 0]))
    words, shared, wide = 0, 0, 0
    for w in range(len(sums) - 1):
        if copied[w]:
            words += 1
            shared += sums[w + 1, 1] - sums[w, 1]
            wide += sums[w + 1, 2] - sums[w, 2]
    return rarity, words, shared, wide

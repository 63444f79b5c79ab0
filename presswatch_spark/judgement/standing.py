"""How an article's words stand among all texts that the corpus knows: which are its own, and how rare.

Words are *known* if they stand in unrelated texts: in articles of other publishers, in more than a few
articles of the same title (page furniture, stock phrases), or on a few domains of the background sample.
Another publisher's article of the same cluster is related: a text is not made common by its own copies. What
is left of a run is measured in bits, as `corpus.vocabulary` counts them. `sharers` finds these texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.judgement.sharers import Ids, Known, Sums, sums_of
from presswatch_spark.settings.config import OwnershipRules, RarityRules
from presswatch_spark.sieve.shingle_index import ShingleIndex, block_shift
from presswatch_spark.text.kernels import Hashes, plain
from presswatch_spark.text.shingles import shingle_hashes

Counts = npt.NDArray[np.int64]

OWNERSHIPS = ("exclusive", "shared", "agency")
"""Whose a copied text is: this article's alone, another publisher's too, or an agency's."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of all articles, by ordinal, and of all words and shingles; arrays may be mapped.

    `titles`, `publishers` uint32[articles]: their numbers. `clusters` int32[articles]: -1 when alone.
    `agency` bool[articles]: whether the article, or one of its cluster, credits an agency. `vocabulary`
    uint64[v], sorted word hashes, with their `bits` uint8[v]. `suppressed` uint64[s], sorted: shingles left
    out of the index. `background` uint64[b], sorted: shingles of the background sample, with the number of
    `domains` uint16[b] that have them.
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
class Standing:
    """One article's words, n in all.

    `sums` int32[n + 1, 3], running sums over the words before each: bits of those that are not known; words
    that another publisher's article has too; words that many publishers' articles have.
    """

    sums: Sums
    agency: bool

    def judged(self, spans: Counts, min_run_words: int, rules: OwnershipRules) -> tuple[int, int, str]:
        """Bits of the rarest run; copied words that another publisher has; whose they are, of `OWNERSHIPS`.

        A run's bits are those of its words that are not known. Whose the words are, `conf/scan.yaml` rules.

        Args:
            spans: int64 (s, 4), as in `Overlap`; those of fewer than `min_run_words` words are no runs.
        """
        rarity, copied, shared, wide = _judge(self.sums, spans, min_run_words)
        if self.agency or wide >= rules.shared_share * copied:
            return rarity, shared, "agency"
        return rarity, shared, "shared" if shared >= rules.shared_share * copied else "exclusive"


class Neighbours:
    """Finds the standing of articles."""

    def __init__(
        self, index: ShingleIndex, around: Surroundings, rarity: RarityRules, ownership: OwnershipRules
    ) -> None:
        self._around = around
        self._limits = (rarity.known_publishers, rarity.known_articles, ownership.agency_publishers)
        self._domains, self._word_bits = rarity.known_domains, rarity.word_bits
        self._known = Known(
            plain(index.filter), block_shift(len(index.filter)),
            plain(index.hashes), plain(index.articles),
            plain(index.directory), block_shift(len(index.directory) - 1),
            plain(around.titles), plain(around.publishers), plain(around.clusters),
            plain(around.suppressed), plain(around.background), plain(around.domains),
        )  # fmt: skip

    def standing(self, ordinal: int, words: Hashes) -> Standing:
        """Of the article with that ordinal, whose words have these hashes (uint64[n])."""
        around = self._around
        places = np.searchsorted(around.vocabulary, words)
        bits = np.minimum(around.bits[places], self._word_bits).astype(np.int32)
        sums = sums_of(self._known, ordinal, shingle_hashes(words), bits, self._limits, self._domains)
        return Standing(sums, bool(around.agency[ordinal]))


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

"""The vocabulary: every word of the corpus, and the information in it, in whole bits.

A word holds k bits if its share of the corpus's words is at most one in 2**k, but more than one in 2**(k + 1)
(Shannon, 1948, rounded down). Whole bits are the same on every machine, and so are sums of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.corpus.arrays import Array
from presswatch_spark.corpus.building.key_runs import Keys, groups
from presswatch_spark.corpus.building.spread import join_runs
from presswatch_spark.corpus.building.workspace import WORDS, BuildWorkspace
from presswatch_spark.corpus.layout import BITS, HASHES, VOCABULARY_FOLDER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_FIRST_SLOTS = 1 << 16
# Room is made for as many new words before they are counted; a table that is too large leaves the cache.
_AT_ONCE = 4096
_ONCE = np.ones(_AT_ONCE, np.uint64)
_1 = np.uint64(1)
_SPREAD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


class WordCounter:
    """Counts words by their hashes; memory grows with the distinct ones."""

    def __init__(self) -> None:
        self._keys = np.zeros(_FIRST_SLOTS, np.uint64)
        self._counts = np.zeros(_FIRST_SLOTS, np.uint64)
        self._distinct = 0

    def add(self, hashes: Keys) -> None:
        """Count the words of texts, uint64[n]."""
        for first in range(0, len(hashes), _AT_ONCE):
            some = hashes[first : first + _AT_ONCE]
            while 2 * (self._distinct + len(some)) > len(self._keys):
                self._grow()
            self._distinct += _count(self._keys, self._counts, some, _ONCE[: len(some)])

    def counts(self) -> tuple[Keys, Keys]:
        """Return the distinct hashes and how often each was met, uint64[d] each, in no order."""
        used = np.flatnonzero(self._counts)
        return self._keys[used], self._counts[used]

    def _grow(self) -> None:
        keys, counts = self.counts()
        slots = 2 * len(self._keys)
        self._keys, self._counts = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
        _count(self._keys, self._counts, keys, counts)


def write_vocabulary(
    spark: SparkSession, work: BuildWorkspace, words: Sequence[int], distinct: Sequence[int]
) -> None:
    """Join the words that the parts counted: so many in each part, and so many `distinct` ones."""
    runs = [work.run(WORDS, part) for part in range(len(words))]
    with_bits, keys = partial(word_bits, sum(words)), sum(distinct)
    join_runs(spark, work, runs, keys, with_bits, VOCABULARY_FOLDER)


def word_bits(total: int, hashes: Keys, counts: Keys) -> Mapping[str, Array]:
    """Return distinct words and their bits, in a corpus of `total` words; equal `hashes` are neighbours."""
    bounds = groups(hashes)
    summed = np.add.reduceat(counts, bounds[:-1]) if len(hashes) else counts
    return {HASHES: hashes[bounds[:-1]], BITS: information(summed, total)}


def information(counts: Keys, total: int) -> npt.NDArray[np.uint8]:
    """Return the whole bits in words with these counts among `total`: uint8[n] for uint64[n]."""
    # Exact for shares below 2**53: `frexp` gives the place after the highest bit.
    _, places = np.frexp((np.uint64(total) // counts).astype(np.float64))
    return (places - 1).astype(np.uint8)


@cached_njit
def _count(keys: Keys, counts: Keys, hashes: Keys, times: Keys) -> int:
    """Add `times[i]` of each hash; return how many were new."""
    mask = np.uint64(len(keys) - 1)
    new = 0
    for i in range(len(hashes)):
        h = hashes[i]
        slot = ((h * _SPREAD) >> _HALF) & mask
        while counts[slot] != 0 and keys[slot] != h:
            slot = (slot + _1) & mask
        if counts[slot] == 0:
            keys[slot] = h
            new += 1
        counts[slot] += times[i]
    return new

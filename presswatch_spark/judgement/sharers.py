"""Who else has the words of an article: publishers and articles of the corpus, and the background sample.

The index holds every fourth shingle of a text, or more. So those that share some words are counted over four
shingles in a row, of which each has one in the index, wherever its text begins: a passage of 11 words and
more that enough of them have is found but for three words at either end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, uncounted_njit
from presswatch_spark.sieve.shingle_index import filter_bits
from presswatch_spark.text.kernels import U64, Hashes
from presswatch_spark.text.shingles import SHINGLE_WORDS

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]
Marks = npt.NDArray[np.bool_]
Sums = npt.NDArray[np.int32]

STRIDE = 4
# Other publishers with an unrelated article, other articles of the same title, all other publishers.
UNRELATED, SAME_TITLE, OTHERS = 0, 1, 2
_0, _1 = U64(0), U64(1)


class Known(NamedTuple):
    """What the kernels read: parts of the index, and of `Surroundings`."""

    filter: Hashes
    filter_shift: np.uint64
    hashes: Hashes
    articles: Ids
    directory: Counts
    directory_shift: np.uint64
    titles: Ids
    publishers: Ids
    clusters: npt.NDArray[np.int32]
    suppressed: Hashes
    background: Hashes
    domains: npt.NDArray[np.uint16]


class _Met(NamedTuple):
    """Who has the last `STRIDE` shingles, by kind: uint32[3, STRIDE, most]; how many: int64[3, STRIDE]."""

    who: npt.NDArray[np.uint32]
    counts: Counts


@cached_njit
def sums_of(
    known: Known,
    ordinal: int,
    shingles: Hashes,
    bits: npt.NDArray[np.int32],
    limits: tuple[int, int, int],
    domains: int,
) -> Sums:
    """The sums of `Standing`, of the article with that ordinal.

    Args:
        shingles, bits: uint64[max(0, n - 7)] and int32[n], of its n words.
        limits: so many are enough, by kind: the words are known by the first two, and wide by the last.
        domains: on so many of the background, words are known.
    """
    n = len(bits)
    met = _Met(np.empty((3, STRIDE, max(limits)), np.uint32), np.zeros((3, STRIDE), np.int64))
    is_known, is_shared, is_wide = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for w in range(len(shingles)):
        h, after = shingles[w], w + SHINGLE_WORDS
        met.counts[:, w % STRIDE] = 0
        if filter_bits(h) & ~known.filter[(h >> _1) >> known.filter_shift] == _0:
            bucket = (h >> _1) >> known.directory_shift
            e = _first(known.hashes, h, known.directory[bucket], known.directory[bucket + _1])
            if e >= 0:
                _meet(known, e, ordinal, w % STRIDE, met)
            place = _first(known.background, h, 0, len(known.background))
            if place >= 0 and known.domains[place] >= domains:
                is_known[w:after] = True
        if len(known.suppressed) > 0 and _first(known.suppressed, h, 0, len(known.suppressed)) >= 0:
            is_known[w:after] = True
            is_shared[w:after] = True
            is_wide[w:after] = True
        if met.counts[OTHERS, w % STRIDE]:
            is_shared[w:after] = True
        _mark(is_known, met, UNRELATED, limits[UNRELATED], w)
        _mark(is_known, met, SAME_TITLE, limits[SAME_TITLE], w)
        _mark(is_wide, met, OTHERS, limits[OTHERS], w)
    sums = np.zeros((n + 1, 3), np.int32)
    for w in range(n):
        sums[w + 1, 0] = sums[w, 0] + (0 if is_known[w] else bits[w])
        sums[w + 1, 1] = sums[w, 1] + is_shared[w]
        sums[w + 1, 2] = sums[w, 2] + is_wide[w]
    return sums


@uncounted_njit
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
def _meet(known: Known, e: int, ordinal: int, slot: int, met: _Met) -> None:
    """Note in `slot` who else has the shingle whose postings begin at e."""
    h, cluster = known.hashes[e], known.clusters[ordinal]
    while e < len(known.hashes) and known.hashes[e] == h:
        article = known.articles[e]
        publisher = known.publishers[article]
        e += 1
        if publisher != known.publishers[ordinal]:
            _note(met, OTHERS, slot, publisher)
            if cluster < 0 or known.clusters[article] != cluster:
                _note(met, UNRELATED, slot, publisher)
        elif known.titles[article] == known.titles[ordinal] and article != ordinal:
            _note(met, SAME_TITLE, slot, article)


@cached_njit
def _note(met: _Met, kind: int, slot: int, one: np.uint32) -> None:
    met.counts[kind, slot] = _add(met.who[kind, slot], met.counts[kind, slot], one)


@uncounted_njit
def _add(who: Ids, count: int, one: np.uint32) -> int:
    """Put one behind the first `count`, if it is not among them and there is room; returns how many now."""
    for k in range(count):
        if who[k] == one:
            return count
    if count < len(who):
        who[count] = one
        count += 1
    return count


@cached_njit
def _mark(marks: Marks, met: _Met, kind: int, limit: int, w: int) -> None:
    """Mark what the last shingles hold, from the first that is shared, if as many have them between them."""
    if not met.counts[kind, w % STRIDE]:
        return
    who, count, first = np.empty(limit, np.uint32), 0, w
    for back in range(min(w, STRIDE - 1) + 1):
        slot = (w - back) % STRIDE
        if met.counts[kind, slot]:
            first = w - back
        for k in range(met.counts[kind, slot]):
            count = _add(who, count, met.who[kind, slot, k])
    if count >= limit:
        marks[first : w + SHINGLE_WORDS] = True

"""The gap between two runs of a passage: what stands on both sides of it, in small pieces, unedited.

A gap is (document start, document end, article start, article end), in words.
"""

from __future__ import annotations

from presswatch_spark.compiled import cached_njit, uncounted_njit
from presswatch_spark.verify.common_runs import Run
from presswatch_spark.verify.tiles import NEW_WORD, Pair, accept

# How far runs may leave the diagonals they are sought on.
RUN_DRIFT = 8
# Shorter runs need smaller and straighter gaps: words of a run, how far it may leave the diagonals, widest
# gap on either side.
SHORT_RUNS = ((2, 2, 24), (1, 0, 12), (1, 1, 8))


@cached_njit
def bridge_gap(pair: Pair, gap: tuple[int, int, int, int], run_words: int, accepted: list[Run]) -> None:
    """Align a gap between two runs: its best run first, then what is left on either side of that."""
    gaps = [gap]
    while len(gaps) > 0:
        i0, i1, j0, j1 = gaps.pop()
        i, j, length = _best_in_gap(pair, (i0, i1, j0, j1), run_words)
        if length > 0:
            accept(pair, (i, j, length), NEW_WORD, accepted)
            gaps.append((i0, i, j0, j))
            gaps.append((i + length, i1, j + length, j1))


@uncounted_njit
def _best_in_gap(pair: Pair, gap: tuple[int, int, int, int], run_words: int) -> Run:
    """The run that bridges a gap best, or one of length 0. Shorter runs need smaller and straighter gaps."""
    best: Run = _longest_in_gap(pair, gap, RUN_DRIFT)
    if best[2] >= run_words:
        return best
    for length, drift, widest in SHORT_RUNS:
        if max(gap[1] - gap[0], gap[3] - gap[2]) <= widest:
            best = _longest_in_gap(pair, gap, drift)
            if best[2] >= length:
                return best
    return 0, 0, 0


@uncounted_njit
def _longest_in_gap(pair: Pair, gap: tuple[int, int, int, int], drift: int) -> Run:
    """Longest common run in a gap, on the diagonals from corner to corner and up to `drift` beside them."""
    i0, i1, j0, j1 = gap
    slant = (j1 - j0) - (i1 - i0)
    best = (i0, j0, 0)
    for diagonal in range(min(0, slant) - drift, max(0, slant) + drift + 1):
        i = i0 + max(0, -diagonal)
        j = j0 + max(0, diagonal)
        length = 0
        while i < i1 and j < j1:
            length = length + 1 if pair.document[i] == pair.article[j] else 0
            i += 1
            j += 1
            if length > best[2]:
                best = (i - length, j - length, length)
    return best

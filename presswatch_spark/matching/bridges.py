"""From runs to spans: repeats dropped, gaps between runs bridged, spans gathered into passages.

A run is (document position, article position, length), in words; a gap is (document start, end, article
start, end).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.matching.common_runs import Run, Runs, as_runs
from presswatch_spark.matching.names import Names

# Gaps up to this wide on both sides are aligned by single words, up to twice as wide by pairs of words; wider
# ones only by runs of `bridge_run_words`.
SMALL_GAP = 12
# How far runs may leave the diagonals they are sought on: longer ones, pairs, the next one beyond a passage.
RUN_DRIFT, PAIR_DRIFT, OUTWARD_DRIFT = 8, 2, 4
# Beyond a passage's end, the next run is sought this near; then twice as far, and twice again.
OUTWARD_NEAR, OUTWARD_STEPS = 12, 3
# How many spans back a passage looks for the one it continues: copies of other passages may lie between.
LOOK_BACK = 16

NEW_PAIR, NEW_ENDS, NEW_WORD = 2, 1, 0


class Pair(NamedTuple):
    """Document and article: the names of their words (int32), and which of these a span covers (bool)."""

    document: Names
    article: Names
    document_seen: npt.NDArray[np.bool_]
    article_seen: npt.NDArray[np.bool_]


@cached_njit
def select(pair: Pair, runs: Runs) -> Runs:
    """Drop runs that add no word: longest first, those new on both sides before repeats of what is known.

    (Greedy string tiling: M. J. Wise, "String similarity via greedy string tiling", 1993; then the repeats.)
    Returns: int64 (s, 3), in document order. Together they cover what all runs cover, and `pair` says so.
    """
    accepted = [(0, 0, 0)]
    accepted.pop()
    order = np.argsort(-runs[:, 2], kind="mergesort")
    for demand in (NEW_PAIR, NEW_ENDS, NEW_WORD):
        for k in order:
            _accept(pair, (runs[k, 0], runs[k, 1], runs[k, 2]), demand, accepted)
    chosen: Runs = _in_order(accepted)
    return chosen


@cached_njit
def bridge(pair: Pair, runs: Runs, gap_words: int, run_words: int) -> Runs:
    """Add runs in the gaps between runs that continue each other, and beyond the two ends of each such chain.

    Args: selected runs in document order, int64 (k, 3); the widest gap; the shortest run to bridge a wide
    one.
    Returns: all runs in document order, int64 (s, 3); `pair` is kept up to date.
    """
    accepted = [(0, 0, 0)]
    accepted.pop()
    previous = _predecessors(runs, gap_words)
    last = np.ones(len(runs), np.bool_)
    for k in range(len(runs)):
        i, j, length = runs[k]
        accepted.append((i, j, length))
        p = previous[k]
        if p >= 0:
            last[p] = False
            gap = (runs[p, 0] + runs[p, 2], i, runs[p, 1] + runs[p, 2], j)
            _bridge_gap(pair, gap, run_words, accepted)
    for k in range(len(runs)):
        i, j, length = runs[k]
        if previous[k] < 0:
            _bridge_outward(pair, i - 1, j - 1, -1, gap_words, run_words, accepted)
        if last[k]:
            _bridge_outward(pair, i + length, j + length, 1, gap_words, run_words, accepted)
    bridged: Runs = _in_order(accepted)
    return bridged


@cached_njit
def passages(runs: Runs, gap_words: int) -> Runs:
    """Passage of each run (int64, from 0, in document order): runs that continue each other share one."""
    previous = _predecessors(runs, gap_words)
    numbers = np.empty(len(runs), np.int64)
    count = 0
    for k in range(len(runs)):
        numbers[k] = count if previous[k] < 0 else numbers[previous[k]]
        count += previous[k] < 0
    return numbers


@cached_njit
def _accept(pair: Pair, run: Run, demand: int, accepted: list[Run]) -> bool:
    """Accept a run, less the ends that are covered on both sides, if it is new enough; say whether it was.

    `demand`: `NEW_PAIR` one of its words is new in document and article at once; `NEW_ENDS` both its ends are
    new on some side; `NEW_WORD` any of its words is new on some side.
    """
    i, j, length = run
    document, article = pair.document_seen, pair.article_seen
    while length > 0 and document[i] and article[j]:
        i, j, length = i + 1, j + 1, length - 1
    while length > 0 and document[i + length - 1] and article[j + length - 1]:
        length -= 1
    new = length > 0 and (demand == NEW_WORD or (demand == NEW_ENDS and length == run[2]))
    for k in range(length if demand == NEW_PAIR else 0):
        new = new or not (document[i + k] or article[j + k])
    if new:
        accepted.append((i, j, length))
        document[i : i + length] = True
        article[j : j + length] = True
    return new


@cached_njit
def _in_order(accepted: list[Run]) -> Runs:
    """Runs sorted by document position, then article position."""
    runs: Runs = as_runs(accepted)
    runs = runs[np.argsort(runs[:, 1], kind="mergesort")]
    return runs[np.argsort(runs[:, 0], kind="mergesort")]


@cached_njit
def _predecessors(runs: Runs, gap_words: int) -> Runs:
    """For each run the one it continues, at most `gap_words` before it on both sides; or -1. One to one."""
    previous = np.full(len(runs), -1, np.int64)
    taken = np.zeros(len(runs), np.bool_)
    for k in range(len(runs)):
        i, j, length = runs[k]
        nearest = gap_words + 1
        for p in range(k - 1, max(-1, k - 1 - LOOK_BACK), -1):
            document_gap = i - runs[p, 0] - runs[p, 2]
            article_gap = j - runs[p, 1] - runs[p, 2]
            starts_later = i > runs[p, 0] and j > runs[p, 1]
            ends_later = document_gap + length > 0 and article_gap + length > 0
            distance = max(document_gap, article_gap)
            if starts_later and ends_later and distance < nearest and not taken[p]:
                nearest = distance
                previous[k] = p
        if previous[k] >= 0:
            taken[previous[k]] = True
    return previous


@cached_njit
def _bridge_gap(pair: Pair, gap: tuple[int, int, int, int], run_words: int, accepted: list[Run]) -> None:
    """Align a gap between two runs: its best run first, then what is left on either side of that."""
    gaps = [gap]
    while len(gaps) > 0:
        i0, i1, j0, j1 = gaps.pop()
        i, j, length = _best_in_gap(pair, (i0, i1, j0, j1), run_words)
        if length > 0:
            _accept(pair, (i, j, length), NEW_WORD, accepted)
            gaps.append((i0, i, j0, j))
            gaps.append((i + length, i1, j + length, j1))


@cached_njit
def _best_in_gap(pair: Pair, gap: tuple[int, int, int, int], run_words: int) -> Run:
    """The run that bridges a gap best, or one of length 0. Shorter runs need smaller and straighter gaps."""
    best: Run = _longest_in_gap(pair, gap, RUN_DRIFT)
    if best[2] >= run_words:
        return best
    for length, drift in ((2, PAIR_DRIFT), (1, 0)):
        if max(gap[1] - gap[0], gap[3] - gap[2]) <= length * SMALL_GAP:
            best = _longest_in_gap(pair, gap, drift)
            if best[2] >= length:
                return best
    return 0, 0, 0


@cached_njit
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


@cached_njit
def _bridge_outward(
    pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int, accepted: list[Run]
) -> None:
    """Walk on from the end of a passage, (i, j) being the words next to it, from run to run, while new.

    A run ends where both sides are covered already: the walks of all passages together are linear in the
    texts.
    """
    new = True
    while new:
        x, y, length = _next_run(pair, i, j, step, gap_words, run_words)
        if x < 0:
            return
        u, v = i + step * x, j + step * y
        while _unseen(pair, u + step * length, v + step * length):
            length += 1
        back = min(0, step) * (length - 1)
        new = _accept(pair, (u + back, v + back, length), NEW_WORD, accepted)
        gap = (i, u, j, v) if step > 0 else (u + 1, i + 1, v + 1, j + 1)
        _bridge_gap(pair, gap, run_words, accepted)
        i, j = u + step * length, v + step * length


@cached_njit
def _next_run(pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int) -> tuple[int, int, int]:
    """Steps to the run that a passage goes on with, and words it has at least; or (-1, -1, 0).

    One that is further away must be longer, and the text must go on beyond it as well: a phrase that many use
    may stand near a passage, on both sides, by chance.
    """
    near = min(OUTWARD_NEAR, gap_words)
    for further in range(OUTWARD_STEPS):
        length = run_words + further
        x, y = _nearest_run(pair, i, j, step, min(OUTWARD_NEAR << further, gap_words), length)
        if x < 0:
            continue
        if further == 0:
            return x, y, length
        u, v = i + step * (x + length), j + step * (y + length)
        while _unseen(pair, u, v):
            u, v = u + step, v + step
        if _nearest_run(pair, u, v, step, near, run_words)[0] >= 0:
            return x, y, length
    return -1, -1, 0


@cached_njit
def _nearest_run(pair: Pair, i: int, j: int, step: int, reach: int, run_words: int) -> tuple[int, int]:
    """Steps (x, y) from (i, j), along `step`, to the nearest common run of `run_words`; or (-1, -1)."""
    for distance in range(2 * reach + 1):
        for x in range(max(0, distance - reach), min(distance, reach) + 1):
            y = distance - x
            if abs(x - y) > OUTWARD_DRIFT:
                continue
            length = 0
            while length < run_words and _same(pair, i + step * (x + length), j + step * (y + length)):
                length += 1
            if length == run_words:
                return x, y
    return -1, -1


@cached_njit
def _unseen(pair: Pair, i: int, j: int) -> bool:
    return _same(pair, i, j) and not (pair.document_seen[i] and pair.article_seen[j])


@cached_njit
def _same(pair: Pair, i: int, j: int) -> bool:
    inside = 0 <= i < len(pair.document) and 0 <= j < len(pair.article)
    return inside and pair.document[i] == pair.article[j]

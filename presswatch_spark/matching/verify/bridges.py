"""Joins runs to passages: bridges the edits in a copy, between its runs and beyond its two ends.

Runs that continue each other form a chain. Shorter runs, which edits left, are searched for in the gaps of a
chain and beyond its ends. A run is (document position, article position, length), a gap (document start,
document end, article start, article end), all in words.
"""

import numpy as np

from presswatch_spark.core.compiled import inner_njit, lean_njit, uncounted_njit
from presswatch_spark.matching.verify.common_runs import (
    NEW_WORD,
    Pair,
    Run,
    Runs,
    accept,
    in_order,
    in_order_of,
)

# So many runs before a run may be the one that it continues: between the two may be copies of other passages.
LOOK_BACK = 16
# A page that repeats a phrase has a passage for each repetition: only the longest ones are extended.
MOST_WALKS = 256
# Words by which a run in a gap may be off the diagonals between the gap's two corners.
RUN_DRIFT = 8
# Shorter runs need smaller and straighter gaps: words of a run, its most drift, widest gap on either side.
SHORT_RUNS = ((2, 2, 24), (1, 0, 12), (1, 1, 8))
# Within this distance and drift from the end of a passage, two words are enough; where the article ends, one.
EDGE_NEAR, EDGE_DRIFT = 6, 1
# Otherwise the next run is searched within this distance; then within twice, and four times as much.
NEAR, STEPS = 12, 3
DRIFT = 4


@inner_njit
def bridge(pair: Pair, runs: Runs, gap_words: int, run_words: int) -> Runs:
    """Add runs in the gaps of each chain of runs, and beyond its ends; mark the words they cover in `pair`.

    Args: selected runs in document order, int64 (k, 3); the widest gap; the shortest run in a wide gap.
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
    walked = np.zeros(len(runs), np.bool_)
    for k in in_order_of(runs, 2, -1)[:MOST_WALKS]:
        walked[k] = True
    for k in range(len(runs)):
        i, j, length = runs[k]
        if not walked[k]:
            continue
        if previous[k] < 0:
            _walk_outward(pair, i - 1, j - 1, -1, gap_words, run_words, accepted)
        if last[k]:
            _walk_outward(pair, i + length, j + length, 1, gap_words, run_words, accepted)
    return in_order(accepted)


@inner_njit
def passages(runs: Runs, gap_words: int) -> Runs:
    """Return the passage of each run (int64, from 0, in document order): a chain of runs is one passage."""
    previous = _predecessors(runs, gap_words)
    numbers = np.empty(len(runs), np.int64)
    count = 0
    for k in range(len(runs)):
        numbers[k] = count if previous[k] < 0 else numbers[previous[k]]
        count += previous[k] < 0
    return numbers


@inner_njit
def _predecessors(runs: Runs, gap_words: int) -> Runs:
    """Return for each run the one that it continues, or -1: at most `gap_words` before it on both sides.

    No two runs continue the same one.
    """
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


@inner_njit
def _bridge_gap(pair: Pair, gap: tuple[int, int, int, int], run_words: int, accepted: list[Run]) -> None:
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
    best = _longest_in_gap(pair, gap, RUN_DRIFT)
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


@inner_njit
def _walk_outward(
    pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int, accepted: list[Run]
) -> None:
    """Extend a passage from its end, run by run, until a run is not new; (i, j) are the next words.

    A run ends where both sides are covered already. So the cost of all walks is linear in the texts.
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
        new = accept(pair, (u + back, v + back, length), NEW_WORD, accepted)
        gap = (i, u, j, v) if step > 0 else (u + 1, i + 1, v + 1, j + 1)
        _bridge_gap(pair, gap, run_words, accepted)
        i, j = u + step * length, v + step * length


@uncounted_njit
def _next_run(pair: Pair, i: int, j: int, step: int, gap_words: int, run_words: int) -> tuple[int, int, int]:
    """Return the steps to the run that continues a passage, and its least length; (-1, -1, 0) if none.

    Near the end of the passage, single words are enough. A run further away must be longer, and another run
    must follow it: both texts may have a common phrase near a passage by chance.
    """
    near = min(NEAR, gap_words)
    x, y = _edge_words(pair, i, j, step, min(EDGE_NEAR, gap_words))
    if x >= 0:
        return x, y, 1
    for further in range(STEPS):
        length = run_words + further
        x, y = _nearest_run(pair, i, j, step, min(NEAR << further, gap_words), length)
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


@uncounted_njit
def _edge_words(pair: Pair, i: int, j: int, step: int, reach: int) -> tuple[int, int]:
    """Return the steps (x, y) from (i, j) to the further of two words on a diagonal; else (-1, -1).

    One word is enough if the article ends within reach. The nearest counts, then the straightest.
    """
    left = len(pair.article) - j if step > 0 else j + 1
    needed = 1 if left <= reach else 2
    best = (-1, -1)
    for k in range(2 * EDGE_DRIFT + 1):
        drift = (k + 1) // 2 if k % 2 else -(k // 2)
        x, y = max(0, drift), max(0, -drift)
        found = 0
        while max(x, y) < reach and found < needed:
            found += _same(pair, i + step * x, j + step * y)
            x, y = x + 1, y + 1
        if found == needed and (best[0] < 0 or x + y - 2 < best[0] + best[1]):
            best = (x - 1, y - 1)
    return best


@uncounted_njit
def _nearest_run(pair: Pair, i: int, j: int, step: int, reach: int, run_words: int) -> tuple[int, int]:
    """Return the steps (x, y) from (i, j), along `step`, to the nearest run of `run_words`; or (-1, -1)."""
    for distance in range(2 * reach + 1):
        # x is at most DRIFT more or less than y.
        least, most = (distance - DRIFT + 1) // 2, (distance + DRIFT) // 2
        for x in range(max(0, distance - reach, least), min(distance, reach, most) + 1):
            y = distance - x
            length = 0
            while length < run_words and _same(pair, i + step * (x + length), j + step * (y + length)):
                length += 1
            if length == run_words:
                return x, y
    return -1, -1


@lean_njit
def _unseen(pair: Pair, i: int, j: int) -> bool:
    return _same(pair, i, j) and not (pair.document_seen[i] and pair.article_seen[j])


@lean_njit
def _same(pair: Pair, i: int, j: int) -> bool:
    inside = 0 <= i < len(pair.document) and 0 <= j < len(pair.article)
    return inside and pair.document[i] == pair.article[j]

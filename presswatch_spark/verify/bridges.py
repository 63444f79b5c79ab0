"""From runs to passages: runs that continue each other, the gaps between them bridged, and what is beyond.

A run is (document position, article position, length), in words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.verify.common_runs import Runs, in_order_of
from presswatch_spark.verify.gaps import bridge_gap
from presswatch_spark.verify.outward import walk_outward
from presswatch_spark.verify.tiles import Pair, in_order

# How many spans back a passage looks for the one it continues: copies of other passages may lie between.
LOOK_BACK = 16
# A page that repeats a phrase has a passage for each time: only from the longest it is looked further.
MOST_WALKS = 256


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
            bridge_gap(pair, gap, run_words, accepted)
    walked = _longest(runs)
    for k in range(len(runs)):
        i, j, length = runs[k]
        if not walked[k]:
            continue
        if previous[k] < 0:
            walk_outward(pair, i - 1, j - 1, -1, gap_words, run_words, accepted)
        if last[k]:
            walk_outward(pair, i + length, j + length, 1, gap_words, run_words, accepted)
    bridged: Runs = in_order(accepted)
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
def _longest(runs: Runs) -> npt.NDArray[np.bool_]:
    """Which runs are among the `MOST_WALKS` longest, the first ones of those of equal length."""
    chosen = np.zeros(len(runs), np.bool_)
    for k in in_order_of(runs, 2, -1)[:MOST_WALKS]:
        chosen[k] = True
    return chosen


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

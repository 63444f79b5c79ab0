"""Tiles: a few of all common runs, which together cover the same words of both sides.

A run is (document position, article position, length), in words.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import inner_njit
from presswatch_spark.verify.common_runs import Run, Runs, as_runs, in_order_of
from presswatch_spark.verify.names import Names

NEW_PAIR, NEW_ENDS, NEW_WORD = 2, 1, 0


class Pair(NamedTuple):
    """Document and article: the names of their words (int32), and whether a span covers each word (bool)."""

    document: Names
    article: Names
    document_seen: npt.NDArray[np.bool_]
    article_seen: npt.NDArray[np.bool_]


@inner_njit
def select(pair: Pair, runs: Runs) -> Runs:
    """Drop runs that add no word. The longest run comes first; runs new on both sides come before repeats.

    (Greedy string tiling: M. J. Wise, "String similarity via greedy string tiling", 1993; then the repeats.)
    Returns: int64 (s, 3), in document order; together they cover what all runs cover, and `pair` says so.
    """
    accepted = [(0, 0, 0)]
    accepted.pop()
    order = in_order_of(runs, 2, -1)
    for demand in (NEW_PAIR, NEW_ENDS, NEW_WORD):
        for k in order:
            accept(pair, (runs[k, 0], runs[k, 1], runs[k, 2]), demand, accepted)
    chosen: Runs = in_order(accepted)
    return chosen


@inner_njit
def accept(pair: Pair, run: Run, demand: int, accepted: list[Run]) -> bool:
    """Accept a run, without the ends that both sides have covered, if it is new enough; whether it was.

    `demand` is `NEW_PAIR` (a word of it is new in document and article at once), `NEW_ENDS` (both its ends
    are new on some side) or `NEW_WORD` (a word of it is new on some side).
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


@inner_njit
def in_order(accepted: list[Run]) -> Runs:
    """Sort runs by document position, then article position."""
    runs: Runs = as_runs(accepted)
    runs = runs[in_order_of(runs, 1, 1)]
    ordered: Runs = runs[in_order_of(runs, 0, 1)]
    return ordered

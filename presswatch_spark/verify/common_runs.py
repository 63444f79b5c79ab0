"""Common runs of two texts, exact and in linear time, whatever the texts repeat; and tiles.

Texts are given by the names of their words (see `names`). To find the longest run, windows of growing length
are named by comparing pairs of names (Karp, Miller, Rosenberg, "Rapid identification of repeated patterns in
strings, trees and arrays", STOC 1972). Tiles are a few of all runs, which together cover the same words of
both sides. A run is a row (document position, article position, length), in words.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.verify.names import Names, WordTable, table_for

Runs = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]
Run = tuple[int, int, int]


NEW_PAIR, NEW_ENDS, NEW_WORD = 2, 1, 0


@uncounted_njit
def _find_pair(table: WordTable, document: Names, offset: int, x: int, y: int) -> int:
    slots = table.slots
    slot = int(np.int64((((np.uint64(x) << np.uint64(32)) | np.uint64(y)) * table.factor) >> table.shift))
    while slots[slot] >= 0 and (document[slots[slot]] != x or document[slots[slot] + offset] != y):
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@inner_njit
def widen(document: Names, offset: int, factor: np.uint64) -> tuple[Names, WordTable]:
    """Name the document's windows `offset` words longer, each from the two windows it is the union of.

    Args: names int32 of all windows of w words; 1 <= offset <= w.
    Returns: names of all windows of w + offset words, fewer by `offset`, or none; their table.
    """
    wide = np.empty(max(0, len(document) - offset), np.int32)
    table = table_for(len(wide), factor)
    for i in range(len(wide)):
        slot = _find_pair(table, document, offset, document[i], document[i + offset])
        if table.slots[slot] < 0:
            table.slots[slot] = i
        wide[i] = table.slots[slot]
    return wide, table


@inner_njit
def look_up(document: Names, offset: int, table: WordTable, article: Names) -> Names:
    """Name the article's windows likewise, by the table that `widen` made of the document's."""
    wide = np.full(max(0, len(article) - offset), -1, np.int32)
    for j in range(len(wide)):
        x, y = article[j], article[j + offset]
        if x >= 0 and y >= 0:
            wide[j] = table.slots[_find_pair(table, document, offset, x, y)]
    return wide


@inner_njit
def _both_wider(document: Names, article: Names, offset: int, factor: np.uint64) -> tuple[Names, Names]:
    wide, table = widen(document, offset, factor)
    return wide, look_up(document, offset, table, article)


@uncounted_njit
def _occurs(names: Names) -> bool:
    for name in names:  # noqa: SIM110
        if name >= 0:
            return True
    return False


@cached_njit
def longest_run(document: Names, article: Names, width: int, factor: np.uint64) -> Run:
    """Find the longest common run, given the names of windows of `width` words; one at least is common.

    The windows double while one is common, then the step halves: O((n + m) log longest), whatever repeats.
    Returns: the run (document position, article position, length).
    """
    wide_document, wide_article = _both_wider(document, article, width, factor)
    while _occurs(wide_article):
        document, article, width = wide_document, wide_article, 2 * width
        wide_document, wide_article = _both_wider(document, article, width, factor)
    low, high = 0, width
    while high - low > 1:
        middle = (low + high) // 2
        if _occurs(_both_wider(document, article, middle, factor)[1]):
            low = middle
        else:
            high = middle
    if low:
        article = _both_wider(document, article, low, factor)[1]
    j = 0
    while article[j] < 0:
        j += 1
    # For numba, `int` of an int32 stays one, and runs would be of two kinds.
    return np.int64(article[j]), j, width + low  # type: ignore[return-value]


@inner_njit
def common_pairs(times: Names, article: Names) -> int:
    """Count the (document, article) positions with windows of one name: the work of `all_runs`.

    Args: `times` of `repetitions`; names of the article's windows.
    """
    pairs = 0
    for name in article:
        if name >= 0:
            pairs += times[name]
    return pairs


@uncounted_njit
def _extent(document: Names, article: Names, i: int, j: int, width: int) -> int:
    limit = min(len(document) - i, len(article) - j)
    while width < limit and document[i + width] == article[j + width]:
        width += 1
    return width


@inner_njit
def as_runs(found: list[Run]) -> Runs:
    """Turn a list of runs into an int64 array of shape (k, 3)."""
    runs = np.empty((len(found), 3), np.int64)
    for k in range(len(found)):
        runs[k, 0], runs[k, 1], runs[k, 2] = found[k]
    return runs


@inner_njit
def in_order_of(runs: Runs, column: int, sign: int) -> Places:
    """Where the rows of `runs` stand in the order of a column, rising (`sign` 1) or falling (-1); int64[k].

    Equal ones stay as they are. A merge sort from the bottom up: numba's own takes seconds to compile.
    """
    n = len(runs)
    order, merged, width = np.empty(n, np.int64), np.empty(n, np.int64), 1
    for k in range(n):
        order[k] = k
    while width < n:
        for first in range(0, n, 2 * width):
            middle, end = min(first + width, n), min(first + 2 * width, n)
            i, j = first, middle
            for k in range(first, end):
                left = j >= end or (
                    i < middle and sign * runs[order[i], column] <= sign * runs[order[j], column]
                )
                merged[k] = order[i] if left else order[j]
                i, j = i + left, j + (not left)
        order, merged, width = merged, order, 2 * width
    return order


@inner_njit
def all_runs(document: Names, article: Names, wide_article: Names, following: Names, width: int) -> Runs:
    """Find every maximal common run of at least `width` words, by article, then document position.

    Args: names of words; names of the article's windows of `width` words; `following` of `repetitions`.
    """
    found = [(0, 0, 0)]
    found.pop()
    for j in range(len(wide_article)):
        i = int(wide_article[j])
        while i >= 0:
            if i == 0 or j == 0 or document[i - 1] != article[j - 1]:
                found.append((i, j, _extent(document, article, i, j, width)))
            i = int(following[i])
    runs: Runs = as_runs(found)
    return runs


@inner_njit
def _sweep(own: Names, other: Names, place: Names, width: int) -> Runs:
    """Find runs that cover every window of `own` that stands in `other` (at `place[i]`), as long as they go.

    After a run, the window that reaches furthest beyond its end comes next. So there are no more runs than
    needed, and each word is compared at most `width` times.
    """
    found = [(0, 0, 0)]
    found.pop()
    i = 0
    while i < len(place):
        if place[i] < 0:
            i += 1
            continue
        length = _extent(own, other, i, int(place[i]), width)
        found.append((i, int(place[i]), length))
        end = i + length
        i = min(end, len(place) - 1)
        while i > end - width and place[i] < 0:
            i -= 1
        if i <= end - width:
            i = end + 1
    runs: Runs = as_runs(found)
    return runs


@cached_njit
def covering_runs(
    document: Names,
    article: Names,
    wide_document: Names,
    wide_article: Names,
    width: int,
    factor: np.uint64,
) -> Runs:
    """Find runs that cover on both sides what all runs of `width` words and more cover, in linear time.

    Used if the texts repeat so much that `all_runs` would be too many. The longest run comes first.
    """
    first = np.full(len(wide_document), -1, np.int32)
    for j in range(len(wide_article) - 1, -1, -1):
        if wide_article[j] >= 0:
            first[wide_article[j]] = j
    of_document = _sweep(document, article, first[wide_document], width)
    of_article = _sweep(article, document, wide_article, width)
    found = [longest_run(wide_document, wide_article, width, factor)]
    for k in range(len(of_document)):
        found.append((of_document[k, 0], of_document[k, 1], of_document[k, 2]))
    for k in range(len(of_article)):
        found.append((of_article[k, 1], of_article[k, 0], of_article[k, 2]))
    runs: Runs = as_runs(found)
    return runs


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

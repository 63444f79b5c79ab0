"""Names words and windows, and finds common runs of two texts: exact, in linear time, whatever they repeat.

A run is (document position, article position, length), in words. The *name* of a word, or of a window of
words, is the first position in the document of the same word or window, -1 if there is none. Words are named
by their folded bytes, windows by the names of their words: equal names mean equal words, and a hash only
gives the place to look.

To find the longest run, windows of growing length are named by comparing pairs of names (Karp, Miller,
Rosenberg, STOC 1972).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, lean_njit, uncounted_njit
from presswatch_spark.reading.text.word_kernels import Bytes, Edges, Hashes, load8

Names = npt.NDArray[np.int32]
Runs = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]
Run = tuple[int, int, int]

_0, _3, _8, _HALF = (np.uint64(n) for n in (0, 3, 8, 32))


class WordTable(NamedTuple):
    """Open addressing: int32 places in a text, -1 for an empty slot; key * factor >> shift is the slot.

    The factor is a secret of the process: no page can be written whose words share slots.
    """

    slots: Names
    shift: np.uint64
    factor: np.uint64


class Spelt(NamedTuple):
    """The n words of a text, as in `TextWords`: uint64[n], uint8, int64[n], int64[n]."""

    hashes: Hashes
    folded: Bytes
    starts: Edges
    ends: Edges


@inner_njit
def table_for(keys: int, factor: np.uint64) -> WordTable:
    """Return an empty table that so many keys fill to a quarter at most. `factor` is odd."""
    bits = 4
    while 1 << bits < 4 * keys:
        bits += 1
    return WordTable(np.full(1 << bits, -1, np.int32), np.uint64(64 - bits), factor)


@inner_njit
def table_of(slots: Names, factor: np.uint64) -> WordTable:
    """Return the table with these slots."""
    bits = 0
    while 1 << bits < len(slots):
        bits += 1
    return WordTable(slots, np.uint64(64 - bits), factor)


@lean_njit
def _block(folded: Bytes, start: int, end: int) -> np.uint64:
    left = np.uint64(end - start)
    unused = (_8 - left) << _3 if left < _8 else _0
    return load8(folded, np.uint64(start)) << unused


@uncounted_njit
def _word_key(folded: Bytes, start: int, end: int, factor: np.uint64) -> np.uint64:
    """Hash a word's bytes, eight at a time; the hash cannot be predicted without the factor."""
    state = factor
    while start < end:
        state = (state ^ _block(folded, start, end)) * factor
        state ^= state >> _HALF
        start += 8
    return state


@lean_njit
def _same_word(document: Spelt, j: int, text: Spelt, i: int) -> bool:
    length = text.ends[i] - text.starts[i]
    if document.hashes[j] != text.hashes[i] or document.ends[j] - document.starts[j] != length:
        return False
    # Different words may have equal hashes: compare their bytes.
    k = 0
    while k < length and _block(document.folded, document.starts[j] + k, document.ends[j]) == (
        _block(text.folded, text.starts[i] + k, text.ends[i])
    ):
        k += 8
    return bool(k >= length)


@lean_njit
def _slot_of(table: WordTable, document: Spelt, text: Spelt, i: int) -> int:
    """Return the slot of word i of a text in the document's table, or the free one that it would have."""
    key = _word_key(text.folded, text.starts[i], text.ends[i], table.factor)
    slot = int(np.int64((key * table.factor) >> table.shift))
    while table.slots[slot] >= 0 and not _same_word(document, int(table.slots[slot]), text, i):
        slot = (slot + 1) & (len(table.slots) - 1)
    return slot


@inner_njit
def name_words(table: WordTable, document: Spelt) -> Names:
    """Name the document's words, int32[n], and put them into its table."""
    names = np.empty(len(document.hashes), np.int32)
    for i in range(len(names)):
        slot = _slot_of(table, document, document, i)
        if table.slots[slot] < 0:
            table.slots[slot] = i
        names[i] = table.slots[slot]
    return names


@inner_njit
def look_up_words(table: WordTable, document: Spelt, document_names: Names, article: Spelt) -> Names:
    """Name the article's words by the document's table and names: int32[m].

    A copy continues word by word, so the document's next word is compared before the table is searched.
    """
    names = np.empty(len(article.hashes), np.int32)
    ahead, missed = 0, True
    for j in range(len(names)):
        i = j + ahead
        if 0 <= i < len(document_names) and _same_word(document, i, article, j):
            names[j] = document_names[i]
            missed = False
            continue
        name = table.slots[_slot_of(table, document, article, j)]
        names[j] = name
        # Move only after two misses: after one replaced word, the copy continues at the same distance.
        if missed and name >= 0:
            ahead = int(name) - j
        missed = True
    return names


@inner_njit
def name_windows(words: Names, width: int, factor: np.uint64) -> tuple[Names, Names]:
    """Name all windows of `width` words of the document, int32[max(0, n - width + 1)]; also their table."""
    names = np.empty(max(0, len(words) - width + 1), np.int32)
    table = table_for(len(names), factor)
    _windows(table, words, names, words, width, True, names)
    return names, table.slots


@inner_njit
def look_up_windows(
    words: Names, windows: Names, slots: Names, article: Names, width: int, factor: np.uint64
) -> Names:
    """Name the article's windows, by the names and slots that `name_windows` returned for the document."""
    names = np.full(max(0, len(article) - width + 1), -1, np.int32)
    _windows(table_of(slots, factor), words, windows, article, width, False, names)
    return names


@inner_njit
def _windows(
    table: WordTable, document: Names, windows: Names, text: Names, width: int, add: bool, names: Names
) -> None:
    """Look windows up by a rolling key (Karp and Rabin, 1987) whose base is the secret.

    After a window that the document has, the document's next window is tried first, by its one new word.
    """
    slots, base = table.slots, table.factor
    leaving = np.uint64(1)
    for _ in range(width):
        leaving *= base
    key = np.uint64(0)
    unknown, place = -1, -1
    for end in range(len(text)):
        key = key * base + np.uint64(text[end] + 1)
        i = end - width + 1
        if i > 0:
            key -= np.uint64(text[i - 1] + 1) * leaving
        if text[end] < 0:
            unknown = end
            place = -1
        if i <= unknown or i < 0:
            continue
        if place >= 0 and place + width < len(document) and document[place + width] == text[end]:
            place += 1
            names[i] = windows[place]
            continue
        slot = int(np.int64(((key ^ (key >> _HALF)) * base) >> table.shift))
        while slots[slot] >= 0:
            k = 0
            while k < width and document[slots[slot] + k] == text[i + k]:
                k += 1
            if k == width:
                break
            slot = (slot + 1) & (len(slots) - 1)
        if add:
            if slots[slot] < 0:
                slots[slot] = i
        else:
            place = int(slots[slot])
        names[i] = slots[slot]


@inner_njit
def repetitions(document: Names) -> tuple[Names, Names]:
    """Return how often each name occurs, at the name's place, and the next window of each name, or -1."""
    times = np.zeros(len(document), np.int32)
    following = np.full(len(document), -1, np.int32)
    last = np.full(len(document), -1, np.int32)
    for i in range(len(document)):
        name = document[i]
        times[name] += 1
        if last[name] >= 0:
            following[last[name]] = i
        last[name] = i
    return times, following


# --- common runs

NEW_PAIR, NEW_ENDS, NEW_WORD = 2, 1, 0


@uncounted_njit
def _find_pair(table: WordTable, document: Names, offset: int, x: int, y: int) -> int:
    slots = table.slots
    slot = int(np.int64((((np.uint64(x) << np.uint64(32)) | np.uint64(y)) * table.factor) >> table.shift))
    while slots[slot] >= 0 and (document[slots[slot]] != x or document[slots[slot] + offset] != y):
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@inner_njit
def _both_wider(document: Names, article: Names, offset: int, factor: np.uint64) -> tuple[Names, Names]:
    """Name all windows of both texts that are `offset` words longer, each by the two windows that it unites.

    `offset` is at most the width of the windows. A text may be too short for any.
    """
    wide_document = np.empty(max(0, len(document) - offset), np.int32)
    wide_article = np.full(max(0, len(article) - offset), -1, np.int32)
    table = table_for(len(wide_document), factor)
    for i in range(len(wide_document)):
        slot = _find_pair(table, document, offset, document[i], document[i + offset])
        if table.slots[slot] < 0:
            table.slots[slot] = i
        wide_document[i] = table.slots[slot]
    for j in range(len(wide_article)):
        x, y = article[j], article[j + offset]
        if x >= 0 and y >= 0:
            wide_article[j] = table.slots[_find_pair(table, document, offset, x, y)]
    return wide_document, wide_article


@uncounted_njit
def _occurs(names: Names) -> bool:
    for name in names:  # noqa: SIM110
        if name >= 0:
            return True
    return False


@cached_njit
def longest_run(document: Names, article: Names, width: int, factor: np.uint64) -> Run:
    """Find the longest common run, given the names of windows of `width` words; one at least is common.

    The width doubles while a window is common; then a binary search follows: O((n + m) log longest).
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
    # `np.int64`, since numba's `int` of an int32 is an int32, and runs would have two types.
    return np.int64(article[j]), j, width + low  # type: ignore[return-value]


@inner_njit
def common_pairs(times: Names, article: Names) -> int:
    """Count the (document, article) positions with windows of one name: the work of `all_runs`."""
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
    """Return the stable order of the rows of `runs` by a column, rising (`sign` 1) or falling (-1).

    A merge sort from the bottom up: numba's own takes seconds to compile.
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
    """Find every maximal common run of at least `width` words, by article, then document position."""
    found = [(0, 0, 0)]
    found.pop()
    for j in range(len(wide_article)):
        i = int(wide_article[j])
        while i >= 0:
            if i == 0 or j == 0 or document[i - 1] != article[j - 1]:
                found.append((i, j, _extent(document, article, i, j, width)))
            i = int(following[i])
    return as_runs(found)


@inner_njit
def _sweep(own: Names, other: Names, place: Names, width: int) -> Runs:
    """Find runs, as long as possible, that cover every window of `own` that `other` has (at `place[i]`).

    After a run, the window that reaches furthest beyond it comes next: a word is compared `width` times.
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
    return as_runs(found)


@cached_njit
def covering_runs(
    document: Names,
    article: Names,
    wide_document: Names,
    wide_article: Names,
    width: int,
    factor: np.uint64,
) -> Runs:
    """Find runs that cover what all runs of `width` words and more cover; the longest comes first.

    Used if the texts repeat so much that `all_runs` would be too many.
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
    return as_runs(found)


class Pair(NamedTuple):
    """Document and article: the names of their words (int32), and whether a span covers each word (bool)."""

    document: Names
    article: Names
    document_seen: npt.NDArray[np.bool_]
    article_seen: npt.NDArray[np.bool_]


@inner_njit
def select(pair: Pair, runs: Runs) -> Runs:
    """Drop runs that add no word. The longest run comes first; runs new on both sides come before repeats.

    (Greedy string tiling: M. J. Wise, 1993; then the repeats.) Returns int64 (s, 3), in document order.
    """
    accepted = [(0, 0, 0)]
    accepted.pop()
    order = in_order_of(runs, 2, -1)
    for demand in (NEW_PAIR, NEW_ENDS, NEW_WORD):
        for k in order:
            accept(pair, (runs[k, 0], runs[k, 1], runs[k, 2]), demand, accepted)
    return in_order(accepted)


@inner_njit
def accept(pair: Pair, run: Run, demand: int, accepted: list[Run]) -> bool:
    """Accept a run if it is new enough, without its ends that are covered on both sides; return if it was.

    `demand`: `NEW_PAIR`, a word must be new on both sides at once; `NEW_ENDS`, each end on at least one side;
    `NEW_WORD`, any word on at least one side.
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
    runs = as_runs(accepted)
    runs = runs[in_order_of(runs, 1, 1)]
    return runs[in_order_of(runs, 0, 1)]

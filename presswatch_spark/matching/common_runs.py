"""Common runs of two texts, exact and in linear time, whatever the texts repeat.

Words become *names*: the name of a word, or of a window of words, is the first position in the article at
which the same word or window stands; -1 says that it stands nowhere in the article. Words are named by
comparing their folded bytes; longer windows by comparing pairs of names (Karp, Miller, Rosenberg, "Rapid
identification of repeated patterns in strings, trees and arrays", STOC 1972). From there on equality of
integers is equality of words: a hash only says where to look.

A run is a row (document position, article position, length), in words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit

Names = npt.NDArray[np.int32]
Runs = npt.NDArray[np.int64]
Run = tuple[int, int, int]
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Edges = npt.NDArray[np.int64]

# Golden-ratio multiplier: spreads any key over the top bits, which choose the slot.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@cached_njit
def _table(keys: int) -> tuple[Names, np.uint64]:
    """An empty open-addressing table at most half full, and the shift that turns a spread key into a slot."""
    bits = 4
    while 1 << bits < 2 * keys:
        bits += 1
    return np.full(1 << bits, -1, np.int32), np.uint64(64 - bits)


@cached_njit
def name_words(
    article_hashes: Hashes,
    article_folded: Bytes,
    article_starts: Edges,
    article_ends: Edges,
    document_hashes: Hashes,
    document_folded: Bytes,
    document_starts: Edges,
    document_ends: Edges,
) -> tuple[Names, Names]:
    """Name the words of an article, then those of a document.

    Args: hashes uint64, folded bytes uint8, their bounds int64.
    Returns: int32[m], int32[n]. Words with equal hashes are told apart by their bytes.
    """
    slots, shift = _table(len(article_hashes))
    article, document = np.empty(len(article_hashes), np.int32), np.empty(len(document_hashes), np.int32)
    # One loop for both, all in one function: a call with nine arrays costs more than the word.
    for of_article in (True, False):
        names = article if of_article else document
        hashes = article_hashes if of_article else document_hashes
        folded = article_folded if of_article else document_folded
        starts = article_starts if of_article else document_starts
        ends = article_ends if of_article else document_ends
        for i in range(len(hashes)):
            slot = int(np.int64((hashes[i] * _SPREAD) >> shift))
            while slots[slot] >= 0:
                j = slots[slot]
                length = ends[i] - starts[i]
                if article_hashes[j] == hashes[i] and article_ends[j] - article_starts[j] == length:
                    k = 0
                    while k < length and article_folded[article_starts[j] + k] == folded[starts[i] + k]:
                        k += 1
                    if k == length:
                        break
                slot = (slot + 1) & (len(slots) - 1)
            if of_article and slots[slot] < 0:
                slots[slot] = i
            names[i] = slots[slot]
    return article, document


@cached_njit
def _find_pair(slots: Names, shift: np.uint64, article: Names, offset: int, x: int, y: int) -> int:
    slot = int(np.int64((((np.uint64(x) << np.uint64(32)) | np.uint64(y)) * _SPREAD) >> shift))
    while slots[slot] >= 0 and (article[slots[slot]] != x or article[slots[slot] + offset] != y):
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@cached_njit
def widen(article: Names, document: Names, offset: int) -> tuple[Names, Names]:
    """Name windows `offset` words longer, each from the names of the two windows it is the union of.

    Args: names int32 of all windows of w words; 1 <= offset <= w.
    Returns: names of all windows of w + offset words, article and document; shorter by `offset`, or empty.
    """
    wide_article = np.empty(max(0, len(article) - offset), np.int32)
    wide_document = np.full(max(0, len(document) - offset), -1, np.int32)
    slots, shift = _table(len(wide_article))
    for j in range(len(wide_article)):
        slot = _find_pair(slots, shift, article, offset, article[j], article[j + offset])
        if slots[slot] < 0:
            slots[slot] = j
        wide_article[j] = slots[slot]
    for i in range(len(wide_document)):
        x, y = document[i], document[i + offset]
        if x >= 0 and y >= 0:
            wide_document[i] = slots[_find_pair(slots, shift, article, offset, x, y)]
    return wide_article, wide_document


@cached_njit
def name_windows(article: Names, document: Names, words: int) -> tuple[Names, Names]:
    """Names of all windows of `words` words, from the names of words (int32 arrays)."""
    width = 1
    while width < words:
        offset = min(width, words - width)
        article, document = widen(article, document, offset)
        width += offset
    return article, document


@cached_njit
def _occurs(names: Names) -> bool:
    for name in names:  # noqa: SIM110
        if name >= 0:
            return True
    return False


@cached_njit
def longest_run(article: Names, document: Names, width: int) -> Run:
    """The longest common run, given the names of windows of `width` words, of which at least one is common.

    Doubles the windows while one is common, then halves the step: O((n + m) log longest), whatever repeats.
    Returns: the run (document position, article position, length).
    """
    wide_article, wide_document = widen(article, document, width)
    while _occurs(wide_document):
        article, document, width = wide_article, wide_document, 2 * width
        wide_article, wide_document = widen(article, document, width)
    low, high = 0, width
    while high - low > 1:
        middle = (low + high) // 2
        if _occurs(widen(article, document, middle)[1]):
            low = middle
        else:
            high = middle
    if low:
        document = widen(article, document, low)[1]
    i = 0
    while document[i] < 0:
        i += 1
    return i, int(document[i]), width + low


@cached_njit
def common_pairs(article: Names, document: Names) -> int:
    """How many (document, article) positions have windows of the same name: the work of `all_runs`."""
    times = np.zeros(len(article), np.int64)
    for name in article:
        times[name] += 1
    pairs = 0
    for name in document:
        if name >= 0:
            pairs += times[name]
    return pairs


@cached_njit
def _extent(article: Names, document: Names, i: int, j: int, width: int) -> int:
    """Length of the common run at (i, j), known to be at least `width` words."""
    limit = min(len(document) - i, len(article) - j)
    while width < limit and document[i + width] == article[j + width]:
        width += 1
    return width


@cached_njit
def as_runs(found: list[Run]) -> Runs:
    """A list of (document, article, length) as an int64 array of shape (k, 3)."""
    runs = np.empty((len(found), 3), np.int64)
    for k in range(len(found)):
        runs[k, 0], runs[k, 1], runs[k, 2] = found[k]
    return runs


@cached_njit
def all_runs(article: Names, document: Names, wide_article: Names, wide_document: Names, width: int) -> Runs:
    """Every maximal common run of at least `width` words, in the order of the document, then of the article.

    Args: names of words, then of windows of `width` words.
    """
    following = np.full(len(wide_article), -1, np.int32)
    last = np.full(len(wide_article), -1, np.int32)
    for j in range(len(wide_article)):
        name = wide_article[j]
        if last[name] >= 0:
            following[last[name]] = j
        last[name] = j
    found = [(0, 0, 0)]
    found.pop()
    for i in range(len(wide_document)):
        j = int(wide_document[i])
        while j >= 0:
            if i == 0 or j == 0 or document[i - 1] != article[j - 1]:
                found.append((i, j, _extent(article, document, i, j, width)))
            j = int(following[j])
    runs: Runs = as_runs(found)
    return runs


@cached_njit
def _sweep(own: Names, other: Names, place: Names, width: int) -> Runs:
    """Runs, as far right as they go, that cover every window of `own` that stands in `other` (at `place[i]`).

    After a run, the window that reaches furthest beyond its end comes next: no more runs than needed, and
    each word is compared at most `width` times.
    """
    found = [(0, 0, 0)]
    found.pop()
    i = 0
    while i < len(place):
        if place[i] < 0:
            i += 1
            continue
        length = _extent(other, own, i, int(place[i]), width)
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
    article: Names, document: Names, wide_article: Names, wide_document: Names, width: int
) -> Runs:
    """Common runs that cover, on both sides, what all those of `width` words and more cover; in linear time.

    For texts whose repetitions make `all_runs` too many. The longest run comes first.
    """
    first = np.full(len(wide_article), -1, np.int32)
    for i in range(len(wide_document) - 1, -1, -1):
        if wide_document[i] >= 0:
            first[wide_document[i]] = i
    of_article = _sweep(article, document, first[wide_article], width)
    swapped = np.empty_like(of_article)
    swapped[:, 0], swapped[:, 1], swapped[:, 2] = of_article[:, 1], of_article[:, 0], of_article[:, 2]
    longest = as_runs([longest_run(wide_article, wide_document, width)])
    return np.concatenate((longest, _sweep(document, article, wide_document, width), swapped))

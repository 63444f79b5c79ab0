"""Names of words and windows: integers that stand for them, so that texts are compared as integers.

The *name* of a word, or of a window of words, is the first position in the document of the same word or
window. It is -1 if the document has none. Words are named by comparing their folded bytes, windows by
comparing the names of their words. So equal names mean equal words, and a hash only says where to look. A
document is named once, with tables; each article is looked up in these.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import inner_njit, lean_njit, uncounted_njit
from presswatch_spark.text.kernels import Bytes, Edges, Hashes, load8

Names = npt.NDArray[np.int32]

_0, _3, _8, _HALF = (np.uint64(n) for n in (0, 3, 8, 32))


class WordTable(NamedTuple):
    """Open addressing: int32 places in a text, -1 for an empty slot; key * factor >> shift is the slot.

    The factor is a secret of the process and changes no result. It and a word's bytes make the key: anybody
    can make hashes equal, but nobody can write a page whose words share slots.
    """

    slots: Names
    shift: np.uint64
    factor: np.uint64


class Spelt(NamedTuple):
    """The n words of a text, as `Words` has them: uint64[n], uint8, int64[n], int64[n]."""

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
    block: np.uint64 = load8(folded, np.uint64(start)) << unused
    return block


@uncounted_njit
def _word_key(folded: Bytes, start: int, end: int, factor: np.uint64) -> np.uint64:
    """Hash a word's bytes, eight at a time; nobody can foretell the hash without the factor."""
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
    # Words with equal hashes differ in their bytes.
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
    """Name the article's words likewise, by the document's table and names: int32[m].

    What is copied goes on word by word: the word behind the last one in the document is asked first, which
    takes a fifth of the time of a look into the table.
    """
    names = np.empty(len(article.hashes), np.int32)
    ahead, lost = 0, True
    for j in range(len(names)):
        i = j + ahead
        if 0 <= i < len(document_names) and _same_word(document, i, article, j):
            names[j] = document_names[i]
            lost = False
            continue
        name = table.slots[_slot_of(table, document, article, j)]
        names[j] = name
        # Where one word alone was replaced, the copy goes on as before.
        if lost and name >= 0:
            ahead = int(name) - j
        lost = True
    return names


@inner_njit
def name_windows(words: Names, width: int, factor: np.uint64) -> tuple[Names, Names]:
    """Name all windows of `width` words of the document.

    Returns: names int32[max(0, n - width + 1)], and the slots of their table.
    """
    names = np.empty(max(0, len(words) - width + 1), np.int32)
    table = table_for(len(names), factor)
    _windows(table, words, names, words, width, True, names)
    return names, table.slots


@inner_njit
def look_up_windows(
    words: Names, windows: Names, slots: Names, article: Names, width: int, factor: np.uint64
) -> Names:
    """Name the article's windows likewise, by the names and slots that `name_windows` gave the document's."""
    names = np.full(max(0, len(article) - width + 1), -1, np.int32)
    _windows(table_of(slots, factor), words, windows, article, width, False, names)
    return names


@inner_njit
def _windows(
    table: WordTable, document: Names, windows: Names, text: Names, width: int, add: bool, names: Names
) -> None:
    """A rolling key (Karp and Rabin, 1987), with the secret for its base, says where to look.

    Behind a window that the document has, the next one is mostly the next one there: one word shows that.
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

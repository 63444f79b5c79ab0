"""The words of a text, the same for sieve, index and verification: their hashes, bytes and places.

`folding` defines what a word is; `kernels` has the kernels that apply it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit
from presswatch_spark.text.folding import FoldTable, load_table
from presswatch_spark.text.kernels import (
    GROWTH,
    SLACK,
    U64,
    Bytes,
    Edges,
    Hashes,
    WordBuffers,
    ascii_bytes,
    continuation_bytes,
    decode,
    find_words,
    fold,
    hash_words,
    load8,
    plain,
    store8,
)
from presswatch_spark.text.vectors import count_ones

_0, _1, _2, _8 = (U64(n) for n in (0, 1, 2, 8))


@dataclass(frozen=True, slots=True)
class Words:
    """The n words of a text, in order.

    `hashes` uint64[n]. `starts` and `ends` int64[n] are byte offsets in the text, from a word's first
    character to the end of its last; characters that fold to nothing do not count. `folded` uint8: the folded
    words with one zero byte after each, readable for 7 bytes more; word i is
    `folded[folded_starts[i]:folded_ends[i]]`, both int64[n].
    """

    hashes: Hashes
    starts: Edges
    ends: Edges
    folded: Bytes
    folded_starts: Edges
    folded_ends: Edges

    def __len__(self) -> int:
        return len(self.hashes)


def words_of(text: bytes | Bytes) -> Words:
    """Find the words of a text in UTF-8; invalid bytes separate. Never fails."""
    return Words(*_words(load_table(), _as_bytes(text)))


def word_hashes(text: bytes | Bytes) -> Hashes:
    """Return the hashes of the words of a text, uint64[n], as `words_of` does, in a third of the time."""
    hashes: Hashes = _hashes(load_table(), _as_bytes(text))
    return hashes


def words_of_each(texts: Bytes, bounds: Edges) -> tuple[Hashes, Edges]:
    """Return the word hashes of n texts, text by text, and the bounds of each text's words: int64[n + 1].

    Text i is `texts[bounds[i] : bounds[i + 1]]`.
    """
    hashes, word_bounds = _hashed_each(load_table(), plain(texts), plain(bounds))
    return hashes, word_bounds


def word_count(text: bytes | Bytes) -> int:
    """Count the words of a text."""
    return int(_find(load_table(), _as_bytes(text))[2])


def word_at(words: Words, i: int) -> str:
    """Return word i, folded."""
    return words.folded[words.folded_starts[i] : words.folded_ends[i]].tobytes().decode()


def character_offsets(text: bytes | Bytes, byte_offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the places in `text.decode("utf-8", "replace")` of the characters at `byte_offsets`: int64[k].

    Offsets may repeat and come in any order. Each is that of a character's first byte, or the text's length.
    """
    data = text if isinstance(text, bytes) else text.data
    try:
        str(data, "utf-8")
    except UnicodeDecodeError:
        return _decoded_offsets(data, byte_offsets)
    places: npt.NDArray[np.int64] = _count_characters(_as_bytes(text), byte_offsets)
    return places


def _decoded_offsets(data: bytes | memoryview, byte_offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the same for invalid UTF-8: only Python knows what its `replace` makes of it."""
    ordered, inverse = np.unique(byte_offsets, return_inverse=True)
    characters = np.empty(len(ordered), np.int64)
    before, count = 0, 0
    for k, offset in enumerate(ordered.tolist()):
        count += len(str(data[before:offset], "utf-8", "replace"))
        characters[k], before = count, offset
    return characters[inverse]


def _as_bytes(text: bytes | Bytes) -> Bytes:
    return plain(np.frombuffer(text, np.uint8) if isinstance(text, bytes) else text)


@cached_njit
def _find(table: FoldTable, text: Bytes) -> tuple[Bytes, WordBuffers, np.uint64]:
    """Return the folded stream, what `find_words` says of it, and the number of words."""
    n = U64(len(text))
    folded = np.empty(GROWTH * len(text) + SLACK, np.uint8)
    _, size = fold(table, text, _0, n, n, folded, _0)
    room = size // _2 + U64(SLACK)
    found = WordBuffers(
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.uint64),
        np.empty(room, np.uint64),
    )
    return folded, found, find_words(folded, size, found, _0)


@cached_njit
def _count_characters(text: Bytes, byte_offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count the characters of a text in UTF-8 that begin before each offset: all but continuation bytes.

    Those of eight bytes are counted at once, then for each offset those of the eight that it lies in.
    """
    eights = len(text) // 8
    before, count = np.empty(eights + 1, np.int64), np.int64(0)
    for e in range(eights):
        before[e] = count
        count += np.int64(_8 - count_ones(continuation_bytes(load8(text, U64(8 * e)))))
    before[eights] = count
    places = np.empty(len(byte_offsets), np.int64)
    for k in range(len(byte_offsets)):
        offset = byte_offsets[k]
        e, left = offset >> 3, offset & 7
        count = before[e] + left
        if e < eights:
            ahead = (_1 << U64(8 * left)) - _1
            count -= np.int64(count_ones(continuation_bytes(load8(text, U64(8 * e))) & ahead))
        else:
            for i in range(8 * e, offset):
                count -= (text[i] & np.uint8(0xC0)) == np.uint8(0x80)
        places[k] = count
    return places


@cached_njit
def _hashes(table: FoldTable, text: Bytes) -> Hashes:
    """Return word hashes alone: each array that a kernel returns to Python costs a microsecond."""
    folded, found, count = _find(table, text)
    hash_words(folded, count, found, _0)
    hashes: Hashes = found.heads[:count].copy()
    return hashes


@inner_njit
def _hashed(table: FoldTable, text: Bytes) -> tuple[Hashes, Bytes, WordBuffers]:
    """Return word hashes, the folded stream, and where the words are in it."""
    folded, found, count = _find(table, text)
    hash_words(folded, count, found, _0)
    return found.heads[:count].copy(), folded, found


@cached_njit
def _hashed_each(table: FoldTable, texts: Bytes, bounds: Edges) -> tuple[Hashes, Edges]:
    word_bounds = np.zeros(len(bounds), np.int64)
    hashes = np.empty((bounds[-1] - bounds[0]) // 4, np.uint64)
    for i in range(len(bounds) - 1):
        folded, found, count = _find(table, texts[bounds[i] : bounds[i + 1]])
        first = word_bounds[i]
        word_bounds[i + 1] = first + np.int64(count)
        if word_bounds[i + 1] > len(hashes):
            grown = np.empty(2 * word_bounds[i + 1], np.uint64)
            grown[:first] = hashes[:first]
            hashes = grown
        hash_words(folded, count, found, _0)
        hashes[first : word_bounds[i + 1]] = found.heads[:count]
    return hashes[: word_bounds[-1]].copy(), word_bounds


@cached_njit
def _words(table: FoldTable, text: Bytes) -> tuple[Hashes, Edges, Edges, Bytes, Edges, Edges]:
    hashes, folded, found = _hashed(table, text)
    count = U64(len(hashes))
    starts, ends = _locate(table, text, found, count)
    packed, folded_starts, folded_ends = _pack(folded, found, count)
    size = U64(folded_ends[count - _1] + 1) if count else _0
    return hashes, starts, ends, packed[:size], folded_starts, folded_ends


@inner_njit
def _locate(table: FoldTable, text: Bytes, found: WordBuffers, count: np.uint64) -> tuple[Edges, Edges]:
    """Return byte offsets of the words in the text, by a second walk that counts the folded bytes."""
    starts = np.empty(count, np.int64)
    ends = np.empty(count, np.int64)
    i, k = _0, _0
    for w in range(count):
        first, after = U64(found.starts[w]), U64(found.ends[w])
        i, _, k = _character_of(table, text, i, k, first)
        starts[w] = np.int64(i)
        i, end, k = _character_of(table, text, i, k, after - _1)
        ends[w] = np.int64(end)
    return starts, ends


@inner_njit
def _character_of(
    table: FoldTable, text: Bytes, i: np.uint64, k: np.uint64, byte: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Find the character that gave a folded byte, from the one at i on, whose folding begins at k.

    Returns the places where it begins, where it ends, and where its folding begins.
    """
    n = U64(len(text))
    while True:
        if i + _8 <= n:
            plain_bytes = min(ascii_bytes(load8(text, i)), byte - k)
            i += plain_bytes
            k += plain_bytes
        code, size = decode(text, i, n)
        after = k + U64(table.entries[code] >> np.uint32(24))
        if byte < after:
            return i, i + size, k
        i += size
        k = after


@inner_njit
def _pack(folded: Bytes, found: WordBuffers, count: np.uint64) -> tuple[Bytes, Edges, Edges]:
    """Return the words in a row, one zero byte after each and eight bytes at the end, and their bounds.

    Words are copied eight bytes at a time: a byte at a time, each length would be mispredicted.
    """
    starts = np.empty(count, np.int64)
    ends = np.empty(count, np.int64)
    packed = np.empty(found.ends[count - _1] + SLACK if count else 0, np.uint8)
    k = _0
    for w in range(count):
        starts[w] = np.int64(k)
        first, size, copied = U64(found.starts[w]), U64(found.ends[w] - found.starts[w]), _0
        while copied < size:
            store8(packed, k + copied, load8(folded, first + copied))
            copied += _8
        k += size
        ends[w] = np.int64(k)
        packed[k] = np.uint8(0)
        k += _1
    return packed, starts, ends

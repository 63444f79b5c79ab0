"""Kernels from bytes to word hashes: fold characters, find words, hash them, without a branch on word ends.

Characters fold by a Unicode table, the same for every Python: docs/explanation/words.md has its rules, and
`python -m tests.reference.folding` makes `folding-14.0.txt`.

A *folded stream* (uint8) has the folded bytes of words, and a zero byte for each separating character. It is
read beyond its end, so buffers have `SLACK` bytes more. All numbers are unsigned: numba checks signed indices
for negative ones at a cost, and turns a sum of int64 and uint64 into a float. The byte-parallel arithmetic is
that of Warren, "Hacker's Delight" (2nd ed.), 6-1, and Mycroft's zero-byte test.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.core.scan_values import TextColumn
from presswatch_spark.reading.text.simd import (
    count_ones,
    exceptional_bits_64,
    fold_ascii_32,
    nonzero_bits_64,
    trailing_zeros,
)

UNICODE_VERSION = "14.0"
FOLD_VERSION = f"words-3/unicode-{UNICODE_VERSION}"
TABLE_FILE = Path(__file__).with_name(f"folding-{UNICODE_VERSION}.txt")

SEPARATOR = "\0"
INLINE_BYTES = 3
"""A folding of up to this many bytes is stored in its entry; longer ones are in the pool."""

_CODE_POINTS = 0x110000
_HANGUL = range(0xAC00, 0xD7A4)


class FoldTable(NamedTuple):
    """The table of foldings for the kernels.

    `entries` (uint32, one for each code point): the top byte is the number of folded UTF-8 bytes. Up to
    `INLINE_BYTES` of them are in the low bytes, first byte lowest; for more, the low 24 bits are their offset
    in `pool` (uint8). Separators fold to one zero byte.
    """

    entries: npt.NDArray[np.uint32]
    pool: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def load_table() -> FoldTable:
    """Load the frozen table, read-only."""
    entries = np.full(_CODE_POINTS, 1 << 24, np.uint32)
    pool = bytearray()
    for line in TABLE_FILE.read_text("ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        codes, _, folding = line.partition(" ")
        first, _, last = codes.partition("..")
        for code in range(int(first, 16), int(last or first, 16) + 1):
            folded = _folded(code, folding).encode()
            n = len(folded)
            if n <= INLINE_BYTES:
                entries[code] = n << 24 | int.from_bytes(folded, "little")
            else:
                entries[code] = n << 24 | len(pool)
                pool.extend(folded)
    table = FoldTable(entries, np.frombuffer(bytes(pool), np.uint8))
    table.entries.flags.writeable = False
    return table


def _folded(code: int, folding: str) -> str:
    if folding == "=":
        return chr(code)
    if folding == "-":
        return ""
    if folding == "hangul":
        # Syllables are decomposed by arithmetic (The Unicode Standard, 3.12).
        lead, rest = divmod(code - _HANGUL.start, 588)
        vowel, tail = divmod(rest, 28)
        return chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")
    return "".join(SEPARATOR if part == "_" else chr(int(part, 16)) for part in folding.split())


U64 = np.uint64
Bytes = npt.NDArray[np.uint8]
Hashes = npt.NDArray[np.uint64]
Edges = npt.NDArray[np.int64]
Integer = int | np.int64
"""An integer of a kernel: Python's when called from Python, else int64."""

SLACK = 80
GROWTH = 3
"""A character folds to at most this many times its own bytes."""


class WordBuffers(NamedTuple):
    """The words of a folded stream; one of n bytes needs room for n // 2 + SLACK words.

    Word w is `folded[starts[w]:ends[w]]`, both int64. `heads` and `rests`, both uint64, are the 16 bytes from
    its first one on, even if the word is shorter; `hash_words` turns `heads` into hashes.
    """

    starts: Edges
    ends: Edges
    heads: Hashes
    rests: Hashes


_INLINE = np.uint32(INLINE_BYTES)
_SPREAD_1 = U64(0x9E3779B97F4A7C15)
_SPREAD_2 = U64(0xBF58476D1CE4E5B9)
_SPREAD_3 = U64(0x94D049BB133111EB)

_0, _1, _2, _3, _4, _6, _7, _8, _12, _16, _18, _24 = (
    U64(n) for n in (0, 1, 2, 3, 4, 6, 7, 8, 12, 16, 18, 24)
)
_29, _32, _40, _48, _56, _63, _64, _128 = (U64(n) for n in (29, 32, 40, 48, 56, 63, 64, 128))
_EACH = U64(0x0101010101010101)
_HIGH = U64(0x8080808080808080)
_FROM_A, _PAST_Z = (_EACH * U64(0x80 - code) for code in (ord("A"), ord("Z") + 1))
_FROM_a, _PAST_z = (_EACH * U64(0x80 - code) for code in (ord("a"), ord("z") + 1))
_FROM_0, _PAST_9 = (_EACH * U64(0x80 - code) for code in (ord("0"), ord("9") + 1))
_FROM_TAB, _PAST_CR, _FROM_BLANK, _FROM_DEL = (_EACH * U64(0x80 - code) for code in (0x09, 0x0E, 0x20, 0x7F))
_ALL_BITS = U64(0xFF)


def plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a contiguous, read-only view, so that a kernel is compiled once for all kinds of buffers."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def plain_column(texts: TextColumn) -> tuple[Bytes, Edges, Edges]:
    """Return the buffer and the bounds of texts for a kernel; see `plain`."""
    return plain(texts.data), plain(texts.starts), plain(texts.ends)


@lean_njit
def load8(data: Bytes, i: np.uint64) -> np.uint64:
    """Read eight bytes from i, first lowest: LLVM makes one load of it."""
    return (
        U64(data[i])
        | U64(data[i + _1]) << _8
        | U64(data[i + _2]) << _16
        | U64(data[i + _3]) << _24
        | U64(data[i + _4]) << _32
        | U64(data[i + U64(5)]) << _40
        | U64(data[i + _6]) << _48
        | U64(data[i + _7]) << _56
    )


@lean_njit
def store8(data: Bytes, i: np.uint64, x: np.uint64) -> None:
    """Write eight bytes from i, lowest first: LLVM makes one store of it."""
    data[i] = np.uint8(x)
    data[i + _1] = np.uint8(x >> _8)
    data[i + _2] = np.uint8(x >> _16)
    data[i + _3] = np.uint8(x >> _24)
    data[i + _4] = np.uint8(x >> _32)
    data[i + U64(5)] = np.uint8(x >> _40)
    data[i + _6] = np.uint8(x >> _48)
    data[i + _7] = np.uint8(x >> _56)


@lean_njit
def exceptional_bytes(x: np.uint64) -> np.uint64:
    """Return the high bit of bytes that may not fold to one byte: beyond ASCII, and non-white controls."""
    ascii_part = x & ~_HIGH
    white = (ascii_part + _FROM_TAB) & ~(ascii_part + _PAST_CR)
    return (x | (~(ascii_part + _FROM_BLANK) & ~white) | (ascii_part + _FROM_DEL)) & _HIGH


@lean_njit
def _fold_ascii(x: np.uint64) -> np.uint64:
    # Bytes from the first exceptional one on are undefined.
    x |= ((x + _FROM_A) & ~(x + _PAST_Z) & _HIGH) >> _2
    letters = (x + _FROM_a) & ~(x + _PAST_z)
    digits = (x + _FROM_0) & ~(x + _PAST_9)
    return x & ((((letters | digits) & _HIGH) >> _7) * _ALL_BITS)


@uncounted_njit
def decode(text: Bytes, i: np.uint64, end: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the code point at i and its length in bytes; an invalid byte is U+0000, which separates words.

    Surrogates are decoded: they separate words, as the replacement characters for their bytes do.
    """
    lead = U64(text[i])
    if lead < U64(0x80):
        return lead, _1
    left = end - i
    one = U64(text[i + _1]) if left > _1 else _0
    if (one & U64(0xC0)) != U64(0x80):
        return _0, _1
    if U64(0xC2) <= lead < U64(0xE0):
        return (lead & U64(0x1F)) << _6 | (one & U64(0x3F)), _2
    two = U64(text[i + _2]) if left > _2 else _0
    if lead < U64(0xE0) or (two & U64(0xC0)) != U64(0x80):
        return _0, _1
    code = (lead & U64(0xF)) << _12 | (one & U64(0x3F)) << _6 | (two & U64(0x3F))
    if lead < U64(0xF0):
        return (code, _3) if code >= U64(0x800) else (_0, _1)
    three = U64(text[i + _3]) if left > _3 else _0
    code = (lead & _7) << _18 | (code & U64(0xFFF)) << _6 | (three & U64(0x3F))
    if lead < U64(0xF8) and (three & U64(0xC0)) == U64(0x80) and U64(0x10000) <= code < U64(0x110000):
        return code, _4
    return _0, _1


@uncounted_njit
def fold(
    table: FoldTable, text: Bytes, i: np.uint64, stop: np.uint64, end: np.uint64, out: Bytes, k: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Fold characters of `text[i:end]` that begin before about `stop` (at most 7 bytes later) into `out[k:]`.

    `out` needs room for GROWTH * (stop - i) + SLACK bytes. Returns the new i and k.
    """
    while i + _128 <= end and i + _64 <= stop:
        i, k = _fold_block(table, text, i, end, out, k)
    while i < stop:
        if i + _8 <= end:
            x = load8(text, i)
            store8(out, k, _fold_ascii(x))
            exceptional = exceptional_bytes(x)
            if exceptional == _0:
                i += _8
                k += _8
                continue
            plain = trailing_zeros(exceptional) >> _3
            i += plain
            k += plain
        code, size = decode(text, i, end)
        i += size
        k = _put(table, code, out, k)
    return i, k


@lean_njit
def _fold_block(
    table: FoldTable, text: Bytes, i: np.uint64, end: np.uint64, out: Bytes, k: np.uint64
) -> tuple[np.uint64, np.uint64]:
    # 128 bytes must be readable. Exceptional bytes are located before any is decoded, so that none waits for
    # another. Between them, 64 bytes are folded even if fewer are needed: a branch on the length costs more.
    high = exceptional_bits_64(text, i)
    after = i + _64
    while high != _0:
        at = after - _64 + trailing_zeros(high)
        _fold_ascii_64(text, i, out, k)
        k += at - i
        lead, one = U64(text[at]), U64(text[at + _1])
        high &= high - _1
        if U64(0xC2) <= lead < U64(0xE0) and (one & U64(0xC0)) == U64(0x80):
            i = at + _2
            high &= high - _1
            k = _put(table, (lead & U64(0x1F)) << _6 | (one & U64(0x3F)), out, k)
        else:
            code, size = decode(text, at, end)
            i = at + size
            for _ in range(size - _1):
                high &= high - _1
            k = _put(table, code, out, k)
    if i < after:
        _fold_ascii_64(text, i, out, k)
        k += after - i
        i = after
    return i, k


@lean_njit
def _fold_ascii_64(text: Bytes, i: np.uint64, out: Bytes, k: np.uint64) -> None:
    fold_ascii_32(text, i, out, k)
    fold_ascii_32(text, i + _32, out, k + _32)


@lean_njit
def _put(table: FoldTable, code: np.uint64, out: Bytes, k: np.uint64) -> np.uint64:
    entry = table.entries[code]
    n = entry >> np.uint32(24)
    if n <= _INLINE:
        out[k] = np.uint8(entry)
        out[k + _1] = np.uint8(entry >> np.uint32(8))
        out[k + _2] = np.uint8(entry >> np.uint32(16))
        out[k + _3] = np.uint8(n)
    else:
        start = U64(entry & np.uint32(0xFFFFFF))
        for j in range(U64(n)):
            out[k + j] = table.pool[start + j]
    return k + U64(n)


@uncounted_njit
def find_words(folded: Bytes, n: np.uint64, buffers: WordBuffers, k: np.uint64) -> np.uint64:
    """Find the words of `folded[:n]`, and copy their first bytes to `heads[k:]` and `rests[0:]`.

    Returns their number. Zeroes the `SLACK` bytes after n. Words are written four at a time, since a branch
    for each would be mispredicted too often.
    """
    starts, ends, heads, rests = buffers
    for g in range(SLACK // 8):
        store8(folded, n + U64(g) * _8, _0)
    begun, ended, before, p = _0, _0, _0, _0
    while p <= n:
        words = nonzero_bits_64(folded, p)
        turns = words ^ (words << _1 | before)
        before = words >> _63
        first, after = turns & words, turns & ~words
        w = begun
        begun += count_ones(first)
        while first != _0:
            for j in range(_4):
                at = p + trailing_zeros(first)
                starts[w + j] = np.int64(at)
                heads[k + w + j] = load8(folded, at)
                rests[w + j] = load8(folded, at + _8)
                first &= first - _1
            w += _4
        w = ended
        ended += count_ones(after)
        while after != _0:
            for j in range(_4):
                ends[w + j] = np.int64(p + trailing_zeros(after))
                after &= after - _1
            w += _4
        p += _64
    return ended


@lean_njit
def absorb(state: np.uint64, x: np.uint64) -> np.uint64:
    """Add eight more bytes of a word to its hash."""
    state = (state ^ x) * _SPREAD_1
    return state ^ (state >> _32)


@lean_njit
def finish(state: np.uint64) -> np.uint64:
    """Return the hash of a word from its last state."""
    state *= _SPREAD_2
    return state ^ (state >> _29)


@uncounted_njit
def absorb_from(state: np.uint64, folded: Bytes, start: np.uint64, end: np.uint64) -> np.uint64:
    """Add `folded[start:end]` to a hash that already has at least 16 bytes, a multiple of 8."""
    while start < end:
        left = end - start
        unused = (_8 - left) * _8 if left < _8 else _0
        state = absorb(state, load8(folded, start) << unused)
        start += _8
    return state


@lean_njit
def begin(head: np.uint64, rest: np.uint64, size: np.uint64) -> np.uint64:
    """Return the state of a word's hash after its first 16 bytes: `head`, `rest`.

    Bytes after the word are shifted out. No word byte is zero, so the padding is unambiguous.
    """
    unused = (_0 - (size << _3)) & _63
    first = head << (unused if size < _8 else _0)
    second = rest << (unused if size < _16 else _0)
    return absorb(absorb(_SPREAD_3, first), second if size > _8 else _0)


@uncounted_njit
def hash_words(folded: Bytes, words: np.uint64, buffers: WordBuffers, k: np.uint64) -> None:
    """Turn the words of `find_words` into their hashes, in place: `heads[k:k + words]`.

    All are hashed as if none had more than 16 bytes, several at once; then longer ones, one by one.
    """
    starts, ends, hashes, rests = buffers
    longest = _0
    for w in range(words):
        size = U64(ends[w]) - U64(starts[w])
        hashes[k + w] = finish(begin(hashes[k + w], rests[w], size))
        longest = max(longest, size)
    if longest > _16:
        for w in range(words):
            start, end = U64(starts[w]), U64(ends[w])
            if end - start > _16:
                state = begin(load8(folded, start), load8(folded, start + _8), end - start)
                hashes[k + w] = finish(absorb_from(state, folded, start + _16, end))

"""Inflates the first bytes of many gzip members at once, until the header of the record in each has ended.

Calls of an inflater from Python would take most of the time. This kernel is the plain algorithm of RFC 1951,
and stricter than zlib. It reads no stored blocks, which only files without compression have at the start of a
record. A member at which it fails is read in the usual way. No checksum is compared.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import entry_njit, lean_njit, uncounted_njit
from presswatch_spark.core.scan_values import Bytes, Offsets
from presswatch_spark.reading.text.word_kernels import U64, load8

GZIP_HEADER_BYTES = 10
"""A header without optional fields; a member with any is skipped."""
MOST_STORED_BYTES, MOST_HEAD_BYTES = 4 << 10, 4 << 10
"""The most bytes of a member that are read, and to which they are inflated."""

_CODE_BITS, _LITERAL_BITS, _DISTANCE_BITS, _LONGEST = 7, 9, 7, 15
_LITERALS, _DISTANCES, _CODES, _END_OF_BLOCK = 286, 30, 19, 256
_FIXED, _DYNAMIC = 1, 2
_LF, _LINE_FEED = 10, U64(10)
_0, _1, _2, _3, _4, _7, _15, _30, _256, _257, _286 = (
    U64(n) for n in (0, 1, 2, 3, 4, 7, 15, 30, 256, 257, 286)
)
_LITERAL_MASK, _DISTANCE_MASK = U64((1 << _LITERAL_BITS) - 1), U64((1 << _DISTANCE_BITS) - 1)
_REVERSED = np.array([int(f"{n:0{_LITERAL_BITS}b}"[::-1], 2) for n in range(1 << _LITERAL_BITS)], np.int64)
# Reasons why `_symbols` ended.
_BLOCK_END, _HEAD_END, _FAILED = range(3)
_ORDER = np.array([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15], np.int64)
# RFC 1951, 3.2.5: base and extra bits of lengths (symbols from 257 on), and of distances.
_LENGTHS = np.array(
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
     227, 258], U64,
)  # fmt: skip
_LENGTH_BITS = np.array(
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0], np.uint64
)
_BACK = np.array(
    [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
     4097, 6145, 8193, 12289, 16385, 24577], U64,
)  # fmt: skip
# numba's int64, which mypy takes for any number.
signed: Any = np.int64
_BACK_BITS = np.array(
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
    np.uint64,
)

Symbols = npt.NDArray[np.uint16]


class Code(NamedTuple):
    """A Huffman code, with a table of its short codes.

    `table` uint16 (2 ** bits,): symbol · 16 + length, by the next bits; 0 for longer codes. `symbols` uint16,
    in the order of their codes. `counts` int64 (16,): codes by length. `places` int64 (16,): index and code
    of the first symbol that is not in the table, then workspace.
    """

    table: Symbols
    symbols: Symbols
    counts: Offsets
    places: Offsets


class HeadWorkspace(NamedTuple):
    """Memory that members use one after the other; `lengths` uint8: lengths of a block's codes."""

    lengths: Bytes
    codes: Code
    literals: Code
    distances: Code


def workspace() -> HeadWorkspace:
    """Make room for `inflate_heads`."""
    codes, literals, distances = (
        Code(
            np.zeros(1 << bits, np.uint16), np.zeros(count, np.uint16), *np.zeros((2, _LONGEST + 1), np.int64)
        )
        for bits, count in (
            (_CODE_BITS, _CODES),
            (_LITERAL_BITS, _LITERALS + 2),
            (_DISTANCE_BITS, _DISTANCES + 2),
        )
    )
    return HeadWorkspace(np.zeros(_LITERALS + _DISTANCES + 4, np.uint8), codes, literals, distances)


@entry_njit
def inflate_heads(data: Bytes, starts: Offsets, heads: Bytes, bounds: Offsets, work: HeadWorkspace) -> None:
    """Inflate the heads of the members at `starts` in `data`, uint8 (n,), stored bytes.

    Args:
        heads: uint8, filled: a head ends after the record's header, or after `MOST_HEAD_BYTES`. It is empty
        if there is no member, or one with optional fields, or one that is cut before. In all, no more bytes
        are read than `heads` has: a hostile file may consist of magic numbers.
        bounds: int64 (len(starts) + 1,), filled: head k is heads[bounds[k]:bounds[k + 1]].
    """
    filled = spent = 0
    bounds[0] = 0
    for k in range(len(starts)):
        start = signed(starts[k])
        begins = start + GZIP_HEADER_BYTES < len(data) and data[start + 3] == 0
        if begins and filled + MOST_HEAD_BYTES <= len(heads) and spent < len(heads):
            stop = min(len(data), start + MOST_STORED_BYTES)
            count, at = _inflate(data, start + GZIP_HEADER_BYTES, stop, heads, filled, work)
            filled += max(0, count)
            spent += max(0, count) + at - start
        bounds[k + 1] = filled


@uncounted_njit
def _build(lengths: Bytes, first: int, count: int, code: Code, bits: int) -> int:
    # Return the number of unused codes: 0 if the code is complete, negative if it is not valid.
    _, symbols, counts, places = code
    counts[:] = 0
    for s in range(count):
        counts[lengths[first + s]] += 1
    left, place = 1, 0
    for length in range(1, _LONGEST + 1):
        left = 2 * left - counts[length]
        places[length] = place
        place += counts[length]
        if left < 0:
            return int(left)
    for s in range(count):
        length = signed(lengths[first + s])
        if length:
            symbols[places[length]] = s
            places[length] += 1
    _fill(code, bits)
    return int(left)


@uncounted_njit
def _fill(code: Code, bits: int) -> None:
    table, symbols, counts, places = code
    table[:] = 0
    place, reversed_, first = 0, 0, 0
    for length in range(1, bits + 1):
        entries, step = 1 << bits, 1 << length
        first = first + counts[length] << 1
        for _ in range(counts[length]):
            entry = np.uint16(signed(symbols[place]) << 4 | length)
            place += 1
            for at in range(reversed_, entries, step):
                table[at] = entry
            bit = step >> 1
            while reversed_ & bit:
                reversed_ ^= bit
                bit >>= 1
            reversed_ |= bit
    places[0], places[1] = place, first


@uncounted_njit
def _slow(hold: U64, code: Code, bits: int) -> int:
    # Return the entry of a code that is longer than `bits`; 0 if there is none.
    value = signed(_REVERSED[hold & U64((1 << bits) - 1)]) >> (_LITERAL_BITS - bits)
    index, first = code.places[0], code.places[1]
    for length in range(bits + 1, _LONGEST + 1):
        value = value << 1 | signed(hold >> U64(length - 1) & _1)
        count = code.counts[length]
        if value - count < first:
            return int(signed(code.symbols[index + value - first]) << 4 | length)
        index += count
        first = first + count << 1
    return 0


@uncounted_njit
def _lengths(
    data: Bytes, at: int, stop: int, hold: U64, have: int, work: HeadWorkspace
) -> tuple[int, U64, int]:
    # Return (place, bits held, their number); place is -1 if the codes of the block are not valid.
    literals, distances = 257 + signed(hold & U64(31)), 1 + signed(hold >> U64(5) & U64(31))
    codes = 4 + signed(hold >> U64(10) & U64(15))
    hold >>= U64(14)
    have -= 14
    if literals > _LITERALS or distances > _DISTANCES:
        return -1, hold, have
    lengths = work.lengths
    lengths[:_CODES] = 0
    for i in range(codes):
        at, hold, have = _more(data, at, stop, hold, have)
        lengths[_ORDER[i]] = np.uint8(hold & _7)
        hold >>= U64(3)
        have -= 3
    if have < 0 or _build(lengths, 0, _CODES, work.codes, _CODE_BITS) != 0:
        return -1, hold, have
    n, total = 0, literals + distances
    while n < total:
        if have < 14:
            at, hold, have = _more(data, at, stop, hold, have)
        entry = signed(work.codes.table[hold & U64(127)])
        length, symbol = entry & 15, entry >> 4
        if length == 0:
            return -1, hold, have
        hold >>= U64(length)
        if symbol < 16:
            times, value, extra = 1, symbol, 0
        elif symbol == 16:
            times, value, extra = 3 + signed(hold & U64(3)), signed(lengths[n - 1]) if n else 99, 2
        elif symbol == 17:
            times, value, extra = 3 + signed(hold & _7), 0, 3
        else:
            times, value, extra = 11 + signed(hold & U64(127)), 0, 7
        hold >>= U64(extra)
        have -= length + extra
        if value > _LONGEST or n + times > total or have < 0:
            return -1, hold, have
        for _ in range(times):
            lengths[n] = value
            n += 1
    left = _build(lengths, 0, literals, work.literals, _LITERAL_BITS)
    if left != 0 or lengths[_END_OF_BLOCK] == 0:
        return -1, hold, have
    left = _build(lengths, literals, distances, work.distances, _DISTANCE_BITS)
    # The code of distances may be incomplete only if it has one distance, or none.
    if left != 0 and distances - work.distances.counts[0] > 1:
        return -1, hold, have
    return at, hold, have


@uncounted_njit
def _fixed(work: HeadWorkspace) -> None:
    lengths = work.lengths
    lengths[:144], lengths[144:256], lengths[256:280], lengths[280:288] = 8, 9, 7, 8
    _build(lengths, 0, 288, work.literals, _LITERAL_BITS)
    lengths[:32] = 5
    _build(lengths, 0, 32, work.distances, _DISTANCE_BITS)


@lean_njit
def _more(data: Bytes, at: int, stop: int, hold: U64, have: int) -> tuple[int, U64, int]:
    # Load until 56 bits are held, or the data end; return (place, bits held, their number).
    if at + 8 <= stop:
        hold |= load8(data, U64(at)) << U64(have)
        taken = (63 - have) >> 3
        return at + taken, hold, have + 8 * taken
    while have < 56 and at < stop:
        hold |= U64(data[at]) << U64(have)
        at, have = at + 1, have + 8
    return at, hold, have


@uncounted_njit
def _inflate(data: Bytes, at: int, stop: int, out: Bytes, first: int, work: HeadWorkspace) -> tuple[int, int]:
    # Inflate to out[first:] until a blank line; return (number of bytes or -1, place).
    hold, have, n, last = _0, 0, first, False
    while not last:
        at, hold, have = _more(data, at, stop, hold, have)
        if have < 17:
            return -1, at
        last, kind = hold & _1 != _0, signed(hold >> _1 & U64(3))
        hold >>= U64(3)
        have -= 3
        if kind == _FIXED:
            _fixed(work)
        elif kind == _DYNAMIC:
            after, hold, have = _lengths(data, at, stop, hold, have, work)
            if after < 0:
                return -1, at
            at = after
        else:
            return -1, at
        at, hold, have, n, ended = _symbols(data, at, stop, hold, have, out, first, n, work)
        if ended != _BLOCK_END:
            return n - first if ended == _HEAD_END else -1, at
    # The member ends here, and its content with it.
    return n - first, at


@uncounted_njit
def _symbols(
    data: Bytes, at: int, stop: int, hold: U64, have: int, out: Bytes, first: int, n: int,
    work: HeadWorkspace,
) -> tuple[int, U64, int, int, int]:  # fmt: skip
    # Inflate a block's symbols to out[n:]; return (place, bits held, their number, n, reason of the end).
    literals, distances = work.literals.table, work.distances.table
    k, begin, most = U64(n), U64(first), U64(first + MOST_HEAD_BYTES)
    while True:
        if have < 48:
            at, hold, have = _more(data, at, stop, hold, have)
        entry = U64(literals[hold & _LITERAL_MASK])
        if entry == _0:
            entry = U64(_slow(hold, work.literals, _LITERAL_BITS))
        hold >>= entry & _15
        have -= signed(entry & _15)
        symbol = entry >> _4
        if have < 0 or entry == _0:
            return at, hold, have, n, _FAILED
        if symbol < _256:
            out[k] = np.uint8(symbol)
            k += _1
            blank = symbol == _LINE_FEED and k > begin + _2 and out[k - _3] == _LF
            if blank or k == most:
                return at, hold, have, signed(k), _HEAD_END
            continue
        if symbol == _256:
            return at, hold, have, signed(k), _BLOCK_END
        if symbol >= _286:
            return at, hold, have, n, _FAILED
        bits = _LENGTH_BITS[symbol - _257]
        size = _LENGTHS[symbol - _257] + (hold & ((_1 << bits) - _1))
        hold >>= bits
        have -= signed(bits)
        entry = U64(distances[hold & _DISTANCE_MASK])
        if entry == _0:
            entry = U64(_slow(hold, work.distances, _DISTANCE_BITS))
        hold >>= entry & _15
        symbol = entry >> _4
        if entry == _0 or symbol >= _30:
            return at, hold, have, n, _FAILED
        bits = _BACK_BITS[symbol]
        back = _BACK[symbol] + (hold & ((_1 << bits) - _1))
        hold >>= bits
        have -= signed((entry & _15) + bits)
        if have < 0 or back > k - begin:
            return at, hold, have, n, _FAILED
        for _ in range(min(size, most - k)):
            out[k] = out[k - back]
            k += _1
            if out[k - _1] == _LF and k > begin + _2 and out[k - _3] == _LF:
                return at, hold, have, signed(k), _HEAD_END
        if k == most:
            return at, hold, have, signed(k), _HEAD_END

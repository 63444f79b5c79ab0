"""Proves where a gzip member ends without inflating it, and judges the headers of many WET records at once.

A member ends with the length of what it inflates to (RFC 1952, ISIZE). A record of one member says that
length in its header: header, `Content-Length`, and the four bytes that close a record. So those four bytes
stand at the member's true end. If they stand nowhere else within the reach of the member, that is its end,
whatever else its compressed bytes may look like.
"""

from typing import Any

import numpy as np

from presswatch_spark.compiled import entry_njit, uncounted_njit

from presswatch_spark.formats.warc.headers import (  # isort: skip
    BODY, DAMAGE, DECLARED, END, GATED, KIND, LANGUAGE, RECORD_ID, REQUEST, RESPONSE, SOUND, START, URI,
    COLON, URI_END, Gate, Which, first_of, is_version, line_end, read_header, same,
)  # fmt: skip
from presswatch_spark.model import Bytes, Offsets
from presswatch_spark.text.kernels import U64
from presswatch_spark.text.vectors import equal_bits_64

# Blank lines that close a record.
CLOSING_BYTES = 4
# numba's int64, which mypy takes for any number.
_signed: Any = np.int64

# Of a header without optional fields. Behind it are at least a block, and the trailer.
GZIP_HEADER_BYTES = 10
MOST_PASSED_BYTES = 4 << 20
"""A record that inflates to more is read."""
# The reach of all members in a view, to its bytes: what is packed better, or made to look so, is read.
_MOST_REACH = 256

# What `true_end` and `judge_heads` say of a member.
READ, NOT_YET, PROVEN = 0, -1, 1
_0, _1, _2, _3, _64 = (U64(n) for n in (0, 1, 2, 3, 64))
_FEW = U64(67)
_A, _Z, _LETTERS, _COMMA = 97, 122, 26, 44
_SPACE, _TAB = 32, 9
# FNV-1a, and the finalizer of MurmurHash3, which spreads what FNV leaves in the low bits.
_FNV_START, _FNV_PRIME = U64(0xCBF29CE484222325), U64(0x100000001B3)
_MIX_1, _MIX_2, _33 = U64(0xFF51AFD7ED558CCD), U64(0xC4CEB9FE1A85EC53), U64(33)


@uncounted_njit
def reach_of(size: int) -> int:
    """Return the most bytes that a member takes for `size` bytes of content.

    zlib adds at most 5 bytes to each block that it stores, and an eighth of a byte to one in 256 (deflate.c,
    `deflateBound`): a sixteenth is more, for all its settings.
    """
    return size + (size >> 4) + 512


@uncounted_njit
def _times_found(data: Bytes, first: int, last: int, number: int) -> int:
    """Return how often `number` occurs in data[first:last] as a little-endian uint32."""
    a, b, c, d = (
        np.uint8(number & 255), np.uint8(number >> 8 & 255), np.uint8(number >> 16 & 255),
        np.uint8(number >> 24 & 255),
    )  # fmt: skip
    at, end, found = U64(first), U64(last), 0
    while at + _FEW <= end:
        here = equal_bits_64(data, at, a) & equal_bits_64(data, at + _1, b)
        if here:
            here &= equal_bits_64(data, at + _2, c) & equal_bits_64(data, at + _3, d)
            while here:
                found += 1
                here &= here - _1
        at += _64
    while at + _3 < end:
        found += data[at] == a and data[at + _1] == b and data[at + _2] == c and data[at + _3] == d
        at += _1
    return found


@entry_njit
def true_end(data: Bytes, start: int, end: int, size: int, final: bool) -> int:
    """Say whether the member at `start`, of `size` bytes inflated, is proven to end at `end`.

    `final`: nothing follows after `data`. Returns `PROVEN`, `READ` if it is not, `NOT_YET` if more of the
    file is needed to tell.
    """
    if size > MOST_PASSED_BYTES or end - start < GZIP_HEADER_BYTES + 8 or data[start + 3] != 0:
        return READ
    if _times_found(data, end - 4, end, size) != 1:
        return READ
    reach = start + reach_of(size)
    if reach > len(data):
        if not final:
            return NOT_YET
        reach = len(data)
    alone = end <= reach and _times_found(data, start + GZIP_HEADER_BYTES, reach, size) == 1
    return PROVEN if alone else READ


@uncounted_njit
def _are_far(data: Bytes, value: int, end: int, far: Which) -> bool:
    """Return True if data[value:end] is nothing but codes in `far`, with single commas between them."""
    if (end - value) % 4 != 3:
        return False
    for at in range(value, end, 4):
        code = 0
        for i in range(at, at + 3):
            if not _A <= data[i] <= _Z:
                return False
            code = code * _LETTERS + _signed(data[i] - _A)
        if not far[code] or (at + 3 < end and data[at + 3] != _COMMA):
            return False
    return True


@uncounted_njit
def _field(data: Bytes, body: int, name: Bytes) -> tuple[int, int]:
    """Return the place of a field's value in the header data[:body]; (0, 0) if it is missing or folded."""
    at = line_end(data, 0) + 1
    while 0 < at < body:
        end = line_end(data, at)
        colon = first_of(data, COLON, at, end)
        if colon < end and same(data, at, colon, name):
            value = colon + 1
            while value < end and data[value] <= _SPACE:
                value += 1
            if data[end + 1] == _SPACE or data[end + 1] == _TAB:
                return 0, 0
            while end > value and data[end - 1] <= _SPACE:
                end -= 1
            return value, end
        at = end + 1
    return 0, 0


@entry_njit
def is_drawn(data: Bytes, start: int, end: int, below: U64) -> bool:
    """Return True if the record with the id data[start:end] is drawn: the hash of its id is below."""
    hashed = _FNV_START
    for i in range(start, end):
        hashed = (hashed ^ U64(data[i])) * _FNV_PRIME
    hashed = (hashed ^ (hashed >> _33)) * _MIX_1
    hashed = (hashed ^ (hashed >> _33)) * _MIX_2
    return bool((hashed ^ (hashed >> _33)) < below)


@entry_njit
def judge_heads(
    data: Bytes, starts: Offsets, heads: Bytes, bounds: Offsets, gate: Gate, far: Which, most: int,
    below: U64, final: bool, table: Offsets, row: Offsets,
) -> None:  # fmt: skip
    """Find the records of WET that are passed over.

    Args:
        data: uint8 (n,), stored bytes.
        starts: int64 (m,), where members seem to begin, ascending.
        heads, bounds: uint8, int64 (m + 1,): head k is heads[bounds[k]:bounds[k + 1]], the first inflated
        bytes of the member at starts[k]; empty if none inflate.
        gate: see `gate_of`. far: see `far_codes`. most: longest body that is read.
        below: of gated records, those whose id `is_drawn` are read.
        final: nothing follows after `data`.
        table: int64 (m, 3), filled: where a stretch of such records ends that begins at starts[k] (`READ`:
        there is none; `NOT_YET`), how many they are, and the bytes that they inflate to.
        row: int64 (COLUMNS,), for our own use.
    """
    left = _MOST_REACH * len(data)
    for k in range(len(starts) - 1, -1, -1):
        table[k] = READ
        head = heads[bounds[k] : bounds[k + 1]]
        size = _gated_size(head, gate, far, most, below, row)
        left -= max(0, size)
        if size < 0 or left < 0:
            continue
        if k + 1 == len(starts):
            table[k, 0] = READ if final else NOT_YET
            continue
        proof = true_end(data, starts[k], starts[k + 1], size, final)
        if proof == PROVEN:
            following = heads[bounds[k + 1] : bounds[k + 2]]
            begins = is_version(following, 0) and read_header(following, 0, gate, row) > 0
            begins = begins and row[DECLARED] >= 0
            if begins:
                joins = table[k + 1, 0] > 0
                table[k, 0] = table[k + 1, 0] if joins else starts[k + 1]
                table[k, 1] = 1 + (table[k + 1, 1] if joins else 0)
                table[k, 2] = size + (table[k + 1, 2] if joins else 0)
            elif k + 2 == len(starts) and not final:
                table[k, 0] = NOT_YET
        elif proof == NOT_YET:
            table[k, 0] = NOT_YET


@uncounted_njit
def _gated_size(head: Bytes, gate: Gate, far: Which, most: int, below: U64, row: Offsets) -> int:
    """Return a record's bytes, inflated, if its header shows that it is gated; else -1."""
    if not is_version(head, 0):
        return -1
    body = read_header(head, 0, gate, row)
    if body < 0 or row[KIND] != GATED or row[DAMAGE] != SOUND or not 0 <= row[DECLARED] <= most:
        return -1
    size, uri, uri_end = body + row[DECLARED] + CLOSING_BYTES, row[URI], row[URI_END]
    value, end = _field(head, body, LANGUAGE)
    if uri == uri_end or not _are_far(head, value, end, far):
        return -1
    if below > _0:
        first, last = _field(head, body, RECORD_ID)
        if is_drawn(head, first, last, below):
            return -1
    return int(size)


@entry_njit
def judge_members(
    data: Bytes, starts: Offsets, heads: Bytes, bounds: Offsets, gate: Gate, final: bool, rows: Offsets,
    proofs: Offsets,
) -> None:  # fmt: skip
    """Read the headers of the members of WARC in view, and prove where requests and responses end.

    Args:
        data, starts, heads, bounds, gate, final: see `judge_heads`.
        rows: int64 (m, COLUMNS), filled: positions count in `heads`; BODY is -1 where no record has a sound
        header, and END is what the member inflates to.
        proofs: int64 (m,), filled: what `true_end` says of the member's end where the next one begins. It is
        `PROVEN` only if a record begins there.
    """
    left = _MOST_REACH * len(data)
    for k in range(len(starts) - 1, -1, -1):
        proofs[k], row = READ, rows[k]
        row[:] = 0
        at, stop = bounds[k], bounds[k + 1]
        head = heads[at:stop]
        body = read_header(head, 0, gate, row) if is_version(head, 0) else -1
        if body < 0 or row[DAMAGE] != SOUND or row[DECLARED] < 0:
            row[BODY] = -1
            continue
        row[START], row[BODY], row[END] = at, at + body, body + row[DECLARED] + CLOSING_BYTES
        row[URI], row[URI_END] = at + row[URI], at + row[URI_END]
        left -= int(row[END])
        if left < 0 or (row[KIND] != REQUEST and row[KIND] != RESPONSE):
            continue
        if k + 1 == len(starts):
            proofs[k] = READ if final else NOT_YET
            continue
        proofs[k] = true_end(data, starts[k], starts[k + 1], row[END], final)
        if proofs[k] == PROVEN and rows[k + 1, BODY] < 0:
            proofs[k] = NOT_YET if k + 2 == len(starts) and not final else READ

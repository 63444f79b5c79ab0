"""Reads WARC headers as bytes: one kernel takes the needed fields, and makes no Python object.

The syntax is that of ISO 28500 (WARC 0.17 to 1.1), read leniently: names in any case, lines ended by CRLF or
LF, folded lines.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import uncounted_njit
from presswatch_spark.html.tags import find
from presswatch_spark.model import Bytes, Offsets
from presswatch_spark.text.kernels import U64

# Columns of the table of records; positions count in the buffer. A record is [START, END), its text
# [BODY, BODY_END). THERE: where the bytes end that may be its text, be they declared or not.
START, END, BODY, BODY_END, URI, URI_END, KIND, STATUS, DECLARED, DAMAGE, THERE, COLUMNS = range(12)

# KIND. `GATED` is a conversion whose languages are not among those asked for; `OTHER` is no type of WARC.
CONVERSION, GATED, WARCINFO, RESPONSE, REQUEST, METADATA, OTHER, RESOURCE, REVISIT, CONTINUATION = range(10)

# DAMAGE: in what a record is not what its header says. `SOUGHT`: nothing proves that it is a record of its
# own, since it was found by looking for one; `INSIDE`: whole records stand in it that end where it does;
# `TWICE`: its header, sound otherwise, says twice what is said once. `warc_format` settles the last two.
SOUND, LENGTH, HEADER, VERSION, SOUGHT, INSIDE, TWICE = range(7)

MAX_HEADER_BYTES = 1 << 20
_SPACE, _TAB, LF, CR, _COMMA = 32, 9, 10, 13, 44
_LINE_FEED, COLON, _ZERO = np.uint8(LF), np.uint8(58), np.uint8(0)

_WARC = np.frombuffer(b"warc/", np.uint8)
_TYPE = np.frombuffer(b"warc-type", np.uint8)
_LENGTH = np.frombuffer(b"content-length", np.uint8)
_URI = np.frombuffer(b"warc-target-uri", np.uint8)
RECORD_ID = np.frombuffer(b"warc-record-id", np.uint8)
_DATE = np.frombuffer(b"warc-date", np.uint8)
_CONTENT_TYPE = np.frombuffer(b"content-type", np.uint8)
_BLOCK_DIGEST = np.frombuffer(b"warc-block-digest", np.uint8)
_PAYLOAD_DIGEST = np.frombuffer(b"warc-payload-digest", np.uint8)
_SHA1 = np.frombuffer(b"sha1", np.uint8)
LANGUAGE = np.frombuffer(b"warc-identified-content-language", np.uint8)
_CONVERSION = np.frombuffer(b"conversion", np.uint8)
_WARCINFO = np.frombuffer(b"warcinfo", np.uint8)
_RESPONSE = np.frombuffer(b"response", np.uint8)
_REQUEST = np.frombuffer(b"request", np.uint8)
_METADATA = np.frombuffer(b"metadata", np.uint8)
_RESOURCE = np.frombuffer(b"resource", np.uint8)
_REVISIT = np.frombuffer(b"revisit", np.uint8)
_CONTINUATION = np.frombuffer(b"continuation", np.uint8)

Gate = npt.NDArray[np.uint8]
Which = npt.NDArray[np.bool_]

# More than there are of any column that holds codes.
_CODES = 16


def table_of(*codes: int) -> Which:
    """Return a table that says of each code whether it is one of these. `np.isin` costs 40 µs a call."""
    table = np.zeros(_CODES, np.bool_)
    table[list(codes)] = True
    return table


def gate_of(languages: frozenset[str]) -> Gate:
    """Return language codes for the kernel: in lower case, each followed by a comma; empty: no gate."""
    return np.frombuffer("".join(f"{code.lower()}," for code in sorted(languages)).encode(), np.uint8)


@uncounted_njit
def same(data: Bytes, start: int, end: int, word: Bytes) -> bool:
    """Return True if data[start:end] is `word`, which is in lower case, in any case."""
    if end - start != len(word):
        return False
    for i in range(len(word)):
        c = data[start + i]
        if 65 <= c <= 90:
            c |= 32
        if c != word[i]:
            return False
    return True


@uncounted_njit
def is_version(data: Bytes, at: int) -> bool:
    """Return True if `WARC/` and a digit are at `at`."""
    return at + 6 <= len(data) and same(data, at, at + 5, _WARC) and 48 <= data[at + 5] <= 57


@uncounted_njit
def line_end(data: Bytes, at: int) -> Any:
    """Return the position of the next LF at or after `at`, -1 if there is none."""
    found = find(data, U64(at), U64(len(data)), _LINE_FEED)
    return np.int64(found) if found < U64(len(data)) else np.int64(-1)


@uncounted_njit
def first_of(data: Bytes, byte: np.uint8, first: int, last: int) -> Any:
    """Return the position of the next `byte` in [first, last); `last` or beyond if there is none."""
    # Room for the bytes that are looked at at once.
    return np.int64(find(data, U64(first), U64(min(last + 64, len(data))), byte))


@uncounted_njit
def _before_returns(data: Bytes, start: int, end: int) -> int:
    """Return `end` without the CRs before it: tools that take a WARC for text write CR CR LF."""
    while end > start and data[end - 1] == CR:
        end -= 1
    return end


@uncounted_njit
def _passes(data: Bytes, start: int, end: int, gate: Gate) -> bool:
    """Return True if one of the comma-separated codes in data[start:end] is in `gate`.

    Around a code there may be blanks, and line ends: a field may go on in the next line.
    """
    while start < end:
        stop = start
        while stop < end and data[stop] != _COMMA:
            stop += 1
        while start < stop and data[start] <= _SPACE:
            start += 1
        last = stop
        while last > start and data[last - 1] <= _SPACE:
            last -= 1
        code = 0
        while code < len(gate):
            code_end = code
            while gate[code_end] != _COMMA:
                code_end += 1
            if last > start and same(data, start, last, gate[code:code_end]):
                return True
            code = code_end + 1
        start = stop + 1
    return False


@uncounted_njit
def _number(data: Bytes, start: int, end: int) -> np.int64:
    if end <= start or end - start > 17:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(start, end):
        if not 48 <= data[i] <= 57:
            return np.int64(-1)
        value = value * 10 + np.int64(data[i] - 48)
    return value


@uncounted_njit
def _kind(data: Bytes, start: int, end: int) -> int:
    if same(data, start, end, _CONVERSION):
        return CONVERSION
    if same(data, start, end, _WARCINFO):
        return WARCINFO
    if same(data, start, end, _RESPONSE):
        return RESPONSE
    if same(data, start, end, _REQUEST):
        return REQUEST
    if same(data, start, end, _METADATA):
        return METADATA
    if same(data, start, end, _RESOURCE):
        return RESOURCE
    if same(data, start, end, _REVISIT):
        return REVISIT
    return CONTINUATION if same(data, start, end, _CONTINUATION) else OTHER


@uncounted_njit
def _once(data: Bytes, start: int, end: int, value: int) -> int:
    """Return a bit for a field that a header has once and that is not read here; 0 for any other.

    Some writers give several digests, each by another algorithm: only that by SHA-1 is asked about.
    """
    if same(data, start, end, RECORD_ID):
        return 16
    if same(data, start, end, _DATE):
        return 32
    if same(data, start, end, _CONTENT_TYPE):
        return 64
    if not same(data, value, min(value + 4, len(data)), _SHA1):
        return 0
    if same(data, start, end, _BLOCK_DIGEST):
        return 128
    return 256 if same(data, start, end, _PAYLOAD_DIGEST) else 0


@uncounted_njit
def read_header(data: Bytes, start: int, gate: Gate, row: Offsets) -> int:
    """Fill `row` from the header at `start`; return where the body begins, -1 if the header has no end.

    A header is damaged if a line is no field, holds two zero bytes in a row, or ends otherwise than the
    first: damage may have made one of two. Its URL is then not believed. A header that says twice what is
    said once may be such, too; but some writers do so, and the checksum decides (`TWICE`, see
    `warc_format`).
    """
    row[KIND], row[DECLARED], row[DAMAGE] = OTHER, -1, SOUND
    passes, damaged, zeroed, twice, seen = True, False, False, False, 0
    at = line_end(data, start) + 1
    limit = start + MAX_HEADER_BYTES
    returns = at - 1 - _before_returns(data, start, at - 1)
    while 0 < at < limit:
        end = line_end(data, at)
        if end < 0:
            return -1
        first, last = at, _before_returns(data, at, end)
        if end - last != returns:
            damaged = True
        if last == first:
            row[KIND] = GATED if row[KIND] == CONVERSION and not (passes or zeroed) else row[KIND]
            if damaged or zeroed:
                row[DAMAGE], row[URI], row[URI_END] = HEADER, 0, 0
            elif twice:
                row[DAMAGE] = TWICE
            return int(end + 1)
        while end + 1 < len(data) and (data[end + 1] == _SPACE or data[end + 1] == _TAB):
            end = line_end(data, end + 1)
            if end < 0:
                return -1
            last = _before_returns(data, first, end)
        if end + 1 >= len(data):
            return -1
        at = end + 1
        zero = first_of(data, _ZERO, first, last)
        zeroed = zeroed or (zero + 1 < last and data[zero + 1] == _ZERO)
        colon = first_of(data, COLON, first, last)
        if colon >= last:
            damaged = True
            continue
        first_char = data[first] | 32
        if first_char != 119 and first_char != 99:
            continue
        value = colon + 1
        while value < last and data[value] <= _SPACE:
            value += 1
        while last > value and data[last - 1] <= _SPACE:
            last -= 1
        field = 0
        if same(data, first, colon, _TYPE):
            field = 1
            row[KIND] = _kind(data, value, last)
        elif same(data, first, colon, _LENGTH):
            field = 2
            row[DECLARED] = _number(data, value, last)
        elif same(data, first, colon, _URI):
            field = 4
            bracketed = last - value > 1 and data[value] == 60 and data[last - 1] == 62
            row[URI], row[URI_END] = (value + 1, last - 1) if bracketed else (value, last)
            for i in range(value, last):
                # The line end behind it was damaged.
                damaged = damaged or data[i] == CR
        elif same(data, first, colon, LANGUAGE):
            field = 8
            passed_before = seen & field != 0 and passes
            passes = passed_before or len(gate) == 0 or value == last or _passes(data, value, last, gate)
        else:
            field = _once(data, first, colon, value)
        twice = twice or seen & field != 0
        seen |= field
    return -1

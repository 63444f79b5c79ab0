"""Notes the parts of a page that may contain embedded text: the content of scripts, values of attributes.

A part is three numbers: where its tag begins, where the part begins, and its end with its kind (a source and
a form) in the top bits.
"""

from typing import Any

import numpy as np

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.reading.html.tags import PARTS, find, next_attribute
from presswatch_spark.reading.text.kernels import U64, Bytes, Hashes, load8
from presswatch_spark.reading.text.vectors import (
    apart_bits_64,
    count_ones,
    equal_bits_64,
    gapped_bits_64,
    slashed_bits_64,
)

PART = 3
LEAST_BYTES = 21
"""Eleven words have at least so many bytes."""
NO_PARTS = np.empty(0, U64)
"""Where no parts of a page are noted."""

JSON_LD, SCRIPT, ATTRIBUTE, FEED, JSON, ANY_SOURCE = (U64(n << 60) for n in range(6))
"""Sources of embedded text, in the order of their documents."""
STRINGS, CODE, REFERENCED, MARKUP = (U64(n << 58) for n in range(4))
"""Forms of parts: data with strings, code with literals, text with references, markup."""
VALUE = ATTRIBUTE | REFERENCED
"""The kind of the value of an attribute."""
LONG, GAPPED, ESCAPED, MARKED, QUOTED, TEXT = (U64(1 << n) for n in range(6))
"""Features of strings: may have eleven words; has a blank or a character beyond ASCII; escapes; `&` or `<`;
quotes; may be more than a code."""
SOURCE_BITS, FORM_BITS, PLACE_BITS = U64(7 << 60), U64(3 << 58), U64((1 << 58) - 1)

_0, _1, _2, _3, _8, _9, _32, _40, _64, _65 = (U64(n) for n in (0, 1, 2, 3, 8, 9, 32, 40, 64, 65))
_SPACE, _BANG, _QUOTE, _AMP, _SLASH, _LT, _GT, _BRACKET, _BACKSLASH, _J, _BRACE = (
    np.uint8(ord(c)) for c in ' !"&/<>[\\j{'
)
_LEAST_APART, _LEAST, _PART = U64(10), U64(LEAST_BYTES), U64(PART)
_JSON, _LINKED, _HTTP = (U64(int.from_bytes(word, "little")) for word in (b"json", b"ld+", b"http"))
# The last bytes of the names of attributes that contain no text; first, of frequent ones.
_ADDRESSES = tuple(
    U64(int.from_bytes(name, "little")) for name in (b"ref=", b"src=", b"set=", b"url=", b"ass=", b"yle=")
)
_TEXTLESS = (b"sizes=", b" points=", b" values=", b"viewBox=", b"ansform=", b" d=")
_TEXTLESS_ENDS = tuple(U64(int.from_bytes(name, "little")) for name in _TEXTLESS)
_TEXTLESS_SHIFTS = tuple(U64(64 - 8 * len(name)) for name in _TEXTLESS)


@lean_njit
def bits_before(i: U64, end: U64) -> Any:
    """Return a bit for each of the 64 bytes from i that is before `end`."""
    return ~_0 if i + _64 <= end else ~_0 >> (_64 - (end - i))


@uncounted_njit
def look(data: Bytes, i: U64, end: U64) -> U64:
    """Return the features of a string, of which 65 bytes after its end are readable."""
    apart, gaps, escapes, codes, marks, quotes = _0, _0, _0, _0, _0, _0
    while i < end:
        bits = bits_before(i, end)
        apart += count_ones(apart_bits_64(data, i) & bits)
        gaps |= gapped_bits_64(data, i) & bits
        slashes = equal_bits_64(data, i, _BACKSLASH) & bits
        escapes |= slashes
        codes |= slashes & ~slashed_bits_64(data, i)
        marks |= (equal_bits_64(data, i, _AMP) | equal_bits_64(data, i, _LT)) & bits
        quotes |= equal_bits_64(data, i, _QUOTE) & bits
        i += _64
    features = LONG if apart >= _LEAST_APART else _0
    features |= GAPPED if gaps != _0 else _0
    features |= ESCAPED if escapes != _0 else _0
    features |= MARKED if marks != _0 else _0
    features |= QUOTED if quotes != _0 else _0
    return features | (TEXT if gaps | codes | marks | quotes != _0 else _0)


@lean_njit
def _note(w: Hashes, parts: Hashes, tag: U64, begin: U64, end: U64, kind: U64) -> None:
    n = w[PARTS] * _PART
    parts[n], parts[n + _1], parts[n + _2] = tag, begin, end | kind
    w[PARTS] += _1


@uncounted_njit
def _is_textless(page: Bytes, begin: U64, end: U64) -> Any:
    # Return True if the value of an attribute is too short, a code, an address, a style or such.
    if end + _65 <= U64(len(page)) and look(page, begin, end) & (LONG | TEXT) != LONG | TEXT:
        return True
    name = load8(page, begin - _9)
    for j in range(len(_TEXTLESS_ENDS)):
        if name >> _TEXTLESS_SHIFTS[j] == _TEXTLESS_ENDS[j]:
            return True
    while begin < end and page[begin] <= _SPACE:
        begin += _1
    return end < begin + _LEAST or page[begin] == _SLASH or load8(page, begin) << _32 >> _32 == _HTTP


@lean_njit
def note_value(w: Hashes, parts: Hashes, page: Bytes, tag: U64, begin: U64, end: U64) -> None:
    """Note the value of an attribute, if it may be text and `parts` has room: one for each `LEAST_BYTES`."""
    if len(parts) == 0 or end < begin + _LEAST or begin < _9:
        return
    if load8(page, begin - _9) >> _32 not in _ADDRESSES and not _is_textless(page, begin, end):
        _note(w, parts, tag, begin, end, VALUE)


@uncounted_njit
def note_values(w: Hashes, parts: Hashes, page: Bytes, tag: U64, i: U64, end: U64) -> None:
    """Note the values of the other attributes of a tag; those before i are noted."""
    while len(parts) != 0:
        name, _, value, stop, i = next_attribute(page, i, end)
        if name >= end or page[name] == _GT:
            break
        if stop < end:
            note_value(w, parts, page, tag, value, stop)


@uncounted_njit
def note_script(w: Hashes, parts: Hashes, data: Bytes, tag: U64, begin: U64, end: U64) -> None:
    """Note the content of a script, with the source and the form that its tag and its first byte show."""
    first = begin
    while first < end and data[first] <= _SPACE:
        first += _1
    if end < begin + _LEAST or end < first + _8:
        return
    kind, i = SCRIPT | CODE, find(data, tag, begin, _J)
    while i < begin and load8(data, i) << _32 >> _32 != _JSON:
        i = find(data, i + _1, begin, _J)
    if i < begin:
        kind = STRINGS | (JSON_LD if load8(data, i - _3) << _40 >> _40 == _LINKED else SCRIPT)
    if data[first] == _LT and data[first + _1] != _BANG:
        kind = SCRIPT | MARKUP
    elif data[first] in (_BRACE, _BRACKET):
        kind &= ~CODE
    _note(w, parts, tag, begin, end, kind)

"""The ends of comments and of raw text, where the tokenizer sees no markup (HTML Standard, 13.2.5)."""

from typing import Any

import numpy as np

from presswatch_spark.compiled import uncounted_njit
from presswatch_spark.html.tags import find, is_letter, name_at
from presswatch_spark.text.kernels import U64, Bytes, load8

SCRIPT = U64(int.from_bytes(b"script", "little"))
CDATA_BYTES = U64(9)

_0, _1, _2, _3, _4 = (U64(n) for n in (0, 1, 2, 3, 4))
_7 = U64(7)
# Enough of a tag to see whether its name is listed, and what ends it.
_NAME_ROOM = U64(20)
_CDATA = np.frombuffer(b"<![CDATA[", np.uint8)
NOTHING, DATA, ARTICLE = (np.uint8(bit) for bit in (0, 1, 2))
_ARTICLE_B, _CLEBODY = (U64(int.from_bytes(part, "little")) for part in (b"articleB", b'cleBody"'))
_SPACE, _B, _BRACE, _BRACKET = (np.uint8(ord(c)) for c in " B{[")
_BANG, _DASH, _SLASH, _LT, _GT, _CLOSE = (np.uint8(ord(c)) for c in "!-/<>]")


@uncounted_njit
def after_declaration(data: Bytes, i: np.uint64, end: np.uint64) -> Any:
    """Return the end of what begins with `<!` at i: a comment, a doctype, or a bogus comment."""
    if i + _4 > end or data[i + _2] != _DASH or data[i + _3] != _DASH:
        return find(data, i, end, _GT) + _1
    i += _4
    if i < end and data[i] == _GT:
        return i + _1
    if i + _1 < end and data[i] == _DASH and data[i + _1] == _GT:
        return i + _2
    while True:
        i = find(data, i, end, _DASH)
        if i + _2 >= end:
            return end + _1
        if data[i + _1] == _DASH:
            if data[i + _2] == _GT:
                return i + _3
            if data[i + _2] == _BANG and i + _3 < end and data[i + _3] == _GT:
                return i + _4
        i += _1


@uncounted_njit
def end_tag(data: Bytes, i: np.uint64, end: np.uint64, first: np.uint64, second: np.uint64) -> np.uint64:
    """Return where the end tag of a name begins, at or after i; `end` if nowhere."""
    while True:
        i = find(data, i, end, _LT)
        if i + _2 >= end:
            return end
        if data[i + _1] == _SLASH and is_letter(data[i + _2]):
            name, rest, after = name_at(data, i + _2, end)
            if name == first and rest == second and after < end:
                return i
        i += _1


@uncounted_njit
def script_end(data: Bytes, i: np.uint64, end: np.uint64) -> Any:
    """Return where the end tag of a script begins, at or after i; `end` if nowhere.

    Within `<!--` and `-->`, a script may hold another with its end tag (script data double escaped state).
    """
    escaped, nested = False, False
    while True:
        sign = find(data, i, end, _LT)
        if escaped:
            close = find(data, i, sign, _GT)
            if close < sign:
                dashes = data[close - _1] == _DASH and data[close - _2] == _DASH
                escaped, nested = not dashes, nested and not dashes
                i = close + _1
                continue
        if sign + _2 >= end:
            return end
        i = sign + _1
        if data[i] == _BANG:
            if not escaped and i + _2 < end and data[i + _1] == _DASH and data[i + _2] == _DASH:
                escaped = True
            continue
        closes = data[i] == _SLASH
        # Names may run into each other without end: no more is read than there is to see.
        stop = min(end, i + _NAME_ROOM)
        name, rest, after = name_at(data, i + _1 if closes else i, stop)
        if name != SCRIPT or rest != _0 or after >= stop:
            continue
        if closes and not nested:
            return sign
        nested = escaped and not closes


@uncounted_njit
def data_in(data: Bytes, i: np.uint64, stop: np.uint64) -> np.uint8:
    """Return what a script from i to `stop` holds: 0, or `DATA` if it begins as JSON does.

    `ARTICLE` is added if it names an `articleBody`, as schema.org calls an article's text.
    """
    while i < stop and data[i] <= _SPACE:
        i += _1
    if i >= stop or (data[i] != _BRACE and data[i] != _BRACKET):
        return NOTHING
    while True:
        # Its only capital is rarer than its other letters.
        i = find(data, i + _1, stop, _B)
        if i + _4 >= stop:
            return DATA
        if load8(data, i - _7) == _ARTICLE_B and load8(data, i - _3) == _CLEBODY:
            return DATA | ARTICLE


@uncounted_njit
def begins_cdata(data: Bytes, i: np.uint64, end: np.uint64) -> Any:
    """Whether a CDATA section begins at i; only SVG and MathML have them."""
    same = i + CDATA_BYTES <= end
    for j in range(CDATA_BYTES):
        same = same and data[i + U64(j)] == _CDATA[j]
    return same


@uncounted_njit
def cdata_end(data: Bytes, i: np.uint64, end: np.uint64) -> np.uint64:
    """Return where `]]>` begins, at or after i; `end` if nowhere."""
    while True:
        i = find(data, i, end, _GT)
        if i >= end or (data[i - _1] == _CLOSE and data[i - _2] == _CLOSE):
            return min(end, i - _2) if i < end else end
        i += _1

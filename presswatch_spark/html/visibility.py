"""Which words of a page are hidden, how tags separate words, and the text that comes of both.

From the first element that hides something until it ends, open elements are kept in a stack: their end tags
may be missing. All text is written, and the stretches of it that are hidden are noted as *cuts*: pairs of
places, four bytes each, from the end of the room downward. `finished` takes them out, and writes each
behind the visible text, with the words around it.
"""

from typing import Any

import numpy as np

from presswatch_spark.compiled import lean_njit, uncounted_njit
from presswatch_spark.html import tags
from presswatch_spark.html.styles import (
    BY_RULE,
    CONTENT_HIDDEN,
    DISPLAY_AT,
    DISPLAY_BITS,
    FLOATS,
    HIDDEN,
    INVISIBLE_RULE,
    OPEN_,
    PLACED,
    UNTIL_FOUND,
    VISIBILITY_AT,
    VISIBILITY_BITS,
)
from presswatch_spark.html.tags import HARD, NOTHING, SOFTLY
from presswatch_spark.html.workspace import (
    CUTS,
    DEEPEST,
    DROPPED_FROM,
    EDGE,
    KINDS,
    NAMES,
    OPEN,
    ROOTS_AROUND,
    START,
    STATE,
)
from presswatch_spark.text.kernels import U64, Bytes, Hashes
from presswatch_spark.text.vectors import copy_64

SEEN, INVISIBLE, ABSENT, NO_TEXT = range(4)
"""What becomes of text: the middle two are hidden; the last is left out."""
CUT_BYTES = 8
CONTEXT_WORDS, CONTEXT_BYTES = 16, 1024
"""The words around a hidden stretch, on each side, and the most bytes of them."""

_0, _1, _2, _3, _4, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 64))
_SPACE, _NEWLINE = np.uint8(32), np.uint8(10)
_NOWHERE = U64(0xFFFFFFFFFFFFFFFF)
_SEEN, _INVISIBLE, _ABSENT, _NO_TEXT = (U64(n) for n in range(4))
_NOTHING, _SOFTLY, _HARD = U64(NOTHING), U64(SOFTLY), U64(HARD)
_STATE, _START, _DROPPED_FROM, _EDGE, _CUTS, _OPEN, _ROOTS_AROUND, _NAMES, _KINDS = (
    U64(n) for n in (STATE, START, DROPPED_FROM, EDGE, CUTS, OPEN, ROOTS_AROUND, NAMES, KINDS)
)
_DEEPEST, _CUT = U64(DEEPEST), U64(CUT_BYTES)
(
    _P, _LI, _DD, _CELL, _ROW, _SECTION, _TABLE, _OPTION, _OPTGROUP, _A, _NOBR, _BUTTON, _LIST, _HEADING,
    _FORMATTING, _SCOPE, _SPECIAL, _FENCE, _VOID, _UNPUSHED, _CLOSES_P, _HIDES, _HIDES_IN_FOREIGN,
) = (
    U64(n) for n in (
        tags.P, tags.LI, tags.DD, tags.CELL, tags.ROW, tags.SECTION, tags.TABLE, tags.OPTION, tags.OPTGROUP,
        tags.A, tags.NOBR, tags.BUTTON, tags.LIST, tags.HEADING, tags.FORMATTING, tags.SCOPE, tags.SPECIAL,
        tags.FENCE, tags.VOID, tags.UNPUSHED, tags.CLOSES_P, tags.HIDES, tags.HIDES_IN_FOREIGN,
    )
)  # fmt: skip
_ENDS_SOMETHING = (
    _CLOSES_P | _DD | _LI | _CELL | _ROW | _SECTION | _A | _NOBR | _BUTTON | _HEADING | _OPTION | _OPTGROUP
)
_SUMMARY, _DETAILS, _DIALOG, _SCRIPT, _STYLE = (
    U64(int.from_bytes(name, "little")) for name in (b"summary", b"details", b"dialog", b"script", b"style")
)


@lean_njit
def separate(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64) -> Any:
    """Write a line end, if there is none, and nothing but the text begins here."""
    if k > at and (out[k - _1] > _SPACE or k == w[_EDGE]):
        out[k] = _NEWLINE
        k += _1
    return k


@uncounted_njit
def _cut(w: Hashes, out: Bytes, start: np.uint64, end: np.uint64) -> None:
    """Note a stretch of the text."""
    w[_CUTS] += _1
    p = U64(len(out)) - w[_CUTS] * _CUT
    for _ in range(4):
        out[p], out[p + _4] = np.uint8(start), np.uint8(end)
        start, end = start >> U64(8), end >> U64(8)
        p += _1


@lean_njit
def _cut_at(out: Bytes, p: np.uint64) -> Any:
    return (
        U64(out[p]) | U64(out[p + _1]) << U64(8) | U64(out[p + _2]) << U64(16) | U64(out[p + _3]) << U64(24)
    )


@uncounted_njit
def separate_as(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, how: np.uint64) -> Any:
    """Separate words HARD, or SOFTLY: by a line end that is hidden, so that both readings are in the text."""
    if how == _HARD:
        k = separate(w, out, at, k)
    elif how == _SOFTLY and k > at and out[k - _1] > _SPACE:
        out[k] = _NEWLINE
        k += _1
        if w[_STATE] == _SEEN:
            w[_EDGE] = k
            _cut(w, out, k - _1 - at, k - at)
    return k


@uncounted_njit
def _keep_separator(w: Hashes, out: Bytes, at: np.uint64, start: np.uint64) -> None:
    """Let a soft separator right before hidden words be seen: without these, words are separate, too."""
    if w[_CUTS] != _0 and start > at and out[start - _1] == _NEWLINE:
        p = U64(len(out)) - w[_CUTS] * _CUT
        if _cut_at(out, p) + _1 == start - at and _cut_at(out, p + _4) == start - at:
            w[_CUTS] -= _1


@uncounted_njit
def set_state(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, state: np.uint64) -> Any:
    """Change what becomes of text from here on; return where it goes on."""
    before = w[_STATE]
    if before == _NO_TEXT and state != _NO_TEXT:
        k = w[_DROPPED_FROM]
    if state == _NO_TEXT and before != _NO_TEXT:
        w[_DROPPED_FROM] = k
    if before == _SEEN and state != _SEEN:
        w[_START] = k
    elif before != _SEEN and state == _SEEN and k > w[_START]:
        _keep_separator(w, out, at, w[_START])
        w[_EDGE] = k
        _cut(w, out, w[_START] - at, k - at)
    w[_STATE] = state
    return k


@uncounted_njit
def pop_to(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, size: np.uint64) -> Any:
    """End the open elements from number `size` on."""
    while w[_OPEN] > size:
        w[_OPEN] -= _1
        kind = w[_KINDS + w[_OPEN]]
        k = set_state(w, out, at, k, kind >> _AROUND_AT & _3)
        k = separate_as(w, out, at, k, kind >> _SEPARATION_AT & _3)
    return k


# Above an element's own bits: how its tags separate, what becomes of text around it, of its own, is it flex.
_SEPARATION_AT, _AROUND_AT, _OWN_AT, _FLEX_AT = U64(40), U64(42), U64(44), U64(46)


@uncounted_njit
def _last(w: Hashes, ended: np.uint64, barrier: np.uint64) -> tuple[np.uint64, Any]:
    """Return the outermost open element with a bit of `ended`, and whether no `barrier` is around it."""
    j, last = w[_OPEN], _NOWHERE
    while j > _0:
        j -= _1
        kind = w[_KINDS + j]
        if kind & ended:
            last = j
        elif kind & barrier:
            return last, False
    return last, True


@uncounted_njit
def imply_ends(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, kind: np.uint64) -> Any:
    """End the elements that a start tag ends."""
    if w[_OPEN] == _0 or not kind & _ENDS_SOMETHING:
        return k
    if kind & _CLOSES_P:
        last, _ = _last(w, _P, _SCOPE | _BUTTON)
        k = pop_to(w, out, at, k, last)
    last, cells = _NOWHERE, False
    if kind & (_LI | _DD):
        last, _ = _last(w, kind & (_LI | _DD), _FENCE)
    elif kind & _CELL:
        last, cells = _last(w, _CELL, _TABLE | _SECTION | _ROW)
    elif kind & _ROW:
        last, cells = _last(w, _CELL | _ROW, _TABLE | _SECTION)
    elif kind & _SECTION:
        last, cells = _last(w, _CELL | _ROW | _SECTION, _TABLE)
    elif kind & (_A | _NOBR | _BUTTON):
        last, _ = _last(w, kind & (_A | _NOBR | _BUTTON), _SCOPE)
    k = pop_to(w, out, at, k, _0 if cells else last)
    for group in (_HEADING, _OPTION, _OPTGROUP):
        starts = kind & group or (group == _OPTION and kind & _OPTGROUP)
        if starts and w[_OPEN] != _0 and w[_KINDS + w[_OPEN] - _1] & group:
            k = pop_to(w, out, at, k, w[_OPEN] - _1)
    return k


@uncounted_njit
def end_element(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, name: np.uint64, kind: np.uint64) -> Any:
    """End the element that an end tag names, and all in it; what hides ends with what is around it."""
    if kind & (_CELL | _ROW | _SECTION) or (kind & _TABLE and name == _TABLE_NAME):
        barrier = _TABLE
    elif kind & (_SPECIAL | _FORMATTING):
        barrier = _SCOPE | (_LIST if kind & _LI else _BUTTON if kind & _P else _0)
    else:
        barrier = _SPECIAL
    special, j = False, w[_OPEN]
    while j > _0:
        j -= _1
        other = w[_KINDS + j]
        if w[_NAMES + j] == name or (kind & _HEADING and other & _HEADING):
            if not kind & _FORMATTING or not special or j == _0:
                return pop_to(w, out, at, k, j)
            return separate_as(w, out, at, k, kind & _3)
        if other & barrier:
            return separate_as(w, out, at, k, kind & _3)
        special = special or other & _SPECIAL != _0
    if not (kind & _UNPUSHED or (special and kind & (_FORMATTING | _P))):
        k = pop_to(w, out, at, k, _0)
    return separate_as(w, out, at, k, kind & _3)


_TABLE_NAME = U64(int.from_bytes(b"table", "little"))


@uncounted_njit
def begin_element(
    w: Hashes,
    out: Bytes,
    at: np.uint64,
    k: np.uint64,
    name: np.uint64,
    kind: np.uint64,
    said: np.uint64,
    html: bool,
    empty: bool,
    roots: np.uint64,
) -> Any:
    """Begin an element; it is kept if it hides something, or is in one that does.

    `said`: see `styles.attributes`. `html`: it is no element of SVG or MathML. `empty`: it ends at once.
    `roots`: the open SVG and MathML around it.
    """
    k = imply_ends(w, out, at, k, kind)
    usual = kind & _3
    separation, around = usual, w[_STATE]
    display = (said & DISPLAY_BITS) >> DISPLAY_AT
    visibility = (said & VISIBILITY_BITS) >> VISIBILITY_AT
    is_flex = display >= U64(5)
    if not kind & _VOID:
        if (display in (_3, _4) or display == U64(6)) and not kind & _P:
            separation = _SOFTLY if usual != _NOTHING or display != _3 else _NOTHING
        if display in (_2, U64(5)) or said & (FLOATS | PLACED):
            separation = _HARD
    is_open = said & OPEN_ != _0
    absent = said & (_1 | HIDDEN) != _0 or (name == _DIALOG and not is_open)
    absent = display == _1 if display else absent
    own = around
    if around == _ABSENT and name == _SUMMARY and w[_OPEN] != _0 and w[_NAMES + w[_OPEN] - _1] == _DETAILS:
        own = w[_KINDS + w[_OPEN] - _1] >> _OWN_AT & _3
    in_flex = w[_OPEN] != _0 and w[_KINDS + w[_OPEN] - _1] >> _FLEX_AT != _0 and not kind & _VOID
    if own < _ABSENT and not kind & (_OPTION | _OPTGROUP):
        if absent or (said & (CONTENT_HIDDEN | UNTIL_FOUND) and (separation != _NOTHING or in_flex)):
            own = _ABSENT
        elif visibility == _1 or (said & BY_RULE & INVISIBLE_RULE and visibility != _2):
            own = _INVISIBLE
        elif visibility == _2:
            own = _SEEN
    inner = own
    if not html and name in (_SCRIPT, _STYLE):
        inner = _NO_TEXT
    elif kind & (_HIDES if html else _HIDES_IN_FOREIGN) or (name == _DETAILS and not is_open):
        inner = max(own, _ABSENT)
    if in_flex and (own == _SEEN or (own == _ABSENT and not absent)):
        separation = _HARD
    k = separate_as(w, out, at, k, separation)
    special = inner != around or separation != usual or is_flex
    pushed = (w[_OPEN] != _0 and not kind & _UNPUSHED) or (special and not kind & _VOID)
    if pushed and not empty and w[_OPEN] < _DEEPEST:
        if w[_OPEN] == _0:
            w[_ROOTS_AROUND] = roots
        w[_NAMES + w[_OPEN]] = name
        states = around << _AROUND_AT | own << _OWN_AT | U64(is_flex) << _FLEX_AT
        w[_KINDS + w[_OPEN]] = kind | separation << _SEPARATION_AT | states
        w[_OPEN] += _1
        k = set_state(w, out, at, k, inner)
    return k


@lean_njit
def _counts(byte: np.uint8) -> Any:
    """Whether a byte shows that it stands in a word, and not in a dash or a quotation mark."""
    lowered = byte | np.uint8(32)
    return (
        np.uint8(97) <= lowered <= np.uint8(122)
        or np.uint8(48) <= byte <= np.uint8(57)
        or (np.uint8(0xC3) <= byte <= np.uint8(0xED) and byte != np.uint8(0xE2))
    )


@uncounted_njit
def _before(text: Bytes, at: np.uint64, start: np.uint64) -> np.uint64:
    """Return where the words before a place begin."""
    i, words = start, 0
    limit = start - min(start - at, U64(CONTEXT_BYTES))
    while i > limit and words < CONTEXT_WORDS:
        while i > limit and text[i - _1] <= _SPACE:
            i -= _1
        counts = False
        while i > limit and text[i - _1] > _SPACE:
            i -= _1
            counts = counts or _counts(text[i])
        words += counts
    while i < start and text[i] & np.uint8(0xC0) == np.uint8(0x80):
        i += _1
    return i


@uncounted_njit
def _behind(text: Bytes, start: np.uint64, end: np.uint64) -> np.uint64:
    """Return where the words behind a place end."""
    i, words = start, 0
    limit = start + min(end - start, U64(CONTEXT_BYTES))
    while i < limit and words < CONTEXT_WORDS:
        while i < limit and text[i] <= _SPACE:
            i += _1
        counts = False
        while i < limit and text[i] > _SPACE:
            counts = counts or _counts(text[i])
            i += _1
        words += counts
    while start < i < end and text[i] & np.uint8(0xC0) == np.uint8(0x80):
        i -= _1
    return i


@lean_njit
def _move(out: Bytes, i: np.uint64, end: np.uint64, k: np.uint64) -> Any:
    """Copy `out[i:end]` to k, which is before i or far behind it."""
    while i + _64 <= end:
        copy_64(out, i, out, k)
        i, k = i + _64, k + _64
    while i < end:
        out[k] = out[i]
        i, k = i + _1, k + _1
    return k


@lean_njit
def _has_words(out: Bytes, i: np.uint64, end: np.uint64) -> Any:
    while i < end:
        if out[i] > _SPACE:
            return True
        i += _1
    return False


@uncounted_njit
def finished(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64) -> np.uint64:
    """Put what is hidden behind what is seen, with the words around it; return where the text ends."""
    k = set_state(w, out, at, k, _SEEN)
    if w[_CUTS] == _0:
        return k
    room, end = U64(len(out)), k
    # The passages are written behind the text, and moved when there is room.
    begin, stop, tail, passages = _0, _0, end + _1, False
    for number in range(w[_CUTS]):
        p = room - (U64(number) + _1) * _CUT
        cut, cut_end = at + _cut_at(out, p), at + _cut_at(out, p + _4)
        glued = cut > at and cut_end < end and out[cut - _1] > _SPACE and out[cut_end] > _SPACE
        if not (glued or _has_words(out, cut, cut_end)):
            continue
        first = _before(out, at, cut)
        if not passages or first > stop:
            if passages:
                tail = _passage(out, begin, stop, tail, end + _1)
            begin, passages = first, True
        stop = _behind(out, cut_end, end)
    if passages:
        tail = _passage(out, begin, stop, tail, end + _1)
    k, i = at, at
    for number in range(w[_CUTS]):
        p = room - (U64(number) + _1) * _CUT
        k = _move(out, i, at + _cut_at(out, p), k)
        i = at + _cut_at(out, p + _4)
    k = _move(out, i, end, k)
    if passages:
        if k > at and out[k - _1] > _SPACE:
            out[k] = _NEWLINE
            k += _1
        k = _move(out, end + _1, tail, k)
    return k


@uncounted_njit
def _passage(out: Bytes, begin: np.uint64, stop: np.uint64, tail: np.uint64, first: np.uint64) -> Any:
    if tail > first and out[tail - _1] > _SPACE:
        out[tail] = _NEWLINE
        tail += _1
    return _move(out, begin, stop, tail)

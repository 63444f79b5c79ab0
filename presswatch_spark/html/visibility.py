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
    DORMANT,
    DROPPED_FROM,
    EDGE,
    IN_FORM,
    KINDS,
    NAMES,
    OPEN,
    REVIVED,
    ROOTS_AROUND,
    START,
    STATE,
    TEXT_AT,
)
from presswatch_spark.text.kernels import U64, Bytes, Hashes
from presswatch_spark.text.vectors import copy_64

SEEN, INVISIBLE, ABSENT, NO_TEXT = range(4)
"""What becomes of text: the middle two are hidden; the last is left out."""
CUT_BYTES = 8
MOST_DORMANT, MOST_REVIVED = 16, 256
"""The most formatting elements that may begin again, at a time and on a page; each may take 20 bytes."""
CONTEXT_WORDS, CONTEXT_BYTES = 16, 1024
"""The words around a hidden stretch, on each side, and the most bytes of them."""

_0, _1, _2, _3, _4, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 64))
_SPACE, _NEWLINE = np.uint8(32), np.uint8(10)
_NOWHERE = U64(0xFFFFFFFFFFFFFFFF)
_SEEN, _INVISIBLE, _ABSENT, _NO_TEXT = (U64(n) for n in range(4))
_NOTHING, _SOFTLY, _HARD = U64(NOTHING), U64(SOFTLY), U64(HARD)
(
    _STATE, _START, _DROPPED_FROM, _EDGE, _CUTS, _OPEN, _ROOTS_AROUND, _IN_FORM, _DORMANT, _REVIVED, _TEXT_AT,
    _NAMES, _KINDS,
) = (
    U64(n) for n in (
        STATE, START, DROPPED_FROM, EDGE, CUTS, OPEN, ROOTS_AROUND, IN_FORM, DORMANT, REVIVED, TEXT_AT, NAMES,
        KINDS,
    )
)  # fmt: skip
_DEEPEST, _CUT = U64(DEEPEST), U64(CUT_BYTES)
(
    _P, _LI, _DD, _CELL, _ROW, _SECTION, _TABLE, _OPTION, _OPTGROUP, _A, _NOBR, _BUTTON, _LIST, _HEADING,
    _FORM, _FORMATTING, _SCOPE, _SPECIAL, _FENCE, _VOID, _UNPUSHED, _CLOSES_P, _HIDES, _HIDES_IN_FOREIGN,
) = (
    U64(n) for n in (
        tags.P, tags.LI, tags.DD, tags.CELL, tags.ROW, tags.SECTION, tags.TABLE, tags.OPTION, tags.OPTGROUP,
        tags.A, tags.NOBR, tags.BUTTON, tags.LIST, tags.HEADING, tags.FORM, tags.FORMATTING, tags.SCOPE,
        tags.SPECIAL, tags.FENCE, tags.VOID, tags.UNPUSHED, tags.CLOSES_P, tags.HIDES, tags.HIDES_IN_FOREIGN,
    )
)  # fmt: skip
_ENDS_SOMETHING = (
    _CLOSES_P | _DD | _LI | _CELL | _ROW | _SECTION | _A | _NOBR | _BUTTON | _HEADING | _OPTION | _OPTGROUP
)
_MAY_HIDE = _HIDES | U64(tags.HIDES_UNLESS_OPEN)
_ENDS_WITHOUT_TAG = _P | _LI | _DD | _OPTION | _OPTGROUP
_SUMMARY, _DETAILS, _DIALOG, _SCRIPT, _STYLE, _SLOT = (
    U64(int.from_bytes(name, "little"))
    for name in (b"summary", b"details", b"dialog", b"script", b"style", b"slot")
)
# Blocks, whatever their style is; and void elements that have a box of their own in a flex box.
_BLOCKS = tuple(U64(int.from_bytes(name, "little")) for name in (b"dialog", b"legend"))
_BOXES = tuple(U64(int.from_bytes(name, "little")) for name in (b"image", b"img", b"input"))


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
        w[_DORMANT] -= U64(kind & _IS_DORMANT != _0)
        k = _pass_border(w, out, at, k, kind >> _AROUND_AT & _3, kind >> _SEPARATION_AT & _3)
    return k


@uncounted_njit
def _pass_border(
    w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, state: np.uint64, separation: np.uint64
) -> Any:
    """Separate words where an element begins or ends, on the side that is more visible; change the state."""
    if w[_STATE] < state:
        return set_state(w, out, at, separate_as(w, out, at, k, separation), state)
    if w[_STATE] != state:
        k = set_state(w, out, at, k, state)
    return separate_as(w, out, at, k, separation)


# Above an element's own bits: how its tags separate, what becomes of text around it, of its own, is it flex;
# and what its attributes alone ask for: how its tags separate, and a state (`NO_TEXT`: none).
_SEPARATION_AT, _AROUND_AT, _OWN_AT, _FLEX_AT = U64(40), U64(42), U64(44), U64(46)
_STYLED_AT, _ASKED_AT = U64(48), U64(50)


@uncounted_njit
def is_in_flex(w: Hashes) -> Any:
    """Whether the innermost open element is a flex or grid box."""
    return w[_OPEN] != _0 and w[_KINDS + w[_OPEN] - _1] >> _FLEX_AT & _1 != _0


@uncounted_njit
def _push(
    w: Hashes,
    out: Bytes,
    at: np.uint64,
    k: np.uint64,
    name: np.uint64,
    bits: np.uint64,
    separation: np.uint64,
    own: np.uint64,
    inner: np.uint64,
) -> Any:
    """Separate words where an element begins, and keep it if it hides something, or is in one that does."""
    around = w[_STATE]
    special = inner != around or separation != bits & _3 or bits >> _FLEX_AT & _1 != _0
    pushed = (w[_OPEN] != _0 and not bits & _UNPUSHED) or (special and not bits & _VOID)
    if pushed and w[_OPEN] < _DEEPEST:
        w[_NAMES + w[_OPEN]] = name
        w[_KINDS + w[_OPEN]] = bits | separation << _SEPARATION_AT | around << _AROUND_AT | own << _OWN_AT
        w[_OPEN] += _1
        return _pass_border(w, out, at, k, inner, separation)
    return separate_as(w, out, at, k, separation)


@uncounted_njit
def _end_from(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, size: np.uint64) -> Any:
    """End an open element and those in it, of which formatting ones become dormant."""
    end = w[_OPEN]
    k = pop_to(w, out, at, k, size)
    if w[_KINDS + size] & _SCOPE == _0:
        _keep_formatting(w, size + _1, end)
    return k


@uncounted_njit
def _keep_formatting(w: Hashes, i: np.uint64, end: np.uint64) -> None:
    """Keep formatting elements among the ended ones i to `end`, up to a scope: text begins them again.

    HTML lists them as *active formatting elements* (13.2.4.3). Here they stay among the open ones, dormant.
    """
    while i < end and w[_KINDS + i] & _SCOPE == _0 and w[_DORMANT] < _MOST_DORMANT:
        bits = w[_KINDS + i]
        if bits & _FORMATTING and (w[_OPEN] != _0 or bits & _BY_ATTRIBUTES != _NO_TEXT << _ASKED_AT):
            w[_NAMES + w[_OPEN]] = w[_NAMES + i]
            state = w[_STATE]
            w[_KINDS + w[_OPEN]] = bits & _OF_TAG | _IS_DORMANT | state << _AROUND_AT | state << _OWN_AT
            w[_OPEN] += _1
            w[_DORMANT] += _1
        i += _1


@uncounted_njit
def _remove(w: Hashes, j: np.uint64) -> None:
    """Forget an open element, and keep those in it."""
    w[_DORMANT] -= U64(w[_KINDS + j] & _IS_DORMANT != _0)
    w[_OPEN] -= _1
    while j < w[_OPEN]:
        w[_NAMES + j], w[_KINDS + j] = w[_NAMES + j + _1], w[_KINDS + j + _1]
        j += _1


@uncounted_njit
def revive(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, kind: np.uint64) -> Any:
    """Begin dormant elements again, before the text since the last tag and a start tag of a kind."""
    j, text, end = w[_OPEN], w[_TEXT_AT], w[_OPEN]
    while j > _0 and w[_KINDS + j - _1] & _SCOPE == _0:
        j -= _1
    for _ in range(j, end):
        name, bits = w[_NAMES + j], w[_KINDS + j]
        if not bits & _IS_DORMANT:
            j += _1
            continue
        _remove(w, j)
        if w[_REVIVED] == _MOST_REVIVED or (text == k and bits & kind & (_A | _NOBR)):
            continue
        w[_REVIVED] += _1
        state, asked = w[_STATE], bits >> _ASKED_AT & _3
        own = asked if state < _ABSENT and asked != _NO_TEXT else state
        separation = _HARD if is_in_flex(w) and own == _SEEN else bits >> _STYLED_AT & _3
        length = k - text
        writes = separation != _NOTHING and text > at and out[text - _1] > _SPACE
        if writes or (separation == _HARD and text > at and text == w[_EDGE]):
            # Room for the line end, before the text.
            while k > text:
                out[k] = out[k - _1]
                k -= _1
        text = _push(w, out, at, text, name, bits & _OF_TAG, separation, own, own)
        k = text + length
    return k


_IS_DORMANT, _BY_ATTRIBUTES = _1 << U64(52), _1 << _FLEX_AT | U64(15) << _STYLED_AT
_OF_TAG = (_1 << _SEPARATION_AT) - _1 | _BY_ATTRIBUTES
_MOST_DORMANT, _MOST_REVIVED = U64(MOST_DORMANT), U64(MOST_REVIVED)


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
        if last != _NOWHERE:
            k = _end_from(w, out, at, k, last)
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
    if cells:
        k = pop_to(w, out, at, k, _0)
    elif last != _NOWHERE:
        k = _end_from(w, out, at, k, last)
    for group in (_HEADING, _OPTION, _OPTGROUP):
        starts = kind & group or (group == _OPTION and kind & _OPTGROUP)
        if starts and w[_OPEN] != _0 and w[_KINDS + w[_OPEN] - _1] & group:
            k = pop_to(w, out, at, k, w[_OPEN] - _1)
    return k


@uncounted_njit
def end_element(w: Hashes, out: Bytes, at: np.uint64, k: np.uint64, name: np.uint64, kind: np.uint64) -> Any:
    """End the element that an end tag names, and all in it; what hides ends with what is around it."""
    if kind & _FORM:
        w[_IN_FORM] = _0
    if w[_OPEN] == _0:
        return separate_as(w, out, at, k, kind & _3)
    if kind & (_CELL | _ROW | _SECTION) or (kind & _TABLE and name == _TABLE_NAME):
        barrier = _TABLE
    elif kind & (_SPECIAL | _FORMATTING | _CLOSES_P):
        barrier = _SCOPE | (_LIST if kind & _LI else _BUTTON if kind & _P else _0)
    else:
        barrier = _SPECIAL
    special, implied, j = False, True, w[_OPEN]
    while j > _0:
        j -= _1
        other = w[_KINDS + j]
        if w[_NAMES + j] == name or (kind & _HEADING and other & _HEADING):
            if other & _IS_DORMANT:
                _remove(w, j)
            elif kind & _FORM and not implied:
                around, kept = other & _3 << _AROUND_AT, ~(_3 << _AROUND_AT | _3 << _SEPARATION_AT)
                w[_KINDS + j + _1] = w[_KINDS + j + _1] & kept | around | _HARD << _SEPARATION_AT
                _remove(w, j)
            elif not kind & _FORMATTING or not special or j == _0:
                k = _end_from(w, out, at, k, j)
                # A block in a formatting element goes on behind it.
                return separate(w, out, at, k) if kind & _FORMATTING and special else k
            return separate_as(w, out, at, k, kind & _3)
        if other & barrier:
            return separate_as(w, out, at, k, kind & _3)
        special = special or other & _SPECIAL != _0
        implied = implied and (other & _SPECIAL == _0 or other & _ENDS_WITHOUT_TAG != _0)
    if kind & _FORM:
        while w[_OPEN] != _0 and w[_KINDS + w[_OPEN] - _1] & _ENDS_WITHOUT_TAG:
            k = pop_to(w, out, at, k, w[_OPEN] - _1)
    elif not (kind & _UNPUSHED or (special and kind & (_FORMATTING | _P))):
        end = w[_OPEN]
        k = separate_as(w, out, at, pop_to(w, out, at, k, _0), kind & _3)
        if kind & (_SCOPE | _ROW | _SECTION) == _0:
            _keep_formatting(w, _0, end)
        return k
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
    if kind & _FORM and html:
        if w[_IN_FORM] != _0:
            # HTML ignores a form in a form.
            return separate_as(w, out, at, k, _SOFTLY)
        w[_IN_FORM] = _1
    k = imply_ends(w, out, at, k, kind)
    usual = kind & _3
    separation, around = usual, w[_STATE]
    if said == _0 and html and not kind & _MAY_HIDE and name != _SUMMARY and not is_in_flex(w):
        if w[_OPEN] != _0 and not kind & _UNPUSHED and not empty and w[_OPEN] < _DEEPEST:
            states = around << _AROUND_AT | around << _OWN_AT | _NO_TEXT << _ASKED_AT
            w[_NAMES + w[_OPEN]] = name
            w[_KINDS + w[_OPEN]] = kind | usual << _SEPARATION_AT | usual << _STYLED_AT | states
            w[_OPEN] += _1
        return separate_as(w, out, at, k, usual)
    display = (said & DISPLAY_BITS) >> DISPLAY_AT
    visibility = (said & VISIBILITY_BITS) >> VISIBILITY_AT
    contents = display == U64(9) or (name == _SLOT and display == _0)
    if not kind & _VOID:
        if display in (_3, _4, U64(6), U64(8), U64(9)) and not (kind & (_P | _OPTION) or name in _BLOCKS):
            separation = _SOFTLY if usual != _NOTHING or display not in (_3, U64(9)) else _NOTHING
        if display in (_2, U64(5), U64(7)) or said & (FLOATS | PLACED):
            separation = _HARD
    is_open = said & OPEN_ != _0
    absent = said & (_1 | HIDDEN) != _0 or (name == _DIALOG and not is_open)
    absent = display == _1 if display else absent
    own = around
    if around == _ABSENT and name == _SUMMARY and w[_OPEN] != _0 and w[_NAMES + w[_OPEN] - _1] == _DETAILS:
        own = w[_KINDS + w[_OPEN] - _1] >> _OWN_AT & _3
    in_flex = is_in_flex(w)
    is_flex = display in (U64(5), U64(6)) or (contents and in_flex)
    is_item = in_flex and not contents and (not kind & _VOID or name in _BOXES)
    asked = _NO_TEXT
    if not kind & (_OPTION | _OPTGROUP):
        # Where no box is, and in tables, content is not left out.
        has_box = (separation != _NOTHING or is_item) and not kind & (_ROW | _SECTION | _TABLE)
        if absent or (said & (CONTENT_HIDDEN | UNTIL_FOUND) and has_box and display < U64(7)):
            asked = _ABSENT
        elif visibility == _1 or (said & BY_RULE & INVISIBLE_RULE and visibility != _2):
            asked = _INVISIBLE
        elif visibility == _2:
            asked = _SEEN
    if own < _ABSENT and asked != _NO_TEXT:
        own = asked
    inner = own
    if not html and name in (_SCRIPT, _STYLE):
        inner = _NO_TEXT
    elif kind & (_HIDES if html else _HIDES_IN_FOREIGN) or (name == _DETAILS and not is_open):
        inner = max(own, _ABSENT)
    bits = kind | U64(is_flex) << _FLEX_AT | separation << _STYLED_AT | asked << _ASKED_AT
    if is_item and (own == _SEEN or (own == _ABSENT and not absent)):
        separation = _HARD
    if empty:
        return separate_as(w, out, at, k, separation)
    if w[_OPEN] == _0:
        w[_ROOTS_AROUND] = roots
    return _push(w, out, at, k, name, bits, separation, own, inner)


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

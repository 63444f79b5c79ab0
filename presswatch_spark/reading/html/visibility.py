"""Finds the hidden words of a page, separates words at tags, and arranges the final text.

From the first element that hides something until it ends, open elements are kept in a stack, since end tags
may be missing. All text is written to `out`; its hidden ranges are noted as *cuts*: pairs of offsets, four
bytes each, from the end of `out` downward. `finished` moves hidden text and the words around it to the end.

In these kernels, `w` is the page's workspace (its places are in `tags`), `out` the text, and `k` the end of
what is written so far: kernels that may write return the new end.
"""

from typing import Any

import numpy as np

from presswatch_spark.core.compiled import lean_njit, uncounted_njit

from presswatch_spark.reading.html.styles import (  # isort: skip
    BY_RULE, CONTENT_HIDDEN, DISPLAY_AT, DISPLAY_BITS, DISPLAY_BLOCK, DISPLAY_CONTENTS, DISPLAY_FLEX,
    DISPLAY_INLINE, DISPLAY_INLINE_BLOCK, DISPLAY_INLINE_FLEX, DISPLAY_INLINE_TABLE, DISPLAY_NONE,
    DISPLAY_TABLE, FLOATS, HIDDEN, INVISIBLE_RULE, OPEN_, PLACED, UNTIL_FOUND, VISIBILITY_AT,
    VISIBILITY_BITS, VISIBILITY_HIDDEN, VISIBILITY_VISIBLE,
)  # fmt: skip

from presswatch_spark.reading.html.tags import (  # isort: skip
    A, BUTTON, CELL, CLOSES_P, CUTS, DD, DEEPEST, DORMANT, DROPPED_FROM, EDGE, FENCE, FORM, FORMATTING,
    HARD, HEADING, HIDES, HIDES_IN_FOREIGN, HIDES_UNLESS_OPEN, IN_FORM, KINDS, LI, LIST, NAMES, NOBR,
    NOTHING, OPEN, OPTGROUP, OPTION, P, REVIVED, ROOTS_AROUND, ROW, SCOPE, SECTION, SOFTLY, SPECIAL,
    START, STATE, TABLE, TEXT_AT, UNPUSHED, VOID, after_controls, moved, packed,
)  # fmt: skip
from presswatch_spark.reading.text.word_kernels import U64, Bytes, Hashes

SEEN, INVISIBLE, ABSENT, NO_TEXT = (U64(n) for n in range(4))
"""States of text: shown; hidden in two ways; left out."""
CUT_BYTES = 8
MOST_DORMANT, MOST_REVIVED = 16, 256
"""The most formatting elements that wait to begin again, and that do so on a page; each may take 20 bytes."""
CONTEXT_WORDS, CONTEXT_BYTES = 16, 1024
"""The words on each side that are kept with a hidden range, and their most bytes."""

_0, _1, _2, _3, _4, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 64))
_SPACE, _NEWLINE = np.uint8(32), np.uint8(10)
_NOWHERE = U64(0xFFFFFFFFFFFFFFFF)
_DEEPEST, _CUT, _CONTEXT = U64(DEEPEST), U64(CUT_BYTES), U64(CONTEXT_BYTES)
_ENDS_SOMETHING = CLOSES_P | DD | LI | CELL | ROW | SECTION | A | NOBR | BUTTON | HEADING | OPTION | OPTGROUP
_MAY_HIDE = HIDES | HIDES_UNLESS_OPEN
_ENDS_WITHOUT_TAG = P | LI | DD | OPTION | OPTGROUP
_SUMMARY, _DETAILS, _DIALOG, _SCRIPT, _STYLE, _SLOT = map(
    packed, ("summary", "details", "dialog", "script", "style", "slot")
)
# Elements that are blocks in any style, and void elements that are boxes of their own in a flex box.
_BLOCKS = tuple(map(packed, ("dialog", "legend")))
_BOXES = tuple(map(packed, ("image", "img", "input")))
_INLINE_DISPLAYS = (
    DISPLAY_INLINE, DISPLAY_INLINE_BLOCK, DISPLAY_INLINE_FLEX, DISPLAY_INLINE_TABLE, DISPLAY_CONTENTS,
)  # fmt: skip


@lean_njit
def separate(w: Hashes, out: Bytes, k: U64) -> Any:
    """Write a line end, unless there is one or the text begins here."""
    if k > _0 and (out[k - _1] > _SPACE or k == w[EDGE]):
        out[k] = _NEWLINE
        k += _1
    return k


@uncounted_njit
def _cut(w: Hashes, out: Bytes, start: U64, end: U64) -> None:
    w[CUTS] += _1
    p = U64(len(out)) - w[CUTS] * _CUT
    for _ in range(4):
        out[p], out[p + _4] = np.uint8(start), np.uint8(end)
        start, end = start >> U64(8), end >> U64(8)
        p += _1


@lean_njit
def _cut_at(out: Bytes, p: U64) -> Any:
    return (
        U64(out[p]) | U64(out[p + _1]) << U64(8) | U64(out[p + _2]) << U64(16) | U64(out[p + _3]) << U64(24)
    )


@uncounted_njit
def separate_as(w: Hashes, out: Bytes, k: U64, how: U64) -> Any:
    """Separate words HARD, or SOFTLY: by a line end that is hidden, so that both readings are in the text."""
    if how == HARD:
        k = separate(w, out, k)
    elif how == SOFTLY and k > _0 and out[k - _1] > _SPACE:
        out[k] = _NEWLINE
        k += _1
        if w[STATE] == SEEN:
            w[EDGE] = k
            _cut(w, out, k - _1, k)
    return k


@uncounted_njit
def _keep_separator(w: Hashes, out: Bytes, start: U64) -> None:
    # Make a soft separator right before hidden words visible: the words before and after are separate.
    if w[CUTS] != _0 and start > _0 and out[start - _1] == _NEWLINE:
        p = U64(len(out)) - w[CUTS] * _CUT
        if _cut_at(out, p) + _1 == start and _cut_at(out, p + _4) == start:
            w[CUTS] -= _1


@uncounted_njit
def set_state(w: Hashes, out: Bytes, k: U64, state: U64) -> Any:
    """Change the state of text; return the place where it continues."""
    before = w[STATE]
    if before == NO_TEXT and state != NO_TEXT:
        k = w[DROPPED_FROM]
    if state == NO_TEXT and before != NO_TEXT:
        w[DROPPED_FROM] = k
    if before == SEEN and state != SEEN:
        w[START] = k
    elif before != SEEN and state == SEEN and k > w[START]:
        _keep_separator(w, out, w[START])
        w[EDGE] = k
        _cut(w, out, w[START], k)
    w[STATE] = state
    return k


@uncounted_njit
def pop_to(w: Hashes, out: Bytes, k: U64, size: U64) -> Any:
    """End the open elements from number `size` on."""
    while w[OPEN] > size:
        w[OPEN] -= _1
        kind = w[KINDS + w[OPEN]]
        w[DORMANT] -= U64(kind & _IS_DORMANT != _0)
        k = _separate_and_set(w, out, k, kind >> _AROUND_AT & _3, kind >> _SEPARATION_AT & _3)
    return k


@uncounted_njit
def _separate_and_set(w: Hashes, out: Bytes, k: U64, state: U64, separation: np.uint64) -> Any:
    # Words are separated on the side that is more visible.
    if w[STATE] < state:
        return set_state(w, out, separate_as(w, out, k, separation), state)
    if w[STATE] != state:
        k = set_state(w, out, k, state)
    return separate_as(w, out, k, separation)


# Bits above an element's kind: the separation by its tags, the states of the text around it and in it, 1 for
# a flex box; and from its attributes: a separation, and a state (`NO_TEXT`: none).
_SEPARATION_AT, _AROUND_AT, _OWN_AT, _FLEX_AT = U64(40), U64(42), U64(44), U64(46)
_STYLED_AT, _ASKED_AT = U64(48), U64(50)


@uncounted_njit
def is_in_flex(w: Hashes) -> Any:
    """Return True if the innermost open element is a flex or grid box."""
    return w[OPEN] != _0 and w[KINDS + w[OPEN] - _1] >> _FLEX_AT & _1 != _0


@uncounted_njit
def _push(
    w: Hashes,
    out: Bytes,
    k: U64,
    name: U64,
    bits: U64,
    separation: U64,
    own: U64,
    inner: U64,
) -> Any:
    around = w[STATE]
    special = inner != around or separation != bits & _3 or bits >> _FLEX_AT & _1 != _0
    pushed = (w[OPEN] != _0 and not bits & UNPUSHED) or (special and not bits & VOID)
    if pushed and w[OPEN] < _DEEPEST:
        w[NAMES + w[OPEN]] = name
        w[KINDS + w[OPEN]] = bits | separation << _SEPARATION_AT | around << _AROUND_AT | own << _OWN_AT
        w[OPEN] += _1
        return _separate_and_set(w, out, k, inner, separation)
    return separate_as(w, out, k, separation)


@uncounted_njit
def _end_from(w: Hashes, out: Bytes, k: U64, size: U64) -> Any:
    end = w[OPEN]
    k = pop_to(w, out, k, size)
    if w[KINDS + size] & SCOPE == _0:
        _keep_formatting(w, size + _1, end)
    return k


@uncounted_njit
def _keep_formatting(w: Hashes, i: U64, end: U64) -> None:
    # Formatting elements that end with an outer one stay in the stack as dormant, and begin again with the
    # next text (HTML's *active formatting elements*, 13.2.4.3).
    while i < end and w[KINDS + i] & SCOPE == _0 and w[DORMANT] < _MOST_DORMANT:
        bits = w[KINDS + i]
        if bits & FORMATTING and (w[OPEN] != _0 or bits & _BY_ATTRIBUTES != NO_TEXT << _ASKED_AT):
            w[NAMES + w[OPEN]] = w[NAMES + i]
            state = w[STATE]
            w[KINDS + w[OPEN]] = bits & _OF_TAG | _IS_DORMANT | state << _AROUND_AT | state << _OWN_AT
            w[OPEN] += _1
            w[DORMANT] += _1
        i += _1


@uncounted_njit
def _remove(w: Hashes, j: U64) -> None:
    w[DORMANT] -= U64(w[KINDS + j] & _IS_DORMANT != _0)
    w[OPEN] -= _1
    while j < w[OPEN]:
        w[NAMES + j], w[KINDS + j] = w[NAMES + j + _1], w[KINDS + j + _1]
        j += _1


@uncounted_njit
def revive(w: Hashes, out: Bytes, k: U64, kind: U64) -> Any:
    """Begin dormant elements again before the text since the last tag, or before a start tag of `kind`."""
    j, text, end = w[OPEN], w[TEXT_AT], w[OPEN]
    while j > _0 and w[KINDS + j - _1] & SCOPE == _0:
        j -= _1
    for _ in range(j, end):
        name, bits = w[NAMES + j], w[KINDS + j]
        if not bits & _IS_DORMANT:
            j += _1
            continue
        _remove(w, j)
        if w[REVIVED] == _MOST_REVIVED or (text == k and bits & kind & (A | NOBR)):
            continue
        w[REVIVED] += _1
        state, asked = w[STATE], bits >> _ASKED_AT & _3
        own = asked if state < ABSENT and asked != NO_TEXT else state
        separation = HARD if is_in_flex(w) and own == SEEN else bits >> _STYLED_AT & _3
        length = k - text
        writes = separation != NOTHING and text > _0 and out[text - _1] > _SPACE
        if writes or (separation == HARD and text > _0 and text == w[EDGE]):
            # Move the text by a byte, for the line end before it.
            while k > text:
                out[k] = out[k - _1]
                k -= _1
        text = _push(w, out, text, name, bits & _OF_TAG, separation, own, own)
        k = text + length
    return k


_IS_DORMANT, _BY_ATTRIBUTES = _1 << U64(52), _1 << _FLEX_AT | U64(15) << _STYLED_AT
_OF_TAG = (_1 << _SEPARATION_AT) - _1 | _BY_ATTRIBUTES
_MOST_DORMANT, _MOST_REVIVED = U64(MOST_DORMANT), U64(MOST_REVIVED)


@uncounted_njit
def _last(w: Hashes, ended: U64, barrier: U64) -> tuple[U64, Any]:
    # Return the outermost open element with a bit of `ended`, and True if no `barrier` stopped the search.
    j, last = w[OPEN], _NOWHERE
    while j > _0:
        j -= _1
        kind = w[KINDS + j]
        if kind & ended:
            last = j
        elif kind & barrier:
            return last, False
    return last, True


@uncounted_njit
def imply_ends(w: Hashes, out: Bytes, k: U64, kind: U64) -> Any:
    """End the elements that a start tag ends."""
    if w[OPEN] == _0 or not kind & _ENDS_SOMETHING:
        return k
    if kind & CLOSES_P:
        last, _ = _last(w, P, SCOPE | BUTTON)
        if last != _NOWHERE:
            k = _end_from(w, out, k, last)
    last, cells = _NOWHERE, False
    if kind & (LI | DD):
        last, _ = _last(w, kind & (LI | DD), FENCE)
    elif kind & CELL:
        last, cells = _last(w, CELL, TABLE | SECTION | ROW)
    elif kind & ROW:
        last, cells = _last(w, CELL | ROW, TABLE | SECTION)
    elif kind & SECTION:
        last, cells = _last(w, CELL | ROW | SECTION, TABLE)
    elif kind & (A | NOBR | BUTTON):
        last, _ = _last(w, kind & (A | NOBR | BUTTON), SCOPE)
    if cells:
        k = pop_to(w, out, k, _0)
    elif last != _NOWHERE:
        k = _end_from(w, out, k, last)
    for group in (HEADING, OPTION, OPTGROUP):
        starts = kind & group or (group == OPTION and kind & OPTGROUP)
        if starts and w[OPEN] != _0 and w[KINDS + w[OPEN] - _1] & group:
            k = pop_to(w, out, k, w[OPEN] - _1)
    return k


@uncounted_njit
def end_element(w: Hashes, out: Bytes, k: U64, name: U64, kind: U64) -> Any:
    """End the element of an end tag and all in it; if it is around the whole stack, end all in the stack."""
    if kind & FORM:
        w[IN_FORM] = _0
    if w[OPEN] == _0:
        return separate_as(w, out, k, kind & _3)
    if kind & (CELL | ROW | SECTION) or (kind & TABLE and name == _TABLE_NAME):
        barrier = TABLE
    elif kind & (SPECIAL | FORMATTING | CLOSES_P):
        barrier = SCOPE | (LIST if kind & LI else BUTTON if kind & P else _0)
    else:
        barrier = SPECIAL
    special, implied, j = False, True, w[OPEN]
    while j > _0:
        j -= _1
        other = w[KINDS + j]
        if w[NAMES + j] == name or (kind & HEADING and other & HEADING):
            if other & _IS_DORMANT:
                _remove(w, j)
            elif kind & FORM and not implied:
                around, kept = other & _3 << _AROUND_AT, ~(_3 << _AROUND_AT | _3 << _SEPARATION_AT)
                w[KINDS + j + _1] = w[KINDS + j + _1] & kept | around | HARD << _SEPARATION_AT
                _remove(w, j)
            elif not kind & FORMATTING or not special or j == _0:
                k = _end_from(w, out, k, j)
                # A block in a formatting element continues after it.
                return separate(w, out, k) if kind & FORMATTING and special else k
            return separate_as(w, out, k, kind & _3)
        if other & barrier:
            return separate_as(w, out, k, kind & _3)
        special = special or other & SPECIAL != _0
        implied = implied and (other & SPECIAL == _0 or other & _ENDS_WITHOUT_TAG != _0)
    if kind & FORM:
        while w[OPEN] != _0 and w[KINDS + w[OPEN] - _1] & _ENDS_WITHOUT_TAG:
            k = pop_to(w, out, k, w[OPEN] - _1)
    elif not (kind & UNPUSHED or (special and kind & (FORMATTING | P))):
        end = w[OPEN]
        k = separate_as(w, out, pop_to(w, out, k, _0), kind & _3)
        if kind & (SCOPE | ROW | SECTION) == _0:
            _keep_formatting(w, _0, end)
        return k
    return separate_as(w, out, k, kind & _3)


_TABLE_NAME = packed("table")


@uncounted_njit
def begin_element(
    w: Hashes,
    out: Bytes,
    k: U64,
    name: U64,
    kind: U64,
    style: U64,
    html: bool,
    empty: bool,
    roots: U64,
) -> Any:
    """Begin an element; push it if it hides something, or is in an element that does.

    `style`: see `styles.attributes`. `html`: not of SVG or MathML. `empty`: it ends at once. `roots`: open
    SVG and MathML around it.
    """
    if kind & FORM and html:
        if w[IN_FORM] != _0:
            # HTML ignores a form in a form.
            return separate_as(w, out, k, SOFTLY)
        w[IN_FORM] = _1
    k = imply_ends(w, out, k, kind)
    usual = kind & _3
    separation, around = usual, w[STATE]
    if style == _0 and html and not kind & _MAY_HIDE and name != _SUMMARY and not is_in_flex(w):
        if w[OPEN] != _0 and not kind & UNPUSHED and not empty and w[OPEN] < _DEEPEST:
            states = around << _AROUND_AT | around << _OWN_AT | NO_TEXT << _ASKED_AT
            w[NAMES + w[OPEN]] = name
            w[KINDS + w[OPEN]] = kind | usual << _SEPARATION_AT | usual << _STYLED_AT | states
            w[OPEN] += _1
        return separate_as(w, out, k, usual)
    display = (style & DISPLAY_BITS) >> DISPLAY_AT
    visibility = (style & VISIBILITY_BITS) >> VISIBILITY_AT
    contents = display == DISPLAY_CONTENTS or (name == _SLOT and display == _0)
    if not kind & VOID:
        if display in _INLINE_DISPLAYS and not (kind & (P | OPTION) or name in _BLOCKS):
            is_bare = display in (DISPLAY_INLINE, DISPLAY_CONTENTS)
            separation = NOTHING if is_bare and usual == NOTHING else SOFTLY
        if display in (DISPLAY_BLOCK, DISPLAY_FLEX, DISPLAY_TABLE) or style & (FLOATS | PLACED):
            separation = HARD
    is_open = style & OPEN_ != _0
    absent = style & (_1 | HIDDEN) != _0 or (name == _DIALOG and not is_open)
    absent = display == DISPLAY_NONE if display else absent
    own = around
    if around == ABSENT and name == _SUMMARY and w[OPEN] != _0 and w[NAMES + w[OPEN] - _1] == _DETAILS:
        own = w[KINDS + w[OPEN] - _1] >> _OWN_AT & _3
    in_flex = is_in_flex(w)
    is_flex = display in (DISPLAY_FLEX, DISPLAY_INLINE_FLEX) or (contents and in_flex)
    is_item = in_flex and not contents and (not kind & VOID or name in _BOXES)
    asked = NO_TEXT
    if not kind & (OPTION | OPTGROUP):
        # Hiding the content only has no effect on inline elements and parts of tables.
        has_box = (separation != NOTHING or is_item) and not kind & (ROW | SECTION | TABLE)
        if absent or (style & (CONTENT_HIDDEN | UNTIL_FOUND) and has_box and display < DISPLAY_TABLE):
            asked = ABSENT
        elif visibility == VISIBILITY_HIDDEN or (
            style & BY_RULE & INVISIBLE_RULE and visibility != VISIBILITY_VISIBLE
        ):
            asked = INVISIBLE
        elif visibility == VISIBILITY_VISIBLE:
            asked = SEEN
    if own < ABSENT and asked != NO_TEXT:
        own = asked
    inner = own
    if not html and name in (_SCRIPT, _STYLE):
        inner = NO_TEXT
    elif kind & (HIDES if html else HIDES_IN_FOREIGN) or (name == _DETAILS and not is_open):
        inner = max(own, ABSENT)
    bits = kind | U64(is_flex) << _FLEX_AT | separation << _STYLED_AT | asked << _ASKED_AT
    if is_item and (own == SEEN or (own == ABSENT and not absent)):
        separation = HARD
    if empty:
        return separate_as(w, out, k, separation)
    if w[OPEN] == _0:
        w[ROOTS_AROUND] = roots
    return _push(w, out, k, name, bits, separation, own, inner)


@lean_njit
def _counts(byte: np.uint8) -> Any:
    # True for a byte of a word; 0xE2 begins dashes and quotation marks.
    lowered = byte | np.uint8(32)
    return (
        np.uint8(97) <= lowered <= np.uint8(122)
        or np.uint8(48) <= byte <= np.uint8(57)
        or (np.uint8(0xC3) <= byte <= np.uint8(0xED) and byte != np.uint8(0xE2))
    )


@uncounted_njit
def _context(text: Bytes, start: U64, limit: U64, end: U64, step: U64) -> U64:
    """Return the place after `CONTEXT_WORDS` words, in the direction of `step`: 1, or -1 modulo 2**64.

    It is at most `limit`, and cuts no character. `end`: of the text.
    """
    i, words, back = start, 0, U64(step != _1)
    while i != limit and words < CONTEXT_WORDS:
        while i != limit and text[i - back] <= _SPACE:
            i += step
        counts = False
        while i != limit and text[i - back] > _SPACE:
            counts = counts or _counts(text[i - back])
            i += step
        words += counts
    while i != start and i < end and text[i] & np.uint8(0xC0) == np.uint8(0x80):
        i -= step
    return i


@uncounted_njit
def finished(w: Hashes, out: Bytes, k: U64) -> tuple[U64, U64]:
    """Put hidden words after the visible text, with the words around them.

    Returns where the text ends, and where hidden words begin.
    """
    k = set_state(w, out, k, SEEN)
    if w[CUTS] == _0:
        return k, k
    room, end = U64(len(out)), k
    # Hidden passages are written after the text, and moved once the hidden ranges are removed from it.
    begin, stop, tail, passages = _0, _0, end + _1, False
    for number in range(w[CUTS]):
        p = room - (U64(number) + _1) * _CUT
        cut, cut_end = _cut_at(out, p), _cut_at(out, p + _4)
        glued = cut > _0 and cut_end < end and out[cut - _1] > _SPACE and out[cut_end] > _SPACE
        if not glued and after_controls(out, cut, cut_end) == cut_end:
            continue
        first = _context(out, cut, cut - min(cut, _CONTEXT), end, _NOWHERE)
        if not passages or first > stop:
            if passages:
                tail = _passage(out, begin, stop, tail, end + _1)
            begin, passages = first, True
        stop = _context(out, cut_end, cut_end + min(end - cut_end, _CONTEXT), end, _1)
    if passages:
        tail = _passage(out, begin, stop, tail, end + _1)
    k, i = _0, _0
    for number in range(w[CUTS]):
        p = room - (U64(number) + _1) * _CUT
        k = moved(out, i, _cut_at(out, p), out, k)
        i = _cut_at(out, p + _4)
    hidden = k = moved(out, i, end, out, k)
    if passages:
        if k > _0 and out[k - _1] > _SPACE:
            out[k] = _NEWLINE
            k += _1
        hidden = k
        k = moved(out, end + _1, tail, out, k)
    return k, hidden


@uncounted_njit
def _passage(out: Bytes, begin: U64, stop: U64, tail: U64, first: U64) -> Any:
    if tail > first and out[tail - _1] > _SPACE:
        out[tail] = _NEWLINE
        tail += _1
    return moved(out, begin, stop, out, tail)

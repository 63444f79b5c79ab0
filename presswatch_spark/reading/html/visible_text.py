"""Extracts the text of an HTML page: the text that is searched, verified, stored and shown.

One pass over the page in UTF-8, by the tokenizer of the HTML Standard (13.2.5), without a tree. Visible text
comes first, then hidden words with the words around them. docs/explanation/page-text.md explains the rules.
`docs/how-to/page_text.py` makes the same text, byte for byte, and shares no code.
"""

from functools import lru_cache
from html import unescape
from html.entities import html5
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.reading.html.styles import (
    ABSENT_RULE,
    BUILT_IN,
    BUILT_IN_FILTER,
    FNV_PRIME,
    FNV_START,
    add_rule,
    attributes,
    fnv,
    may_hide,
    name_rule,
    read_sheet,
)

from presswatch_spark.reading.html.tags import (  # isort: skip
    BREAKS_OUT, CDATA_BYTES, CELL, CLASS_FILTER, CLOSES_P, COMPLEX, CONTENT, DEEPEST, DORMANT, DROPPED,
    EDGE, FOREIGN, HARD, HAS_BOX, HIDES_RAW, HIDES_UNLESS_OPEN, IN_MATH, IN_SVG, NAME_BYTES, NAME_FILTER,
    OPEN, PAGE_AT, REFERENCES, REST, ROOTS, ROOTS_AROUND, ROOT_STACK, ROW, RULES, RULE_COUNT, SCRIPT, SECTION,
    STATE, TEXT_AT, TagTable, after_attributes, after_controls, after_declaration, begins_cdata, cdata_end,
    closes_itself, digit_of, end_tag, find, is_letter, kind_of, kind_of_data, moved, name_at, next_marks,
    note_script, note_value, opens_value, packed, script_end,
)  # fmt: skip
from presswatch_spark.reading.html.visibility import (
    ABSENT,
    SEEN,
    begin_element,
    end_element,
    finished,
    imply_ends,
    is_in_flex,
    pop_to,
    revive,
    separate,
    separate_as,
    set_state,
)
from presswatch_spark.reading.text.simd import copy_64, visible_bits_64
from presswatch_spark.reading.text.word_kernels import U64, Bytes, Hashes, load8

EXTRACTION = "presswatch page text 1"
"""Name and version of these rules; the version changes whenever the text of any page changes."""

_SLOTS = 1 << 13
_0, _1, _2, _3, _5, _6, _8, _16, _64 = (U64(n) for n in (0, 1, 2, 3, 5, 6, 8, 16, 64))
_SPACE, _BANG, _QUOTE, _HASH, _AMP, _APOSTROPHE, _SLASH, _SEMICOLON, _LT, _GT, _QUERY = (
    np.uint8(ord(c)) for c in " !\"#&'/;<>?"
)
_P, _BR, _FONT, _MATH, _TITLE, _STYLE = map(packed, ("p", "br", "font", "math", "title", "style"))
_QUOT, _APOS = packed("&quot;") << U64(16), packed("&#039;") << U64(16)
_NUL, _NEWLINE, _LOWER = np.uint8(0), np.uint8(10), np.uint8(0x20)
_SEPARATION = U64(3)
_BEFORE_FORMATTING = CLOSES_P | CELL | ROW | SECTION
_DEEPEST, _BUILT_IN, _NAME = U64(DEEPEST), U64(len(BUILT_IN)), U64(NAME_BYTES)
_SPREAD = U64(0x9E3779B97F4A7C15)
# The longest names of references (without `&` and `;`), and of those that need no semicolon.
_LONGEST = U64(max(len(name.removesuffix(";")) for name in html5))
_LEGACY = U64(max(len(name) for name in html5 if not name.endswith(";")))


class EntityTable(NamedTuple):
    """Names of references (HTML Standard, 13.5), by their FNV-1a hash, in open addressing.

    `keys`: 0 in a free slot; a name that needs its semicolon is hashed with it. `values`: up to seven UTF-8
    bytes, first lowest, and their number in the top byte. `windows` (32,): windows-1252 of 0x80 to 0x9F.
    """

    keys: npt.NDArray[U64]
    values: npt.NDArray[U64]
    windows: npt.NDArray[np.uint16]


@lru_cache(maxsize=1)
def load_entities() -> EntityTable:
    """Return the table of all references of HTML."""
    keys, values = np.zeros(_SLOTS, U64), np.zeros(_SLOTS, U64)
    for name, text in html5.items():
        code, key = text.encode(), fnv(name.encode())
        slot = key % _SLOTS
        while keys[slot]:
            slot = (slot + 1) % _SLOTS
        keys[slot] = key
        values[slot] = len(code) << 56 | int.from_bytes(code, "little")
    windows = [ord(unescape(f"&#{code};")) for code in range(0x80, 0xA0)]
    return EntityTable(keys, values, np.array(windows, np.uint16))


@uncounted_njit
def put_code(out: Bytes, k: U64, code: U64) -> U64:
    """Write a code point as UTF-8; return where it ends."""
    if code < U64(0x80):
        out[k] = np.uint8(code)
        return k + _1
    more = U64(1) + U64(code >= U64(0x800)) + U64(code >= U64(0x10000))
    for j in range(more):
        out[k + more - j] = np.uint8(U64(0x80) | code & U64(0x3F))
        code >>= _6
    out[k] = np.uint8(U64(0xF00) >> (more + _1) & U64(0xFF) | code)
    return k + more + _1


@uncounted_njit
def _number(
    entities: EntityTable, data: Bytes, i: U64, end: U64, out: Bytes, k: np.uint64
) -> tuple[U64, U64]:
    p, base = i + _2, U64(10)
    if p < end and (data[p] | _LOWER) == np.uint8(120):
        p, base = p + _1, U64(16)
    digits, code = p, _0
    while p < end:
        digit = digit_of(data[p])
        if digit >= base:
            break
        code = min(code * base + digit, U64(0x110000))
        p += _1
    if p == digits:
        out[k] = _AMP
        return i + _1, k + _1
    if p < end and data[p] == _SEMICOLON:
        p += _1
    if U64(0x80) <= code < U64(0xA0):
        code = U64(entities.windows[code - U64(0x80)])
    elif code == _0 or code >= U64(0x110000) or U64(0xD800) <= code < U64(0xE000):
        code = U64(0xFFFD)
    return p, put_code(out, k, code)


@lean_njit
def _value_of(entities: EntityTable, key: U64) -> Any:
    slot = key & U64(len(entities.keys) - 1)
    while entities.keys[slot] != _0:
        if entities.keys[slot] == key:
            return entities.values[slot]
        slot = (slot + _1) & U64(len(entities.keys) - 1)
    return _0


@uncounted_njit
def reference(entities: EntityTable, data: Bytes, i: U64, end: U64, out: Bytes, k: np.uint64) -> Any:
    """Decode the reference that begins at i, or copy the ampersand; return the next place, and k."""
    if i + _8 <= end:
        # The commonest ones, most of all in data in attributes.
        word = load8(data, i) << _16
        if word in (_QUOT, _APOS):
            out[k] = _QUOTE if word == _QUOT else _APOSTROPHE
            return i + _6, k + _1
    if i + _1 < end and data[i + _1] == _HASH:
        return _number(entities, data, i, end, out, k)
    p, key, value = i + _1, FNV_START, _0
    while p < end and p - i <= _LONGEST and (is_letter(data[p]) or np.uint8(48) <= data[p] <= np.uint8(57)):
        key = (key ^ U64(data[p])) * FNV_PRIME
        p += _1
    after = p + _1
    if p < end and data[p] == _SEMICOLON:
        value = _value_of(entities, (key ^ U64(_SEMICOLON)) * FNV_PRIME)
    if value == _0:
        # The longest name that needs no semicolon.
        stop, p, key = min(p, i + _1 + _LEGACY), i + _1, FNV_START
        while p < stop:
            key = (key ^ U64(data[p])) * FNV_PRIME
            p += _1
            legacy = _value_of(entities, key)
            if legacy != _0:
                value, after = legacy, p
    if value == _0:
        out[k] = _AMP
        return i + _1, k + _1
    for _ in range(value >> U64(56)):
        out[k] = np.uint8(value)
        value >>= _8
        k += _1
    return after, k


@lean_njit
def _write_run(w: Hashes, data: Bytes, i: U64, stop: U64, end: U64, out: Bytes, k: U64) -> Any:
    # Write text without marks; only blanks become a separator.
    if i == stop:
        return k
    if stop - i <= _64 and i + _64 <= end:
        if visible_bits_64(data, i) & (~_0 >> (_64 - (stop - i))) == _0:
            return separate(w, out, k)
        copy_64(data, i, out, k)
        return k + (stop - i)
    if data[i] <= _SPACE and after_controls(data, i, stop) == stop:
        return separate(w, out, k)
    return moved(data, i, stop, out, k)


@uncounted_njit
def _copy_raw(
    entities: EntityTable,
    data: Bytes,
    i: U64,
    stop: U64,
    out: Bytes,
    k: U64,
    references: bool,
) -> U64:
    while i < stop:
        if data[i] == _AMP and references:
            i, k = reference(entities, data, i, stop, out, k)
            continue
        # Here, as in SVG and MathML, a NUL is U+FFFD, which separates words; in other text it vanishes.
        out[k] = data[i] if data[i] != _NUL else _NEWLINE
        i, k = i + _1, k + _1
    return k


@lean_njit
def _in_html(w: Hashes) -> Any:
    # Return True if no SVG or MathML is open, or an element in it that contains HTML again is.
    return w[ROOTS] == _0 or w[ROOT_STACK + w[ROOTS] - _1] > _1


@lean_njit
def _begins_formatting(kind: U64, content: U64, closes: bool) -> Any:
    if content in (_0, REST):
        return not closes and kind & _BEFORE_FORMATTING == _0
    return not closes and (content != DROPPED or kind & _SEPARATION != _0)


@uncounted_njit
def _follow_roots(
    w: Hashes, name: U64, kind: U64, closes: bool, empty: bool, rest: np.uint64
) -> tuple[U64, Any]:
    """Keep account of the open SVG and MathML roots at a tag; `rest`: bytes after its name.

    An open root is a number: the lowest bit is 1 for MathML, the others count open elements in it that
    contain HTML. Returns the number of roots around the tag's element, and True if the element is HTML.
    """
    html = _in_html(w)
    if w[ROOTS] != _0:
        top = ROOT_STACK + w[ROOTS] - _1
        # `font` ends the root around it with some attributes; others do not occur.
        breaks_out = kind & BREAKS_OUT != _0 or (name == _FONT and rest > _2)
        if kind & (IN_MATH if w[top] & _1 else IN_SVG):
            if not closes:
                w[top] += U64(not empty) << _1
            elif w[top] > _1:
                w[top] -= _2
        elif w[top] <= _1 and (name in (_P, _BR) if closes else breaks_out):
            while w[ROOTS] != _0 and w[ROOT_STACK + w[ROOTS] - _1] <= _1:
                w[ROOTS] -= _1
            html = True
    roots = w[ROOTS]
    if kind & CONTENT == FOREIGN:
        math = U64(name == _MATH)
        if not closes and not empty and roots < _DEEPEST:
            w[ROOT_STACK + roots] = math
            w[ROOTS] += _1
        elif closes and roots != _0 and w[ROOT_STACK + roots - _1] & _1 == math:
            w[ROOTS] -= _1
            roots -= _1
    return roots, html


@uncounted_njit
def write_text(
    tags: TagTable, entities: EntityTable, data: Bytes, out: Bytes, w: Hashes, parts: Hashes
) -> tuple[U64, U64, np.uint8]:
    """Write the text of a page (UTF-8), with a line end where tags separate words, and note its parts.

    Returns the end of the text, where hidden words begin, and, if there is no room for parts, the bits `DATA`
    and `ARTICLE` for the content of scripts.
    """
    w[RULES:] = _0
    w[RULE_COUNT] = w[NAME_FILTER] = _0
    for key in BUILT_IN:
        add_rule(w, key, ABSENT_RULE)
    w[CLASS_FILTER] = BUILT_IN_FILTER
    k, unread, late = _write_page(tags, entities, data, out, w, parts)
    if late:
        # A style sheet after some text may hide it: read again, with all rules.
        k, unread, late = _write_page(tags, entities, data, out, w, parts)
    k, hidden = finished(w, out, k)
    return k, hidden, unread


@uncounted_njit
def _write_page(
    tags: TagTable, entities: EntityTable, data: Bytes, out: Bytes, w: Hashes, parts: Hashes
) -> tuple[U64, np.uint8, Any]:
    # Write all text, with hidden ranges noted as cuts. Returns its end, the bits of scripts that were not
    # read, and True if rules were found after some of the text.
    i, k, end = _0, _0, U64(len(data))
    p, count, looked = _0, _0, _0
    unread, late = np.uint8(0), False
    for number in range(STATE, RULE_COUNT):
        w[number] = _0
    w[EDGE] = ~_0
    named = w[RULE_COUNT] > _BUILT_IN
    while True:
        byte = _NUL
        while True:
            if p == count:
                p = _0
                count, looked = next_marks(data, max(i, looked), end, w)
            mark = w[p]
            if mark == end:
                break
            byte = data[mark]
            if mark >= i and byte in (_LT, _AMP, _NUL):
                break
            p += _1
        k = _write_run(w, data, i, mark, end, out, k)
        i = mark
        if i == end:
            break
        p += _1
        if byte == _AMP:
            i, k = reference(entities, data, i, end, out, k)
            continue
        if byte == _NUL:
            if not _in_html(w):
                k = separate(w, out, k)
            i += _1
            continue
        follows = data[i + _1] if i + _1 < end else _NUL
        closes = follows == _SLASH
        if closes and i + _2 < end and not is_letter(data[i + _2]):
            i = find(data, i + _2, end, _GT) + _1
            continue
        if follows == _BANG:
            if not _in_html(w) and begins_cdata(data, i, end):
                stop = cdata_end(data, i + CDATA_BYTES, end)
                k = _copy_raw(entities, data, i + CDATA_BYTES, stop, out, k, False)
                i = stop + _3
            else:
                i = after_declaration(data, i, end)
            continue
        if follows == _QUERY:
            i = find(data, i, end, _GT) + _1
            continue
        if not closes and not is_letter(follows):
            out[k] = _LT
            i, k = i + _1, k + _1
            continue
        begin = i
        first, second, i = name_at(data, i + (_2 if closes else _1), end)
        name_end = i
        while True:
            if p == count:
                p = _0
                count, looked = next_marks(data, max(i, looked), end, w)
            mark = w[p]
            if mark == end:
                i = end + _1
                break
            byte = data[mark]
            p += _1
            if mark < i:
                continue
            if byte == _GT:
                i = mark + _1
                break
            if byte in (_QUOTE, _APOSTROPHE):
                if not opens_value(data, i, mark):
                    i = after_attributes(w, parts, data, begin, i, end)
                    break
                quote = mark
                while True:
                    if p == count:
                        p = _0
                        count, looked = next_marks(data, max(i, looked), end, w)
                    mark = w[p]
                    if mark == end or data[mark] == byte:
                        break
                    p += _1
                if mark == end:
                    i = end + _1
                    break
                note_value(w, parts, data, begin, quote + _1, mark)
                i = mark + _1
                p += _1
        if i > end:
            break
        kind, style = kind_of(tags, first, second), _0
        if not closes:
            if i - name_end > _5 and (named or may_hide(data, name_end, i)):
                style = attributes(w, data, name_end, i)
            if named and name_end - begin <= _NAME + _1:
                style |= name_rule(w, data, begin + _1, name_end)
        # An element that is not listed needs no work, in SVG neither.
        if style == _0 and w[OPEN] == _0 and (kind == _0 or (kind & COMPLEX == _0 and w[ROOTS] == _0)):
            # Write a line end in any case, and count it by arithmetic: a branch would be mispredicted.
            out[k] = _NEWLINE
            k += kind >> _1 & _1 & U64(k > _0 and (out[k - U64(k > _0)] > _SPACE or k == w[EDGE]))
            continue
        name = first ^ second * _SPREAD
        empty = closes_itself(data, name_end, i)
        roots, html = _follow_roots(w, name, kind, closes, empty, i - name_end)
        content = kind & CONTENT
        if w[OPEN] != _0:
            if roots < w[ROOTS_AROUND]:
                k = pop_to(w, out, k, _0)
            at = w[PAGE_AT]
            has_text = k != w[TEXT_AT] or (at < begin and (data[at] != _LT or data[begin - _1] != _GT))
            if w[DORMANT] != _0 and (has_text or _begins_formatting(kind, content, closes)):
                k = revive(w, out, k, kind)
        if closes:
            k = end_element(w, out, k, name, kind)
        elif not html or content in (_0, FOREIGN):
            if style == _0 and kind & HIDES_UNLESS_OPEN:
                style = attributes(w, data, name_end, i)
            empty = empty and (not html or content == FOREIGN)
            k = begin_element(w, out, k, name, kind, style, html, empty, roots)
        elif content == REST:
            k = imply_ends(w, out, k, kind)
            w[TEXT_AT] = k = separate(w, out, k)
            k = _copy_raw(entities, data, i, end, out, k, False)
            break
        else:
            if first == SCRIPT and second == _0:
                stop = script_end(data, i, end)
                if len(parts) != 0:
                    note_script(w, parts, data, begin, i, stop)
                else:
                    unread |= kind_of_data(data, i, stop)
            else:
                stop = end_tag(data, i, end, first, second)
            if first == _STYLE:
                rules = w[RULE_COUNT]
                read_sheet(w, data, i, stop)
                late = late or (k > _0 and w[RULE_COUNT] > rules)
                named = w[RULE_COUNT] > _BUILT_IN
            k = imply_ends(w, out, k, kind)
            separation = kind & _SEPARATION
            if kind & HAS_BOX and w[STATE] == SEEN and is_in_flex(w):
                separation = HARD
            k = separate_as(w, out, k, separation)
            # A title before all text is that of the page, and not part of its text.
            if content != DROPPED and not (first == _TITLE and k == _0):
                around = w[STATE]
                if kind & HIDES_RAW and around == SEEN:
                    k = set_state(w, out, k, ABSENT)
                k = _copy_raw(entities, data, i, stop, out, k, content == REFERENCES)
                k = set_state(w, out, k, around)
            i = stop
        if w[OPEN] != _0:
            w[TEXT_AT], w[PAGE_AT] = k, i
    if w[DORMANT] != _0:
        k = revive(w, out, k, _0)
    return k, unread, late

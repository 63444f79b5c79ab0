"""HTML's marks, elements, raw text and parts with embedded text for kernels, and the memory of these kernels.

docs/explanation/page-text.md explains the rules; `docs/how-to/page_text.py` has the same lists. All bytes
that can end text, a tag or a value are listed first, 64 at a time (as in simdjson: Langdale, Lemire, 2019).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.reading.text.word_kernels import U64, Bytes, Hashes, load8

from presswatch_spark.reading.text.simd import (  # isort: skip
    apart_bits_64, break_bits_64, copy_64, count_ones, equal_bits_64, gap_bits_64, gapped_bits_64,
    markup_bits_64, slashed_bits_64, trailing_zeros,
)  # fmt: skip


def packed(name: str) -> U64:
    """Return the bytes of a name of up to eight as a number, the first lowest."""
    return U64(int.from_bytes(name.encode(), "little"))


# The two lowest bits of an element: how its tags separate the words around them.
NOTHING, SOFTLY, HARD = (U64(n) for n in range(3))
# The next three: its content. DROPPED: up to the end tag, no text. RAW: text without markup or references.
# REFERENCES: text without markup, with references. REST: all that follows is text. FOREIGN: SVG or MathML.
DROPPED, RAW, REFERENCES, REST, FOREIGN, CONTENT = (U64(n << 2) for n in (1, 2, 3, 4, 5, 7))
# SPECIAL: as in the standard. SCOPE ends the search for an open element, FENCE that for an open `li`, `dd` or
# `dt`. UNPUSHED: never among open elements. COMPLEX: not for the short way of `visible_text`.
(
    BREAKS_OUT, IN_SVG, IN_MATH, HIDES, HIDES_RAW, HIDES_IN_FOREIGN, HIDES_UNLESS_OPEN, CLOSES_P, SCOPE,
    SPECIAL, FENCE, VOID, UNPUSHED, FORMATTING, HEADING, CELL, ROW, SECTION, TABLE, P, LI, DD, OPTION,
    OPTGROUP, A, NOBR, BUTTON, LIST, FORM, HAS_BOX, COMPLEX,
) = (U64(1 << n) for n in range(5, 36))  # fmt: skip

NAME_BYTES = 16
"""No listed name is longer."""

_SLOTS = 1 << 9
_SPREAD = 0x9E3779B97F4A7C15
_SPREAD_64, _SHIFT = U64(_SPREAD), U64(64 - 9)

CHUNK_BYTES = 1 << 12
PLACES = CHUNK_BYTES + 72
"""The room that `next_marks` needs for places."""

_0, _1, _2, _3, _4, _7, _8, _9 = (U64(n) for n in (0, 1, 2, 3, 4, 7, 8, 9))
_32, _40, _63, _64, _65 = (U64(n) for n in (32, 40, 63, 64, 65))
_CHUNK = U64(CHUNK_BYTES)
_NUL, _SPACE, _QUOTE, _AMP, _APOSTROPHE, _SLASH, _LT, _EQUALS, _GT = (np.uint8(ord(c)) for c in "\0 \"&'/<=>")
_TAB, _VT, _CR = np.uint8(9), np.uint8(11), np.uint8(13)
_LOWER, _CASES, _LOWS = np.uint8(0x20), U64(0x2020202020202020), U64(0x7F7F7F7F7F7F7F7F)
_EACH = U64(0x0101010101010101)
_PAST_BLANKS = _EACH * U64(0x7F - 0x20)
_SLASHES, _SIGNS, _GTS = (_EACH * U64(ord(c)) for c in "/=>")
_NAME = U64(NAME_BYTES)
SCRIPT = packed("script")
CDATA_BYTES = U64(9)

# Enough of a tag to see whether its name is listed, and what ends it.
_NAME_ROOM = U64(20)
_CDATA = packed("<![CDATA")
DATA, ARTICLE = np.uint8(1), np.uint8(2)
_ARTICLE_B, _CLEBODY = packed("articleB"), packed('cleBody"')
_B, _BANG, _DASH, _BRACE, _BRACKET, _CLOSE, _BACKSLASH = (np.uint8(ord(c)) for c in "B!-{[]\\")

_HEADINGS = "h1 h2 h3 h4 h5 h6"
_VOID = """area base basefont bgsound br col embed frame hr image img input keygen link meta param source
    track wbr"""
_CLOSES_P = f"""{_HEADINGS} address article aside blockquote center dd details dialog dir div dl dt fieldset
    figcaption figure footer form header hgroup hr li listing main menu nav ol p plaintext pre search section
    summary table ul xmp"""
_SECTIONS = "caption col colgroup tbody tfoot thead"
_HARD = f"""{_CLOSES_P} {_SECTIONS} br legend math mi mn mo ms mtext optgroup option select td text th tr"""
_SOFT = """annotation annotation-xml audio body button canvas datalist defs desc embed frame frameset head
    html iframe image img input keygen label marquee metadata meter noembed noframes noscript object progress
    svg symbol template textarea title video"""
_SCOPE = """caption desc foreignobject marquee mi mn mo ms mtext object table td template th title"""
_SPECIAL = f"{_HARD} {_SCOPE} body button frameset head html noscript"
_RAW_NAMES = "iframe noembed noframes script style textarea title xmp"
_NAMES: dict[U64, str] = {
    SOFTLY: _SOFT,
    HARD: _HARD,
    DROPPED: "iframe script style",
    RAW: "noembed noframes xmp",
    REFERENCES: "textarea title",
    REST: "plaintext",
    FOREIGN: "math svg",
    # Start tags that end SVG and MathML around them (13.2.6.5).
    BREAKS_OUT: f"""{_HEADINGS} b big blockquote body br center code dd div dl dt em embed head hr i img li
        listing menu meta nobr ol p pre ruby s small span strong strike sub table tt u ul var""",
    # Elements of SVG and of MathML that contain HTML again (13.2.6, integration points).
    IN_SVG: "desc foreignobject title",
    IN_MATH: "mi mn mo ms mtext",
    # Content that browsers do not show.
    HIDES: "audio canvas datalist meter noscript object progress template video",
    HIDES_RAW: "noembed noframes textarea title",
    HIDES_IN_FOREIGN: "annotation annotation-xml defs desc metadata symbol title",
    HIDES_UNLESS_OPEN: "details dialog",
    CLOSES_P: _CLOSES_P,
    SCOPE: _SCOPE,
    SPECIAL: _SPECIAL,
    FENCE: _SPECIAL,
    VOID: _VOID,
    UNPUSHED: f"{_VOID} {_RAW_NAMES} body head html plaintext",
    FORMATTING: "a b big code em font i nobr s small strike strong tt u",
    HEADING: _HEADINGS,
    CELL: "td th",
    ROW: "tr",
    SECTION: _SECTIONS,
    TABLE: "table template",
    P: "p",
    LI: "li",
    DD: "dd dt",
    OPTION: "option",
    OPTGROUP: "optgroup",
    A: "a",
    NOBR: "nobr",
    BUTTON: "button",
    LIST: "ol ul",
    FORM: "form",
    # Elements with raw content that are boxes of their own in a flex box.
    HAS_BOX: "iframe textarea",
}
_EXCEPT = {
    SPECIAL: "dialog math optgroup option text",
    FENCE: "dialog math optgroup option text address div p li dd dt",
}
_COMPLEX = SOFTLY | CONTENT | HIDES | HIDES_UNLESS_OPEN | FORM


class TagTable(NamedTuple):
    """Open addressing by the first and second eight bytes of a name in lower case; 0 in a free slot."""

    first: npt.NDArray[U64]
    second: npt.NDArray[U64]
    kinds: npt.NDArray[U64]


@lru_cache(maxsize=1)
def load_tags() -> TagTable:
    """Return the table of all listed elements."""
    table = TagTable(*(np.zeros(_SLOTS, U64) for _ in range(3)))
    kinds: dict[str, U64] = {}
    for bits, names in _NAMES.items():
        for name in frozenset(names.split()) - frozenset(_EXCEPT.get(bits, "").split()):
            kinds[name] = kinds.get(name, _0) | bits
    for name, kind in sorted(kinds.items()):
        code = name.encode().ljust(NAME_BYTES, b"\0")
        first, second = (int.from_bytes(code[at : at + 8], "little") for at in (0, 8))
        slot = ((first ^ second) * _SPREAD % (1 << 64)) >> (64 - 9)
        while table.first[slot]:
            slot = (slot + 1) % _SLOTS
        table.first[slot], table.second[slot] = first, second
        table.kinds[slot] = kind | (COMPLEX if kind & _COMPLEX else _0)
    return table


@lean_njit
def find(data: Bytes, i: U64, end: U64, byte: np.uint8) -> Any:
    """Return the next place of `byte` in `data[i:end]`; `end` if there is none."""
    room = U64(len(data))
    while i < end and i + _64 <= room:
        found = equal_bits_64(data, i, byte)
        if found != _0:
            return min(end, i + trailing_zeros(found))
        i += _64
    while i < end and data[i] != byte:
        i += _1
    return min(end, i)


@lean_njit
def moved(data: Bytes, i: U64, end: U64, out: Bytes, k: U64) -> U64:
    """Copy data[i:end], and no byte more, to `out` from k on, which may be before i in it; return its end."""
    while i + _64 <= end:
        copy_64(data, i, out, k)
        i, k = i + _64, k + _64
    while i < end:
        out[k] = data[i]
        i, k = i + _1, k + _1
    return k


@lean_njit
def is_letter(byte: np.uint8) -> Any:
    """Return True if a byte is an ASCII letter."""
    return np.uint8(97) <= (byte | _LOWER) <= np.uint8(122)


@lean_njit
def is_space(byte: np.uint8) -> Any:
    """Return True for a blank of HTML."""
    return byte == _SPACE or (_TAB <= byte <= _CR and byte != _VT)


@lean_njit
def after_blanks(data: Bytes, i: U64, end: U64) -> U64:
    """Return the next place of another byte than a blank; `end` if there is none."""
    while i < end and is_space(data[i]):
        i += _1
    return i


@lean_njit
def after_controls(data: Bytes, i: U64, end: U64) -> U64:
    """Return the next place of another byte than a blank or a control; `end` if there is none."""
    while i < end and data[i] <= _SPACE:
        i += _1
    return i


@lean_njit
def digit_of(byte: np.uint8) -> U64:
    """Return the value of a hexadecimal digit; 16 for any other byte."""
    if np.uint8(48) <= byte <= np.uint8(57):
        return U64(byte - np.uint8(48))
    byte |= _LOWER
    return U64(byte - np.uint8(87)) if np.uint8(97) <= byte <= np.uint8(102) else U64(16)


@lean_njit
def _ends_name(byte: np.uint8) -> Any:
    return is_space(byte) or byte in (_SLASH, _GT)


@lean_njit
def _zeros(x: U64) -> Any:
    # The high bit of every zero byte (Warren, "Hacker's Delight", 6-1).
    return ~(((x & _LOWS) + _LOWS) | x | _LOWS)


@lean_njit
def _name_ends(x: U64) -> Any:
    # The high bit of every byte that is a blank, `/` or `>`, or another control.
    blanks = ~((x & _LOWS) + _PAST_BLANKS) & ~x & ~_LOWS
    return blanks | _zeros(x ^ _SLASHES) | _zeros(x ^ _GTS)


@lean_njit
def after_name(data: Bytes, i: U64, end: U64) -> Any:
    """Return the end of an attribute's name that may begin before i."""
    while i + _8 <= end:
        x = load8(data, i)
        ends = _name_ends(x) | _zeros(x ^ _SIGNS)
        if ends != _0:
            return i + (trailing_zeros(ends) >> _3)
        i += _8
    while i < end and not (data[i] <= _SPACE or data[i] in (_SLASH, _EQUALS, _GT)):
        i += _1
    return i


@lean_njit
def next_attribute(data: Bytes, i: U64, end: U64) -> tuple[U64, U64, U64, U64, U64]:
    """Return the bounds of the next attribute's name and value, and where it ends.

    The name begins at the `>` if the tag ends before another attribute; at `end` or beyond if it never ends.
    """
    while i < end and (is_space(data[i]) or data[i] == _SLASH):
        i += _1
    begin = i
    if i >= end or data[i] == _GT:
        return begin, begin, begin, begin, i
    name_end = after_name(data, i + _1, end)
    i = after_blanks(data, name_end, end)
    if i >= end or data[i] != _EQUALS:
        return begin, name_end, i, i, i
    i = after_blanks(data, i + _1, end)
    if i < end and data[i] in (_QUOTE, _APOSTROPHE):
        stop = find(data, i + _1, end, data[i])
        return begin, name_end, i + _1, stop, stop + _1
    value = i
    while i < end and data[i] != _GT and not is_space(data[i]):
        i += _1
    return begin, name_end, value, i, i


@uncounted_njit
def name_at(data: Bytes, i: U64, end: U64) -> tuple[U64, U64, U64]:
    """Return the name of a tag as two words in lower case, the second all ones if it is too long; its end."""
    # Setting bit 5 turns letters to lower case, and changes no other byte of a listed name.
    if i + _8 <= end:
        x = load8(data, i)
        ends = _name_ends(x)
        size = trailing_zeros(ends) >> _3
        # A control that is no blank is part of the name.
        if ends != _0 and _ends_name(data[i + size]):
            unused = (_8 - size) << _3
            return (x | _CASES) << unused >> unused, _0, i + size
    first, second, size = _0, _0, _0
    while i < end and not _ends_name(data[i]):
        byte = U64(data[i] | _LOWER)
        if size < _8:
            first |= byte << (size << _3)
        elif size < _NAME:
            second |= byte << ((size - _8) << _3)
        size += _1
        i += _1
    return first, second if size <= _NAME else ~_0, i


@uncounted_njit
def closes_itself(data: Bytes, name_end: U64, i: U64) -> Any:
    """Return True if the tag before i, with its name before `name_end`, ends with `/>`, but not `a=b/>`."""
    if data[i - _2] != _SLASH:
        return False
    p = i - _3
    while p >= name_end and not (is_space(data[p]) or data[p] in (_QUOTE, _APOSTROPHE, _EQUALS)):
        p -= _1
    return p < name_end or data[p] != _EQUALS


@lean_njit
def kind_of(tags: TagTable, first: U64, second: U64) -> Any:
    """Return the bits of the element with a name (see `name_at`); 0 if it is not listed."""
    slot = ((first ^ second) * _SPREAD_64) >> _SHIFT
    while tags.first[slot] != _0:
        if tags.first[slot] == first and tags.second[slot] == second:
            return tags.kinds[slot]
        slot = (slot + _1) & U64(len(tags.first) - 1)
    return _0


@uncounted_njit
def next_marks(data: Bytes, i: U64, end: U64, places: Hashes) -> tuple[U64, U64]:
    """List some places of `<`, `>`, quotes, `&` and NUL from i on, and `end` after the last.

    Returns their number, and the place up to which all are listed.
    """
    n = _0
    while n == _0:
        stop = min(i + _CHUNK, end)
        while i < stop and i + _64 <= end:
            marks = markup_bits_64(data, i)
            k = n
            n += count_ones(marks)
            while marks != _0:
                for j in range(_8):
                    places[k + j] = i + trailing_zeros(marks)
                    marks &= marks - _1
                k += _8
            i += _64
        if i + _64 > end:
            while i < end:
                byte = data[i]
                if byte in (_NUL, _QUOTE, _AMP, _APOSTROPHE, _LT, _GT):
                    places[n] = i
                    n += _1
                i += _1
            places[n] = end
            n += _1
    return n, i


@lean_njit
def opens_value(data: Bytes, i: U64, quote: U64) -> Any:
    """Return True if the quote surely opens the value of an attribute; if not, the tokenizer decides.

    i is between two attributes, with neither quote nor `>` up to the quote. The quote opens a value if a name
    of up to 62 bytes and a `=` are right before it, after a blank or at i.
    """
    if quote < _65 or quote < i + _2 or data[quote - _1] != _EQUALS:
        return False
    base = quote - _65
    breaks, gaps = break_bits_64(data, base), gap_bits_64(data, base)
    signs = equal_bits_64(data, base, _EQUALS)
    if i > base:
        within = ~_0 << (i - base)
        breaks &= within
        gaps &= within
        signs &= within
        if breaks == _0:
            return True
    # Bits after the blanks that follow a `=` (the sum's carry passes them): a value begins there, no name.
    values = ((signs << _1 & gaps) + gaps) & ~gaps
    return gaps > (breaks & ~gaps) and breaks >> _63 == _0 and values <= breaks


@uncounted_njit
def after_declaration(data: Bytes, i: U64, end: U64) -> Any:
    """Return the end of the comment, doctype or bogus comment that begins with `<!` at i."""
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
def end_tag(data: Bytes, i: U64, end: U64, first: U64, second: U64) -> U64:
    """Return the beginning of the end tag of a name, at or after i; `end` if there is none."""
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
def script_end(data: Bytes, i: U64, end: U64) -> Any:
    """Return the beginning of a script's end tag, at or after i; `end` if there is none.

    Within `<!--` and `-->`, a script may contain another (script data double escaped state).
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
        # Read a limited part: `<a<a<a…` is one endless name from each `<` on.
        stop = min(end, i + _NAME_ROOM)
        name, rest, after = name_at(data, i + _1 if closes else i, stop)
        if name != SCRIPT or rest != _0 or after >= stop:
            continue
        if closes and not nested:
            return sign
        nested = escaped and not closes


@uncounted_njit
def kind_of_data(data: Bytes, i: U64, stop: U64) -> np.uint8:
    """Return the kind of a script: 0, `DATA` if it begins like JSON, with `ARTICLE` if with `articleBody`."""
    i = after_controls(data, i, stop)
    if i >= stop or (data[i] != _BRACE and data[i] != _BRACKET):
        return np.uint8(0)
    while True:
        # Search for `B`, which is rarer than the other letters of `articleBody`.
        i = find(data, i + _1, stop, _B)
        if i + _4 >= stop:
            return DATA
        if load8(data, i - _7) == _ARTICLE_B and load8(data, i - _3) == _CLEBODY:
            return DATA | ARTICLE


@uncounted_njit
def begins_cdata(data: Bytes, i: U64, end: U64) -> Any:
    """Return True if a CDATA section, of SVG or MathML, begins at i."""
    return i + CDATA_BYTES <= end and load8(data, i) == _CDATA and data[i + _8] == _BRACKET


@uncounted_njit
def cdata_end(data: Bytes, i: U64, end: U64) -> U64:
    """Return the beginning of `]]>`, at or after i; `end` if there is none."""
    while True:
        i = find(data, i, end, _GT)
        if i >= end or (data[i - _1] == _CLOSE and data[i - _2] == _CLOSE):
            return min(end, i - _2) if i < end else end
        i += _1


# The memory of the kernels that make a page's text: one array of uint64.
DEEPEST = 256
"""The most open elements in each stack: around hidden words, and of SVG and MathML."""
MOST_RULES, RULE_SLOTS = 256, 1024
"""The most selectors of a page's own sheets that count, with the built-in ones."""

# The places of marks come first. Then: state of text (SEEN to NO_TEXT), its beginning, beginning of dropped
# text, end of the last cut, number of cuts, of open elements, of open SVG and MathML, of those around the
# first open element, 1 in a form, number of dormant elements, of those that began again, places in text and
# page after the last tag, number of parts that may contain text, number of rules, and filters
# of the classes and names in the rules. For embedded text: end of the text; part; bounds of the string of the
# page; number of pieces; of the last chain (strings near each other) the begin of its text, pieces before it,
# its end, 1 if one is long; how deep in other strings are those whose places are noted.
(
    STATE, START, DROPPED_FROM, EDGE, CUTS, OPEN, ROOTS, ROOTS_AROUND, IN_FORM, DORMANT, REVIVED, TEXT_AT,
    PAGE_AT, PARTS, RULE_COUNT, CLASS_FILTER, NAME_FILTER, K, PART_AT, OPENED, CLOSED, PIECES, CHAIN_AT,
    CHAIN_PIECES, CHAIN_END, IS_LONG, BASE,
) = (U64(n) for n in range(PLACES, PLACES + 27))  # fmt: skip
NAMES, KINDS, ROOT_STACK, RULES = (U64(PLACES + 27 + n * DEEPEST) for n in range(4))


# Parts of a page that may contain embedded text: the content of scripts, and values of attributes. A part is
# three numbers: where its tag begins, where the part begins, and its end with its kind (a source, a form, and
# if it continues) in the top bits.
PART = 3
LEAST_BYTES = 21
"""Eleven words have at least so many bytes."""

JSON_LD, SCRIPT_SOURCE, ATTRIBUTE, FEED, JSON, ANY_SOURCE = (U64(n << 60) for n in range(6))
"""Sources of embedded text, in the order of their documents."""
STRINGS, CODE, REFERENCED, MARKUP = (U64(n << 58) for n in range(4))
"""Forms of parts: data with strings, code with literals, text with references, markup."""
VALUE = ATTRIBUTE | REFERENCED
"""The kind of the value of an attribute."""
LONG, GAPPED, ESCAPED, MARKED, QUOTED, TEXT = (U64(1 << n) for n in range(6))
"""Features of strings: may have eleven words; has a blank or a character beyond ASCII; escapes; `&` or `<`;
quotes; may be more than a code."""
CONTINUED = U64(1 << 57)
"""Its text continues in the next part, without a break: of a feed, or, in a script, in the next such part."""
STREAM = SCRIPT_SOURCE | STRINGS | CONTINUED
SOURCE_BITS, FORM_BITS, PLACE_BITS = U64(7 << 60), U64(3 << 58), U64((1 << 57) - 1)

_LEAST_APART, _LEAST, _PART = U64(10), U64(LEAST_BYTES), U64(PART)
_JSON, _LINKED, _HTTP, _TEMPLATE, _HTML = map(packed, ("json", "ld+", "http", "empl", "/htm"))
# The beginning of a script of Next.js, before a piece of a stream.
_PUSH = 'self.__next_f.push([1,"'
_PUSH_BYTES = U64(len(_PUSH))
_SELF, _NEXT, _PUSHED = map(packed, (_PUSH[:8], _PUSH[8:16], _PUSH[-8:]))
# The last bytes of the names of attributes that contain no text; first, of frequent ones.
_ADDRESSES = tuple(map(packed, ("ref=", "src=", "set=", "url=", "ass=", "yle=")))
_TEXTLESS = ("sizes=", " points=", " values=", "viewBox=", "ansform=", " d=")
_TEXTLESS_ENDS = tuple(map(packed, _TEXTLESS))
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
    begin = after_controls(page, begin, end)
    return end < begin + _LEAST or page[begin] == _SLASH or load8(page, begin) << _32 >> _32 == _HTTP


@lean_njit
def note_value(w: Hashes, parts: Hashes, page: Bytes, tag: U64, begin: U64, end: U64) -> None:
    """Note the value of an attribute, if it may be text and `parts` has room: one for each `LEAST_BYTES`."""
    if len(parts) == 0 or end < begin + _LEAST or begin < _9:
        return
    if load8(page, begin - _9) >> _32 not in _ADDRESSES and not _is_textless(page, begin, end):
        _note(w, parts, tag, begin, end, VALUE)


@uncounted_njit
def after_attributes(w: Hashes, parts: Hashes, data: Bytes, tag: U64, i: U64, end: U64) -> U64:
    """Note the values of the attributes of a tag from i on; return its end, past `end` if it never ends."""
    while True:
        name, _, value, stop, i = next_attribute(data, i, end)
        if name >= end or data[name] == _GT:
            return min(name, end) + _1
        if stop < end:
            note_value(w, parts, data, tag, value, stop)


@lean_njit
def _find_name(data: Bytes, i: U64, end: U64, name: U64) -> Any:
    # Return the next place of a name of four bytes; `end` if there is none.
    i = find(data, i, end, np.uint8(name))
    while i < end and load8(data, i) << _32 >> _32 != name:
        i = find(data, i + _1, end, np.uint8(name))
    return i


@uncounted_njit
def note_script(w: Hashes, parts: Hashes, data: Bytes, tag: U64, begin: U64, end: U64) -> None:
    """Note the content of a script, with the source and the form that its tag and its first byte show."""
    first = after_controls(data, begin, end)
    if end < begin + _LEAST or end < first + _8:
        return
    if load8(data, first) == _SELF and end > first + _PUSH_BYTES:
        piece = first + _PUSH_BYTES
        if load8(data, first + _8) == _NEXT and load8(data, piece - _8) == _PUSHED:
            _note(w, parts, tag, piece, end, STREAM)
            return
    kind, i = SCRIPT_SOURCE | CODE, _find_name(data, tag, begin, _JSON)
    if i < begin:
        kind = STRINGS | (JSON_LD if load8(data, i - _3) << _40 >> _40 == _LINKED else SCRIPT_SOURCE)
    if data[first] == _LT and data[first + _1] != _BANG:
        kind = SCRIPT_SOURCE | MARKUP
    else:
        if kind & FORM_BITS == CODE and (
            _find_name(data, tag, begin, _TEMPLATE) < begin or _find_name(data, tag, begin, _HTML) < begin
        ):
            # A template may begin with text; but what has such a name may be code.
            _note(w, parts, tag, begin, end, SCRIPT_SOURCE | MARKUP)
        if data[first] in (_BRACE, _BRACKET):
            kind &= ~CODE
    _note(w, parts, tag, begin, end, kind)


def workspace() -> Hashes:
    """Make a workspace; it may be used for any number of pages."""
    memory = np.empty(RULES + U64(RULE_SLOTS), U64)
    memory[RULE_COUNT:NAMES] = 0
    memory[RULES:] = 0
    return memory

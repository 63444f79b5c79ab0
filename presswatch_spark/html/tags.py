"""HTML's elements for a kernel: those that separate words, and those whose content is no markup.

The lists follow what resiliparse's text extraction does (a test compares them, element by element), because
that text is verified. An element that is not listed is inline: its tags vanish without a blank.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import lean_njit, uncounted_njit
from presswatch_spark.text.kernels import U64, Bytes, load8
from presswatch_spark.text.vectors import equal_bits_64, trailing_zeros

# INLINE: nothing. BLOCK: separates. HIDDEN: content up to the end tag is no text. RAW: it is text, without
# markup or references. REFERENCES: text without markup, with references. REST: all that follows is text.
# TEMPLATE: content is not shown where it stands. FOREIGN: SVG or MathML, in which `/>` ends an element.
INLINE, BLOCK, HIDDEN, RAW, REFERENCES, REST, TEMPLATE, FOREIGN = range(8)

NAME_BYTES = 16
"""No listed name is longer."""

_SLOTS = 1 << 9
_SPREAD = 0x9E3779B97F4A7C15
_SPREAD_64, _SHIFT = U64(_SPREAD), U64(64 - 9)

_0, _1, _2, _3, _8, _64 = (U64(n) for n in (0, 1, 2, 3, 8, 64))
_SPACE, _QUOTE, _APOSTROPHE, _SLASH, _EQUALS, _GT = (np.uint8(ord(c)) for c in " \"'/=>")
_TAB, _VT, _CR = np.uint8(9), np.uint8(11), np.uint8(13)
_LOWER, _CASES, _LOWS = np.uint8(0x20), U64(0x2020202020202020), U64(0x7F7F7F7F7F7F7F7F)
_EACH = U64(0x0101010101010101)
_PAST_BLANKS = _EACH * U64(0x7F - 0x20)
_SLASHES, _SIGNS, _GTS = (_EACH * U64(ord(c)) for c in "/=>")
_NAME = U64(NAME_BYTES)

_KINDS = {
    BLOCK: """address article aside blockquote body br button caption center col colgroup dd details dialog
        dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header
        hgroup hr html legend li listing main menu nav ol optgroup option p pre search section select summary
        table tbody td tfoot th thead tr ul""",
    HIDDEN: "script style iframe",
    RAW: "xmp noembed noframes",
    REFERENCES: "textarea title",
    REST: "plaintext",
    TEMPLATE: "template",
    FOREIGN: "svg math",
}
# Start tags that end SVG and MathML around them (HTML Standard, 13.2.6.5); the parser lets `sup` pass.
_BREAKOUT = """b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li
    listing menu meta nobr ol p pre ruby s small span strong strike sub table tt u ul var"""
# Elements of SVG and of MathML that hold HTML again (13.2.6, integration points).
_IN_SVG, _IN_MATH = "foreignobject desc title", "mi mo mn ms mtext"

BREAKS_OUT, INTEGRATES_SVG, INTEGRATES_MATH = 8, 16, 32
"""Bits of a kind: its start tag ends foreign content; HTML stands in it within SVG, within MathML."""


class TagTable(NamedTuple):
    """Open addressing by the first and second eight bytes of a name in lower case, as `kind_of` mixes them.

    `first`, `second` uint64 (512,), 0 where a slot is free; `kinds` uint8 (512,).
    """

    first: npt.NDArray[np.uint64]
    second: npt.NDArray[np.uint64]
    kinds: npt.NDArray[np.uint8]


@lru_cache(maxsize=1)
def load_tags() -> TagTable:
    """Make the table."""
    table = TagTable(np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.uint8))
    kinds = {name: kind for kind, names in _KINDS.items() for name in names.split()}
    lists = {BREAKS_OUT: _BREAKOUT, INTEGRATES_SVG: _IN_SVG, INTEGRATES_MATH: _IN_MATH}
    bits = {bit: frozenset(names.split()) for bit, names in lists.items()}
    for name in sorted(kinds.keys() | frozenset().union(*bits.values())):
        code = name.encode().ljust(NAME_BYTES, b"\0")
        first, second = (int.from_bytes(code[at : at + 8], "little") for at in (0, 8))
        slot = ((first ^ second) * _SPREAD % (1 << 64)) >> (64 - 9)
        while table.first[slot]:
            slot = (slot + 1) % _SLOTS
        table.first[slot], table.second[slot] = first, second
        table.kinds[slot] = kinds.get(name, INLINE) | sum(bit for bit, names in bits.items() if name in names)
    return table


@lean_njit
def find(data: Bytes, i: np.uint64, end: np.uint64, byte: np.uint8) -> Any:
    """Return the next place of `byte` in `data[i:end]`; `end` if there is none."""
    while i + _64 <= end:
        found = equal_bits_64(data, i, byte)
        if found != _0:
            return i + trailing_zeros(found)
        i += _64
    while i < end and data[i] != byte:
        i += _1
    return i


@lean_njit
def is_letter(byte: np.uint8) -> Any:
    """Whether a byte is an ASCII letter."""
    return np.uint8(97) <= (byte | _LOWER) <= np.uint8(122)


@lean_njit
def _is_space(byte: np.uint8) -> Any:
    return byte == _SPACE or (_TAB <= byte <= _CR and byte != _VT)


@lean_njit
def _ends_name(byte: np.uint8) -> Any:
    return _is_space(byte) or byte in (_SLASH, _GT)


@lean_njit
def _is_name_end(byte: np.uint8) -> Any:
    return byte <= _SPACE or byte in (_SLASH, _GT)


@lean_njit
def _zeros(x: np.uint64) -> Any:
    """Mark the high bit of every byte of x that is zero (Warren, "Hacker's Delight", 6-1)."""
    return ~(((x & _LOWS) + _LOWS) | x | _LOWS)


@lean_njit
def _name_ends(x: np.uint64) -> Any:
    """Mark the high bit of every byte that is a blank, `/` or `>`, which end a name; or another control."""
    blanks = ~((x & _LOWS) + _PAST_BLANKS) & ~x & ~_LOWS
    return blanks | _zeros(x ^ _SLASHES) | _zeros(x ^ _GTS)


@lean_njit
def _after_name(data: Bytes, i: np.uint64, end: np.uint64) -> Any:
    """Return the end of an attribute's name, which may begin before i."""
    while i + _8 <= end:
        x = load8(data, i)
        ends = _name_ends(x) | _zeros(x ^ _SIGNS)
        if ends != _0:
            return i + (trailing_zeros(ends) >> _3)
        i += _8
    while i < end and not (_is_name_end(data[i]) or data[i] == _EQUALS):
        i += _1
    return i


@uncounted_njit
def after_attributes(data: Bytes, i: np.uint64, end: np.uint64) -> np.uint64:
    """Return the end of a tag from behind its name on: past `>`; past `end` if it never ends."""
    while True:
        while i < end and (_is_space(data[i]) or data[i] == _SLASH):
            i += _1
        if i >= end:
            return end + _1
        if data[i] == _GT:
            return i + _1
        i = _after_name(data, i + _1, end)
        while i < end and _is_space(data[i]):
            i += _1
        if i < end and data[i] == _EQUALS:
            i += _1
            while i < end and _is_space(data[i]):
                i += _1
            if i >= end:
                return end + _1
            quote = data[i]
            if quote in (_QUOTE, _APOSTROPHE):
                i = find(data, i + _1, end, quote) + _1
            else:
                while i < end and data[i] != _GT and not _is_space(data[i]):
                    i += _1


@uncounted_njit
def name_at(data: Bytes, i: np.uint64, end: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Return the name of a tag as two words in lower case, the second all ones if it is too long; its end.

    Bit 5 is set in every byte: it makes letters small, and changes no other byte of a listed name.
    """
    if i + _8 <= end:
        x = load8(data, i)
        ends = _name_ends(x)
        size = trailing_zeros(ends) >> _3
        # Any other control is a part of the name.
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
def closes_itself(data: Bytes, name_end: np.uint64, i: np.uint64) -> Any:
    """Whether a tag whose name ends at `name_end`, and itself before i, ends with `/>`: not so `a=b/>`."""
    if data[i - _2] != _SLASH:
        return False
    p = i - _3
    while p >= name_end and not (_is_space(data[p]) or data[p] in (_QUOTE, _APOSTROPHE, _EQUALS)):
        p -= _1
    return p < name_end or data[p] != _EQUALS


@lean_njit
def kind_of(tags: TagTable, first: np.uint64, second: np.uint64) -> Any:
    """Return the kind, with its bits, of the element with a name (see `name_at`)."""
    slot = ((first ^ second) * _SPREAD_64) >> _SHIFT
    while tags.first[slot] != _0:
        if tags.first[slot] == first and tags.second[slot] == second:
            return tags.kinds[slot]
        slot = (slot + _1) & U64(len(tags.first) - 1)
    return np.uint8(INLINE)

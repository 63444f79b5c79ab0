"""Finds the attributes, and the rules of a page's own style sheets, that hide elements of the page.

`w` is the page's workspace (`tags.workspace`): from `RULES` on, a hash table of selectors, whose two lowest
bits are the effect of the rule. `visible_text` clears it for each page.
"""

from typing import Any

import numpy as np

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.reading.html.tags import (
    CLASS_FILTER,
    MOST_RULES,
    NAME_FILTER,
    RULE_COUNT,
    RULE_SLOTS,
    RULES,
    after_blanks,
    find,
    is_letter,
    is_space,
    next_attribute,
    packed,
)
from presswatch_spark.reading.text.simd import hint_bits_64, sheet_bits_64, trailing_zeros, visible_bits_64
from presswatch_spark.reading.text.word_kernels import U64, Bytes, Hashes, load8

_0, _1, _2, _3, _4, _8, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 8, 64))
_OFFSET, _PRIME = 0xCBF29CE484222325, 0x100000001B3
FNV_START, FNV_PRIME = U64(_OFFSET), U64(_PRIME)
_SPREAD, _SHIFT = U64(0x9E3779B97F4A7C15), U64(64 - 10)
_RULE_SLOTS, _MOST_RULES = U64(RULE_SLOTS), U64(MOST_RULES)
_SPACE, _HASH, _STAR, _COMMA, _DASH, _DOT, _SLASH = (np.uint8(ord(c)) for c in " #*,-./")
_COLON, _SEMICOLON, _GT, _UNDERSCORE, _BRACE, _END_BRACE = (np.uint8(ord(c)) for c in ":;>_{}")
_AS_IS, _LOWER, _CASES = np.uint8(0), np.uint8(0x20), U64(0x2020202020202020)

ABSENT_RULE, INVISIBLE_RULE = U64(1), U64(2)
"""Effects of a rule: `display: none`, `visibility: hidden`."""

# Bits of a tag; in those for display and visibility, 0 means that they are not given. Bits from 16 on note
# attributes that were seen.
BY_RULE, HIDDEN, OPEN_, FLOATS = U64(3), U64(4), U64(8), U64(16)
PLACED, CONTENT_HIDDEN, UNTIL_FOUND = U64(32), U64(64), U64(128)
DISPLAY_AT, VISIBILITY_AT = U64(8), U64(12)
DISPLAY_BITS, VISIBILITY_BITS = U64(15 << 8), U64(3 << 12)
(
    DISPLAY_NONE, DISPLAY_BLOCK, DISPLAY_INLINE, DISPLAY_INLINE_BLOCK, DISPLAY_FLEX, DISPLAY_INLINE_FLEX,
    DISPLAY_TABLE, DISPLAY_INLINE_TABLE, DISPLAY_CONTENTS,
) = (U64(n) for n in range(1, 10))  # fmt: skip
VISIBILITY_HIDDEN, VISIBILITY_VISIBLE, VISIBILITY_OTHER = (U64(n) for n in (1, 2, 3))
_SEEN_CLASS, _SEEN_ID, _SEEN_STYLE, _SEEN_HIDDEN = (U64(1 << n) for n in range(16, 20))
_STYLE_BITS = U64((1 << 16) - 1)


def fnv(name: bytes) -> int:
    """Return the FNV-1a hash of a name, 64 bits (Fowler, Noll, Vo)."""
    value = _OFFSET
    for byte in name:
        value = (value ^ byte) * _PRIME % (1 << 64)
    return value


def _word(name: str) -> Any:
    return U64(fnv(name.encode()))


_OF_CLASS, _OF_ID = _word("."), _word("#")

_HIDDEN_NAME, _OPEN, _CLASS, _ID, _STYLE = map(packed, ("hidden", "open", "class", "id", "style"))
_HIDDEN = _word("hidden")
_DISPLAY, _VISIBILITY, _CONTENT_VISIBILITY, _FLOAT, _POSITION = (
    _word(name) for name in ("display", "visibility", "content-visibility", "float", "position")
)
# First letters of these names, as bits by their place in the alphabet.
_FIRST_LETTERS = U64(sum(1 << (ord(letter) & 31) for letter in "dvcfp"))
_UNTIL_FOUND = _word("until-found")
_COLLAPSE, _VISIBLE, _LEFT, _RIGHT, _ABSOLUTE, _FIXED = (
    _word(name) for name in ("collapse", "visible", "left", "right", "absolute", "fixed")
)
# Values of `display`.
_DISPLAYS = (
    (DISPLAY_NONE, "none"), (DISPLAY_BLOCK, "block flow-root list-item -webkit-box"),
    (DISPLAY_INLINE, "inline"), (DISPLAY_INLINE_BLOCK, "inline-block table-cell"),
    (DISPLAY_FLEX, "flex grid -webkit-flex"), (DISPLAY_INLINE_FLEX, "inline-flex inline-grid"),
    (DISPLAY_TABLE, "table"), (DISPLAY_INLINE_TABLE, "inline-table"), (DISPLAY_CONTENTS, "contents"),
)  # fmt: skip
_DISPLAY_CODES = np.array([code for code, names in _DISPLAYS for _ in names.split()], U64)
_DISPLAY_WORDS = np.array([_word(name) for _, names in _DISPLAYS for name in names.split()], U64)
_MEDIA, _PRINT = _word("@media"), _word("print")
# Classes that hide an element on every page. A further one needs a hint: `_hints` here, and in `simd`.
_CLASSES = (b"sr-only", b"visually-hidden", b"screen-reader-text")
BUILT_IN = tuple(U64(fnv(b"." + name)) for name in _CLASSES)
BUILT_IN_FILTER = U64(sum({1 << ((name[0] + 7 * len(name)) & 63) for name in _CLASSES}))


@lean_njit
def _lowered(byte: np.uint8) -> Any:
    return byte | _LOWER if np.uint8(65) <= byte <= np.uint8(90) else byte


@lean_njit
def _mixed(value: U64, byte: np.uint8) -> Any:
    return (value ^ U64(byte)) * FNV_PRIME


@lean_njit
def _slot_of(w: Hashes, key: U64) -> Any:
    # A slot has a key, with the effects of its rule in the last two bits.
    slot = key * _SPREAD >> _SHIFT
    while w[RULES + slot] != _0 and w[RULES + slot] >> _2 != key >> _2:
        slot = (slot + _1) & (_RULE_SLOTS - _1)
    return RULES + slot


@uncounted_njit
def add_rule(w: Hashes, key: U64, bits: U64) -> None:
    """Add the rule of a selector; selectors beyond `MOST_RULES` are left out."""
    slot = _slot_of(w, key)
    if w[slot] == _0:
        if w[RULE_COUNT] == _MOST_RULES:
            return
        w[RULE_COUNT] += _1
        w[slot] = key >> _2 << _2
    w[slot] |= bits


@lean_njit
def _rule(w: Hashes, key: U64) -> Any:
    return U64(w[_slot_of(w, key)] & _3)


@lean_njit
def _hashed(key: U64, data: Bytes, i: U64, end: U64, case: np.uint8) -> U64:
    # `case`: 0, or `_LOWER` for letters in lower case.
    while i < end:
        key = _mixed(key, data[i] | case)
        i += _1
    return key


@uncounted_njit
def name_rule(w: Hashes, data: Bytes, i: U64, end: U64) -> Any:
    """Return the effects of rules for the element name data[i:end]."""
    if i >= end or not w[NAME_FILTER] >> _filtered(data[i] | _LOWER, end - i) & _1:
        return _0
    return _rule(w, _hashed(FNV_START, data, i, end, _LOWER))


@lean_njit
def _style_word(data: Bytes, i: U64, end: U64) -> Any:
    # Return the hash of a word of letters and hyphens after blanks, 0 if there is none, and its end.
    i = begin = after_blanks(data, i, end)
    key = FNV_START
    while i < end and (is_letter(data[i]) or data[i] == _DASH):
        key = _mixed(key, _lowered(data[i]))
        i += _1
    return (key if i > begin else _0), i


@uncounted_njit
def declared(data: Bytes, i: U64, end: U64, bits: U64) -> U64:
    """Return `bits`, those of earlier declarations, overridden by a declaration such as `display: none`."""
    i = after_blanks(data, i, end)
    if i >= end or (_FIRST_LETTERS >> U64(data[i] & np.uint8(31))) & _1 == _0:
        return bits
    name, i = _style_word(data, i, end)
    if name not in (_DISPLAY, _VISIBILITY, _CONTENT_VISIBILITY, _FLOAT, _POSITION):
        return bits
    i = after_blanks(data, i, end)
    if i >= end or data[i] != _COLON:
        return bits
    value, i = _style_word(data, i + _1, end)
    if value == _0:
        return bits
    if name == _DISPLAY:
        display = _0
        for k in range(len(_DISPLAY_WORDS)):
            if value == _DISPLAY_WORDS[k]:
                display = _DISPLAY_CODES[k]
        return bits & ~DISPLAY_BITS | display << DISPLAY_AT if display else bits
    if name == _VISIBILITY:
        visibility = VISIBILITY_VISIBLE if value == _VISIBLE else VISIBILITY_OTHER
        if value in (_HIDDEN, _COLLAPSE):
            visibility = VISIBILITY_HIDDEN
        return bits & ~VISIBILITY_BITS | visibility << VISIBILITY_AT
    if name == _CONTENT_VISIBILITY:
        return bits & ~CONTENT_HIDDEN | (CONTENT_HIDDEN if value == _HIDDEN else _0)
    if name == _FLOAT:
        return bits & ~FLOATS | (FLOATS if value in (_LEFT, _RIGHT) else _0)
    return bits & ~PLACED | (PLACED if value in (_ABSOLUTE, _FIXED) else _0)


@lean_njit
def _short_name(data: Bytes, i: U64, end: U64) -> Any:
    # Return a name of up to 8 bytes in lower case, first byte lowest; 0 for a longer one.
    size = end - i
    if size > _8:
        return _0
    if i + _8 <= U64(len(data)):
        unused = (_8 - size) << _3
        return (load8(data, i) | _CASES) << unused >> unused
    name = _0
    for j in range(size):
        name |= U64(data[i + U64(j)] | _LOWER) << (U64(j) << _3)
    return name


@uncounted_njit
def attributes(w: Hashes, data: Bytes, i: U64, end: U64) -> U64:
    """Return the bits of a tag's attributes, from after its name to its end."""
    bits = _0
    while True:
        name_begin, name_end, begin, stop, i = next_attribute(data, i, end)
        if name_begin >= end or data[name_begin] == _GT:
            return bits & _STYLE_BITS
        name = _short_name(data, name_begin, name_end)
        if name == _CLASS and not bits & _SEEN_CLASS:
            bits |= _SEEN_CLASS | _classes(w, data, begin, stop)
        elif name == _STYLE and not bits & _SEEN_STYLE:
            bits |= _SEEN_STYLE
            while begin < stop:
                bits = declared(data, begin, stop, bits)
                begin = find(data, begin, stop, _SEMICOLON) + _1
        elif name == _ID and not bits & _SEEN_ID:
            bits |= _SEEN_ID | _rule(w, _hashed(_OF_ID, data, begin, stop, _AS_IS))
        elif name == _HIDDEN_NAME and not bits & _SEEN_HIDDEN:
            value, _ = _style_word(data, begin, stop)
            found = value == _UNTIL_FOUND and stop - begin == U64(11)
            bits |= _SEEN_HIDDEN | (UNTIL_FOUND if found else HIDDEN)
        elif name == _OPEN:
            bits |= OPEN_


@uncounted_njit
def _classes(w: Hashes, data: Bytes, i: U64, end: U64) -> U64:
    bits = _0
    while True:
        while i < end and data[i] <= _SPACE:
            i += _1
        if i >= end:
            return bits
        begin = i
        if i + _64 <= U64(len(data)):
            i = min(end, i + trailing_zeros(~visible_bits_64(data, i)))
        while i < end and data[i] > _SPACE:
            i += _1
        if w[CLASS_FILTER] >> _filtered(data[begin], i - begin) & _1:
            bits |= _rule(w, _hashed(_OF_CLASS, data, begin, i, _AS_IS))


@lean_njit
def _filtered(first: np.uint8, size: U64) -> Any:
    return (U64(first) + size * U64(7)) & U64(63)


@uncounted_njit
def may_hide(data: Bytes, i: U64, end: U64) -> Any:
    """Return True if the attributes of a tag may hide it: `hidden`, `style`, `sr-only` or the like."""
    while i < end:
        if i + _64 < U64(len(data)):
            found = hint_bits_64(data, i)
            if end - i < _64:
                found &= (_1 << (end - i)) - _1
            while found != _0:
                if _hints(data, i + trailing_zeros(found)):
                    return True
                found &= found - _1
            i += _64
        else:
            if _hints(data, i):
                return True
            i += _1
    return False


@lean_njit
def _hints(data: Bytes, p: U64) -> Any:
    # Return True for `idde`, `tyle`, `r-on` or `n-re` from p - 1 on: parts of the names that may hide a tag.
    if p < _1 or p + _2 >= U64(len(data)):
        return False
    return _short_name(data, p - _1, p + _3) in (_IDDE, _TYLE, _R_ON, _N_RE)


_IDDE, _TYLE, _R_ON, _N_RE = map(packed, ("idde", "tyle", "r-on", "n-re"))


@uncounted_njit
def read_sheet(w: Hashes, data: Bytes, i: U64, stop: U64) -> None:
    """Add those rules of the style sheet data[i:stop] that hide elements."""
    part, prelude, prelude_end, depth, print_depth, bits = i, i, i, _0, _0, _0
    signs, base = _0, i
    while i < stop:
        if base + _64 <= stop:
            if i >= base + _64:
                base, signs = i, _0
                continue
            if i == base:
                signs = sheet_bits_64(data, base)
            signs &= ~_0 << (i - base)
            if signs == _0:
                i = base = base + _64
                continue
            i = base + trailing_zeros(signs)
        byte = data[i]
        if byte == _SLASH and i + _1 < stop and data[i + _1] == _STAR:
            bits = declared(data, part, i, bits)
            i += _2
            while i < stop and not (data[i] == _STAR and i + _1 < stop and data[i + _1] == _SLASH):
                i += _1
            i = min(stop, i + _2)
            part = i
            continue
        if byte == _BRACE:
            depth += _1
            if print_depth == _0 and _is_print(data, part, i):
                print_depth = depth
            prelude, prelude_end = part, i
            bits, part = _0, i + _1
        elif byte == _SEMICOLON:
            bits = declared(data, part, i, bits)
            part = i + _1
        elif byte == _END_BRACE:
            bits = declared(data, part, i, bits)
            hides = (
                U64(bits & DISPLAY_BITS == DISPLAY_NONE << DISPLAY_AT)
                | U64(bits & VISIBILITY_BITS == VISIBILITY_HIDDEN << VISIBILITY_AT) << _1
            )
            if hides != _0 and print_depth == _0:
                _add_selectors(w, data, prelude, prelude_end, hides)
            if depth <= print_depth:
                print_depth = _0
            depth -= U64(depth > _0)
            prelude = prelude_end
            part = i + _1
        i += _1


@lean_njit
def _is_at(word: U64, size: U64, data: Bytes, i: U64, end: U64) -> bool:
    key, stop = FNV_START, i + size
    while i < min(stop, end):
        key = _mixed(key, _lowered(data[i]))
        i += _1
    return bool(key == word)


@uncounted_njit
def _is_print(data: Bytes, i: U64, end: U64) -> Any:
    i = after_blanks(data, i, end)
    media_end = i + U64(6)
    if not _is_at(_MEDIA, U64(6), data, i, end) or media_end >= end or not is_space(data[media_end]):
        return False
    i = after_blanks(data, media_end, end)
    return _is_at(_PRINT, U64(5), data, i, end) and find(data, i + U64(5), end, _COMMA) == end


@lean_njit
def _is_selector_letter(byte: np.uint8) -> Any:
    return is_letter(byte) or np.uint8(48) <= byte <= np.uint8(57) or byte in (_UNDERSCORE, _DASH)


@uncounted_njit
def _add_selectors(w: Hashes, data: Bytes, i: U64, end: U64, bits: U64) -> None:
    """Add a rule's selectors that are `name`, `.class` or `#id`, the last two also with a name before."""
    while i < end:
        stop = find(data, i, end, _COMMA)
        i = begin = after_blanks(data, i, stop)
        key = FNV_START
        while i < stop and _is_selector_letter(data[i]):
            key = _mixed(key, _lowered(data[i]))
            i += _1
        if i < stop and data[i] in (_DOT, _HASH):
            key = _mixed(FNV_START, data[i])
            i += _1
            begin = i
            while i < stop and _is_selector_letter(data[i]):
                key = _mixed(key, data[i])
                i += _1
        named, last = i > begin, i
        i = after_blanks(data, i, stop)
        if named and i == stop:
            if data[begin - U64(begin > _0)] == _DOT:
                w[CLASS_FILTER] |= _1 << _filtered(data[begin], last - begin)
            elif data[begin - U64(begin > _0)] != _HASH:
                w[NAME_FILTER] |= _1 << _filtered(data[begin] | _LOWER, last - begin)
            add_rule(w, key, bits)
        i = stop + _1

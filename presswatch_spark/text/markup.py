"""From the bytes of an HTML page to the text that can be seen in it, for the sieve.

One pass over the page in UTF-8, by the tokenizer of the HTML Standard (13.2.5), without a tree: tags vanish
or separate (see `tags`), scripts and styles are passed over, references are decoded. It decides nothing: what
the sieve finds here is verified in the text that a parser extracts (`sources.warc.extraction`). So it may say
more than that text, but must not tear apart or leave out what stands there in a row. What a browser does not
show where it stands, the content of `template`, is moved to the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from presswatch_spark.compiled import lean_njit, uncounted_njit
from presswatch_spark.text.entities import LONGEST_LEGACY, LONGEST_NAME, EntityTable, load_entities
from presswatch_spark.text.kernels import U64, Bytes, plain
from presswatch_spark.text.tags import (
    BLOCK,
    BREAKS_OUT,
    FOREIGN,
    HIDDEN,
    INLINE,
    NAME_BYTES,
    REFERENCES,
    REST,
    SHIFT,
    SPREAD,
    TEMPLATE,
    TagTable,
    load_tags,
)
from presswatch_spark.text.vectors import equal_bits_64, trailing_zeros

_0, _1, _2, _3, _6, _7, _8, _12, _18, _64 = (U64(n) for n in (0, 1, 2, 3, 6, 7, 8, 12, 18, 64))
(
    _TAB,
    _SPACE,
    _BANG,
    _QUOTE,
    _HASH,
    _AMP,
    _APOSTROPHE,
    _DASH,
    _SLASH,
    _SEMICOLON,
    _LT,
    _EQUALS,
    _GT,
    _QUERY,
) = (np.uint8(ord(c)) for c in "\t !\"#&'-/;<=>?")
_NUL, _NEWLINE, _LOWER, _CLOSE = np.uint8(0), np.uint8(10), np.uint8(0x20), np.uint8(ord("]"))
_FNV_OFFSET, _FNV_PRIME = U64(0xCBF29CE484222325), U64(0x100000001B3)
_LEGACY, _LONGEST = U64(LONGEST_LEGACY), U64(LONGEST_NAME)
_NAME = U64(NAME_BYTES)
_KIND = np.uint8(7)


def room_for(size: int) -> int:
    """How many bytes the text of a page of `size` bytes takes at most: a reference of 5 may stand for 6."""
    return size + size // 4 + 64


def visible_text(page: Bytes, out: Bytes, at: int) -> int:
    """Write the text of a page (uint8, UTF-8) into `out[at:]`, and return where it ends.

    `out` has `room_for(len(page))` bytes from `at` on. Blanks are one blank; what separates is a line end.
    """
    return int(_visible_text(load_tags(), load_entities(), plain(page), out, U64(at)))


@lean_njit
def _find(data: Bytes, i: np.uint64, end: np.uint64, byte: np.uint8) -> Any:
    """Where `byte` next stands in `data[i:end]`; `end` if nowhere."""
    while i + _64 <= end:
        found = equal_bits_64(data, i, byte)
        if found != _0:
            return i + trailing_zeros(found)
        i += _64
    while i < end and data[i] != byte:
        i += _1
    return i


@lean_njit
def _is_space(byte: np.uint8) -> Any:
    return byte == _SPACE or (_TAB <= byte <= np.uint8(13) and byte != np.uint8(11))


@lean_njit
def _is_letter(byte: np.uint8) -> Any:
    return np.uint8(97) <= (byte | _LOWER) <= np.uint8(122)


@lean_njit
def _is_name(byte: np.uint8) -> Any:
    return _is_letter(byte) or np.uint8(48) <= byte <= np.uint8(57)


@uncounted_njit
def _after_attributes(data: Bytes, i: np.uint64, end: np.uint64) -> np.uint64:
    """Where a tag ends, from behind its name: past `>`; past `end` if it never does."""
    while True:
        while i < end and (_is_space(data[i]) or data[i] == _SLASH):
            i += _1
        if i >= end:
            return end + _1
        if data[i] == _GT:
            return i + _1
        i += _1
        while i < end and not (
            _is_space(data[i]) or data[i] == _SLASH or data[i] == _GT or data[i] == _EQUALS
        ):
            i += _1
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
                i = _find(data, i + _1, end, quote) + _1
            else:
                while i < end and data[i] != _GT and not _is_space(data[i]):
                    i += _1


@uncounted_njit
def _name_at(data: Bytes, i: np.uint64, end: np.uint64) -> tuple[np.uint64, np.uint64, np.uint64]:
    """The name of a tag as two words in lower case, the second all ones if it is too long; where it ends."""
    first, second, size = _0, _0, _0
    while i < end and not (_is_space(data[i]) or data[i] == _SLASH or data[i] == _GT):
        byte = data[i]
        if np.uint8(65) <= byte <= np.uint8(90):
            byte |= _LOWER
        if size < _8:
            first |= U64(byte) << (size << _3)
        elif size < _NAME:
            second |= U64(byte) << ((size - _8) << _3)
        size += _1
        i += _1
    return first, second if size <= _NAME else ~_0, i


@lean_njit
def _kind_of(tags: TagTable, first: np.uint64, second: np.uint64) -> Any:
    slot = ((first ^ second) * SPREAD) >> SHIFT
    while tags.first[slot] != _0:
        if tags.first[slot] == first and tags.second[slot] == second:
            return tags.kinds[slot]
        slot = (slot + _1) & U64(len(tags.first) - 1)
    return np.uint8(INLINE)


@uncounted_njit
def _after_declaration(data: Bytes, i: np.uint64, end: np.uint64) -> Any:
    """Where what begins with `<!` at i ends: a comment, a doctype, or what is taken for a comment."""
    if i + U64(4) > end or data[i + _2] != _DASH or data[i + _3] != _DASH:
        return _find(data, i, end, _GT) + _1
    i += U64(4)
    if i < end and data[i] == _GT:
        return i + _1
    if i + _1 < end and data[i] == _DASH and data[i + _1] == _GT:
        return i + _2
    while True:
        i = _find(data, i, end, _DASH)
        if i + _2 >= end:
            return end + _1
        if data[i + _1] == _DASH:
            if data[i + _2] == _GT:
                return i + _3
            if data[i + _2] == _BANG and i + _3 < end and data[i + _3] == _GT:
                return i + U64(4)
        i += _1


@uncounted_njit
def _end_tag(data: Bytes, i: np.uint64, end: np.uint64, first: np.uint64, second: np.uint64) -> np.uint64:
    """Where the end tag of a name begins, at or after i; `end` if nowhere."""
    while True:
        i = _find(data, i, end, _LT)
        if i + _2 >= end:
            return end
        if data[i + _1] == _SLASH and _is_letter(data[i + _2]):
            name, rest, after = _name_at(data, i + _2, end)
            if name == first and rest == second and after < end:
                return i
        i += _1


@lean_njit
def _separate(out: Bytes, start: np.uint64, k: np.uint64) -> np.uint64:
    if k > start and out[k - _1] > _SPACE:
        out[k] = _NEWLINE
        k += _1
    return k


@uncounted_njit
def _put_code(out: Bytes, k: np.uint64, code: np.uint64) -> np.uint64:
    """Write a code point in UTF-8."""
    if code < U64(0x80):
        out[k] = np.uint8(code)
        return k + _1
    if code < U64(0x800):
        out[k] = np.uint8(U64(0xC0) | code >> _6)
        out[k + _1] = np.uint8(U64(0x80) | code & U64(0x3F))
        return k + _2
    if code < U64(0x10000):
        out[k] = np.uint8(U64(0xE0) | code >> _12)
        out[k + _1] = np.uint8(U64(0x80) | code >> _6 & U64(0x3F))
        out[k + _2] = np.uint8(U64(0x80) | code & U64(0x3F))
        return k + _3
    out[k] = np.uint8(U64(0xF0) | code >> _18)
    out[k + _1] = np.uint8(U64(0x80) | code >> _12 & U64(0x3F))
    out[k + _2] = np.uint8(U64(0x80) | code >> _6 & U64(0x3F))
    out[k + _3] = np.uint8(U64(0x80) | code & U64(0x3F))
    return k + U64(4)


@uncounted_njit
def _number(
    entities: EntityTable, data: Bytes, i: np.uint64, end: np.uint64, out: Bytes, k: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Decode the numeric reference whose `&#` stands at i; or copy the ampersand, if it is none."""
    p, base = i + _2, U64(10)
    if p < end and (data[p] | _LOWER) == np.uint8(120):
        p, base = p + _1, U64(16)
    digits, code = p, _0
    while p < end:
        byte = data[p]
        if np.uint8(48) <= byte <= np.uint8(57):
            digit = U64(byte - np.uint8(48))
        elif base == U64(16) and np.uint8(97) <= (byte | _LOWER) <= np.uint8(102):
            digit = U64((byte | _LOWER) - np.uint8(87))
        else:
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
    return p, _put_code(out, k, code)


@lean_njit
def _value_of(entities: EntityTable, key: np.uint64) -> Any:
    slot = key & U64(len(entities.keys) - 1)
    while entities.keys[slot] != _0:
        if entities.keys[slot] == key:
            return entities.values[slot]
        slot = (slot + _1) & U64(len(entities.keys) - 1)
    return _0


@uncounted_njit
def _reference(
    entities: EntityTable, data: Bytes, i: np.uint64, end: np.uint64, out: Bytes, k: np.uint64
) -> Any:
    """Decode the reference whose `&` stands at i; or copy the ampersand. Returns what comes next, and k."""
    if i + _1 < end and data[i + _1] == _HASH:
        return _number(entities, data, i, end, out, k)
    p, key, value, after = i + _1, _FNV_OFFSET, _0, i + _1
    while p < end and p - i <= _LONGEST and _is_name(data[p]):
        key = (key ^ U64(data[p])) * _FNV_PRIME
        p += _1
        if p - i - _1 <= _LEGACY:
            legacy = _value_of(entities, key)
            if legacy != _0:
                value, after = legacy, p
    if p < end and data[p] == _SEMICOLON:
        named = _value_of(entities, (key ^ U64(_SEMICOLON)) * _FNV_PRIME)
        if named != _0:
            value, after = named, p + _1
    if value == _0:
        out[k] = _AMP
        return i + _1, k + _1
    for _ in range(value >> U64(56)):
        out[k] = np.uint8(value)
        value >>= _8
        k += _1
    return after, k


@uncounted_njit
def _copy(
    entities: EntityTable,
    data: Bytes,
    i: np.uint64,
    end: np.uint64,
    out: Bytes,
    k: np.uint64,
    markup: bool,
    references: bool,
) -> tuple[np.uint64, np.uint64]:
    """Copy text up to `end`, or up to a `<` if there is `markup`; blanks in a row are written as one."""
    blank = k > _0 and out[k - _1] <= _SPACE
    while i < end:
        byte = data[i]
        if byte == _LT and markup:
            break
        if byte == _AMP and references:
            i, k = _reference(entities, data, i, end, out, k)
            blank = False
            continue
        i += _1
        if byte == _NUL:
            continue
        out[k] = byte
        now = byte <= _SPACE
        k += U64(not (blank and now))
        blank = now
    return i, k


@uncounted_njit
def _move_to_end(
    out: Bytes, start: np.uint64, k: np.uint64, kept: np.uint64, room: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Move `out[start:k]` to the end of the room, before what is kept there already."""
    size = k - start
    kept += _1
    out[room - kept] = _NEWLINE
    for j in range(size):
        out[room - kept - _1 - U64(j)] = out[k - _1 - U64(j)]
    return start, kept + size


@uncounted_njit
def _visible_text(tags: TagTable, entities: EntityTable, data: Bytes, out: Bytes, at: np.uint64) -> Any:
    i, k, end = _0, at, U64(len(data))
    templates, template_start, foreign, kept = _0, _0, _0, _0
    room = U64(len(out))
    while True:
        i, k = _copy(entities, data, i, end, out, k, True, True)
        if i + _1 >= end:
            k = k if i >= end else _copy(entities, data, i, end, out, k, False, False)[1]
            break
        follows = data[i + _1]
        closes = follows == _SLASH
        if closes and i + _2 < end and not _is_letter(data[i + _2]):
            i = _find(data, i + _2, end, _GT) + _1
            continue
        if follows == _BANG:
            i = _after_declaration(data, i, end)
            continue
        if follows == _QUERY:
            i = _find(data, i, end, _GT) + _1
            continue
        if not closes and not _is_letter(follows):
            out[k] = _LT
            i, k = i + _1, k + _1
            continue
        first, second, i = _name_at(data, i + (_2 if closes else _1), end)
        i = _after_attributes(data, i, end)
        if i > end:
            break
        found = _kind_of(tags, first, second)
        kind = found & _KIND
        if kind == INLINE:
            if foreign != _0 and found & np.uint8(BREAKS_OUT) and not closes:
                foreign = _0
        elif kind == BLOCK:
            k = _separate(out, at, k)
            if found & np.uint8(BREAKS_OUT) and not closes:
                foreign = _0
        elif kind == FOREIGN:
            if closes:
                foreign -= _1 if foreign != _0 else _0
            elif data[i - _2] != _SLASH:
                foreign += _1
        elif kind == TEMPLATE:
            k = _separate(out, at, k)
            if not closes:
                if templates == _0:
                    template_start = k
                templates += _1
            elif templates != _0:
                templates -= _1
                if templates == _0:
                    k, kept = _move_to_end(out, template_start, k, kept, room)
        elif not closes and not (foreign != _0 and (data[i - _2] == _SLASH or kind != HIDDEN)):
            stop = end if kind == REST else _end_tag(data, i, end, first, second)
            if kind != HIDDEN:
                k = _separate(out, at, k)
                _, k = _copy(entities, data, i, stop, out, k, False, kind == REFERENCES)
                k = _separate(out, at, k)
            i = stop
    if kept != _0:
        k = _separate(out, at, k)
        for j in range(kept):
            out[k + j] = out[room - kept + j]
        k += kept
    return k

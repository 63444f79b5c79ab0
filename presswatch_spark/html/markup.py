"""From the bytes of an HTML page to the text that can be seen in it, for the sieve.

One pass over the page in UTF-8, by the tokenizer of the HTML Standard (13.2.5), without a tree. Tags vanish
or separate (see `tags`), scripts and styles are passed over, references are decoded. This text decides
nothing: hits in it are verified in the text that a parser extracts (`extraction.page_text`). So it may hold
more than that text, but must neither tear apart nor leave out words that are neighbours there. The content of
`template`, which a browser does not show where it stands, is moved to the end.
"""

from typing import Any

import numpy as np

from presswatch_spark.compiled import entry_njit, lean_njit, uncounted_njit
from presswatch_spark.html.marks import next_marks, opens_value, places_of
from presswatch_spark.html.raw_text import (
    CDATA_BYTES,
    SCRIPT,
    after_declaration,
    begins_cdata,
    cdata_end,
    data_in,
    end_tag,
    foreign_end,
    script_end,
)
from presswatch_spark.html.references import EntityTable, load_entities, reference
from presswatch_spark.html.tags import (
    BLOCK,
    BREAKS_OUT,
    FOREIGN,
    HIDDEN,
    INTEGRATES_MATH,
    INTEGRATES_SVG,
    REFERENCES,
    REST,
    TEMPLATE,
    TagTable,
    after_attributes,
    closes_itself,
    find,
    is_letter,
    kind_of,
    load_tags,
    name_at,
)
from presswatch_spark.text.kernels import U64, Bytes, Hashes, plain
from presswatch_spark.text.vectors import copy_64, visible_bits_64

_0, _1, _2, _3, _8, _64, _BYTE = (U64(n) for n in (0, 1, 2, 3, 8, 64, 255))
_SPACE, _BANG, _QUOTE, _AMP, _APOSTROPHE, _SLASH, _LT, _GT, _QUERY = (np.uint8(ord(c)) for c in " !\"&'/<>?")
_P, _BR, _FONT, _MATH = (U64(int.from_bytes(name, "little")) for name in (b"p", b"br", b"font", b"math"))
_NUL, _NEWLINE = np.uint8(0), np.uint8(10)
_KIND = np.uint8(7)


def room_for(size: int) -> int:
    """Return the most bytes that the text of a page of `size` bytes takes: a reference of 5 may become 6."""
    return size + size // 4 + 64


def page_text(page: Bytes, out: Bytes, at: int) -> tuple[int, int]:
    """Write the text of a page (uint8, UTF-8) into `out[at:]`, with a line end where something separates.

    `out` has `room_for(len(page))` bytes from `at` on. Returns where the text ends, and what the page's
    scripts hold, which are passed over: bits `DATA` and `ARTICLE`.
    """
    end, unread = _visible_text(load_tags(), load_entities(), plain(page), out, U64(at), places_of())
    return int(end), int(unread)


@lean_njit
def _separate(out: Bytes, start: np.uint64, k: np.uint64) -> np.uint64:
    if k > start and out[k - _1] > _SPACE:
        out[k] = _NEWLINE
        k += _1
    return k


@lean_njit
def _copied(
    data: Bytes, i: np.uint64, stop: np.uint64, end: np.uint64, out: Bytes, at: np.uint64, k: np.uint64
) -> Any:
    """Copy text between markup; nothing but blanks becomes a separator."""
    if i == stop:
        return k
    if stop - i <= _64 and i + _64 <= end:
        if visible_bits_64(data, i) & (~_0 >> (_64 - (stop - i))) == _0:
            return _separate(out, at, k)
        copy_64(data, i, out, k)
        return k + (stop - i)
    while i + _64 <= stop:
        copy_64(data, i, out, k)
        i += _64
        k += _64
    while i < stop:
        out[k] = data[i]
        i += _1
        k += _1
    return k


@uncounted_njit
def _copy_raw(
    entities: EntityTable,
    data: Bytes,
    i: np.uint64,
    stop: np.uint64,
    out: Bytes,
    k: np.uint64,
    references: bool,
) -> np.uint64:
    """Copy raw text, whose markup does not count."""
    while i < stop:
        if data[i] == _AMP and references:
            i, k = reference(entities, data, i, stop, out, k)
            continue
        # Here a NUL is U+FFFD, as in SVG and MathML; in other text it vanishes.
        out[k] = data[i] if data[i] != _NUL else _NEWLINE
        i, k = i + _1, k + _1
    return k


@uncounted_njit
def _move_to_end(
    out: Bytes, start: np.uint64, k: np.uint64, kept: np.uint64, room: np.uint64
) -> tuple[np.uint64, np.uint64]:
    """Move `out[start:k]` to the end of the room, before the `kept` bytes there."""
    size = k - start
    kept += _1
    out[room - kept] = _NEWLINE
    for j in range(size):
        out[room - kept - _1 - U64(j)] = out[k - _1 - U64(j)]
    return start, kept + size


@uncounted_njit
def _breaks_out(found: np.uint8, first: np.uint64, closes: bool, rest: np.uint64) -> Any:
    """Whether a tag ends the SVG or MathML that it stands in; `rest`: bytes behind its name."""
    if closes:
        return first in (_P, _BR)
    # `font` does so with some attributes, and nobody writes another one.
    return found & np.uint8(BREAKS_OUT) or (first == _FONT and rest > _2)


@entry_njit
def _visible_text(
    tags: TagTable, entities: EntityTable, data: Bytes, out: Bytes, at: np.uint64, places: Hashes
) -> Any:
    i, k, end = _0, at, U64(len(data))
    templates, template_start, foreign, inside, kept = _0, _0, _0, _0, _0
    # For each open one, the innermost lowest: a bit (is it MathML), a byte (how much HTML is around it).
    roots, around, room = _0, _0, U64(len(out))
    p, count, looked = _0, _0, _0
    unread = np.uint8(0)
    while True:
        byte = _NUL
        while True:
            if p == count:
                p = _0
                count, looked = next_marks(data, max(i, looked), end, places)
            mark = places[p]
            if mark == end:
                break
            byte = data[mark]
            if mark >= i and byte in (_LT, _AMP, _NUL):
                break
            p += _1
        k = _copied(data, i, mark, end, out, at, k)
        i = mark
        if i == end:
            break
        p += _1
        if byte == _AMP:
            i, k = reference(entities, data, i, end, out, k)
            continue
        if byte == _NUL:
            if foreign != _0 and inside == _0:
                k = _separate(out, at, k)
            i += _1
            continue
        follows = data[i + _1] if i + _1 < end else _NUL
        closes = follows == _SLASH
        if closes and i + _2 < end and not is_letter(data[i + _2]):
            i = find(data, i + _2, end, _GT) + _1
            continue
        in_html = foreign == _0 or inside != _0
        if follows == _BANG:
            if not in_html and begins_cdata(data, i, end):
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
        first, second, i = name_at(data, i + (_2 if closes else _1), end)
        name_end = i
        while True:
            if p == count:
                p = _0
                count, looked = next_marks(data, max(i, looked), end, places)
            mark = places[p]
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
                    i = after_attributes(data, i, end)
                    break
                while True:
                    if p == count:
                        p = _0
                        count, looked = next_marks(data, max(i, looked), end, places)
                    mark = places[p]
                    if mark == end or data[mark] == byte:
                        break
                    p += _1
                if mark == end:
                    i = end + _1
                    break
                i = mark + _1
                p += _1
        if i > end:
            break
        found = kind_of(tags, first, second)
        kind = found & _KIND
        if foreign != _0:
            if found & np.uint8(INTEGRATES_MATH if roots & _1 else INTEGRATES_SVG):
                if not closes:
                    inside += U64(not closes_itself(data, name_end, i))
                elif inside != _0:
                    inside -= _1
            elif inside == _0 and _breaks_out(found, first, closes, i - name_end):
                while foreign != _0 and inside == _0:
                    foreign, roots = foreign - _1, roots >> _1
                    inside, around = around & _BYTE, around >> _8
                in_html = True
        if kind <= BLOCK:
            # Without a branch: nobody can foresee whether a tag separates.
            out[k] = _NEWLINE
            k += U64((kind == BLOCK) & (k > at) & (out[k - U64(k > at)] > _SPACE))
        elif kind == FOREIGN:
            math = U64(first == _MATH)
            if not closes:
                if not closes_itself(data, name_end, i):
                    foreign, roots = foreign + _1, roots << _1 | math
                    inside, around = _0, around << _8 | min(inside, _BYTE)
            elif foreign != _0 and roots & _1 == math:
                foreign, roots = foreign - _1, roots >> _1
                inside, around = around & _BYTE, around >> _8
        elif kind == TEMPLATE:
            k = _separate(out, at, k)
            if not in_html:
                continue
            if not closes:
                if templates == _0:
                    template_start = k
                templates += _1
            elif templates != _0:
                templates -= _1
                if templates == _0:
                    k, kept = _move_to_end(out, template_start, k, kept, room)
        elif not closes and not in_html:
            # Here their content is markup; only if it is all text, it is surely theirs.
            if kind == HIDDEN and not closes_itself(data, name_end, i):
                i = foreign_end(data, i, end, first, second)
        elif not closes:
            if kind == REST:
                stop = end
            elif first == SCRIPT and second == _0:
                stop = script_end(data, i, end)
                unread |= data_in(data, i, stop)
            else:
                stop = end_tag(data, i, end, first, second)
            if kind != HIDDEN:
                k = _separate(out, at, k)
                k = _copy_raw(entities, data, i, stop, out, k, kind == REFERENCES)
                k = _separate(out, at, k)
            i = stop
    if kept != _0:
        k = _separate(out, at, k)
        for j in range(kept):
            out[k + j] = out[room - kept + j]
        k += kept
    return k, unread

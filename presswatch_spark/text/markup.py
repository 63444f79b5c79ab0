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
from presswatch_spark.text.kernels import U64, Bytes, plain
from presswatch_spark.text.references import EntityTable, load_entities, reference
from presswatch_spark.text.tags import (
    BLOCK,
    BREAKS_OUT,
    FOREIGN,
    HIDDEN,
    REFERENCES,
    REST,
    TEMPLATE,
    TagTable,
    after_attributes,
    after_declaration,
    end_tag,
    find,
    is_letter,
    kind_of,
    load_tags,
    name_at,
)
from presswatch_spark.text.vectors import copy_64, text_stop_bits_64, trailing_zeros, visible_bits_64

_0, _1, _2, _64 = (U64(n) for n in (0, 1, 2, 64))
_SPACE, _BANG, _AMP, _SLASH, _LT, _GT, _QUERY = (np.uint8(ord(c)) for c in " !&/<>?")
_NUL, _NEWLINE = np.uint8(0), np.uint8(10)
_KIND = np.uint8(7)


def room_for(size: int) -> int:
    """How many bytes the text of a page of `size` bytes takes at most: a reference of 5 may stand for 6."""
    return size + size // 4 + 64


def visible_text(page: Bytes, out: Bytes, at: int) -> int:
    """Write the text of a page (uint8, UTF-8) into `out[at:]`, and return where it ends.

    `out` has `room_for(len(page))` bytes from `at` on. What separates is a line end.
    """
    return int(_visible_text(load_tags(), load_entities(), plain(page), out, U64(at)))


@lean_njit
def _separate(out: Bytes, start: np.uint64, k: np.uint64) -> np.uint64:
    if k > start and out[k - _1] > _SPACE:
        out[k] = _NEWLINE
        k += _1
    return k


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
    """Copy text up to `end`, or up to a `<` if there is `markup`; what is blanks only is written as one."""
    while i < end:
        if i + _64 <= end:
            stops = text_stop_bits_64(data, i)
            n = trailing_zeros(stops)
            if n != _0:
                visible = visible_bits_64(data, i) & (~_0 >> (_64 - n))
                if visible == _0:
                    k = _separate(out, _0, k)
                else:
                    copy_64(data, i, out, k)
                    k += n
                i += n
                if stops == _0:
                    continue
        byte = data[i]
        if byte == _LT and markup:
            break
        if byte == _AMP and references:
            i, k = reference(entities, data, i, end, out, k)
            continue
        i += _1
        if byte != _NUL:
            out[k] = byte
            k += _1
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
        if closes and i + _2 < end and not is_letter(data[i + _2]):
            i = find(data, i + _2, end, _GT) + _1
            continue
        if follows == _BANG:
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
        i = after_attributes(data, i, end)
        if i > end:
            break
        found = kind_of(tags, first, second)
        kind = found & _KIND
        if foreign != _0 and found & np.uint8(BREAKS_OUT) and not closes:
            foreign = _0
        if kind <= BLOCK:
            # Without a branch: whether a tag separates is what cannot be foreseen.
            out[k] = _NEWLINE
            k += U64((kind == BLOCK) & (k > at) & (out[k - U64(k > at)] > _SPACE))
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
            stop = end if kind == REST else end_tag(data, i, end, first, second)
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

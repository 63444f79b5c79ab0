"""Finds the text that a page embeds in scripts and attributes.

Strings are found by their quotes, not by a grammar: they may be of JSON, of JavaScript, or of JSON in another
string. A string counts if it may have eleven words, or is near one that may: paragraphs stay together.
docs/explanation/page-text.md explains the rules. All work is linear in the page, whatever it contains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from presswatch_spark.core.compiled import entry_njit, lean_njit, uncounted_njit
from presswatch_spark.reading.html.markup import (
    NO_PARTS,
    EntityTable,
    load_entities,
    put_code,
    reference,
    write_text,
)
from presswatch_spark.reading.html.styles import BUILT_IN

from presswatch_spark.reading.html.tags import (  # isort: skip
    EMBEDDED, IS_SCRIPT, LEAST_BYTES, PART, PARTS, RULES, RULE_COUNT, TagTable, find, is_letter, load_tags,
    workspace,
)  # fmt: skip
from presswatch_spark.reading.text.kernels import SLACK, U64, Bytes, Hashes, load8, plain

from presswatch_spark.reading.text.vectors import (  # isort: skip
    apart_bits_64, copy_64, count_ones, equal_bits_64, exceptional_bits_64, literal_bits_64, trailing_zeros,
    visible_bits_64,
)  # fmt: skip

EXTRACTION = "presswatch embedded text 1"
"""Name and version of these rules; the version changes whenever the embedded text of any page changes."""
DEPTH = 4
"""The most levels of data in strings, and of markup in markup."""
NEAR_BYTES = 256
"""A shorter string belongs to a long one if no more bytes are between them and their neighbours."""

# Sources of parts, in the top bits of their ends; MARKUP: of a feed or script, without escapes.
JSON_LD, SCRIPT, ATTRIBUTE, NONE, JSON, FEED, MARKUP = (U64(n) for n in range(7))
_SOURCE_AT = U64(60)
_PLACE = U64((1 << 60) - 1)

# Slots of the workspace: end of the text; beginning of the last chain (strings near each other), 1 if one is
# long, end of the chain in the page; number of pieces, beginning of the last; end of each source.
K, CHAIN_AT, IS_LONG, CHAIN_END, PIECES, PIECE_AT, ENDS = (EMBEDDED + U64(n) for n in range(7))
# For each level of nested data: where it resumes, its end, the free arena, dead quotes, its beginning.
_RESUME, _END, _TOP, _DEAD, _BEGIN = (EMBEDDED + U64(10 + DEPTH * n) for n in range(5))
# The bounds of the string of the page.
_OPENED, _CLOSED = (EMBEDDED + U64(30 + n) for n in range(2))

_0, _1, _2, _3, _4, _5, _6, _8, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 5, 6, 8, 64))
_QUOTE, _AMP, _APOSTROPHE, _SLASH, _LT, _GT, _BACKSLASH, _BACKTICK = (np.uint8(ord(c)) for c in "\"&'/<>\\`")
_SPACE, _NEWLINE, _BANG, _COLON, _COMMA, _HASH = (np.uint8(ord(c)) for c in " \n!:,#")
_BRACE, _BRACKET, _CLOSE_BRACE, _CLOSE_BRACKET, _U, _X, _ZERO = (np.uint8(ord(c)) for c in "{[}]ux0")
_N, _T, _R, _B, _F, _V, _J, _S, _O, _L, _D, _PLUS = (np.uint8(ord(c)) for c in "ntrbfvjsold+")
_PIECE, _LEAST_APART, _SHORTEST, _REGEX = U64(5), U64(10), U64(3), U64(24)
_HTTP = U64(int.from_bytes(b"http", "little") << 32)
_DEPTH, _NEAR, _SLACK = U64(DEPTH), U64(NEAR_BYTES), U64(SLACK)
_BUILT_IN = U64(len(BUILT_IN))
_OPENERS = tuple(np.uint8(ord(c)) for c in "{[,:(=+?&|;!<>)}")
# Attributes that contain no text: the last bytes of their names, and the bits of a word that are not of them.
_TEXTLESS = (
    b" class=",
    b" style=",
    b"srcset=",
    b"sizes=",
    b" points=",
    b" values=",
    b"viewBox=",
    b"ansform=",
    b" d=",
)
_TEXTLESS_ENDS = tuple(U64(int.from_bytes(name, "little")) for name in _TEXTLESS)
_TEXTLESS_SHIFTS = tuple(U64(64 - 8 * len(name)) for name in _TEXTLESS)


class _Memory(NamedTuple):
    """The tables and buffers of the kernels; `decoded` and `written` are `arena` and `out`, read-only."""

    tags: TagTable
    entities: EntityTable
    page: Bytes
    arena: Bytes
    decoded: Bytes
    out: Bytes
    written: Bytes
    w: Hashes
    parts: Hashes
    pieces: Hashes
    no_parts: Hashes


@lean_njit
def _bits_before(i: U64, end: U64) -> Any:
    # A bit for each of the 64 bytes from i that is before `end`.
    return ~_0 if i + _64 <= end else ~_0 >> (_64 - (end - i))


@lean_njit
def _is_apart(byte: np.uint8) -> Any:
    is_digit = np.uint8(48) <= byte <= np.uint8(57)
    return not (is_letter(byte) or is_digit or np.uint8(0x80) <= byte < np.uint8(0xC0))


@uncounted_njit
def _length_of(data: Bytes, i: U64, end: U64) -> Any:
    """Return 2 for a string that may have eleven words, 1 for another that may have several, else 0."""
    apart, spaces, room = _0, _0, U64(len(data))
    while i < end and i + _64 <= room:
        bits = _bits_before(i, end)
        apart += count_ones(apart_bits_64(data, i) & bits)
        blanks = equal_bits_64(data, i, _SPACE) | equal_bits_64(data, i, _BACKSLASH)
        spaces |= (blanks | exceptional_bits_64(data, i)) & bits
        i += _64
    while i < end:
        apart += U64(_is_apart(data[i]))
        spaces |= U64(data[i] in (_SPACE, _BACKSLASH) or data[i] >= np.uint8(0x80))
        i += _1
    return _2 if apart >= _LEAST_APART else U64(spaces != _0)


@uncounted_njit
def _is_prose(data: Bytes, i: U64, end: U64) -> Any:
    # False for addresses and codes: ASCII without a blank. 64 bytes after `end` are readable.
    while i < end:
        bits = _bits_before(i, end)
        if (~visible_bits_64(data, i) | exceptional_bits_64(data, i)) & bits != _0:
            return True
        i += _64
    return False


@uncounted_njit
def _has_markup(data: Bytes, begin: U64, end: U64) -> Any:
    i = begin
    while True:
        i = find(data, i, end, _LT)
        if i + _2 >= end:
            break
        follows = data[i + _1]
        if is_letter(follows) or follows in (_SLASH, _BANG):
            if find(data, i + _2, end, _GT) < end:
                return True
            break
        i += _1
    i = begin
    while True:
        i = find(data, i, end, _AMP)
        if i + _2 >= end:
            return False
        if is_letter(data[i + _1]) or data[i + _1] == _HASH:
            return True
        i += _1


@uncounted_njit
def _copy(data: Bytes, i: U64, end: U64, out: Bytes, k: U64) -> Any:
    room = U64(len(data))
    while i < end:
        if i + _64 <= room:
            copy_64(data, i, out, k)
            size = min(_64, end - i)
            i, k = i + size, k + size
        else:
            out[k] = data[i]
            i, k = i + _1, k + _1
    return k


@uncounted_njit
def _hexadecimal(data: Bytes, i: U64, end: U64) -> Any:
    # Return the number whose digits are data[i:end]; beyond Unicode if they are none.
    code = _0
    while i < end:
        byte = data[i]
        if np.uint8(48) <= byte <= np.uint8(57):
            code = code << _4 | U64(byte - np.uint8(48))
        elif np.uint8(97) <= (byte | _SPACE) <= np.uint8(102):
            code = code << _4 | U64((byte | _SPACE) - np.uint8(87))
        else:
            return U64(0x110000)
        i += _1
    return code


@uncounted_njit
def _escape(data: Bytes, i: U64, end: U64, out: Bytes, k: U64) -> tuple[U64, U64]:
    """Decode the escape that begins with the backslash at i; return the next place, and k."""
    byte = data[i + _1]
    if byte in (_U, _X):
        i, stop = i + _2, i + (_6 if byte == _U else _4)
        if byte == _U and i < end and data[i] == _BRACE:
            i += _1
            stop = min(find(data, i, end, _CLOSE_BRACE), i + _6)
        code = _hexadecimal(data, i, stop) if stop <= end else U64(0x110000)
        if U64(0xD800) <= code < U64(0xDC00) and stop + _6 <= end and data[stop] == _BACKSLASH:
            low = _hexadecimal(data, stop + _2, stop + _6) - U64(0xDC00)
            if data[stop + _1] == _U and low < U64(0x400):
                code, stop = U64(0x10000) + ((code - U64(0xD800)) << U64(10)) + low, stop + _6
        if code >= U64(0x110000):
            return i, k
        code = U64(0xFFFD) if U64(0xD800) <= code < U64(0xE000) else code
        stop += U64(stop < end and data[stop] == _CLOSE_BRACE and data[i - _1] == _BRACE)
        return stop, put_code(out, k, code if code != _0 else U64(_SPACE))
    if byte == _NEWLINE:
        return i + _2, k
    if byte in (_N, _T, _R, _B, _F, _V, _ZERO):
        byte = _NEWLINE if byte == _N else _SPACE
    out[k] = byte
    return i + _2, k + _1


@uncounted_njit
def _unescape(data: Bytes, i: U64, end: U64, out: Bytes, k: U64) -> Any:
    """Decode the escapes of a string of JSON or JavaScript into `out`, which has room; return its end."""
    while True:
        stop = find(data, i, end, _BACKSLASH)
        k = _copy(data, i, stop, out, k)
        if stop + _1 >= end:
            return k
        i, k = _escape(data, stop, end, out, k)


@uncounted_njit
def _unreference(m: _Memory, i: U64, end: U64, k: U64) -> Any:
    # Decode references of the page into the arena; as much room as for a quarter more is needed.
    while True:
        stop = find(m.page, i, end, _AMP)
        k = _copy(m.page, i, stop, m.arena, k)
        if stop >= end:
            return k
        i, k = reference(m.entities, m.page, stop, end, m.arena, k)


@lean_njit
def _closing_quote(data: Bytes, i: U64, end: U64, quote: np.uint8, many_lines: bool) -> Any:
    """Return the next place of an unescaped quote, or of a line end if it ends the string; `end` if none."""
    while True:
        found = _0
        while i + _64 <= end and found == _0:
            found = equal_bits_64(data, i, quote) | equal_bits_64(data, i, _BACKSLASH)
            if not many_lines:
                found |= equal_bits_64(data, i, _NEWLINE)
            i += trailing_zeros(found)
        if found == _0:
            while i < end and data[i] not in (quote, _BACKSLASH) and (many_lines or data[i] != _NEWLINE):
                i += _1
        if i >= end:
            return end
        if data[i] != _BACKSLASH:
            return i
        i += _2


@lean_njit
def _after_words(data: Bytes, i: U64, end: U64, is_code: bool) -> Any:
    """Return a place outside of strings up to which there are only strings in `"` that need no decoding.

    They contain neither spaces nor escapes nor characters beyond ASCII; most keys and values are such.
    """
    while i + _64 <= end:
        quotes = equal_bits_64(data, i, _QUOTE)
        if is_code and literal_bits_64(data, i) != quotes:
            return i
        if quotes == _0:
            i += _64
            continue
        marks = equal_bits_64(data, i, _SPACE) | exceptional_bits_64(data, i)
        marks |= equal_bits_64(data, i, _BACKSLASH)
        while quotes != _0:
            opened = quotes & (~quotes + _1)
            quotes ^= opened
            closed = quotes & (~quotes + _1)
            if closed == _0 or marks & (closed - opened) != _0:
                return i + trailing_zeros(opened)
            if is_code and data[i + trailing_zeros(closed) - _1] in _OPENERS:
                return i + trailing_zeros(opened)
            quotes ^= closed
        i += _64
    return i


@lean_njit
def _is_in_regex(data: Bytes, begin: U64, i: U64) -> Any:
    # True if a regular expression begins in the bytes before a quote.
    for _ in range(min(i - begin, _REGEX)):
        i -= _1
        if data[i] == _SLASH:
            return i == begin or data[i - _1] <= _SPACE or data[i - _1] in _OPENERS
    return False


@lean_njit
def _next_string(data: Bytes, begin: U64, i: U64, end: U64, is_code: bool, dead: U64) -> tuple[U64, U64, U64]:
    """Return the places of the quotes around the next string, both `end` if there is none, and dead quotes.

    `dead`: a bit for each kind of quote that never closes from here on, so that none is looked for twice.
    """
    while True:
        if dead & _1 == _0:
            i = _after_words(data, i, end, is_code)
        if is_code:
            found = _0
            while i + _64 <= end and found == _0:
                found = literal_bits_64(data, i)
                i += trailing_zeros(found)
            while found == _0 and i < end and data[i] not in (_QUOTE, _APOSTROPHE, _BACKTICK):
                i += _1
        else:
            i = find(data, i, end, _QUOTE)
        if i >= end:
            return end, end, dead
        quote = data[i]
        bit = _4 if quote == _BACKTICK else _2 if quote == _APOSTROPHE else _1
        previous = data[i - _1] if i > begin else _SPACE
        opens = quote == _BACKTICK or previous <= _SPACE or previous in _OPENERS
        if dead & bit == _0 and opens and not (is_code and _is_in_regex(data, begin, i)):
            close = _closing_quote(data, i + _1, end, quote, not is_code or quote == _BACKTICK)
            if close == end:
                dead |= bit
            elif data[close] == quote:
                return i, close, dead
        i += _1


@uncounted_njit
def _data_in(data: Bytes, begin: U64, end: U64) -> tuple[bool, bool]:
    """Return True if a decoded string is data only, and True if there are strings of data in it."""
    first, last = begin, end
    while first < end and data[first] <= _SPACE:
        first += _1
    while last > first and data[last - _1] <= _SPACE:
        last -= _1
    if last < first + _2:
        return False, False
    i, quoted, loosely = find(data, begin, end, _QUOTE), False, False
    while i < end and not quoted:
        before = i
        while before > begin and data[before - _1] <= _SPACE:
            before -= _1
        follows = before > begin and data[before - _1] in (_BRACE, _BRACKET, _COMMA, _COLON)
        quoted, loosely = follows and before == i, loosely or follows
        i = find(data, i + _1, end, _QUOTE)
    second = first + _1
    while second < last - _1 and data[second] <= _SPACE:
        second += _1
    opens, closes, after = data[first], data[last - _1], data[second]
    matches = (opens == _BRACE and closes == _CLOSE_BRACE) or (opens == _BRACKET and closes == _CLOSE_BRACKET)
    if opens == _QUOTE and _closing_quote(data, first + _1, last, _QUOTE, True) == last - _1:
        return True, True
    is_data = matches and (quoted or after in (_QUOTE, _BRACE, _BRACKET))
    return is_data, is_data or quoted or (loosely and matches)


@uncounted_njit
def _end_chain(w: Hashes) -> None:
    # Take back the strings of a chain without a long one.
    if w[IS_LONG] == _0:
        w[K] = w[CHAIN_AT]
        w[PIECE_AT] = min(w[PIECE_AT], w[K])
    w[CHAIN_AT], w[IS_LONG] = w[K], _0


@uncounted_njit
def _write(m: _Memory, begin: U64, end: U64) -> None:
    """Write a decoded string of the arena to the text; markup and references in it as a page."""
    w, k, size, room = m.w, m.w[K], end - begin, U64(len(m.out))
    if not _has_markup(m.decoded, begin, end):
        if k + size + _SLACK > room:
            return
        k = _copy(m.decoded, begin, end, m.out, k)
    else:
        stop, written = end, _0
        for _ in range(DEPTH):
            size = stop - begin
            if k + U64(6) * size + U64(8192) > room:
                break
            if w[RULE_COUNT] > _BUILT_IN:
                w[RULES:] = _0
                w[RULE_COUNT] = _0
            written, _, _ = write_text(m.tags, m.entities, m.decoded[begin:stop], m.out[k:], w, m.no_parts)
            # Markup may be escaped once more in it.
            left = written != size and _has_markup(m.written, k, k + written)
            if not left or end + written + _SLACK > U64(len(m.arena)):
                break
            begin, stop = end, _copy(m.written, k, k + written, m.arena, end)
        k += written
    if k > w[K]:
        m.out[k] = _NEWLINE
        w[K] = k + _1


@uncounted_njit
def _add(m: _Memory, top: U64, end: U64, length: U64, level: U64) -> Any:
    """Write the decoded string arena[top:end], if it is no data; return True if there is data in it."""
    if not _is_prose(m.decoded, top, end):
        return False
    is_data, has_data = _data_in(m.decoded, top, end)
    has_data = has_data and length == _2 and level < _DEPTH
    if not (is_data and has_data):
        _write(m, top, end)
        m.w[IS_LONG] |= U64(length == _2)
    return has_data


@uncounted_njit
def _note_piece(m: _Memory, part: U64, begin: U64, end: U64) -> None:
    # Note the piece of the text that a string of the page became, without what was taken back.
    w, n = m.w, m.w[PIECES] * _PIECE
    while n != _0 and m.pieces[n - _4] > w[PIECE_AT]:
        m.pieces[n - _4] = w[PIECE_AT]
        n -= _PIECE if m.pieces[n - _5] >= w[PIECE_AT] else _0
    if w[K] > w[PIECE_AT] and n + _PIECE <= U64(len(m.pieces)):
        m.pieces[n], m.pieces[n + _1], m.pieces[n + _2] = w[PIECE_AT], w[K], part
        m.pieces[n + _3], m.pieces[n + _4] = begin, end
        n += _PIECE
    w[PIECES] = n // _PIECE


@uncounted_njit
def _strings(m: _Memory, part: U64, begin: U64, end: U64, top: U64, level: U64, is_code: bool) -> None:
    """Write the strings of a script, data[begin:end], or (with `level` 1) of a decoded value in the arena.

    `top`: from where on the arena is free.
    """
    w, lowest, dead, i = m.w, level, _0, begin
    while True:
        data = m.page if level == _0 else m.decoded
        opened, closed, dead = _next_string(data, begin, i, end, is_code and level == _0, dead)
        if opened == end:
            if level == lowest:
                return
            level -= _1
            begin, i, end = w[_BEGIN + level], w[_RESUME + level], w[_END + level]
            top, dead = w[_TOP + level], w[_DEAD + level]
            w[CHAIN_END] = i
            if level == _0:
                _note_piece(m, part, w[_OPENED], w[_CLOSED])
            continue
        size = closed - opened - _1
        length = _length_of(data, opened + _1, closed) if size >= _SHORTEST else _0
        i = closed + _1
        if length == _0 or top + size + _SLACK > U64(len(m.arena)):
            continue
        if opened > w[CHAIN_END] + _NEAR:
            _end_chain(w)
        w[CHAIN_END] = closed
        if level == _0:
            w[PIECE_AT], w[_OPENED], w[_CLOSED] = w[K], opened + _1, closed
        stop = _unescape(data, opened + _1, closed, m.arena, top)
        if _add(m, top, stop, length, level):
            w[_BEGIN + level], w[_RESUME + level], w[_END + level] = begin, i, end
            w[_TOP + level], w[_DEAD + level] = top, dead
            begin, i, end, dead, level = top, top, stop, _0, level + _1
            w[CHAIN_END], top = begin, stop
        elif level == _0:
            _note_piece(m, part, w[_OPENED], w[_CLOSED])


@uncounted_njit
def _is_json(page: Bytes, tag: U64, begin: U64) -> tuple[bool, bool]:
    """Return True if a script's tag names a type of JSON, and True if that is JSON-LD."""
    i = tag
    while i + _4 <= begin:
        i = find(page, i, begin, _J)
        if i + _4 <= begin and page[i + _1] == _S and page[i + _2] == _O and page[i + _3] == _N:
            return True, page[i - _1] == _PLUS and page[i - _2] == _D and page[i - _3] == _L
        i += _1
    return False, False


@uncounted_njit
def _classify(m: _Memory, count: U64) -> U64:
    """Put the source of each part of a page into the top bits of its end, and `IS_SCRIPT` if it is code.

    Parts without text are removed; returns the number of the others.
    """
    page, kept = m.page, _0
    for n in range(_0, count * U64(PART), U64(PART)):
        tag, begin, end = m.parts[n], m.parts[n + _1], m.parts[n + _2] & _PLACE
        first = begin
        while first < end and page[first] <= _SPACE:
            first += _1
        if end < first + _8:
            continue
        if m.parts[n + _2] & IS_SCRIPT:
            json, linked = _is_json(page, tag, begin)
            source = JSON_LD if linked else SCRIPT
            if page[first] == _LT and page[first + _1] != _BANG:
                source = MARKUP
            is_code = not json and page[first] not in (_BRACE, _BRACKET)
            end |= source << _SOURCE_AT | (IS_SCRIPT if is_code else _0)
        else:
            name, is_textless = load8(page, begin - U64(9)) if begin >= U64(9) else _0, False
            for j in range(len(_TEXTLESS_ENDS)):
                is_textless = is_textless or name >> _TEXTLESS_SHIFTS[j] == _TEXTLESS_ENDS[j]
            is_address = page[first] == _SLASH or load8(page, first) << U64(32) == _HTTP
            if is_textless or is_address or _length_of(page, begin, end) != _2:
                continue
            end |= ATTRIBUTE << _SOURCE_AT
        m.parts[kept], m.parts[kept + _1], m.parts[kept + _2] = tag, begin, end
        kept += U64(PART)
    return kept // U64(PART)


@uncounted_njit
def _write_source(m: _Memory, source: U64, count: U64) -> None:
    """Write the text of all parts of a source."""
    w = m.w
    w[CHAIN_AT], w[IS_LONG], w[CHAIN_END] = w[K], _0, _0
    for n in range(_0, count * U64(PART), U64(PART)):
        begin, end = m.parts[n + _1], m.parts[n + _2] & _PLACE
        found = m.parts[n + _2] >> _SOURCE_AT & U64(7)
        if found != source and (found != MARKUP or source not in (SCRIPT, FEED)):
            continue
        if found in (JSON_LD, SCRIPT, JSON):
            _strings(m, n, begin, end, _0, _0, m.parts[n + _2] & IS_SCRIPT != _0)
            continue
        length = _length_of(m.page, begin, end)
        if length == _0 or (end - begin) * _5 // _4 + _SLACK > U64(len(m.arena)):
            continue
        if source != FEED or begin > w[CHAIN_END] + _NEAR:
            _end_chain(w)
        w[PIECE_AT] = w[K]
        stop = _copy(m.page, begin, end, m.arena, _0) if found == MARKUP else _unreference(m, begin, end, _0)
        if _add(m, _0, stop, length, _0):
            w[CHAIN_END] = _0
            _strings(m, n, _0, stop, stop, _1, False)
        w[CHAIN_END] = end
        _note_piece(m, n, begin, end)
    _end_chain(w)
    w[PIECE_AT] = w[K]
    _note_piece(m, _0, _0, _0)


@entry_njit
def _page_texts(
    tags: TagTable,
    entities: EntityTable,
    page: Bytes,
    buffers: Any,
    w: Hashes,
    pieces: Hashes,
    no_parts: Hashes,
    count: U64,
    chosen: U64,
) -> Any:
    """Write the text of a page and its embedded text; or (with `count`) only that of parts, of one source.

    With room for `pieces`, only the pieces of the source `chosen` are noted. Returns the end of the page's
    text, where hidden words begin, the ends of the text of each source, and the number of pieces.
    """
    arena, decoded, out, written, parts = buffers
    m = _Memory(tags, entities, page, arena, decoded, out, written, w, parts, pieces, no_parts)
    end, hidden = _0, _0
    w[PIECES], w[K], w[PIECE_AT] = _0, _0, _0
    if count != _0:
        _write_source(m, chosen, count)
        return end, hidden, _0, _0, w[K], w[PIECES]
    end, hidden, _ = write_text(tags, entities, page, out, w, parts)
    count = _classify(m, w[PARTS])
    w[K] = end
    for source in (JSON_LD, SCRIPT, ATTRIBUTE):
        if source == chosen:
            w[PIECES] = _0
        before = w[PIECES]
        _write_source(m, source, count)
        if source != chosen:
            w[PIECES] = before
        w[ENDS + source] = w[K]
    return end, hidden, w[ENDS + JSON_LD], w[ENDS + SCRIPT], w[ENDS + ATTRIBUTE], w[PIECES]


_NO_TEXT = np.empty(0, np.uint8)


class Piece(NamedTuple):
    """A string of a page: its bytes in its source's text and in the page; begin of its tag and part."""

    text_begin: int
    text_end: int
    begin: int
    end: int
    tag: int
    part: int


def part_of(parts: Sequence[tuple[int, int, int, int]]) -> Hashes:
    """Return parts for `TextReader`: begin of the tag, bounds of the part, and its source, for each."""
    return np.array([(tag, begin, end | source << 60) for tag, begin, end, source in parts], U64).reshape(-1)


@dataclass(slots=True)
class TextReader:
    """Reads text and embedded text of pages (uint8, UTF-8); keeps its buffers for the next page."""

    _buffers: tuple[Bytes, Bytes, Bytes, Bytes, Hashes] | None = None

    @property
    def room(self) -> int:
        """Return the bytes of the largest buffer."""
        return len(self._buffers[2]) if self._buffers else 0

    def texts(self, page: Bytes) -> tuple[Bytes, int, list[Bytes]]:
        """Return the text of a page, where hidden words begin, and the text of the three sources of pages."""
        out, _, (end, hidden, *ends, _) = self._read(page)
        bounds = zip((end, *ends), ends, strict=False)
        return out[:end].copy(), hidden, [out[i : j - 1].copy() if i < j else _NO_TEXT for i, j in bounds]

    def text_of_parts(self, page: Bytes, source: int, parts: Hashes) -> Bytes:
        """Return the text of the parts of a response that is no page."""
        out, _, ends = self._read(page, source, parts)
        return out[: max(0, ends[4] - 1)].copy()

    def pieces(self, page: Bytes, source: int, parts: Hashes = NO_PARTS) -> list[Piece]:
        """Return the strings of which the text of a source consists, in order."""
        room = np.empty(5 * (len(page) // int(_SHORTEST) + 1), U64)
        _, noted, ends = self._read(page, source, parts, room)
        start = 0 if len(parts) else (ends[0], *ends[2:])[source]
        return [
            Piece(first - start, after - start, begin, end, int(noted[part]), int(noted[part + 1]))
            for first, after, part, begin, end in room[: 5 * ends[5]].reshape(-1, 5).tolist()
        ]

    def _read(
        self, page: Bytes, source: int = int(NONE), parts: Hashes = NO_PARTS, pieces: Hashes = NO_PARTS
    ) -> tuple[Bytes, Hashes, tuple[int, ...]]:
        # Return the output, the parts, and the numbers that `_page_texts` returns.
        size, buffers = len(page), self._buffers
        if buffers is None or len(buffers[0]) < 4 * size + 16 * SLACK:
            arena, out = np.empty(4 * size + 16 * SLACK, np.uint8), np.empty(8 * size + (16 << 10), np.uint8)
            noted = np.empty(PART * (size // LEAST_BYTES + 2), U64)
            buffers = self._buffers = arena, plain(arena), out, plain(out), noted
        noted = parts if len(parts) else buffers[4]
        numbers = _page_texts(
            load_tags(), load_entities(), plain(page), (*buffers[:4], noted), workspace(), pieces, NO_PARTS,
            U64(len(parts) // PART), U64(source),
        )  # fmt: skip
        return buffers[2], noted, numbers

"""Finds the text that a page embeds in scripts and attributes.

Strings are found by their quotes, not by a grammar: they may be of JSON, of JavaScript, or of JSON in another
string. A string counts if it may have eleven words, or is near one that may: paragraphs stay together; `tags`
has this rule and its numbers. docs/explanation/page-text.md explains the rules. All work is linear in the
page, whatever it contains.
"""

from typing import Any, NamedTuple

import numpy as np

from presswatch_spark.core.compiled import lean_njit, uncounted_njit
from presswatch_spark.reading.html.visible_text import EntityTable, put_code, reference, write_text

from presswatch_spark.reading.html.tags import (  # isort: skip
    BASE, CHAIN_AT, CHAIN_END, CHAIN_PIECES, CLOSED, CODE, CONTINUED, ESCAPED, FEED, FORM_BITS, GAPPED,
    IS_LONG, K, LONG, MARKED, MARKUP, OPENED, PART, PART_AT, PIECES, PLACE_BITS, QUOTED, REFERENCED,
    SOURCE_BITS, STREAM, STRINGS, TEXT, TagTable, after_controls, bits_before, digit_of, find,
    is_letter, look, moved,
)  # fmt: skip
from presswatch_spark.reading.text.word_kernels import SLACK, U64, Bytes, Hashes

from presswatch_spark.reading.text.simd import (  # isort: skip
    equal_bits_64, gapped_bits_64, slashed_bits_64, trailing_zeros,
)  # fmt: skip

EXTRACTION = "presswatch embedded text 3"
"""Name and version of these rules; the version changes whenever the embedded text of any page changes."""
DEPTH = 4
"""The most levels of data in strings, and of markup in markup."""
NEAR_BYTES = 256
"""A shorter string counts with a long one if no more bytes are between neighbours on the way to it."""
PIECE = 5
"""The numbers of a piece of the text: its bounds, its part, and the bounds of its string in the page."""

_0, _1, _2, _3, _4, _5, _6, _64 = (U64(n) for n in (0, 1, 2, 3, 4, 5, 6, 64))
_QUOTE, _AMP, _APOSTROPHE, _SLASH, _LT, _GT, _BACKSLASH, _BACKTICK = (np.uint8(ord(c)) for c in "\"&'/<>\\`")
_SPACE, _NEWLINE, _BANG, _COLON, _COMMA, _HASH, _DOT, _QUESTION = (np.uint8(ord(c)) for c in " \n!:,#.?")
_BRACE, _BRACKET, _CLOSE_BRACE, _CLOSE_BRACKET, _U, _X, _ZERO = (np.uint8(ord(c)) for c in "{[}]ux0")
_N, _T, _R, _B, _F, _V, _TEXT_ROW = (np.uint8(ord(c)) for c in "ntrbfvT")
_PART, _PIECE, _SHORTEST, _REGEX, _LONGEST_KEY = U64(PART), U64(PIECE), U64(3), U64(24), U64(64)
_DEPTH, _NEAR, _SLACK = U64(DEPTH), U64(NEAR_BYTES + 1), U64(SLACK)
# A bit for each byte below 64, and from 64 on, after which a string may open.
_OPENERS, _OPENERS_64 = (
    U64(sum(1 << code - low for code in (*range(33), *b"{[,:(=+?&|;!<>)}") if low <= code < low + 64))
    for low in (0, 64)
)
# In data, apostrophes and backticks are no quotes.
_DEAD_IN_DATA = _2 | _4


class Memory(NamedTuple):
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
def _may_open(previous: np.uint8) -> Any:
    bits = _OPENERS if previous < np.uint8(64) else _OPENERS_64 if previous < np.uint8(128) else _0
    return bits >> U64(previous & np.uint8(63)) & _1 != _0


@uncounted_njit
def _has_markup(data: Bytes, i: U64, end: U64) -> Any:
    may_close = True
    while True:
        marks = _0
        while i < end and marks == _0:
            marks = (equal_bits_64(data, i, _LT) | equal_bits_64(data, i, _AMP)) & bits_before(i, end)
            i += trailing_zeros(marks)
        if i + _2 >= end:
            return False
        follows = data[i + _1]
        if data[i] == _AMP:
            if is_letter(follows) or follows == _HASH:
                return True
        elif may_close and (is_letter(follows) or follows in (_SLASH, _BANG)):
            may_close = find(data, i + _2, end, _GT) < end
            if may_close:
                return True
        i += _1


@uncounted_njit
def _hexadecimal(data: Bytes, i: U64, end: U64) -> Any:
    # Return the number whose digits are data[i:end]; beyond Unicode if they are none.
    code = _0
    while i < end:
        digit = digit_of(data[i])
        if digit > U64(15):
            return U64(0x110000)
        code, i = code << _4 | digit, i + _1
    return code


@uncounted_njit
def _escape(data: Bytes, i: U64, end: U64, out: Bytes, k: U64) -> tuple[U64, U64]:
    # Decode the escape that begins with the backslash at i; return the next place, and k.
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


@lean_njit
def _decode(m: Memory, data: Bytes, i: U64, end: U64, k: U64, form: U64) -> Any:
    # Decode the references or the escapes of a string into the arena from k on; return where it ends.
    mark = _AMP if form == REFERENCED else _BACKSLASH
    while True:
        stop = find(data, i, end, mark)
        k = moved(data, i, stop, m.arena, k)
        if form == REFERENCED and stop < end:
            i, k = reference(m.entities, data, stop, end, m.arena, k)
        elif form != REFERENCED and stop + _1 < end:
            i, k = _escape(data, stop, end, m.arena, k)
        else:
            return k


@lean_njit
def _closing_quote(data: Bytes, i: U64, end: U64, quote: np.uint8, many_lines: bool) -> Any:
    """Return the next place of an unescaped quote, or of a line end if it ends the string; `end` if none."""
    room = U64(len(data))
    while i < end:
        if i + _64 <= room:
            found = equal_bits_64(data, i, quote) | equal_bits_64(data, i, _BACKSLASH)
            if not many_lines:
                found |= equal_bits_64(data, i, _NEWLINE)
            found &= bits_before(i, end)
            i += trailing_zeros(found)
            if found == _0:
                continue
        elif data[i] not in (quote, _BACKSLASH) and (many_lines or data[i] != _NEWLINE):
            i += _1
            continue
        if data[i] != _BACKSLASH:
            return i
        i += _2
    return end


@lean_njit
def _bit_of(byte: np.uint8) -> U64:
    # Return the bit of a quote in a set of quotes; 0 for any other byte.
    return U64(byte == _QUOTE) | U64(byte == _APOSTROPHE) << _1 | U64(byte == _BACKTICK) << _2


@lean_njit
def _next_quote(data: Bytes, i: U64, end: U64, dead: U64) -> Any:
    r"""Return the next place of a quote that may open a string with text; `end` or beyond if there is none.

    Skipped are pairs of quotes with neither blanks nor escapes (except for `\/`) nor characters beyond ASCII
    between them: most keys and values are such.
    """
    room = U64(len(data))
    quoted, apostrophed, ticked = (dead & _1) - _1, (dead >> _1 & _1) - _1, (dead >> _2 & _1) - _1
    while i < end and i + _64 < room:
        quotes = equal_bits_64(data, i, _QUOTE) & quoted | equal_bits_64(data, i, _APOSTROPHE) & apostrophed
        quotes = (quotes | equal_bits_64(data, i, _BACKTICK) & ticked) & bits_before(i, end)
        marks = gapped_bits_64(data, i) | (equal_bits_64(data, i, _BACKSLASH) & ~slashed_bits_64(data, i))
        opened = _0
        while quotes != _0:
            opened = quotes & (~quotes + _1)
            quotes ^= opened
            closed = quotes & (~quotes + _1)
            if closed == _0:
                break
            first, last = i + trailing_zeros(opened), i + trailing_zeros(closed)
            if marks & (closed - opened) != _0 or data[first] != data[last] or _may_open(data[last - _1]):
                return first
            quotes ^= closed
            opened = _0
        if opened == _1:
            return i
        # Begin again with a quote whose partner is beyond these 64 bytes (0: there is none).
        i += trailing_zeros(opened)
    while i < end and _bit_of(data[i]) & ~dead == _0:
        i += _1
    return i


@lean_njit
def _is_in_regex(data: Bytes, begin: U64, i: U64) -> Any:
    # True if a regular expression begins in the bytes before a quote.
    for _ in range(min(i - begin, _REGEX)):
        i -= _1
        if data[i] == _SLASH:
            return i == begin or _may_open(data[i - _1])
    return False


@lean_njit
def _next_string(data: Bytes, begin: U64, i: U64, end: U64, is_code: bool, dead: U64) -> tuple[U64, U64, U64]:
    """Return the bounds of the next string that may be text, both `end` if there is none, and dead quotes.

    `dead`: a bit for each kind of quote that never closes from here on, so that none is looked for twice.
    """
    while True:
        i = _next_quote(data, i, end, dead)
        if i >= end:
            return end, end, dead
        quote = data[i]
        opens = quote == _BACKTICK or i == begin or _may_open(data[i - _1])
        if opens and not (is_code and _is_in_regex(data, begin, i)):
            close = _closing_quote(data, i + _1, end, quote, not is_code or quote == _BACKTICK)
            if close == end:
                dead |= _bit_of(quote)
            elif data[close] == quote:
                return i + _1, close, dead
        i += _1


@uncounted_njit
def _is_and_has_data(data: Bytes, begin: U64, end: U64) -> tuple[bool, bool]:
    """Return True if a decoded string is data only, and True if there are strings of data in it."""
    first, last = after_controls(data, begin, end), end
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
    second = after_controls(data, first + _1, last - _1)
    opens, closes, after = data[first], data[last - _1], data[second]
    matches = (opens == _BRACE and closes == _CLOSE_BRACE) or (opens == _BRACKET and closes == _CLOSE_BRACKET)
    if opens == _QUOTE and _closing_quote(data, first + _1, last, _QUOTE, True) == last - _1:
        return True, True
    is_data = matches and (quoted or after in (_QUOTE, _BRACE, _BRACKET))
    return is_data, is_data or quoted or (loosely and matches)


@lean_njit
def _end_chain(w: Hashes) -> None:
    # Take back the strings of a chain without a long one.
    if w[IS_LONG] == _0:
        w[K], w[PIECES] = w[CHAIN_AT], w[CHAIN_PIECES]
    w[CHAIN_AT], w[CHAIN_PIECES], w[IS_LONG] = w[K], w[PIECES], _0


@lean_njit
def _write(m: Memory, data: Bytes, begin: U64, end: U64, top: U64, is_marked: bool) -> None:
    """Write a decoded string to the text; if it is marked, markup and references in it as a page."""
    w, k, room = m.w, m.w[K], U64(len(m.out))
    if not (is_marked and _has_markup(data, begin, end)):
        if k + (end - begin) + _SLACK > room:
            return
        k = moved(data, begin, end, m.out, k)
    else:
        written = _0
        for _ in range(DEPTH):
            size = end - begin
            if k + _6 * size + U64(8192) > room:
                break
            written, _, _ = write_text(m.tags, m.entities, data[begin:end], m.out[k:], w, m.no_parts)
            # Markup may be escaped once more in it.
            left = written != size and _has_markup(m.written, k, k + written)
            if not left or top + written + _SLACK > U64(len(m.arena)):
                break
            data, begin, end = m.decoded, top, moved(m.written, k, k + written, m.arena, top)
        k += written
    if k > w[K]:
        m.out[k] = _NEWLINE
        n = w[PIECES] * _PIECE
        if n + _PIECE <= U64(len(m.pieces)):
            m.pieces[n], m.pieces[n + _1], m.pieces[n + _2] = w[K], k + _1, w[PART_AT]
            m.pieces[n + _3], m.pieces[n + _4] = w[OPENED], w[CLOSED]
            w[PIECES] += _1
        w[K] = k + _1


@lean_njit
def _key_of(data: Bytes, begin: U64, opened: U64) -> Any:
    # Return where the key of a string that opens there begins, after `{`, `[` or a comma; else `opened`.
    i = opened - _1
    while i > begin and opened - i < _LONGEST_KEY:
        if data[i - _1] in (_BRACE, _BRACKET, _COMMA):
            return i
        i -= _1
    return opened


@uncounted_njit
def _write_words(
    m: Memory, data: Bytes, i: U64, end: U64, key: U64, opened: U64, top: U64, level: U64
) -> None:
    """Write the strings of one word in data[i:end] with the key, data[key:opened], of a text beside them.

    In an array no string has a key, so they must end a sentence: most others are names or codes. The first
    string of more words ends the search: it is written in its turn.
    """
    w, size, quote = m.w, opened - key, data[opened - _1]
    has_key = find(data, key, opened, _COLON) < opened
    while top + _4 * _NEAR + _2 * _SLACK < U64(len(m.arena)):
        i = find(data, i, end, data[key]) + _1
        if i + size > end:
            return
        same = _1
        while same < size and data[i + same - _1] == data[key + same]:
            same += _1
        if same == size and data[i - _2] in (_BRACE, _BRACKET, _COMMA):
            first = i + size - _1
            last = _closing_quote(data, first, end, quote, False)
            closed = _decode(m, data, first, min(last, end), top, STRINGS)
            if last >= end or look(m.decoded, top, closed) & GAPPED != _0:
                return
            if closed > top and (has_key or m.decoded[closed - _1] in (_DOT, _QUESTION, _BANG)):
                if level == w[BASE]:
                    w[OPENED], w[CLOSED] = first, last
                _write(m, m.decoded, top, closed, closed, False)
                w[CHAIN_END] = last
            i = last


@uncounted_njit
def _write_strings(m: Memory, data: Bytes, begin: U64, end: U64, kind: U64, top: U64, level: U64) -> None:
    """Write the strings in data[begin:end], or all of it as one string, as its kind demands.

    `top`: from where on the arena is free. `level`: in how many strings the data are.
    """
    w, form, i = m.w, kind & FORM_BITS, begin
    is_one, dead = form in (REFERENCED, MARKUP), _0 if form == CODE else _DEAD_IN_DATA
    while i < end:
        first, last = begin, end
        if not is_one:
            first, last, dead = _next_string(data, begin, i, end, form == CODE, dead)
        i, size = last + _1, last - first
        if size < _SHORTEST or top + _3 * size + _2 * _SLACK > U64(len(m.arena)):
            continue
        text, opened, closed, free = data, first, last, top
        if last + _64 >= U64(len(data)):
            text, opened, closed = m.decoded, top, moved(data, first, last, m.arena, top)
            free = closed
        features = look(text, opened, closed)
        is_long = features & LONG != _0
        if features & TEXT == _0:
            continue
        if form != MARKUP and features & (MARKED if form == REFERENCED else ESCAPED) != _0:
            opened, closed = free, _decode(m, text, opened, closed, free, form)
            text, free = m.decoded, closed
            features = look(text, opened, closed)
        if features & GAPPED == _0:
            continue
        is_data: Any = False
        has_data: Any = False
        if features & QUOTED != _0 or text[opened] in (_BRACE, _BRACKET):
            is_data, has_data = _is_and_has_data(text, opened, closed)
            has_data = has_data and is_long and level < _DEPTH
        if first > w[CHAIN_END] + _NEAR:
            _end_chain(w)
        key = _key_of(data, begin, first) if not is_one and (is_long or w[IS_LONG] != _0) else first
        if key < first:
            before = max(begin + _1, w[CHAIN_END], first - min(first, _NEAR))
            _write_words(m, data, before, key, key, first, free, level)
        if level == w[BASE] and not is_one:
            w[OPENED], w[CLOSED] = first, last
        if not (is_data and has_data):
            _write(m, text, opened, closed, free, features & MARKED != _0)
            w[IS_LONG] |= U64(is_long)
        if has_data:
            # In it, places count in `text`; after it, in `data` again.
            w[CHAIN_END] = opened
            _write_strings(m, text, opened, closed, STRINGS, free, level + _1)
        w[CHAIN_END] = last
        if key < first and w[IS_LONG] != _0:
            _write_words(m, data, last, min(end, last + _NEAR), key, first, top, level)


@lean_njit
def _add_part(m: Memory, n: U64, top: U64) -> Any:
    # Decode a part after those before it, whose text ends at `top` in the arena; return the new end.
    begin, end, form = m.parts[n + _1], m.parts[n + _2] & PLACE_BITS, m.parts[n + _2] & FORM_BITS
    if form == MARKUP:
        return moved(m.page, begin, end, m.arena, top)
    return _decode(m, m.page, begin, end, top, form)


@lean_njit
def _after_id(data: Bytes, i: U64, end: U64) -> U64:
    while i < end and digit_of(data[i]) < U64(16):
        i += _1
    return i


@lean_njit
def _row_of(data: Bytes, begin: U64, end: U64) -> tuple[U64, U64]:
    # Return the bounds of a row of React's stream: after `6:` up to a line end, after `6:T3f,` 63 bytes if
    # another row or the end follows them.
    i = _after_id(data, begin, end)
    if i + _1 >= end or data[i] != _COLON:
        return begin, find(data, begin, end, _NEWLINE)
    comma = find(data, i, min(end, i + U64(10)), _COMMA)
    after = comma + _1 + _hexadecimal(data, i + _2, comma)
    if data[i + _1] == _TEXT_ROW and after <= end:
        following = _after_id(data, after, end)
        if after == end or (following < end and data[following] == _COLON):
            return comma + _1, after
    return i + _1, find(data, i, end, _NEWLINE)


@uncounted_njit
def _place_in_page(m: Memory, n: U64, i: U64, k: U64, place: U64, is_begin: bool) -> tuple[U64, U64, U64]:
    """Return part, byte of the page and byte of the stream at a place in the stream, from such three on."""
    end = m.parts[n + _2] & PLACE_BITS
    while k < place or (is_begin and i == end):
        if i == end:
            n += _PART
            while m.parts[n + _2] & ~PLACE_BITS != STREAM:
                n += _PART
            i, end = m.parts[n + _1], m.parts[n + _2] & PLACE_BITS
            continue
        stop = find(m.page, i, min(end, i + (place - k)), _BACKSLASH)
        i, k = stop, k + (stop - i)
        if k < place and stop + _1 < end:
            # This writes what is there already.
            i, k = _escape(m.page, stop, end, m.arena, k)
        elif k < place:
            i = end
    return n, i, k


@uncounted_njit
def _write_stream(m: Memory, n: U64, count: U64) -> None:
    # Write the rows of a stream of React, of which scripts contain pieces that a browser joins (Next.js). The
    # first piece is part n.
    w, top = m.w, _0
    for part in range(n, count * _PART, _PART):
        if m.parts[part + _2] & ~PLACE_BITS == STREAM:
            end = m.parts[part + _2] & PLACE_BITS
            m.parts[part + _2] = STREAM | _closing_quote(m.page, m.parts[part + _1], end, _QUOTE, True)
            top = _add_part(m, U64(part), top)
    _end_chain(w)
    piece, begin, end = w[PIECES] * _PIECE, _0, _0
    w[BASE], w[CHAIN_END] = _1, _0
    while end < top:
        begin, end = _row_of(m.decoded, end, top)
        w[OPENED], w[CLOSED] = begin, end
        _write_strings(m, m.decoded, begin, end, MARKUP, top, _0)
        end += U64(end < top and m.decoded[end] == _NEWLINE)
    _end_chain(w)
    w[BASE] = _0
    # Replace places in the stream by places in the page.
    i, k, closed, begin, end = m.parts[n + _1], _0, _0, _0, _0
    while piece < min(w[PIECES] * _PIECE, U64(len(m.pieces))):
        if begin != m.pieces[piece + _3] or end != m.pieces[piece + _4]:
            begin, end = m.pieces[piece + _3], m.pieces[piece + _4]
            n, i, k = _place_in_page(m, n, i, k, begin, True)
            _, closed, _ = _place_in_page(m, n, i, k, end, False)
        m.pieces[piece + _2], m.pieces[piece + _3], m.pieces[piece + _4] = n, i, closed
        piece += _PIECE


@uncounted_njit
def write_source(m: Memory, source: U64, count: U64) -> None:
    """Write the text of all parts of a source, of `count` parts."""
    w, top, stream = m.w, _0, ~_0
    w[CHAIN_AT], w[CHAIN_PIECES], w[CHAIN_END], w[IS_LONG], w[BASE] = w[K], w[PIECES], _0, _0, _0
    for n in range(_0, count * _PART, _PART):
        begin, end, kind = m.parts[n + _1], m.parts[n + _2] & PLACE_BITS, m.parts[n + _2] & ~PLACE_BITS
        if kind & SOURCE_BITS != source:
            continue
        if source != FEED and kind & CONTINUED:
            stream = min(stream, U64(n))
            continue
        if source != FEED and kind & FORM_BITS in (REFERENCED, MARKUP):
            _end_chain(w)
        if top == _0:
            w[PART_AT], w[OPENED] = n, begin
        w[CLOSED] = end
        if top == _0 and kind & CONTINUED == _0:
            _write_strings(m, m.page, begin, end, kind, _0, _0)
            continue
        top = _add_part(m, U64(n), top)
        if kind & CONTINUED == _0:
            if w[OPENED] > w[CHAIN_END] + _NEAR:
                _end_chain(w)
            # In the text, places count from its beginning; after it, in the page again.
            w[CHAIN_END] = _0
            _write_strings(m, m.decoded, _0, top, MARKUP, top, _0)
            w[CHAIN_END], top = end, _0
    if stream != ~_0:
        _write_stream(m, stream, count)
    _end_chain(w)

"""Kernels that find WARC records in a buffer, read their headers, and judge them: no Python object a record.

The syntax is that of ISO 28500 (WARC 0.17 to 1.1), read leniently: names in any case, lines ended by CRLF or
LF, folded lines. The `Content-Length` of a record is right only if another record, the end of its gzip
member, or the line ends that close it follow. Bytes beyond the declared length are never text.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import entry_njit, uncounted_njit
from presswatch_spark.core.scan_values import Bytes, Offsets
from presswatch_spark.reading.html.tags import find
from presswatch_spark.reading.text.word_kernels import U64

# Columns of the table of records; positions are offsets in the buffer. A record is [START, END), its text
# [BODY, BODY_END). THERE: the end of the bytes that may be its text, declared or not. URI, LANGUAGE and ID:
# values of these header fields.
(
    START, END, BODY, BODY_END, URI, URI_END, KIND, STATUS, DECLARED, DAMAGE, THERE, LANGUAGE, LANGUAGE_END,
    ID, ID_END, COLUMNS,
) = range(16)  # fmt: skip

# KIND, in the order of `_KINDS`. `GATED`: a conversion in none of the gate's languages; `OTHER`: the type is
# missing, or none of WARC's.
(
    CONVERSION, WARCINFO, RESPONSE, REQUEST, METADATA, RESOURCE, REVISIT, CONTINUATION, GATED, OTHER,
) = range(10)  # fmt: skip

# DAMAGE: how a record differs from its header. `BOUNDARY`: it was found by a search, so it may be part of
# another record's text; `INSIDE`: its body ends with whole records; `TWICE`: its header, sound otherwise,
# repeats a field. `warc_format` decides about the last two.
SOUND, LENGTH, HEADER, VERSION, BOUNDARY, INSIDE, TWICE = range(7)

# STATUS. Whole: `WHOLE`, `ERRATUM` (the length is wrong by a known erratum of the release), `UNCLOSED` (a
# plain file ends within the line ends that close the record). `WRONG_LENGTH`: the Content-Length is wrong or
# missing; the text is the bytes that are there, but no more than declared. `BROKEN`: the end of a broken gzip
# member. Not read: `NOT_A_RECORD`, `NO_HEADER` (no complete one), `TOO_LONG`, `CUT` (a plain file ends).
WHOLE, WRONG_LENGTH, BROKEN, NOT_A_RECORD, NO_HEADER, TOO_LONG, CUT, ERRATUM, UNCLOSED = range(9)
# Beginning of the next record: where it should be; still to be searched; found by a search.
EXPECTED, SEEKING, RESYNCED = range(3)
# State of a run (a gzip member, or as much of it as was inflated): verified, still growing, broken.
CLOSED, OPEN, BROKEN_RUN = range(3)

MAX_HEADER_BYTES = 1 << 20
_LONGEST_VERSION_LINE = 24
# Enough for the line ends of a record, the next version line, and the beginning of a field after it.
_BOUNDARY_BYTES = 40
_SPACE, _TAB, LF, CR, _COMMA = 32, 9, 10, 13, 44
_LINE_FEED, _COLON, _ZERO = np.uint8(LF), np.uint8(58), np.uint8(0)


def _words(*words: bytes) -> tuple[Bytes, ...]:
    return tuple(np.frombuffer(word, np.uint8) for word in words)


# Fields that a header may have only once; the values of the first five are read here.
_FIELDS = _words(
    b"warc-type", b"content-length", b"warc-target-uri", b"warc-identified-content-language",
    b"warc-record-id", b"warc-date", b"content-type",
)  # fmt: skip
_TYPE, _LENGTH, _URI, _LANGUAGE, _ID = range(5)
# Some writers give several digests, each by another algorithm: only a second SHA-1 counts as repeated.
_DIGESTS = _words(b"warc-block-digest", b"warc-payload-digest")
_KINDS = _words(
    b"conversion", b"warcinfo", b"response", b"request", b"metadata", b"resource", b"revisit", b"continuation"
)
_WARC, _SHA1, _WARC_FIELD, _CONTENT_FIELD, _HTTP = _words(b"warc/", b"sha1", b"warc-", b"content-", b"http/")

Gate = npt.NDArray[np.uint8]
Which = npt.NDArray[np.bool_]


def table_of(*codes: int) -> Which:
    """Return a table of codes (below 16) that is True for these: `np.isin` takes 40 µs a call."""
    table = np.zeros(16, np.bool_)
    table[list(codes)] = True
    return table


def gate_of(languages: frozenset[str]) -> Gate:
    """Return language codes for the kernel: in lower case, each followed by a comma; empty: no gate."""
    return np.frombuffer("".join(f"{code.lower()}," for code in sorted(languages)).encode(), np.uint8)


@uncounted_njit
def same(data: Bytes, start: int, end: int, word: Bytes) -> bool:
    """Return True if data[start:end] is `word` (in lower case), in any case."""
    if end - start != len(word):
        return False
    for i in range(len(word)):
        c = data[start + i]
        if 65 <= c <= 90:
            c |= 32
        if c != word[i]:
            return False
    return True


@uncounted_njit
def is_version(data: Bytes, at: int) -> bool:
    """Return True if `WARC/` and a digit are at `at`."""
    return at + 6 <= len(data) and same(data, at, at + 5, _WARC) and 48 <= data[at + 5] <= 57


@uncounted_njit
def line_end(data: Bytes, at: int) -> Any:
    """Return the position of the next LF at or after `at`, -1 if there is none."""
    found = find(data, U64(at), U64(len(data)), _LINE_FEED)
    return np.int64(found) if found < U64(len(data)) else np.int64(-1)


@uncounted_njit
def first_of(data: Bytes, byte: np.uint8, first: int, last: int) -> Any:
    """Return the position of the next `byte` in [first, last); `last` or beyond if there is none."""
    # `find` compares 64 bytes at once.
    return np.int64(find(data, U64(first), U64(min(last + 64, len(data))), byte))


@uncounted_njit
def _before_returns(data: Bytes, start: int, end: int) -> int:
    # Tools that convert the line ends of a WARC, as if it were text, write CR CR LF.
    while end > start and data[end - 1] == CR:
        end -= 1
    return end


@uncounted_njit
def _passes(data: Bytes, start: int, end: int, gate: Gate) -> bool:
    """Return True if one of the comma-separated codes in data[start:end] is in `gate`."""
    while start < end:
        stop = start
        while stop < end and data[stop] != _COMMA:
            stop += 1
        while start < stop and data[start] <= _SPACE:
            start += 1
        last = stop
        while last > start and data[last - 1] <= _SPACE:
            last -= 1
        code = 0
        while code < len(gate):
            code_end = code
            while gate[code_end] != _COMMA:
                code_end += 1
            if last > start and same(data, start, last, gate[code:code_end]):
                return True
            code = code_end + 1
        start = stop + 1
    return False


@uncounted_njit
def _number(data: Bytes, start: int, end: int) -> np.int64:
    if end <= start or end - start > 17:
        return np.int64(-1)
    value = np.int64(0)
    for i in range(start, end):
        if not 48 <= data[i] <= 57:
            return np.int64(-1)
        value = value * 10 + np.int64(data[i] - 48)
    return value


@uncounted_njit
def _among(data: Bytes, start: int, end: int, words: tuple[Bytes, ...]) -> int:
    """Return the index of data[start:end] in `words`; `len(words)` if it is none of them."""
    index = 0
    for word in words:
        if same(data, start, end, word):
            return index
        index += 1
    return index


@uncounted_njit
def read_header(data: Bytes, start: int, gate: Gate, row: Offsets) -> int:
    """Fill `row` from the header at `start`; return where the body begins, -1 if the header has no end.

    A header is damaged, and its URL dropped, if a line is no field, contains two zero bytes in a row, or has
    another line end than the first, or if type, length or URL has two values: damage may have turned another
    field into this one. A writer may repeat other fields, so the member's checksum decides (`TWICE`).
    """
    row[KIND], row[DECLARED], row[DAMAGE] = OTHER, -1, SOUND
    passes, damaged, zeroed, twice, seen = True, False, False, False, 0
    at = line_end(data, start) + 1
    limit = start + MAX_HEADER_BYTES
    returns = at - 1 - _before_returns(data, start, at - 1)
    while 0 < at < limit:
        end = line_end(data, at)
        if end < 0:
            return -1
        first, last = at, _before_returns(data, at, end)
        if end - last != returns:
            damaged = True
        if last == first:
            row[KIND] = GATED if row[KIND] == CONVERSION and not (passes or zeroed) else row[KIND]
            if damaged or zeroed:
                row[DAMAGE], row[URI], row[URI_END] = HEADER, 0, 0
            elif twice:
                row[DAMAGE] = TWICE
            return int(end + 1)
        while end + 1 < len(data) and (data[end + 1] == _SPACE or data[end + 1] == _TAB):
            end = line_end(data, end + 1)
            if end < 0:
                return -1
            last = _before_returns(data, first, end)
        if end + 1 >= len(data):
            return -1
        at = end + 1
        zero = first_of(data, _ZERO, first, last)
        zeroed = zeroed or (zero + 1 < last and data[zero + 1] == _ZERO)
        colon = first_of(data, _COLON, first, last)
        if colon >= last:
            damaged = True
            continue
        first_char = data[first] | 32
        if first_char != 119 and first_char != 99:
            continue
        value = colon + 1
        while value < last and data[value] <= _SPACE:
            value += 1
        while last > value and data[last - 1] <= _SPACE:
            last -= 1
        field = _among(data, first, colon, _FIELDS)
        if field == len(_FIELDS):
            if not same(data, value, min(value + 4, len(data)), _SHA1):
                continue
            field += _among(data, first, colon, _DIGESTS)
            if field == len(_FIELDS) + len(_DIGESTS):
                continue
        again = seen >> field & 1 != 0
        if field == _TYPE:
            kind = _among(data, value, last, _KINDS)
            kind = kind if kind < len(_KINDS) else OTHER
            damaged = damaged or (again and kind != row[KIND])
            row[KIND] = kind
        elif field == _LENGTH:
            length = _number(data, value, last)
            damaged = damaged or (again and length != row[DECLARED])
            row[DECLARED] = length
        elif field == _URI:
            bracketed = last - value > 1 and data[value] == 60 and data[last - 1] == 62
            begin, stop = (value + 1, last - 1) if bracketed else (value, last)
            damaged = damaged or (again and stop - begin != row[URI_END] - row[URI])
            for i in range(begin, stop):
                # A CR within the URL: the LF after it was damaged.
                damaged = damaged or data[i] == CR or (again and data[i] != data[row[URI] + i - begin])
            row[URI], row[URI_END] = begin, stop
        elif field == _ID:
            row[ID], row[ID_END] = value, last
        elif field == _LANGUAGE:
            row[LANGUAGE], row[LANGUAGE_END] = value, last
            passes = (again and passes) or len(gate) == 0 or value == last or _passes(data, value, last, gate)
        twice = twice or again
        seen |= 1 << field
    return -1


@uncounted_njit
def next_start(data: Bytes, at: int, end: int, runs: Offsets, run: int) -> int:
    """Return where the next record in [at, end) begins, with a run or after a blank line; -1 if nowhere."""
    run += 1
    while run < len(runs) and runs[run] < at:
        run += 1
    while at < end:
        stop = min(end, runs[run]) if run < len(runs) else end
        while at < stop:
            c = data[at]
            if (c == 87 or c == 119) and at > 1 and data[at - 1] == LF and is_version(data, at):
                before = data[at - 2] if data[at - 2] != CR or at < 3 else data[at - 3]
                if before == LF:
                    return at
            at += 1
        if at < end:
            if is_version(data, at):
                return at
            run += 1
    return -1


@uncounted_njit
def skip_newlines(data: Bytes, at: int, end: int) -> int:
    """Return the position after the line ends at `at`, at most `end`."""
    while at < end and (data[at] == LF or data[at] == CR):
        at += 1
    return at


@uncounted_njit
def before_newlines(data: Bytes, start: int, end: int) -> int:
    """Return `end` without the two line ends that close a record."""
    for _ in range(2):
        if end > start and data[end - 1] == LF:
            end -= 1
            if end > start and data[end - 1] == CR:
                end -= 1
    return end


@uncounted_njit
def begins_at(data: Bytes, at: int) -> bool:
    """Return True if a record begins at `at`, where one is expected: a field in the second line suffices."""
    if is_version(data, at):
        return True
    for i in range(at, min(at + _LONGEST_VERSION_LINE, len(data) - 8)):
        if data[i] == LF:
            return i > at and (
                same(data, i + 1, i + 6, _WARC_FIELD) or same(data, i + 1, i + 9, _CONTENT_FIELD)
            )
    return False


@uncounted_njit
def line_ends(data: Bytes, at: int, end: int) -> int:
    """Return the number of line ends in a row from `at` on, at most to `end`."""
    ends = 0
    while at < end and (data[at] == LF or data[at] == CR):
        ends += data[at] == LF
        at += 1
    return ends


@uncounted_njit
def fill_up(data: Bytes, at: int, end: int, gate: Gate, row: Offsets) -> bool:
    """Return True if the bytes in [at, end) are nothing but whole records; `row` is overwritten."""
    while at < end:
        body = read_header(data, at, gate, row) if is_version(data, at) else -1
        if body < 0 or row[DECLARED] < 0 or body + row[DECLARED] > end:
            return False
        at = skip_newlines(data, body + row[DECLARED], end)
    return True


@uncounted_njit
def end_by_erratum(data: Bytes, body: int, end: int, limit: int, slack: int) -> int:
    """Return the end of a body that is longer or shorter by `slack` than declared; -1 if it is neither.

    At the true end there are two line ends, and then another record or `limit`.
    """
    if slack > 0:
        for close in (end + slack, end - slack):
            after = close + 4
            if (
                body <= close
                and after <= limit
                and data[close] == data[close + 2] == CR
                and data[close + 1] == data[close + 3] == LF
                and (after == limit or is_version(data, after))
            ):
                return close
    return -1


@uncounted_njit
def _distrust_repeated_field(row: Offsets) -> None:
    # The body differs from the header too, so the repeated field is a sign of damage.
    if row[DAMAGE] == TWICE:
        row[DAMAGE], row[URI], row[URI_END] = HEADER, 0, 0


@entry_njit
def find_records(
    data: Bytes,
    runs: Offsets,
    states: Bytes,
    gate: Gate,
    max_bytes: int,
    reach: int,
    final: bool,
    plain: bool,
    beginning: int,
    slack: int,
    table: Offsets,
) -> tuple[int, int, int, int, int]:
    """Find the records of `data`, in order.

    Args:
        data: uint8 (n,), inflated bytes.
        runs: int64 (m,), where runs begin, ascending, from 0. states: uint8 (m,), only the last may be OPEN.
        gate: see `gate_of`. max_bytes: longest body that is read. reach: upper bound of the file's bytes from
        the first of `data` on. final: `data` ends the file. plain: the file is not compressed, so the end of
        a run proves nothing. beginning: `EXPECTED`, `SEEKING` or `RESYNCED`. slack: see `length_slack`.
        table: int64 (k + 1, COLUMNS), filled from the top; the last row is workspace.

    Returns:
        (rows filled, bytes done, bytes to pass over after `data`, bytes that the first unfinished record
        needs at least, state of the next record's beginning).
    """
    n, p, run, size, most = 0, 0, 0, len(data), len(table) - 1
    while n < most:
        # 1. Find where the next record begins, and the run (gzip member) that has this place.
        if beginning == SEEKING:
            found = next_start(data, p, size, runs, run - 1 if p == 0 else run)
            if found < 0:
                return (
                    n,
                    size if final else max(p, size - _BOUNDARY_BYTES),
                    0,
                    0,
                    EXPECTED if final else SEEKING,
                )
            p, beginning = found, RESYNCED
        p = skip_newlines(data, p, size)
        if p == size:
            return n, p, 0, 0, EXPECTED
        while run + 1 < len(runs) and runs[run + 1] <= p:
            run += 1
        if runs[run] == p and not plain:
            # A record that begins a gzip member is no part of a page's text.
            beginning = EXPECTED
        run_end = runs[run + 1] if run + 1 < len(runs) else size
        last_run = run + 1 == len(runs)
        growing = last_run and not final
        # 2. Read its header, or pass over bytes that are no record.
        row = table[n]
        row[:] = 0
        # Bytes that are no record must not count as CONVERSION (0).
        row[KIND] = OTHER
        row[START] = p
        row[END] = size
        versioned = is_version(data, p)
        if not versioned and growing and size - p < _BOUNDARY_BYTES:
            return n, p, 0, size + _BOUNDARY_BYTES, beginning
        if not versioned and (beginning == RESYNCED or not begins_at(data, p)):
            row[STATUS] = BROKEN if states[run] == BROKEN_RUN and run_end - p < 6 else NOT_A_RECORD
            n, p, beginning = n + 1, p + 1, SEEKING
            continue
        body = read_header(data, p, gate, row)
        declared = row[DECLARED]
        if body < 0 and not final and size - p < MAX_HEADER_BYTES:
            return n, p, 0, size + 1, beginning
        if not versioned and (body < 0 or declared < 0 or row[DAMAGE] != SOUND):
            row[STATUS], row[DAMAGE] = NOT_A_RECORD, SOUND
            row[URI] = row[URI_END] = 0
            row[KIND] = OTHER
            n, p, beginning = n + 1, p + 1, SEEKING
            continue
        if body < 0 or (declared < 0 and body > run_end):
            if states[run] == BROKEN_RUN and body < 0:
                row[STATUS] = BROKEN
            elif plain and body < 0 and size - p < MAX_HEADER_BYTES:
                row[STATUS] = CUT
            else:
                row[STATUS] = NO_HEADER
            n, p, beginning = n + 1, (min(body, run_end) if body > 0 else p + 1), SEEKING
            continue
        # 3. Note doubts about the header.
        row[BODY] = body
        if row[DAMAGE] == SOUND or row[DAMAGE] == TWICE:
            kind = row[KIND]
            nameless = row[URI] == row[URI_END] and kind in (CONVERSION, GATED, RESPONSE)
            answers = (
                kind in (REQUEST, METADATA, WARCINFO)
                and body + 5 <= size
                and same(data, body, body + 5, _HTTP)
            )
            if nameless or answers:
                row[DAMAGE] = HEADER
            elif not versioned:
                row[DAMAGE] = VERSION
            elif beginning == RESYNCED and row[DAMAGE] == SOUND:
                row[DAMAGE] = BOUNDARY
        # 4. Find the run in which the record ends; wait for more bytes if it may go on.
        # Without a length (-1), `end` is before the body: the record ends with its run or at the next record.
        end = body + declared
        # A record may extend over several runs, unless another record begins with the next run.
        end_run, limit = run, run_end
        while (
            end > limit
            and end_run + 1 < len(runs)
            and states[end_run] != BROKEN_RUN
            and not is_version(data, limit)
        ):
            end_run += 1
            limit = runs[end_run + 1] if end_run + 1 < len(runs) else size
        unended = end_run + 1 == len(runs) and not final
        held = states[end_run] == OPEN or size - body > max_bytes
        if unended and held and declared > max_bytes and limit < end <= reach:
            # Longer than the limit: skip it without a search, since its text may quote other records.
            row[BODY] = row[URI] = row[URI_END] = 0
            row[STATUS] = TOO_LONG
            return n + 1, size, end - size, 0, EXPECTED
        # A length beyond the end of the file is wrong: do not wait for more, since the next record is here.
        if unended and not (end > limit and size - body > max_bytes):
            if end > limit and states[end_run] == CLOSED:
                # Ask for half as much again, not for a byte: many small members may follow.
                return n, p, 0, size + max(_BOUNDARY_BYTES, (size - p) >> 1), beginning
            if states[end_run] == OPEN and end + _BOUNDARY_BYTES > size:
                return n, p, 0, min(end, body + max_bytes) + _BOUNDARY_BYTES, beginning
        if body > limit:
            row[BODY] = row[URI] = row[URI_END] = 0
            row[STATUS] = BROKEN if states[end_run] == BROKEN_RUN else NO_HEADER
            n, p, beginning = n + 1, limit, EXPECTED
            continue
        after = skip_newlines(data, end, limit) if body <= end <= limit else -1
        if unended and 0 <= after < size < after + _BOUNDARY_BYTES:
            # A member may end within the version line of the next record.
            return n, p, 0, size + _BOUNDARY_BYTES, beginning
        # 5. Compare the declared end with what follows there; if it is wrong, search for the next record.
        true_end = end_by_erratum(data, body, end, limit, slack) if after >= 0 else -1
        beginning = EXPECTED
        closed = after >= 0 and line_ends(data, end, after) >= 2
        if true_end >= 0:
            after = true_end + 4
            row[BODY_END], row[END] = true_end, after
            row[STATUS] = ERRATUM
        elif after >= 0 and (
            after == limit or is_version(data, after) or (closed and begins_at(data, after))
        ):
            row[BODY_END], row[END] = end, after
            if plain and after == limit and not closed:
                # In a release with wrong lengths, only the closing line ends prove that the record is whole.
                row[STATUS] = CUT if slack > 0 else UNCLOSED
            else:
                row[STATUS] = WHOLE
            if plain or after < limit or runs[run] < p:
                # A damaged length may include exactly the records that follow.
                found = next_start(data, body, end, runs, run)
                if found >= 0 and fill_up(data, found, after, gate, table[most]):
                    _distrust_repeated_field(row)
                    row[DAMAGE], row[THERE] = INSIDE, before_newlines(data, body, found)
        else:
            found = next_start(data, body, end if closed else limit, runs, run)
            if found < 0 and not closed and unended and states[end_run] == OPEN:
                if size - body > max_bytes:
                    row[STATUS] = TOO_LONG
                    n, p, beginning = n + 1, max(body, size - _BOUNDARY_BYTES), SEEKING
                    continue
                return n, p, 0, 2 * size, RESYNCED if row[DAMAGE] == BOUNDARY else EXPECTED
            if found < 0 and closed:
                # The record is as it declares; the bytes after it are no record.
                row[BODY_END], row[END] = end, after
                row[STATUS] = WHOLE
            else:
                declared_end = end if after >= 0 else limit
                after = found if found >= 0 else limit
                there = before_newlines(data, body, after)
                row[BODY_END], row[THERE], row[END] = min(declared_end, there), there, after
                row[STATUS] = CUT if plain and found < 0 and declared_end == limit else WRONG_LENGTH
                _distrust_repeated_field(row)
                if row[DAMAGE] != HEADER:
                    row[DAMAGE] = LENGTH
                if found >= 0:
                    beginning = RESYNCED
        # The last record of a broken member may be incomplete.
        if after == limit and states[end_run] == BROKEN_RUN:
            row[STATUS] = BROKEN
        elif max(row[BODY_END], row[THERE]) - body > max_bytes:
            row[STATUS] = TOO_LONG
        n, p = n + 1, after
    return n, p, 0, 0, beginning

"""Finds WARC records in a buffer: one kernel finds and judges them all, with no Python object a record.

Nothing is believed that the bytes contradict. A record ends where its `Content-Length` says only if a
record, the end of its gzip member, or the line ends that close it follow there. What stands beyond the
declared length is never text.
"""

import numpy as np

from presswatch_spark.compiled import entry_njit, uncounted_njit

from presswatch_spark.formats.warc.headers import (  # isort: skip
    BODY, BODY_END, CONVERSION, CR, DAMAGE, DECLARED, END, GATED, HEADER, INSIDE, KIND, LENGTH, LF, METADATA,
    OTHER, REQUEST, RESPONSE, SOUGHT, SOUND, START, STATUS, THERE, TWICE, URI, URI_END, VERSION, WARCINFO,
    MAX_HEADER_BYTES, Gate, is_version, read_header, same,
)  # fmt: skip
from presswatch_spark.model import Bytes, Offsets

_LONGEST_VERSION_LINE = 24

_WARC_FIELD = np.frombuffer(b"warc-", np.uint8)
_CONTENT_FIELD = np.frombuffer(b"content-", np.uint8)

# STATUS. `WRONG_LENGTH`: the Content-Length lies, is no number, or is missing; the text is what is there, but
# no more than is declared. `BROKEN` ends a gzip member known to be broken. These have no text:
# `NOT_A_RECORD`, `NO_HEADER` (none that ends), `TOO_LONG`, `CUT` (a plain file ends). These are whole:
# `ERRATUM` (the length is off by a known erratum of the release), `UNCLOSED` (a plain file ends within the
# line ends that close it).
WHOLE, WRONG_LENGTH, BROKEN, NOT_A_RECORD, NO_HEADER, TOO_LONG, CUT, ERRATUM, UNCLOSED = range(9)
# How the next record's beginning is known: it is where it should be; it must be looked for; it was found so.
EXPECTED, SEEKING, WAS_SOUGHT = range(3)
# State of a run of bytes, a gzip member or what is known of it: verified, still growing, known to be broken.
CLOSED, OPEN, BROKEN_RUN = range(3)
# Enough to see a blank line, and the version line and the beginning of a field after it.
_BOUNDARY_BYTES = 40
_HTTP = np.frombuffer(b"http/", np.uint8)


@uncounted_njit
def next_start(data: Bytes, at: int, end: int, runs: Offsets, run: int) -> int:
    """Return where the next record begins in [at, end): with a run, or after a blank line; -1 if nowhere."""
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
    """Return the position behind the line ends at `at`, at most `end`."""
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
    """Return True if a record begins at `at`, where one should: a field in the second line shows it, too."""
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
    """Return how many empty lines end in [at, end)."""
    ends = 0
    while at < end and (data[at] == LF or data[at] == CR):
        ends += data[at] == LF
        at += 1
    return ends


@uncounted_njit
def fill_up(data: Bytes, at: int, end: int, gate: Gate, row: Offsets) -> bool:
    """Return True if the bytes in [at, end) are whole records in a row; `row` is written over."""
    while at < end:
        body = read_header(data, at, gate, row) if is_version(data, at) else -1
        if body < 0 or row[DECLARED] < 0 or body + row[DECLARED] > end:
            return False
        at = skip_newlines(data, body + row[DECLARED], end)
    return True


@uncounted_njit
def _closes_at(data: Bytes, at: int, limit: int) -> bool:
    """Return True if two line ends are at `at`, right before another record or the end at `limit`."""
    after = at + 4
    return (
        after <= limit
        and data[at] == data[at + 2] == CR
        and data[at + 1] == data[at + 3] == LF
        and (after == limit or is_version(data, after))
    )


@uncounted_njit
def end_by_erratum(data: Bytes, body: int, end: int, limit: int, slack: int) -> int:
    """Return the end of a body with a length that is off by `slack`; -1 if it does not end there."""
    if slack > 0:
        for close in (end + slack, end - slack):
            if close >= body and _closes_at(data, close, limit):
                return close
    return -1


@uncounted_njit
def _disbelieve_twice(row: Offsets) -> None:
    """Take a header that says something twice for damaged: its record is not as it says, either."""
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
    sought: int,
    slack: int,
    table: Offsets,
) -> tuple[int, int, int, int, int]:
    """Find the records of `data`, in order.

    Args:
        data: uint8 (n,), inflated bytes.
        runs: int64 (m,), where runs begin, ascending, `runs[0] == 0`. `states`: uint8 (m,), only the last may
        be OPEN. gate: see `gate_of`. max_bytes: longest body that is read. reach: the file holds no more
        than so many bytes from the first of `data` on. final: nothing comes after `data`.
        `plain`: the file is not compressed, so a run's end proves nothing. sought: how the first record's
        beginning is known. slack: by how many bytes lengths may be off, see `length_slack`.
        table: int64 (k + 1, COLUMNS), filled from the top; the last row is for our own use.

    Returns:
        (rows filled, bytes done with, bytes to pass over after `data`, bytes that the first record not done
        with needs at least, how the beginning of the next record is known).
    """
    n, p, run, size, most = 0, 0, 0, len(data), len(table) - 1
    while n < most:
        if sought == SEEKING:
            found = next_start(data, p, size, runs, run - 1 if p == 0 else run)
            if found < 0:
                return (
                    n,
                    size if final else max(p, size - _BOUNDARY_BYTES),
                    0,
                    0,
                    EXPECTED if final else SEEKING,
                )
            p, sought = found, WAS_SOUGHT
        p = skip_newlines(data, p, size)
        if p == size:
            return n, p, 0, 0, EXPECTED
        while run + 1 < len(runs) and runs[run + 1] <= p:
            run += 1
        if runs[run] == p and not plain:
            # A page's text begins no member.
            sought = EXPECTED
        run_end = runs[run + 1] if run + 1 < len(runs) else size
        last_run = run + 1 == len(runs)
        growing = last_run and not final
        row = table[n]
        row[:] = 0
        # Of what is no record, too: it is of no kind that decides anything.
        row[KIND] = OTHER
        row[START] = p
        row[END] = size
        versioned = is_version(data, p)
        if not versioned and growing and size - p < _BOUNDARY_BYTES:
            return n, p, 0, size + _BOUNDARY_BYTES, sought
        if not versioned and (sought == WAS_SOUGHT or not begins_at(data, p)):
            row[STATUS] = BROKEN if states[run] == BROKEN_RUN and run_end - p < 6 else NOT_A_RECORD
            n, p, sought = n + 1, p + 1, SEEKING
            continue
        body = read_header(data, p, gate, row)
        declared = row[DECLARED]
        if body < 0 and not final and size - p < MAX_HEADER_BYTES:
            return n, p, 0, size + 1, sought
        if not versioned and (body < 0 or declared < 0 or row[DAMAGE] != SOUND):
            row[STATUS], row[DAMAGE] = NOT_A_RECORD, SOUND
            row[URI] = row[URI_END] = 0
            row[KIND] = OTHER
            n, p, sought = n + 1, p + 1, SEEKING
            continue
        if body < 0 or (declared < 0 and body > run_end):
            if states[run] == BROKEN_RUN and body < 0:
                row[STATUS] = BROKEN
            elif plain and body < 0 and size - p < MAX_HEADER_BYTES:
                row[STATUS] = CUT
            else:
                row[STATUS] = NO_HEADER
            n, p, sought = n + 1, (min(body, run_end) if body > 0 else p + 1), SEEKING
            continue
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
            elif sought == WAS_SOUGHT and row[DAMAGE] == SOUND:
                row[DAMAGE] = SOUGHT
        # Without a length, this is before the body: the record ends with its run, or where another begins.
        end = body + declared
        # A record may go over the end of its run, unless another record begins there.
        last, limit = run, run_end
        while (
            end > limit
            and last + 1 < len(runs)
            and states[last] != BROKEN_RUN
            and not is_version(data, limit)
        ):
            last += 1
            limit = runs[last + 1] if last + 1 < len(runs) else size
        unended = last + 1 == len(runs) and not final
        held = states[last] == OPEN or size - body > max_bytes
        if unended and held and declared > max_bytes and limit < end <= reach:
            # Longer than is read: passed over, and not searched. Its text may show records that are none.
            row[BODY] = row[URI] = row[URI_END] = 0
            row[STATUS] = TOO_LONG
            return n + 1, size, end - size, 0, EXPECTED
        # A length that the file has no room for is a lie: nothing to wait for, the next record is here.
        if unended and not (end > limit and size - body > max_bytes):
            if end > limit and states[last] == CLOSED:
                # By halves, not byte by byte: what comes may be many small members.
                return n, p, 0, size + max(_BOUNDARY_BYTES, (size - p) >> 1), sought
            if states[last] == OPEN and end + _BOUNDARY_BYTES > size:
                return n, p, 0, min(end, body + max_bytes) + _BOUNDARY_BYTES, sought
        if body > limit:
            row[BODY] = row[URI] = row[URI_END] = 0
            row[STATUS] = BROKEN if states[last] == BROKEN_RUN else NO_HEADER
            n, p, sought = n + 1, limit, EXPECTED
            continue
        after = skip_newlines(data, end, limit) if body <= end <= limit else -1
        if unended and 0 <= after < size < after + _BOUNDARY_BYTES:
            # A member may end within the version line of the next record.
            return n, p, 0, size + _BOUNDARY_BYTES, sought
        true_end = end_by_erratum(data, body, end, limit, slack) if after >= 0 else -1
        sought = EXPECTED
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
                # Where lengths are off, line ends alone prove that a plain file's last record was not cut.
                row[STATUS] = CUT if slack > 0 else UNCLOSED
            else:
                row[STATUS] = WHOLE
            if plain or after < limit or runs[run] < p:
                # In a file that is damaged, a length may be wrong by just the records that follow.
                found = next_start(data, body, end, runs, run)
                if found >= 0 and fill_up(data, found, after, gate, table[most]):
                    _disbelieve_twice(row)
                    row[DAMAGE], row[THERE] = INSIDE, before_newlines(data, body, found)
        else:
            found = next_start(data, body, end if closed else limit, runs, run)
            if found < 0 and not closed and last + 1 == len(runs) and not final and states[last] == OPEN:
                if size - body > max_bytes:
                    row[STATUS] = TOO_LONG
                    n, p, sought = n + 1, max(body, size - _BOUNDARY_BYTES), SEEKING
                    continue
                return n, p, 0, 2 * size, WAS_SOUGHT if row[DAMAGE] == SOUGHT else EXPECTED
            if found < 0 and closed:
                # It is as it says; what follows is no record.
                row[BODY_END], row[END] = end, after
                row[STATUS] = WHOLE
            else:
                lies = end if after >= 0 else limit
                after = found if found >= 0 else limit
                there = before_newlines(data, body, after)
                row[BODY_END], row[THERE], row[END] = min(lies, there), there, after
                row[STATUS] = CUT if plain and found < 0 and lies == limit else WRONG_LENGTH
                _disbelieve_twice(row)
                if row[DAMAGE] != HEADER:
                    row[DAMAGE] = LENGTH
                if found >= 0:
                    sought = WAS_SOUGHT
        # What comes last in a broken member is not known to be whole.
        if after == limit and states[last] == BROKEN_RUN:
            row[STATUS] = BROKEN
        elif max(row[BODY_END], row[THERE]) - body > max_bytes:
            row[STATUS] = TOO_LONG
        n, p = n + 1, after
    return n, p, 0, 0, sought

"""WARC records in a buffer: one kernel finds and judges them all, no Python object per record.

Nothing is believed that the bytes contradict: a record ends where its `Content-Length` says only if a record,
or the end of its gzip member, follows there.
"""

from __future__ import annotations

from presswatch_spark.compiled import uncounted_njit
from presswatch_spark.sources.base import Bytes, Offsets
from presswatch_spark.sources.warc.headers import (
    BODY,
    BODY_END,
    CR,
    DECLARED,
    END,
    KIND,
    LF,
    MAX_HEADER_BYTES,
    OTHER,
    START,
    STATUS,
    URI,
    URI_END,
    Gate,
    is_version,
    read_header,
)  # fmt: skip

# STATUS. Of `WRONG_LENGTH` (a Content-Length that lies, is no number, is missing) the text is what is there;
# `BROKEN` ends a gzip member known to be broken; the rest has no text: `NOT_A_RECORD` (bytes that are none),
# `NO_HEADER` (none that ends), `TOO_LONG`, `CUT` (a plain file ends). `ERRATUM` is whole: its Content-Length
# is off by what a known erratum of its release says.
WHOLE, WRONG_LENGTH, BROKEN, NOT_A_RECORD, NO_HEADER, TOO_LONG, CUT, ERRATUM = range(8)

# State of a run of bytes, a gzip member or what is known of it: verified, still growing, known to be broken.
CLOSED, OPEN, BROKEN_RUN = range(3)

# Enough to see a blank line and the version line after it.
_BOUNDARY_BYTES = 16


@uncounted_njit
def _next_start(data: Bytes, at: int, end: int, runs: Offsets, run: int) -> int:
    """Where the next record begins in [at, end): with a run, or after a blank line; -1 if nowhere."""
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
def _skip_newlines(data: Bytes, at: int, end: int) -> int:
    while at < end and (data[at] == LF or data[at] == CR):
        at += 1
    return at


@uncounted_njit
def _before_newlines(data: Bytes, start: int, end: int) -> int:
    """`end` without the two line ends that close a record."""
    for _ in range(2):
        if end > start and data[end - 1] == LF:
            end -= 1
            if end > start and data[end - 1] == CR:
                end -= 1
    return end


@uncounted_njit
def _closes_at(data: Bytes, at: int, limit: int) -> bool:
    """Whether two line ends stand at `at`, and right behind them another record, or the end at `limit`."""
    after = at + 4
    return (
        after <= limit
        and data[at] == data[at + 2] == CR
        and data[at + 1] == data[at + 3] == LF
        and (after == limit or is_version(data, after))
    )


@uncounted_njit
def _end_by_erratum(data: Bytes, body: int, end: int, limit: int, slack: int) -> int:
    """Where a body ends whose length is off by `slack`; -1 if it does not end there."""
    if slack > 0:
        for close in (end + slack, end - slack):
            if close >= body and _closes_at(data, close, limit):
                return close
    return -1


@uncounted_njit
def find_records(
    data: Bytes,
    runs: Offsets,
    states: Bytes,
    gate: Gate,
    max_bytes: int,
    reach: int,
    final: bool,
    plain: bool,
    seeking: bool,
    slack: int,
    table: Offsets,
) -> tuple[int, int, int, int, bool]:
    """Find the records of `data`, in order.

    Args:
        data: uint8 (n,), inflated bytes.
        runs: int64 (m,), where runs begin, ascending, `runs[0] == 0`. `states`: uint8 (m,), only the last may
        be OPEN. gate: see `gate_of`. max_bytes: longest body that is read. reach: the file holds no more
        than so many bytes from the first of `data` on. final: nothing comes after `data`.
        `plain`: the file is not compressed, so a run's end proves nothing. seeking: start by looking for the
        next record, whatever stands before it. slack: by how many bytes lengths may be off, see `errata`.
        table: int64 (k, COLUMNS), filled from the top.

    Returns:
        (rows filled, bytes done with, bytes to pass over after `data`, bytes that the first record not done
        with needs at least, seeking).
    """
    n, p, run, size = 0, 0, 0, len(data)
    while n < len(table):
        if seeking:
            found = _next_start(data, p, size, runs, run - 1 if p == 0 else run)
            if found < 0:
                return n, size if final else max(p, size - _BOUNDARY_BYTES), 0, 0, not final
            p, seeking = found, False
        p = _skip_newlines(data, p, size)
        if p == size:
            return n, p, 0, 0, False
        while run + 1 < len(runs) and runs[run + 1] <= p:
            run += 1
        run_end = runs[run + 1] if run + 1 < len(runs) else size
        last_run = run + 1 == len(runs)
        growing = last_run and not final
        row = table[n]
        row[:] = 0
        # Of what is no record, too: it is of no kind that decides anything.
        row[KIND] = OTHER
        row[START] = p
        row[END] = size
        if not is_version(data, p):
            if growing and size - p < 6:
                return n, p, 0, size + 6, False
            row[STATUS] = BROKEN if states[run] == BROKEN_RUN and run_end - p < 6 else NOT_A_RECORD
            n, p, seeking = n + 1, p + 1, True
            continue
        body = read_header(data, p, gate, row)
        declared = row[DECLARED]
        if body < 0 and not final and size - p < MAX_HEADER_BYTES:
            return n, p, 0, size + 1, False
        if body < 0 or (declared < 0 and body > run_end):
            if states[run] == BROKEN_RUN and body < 0:
                row[STATUS] = BROKEN
            elif plain and body < 0 and size - p < MAX_HEADER_BYTES:
                row[STATUS] = CUT
            else:
                row[STATUS] = NO_HEADER
            n, p, seeking = n + 1, (min(body, run_end) if body > 0 else p + 1), True
            continue
        row[BODY] = body
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
            return n + 1, size, end - size, 0, False
        # A length that the file has no room for is a lie: nothing to wait for, the next record is here.
        if unended and not (end > limit and size - body > max_bytes):
            if end > limit and states[last] == CLOSED:
                # By halves, not byte by byte: what comes may be many small members.
                return n, p, 0, size + max(_BOUNDARY_BYTES, (size - p) >> 1), False
            if states[last] == OPEN and end + _BOUNDARY_BYTES > size:
                return n, p, 0, min(end, body + max_bytes) + _BOUNDARY_BYTES, False
        if body > limit:
            row[BODY] = row[URI] = row[URI_END] = 0
            row[STATUS] = BROKEN if states[last] == BROKEN_RUN else NO_HEADER
            n, p = n + 1, limit
            continue
        after = _skip_newlines(data, end, limit) if body <= end <= limit else -1
        if unended and 0 <= after < size < after + 6:
            # A member may end within the version line of the next record.
            return n, p, 0, size + 6, False
        true_end = _end_by_erratum(data, body, end, limit, slack) if after >= 0 else -1
        if true_end >= 0:
            after = true_end + 4
            row[BODY_END], row[END] = true_end, after
            row[STATUS] = ERRATUM
        elif after >= 0 and (after == limit or is_version(data, after)):
            row[BODY_END], row[END] = end, after
            # Where lengths are off, line ends alone prove that a plain file's last record was not cut.
            unproven = slack > 0 and plain and after == limit and after - end < 4
            row[STATUS] = CUT if unproven else WHOLE
        else:
            found = _next_start(data, body, limit, runs, run)
            if found < 0 and last + 1 == len(runs) and not final and states[last] == OPEN:
                if size - body > max_bytes:
                    row[STATUS] = TOO_LONG
                    n, p, seeking = n + 1, max(body, size - _BOUNDARY_BYTES), True
                    continue
                return n, p, 0, 2 * size, False
            after = found if found >= 0 else limit
            row[BODY_END], row[END] = _before_newlines(data, body, after), after
            row[STATUS] = CUT if plain and found < 0 else WRONG_LENGTH
        # What comes last in a broken member is not known to be whole.
        if after == limit and states[last] == BROKEN_RUN:
            row[STATUS] = BROKEN
        elif row[BODY_END] - body > max_bytes:
            row[STATUS] = TOO_LONG
        n, p = n + 1, after
    return n, p, 0, 0, False

"""Where WARC records begin and end in a buffer, told by what stands there."""

from __future__ import annotations

import numpy as np

from presswatch_spark.compiled import uncounted_njit
from presswatch_spark.formats.warc.headers import CR, DECLARED, LF, Gate, is_version, read_header, same
from presswatch_spark.model import Bytes, Offsets

_LONGEST_VERSION_LINE = 24

_WARC_FIELD = np.frombuffer(b"warc-", np.uint8)
_CONTENT_FIELD = np.frombuffer(b"content-", np.uint8)


@uncounted_njit
def next_start(data: Bytes, at: int, end: int, runs: Offsets, run: int) -> int:
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
def skip_newlines(data: Bytes, at: int, end: int) -> int:
    """Return where the line ends that stand at `at` end, no further than `end`."""
    while at < end and (data[at] == LF or data[at] == CR):
        at += 1
    return at


@uncounted_njit
def before_newlines(data: Bytes, start: int, end: int) -> int:
    """`end` without the two line ends that close a record."""
    for _ in range(2):
        if end > start and data[end - 1] == LF:
            end -= 1
            if end > start and data[end - 1] == CR:
                end -= 1
    return end


@uncounted_njit
def begins_at(data: Bytes, at: int) -> bool:
    """Whether a record begins at `at`, where one should: a field in the second line shows it, too."""
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
    """How many lines end in [at, end), none of which holds anything."""
    ends = 0
    while at < end and (data[at] == LF or data[at] == CR):
        ends += data[at] == LF
        at += 1
    return ends


@uncounted_njit
def fill_up(data: Bytes, at: int, end: int, gate: Gate, row: Offsets) -> bool:
    """Whether the bytes in [at, end) are whole records, one behind the other; `row` is written over."""
    while at < end:
        body = read_header(data, at, gate, row) if is_version(data, at) else -1
        if body < 0 or row[DECLARED] < 0 or body + row[DECLARED] > end:
            return False
        at = skip_newlines(data, body + row[DECLARED], end)
    return True


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
def end_by_erratum(data: Bytes, body: int, end: int, limit: int, slack: int) -> int:
    """Where a body ends whose length is off by `slack`; -1 if it does not end there."""
    if slack > 0:
        for close in (end + slack, end - slack):
            if close >= body and _closes_at(data, close, limit):
                return close
    return -1

"""ARC records in a block of inflated bytes: where each begins and ends, and what is wrong with it.

As for WARC (`records`), no length is believed that the bytes contradict: a record ends where its line says
only if another record line, or the end of its gzip member, follows there. Line ends between records do not
count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from presswatch_spark.sources.warc import records
from presswatch_spark.sources.warc.arc_lines import (
    MAX_LINE_BYTES,
    ArcLine,
    begins_with_arc_record,
    next_line,
    read_line,
)
from presswatch_spark.sources.warc.blocks import Block

_NEWLINES = re.compile(rb"[\r\n]*")
_LINE_END = re.compile(rb"\n")


@dataclass(frozen=True, slots=True)
class Found:
    """A record, or bytes that are none: [start, end) in the block, its text up to `text_end`.

    `status`: as in `records`; `line`: None if there is no record; `beyond`: how many of its bytes come after
    the block; `lost`: where the next record begins must be looked for.
    """

    start: int
    text_end: int
    end: int
    status: int
    line: ArcLine | None = None
    beyond: int = 0
    lost: bool = False

    @property
    def text_bytes(self) -> int:
        """How many bytes the block of the record has."""
        return self.text_end - self.line.end if self.line else 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be said before the block has `needed` bytes from its start on; up to `done` it is done."""

    done: int
    needed: int


class ArcBlock:
    """A block with the limits that records are judged by.

    `max_bytes`: longest block of a record; `reach`: the file holds no more than so many bytes from the
    block's start on; `final`: nothing comes after it.
    """

    def __init__(self, block: Block, max_bytes: int, reach: int, *, final: bool) -> None:
        self.data = block.data.data
        self.size = len(self.data)
        self.final = final
        self._runs: list[int] = block.runs.tolist()
        self._states: list[int] = block.states.tolist()
        self._opened = block.opened
        self._in_members = block.encoding == "gzip"
        self._max_bytes = max_bytes
        self._reach = reach

    def record(self, at: int) -> Found | Wait:
        """The record at `at`, but for line ends before it."""
        start = _skipped(self.data, at, self.size)
        if start == self.size:
            return Wait(start, 0)
        run = self._run_of(start)
        line, stop = read_line(self.data, start, self.size), self._end_of(run)
        # A line may go over the end of its run, unless another begins there.
        if line and (line.end <= stop or not read_line(self.data, stop, self.size)):
            return self._judged(start, line, run)
        return self._no_line(start, run)

    def next_start(self, at: int) -> int | None:
        """Where the next record begins at `at` or after it: with a member, or after a line end."""
        run = self._run_of(at)
        if self._runs[run] == at and (run or self._opened) and read_line(self.data, at, self.size):
            return at
        while at < self.size:
            stop = self._end_of(run)
            found = next_line(self.data, at, stop)
            if found is not None:
                return found
            run += 1
            if stop < self.size and read_line(self.data, stop, self.size):
                return stop
            at = stop
        return None

    def _run_of(self, at: int) -> int:
        return bisect_right(self._runs, at) - 1

    def _end_of(self, run: int) -> int:
        return self._runs[run + 1] if run + 1 < len(self._runs) else self.size

    def _no_line(self, start: int, run: int) -> Found | Wait:
        if not self.final and self._may_grow(start):
            return Wait(start, self.size + 1)
        broken = self._states[run] == records.BROKEN_RUN and not _LINE_END.search(
            self.data, start, self._end_of(run)
        )
        status = records.BROKEN if broken else records.NOT_A_RECORD
        return Found(start, start, start + 1, status, lost=True)

    def _limit(self, end: int, run: int) -> tuple[int, int]:
        """Where a record that should end at `end` must end, and the run that this is in.

        A record may go over the end of its run, unless another record begins there.
        """
        limit = self._end_of(run)
        while (
            end > limit
            and run + 1 < len(self._runs)
            and self._states[run] != records.BROKEN_RUN
            and not read_line(self.data, limit, self.size)
        ):
            run += 1
            limit = self._end_of(run)
        return limit, run

    def _may_grow(self, at: int) -> bool:
        """Whether the line at `at` has no end yet, and may still have one."""
        return self.size - at < MAX_LINE_BYTES and not _LINE_END.search(self.data, at)

    def _begins(self, at: int) -> bool:
        """Whether a record begins at `at`; of a line that the end cuts, its beginning decides."""
        if self.final and not _LINE_END.search(self.data, at):
            return begins_with_arc_record(bytes(self.data[at : at + MAX_LINE_BYTES]))
        return read_line(self.data, at, self.size) is not None

    def _judged(self, start: int, line: ArcLine, run: int) -> Found | Wait:
        end = line.end + (line.length or 0)
        limit, run = self._limit(end, run)
        unended = run + 1 == len(self._runs) and not self.final
        growing = unended and self._states[run] == records.OPEN
        held = self.size - line.end
        if (
            unended
            and (growing or held > self._max_bytes)
            and self._max_bytes < end - line.end
            and self.size < end <= self._reach
        ):
            return Found(start, start, self.size, records.TOO_LONG, line, end - self.size)
        if unended and held <= self._max_bytes:
            if end > limit and not growing:
                return Wait(start, self.size + max(MAX_LINE_BYTES, held >> 1))
            if growing and end + MAX_LINE_BYTES > self.size:
                return Wait(start, min(end, line.end + self._max_bytes) + MAX_LINE_BYTES)
        if line.length is not None and end <= limit:
            after = _skipped(self.data, end, limit)
            if after == limit or self._begins(after):
                return self._found(start, end, after, records.WHOLE, line, run)
            if not self.final and self._may_grow(after):
                return Wait(start, self.size + 1)
        found = next_line(self.data, line.end - 1, limit)
        if found is None and growing:
            if held > self._max_bytes:
                sought = max(line.end, self.size - MAX_LINE_BYTES)
                return Found(start, start, sought, records.TOO_LONG, line, lost=True)
            return Wait(start, 2 * self.size)
        cut = found is None and line.length is not None and not self._in_members
        after = limit if found is None else found
        status = records.CUT if cut else records.WRONG_LENGTH
        return self._found(start, _before_newline(self.data, line.end, after), after, status, line, run)

    def _found(self, start: int, text_end: int, end: int, status: int, line: ArcLine, run: int) -> Found:
        # What comes last in a broken member is not known to be whole.
        if end == self._end_of(run) and self._states[run] == records.BROKEN_RUN:
            status = records.BROKEN
        elif text_end - line.end > self._max_bytes:
            status = records.TOO_LONG
        return Found(start, text_end, end, status, line)


def _skipped(data: memoryview, at: int, end: int) -> int:
    newlines = _NEWLINES.match(data, at, end)
    return newlines.end() if newlines else at


def _before_newline(data: memoryview, start: int, end: int) -> int:
    """`end` without the line end that separates records."""
    if end > start and data[end - 1] == 0x0A:
        end -= 1
        if end > start and data[end - 1] == 0x0D:
            end -= 1
    return end

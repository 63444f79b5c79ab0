"""ARC, the format of Common Crawl from 2008 to 2012 and of the Internet Archive before WARC.

A line begins each record: `URL IP date type length`; in version 2, more fields before the length. (Format:
Burner and Kahle, "Arc File Format", version 1.0, Internet Archive, 1996.) A URL may contain spaces, against
the format: it ends before the first IP address and date. The declared length is right if another record line
or the end of the gzip member follows; or if a line end follows, the HTTP head confirms the length, and no
record line is inside. Otherwise the record ends before the next record line.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.times import record_time
from presswatch_spark.core.translation import N_
from presswatch_spark.reading import source, tombstones
from presswatch_spark.reading.http.message import media_type
from presswatch_spark.reading.source import ANYTHING, Format, ReadOptions, whole
from presswatch_spark.reading.warc import records as warc
from presswatch_spark.reading.warc.blocks import InflatedBlock, PieceReader, body_is_declared
from presswatch_spark.reading.warc.pages import PageBatches, Stored
from presswatch_spark.storage.objects import ObjectInfo, Stream

MAX_LINE_BYTES = 64 << 10
LINES_KEPT = 64
VERSION_BLOCK = b"filedesc:"

_SCHEME_PATTERN = rb"[A-Za-z][A-Za-z0-9+.-]{0,30}:"
_PLACE_PATTERN = rb" ([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|-) ([0-9]{8,20}) "
_SCHEME = re.compile(_SCHEME_PATTERN)
_PLACE = re.compile(_PLACE_PATTERN)
# Where a record line is expected, IP address or date may be any word: crawlers wrote `unknown`, `null`.
_HALF_A_PLACE = re.compile(
    rb" ([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|-) ([!-~]{1,32}) "
    rb"| ([!-~]{1,64}) ([0-9]{8,20}) "
)
_CANDIDATE = re.compile(rb"\n(?=%s[^\n]{0,%d}?%s)" % (_SCHEME_PATTERN, MAX_LINE_BYTES, _PLACE_PATTERN))
_NEWLINES = re.compile(rb"[\r\n]*")
_LINE_END = re.compile(rb"\n")
# A complete version block: the line of the version, the line of field names, and nothing else.
_VERSION_CONTENT = re.compile(rb"[0-9] [0-9][\t -~]{0,200}\r?\nURL[\t -~]{0,400}[\r\n]+")
_DATE = re.compile(rb"[0-9]{14,20}")
_LENGTH = re.compile(rb"[0-9]{1,17}")
_VERSION = re.compile(rb"[0-9] [0-9]")
_READABLE = (warc.WHOLE, warc.WRONG_LENGTH)


@dataclass(frozen=True, slots=True)
class ArcLine:
    """A record's line. `length`: of the block after it, None if no number; `end`: where the block begins."""

    url: bytes
    date: bytes
    media_type: bytes
    length: int | None
    end: int


def read_line(data: memoryview | bytes, at: int, limit: int, *, expected: bool = False) -> ArcLine | None:
    """Return the record line at `at`; None if there is none that ends before `limit`.

    `expected`: the previous record ends here, so IP address or date may be wrong.
    """
    if not _SCHEME.match(data, at, limit):
        return None
    end = _LINE_END.search(data, at, min(limit, at + MAX_LINE_BYTES))
    line = bytes(data[at : end.start()]) if end else b""
    place = _PLACE.search(line) or (_HALF_A_PLACE.search(line) if expected else None)
    if end is None or place is None:
        return None
    media_type, _, length = line[place.end() :].strip(b" \r").rpartition(b" ")
    number = int(length) if _LENGTH.fullmatch(length) else None
    if number is None and not _PLACE.match(place[0]):
        return None
    _, date = place[0].strip(b" ").split(b" ")
    return ArcLine(line[: place.start()], date, media_type, number, end.end())


def next_line(data: memoryview, at: int, limit: int) -> int | None:
    """Return where the next record line begins, after a line end in [at, limit); None if nowhere."""
    for candidate in _CANDIDATE.finditer(data, at, limit):
        if read_line(data, candidate.end(), limit):
            return candidate.end()
    return None


def begins_with_arc_record(head: bytes) -> bool:
    """Return True if `head` begins with an ARC record; a line that is cut is judged by its scheme."""
    head = head.lstrip(b"\r\n")
    if b"\n" not in head[:MAX_LINE_BYTES]:
        return _SCHEME.match(head) is not None
    return read_line(head, 0, len(head)) is not None


@dataclass(frozen=True, slots=True)
class ArcSpan:
    """A record, or bytes that are none: [start, end) in the block, its text up to `text_end`.

    `status`, `beginning` (of the next record): as in `warc.records`. `line`: None if there is no record.
    `beyond`: bytes of the record after the block. `damage`: a key of `DAMAGES`. `actual_end`:
    the end of the bytes before the next record, if the declared length is wrong.
    """

    start: int
    text_end: int
    end: int
    status: int
    line: ArcLine | None = None
    beyond: int = 0
    beginning: int = warc.EXPECTED
    damage: str | None = None
    actual_end: int = 0

    @property
    def text_bytes(self) -> int:
        """Bytes of the record's block, declared or not."""
        return max(self.text_end, self.actual_end) - self.line.end if self.line else 0


@dataclass(frozen=True, slots=True)
class Wait:
    """More bytes are needed: `needed` in all from the block's start on; the first `done` are finished."""

    done: int
    needed: int


class ArcBlock:
    """Inflated bytes, in which records are found and judged. A run is a gzip member, or the known part of it.

    `max_bytes`: longest block of a record that is read; `reach`: upper bound of the file's bytes from the
    block's start on; `final`: the block ends the file.
    """

    def __init__(self, block: InflatedBlock, max_bytes: int, reach: int, *, final: bool) -> None:
        self.data = block.data.data
        self.size = len(self.data)
        self.final = final
        self._runs: list[int] = block.runs.tolist()
        self._states: list[int] = block.states.tolist()
        self._opened = block.opened
        self._in_members = block.encoding == "gzip"
        self._max_bytes = max_bytes
        self._reach = reach
        # Without `self`: a cycle would keep the block in memory until the garbage collector runs.
        data, size = self.data, self.size
        self._line = lru_cache(LINES_KEPT)(
            lambda at, expected=False: read_line(data, at, size, expected=expected)
        )

    def record(self, at: int, *, was_found: bool = False) -> ArcSpan | Wait:
        """Return the record after the line ends at `at`; `was_found`: it was found by a search."""
        start = _skipped(self.data, at, self.size)
        if start == self.size:
            return Wait(start, 0)
        run = self._run_of(start)
        if self._in_members and self._runs[run] == start and (run or self._opened):
            # A record that begins a gzip member is no part of a page's text.
            was_found = False
        line, stop = self._line(start, expected=not was_found), self._end_of(run)
        # A record line may extend beyond its run, unless another one begins with the next run.
        if line and (line.end <= stop or not self._line(stop)):
            return self._judged(start, line, run, was_found)
        if not self.final and self._may_grow(start):
            return Wait(start, self.size + 1)
        is_broken = self._states[run] == warc.BROKEN_RUN and not _LINE_END.search(self.data, start, stop)
        status = warc.BROKEN if is_broken else warc.NOT_A_RECORD
        return ArcSpan(start, start, start + 1, status, beginning=warc.SEEKING)

    def next_start(self, at: int) -> int | None:
        """Return where the next record begins, with a run or after a line end; None if nowhere."""
        run = self._run_of(at)
        if self._runs[run] == at and (run or self._opened) and self._line(at):
            return at
        while at < self.size:
            stop = self._end_of(run)
            found = next_line(self.data, at, stop)
            if found is not None:
                return found
            run += 1
            if stop < self.size and self._line(stop):
                return stop
            at = stop
        return None

    def _run_of(self, at: int) -> int:
        return bisect_right(self._runs, at) - 1

    def _end_of(self, run: int) -> int:
        return self._runs[run + 1] if run + 1 < len(self._runs) else self.size

    def _limit(self, end: int, run: int) -> tuple[int, int]:
        # A record may extend over several runs, unless another record begins with the next run.
        limit = self._end_of(run)
        while (
            end > limit
            and run + 1 < len(self._runs)
            and self._states[run] != warc.BROKEN_RUN
            and not self._line(limit)
        ):
            run += 1
            limit = self._end_of(run)
        return limit, run

    def _may_grow(self, at: int) -> bool:
        return self.size - at < MAX_LINE_BYTES and not _LINE_END.search(self.data, at)

    def _begins(self, at: int) -> bool:
        # If the end of the file cuts the line, the beginning of the line decides.
        if self.final and not _LINE_END.search(self.data, at):
            return begins_with_arc_record(bytes(self.data[at : at + MAX_LINE_BYTES]))
        return self._line(at, expected=True) is not None

    def _judged(self, start: int, line: ArcLine, run: int, was_found: bool) -> ArcSpan | Wait:
        end = line.end + (line.length or 0)
        limit, run = self._limit(end, run)
        unended = run + 1 == len(self._runs) and not self.final
        growing = unended and self._states[run] == warc.OPEN
        available = self.size - line.end
        if unended and (early := self._skip_or_wait(start, line, end, limit, growing)):
            return early

        # First case: another record, or the end of the member, follows the declared length.
        damage = "boundary" if was_found else None
        declared = line.length is not None and end <= limit
        after = _skipped(self.data, end, limit) if declared else -1
        is_followed = declared and (after == limit or self._begins(after))
        if declared and not is_followed and not self.final and self._may_grow(after):
            return Wait(start, self.size + 1)
        if is_followed:
            return self._whole(ArcSpan(start, end, after, warc.WHOLE, line, damage=damage), run)

        # Second case: a line end follows. It may be of the text, so the HTTP head must confirm the length.
        has_line_end = declared and _LINE_END.search(self.data, end, after) is not None
        is_version = line.url.startswith(VERSION_BLOCK)
        closed = has_line_end and (is_version or body_is_declared(self.data[line.end : end]))
        # The block itself may begin with a record line: search from the line end before it.
        found = next_line(self.data, line.end - 1, end if closed else limit)
        if found is None and closed:
            # The record is as it declares; the bytes after it are no record.
            return self._checked(ArcSpan(start, end, after, warc.WHOLE, line, damage=damage), run)
        if found is None and growing:
            if available > self._max_bytes:
                passed = max(line.end, self.size - MAX_LINE_BYTES)
                return ArcSpan(start, start, passed, warc.TOO_LONG, line, beginning=warc.SEEKING)
            return Wait(start, 2 * self.size)

        # Third case: the length is wrong, or the end of a plain file cuts the record.
        cut = found is None and line.length is not None and not declared and not self._in_members
        after = limit if found is None else found
        actual_end = _before_newline(self.data, line.end, after)
        # Tools that rewrite line ends leave the declared length: the HTTP head may prove the body complete.
        cut = cut and not any(body_is_declared(self.data[line.end : end]) for end in (actual_end, after))
        status = warc.CUT if cut else warc.WRONG_LENGTH
        text_end = min(end, actual_end) if declared else actual_end
        beginning = warc.EXPECTED if found is None else warc.RESYNCED
        span = ArcSpan(
            start, text_end, after, status, line, beginning=beginning, damage="length", actual_end=actual_end
        )
        return self._checked(span, run)

    def _skip_or_wait(
        self, start: int, line: ArcLine, end: int, limit: int, growing: bool
    ) -> ArcSpan | Wait | None:
        """Skip a record beyond the limit, or wait for more bytes; None if the record can be judged now."""
        available = self.size - line.end
        is_too_long = growing or available > self._max_bytes
        if is_too_long and self._max_bytes < end - line.end and self.size < end <= self._reach:
            return ArcSpan(start, start, self.size, warc.TOO_LONG, line, end - self.size)
        if available > self._max_bytes:
            return None
        if end > limit and not growing:
            return Wait(start, self.size + max(MAX_LINE_BYTES, available >> 1))
        if growing and end + MAX_LINE_BYTES > self.size:
            return Wait(start, min(end, line.end + self._max_bytes) + MAX_LINE_BYTES)
        return None

    def _whole(self, span: ArcSpan, run: int) -> ArcSpan:
        # A damaged length may include the records that follow.
        line, end = span.line, span.text_end
        if line is None or (
            self._in_members and span.end == self._end_of(run) and self._runs[run] == span.start
        ):
            return self._checked(span, run)
        inner = next_line(self.data, line.end - 1, end)
        if (
            inner is not None
            and _are_whole_records(self.data, inner, span.end)
            and not body_is_declared(self.data[line.end : end])
        ):
            text_end = _before_newline(self.data, line.end, inner)
            span = replace(span, text_end=text_end, status=warc.WRONG_LENGTH, damage="length")
        return self._checked(span, run)

    def _checked(self, span: ArcSpan, run: int) -> ArcSpan:
        # The last record of a broken member may be incomplete.
        if span.end == self._end_of(run) and self._states[run] == warc.BROKEN_RUN:
            return replace(span, status=warc.BROKEN)
        if span.text_bytes > self._max_bytes:
            return replace(span, status=warc.TOO_LONG)
        return span


def _are_whole_records(data: memoryview, at: int, end: int) -> bool:
    """Return True if the bytes in [at, end) are whole records, one after the other."""
    while at < end:
        line = read_line(data, at, end)
        if line is None or line.length is None or line.end + line.length > end:
            return False
        at = _skipped(data, line.end + line.length, end)
    return True


def _skipped(data: memoryview, at: int, end: int) -> int:
    newlines = _NEWLINES.match(data, at, end)
    return newlines.end() if newlines else at


def _before_newline(data: memoryview, start: int, end: int) -> int:
    if end > start and data[end - 1] == 0x0A:
        end -= 1
        if end > start and data[end - 1] == 0x0D:
            end -= 1
    return end


class ArcReading(PieceReader[Stored]):
    """Reads all records except version blocks. Every loss is noted in the report.

    If the declared length is wrong, the bytes up to the next record are read, but no more than declared. A
    record that the end of the file cuts is not read, nor is the last one of a damaged gzip member.
    """

    kind, head_bytes = "ARC", MAX_LINE_BYTES
    name, remedy = "ARC", "get the file again"
    _beginning = warc.EXPECTED

    def ready(self, *, final: bool) -> Iterator[Stored]:
        """Yield the records in the pieces so far."""
        block = self.blocks.block(final=final)
        reach = max(0, self.room - block.base)
        arc = ArcBlock(block, self.options.max_document_bytes, reach, final=final)
        step, at, beyond = self._step(arc, 0), 0, 0
        while isinstance(step, ArcSpan):
            self._note(block, step)
            if tombstones.is_tombstone(arc.data[step.start : step.end]):
                self.report.add_skipped(tombstones.SKIPPED)
            elif step.line and step.status in _READABLE and not step.line.url.startswith(VERSION_BLOCK):
                yield _stored(block, step, step.line)
            self._beginning, at, beyond = step.beginning, step.end, step.beyond
            step = self._step(arc, at)
        self.blocks.drop(step.done, beyond)
        self.needed = max(self.options.batch_bytes, step.needed - step.done)

    def _step(self, arc: ArcBlock, at: int) -> ArcSpan | Wait:
        if self._beginning == warc.SEEKING:
            found = arc.next_start(at)
            if found is None:
                return Wait(arc.size if arc.final else max(at, arc.size - MAX_LINE_BYTES), 0)
            self._beginning, at = warc.RESYNCED, found
        return arc.record(at, was_found=self._beginning == warc.RESYNCED)

    def _note(self, block: InflatedBlock, span: ArcSpan) -> None:
        # A version block with both of its lines is complete, even if its length is wrong.
        line = span.line
        length = line.length if line else None
        declares = "has no readable length" if length is None else f"declares {length:,} bytes"
        read = "what it declares" if span.actual_end > span.text_end else "what is there"
        # A broken record is reported by the defect of its gzip member.
        what = {
            warc.WRONG_LENGTH: f"ARC record {declares} and has {span.text_bytes:,}; {read} was read",
            warc.CUT: f"ARC record is cut: it {declares} and has {span.text_bytes:,}; it was not read",
            warc.NOT_A_RECORD: "bytes that are not an ARC record; reading resumed at the next one",
            warc.TOO_LONG: f"ARC record is longer than allowed, not read; it {declares}",
        }.get(span.status)
        if line and line.url.startswith(VERSION_BLOCK):
            content = block.data.data, line.end, span.end
            if span.status == warc.WRONG_LENGTH and _VERSION_CONTENT.fullmatch(*content):
                what = None
            elif span.status == warc.WHOLE and not _VERSION.match(*content):
                what = "version block has no version, and may have been a page"
        if what:
            offset, unit = block.place(span.start)
            self.report.add_defect(what, offset, unit)


def _stored(block: InflatedBlock, span: ArcSpan, line: ArcLine) -> Stored:
    offset, length, encoding = block.stored_at(span.start, span.end)
    locator = Locator(
        record_offset=offset,
        record_length=length,
        record_encoding=encoding,
        # Some writers append digits to the 14 of `YYYYMMDDhhmmss`.
        captured_at=record_time(line.date[:14].decode()) if _DATE.fullmatch(line.date) else None,
        damage=span.damage,
    )
    url, media = line.url.decode("utf-8", "replace"), media_type(line.media_type.decode("latin-1"))
    is_http = url.lower().startswith(("http:", "https:"))
    return Stored(
        url=url.encode(),
        block=block.data.data[line.end : span.text_end],
        pointer=lambda: locator,
        place=lambda: (offset, "inflated byte" if encoding == "inflated" else "byte"),
        resource=None if is_http else media or "",
        verified=lambda: encoding == "gzip",
        noted=media if is_http else None,
    )


def read_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the pages of `stream`, a part of `shard` that begins with a record."""
    records = ArcReading(shard, options, report, begins_with_arc_record).read(stream)
    yield from PageBatches(options, report).of(records)


ARC = Format(
    name="arc",
    title="ARC",
    description=N_("Common Crawl, pages before 2012"),
    archive=N_("pages of the web (ARC)"),
    summary="ARC files of the crawls of 2008 to 2012",
    read=whole(read_part),
    read_part=read_part,
    begins=begins_with_arc_record,
    recognises=lambda head: head.kind == "ARC",
    kinds=frozenset({"ARC"}) | ANYTHING,
    suffixes=dict.fromkeys((".arc", ".arc.gz"), frozenset({"text", "unknown"})),
    rates={"": "warc"},
    specimen=source.warc_specimen,
    responses=True,
)

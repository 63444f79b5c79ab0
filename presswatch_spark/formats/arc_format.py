"""ARC, the format of Common Crawl from 2008 to 2012 and of the Internet Archive before WARC.

Read: a gzip member a record, several records in a member, one member around all, no compression. The version
block that opens a file, or each of several files joined, holds no page.
"""

import re
from collections.abc import Iterator

from presswatch_spark.formats import specimens
from presswatch_spark.formats.descriptor import ANYTHING, Format, whole
from presswatch_spark.formats.http.media import media_type
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import records
from presswatch_spark.formats.warc.arc_records import (
    MAX_LINE_BYTES,
    VERSION_BLOCK,
    ArcBlock,
    ArcLine,
    ArcSpan,
    Wait,
    begins_with_arc_record,
    is_version_block,
)
from presswatch_spark.formats.warc.blocks import InflatedBlock, PieceReader
from presswatch_spark.formats.warc.pages import PageBatches, Stored
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

_VERSION = re.compile(rb"[0-9] [0-9]")
_READABLE = (records.WHOLE, records.WRONG_LENGTH)


def read_arc_records(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[Stored]:
    """Yield the records of `stream` but version blocks: of all of `shard`, or a part that begins with one.

    Every loss is noted in `report`. If a line lies about the length, what is there is read, and no more than
    the line declares; that is a defect. A record that the end of the file cuts is not read, as in WARC, and
    neither is what a damaged gzip member held last. `CorruptError` if there is no ARC record.
    """
    yield from _ArcReading(shard, options, report, begins_with_arc_record).read(stream)


class _ArcReading(PieceReader[Stored]):
    kind, head_bytes = "ARC", MAX_LINE_BYTES
    name, remedy = "ARC", "get the file again"
    _seeking = False
    _sought = False

    def ready(self, *, final: bool) -> Iterator[Stored]:
        block = self.blocks.block(final=final)
        reach = max(0, self.room - block.base)
        arc = ArcBlock(block, self.options.max_document_bytes, reach, final=final)
        step, at, beyond = self._step(arc, 0), 0, 0
        while isinstance(step, ArcSpan):
            self._note(block, step)
            if step.line and step.status in _READABLE and not step.line.url.startswith(VERSION_BLOCK):
                yield _stored(block, step, step.line)
            self._seeking, self._sought, at, beyond = step.lost, step.sought, step.end, step.beyond
            step = self._step(arc, at)
        self.blocks.drop(step.done, beyond)
        self.needed = max(self.options.batch_bytes, step.needed - step.done)

    def _step(self, arc: ArcBlock, at: int) -> ArcSpan | Wait:
        if self._seeking:
            found = arc.next_start(at)
            if found is None:
                return Wait(arc.size if arc.final else max(at, arc.size - MAX_LINE_BYTES), 0)
            self._seeking, self._sought, at = False, True, found
        return arc.record(at, sought=self._sought)

    def _note(self, block: InflatedBlock, span: ArcSpan) -> None:
        """Report what was not read; a version block of two lines loses nothing by a wrong length."""
        what = _complaint(span)
        line = span.line
        if line and span.status == records.WRONG_LENGTH and line.url.startswith(VERSION_BLOCK):
            what = None if is_version_block(block.data.data, line.end, span.end) else what
        if line and span.status == records.WHOLE and line.url.startswith(VERSION_BLOCK):
            holds_version = _VERSION.match(block.data.data, line.end, span.end)
            what = None if holds_version else "version block holds no version, and may have been a page"
        if what:
            offset, unit = block.place(span.start)
            self.report.add_defect(what, offset, unit)


def _complaint(span: ArcSpan) -> str | None:
    """Return what is wrong with a record; None if nothing, or if its gzip member's defect says so."""
    length = span.line.length if span.line else None
    declares = "has no readable length" if length is None else f"declares {length:,} bytes"
    read = "what it declares" if span.there > span.text_end else "what is there"
    return {
        records.WRONG_LENGTH: f"ARC record {declares} and has {span.text_bytes:,}; {read} was read",
        records.CUT: f"ARC record is cut: it {declares} and has {span.text_bytes:,}; it was not read",
        records.NOT_A_RECORD: "bytes that are no ARC record; reading resumed at the next one",
        records.TOO_LONG: f"ARC record is longer than allowed, not read; it {declares}",
    }.get(span.status)


def _stored(block: InflatedBlock, span: ArcSpan, line: ArcLine) -> Stored:
    offset, length, encoding = block.stored_at(span.start, span.end)
    locator = Locator(
        record_offset=offset,
        record_length=length,
        record_encoding=encoding,
        captured_at=line.captured_at,
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
    yield from PageBatches(options, report).of(read_arc_records(stream, shard, options, report))


ARC = Format(
    name="arc",
    title="ARC",
    summary="ARC files of the crawls of 2008 to 2012",
    read=whole(read_part),
    read_part=read_part,
    begins=begins_with_arc_record,
    recognises=lambda head: head.kind == "ARC",
    kinds=frozenset({"ARC"}) | ANYTHING,
    suffixes=dict.fromkeys((".arc", ".arc.gz"), frozenset({"text", "unknown"})),
    rates={"": "warc"},
    specimen=specimens.arc,
    # What it needs beyond the rehearsal of WARC is no kernel.
    is_rehearsed=False,
    responses=True,
)

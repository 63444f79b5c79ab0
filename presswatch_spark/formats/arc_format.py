"""ARC: the pages of the crawls of 2008 to 2012, as the crawler got them."""

from __future__ import annotations

from collections.abc import Iterator

from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc.arc import ArcRecord, read_arc_records
from presswatch_spark.formats.warc.arc_lines import begins_with_arc_record
from presswatch_spark.formats.warc.pages import PageBatches, Stored
from presswatch_spark.formats.warc.shard_records import RecordShards
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

_HTTP = ("http:", "https:")


class ArcSource(RecordShards):
    """Reads ARC shards."""

    name = "arc"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether an ARC record begins the shard."""
        return begins_with_arc_record(head)

    def read_part(
        self, stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
    ) -> Iterator[DocumentBatch]:
        """Yield the pages of `stream`, a part of `shard` that begins with a record."""
        records = read_arc_records(stream, shard, options, report)
        yield from PageBatches(options, report).of(map(_stored, records))


def _stored(record: ArcRecord) -> Stored:
    locator = Locator(
        record_offset=record.record_offset,
        record_length=record.record_length,
        record_encoding=record.record_encoding,
        captured_at=record.captured_at,
        damage=record.damage,
    )
    unit = "inflated byte" if record.record_encoding == "inflated" else "byte"
    http = record.url.lower().startswith(_HTTP)
    return Stored(
        url=record.url.encode(),
        block=record.block,
        pointer=lambda: locator,
        place=lambda: (record.record_offset, unit),
        resource=None if http else record.media_type or "",
        verified=lambda: record.record_encoding == "gzip",
        noted=record.media_type if http else None,
    )

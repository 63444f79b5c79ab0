"""WET: the text that Common Crawl extracted, one WARC `conversion` record a page, a gzip member each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc.blocks import RecordLocators
from presswatch_spark.formats.warc.fields import first_content_type
from presswatch_spark.formats.warc.shard_records import (
    Format,
    Records,
    RecordShards,
    are_readable,
    note_defects,
    read_blocks,
)
from presswatch_spark.model import DocumentBatch, Offsets, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

_EXPECTED = warc.table_of(warc.CONVERSION, warc.GATED, warc.WARCINFO)


class WetSource(RecordShards):
    """Reads WET shards."""

    name = "wet"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether the first record after the warcinfo is a conversion."""
        return first_content_type(head) in ("conversion", "warcinfo")

    def read_part(
        self, stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
    ) -> Iterator[DocumentBatch]:
        """Yield the conversion records of `stream`, a part of `shard` that begins with a record."""

        def refused(kinds: Offsets) -> str | None:
            pages = report.documents == 0 and warc.RESPONSE in kinds and warc.CONVERSION not in kinds
            return "holds WARC `response` records" if pages else None

        format = Format("WET", warc.gate_of(options.languages), refused)
        for found in read_blocks(stream, shard, options, report, format):
            _note_strange(found, report)
            if len(batch := _batch(found, report)):
                yield batch


def _note_strange(found: Records, report: ReadReport) -> None:
    """WET holds warcinfo and conversions only: another type is another format, or a damaged header."""
    strange = ~_EXPECTED[found.rows[:, warc.KIND]]
    if strange.any():
        rows = found.rows[strange & are_readable(found.rows)]
        note_defects(found.block, rows, report, lambda row: "record is no conversion and was not read")


def _batch(found: Records, report: ReadReport) -> DocumentBatch:
    """Make the batch of the readable conversions that passed the gate and have text."""
    block, rows = found.block, found.rows
    kind, readable = rows[:, warc.KIND], are_readable(rows)
    has_text = rows[:, warc.BODY_END] > rows[:, warc.BODY]
    gated = readable & (kind == warc.GATED)
    empty = readable & (kind == warc.CONVERSION) & ~has_text
    report.add_skipped("language", int(np.count_nonzero(gated)))
    report.add_skipped("no text", int(np.count_nonzero(empty)))
    rows = rows[readable & (kind == warc.CONVERSION) & has_text]
    starts, ends = rows[:, warc.BODY].copy(), rows[:, warc.BODY_END].copy()
    report.documents += len(rows)
    report.text_bytes += int((ends - starts).sum())
    return DocumentBatch(
        text=block.data,
        text_starts=starts,
        text_ends=ends,
        urls=block.data,
        url_starts=rows[:, warc.URI].copy(),
        url_ends=rows[:, warc.URI_END].copy(),
        locate=RecordLocators(block, rows, found.release).locate,
    )

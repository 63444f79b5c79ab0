"""WET: the text that Common Crawl extracted, one WARC `conversion` record a page, one gzip member a record.

Also read: files that are not compressed, one single member around all records, several records in a member, a
record over several members. The warcinfo record names the release (`isPartOf`), and with it its errata.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from presswatch_spark.errors import CorruptError
from presswatch_spark.inflate.inflated import compression_of, inflated_window
from presswatch_spark.inflate.members import Piece, gzip_pieces
from presswatch_spark.inflate.window import Stream, Window
from presswatch_spark.sources.base import DocumentBatch, Offsets, ReadOptions, ReadReport
from presswatch_spark.sources.warc import headers as warc
from presswatch_spark.sources.warc import records as records
from presswatch_spark.sources.warc.blocks import Block, BlockBuilder, WetLocators
from presswatch_spark.sources.warc.errata import length_note, length_slack
from presswatch_spark.sources.warc.fields import (
    begins_with_record,
    complaint,
    first_content_type,
    release_of,
)
from presswatch_spark.storage.objects import ObjectInfo, open_stream

RECORDS_AT_ONCE = 1 << 14
# How many bytes one stored byte can stand for (RFC 1951: 258 for two bits; RFC 8878: 128 KiB for four bytes).
MOST_INFLATED = {"plain": 1, "gzip": 1032, "zstd": 32 << 10}
UNKNOWN_BYTES = 1 << 45
READABLE = (records.WHOLE, records.WRONG_LENGTH, records.ERRATUM)


class WetSource:
    """Reads WET shards."""

    name = "wet"

    def recognises(self, uri: str, head: bytes) -> bool:
        """Whether the first record after the warcinfo is a conversion."""
        return first_content_type(head) in ("conversion", "warcinfo")

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the conversion records; see `Source.read`."""
        with open_stream(shard, options.storage) as stream:
            yield from read_records(stream, shard, options, report)


def read_records(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the conversion records of `stream`: all of `shard`, or a part that begins with a record."""
    window = Window(stream, report)
    if window.refill(0) is None:
        report.add_defect("the shard is empty", 0)
        return
    compression = compression_of(bytes(window.view[:4]))
    if compression == "plain" and not begins_with_record(bytes(window.view[:64])):
        compression = "gzip"
    reading = _Reading(shard, options, report, compression, window.base)
    for piece in _pieces(window, report, compression):
        if reading.take(piece):
            yield from reading.batches(final=False)
    yield from reading.finish()


def _pieces(window: Window, report: ReadReport, compression: str) -> Iterator[Piece]:
    if compression == "gzip":
        return gzip_pieces(window, report, begins_with_record)
    return (Piece(0, 0, data, False, False) for data in inflated_window(window, report))


class _Reading:
    """One shard being read: pieces come in, batches go out."""

    def __init__(
        self, shard: ObjectInfo, options: ReadOptions, report: ReadReport, compression: str, start: int
    ) -> None:
        self._shard = shard
        self._options = options
        self._report = report
        self._blocks = BlockBuilder(compression, start if compression == "plain" else 0)
        self._gate = warc.gate_of(options.languages)
        self._needed = options.batch_bytes
        self._seeking = False
        self._begun = False
        self._empty = True
        self._release: str | None = None
        self._slack = length_slack(options.release)
        self._room = MOST_INFLATED[compression] * (shard.size or UNKNOWN_BYTES)
        self._table = np.empty((RECORDS_AT_ONCE, warc.COLUMNS), np.int64)

    def take(self, piece: Piece) -> bool:
        """Add a piece; say whether there are enough bytes for a batch."""
        if not self._begun:
            self._begin(piece)
        self._blocks.add(piece)
        return self._blocks.size >= self._needed

    def _begin(self, piece: Piece) -> None:
        self._empty &= piece.closes and not piece.data
        self._begun = bool(piece.data)
        if self._begun and not begins_with_record(piece.data):
            raise self._not_wet("does not hold WARC records")

    def finish(self) -> Iterator[DocumentBatch]:
        """Yield what is left."""
        if self._empty and not self._report.defects_total:
            self._report.add_defect("the shard is empty", 0)
            return
        if not self._begun:
            raise self._not_wet("holds nothing that can be read as WARC records")
        yield from self.batches(final=True)

    def batches(self, *, final: bool) -> Iterator[DocumentBatch]:
        """Yield what can be made of the pieces so far; `final`: of all."""
        full = True
        while full:
            block = self._blocks.block(final=final)
            found, done, beyond, needed, seeking = records.find_records(
                block.data, block.runs, block.states, self._gate, self._options.max_document_bytes,
                max(0, self._room - block.base), final, block.encoding != "gzip", self._seeking, self._slack,
                self._table,
            )  # fmt: skip
            rows = self._table[:found].copy()
            if self._learns_of_errata(block, rows):
                continue
            self._seeking = seeking
            self._note(block, rows)
            if len(batch := self._batch(block, rows)):
                yield batch
            self._blocks.drop(done)
            self._blocks.pass_over(beyond)
            self._needed = max(self._options.batch_bytes, needed - done)
            full = found == len(self._table)

    def _learns_of_errata(self, block: Block, rows: Offsets) -> bool:
        """Take the release from its warcinfo; say whether lengths have to be judged anew for it."""
        for row in rows[rows[:, warc.KIND] == warc.WARCINFO]:
            self._release = release_of(block.bytes_of(row)) or self._release
            self._report.release = self._release
        before, self._slack = self._slack, length_slack(self._release or self._options.release)
        return self._slack != before

    def _note(self, block: Block, rows: Offsets) -> None:
        """Report what was not read, and refuse a file that is no WET."""
        kinds, status = rows[:, warc.KIND], rows[:, warc.STATUS]
        if self._report.documents == 0 and warc.RESPONSE in kinds and warc.CONVERSION not in kinds:
            raise self._not_wet("holds WARC `response` records")
        if records.ERRATUM in status:
            self._report.add_note(length_note(self._release or self._options.release))
        for row in rows[status != records.WHOLE]:
            if what := complaint(row):
                offset, unit = block.place(int(row[warc.START]))
                self._report.add_defect(what, offset, unit)
        # WET holds warcinfo and conversions only: another type is another format, or a damaged header.
        strange = (kinds == warc.OTHER) | (kinds == warc.RESPONSE)
        for row in rows[strange & ((status == records.WHOLE) | (status == records.ERRATUM))]:
            offset, unit = block.place(int(row[warc.START]))
            self._report.add_defect("record is no conversion and was not read", offset, unit)

    def _batch(self, block: Block, rows: Offsets) -> DocumentBatch:
        """Make the batch of the readable conversions that passed the gate and have text."""
        kind, status = rows[:, warc.KIND], rows[:, warc.STATUS]
        readable = np.isin(status, READABLE)
        has_text = rows[:, warc.BODY_END] > rows[:, warc.BODY]
        chosen = readable & (kind == warc.CONVERSION) & has_text
        gated = readable & ((kind == warc.GATED) | ((kind == warc.CONVERSION) & ~has_text))
        self._report.documents_skipped += int(np.count_nonzero(gated))
        rows = rows[chosen]
        starts, ends = rows[:, warc.BODY].copy(), rows[:, warc.BODY_END].copy()
        self._report.documents += len(rows)
        self._report.text_bytes += int((ends - starts).sum())
        return DocumentBatch(
            text=block.data,
            text_starts=starts,
            text_ends=ends,
            urls=block.data,
            url_starts=rows[:, warc.URI].copy(),
            url_ends=rows[:, warc.URI_END].copy(),
            locate=WetLocators(block, rows, self._release).locate,
        )

    def _not_wet(self, what: str) -> CorruptError:
        return CorruptError(
            f"the shard {what}, so it is not WET",
            where=self._shard.uri,
            remedy="give the WET file of the same crawl, or choose another --format",
        )

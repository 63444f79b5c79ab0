"""WARC records of a shard, in order, whatever their kinds; what WET and WARC have in common.

Also read: files that are not compressed, one single member around all records, several records in a member, a
record over several members. The warcinfo record names the release (`isPartOf`), and with it its errata.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from presswatch_spark.errors import CorruptError
from presswatch_spark.inflate.inflated import compression_of, inflated_window
from presswatch_spark.inflate.members import Piece, gzip_pieces
from presswatch_spark.inflate.window import Window
from presswatch_spark.sources.base import DocumentBatch, Offsets, ReadOptions, ReadReport
from presswatch_spark.sources.warc import headers as warc
from presswatch_spark.sources.warc import records as records
from presswatch_spark.sources.warc.blocks import Block, BlockBuilder
from presswatch_spark.sources.warc.errata import length_note, length_slack
from presswatch_spark.sources.warc.fields import begins_with_record, complaint, release_of
from presswatch_spark.storage.objects import ObjectInfo, Stream, open_stream

RECORDS_AT_ONCE = 1 << 14
# How many bytes one stored byte can stand for (RFC 1951: 258 for two bits; RFC 8878: 128 KiB for four bytes).
MOST_INFLATED = {"plain": 1, "gzip": 1032, "zstd": 32 << 10}
UNKNOWN_BYTES = 1 << 45
READABLE = (records.WHOLE, records.WRONG_LENGTH, records.ERRATUM)


class RecordShards(ABC):
    """What formats made of records share: a shard is read as any part of it that begins with a record."""

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the documents of a shard; see `Source.read`."""
        with open_stream(shard, options.storage) as stream:
            yield from self.read_part(stream, shard, options, report)

    @abstractmethod
    def read_part(
        self, stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
    ) -> Iterator[DocumentBatch]:
        """Yield the documents of `stream`; see `RecordSource.read_part`."""


class Format(NamedTuple):
    """What is asked of the records: of which format they are to be, and what decides that they are not.

    `name`: as messages say it. `gate`: see `gate_of`. `refused(kinds)`: what the shard holds that shows that
    it is no such shard, None if nothing does; asked of every block of records (int64 (k,)) in turn.
    """

    name: str
    gate: warc.Gate
    refused: Callable[[Offsets], str | None]


class Records(NamedTuple):
    """Some records of a shard: `rows` int64 (k, COLUMNS), see `headers`, in `block`; their release."""

    block: Block
    rows: Offsets
    release: str | None


def read_blocks(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport, format: Format
) -> Iterator[Records]:
    """Yield the records of `stream`: all of `shard`, or a part that begins with a record.

    Every loss is noted in `report`. Raises `CorruptError` if the shard is of another format.
    """
    window = Window(stream, report)
    if window.refill(0) is None:
        report.add_defect("the shard is empty", 0)
        return
    compression = compression_of(bytes(window.view[:4]))
    if compression == "plain" and not begins_with_record(bytes(window.view[:64])):
        compression = "gzip"
    reading = _Reading(shard, options, report, format, compression, window.base)
    for piece in _pieces(window, report, compression):
        if reading.take(piece):
            yield from reading.found(final=False)
    yield from reading.finish()


def _pieces(window: Window, report: ReadReport, compression: str) -> Iterator[Piece]:
    if compression == "gzip":
        return gzip_pieces(window, report, begins_with_record)
    return (Piece(0, 0, data, False, False) for data in inflated_window(window, report))


class _Reading:
    """One shard being read: pieces come in, records go out."""

    def __init__(
        self,
        shard: ObjectInfo,
        options: ReadOptions,
        report: ReadReport,
        format: Format,
        compression: str,
        start: int,
    ) -> None:
        self._shard = shard
        self._options = options
        self._report = report
        self._format = format
        self._blocks = BlockBuilder(compression, start if compression == "plain" else 0)
        self._needed = options.batch_bytes
        self._seeking = False
        self._begun = False
        self._empty = True
        self._release: str | None = None
        self._slack = length_slack(options.release)
        self._room = MOST_INFLATED[compression] * (shard.size or UNKNOWN_BYTES)
        self._table = np.empty((RECORDS_AT_ONCE, warc.COLUMNS), np.int64)

    def take(self, piece: Piece) -> bool:
        """Add a piece; say whether there are enough bytes for a block."""
        if not self._begun:
            self._begin(piece)
        self._blocks.add(piece)
        return self._blocks.size >= self._needed

    def _begin(self, piece: Piece) -> None:
        self._empty &= piece.closes and not piece.data
        self._begun = bool(piece.data)
        if self._begun and not begins_with_record(piece.data):
            raise self._refusal("does not hold WARC records")

    def finish(self) -> Iterator[Records]:
        """Yield what is left."""
        if self._empty and not self._report.defects_total:
            self._report.add_defect("the shard is empty", 0)
            return
        if not self._begun:
            raise self._refusal("holds nothing that can be read as WARC records")
        yield from self.found(final=True)

    def found(self, *, final: bool) -> Iterator[Records]:
        """Yield the records of the pieces so far; `final`: of all."""
        full = True
        while full:
            block = self._blocks.block(final=final)
            found, done, beyond, needed, seeking = records.find_records(
                block.data, block.runs, block.states, self._format.gate, self._options.max_document_bytes,
                max(0, self._room - block.base), final, block.encoding != "gzip", self._seeking, self._slack,
                self._table,
            )  # fmt: skip
            rows = self._table[:found].copy()
            if self._learns_of_errata(block, rows):
                continue
            self._seeking = seeking
            self._note(block, rows)
            yield Records(block, rows, self._release)
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
        """Report what was not read, and refuse a file of another format."""
        if what := self._format.refused(rows[:, warc.KIND]):
            raise self._refusal(what)
        status = rows[:, warc.STATUS]
        if records.ERRATUM in status:
            self._report.add_note(length_note(self._release or self._options.release))
        for row in rows[status != records.WHOLE]:
            if what := complaint(row):
                offset, unit = block.place(int(row[warc.START]))
                self._report.add_defect(what, offset, unit)

    def _refusal(self, what: str) -> CorruptError:
        name = self._format.name
        return CorruptError(
            f"the shard {what}, so it is not {name}",
            where=self._shard.uri,
            remedy=f"give the {name} file of the same crawl, or choose another --format",
        )

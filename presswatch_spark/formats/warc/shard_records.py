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
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records as records
from presswatch_spark.formats.warc.blocks import Block
from presswatch_spark.formats.warc.errata import length_note, length_slack
from presswatch_spark.formats.warc.evidence import block_is_declared, body_is_declared
from presswatch_spark.formats.warc.fields import (
    begins_with_record,
    complaint,
    contradictions,
    header_fields,
    release_of,
)
from presswatch_spark.formats.warc.pieces import PieceReader
from presswatch_spark.model import DocumentBatch, Offsets, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream

WARC_FIELDS = "application/warc-fields"
RECORDS_AT_ONCE = 1 << 14
_READABLE = warc.table_of(records.WHOLE, records.WRONG_LENGTH, records.ERRATUM, records.UNCLOSED)
_WHOLE = warc.table_of(records.WHOLE, records.ERRATUM)
_UNHARMED = warc.table_of(warc.SOUND, warc.SOUGHT)
_UNSETTLED = warc.table_of(warc.INSIDE, warc.TWICE)
# Without these it is not known what a record is, how long, and whose.
_DECISIVE = frozenset(("warc-type", "content-length", "warc-target-uri"))


class RecordShards(ABC):
    """What formats made of records share: a shard is read as any part of it that begins with a record."""

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the documents of a shard; see `Source.read`."""
        with options.open(shard) as stream:
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


def are_readable(rows: Offsets) -> warc.Which:
    """Which of some records, int64 (k, COLUMNS), have a text that is read: bool (k,)."""
    return _READABLE[rows[:, warc.STATUS]]


def read_blocks(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport, format: Format
) -> Iterator[Records]:
    """Yield the records of `stream`: all of `shard`, or a part that begins with a record.

    Every loss is noted in `report`. Raises `CorruptError` if the shard is of another format.
    """
    yield from _Reading(shard, options, report, format).read(stream)


class _Reading(PieceReader[Records]):
    kind, head_bytes = "WARC", 64

    def __init__(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport, format: Format) -> None:
        super().__init__(shard, options, report, begins_with_record)
        self._format = format
        self._sought = records.EXPECTED
        self._release: str | None = None
        self._slack = length_slack(options.release)
        self._table = np.empty((RECORDS_AT_ONCE + 1, warc.COLUMNS), np.int64)

    def found(self, *, final: bool) -> Iterator[Records]:
        """Yield the records of the pieces so far; `final`: of all."""
        full = True
        while full:
            block = self.blocks.block(final=final)
            found, done, beyond, needed, sought = records.find_records(
                block.data, block.runs, block.states, self._format.gate, self.options.max_document_bytes,
                max(0, self.room - block.base), final, block.encoding != "gzip", self._sought, self._slack,
                self._table,
            )  # fmt: skip
            rows = self._table[:found].copy()
            for k in np.flatnonzero(_UNSETTLED[rows[:, warc.DAMAGE]]).tolist():
                _settle(block, rows[k])
            parts = self._by_release(block, rows)
            release = parts[-1].release
            if self._learns_of_errata(release):
                continue
            self._release, self._sought = release, sought
            self.report.release = release or self.report.release
            self._note(block, rows)
            yield from parts
            self.blocks.drop(done)
            self.blocks.pass_over(beyond)
            self.needed = max(self.options.batch_bytes, needed - done)
            full = found == RECORDS_AT_ONCE

    def _by_release(self, block: Block, rows: Offsets) -> list[Records]:
        """Records with the release that the last warcinfo before them names: files may have been joined."""
        named = [(0, self._release)]
        for k in np.flatnonzero(rows[:, warc.KIND] == warc.WARCINFO).tolist():
            if not _is_info(block, rows[k]):
                rows[k, warc.DAMAGE] = warc.HEADER
                continue
            release = release_of(block.bytes_of(rows[k]))
            if release and release != named[-1][1]:
                named = [*named, (k, release)] if k else [(0, release)]
        ends = [*(first for first, _ in named[1:]), len(rows)]
        return [
            Records(block, rows[first:end], release)
            for (first, release), end in zip(named, ends, strict=True)
        ]

    def _learns_of_errata(self, release: str | None) -> bool:
        """Whether lengths have to be judged anew for a release."""
        before, self._slack = self._slack, length_slack(release or self.options.release)
        return self._slack != before

    def _note(self, block: Block, rows: Offsets) -> None:
        """Report what was not read, and refuse a file of another format."""
        if what := self._format.refused(rows[:, warc.KIND]):
            raise self.refusal(what)
        status, damage = rows[:, warc.STATUS], rows[:, warc.DAMAGE]
        if records.ERRATUM in status:
            self.report.add_note(length_note(self._release or self.options.release))
        sound = _WHOLE[status] & _UNHARMED[damage]
        if not sound.all():
            # Of a broken one its gzip member's defect says so.
            note_defects(block, rows[~sound & (status != records.BROKEN)], self.report, complaint)

    def refusal(self, what: str) -> CorruptError:
        name = self._format.name
        return CorruptError(
            f"the shard {what}, so it is not {name}",
            where=self.shard.uri,
            remedy=f"give the {name} file of the same crawl, or choose another --format",
        )


def _is_info(block: Block, row: Offsets) -> bool:
    """Whether a warcinfo holds what one does; what damage made one of may be a page, but in a gzip member."""
    fields = header_fields(block.data[row[warc.START] : row[warc.BODY]].tobytes())
    of_fields = fields.get("content-type", WARC_FIELDS).startswith(WARC_FIELDS)
    return of_fields or block.is_member(int(row[warc.START]), int(row[warc.END]))


def note_defects(block: Block, rows: Offsets, report: ReadReport, what: Callable[[Offsets], str]) -> None:
    """Report a defect of each of `rows`; nothing is made of those beyond what a report keeps."""
    kept = report.room
    for row in rows[:kept]:
        offset, unit = block.place(int(row[warc.START]))
        report.add_defect(what(row), offset, unit)
    report.add_defects(len(rows[kept:]))


def _settle(block: Block, row: Offsets) -> None:
    """Decide what the kernel could not."""
    if row[warc.DAMAGE] == warc.TWICE:
        _settle_twice(block, row)
    else:
        _settle_inside(block, row)


def _settle_twice(block: Block, row: Offsets) -> None:
    """Decide whether a header that says something twice is as it was written.

    So it is where the checksum of a gzip member holds. Then the URL is known, unless what decides is said in
    two ways: nobody knows which of them counts.
    """
    header = block.data[row[warc.START] : row[warc.BODY]].tobytes()
    as_written = block.is_member(int(row[warc.START]), int(row[warc.END]))
    if as_written and _DECISIVE.isdisjoint(contradictions(header)):
        row[warc.DAMAGE] = warc.SOUND
    else:
        row[warc.DAMAGE], row[warc.URI], row[warc.URI_END] = warc.HEADER, 0, 0


def _settle_inside(block: Block, row: Offsets) -> None:
    """Decide what a record is that ends where whole records end that stand in it.

    A page may show records; or a wrong length takes in those that follow. Where neither its digest nor the
    length of its HTTP body proves the first, its text ends where they begin, and they are nobody's.
    """
    stored = block.data[row[warc.BODY] : row[warc.BODY_END]].data
    proven = block_is_declared(header_fields(block.data[row[warc.START] : row[warc.BODY]].tobytes()), stored)
    if proven is None and row[warc.KIND] == warc.RESPONSE:
        proven = body_is_declared(stored)
    if proven:
        row[warc.DAMAGE], row[warc.THERE] = warc.SOUND, 0
    else:
        row[warc.DAMAGE], row[warc.BODY_END], row[warc.THERE] = warc.LENGTH, row[warc.THERE], 0

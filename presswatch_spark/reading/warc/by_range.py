"""Reads some records of WARC, WET or ARC by range, and gives the same rows as a scan of the whole file.

In WARC, the record after a response names its languages, and the first record of the file its release: both
are read, too. A range that contains another record than the wanted one is a defect.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.times import in_same_second, record_time
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.inflate import GZIP_MAGIC, Member, first_member
from presswatch_spark.reading.source import RangeStream, ReadOptions
from presswatch_spark.reading.warc.blocks import (
    HEADER_END,
    block_bounds,
    header_fields,
    is_other_digest,
    release_of,
)
from presswatch_spark.reading.warc.records import MAX_HEADER_BYTES
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.storage.objects import ObjectInfo, read_range
from presswatch_spark.storage.shards import ShardPlan

NEAR_BYTES = 2 << 10
"""Ranges with at most so many bytes between them are read by one request."""
GROUP_BYTES = 32 << 20
"""The most bytes of a request, except for a longer record."""
TAIL_BYTES, LONGEST_TAIL = 640, 64 << 10
"""Bytes read after a record, for the metadata that name its languages: Common Crawl's take about 480."""
HEAD_BYTES = 1 << 10
"""Bytes read at the beginning of a file, for its warcinfo: Common Crawl's take about 520."""
_AROUND = (None, "metadata", "request")


class WantedRecord(NamedTuple):
    """A record to be read: its range, and the facts that it must agree with.

    `offset`: None if its place is unknown, for the reason `why`. `url`, `captured_at`: None if unknown.
    `row`: SHA-256 of the row that needs it; "" for a candidate. `digest`: of its payload, None if unknown.
    """

    offset: int | None
    length: int
    url: str | None
    captured_at: datetime | None
    row: str
    digest: str | None = None
    why: str = ""

    def defect(self, what: str) -> str:
        """Return a finding, with the row that needs the record."""
        return f"row {self.row}: {what}" if self.row else what


@dataclass(frozen=True, slots=True)
class RecordShard(ObjectInfo):
    """Some records of a file of a `format`. `size`: the bytes of these records together."""

    records: tuple[WantedRecord, ...] = ()
    format: str = WARC.name

    @property
    def placed(self) -> list[WantedRecord]:
        """Return the records with a known place, in order."""
        known = (record for record in self.records if record.offset is not None)
        return sorted(known, key=lambda record: record.offset or 0)


class RecordPlan(ShardPlan):
    """WARC files with the records that are to be read of each; every shard is a `RecordShard`."""

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) over the files and their records."""
        digest = hashlib.sha256()
        for shard in self.shards:
            records = shard.records if isinstance(shard, RecordShard) else ()
            digest.update(json.dumps([shard.uri, records], default=str).encode() + b"\n")
        return digest.hexdigest()

    @property
    def records(self) -> int:
        """Return the number of records of all files."""
        return sum(len(shard.records) for shard in self.shards if isinstance(shard, RecordShard))

    @property
    def facts(self) -> Mapping[str, object]:
        """Return the columns of `runs` that a run of this plan has."""
        return {"records_planned": self.records}


def read_records(shard: RecordShard, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the pages of the records with a known place, each once; records other than wanted are defects.

    `options.release` must be that of the file (see `release_at`). `StorageError`: the file is not accessible.
    """
    spent, read = report.bytes_read, set[int | None]()
    format = known_formats.named(shard.format)
    longest = options.max_document_bytes + 2 * MAX_HEADER_BYTES
    readable = list[WantedRecord]()
    for record in shard.placed:
        if record.length > longest:
            wrong = f"its place has {record.length:,} bytes, which is longer than allowed"
        elif record.length < 0 or (record.offset or 0) < 0:
            wrong = "its place has a negative offset or length"
        else:
            readable.append(record)
            continue
        report.add_defect(record.defect(wrong), record.offset)
    for group in near(readable):
        first = group[0].offset or 0
        end = max((record.offset or 0) + record.length for record in group) + TAIL_BYTES
        data = read_range(shard.uri, first, end - first, options.storage)
        spent += len(data)
        for record in group:
            part = _RecordPart(data, first, record, shard, options)
            spent += part.complete() if format.facts_elsewhere else 0
            report.bytes_read = spent
            if why := part.difference():
                report.add_defect(record.defect(why), record.offset)
                continue
            if record.offset in read:
                continue
            read.add(record.offset)
            if format.read_part:
                yield from format.read_part(part.stream(), replace(shard, size=part.end), options, report)
            report.bytes_read = spent


def release_at(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> str | None:
    """Return the release that the first record of a file names; None if it names none."""
    data, size = b"", HEAD_BYTES
    while True:
        more = read_range(shard.uri, len(data), size - len(data), options.storage)
        data += more
        report.bytes_read += len(more)
        info = _first_record(data) or Member(b"", 0)
        header = HEADER_END.search(info.data)
        is_other = header and header_fields(info.data).get("warc-type") != "warcinfo"
        if is_other or info.end is not None or len(data) < size or size >= LONGEST_TAIL:
            break
        size *= 4
    report.release = release_of(info.data[header.end() :]) if header and not is_other else None
    return report.release


def near(records: Sequence[WantedRecord]) -> Iterator[list[WantedRecord]]:
    """Yield records, sorted by offset, in groups that one request reads."""
    group, begin, end = list[WantedRecord](), 0, 0
    for record in records:
        first = record.offset or 0
        if group and (first > end + NEAR_BYTES or first + record.length - begin > GROUP_BYTES):
            yield group
            group = []
        begin = begin if group else first
        end = max(end, first + record.length)
        group.append(record)
    if group:
        yield group


def _first_record(data: bytes) -> Member | None:
    """Return the small record that begins some bytes, inflated; None if it is damaged, or no record."""
    if data.startswith(GZIP_MAGIC):
        return first_member(data, LONGEST_TAIL)
    start = len(data) - len(data.lstrip(b"\r\n"))
    bounds = block_bounds(data, start)
    if bounds is None:
        return Member(data[start:], None)
    end = bounds[1]
    closing = data[end : end + 4]
    after = end + len(closing) - len(closing.lstrip(b"\r\n"))
    return Member(data[start:end], after if len(closing) == 4 else None)


class _RecordPart:
    """A record and the one after it, cut from the bytes of a request, which begin at `first` in the file."""

    def __init__(
        self, data: bytes, first: int, record: WantedRecord, shard: ObjectInfo, options: ReadOptions
    ) -> None:
        self._start = record.offset or 0
        self._record, self._shard, self._options = record, shard, options
        self._data = data[self._start - first : self._start - first + record.length + LONGEST_TAIL]
        self.end = self._start + record.length

    def complete(self) -> int:
        """Add the metadata after the record; return the number of bytes that were read for that."""
        more, behind = 0, self._record.length
        while True:
            tail = self._data[behind:]
            member = _first_record(tail) or Member(b"", None)
            kind, is_whole = header_fields(member.data).get("warc-type"), member.end is not None
            after = behind + (member.end or 0)
            if is_whole and kind == "metadata":
                self.end = self._start + after
            # Some writers put the request before the metadata.
            is_request = is_whole and kind == "request" and after < self._record.length + LONGEST_TAIL
            if is_request:
                behind = after
                if len(self._data) - behind >= TAIL_BYTES:
                    continue
            elif is_whole or not member.data or kind not in _AROUND or len(tail) >= LONGEST_TAIL:
                return more
            at, size = self._start + len(self._data), TAIL_BYTES if is_request else len(tail)
            data = read_range(self._shard.uri, at, size, self._options.storage)
            more += len(data)
            self._data += data
            if not data:
                return more

    def difference(self) -> str | None:
        """Return the reason why the record is not the wanted one; None if it is."""
        stored, wanted = self._data[: self._record.length], self._record
        if not stored:
            return "the file ends before its record"
        if len(stored) < wanted.length:
            return "the file ends within its record"
        if wanted.url is None and not stored.startswith(GZIP_MAGIC):
            return None
        if not stored.startswith(GZIP_MAGIC):
            return "no gzip member begins where its record should"
        member = first_member(stored, self._options.max_document_bytes + MAX_HEADER_BYTES)
        if member is None:
            return "its record is damaged"
        if member.end != len(stored):
            return "its record is not one whole gzip member, or is longer than allowed"
        if wanted.url is None:
            return None
        fields = header_fields(member.data)
        if fields.get("warc-target-uri", "").removeprefix("<").removesuffix(">") != wanted.url:
            return "the record there is of another URL"
        at = record_time(fields.get("warc-date"))
        if wanted.captured_at is not None and not in_same_second(at, wanted.captured_at):
            return "the record there was captured at another time"
        declared = fields.get("warc-payload-digest")
        if wanted.digest and declared and is_other_digest(declared, wanted.digest):
            return "the record there declares another digest"
        return None

    def stream(self) -> RangeStream:
        """Return the record and its metadata as a stream."""
        return RangeStream(self._data[: self.end - self._start], self._start)

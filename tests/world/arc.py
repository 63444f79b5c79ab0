"""Helpers of the tests that read ARC: files made by hand, in every packing, and their records as read."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.arc import ArcReading, begins_with_arc_record
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.pages import Stored
from presswatch_spark.storage.objects import StorageOptions, open_stream, stat

VERSION = (
    b"filedesc://essai.arc 0.0.0.0 20100129000000 text/plain 66\n1 0 Essai\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


@dataclass(frozen=True)
class ArcRecord:
    """A record as read: what its line says, and where it lies."""

    url: str
    media_type: str | None
    captured_at: datetime | None
    block: memoryview
    record_offset: int | None
    record_length: int | None
    record_encoding: str | None
    damage: str | None

    @staticmethod
    def of(stored: Stored) -> ArcRecord:
        at = stored.pointer()
        return ArcRecord(
            stored.url.decode(),
            stored.noted or stored.resource or None,
            at.captured_at,
            stored.block,
            at.record_offset,
            at.record_length,
            at.record_encoding,
            at.damage,
        )


def arc_record(
    block: bytes,
    url: str = "http://exemple.fr/",
    *,
    length: int | str | None = None,
    fields: str = "192.0.2.7 20100130112233 text/html",
    ending: bytes = b"\n",
) -> bytes:
    """A record, whose length may lie."""
    declared = len(block) if length is None else length
    return f"{url} {fields} {declared}\n".encode() + block + ending


def packed_arc(packing: str, records: list[bytes]) -> bytes:
    """Records, with a version block before them: `record` (a gzip member each), `single` (one), `plain`."""
    parts = [VERSION, *records]
    if packing == "record":
        return b"".join(gzip.compress(part, mtime=0) for part in parts)
    return gzip.compress(b"".join(parts), mtime=0) if packing == "single" else b"".join(parts)


def read_arc(path: Path, **options: object) -> tuple[list[ArcRecord], ReadReport]:
    report, shard = ReadReport(), stat(str(path), StorageOptions())
    chosen = ReadOptions(**options)  # type: ignore[arg-type]
    reading = ArcReading(shard, chosen, report, begins_with_arc_record)
    with open_stream(shard, StorageOptions()) as stream:
        return [ArcRecord.of(each) for each in reading.read(stream)], report


def read_arc_bytes(folder: Path, data: bytes, **options: object) -> tuple[list[ArcRecord], ReadReport]:
    path = folder / "some.arc.gz"
    path.write_bytes(data)
    return read_arc(path, **options)


def bodies(found: list[ArcRecord]) -> list[bytes]:
    return [bytes(record.block) for record in found]

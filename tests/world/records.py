"""Shards of records: WET, WARC or ARC in one packing, made of texts by hand and read back."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.arc import VERSION
from tests.world.shards import Document, read
from tests.world.warc import packed_as

PACKINGS = ("record", "single", "plain")
ENCODINGS = {"record": "gzip", "single": "inflated", "plain": "plain"}
_INFO = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 17\r\n\r\nsoftware: essai\r\n\r\n\r\n"
_HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
_KINDS = {"wet": "conversion", "warc": "response\r\nContent-Type: application/http; msgtype=response"}


@dataclass(frozen=True)
class RecordShard:
    """A shard of `format` (wet, warc, arc), packed as one of `PACKINGS`, whose records have a text each."""

    format: str
    packing: str
    path: Path

    @property
    def opening(self) -> bytes:
        """The record before all others: `warcinfo`, or the version block of ARC."""
        return VERSION if self.format == "arc" else _INFO

    def block(self, text: bytes) -> bytes:
        """The bytes that a record's length counts."""
        return text if self.format == "wet" else _HTTP + text

    def record(
        self, text: bytes, name: str = "seul", *, lie: int | str = 0, ending: bytes | None = None
    ) -> bytes:
        """A record of the page `name`, or of that URL. Its length is off by `lie`, or reads so."""
        block, url = self.block(text), name if "://" in name else f"https://exemple.fr/{name}"
        length = len(block) + lie if isinstance(lie, int) else lie
        if self.format == "arc":
            head, closing = f"{url} 192.0.2.7 20100130112233 text/plain {length}\n", b"\n"
        else:
            head = f"WARC/1.0\r\nWARC-Type: {_KINDS[self.format]}\r\nWARC-Target-URI: {url}\r\n"
            head, closing = f"{head}Content-Length: {length}\r\n\r\n", b"\r\n\r\n"
        return head.encode() + block + (closing if ending is None else ending)

    def packed(self, records: Sequence[bytes]) -> bytes:
        """The bytes of a file of these records."""
        return packed_as(self.packing, [self.opening, *records])

    def place(self, records: Sequence[bytes]) -> tuple[int, str]:
        """Where a defect of the record after these is reported: an offset, and its unit."""
        packed = packed_as("record" if self.packing == "record" else "plain", [self.opening, *records])
        return len(packed), "inflated byte" if self.packing == "single" else "byte"

    def read(self, records: Sequence[bytes] | bytes, **options: object) -> tuple[list[Document], ReadReport]:
        """Read a file of these records, or of just these bytes."""
        self.path.write_bytes(records if isinstance(records, bytes) else self.packed(records))
        return read(self.path, self.format, ReadOptions(**options))  # type: ignore[arg-type]


def texts_of(found: Sequence[Document]) -> list[bytes]:
    """The bytes of their texts."""
    return [document.text for document in found]


def damage_of(found: Sequence[Document]) -> list[str | None]:
    """Their `record_damage` in rows."""
    return [document.locator.damage for document in found]


def members(*contents: bytes) -> bytes:
    """A gzip member of each, in a row."""
    return b"".join(gzip.compress(content, mtime=0) for content in contents)

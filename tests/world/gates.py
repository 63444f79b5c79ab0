"""Helpers of the tests of the language gates: shards, and what is read of them with and without a gate."""

from __future__ import annotations

import gzip
import hashlib
import random
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.cli.demo.shards import web_page, write_warc, write_wet
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.model import Locator, ReadReport
from presswatch_spark.reading import registry
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import ObjectInfo
from tests.world.shards import SmallPage

FRENCH = frozenset({"fra"})
MARK = "fra"
"""What begins the path of each French page, so that it can be told when its languages cannot."""


@dataclass(frozen=True)
class Scanned:
    """What a reader gave of a shard: (URL, text, locator) of each page, and its report."""

    pages: list[tuple[str, bytes, Locator]]
    report: ReadReport
    complete: bool

    @property
    def french(self) -> set[tuple[str, bytes]]:
        """URL and text of the French pages."""
        return {(url, text) for url, text, _ in self.pages if f"/{MARK}" in url}


@dataclass
class Shards:
    """Reads bytes as shards of a format."""

    format: str
    folder: Path

    def read(self, data: bytes, **options: object) -> Scanned:
        """Read `data` to its end, gated unless `options` say otherwise."""
        path = self.folder / f"shard.{self.format}.gz"
        path.write_bytes(data)
        report, found = ReadReport(), list[tuple[str, bytes, Locator]]()
        chosen = ReadOptions(**({"languages": FRENCH} | options))  # type: ignore[arg-type]
        try:
            shard = ObjectInfo(str(path), size=len(data))
            for batch in registry.named(self.format).read(shard, chosen, report):
                for i in range(0 if batch.is_audit else len(batch)):
                    text = batch.text[batch.text_starts[i] : batch.text_ends[i]].tobytes()
                    found.append((batch.url_of(i), text, batch.locate(i)))
        except PresswatchError:
            report.add_defect("refused")
        return Scanned(found, report, not report.defects_total and report.bytes_read == len(data))


def mixed_pages(n: int, seed: int = 1, *, french_in: int = 4) -> list[SmallPage]:
    """`n` pages of random lengths, one in `french_in` of them French."""
    draw, pages = random.Random(seed), []
    for i in range(n):
        language = MARK if draw.randrange(french_in) == 0 else draw.choice(("eng", "deu", "spa,eng", "zho"))
        words = (hashlib.sha256(f"{seed} {i} {k}".encode()).hexdigest() for k in range(draw.randint(1, 60)))
        pages.append(SmallPage(f"https://exemple.fr/{language}/{i}", " à ".join(words), language))
    return pages


def shard_of(folder: Path, format: str, pages: list[SmallPage]) -> bytes:
    """The bytes of a shard of pages, a gzip member a record."""
    path = folder / f"made.{format}.gz"
    if format == "wet":
        write_wet(path, pages)
    else:
        write_warc(path, map(web_page, pages))
    return path.read_bytes()


def stored_member(content: bytes, *, at: int = 0, inside: bytes = b"") -> bytes:
    """A gzip member that packs `content[:at]` and stores the rest as it is; `inside` stands in the latter."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(content[:at]) + packer.flush(zlib.Z_FULL_FLUSH)
    left = content[at:]
    assert inside in left
    for first in range(0, len(left), 65_535):
        piece = left[first : first + 65_535]
        last = first + len(piece) == len(left)
        body += bytes([last]) + struct.pack("<HH", len(piece), len(piece) ^ 0xFFFF) + piece
    trailer = struct.pack("<II", zlib.crc32(content), len(content))
    member = b"\x1f\x8b\x08\0\0\0\0\0\2\3" + body + trailer
    assert gzip.decompress(member) == content
    return member

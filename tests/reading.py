"""Helpers of the tests that read shards: pages to write, and documents as read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.model import Locator, ReadReport
from presswatch_spark.storage.objects import stat


@dataclass(frozen=True)
class SmallPage:
    """A page as `demo.shards` takes it."""

    url: str
    text: str
    language: str = "fra"


@dataclass(frozen=True)
class Document:
    """A document as a source gave it."""

    text: bytes
    url: str
    locator: Locator


def pages(n: int, lines: int = 3) -> list[SmallPage]:
    """`n` pages with texts of their own, accents included, that do not compress to nothing."""

    def words(i: int, line: int) -> str:
        return f"Été {hashlib.sha256(f'{i} {line}'.encode()).hexdigest()} à l’œuvre"

    return [
        SmallPage(f"https://exemple.fr/{i}", "\n".join(words(i, k) for k in range(lines))) for i in range(n)
    ]


def read(
    path: Path | str, format: str = "auto", options: ReadOptions | None = None
) -> tuple[list[Document], ReadReport]:
    """Read a shard to its end."""
    report = ReadReport()
    return list(documents(path, report, format, options)), report


def documents(
    path: Path | str, report: ReadReport, format: str = "auto", options: ReadOptions | None = None
) -> list[Document]:
    """Read a shard to its end, into a report of the caller's."""
    options = options or ReadOptions()
    shard = stat(str(path), options.storage)
    found, scanned = [], 0
    for batch in format_for(format, shard, options).read(shard, options, report):
        scanned += int((batch.text_ends - batch.text_starts).sum())
        found += [Document(batch.text_of(i), batch.url_of(i), batch.locate(i)) for i in range(len(batch))]
    assert len(found) == report.documents
    assert scanned == report.text_bytes
    return found


def texts(found: list[Document]) -> list[str]:
    """Their texts."""
    return [document.text.decode() for document in found]


def complaints(report: ReadReport) -> str:
    """All defects as one string."""
    return "; ".join(map(str, report.defects))

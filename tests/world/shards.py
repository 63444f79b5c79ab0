"""Writers of shards in further forms, beside those of the demo. Same pages, same bytes."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import stat


def write_oscar_2201(path: Path, pages: Iterable[shards.Page]) -> None:
    shards.write_lines(path, shards.oscar_rows(pages, {"annotation": ["short_sentences"]}))


def write_oscar_parquet(path: Path, pages: Iterable[shards.Page], *, row_group_rows: int = 1000) -> None:
    """Write OSCAR's rows as Parquet, nested as they are in JSON."""
    rows = list(shards.oscar_rows(pages, {"harmful_pp": 512.5}))
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_rows)


def write_rows_parquet(path: Path, pages: Iterable[shards.Page], *, row_group_rows: int = 1000) -> None:
    rows = [
        {
            "text": page.text,
            "id": shards.warc_headers(page, number)["WARC-Record-ID"],
            "dump": shards.RELEASE,
            "url": page.url,
            "date": shards.when(number)["WARC-Date"],
            "language": shards.ISO_639_1.get(page.language, page.language),
            "language_score": 0.99,
        }
        for number, page in enumerate(pages)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_rows)


Row = dict[str, Any]


def as_jsonl(folder: Path, rows: Sequence[Row]) -> Path:
    """Write rows as JSON Lines."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def as_parquet(folder: Path, rows: Sequence[Row]) -> Path:
    """Write rows as Parquet in groups of two."""
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=2)
    return path


def as_parquet_dictionary(folder: Path, rows: Sequence[Row]) -> Path:
    """Write rows as Parquet whose columns of strings are dictionaries."""
    path, table = folder / "rows.parquet", pa.Table.from_pylist(list(rows))
    for at, column in enumerate(table.columns):
        if pa.types.is_string(column.type):
            table = table.set_column(at, table.column_names[at], column.dictionary_encode())
    pq.write_table(table, path)
    return path


@dataclass(frozen=True)
class SmallPage:
    url: str
    text: str
    language: str = "fra"


@dataclass(frozen=True)
class Document:
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
        scanned += int(batch.texts.sizes.sum())
        found += [Document(batch.text_of(i), batch.url_of(i), batch.locate(i)) for i in range(len(batch))]
    assert sum(each.locator.text_source == "visible" for each in found) == report.documents
    assert scanned == report.text_bytes
    return found


def texts(found: list[Document]) -> list[str]:
    return [document.text.decode() for document in found]


def complaints(report: ReadReport) -> str:
    return "; ".join(map(str, report.defects))

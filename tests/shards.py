"""Writers of shards in further forms, beside those of the demo. Same pages, same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from presswatch_spark.demo.shards import (
    ISO_639_1,
    RELEASE,
    Page,
    oscar_rows,
    warc_headers,
    when,
    write_lines,
    write_parquet,
)


def write_oscar_2201(path: Path, pages: Iterable[Page]) -> None:
    """Write OSCAR 22.01: as 23.01, with other metadata."""
    write_lines(path, oscar_rows(pages, {"annotation": ["short_sentences"]}))


def write_oscar_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write OSCAR's rows as Parquet, nested as they are in JSON."""
    write_parquet(path, oscar_rows(pages, {"harmful_pp": 512.5}), row_group_rows)


def write_rows_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write rows with FineWeb's columns."""
    rows = (
        {
            "text": page.text,
            "id": warc_headers(page, number)["WARC-Record-ID"],
            "dump": RELEASE,
            "url": page.url,
            "date": when(number)["WARC-Date"],
            "language": ISO_639_1.get(page.language, page.language),
            "language_score": 0.99,
        }
        for number, page in enumerate(pages)
    )
    write_parquet(path, rows, row_group_rows)

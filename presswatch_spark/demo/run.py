"""The demo, top to bottom: generate, build the corpus, scan, show."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from presswatch_spark.config import CorpusConfig, ScanConfig
from presswatch_spark.corpus.build import build_corpus
from presswatch_spark.demo.generate import Page, release_pages, write_press
from presswatch_spark.demo.shards import (
    write_c4_json,
    write_c4_parquet,
    write_oscar_2109,
    write_oscar_2301,
    write_wet,
)
from presswatch_spark.demo.show import match_lines
from presswatch_spark.demo.texts import press
from presswatch_spark.match_rows import match_rows
from presswatch_spark.pipeline import RunSummary, scan
from presswatch_spark.spark import session
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.tables import TableStore

Writer = Callable[[Path, Sequence[Page]], object]


def run_demo(folder: Path, width: int | None) -> Iterator[str]:
    """Generate everything in `folder`, scan it, and yield what there is to read, at most `width` columns wide."""
    started = time.monotonic()
    pages = release_pages()
    members, articles = write_press(folder)
    shards = write_shards(folder / "shards", pages)
    yield f"generated {len(press())} articles of 6 titles, and {len(shards)} shards in WET, C4 and OSCAR formats"
    spark = session("presswatch demo")
    manifest = build_corpus(
        spark, str(members), [str(articles)], str(folder / "corpus"), CorpusConfig(), StorageOptions()
    )
    yield f"built a corpus of {manifest.counts.articles} articles, {manifest.counts.shingles:,} shingles"
    summary = scan(
        [str(shard) for shard in shards],
        dataset="auto",
        corpus=str(folder / "corpus"),
        out=str(folder / "tables"),
        config=ScanConfig(),
        spark=spark,
    )
    rows = list(match_rows(TableStore.open(str(folder / "tables"))))
    yield from match_lines(rows, width)
    yield ""
    yield from _closing(folder, pages, rows, summary, time.monotonic() - started)


def write_shards(folder: Path, pages: Mapping[str, Sequence[Page]]) -> list[Path]:
    """Write every dataset's pages as two shards, in two of its forms where it has several; returns their paths."""
    wet = "CC-MAIN-20240518015810-20240518045810-{:05}.warc.wet.gz"
    writers: dict[str, tuple[tuple[str, Writer], ...]] = {
        "wet": ((wet.format(0), write_wet), (wet.format(1), write_wet)),
        "c4": (
            ("c4-fr.tfrecord-00000-of-00002.json.gz", write_c4_json),
            ("c4-fr-00001.parquet", write_c4_parquet),
        ),
        "oscar": (("fr_part_1.txt.gz", write_oscar_2109), ("fr_meta_part_2.jsonl.zst", write_oscar_2301)),
    }
    shards = []
    for dataset, forms in writers.items():
        (folder / dataset).mkdir(parents=True)
        for number, (name, write) in enumerate(forms):
            shards.append(folder / dataset / name)
            write(shards[-1], pages[dataset][number :: len(forms)])
    return shards


def _closing(
    folder: Path,
    pages: Mapping[str, Sequence[Page]],
    rows: Sequence[Mapping[str, Any]],
    summary: RunSummary,
    seconds: float,
) -> Iterator[str]:
    found = {row["document_url"] for row in rows}
    every = [page for shelf in pages.values() for page in shelf]
    innocent = [page for page in every if not page.copies and page.url not in found]
    yield (
        f"Scanned {summary.row['documents']} pages in {summary.row['shards_planned']} shards: {len(rows)} matches on"
        f" {len(found)} pages; {len(innocent)} innocent pages left alone. {seconds:.0f} s in all."
    )
    tables = folder / "tables"
    yield ""
    yield "Query the tables:"
    yield f"  presswatch matches {tables} --elsewhere"
    yield f'  presswatch sql {tables} "select title_id, grade, count(*) from matches group by 1, 2 order by 1, 2"'
    yield f"  presswatch runs {tables} --json"

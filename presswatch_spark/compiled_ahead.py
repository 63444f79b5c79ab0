"""Compiles the kernels that an archive brings: all that scans of any format, builds and comparisons need.

`python -m presswatch_spark.compiled_ahead FOLDER` writes them. `deploy.archive` runs it with the packages of
the archive, and says for which processors to compile (`NUMBA_CPU_NAME`, `NUMBA_CPU_FEATURES`).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from presswatch_spark.compiled import ALL, cache_folder, ready_file, suits
from presswatch_spark.judgement.url_forms import normal_forms
from presswatch_spark.processors import baseline_here
from presswatch_spark.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.shard.kernels import Rehearsal
from presswatch_spark.storage.objects import StorageOptions

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MEMBERS = "publishers: [{id: p, name: P, titles: [{id: t, name: T, domains: [t.example]}]}]\n"
BODY = " ".join(f"mot{number}" for number in range(60))
ARTICLES = 4


class Inline:
    """As much of a Spark session as a build asks for, at work in this process."""

    defaultParallelism = 2  # noqa: N815

    @property
    def sparkContext(self) -> Inline:  # noqa: N802
        """Return itself."""
        return self

    def parallelize(self, items: Sequence[Any], slices: int) -> _Items:
        """Return the items, which are worked on when they are collected."""
        return _Items(iter(items))


class _Items:
    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items

    def map(self, function: Callable[[Any], Any]) -> _Items:
        return _Items(map(function, self._items))

    def collect(self) -> list[Any]:
        return list(self._items)


def main(folder: Path) -> None:
    """Compile all kernels, each of which runs once for that, and keep them in a folder."""
    # PySpark comes with it; the rest of this module needs none.
    from presswatch_spark.corpus.building.build import build_corpus

    baseline = baseline_here()
    if baseline is None or not suits(baseline):
        sys.exit(f"this processor cannot run what is compiled for {baseline.processor if baseline else 'it'}")
    with tempfile.TemporaryDirectory() as work:
        members, articles, corpus = (Path(work, name) for name in ("members.yaml", "a.jsonl", "corpus"))
        members.write_text(MEMBERS, encoding="utf-8")
        articles.write_text(
            "".join(json.dumps(row) + "\n" for row in map(_article, range(ARTICLES))), "utf-8"
        )
        session = cast("SparkSession", Inline())
        options, config = StorageOptions(), CorpusConfig()
        manifest = build_corpus(session, str(members), [str(articles)], str(corpus), config, options)
        for part in Rehearsal(None, str(corpus), manifest.digest, ScanConfig()).parts().values():
            part()
    compare_rows()
    keep(folder)


def compare_rows() -> None:
    """Write the normal form of a URL, as a comparison of runs does."""
    normal_forms(pa.array(["https://t.example/"]))


def keep(folder: Path) -> None:
    """Copy the cache of this process into a folder, with the file that says what it is good for."""
    ready_file(ALL).touch()
    shutil.copytree(cache_folder(), folder / cache_folder().name)


def _article(number: int) -> dict[str, str]:
    url, at = f"https://t.example/{number}", "2026-01-01T00:00:00Z"
    row = {"article_id": str(number), "title_id": "t", "url": url, "published_at": at}
    return row | {"headline": "h", "body": f"{BODY} {number}"}


if __name__ == "__main__":
    main(Path(sys.argv[1]))

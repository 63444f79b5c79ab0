"""A whole release, a sample of it, and the one whose lengths are off by 2: what the tables say of them."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.scanning.monitoring.progress import Progress
from presswatch_spark.scanning.pipeline import RunSummary, scan
from presswatch_spark.tables.store import TableStore
from tests.spark.press import Press
from tests.world.warc import packed_as, record

AFFECTED = "CC-MAIN-2018-34"
PAGES = 6


def pages(press: Press) -> list[bytes]:
    """Texts of articles, each a page."""
    lines = press.articles.read_text(encoding="utf-8").splitlines()[:PAGES]
    return [json.loads(line)["body"].encode() for line in lines]


def shard(folder: Path, press: Press, off: int, release: str = AFFECTED) -> Path:
    """A shard of `release` whose records declare `off` bytes more than they have."""
    info = f"isPartOf: {release}\r\n".encode()
    records = [record(info, length=len(info) + off).replace(b"conversion", b"warcinfo")]
    records += [record(body, length=len(body) + off) for body in pages(press)]
    path = folder / f"{release}{off:+}.warc.wet.gz"
    path.write_bytes(packed_as("record", records))
    return path


def scanned(
    spark: SparkSession, paths: list[Path], corpus: Path, out: Path, sample: float | None = None
) -> tuple[RunSummary, list[dict[str, Any]], list[dict[str, Any]]]:
    """The summary, the log, and the matches of a scan."""
    summary = scan(
        [str(path) for path in paths],
        dataset="wet",
        corpus=str(corpus),
        out=str(out),
        config=ScanConfig(run=RunRules(wave_shards=10)),
        sample=sample,
        spark=spark,
        progress=Progress(io.StringIO(), live=False),
    )
    store = TableStore.open(str(out))
    tables = [store.read(table, summary.run_id).to_pylist() for table in ("scan_log", "matches")]
    return summary, tables[0], tables[1]


def found(matches: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("article_id", "grade", "longest_run_words", "text_sha256", "release")
    return sorted(tuple(row[name] for name in names) for row in matches)


@pytest.mark.parametrize("off", [-2, 2])
def test_the_release_with_wrong_lengths_is_complete_and_named_once(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, off: int
) -> None:
    right = scanned(spark, [shard(tmp_path, press, 0)], corpus, tmp_path / "right")
    summary, (line,), matches = scanned(spark, [shard(tmp_path, press, off)], corpus, tmp_path / "out")
    assert (line["status"], line["error"], line["documents"]) == ("complete", None, PAGES)
    assert summary.incomplete == ()
    assert summary.notes == (f"{line['note']} ({line['shard_uri']})",)
    assert AFFECTED in line["note"]
    assert found(matches) == found(right[2])
    assert len({row["article_id"] for row in matches}) >= PAGES
    assert right[0].notes == ()


def test_a_cut_shard_of_that_release_and_a_lie_of_another_are_partial(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
) -> None:
    cut, other = shard(tmp_path, press, -2), shard(tmp_path, press, -2, "CC-MAIN-2018-39")
    cut.write_bytes(cut.read_bytes()[:-20])
    summary, log, _ = scanned(spark, [cut, other], corpus, tmp_path / "out")
    assert [line["status"] for line in log] == ["partial", "partial"]
    assert len(summary.incomplete) == 2
    by_release = {line["release"]: line for line in log}
    assert by_release[AFFECTED]["note"] is not None
    assert "declares" not in by_release[AFFECTED]["error"]
    assert by_release["CC-MAIN-2018-39"]["note"] is None
    assert "declares" in by_release["CC-MAIN-2018-39"]["error"]


def test_a_sample_is_recorded_as_one(spark: SparkSession, press: Press, corpus: Path, tmp_path: Path) -> None:
    keys = sorted(path.name for path in press.shards.iterdir())
    listing = press.shards.parent / "wet.paths.gz"
    listing.write_bytes(gzip.compress("".join(f"{press.shards.name}/{key}\n" for key in keys).encode()))
    summary, log, _ = scanned(spark, [listing], corpus, tmp_path / "out", sample=0.25)
    assert (summary.row["sample"], summary.row["shards_listed"]) == (0.25, len(keys))
    assert summary.row["shards_planned"] == len(log) == len(keys) // 4
    (row,) = TableStore.open(str(tmp_path / "out")).read("runs").to_pylist()
    assert (row["sample"], row["shards_listed"]) == (0.25, len(keys))
    assert (row["sample_seed"], json.loads(row["sample_strata"])) == (0, {press.shards.name: len(keys)})
    metrics = TableStore.open(str(tmp_path / "out")).read("metrics", summary.run_id).to_pylist()
    (labels,) = (line["labels"] for line in metrics if line["name"] == "presswatch_run_info")
    assert labels.endswith('sample="0.25"'), "no number beside it is taken for one of the whole"
    summary, log, _ = scanned(spark, [listing], corpus, tmp_path / "whole", sample=1.0)
    assert (summary.row["sample"], summary.row["shards_planned"], len(log)) == (None, len(keys), len(keys))
    assert summary.row["sample_strata"] is None

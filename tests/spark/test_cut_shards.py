"""Cut shards through the command line: the exit code tells, and what was whole before the cut was matched."""

import random
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.cli import main as cli
from presswatch_spark.tables.store import TableStore
from tests.unit.reading.test_truncation import FORMATS, PAGES, is_boundary, whole_before
from tests.world.corpora import article, corpus_of
from tests.world.shards import pages


def write_cuts(folder: Path, name: str, cuts: int) -> dict[str, int]:
    """Shards of one format, each in a folder of its own, cut at random; how many documents each has whole."""
    whole = folder / name / "whole" / name
    whole.parent.mkdir(parents=True)
    FORMATS[name](whole, pages(PAGES))
    stored, beside = whole.read_bytes(), [path for path in whole.parent.iterdir() if path != whole]
    expected = {}
    for cut in random.Random(f"through the command line {name}").sample(range(1, len(stored)), cuts):
        if is_boundary(name, stored, cut):
            continue
        shard = folder / name / str(cut) / name
        shard.parent.mkdir()
        shard.write_bytes(stored[:cut])
        for path in beside:
            shutil.copy(path, shard.parent)
        expected[str(shard)] = whole_before(name, stored[:cut])
    shutil.rmtree(whole.parent)
    return expected


@pytest.mark.parametrize("cuts", [2, pytest.param(100, marks=pytest.mark.full)])
def test_no_cut_shard_passes_for_a_whole_one(spark: SparkSession, tmp_path: Path, cuts: int) -> None:
    # Every page is an article too.
    articles = [article(number, url=None, body=page.text) for number, page in enumerate(pages(PAGES))]
    corpus, out = corpus_of(tmp_path, articles), tmp_path / "out"
    expected: dict[str, int] = {}
    for name in FORMATS:
        expected |= write_cuts(tmp_path / "shards", name, cuts)
    assert cli.run(["scan", str(tmp_path / "shards"), "--corpus", str(corpus), "--out", str(out)]) == 3
    store = TableStore.open(str(out))
    (run,) = store.read("runs").to_pylist()
    log = {row["shard_uri"]: row for row in store.read("scan_log").to_pylist()}
    assert log.keys() == expected.keys()
    matched: dict[str, set[str]] = {shard: set() for shard in log}
    for row in store.read("matches").to_pylist():
        matched[row["shard_uri"]].add(row["article_id"])
    for shard, whole in expected.items():
        assert (log[shard]["status"], bool(log[shard]["error"])) in (("partial", True), ("failed", True)), (
            shard
        )
        assert whole <= log[shard]["documents"] <= whole + 1, shard
        assert {each["article_id"] for each in articles[:whole]} <= matched[shard], shard
    assert run["shards_complete"] == 0
    assert run["shards_partial"] + run["shards_failed"] == len(expected) >= (cuts - 1) * len(FORMATS)

"""Whole runs in passes: the digest of one pass, also when the run is killed between two or workers die."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import BudgetError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.scanning.monitoring.progress import Observer, Progress
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.scanning.runs.sifting import TRIES_BEFORE_SET_ASIDE
from presswatch_spark.scanning.runs.work import Outcome, Passes
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.fakes import counted, die, run_fake, scan_with, times_scanned
from tests.spark.press import Press, scanned

WAVE, SECONDS = 6, 300


def memory_for(corpus: Path, passes: int) -> float:
    """The memory, in GB, with which the index of a corpus is searched in so many passes."""
    return manifest_of(str(corpus), StorageOptions()).searched_bytes / (passes - 0.5) / 1e9


def in_passes(
    spark: SparkSession, press: Press, corpus: Path, out: Path, passes: int = 1, **rules: Any
) -> tuple[RunSummary, str]:
    """A scan in so many passes, and what it said."""
    memory = {"index_memory": memory_for(corpus, passes)} if passes > 1 else {}
    return scanned(spark, press, corpus, out, wave_shards=WAVE, **(memory | rules))


@pytest.fixture(scope="module")
def one_pass(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunSummary:
    return in_passes(spark, press, corpus, tmp_path_factory.mktemp("one") / "out")[0]


def same(summary: RunSummary, other: RunSummary) -> bool:
    """Whether two runs found the same, of as much."""
    names = (
        "table_digest",
        "config_digest",
        "matches",
        "documents",
        "words",
        "text_bytes",
        "shards_complete",
    )
    return [summary.row[name] for name in names] == [other.row[name] for name in names]


@pytest.mark.parametrize("passes", [2, pytest.param(5, marks=pytest.mark.full)])
def test_a_run_in_passes_publishes_the_digest_of_one_pass_and_says_why_there_are_so_many(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, one_pass: RunSummary, passes: int
) -> None:
    out = tmp_path / "out"
    summary, said = in_passes(spark, press, corpus, out, passes)
    assert same(summary, one_pass)
    assert summary.row["passes"] == passes
    assert summary.notes == (), "every candidate came from the passes"
    assert f"{passes} passes: the index has" in said
    assert f"pass {passes - 1} of {passes}: {WAVE} shards more are read" in said
    assert list((out / "_runs").iterdir()) == []
    # What the passes cost is in the metrics.
    rows = TableStore.open(str(out)).read("metrics", summary.run_id).to_pylist()
    values = {row["name"]: row["value"] for row in rows}
    waves, earlier = -(-SHARDS // WAVE), passes - 1
    assert values["presswatch_waves_total"] == waves, "passes before the last are no waves"
    assert values["presswatch_pass_waves_total"] == earlier * waves
    assert values["presswatch_pass_shards_total"] == earlier * values["presswatch_shards_planned"]
    assert values["presswatch_shards_planned"] == SHARDS


def test_an_index_that_fits_is_searched_in_one_pass(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path, one_pass: RunSummary
) -> None:
    searched = manifest_of(str(corpus), StorageOptions()).searched_bytes
    summary, said = in_passes(spark, press, corpus, tmp_path / "out", index_memory=searched * 1.01 / 1e9)
    assert same(summary, one_pass)
    assert "pass" not in said


@pytest.mark.full
def test_a_run_killed_between_passes_goes_on_where_it_was(
    press: Press, corpus: Path, tmp_path: Path, one_pass: RunSummary
) -> None:
    out = tmp_path / "out"
    words = [str(press.shards), "--format", "wet", "--corpus", str(corpus), "--out", str(out)]
    words += ["--wave-shards", str(WAVE), "--index-memory", f"{memory_for(corpus, 3):.9f}"]
    command = [sys.executable, str(ROOT / "jobs" / "scan.py"), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    job = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + SECONDS
    while len(list(out.glob("_runs/*/candidates/2-of-3/*.parquet"))) < WAVE:
        assert job.poll() is None, "the job was too quick"
        assert time.monotonic() < until
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    kept = list(out.glob("_runs/*/candidates/2-of-3/*.parquet"))
    listing = subprocess.run(
        [sys.executable, "-m", "presswatch_spark", "runs", str(out)],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    begun = re.search(r"with 0 shards done and (.*), is not finished", listing.stderr)
    assert begun, listing.stderr
    assert begun[1].startswith(f"{SHARDS} shards in pass 1 of 3, ")
    assert begun[1].endswith(" in pass 2 of 3")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"table digest {one_pass.row['table_digest']}" in done.stdout
    assert "pass 1 of 3:" not in done.stderr, "the first pass is not done again"
    again = sum(map(int, re.findall(r"pass 2 of 3: (\d+) shards? more", done.stderr)))
    assert 0 < again <= SHARDS - WAVE
    assert again >= SHARDS - len(kept) - WAVE


def test_the_estimate_and_the_budget_count_every_pass(
    spark: SparkSession, press: Press, corpus: Path, tmp_path: Path
) -> None:
    _, said = in_passes(spark, press, corpus, tmp_path / "out", 3, price="c7a.xlarge on demand", budget=1.0)
    assert "in 3 passes" in said
    with pytest.raises(BudgetError, match="and the budget is"):
        in_passes(spark, press, corpus, tmp_path / "none", 3, price="c7a.xlarge on demand", budget=1e-12)


KEPT = pa.schema([("shard", pa.string())])


def fake_passes(folder: Path, deadly: str) -> Passes:
    """Two passes over made-up shards, of which one kills each worker that reads it in the first pass."""

    def read(run: Folder, number: int) -> object:
        trouble = {f"shard-{n:03}": counted(folder) for n in range(12)}
        last = scan_with({})
        first = scan_with(trouble | {deadly: counted(folder, die)})

        def sift(shard: ObjectInfo) -> Outcome:
            outcome = first(shard)
            return Outcome(outcome.log, {"kept": [pa.RecordBatch.from_pydict({"shard": [shard.uri]}, KEPT)]})

        return last if number else sift

    return Passes(
        2, "two passes", read, lambda run, number: run / f"candidates/{number + 1}-of-2",
        lambda uri: f"{uri}.parquet", "kept", KEPT,
    )  # fmt: skip


def test_a_shard_that_kills_workers_in_an_earlier_pass_is_left_to_the_last(
    spark: SparkSession, tmp_path: Path
) -> None:
    undisturbed = run_fake(spark, tmp_path / "undisturbed")
    (tmp_path / "times").mkdir()
    said = io.StringIO()
    summary = run_fake(
        spark,
        tmp_path / "out",
        rules=RunRules(wave_shards=12, shards_per_task=6),
        observer=Observer(Progress(said, live=False)),
        passes=fake_passes(tmp_path / "times", "shard-007"),
    )
    assert summary.row["table_digest"] == undisturbed.row["table_digest"]
    assert summary.row["shards_complete"] == 12
    times = times_scanned(tmp_path / "times")
    assert times.keys() == {f"shard-{n:03}" for n in range(12)}, "all were read"
    assert times["shard-007"] == TRIES_BEFORE_SET_ASIDE
    assert "a Python worker died at shard-007" in said.getvalue()
    assert "12 shards more are read; 1 of them could not be" in said.getvalue()

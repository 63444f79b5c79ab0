"""Whole runs in passes: the digest of one pass, also when the run is killed between two or workers die."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import BudgetError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.scanning.runs.index_passes import TRIES_BEFORE_SET_ASIDE
from presswatch_spark.scanning.runs.work import Outcome, Passes
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.fakes import Fake, counted, die, found, scan_with
from tests.spark.kills import kill_at
from tests.spark.press import Press, Scanned, Scanner

WAVE = 6


def memory_for(corpus: Path, passes: int) -> float:
    """The memory, in GB, with which the index of a corpus is searched in so many passes."""
    return manifest_of(str(corpus), StorageOptions()).searched_bytes / (passes - 0.5) / 1e9


def in_passes(scan: Scanner, press: Press, passes: int, **rules: Any) -> Scanned:
    memory = {"index_memory": memory_for(scan.corpus, passes)} if passes > 1 else {}
    return scan(press.shards, wave_shards=WAVE, **(memory | rules))


@pytest.fixture(scope="module")
def one_pass(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunSummary:
    return in_passes(Scanner(spark, corpus, tmp_path_factory.mktemp("one")), press, 1).summary


@pytest.mark.parametrize("passes", [2, pytest.param(5, marks=pytest.mark.full)])
def test_a_run_in_passes_publishes_the_digest_of_one_pass_and_says_why_there_are_so_many(
    scan: Scanner, press: Press, one_pass: RunSummary, passes: int
) -> None:
    done = in_passes(scan, press, passes)
    assert found(done.summary) == found(one_pass)
    assert (done.row["passes"], done.summary.notes) == (passes, ()), "every candidate came from the passes"
    assert f"{passes} passes: the index has" in done.said
    assert f"pass {passes - 1} of {passes}: {WAVE} shards more are read" in done.said
    assert list((done.out / "_runs").iterdir()) == []
    # What the passes cost is in the metrics; passes before the last are no waves.
    values = {row["name"]: row["value"] for row in done.rows("metrics")}
    waves, earlier = -(-SHARDS // WAVE), passes - 1
    expected = {"waves_total": waves, "shards_planned": SHARDS}
    expected |= {"pass_waves_total": earlier * waves, "pass_shards_total": earlier * SHARDS}
    assert values.items() >= {f"presswatch_{name}": value for name, value in expected.items()}.items()


def test_an_index_that_fits_is_searched_in_one_pass(
    scan: Scanner, press: Press, one_pass: RunSummary
) -> None:
    done = in_passes(scan, press, 1, index_memory=memory_for(scan.corpus, 1) * 0.51)
    assert found(done.summary) == found(one_pass)
    assert "pass" not in done.said


@pytest.mark.full
def test_a_run_killed_between_passes_goes_on_where_it_was(
    press: Press, corpus: Path, tmp_path: Path, one_pass: RunSummary
) -> None:
    out = tmp_path / "out"
    words = [str(press.shards), "--format", "wet", "--corpus", str(corpus), "--out", str(out)]
    words += ["--wave-shards", str(WAVE), "--index-memory", f"{memory_for(corpus, 3):.9f}"]
    command = [sys.executable, str(ROOT / "jobs" / "scan.py"), *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    kill_at(command, out, "_runs/*/candidates/2-of-3/*.parquet", WAVE)
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


def test_the_estimate_and_the_budget_count_every_pass(scan: Scanner, press: Press) -> None:
    price = "c7a.xlarge on demand"
    assert "in 3 passes" in in_passes(scan, press, 3, price=price, budget=1.0).said
    with pytest.raises(BudgetError, match="and the budget is"):
        in_passes(replace(scan, folder=scan.folder / "none"), press, 3, price=price, budget=1e-12)


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
    fake: Fake, undisturbed: RunSummary
) -> None:
    rules = RunRules(wave_shards=12, shards_per_task=6)
    summary, said = fake.told(rules=rules, passes=fake_passes(fake.scans, "shard-007"))
    assert found(summary) == found(undisturbed)
    times = fake.times()
    assert times.keys() == {f"shard-{n:03}" for n in range(12)}, "all were read"
    assert times["shard-007"] == TRIES_BEFORE_SET_ASIDE
    assert "a Python worker died at shard-007" in said
    assert "12 shards more are read; 1 could not be read" in said

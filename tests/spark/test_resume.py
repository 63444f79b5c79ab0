"""Runs that are killed at any moment and given again: nothing lost, nothing twice, the same digest."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.spark.conftest import SHARDS
from tests.spark.press import Press
from tests.spark.test_scan import run_scan
from tests.world.commands import presswatch

JOB = ROOT / "jobs" / "scan.py"
WAVE = 2
POLL_SECONDS = 0.01


@pytest.fixture(scope="module")
def digest(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> object:
    """Of a run never stopped."""
    return run_scan(spark, [press.shards], corpus, tmp_path_factory.mktemp("undisturbed") / "out")[0].row[
        "table_digest"
    ]


@pytest.fixture
def words(press: Press, corpus: Path, tmp_path: Path) -> list[str]:
    """What the job is told: to scan into `tmp_path / "out"`."""
    command = [str(press.shards), "--format", "wet", "--corpus", str(corpus)]
    return [*command, "--out", str(tmp_path / "out")]


@pytest.fixture
def start(words: list[str]) -> Callable[..., subprocess.Popen[str]]:
    """Start the job in a process group of its own."""

    def start(*flags: str) -> subprocess.Popen[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, str(JOB), *words, *(flags or ("--wave-shards", str(WAVE)))],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


def reaches(job: subprocess.Popen[str], out: Path, waves: int) -> bool:
    """Wait until so many waves are done. False if the job ended before it was seen."""
    while len(list(out.glob("_runs/*/waves/*.json"))) < waves:
        if ended(job, POLL_SECONDS):
            return False
    return True


def kill(job: subprocess.Popen[str], out: Path, moment: random.Random) -> bool:
    """Kill the job at a random moment: some waves done, another under way. False if it was too quick."""
    if not reaches(job, out, moment.randrange(SHARDS // WAVE)) or ended(job, moment.random()):
        return False
    job.send_signal(signal.SIGKILL)
    return True


def ended(job: subprocess.Popen[str], seconds: float) -> bool:
    """Whether the job ends within so many seconds."""
    try:
        job.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 21))])
def test_a_driver_killed_at_a_random_moment_and_given_again_finds_the_same(
    start: Callable[..., subprocess.Popen[str]],
    words: list[str],
    tmp_path: Path,
    digest: object,
    seed: int,
) -> None:
    out = tmp_path / "out"
    job = start()
    killed = kill(job, out, random.Random(seed))
    job.communicate()
    assert job.returncode == (-signal.SIGKILL if killed else 0)
    # The last moments of a job are those after it has published.
    assert killed or TableStore.open(str(out)).published()
    presswatch("scan", *words, "--wave-shards", str(WAVE))
    (row,) = TableStore.open(str(out)).read("runs").to_pylist()[-1:]
    assert row["table_digest"] == digest
    assert list((out / "_runs").iterdir()) == []


@pytest.mark.full
def test_ctrl_c_ends_with_a_message_publishes_nothing_and_the_same_command_resumes(
    start: Callable[..., subprocess.Popen[str]], words: list[str], tmp_path: Path, digest: object
) -> None:
    out = tmp_path / "out"
    job = start()
    assert reaches(job, out, 1)
    os.killpg(job.pid, signal.SIGINT)
    _, complaints = job.communicate()
    assert job.returncode == 1
    assert "py4j" not in complaints
    assert "error: stopped" in complaints
    assert TableStore.open(str(out)).published() == []
    assert "resumed" in presswatch("scan", *words, "--wave-shards", "5")
    assert TableStore.open(str(out)).read("runs")["table_digest"].to_pylist() == [digest]


@pytest.mark.full
def test_two_runs_at_the_same_time_in_one_folder_do_not_disturb_each_other(
    start: Callable[..., subprocess.Popen[str]], words: list[str], tmp_path: Path, digest: object
) -> None:
    other = start("--cores", "1", "--min-run-words", "40", "--wave-shards", "1")
    assert reaches(other, tmp_path / "out", 1)
    presswatch("scan", *words, "--shards-per-task", "1", "--wave-shards", "100")
    _, complaints = other.communicate()
    assert other.returncode == 0, complaints
    digests = TableStore.open(str(tmp_path / "out")).read("runs")["table_digest"].to_pylist()
    assert len(set(digests)) == 2
    assert digest in digests

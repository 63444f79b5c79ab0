"""Runs that are killed at any moment and given again: nothing lost, nothing twice, the same digest."""

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
from tests.spark.kills import ended, reaches, start
from tests.spark.press import Press, Scanner
from tests.world.commands import presswatch

WAVE = 2
WAVES = "_runs/*/waves/*.json"
Job = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def digest(
    spark: SparkSession, press: Press, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> object:
    """Of a run never stopped."""
    scan = Scanner(spark, corpus, tmp_path_factory.mktemp("undisturbed"))
    return scan(press.shards).row["table_digest"]


@pytest.fixture
def words(press: Press, corpus: Path, tmp_path: Path) -> list[str]:
    """The arguments of a scan into `tmp_path / "out"`."""
    return [str(press.shards), "--format", "wet", "--corpus", str(corpus), "--out", str(tmp_path / "out")]


@pytest.fixture
def job(words: list[str]) -> Job:
    command = [sys.executable, str(ROOT / "jobs" / "scan.py"), *words]
    return lambda *flags: start([*command, *(flags or ("--wave-shards", str(WAVE)))])


def digests(out: Path) -> list[object]:
    return TableStore.open(str(out)).read("runs")["table_digest"].to_pylist()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(2, 21))])
def test_a_driver_killed_at_a_random_moment_and_given_again_finds_the_same(
    job: Job, words: list[str], tmp_path: Path, digest: object, seed: int
) -> None:
    out, moment = tmp_path / "out", random.Random(seed)
    running = job()
    # Some waves are done, another is under way.
    killed = reaches(running, out, WAVES, moment.randrange(SHARDS // WAVE))
    killed = killed and not ended(running, moment.random())
    if killed:
        running.kill()
    running.communicate()
    assert running.returncode == (-signal.SIGKILL if killed else 0)
    # The last moments of a job are those after it has published.
    assert killed or TableStore.open(str(out)).published()
    presswatch("scan", *words, "--wave-shards", str(WAVE))
    assert digests(out)[-1] == digest
    assert list((out / "_runs").iterdir()) == []


@pytest.mark.full
def test_ctrl_c_ends_with_a_message_publishes_nothing_and_the_same_command_resumes(
    job: Job, words: list[str], tmp_path: Path, digest: object
) -> None:
    out = tmp_path / "out"
    running = job()
    assert reaches(running, out, WAVES, 1)
    os.killpg(running.pid, signal.SIGINT)
    _, complaints = running.communicate()
    assert running.returncode == 1
    assert "py4j" not in complaints
    assert "error: stopped" in complaints
    assert TableStore.open(str(out)).published() == []
    assert "resumed" in presswatch("scan", *words, "--wave-shards", "5")
    assert digests(out) == [digest]


@pytest.mark.full
def test_two_runs_at_the_same_time_in_one_folder_do_not_disturb_each_other(
    job: Job, words: list[str], tmp_path: Path, digest: object
) -> None:
    other = job("--cores", "1", "--min-run-words", "40", "--wave-shards", "1")
    assert reaches(other, tmp_path / "out", WAVES, 1)
    presswatch("scan", *words, "--shards-per-task", "1", "--wave-shards", "100")
    _, complaints = other.communicate()
    assert other.returncode == 0, complaints
    found = digests(tmp_path / "out")
    assert len(set(found)) == 2
    assert digest in found

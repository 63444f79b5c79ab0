"""Waves, and what happens when workers, storage or the disk let them down."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from py4j.protocol import Py4JNetworkError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.monitoring.progress import Observer, Progress
from presswatch_spark.scanning.pipeline import RunSummary
from presswatch_spark.scanning.runs.waves import FULL_SHARD_BYTES, dealt, tasks_for
from presswatch_spark.scanning.runs.work import ALL_DIED
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import (
    counted,
    die,
    fake_shards,
    lose_connection,
    once,
    run_fake,
    times_scanned,
)
from tests.world.proofs import each_time


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    return run_fake(spark, tmp_path_factory.mktemp("undisturbed") / "out")


def same(summary: RunSummary, other: RunSummary) -> bool:
    """Whether two runs found the same."""
    names = ("table_digest", "matches", "documents", "shards_planned", "shards_complete")
    return [summary.row[name] for name in names] == [other.row[name] for name in names]


@pytest.mark.parametrize(
    "rules",
    each_time(
        [RunRules(wave_shards=7, shards_per_task=3)],
        [RunRules(wave_shards=1), RunRules(wave_shards=7, shards_per_task=3), RunRules(shards_per_task=100)],
    ),
)
def test_the_digest_does_not_depend_on_waves_and_tasks(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary, rules: RunRules
) -> None:
    assert same(run_fake(spark, tmp_path / "out", rules=rules), undisturbed)


def test_a_worker_that_is_killed_costs_nothing(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary
) -> None:
    summary = run_fake(spark, tmp_path / "out", trouble={"shard-007": once(tmp_path / "killed", die)})
    assert (tmp_path / "killed").exists()
    assert same(summary, undisturbed)


def test_a_shard_that_kills_every_worker_is_logged_and_all_others_are_scanned(
    spark: SparkSession, tmp_path: Path
) -> None:
    rules = RunRules(wave_shards=2)
    summary = run_fake(spark, tmp_path / "out", trouble={"shard-007": die}, rules=rules)
    ((uri, status, error),) = summary.incomplete
    assert (uri, status) == ("shard-007", "failed")
    assert "worker" in error
    assert summary.row["shards_complete"] == 11
    assert summary.row["matches"] == sum(
        shard.size or 0 for shard in fake_shards(12) if shard.uri != "shard-007"
    )


def test_a_killer_is_found_at_once_and_its_neighbours_are_scanned_few_times(
    spark: SparkSession, tmp_path: Path
) -> None:
    killer, shards, scans = "shard-017", 64, tmp_path / "scans"
    scans.mkdir()
    trouble = {shard.uri: counted(scans) for shard in fake_shards(shards)} | {killer: counted(scans, die)}
    stream = io.StringIO()
    observer = Observer(Progress(stream, live=False))
    rules = RunRules(wave_shards=shards)
    summary = run_fake(
        spark, tmp_path / "out", shards=shards, trouble=trouble, rules=rules, observer=observer
    )
    ((uri, status, error),) = summary.incomplete
    assert (uri, status, error) == (killer, "failed", ALL_DIED)
    times = times_scanned(scans)
    assert times.pop(killer) == 4
    group = tasks_for(fake_shards(shards), rules.shards_per_task, 2)
    assert sum(count - 1 for count in times.values()) <= 2 * shards // group
    assert f"a Python worker died at {killer}" in stream.getvalue()
    log = TableStore.open(str(tmp_path / "out")).read("scan_log").to_pylist()
    assert [(row["failure"], row["attempts"]) for row in log if row["status"] == "failed"] == [("worker", 4)]
    metrics = TableStore.open(str(tmp_path / "out")).read("metrics").to_pylist()
    values = {(row["name"], row["labels"]): row["value"] for row in metrics}
    assert values["presswatch_worker_deaths_total", ""] == 4
    assert values["presswatch_shard_failures_total", 'cause="worker"'] == 1


@pytest.mark.full
def test_workers_that_die_of_a_shard_are_all_counted_though_its_wave_keeps_nothing(
    spark: SparkSession, tmp_path: Path
) -> None:
    run_fake(spark, tmp_path, shards=3, trouble={"shard-001": die}, rules=RunRules(wave_shards=1))
    metrics = TableStore.open(str(tmp_path)).read("metrics").to_pylist()
    (deaths,) = (row["value"] for row in metrics if row["name"] == "presswatch_worker_deaths_total")
    assert deaths == 4


def test_a_jvm_that_is_gone_between_two_waves_is_an_error_with_what_to_do(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> int:
        raise Py4JNetworkError("Answer from Java side is empty")

    monkeypatch.setattr("presswatch_spark.scanning.runs.waves.tasks_for", gone)
    with pytest.raises(PresswatchError, match=r"Answer from Java side is empty .*the run goes on"):
        run_fake(spark, tmp_path)


@pytest.mark.full
def test_two_killers_in_one_task_are_both_set_aside(spark: SparkSession, tmp_path: Path) -> None:
    rules = RunRules(wave_shards=12, shards_per_task=100)
    summary = run_fake(
        spark, tmp_path / "out", trouble={"shard-001": die, "shard-004": die, "shard-007": die}, rules=rules
    )
    assert {uri for uri, _, _ in summary.incomplete} == {"shard-001", "shard-004", "shard-007"}
    assert summary.row["shards_complete"] == 9


@pytest.mark.full
def test_a_shard_set_aside_is_not_tried_again_when_the_run_goes_on(
    spark: SparkSession, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    trouble = {"shard-001": counted(scans, die)}
    with pytest.raises(PresswatchError, match="the package is not on this host"):
        run_fake(spark, tmp_path / "out", trouble=trouble, broken="shard-007")
    before = times_scanned(scans)
    summary = run_fake(spark, tmp_path / "out", trouble=trouble)
    assert summary.resumed
    assert [uri for uri, _, _ in summary.incomplete] == ["shard-001"]
    assert times_scanned(scans) == before


def test_storage_that_fails_once_changes_nothing_but_the_log(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary
) -> None:
    trouble = {"shard-003": once(tmp_path / "reset", lose_connection)}
    assert same(run_fake(spark, tmp_path / "out", trouble=trouble), undisturbed)
    log = TableStore.open(str(tmp_path / "out")).read("scan_log").to_pylist()
    assert [row["shard_uri"] for row in log if row["attempts"] > 1] == ["shard-003"]


def test_a_shard_that_fails_does_not_stop_the_run(spark: SparkSession, tmp_path: Path) -> None:
    summary = run_fake(spark, tmp_path / "out", trouble={"shard-003": lose_connection})
    assert summary.incomplete == (("shard-003", "partial", "connection reset"),)
    assert (summary.row["shards_complete"], summary.row["shards_partial"]) == (11, 1)


def test_finished_waves_are_kept_and_only_the_rest_is_done(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary
) -> None:
    with pytest.raises(PresswatchError, match=r"the package is not on this host .*the same command again"):
        run_fake(spark, tmp_path / "out", broken="shard-007")
    (markers,) = [
        sorted(run.glob("waves/*.json")) for run in (tmp_path / "out" / "_runs").iterdir() if run.is_dir()
    ]
    assert [json.loads(marker.read_text())["shards"] for marker in markers] == [[0, 1, 2, 3, 4]]
    scanned_again = {f"shard-{number:03}": die for number in range(5)}
    summary = run_fake(spark, tmp_path / "out", trouble=scanned_again, rules=RunRules(wave_shards=3))
    assert summary.resumed
    assert same(summary, undisturbed)


def test_what_an_unfinished_attempt_wrote_is_not_counted(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary
) -> None:
    with pytest.raises(PresswatchError):
        run_fake(spark, tmp_path / "out", broken="shard-007")
    (marker,) = (tmp_path / "out" / "_runs").glob("*/waves/*.json")
    marker.unlink()
    assert same(run_fake(spark, tmp_path / "out"), undisturbed)


@pytest.mark.full
def test_two_runs_live_side_by_side_in_one_folder(
    spark: SparkSession, tmp_path: Path, undisturbed: RunSummary
) -> None:
    out = tmp_path / "out"
    with pytest.raises(PresswatchError):
        run_fake(spark, out, broken="shard-007")
    other = run_fake(spark, out, facts={"corpus_digest": "another"})
    summary = run_fake(spark, out)
    assert summary.run_id != other.run_id
    assert TableStore.open(str(out)).published() == sorted([summary.run_id, other.run_id])
    assert same(summary, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "presswatch-test", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    # Spark may still hold a file that it could not write.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_ends_the_run_with_what_to_do_and_room_lets_it_go_on(
    spark: SparkSession, small_disk: Path, undisturbed: RunSummary
) -> None:
    rules = RunRules(wave_shards=1)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(120_000))
    with pytest.raises(OutputError, match=r"the disk is full .*give the same command again"):
        run_fake(spark, small_disk / "out", rules=rules)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    summary = run_fake(spark, small_disk / "out", rules=rules)
    assert summary.resumed
    assert same(summary, undisturbed)


@pytest.mark.parametrize(
    ("size", "tasks"),
    [(FULL_SHARD_BYTES, 64), (10 * FULL_SHARD_BYTES, 64), (None, 64), (FULL_SHARD_BYTES // 4, 16), (100, 4)],
)
def test_a_task_takes_four_whole_shards_or_more_of_small_ones(size: int | None, tasks: int) -> None:
    assert tasks_for([ObjectInfo(f"/shard-{n}", size) for n in range(256)], 4, 2) == tasks


def test_no_core_is_left_without_a_task_and_no_task_without_a_shard() -> None:
    small = [ObjectInfo(f"/shard-{n}", 100) for n in range(5)]
    assert tasks_for(small, 4, 2) == 2
    assert tasks_for(small, 4, 16) == 5


def test_shards_are_dealt_so_that_groups_weigh_the_same() -> None:
    groups = dealt({10 * size: ObjectInfo(f"s{size}", size) for size in range(1, 9)}, 2)
    assert groups == ((80, 60, 40, 20), (70, 50, 30, 10))

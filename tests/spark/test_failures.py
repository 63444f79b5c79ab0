"""A wave's budget of failures, and the second try of what storage refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.runs.work import PlatformError, check_budget, failures_allowed, is_hopeless
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import be_cut, counted, fake_shards, lose_connection, run_fake, times_scanned
from tests.world.exposition import parsed

RULES = RunRules(wave_shards=12, shards_per_task=2)


def deny(reading: ShardAttempt) -> None:
    """Fail before anything was read, as where credentials have expired."""
    reading.report.bytes_read = reading.report.documents = 0
    reading.matches.clear()
    raise StorageError("access denied: the token has expired", where=reading.shard.uri)


def first(count: int, trouble: Callable[[ShardAttempt], None]) -> dict[str, Callable[[ShardAttempt], None]]:
    """Trouble for so many of the shards."""
    return {f"shard-{number:03}": trouble for number in range(count)}


def test_a_platform_that_fails_stops_the_run_and_the_same_command_goes_on(
    spark: SparkSession, tmp_path: Path
) -> None:
    out, stream, metrics = tmp_path / "out", io.StringIO(), tmp_path / "presswatch.prom"
    events = EventLog(stream)
    observer = Observer(Progress(live=False, events=events), events, str(metrics))
    with pytest.raises(
        PlatformError, match=r"6 of 12 shards .* 5 may be; 6 of them: access denied"
    ) as raised:
        run_fake(spark, out, trouble=first(6, deny), rules=RULES, observer=observer)
    assert "then give the same command again" in raised.value.remedy
    assert raised.value.where == "shard-000"
    assert TableStore.open(str(out)).published() == []
    assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "run_stopped"
    assert parsed(metrics.read_text())['presswatch_run_state{state="stopped"}'] == 1
    scans = tmp_path / "scans"
    scans.mkdir()
    summary = run_fake(spark, out, trouble=first(12, counted(scans)), rules=RULES)
    assert (summary.resumed, summary.incomplete, summary.row["shards_complete"]) == (True, (), 12)
    assert set(times_scanned(scans)) == {f"shard-{number:03}" for number in range(6)}


def test_where_everything_is_denied_nothing_is_tried_twice(spark: SparkSession, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    with pytest.raises(PlatformError):
        run_fake(spark, tmp_path / "out", trouble=first(12, counted(scans, deny)), rules=RULES)
    assert set(times_scanned(scans).values()) == {2}  # the two attempts of one try


def test_storage_that_recovers_between_two_tries_costs_nothing_but_the_second(
    spark: SparkSession, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    trouble = first(11, counted(scans, lambda reading: lose_connection_twice(reading, scans)))
    summary = run_fake(spark, tmp_path / "out", trouble=trouble, rules=RULES)
    assert summary.incomplete == ()
    log = TableStore.open(str(tmp_path / "out")).read("scan_log").to_pylist()
    assert {row["attempts"] for row in log} == {1, 3}
    assert summary.row["matches"] == sum(shard.size or 0 for shard in fake_shards(12))


def lose_connection_twice(reading: ShardAttempt, scans: Path) -> None:
    """Fail in both attempts of the first try."""
    if times_scanned(scans)[reading.shard.uri] <= 2:
        lose_connection(reading)


def test_damage_is_no_matter_of_the_platform_however_much_there_is(
    spark: SparkSession, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    summary = run_fake(spark, tmp_path / "out", trouble=first(12, counted(scans, be_cut)), rules=RULES)
    assert len(summary.incomplete) == 12
    assert set(times_scanned(scans).values()) == {1}
    log = TableStore.open(str(tmp_path / "out")).read("scan_log").to_pylist()
    assert {row["failure"] for row in log} == {"content"}


def test_a_few_shards_that_storage_refuses_are_failures_of_these(spark: SparkSession, tmp_path: Path) -> None:
    summary = run_fake(spark, tmp_path / "out", trouble=first(3, deny), rules=RULES)
    assert [status for _, status, _ in summary.incomplete] == ["failed"] * 3
    log = TableStore.open(str(tmp_path / "out")).read("scan_log").to_pylist()
    assert {(row["failure"], row["attempts"]) for row in log} == {("storage", 4), (None, 1)}


@pytest.mark.parametrize(
    ("shards", "share", "allowed"), [(256, 0.1, 25), (4, 0.1, 5), (256, 0.0, 5), (60, 0.1, 6), (10, 1.0, 10)]
)
def test_the_budget_is_a_share_and_never_less_than_five(shards: int, share: float, allowed: int) -> None:
    assert failures_allowed(shards, share) == allowed


def lost(failure: str, count: int, error: str = "e", bytes_read: int = 0) -> list[dict[str, Any]]:
    row = {"failure": failure, "error": error, "shard_uri": f"{error}.gz", "bytes_read": bytes_read}
    return [row] * count


def test_the_message_names_the_commonest_reason_and_a_shard_that_has_it() -> None:
    rows = lost("storage", 3, "reset") + lost("storage", 9, "denied") + lost("content", 99, "cut")
    with pytest.raises(
        PlatformError, match=r"denied.gz: 12 of 100 shards .* 9 of them: denied .*credentials"
    ):
        check_budget(rows, 100, 0.1)
    with pytest.raises(PlatformError, match="give workers more memory"):
        check_budget(lost("worker", 11, "every worker died"), 100, 0.1)
    check_budget(lost("storage", 10), 100, 0.1)


def test_only_a_wave_of_which_nothing_was_read_is_not_worth_a_second_try() -> None:
    assert is_hopeless(lost("storage", 12), 12, 0.1)
    assert not is_hopeless(lost("storage", 12, bytes_read=1), 12, 0.1)
    assert not is_hopeless(lost("storage", 11), 12, 0.1)
    assert not is_hopeless(lost("worker", 12), 12, 0.1)
    assert not is_hopeless(lost("storage", 3), 3, 0.1)


def test_one_site_that_refuses_everything_stops_the_run_however_few_its_shards_are() -> None:
    rows = lost("storage", 1, "reset") + lost(
        "host", 2, "the site is asked nothing more: access denied (403)"
    )
    assert is_hopeless(rows, 100, 0.1)
    with pytest.raises(
        PlatformError, match=r"3 of 100 shards .* could not be read; 2 of them: the site is asked"
    ):
        check_budget(rows, 100, 0.1)


def test_a_shard_that_took_too_long_is_no_matter_of_the_platform() -> None:
    check_budget(lost("time", 100), 100, 0.1)

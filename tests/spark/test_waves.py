"""Waves, and what happens when workers, storage, the disk or the platform let them down."""

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JNetworkError  # type: ignore[import-untyped]

from presswatch_spark.core.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.runs.run_work import (
    ALL_DIED,
    PlatformError,
    RunSummary,
    check_budget,
    failures_allowed,
    is_hopeless,
)
from presswatch_spark.scanning.runs.waves import FULL_SHARD_BYTES, dealt, spread, tasks_for
from presswatch_spark.scanning.shard.attempts import ShardAttempt
from presswatch_spark.storage.objects import ObjectInfo
from tests.spark.fakes import Fake, Trouble, be_cut, die, fake_shards, found_by, lose_connection, once
from tests.world.exposition import parsed
from tests.world.places import small_disk
from tests.world.processes import raising
from tests.world.proofs import each_time

SHARDS = [shard.uri for shard in fake_shards(12)]
ONE_WAVE = RunRules(wave_shards=12, shards_per_task=2)


@pytest.mark.parametrize(
    "rules",
    each_time(
        [RunRules(wave_shards=7, shards_per_task=3)],
        [RunRules(wave_shards=1), RunRules(wave_shards=7, shards_per_task=3), RunRules(shards_per_task=100)],
    ),
)
def test_the_digest_does_not_depend_on_waves_and_tasks(
    fake: Fake, undisturbed: RunSummary, rules: RunRules
) -> None:
    assert found_by(fake.run(rules=rules)) == found_by(undisturbed)


@pytest.mark.parametrize(("per_core", "waves"), [(3, 2), (6, 1), (1, 4)])
def test_a_wave_has_shards_for_each_core_and_never_too_few(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, per_core: int, waves: int
) -> None:
    monkeypatch.setattr("presswatch_spark.scanning.runs.waves.LEAST_WAVE", 3)
    monkeypatch.setattr("presswatch_spark.scanning.runs.waves.SHARDS_PER_CORE", per_core)
    fake.run(rules=RunRules())
    assert fake.metrics()["presswatch_waves_total"] == waves


class TestWorkersThatDie:
    def test_one_that_is_killed_costs_nothing(self, fake: Fake, undisturbed: RunSummary) -> None:
        flag = fake.scans / "killed"
        assert found_by(fake.run(trouble={"shard-007": once(flag, die)})) == found_by(undisturbed)
        assert flag.exists()

    def test_their_shard_is_found_at_once_and_its_neighbours_are_scanned_few_times(self, fake: Fake) -> None:
        killer, shards = "shard-017", fake_shards(64)
        trouble = {
            shard.uri: fake.counted(die if shard.uri == killer else lambda _: None) for shard in shards
        }
        rules = RunRules(wave_shards=64)
        summary, said = fake.told(shards=64, trouble=trouble, rules=rules)
        assert summary.incomplete == ((killer, "failed", ALL_DIED),)
        assert summary.row["matches"] == sum(shard.size or 0 for shard in shards if shard.uri != killer)
        times = fake.times()
        assert times.pop(killer) == 4
        group = tasks_for(shards, rules.shards_per_task, 2)
        assert sum(count - 1 for count in times.values()) <= 2 * 64 // group
        assert f"a Python worker died at {killer}" in said
        log = fake.rows("scan_log")
        assert [(row["failure"], row["attempts"]) for row in log if row["status"] == "failed"] == [
            ("worker", 4)
        ]
        assert fake.metrics()["presswatch_worker_deaths_total"] == 4
        assert fake.metrics()['presswatch_shard_failures_total cause="worker"'] == 1

    @pytest.mark.full
    def test_they_are_all_counted_though_their_wave_keeps_nothing(self, fake: Fake) -> None:
        fake.run(shards=3, trouble={"shard-001": die}, rules=RunRules(wave_shards=1))
        assert fake.metrics()["presswatch_worker_deaths_total"] == 4

    @pytest.mark.full
    def test_several_killers_in_one_task_are_all_set_aside(self, fake: Fake) -> None:
        killers = ["shard-001", "shard-004", "shard-007"]
        rules = RunRules(wave_shards=12, shards_per_task=100)
        summary = fake.run(trouble=dict.fromkeys(killers, die), rules=rules)
        assert sorted(uri for uri, _, _ in summary.incomplete) == killers
        assert summary.row["shards_complete"] == 9

    @pytest.mark.full
    def test_a_shard_set_aside_is_not_tried_again_when_the_run_is_resumed(self, fake: Fake) -> None:
        trouble = {"shard-001": fake.counted(die)}
        with pytest.raises(PresswatchError, match="the package is not on this host"):
            fake.run(trouble=trouble, broken="shard-007")
        before = fake.times()
        summary = fake.run(trouble=trouble)
        assert (summary.resumed, [uri for uri, _, _ in summary.incomplete]) == (True, ["shard-001"])
        assert fake.times() == before


def test_a_jvm_that_is_gone_between_two_waves_is_an_error_with_what_to_do(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = raising(Py4JNetworkError("Answer from Java side is empty"))
    monkeypatch.setattr("presswatch_spark.scanning.runs.waves.tasks_for", gone)
    with pytest.raises(PresswatchError, match=r"Answer from Java side is empty .*the run resumes"):
        fake.run()


class TestStorageThatFails:
    def test_once_changes_nothing_but_the_log(self, fake: Fake, undisturbed: RunSummary) -> None:
        trouble = {"shard-003": once(fake.scans / "reset", lose_connection)}
        assert found_by(fake.run(trouble=trouble)) == found_by(undisturbed)
        log = fake.rows("scan_log")
        assert [row["shard_uri"] for row in log if row["attempts"] > 1] == ["shard-003"]

    def test_for_a_shard_does_not_stop_the_run(self, fake: Fake) -> None:
        summary = fake.run(trouble={"shard-003": lose_connection})
        assert summary.incomplete == (("shard-003", "partial", "connection reset"),)
        assert (summary.row["shards_complete"], summary.row["shards_partial"]) == (11, 1)

    def test_between_two_tries_costs_nothing_but_the_second(self, fake: Fake) -> None:
        scans = fake.scans

        def lose_connection_twice(reading: ShardAttempt) -> None:
            """Fail in both attempts of the first try."""
            if len((scans / reading.shard.uri).read_text().splitlines()) <= 2:
                lose_connection(reading)

        trouble = dict.fromkeys(SHARDS[:11], fake.counted(lose_connection_twice))
        summary = fake.run(trouble=trouble, rules=ONE_WAVE)
        assert summary.incomplete == ()
        assert {row["attempts"] for row in fake.rows("scan_log")} == {1, 3}
        assert summary.row["matches"] == sum(shard.size or 0 for shard in fake_shards(12))


def deny(reading: ShardAttempt) -> None:
    """Fail before anything was read, as where credentials have expired."""
    reading.report.bytes_read = reading.report.documents = 0
    reading.tables["matches"].clear()
    raise StorageError("access denied: the token has expired", where=reading.shard.uri)


class TestPlatformThatFails:
    def test_stops_the_run_and_the_same_command_resumes(self, fake: Fake) -> None:
        stream, metrics = io.StringIO(), fake.scans.with_suffix(".prom")
        events = EventLog(stream)
        observer = Observer(Progress(live=False), events, str(metrics))
        message = r"6 of 12 shards .* 5 may be; 6 of them: access denied"
        with pytest.raises(PlatformError, match=message) as raised:
            fake.run(trouble=dict.fromkeys(SHARDS[:6], deny), rules=ONE_WAVE, observer=observer)
        assert "then run the same command again" in raised.value.remedy
        assert raised.value.where == "shard-000"
        assert fake.store.published() == []
        assert json.loads(stream.getvalue().splitlines()[-1])["event"] == "run_stopped"
        assert parsed(metrics.read_text())['presswatch_run_state{state="stopped"}'] == 1
        summary = fake.run(trouble=dict.fromkeys(SHARDS, fake.counted()), rules=ONE_WAVE)
        assert (summary.resumed, summary.incomplete, summary.row["shards_complete"]) == (True, (), 12)
        assert set(fake.times()) == set(SHARDS[:6])

    def test_for_every_shard_has_nothing_tried_twice(self, fake: Fake) -> None:
        with pytest.raises(PlatformError):
            fake.run(trouble=dict.fromkeys(SHARDS, fake.counted(deny)), rules=ONE_WAVE)
        assert set(fake.times().values()) == {2}  # the two attempts of one try

    @pytest.mark.parametrize(
        ("trouble", "count", "failures"),
        [(be_cut, 12, {("content", 1)}), (deny, 3, {("storage", 4), (None, 1)})],
        ids=["all shards are damaged", "storage refuses a few shards"],
    )
    def test_is_no_name_for_failures_of_shards(
        self, fake: Fake, trouble: Trouble, count: int, failures: set[tuple[str | None, int]]
    ) -> None:
        summary = fake.run(trouble=dict.fromkeys(SHARDS[:count], fake.counted(trouble)), rules=ONE_WAVE)
        assert len(summary.incomplete) == count
        log = fake.rows("scan_log")
        assert {(row["failure"], row["attempts"]) for row in log} == failures
        assert set(fake.times().values()) == {max(tries for _, tries in failures)}

    @pytest.mark.parametrize(
        ("shards", "share", "allowed"),
        [(256, 0.1, 25), (4, 0.1, 5), (256, 0.0, 5), (60, 0.1, 6), (10, 1.0, 10)],
    )
    def test_fails_more_than_a_share_and_never_less_than_five(
        self, shards: int, share: float, allowed: int
    ) -> None:
        assert failures_allowed(shards, share) == allowed


def lost(failure: str, count: int, error: str = "e", bytes_read: int = 0) -> list[dict[str, Any]]:
    row = {"failure": failure, "error": error, "shard_uri": f"{error}.gz", "bytes_read": bytes_read}
    return [row] * count


BLOCKED = lost("storage", 1, "reset") + lost("host", 2, "the site is asked nothing more: access denied (403)")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            lost("storage", 3, "reset") + lost("storage", 9, "denied") + lost("content", 99, "cut"),
            r"denied.gz: 12 of 100 shards .* 9 of them: denied .*credentials",
        ),
        (lost("worker", 11, "every worker died"), "raise the memory of workers"),
        # One site that refuses everything stops the run, however few its shards are.
        (BLOCKED, r"3 of 100 shards .* could not be read; 2 of them: the site is asked"),
        (lost("storage", 10), ""),
        (lost("time", 100), ""),
    ],
)
def test_the_message_names_the_commonest_reason_and_a_shard_that_has_it(
    rows: list[dict[str, Any]], message: str
) -> None:
    if not message:
        check_budget(rows, 100, 0.1)
        return
    with pytest.raises(PlatformError, match=message):
        check_budget(rows, 100, 0.1)


@pytest.mark.parametrize(
    ("rows", "shards", "hopeless"),
    [
        (lost("storage", 12), 12, True),
        (lost("storage", 12, bytes_read=1), 12, False),
        (lost("storage", 11), 12, False),
        (lost("worker", 12), 12, False),
        (lost("storage", 3), 3, False),
        (BLOCKED, 100, True),
    ],
)
def test_only_a_wave_of_which_nothing_was_read_is_not_worth_a_second_try(
    rows: list[dict[str, Any]], shards: int, hopeless: bool
) -> None:
    assert is_hopeless(rows, shards, 0.1) is hopeless


def test_a_resumed_run_keeps_finished_waves_and_does_not_count_what_an_unfinished_attempt_wrote(
    fake: Fake, undisturbed: RunSummary
) -> None:
    with pytest.raises(PresswatchError, match=r"the package is not on this host .*the same command again"):
        fake.run(broken="shard-007")
    (marker,) = fake.out.glob("_runs/*/waves/*.json")
    assert json.loads(marker.read_text())["shards"] == [0, 1, 2, 3, 4]
    unfinished = replace(fake, out=shutil.copytree(fake.out, fake.scans / "unfinished"))
    (marker,) = unfinished.out.glob("_runs/*/waves/*.json")
    marker.unlink()
    assert found_by(unfinished.run()) == found_by(undisturbed)
    scanned_again = {f"shard-{number:03}": die for number in range(5)}
    summary = fake.run(trouble=scanned_again, rules=RunRules(wave_shards=3))
    assert summary.resumed
    assert found_by(summary) == found_by(undisturbed)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path, "200k") as disk:
        yield disk or pytest.skip("mounting a small disk is not allowed here")


def test_a_full_disk_ends_the_run_with_what_to_do_and_room_lets_it_resume(
    fake: Fake, disk: Path, undisturbed: RunSummary
) -> None:
    rules, fake = RunRules(wave_shards=1), replace(fake, out=disk / "out")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(120_000))
    with pytest.raises(OutputError, match=r"the disk is full .*run the same command again"):
        fake.run(rules=rules)
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    summary = fake.run(rules=rules)
    assert summary.resumed
    assert found_by(summary) == found_by(undisturbed)


@pytest.mark.parametrize(
    ("count", "size", "cores", "tasks"),
    [
        (256, FULL_SHARD_BYTES, 2, 64),
        (256, 10 * FULL_SHARD_BYTES, 2, 64),
        (256, None, 2, 64),
        (256, FULL_SHARD_BYTES // 4, 2, 16),
        (256, 100, 2, 4),
        (5, 100, 2, 2),
        (5, 100, 16, 5),
    ],
)
def test_a_task_takes_four_whole_shards_or_more_small_ones_and_no_core_is_idle(
    count: int, size: int | None, cores: int, tasks: int
) -> None:
    assert tasks_for([ObjectInfo(f"/shard-{n}", size) for n in range(count)], 4, cores) == tasks


def test_shards_are_dealt_so_that_groups_weigh_the_same() -> None:
    groups = dealt({10 * size: ObjectInfo(f"s{size}", size) for size in range(1, 9)}, 2)
    assert groups == ((80, 60, 40, 20), (70, 50, 30, 10))


def test_shards_of_each_host_are_spread_evenly() -> None:
    uris = [
        *(f"s3://bucket/{n}" for n in range(6)),
        "/disk/6",
        *(f"https://slow.example/{n}" for n in (7, 8)),
    ]
    assert spread([ObjectInfo(uri, 1) for uri in uris]) == [0, 6, 7, 1, 2, 3, 8, 4, 5]
    assert spread([ObjectInfo(f"/disk/{n}", 1) for n in range(99)]) == list(range(99))

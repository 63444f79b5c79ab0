"""Runs on S3: one live process at a time, and what a process that slept too long may not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from presswatch_spark.core.errors import OutputError, StorageError
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.runs.markers import Note, Wave, read_note, read_waves, write_note, write_wave
from presswatch_spark.scanning.runs.unfinished import OwnedRun, UnfinishedRun, claim, clear, unfinished_runs
from presswatch_spark.scanning.runs.work import key_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import RunLease
from presswatch_spark.storage.objects import (
    ConflictError,
    DeniedError,
    MissingError,
    StorageOptions,
    read_object,
)
from presswatch_spark.storage.s3 import S3Store
from presswatch_spark.tables.declarations import PublishedRun
from presswatch_spark.tables.store import TableStore
from tests.world.servers import Fault, Server
from tests.world.tables import row_of

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = key_of("plan", "corpus")
URI = "s3://shards/tables/_runs/a.lock"
SECONDS = 0.6


@pytest.fixture
def options(faulty: Server, bucket: str) -> StorageOptions:
    return StorageOptions(endpoint=faulty.url, max_attempts=4, backoff_base=0.0001, read_timeout=5)


@pytest.fixture
def store(options: StorageOptions) -> TableStore:
    return TableStore.create("s3://shards/tables", options)


@pytest.fixture
def claims() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def fall_asleep(lock: Any) -> None:
    """Stop renewing, as a process does whose host is suspended."""
    lock.stop()


def wave(run: OwnedRun, first: int) -> Wave:
    return Wave(f"{first:06}-{run.epoch:08}", (first, first + 1), ShardTotals(shards=2), (), run.epoch)


class TestRuns:
    def test_a_live_run_is_under_way_and_a_dead_one_is_not_finished(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        claims.enter_context(claim(store, KEY, NOON, SECONDS))
        (run,) = unfinished_runs(store)
        assert isinstance(run, UnfinishedRun)
        assert run.under_way
        claims.close()
        (run,) = unfinished_runs(store)
        assert isinstance(run, UnfinishedRun)
        assert not run.under_way
        assert run.note().endswith(f"to drop it, aws s3 rm --recursive s3://shards/tables/_runs/{KEY[:16]}")

    def test_what_a_run_was_told_is_found_by_the_next(self, store: TableStore) -> None:
        with claim(store, KEY, NOON, SECONDS) as run:
            write_wave(run.folder, wave(run, 0))
        with claim(store, KEY, datetime.now(UTC), SECONDS) as again:
            assert (again.run_id, again.started_at, again.epoch) == (run.run_id, NOON, 2)
            assert [found.shards for found in again.waves] == [(0, 1)]
            clear(again)
        assert store.root.names() == []

    def test_no_wave_counts_that_a_sleeper_puts_after_it_was_followed(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(claim(store, KEY, NOON, SECONDS))
        write_wave(sleeper.folder, wave(sleeper, 0))
        fall_asleep(sleeper.lock)
        with claim(store, KEY, NOON, SECONDS) as follower:
            write_wave(follower.folder, wave(follower, 2))
            with pytest.raises(OutputError, match="taken this run over"):
                sleeper.lock.confirm()
            # Even a put that was under way when it fell asleep: what it rests on is the epoch.
            write_wave(sleeper.folder, wave(sleeper, 2))
            found = read_note(follower.folder)
            assert found
            counted = [(each.epoch, each.shards) for each in read_waves(follower.folder, found[0])]
            assert counted == [(1, (0, 1)), (2, (2, 3))]
        with claim(store, KEY, NOON, SECONDS) as third:
            assert [(each.epoch, each.shards) for each in third.waves] == counted

    def test_two_who_take_a_run_up_at_once_do_not_both_get_it(
        self, store: TableStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with claim(store, KEY, NOON, SECONDS) as run:
            pass
        data, _ = run.folder.read("run.json")

        def as_another_would(*given: Any) -> Any:
            run.folder.write("run.json", data + b" ")
            return read_waves(*given)

        monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.read_waves", as_another_would)
        with pytest.raises(ConflictError), claim(store, KEY, NOON, SECONDS):
            pass

    def test_two_who_note_the_same_of_a_run_do_not_both_get_it(
        self, store: TableStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with claim(store, KEY, NOON, SECONDS) as run:
            pass

        def as_another_does(folder: Folder, note: Note, etag: str | None) -> None:
            write_note(folder, note, etag)
            write_note(folder, note, etag)

        monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.write_note", as_another_does)
        with pytest.raises(ConflictError), claim(store, KEY, NOON, SECONDS):
            pass
        found = read_note(run.folder)
        assert found
        assert found[0].epoch == 2

    def test_who_slept_before_it_began_a_run_does_not_remove_its_followers(
        self, store: TableStore, monkeypatch: pytest.MonkeyPatch, claims: ExitStack
    ) -> None:
        taken, sleepers, followers = RunLease.take, list[RunLease](), list[OwnedRun]()

        def asleep_for_long(folder: Folder) -> tuple[Note, str] | None:
            monkeypatch.setattr(RunLease, "take", taken)
            monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.read_note", read_note)
            fall_asleep(sleepers[0])
            followers.append(claims.enter_context(claim(store, KEY, NOON, SECONDS)))
            write_wave(followers[0].folder, wave(followers[0], 0))
            return None

        def remembered(lease: RunLease) -> None:
            taken(lease)
            sleepers.append(lease)

        monkeypatch.setattr(RunLease, "take", remembered)
        monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.read_note", asleep_for_long)
        with pytest.raises(OutputError, match="taken this run over"), claim(store, KEY, NOON, SECONDS):
            pass
        assert followers[0].folder.names() == ["run.json", "waves/000000-00000001.json"]

    def test_who_slept_after_it_published_does_not_clear_the_run_that_follows(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(claim(store, KEY, NOON, SECONDS))
        store.publish("runs", row_of(PublishedRun, run_id=sleeper.run_id))
        fall_asleep(sleeper.lock)
        with claim(store, KEY, NOON, SECONDS) as follower:
            assert follower.run_id != sleeper.run_id
            clear(sleeper)
            assert follower.folder.names() == ["run.json"]

    def test_what_a_sleeper_staged_cannot_be_moved_any_more_once_it_is_followed(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(claim(store, KEY, NOON, SECONDS))
        sleeper.staged.write("a.parquet", b"of the sleeper")
        fall_asleep(sleeper.lock)
        with claim(store, KEY, NOON, SECONDS) as follower:
            follower.staged.write("a.parquet", b"of its follower")
            store.adopt("matches", follower.run_id, [follower.staged.at("a.parquet")])
            with pytest.raises(MissingError):
                store.adopt("matches", sleeper.run_id, [sleeper.staged.at("a.parquet")])
        name = f"matches/{follower.run_id}-00000.parquet"
        assert store.root.read(name)[0] == b"of its follower"

    def test_a_run_is_published_once(self, store: TableStore) -> None:
        rows = [row_of(PublishedRun, run_id="20261124T120000Z-aaaaaa", documents=number) for number in (1, 2)]
        store.publish("runs", rows[0])
        with pytest.raises(ConflictError):
            store.publish("runs", rows[1])
        assert store.read("runs")["documents"].to_pylist() == [1]

    def test_a_publication_of_which_only_the_reply_was_lost_is_one(
        self, store: TableStore, faulty: Server
    ) -> None:
        faulty.put_faults.extend([Fault(lost=True), *[Fault(status=503)] * 3])
        store.publish("runs", row_of(PublishedRun, run_id="20261124T120000Z-aaaaaa"))
        assert not faulty.put_faults
        assert store.published() == ["20261124T120000Z-aaaaaa"]
        faulty.put_faults.extend([Fault(status=503)] * 4)
        with pytest.raises(StorageError, match="503"):
            store.publish("runs", row_of(PublishedRun, run_id="20261124T130000Z-aaaaaa"))

    def test_the_lock_says_who_holds_it_and_no_more(self, store: TableStore) -> None:
        with claim(store, KEY, NOON, SECONDS) as run:
            data, _ = read_object(f"{run.folder.uri}.lock", store.root.storage)
        assert b'"host"' in data
        assert b"testing" not in data


def test_who_may_read_the_tables_and_no_more_is_told_of_a_run_that_has_stopped(
    store: TableStore, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may list a prefix alone is denied what is not there: neither lock nor note need be."""
    with suppress(KeyboardInterrupt), claim(store, KEY, NOON, SECONDS):
        raise KeyboardInterrupt
    (store.root / "_runs" / "0000").write("parts/x", b"")
    read = S3Store.read

    def denied(storage: S3Store, uri: str) -> tuple[bytes, str]:
        try:
            return read(storage, uri)
        except MissingError as error:
            raise DeniedError("access denied", where=uri) from error

    monkeypatch.setattr(S3Store, "read", denied)
    (run,) = unfinished_runs(store)
    assert isinstance(run, UnfinishedRun)
    assert not run.under_way

"""Runs whose tables are on S3: the rows of a local run, one live process at a time, whatever storage does."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.core.processes import user_temporary
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.pipeline import SCAN
from presswatch_spark.scanning.runs import engine, result_parts
from presswatch_spark.scanning.runs.result_parts import part_files, read_part
from presswatch_spark.scanning.runs.run_work import RunSummary, key_of
from presswatch_spark.scanning.runs.unfinished import (
    OwnedRun,
    RunNote,
    UnfinishedRun,
    Wave,
    clear,
    own_run,
    read_note,
    read_waves,
    unfinished_runs,
    write_note,
    write_wave,
)
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks_and_leases import RunLease
from presswatch_spark.storage.objects import (
    ConflictError,
    DeniedError,
    MissingError,
    StorageOptions,
    read_object,
)
from presswatch_spark.storage.s3 import S3Store
from presswatch_spark.tables.declarations import PublishedRun, ShardLog
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import declare, fake_shards, run_fake
from tests.world.places import Bucket
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.servers import Fault, Server
from tests.world.tables import flipped, row_of

OUT = "s3://shards/some tables"
SHARDS = 6
DECLARED = dict.fromkeys((shard.uri for shard in fake_shards(SHARDS)), declare)
RULES = RunRules(wave_shards=5, shards_per_task=2, lease_seconds=3)
MULTIPART_BYTES = 9 << 20


@pytest.fixture
def options(endpoint: str, bucket: str) -> StorageOptions:
    return StorageOptions(endpoint=endpoint, max_attempts=8, backoff_base=0.0001, read_timeout=5)


@pytest.fixture
def by_faulty(options: StorageOptions, faulty: Server) -> StorageOptions:
    """The same, through a server that fails on demand and knows what it was asked."""
    return replace(options, endpoint=faulty.url)


@pytest.fixture(scope="module")
def on_disk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, TableStore]:
    out = tmp_path_factory.mktemp("disk") / "out"
    return run_fake(spark, out, shards=SHARDS, trouble=DECLARED), TableStore.open(str(out))


@pytest.fixture
def run(spark: SparkSession, options: StorageOptions) -> Any:
    """Run fake shards into tables on S3; the summary, and the tables."""

    def run_there(storage: StorageOptions = options, **given: Any) -> tuple[RunSummary, TableStore]:
        usual = {"rules": RULES, "shards": SHARDS, "trouble": DECLARED}
        return run_fake(spark, OUT, storage=storage, **usual | given), TableStore.open(OUT, storage)

    return run_there


def assert_same(one: tuple[RunSummary, TableStore], other: tuple[RunSummary, TableStore]) -> None:
    """Both published the same rows, in the same order, and left nothing else."""
    own, stores = {"run_id", "started_at", "finished_at", "seconds", "files"}, (one[1], other[1])
    for table in ("matches", "rights_signals", "corpus_articles", "scan_log", "runs"):
        found = [store.read(table) for store in stores]
        here, there = (each.drop_columns([*own & {*each.column_names}]).to_pylist() for each in found)
        assert here == there
    for store in stores:
        assert not [name for name in store.root.entries() if name.startswith("_runs/")]


def test_a_run_on_s3_gives_the_rows_of_one_on_disk_in_the_same_files_and_changes_of_these_are_noticed(
    run: Any, by_faulty: StorageOptions, faulty: Server, s3: Bucket, on_disk: tuple[RunSummary, TableStore]
) -> None:
    found = run(by_faulty)
    assert_same(on_disk, found)
    tables = ("corpus_articles", "matches", "metrics", "rights_signals", "runs", "scan_log")
    keys = {table: f"some tables/{table}/{found[0].run_id}-00000.parquet" for table in tables}
    assert sorted(s3.names()) == ["some tables/_presswatch.json", *keys.values()]
    store = found[1]
    for table, key in keys.items():
        faulty.requests.clear()
        assert store.files(table) == {f"{s3.uri}/{key}": [found[0].run_id]}
        # What a table's rows publish is known without a request for its files.
        assert table == "runs" or not [url for _, url, _ in faulty.requests if f"/{table}/" in url]
        data = s3.get(key)
        places = (40, 4 * len(data), 8 * len(data) - 80)
        for place in places if table in ("matches", "runs") else places[1:2]:
            s3.put(key, flipped(data, place))
            with pytest.raises(DamagedTablesError, match="publishe"):
                store.read(table)
        s3.delete(key)
        if table != "runs":
            with pytest.raises(DamagedTablesError, match="it is missing"):
                store.read(table)
        s3.put(key, data)
        assert len(store.read(table))


def test_servers_that_fail_and_replies_that_get_lost_change_nothing(
    run: Any, by_faulty: StorageOptions, faulty: Server, on_disk: tuple[RunSummary, TableStore]
) -> None:
    trouble = [Fault(status=503), Fault(lost=True), Fault(), Fault(status=500), Fault(), Fault(lost=True)]
    faulty.put_faults.extend(trouble * 3)
    faulty.faults.extend([Fault(status=503), Fault(cut_after=100), Fault()] * 3)
    assert_same(on_disk, run(by_faulty))
    assert not faulty.put_faults, "every fault was met"


@pytest.mark.full
@pytest.mark.parametrize("limit", [(engine, "SORTED_HERE_BYTES"), (result_parts, "MOST_PARTS")])
def test_what_is_large_or_in_many_parts_is_sorted_by_spark_into_several_files(
    run: Any, monkeypatch: pytest.MonkeyPatch, on_disk: tuple[RunSummary, TableStore], limit: tuple[Any, str]
) -> None:
    monkeypatch.setattr(*limit, 0)
    monkeypatch.setattr(engine, "FILE_BYTES", 30_000)
    summary, store = run()
    assert len(store.files("matches")) > 1
    assert_same(on_disk, (summary, store))


@pytest.mark.parametrize("moved", each_time([2], [0, 1, 2]))
def test_finished_waves_are_kept_leftovers_are_not_and_a_publication_cut_short_is_done_again(
    run: Any, options: StorageOptions, s3: Bucket, on_disk: tuple[RunSummary, TableStore], moved: int
) -> None:
    with pytest.raises(PresswatchError, match=r"not on this host .*the same command again"):
        run(broken="shard-005")
    store = TableStore.open(OUT, options)
    names = [name for name in store.root.entries() if name.startswith("_runs/")]
    assert sum("/waves/" in name for name in names) == 1
    part = next(name for name in names if name.endswith("-matches.parquet"))
    attempt, name = part.rsplit("/", 1)
    for copy in (f"{attempt}/0{name}", f"{attempt}x/{name}"):
        s3.copy(f"some tables/{part}", f"some tables/{copy}")

    adopt, tables, killed = TableStore.adopt, list[str](), raising(KeyboardInterrupt)

    def until_killed(store: TableStore, table: str, *given: Any) -> list[str]:
        tables.append(table)
        if len(tables) > moved:
            killed()
        return adopt(store, table, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(TableStore, "adopt", until_killed)
        patched.setattr(TableStore, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert (store.published(), len(store.read("matches"))) == ([], 0)
    found = run()
    assert found[0].resumed
    assert_same(on_disk, found)


@pytest.mark.full
def test_a_process_that_was_followed_while_it_published_cannot_publish(
    run: Any, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt = TableStore.adopt
    followers, sleeping, taken = list[RunSummary](), list[Any](), RunLease.take

    def asleep_for_long(store: TableStore, *given: Any) -> list[str]:
        monkeypatch.setattr(TableStore, "adopt", adopt)
        lock = sleeping[0]
        lock.stop()
        followers.append(run()[0])
        return adopt(store, *given)

    def remembered(lease: RunLease) -> None:
        taken(lease)
        sleeping.append(lease)

    monkeypatch.setattr(RunLease, "take", remembered)
    monkeypatch.setattr(TableStore, "adopt", asleep_for_long)
    with pytest.raises((OutputError, StorageError)):
        run()
    store = TableStore.open(OUT, options)
    assert store.published() == [followers[0].run_id]
    assert len(store.read("matches")) == followers[0].row["matches"]


@pytest.mark.parametrize("size", each_time([1, MULTIPART_BYTES], [0, 1, 1_000_000, MULTIPART_BYTES]))
@pytest.mark.parametrize(
    "faults",
    [[Fault(status=503)] * 3, [Fault(lost=True)] * 2, [Fault(status=503)] * 40],
    ids=["few", "lost", "many"],
)
def test_a_file_is_whole_or_absent(
    by_faulty: StorageOptions, faulty: Server, size: int, faults: list[Fault]
) -> None:
    options, data = by_faulty, os.urandom(size)
    folder = Folder.of(OUT, options)
    faulty.put_faults.extend(faults)
    try:
        with folder.new_file("part") as path:
            path.write_bytes(data)
    except StorageError:
        assert len(faults) > options.max_attempts
        with pytest.raises(MissingError):
            read_object(folder.at("part"), options)
    else:
        assert len(faults) < options.max_attempts
        assert read_object(folder.at("part"), options)[0] == data
    assert not path.exists()
    # Where the next process finds it, if this one is killed.
    assert path.parent.parent == user_temporary() / "scratch"


def test_a_file_whose_writer_fails_is_not_there(options: StorageOptions) -> None:
    folder = Folder.of(OUT, options)
    drafts: list[Path] = []

    def write() -> None:
        with folder.new_file("part") as path:
            drafts.append(path)
            path.write_bytes(b"half of it")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert folder.names() == []
    assert not drafts[0].exists()


def test_a_part_is_read_with_one_request(by_faulty: StorageOptions, faulty: Server) -> None:
    parts = Folder.of(OUT, by_faulty)
    log = row_of(ShardLog, shard_uri="s3://b/1.gz", status="complete")
    with part_files(parts, "000000-abcd", SCAN.columns) as files:
        files.add("scan_log", [pa.RecordBatch.from_pylist([log], SCAN.columns["scan_log"])])
    faulty.requests.clear()
    assert read_part(parts, files.parts[0], ["shard_uri"])["shard_uri"].to_pylist() == ["s3://b/1.gz"]
    assert [method for method, _, _ in faulty.requests] == ["GET"]


def test_folders_of_others_are_left_alone_and_missing_buckets_are_named(
    options: StorageOptions, s3: Bucket
) -> None:
    s3.put("some tables/.hidden/thesis.doc", b"")
    for out, said in ((OUT, "contains other files"), ("s3://no-such-bucket/tables", "no such bucket")):
        with pytest.raises((OutputError, StorageError), match=said):
            TableStore.create(out, options)


NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = key_of("plan", "corpus")
SECONDS = 0.6


@pytest.fixture
def store(options: StorageOptions) -> TableStore:
    return TableStore.create("s3://shards/tables", options)


@pytest.fixture
def claims() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def wave(run: OwnedRun, first: int) -> Wave:
    return Wave(f"{first:06}-{run.epoch:08}", (first, first + 1), ShardTotals(shards=2), (), run.epoch)


class TestRuns:
    """A lease that stops is that of a process whose host is suspended: it is renewed no more."""

    def test_a_live_run_is_under_way_and_a_dead_one_not(self, store: TableStore, claims: ExitStack) -> None:
        owned = claims.enter_context(own_run(store, KEY, NOON, SECONDS))
        (run,) = unfinished_runs(store)
        assert isinstance(run, UnfinishedRun)
        assert run.under_way
        # The lock names its holder, and no secret.
        data, _ = read_object(f"{owned.folder.uri}.lock", store.root.storage)
        assert (b'"host"' in data, b"testing" in data) == (True, False)
        claims.close()
        (run,) = unfinished_runs(store)
        assert isinstance(run, UnfinishedRun)
        assert not run.under_way
        assert run.message().endswith(
            f"to drop it: aws s3 rm --recursive s3://shards/tables/_runs/{KEY[:16]}"
        )

    def test_what_a_run_was_told_is_found_by_the_next(self, store: TableStore) -> None:
        with own_run(store, KEY, NOON, SECONDS) as run:
            write_wave(run.folder, wave(run, 0))
        with own_run(store, KEY, datetime.now(UTC), SECONDS) as again:
            assert (again.run_id, again.started_at, again.epoch) == (run.run_id, NOON, 2)
            assert [found.shards for found in again.waves] == [(0, 1)]
            clear(again)
        assert store.root.names() == []

    def test_no_wave_of_a_sleeper_that_was_followed_counts(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(own_run(store, KEY, NOON, SECONDS))
        write_wave(sleeper.folder, wave(sleeper, 0))
        sleeper.lock.stop()
        with own_run(store, KEY, NOON, SECONDS) as follower:
            write_wave(follower.folder, wave(follower, 2))
            with pytest.raises(OutputError, match="taken over this run"):
                sleeper.lock.confirm()
            # Even a put that was under way when it fell asleep: what it rests on is the epoch.
            write_wave(sleeper.folder, wave(sleeper, 2))
            found = read_note(follower.folder)
            assert found
            counted = [(each.epoch, each.shards) for each in read_waves(follower.folder, found[0])]
            assert counted == [(1, (0, 1)), (2, (2, 3))]
        with own_run(store, KEY, NOON, SECONDS) as third:
            assert [(each.epoch, each.shards) for each in third.waves] == counted

    @pytest.mark.parametrize("meanwhile", ["read_waves", "write_note"])
    def test_two_who_take_a_run_up_at_once_do_not_both_get_it(
        self, store: TableStore, monkeypatch: pytest.MonkeyPatch, meanwhile: str
    ) -> None:
        """Another changes the run's note, or writes the same one, before this process does."""
        with own_run(store, KEY, NOON, SECONDS) as run:
            pass
        data, _ = run.folder.read("run.json")

        def as_another_would(*given: Any) -> Any:
            if meanwhile == "read_waves":
                run.folder.write("run.json", data + b" ")
                return read_waves(*given)
            write_note(*given)
            return write_note(*given)

        monkeypatch.setattr(f"presswatch_spark.scanning.runs.unfinished.{meanwhile}", as_another_would)
        with pytest.raises(ConflictError), own_run(store, KEY, NOON, SECONDS):
            pass
        if meanwhile == "write_note":
            found = read_note(run.folder)
            assert found
            assert found[0].epoch == 2

    def test_who_slept_before_it_began_a_run_does_not_remove_its_followers(
        self, store: TableStore, monkeypatch: pytest.MonkeyPatch, claims: ExitStack
    ) -> None:
        taken, sleepers, followers = RunLease.take, list[RunLease](), list[OwnedRun]()

        def asleep_for_long(folder: Folder) -> tuple[RunNote, str] | None:
            monkeypatch.setattr(RunLease, "take", taken)
            monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.read_note", read_note)
            sleepers[0].stop()
            followers.append(claims.enter_context(own_run(store, KEY, NOON, SECONDS)))
            write_wave(followers[0].folder, wave(followers[0], 0))
            return None

        def remembered(lease: RunLease) -> None:
            taken(lease)
            sleepers.append(lease)

        monkeypatch.setattr(RunLease, "take", remembered)
        monkeypatch.setattr("presswatch_spark.scanning.runs.unfinished.read_note", asleep_for_long)
        with pytest.raises(OutputError, match="taken over this run"), own_run(store, KEY, NOON, SECONDS):
            pass
        assert followers[0].folder.names() == ["run.json", "waves/000000-00000001.json"]

    def test_who_slept_after_it_published_does_not_clear_the_run_that_follows(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(own_run(store, KEY, NOON, SECONDS))
        store.publish("runs", row_of(PublishedRun, run_id=sleeper.run_id))
        sleeper.lock.stop()
        with own_run(store, KEY, NOON, SECONDS) as follower:
            assert follower.run_id != sleeper.run_id
            clear(sleeper)
            assert follower.folder.names() == ["run.json"]

    def test_what_a_sleeper_staged_cannot_be_moved_any_more_once_it_is_followed(
        self, store: TableStore, claims: ExitStack
    ) -> None:
        sleeper = claims.enter_context(own_run(store, KEY, NOON, SECONDS))
        sleeper.staged.write("a.parquet", b"of the sleeper")
        sleeper.lock.stop()
        with own_run(store, KEY, NOON, SECONDS) as follower:
            follower.staged.write("a.parquet", b"of its follower")
            store.adopt("matches", follower.run_id, [follower.staged.at("a.parquet")])
            with pytest.raises(MissingError):
                store.adopt("matches", sleeper.run_id, [sleeper.staged.at("a.parquet")])
        name = f"matches/{follower.run_id}-00000.parquet"
        assert store.root.read(name)[0] == b"of its follower"

    def test_a_run_is_published_once_even_if_the_reply_was_lost(
        self, by_faulty: StorageOptions, faulty: Server
    ) -> None:
        store = TableStore.create("s3://shards/tables", replace(by_faulty, max_attempts=4))
        rows = [row_of(PublishedRun, run_id="20261124T120000Z-aaaaaa", documents=number) for number in (1, 2)]
        faulty.put_faults.extend([Fault(lost=True), *[Fault(status=503)] * 3])
        store.publish("runs", rows[0])
        assert not faulty.put_faults
        with pytest.raises(ConflictError):
            store.publish("runs", rows[1])
        assert store.read("runs")["documents"].to_pylist() == [1]
        assert store.published() == ["20261124T120000Z-aaaaaa"]
        faulty.put_faults.extend([Fault(status=503)] * 4)
        with pytest.raises(StorageError, match="503"):
            store.publish("runs", row_of(PublishedRun, run_id="20261124T130000Z-aaaaaa"))


def test_who_may_read_the_tables_and_no_more_is_told_of_a_run_that_has_stopped(
    store: TableStore, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may list a prefix alone is denied what is not there: neither lock nor note need be."""
    with suppress(KeyboardInterrupt), own_run(store, KEY, NOON, SECONDS):
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

"""Runs whose tables lie on S3: the rows of a local run, whatever storage does meanwhile."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.core.processes import user_temporary
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.scanning.pipeline import SCAN, RunSummary
from presswatch_spark.scanning.runs import publish
from presswatch_spark.scanning.runs.markers import part_files, read_part
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import RunLease
from presswatch_spark.storage.objects import MissingError, StorageOptions, read_object
from presswatch_spark.tables.declarations import SCHEMAS, ShardLog
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.s3.conftest import client_of
from tests.spark.fakes import declare, fake_shards, run_fake
from tests.world.proofs import each_time
from tests.world.servers import Fault, Server
from tests.world.tables import flipped, row_of

OUT = "s3://shards/some tables"
SHARDS = 12
DECLARED = dict.fromkeys((shard.uri for shard in fake_shards(SHARDS)), declare)
RULES = RunRules(wave_shards=5, shards_per_task=2, lease_seconds=1)
MULTIPART_BYTES = 9 << 20


@pytest.fixture
def options(faulty: Server, bucket: str) -> StorageOptions:
    return StorageOptions(endpoint=faulty.url, max_attempts=8, backoff_base=0.0001, read_timeout=5)


@pytest.fixture(scope="module")
def on_disk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSummary, TableStore]:
    out = tmp_path_factory.mktemp("disk") / "out"
    return run_fake(spark, out, trouble=DECLARED), TableStore.open(str(out))


def on_s3(spark: SparkSession, options: StorageOptions, **given: Any) -> tuple[RunSummary, TableStore]:
    summary = run_fake(spark, OUT, rules=RULES, storage=options, **({"trouble": DECLARED} | given))
    return summary, TableStore.open(OUT, options)


def assert_same(one: tuple[RunSummary, TableStore], other: tuple[RunSummary, TableStore]) -> None:
    """Both published the same rows, in the same order, and left nothing else."""
    own = {"run_id", "started_at", "finished_at", "seconds", "files"}
    for table in ("matches", "rights_signals", "corpus_articles", "scan_log", "runs"):
        rows = [
            [
                {name: value for name, value in row.items() if name not in own}
                for row in store.read(table).to_pylist()
            ]
            for _, store in (one, other)
        ]
        assert rows[0] == rows[1]
    for _, store in (one, other):
        assert not [name for name in store.root.entries() if name.startswith("_runs/")]


def test_a_run_on_s3_gives_the_rows_of_one_on_disk_in_the_same_files(
    spark: SparkSession, options: StorageOptions, client: Any, on_disk: tuple[RunSummary, TableStore]
) -> None:
    found = on_s3(spark, options)
    assert_same(on_disk, found)
    keys = [each["Key"] for each in client.list_objects_v2(Bucket="shards")["Contents"]]
    run = found[0].run_id
    assert sorted(keys) == [
        "some tables/_presswatch.json",
        *(
            f"some tables/{table}/{run}-00000.parquet"
            for table in ("corpus_articles", "matches", "metrics", "rights_signals", "runs", "scan_log")
        ),
    ]


def test_objects_that_are_not_those_that_were_published_are_noticed_and_others_cost_no_request(
    spark: SparkSession, options: StorageOptions, faulty: Server, client: Any
) -> None:
    _, store = on_s3(spark, options, shards=3)
    for table in ("matches", "rights_signals", "scan_log", "metrics", "runs"):
        faulty.requests.clear()
        (uri,) = store.files(table)
        assert table == "runs" or not [url for _, url, _ in faulty.requests if f"/{table}/" in url]
        key = uri.removeprefix("s3://shards/")
        data = client.get_object(Bucket="shards", Key=key)["Body"].read()
        for place in (40, 4 * len(data), 8 * len(data) - 80):
            client.put_object(Bucket="shards", Key=key, Body=flipped(data, place))
            with pytest.raises(DamagedTablesError, match="publishe"):
                store.read(table)
        client.delete_object(Bucket="shards", Key=key)
        if table != "runs":
            with pytest.raises(DamagedTablesError, match="it is missing"):
                store.read(table)
        client.put_object(Bucket="shards", Key=key, Body=data)
        assert len(store.read(table))


@pytest.fixture(scope="module")
def published(spark: SparkSession, endpoint: str) -> TableStore:
    """The tables of one run, in a bucket of their own, which stays."""
    client_of("s3", endpoint).create_bucket(Bucket="schemas")
    options = StorageOptions(endpoint=endpoint)
    run_fake(spark, "s3://schemas/out", rules=RULES, storage=options, trouble=DECLARED, shards=3)
    return TableStore.open("s3://schemas/out", options)


@pytest.mark.parametrize("table", each_time(("matches", "scan_log", "runs", "claims"), SCHEMAS))
def test_tables_on_s3_have_the_documented_schema_with_and_without_spark(
    spark: SparkSession, published: TableStore, table: str
) -> None:
    assert published.read(table).schema == SCHEMAS[table]
    frame = published.frame(spark, table)
    assert (frame.columns, frame.count()) == (SCHEMAS[table].names, len(published.read(table)))


def test_servers_that_fail_and_replies_that_get_lost_change_nothing(
    spark: SparkSession, options: StorageOptions, faulty: Server, on_disk: tuple[RunSummary, TableStore]
) -> None:
    trouble = [Fault(status=503), Fault(lost=True), Fault(), Fault(status=500), Fault(), Fault(lost=True)]
    faulty.put_faults.extend(trouble * 4)
    faulty.faults.extend([Fault(status=503), Fault(cut_after=100), Fault()] * 4)
    assert_same(on_disk, on_s3(spark, options))
    assert not faulty.put_faults, "every fault was met"


def test_finished_waves_are_kept_and_leftovers_are_neither_read_nor_kept(
    spark: SparkSession, options: StorageOptions, client: Any, on_disk: tuple[RunSummary, TableStore]
) -> None:
    with pytest.raises(PresswatchError, match=r"not on this host .*the same command again"):
        on_s3(spark, options, broken="shard-007")
    store = TableStore.open(OUT, options)
    names = [name for name in store.root.entries() if name.startswith("_runs/")]
    assert sum("/waves/" in name for name in names) == 1
    part = next(name for name in names if name.endswith("-matches.parquet"))
    attempt, name = part.rsplit("/", 1)
    for copy in (f"{attempt}/0{name}", f"{attempt}x/{name}"):
        source = {"Bucket": "shards", "Key": f"some tables/{part}"}
        client.copy_object(Bucket="shards", Key=f"some tables/{copy}", CopySource=source)
    found = on_s3(spark, options)
    assert found[0].resumed
    assert_same(on_disk, found)


@pytest.mark.full
def test_what_is_large_is_sorted_by_spark_into_several_files(
    spark: SparkSession,
    options: StorageOptions,
    monkeypatch: pytest.MonkeyPatch,
    on_disk: tuple[RunSummary, TableStore],
) -> None:
    monkeypatch.setattr(publish, "SORTED_HERE_BYTES", 0)
    monkeypatch.setattr(publish, "FILE_BYTES", 30_000)
    summary, store = on_s3(spark, options)
    assert len(store.files("matches")) > 1
    assert_same(on_disk, (summary, store))


@pytest.mark.parametrize("moved", [*(pytest.param(each, marks=pytest.mark.full) for each in (0, 1)), 2])
def test_a_publication_cut_short_shows_nothing_and_is_done_again(
    spark: SparkSession,
    options: StorageOptions,
    monkeypatch: pytest.MonkeyPatch,
    on_disk: tuple[RunSummary, TableStore],
    moved: int,
) -> None:
    adopt, tables = TableStore.adopt, list[str]()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    def until_killed(store: TableStore, table: str, *given: Any) -> list[str]:
        tables.append(table)
        if len(tables) > moved:
            killed()
        return adopt(store, table, *given)

    monkeypatch.setattr(TableStore, "adopt", until_killed)
    monkeypatch.setattr(TableStore, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        on_s3(spark, options)
    store = TableStore.open(OUT, options)
    assert (store.published(), len(store.read("matches"))) == ([], 0)
    monkeypatch.undo()
    found = on_s3(spark, options)
    assert found[0].resumed
    assert_same(on_disk, found)


@pytest.mark.full
def test_a_process_that_was_followed_while_it_published_cannot_publish(
    spark: SparkSession, options: StorageOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt = TableStore.adopt
    followers, sleeping, taken = list[RunSummary](), list[Any](), RunLease.take

    def asleep_for_long(store: TableStore, *given: Any) -> list[str]:
        monkeypatch.setattr(TableStore, "adopt", adopt)
        lock = sleeping[0]
        lock.stop()
        followers.append(on_s3(spark, options)[0])
        return adopt(store, *given)

    def remembered(lease: RunLease) -> None:
        taken(lease)
        sleeping.append(lease)

    monkeypatch.setattr(RunLease, "take", remembered)
    monkeypatch.setattr(TableStore, "adopt", asleep_for_long)
    with pytest.raises((OutputError, StorageError)):
        on_s3(spark, options)
    store = TableStore.open(OUT, options)
    assert store.published() == [followers[0].run_id]
    assert len(store.read("matches")) == followers[0].row["matches"]


@pytest.mark.parametrize("size", each_time([1, MULTIPART_BYTES], [0, 1, 1_000_000, MULTIPART_BYTES]))
@pytest.mark.parametrize(
    "faults",
    [[Fault(status=503)] * 3, [Fault(lost=True)] * 2, [Fault(status=503)] * 40],
    ids=["few", "lost", "many"],
)
def test_a_file_is_there_whole_or_not_at_all(
    options: StorageOptions, faulty: Server, size: int, faults: list[Fault]
) -> None:
    folder, data = Folder.of(OUT, options), os.urandom(size)
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


def test_a_part_is_read_with_one_request(options: StorageOptions, faulty: Server) -> None:
    parts = Folder.of(OUT, options)
    log = row_of(ShardLog, shard_uri="s3://b/1.gz", status="complete")
    with part_files(parts, "000000-abcd", SCAN.columns) as files:
        files.add("scan_log", [pa.RecordBatch.from_pylist([log], SCAN.columns["scan_log"])])
    faulty.requests.clear()
    assert read_part(parts, files.parts[0], ["shard_uri"])["shard_uri"].to_pylist() == ["s3://b/1.gz"]
    assert [method for method, _, _ in faulty.requests] == ["GET"]


def test_a_folder_of_someone_elses_objects_is_refused_and_left_alone(
    options: StorageOptions, client: Any
) -> None:
    client.put_object(Bucket="shards", Key="some tables/.hidden/thesis.doc", Body=b"")
    with pytest.raises(OutputError, match="not ours"):
        TableStore.create(OUT, options)


def test_a_bucket_that_is_not_there_is_named(options: StorageOptions) -> None:
    with pytest.raises(StorageError, match="no such bucket"):
        TableStore.create("s3://no-such-bucket/tables", options)

"""What a run leaves behind, as its users read it."""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.scanning.monitoring.progress import EventLog, Observer, Progress
from presswatch_spark.scanning.runs import engine, publish
from presswatch_spark.scanning.runs.publish import Sorted, sorted_by_spark, sorted_here
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables import sorted_files
from presswatch_spark.tables.declarations import SCHEMAS, Match, columns_without_run
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.sorted_files import GROUP_ROWS, ORDERS, SOUGHT, SortedFiles
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import be_cut, declare, fake_articles, fake_shards, run_fake
from tests.world.proofs import each_time

SHARDS = 7
ROWS = sum(shard.size or 0 for shard in fake_shards(SHARDS))

READERS = {
    "pyarrow.parquet": lambda spark, folder: pq.read_table(folder).to_pylist(),
    "pyarrow.dataset": lambda spark, folder: ds.dataset(folder).to_table().to_pylist(),
    "pandas": lambda spark, folder: pd.read_parquet(folder).to_dict("records"),
    "spark": lambda spark, folder: [row.asDict() for row in spark.read.parquet(folder).collect()],
    "glob": lambda spark, folder: [
        row for file in Path(folder).glob("**/*.parquet") for row in pq.read_table(file).to_pylist()
    ],
}


@pytest.fixture(scope="module")
def two_runs(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder, with brackets and a blank in its name, of the same scan done twice."""
    out = tmp_path_factory.mktemp("tables") / "out [1] {x}"
    for _ in range(2):
        run_fake(spark, out, shards=SHARDS)
    return out


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_sees_all_rows_and_the_run_they_belong_to(
    two_runs: Path, reader: str, spark: SparkSession
) -> None:
    published = TableStore.open(str(two_runs)).published()
    folder = str(two_runs / "matches")
    if reader == "spark":
        folder = folder.replace("[", r"\[").replace("]", r"\]").replace("{", r"\{").replace("}", r"\}")
    rows = READERS[reader](spark, folder)
    assert set(rows[0]) == set(Match.schema.names)
    assert {run_id: [row["run_id"] for row in rows].count(run_id) for run_id in published} == {
        published[0]: ROWS,
        published[1]: ROWS,
    }


@pytest.mark.parametrize("table", each_time(("matches", "scan_log", "runs", "claims"), SCHEMAS))
def test_our_readers_give_the_documented_schema_with_and_without_spark(
    two_runs: Path, table: str, spark: SparkSession
) -> None:
    store = TableStore.open(str(two_runs))
    assert store.read(table).schema == SCHEMAS[table]
    assert store.frame(spark, table).columns == SCHEMAS[table].names
    assert store.frame(spark, table).count() == len(store.read(table))


def test_the_same_scan_done_twice_has_the_same_digest(two_runs: Path) -> None:
    digests = TableStore.open(str(two_runs)).read("runs")["table_digest"].to_pylist()
    assert digests[0] == digests[1]


def test_the_digest_can_be_recomputed_from_the_rows_in_any_order(two_runs: Path) -> None:
    store = TableStore.open(str(two_runs))
    run = store.read("runs").to_pylist()[0]
    rows = store.read("matches", run["run_id"])["row_sha256"].to_pylist()
    random.Random(0).shuffle(rows)
    assert digest_of(rows) == run["table_digest"]


def test_the_run_adds_up(two_runs: Path) -> None:
    run = TableStore.open(str(two_runs)).read("runs").to_pylist()[0]
    assert (run["shards_planned"], run["shards_complete"], run["shards_failed"]) == (SHARDS, SHARDS, 0)
    assert (run["documents"], run["text_bytes"], run["matches"]) == (10 * SHARDS, 1000 * SHARDS, ROWS)
    assert run["started_at"] <= run["finished_at"]


def test_rows_lie_in_one_file_in_the_order_of_the_documents(two_runs: Path) -> None:
    store = TableStore.open(str(two_runs))
    (file,) = store.files("matches", store.published()[0])
    places = [(row["shard_uri"], row["row_index"]) for row in pq.read_table(file).to_pylist()]
    assert places == sorted(places)


def test_signals_lie_in_a_table_of_their_own_with_a_digest_that_can_be_recomputed(
    spark: SparkSession, tmp_path: Path, two_runs: Path
) -> None:
    declared = dict.fromkeys((shard.uri for shard in fake_shards(SHARDS)), declare)
    row = run_fake(spark, tmp_path, shards=SHARDS, trouble=declared).row
    rows = TableStore.open(str(tmp_path)).read("rights_signals").to_pylist()
    assert (row["matches"], row["signals"], len(rows)) == (ROWS, ROWS, ROWS)
    assert row["signals_digest"] == digest_of(each["row_sha256"] for each in rows)
    places = [(each["shard_uri"], each["record_offset"]) for each in rows]
    assert places == sorted(places)
    assert {each["run_id"] for each in rows} == {row["run_id"]}
    without = TableStore.open(str(two_runs)).read("runs").to_pylist()[0]
    assert row["table_digest"] == without["table_digest"]


def test_a_run_without_signals_writes_no_table_of_them(two_runs: Path) -> None:
    run = TableStore.open(str(two_runs)).read("runs").to_pylist()[0]
    assert (run["signals"], run["signals_digest"]) == (0, digest_of([]))
    assert not (two_runs / "rights_signals").exists()


def test_a_resumed_run_has_each_signal_once(spark: SparkSession, tmp_path: Path) -> None:
    declared = dict.fromkeys((shard.uri for shard in fake_shards(12)), declare)
    with pytest.raises(PresswatchError):
        run_fake(spark, tmp_path / "cut", trouble=declared, broken="shard-007")
    resumed = run_fake(spark, tmp_path / "cut", trouble=declared)
    whole = run_fake(spark, tmp_path / "whole", trouble=declared)
    assert resumed.resumed
    assert [resumed.row[name] for name in ("signals", "signals_digest")] == [
        whole.row[name] for name in ("signals", "signals_digest")
    ]


def test_staging_is_gone_when_a_run_is_published(two_runs: Path) -> None:
    assert list((two_runs / "_runs").iterdir()) == []


def test_a_run_without_matches_gives_tables_that_can_be_read(spark: SparkSession, tmp_path: Path) -> None:
    def nothing_found(reading: Any) -> None:
        reading.matches.clear()

    names = [shard.uri for shard in fake_shards(3)]
    summary = run_fake(spark, tmp_path / "out", shards=3, trouble=dict.fromkeys(names, nothing_found))
    assert pq.read_table(tmp_path / "out" / "matches").column_names == Match.schema.names
    assert (summary.row["matches"], summary.row["table_digest"]) == (0, digest_of([]))


@pytest.mark.parametrize("moved", [*(pytest.param(each, marks=pytest.mark.full) for each in (0, 1)), 2])
def test_a_publication_cut_short_shows_nothing_and_the_same_command_finishes_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    adopt, tables = TableStore.adopt, []

    def adopt_until_killed(store: TableStore, table: str, run_id: str, written: Sequence[str]) -> list[str]:
        if len(tables) == moved:
            raise KeyboardInterrupt
        tables.append(table)
        return adopt(store, table, run_id, written)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TableStore, "adopt", adopt_until_killed)
    monkeypatch.setattr(TableStore, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        run_fake(spark, tmp_path / "out", shards=SHARDS)
    store = TableStore.open(str(tmp_path / "out"))
    assert (store.published(), len(store.read("matches"))) == ([], 0)
    monkeypatch.undo()
    summary = run_fake(spark, tmp_path / "out", shards=SHARDS)
    assert summary.resumed
    assert store.published() == [summary.run_id]
    assert len(pq.read_table(tmp_path / "out" / "matches")) == ROWS


def test_a_run_killed_between_publication_and_clearing_is_not_done_again(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(run: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "clear", killed)
    with pytest.raises(KeyboardInterrupt):
        run_fake(spark, tmp_path / "out", shards=SHARDS)
    monkeypatch.undo()
    store = TableStore.open(str(tmp_path / "out"))
    assert len(store.read("matches")) == ROWS
    assert not run_fake(spark, tmp_path / "out", shards=SHARDS).resumed
    assert len(store.published()) == 2
    assert list((store.root.path / "_runs").iterdir()) == []


def test_nothing_that_fails_once_a_run_is_published_makes_it_a_failed_one(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_down = TableStore.publish

    def refuse(*_: object, **__: object) -> None:
        raise StorageError("S3 answered 503")

    def then_storage_fails(store: TableStore, *given: Any) -> None:
        put_down(store, *given)
        monkeypatch.setattr(Folder, "remove", refuse)
        monkeypatch.setattr(TableStore, "read", refuse)

    monkeypatch.setattr(TableStore, "publish", then_storage_fails)
    stream = io.StringIO()
    events = EventLog(stream)
    observer = Observer(Progress(events=events), events)
    summary = run_fake(spark, tmp_path, trouble={"shard-003": be_cut}, observer=observer)
    monkeypatch.undo()
    assert [uri for uri, _, _ in summary.incomplete] == ["shard-003"]
    assert TableStore.open(str(tmp_path)).published() == [summary.run_id]
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert "run_published" in told
    assert "run_stopped" not in told
    again = run_fake(spark, tmp_path)
    assert not again.resumed
    assert list((tmp_path / "_runs").iterdir()) == []


def test_what_a_killed_try_left_of_a_table_that_stays_empty_does_not_count(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopt = TableStore.adopt

    def after_another(store: TableStore, table: str, run_id: str, written: Sequence[str]) -> list[str]:
        if table == "matches":
            store.root.write(f"rights_signals/{run_id}-00000.parquet", b"of one that had found some")
        return adopt(store, table, run_id, written)

    monkeypatch.setattr(TableStore, "adopt", after_another)
    row = run_fake(spark, tmp_path).row
    assert (row["signals"], len(TableStore.open(str(tmp_path)).read("rights_signals"))) == (0, 0)


def corpora(out: Path) -> dict[str, str]:
    """The runs that brought a corpus, with its digest."""
    rows = TableStore.open(str(out)).read("corpus_articles").to_pylist()
    assert len({(row["run_id"], row["article_id"]) for row in rows}) == len(rows)
    assert all(sum(row["run_id"] == each["run_id"] for each in rows) == 40 for row in rows)
    return {row["run_id"]: row["corpus_digest"] for row in rows}


def test_the_articles_of_a_corpus_are_brought_by_the_first_run_with_it(
    spark: SparkSession, tmp_path: Path
) -> None:
    runs = [
        run_fake(spark, tmp_path, shards=shards, facts={"corpus_digest": digest})
        for shards, digest in ((2, "one"), (3, "one"), (2, "two"), (3, "two"))
    ]
    assert corpora(tmp_path) == {runs[0].run_id: "one", runs[2].run_id: "two"}


def test_what_a_killed_try_brought_of_a_corpus_goes_if_another_run_has_brought_it(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TableStore, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        run_fake(spark, tmp_path, shards=2)
    monkeypatch.undo()
    assert len(list((tmp_path / "corpus_articles").iterdir())) == 1
    other = run_fake(spark, tmp_path, shards=3)
    assert run_fake(spark, tmp_path, shards=2).resumed
    assert corpora(tmp_path) == {other.run_id: "corpus"}
    store = TableStore.open(str(tmp_path))
    assert (list(store.damage()), len(store.published())) == ([], 2)


@pytest.mark.parametrize("table", ["matches", "scan_log"])
@pytest.mark.parametrize("change", ["lost", "cut"])
def test_waves_whose_parts_are_not_as_they_were_written_are_not_published(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, change: str
) -> None:
    def lose_a_file(store: TableStore, run: Any, kind: Any, waves: Any, *rest: Any) -> Any:
        part = next(part for part in waves[0].parts if part.table == table)
        path = run.parts.path / part.name
        path.unlink() if change == "lost" else path.write_bytes(path.read_bytes()[:-1])
        return publish.publish(store, run, kind, waves, *rest)

    monkeypatch.setattr(engine, "publish", lose_a_file)
    with pytest.raises(OutputError, match=r"parquet: what a wave found .* shards are scanned again"):
        run_fake(spark, tmp_path / "out", shards=SHARDS)
    assert TableStore.open(str(tmp_path / "out")).published() == []
    shutil.rmtree(tmp_path / "out" / "_runs")


def test_a_table_that_was_sorted_to_fewer_rows_than_were_found_is_not_published(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_less(*given: Any) -> Sorted:
        written = sorted_by_spark(*given)
        return replace(written, rows=written.rows - 1)

    monkeypatch.setattr(publish, "SORTED_HERE_BYTES", 0)
    monkeypatch.setattr(publish, "sorted_by_spark", one_less)
    with pytest.raises(
        OutputError, match=r"matches: the table was written with \d+ rows, and \d+ were found"
    ):
        run_fake(spark, tmp_path / "out", shards=SHARDS)
    assert TableStore.open(str(tmp_path / "out")).published() == []


@pytest.mark.parametrize("table", ["matches", "rights_signals"])
def test_readers_of_a_published_file_can_pass_over_rows(
    spark: SparkSession, tmp_path: Path, table: str
) -> None:
    run_fake(spark, tmp_path, trouble=dict.fromkeys((shard.uri for shard in fake_shards(12)), declare))
    (file,) = (tmp_path / table).glob("*.parquet")
    group = pq.ParquetFile(file).metadata.row_group(0)
    columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    assert {name for name, column in columns.items() if column.bloom_filter_offset} == set(SOUGHT[table])
    for column in columns.values():
        assert (column.has_column_index, column.has_offset_index) == (True, True)
    assert columns["shard_uri"].statistics.has_min_max
    names = [list(columns)[each.column_index] for each in group.sorting_columns]
    assert names == list(ORDERS[table])


def test_rows_are_written_in_groups_that_a_range_request_holds(tmp_path: Path) -> None:
    folder = Folder.of(str(tmp_path), StorageOptions())
    rows = [{"shard_uri": f"{n:06}"} for n in range(70_000)]
    table = pa.Table.from_pylist(rows, columns_without_run("scan_log"))
    written = sorted_here(
        pa.concat_tables([table.slice(30_000), table.slice(0, 30_000)]), SortedFiles("scan_log", "r", folder)
    )
    read = pq.ParquetFile(tmp_path / written.files[0].name)
    groups = [read.metadata.row_group(n).num_rows for n in range(read.num_row_groups)]
    assert groups == [GROUP_ROWS, GROUP_ROWS, 70_000 - 2 * GROUP_ROWS]
    assert read.read()["shard_uri"].to_pylist() == table["shard_uri"].to_pylist()


def test_what_may_be_much_is_written_in_files_of_so_many_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_files, "GROUP_ROWS", 4)
    monkeypatch.setattr(sorted_files, "FILE_GROUPS", 3)
    files = SortedFiles("corpus_articles", "r", Folder.of(str(tmp_path), StorageOptions()))
    assert files.write_files([]) == ()
    written = files.write_files(fake_articles(29))
    assert [file.rows for file in written] == [12, 12, 5]
    read = [row for file in written for row in pq.read_table(tmp_path / file.name).to_pylist()]
    assert [row["article_id"] for row in read] == [f"a{number:05}" for number in range(29)]


def test_spark_and_this_process_sort_alike(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_runs: Path
) -> None:
    declared = dict.fromkeys((shard.uri for shard in fake_shards(SHARDS)), declare)
    here = run_fake(spark, tmp_path / "here", shards=SHARDS, trouble=declared)
    monkeypatch.setattr(publish, "SORTED_HERE_BYTES", 0)
    there = run_fake(spark, tmp_path / "there", shards=SHARDS, trouble=declared)
    for name in ("table_digest", "signals_digest"):
        assert here.row[name] == there.row[name]
    stores = [TableStore.open(str(tmp_path / name)) for name in ("here", "there")]
    for table in ("matches", "rights_signals"):
        columns = [name for name in SCHEMAS[table].names if name != "run_id"]
        one, other = (store.read(table, columns=columns) for store in stores)
        assert one.equals(other)

"""What a run leaves behind, as its users read it."""

import io
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
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
from presswatch_spark.scanning.runs import engine
from presswatch_spark.scanning.runs.engine import Sorted, publish, sorted_by_spark, sorted_here
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables import sorted_files
from presswatch_spark.tables.declarations import SCHEMAS, Match, columns_without_run
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.sorted_files import BLOOM_COLUMNS, GROUP_ROWS, ORDERS, SortedFiles
from presswatch_spark.tables.store import TableStore
from tests.spark.fakes import Fake, be_cut, declare, fake_articles, fake_shards, found_by, run_fake
from tests.world.processes import raising
from tests.world.proofs import each_time
from tests.world.tables import publish_log

SHARDS = 7
ROWS = sum(shard.size or 0 for shard in fake_shards(SHARDS))
DECLARED = dict.fromkeys((shard.uri for shard in fake_shards(12)), declare)

READERS: dict[str, Callable[[SparkSession, str], list[dict[str, Any]]]] = {
    "pyarrow.parquet": lambda spark, folder: pq.read_table(folder).to_pylist(),
    "pyarrow.dataset": lambda spark, folder: ds.dataset(folder).to_table().to_pylist(),
    "pandas": lambda spark, folder: pd.read_parquet(folder).to_dict("records"),
    "spark": lambda spark, folder: [
        row.asDict()
        for row in spark.read.parquet(folder.translate({ord(c): f"\\{c}" for c in "[]{}"})).collect()
    ],
    "glob": lambda spark, folder: [
        row for file in Path(folder).glob("**/*.parquet") for row in pq.read_table(file).to_pylist()
    ],
}


killed = raising(KeyboardInterrupt)


@pytest.fixture(scope="module")
def twice(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """The same scan done twice into a folder with brackets and a blank in its name."""
    fake = Fake(spark, tmp_path_factory.mktemp("tables") / "out [1] {x}", Path())
    for _ in range(2):
        fake.run(shards=SHARDS)
    return fake


class TestTwoRuns:
    @pytest.mark.parametrize("reader", READERS)
    def test_every_reader_sees_all_rows_and_the_run_they_belong_to(self, twice: Fake, reader: str) -> None:
        rows = READERS[reader](twice.spark, str(twice.out / "matches"))
        assert set(rows[0]) == set(Match.schema.names)
        one, other = twice.store.published()
        assert sorted(row["run_id"] for row in rows) == [one] * ROWS + [other] * ROWS

    @pytest.mark.parametrize("table", each_time(("matches", "scan_log", "runs", "claims"), SCHEMAS))
    def test_our_readers_give_the_documented_schema_with_and_without_spark(
        self, twice: Fake, table: str
    ) -> None:
        read = twice.store.read(table)
        assert read.schema == SCHEMAS[table]
        frame = twice.store.frame(twice.spark, table)
        assert (frame.columns, frame.count()) == (SCHEMAS[table].names, len(read))

    def test_they_have_the_same_digest_that_rows_in_any_order_give_and_they_add_up(self, twice: Fake) -> None:
        run, other = twice.rows("runs")
        rows = twice.store.read("matches", run["run_id"])["row_sha256"].to_pylist()
        random.Random(0).shuffle(rows)
        assert run["table_digest"] == other["table_digest"] == digest_of(rows)
        assert (run["shards_planned"], run["shards_complete"], run["shards_failed"]) == (SHARDS, SHARDS, 0)
        assert (run["documents"], run["text_bytes"], run["matches"]) == (10 * SHARDS, 1000 * SHARDS, ROWS)
        assert run["started_at"] <= run["finished_at"]

    def test_rows_are_in_one_file_in_the_order_of_documents_and_nothing_else_is_left(
        self, twice: Fake
    ) -> None:
        (file,) = twice.store.files("matches", twice.store.published()[0])
        places = [(row["shard_uri"], row["row_index"]) for row in pq.read_table(file).to_pylist()]
        assert places == sorted(places)
        assert list((twice.out / "_runs").iterdir()) == []
        run = twice.rows("runs")[0]
        assert (run["signals"], run["signals_digest"]) == (0, digest_of([]))
        assert not (twice.out / "rights_signals").exists()


class TestSignals:
    def test_are_in_a_table_of_their_own_with_a_digest_that_can_be_recomputed(
        self, fake: Fake, undisturbed: Any
    ) -> None:
        row, rows = fake.run(trouble=DECLARED).row, fake.rows("rights_signals")
        assert row["matches"] == row["signals"] == len(rows)
        assert row["signals_digest"] == digest_of(each["row_sha256"] for each in rows)
        places = [(each["shard_uri"], each["record_offset"]) for each in rows]
        assert places == sorted(places)
        assert {each["run_id"] for each in rows} == {row["run_id"]}
        assert row["table_digest"] == undisturbed.row["table_digest"]

    def test_of_a_resumed_run_are_there_once(self, fake: Fake) -> None:
        with pytest.raises(PresswatchError):
            fake.run(trouble=DECLARED, broken="shard-007")
        resumed = fake.run(trouble=DECLARED)
        assert resumed.resumed
        assert found_by(resumed) == found_by(run_fake(fake.spark, fake.scans / "whole", trouble=DECLARED))

    def test_of_a_killed_try_do_not_count_if_the_run_has_none(
        self, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        adopt = TableStore.adopt

        def after_another(store: TableStore, table: str, run_id: str, written: Sequence[str]) -> list[str]:
            if table == "matches":
                store.root.write(f"rights_signals/{run_id}-00000.parquet", b"of one that had found some")
            return adopt(store, table, run_id, written)

        monkeypatch.setattr(TableStore, "adopt", after_another)
        assert (fake.run().row["signals"], fake.rows("rights_signals")) == (0, [])


def test_a_run_without_matches_gives_tables_that_can_be_read(fake: Fake) -> None:
    nothing = dict.fromkeys(
        (shard.uri for shard in fake_shards(3)), lambda reading: reading.tables["matches"].clear()
    )
    summary = fake.run(shards=3, trouble=nothing)
    assert pq.read_table(fake.out / "matches").column_names == Match.schema.names
    assert (summary.row["matches"], summary.row["table_digest"]) == (0, digest_of([]))


class TestKilledPublication:
    def test_is_not_done_again_if_only_clearing_was_left(
        self, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "clear", killed)
        with pytest.raises(KeyboardInterrupt):
            fake.run(shards=SHARDS)
        monkeypatch.undo()
        assert len(fake.rows("matches")) == len(pq.read_table(fake.out / "matches")) == ROWS
        assert not fake.run(shards=SHARDS).resumed
        assert len(fake.store.published()) == 2
        assert list((fake.out / "_runs").iterdir()) == []

    def test_is_none_if_storage_fails_afterwards(self, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
        put_down = TableStore.publish

        refuse = raising(StorageError("S3 answered 503"))

        def then_storage_fails(store: TableStore, *given: Any) -> None:
            put_down(store, *given)
            monkeypatch.setattr(Folder, "remove", refuse)
            monkeypatch.setattr(TableStore, "read", refuse)

        monkeypatch.setattr(TableStore, "publish", then_storage_fails)
        events = EventLog(stream := io.StringIO())
        observer = Observer(Progress(), events)
        summary = fake.run(trouble={"shard-003": be_cut}, observer=observer)
        monkeypatch.undo()
        assert [uri for uri, _, _ in summary.incomplete] == ["shard-003"]
        assert fake.store.published() == [summary.run_id]
        told = {json.loads(line)["event"] for line in stream.getvalue().splitlines()}
        assert ("run_published" in told, "run_stopped" in told) == (True, False)
        assert not fake.run().resumed
        assert list((fake.out / "_runs").iterdir()) == []


class TestCorpusOfRuns:
    @staticmethod
    def corpora(fake: Fake) -> dict[str, str]:
        """The runs that brought a corpus, with its digest."""
        rows = fake.rows("corpus_articles")
        assert len({(row["run_id"], row["article_id"]) for row in rows}) == len(rows)
        assert all(sum(row["run_id"] == each["run_id"] for each in rows) == 40 for row in rows)
        return {row["run_id"]: row["corpus_digest"] for row in rows}

    def test_articles_are_brought_by_the_first_run_with_it(self, fake: Fake) -> None:
        scans = ((2, "one"), (3, "one"), (2, "two"), (3, "two"))
        runs = [fake.run(shards=shards, facts={"corpus_digest": digest}).run_id for shards, digest in scans]
        assert self.corpora(fake) == {runs[0]: "one", runs[2]: "two"}

    def test_what_a_killed_try_brought_goes_if_another_run_has_brought_it(
        self, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(TableStore, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            fake.run(shards=2)
        monkeypatch.undo()
        assert len(list((fake.out / "corpus_articles").iterdir())) == 1
        other = fake.run(shards=3)
        assert fake.run(shards=2).resumed
        assert self.corpora(fake) == {other.run_id: "corpus"}
        assert (list(fake.store.damage()), len(fake.store.published())) == ([], 2)


@pytest.mark.parametrize(
    ("table", "change"),
    each_time([("matches", "lost"), ("scan_log", "cut")], product(("matches", "scan_log"), ("lost", "cut"))),
)
def test_waves_whose_parts_are_not_as_they_were_written_are_not_published(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, table: str, change: str
) -> None:
    def lose_a_file(store: TableStore, run: Any, kind: Any, waves: Any, *rest: Any) -> Any:
        part = next(part for part in waves[0].parts if part.table == table)
        path = run.parts.path / part.name
        path.unlink() if change == "lost" else path.write_bytes(path.read_bytes()[:-1])
        return publish(store, run, kind, waves, *rest)

    monkeypatch.setattr(engine, "publish", lose_a_file)
    with pytest.raises(OutputError, match=r"parquet: the result of a wave .* shards are scanned again"):
        fake.run(shards=SHARDS)
    assert fake.store.published() == []


def test_a_table_that_was_sorted_to_fewer_rows_than_were_found_is_not_published(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_less(*given: Any) -> Sorted:
        (first, *others), digest = sorted_by_spark(*given)
        return (replace(first, rows=first.rows - 1), *others), digest

    monkeypatch.setattr(engine, "SORTED_HERE_BYTES", 0)
    monkeypatch.setattr(engine, "sorted_by_spark", one_less)
    message = r"matches: the table was written with \d+ rows, and \d+ were found"
    with pytest.raises(OutputError, match=message):
        fake.run(shards=SHARDS)
    assert fake.store.published() == []


class TestFiles:
    def test_let_readers_pass_over_rows(self, fake: Fake) -> None:
        fake.run(trouble=DECLARED)
        for table in ("matches", "rights_signals"):
            (file,) = (fake.out / table).glob("*.parquet")
            group = pq.ParquetFile(file).metadata.row_group(0)
            columns = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
            bloomed = {name for name, column in columns.items() if column.bloom_filter_offset}
            assert bloomed == set(BLOOM_COLUMNS[table])
            assert all(column.has_column_index and column.has_offset_index for column in columns.values())
            assert columns["shard_uri"].statistics.has_min_max
            names = [list(columns)[each.column_index] for each in group.sorting_columns]
            assert names == list(ORDERS[table])

    def test_have_groups_that_a_range_request_holds(self, tmp_path: Path) -> None:
        folder = Folder.of(str(tmp_path), StorageOptions())
        rows = [{"shard_uri": f"{n:06}"} for n in range(70_000)]
        table = pa.Table.from_pylist(rows, columns_without_run("scan_log"))
        shuffled = pa.concat_tables([table.slice(30_000), table.slice(0, 30_000)])
        (written,), _ = sorted_here(shuffled, SortedFiles("scan_log", "r", folder))
        read = pq.ParquetFile(tmp_path / written.name)
        groups = [read.metadata.row_group(n).num_rows for n in range(read.num_row_groups)]
        assert groups == [GROUP_ROWS, GROUP_ROWS, 70_000 - 2 * GROUP_ROWS]
        assert read.read()["shard_uri"].to_pylist() == table["shard_uri"].to_pylist()

    def test_of_what_may_be_much_have_so_many_groups(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sorted_files, "GROUP_ROWS", 4)
        monkeypatch.setattr(sorted_files, "FILE_GROUPS", 3)
        files = SortedFiles("corpus_articles", "r", Folder.of(str(tmp_path), StorageOptions()))
        assert files.write_files([]) == ()
        written = files.write_files(fake_articles(29))
        assert [file.rows for file in written] == [12, 12, 5]
        read = [row for file in written for row in pq.read_table(tmp_path / file.name).to_pylist()]
        assert [row["article_id"] for row in read] == [f"a{number:05}" for number in range(29)]

    def test_are_the_same_whether_spark_or_this_process_sorts(
        self, fake: Fake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here, other = fake.run(trouble=DECLARED), replace(fake, out=fake.scans / "there")
        monkeypatch.setattr(engine, "SORTED_HERE_BYTES", 0)
        assert found_by(other.run(trouble=DECLARED)) == found_by(here)
        for table in ("matches", "rights_signals"):
            columns = [name for name in SCHEMAS[table].names if name != "run_id"]
            one, two = (each.store.read(table, columns=columns) for each in (fake, other))
            assert one.equals(two)


@pytest.mark.parametrize(
    "name", each_time(["x:1", "{a,b}?"], ["x:1", "[a]", "{a,b}?", "a*", "a b%20#", "back\\slash"])
)
def test_spark_reads_tables_in_a_folder_of_any_name(spark: SparkSession, tmp_path: Path, name: str) -> None:
    store = TableStore.create(str(tmp_path / name))
    assert store.frame(spark, "scan_log").count() == 0
    run_ids = [f"20261124T12000{n}Z-aaaaaa" for n in range(3)]
    for run_id in run_ids:
        publish_log(store, run_id)
    assert sorted(row["run_id"] for row in store.frame(spark, "scan_log").collect()) == run_ids
    assert sorted(store.read("scan_log")["run_id"].to_pylist()) == run_ids

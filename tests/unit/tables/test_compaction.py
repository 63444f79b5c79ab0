"""Compaction: fewer files, and the same rows for whoever reads, at any moment and after any kill."""

import shutil
import threading
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from presswatch_spark.claims.forget import Subject, forget
from presswatch_spark.core.errors import OutputError
from presswatch_spark.query.pointers.audit import drawn_rows, row_by_digest
from presswatch_spark.storage.locks_and_leases import locked
from presswatch_spark.tables.catalog.sync import published_files
from presswatch_spark.tables.declarations import SCHEMAS, Match
from presswatch_spark.tables.digests import row_digest
from presswatch_spark.tables.rewriting import compact
from presswatch_spark.tables.seals import DamagedTablesError
from presswatch_spark.tables.store import TableStore
from tests.world import compactions
from tests.world.catalogs import publish, publish_everything
from tests.world.commands import outcome, presswatch
from tests.world.proofs import each_time
from tests.world.tables import flip_a_bit, run_query

RIVES = Subject("publisher", "rives")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of one crawl, which no test changes."""
    store = compactions.small_runs(
        str(tmp_path_factory.mktemp("small") / "tables"), runs=2, crawls=compactions.ALIKE
    )
    return store.root.path


def copied(tables: Path, to: Path) -> TableStore:
    return TableStore.open(str(shutil.copytree(tables, to)))


@pytest.fixture
def store(small: Path, tmp_path: Path) -> TableStore:
    return copied(small, tmp_path / "tables")


def test_rows_order_and_digests_are_as_before_in_fewer_files(tmp_path: Path) -> None:
    store = compactions.small_runs(str(tmp_path), runs=5)
    expected, drawn = compactions.content(store), drawn_rows(store, None, 7, seed=1)
    assert compact(store) == (14, 4)
    assert compactions.content(store) == expected
    assert drawn_rows(store, None, 7, seed=1) == drawn
    assert (list(store.damage()), store.unpublished()) == ([], {})
    assert compact(store) == (0, 0)
    # A file has one dataset and release, a row group one run.
    for path in (store.root.path / "matches").iterdir():
        table = pq.read_table(path, columns=["dataset", "release"])
        assert len(table.group_by(["dataset", "release"]).aggregate([])) == 1
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                assert len(set(file.read_row_group(group, ["run_id"])["run_id"].to_pylist())) == 1
    # Runs that come later are merged with them.
    compactions.publish_small(store, 5)
    expected = compactions.content(store)
    assert compact(store) == (6, 3)
    assert compactions.content(store) == expected
    assert sum(map(len, compactions.files_of(store).values())) == len(compactions.CRAWLS) + 2 + 6


def test_every_table_is_read_as_before_and_files_of_earlier_versions_stay_apart(tmp_path: Path) -> None:
    store = publish_everything(str(tmp_path))
    older = tuple(name for name in Match.columns if name != "text_source")
    publish(store, "r3", names=older)
    publish(store, "r4", names=older)
    publish(store, "r5", rows=0)
    tables = [table for table in SCHEMAS if table not in ("runs", "censuses", "sealed_scans")]
    expected = {table: sorted(map(repr, store.read(table).to_pylist())) for table in tables}
    assert compact(store) > (0, 0)
    assert {table: sorted(map(repr, store.read(table).to_pylist())) for table in tables} == expected
    # No digest covers the columns that earlier versions lack.
    names = {tuple(pq.read_schema(path).names) for path in (tmp_path / "matches").iterdir()}
    assert names == {older, tuple(Match.columns)}
    files = published_files(store)["matches"]
    assert sum(file.rows or 0 for file in files) == len(expected["matches"])


def test_readers_see_the_same_rows_at_each_step_of_another_process(store: TableStore) -> None:
    expected, opened, refused, failed = compactions.content(store), store.open_table("matches"), 0, 0

    def look(step: int) -> None:
        nonlocal refused, failed
        there = TableStore.open(store.root.uri)
        assert sorted(map(repr, there.read("matches").to_pylist())) == expected["matches"]
        assert (list(there.damage()), there.unpublished()) == ([], {})
        if step % 3 == 0:
            counted = "select count(*), count(distinct row_sha256) from matches"
            assert list(run_query(store.root.uri, counted).rows) == [
                (2 * compactions.ROWS, 2 * compactions.ROWS)
            ]
        try:
            assert sum(file.rows or 0 for file in published_files(there)["matches"]) == 2 * compactions.ROWS
        except OutputError:
            refused += 1
        # Whoever listed the old files reads them, or fails.
        try:
            assert sorted(map(repr, opened.to_table().to_pylist())) == expected["matches"]
        except FileNotFoundError:
            failed += 1

    with compactions.at_each_step(look):
        compact(store)
    assert failed > 0 < refused


@pytest.mark.parametrize("runs", each_time([3], [3, 7]))
def test_queries_and_new_runs_meanwhile_see_each_row_once(store: TableStore, runs: int) -> None:
    errors, reads, over = list[str](), 0, threading.Event()

    def read() -> None:
        nonlocal reads
        while not over.wait(0.02):
            try:
                table = TableStore.open(store.root.uri).read("matches", columns=["run_id", "row_sha256"])
            except FileNotFoundError:
                continue
            except OutputError as error:
                errors.append(str(error))
                continue
            by_run = table.group_by("run_id").aggregate([("row_sha256", "count_distinct")]).to_pylist()
            if {run["row_sha256_count_distinct"] for run in by_run} != {compactions.ROWS}:
                errors.append(str(by_run))
            reads += 1

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(2, 2 + runs):
            compactions.publish_small(store, number, compactions.ALIKE)
            compact(store)
    finally:
        over.set()
        thread.join()
    assert (errors, reads > 3) == ([], True)


@pytest.mark.slow
@pytest.mark.parametrize("every", each_time([9], [9, 1]))
def test_killed_at_some_steps_it_loses_and_doubles_nothing_and_is_finished_by_the_next(
    small: Path, tmp_path: Path, every: int
) -> None:
    numbers = count()
    # In long proofs, files of other crawls stay as they are beside those that are merged.
    made = small if every > 1 else compactions.small_runs(str(tmp_path / "four"), runs=4).root.path
    compactions.require_survival(lambda: copied(made, tmp_path / f"{next(numbers)}"), every)


@pytest.mark.slow
@pytest.mark.parametrize("every", each_time([6], [6, 1]))
def test_forget_removes_rows_of_merged_files_and_may_be_killed(
    store: TableStore, tmp_path: Path, every: int
) -> None:
    compact(store)
    compactions.publish_small(store, 2, compactions.ALIKE)
    merged = store.root.path
    left = [row for row in rows_of(store) if row["publisher_id"] == "plateau"]
    for step in count(0, every):
        store = copied(merged, tmp_path / f"{step}")
        if killed := compactions.killed_at(step, lambda store=store: forget(store.root.uri, RIVES)):  # type: ignore[misc]
            forget(store.root.uri, RIVES)
        assert rows_of(store) == left
        assert [len(store.read("matches", run_id)) for run_id in store.published()] == [
            compactions.ROWS // 2
        ] * 3
        compactions.content(store)
        assert not any(b"rives" in path.read_bytes() for path in (store.root.path / "matches").iterdir())
        assert compact(store) > (0, 0)
        assert rows_of(store) == left
        if not killed:
            return


def rows_of(store: TableStore) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = store.read("matches").to_pylist()
    return sorted(rows, key=lambda row: (row["run_id"], row["record_offset"]))


def test_what_is_killed_is_finished_by_the_other_command(store: TableStore, tmp_path: Path) -> None:
    other = copied(store.root.path, tmp_path / "other")
    assert compactions.killed_at(9, lambda: compact(store))
    assert forget(store.root.uri, RIVES).rows == 2 * (compactions.ROWS - compactions.ROWS // 2)
    assert compactions.killed_at(4, lambda: forget(other.root.uri, RIVES))
    compact(other)
    assert (rows_of(other), len(other.published("tombstones"))) == (rows_of(store), 1)


def test_rows_of_a_run_are_drawn_and_found_in_merged_files(store: TableStore) -> None:
    compact(store)
    for run_id in store.published():
        rows, total = drawn_rows(store, run_id, 3, seed=1)
        assert (total, {row.run_id for row in rows}) == (compactions.ROWS, {run_id})
        for row in rows:
            columns = row.as_dict()
            assert row_digest(columns) == row.row_sha256
            assert row_by_digest(store, row.row_sha256).as_dict() == columns


def test_a_command_whose_files_were_merged_meanwhile_asks_to_be_run_again(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = TableStore.open_files

    def then_merged(self: TableStore, *given: Any) -> Any:
        monkeypatch.setattr(TableStore, "open_files", opened)
        found = opened(self, *given)
        compact(store)
        return found

    monkeypatch.setattr(TableStore, "open_files", then_merged)
    failed = outcome("matches", store.root.path)
    assert (failed.code, "run the same command again" in failed.err) == (1, True)
    assert outcome("matches", store.root.path).code == 0


def test_one_that_rewrites_files_excludes_another(store: TableStore) -> None:
    before = compactions.files_of(store)
    with locked(store.root / "_runs", "rewriting", 60):
        for work in (lambda: compact(store), lambda: forget(store.root.uri, RIVES)):
            with pytest.raises(OutputError):
                work()
    assert compactions.files_of(store) == before


def test_damage_is_found_before_and_after(store: TableStore) -> None:
    whole, expected = store.root.path.with_name("whole"), compactions.content(store)
    other = copied(store.root.path, whole)
    flip_a_bit(next((store.root.path / "matches").iterdir()), Random(1))
    with pytest.raises(DamagedTablesError):
        compact(store)
    store = other
    compact(store)
    merged = next((whole / "matches").iterdir())
    bytes_before = merged.read_bytes()
    flip_a_bit(merged, Random(1))
    with pytest.raises(DamagedTablesError, match="merged"):
        store.read("matches")
    assert "table matches of run" in outcome("verify-rows", whole).err
    merged.unlink()
    assert len(list(store.damage())) == 2
    with pytest.raises(DamagedTablesError, match="missing"):
        store.read("matches")
    merged.write_bytes(bytes_before)
    # Files that others put there are not read.
    (whole / "matches" / "merged-0.parquet").write_bytes(b"no Parquet")
    assert compactions.content(store) == expected
    # Without the row of a run, its rows might be lost.
    flip_a_bit(next((whole / "runs").iterdir()), Random(1))
    compactions.publish_small(store, 2, compactions.ALIKE)
    with pytest.raises(DamagedTablesError):
        compact(store)


def test_the_command_lists_what_it_merged_and_runs_lists_a_folder_of_that_name(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(small, tmp_path / "compact")
    monkeypatch.chdir(tmp_path)
    listed = presswatch("runs", "compact")
    assert "20260101T000000Z-aaaaaa" in listed
    assert outcome("runs", "compact", "compact").err == "6 files became 3\n"
    assert "aucun" in outcome("runs", "compact", "compact", "--lang", "fr").err
    assert presswatch("runs", "compact") == listed
    assert outcome("runs", "pack", "compact").code == 2

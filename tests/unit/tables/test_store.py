"""Folders of tables: marker, published runs, what killed commands left in them, and rows as a stream."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from presswatch_spark.core.errors import OutputError
from presswatch_spark.scanning.runs.unfinished import RunNote, remove_leftovers, write_note
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.locks_and_leases import locked
from presswatch_spark.tables import store as table_store
from presswatch_spark.tables.declarations import SCHEMAS, Change, Derivation, Match, ShardLog
from presswatch_spark.tables.derived import publish_derived
from presswatch_spark.tables.seals import sealed_json
from presswatch_spark.tables.store import MARKER, TableStore, bounded_batches, bounded_dataset, column_batches
from tests.world.tables import NOON, flipped, match, publish, publish_log, row_of, write


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore.create(str(tmp_path / "tables"))


class TestFolder:
    def test_a_missing_folder_is_made_to_write_and_not_to_read(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="missing or damaged"):
            TableStore.open(str(tmp_path / "a"))
        assert not (tmp_path / "a").exists()
        TableStore.create(str(tmp_path / "a" / "b"))
        assert TableStore.open(str(tmp_path / "a" / "b")).published() == []
        # A file URI is a path.
        for uri in (f"file://{tmp_path}/my%20out", f"file://localhost{tmp_path}/my%20out"):
            assert TableStore.create(uri).root.path == tmp_path / "my out"

    @pytest.mark.parametrize(
        ("place", "message"),
        [
            ("theses", "contains other files"),
            ("theses/thesis.doc", "cannot be written"),
            ("later", "layout 99"),
            ("https://host/out?sig=s3cret", r"https://.*choose a folder on S3, or on a disk"),
        ],
    )
    def test_what_is_no_folder_for_tables_is_refused_and_left_alone(
        self, tmp_path: Path, place: str, message: str
    ) -> None:
        for name in ("theses/thesis.doc", f"later/{MARKER}"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text('{"layout": 99}')
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(OutputError, match=message) as caught:
            TableStore.create(place if "//" in place else str(tmp_path / place))
        assert "s3cret" not in str(caught.value)
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
    def test_a_damaged_marker_is_reported(self, store: TableStore, text: str) -> None:
        (store.root.path / MARKER).write_text(text)
        with pytest.raises(OutputError, match="missing or damaged"):
            TableStore.open(str(store.root))

    def test_any_flipped_bit_of_the_marker_is_noticed(self, store: TableStore) -> None:
        path = store.root.path / MARKER
        whole = path.read_bytes()
        for place in range(8 * len(whole)):
            path.write_bytes(flipped(whole, place))
            with pytest.raises(OutputError, match=r"missing or damaged|layout \d"):
                TableStore.open(str(store.root))

    @pytest.mark.parametrize(
        "marker",
        [
            json.dumps({"layout": 1, "tables": sorted(SCHEMAS)}).encode(),
            sealed_json({"layout": 1, "tables": [*SCHEMAS, "verdicts"]}),
        ],
        ids=["an earlier version sealed none", "a later version may know more tables"],
    )
    def test_markers_of_other_versions_are_read(self, store: TableStore, marker: bytes) -> None:
        (store.root.path / MARKER).write_bytes(marker)
        assert TableStore.open(str(store.root)) == store

    @pytest.mark.parametrize(
        ("code", "where", "message"),
        [
            (errno.ENOSPC, Path("out"), r"disk is full.*run the same command again"),
            (errno.EDQUOT, Path("out"), r"disk is full.*run the same command again"),
            # No disk is sought on S3.
            (errno.ENOSPC, "s3://bucket/out", r"temporary files is full"),
        ],
    )
    def test_a_full_disk_is_named_and_the_run_can_be_resumed(
        self, code: int, where: Path | str, message: str
    ) -> None:
        with pytest.raises(OutputError, match=message), disk_errors(where):
            raise OSError(code, os.strerror(code))


FIRST, SECOND = "20261124T120000Z-aaaaaa", "20261124T130000Z-bbbbbb"


class TestReading:
    def test_a_table_without_runs_is_empty_and_only_published_runs_are_read(self, store: TableStore) -> None:
        assert store.read("scan_log").schema == ShardLog.schema
        assert len(store.read("scan_log")) == 0
        publish_log(store, FIRST)
        publish_log(store, SECOND, tables=("matches", "scan_log"))
        assert store.read("scan_log")["run_id"].to_pylist() == [FIRST]
        # A publication that is done again replaces what the first try left.
        publish_log(store, SECOND)
        assert store.read("scan_log", SECOND)["run_id"].to_pylist() == [SECOND]
        assert len(store.read("scan_log")) == 2

    def test_a_publication_with_fewer_files_leaves_none_of_the_first_try(self, store: TableStore) -> None:
        rows = pa.Table.from_pylist([], ShardLog.schema)
        for count in (3, 2):
            files = [store.root / "staged" / f"{number}.parquet" for number in range(count)]
            for file in files:
                file.path.parent.mkdir(exist_ok=True)
                pq.write_table(rows, file.path)
            store.adopt("scan_log", FIRST, [file.uri for file in files])
        assert (store.root / "scan_log").names() == [f"{FIRST}-0000{number}.parquet" for number in range(2)]


KILLED = "20240601T120000Z-abcdef"


@pytest.fixture
def published(tmp_path: Path) -> TableStore:
    publish(tmp_path, "r1", [match("a", "https://a.example/")])
    return TableStore.open(str(tmp_path))


def staged(published: TableStore, table: str) -> Path:
    path = published.root.path / "_runs" / table / "left-00000.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"rows")
    return path


def test_what_a_compare_or_a_derived_table_killed_left_is_removed(published: TableStore) -> None:
    made = row_of(Derivation, run_id="d1", table="changes")
    write(published, "derivations", "d1", [made], Derivation.schema)
    write(published, "changes", "d1", [row_of(Change, run_id="d1")], Change.schema)
    left = staged(published, "changes")
    with pytest.raises(OutputError, match="the table changes already exists"):
        publish_derived(str(published.root), "changes", ["r1"], lambda files: ())
    assert not left.parent.exists()
    assert len(published.files("changes")) == 1
    # Nor do unpublished files of a derived table survive the next one.
    write(published, "changes", KILLED, [row_of(Change)], Change.schema)
    publish_derived(str(published.root), "reservations", ["r1"], lambda files: ())
    assert [Path(uri).name for uri in published.present("changes")] == ["d1-00000.parquet"]


def test_files_of_a_run_that_was_killed_and_dropped_are_removed_unless_a_note_is_damaged(
    published: TableStore,
) -> None:
    write(published, "matches", KILLED, [match("b", None)], Match.schema)
    note = published.root / "_runs" / "0123456789abcdef"
    note.write("run.json", b"{")
    assert (remove_leftovers(published), len(published.present("matches"))) == ([], 2)
    note.remove()
    assert [Path(uri).name for uri in remove_leftovers(published)] == [f"{KILLED}-00000.parquet"]
    assert len(published.present("matches")) == 1


def test_files_of_unfinished_runs_and_of_live_processes_are_left_alone(published: TableStore) -> None:
    runs = published.root / "_runs"
    write_note(runs / "0123456789abcdef", RunNote(KILLED, NOON), None)
    write(published, "matches", KILLED, [match("b", None)], Match.schema)
    left = staged(published, "claims")
    with locked(runs, "claims", 60):
        assert remove_leftovers(published) == []
    assert len(published.present("matches")) == 2
    assert left.exists()


IN_R1 = pc.field("run_id") == "r1"
SCHEMA = pa.schema([("run_id", pa.string()), ("number", pa.int64()), ("word", pa.string())])


@pytest.fixture
def dataset(tmp_path: Path) -> Any:
    """Two files of five row groups; the second one lacks a column, as older versions wrote it."""
    for name, first in (("r1", 0), ("r2", 100)):
        numbers = range(first, first + 50)
        columns = {"run_id": [name] * 50, "number": numbers, "word": [f"mot {n}" for n in numbers]}
        table = pa.table({key: pa.array(values) for key, values in columns.items()})
        table = table if name == "r1" else table.drop_columns(["word"])
        pq.write_table(table, tmp_path / f"{name}.parquet", row_group_size=10)
    return ds.FileSystemDataset.from_paths(
        [str(tmp_path / f"{name}.parquet") for name in ("r1", "r2")],
        schema=SCHEMA,
        format=ds.ParquetFileFormat(),
        filesystem=pa.fs.LocalFileSystem(),
        partitions=[pc.field("run_id") == name for name in ("r1", "r2")],
    )


@pytest.mark.parametrize("columns", [None, ["word"], ["number", "run_id"], []])
@pytest.mark.parametrize(
    "filter",
    [None, pc.field("number") >= 105, pc.field("word") == "mot 7", pc.field("run_id") == "r2",
     pc.field("number") < 0],
)  # fmt: skip
def test_they_are_those_of_the_dataset_in_its_order(dataset: Any, columns: Any, filter: Any) -> None:
    expected = dataset.to_table(columns=columns, filter=filter)
    batches = list(bounded_batches(dataset, columns, filter))
    assert sum(map(len, batches)) == len(expected)
    assert [row for batch in batches for row in batch.to_pylist()] == expected.to_pylist()
    stream = bounded_dataset(dataset).scanner(columns=columns, filter=filter).to_reader()
    assert stream.read_all().to_pylist() == expected.to_pylist()


def test_a_file_of_another_run_is_not_opened(dataset: Any) -> None:
    Path(dataset.files[1]).unlink()
    found = bounded_batches(bounded_dataset(dataset), ["number"], IN_R1)
    assert sum(map(len, found)) == 50
    assert {len(batch) for batch in bounded_batches(dataset, ["number"], IN_R1, rows=5)} == {5}
    with pytest.raises(FileNotFoundError):
        list(bounded_batches(dataset))


def test_no_more_is_read_than_a_little_ahead_and_failures_come_where_asked_for() -> None:
    begun = list[int]()

    def items() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    results = table_store._ahead(lambda number: number * number, items(), 3)
    assert begun == []
    for number in range(10):
        assert next(results) == number * number
        assert len(begun) == number + 4
    results.close()
    assert len(begun) == 13
    # What fails in a thread fails where it is asked for.
    results = table_store._ahead(lambda number: 1 // (2 - number), [1, 0, 2, 1], 2)
    assert [next(results), next(results)] == [1, 0]
    with pytest.raises(ZeroDivisionError):
        next(results)


RUNS = ("20240601T080000Z-aaaaaa", "20240602T080000Z-bbbbbb")
COLUMNS = ("headline", "article_id", "record_offset")


def test_rows_of_runs_come_in_their_order_also_from_older_files(tmp_path: Path) -> None:
    articles = ["a0", "a1", "a0", "a1", "a0"]
    page = {"url": "https://a.example/1", "headline": "Grève"}
    rows = [match(article, record_offset=place, **page) for place, article in enumerate(articles)]
    store = TableStore.create(str(tmp_path))
    assert list(column_batches(store, "matches", [], COLUMNS)) == []
    for run_id in RUNS:
        publish(tmp_path, run_id, rows)
    # As an older version wrote it.
    older = Match.schema.remove(Match.schema.get_field_index("headline"))
    write(store, "matches", RUNS[0], [{**row, "run_id": RUNS[0]} for row in rows], older)
    batches = list(column_batches(store, "matches", RUNS, COLUMNS, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1, 2, 2, 1]
    assert [tuple(row.values()) for row in pa.Table.from_batches(batches).to_pylist()] == [
        (headline, article, place) for headline in (None, "Grève") for place, article in enumerate(articles)
    ]

"""Rows as a stream: the same as Arrow gives, with little of them in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from presswatch_spark.tables import bounded
from presswatch_spark.tables.bounded import BoundedDataset, bounded_batches
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore, column_batches
from tests.world.tables import match, publish, write

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
    stream = BoundedDataset.of(dataset).scanner(columns=columns, filter=filter).to_reader()
    assert stream.read_all().to_pylist() == expected.to_pylist()


def test_a_file_of_another_run_is_not_opened(dataset: Any) -> None:
    Path(dataset.files[1]).unlink()
    found = bounded_batches(BoundedDataset.of(dataset), ["number"], IN_R1)
    assert sum(map(len, found)) == 50
    assert {len(batch) for batch in bounded_batches(dataset, ["number"], IN_R1, rows=5)} == {5}
    with pytest.raises(FileNotFoundError):
        list(bounded_batches(dataset))


def test_no_more_is_read_than_a_little_ahead() -> None:
    begun = list[int]()

    def items() -> Iterator[int]:
        for number in range(100):
            begun.append(number)
            yield number

    results = bounded._ahead(lambda number: number * number, items(), 3)
    assert begun == []
    for number in range(10):
        assert next(results) == number * number
        assert len(begun) == number + 4
    results.close()
    assert len(begun) == 13


def test_what_fails_in_a_thread_fails_where_it_is_asked_for() -> None:
    results = bounded._ahead(lambda number: 1 // (2 - number), [1, 0, 2, 1], 2)
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

"""Columns of the rows of published runs, as a stream."""

from pathlib import Path

import pyarrow as pa

from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.store import TableStore, column_batches
from tests.world.tables import match, publish, write

RUNS = ("20240601T080000Z-aaaaaa", "20240602T080000Z-bbbbbb")
COLUMNS = ("headline", "article_id", "record_offset")


def test_rows_come_in_their_order_with_texts_as_codes_where_they_are_asked_for(tmp_path: Path) -> None:
    articles = ["a0", "a1", "a0", "a1", "a0"]
    rows = [
        match(article, "https://a.example/1", record_offset=place, headline="Grève")
        for place, article in enumerate(articles)
    ]
    for run_id in RUNS:
        publish(tmp_path, run_id, rows)
    store = TableStore.open(str(tmp_path))
    # As an older version wrote it.
    older = Match.schema.remove(Match.schema.get_field_index("headline"))
    write(store, "matches", RUNS[0], [{**row, "run_id": RUNS[0]} for row in rows], older)
    batches = list(column_batches(store, "matches", RUNS, COLUMNS, {"article_id"}, 2))
    assert {batch.schema.field("article_id").type for batch in batches} == {
        pa.dictionary(pa.int32(), pa.string())
    }
    assert [len(batch) for batch in batches] == [2, 2, 1, 2, 2, 1]
    assert [tuple(row.values()) for row in pa.Table.from_batches(batches).to_pylist()] == [
        (headline, article, place) for headline in (None, "Grève") for place, article in enumerate(articles)
    ]


def test_without_runs_there_are_no_rows(tmp_path: Path) -> None:
    store = TableStore.create(str(tmp_path))
    assert list(column_batches(store, "matches", [], COLUMNS)) == []

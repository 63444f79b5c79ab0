"""Times of capture in rows: read in every form that has one meaning, else null and noted, never wrong."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.reading.rows.columns import NO_TIME_NOTE
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import read

WHEN = datetime(2021, 4, 13, 5, 28, 41, tzinfo=UTC)
DAY = datetime(2021, 4, 13, tzinfo=UTC)
READ = {
    "2021-04-13T05:28:41Z": WHEN,
    "2021-04-13 05:28:41": WHEN,
    "2021-04-13T07:28:41+02:00": WHEN,
    "20210413052841": WHEN,
    "Tue, 13 Apr 2021 05:28:41 GMT": WHEN,
    "2021-04-13": DAY,
    "2021/04/13": DAY,
    "1618291721": WHEN,
    1618291721: WHEN,
    1618291721000: WHEN,
    1618291721000.5: WHEN.replace(microsecond=500),
}
NOT_READ = ["13/04/2021", "13 avril 2021", "2021", 2021, 0, "1970-01-01", "0001-01-01", True, [1], {"a": 1}]


@pytest.mark.parametrize("column", ["ts", "timestamp", "date"])
def test_every_form_that_has_one_meaning_is_read(tmp_path: Path, column: str) -> None:
    rows = [{"text": "un texte", "u": "https://x.example/", column: said} for said in READ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found, report = read(path, "rows", ReadOptions())
    assert [document.locator.captured_at for document in found] == list(READ.values())
    assert report.notes == []


@pytest.mark.parametrize("said", NOT_READ, ids=str)
def test_any_other_is_null_and_noted_once(tmp_path: Path, said: object) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps({'text': 'un texte', 'ts': said})}\n" * 3, "utf-8")
    found, report = read(path, "rows", ReadOptions())
    assert [document.locator.captured_at for document in found] == [None] * 3
    assert report.notes == [NO_TIME_NOTE]
    assert report.defects_total == 0


def test_a_missing_time_is_null_and_no_news(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"text": "un texte", "ts": null}\n{"text": "un texte"}\n{"text": "un texte", "ts": ""}', "utf-8"
    )
    found, report = read(path, "rows", ReadOptions())
    assert [document.locator.captured_at for document in found] == [None] * 3
    assert report.notes == []


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([WHEN], pa.timestamp("us", "Europe/Paris")), WHEN),
        (pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("ms")), WHEN),
        (pa.array([date(2021, 4, 13)], pa.date32()), DAY),
        (pa.array([1618291721]), WHEN),
        (pa.array([1618291721000.0]), WHEN),
        (pa.array(["2021-04-13T05:28:41Z"]), WHEN),
        (pa.array(["13/04/2021"]), None),
        (pa.array([0], pa.timestamp("s")), None),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_parquet_columns_of_every_type_are_read_alike(
    tmp_path: Path, column: pa.Array, expected: datetime | None
) -> None:
    table = pa.table({"text": ["un texte"], "timestamp": column})
    pq.write_table(table, tmp_path / "rows.parquet")
    [document], report = read(tmp_path / "rows.parquet", "rows", ReadOptions())
    assert document.locator.captured_at == expected
    assert report.notes == ([] if expected else [NO_TIME_NOTE])

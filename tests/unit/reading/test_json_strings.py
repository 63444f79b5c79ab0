"""Values inside of JSON that stands as a string in a column, in JSONL and in Parquet alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import complaints, read, texts

CAPTURED = "2024-05-18T01:58:10Z"
META = {"url": "https://a.example/1", "date_download": CAPTURED, "digest": "sha1:X", "language": "fr"}

Write = Callable[[Path, Sequence[dict[str, Any]]], Path]


def as_jsonl(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def as_parquet(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=2)
    return path


def as_parquet_dictionary(folder: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / "rows.parquet"
    table = pa.Table.from_pylist(list(rows))
    meta = table["meta"].combine_chunks().dictionary_encode()
    place = table.schema.get_field_index("meta")
    pq.write_table(table.set_column(place, "meta", meta), path)
    return path


WRITERS = pytest.mark.parametrize("write", [as_jsonl, as_parquet, as_parquet_dictionary])


def mapped(**columns: str) -> ReadOptions:
    return ReadOptions(columns=columns)


@WRITERS
def test_what_stands_in_a_json_string_is_found_by_the_names_that_datasets_use(
    tmp_path: Path, write: Write
) -> None:
    found, report = read(
        write(tmp_path, [{"raw_content": "un texte", "doc_id": "d1", "meta": json.dumps(META)}])
    )
    (document,) = found
    assert (report.defects, report.notes) == ([], [])
    assert (document.url, document.locator.record_id) == ("https://a.example/1", "d1")
    assert document.locator.captured_at == datetime(2024, 5, 18, 1, 58, 10, tzinfo=UTC)
    assert (document.locator.payload_digest, document.locator.languages) == ("sha1:X", ("fr",))


@WRITERS
def test_dotted_names_of_a_mapping_lead_into_json_strings_for_every_role(
    tmp_path: Path, write: Write
) -> None:
    inner = {"t": "un texte", "où": {"u": "https://a.example/é"}, "when": CAPTURED, "no": 7, "st": "200"}
    inner |= {"l": ["fr"], "dump": "CC-MAIN-2024-22", "d": "sha1:Y"}
    options = mapped(
        text="meta.t", url="meta.où.u", captured_at="meta.when", record_id="meta.no", http_status="meta.st",
        languages="meta.l", release="meta.dump", payload_digest="meta.d",
    )  # fmt: skip
    found, report = read(write(tmp_path, [{"meta": json.dumps(inner)}, {"meta": None}]), options=options)
    (document,) = found
    place = document.locator
    assert report.defects == []
    assert report.skipped == {"no text": 1}
    assert (document.text.decode(), document.url) == ("un texte", "https://a.example/é")
    assert (place.record_id, place.http_status, place.languages) == ("7", 200, ("fr",))
    assert (place.release, place.payload_digest, place.row_index) == ("CC-MAIN-2024-22", "sha1:Y", 0)
    assert place.captured_at is not None


@WRITERS
def test_the_language_gate_holds_for_languages_in_json_strings(tmp_path: Path, write: Write) -> None:
    rows = [{"text": f"texte {code}", "meta": json.dumps({"language": code})} for code in ("fr", "en", "fr")]
    rows.append({"text": "texte sans", "meta": "{"})
    found, report = read(write(tmp_path, rows), options=ReadOptions(languages=frozenset({"fr"})))
    assert texts(found) == ["texte fr", "texte fr", "texte sans"]
    assert report.skipped == {"language": 1}


BROKEN = [
    '{"url": "https://a.example/1"',
    "{'url': 'https://a.example/1'}",
    "de la prose",
    "[1]",
    '"x"',
    "{" * 5000,
]


@WRITERS
@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_a_string_that_is_no_json_leaves_its_values_unknown_and_is_noted(
    tmp_path: Path, write: Write, broken: str
) -> None:
    rows = [
        {"text": f"texte {n}", "meta": meta} for n, meta in enumerate((json.dumps(META), broken, None, ""))
    ]
    found, report = read(write(tmp_path, rows), options=mapped(url="meta.url"))
    assert [document.url for document in found] == ["https://a.example/1", "", "", ""]
    assert found[1].locator.captured_at is None
    assert report.defects == []
    (note,) = report.notes
    assert "JSON cannot be read" in note
    assert "prose" not in note


@WRITERS
def test_a_text_that_cannot_be_read_out_of_its_string_is_a_loss_with_its_place(
    tmp_path: Path, write: Write
) -> None:
    rows = [{"meta": json.dumps({"t": "un texte"})}, {"meta": '{"t": "un te'}, {"meta": '{"t": 7}'}]
    found, report = read(write(tmp_path, rows), options=mapped(text="meta.t"))
    assert texts(found) == ["un texte"]
    assert report.skipped == {}
    assert "should hold the text in JSON cannot be read; not read" in complaints(report)
    assert "text is a number, not a string; not read" in complaints(report)
    assert {defect.offset for defect in report.defects} == {1, 2}


@WRITERS
def test_a_url_in_a_json_string_that_is_no_string_costs_only_the_url(tmp_path: Path, write: Write) -> None:
    rows = [{"text": "un texte", "meta": json.dumps({"url": 7})}]
    found, report = read(write(tmp_path, rows))
    assert [document.url for document in found] == [""]
    assert complaints(report).startswith("URL is a number, not a string; read without URL (")


def test_a_column_of_its_own_comes_before_anything_in_a_string(tmp_path: Path) -> None:
    rows = [{"text": "un texte", "url": "https://b.example/", "meta": json.dumps(META)}]
    for write in (as_jsonl, as_parquet):
        assert [document.url for document in read(write(tmp_path, rows))[0]] == ["https://b.example/"]


def test_json_nested_in_fields_and_strings_is_followed_all_the_way(tmp_path: Path) -> None:
    inner = json.dumps({"deep": json.dumps({"url": "https://a.example/1"})})
    rows = [{"text": "un texte", "meta": {"string": inner}}]
    for write in (as_jsonl, as_parquet):
        found, _ = read(write(tmp_path, rows), options=mapped(url="meta.string.deep.url"))
        assert [document.url for document in found] == ["https://a.example/1"]


def test_a_string_that_is_asked_for_itself_stays_a_string(tmp_path: Path) -> None:
    meta = json.dumps(META)
    for write in (as_jsonl, as_parquet):
        found, _ = read(write(tmp_path, [{"meta": meta, "url": None}]), options=mapped(text="meta"))
        assert texts(found) == [meta]

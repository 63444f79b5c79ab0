"""Batches of rows: what is held at once is bounded, whatever else the rows carry."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.model import DocumentBatch, ReadReport
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.row_datasets import TRIED
from presswatch_spark.reading.rows.columns import ColumnNames
from presswatch_spark.reading.rows.jsonl import read_jsonl
from presswatch_spark.reading.rows.row_values import DOCUMENTS_AT_ONCE
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import stat
from tests.world.proofs import each_time
from tests.world.shards import pages

ROWS = 60
MEGABYTE = 1 << 20


def row(number: int, **more: object) -> bytes:
    return json.dumps({"text": f"texte {number}", "url": "https://exemple.fr/", **more}).encode() + b"\n"


def batches(chunks: Iterator[bytes]) -> Iterator[DocumentBatch]:
    return read_jsonl(chunks, ColumnNames(TRIED), ReadOptions(batch_bytes=4 * MEGABYTE), ReadReport(), "here")


def traced_peak(work: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


UNUSED: dict[str, dict[str, object]] = {
    "a column": {"raw_html": "x" * MEGABYTE},
    "a nested field": {"metadata": {"language": "fr", "html": "x" * MEGABYTE}},
    "many small objects": {"metadata": {"url": None, "parts": [{}] * (MEGABYTE // 32)}},
    "the id": {"id": "x" * MEGABYTE},
}


@pytest.mark.slow
@pytest.mark.parametrize("unused", each_time([UNUSED["a nested field"]], UNUSED.values()), ids=UNUSED)
def test_large_fields_beside_a_small_text_are_not_collected(unused: dict[str, object]) -> None:
    lines = [row(number, **unused) for number in range(2)]

    def read_all() -> None:
        found = [len(batch) for batch in batches(lines[number % 2] for number in range(ROWS))]
        assert sum(found) == ROWS

    one_row = traced_peak(lambda: json.loads(lines[0]) and None)
    assert traced_peak(read_all) < 4 * MEGABYTE + 6 * (one_row + MEGABYTE)


def test_many_small_rows_are_several_batches() -> None:
    count = 2 * DOCUMENTS_AT_ONCE + 1
    assert [len(batch) for batch in batches(row(n) for n in range(count))] == [
        DOCUMENTS_AT_ONCE,
        DOCUMENTS_AT_ONCE,
        1,
    ]


def test_rows_that_are_left_out_make_no_empty_batch() -> None:
    without_text = json.dumps({"text": "", "raw_html": "x" * 5 * MEGABYTE}).encode() + b"\n"
    assert [len(batch) for batch in batches(iter([without_text, row(0), without_text, row(1)]))] == [2]


def test_a_locator_still_knows_what_stands_beside_large_fields() -> None:
    meta = {"warc_record_id": "<urn:1>", "html": "x" * 99, "language": ["fr", 7], "url": "https://a.fr/"}
    (batch,) = batches(iter([row(0, metadata=meta, dump="CC-MAIN-2024-22", date="2024-05-18")]))
    place = batch.locate(0)
    assert (place.record_id, place.languages, place.release) == ("<urn:1>", ("fr",), "CC-MAIN-2024-22")
    assert place.captured_at is not None


@pytest.mark.full
def test_large_headers_of_oscar_2109_are_not_collected(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt"
    meta = shards.write_oscar_2109(path, pages(40))
    entries = [json.loads(line) for line in meta.read_text().splitlines()]
    for entry in entries:
        entry["headers"]["html"] = entry["html"] = "x" * MEGABYTE
    meta.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    shard, options = stat(str(path), ReadOptions().storage), ReadOptions()

    def read_all() -> None:
        found = format_for("oscar", shard, options).read(shard, options, ReadReport())
        assert sum(len(batch) for batch in found) == 40

    assert traced_peak(read_all) < 50 * MEGABYTE

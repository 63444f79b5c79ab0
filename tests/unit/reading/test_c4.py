"""C4 as published and as Parquet, and what JSONL can hold that is not quite JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.demo.shards import write_c4_json, write_c4_parquet
from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import Document, complaints, pages, read, texts


def line(text: object, url: object = "https://exemple.fr/", **more: object) -> bytes:
    return json.dumps({"text": text, "url": url, "timestamp": "2019-04-25T12:57:54Z", **more}).encode()


def read_lines(tmp_path: Path, *stored: bytes, **options: Any) -> tuple[list[Document], ReadReport]:
    path = tmp_path / "c4-fr.json"
    path.write_bytes(b"\n".join(stored))
    return read(path, "c4", ReadOptions(**options))


@pytest.mark.parametrize("name", ["c4-train.json.gz", "c4-train.json", "c4-train.json.zst", "c4.parquet"])
def test_rows_come_in_order_with_url_and_index(tmp_path: Path, name: str) -> None:
    write: Callable[[Path, Any], None] = write_c4_parquet if name.endswith("parquet") else write_c4_json
    write(tmp_path / name, pages(50))
    for batch_bytes in (1, 1000, 1 << 22):
        found, report = read(tmp_path / name, "auto", ReadOptions(batch_bytes=batch_bytes))
        assert texts(found) == [page.text for page in pages(50)]
        assert [document.url for document in found] == [page.url for page in pages(50)]
        assert [document.locator.row_index for document in found] == list(range(50))
        assert report.defects_total == report.documents_skipped == 0
        assert report.bytes_read == (tmp_path / name).stat().st_size


def test_a_locator_says_when_the_page_was_captured(tmp_path: Path) -> None:
    found, _ = read_lines(tmp_path, line("texte"))
    assert found[0].locator.captured_at == datetime(2019, 4, 25, 12, 57, 54, tzinfo=UTC)


def test_blank_lines_count_and_a_byte_order_mark_does_not(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path, b"\xef\xbb\xbf" + line("un"), b"", b"  \r", line("deux") + b"\r")
    assert [(document.text, document.locator.row_index) for document in found] == [(b"un", 0), (b"deux", 3)]
    assert report.defects_total == report.documents_skipped == 0


def test_a_line_that_cannot_be_parsed_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path, line("un"), b'{"text": "deux', b"[1]", b'"x"', line("trois"))
    assert texts(found) == ["un", "trois"]
    assert [(defect.offset, defect.unit) for defect in report.defects] == [
        (1, "line"),
        (2, "line"),
        (3, "line"),
    ]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (rb'{"text": "a\ud800b"}', b"a\xed\xa0\x80b"),
        (rb'{"text": "a\ud83d\ude00b", "x": NaN}', "a😀b".encode()),
        (rb'{"text": "a\u0000b"}', b"a\0b"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", b"a"),
        (b'{"text": "a", "n": -Infinity}', b"a"),
    ],
    ids=["lone surrogate", "NaN", "NUL", "huge integer", "infinity"],
)
def test_what_a_strict_parser_refuses_is_read_all_the_same(
    tmp_path: Path, stored: bytes, text: bytes
) -> None:
    found, report = read_lines(tmp_path, line("avant"), stored, line("suite"))
    assert [document.text for document in found] == [b"avant", text, b"suite"]
    assert report.defects_total == 0


def test_a_line_made_of_two_rows_is_named_and_not_read(tmp_path: Path) -> None:
    fused = b'{"text": "a", "url": "https://a.fr/", "te\\"xt": 1, "url": "https://b.fr/"}'
    found, report = read_lines(tmp_path, line("avant"), fused, line('dit "url": "url"'), line("suite"))
    assert [document.text for document in found] == [b"avant", b'dit "url": "url"', b"suite"]
    assert "two fields of one name" in complaints(report)
    assert report.defects_total == 1


def test_a_row_like_those_before_it_is_read_as_any_other(tmp_path: Path) -> None:
    fused = b'{"text": "a", "url": "https://a.fr/", "timestamp": "", "text": "b", "url": "https://b.fr/"}'
    stored = [
        *(line(f"texte {n}", f"https://exemple.fr/{n}") for n in range(3)),
        *(line('dit "url": "url" et "text": \\" 😀\n\u2028', 'https://exemple.fr/"'), line("", None)),
        *(line("un", 7), line(8), line("deux", language="fr"), line("trois", language=["en"], x={"y": [1]})),
        *(line("quatre"), b'{"text": "cinq", "url": "u", "timestamp": 2019}', line("six")),
    ]
    (tmp_path / "c4-fr.json.gz").write_bytes(gzip.compress(b"\n".join([*stored, fused, line("sept")])))
    packed, packed_report = read(tmp_path / "c4-fr.json.gz", "c4")
    plain, report = read_lines(tmp_path, *stored, b"", line("sept"))
    (one, other) = (
        [(each.text, each.url, each.locator.captured_at, each.locator.languages) for each in found]
        for found in (packed, plain)
    )
    assert one == other
    assert [languages for *_, languages in one[5:7]] == [("fr",), ("en",)]
    assert packed_report.skipped == report.skipped
    assert packed_report.defects_total == report.defects_total + 1
    assert "two fields of one name, not read (line 12)" in complaints(packed_report)


def nested(levels: int) -> bytes:
    return b'{"text": "profond", "x": ' + b'{"x": ' * levels + b"1" + b"}" * (levels + 1)


@pytest.mark.parametrize("format", ["auto", "c4"])
@pytest.mark.parametrize("levels", [990, 1010, 1022])
def test_a_row_nested_as_deeply_as_can_be_parsed_is_read(tmp_path: Path, levels: int, format: str) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(nested(levels) + b"\n" + line("suite"))
    found, report = read(path, format)
    assert texts(found) == ["profond", "suite"]
    assert report.defects_total == 0


@pytest.mark.parametrize("format", ["auto", "c4"])
@pytest.mark.parametrize(
    "deep",
    [nested(200_000), b'{"text": "a", "x": ' + b"[" * 200_000, b'{"n": NaN, ' + nested(200_000)[1:]],
    ids=["closed", "not closed", "for the lenient parser"],
)
def test_a_row_nested_too_deeply_is_named(tmp_path: Path, deep: bytes, format: str) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(b"\n".join([deep, line("suite"), deep, line("fin")]))
    found, report = read(path, format)
    assert texts(found) == ["suite", "fin"]
    assert [str(defect) for defect in report.defects] == [
        "line is nested too deeply to be read (line 0)",
        "line is nested too deeply to be read (line 2)",
    ]


def test_rows_without_text_are_skipped_and_texts_of_a_wrong_type_are_named(tmp_path: Path) -> None:
    found, report = read_lines(
        tmp_path, line(None), b'{"url": "x"}', line(""), line(7), line(["a"]), line("fin")
    )
    assert texts(found) == ["fin"]
    assert report.documents_skipped == 2
    assert "row has no column of text" in complaints(report)
    assert "text is a number, not a string; not read (line 3)" in complaints(report)
    assert "text is a list, not a string; not read (line 4)" in complaints(report)
    assert report.defects_total == 3


def test_a_url_of_a_wrong_type_costs_only_the_url(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path, line("un", 7), line("deux", None))
    assert [(document.text, document.url) for document in found] == [(b"un", ""), (b"deux", "")]
    assert report.defects_total == 1


def test_a_line_longer_than_allowed_is_named_and_skipped(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path, line("un"), line("x" * 5000), line("deux"), max_document_bytes=2000)
    assert [(document.text, document.locator.row_index) for document in found] == [(b"un", 0), (b"deux", 2)]
    assert "line longer than 2,000 bytes" in complaints(report)


@pytest.mark.full
def test_a_line_of_500_mb_is_read(tmp_path: Path) -> None:
    stored = line("avant"), line("mot " * (125 << 20)), line("suite")
    found, report = read_lines(tmp_path, *stored, max_document_bytes=1 << 30)
    assert [len(document.text) for document in found] == [5, 500 << 20, 5]
    assert report.defects_total == 0


def test_a_file_without_a_text_column_does_not_look_like_one_without_copies(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match=r"no row has a text column \(text\); there are: body, url"):
        read_lines(tmp_path, b'{"body": "a", "url": "b"}')


def test_an_empty_shard_is_named(tmp_path: Path) -> None:
    found, report = read_lines(tmp_path)
    assert found == []
    assert "empty" in complaints(report)


def test_damage_in_the_middle_of_gzip_is_named_and_all_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c4-bad.json.gz"
    write_c4_json(path, pages(200))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 50] = b"\xff" * 50
    path.write_bytes(data)
    found, report = read(path)
    assert 90 < len(found) < 110
    assert texts(found) == [page.text for page in pages(len(found))]
    assert report.defects_total >= 1


@pytest.mark.real_data
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_real_rows_are_read(real_data: Path, suffix: str) -> None:
    path = real_data / "rows" / "c4" / f"c4-train.00000-of-01024.rows-1-3-5.json{suffix}"
    found, report = read(path)
    stored = gzip.decompress(path.read_bytes()) if suffix else path.read_bytes()
    rows = [json.loads(each) for each in stored.splitlines()]
    assert [(document.text.decode(), document.url) for document in found] == [
        (r["text"], r["url"]) for r in rows
    ]
    for document in found:
        assert document.locator.row_index is not None
        assert rows[document.locator.row_index]["text"].encode() == document.text
    assert report.defects_total == 0

"""OSCAR in all its forms: JSONL, Parquet, and text with metadata beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import CorruptError, InputError
from presswatch_spark.reading.registry import companions_among
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import (
    SmallPage,
    complaints,
    pages,
    read,
    texts,
    write_oscar_2201,
    write_oscar_parquet,
)

Write = Callable[[Path, Any], object]
FORMS: dict[str, Write] = {
    "fr_meta_part_1.jsonl": shards.write_oscar_2301,
    "fr_meta_part_1.jsonl.gz": write_oscar_2201,
    "fr_meta_part_1.jsonl.zst": shards.write_oscar_2301,
    "oscar.parquet": write_oscar_parquet,
    "fr_part_1.txt": shards.write_oscar_2109,
    "fr_part_1.txt.gz": shards.write_oscar_2109,
    "fr.txt": shards.write_oscar_2109,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_documents(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name, pages(40))
    for batch_bytes in (1, 2000, 1 << 22):
        found, report = read(tmp_path / name, "auto", ReadOptions(batch_bytes=batch_bytes))
        assert texts(found) == [page.text for page in pages(40)]
        assert [document.url for document in found] == [page.url for page in pages(40)]
        assert report.defects_total == report.documents_skipped == 0
        assert report.bytes_read == (tmp_path / name).stat().st_size


@pytest.mark.parametrize("name", FORMS)
def test_the_locator_comes_from_the_warc_headers(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name, pages(3))
    place = read(tmp_path / name)[0][2].locator
    headers = shards.warc_headers(pages(3)[2], 2)
    assert place.record_id == headers["WARC-Record-ID"]
    assert place.payload_digest == headers["WARC-Block-Digest"]
    assert place.captured_at == datetime(2024, 12, 14, 1, 58, 12, tzinfo=UTC)
    assert place.languages == ("fra",)


@pytest.mark.parametrize("name", FORMS)
def test_the_language_gate_holds_in_every_form(tmp_path: Path, name: str) -> None:
    mixed = [SmallPage(f"https://exemple.fr/{code}", code, code) for code in ("fra", "eng", "deu,fra")]
    FORMS[name](tmp_path / name, mixed)
    found, report = read(tmp_path / name, "oscar", ReadOptions(languages=frozenset({"fra"})))
    assert texts(found) == ["fra", "deu,fra"]
    assert (report.documents_skipped, report.defects_total) == (1, 0)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_document_of_2109_is_found_again_by_its_range(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"fr_part_2.txt{suffix}"
    shards.write_oscar_2109(path, pages(20, lines=4))
    found, _ = read(path)
    shards.write_oscar_2109(tmp_path / "plain.txt", pages(20, lines=4))
    stored = (tmp_path / "plain.txt").read_bytes()
    for document in found:
        place = document.locator
        assert place.record_encoding == ("inflated" if suffix else "plain")
        assert place.record_offset is not None
        assert place.record_length is not None
        assert stored[place.record_offset :][: place.record_length] == document.text
        assert place.row_index == stored[: place.record_offset].count(b"\n")


def test_without_metadata_the_text_is_read_and_the_lack_is_named(tmp_path: Path) -> None:
    shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(3)).unlink()
    found, report = read(tmp_path / "fr_part_1.txt")
    assert texts(found) == [page.text for page in pages(3)]
    assert {document.url for document in found} == {""}
    assert report.defects_total == 1
    assert "fr_meta_part_1.jsonl" in complaints(report)


def test_metadata_packed_otherwise_than_the_text_is_found(tmp_path: Path) -> None:
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(3))
    (tmp_path / "fr_meta_part_1.jsonl.gz").write_bytes(gzip.compress(meta.read_bytes()))
    meta.unlink()
    found, report = read(tmp_path / "fr_part_1.txt")
    assert [document.url for document in found] == [page.url for page in pages(3)]
    assert report.defects_total == 0


def test_documents_that_the_metadata_does_not_fit_are_read_without_url(tmp_path: Path) -> None:
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(5))
    entries = meta.read_text().splitlines()
    wrong = json.loads(entries[3])
    wrong["nb_sentences"] += 1
    for lines in ([*entries[:3], json.dumps(wrong), entries[4]], [*entries[:4], "no entry"], entries[:4]):
        meta.write_text("\n".join(lines))
        found, report = read(tmp_path / "fr_part_1.txt")
        assert texts(found) == [page.text for page in pages(5)]
        # The entry before a damaged one may be made of two, and documents after it may have moved.
        own = [page.url for page in pages(5)]
        assert [document.url for document in found if document.url] == own[: len([d for d in found if d.url])]
        assert not found[-1].url
        is_noted = "metadata: line is no entry of metadata (line 4)" in complaints(report)
        assert is_noted == ("no entry" in lines)
        assert "text and metadata lack lines of each other" in complaints(report)


def test_a_text_cut_between_documents_is_told_by_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt"
    written = [pages(i + 1, lines=2 + i)[i] for i in range(5)]
    shards.write_oscar_2109(path, written)
    path.write_bytes(b"\n\n".join(path.read_bytes().split(b"\n\n")[:3]) + b"\n\n")
    found, report = read(path)
    # The last one may be a later one that has moved up.
    assert [document.url for document in found] == [*(page.url for page in written[:2]), ""]
    assert "text and metadata lack lines of each other" in complaints(report)


def test_the_last_document_of_a_cut_text_is_not_given(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt.gz"
    shards.write_oscar_2109(path, pages(50))
    path.write_bytes(path.read_bytes()[:-600])
    found, report = read(path)
    assert 0 < len(found) < 50
    assert texts(found) == [page.text for page in pages(len(found))]
    assert "cut" in complaints(report)


def test_a_document_of_2109_longer_than_allowed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fr.txt"
    long = [SmallPage("https://a.fr/", "x\n" * 500), SmallPage("https://b.fr/", "y" * 500)]
    shards.write_oscar_2109(path, [*long, *pages(2)])
    found, report = read(path, options=ReadOptions(max_document_bytes=400))
    assert [document.url for document in found] == [page.url for page in pages(2)]
    assert report.defects_total == 2


def test_metadata_is_no_shard_beside_its_text_but_documents_of_that_name_are() -> None:
    old = {"d/fr_part_1.txt.gz", "d/fr_meta_part_1.jsonl.gz", "d/fr.txt", "d/fr_meta.jsonl"}
    assert companions_among(old, "auto") == {"d/fr_meta_part_1.jsonl.gz", "d/fr_meta.jsonl"}
    new = {"fr_meta/fr_meta_part_1.jsonl.gz", "fr_meta/fr_meta_part_2.jsonl.gz"}
    assert companions_among(new, "auto") == companions_among(old, "wet") == set()
    notes = {"d/notes.txt", "d/notes_meta.jsonl"}
    assert companions_among(notes, "auto") == set()
    assert companions_among(notes, "oscar") == {"d/notes_meta.jsonl"}


def test_documents_that_are_named_like_the_metadata_of_a_text_are_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt"
    shards.write_oscar_2109(path, pages(2))
    (tmp_path / "fr_meta_part_1.jsonl").write_text('{"content": "un texte"}\n')
    _, report = read(path)
    assert "line is no entry of metadata" in complaints(report)


def test_metadata_given_as_a_shard_is_refused(tmp_path: Path) -> None:
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(2))
    for format in ("auto", "oscar", "rows"):
        with pytest.raises((InputError, CorruptError), match=r"text column|hold text"):
            read(meta, format)


@pytest.mark.real_data
def test_the_real_rows_and_documented_examples_are_read(real_data: Path) -> None:
    for name in ("oscar2201_real_rows", "oscar2201_doc_example", "oscar2301_doc_example"):
        path = real_data / "rows" / "oscar" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        found, report = read(path)
        assert texts(found) == [row["content"] for row in rows]
        for document, row in zip(found, rows, strict=True):
            assert document.url == row["warc_headers"]["warc-target-uri"]
            assert document.locator.record_id == row["warc_headers"]["warc-record-id"]
            assert rows[document.locator.row_index or 0] is row
        assert report.defects_total == 0

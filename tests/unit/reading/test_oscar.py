"""OSCAR in all its forms: JSONL, Parquet, and text with metadata beside it."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli.demo import shards
from presswatch_spark.core.errors import CorruptError, InputError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.known_formats import companions_among
from presswatch_spark.reading.source import ReadOptions
from tests.world.proofs import cases
from tests.world.shards import (
    Document,
    SmallPage,
    complaints,
    pages,
    read,
    texts,
    write_oscar_2201,
    write_oscar_parquet,
)

FORMS: dict[str, Callable[[Path, Any], object]] = {
    "fr_meta_part_1.jsonl": shards.write_oscar_2301,
    "fr_meta_part_1.jsonl.gz": write_oscar_2201,
    "fr_meta_part_1.jsonl.zst": shards.write_oscar_2301,
    "oscar.parquet": write_oscar_parquet,
    "fr_part_1.txt": shards.write_oscar_2109,
    "fr_part_1.txt.gz": shards.write_oscar_2109,
    "fr.txt": shards.write_oscar_2109,
}


@cases("name", FORMS)
def test_every_form_gives_the_same_documents_and_has_a_gate(tmp_path: Path, name: str) -> None:
    FORMS[name](tmp_path / name, pages(40))
    for batch_bytes in (1, 2000, 1 << 22):
        found, report = read(tmp_path / name, "auto", ReadOptions(batch_bytes=batch_bytes))
        assert [(each.text.decode(), each.url) for each in found] == [
            (each.text, each.url) for each in pages(40)
        ]
        assert report.defects_total == report.documents_skipped == 0
        assert report.bytes_read == (tmp_path / name).stat().st_size
    place, headers = found[2].locator, shards.warc_headers(pages(3)[2], 2)
    assert place.record_id == headers["WARC-Record-ID"]
    assert place.payload_digest == headers["WARC-Block-Digest"]
    assert place.captured_at == datetime(2024, 12, 14, 1, 58, 12, tzinfo=UTC)
    assert place.languages == ("fra",)
    mixed = [SmallPage(f"https://exemple.fr/{code}", code, code) for code in ("fra", "eng", "deu,fra")]
    FORMS[name](tmp_path / name, mixed)
    found, report = read(tmp_path / name, "oscar", ReadOptions(languages=frozenset({"fra"})))
    assert (texts(found), report.documents_skipped, report.defects_total) == (["fra", "deu,fra"], 1, 0)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_document_of_2109_is_found_again_by_its_range(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"fr_part_2.txt{suffix}"
    shards.write_oscar_2109(path, pages(20, lines=4))
    shards.write_oscar_2109(tmp_path / "plain.txt", pages(20, lines=4))
    stored = (tmp_path / "plain.txt").read_bytes()
    for document in read(path)[0]:
        place = document.locator
        assert place.record_encoding == ("inflated" if suffix else "plain")
        assert stored[place.record_offset :][: place.record_length] == document.text
        assert place.row_index == stored[: place.record_offset].count(b"\n")


def changed(
    folder: Path, change: Callable[[list[bytes]], object], count: int = 9, suffix: str = ""
) -> tuple[list[Document], ReadReport]:
    """Documents of 21.09 with changed lines of metadata; all have their text, and none has another URL."""
    path = folder / f"fr_part_1.txt{suffix}"
    meta = shards.write_oscar_2109(path, pages(count))
    entries = (gzip.decompress(meta.read_bytes()) if suffix else meta.read_bytes()).split(b"\n")
    change(entries)
    stored = b"\n".join(entries)
    meta.write_bytes(gzip.compress(stored) if suffix else stored)
    found, report = read(path, "oscar")
    assert texts(found) == [page.text for page in pages(count)]
    assert all(document.url in ("", page.url) for document, page in zip(found, pages(count), strict=True))
    return found, report


def without_url_from(found: list[Document]) -> int:
    """The document from which on none has a URL."""
    return max((n + 1 for n, document in enumerate(found) if document.url), default=0)


def with_two_urls(entries: list[bytes]) -> None:
    other = json.loads(entries[5])["headers"]["warc-target-uri"]
    entries[4] = entries[4].replace(b'"headers": {', f'"headers": {{"warc-target-uri": "{other}", '.encode())


def out_of_place(entries: list[bytes]) -> None:
    entries[2] = json.dumps(json.loads(entries[2]) | {"offset": json.loads(entries[6])["offset"]}).encode()


def of_another_length(entries: list[bytes]) -> None:
    entry = json.loads(entries[3])
    entries[3] = json.dumps(entry | {"nb_sentences": entry["nb_sentences"] + 1}).encode()


def replaced(number: int, line: bytes) -> Callable[[list[bytes]], None]:
    return lambda entries: entries.__setitem__(number, line)


NO_ENTRY = "metadata: line is not an entry of metadata (line 4)"
LACKING = "text and metadata lack lines of each other"


@pytest.mark.parametrize(
    ("change", "most", "said"),
    [
        (lambda entries: entries.__setitem__(4, b"{" + entries[4]), 3, f"{LACKING}, or are damaged"),
        (replaced(4, b"no entry"), 4, NO_ENTRY),
        (with_two_urls, 4, NO_ENTRY),
        (of_another_length, 3, LACKING),
        (lambda entries: entries.__delitem__(slice(4, None)), 4, LACKING),
        (out_of_place, 2, ""),
    ],
    ids=["broken", "no entry", "two URLs", "of another length", "missing", "out of its place"],
)
def test_metadata_give_no_url_from_a_damaged_entry_on(
    tmp_path: Path, change: Callable[[list[bytes]], object], most: int, said: str
) -> None:
    """The entry before a damaged one may be made of two, and documents after it may have moved."""
    for suffix in ("", ".gz"):
        found, report = changed(tmp_path, change, suffix=suffix)
        assert without_url_from(found) <= most
        assert report.defects_total
        assert said in complaints(report)


def test_documents_say_that_their_metadata_failed_its_checksum(tmp_path: Path) -> None:
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt.gz", pages(9))
    data = bytearray(meta.read_bytes())
    data[-8] ^= 1
    meta.write_bytes(data)
    assert read(tmp_path / "fr_part_1.txt.gz", "oscar")[1].unverified


def test_without_metadata_the_text_is_read_and_the_lack_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt"
    meta = shards.write_oscar_2109(path, pages(3))
    stored = meta.read_bytes()
    meta.unlink()
    found, report = read(path)
    assert [(each.text.decode(), each.url) for each in found] == [(page.text, "") for page in pages(3)]
    assert report.defects_total == 1
    assert meta.name in complaints(report)
    # Metadata packed otherwise than the text is found; documents under its name are a loss.
    meta.with_suffix(".jsonl.gz").write_bytes(gzip.compress(stored))
    found, report = read(path)
    assert ([each.url for each in found], report.defects_total) == ([page.url for page in pages(3)], 0)
    meta.write_text('{"content": "un texte"}\n')
    assert "line is not an entry of metadata" in complaints(read(path)[1])


def test_a_text_cut_between_documents_is_told_by_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "fr_part_1.txt"
    written = [pages(i + 1, lines=2 + i)[i] for i in range(5)]
    shards.write_oscar_2109(path, written)
    path.write_bytes(b"\n\n".join(path.read_bytes().split(b"\n\n")[:3]) + b"\n\n")
    found, report = read(path)
    # The last one may be a later one that has moved up.
    assert [document.url for document in found] == [*(page.url for page in written[:2]), ""]
    assert LACKING in complaints(report)


@pytest.mark.parametrize("lost", [0, 4, 8])
def test_a_text_that_lost_a_document_gives_no_other_its_url(tmp_path: Path, lost: int) -> None:
    """All are of as many lines: those after the lost one stand where the metadata has their neighbours."""
    path = tmp_path / "fr_part_1.txt"
    shards.write_oscar_2109(path, pages(9))
    parts = path.read_bytes().split(b"\n\n")
    path.write_bytes(b"\n\n".join([*parts[:lost], *parts[lost + 1 :]]))
    found, report = read(path)
    kept = [page for number, page in enumerate(pages(9)) if number != lost]
    assert [(each.text.decode().rstrip(), each.url) for each in found] == [(page.text, "") for page in kept]
    assert LACKING in complaints(report)


def test_a_document_of_2109_longer_than_allowed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fr.txt"
    long = [SmallPage("https://a.fr/", "x\n" * 500), SmallPage("https://b.fr/", "y" * 500)]
    shards.write_oscar_2109(path, [*long, *pages(2)])
    found, report = read(path, options=ReadOptions(max_document_bytes=400))
    assert ([each.url for each in found], report.defects_total) == ([page.url for page in pages(2)], 2)


def test_metadata_is_no_shard_beside_its_text_but_documents_of_that_name_are(tmp_path: Path) -> None:
    old = {"d/fr_part_1.txt.gz", "d/fr_meta_part_1.jsonl.gz", "d/fr.txt", "d/fr_meta.jsonl"}
    assert companions_among(old, "auto") == {"d/fr_meta_part_1.jsonl.gz", "d/fr_meta.jsonl"}
    new = {"fr_meta/fr_meta_part_1.jsonl.gz", "fr_meta/fr_meta_part_2.jsonl.gz"}
    assert companions_among(new, "auto") == companions_among(old, "wet") == set()
    notes = {"d/notes.txt", "d/notes_meta.jsonl"}
    assert companions_among(notes, "auto") == set()
    assert companions_among(notes, "oscar") == {"d/notes_meta.jsonl"}
    meta = shards.write_oscar_2109(tmp_path / "fr_part_1.txt", pages(2))
    for format in ("auto", "oscar", "rows"):
        with pytest.raises((InputError, CorruptError), match=r"text column|contain text"):
            read(meta, format)


@pytest.mark.real_data
def test_the_real_rows_and_documented_examples_are_read(real_data: Path) -> None:
    for name in ("oscar2201_real_rows", "oscar2201_doc_example", "oscar2301_doc_example"):
        path = real_data / "rows" / "oscar" / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        found, report = read(path)
        assert [(each.text.decode(), each.url, each.locator.record_id) for each in found] == [
            (row["content"], row["warc_headers"]["warc-target-uri"], row["warc_headers"]["warc-record-id"])
            for row in rows
        ]
        assert [document.locator.row_index for document in found] == list(range(len(rows)))
        assert report.defects_total == 0

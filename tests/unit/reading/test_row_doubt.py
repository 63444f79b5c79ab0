"""Rows that no checksum vouches for: those that damage may have made keep their text, and get no URL."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from presswatch_spark.cli.demo.shards import write_oscar_2109
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import Document, complaints, pages, read


def row(n: int, **more: object) -> bytes:
    fields = {
        "text": f"texte {n}",
        "timestamp": "2019-04-25T12:57:54Z",
        "url": f"https://exemple.fr/{n}",
        **more,
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def bare_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=False).compress(data)


def checked_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


def plain(data: bytes) -> bytes:
    return data


Pack = Callable[[bytes], bytes]
UNCHECKED, CHECKED = [plain, bare_zstd], [gzip.compress, checked_zstd]


def read_lines(
    tmp_path: Path, *lines: bytes, pack: Pack = plain, end: bytes = b"\n", format: str = "rows"
) -> tuple[list[Document], ReadReport]:
    (tmp_path / "shard").write_bytes(pack(b"\n".join(lines) + end))
    return read(tmp_path / "shard", format)


def known(found: list[Document]) -> list[int]:
    """The numbers of the rows with URL; each has its own, and the others say that they are in doubt."""
    for document in found:
        assert document.url in ("", document.text.decode().replace("texte ", "https://exemple.fr/"))
        assert document.locator.damage == (None if document.url else "row")
    return [int(document.text.split()[-1]) for document in found if document.url]


@pytest.mark.parametrize("pack", UNCHECKED)
@pytest.mark.parametrize("broken", [b"un{", b"[1]", b'{"url": "a", "url": "b"}', b'{"a": 1, "a": 2}'])
def test_rows_beside_a_broken_line_get_no_url(tmp_path: Path, broken: bytes, pack: Pack) -> None:
    lines = [*map(row, range(3)), broken, b"", *map(row, range(3, 6))]
    found, report = read_lines(tmp_path, *lines, pack=pack)
    assert (len(found), known(found)) == (6, [0, 1, 4, 5])
    assert report.defects_total == 1
    # Of what is packed, any row may be harmed: all say so.
    assert report.unverified == (pack is bare_zstd)


@pytest.mark.parametrize("fields", [1, 50])
def test_a_field_of_any_name_that_stands_twice_breaks_a_row(tmp_path: Path, fields: int) -> None:
    more = b"".join(rb'"\ud800 %d": 1, ' % n for n in range(fields))
    twice = b"{" + more + b'"a": 1, ' + row(2)[1:-1] + b', "a": 2}'
    found, report = read_lines(tmp_path, row(0), b"{" + more + row(1)[1:], row(2), twice, row(4), row(5))
    assert known(found) == [0, 1, 5]
    assert "two fields of one name, not read (line 3)" in complaints(report)


@pytest.mark.parametrize("pack", CHECKED)
def test_a_broken_line_that_was_written_so_costs_no_other_row_its_url(tmp_path: Path, pack: Pack) -> None:
    found, report = read_lines(tmp_path, row(0), b"un{", row(1), row(2, timestamp=None), pack=pack)
    assert known(found) == [0, 1, 2]
    assert (report.defects_total, report.unverified) == (1, False)


def test_a_row_before_a_line_that_is_too_long_gets_no_url(tmp_path: Path) -> None:
    (tmp_path / "shard").write_bytes(b"\n".join([row(0), row(1), row(2, x="x" * 999), row(3), row(4), b""]))
    found, _ = read(tmp_path / "shard", "rows", ReadOptions(max_document_bytes=500))
    assert known(found) == [0, 4]


@pytest.mark.parametrize("pack", UNCHECKED)
def test_a_shard_that_was_cut_keeps_the_url_of_its_last_whole_row(tmp_path: Path, pack: Pack) -> None:
    found, report = read_lines(tmp_path, row(0), row(1), row(2)[:30], pack=pack, end=b"")
    assert known(found) == [0, 1]
    assert (report.defects_total, report.unverified) == (1, False)


def test_a_row_that_is_no_utf8_keeps_its_text_and_says_that_it_is_in_doubt(tmp_path: Path) -> None:
    odd = row(9, text="a?b").replace(b"?", b"\xff")
    found, report = read_lines(tmp_path, row(0), row(1), odd, row(3), row(4))
    assert [(document.text, document.url) for document in found[2:3]] == [("a\ufffdb".encode(), "")]
    assert found[2].locator.damage == "row"
    assert known(found[:2] + found[3:]) == [0, 4]
    assert "line is no valid UTF-8; read without URL (line 2)" in complaints(report)


def test_a_row_that_was_written_in_no_utf8_keeps_its_url_and_is_noted(tmp_path: Path) -> None:
    odd = row(9, text="a?b").replace(b"?", b"\xff")
    found, report = read_lines(tmp_path, row(0), odd, pack=gzip.compress)
    assert [(document.text, document.url) for document in found[1:]] == [
        ("a\ufffdb".encode(), "https://exemple.fr/9")
    ]
    assert report.defects_total == 0
    assert "no valid UTF-8" in report.notes[0]


@pytest.mark.parametrize("format", ["rows", "c4"])
@pytest.mark.parametrize("lacking", [0, 1, 5, 9])
def test_a_row_without_a_field_that_all_others_have_is_in_doubt(
    tmp_path: Path, lacking: int, format: str
) -> None:
    lines = [row(n, timestamp=None if n == lacking else "2019-04-25T12:57:54Z") for n in range(10)]
    found, report = read_lines(tmp_path, *lines, format=format)
    assert len(found) == 10
    assert known(found) == [n for n in range(10) if abs(n - lacking) > 1]
    told = "1 row without the field timestamp, which nearly all have; read without URL; the first (line"
    assert complaints(report) == f"{told} {lacking})"


def test_a_row_without_text_is_told_if_all_others_have_one(tmp_path: Path) -> None:
    lines = [row(n).replace(b"text", b"tezt") if n == 4 else row(n) for n in range(10)]
    found, report = read_lines(tmp_path, *lines)
    assert len(found) == 9
    assert "1 row without the field text" in complaints(report)


def test_a_field_that_some_rows_lack_is_optional_after_a_few(tmp_path: Path) -> None:
    lacking = range(10, 100, 10)
    lines = [row(n, timestamp=None if n in lacking else "2019-04-25T12:57:54Z") for n in range(100)]
    found, report = read_lines(tmp_path, *lines)
    # What a writer leaves out shows only when it is left out again.
    assert known(found) == [n for n in range(100) if all(abs(n - first) > 1 for first in lacking[:3])]
    assert report.defects_total == 0
    assert "without URL" in report.notes[0]


@pytest.mark.parametrize("value", ['{"url": 1', None, 7, []])
def test_a_field_that_holds_no_fields_says_nothing_of_those_in_it(tmp_path: Path, value: object) -> None:
    nested = {"meta": {"url": "https://exemple.fr/", "date": "2019-04-25"}}
    lines = [json.dumps({"text": f"texte {n}", **nested}).encode() for n in range(10)]
    lines[4] = json.dumps({"text": "texte 4", "meta": value}).encode()
    found, report = read_lines(tmp_path, *lines)
    assert [document.url for document in found] == [
        *["https://exemple.fr/"] * 4,
        "",
        *["https://exemple.fr/"] * 5,
    ]
    assert report.defects_total == 0


def test_a_row_that_is_read_alone_is_as_a_scan_reads_it(tmp_path: Path) -> None:
    lines = [row(0, timestamp=None), *map(row, range(1, 4)), b"un{", b"", *map(row, range(6, 9))]
    lines += [
        row(9, timestamp=None),
        row(10),
        b"",
        row(12, x="x" * 999),
        *map(row, range(13, 19)),
        row(19)[:20],
    ]
    options = ReadOptions(max_document_bytes=500)
    for pack in (*UNCHECKED, *CHECKED):
        (tmp_path / "shard").write_bytes(pack(b"\n".join(lines)))
        scanned, _ = read(tmp_path / "shard", "rows", options)
        by_row = {document.locator.row_index: document for document in scanned}
        assert len({document.url for document in scanned}) > 6
        for index in range(25):
            alone = ReadOptions(max_document_bytes=500, rows=frozenset({index}))
            found, report = read(tmp_path / "shard", "rows", alone)
            assert found == ([by_row[index]] if index in by_row else [])
            # The long line is told wherever it is passed; of others nothing is.
            assert {defect.offset for defect in report.defects} <= {index, 12}


@pytest.mark.parametrize("pack", [*UNCHECKED, *CHECKED])
@pytest.mark.parametrize("strange", [row(1, text="x" * 600), b"un{", b"\xff"])
def test_what_is_wrong_with_a_line_is_told_to_none_but_who_asks_for_it(
    tmp_path: Path, pack: Pack, strange: bytes
) -> None:
    (tmp_path / "shard").write_bytes(pack(b"\n".join([row(0), strange, row(2), row(3)])))
    for index in range(4):
        alone = ReadOptions(max_document_bytes=500, rows=frozenset({index}))
        _, report = read(tmp_path / "shard", "rows", alone)
        assert report.defects_total == (index == 1), index


def test_metadata_give_no_url_from_a_broken_entry_on(tmp_path: Path) -> None:
    meta = write_oscar_2109(tmp_path / "fr_part_1.txt", pages(9))
    entries = meta.read_bytes().split(b"\n")
    entries[4] = b"{" + entries[4]
    meta.write_bytes(b"\n".join(entries))
    found, report = read(tmp_path / "fr_part_1.txt", "oscar")
    assert len(found) == 9
    assert [document.url for document in found[3:]] == [""] * 6
    assert "lack lines of each other, or are damaged" in complaints(report)


def test_metadata_give_no_url_from_an_entry_with_two_urls_on(tmp_path: Path) -> None:
    meta = write_oscar_2109(tmp_path / "fr_part_1.txt", pages(9))
    entries = meta.read_bytes().split(b"\n")
    other = json.loads(entries[5])["headers"]["warc-target-uri"]
    entries[4] = entries[4].replace(b'"headers": {', f'"headers": {{"warc-target-uri": "{other}", '.encode())
    meta.write_bytes(b"\n".join(entries))
    found, report = read(tmp_path / "fr_part_1.txt", "oscar")
    own = [page.url for page in pages(9)]
    assert all(document.url in ("", own[n]) for n, document in enumerate(found))
    assert [document.url for document in found[4:]] == [""] * 5
    assert "metadata: line is no entry of metadata (line 4)" in complaints(report)


def test_metadata_give_no_url_from_an_entry_out_of_its_place_on(tmp_path: Path) -> None:
    meta = write_oscar_2109(tmp_path / "fr_part_1.txt.gz", pages(9))
    entries = gzip.decompress(meta.read_bytes()).split(b"\n")
    place = json.loads(entries[6])["offset"]
    entries[2] = json.dumps({**json.loads(entries[2]), "offset": place}).encode()
    meta.write_bytes(gzip.compress(b"\n".join(entries)))
    found, report = read(tmp_path / "fr_part_1.txt.gz", "oscar")
    own = [page.url for page in pages(9)]
    assert all(document.url in ("", own[n]) for n, document in enumerate(found))
    assert [document.url for document in found[2:]] == [""] * 7
    assert report.defects_total


def test_documents_say_that_their_metadata_failed_its_checksum(tmp_path: Path) -> None:
    meta = write_oscar_2109(tmp_path / "fr_part_1.txt.gz", pages(9))
    data = bytearray(meta.read_bytes())
    data[-8] ^= 1
    meta.write_bytes(data)
    _, report = read(tmp_path / "fr_part_1.txt.gz", "oscar")
    assert report.unverified

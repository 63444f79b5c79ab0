"""WET shards in every packing: right texts, right places, and no loss that is not named."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.demo.shards import RELEASE, write_wet
from presswatch_spark.errors import CorruptError, TruncatedError
from presswatch_spark.sources.base import ReadOptions, ReadReport
from presswatch_spark.sources.wet import WetSource
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from tests.reading import Document, SmallPage, complaints, documents, pages, read, texts

PACKINGS = ("record.wet.gz", "plain.wet", "single.wet.gz")


@pytest.fixture(params=PACKINGS)
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A WET file of 40 pages in one of the packings."""
    path = tmp_path / str(request.param)
    write_wet(path, pages(40), one_member=path.name.startswith("single"))
    return path


def record(body: bytes, *, length: int | None = None, headers: str = "", newline: str = "\r\n") -> bytes:
    """A conversion record, whose Content-Length may lie."""
    lines = [
        "WARC/1.0",
        "WARC-Type: conversion",
        "WARC-Target-URI: https://exemple.fr/seul",
        *headers.splitlines(),
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return newline.join([*lines, "", ""]).encode() + body + newline.encode() * 2


def packed_as(packing: str, records: list[bytes]) -> bytes:
    """Records as a file: a gzip member each, all in one, or plain."""
    if packing == "record":
        return b"".join(gzip.compress(each, mtime=0) for each in records)
    return gzip.compress(b"".join(records), mtime=0) if packing == "single" else b"".join(records)


def read_bytes(tmp_path: Path, data: bytes, **options: object) -> tuple[list[Document], ReadReport]:
    path = tmp_path / "some.wet.gz"
    path.write_bytes(data)
    return read(path, "wet", ReadOptions(**options))  # type: ignore[arg-type]


def stored_record(path: Path, document: Document) -> bytes:
    """Fetch a record by its locator alone, as a third party would."""
    place, data = document.locator, path.read_bytes()
    assert place.record_offset is not None
    assert place.record_length is not None
    if place.record_encoding == "inflated":
        data = gzip.decompress(data)
    found = data[place.record_offset : place.record_offset + place.record_length]
    return gzip.decompress(found) if place.record_encoding == "gzip" else found


def test_texts_and_urls_come_in_order_from_every_packing(packed: Path) -> None:
    found, report = read(packed)
    assert texts(found) == [page.text for page in pages(40)]
    assert [document.url for document in found] == [page.url for page in pages(40)]
    assert report.documents == 40
    assert report.documents_skipped == report.defects_total == 0
    assert report.bytes_read == packed.stat().st_size


@pytest.mark.parametrize("batch_bytes", [1, 700, 5000])
def test_small_batches_change_nothing(packed: Path, batch_bytes: int) -> None:
    assert read(packed, "wet", ReadOptions(batch_bytes=batch_bytes))[0] == read(packed)[0]


def test_a_locator_leads_back_to_the_record(packed: Path) -> None:
    encodings = {"record.wet.gz": "gzip", "plain.wet": "plain", "single.wet.gz": "inflated"}
    for document in read(packed)[0]:
        header, _, body = stored_record(packed, document).partition(b"\r\n\r\n")
        assert document.locator.record_encoding == encodings[packed.name]
        assert f"WARC-Target-URI: {document.url}\r\n".encode() in header
        assert str(document.locator.record_id).encode() in header
        assert str(document.locator.payload_digest).encode() in header
        assert body == document.text + b"\r\n\r\n"


def test_a_locator_says_what_the_headers_say(packed: Path) -> None:
    place = read(packed)[0][2].locator
    assert place.captured_at == datetime(2024, 5, 18, 1, 58, 12, tzinfo=UTC)
    assert place.languages == ("fra",)
    assert place.release == RELEASE


def test_several_records_may_share_a_member_and_a_record_may_span_members(tmp_path: Path) -> None:
    content = b"".join(record(f"texte {i} ".encode() * 20) for i in range(30))
    cuts = sorted(random.Random(4).sample(range(len(content)), 25))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    for batch_bytes in (1, 3000, 1 << 22):
        found, report = read_bytes(tmp_path, packed_as("record", parts), batch_bytes=batch_bytes)
        assert texts(found) == [f"texte {i} " * 20 for i in range(30)]
        assert report.defects_total == 0
        for document in found:
            assert document.text in stored_record(tmp_path / "some.wet.gz", document)


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
def test_header_syntax_is_read_leniently(tmp_path: Path, packing: str) -> None:
    records = [
        record(b"un", newline="\n"),
        record(b"deux").replace(b"WARC/1.0", b"WARC/0.17").replace(b"Content-Length", b"CONTENT-LENGTH"),
        record(b"trois").replace(b"WARC-Type: conv", b"warc-type:\tConv"),
        record(b"quatre").replace(b"Target-URI: https", b"Target-URI:\r\n https"),
        record(b"cinq", headers="X-Folded: a\r\n b\r\n\tc"),
        record(b"six").replace(b"https://exemple.fr/seul", b"<https://exemple.fr/seul>"),
        record(b"sept").replace(b"WARC/1.0", b"WARC/1.1"),
    ]
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    assert texts(found) == ["un", "deux", "trois", "quatre", "cinq", "six", "sept"]
    assert {document.url for document in found} == {"https://exemple.fr/seul"}
    assert report.defects_total == 0


def test_a_record_without_url_is_read(tmp_path: Path) -> None:
    lone = record(b"texte").replace(b"WARC-Target-URI: https://exemple.fr/seul\r\n", b"")
    found, _ = read_bytes(tmp_path, gzip.compress(lone))
    assert [(document.text, document.url) for document in found] == [(b"texte", "")]


def test_the_language_gate_skips_what_is_surely_of_another_language(tmp_path: Path) -> None:
    languages = ["fra", "eng", "eng,fra", "deu, FRA", "", "deu,eng"]
    records = [record(f"{i}".encode(), headers=f"WARC-Identified-Content-Language: {code}") for i, code in enumerate(languages)]
    records.append(record(b"6"))
    data = packed_as("record", records)
    found, report = read_bytes(tmp_path, data, languages=frozenset({"fra", "oci"}))
    assert texts(found) == ["0", "2", "3", "4", "6"]
    assert report.documents_skipped == 2
    assert report.defects_total == 0
    assert len(read_bytes(tmp_path, data)[0]) == 7


def test_a_record_without_text_is_skipped_and_counted(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, packed_as("record", [record(b""), record(b"texte")]))
    assert texts(found) == ["texte"]
    assert (report.documents_skipped, report.defects_total) == (1, 0)


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("lie", [-5, 3, 2000, 10**12])
def test_of_a_record_with_a_lying_length_what_is_there_is_read(tmp_path: Path, packing: str, lie: int) -> None:
    body = "un texte assez long pour être amputé".encode()
    records = [record(b"avant"), record(body, length=len(body) + lie), *[record(b"suite" * 300)] * 2]
    found, report = read_bytes(tmp_path, packed_as(packing, records), max_document_bytes=10**13)
    assert [document.text for document in found] == [b"avant", body, b"suite" * 300, b"suite" * 300]
    assert report.defects_total == 1
    assert f"declares {len(body) + lie:,} bytes and has {len(body):,}" in complaints(report)
    place = {"record": len(gzip.compress(records[0], mtime=0))}.get(packing, len(records[0]))
    assert report.defects[0].offset == place


def test_a_lying_length_in_the_last_record_is_noticed(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, packed_as("record", [record(b"texte", length=50)]))
    assert [document.text for document in found] == [b"texte"]
    assert report.defects_total == 1


def test_missing_or_surplus_line_ends_after_a_record_are_no_loss(tmp_path: Path) -> None:
    for ending in (b"", b"\r\n", b"\n\n", b"\r\n\r\n\r\n"):
        lone = record(b"texte")[:-4] + ending
        found, report = read_bytes(tmp_path, packed_as("record", [lone, record(b"suite")]))
        assert texts(found) == ["texte", "suite"]
        assert report.defects_total == 0


def test_text_that_looks_like_a_record_stays_text(tmp_path: Path) -> None:
    body = b"Voici un enregistrement :\r\n\r\nWARC/1.0\r\nWARC-Type: conversion\r\nContent-Length: 3\r\n\r\nabc\r\n\r\nfin"
    for packing in ("record", "single", "plain"):
        found, report = read_bytes(tmp_path, packed_as(packing, [record(body), record(b"suite")]))
        assert [document.text for document in found] == [body, b"suite"]
        assert report.defects_total == 0


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
def test_bytes_between_records_are_named_and_reading_goes_on(tmp_path: Path, packing: str) -> None:
    data = packed_as(packing, [record(b"avant"), b"<html>rien</html>\r\n\r\n", record("après".encode())])
    found, report = read_bytes(tmp_path, data)
    assert texts(found) == ["avant", "après"] if packing == "record" else [texts(found)[0], "après"]
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
def test_a_record_without_length_is_named_and_the_next_is_read(tmp_path: Path, packing: str) -> None:
    for bad in (b"X-Length: 7", b"Content-Length: -7", b"Content-Length: sept"):
        lone = record(b"perdu: ").replace(b"Content-Length: 7", bad)
        found, report = read_bytes(tmp_path, packed_as(packing, [record(b"avant"), lone, record(b"suite")]))
        assert texts(found) == ["avant", "suite"]
        assert report.defects_total == 1
        assert "Content-Length" in complaints(report)


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
def test_a_record_longer_than_allowed_is_named_and_skipped(tmp_path: Path, packing: str, batch_bytes: int) -> None:
    data = packed_as(packing, [record(b"avant"), record(b"long " * 5000), record(b"suite")])
    found, report = read_bytes(tmp_path, data, max_document_bytes=1000, batch_bytes=batch_bytes)
    assert texts(found) == ["avant", "suite"]
    assert "longer than allowed" in complaints(report)
    assert report.defects_total == 1


def test_a_member_that_swells_beyond_what_is_allowed_is_not_held(tmp_path: Path) -> None:
    bomb = record(b"x" * (64 << 20), length=10)
    data = packed_as("record", [record(b"avant"), bomb, record(b"suite")])
    found, report = read_bytes(tmp_path, data, max_document_bytes=1 << 20)
    assert texts(found) == ["avant", "suite"]
    assert report.defects_total == 1


@pytest.mark.full
@pytest.mark.parametrize("packing", ["record", "plain"])
def test_a_record_of_200_mb_is_read(tmp_path: Path, packing: str) -> None:
    body = b"mot " * (50 << 20)
    found, report = read_bytes(tmp_path, packed_as(packing, [record(b"avant"), record(body), record(b"suite")]))
    assert [len(document.text) for document in found] == [5, 200 << 20, 5]
    assert hashlib.sha256(found[1].text).digest() == hashlib.sha256(body).digest()
    assert report.defects_total == 0


def test_a_record_of_20_mb_is_read_in_place(tmp_path: Path) -> None:
    body = random.Random(2).randbytes(20 << 20)
    data = packed_as("record", [record(b"avant"), record(body), record(b"suite")])
    found, report = read_bytes(tmp_path, data)
    assert found[1].text == body
    assert found[1].locator.record_encoding == "gzip"
    assert stored_record(tmp_path / "some.wet.gz", found[1]) == record(body)
    assert report.defects_total == 0


def test_nul_bytes_and_invalid_utf8_are_kept(tmp_path: Path) -> None:
    body = b"un\0deux\xff\xfe trois"
    assert read_bytes(tmp_path, gzip.compress(record(body)))[0][0].text == body


def test_damage_in_the_middle_costs_one_record(tmp_path: Path) -> None:
    path = tmp_path / "bad.wet.gz"
    write_wet(path, pages(20))
    hit = read(path)[0][7].locator
    assert hit.record_offset is not None
    assert hit.record_length is not None
    data = bytearray(path.read_bytes())
    for where in (hit.record_offset + 100, hit.record_offset + hit.record_length - 7, hit.record_offset + 1):
        damaged = bytearray(data)
        damaged[where] ^= 0xFF
        path.write_bytes(damaged)
        found, report = read(path)
        assert texts(found) == [page.text for i, page in enumerate(pages(20)) if i != 7]
        assert report.defects_total == 1
        assert report.defects[0].offset == hit.record_offset


def test_a_record_that_was_zeroed_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "zeroed.wet.gz"
    write_wet(path, pages(5))
    hit = read(path)[0][2].locator
    assert hit.record_offset is not None
    assert hit.record_length is not None
    data = path.read_bytes()
    path.write_bytes(data[: hit.record_offset] + bytes(hit.record_length) + data[hit.record_offset + hit.record_length :])
    found, report = read(path)
    assert texts(found) == [page.text for i, page in enumerate(pages(5)) if i != 2]
    assert report.defects[0].offset == hit.record_offset


def test_damage_to_the_first_byte_of_the_file_costs_no_conversion(tmp_path: Path) -> None:
    path = tmp_path / "first.wet.gz"
    write_wet(path, pages(5))
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    found, report = read(path)
    assert texts(found) == [page.text for page in pages(5)]
    assert report.defects[0].offset == 0


def test_an_empty_shard_is_named(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, b"")
    assert found == []
    assert "empty" in complaints(report)


@pytest.mark.parametrize("content", [b"no records here\n" * 50, b"\0" * 5000, gzip.compress(b"no records"), b"\x1f\x8b\x08"])
def test_what_holds_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.wet.gz"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="not WET") as caught:
        list(WetSource().read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()))
    assert caught.value.where == str(path)


def test_a_warc_of_responses_is_refused_as_wet(tmp_path: Path) -> None:
    path = tmp_path / "responses.warc.gz"
    path.write_bytes(gzip.compress(record(b"HTTP/1.1 200 OK").replace(b"conversion", b"response")))
    with pytest.raises(CorruptError, match="response"):
        list(WetSource().read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()))


def test_an_object_that_ends_between_members_before_its_size_is_partial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "short.wet.gz"
    write_wet(path, pages(10))
    third = read(path)[0][3].locator.record_offset
    data = path.read_bytes()[:third]
    monkeypatch.setattr("presswatch_spark.sources.wet.open_stream", lambda info, options: BreakingOff(data))
    report = ReadReport()
    shard = ObjectInfo(str(path), size=path.stat().st_size)
    batches = list(WetSource().read(shard, ReadOptions(), report))
    assert sum(map(len, batches)) == 3
    assert "the connection was reset" in complaints(report)
    assert report.defects[0].offset == third


class BreakingOff:
    """A stream that breaks off at the end of `data`."""

    def __init__(self, data: bytes) -> None:
        self.position = 0
        self._data = data

    def read(self, n: int) -> bytes:
        if self.position == len(self._data):
            raise TruncatedError("the connection was reset")
        part = self._data[self.position : self.position + n]
        self.position += len(part)
        return part

    def __enter__(self) -> BreakingOff:
        return self

    def __exit__(self, *error: object) -> None:
        return None


@pytest.fixture(params=["whirlwind.warc.wet", "whirlwind.warc.wet.gz"])
def whirlwind(request: pytest.FixtureRequest, real_data: Path) -> Iterator[Path]:
    return real_data / "common_crawl" / "whirlwind" / str(request.param)


@pytest.mark.real_data
def test_the_real_wet_of_common_crawl_is_read_with_a_right_locator(whirlwind: Path) -> None:
    found, report = read(whirlwind)
    assert len(found) == report.documents == 1
    assert report.defects_total == 0
    assert found[0].url == "https://an.wikipedia.org/wiki/Escopete"
    assert found[0].locator.release == "CC-MAIN-2024-22"
    assert found[0].locator.payload_digest == "sha1:RDTSR52RUHWDA7QK4BK7OUHU3EXTXYUL"
    body = stored_record(whirlwind, found[0]).partition(b"\r\n\r\n")[2]
    assert hashlib.sha256(body[:4456]).digest() == hashlib.sha256(found[0].text).digest()


def test_pages_with_lone_surrogates_survive(tmp_path: Path) -> None:
    path = tmp_path / "surrogates.wet.gz"
    write_wet(path, [SmallPage("https://exemple.fr/", "a\ud800b")])
    report = ReadReport()
    assert documents(path, report)[0].text == b"a\xed\xa0\x80b"

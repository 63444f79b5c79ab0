"""WET shards in every packing: right texts, right places, right facts."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.cli.demo.shards import RELEASE, write_wet
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import SmallPage, documents, pages, read, texts
from tests.world.warc import packed_as, read_bytes, record, stored_record

PACKINGS = ("record.wet.gz", "plain.wet", "single.wet.gz")


@pytest.fixture(params=PACKINGS)
def packed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A WET file of 40 pages in one of the packings."""
    path = tmp_path / str(request.param)
    write_wet(path, pages(40), one_member=path.name.startswith("single"))
    return path


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
    assert place.captured_at == datetime(2024, 12, 14, 1, 58, 12, tzinfo=UTC)
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
    records = [
        record(f"{i}".encode(), headers=f"WARC-Identified-Content-Language: {code}")
        for i, code in enumerate(languages)
    ]
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


def test_text_that_looks_like_a_record_stays_text(tmp_path: Path) -> None:
    body = b"Voici un enregistrement :\r\n\r\n" + record(b"abc") + b"fin"
    for packing in ("record", "single", "plain"):
        found, report = read_bytes(tmp_path, packed_as(packing, [record(body), record(b"suite")]))
        assert [document.text for document in found] == [body, b"suite"]
        assert report.defects_total == 0


@pytest.mark.full
@pytest.mark.parametrize("packing", ["record", "plain"])
def test_a_record_of_200_mb_is_read(tmp_path: Path, packing: str) -> None:
    body = b"mot " * (50 << 20)
    found, report = read_bytes(
        tmp_path,
        packed_as(packing, [record(b"avant"), record(body), record(b"suite")]),
        max_document_bytes=1 << 30,
    )
    assert [len(document.text) for document in found] == [5, 200 << 20, 5]
    assert hashlib.sha256(found[1].text).digest() == hashlib.sha256(body).digest()
    assert report.defects_total == 0


def test_a_record_of_12_mb_is_read_in_place(tmp_path: Path) -> None:
    body = random.Random(2).randbytes(12 << 20)
    data = packed_as("record", [record(b"avant"), record(body), record(b"suite")])
    found, report = read_bytes(tmp_path, data)
    assert found[1].text == body
    assert found[1].locator.record_encoding == "gzip"
    assert stored_record(tmp_path / "some.wet.gz", found[1]) == record(body)
    assert report.defects_total == 0


def test_nul_bytes_and_invalid_utf8_are_kept(tmp_path: Path) -> None:
    body = b"un\0deux\xff\xfe trois"
    assert read_bytes(tmp_path, gzip.compress(record(body)))[0][0].text == body


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

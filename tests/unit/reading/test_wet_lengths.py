"""WET records whose Content-Length cannot be believed: what surrounds them bounds them, with a defect."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from presswatch_spark.reading.warc.blocks import first_content_type
from tests.world.proofs import each_time
from tests.world.shards import complaints, read, texts
from tests.world.warc import packed_as, read_bytes, record, stored_record

BODY = "Un texte.\r\n\r\nIl a des lignes vides,\n\net rien ne dit où il finit".encode()
UNREADABLE = {
    "negative": b"Content-Length: -1",
    "a word": b"Content-Length: sept",
    "huge": b"Content-Length: " + b"9" * 20,
    "longer than Python reads": b"Content-Length: " + b"9" * 5000,
    "nothing": b"Content-Length:",
    "missing": b"X-Length: 7",
}


def without_length(body: bytes = BODY, line: bytes = UNREADABLE["negative"]) -> bytes:
    return record(body).replace(b"Content-Length: %d" % len(body), line)


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [1, 300, 1 << 22])
def test_a_record_without_a_readable_length_is_read_up_to_the_next(
    tmp_path: Path, line: bytes, packing: str, batch_bytes: int
) -> None:
    records = [record(b"avant"), without_length(line=line), *[record(b"suite" * 300)] * 2]
    found, report = read_bytes(tmp_path, packed_as(packing, records), batch_bytes=batch_bytes)
    assert [document.text for document in found] == [b"avant", BODY, b"suite" * 300, b"suite" * 300]
    assert [defect.what for defect in report.defects] == [
        f"record has no readable Content-Length and has {len(BODY)}; what is there was read"
    ]
    lone = found[1]
    assert lone.locator.record_encoding == {"record": "gzip", "single": "inflated"}.get(packing, packing)
    header, _, stored = stored_record(tmp_path / "some.wet.gz", lone).partition(b"\r\n\r\n")
    assert line in header
    assert stored == BODY + b"\r\n\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("batch_bytes", each_time([1], [1, 1 << 22]))
def test_alone_in_a_verified_member_it_is_read_first_last_and_large(tmp_path: Path, batch_bytes: int) -> None:
    large = random.Random(5).randbytes(6 << 20).replace(b"WARC", b"....")
    bodies = [BODY, large, b"x", large, BODY]
    data = packed_as("record", [without_length(body) for body in bodies])
    found, report = read_bytes(tmp_path, data, batch_bytes=batch_bytes)
    assert [document.text for document in found] == bodies
    assert {document.locator.record_encoding for document in found} == {"gzip"}
    assert report.defects_total == len(bodies)


def test_its_member_bounds_it_whatever_follows(tmp_path: Path) -> None:
    data = packed_as("record", [without_length(), b"<html>rien</html>\r\n\r\n", record(b"suite")])
    found, report = read_bytes(tmp_path, data)
    assert [document.text for document in found] == [BODY, b"suite"]
    assert report.defects_total == 2


def test_in_a_member_that_cannot_be_verified_it_is_not_read(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(without_length(), mtime=0))
    damaged[-6] ^= 1
    whole = packed_as("record", [record(b"avant")])
    found, report = read_bytes(tmp_path, whole + damaged + packed_as("record", [record(b"suite")]))
    assert texts(found) == ["avant", "suite"]
    assert report.defects[0].offset == len(whole)


def test_at_the_end_of_a_plain_file_it_may_be_cut_and_is_not_read(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, packed_as("plain", [record(b"avant"), without_length()]))
    assert texts(found) == ["avant"]
    assert "record is cut: it has no readable Content-Length" in complaints(report)


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
def test_one_longer_than_allowed_is_named_and_skipped(tmp_path: Path, packing: str, batch_bytes: int) -> None:
    data = packed_as(packing, [record(b"avant"), without_length(b"long " * 5000), record(b"suite")])
    found, report = read_bytes(tmp_path, data, max_document_bytes=1000, batch_bytes=batch_bytes)
    assert texts(found) == ["avant", "suite"]
    assert "longer than allowed, not read; it has no readable Content-Length" in complaints(report)
    assert report.defects_total == 1


def test_one_without_text_is_no_document(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, packed_as("record", [without_length(b""), record(b"suite")]))
    assert texts(found) == ["suite"]
    assert report.defects_total == 1


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE)
def test_a_warcinfo_without_a_readable_length_costs_nothing(tmp_path: Path, line: bytes) -> None:
    info = without_length(b"isPartOf: CC-MAIN-2024-22", line).replace(b"conversion", b"warcinfo")
    path = tmp_path / "a.warc.wet.gz"
    path.write_bytes(packed_as("record", [info, record(b"texte")]))
    assert first_content_type(info) == "warcinfo"
    found, report = read(path)
    assert texts(found) == ["texte"]
    assert report.release == found[0].locator.release == "CC-MAIN-2024-22"
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [100, 5000, 1 << 22])
def test_a_length_that_the_file_has_no_room_for_does_not_take_the_next_records_along(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    lie = 10**12
    rest = [f"suite {i} ".encode() * 30 for i in range(30)]
    data = packed_as(packing, [record(BODY, length=lie), *map(record, rest)])
    found, report = read_bytes(tmp_path, data, batch_bytes=batch_bytes, max_document_bytes=1000)
    assert [document.text for document in found] == [BODY, *rest]
    assert f"declares {lie:,} bytes and has {len(BODY)}" in complaints(report)
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [100, 5000, 1 << 15, 1 << 22])
def test_a_record_too_long_to_be_read_shows_no_records_of_its_own(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    forged = b"\r\n\r\n" + record(b"a forged text")
    filler = [f"suite {i} ".encode() * 30 for i in range(2000)]
    long = b"".join([filler[0], forged, *filler, forged, forged])
    data = packed_as(packing, [record(BODY), record(long), record(b"the end")])
    found, report = read_bytes(tmp_path, data, batch_bytes=batch_bytes, max_document_bytes=1000)
    assert [document.text for document in found] == [BODY, b"the end"]
    assert report.defects_total == 1
    assert f"longer than allowed, not read; it declares {len(long):,} bytes" in complaints(report)


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
def test_a_file_that_was_written_as_text_has_one_cr_too_many_and_is_read(
    tmp_path: Path, packing: str
) -> None:
    data = packed_as(packing, [record(b"texte", newline="\r\r\n"), record(b"suite", newline="\r\r\n")])
    found, report = read_bytes(tmp_path, data)
    assert [document.text for document in found] == [b"texte", b"suite"]
    assert {document.url for document in found} == {"https://exemple.fr/seul"}
    assert report.defects_total == 0

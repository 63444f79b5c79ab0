"""WET shards that lie, are damaged, cut or too large: no loss that is not named, none that can be helped."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from presswatch_spark.cli.demo.shards import write_wet
from presswatch_spark.core.errors import CorruptError, TruncatedError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc_format import WET
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from tests.world.proofs import each_time
from tests.world.shards import complaints, pages, read, texts
from tests.world.warc import packed_as, read_bytes, record

UNITS = {"record": "byte", "single": "inflated byte", "plain": "byte"}


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("lie", [-5, 2000, 10**12])
def test_of_a_record_with_a_lying_length_no_more_is_read_than_it_declares(
    tmp_path: Path, packing: str, lie: int
) -> None:
    body = "un texte assez long pour être amputé".encode()
    records = [record(b"avant"), record(body, length=len(body) + lie), *[record(b"suite" * 300)] * 2]
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    declared = body[:lie] if lie < 0 else body
    assert [document.text for document in found] == [b"avant", declared, b"suite" * 300, b"suite" * 300]
    damaged = [document.locator.damage for document in found]
    # What was found by looking for it may be a part of a page's text; a gzip member of its own is a record.
    assert damaged == [None, "length", None if packing == "record" else "boundary", None]
    assert report.defects_total == 1
    assert f"declares {len(body) + lie:,} bytes and has {len(body):,}" in complaints(report)
    place = {"record": len(gzip.compress(records[0], mtime=0))}.get(packing, len(records[0]))
    assert (report.defects[0].offset, report.defects[0].unit) == (place, UNITS[packing])


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("lie", [-2, 2])
def test_a_length_that_is_off_by_line_ends_only_is_no_loss(tmp_path: Path, packing: str, lie: int) -> None:
    records = [record(b"texte\r\n", length=7 + lie), record(b"suite")]
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    assert [document.text.rstrip() for document in found] == [b"texte", b"suite"]
    assert report.defects_total == 0


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


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
def test_bytes_between_records_are_named_and_reading_goes_on(tmp_path: Path, packing: str) -> None:
    data = packed_as(packing, [record(b"avant"), b"<html>rien</html>\r\n\r\n", record("après".encode())])
    found, report = read_bytes(tmp_path, data)
    assert texts(found) == ["avant", "après"] if packing == "record" else [texts(found)[0], "après"]
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", ["record", "single", "plain"])
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
def test_a_record_longer_than_allowed_is_named_and_skipped(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    data = packed_as(packing, [record(b"avant"), record(b"long " * 5000), record(b"suite")])
    found, report = read_bytes(tmp_path, data, max_document_bytes=1000, batch_bytes=batch_bytes)
    assert texts(found) == ["avant", "suite"]
    assert "longer than allowed" in complaints(report)
    assert report.defects_total == 1


@pytest.mark.slow
def test_a_member_that_swells_beyond_what_is_allowed_is_not_held(tmp_path: Path) -> None:
    bomb = record(b"x" * (64 << 20), length=10)
    data = packed_as("record", [record(b"avant"), bomb, record(b"suite")])
    found, report = read_bytes(tmp_path, data, max_document_bytes=1 << 20)
    assert texts(found) == ["avant", "suite"]
    assert report.defects_total == 1


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
    path.write_bytes(
        data[: hit.record_offset] + bytes(hit.record_length) + data[hit.record_offset + hit.record_length :]
    )
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


@pytest.mark.parametrize(
    "content",
    [b"no records here\n" * 50, b"\0" * 5000, gzip.compress(b"no records", mtime=0), b"\x1f\x8b\x08"],
)
def test_what_holds_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "none.wet.gz"
    path.write_bytes(content)
    with pytest.raises(CorruptError, match="not WET") as caught:
        list(WET.read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()))
    assert caught.value.where == str(path)


def test_a_warc_of_responses_is_refused_as_wet(tmp_path: Path) -> None:
    path = tmp_path / "responses.warc.gz"
    path.write_bytes(gzip.compress(record(b"HTTP/1.1 200 OK").replace(b"conversion", b"response")))
    with pytest.raises(CorruptError, match="response"):
        list(WET.read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()))


def test_an_object_that_ends_between_members_before_its_size_is_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "short.wet.gz"
    write_wet(path, pages(10))
    third = read(path)[0][3].locator.record_offset
    data = path.read_bytes()[:third]
    monkeypatch.setattr(
        "presswatch_spark.storage.streams.open_stream", lambda info, options, **_: BreakingOff(data)
    )
    report = ReadReport()
    shard = ObjectInfo(str(path), size=path.stat().st_size)
    batches = list(WET.read(shard, ReadOptions(), report))
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


def test_a_record_whose_type_was_damaged_is_not_lost_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.wet"
    write_wet(path, pages(3))
    whole = path.read_bytes()
    at = whole.index(b"conversion", whole.index(b"conversion") + 1)
    path.write_bytes(whole[:at] + b"convepsion" + whole[at + 10 :])
    found, report = read(path)
    assert len(found) == 2
    assert "no conversion" in complaints(report)


@pytest.mark.slow
@pytest.mark.parametrize("packing", each_time(["record"], ["record", "single", "plain"]))
def test_a_file_that_is_cut_within_a_record_longer_than_allowed_is_read_so_far(
    tmp_path: Path, packing: str
) -> None:
    data = packed_as(packing, [record(b"avant"), record(random.Random(5).randbytes(12 << 20))])
    found, report = read_bytes(tmp_path, data[: 10 << 20], max_document_bytes=1000)
    assert texts(found) == ["avant"]
    assert "longer than allowed" in complaints(report)

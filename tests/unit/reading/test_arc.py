"""ARC files in every packing: all records, right places, every loss named."""

from __future__ import annotations

import gzip
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.errors import CorruptError
from tests.world.arc import HEAD, VERSION, arc_record, blocks, bodies, packed_arc, read_arc, read_arc_bytes
from tests.world.proofs import each_time
from tests.world.shards import complaints

PACKINGS = ("record", "single", "plain")
UNITS = {"record": "byte", "single": "inflated byte", "plain": "byte"}


def stored(data: bytes, offset: int, length: int, encoding: str) -> bytes:
    if encoding == "inflated":
        data = gzip.decompress(data)
    found = data[offset : offset + length]
    return gzip.decompress(found) if encoding == "gzip" else found


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("batch_bytes", [1, 3000, 1 << 22])
def test_all_records_come_in_order_with_pointers_that_lead_back(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    records = [arc_record(block, f"http://exemple.fr/{i}") for i, block in enumerate(blocks(30))]
    data = packed_arc(packing, records)
    found, report = read_arc_bytes(tmp_path, data, batch_bytes=batch_bytes)
    assert bodies(found) == blocks(30)
    assert [record.url for record in found] == [f"http://exemple.fr/{i}" for i in range(30)]
    assert report.defects_total == 0
    assert report.bytes_read == len(data)
    assert {record.record_encoding for record in found} == {
        {"record": "gzip", "single": "inflated"}.get(packing, packing)
    }
    for record, whole in zip(found, records, strict=True):
        assert stored(data, record.record_offset, record.record_length, record.record_encoding) == whole


def test_a_record_says_what_its_line_says(tmp_path: Path) -> None:
    record = read_arc_bytes(tmp_path, packed_arc("record", [arc_record(HEAD)]))[0][0]
    assert record.media_type == "text/html"
    assert record.captured_at == datetime(2010, 1, 30, 11, 22, 33, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "media", "time"),
    [
        ("- 20100130112233 text/html", "text/html", True),
        ("2001:db8::7 20100130112233 no-type", None, True),
        ("0.0.0.0 20100130112233 text/html; charset=utf-8", "text/html", True),
        ("0.0.0.0 20100130112233 text/html 200 d41d8cd9 - 12345678 un.arc", "text/html", True),
        ("0.0.0.0 20100130112233456 Text/HTML", "text/html", True),
        ("0.0.0.0 20109930112233 text/html", "text/html", False),
        ("0.0.0.0 20100130", None, False),
    ],
)
@pytest.mark.parametrize(
    "url", ["http://exemple.fr/un été au 1.2.3.4 !", "dns:exemple.fr", "http://[::1]/?a=b c"]
)
def test_lines_of_both_versions_are_read_and_urls_may_hold_spaces(
    tmp_path: Path, fields: str, media: str | None, time: bool, url: str
) -> None:
    found, report = read_arc_bytes(tmp_path, packed_arc("plain", [arc_record(HEAD, url, fields=fields)] * 2))
    assert [record.url for record in found] == [url, url]
    assert {(record.media_type, record.captured_at is not None) for record in found} == {(media, time)}
    assert report.defects_total == 0


def test_lines_may_end_with_carriage_return_and_urls_hold_any_bytes(tmp_path: Path) -> None:
    line = b"http://exemple.fr/\xe9\0\x1b 192.0.2.7 20100130112233 text/html 44\r\n"
    found, report = read_arc_bytes(tmp_path, packed_arc("plain", [line + HEAD + b"\n"]))
    assert bodies(found) == [HEAD]
    assert found[0].url == "http://exemple.fr/\ufffd\0\x1b"
    assert report.defects_total == 0


@pytest.mark.parametrize("batch_bytes", [1, 3000, 1 << 22])
def test_several_records_may_share_a_member_and_a_record_may_span_members(
    tmp_path: Path, batch_bytes: int
) -> None:
    content = VERSION + b"".join(map(arc_record, blocks(30)))
    cuts = sorted(random.Random(4).sample(range(60, len(content)), 25))
    parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    data = b"".join(map(gzip.compress, parts))
    found, report = read_arc_bytes(tmp_path, data, batch_bytes=batch_bytes)
    assert bodies(found) == blocks(30)
    assert report.defects_total == 0


@pytest.mark.parametrize("packing", PACKINGS)
def test_files_that_were_joined_are_read_to_the_end(tmp_path: Path, packing: str) -> None:
    data = packed_arc(packing, [arc_record(HEAD)]) * 3
    found, report = read_arc_bytes(tmp_path, data)
    assert (len(found), report.defects_total) == (3, 0)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    ("ending", "lie"),
    [(b"", -1), (b"", 0), (b"\n", -1), (b"\n", 1), (b"\r\n", 1), (b"\r\n", 2), (b"\n\n\n", 0)],
)
def test_line_ends_between_records_are_no_loss(tmp_path: Path, packing: str, ending: bytes, lie: int) -> None:
    block = HEAD + b"<p>\n"
    lone = arc_record(block, length=len(block) + lie, ending=ending)
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, [lone, lone]))
    assert [block.rstrip() for block in bodies(found)] == [HEAD + b"<p>"] * 2
    assert report.defects_total == 0


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("lie", [-5, 200, 10**12, "-1", "abc", "9" * 20])
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
def test_of_a_record_with_a_lying_length_no_more_is_read_than_it_declares(
    tmp_path: Path, packing: str, lie: int | str, batch_bytes: int
) -> None:
    block = HEAD + b"<p>assez long\nhttp://exemple.fr/ nulle part\n</p>"
    length = len(block) + lie if isinstance(lie, int) else lie
    records = [arc_record(HEAD), arc_record(block, length=length), *[arc_record(HEAD + b"<p>" * 300)] * 2]
    data = packed_arc(packing, records)
    found, report = read_arc_bytes(tmp_path, data, batch_bytes=batch_bytes)
    declared = block[:-5] if lie == -5 else block
    assert bodies(found) == [HEAD, declared, HEAD + b"<p>" * 300, HEAD + b"<p>" * 300]
    # What was found by looking for it may be a part of a page; a gzip member of its own is a record.
    next_one = None if packing == "record" else "boundary"
    assert [record.damage for record in found] == [None, "length", next_one, None]
    assert report.defects_total == 1
    said = f"declares {length:,} bytes" if isinstance(lie, int) else "has no readable length"
    assert f"{said} and has {len(block):,}" in complaints(report)
    place = len(packed_arc("record" if packing == "record" else "plain", records[:1]))
    assert (report.defects[0].offset, report.defects[0].unit) == (place, UNITS[packing])


def test_a_member_without_line_end_bounds_a_record_that_declares_more(tmp_path: Path) -> None:
    block = HEAD + b"<p>un"
    records = [arc_record(block, length=len(block) + lie, ending=b"") for lie in (30, 200, 10**6)]
    found, report = read_arc_bytes(tmp_path, packed_arc("record", [*records, arc_record(block)]))
    assert bodies(found) == [block] * 4
    assert report.defects_total == 3


@pytest.mark.parametrize("batch_bytes", [1, 1 << 22])
def test_a_member_of_one_stray_byte_costs_nothing_else(tmp_path: Path, batch_bytes: int) -> None:
    data = packed_arc("record", [arc_record(HEAD), b"x", arc_record(HEAD), arc_record(HEAD)])
    found, report = read_arc_bytes(tmp_path, data, batch_bytes=batch_bytes)
    assert bodies(found) == [HEAD] * 3
    assert report.defects_total == 1


@pytest.mark.parametrize("tail", [VERSION, b"fin"])
def test_text_that_looks_like_a_record_stays_text(tmp_path: Path, tail: bytes) -> None:
    text = b"<pre>\n\n" + arc_record(b"abc") + tail
    length = b"\r\nContent-Length: %d\r\n\r\n" % len(text) if tail == VERSION else b"\r\n\r\n"
    block = HEAD.replace(b"\r\n\r\n", length) + text
    for packing in PACKINGS:
        found, report = read_arc_bytes(tmp_path, packed_arc(packing, [arc_record(block)] * 2))
        assert bodies(found) == [block, block]
        assert report.defects_total == 0


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
def test_bytes_between_records_are_named_and_reading_goes_on(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    parts = [arc_record(HEAD), b"\n<html>rien</html>\n" * 20, arc_record(HEAD)]
    if packing != "record":
        parts = [b"<html>rien</html>\n" * 20, arc_record(HEAD), arc_record(HEAD)]
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, parts), batch_bytes=batch_bytes)
    assert bodies(found) == [HEAD, HEAD]
    assert complaints(report).startswith("bytes that are no ARC record")
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", PACKINGS)
def test_wherever_a_file_is_cut_what_is_whole_is_read_and_the_cut_is_named(
    tmp_path: Path, packing: str
) -> None:
    whole = [block[:120] for block in blocks(3)]
    records = list(map(arc_record, whole))
    data = packed_arc(packing, records)
    ends = [len(packed_arc(packing, records[:n])) for n in range(4)]
    for keep in range(1, len(data)):
        try:
            found, report = read_arc_bytes(tmp_path, data[:keep])
        except CorruptError:
            assert keep < {"record": ends[0], "single": ends[1], "plain": len("filedesc:")}[packing]
            continue
        read = bodies(found)
        assert read[:-1] == whole[: len(read[:-1])]
        if packing == "record":
            assert read == whole[: sum(keep >= end for end in ends[1:])]
        # Between records a cut does not show, with or without the line end that separates them.
        hidden = {"record": ends, "single": [], "plain": [*ends, *(end - 1 for end in ends)]}[packing]
        assert report.defects_total == int(keep not in hidden), keep


def test_a_record_that_a_plain_file_cuts_is_named_and_not_read(tmp_path: Path) -> None:
    data = packed_arc("plain", [arc_record(HEAD + b"<p>un deux trois")])[:-7]
    found, report = read_arc_bytes(tmp_path, data)
    assert bodies(found) == []
    assert "is cut: it declares 60 bytes and has 54; it was not read" in complaints(report)


@pytest.mark.parametrize("harm", ["a byte of the data", "a byte of the sum", "zeros", "the magic", "noise"])
def test_damage_to_a_member_costs_its_record_only(tmp_path: Path, harm: str) -> None:
    members = [gzip.compress(part) for part in (VERSION, *map(arc_record, blocks(9)))]
    start = sum(map(len, members[:5]))
    hurt = bytearray(members[5])
    if harm in ("zeros", "noise"):
        hurt = bytearray(len(hurt)) if harm == "zeros" else bytearray(random.Random(1).randbytes(len(hurt)))
    else:
        hurt[{"the magic": 0, "a byte of the sum": -6}.get(harm, 100)] ^= 0xFF
    found, report = read_arc_bytes(tmp_path, b"".join([*members[:5], hurt, *members[6:]]))
    assert bodies(found) == [block for i, block in enumerate(blocks(9)) if i != 4]
    assert (report.defects_total, report.defects[0].offset) == (1, start)
    assert f"reading resumed at byte {start + len(hurt):,}" in complaints(report)


def test_damage_to_the_first_member_costs_no_page(tmp_path: Path) -> None:
    data = bytearray(packed_arc("record", list(map(arc_record, blocks(3)))))
    data[0] = 0
    found, report = read_arc_bytes(tmp_path, bytes(data))
    assert bodies(found) == blocks(3)
    assert report.defects[0].offset == 0


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("batch_bytes", [100, 1 << 22])
@pytest.mark.parametrize("parts", [500, 40_000])
def test_a_record_longer_than_allowed_is_named_and_passed_over(
    tmp_path: Path, packing: str, batch_bytes: int, parts: int
) -> None:
    # It shows records in its text, which are none.
    long = arc_record(HEAD + (b"\n" + arc_record(b"faux") + b"<p>" * 50) * parts)
    data = packed_arc(packing, [arc_record(HEAD), long, arc_record(HEAD)])
    found, report = read_arc_bytes(tmp_path, data, max_document_bytes=1000, batch_bytes=batch_bytes)
    assert bodies(found) == [HEAD, HEAD]
    assert report.defects_total == 1
    assert "longer than allowed" in complaints(report)


@pytest.mark.slow
@pytest.mark.parametrize("packing", each_time(["record"], ["record", "single"]))
def test_a_member_that_swells_beyond_what_is_allowed_is_not_held(tmp_path: Path, packing: str) -> None:
    bomb = arc_record(b"x" * (64 << 20), length=10)
    data = packed_arc(packing, [arc_record(HEAD), bomb, arc_record(HEAD)])
    found, report = read_arc_bytes(tmp_path, data, max_document_bytes=1 << 20)
    assert bodies(found) == [HEAD, HEAD]
    assert report.defects_total == 1


@pytest.mark.full
def test_a_record_of_12_mb_is_read(tmp_path: Path) -> None:
    block = random.Random(2).randbytes(12 << 20)
    for packing in PACKINGS:
        found, report = read_arc_bytes(tmp_path, packed_arc(packing, [arc_record(block), arc_record(HEAD)]))
        assert found[0].block == block
        assert len(found) == 2
        assert report.defects_total == 0


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    for data in (b"", gzip.compress(b"")):
        found, report = read_arc_bytes(tmp_path, data)
        assert found == []
        assert "empty" in complaints(report)


@pytest.mark.parametrize(
    "content",
    [b"no records here\n" * 50, b"\0" * 5000, gzip.compress(b"WARC/1.0\r\n", mtime=0), b"\x1f\x8b\x08"],
)
def test_what_holds_no_record_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CorruptError, match="not ARC"):
        read_arc_bytes(tmp_path, content)


@given(st.binary(max_size=600), st.sampled_from(["plain", "record"]), st.sampled_from([1, 400]))
def test_no_bytes_are_too_much(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, packing: str, batch: int
) -> None:
    folder = tmp_path_factory.mktemp("arc")
    data = packed_arc(packing, [arc_record(HEAD), garbage + b"\n", arc_record(HEAD)])
    found, report = read_arc_bytes(folder, data, batch_bytes=batch, max_document_bytes=500)
    assert bodies(found)[-1] == HEAD
    assert len(found) == 2 or report.defects_total
    assert report.defects_total or not garbage.strip(b"\r\n")


@pytest.mark.real_data
@pytest.mark.parametrize("packing", ["arc", "arc.gz"])
def test_the_real_files_give_their_record(real_data: Path, packing: str) -> None:
    found, report = read_arc(real_data / "warc_edge_cases" / "warcio" / f"example.{packing}")
    assert [(record.url, len(record.block)) for record in found] == [("http://example.com/", 1591)]
    assert bytes(found[0].block).startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes(found[0].block).endswith(b"</html>\n")
    assert report.defects_total == 0
    assert report.bytes_read == (1808 if packing == "arc" else 1027)


def test_a_line_may_be_cut_by_the_end_of_a_member(tmp_path: Path) -> None:
    content = VERSION + arc_record(HEAD + b"<p>un") + arc_record(HEAD + b"<p>deux")
    second = content.rindex(b"http://exemple.fr/")
    for cut in (second + 8, second + 25):
        data = b"".join(map(gzip.compress, (content[:cut], content[cut : cut + 3], content[cut + 3 :])))
        for batch_bytes in (1, 1 << 22):
            found, report = read_arc_bytes(tmp_path, data, batch_bytes=batch_bytes)
            assert bodies(found) == [HEAD + b"<p>un", HEAD + b"<p>deux"]
            assert report.defects_total == 0

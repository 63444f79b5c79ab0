"""Rules of ARC only: its lines, their URLs with spaces, and dates and addresses that are missing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.query.pointers.fetched_records import Record, records_at
from presswatch_spark.query.pointers.pointer import Pointer
from presswatch_spark.reading.arc_format import ArcReading, begins_with_arc_record
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.pages import Stored
from presswatch_spark.storage.objects import open_stream, stat
from tests.world.arc import HEAD, VERSION, arc_record, packed_arc
from tests.world.proofs import cases
from tests.world.records import PACKINGS
from tests.world.shards import read

SHARED = ("single", "plain")


def read_arc(path: Path) -> tuple[list[Stored], ReadReport]:
    """Its records as the reader hands them on."""
    report, options = ReadReport(), ReadOptions()
    shard = stat(str(path), options.storage)
    with open_stream(shard, options.storage) as stream:
        return list(ArcReading(shard, options, report, begins_with_arc_record).read(stream)), report


def read_arc_bytes(folder: Path, data: bytes) -> tuple[list[Stored], ReadReport]:
    (folder / "some.arc.gz").write_bytes(data)
    return read_arc(folder / "some.arc.gz")


def bodies(found: list[Stored]) -> list[bytes]:
    return [bytes(record.block) for record in found]


def damages(found: list[Stored]) -> list[str | None]:
    return [record.pointer().damage for record in found]


IMAGE = b"HTTP/1.1 404\r\nContent-Type: image/png\r\n\r\n"


@cases(
    ("fields", "media", "time"),
    [
        ("192.0.2.7 20100130112233 text/html", "text/html", True),
        ("- 20100130112233 text/html", "text/html", True),
        ("2001:db8::7 20100130112233 no-type", None, True),
        ("0.0.0.0 20100130112233 text/html; charset=utf-8", "text/html", True),
        ("0.0.0.0 20100130112233 text/html 200 d41d8cd9 - 12345678 un.arc", "text/html", True),
        ("0.0.0.0 20100130112233456 Text/HTML", "text/html", True),
        ("0.0.0.0 20109930112233 text/html", "text/html", False),
        ("0.0.0.0 20100130", None, False),
    ],
)
@cases("url", ["http://exemple.fr/un été au 1.2.3.4 !", "dns:exemple.fr", "http://[::1]/?a=b c"])
def test_lines_of_both_versions_are_read_and_urls_may_hold_spaces(
    tmp_path: Path, fields: str, media: str | None, time: bool, url: str
) -> None:
    found, report = read_arc_bytes(tmp_path, packed_arc("plain", [arc_record(HEAD, url, fields=fields)] * 2))
    at = datetime(2010, 1, 30, 11, 22, 33, tzinfo=UTC) if time else None
    assert [(each.url.decode(), each.noted or each.resource or None) for each in found] == [(url, media)] * 2
    assert [each.pointer().captured_at for each in found] == [at, at]
    assert report.defects_total == 0


def test_lines_may_end_with_carriage_return_and_urls_hold_any_bytes(tmp_path: Path) -> None:
    line = b"http://exemple.fr/\xe9\0\x1b 192.0.2.7 20100130112233 text/html 44\r\n"
    found, report = read_arc_bytes(tmp_path, packed_arc("plain", [line + HEAD + b"\n"]))
    assert (bodies(found), found[0].url.decode()) == ([HEAD], "http://exemple.fr/\ufffd\0\x1b")
    assert report.defects_total == 0


def test_a_page_that_ends_with_what_opens_a_file_is_one_page_if_its_length_says_so(tmp_path: Path) -> None:
    text = b"<pre>\n\n" + arc_record(b"abc") + VERSION
    block = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(text)) + text
    for packing in PACKINGS:
        found, report = read_arc_bytes(tmp_path, packed_arc(packing, [arc_record(block)] * 2))
        assert (bodies(found), report.defects_total) == ([block, block], 0)


@pytest.mark.real_data
@pytest.mark.parametrize("packing", ["arc", "arc.gz"])
def test_the_real_files_give_their_record(real_data: Path, packing: str) -> None:
    found, report = read_arc(real_data / "warc_edge_cases" / "warcio" / f"example.{packing}")
    assert [(record.url, len(record.block)) for record in found] == [(b"http://example.com/", 1591)]
    assert bytes(found[0].block).startswith(b"HTTP/1.1 200 OK\r\n")
    assert bytes(found[0].block).endswith(b"</html>\n")
    assert (report.defects_total, report.bytes_read) == (0, 1808 if packing == "arc" else 1027)


def saved(folder: Path, packing: str) -> Path:
    """Five pages, among which is what is none."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n"
    text = "<html><p>Été {} à <a href=x>la</a> une &eacute;</p>"
    records = [arc_record(head + text.format(i).encode("cp1252"), f"http://exemple.fr/{i}") for i in range(5)]
    records[2:2] = [
        # Though it looks like a page, its line and its head agree.
        arc_record(IMAGE + b"<!doctype html><p>introuvable", fields="192.0.2.7 20100130112233 image/png"),
        arc_record(b"20100130\nexemple.fr.", "dns:exemple.fr", fields="- 20100130112233 text/dns"),
        arc_record(b""),
    ]
    (folder / "un.arc.gz").write_bytes(packed_arc(packing, records))
    return folder / "un.arc.gz"


@cases("packing", PACKINGS)
@cases("format", ["auto", "warc", "arc"])
def test_pages_are_documents_with_pointers_to_them_and_the_rest_is_counted(
    tmp_path: Path, packing: str, format: str
) -> None:
    path = saved(tmp_path, packing)
    found, report = read(path, format)
    assert [(document.url, document.text.decode().strip()) for document in found] == [
        (f"http://exemple.fr/{i}", f"Été {i} à la une é") for i in range(5)
    ]
    assert {document.locator.http_status for document in found} == {200}
    assert report.skipped == {"image/png": 1, "text/dns": 1, "empty response": 1}
    assert report.defects_total == 0
    for document in found:
        at = document.locator
        pointer = Pointer(
            uri=str(path), offset=at.record_offset, length=at.record_length, row=None,
            encoding=at.record_encoding, format={"auto": None}.get(format, "arc"),
        )  # fmt: skip
        ((_, record),) = records_at([pointer], ReadOptions())
        assert isinstance(record, Record), record
        assert (record.text, record.facts.document_url) == (document.text, document.url)
        assert record.facts.payload_digest_computed == at.payload_digest_computed
        assert (record.stored is not None) == (packing != "single")


@cases("packing", SHARED)
@cases("fields", ["192.0.2.7 null", "unknown 20100130112233", "- null"])
def test_a_record_without_a_date_or_an_address_is_read_and_takes_no_other_along(
    tmp_path: Path, packing: str, fields: str
) -> None:
    odd, two, three = (
        arc_record(HEAD + name, f"http://exemple.fr/{name.decode()}", fields=f"{said} text/html")
        for name, said in ((b"un", fields), *((name, "192.0.2.7 20100130112233") for name in (b"2", b"3")))
    )
    for records, names in (([odd, two, three], ["un", "2", "3"]), ([two, odd, three], ["2", "un", "3"])):
        found, report = read_arc_bytes(tmp_path, packed_arc(packing, records))
        assert [each.url[18:].decode() for each in found] == names
        assert bodies(found) == [HEAD + name.encode() for name in names]
        assert (set(damages(found)), report.defects_total) == ({None}, 0)


@pytest.mark.parametrize("packing", SHARED)
def test_a_line_that_is_none_gives_no_text_to_the_page_before(tmp_path: Path, packing: str) -> None:
    records = [arc_record(HEAD + name, f"http://exemple.fr/{name!r}") for name in (b"un", b"deux", b"trois")]
    records[1] = records[1].replace(b"http:", b"h\0tp:", 1)
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, records))
    assert bodies(found) == [HEAD + b"un", HEAD + b"trois"]
    assert (damages(found), report.defects_total) == (["length", "boundary"], 1)


@pytest.mark.parametrize("packing", SHARED)
def test_a_length_that_takes_in_just_the_record_that_follows_is_not_believed(
    tmp_path: Path, packing: str
) -> None:
    swallowed = arc_record(HEAD + b"deux")
    first = arc_record(HEAD + b"un", length=len(HEAD) + 2 + len(swallowed))
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, [first, swallowed, arc_record(HEAD)]))
    assert bodies(found) == [HEAD + b"un", HEAD]
    assert (damages(found)[0], report.defects_total) == ("length", 1)

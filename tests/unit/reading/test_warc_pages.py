"""The WARC source: which records are pages, what is said of them, and what waits for the record after it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.html.markup import EXTRACTION
from presswatch_spark.reading.registry import format_for
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.pages import CUT_NOTE
from presswatch_spark.storage.objects import stat
from tests.world.shards import Document, complaints, read
from tests.world.warc import http, packed_as, page, record, warc_record

PACKINGS = ("record", "single", "plain")
FRENCH, ENGLISH = ("https://exemple.fr/1", "fra"), ("https://example.org/2", "eng")


def metadata(url: str, *languages: str) -> bytes:
    found = ",".join(f'{{"code":"xx","code-iso-639-3":"{code}"}}' for code in languages)
    body = f'fetchTimeMs: 258\r\nlanguages-cld2: {{"reliable":true,"languages":[{found}]}}\r\n\r\n'
    return warc_record(body.encode(), url, kind="metadata")


def scanned(
    tmp_path: Path, records: list[bytes], packing: str = "record", **options: object
) -> tuple[list[Document], ReadReport]:
    path = tmp_path / "some.warc.gz"
    path.write_bytes(packed_as(packing, records))
    return read(path, "warc", ReadOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("batch_bytes", [1, 300, 4 << 20])
class TestLanguages:
    def records(self) -> list[bytes]:
        pages = [FRENCH, ENGLISH, ("https://exemple.fr/3", "fra")]
        return [
            record
            for url, language in pages
            for record in (
                warc_record(b"GET / HTTP/1.1\r\n\r\n", url, kind="request"),
                page(f"<p>texte de {url}".encode(), url=url),
                metadata(url, language, "lat"),
            )
        ]

    def test_those_of_the_record_after_the_page_are_its_own(
        self, tmp_path: Path, packing: str, batch_bytes: int
    ) -> None:
        found, report = scanned(tmp_path, self.records(), packing, batch_bytes=batch_bytes)
        assert [document.locator.languages for document in found] == [
            ("fra", "lat"),
            ("eng", "lat"),
            ("fra", "lat"),
        ]
        assert not report.defects_total

    def test_the_gate_asks_them(self, tmp_path: Path, packing: str, batch_bytes: int) -> None:
        gate = frozenset(("FRA",))
        found, report = scanned(tmp_path, self.records(), packing, batch_bytes=batch_bytes, languages=gate)
        assert [document.url for document in found] == ["https://exemple.fr/1", "https://exemple.fr/3"]
        assert report.skipped == {"language": 1}

    def test_metadata_of_another_page_says_nothing(
        self, tmp_path: Path, packing: str, batch_bytes: int
    ) -> None:
        records = [page(b"<p>un", url=FRENCH[0]), metadata(ENGLISH[0], "eng"), page(b"<p>deux")]
        found, _ = scanned(tmp_path, records, packing, batch_bytes=batch_bytes, languages=frozenset(("fra",)))
        assert [document.locator.languages for document in found] == [(), ()]


@pytest.mark.parametrize(
    ("html", "read"),
    [(b"<html lang=fr-FR><p>a", True), (b"<html lang=en><p>a", False), (b"<p>a", True)],
)
def test_without_identification_the_page_speaks_for_itself(tmp_path: Path, html: bytes, read: bool) -> None:
    found, report = scanned(tmp_path, [page(html)], languages=frozenset(("fra",)))
    assert (len(found), report.skipped) == ((1, {}) if read else (0, {"language": 1}))
    assert all(document.locator.languages == () for document in found)


def test_a_page_is_known_by_its_payload_and_by_what_made_its_text(tmp_path: Path) -> None:
    body = "<title>Non</title><p>Été <b>à</b> l’œuvre".encode()
    (document,), _ = scanned(
        tmp_path, [warc_record(http(body), "https://a.fr/", "WARC-Payload-Digest: sha1:X")]
    )
    digest = base64.b32encode(hashlib.sha1(body).digest()).decode()
    assert document.locator.payload_digest == "sha1:X"
    assert document.locator.payload_digest_computed == f"sha1:{digest}"
    assert (document.locator.http_status, document.locator.extraction) == (200, EXTRACTION)
    assert document.text == "Été à l’œuvre".encode()


def test_texts_and_resources_are_read_and_other_things_counted_by_what_they_are(tmp_path: Path) -> None:
    records = [
        page(b"un <b>texte", "Content-Type: text/plain"),
        page(b"\x89PNG", "Content-Type: image/png; q=1"),
        page(b"{}", "Content-Type: application/json"),
        page(b"{}", "Content-Type: application/json"),
        page(b"<p> <script>x</script>"),
        warc_record(b"", kind="revisit"),
        warc_record(b"", kind="continuation"),
        warc_record(b"", kind="invention"),
        b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: https://b.fr/\r\nContent-Type: text/html\r\n"
        b"Content-Length: 6\r\n\r\n<p>mot\r\n\r\n",
    ]
    found, report = scanned(tmp_path, records)
    assert [(document.text, document.locator.extraction) for document in found] == [
        (b"un <b>texte", None),
        (b"mot", EXTRACTION),
    ]
    assert report.skipped == {
        "image/png": 1,
        "application/json": 2,
        "no text": 1,
        "revisit record": 1,
        "continuation record": 1,
        "record of another kind": 1,
    }
    assert report.documents_skipped == sum(report.skipped.values())


@pytest.mark.parametrize(
    ("url", "document"),
    [
        ("https://journal.fr/robots.txt", False),
        ("http://journal.fr:8080/.well-known/tdmrep.json", False),
        ("https://journal.fr/robots.txt?page=2", True),
        ("https://journal.fr/a/robots.txt", True),
        ("ftp://journal.fr/robots.txt", True),
        ("https://journal.fr:x/ai.txt", True),
    ],
)
def test_a_file_about_a_site_is_no_document_but_can_be_captured(
    tmp_path: Path, url: str, document: bool
) -> None:
    path = tmp_path / "some.warc"
    path.write_bytes(page(b"User-agent: *\nDisallow: /", "Content-Type: text/plain", url=url))
    options, report = ReadOptions(wants=lambda url: True), ReadReport()
    shard = stat(str(path), options.storage)
    (batch,) = format_for("warc", shard, options).read(shard, options, report)
    assert len(batch) == document
    assert report.skipped == ({} if document else {"file about the site": 1})
    assert [capture.body for capture in batch.captures] == [b"User-agent: *\nDisallow: /"]


def test_a_page_at_the_place_of_a_site_file_is_a_page(tmp_path: Path) -> None:
    url = "https://journal.fr/robots.txt"
    found, report = scanned(tmp_path, [page(b"<!doctype html><p>Introuvable", url=url)])
    assert [document.text for document in found] == [b"Introuvable"]
    found, report = scanned(tmp_path, [page(b"User-agent: *", url=url)])
    assert (found, report.skipped) == ([], {"file about the site": 1})


def test_what_the_crawler_cut_is_a_note_and_no_loss(tmp_path: Path) -> None:
    cut = http(b"5\r\n<p>ab\r\n", "Content-Type: text/html", "Transfer-Encoding: chunked")
    found, report = scanned(tmp_path, [warc_record(cut, "https://a.fr/", "WARC-Truncated: length")])
    assert [document.text for document in found] == [b"ab"]
    assert (report.defects_total, report.notes) == (0, [CUT_NOTE])
    found, report = scanned(tmp_path, [warc_record(cut)])
    assert [document.text for document in found] == [b"ab"]
    assert "cut" in complaints(report)


def test_a_page_in_segments_is_named_as_read_in_part(tmp_path: Path) -> None:
    first = warc_record(http(b"<p>un"), "https://a.fr/", "WARC-Segment-Number: 1")
    rest = warc_record(b"deux", "https://a.fr/", "WARC-Segment-Number: 2", kind="continuation")
    found, report = scanned(tmp_path, [first, rest])
    assert [document.text for document in found] == [b"un"]
    assert complaints(report) == "record is a first segment; those that continue it were not read (byte 0)"
    assert report.skipped == {"continuation record": 1}


def test_the_digest_of_a_block_with_its_head_is_no_payload_digest(tmp_path: Path) -> None:
    block = warc_record(http(b"<p>un"), "https://a.fr/", "WARC-Block-Digest: sha1:B")
    both = warc_record(
        http(b"<p>un"), "https://a.fr/", "WARC-Block-Digest: sha1:B", "WARC-Payload-Digest: md5:P"
    )
    bare = warc_record(b"<p>un", "https://a.fr/", "WARC-Block-Digest: sha1:B", kind="resource")
    bare = bare.replace(b"application/http; msgtype=response", b"text/html")
    found, _ = scanned(tmp_path, [block, both, bare])
    assert [document.locator.payload_digest for document in found] == [None, "md5:P", "sha1:B"]


@pytest.mark.parametrize("packing", ["record", "plain"])
def test_stray_bytes_between_records_are_named_and_cost_no_page(tmp_path: Path, packing: str) -> None:
    pages = [page(f"<p>{n}".encode(), url=f"https://a.fr/{n}") for n in range(3)]
    found, report = scanned(tmp_path, [pages[0], b"stray\r\n\r\n", *pages[1:]], packing)
    if packing == "record":
        assert [document.text for document in found] == [b"0", b"1", b"2"]
    assert [document.text for document in found][-2:] == [b"1", b"2"]
    assert report.defects_total == 1
    assert "extracted text" not in complaints(report)


@pytest.mark.parametrize("batch_bytes", [1, 4 << 20])
@pytest.mark.parametrize("cut", range(1, 12))
def test_a_member_may_end_within_the_first_line_of_a_record(
    tmp_path: Path, cut: int, batch_bytes: int
) -> None:
    one, two = page(b"<p>un", url="https://a.fr/1"), page(b"<p>deux", url="https://a.fr/2")
    parts = [one + two[:cut], two[cut:]]
    found, report = scanned(tmp_path, parts, batch_bytes=batch_bytes)
    assert [document.text for document in found] == [b"un", b"deux"]
    assert report.defects_total == 0


def test_pages_of_files_that_were_joined_name_the_release_of_their_own(tmp_path: Path) -> None:
    info = [warc_record(b"isPartOf: CC-MAIN-2020-%d\r\n" % n, kind="warcinfo") for n in (10, 16)]
    records = [
        page(b"<p>un"),
        info[0],
        page(b"<p>deux"),
        info[0],
        page(b"<p>trois"),
        info[1],
        page(b"<p>quatre"),
    ]
    found, report = scanned(tmp_path, records)
    releases = [document.locator.release for document in found]
    assert releases == [None, "CC-MAIN-2020-10", "CC-MAIN-2020-10", "CC-MAIN-2020-16"]
    assert report.release is None, "no one release is that of the file"
    _, report = scanned(tmp_path, [info[0], *records[2:5]])
    assert report.release == "CC-MAIN-2020-10"


@pytest.mark.parametrize("media", [b"text/html", b"message/http", b""])
def test_a_response_is_told_by_its_block_where_its_type_is_another(tmp_path: Path, media: bytes) -> None:
    record = page("<p>été".encode("cp1252"), "Content-Type: text/html; charset=windows-1252")
    record = record.replace(b"application/http; msgtype=response", media)
    text = warc_record(b"HTTP/1.1 200 OK\r\n\r\nun", kind="resource")
    text = text.replace(b"application/http; msgtype=response", b"text/plain")
    found, _ = scanned(tmp_path, [record, text])
    assert [document.text.decode() for document in found] == ["été", "HTTP/1.1 200 OK\r\n\r\nun"]
    assert [document.locator.http_status for document in found] == [200, None]


@pytest.mark.parametrize("media", ["application/xhtml+xml", "text/xml", "text/html"])
def test_in_xhtml_an_empty_element_hides_nothing(tmp_path: Path, media: str) -> None:
    body = (
        b"<?xml version='1.0'?><html><head><title/><script src='a' /><script>1</script></head>"
        b"<body><p>un</p><iframe src='b'/><p title='/'>deux</p><title-x/></body></html>"
    )
    found, report = scanned(tmp_path, [page(body, f"Content-Type: {media}")])
    # To HTML, all of the page is a script.
    assert [document.text.split() for document in found] == ([[b"un", b"deux"]] if "xml" in media else [])
    assert report.defects_total == 0


def test_media_types_without_end_are_counted_as_one(tmp_path: Path) -> None:
    records = [page(b"x", f"Content-Type: x/y{n}") for n in range(80)]
    _, report = scanned(tmp_path, records)
    assert report.documents_skipped == sum(report.skipped.values()) == 80
    assert len(report.skipped) == 51
    assert report.skipped["other reasons"] == 30


def test_a_page_that_no_record_follows_is_read(tmp_path: Path) -> None:
    found, _ = scanned(
        tmp_path, [page(b"<p>un", url="https://a.fr/1"), page(b"<p>deux", url="https://a.fr/2")]
    )
    assert [document.text for document in found] == [b"un", b"deux"]


@pytest.mark.parametrize("batch_bytes", [1, 4 << 20])
def test_a_capture_without_a_body_is_handed_out_too(tmp_path: Path, batch_bytes: int) -> None:
    moved = http(b"", "Location: /", "X-Robots-Tag: noai", status="HTTP/1.1 301 Moved")
    path = tmp_path / "some.warc"
    path.write_bytes(b"".join([page(b"<p>un"), warc_record(moved, "https://a.fr/2")]))
    options, report = ReadOptions(wants=lambda url: True, batch_bytes=batch_bytes), ReadReport()
    shard = stat(str(path), options.storage)
    batches = list(format_for("warc", shard, options).read(shard, options, report))
    assert [capture.url for batch in batches for capture in batch.captures] == [
        "https://exemple.fr/",
        "https://a.fr/2",
    ]


def test_what_was_read_before_the_shard_shows_itself_another_is_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "some.warc.gz"
    path.write_bytes(packed_as("record", [page(b"<p>un"), page(b"<p>deux"), record(b"texte")]))
    options, report = ReadOptions(batch_bytes=1 << 20), ReadReport()
    shard, sizes = stat(str(path), options.storage), list[int]()
    read = format_for("warc", shard, options).read(shard, options, report)
    with pytest.raises(CorruptError, match="conversion"):
        sizes.extend(map(len, read))
    assert sum(sizes) == report.documents


def test_a_head_without_its_blank_line_ends_where_markup_begins(tmp_path: Path) -> None:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n<html><p>un\r\n\r\n<p>deux"
    (document,), _ = scanned(tmp_path, [warc_record(block)])
    assert document.text.split() == [b"un", b"deux"]


def test_a_text_that_begins_with_a_number_is_not_chunked(tmp_path: Path) -> None:
    block = http(b"2024\nest une <b>bonne</b> annee", "Content-Type: text/html", "Transfer-Encoding: chunked")
    (document,), report = scanned(tmp_path, [warc_record(block)])
    assert (document.text, report.defects_total) == (b"2024\nest une bonne annee", 0)

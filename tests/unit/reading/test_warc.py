"""Rules of WARC only: records that are pages, their languages, captures, PDF, and damage to them."""

import base64
import hashlib
from pathlib import Path

import pytest

from presswatch_spark.cli.demo.shards import digest_of
from presswatch_spark.core.errors import StorageError
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.reading.html.visible_text import EXTRACTION
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import RangeStream, ReadOptions
from presswatch_spark.reading.warc.by_range import release_at
from presswatch_spark.reading.warc.language_gates import declared, identified
from presswatch_spark.reading.warc.pages import CUT_NOTE
from presswatch_spark.reading.warc_format import read_part
from presswatch_spark.storage.objects import stat
from tests.world.proofs import cases
from tests.world.records import PACKINGS, texts_of
from tests.world.shards import complaints
from tests.world.warc import HTML, PDF, http, packed_as, page, pdf, read_warc, warc_record

FRENCH, ENGLISH = ("https://exemple.fr/1", "fra"), ("https://example.org/2", "eng")
OF_RESPONSE = b"application/http; msgtype=response"


def metadata(url: str, *languages: str) -> bytes:
    found = ",".join(f'{{"code":"xx","code-iso-639-3":"{code}"}}' for code in languages)
    body = f'fetchTimeMs: 258\r\nlanguages-cld2: {{"reliable":true,"languages":[{found}]}}\r\n\r\n'
    return warc_record(body.encode(), url, kind="metadata")


def batches_of(folder: Path, *records: bytes, **options: object) -> tuple[list[DocumentBatch], ReadReport]:
    """Batches of a plain file in which all URLs are captured."""
    (folder / "some.warc").write_bytes(b"".join(records))
    chosen, report = ReadOptions(wants=lambda url: True, **options), ReadReport()  # type: ignore[arg-type]
    shard = stat(str(folder / "some.warc"), chosen.storage)
    return list(format_for("warc", shard, chosen).read(shard, chosen, report)), report


@cases("packing", PACKINGS)
@cases("batch_bytes", [1, 300, 4 << 20])
def test_languages_are_those_of_the_metadata_that_follow_a_page_and_the_gate_asks_them(
    tmp_path: Path, packing: str, batch_bytes: int
) -> None:
    records = [
        record
        for url, language in (FRENCH, ENGLISH, ("https://exemple.fr/3", "fra"))
        for record in (
            warc_record(b"GET / HTTP/1.1\r\n\r\n", url, kind="request"),
            page(f"<p>texte de {url}".encode(), url=url),
            metadata(url, language, "lat"),
        )
    ]
    found, report = read_warc(tmp_path, records, packing, batch_bytes=batch_bytes)
    assert [document.locator.languages for document in found] == [
        (code, "lat") for code in ("fra", "eng", "fra")
    ]
    assert report.defects_total == 0
    how = {"batch_bytes": batch_bytes, "languages": frozenset(("FRA",))}
    gated, report = read_warc(tmp_path, records, packing, **how)
    assert (gated, report.skipped) == ([found[0], found[2]], {"language": 1})
    # Metadata of another page say nothing.
    others = [page(b"<p>un", url=FRENCH[0]), metadata(ENGLISH[0], "eng"), page(b"<p>deux")]
    found, _ = read_warc(tmp_path, others, packing, **how)
    assert [document.locator.languages for document in found] == [(), ()]


@pytest.mark.parametrize(
    ("html", "skipped"),
    [(b"<html lang=fr-FR><p>a", {}), (b"<html lang=en><p>a", {"language": 1}), (b"<p>a", {})],
)
def test_without_identification_the_page_speaks_for_itself(
    tmp_path: Path, html: bytes, skipped: dict[str, int]
) -> None:
    found, report = read_warc(tmp_path, [page(html)], languages=frozenset(("fra",)))
    assert ([document.locator.languages for document in found], report.skipped) == (
        [()][len(skipped) :],
        skipped,
    )


@cases(
    ("page", "codes"),
    [
        (b"<html lang=fr>", ("fra",)),
        (b"<!--[if lt IE 9]><html lang=en><![endif]--><!--[if gt IE 8]><!--><html lang=fr>", ("fra",)),
        (b'<html data-x="default lang=en" lang="fr">', ("fra",)),
        (b"<script>'<html lang=en>'</script><html xml:lang='fr-CA'>", ("fra",)),
        (b"<!doctype html>\n<HTML class='a' xml:lang = \"FR-ca\">", ("fra",)),
        (b"<html data-lang=en lang='oci'>", ("oci",)),
        (b"<html><p lang=de>", ()),
        (b"<html\nlang=xx>", ()),
        (b"<html lang=f>", ()),
        (b"<html ", ()),
        (b"", ()),
        (b"<html " * 100_000, ()),
    ],
)
def test_the_language_of_a_page_is_what_its_root_declares(page: bytes, codes: tuple[str, ...]) -> None:
    assert declared(page) == declared(memoryview(page)) == codes


@cases(
    ("value", "codes"),
    [
        ('{"languages":[{"code-iso-639-3":"fra"},{"code-iso-639-3":"eng"}]}', ("fra", "eng")),
        ('{"languages":[]}', ()),
        ('{"languages":[{"code":"fr"}]}', None),
        ("{", None),
        ("[]", None),
        ("null", None),
        (None, None),
    ],
)
def test_languages_of_a_metadata_record_are_read_or_unknown(
    value: str | None, codes: tuple[str, ...] | None
) -> None:
    said = "" if value is None else f"languages-cld2: {value}\r\n"
    assert identified(f"fetchTimeMs: 258\r\n{said}".encode()) == codes


def test_a_page_is_known_by_its_payload_and_by_what_made_its_text(tmp_path: Path) -> None:
    body = "<title>Non</title><p>Été <b>à</b> l’œuvre".encode()
    made = warc_record(http(body), "https://a.fr/", "WARC-Payload-Digest: sha1:X")
    (document,), _ = read_warc(tmp_path, [made])
    digest = base64.b32encode(hashlib.sha1(body).digest()).decode()
    place = document.locator
    assert (place.payload_digest, place.payload_digest_computed) == ("sha1:X", f"sha1:{digest}")
    assert (place.http_status, place.extraction) == (200, EXTRACTION)
    assert document.text == "Été à l’œuvre".encode()


def test_texts_and_resources_are_read_and_other_things_counted_by_what_they_are(tmp_path: Path) -> None:
    records = [
        page(b"un <b>texte", "Content-Type: text/plain"),
        page(b"\x89PNG", "Content-Type: image/png; q=1"),
        *[page(b"{}", "Content-Type: application/json")] * 2,
        page(b"<p> <script>x</script>"),
        *(warc_record(b"", kind=kind) for kind in ("revisit", "continuation", "invention")),
        warc_record(b"texte", kind="conversion"),
        warc_record(b"<p>mot", "https://b.fr/", kind="resource").replace(OF_RESPONSE, b"text/html"),
    ]
    found, report = read_warc(tmp_path, records)
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
        "conversion record": 1,
        "record of another kind": 1,
    }
    assert report.documents_skipped == sum(report.skipped.values())


@cases(
    ("url", "is_document"),
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
    tmp_path: Path, url: str, is_document: bool
) -> None:
    body = b"User-agent: *\nDisallow: /"
    (batch,), report = batches_of(tmp_path, page(body, "Content-Type: text/plain", url=url))
    assert (len(batch), [capture.body for capture in batch.captures]) == (is_document, [body])
    assert report.skipped == ({} if is_document else {"file about the site": 1})


def test_a_page_at_the_place_of_a_site_file_is_a_page(tmp_path: Path) -> None:
    url = "https://journal.fr/robots.txt"
    found, _ = read_warc(tmp_path, [page(b"<!doctype html><p>Introuvable", url=url)])
    assert texts_of(found) == [b"Introuvable"]
    found, report = read_warc(tmp_path, [page(b"User-agent: *", url=url)])
    assert (found, report.skipped) == ([], {"file about the site": 1})


@pytest.mark.parametrize("batch_bytes", [1, 4 << 20])
def test_a_capture_without_a_body_is_handed_out_too(tmp_path: Path, batch_bytes: int) -> None:
    moved = http(b"", "Location: /", "X-Robots-Tag: noai", status="HTTP/1.1 301 Moved")
    records = (page(b"<p>un"), warc_record(moved, "https://a.fr/2"))
    batches, _ = batches_of(tmp_path, *records, batch_bytes=batch_bytes)
    urls = [capture.url for batch in batches for capture in batch.captures]
    assert urls == ["https://exemple.fr/", "https://a.fr/2"]


class Broken(RangeStream):
    """A stream that ends with an error of the storage."""

    def read(self, n: int, /) -> bytes:
        if not self.data:
            raise StorageError("the disk does not answer")
        return super().read(n)


def test_what_was_read_before_an_error_is_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "some.warc"
    path.write_bytes(packed_as("plain", [page(b"<p>" + b"mot " * 50_000)] * 20))
    options, report = ReadOptions(batch_bytes=1 << 20), ReadReport()
    shard, sizes = stat(str(path), options.storage), list[int]()
    with pytest.raises(StorageError, match="the disk"):
        sizes.extend(map(len, read_part(Broken(path.read_bytes(), 0), shard, options, report)))
    assert sum(sizes) == report.documents > 5


def test_what_the_crawler_cut_is_a_note_and_no_loss(tmp_path: Path) -> None:
    cut = http(b"5\r\n<p>ab\r\n", "Content-Type: text/html", "Transfer-Encoding: chunked")
    found, report = read_warc(tmp_path, [warc_record(cut, "https://a.fr/", "WARC-Truncated: length")])
    assert (texts_of(found), report.defects_total, report.notes) == ([b"ab"], 0, [CUT_NOTE])
    found, report = read_warc(tmp_path, [warc_record(cut)])
    assert texts_of(found) == [b"ab"]
    assert "cut" in complaints(report)


def test_a_page_in_segments_is_named_as_read_in_part(tmp_path: Path) -> None:
    first = warc_record(http(b"<p>un"), "https://a.fr/", "WARC-Segment-Number: 1")
    rest = warc_record(b"deux", "https://a.fr/", "WARC-Segment-Number: 2", kind="continuation")
    found, report = read_warc(tmp_path, [first, rest])
    assert (texts_of(found), report.skipped) == ([b"un"], {"continuation record": 1})
    assert complaints(report) == "record is a first segment; those that continue it were not read (byte 0)"


def test_the_digest_of_a_block_with_its_head_is_no_payload_digest(tmp_path: Path) -> None:
    of_block = "WARC-Block-Digest: sha1:B"
    records = [
        warc_record(http(b"<p>un"), "https://a.fr/", of_block),
        warc_record(http(b"<p>un"), "https://a.fr/", of_block, "WARC-Payload-Digest: md5:P"),
        warc_record(b"<p>un", "https://a.fr/", of_block, kind="resource").replace(OF_RESPONSE, b"text/html"),
    ]
    found, _ = read_warc(tmp_path, records)
    assert [document.locator.payload_digest for document in found] == [None, "md5:P", "sha1:B"]


def test_pages_of_files_that_were_joined_name_the_release_of_their_own(tmp_path: Path) -> None:
    early, late = (warc_record(b"isPartOf: CC-MAIN-2020-%d\r\n" % n, kind="warcinfo") for n in (10, 16))
    one, two, three, four = (page(b"<p>%d" % n) for n in range(4))
    found, report = read_warc(tmp_path, [one, early, two, early, three, late, four])
    assert [document.locator.release for document in found] == [
        *(None, "CC-MAIN-2020-10", "CC-MAIN-2020-10", "CC-MAIN-2020-16")
    ]
    assert report.release is None, "no one release is that of the file"
    assert read_warc(tmp_path, [early, two, early, three])[1].release == "CC-MAIN-2020-10"


@pytest.mark.parametrize("packing", PACKINGS)
def test_the_release_at_the_end_of_a_long_warcinfo_is_found(tmp_path: Path, packing: str) -> None:
    noise = "".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(40))
    info = f"description: {noise}\r\nisPartOf: CC-MAIN-2020-10\r\n".encode()
    records, options = [warc_record(info, kind="warcinfo"), page(b"<p>mots")], ReadOptions()
    (tmp_path / "some.warc").write_bytes(packed_as(packing, records))
    shard = stat(str(tmp_path / "some.warc"), options.storage)
    assert release_at(shard, options, ReadReport()) == "CC-MAIN-2020-10"


@pytest.mark.parametrize("media", [b"text/html", b"message/http", b""])
def test_a_response_is_told_by_its_block_where_its_type_is_another(tmp_path: Path, media: bytes) -> None:
    odd = page("<p>été".encode("cp1252"), "Content-Type: text/html; charset=windows-1252")
    text = warc_record(b"HTTP/1.1 200 OK\r\n\r\nun", kind="resource").replace(OF_RESPONSE, b"text/plain")
    found, _ = read_warc(tmp_path, [odd.replace(OF_RESPONSE, media), text])
    assert [(document.text.decode(), document.locator.http_status) for document in found] == [
        ("été", 200),
        ("HTTP/1.1 200 OK\r\n\r\nun", None),
    ]


@pytest.mark.parametrize("media", ["application/xhtml+xml", "text/xml", "text/html"])
def test_in_xhtml_an_empty_element_hides_nothing(tmp_path: Path, media: str) -> None:
    body = (
        b"<?xml version='1.0'?><html><head><title/><script src='a' /><script>1</script></head>"
        b"<body><p>un</p><iframe src='b'/><p title='/'>deux</p><title-x/></body></html>"
    )
    found, report = read_warc(tmp_path, [page(body, f"Content-Type: {media}")])
    # To HTML, all of the page is a script.
    assert [text.split() for text in texts_of(found)] == ([[b"un", b"deux"]] if "xml" in media else [])
    assert report.defects_total == 0


def test_media_types_without_end_are_counted_as_one(tmp_path: Path) -> None:
    _, report = read_warc(tmp_path, [page(b"x", f"Content-Type: x/y{n}") for n in range(80)])
    assert report.documents_skipped == sum(report.skipped.values()) == 80
    assert (len(report.skipped), report.skipped["other reasons"]) == (51, 30)


def test_odd_responses_are_read_as_browsers_do(tmp_path: Path) -> None:
    # A head without its blank line ends where markup begins; a text that begins with a number is not chunked.
    unclosed = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n<html><p>un\r\n\r\n<p>deux"
    chunked = http(b"2024\nest une <b>bonne</b> annee", HTML, "Transfer-Encoding: chunked")
    found, report = read_warc(tmp_path, [warc_record(unclosed)])
    assert texts_of(found)[0].split() == [b"un", b"deux"]
    found, report = read_warc(tmp_path, [warc_record(chunked)])
    assert (texts_of(found), report.defects_total) == ([b"2024\nest une bonne annee"], 0)


def test_a_pdf_is_counted_unless_its_text_is_asked_for(tmp_path: Path) -> None:
    records = [page(pdf("La forêt brûlée", "et la maire"), PDF), page(b"<p>suite")]
    found, report = read_warc(tmp_path, records)
    assert (texts_of(found), report.skipped) == ([b"suite"], {"application/pdf": 1})
    # Whatever its type is, a PDF shows itself.
    found, report = read_warc(tmp_path, [*records, page(pdf("Un titre"), HTML)], pdf=True)
    assert [document.text.decode().split() for document in found] == [
        ["La", "forêt", "brûlée", "et", "la", "maire"],
        ["suite"],
        ["Un", "titre"],
    ]
    assert str(found[0].locator.extraction).startswith("pypdf ")
    assert str(found[1].locator.extraction).startswith("presswatch page text ")
    assert report.defects_total == 0


def test_a_damaged_pdf_is_named_and_costs_nothing_else(tmp_path: Path) -> None:
    harmed = (b"%PDF-1.4 rien", pdf("Un titre")[:90], b"%PDF-" + b"<" * 100_000)
    found, report = read_warc(tmp_path, [*(page(body, PDF) for body in harmed), page(b"<p>suite")], pdf=True)
    assert texts_of(found) == [b"suite"]
    assert (report.defects_total, complaints(report).count("PDF cannot be read")) == (3, 3)


def urls_and_defects(folder: Path, *records: bytes, packing: str = "plain") -> tuple[list[str], int]:
    found, report = read_warc(folder, records, packing)
    return [document.url for document in found], report.defects_total


@pytest.mark.parametrize("packing", ["single", "plain"])
def test_a_request_that_damage_made_one_with_its_response_is_noticed(tmp_path: Path, packing: str) -> None:
    request, response = warc_record(b"GET / HTTP/1.1\r\n\r\n", kind="request"), page(b"<p>la page")
    for cut in (request.index(b"WARC-Target"), request.index(b"Content-Length")):
        fused = request[:cut] + response[response.index(b"WARC-Target") :]
        second = page(b"<p>suite", url="https://exemple.fr/2")
        assert urls_and_defects(tmp_path, fused, second, packing=packing) == (["https://exemple.fr/2"], 1)


@pytest.mark.parametrize(
    ("about", "known"), [("urn:log:1", True), ("metadata://exemple.fr/1", True), ("https://autre.fr/", False)]
)
def test_metadata_may_have_a_name_of_their_own_but_no_other_pages(
    tmp_path: Path, about: str, known: bool
) -> None:
    seen = warc_record(http(b"<p>ici"), "https://exemple.fr/1", "WARC-Record-ID: <urn:uuid:1>")
    more = warc_record(b"a: b", about, "WARC-Concurrent-To: <urn:uuid:1>", kind="metadata")
    assert urls_and_defects(tmp_path, seen, more) == (["https://exemple.fr/1" if known else ""], not known)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"HTTP/1.1", b"\x08TTP/1.1"), (b"text/html", b"vext/html"), (b"Type: text", b"Type:!text")],
)
def test_a_page_of_which_damage_made_something_else_is_noticed(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    first, second = (page(b"<!doctype html><p>la page", url=f"https://exemple.fr/{i}") for i in (1, 2))
    assert urls_and_defects(tmp_path, first.replace(before, after), second) == (["https://exemple.fr/2"], 1)


NOT_FOUND = http(b"<!doctype html><p>introuvable", "Content-Type: image/png")
NOT_A_PAGE = {
    "an image that its digest proves": (NOT_FOUND, f"WARC-Block-Digest: {digest_of(NOT_FOUND)}"),
    "a style": (http(b"p {color: red}", "Content-Type: text/css"), ""),
    "a head without its blank line and without a body": (
        http(b"", HTML, "Content-Length: 0").removesuffix(b"\r\n"),
        "",
    ),
    **{
        f"a response {status} without a body": (
            http(b"", HTML, f"Content-Length: {size}", status=f"HTTP/1.1 {status}"),
            "",
        )
        for status, size in (("204 No Content", 999), ("304 Not Modified", 999), ("200 OK", 0))
    },
}


@pytest.mark.parametrize(("block", "header"), NOT_A_PAGE.values(), ids=NOT_A_PAGE)
def test_what_is_no_page_is_left_out_without_a_word(tmp_path: Path, block: bytes, header: str) -> None:
    records = (warc_record(block, "https://a.fr/", *header.splitlines()), page(b"<p>la page"))
    assert urls_and_defects(tmp_path, *records) == (["https://exemple.fr/"], 0)


def test_a_head_without_its_blank_line_that_announces_a_body_is_a_loss(tmp_path: Path) -> None:
    assert urls_and_defects(tmp_path, warc_record(http(b"", HTML).removesuffix(b"\r\n"))) == ([], 1)

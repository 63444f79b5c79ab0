"""Damage between records: no text reaches another's URL, and what is in doubt says so."""

from __future__ import annotations

import gzip
import hashlib
from base64 import b32encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from presswatch_spark.cli.demo import shards
from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import digest_of
from presswatch_spark.cli.main import cli
from presswatch_spark.core.errors import CorruptError
from presswatch_spark.tables.digests import row_digest
from tests.world.arc import HEAD, VERSION, arc_record, bodies, packed_arc, read_arc_bytes
from tests.world.damage import Undamaged, damages, harm_of
from tests.world.proofs import each_time
from tests.world.scanned import press, scan_here
from tests.world.shards import complaints, pages, read, texts
from tests.world.warc import HTML, http, packed_as, page, read_bytes, record, warc_record

DATE = "WARC-Date: 2030-01-02T03:04:05Z"
SHARED = ("single", "plain")


def named(name: str, body: bytes, *, length: int | None = None) -> bytes:
    """A record of a URL of its own, with the digest of its block."""
    made = record(body, length=length, headers=f"{DATE}\nWARC-Block-Digest: {digest_of(body)}")
    return made.replace(b"https://exemple.fr/seul", f"https://exemple.fr/{name}".encode(), 1)


@pytest.mark.parametrize("packing", SHARED)
@pytest.mark.parametrize("place", range(6))
def test_a_damaged_version_line_gives_no_text_to_the_page_before(
    tmp_path: Path, packing: str, place: int
) -> None:
    innocent, copied, third = (named(name, name.encode() * 40) for name in ("contact", "copie", "suite"))
    harmed = bytearray(copied)
    harmed[place] ^= 0x10
    found, report = read_bytes(tmp_path, packed_as(packing, [innocent, bytes(harmed), third]))
    assert [(document.url[19:], document.text) for document in found] == [
        (name, name.encode() * 40) for name in ("contact", "copie", "suite")
    ]
    assert [document.locator.damage for document in found] == [None, "header", None]
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", SHARED)
def test_bytes_after_a_record_are_nobodys(tmp_path: Path, packing: str) -> None:
    lost = b"copie " * 40 + b"\r\n\r\n"
    found, report = read_bytes(
        tmp_path, packed_as(packing, [named("contact", b"ici"), lost, named("suite", b"la")])
    )
    assert [(document.text, document.locator.damage) for document in found] == [
        (b"ici", None),
        (b"la", "boundary"),
    ]
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", SHARED)
@pytest.mark.parametrize("swallowed", [1, 2])
def test_a_length_that_takes_in_just_the_records_that_follow_is_not_believed(
    tmp_path: Path, packing: str, swallowed: int
) -> None:
    more = [record(b"un autre texte"), record(b"encore un")][:swallowed]
    body = b"ici"
    longer = len(b"".join([body + b"\r\n\r\n", *more])) - 4
    for first in (record(body, length=longer), named("contact", body, length=longer)):
        found, report = read_bytes(tmp_path, packed_as(packing, [first, *more, record(b"fin")]))
        assert [document.text for document in found] == [b"ici", b"fin"]
        assert found[0].locator.damage == "length"
        assert "holds whole records" in complaints(report)


@pytest.mark.parametrize("packing", SHARED)
def test_a_page_that_shows_whole_records_to_its_end_is_one_page_if_its_digest_says_so(
    tmp_path: Path, packing: str
) -> None:
    shown = b"voici :\r\n\r\n" + record(b"un faux texte")[:-4]
    found, report = read_bytes(tmp_path, packed_as(packing, [named("page", shown), named("suite", b"la")]))
    assert [(document.text, document.locator.damage) for document in found] == [(shown, None), (b"la", None)]
    assert report.defects_total == 0


@pytest.mark.parametrize("packing", SHARED)
@pytest.mark.parametrize("harm", ["doubled", "no field", "line end", "no URL"])
def test_of_a_header_that_may_be_two_the_url_is_not_believed(tmp_path: Path, packing: str, harm: str) -> None:
    whole = named("copie", b"copie")
    date, uri = b"WARC-Date: 2024-05-18T01:58:10Z\r\n", b"WARC-Target-URI: https://exemple.fr/copie\r\n"
    harmed = {
        "doubled": whole.replace(uri, uri.replace(b"copie", b"contact") + uri),
        "no field": whole.replace(uri, b"C-Date 2024\r\n" + uri),
        "line end": whole.replace(uri, date.replace(b"\r", b"M") + uri),
        "no URL": whole.replace(b"WARC-Target-URI", b"WARC-Tbrget-URI"),
    }[harm]
    found, report = read_bytes(tmp_path, packed_as(packing, [named("contact", b"ici"), harmed]))
    assert [(document.url, document.text) for document in found] == [
        ("https://exemple.fr/contact", b"ici"),
        ("", b"copie"),
    ]
    assert found[1].locator.damage == "header"
    assert report.defects_total == 1


def test_the_last_record_of_a_plain_file_with_more_bytes_than_it_declares_is_read(tmp_path: Path) -> None:
    found, report = read_bytes(
        tmp_path, packed_as("plain", [record(b"avant"), record(b"le dernier", length=6)])
    )
    assert [(document.text, document.locator.damage) for document in found] == [
        (b"avant", None),
        (b"le der", "length"),
    ]
    assert "declares 6 bytes and has 10" in complaints(report)


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_a_cut_within_the_line_ends_that_close_a_plain_file_is_noticed(tmp_path: Path, missing: int) -> None:
    whole = packed_as("plain", [record(b"avant"), record(b"texte")])
    found, report = read_bytes(tmp_path, whole[:-missing])
    assert texts(found) == ["avant", "texte"]
    assert "the file ends within the line ends" in complaints(report)
    assert read_bytes(tmp_path, whole)[1].defects_total == 0


@pytest.mark.parametrize("packing", SHARED)
def test_a_request_that_damage_made_one_with_its_response_is_noticed(tmp_path: Path, packing: str) -> None:
    request = warc_record(b"GET / HTTP/1.1\r\n\r\n", kind="request")
    response = page(b"<p>la page")
    for cut in (request.index(b"WARC-Target"), request.index(b"Content-Length")):
        fused = request[:cut] + response[response.index(b"WARC-Target") :]
        path = tmp_path / "a.warc"
        path.write_bytes(packed_as(packing, [fused, page(b"<p>suite", url="https://exemple.fr/2")]))
        found, report = read(path, "warc")
        assert [document.url for document in found] == ["https://exemple.fr/2"]
        assert report.defects_total == 1


@pytest.mark.parametrize("packing", SHARED)
@pytest.mark.parametrize("fields", ["192.0.2.7 null", "unknown 20100130112233", "- null"])
def test_an_arc_record_without_a_date_or_an_address_is_read_and_takes_no_other_along(
    tmp_path: Path, packing: str, fields: str
) -> None:
    odd = arc_record(HEAD + b"un", "http://exemple.fr/un", fields=f"{fields} text/html")
    two, three = (
        arc_record(HEAD + name, f"http://exemple.fr/{name.decode()}") for name in (b"deux", b"trois")
    )
    for records, names in (
        ([odd, two, three], ["un", "deux", "trois"]),
        ([two, odd, three], ["deux", "un", "trois"]),
    ):
        found, report = read_arc_bytes(tmp_path, packed_arc(packing, records))
        assert [record.url[18:] for record in found] == names
        assert bodies(found) == [HEAD + name.encode() for name in names]
        assert {record.damage for record in found} == {None}
        assert report.defects_total == 0


@pytest.mark.parametrize("packing", SHARED)
def test_an_arc_line_that_is_none_gives_no_text_to_the_page_before(tmp_path: Path, packing: str) -> None:
    records = [
        arc_record(HEAD + name, "http://exemple.fr/" + name.decode()) for name in (b"un", b"deux", b"trois")
    ]
    records[1] = records[1].replace(b"http:", b"h\0tp:", 1)
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, records))
    assert bodies(found) == [HEAD + b"un", HEAD + b"trois"]
    assert [record.damage for record in found] == ["length", "boundary"]
    assert report.defects_total == 1


@pytest.mark.parametrize("packing", SHARED)
def test_an_arc_length_that_takes_in_just_the_record_that_follows_is_not_believed(
    tmp_path: Path, packing: str
) -> None:
    swallowed = arc_record(HEAD + b"deux")
    first = arc_record(HEAD + b"un", length=len(HEAD) + 2 + 1 + len(swallowed) - 1)
    found, report = read_arc_bytes(tmp_path, packed_arc(packing, [first, swallowed, arc_record(HEAD)]))
    assert bodies(found) == [HEAD + b"un", HEAD]
    assert found[0].damage == "length"
    assert report.defects_total == 1


def test_what_was_inflated_from_a_member_that_fails_its_checksum_says_so(tmp_path: Path) -> None:
    data = bytearray(packed_as("single", [record(b"un texte"), record(b"un autre")]))
    data[-6] ^= 1
    found, report = read_bytes(tmp_path, bytes(data))
    assert texts(found) == ["un texte"]
    assert report.unverified
    cut = packed_as("single", [record(b"un texte"), record(b"un autre" * 90)])[:-9]
    assert not read_bytes(tmp_path, cut)[1].unverified


def shown_records() -> bytes:
    return b"voici :\r\n\r\n" + record(b"un faux texte")[:-4]


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha-256", "sha512"])
@pytest.mark.parametrize("is_hex", [True, False])
def test_digests_by_other_algorithms_prove_a_record_too(tmp_path: Path, name: str, is_hex: bool) -> None:
    digest = hashlib.new(name.replace("-", ""), shown_records())
    written = digest.hexdigest() if is_hex else b32encode(digest.digest()).decode()
    for right, kept in ((True, shown_records()), (False, b"voici :")):
        headers = f"WARC-Block-Digest: {name}:{written if right else written[::-1]}"
        data = packed_as("plain", [record(shown_records(), headers=headers), record(b"fin")])
        found, report = read_bytes(tmp_path, data)
        assert [document.text for document in found] == [kept, b"fin"]
        assert report.defects_total == (not right)


def test_a_record_with_digests_by_two_algorithms_has_one_header(tmp_path: Path) -> None:
    body = b"un texte"
    digests = (
        f"WARC-Block-Digest: {digest_of(body)}\nWARC-Block-Digest: sha256:{hashlib.sha256(body).hexdigest()}"
    )
    found, report = read_bytes(tmp_path, packed_as("plain", [record(body, headers=digests)]))
    assert [(document.url, document.locator.damage) for document in found] == [
        ("https://exemple.fr/seul", None)
    ]
    assert report.defects_total == 0


def pages_of_warc(tmp_path: Path, records: list[bytes]) -> tuple[list[str], int]:
    path = tmp_path / "a.warc"
    path.write_bytes(b"".join(records))
    found, report = read(path, "warc")
    return [document.url for document in found], report.defects_total


@pytest.mark.parametrize(
    ("about", "known"), [("urn:log:1", True), ("metadata://exemple.fr/1", True), ("https://autre.fr/", False)]
)
def test_metadata_may_have_a_name_of_their_own_but_no_other_pages(
    tmp_path: Path, about: str, known: bool
) -> None:
    seen = warc_record(http(b"<p>ici"), "https://exemple.fr/1", "WARC-Record-ID: <urn:uuid:1>")
    more = warc_record(b"a: b", about, "WARC-Concurrent-To: <urn:uuid:1>", kind="metadata")
    assert pages_of_warc(tmp_path, [seen, more]) == (["https://exemple.fr/1" if known else ""], not known)


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"HTTP/1.1", b"\x08TTP/1.1"), (b"text/html", b"vext/html"), (b"Type: text", b"Type:!text")],
)
def test_a_page_of_which_damage_made_something_else_is_noticed(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    first, second = (page(b"<!doctype html><p>la page", url=f"https://exemple.fr/{i}") for i in (1, 2))
    assert pages_of_warc(tmp_path, [first.replace(before, after), second]) == (["https://exemple.fr/2"], 1)


def test_what_is_no_page_is_left_out_without_a_word(tmp_path: Path) -> None:
    body = http(b"<!doctype html><p>introuvable", "Content-Type: image/png")
    proven = warc_record(body, "https://exemple.fr/1", f"WARC-Block-Digest: {digest_of(body)}")
    style = page(b"p {color: red}", "Content-Type: text/css")
    assert pages_of_warc(tmp_path, [proven, style]) == ([], 0)


def copies() -> list[bytes]:
    return [named(f"copie-{i}", each.body.encode()) for i, each in enumerate(press()[1:4])]


def test_rows_of_damaged_records_are_never_strong_and_do_not_verify(tmp_path: Path, corpus: Path) -> None:
    first, _, third = copies()
    body, last = (press()[number].body.encode() for number in (2, 3))
    shard, tables = tmp_path / "a.warc.wet", tmp_path / "tables"
    letter = third.replace(last, last[:200] + b"#" + last[201:])
    shard.write_bytes(b"".join([first, named("copie-1", body, length=len(body) - 8), letter]))
    rows = scan_here([shard], corpus, tables, statuses=("partial",))
    assert [(row["document_url"][19:], row["record_damage"]) for row in rows] == [
        ("copie-0", None),
        ("copie-1", "length"),
        ("copie-2", "boundary"),
    ]
    assert [row["confidence"] in "AB" for row in rows] == [True, False, False]
    done = CliRunner().invoke(cli, ["verify-rows", str(tables)])
    assert done.exit_code == 3
    assert "1 of 3 rows verify" in done.output
    assert "2  damaged record" in done.output
    shown = CliRunner().invoke(cli, ["fetch", str(tables), "--row", rows[1]["row_sha256"]])
    assert shown.exit_code == 0
    assert "damaged record: `length`" in shown.output


def test_rows_of_a_member_that_fails_its_checksum_are_marked_after_it_was_read(
    tmp_path: Path, corpus: Path
) -> None:
    shard = tmp_path / "a.warc.wet.gz"
    data = bytearray(packed_as("single", [*copies(), named("fin", b"fin")]))
    shard.write_bytes(data)
    whole = scan_here([shard], corpus, tmp_path / "whole")
    assert {row["record_damage"] for row in whole} == {None}
    data[-6] ^= 1
    shard.write_bytes(data)
    rows = scan_here([shard], corpus, tmp_path / "tables", statuses=("partial",))
    assert [row["document_url"] for row in rows] == [row["document_url"] for row in whole]
    assert {(row["record_damage"], row["confidence"]) for row in rows} == {("checksum", "C")}
    assert all(row["row_sha256"] == row_digest(row) for row in rows)


# Of lengths of their own: a deletion just as long as a record cannot be told where nothing has a digest.
# So with URLs: of two that differ by a bit, one flip makes the other.
PAGES = [
    replace(pages(8, lines=2 + 3 * i % 7)[i], url=f"https://{3**i * 1009:06d}.example/{7**i * 10007}")
    for i in range(8)
]
UNDAMAGED: dict[str, Callable[[Path], object]] = {
    "wet": lambda path: shards.write_wet(path, PAGES),
    "warc": lambda path: shards.write_warc(
        path, [shards.web_page(Page(each.url, each.text)) for each in PAGES]
    ),
    "arc": lambda path: path.write_bytes(
        b"".join([VERSION, *(arc_record(HEAD + each.text.encode(), each.url) for each in PAGES)])
    ),
}


def undamaged(folder: Path, format: str, packing: str) -> Undamaged:
    path = folder / f"a.{format}{'.gz' if packing == 'record' else ''}"
    UNDAMAGED[format](path)
    data = path.read_bytes()
    if packing == "record" and format == "arc":
        data = packed_arc("record", [arc_record(HEAD + each.text.encode(), each.url) for each in PAGES])
    return Undamaged(format, gzip.compress(data, mtime=0) if packing == "single" else data, folder / "harmed")


@pytest.mark.parametrize("packing", each_time(["record", "single"], ["record", *SHARED]))
@pytest.mark.parametrize("format", UNDAMAGED)
def test_of_sixty_damages_none_loses_a_page_in_silence_or_gives_its_text_away(
    tmp_path: Path, format: str, packing: str
) -> None:
    whole = undamaged(tmp_path, format, packing)
    assert [harm for what, data in damages(whole.data, 60, 7) if (harm := harm_of(whole, what, data))] == []


@pytest.mark.full
@pytest.mark.parametrize("packing", ["record", *SHARED])
@pytest.mark.parametrize("format", UNDAMAGED)
def test_of_two_thousand_damages_none_loses_a_page_in_silence_or_gives_its_text_away(
    tmp_path: Path, format: str, packing: str
) -> None:
    whole = undamaged(tmp_path, format, packing)
    assert [
        harm for what, data in damages(whole.data, 2000, 13) if (harm := harm_of(whole, what, data))
    ] == []


def one_line_pages(path: Path) -> Undamaged:
    """Two pages in a plain file; a head without its end takes the whole of its body along."""
    bodies = [b"<!doctype html><p>un texte <p>de la page %d, assez long pour se voir" % i for i in (1, 20)]
    urls = ("https://exemple.fr/1", "https://autre.example/20")
    records = [
        page(body, HTML, f"Content-Length: {len(body)}", url=url)
        for body, url in zip(bodies, urls, strict=True)
    ]
    return Undamaged("warc", b"".join(records), path)


def flips_that_harm(whole: Undamaged, start: int, end: int) -> list[str]:
    """What single bits of bytes [start, end) do that none may do."""
    found = []
    for at, bit in ((at, bit) for at in range(start, end) for bit in range(8)):
        harmed = bytearray(whole.data)
        harmed[at] ^= 1 << bit
        if harm := harm_of(whole, f"bit {bit} of byte {at}", bytes(harmed)):
            found.append(harm)
    return found


@pytest.mark.full
def test_no_flip_of_a_bit_in_a_response_without_digests_loses_a_page_in_silence(tmp_path: Path) -> None:
    whole = one_line_pages(tmp_path / "harmed")
    first = whole.data.index(b"HTTP/")
    assert flips_that_harm(whole, first, whole.data.index(b"WARC/", first)) == []


@pytest.mark.full
def test_no_flip_of_a_bit_in_a_plain_file_without_digests_loses_a_page_in_silence(tmp_path: Path) -> None:
    whole = one_line_pages(tmp_path / "harmed")
    assert flips_that_harm(whole, 0, len(whole.data)) == []


def test_a_head_without_its_blank_line_that_says_there_is_no_body_is_no_page_that_was_lost(
    tmp_path: Path,
) -> None:
    bare = http(b"", HTML, "Content-Length: 0").removesuffix(b"\r\n")
    assert pages_of_warc(tmp_path, [warc_record(bare)]) == ([], 0)
    unsaid = http(b"", HTML).removesuffix(b"\r\n")
    assert pages_of_warc(tmp_path, [warc_record(unsaid)]) == ([], 1)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "200 OK"])
def test_a_response_that_has_no_body_is_no_page_that_was_lost(tmp_path: Path, status: str) -> None:
    size = 0 if status.startswith("200") else 999
    bare = http(b"", HTML, f"Content-Length: {size}", status=f"HTTP/1.1 {status}")
    assert pages_of_warc(tmp_path, [warc_record(bare), page(b"<p>la page")]) == (["https://exemple.fr/"], 0)


TWICE = {
    "WARC-Target-URI": ("https://exemple.fr/seul", "https://exemple.fr/autre"),
    "WARC-Date": ("2030-01-02T03:04:05Z", "2024-05-18T01:58:10Z"),
    "WARC-Record-ID": ("<urn:uuid:1>", "<urn:uuid:2>"),
    "WARC-Identified-Content-Language": ("fra", "eng"),
    "WARC-Type": ("conversion", "resource"),
}


@pytest.mark.parametrize("packing", ["record", *SHARED])
@pytest.mark.parametrize("field", TWICE)
@pytest.mark.parametrize("agree", [True, False])
def test_a_field_that_stands_there_twice_is_believed_if_the_checksum_holds_and_both_agree(
    tmp_path: Path, packing: str, field: str, agree: bool
) -> None:
    mine, other = TWICE[field]
    plain = record(b"le texte", headers=DATE) if field == "WARC-Date" else record(b"le texte")
    fields = {name: value for name, (value, _) in TWICE.items() if f"{name}: ".encode() not in plain}
    more = [*fields.items(), (field, mine if agree else other)]
    said = "".join(f"{name}: {value}\r\n" for name, value in more).encode()
    odd = plain.replace(b"Content-Length", said + b"Content-Length")
    assert odd.count(f"{field}: ".encode()) == 2
    decisive = field in ("WARC-Target-URI", "WARC-Type")
    found, report = read_bytes(tmp_path, packed_as(packing, [odd, record(b"la suite")]))
    if field == "WARC-Type" and not agree:
        # Of which of the two types it is nobody knows.
        assert report.defects_total > 0
        return
    document = found[0]
    known = packing == "record" and (agree or not decisive)
    assert (document.text, document.url) == (b"le texte", "https://exemple.fr/seul" if known else "")
    assert (document.locator.damage, report.defects_total) == ((None, 0) if known else ("header", 1))
    if agree or packing == "record":
        seen = (
            document.locator.captured_at is not None,
            document.locator.record_id,
            document.locator.languages,
        )
        unknown = None if agree else field
        assert seen == (
            unknown != "WARC-Date",
            None if unknown == "WARC-Record-ID" else "<urn:uuid:1>",
            () if unknown == "WARC-Identified-Content-Language" else ("fra",),
        )


@pytest.mark.parametrize("packing", SHARED)
def test_a_body_of_another_type_than_its_arc_line_says_is_left_out_without_a_word(
    tmp_path: Path, packing: str
) -> None:
    image = b"HTTP/1.1 404\r\nContent-Type: image/png\r\n\r\n<!doctype html><p>introuvable"
    path = tmp_path / "a.arc"
    path.write_bytes(packed_arc(packing, [arc_record(image, fields="192.0.2.7 20100130112233 image/png")]))
    found, report = read(path, "arc")
    assert (found, report.defects_total) == ([], 0)


def told(number: int) -> bytes:
    return b"page%d " % number * 40


def plain_file(format: str) -> bytes:
    """Three pages, behind what opens a file of the format."""
    urls = [f"http://exemple.fr/{number}" for number in range(3)]
    if format == "arc":
        records = [arc_record(HEAD + b"<p>" + told(k), url) for k, url in enumerate(urls)]
        return packed_arc("plain", records)
    info = warc_record(b"software: essai\r\n", "essai", kind="warcinfo").replace(
        b"application/http; msgtype=response", b"application/warc-fields"
    )
    if format == "warc":
        return info + b"".join(page(b"<p>" + told(k), url=url) for k, url in enumerate(urls))
    texts = [record(told(k)).replace(b"/seul", b"/%d" % k) for k in range(3)]
    return info + b"".join(texts)


@pytest.mark.parametrize("format", ["arc", "warc", "wet"])
@pytest.mark.parametrize("size", [20, 200])
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.full), 23])
def test_zeros_in_a_plain_file_lose_no_page_in_silence(
    tmp_path: Path, format: str, size: int, step: int
) -> None:
    """Zeros over a part of a page's text show nowhere; a page without any text, or another's, is named."""
    whole, path = plain_file(format), tmp_path / f"some.{format}"
    for at in range(0, len(whole) - size, step):
        path.write_bytes(whole[:at] + bytes(size) + whole[at + size :])
        try:
            found, report = read(path, format)
        except CorruptError:
            # Its beginning is that of another format, or of none: the shard fails.
            assert at < 330
            continue
        pages_of = [
            {number for number in range(3) if b"page%d " % number in document.text} for document in found
        ]
        assert report.defects_total or set().union(*pages_of) == {0, 1, 2}, at
        for document, numbers in zip(found, pages_of, strict=True):
            assert not document.url or numbers <= {int(document.url[-1])}, at


@pytest.mark.parametrize("format", ["arc", "warc", "wet"])
@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_a_last_record_that_is_cut_is_named_and_not_read_in_any_format(
    tmp_path: Path, format: str, packing: str
) -> None:
    whole = plain_file(format)
    kept, path = whole.index(b"page2 ") + 60, tmp_path / f"some.{format}"
    # Without compression the cut falls at the same place.
    path.write_bytes(whole[:kept] if packing == "plain" else gzip.compress(whole, 0, mtime=0)[: kept + 15])
    found, report = read(path, format)
    assert [document.url[-1] for document in found] == ["0", "1"]
    assert report.defects_total == 1
    assert report.defects[0].offset is not None


def test_the_language_gate_leaves_out_no_page_whose_language_was_zeroed(tmp_path: Path) -> None:
    header = "WARC-Identified-Content-Language: fra"
    harmed = record(b"un texte", headers=header).replace(b"fra\r\n", b"\0\0\0\r\n")
    found, report = read_bytes(tmp_path, harmed, languages=frozenset({"fra"}))
    assert [document.text for document in found] == [b"un texte"]
    assert report.defects_total == 1

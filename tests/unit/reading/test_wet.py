"""Rules of WET only: its headers, digests and languages, and the erratum of CC-MAIN-2018-34."""

import gzip
import hashlib
from base64 import b32encode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.cli.demo.shards import RELEASE, digest_of, write_wet
from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.blocks import first_record_type
from presswatch_spark.reading.warc_format import WET
from presswatch_spark.storage.objects import StorageOptions, stat
from tests.world.proofs import cases, each_time
from tests.world.records import ENCODINGS, PACKINGS, damage_of, members, texts_of
from tests.world.shards import SmallPage, complaints, pages, read
from tests.world.warc import erratum, packed_as, read_bytes, record, stored_record

DATE = "WARC-Date: 2030-01-02T03:04:05Z"
SHARED = ("single", "plain")
FRENCH = frozenset({"fra"})
URL = "https://exemple.fr/seul"


def named(name: str, body: bytes, *, length: int | None = None) -> bytes:
    """A record of a URL of its own, with the digest of its block."""
    made = record(body, length=length, headers=f"{DATE}\nWARC-Block-Digest: {digest_of(body)}")
    return made.replace(URL.encode(), f"https://exemple.fr/{name}".encode(), 1)


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_page_comes_with_what_its_header_says_and_a_pointer_to_it(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.wet{'' if packing == 'plain' else '.gz'}"
    write_wet(
        path, [*pages(40), SmallPage("https://exemple.fr/", "a\ud800b")], one_member=packing == "single"
    )
    found, report = read(path)
    assert texts_of(found) == [*(page.text.encode() for page in pages(40)), b"a\xed\xa0\x80b"]
    assert [document.url for document in found[:40]] == [page.url for page in pages(40)]
    assert (report.documents, report.documents_skipped, report.defects_total) == (41, 0, 0)
    place = found[2].locator
    assert place.captured_at == datetime(2024, 12, 14, 1, 58, 12, tzinfo=UTC)
    assert (place.languages, place.release) == (("fra",), RELEASE)
    for document in found:
        header, _, body = stored_record(path, document).partition(b"\r\n\r\n")
        assert document.locator.record_encoding == ENCODINGS[packing]
        assert f"WARC-Target-URI: {document.url}\r\n".encode() in header
        assert str(document.locator.record_id).encode() in header
        assert str(document.locator.payload_digest).encode() in header
        assert body == document.text + b"\r\n\r\n"


@pytest.mark.parametrize("packing", PACKINGS)
def test_header_syntax_is_read_leniently(tmp_path: Path, packing: str) -> None:
    records = [
        record(b"un", newline="\n"),
        record(b"deux").replace(b"WARC/1.0", b"WARC/0.17").replace(b"Content-Length", b"CONTENT-LENGTH"),
        record(b"trois").replace(b"WARC-Type: conv", b"warc-type:\tConv"),
        record(b"quatre").replace(b"Target-URI: https", b"Target-URI:\r\n https"),
        record(b"cinq", headers="X-Folded: a\r\n b\r\n\tc"),
        record(b"six").replace(b"https://exemple.fr/seul", b"<https://exemple.fr/seul>"),
        record(b"sept").replace(b"WARC/1.0", b"WARC/1.1"),
        record(b"un\0deux\xff\xfe trois"),
    ]
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    assert texts_of(found) == [
        *(b"un", b"deux", b"trois", b"quatre", b"cinq", b"six", b"sept", b"un\0deux\xff\xfe trois")
    ]
    assert ({document.url for document in found}, report.defects_total) == ({URL}, 0)
    # As files are that were written as text; all records of a file are alike.
    written = [record(text, newline="\r\r\n") for text in (b"texte", b"suite")]
    found, report = read_bytes(tmp_path, packed_as(packing, written))
    assert [(document.url, document.text) for document in found] == [(URL, b"texte"), (URL, b"suite")]
    assert report.defects_total == 0


def test_a_record_without_url_is_read_and_one_without_text_is_counted(tmp_path: Path) -> None:
    lone = record(b"texte").replace(b"WARC-Target-URI: https://exemple.fr/seul\r\n", b"")
    found, report = read_bytes(tmp_path, packed_as("record", [lone, record(b"")]))
    assert [(document.text, document.url) for document in found] == [(b"texte", "")]
    assert (report.documents_skipped, complaints(report).count("record")) == (1, 1)


def test_the_language_gate_skips_what_is_surely_of_another_language(tmp_path: Path) -> None:
    codes = ["fra", "eng", "eng,fra", "deu, FRA", "", "deu,eng"]
    records = [
        record(b"%d" % i, headers=f"WARC-Identified-Content-Language: {code}") for i, code in enumerate(codes)
    ]
    harmed = records[0].replace(b"fra\r\n", b"\0\0\0\r\n")
    data = packed_as("record", [*records, record(b"6"), harmed])
    found, report = read_bytes(tmp_path, data, languages=frozenset({"fra", "oci"}))
    assert texts_of(found) == [b"0", b"2", b"3", b"4", b"6", b"0"]
    assert (report.documents_skipped, report.defects_total) == (2, 1)
    assert len(read_bytes(tmp_path, data)[0]) == 8


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["whirlwind.warc.wet", "whirlwind.warc.wet.gz"])
def test_the_real_wet_of_common_crawl_is_read_with_a_right_locator(real_data: Path, name: str) -> None:
    path = real_data / "common_crawl" / "whirlwind" / name
    (document,), report = read(path)
    assert (document.url, report.defects_total) == ("https://an.wikipedia.org/wiki/Escopete", 0)
    assert document.locator.release == "CC-MAIN-2024-22"
    assert document.locator.payload_digest == "sha1:RDTSR52RUHWDA7QK4BK7OUHU3EXTXYUL"
    assert stored_record(path, document).partition(b"\r\n\r\n")[2][:4456] == document.text


def test_records_of_other_types_are_a_shard_of_another_format_or_a_loss(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.wet"
    path.write_bytes(gzip.compress(record(b"HTTP/1.1 200 OK").replace(b"conversion", b"response")))
    with pytest.raises(CorruptError, match="response"):
        list(WET.read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()))
    write_wet(path, pages(3))
    whole = path.read_bytes()
    at = whole.index(b"conversion", whole.index(b"conversion") + 1)
    found, report = read_bytes(tmp_path, whole[:at] + b"convepsion" + whole[at + 10 :])
    assert len(found) == 2
    assert "not a conversion" in complaints(report)


@pytest.mark.parametrize("line", [b"Content-Length: -1", b"Content-Length: " + b"9" * 5000, b"X-Length: 7"])
def test_a_warcinfo_without_a_readable_length_costs_nothing(tmp_path: Path, line: bytes) -> None:
    info = record(b"isPartOf: CC-MAIN-2024-22").replace(b"Content-Length: 25", line)
    info = info.replace(b"conversion", b"warcinfo")
    assert first_record_type(info) == "warcinfo"
    (tmp_path / "a.warc.wet.gz").write_bytes(packed_as("record", [info, record(b"texte")]))
    found, report = read(tmp_path / "a.warc.wet.gz")
    assert (texts_of(found), report.defects_total) == ([b"texte"], 1)
    assert report.release == found[0].locator.release == "CC-MAIN-2024-22"


@cases("packing", SHARED)
@cases("place", range(6))
def test_a_damaged_version_line_gives_no_text_to_the_page_before(
    tmp_path: Path, packing: str, place: int
) -> None:
    names = ("contact", "copie", "suite")
    records = [bytearray(named(name, name.encode() * 40)) for name in names]
    records[1][place] ^= 0x10
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    assert [(each.url[19:], each.text) for each in found] == [(name, name.encode() * 40) for name in names]
    assert (damage_of(found), report.defects_total) == ([None, "header", None], 1)


@pytest.mark.parametrize("packing", SHARED)
def test_a_length_that_takes_in_just_the_records_that_follow_is_not_believed(
    tmp_path: Path, packing: str
) -> None:
    for more in ([record(b"un autre texte")], [record(b"un autre texte"), record(b"encore un")]):
        longer = len(b"".join([b"ici\r\n\r\n", *more])) - 4
        for first in (record(b"ici", length=longer), named("contact", b"ici", length=longer)):
            found, report = read_bytes(tmp_path, packed_as(packing, [first, *more, record(b"fin")]))
            assert texts_of(found) == [b"ici", b"fin"]
            assert damage_of(found)[0] == "length"
            assert "contains whole records" in complaints(report)


SHOWN = b"voici :\r\n\r\n" + record(b"un faux texte")[:-4]


@cases("name", ["md5", "sha1", "sha256", "sha-256", "sha512"])
@cases("is_hex", [True, False])
def test_a_page_that_shows_whole_records_to_its_end_is_one_page_if_its_digest_says_so(
    tmp_path: Path, name: str, is_hex: bool
) -> None:
    digest = hashlib.new(name.replace("-", ""), SHOWN)
    written = digest.hexdigest() if is_hex else b32encode(digest.digest()).decode()
    for right, kept in ((True, SHOWN), (False, b"voici :")):
        for packing in SHARED:
            headers = f"WARC-Block-Digest: {name}:{written if right else written[::-1]}"
            data = packed_as(packing, [record(SHOWN, headers=headers), record(b"fin")])
            found, report = read_bytes(tmp_path, data)
            assert (texts_of(found), report.defects_total) == ([kept, b"fin"], not right)
            assert not right or damage_of(found) == [None, None]


@cases("packing", SHARED)
@cases("harm", ["doubled", "no field", "line end", "no URL"])
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
    assert [(document.url, document.text, document.locator.damage) for document in found] == [
        ("https://exemple.fr/contact", b"ici", None),
        ("", b"copie", "header"),
    ]
    assert report.defects_total == 1


def test_the_last_record_of_a_plain_file_with_more_bytes_than_it_declares_is_read(tmp_path: Path) -> None:
    records = [record(b"avant"), record(b"le dernier", length=6)]
    found, report = read_bytes(tmp_path, packed_as("plain", records))
    assert (texts_of(found), damage_of(found)) == ([b"avant", b"le der"], [None, "length"])
    assert "declares 6 bytes and has 10" in complaints(report)


def test_a_record_with_digests_by_two_algorithms_has_one_header(tmp_path: Path) -> None:
    digests = (digest_of(b"un texte"), f"sha256:{hashlib.sha256(b'un texte').hexdigest()}")
    headers = "\n".join(f"WARC-Block-Digest: {digest}" for digest in digests)
    (document,), report = read_bytes(tmp_path, record(b"un texte", headers=headers))
    assert (document.url, document.locator.damage, report.defects_total) == (URL, None, 0)


TWICE = {
    "WARC-Target-URI": (URL, "https://exemple.fr/autre"),
    "WARC-Date": ("2030-01-02T03:04:05Z", "2024-05-18T01:58:10Z"),
    "WARC-Record-ID": ("<urn:uuid:1>", "<urn:uuid:2>"),
    "WARC-Identified-Content-Language": ("fra", "eng"),
    "WARC-Type": ("conversion", "resource"),
}


@cases("packing", PACKINGS)
@cases("field", TWICE)
@cases("agree", [True, False])
def test_a_field_that_stands_there_twice_is_believed_if_the_checksum_holds_and_both_agree(
    tmp_path: Path, packing: str, field: str, agree: bool
) -> None:
    mine, other = TWICE[field]
    plain = record(b"le texte", headers=DATE if field == "WARC-Date" else "")
    fields = {name: value for name, (value, _) in TWICE.items() if f"{name}: ".encode() not in plain}
    more = [*fields.items(), (field, mine if agree else other)]
    said = "".join(f"{name}: {value}\r\n" for name, value in more).encode()
    odd = plain.replace(b"Content-Length", said + b"Content-Length")
    assert odd.count(f"{field}: ".encode()) == 2
    found, report = read_bytes(tmp_path, packed_as(packing, [odd, record(b"la suite")]))
    if field == "WARC-Type" and not agree:
        # Which of the two types it is nobody knows.
        assert report.defects_total > 0
        return
    known = packing == "record" and (agree or field not in ("WARC-Target-URI", "WARC-Type"))
    assert (found[0].text, found[0].url) == (b"le texte", URL if known else "")
    assert (found[0].locator.damage, report.defects_total) == ((None, 0) if known else ("header", 1))
    if agree or packing == "record":
        place, unknown = found[0].locator, None if agree else field
        assert (place.captured_at is None) == (unknown == "WARC-Date")
        assert place.record_id == (None if unknown == "WARC-Record-ID" else "<urn:uuid:1>")
        assert place.languages == (() if unknown == "WARC-Identified-Content-Language" else ("fra",))


AFFECTED, OTHER = "CC-MAIN-2018-34", "CC-MAIN-2018-39"
BODIES = [
    b"Un texte.\r\n\r\nIl a des lignes vides",
    b"une ligne\n" * 400,
    b"finit par une ligne vide\r\n\r\n",
    b"a",
    "un autre, à l’accent près".encode(),
]


@cases("packing", PACKINGS)
@cases("off", [-2, 0, 2])
@cases("batch_bytes", [1, 100, 1 << 22])
def test_records_of_a_release_whose_lengths_are_off_by_two_are_read_whole_and_named_once(
    tmp_path: Path, packing: str, off: int, batch_bytes: int
) -> None:
    bodies = [body for body in BODIES if len(body) >= -off]
    data = packed_as(packing, erratum(AFFECTED, off, bodies))
    found, report = read_bytes(tmp_path, data, batch_bytes=batch_bytes)
    assert (texts_of(found), report.defects_total, report.release) == (bodies, 0, AFFECTED)
    assert ["off by 2 bytes" in note and AFFECTED in note for note in report.notes] == [True] * bool(off)
    for document, body in zip(found, bodies, strict=True):
        stored = stored_record(tmp_path / "some.wet.gz", document)
        assert stored.partition(b"\r\n\r\n")[2] == body + b"\r\n\r\n"


@pytest.mark.parametrize("packing", PACKINGS)
def test_other_lengths_and_those_of_other_releases_are_still_reported(tmp_path: Path, packing: str) -> None:
    for release in (OTHER, "CC-MAIN-2018-3", ""):
        _, report = read_bytes(tmp_path, packed_as(packing, erratum(release, -2, [b"texte"] * 3)))
        assert (report.defects_total, report.notes) == (3, [])
        assert "declares 3 bytes and has 5; what it declares was read" in complaints(report)
    body = b"un texte assez long"
    for off in (-4, -3, -1, 5, 2000):
        records = [*erratum(AFFECTED, 0, []), record(body, length=len(body) + off), record(b"suite")]
        found, report = read_bytes(tmp_path, packed_as(packing, records))
        assert texts_of(found) == [body[:off] if off < 0 else body, b"suite"]
        assert (report.defects_total, report.notes) == (1, []), off


@pytest.mark.parametrize("off", each_time([-2], [-2, 0, 2]))
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_cut_anywhere_is_found_in_that_release_too(tmp_path: Path, packing: str, off: int) -> None:
    records = erratum(AFFECTED, off, [b"texte " * 20, b"suite " * 20])
    whole = packed_as(packing, records)
    # Cut exactly between two records, a file is whole to every reader.
    ends = {len(packed_as(packing, records[:count])) for count in (1, 2, 3)}
    for cut in set(range(len(packed_as(packing, records[:2])), len(whole))) - ends:
        assert read_bytes(tmp_path, whole[:cut])[1].defects_total, cut


@pytest.mark.parametrize("off", [-2, 2])
def test_records_of_that_release_are_judged_like_others(tmp_path: Path, off: int) -> None:
    shown = b"avant\r\n\r\n" + record(b"un faux texte") + b"milieu\r\n\r\n" + record(b"encore") + b"fin"
    for packing in PACKINGS:
        found, report = read_bytes(tmp_path, packed_as(packing, erratum(AFFECTED, off, [shown, b"la suite"])))
        assert (texts_of(found), report.defects_total) == ([shown, b"la suite"], 0)
    german = record(b"ein Text", length=8 + off, headers="WARC-Identified-Content-Language: deu")
    found, report = read_bytes(
        tmp_path, packed_as("record", [*erratum(AFFECTED, off, BODIES[:3]), german]), languages=FRENCH
    )
    assert (len(found), report.documents_skipped, report.defects_total) == (3, 1, 0)
    parts = [bytearray(members(each)) for each in erratum(AFFECTED, off, [b"avant", b"texte", b"suite"])]
    parts[2][-6] ^= 1
    found, report = read_bytes(tmp_path, b"".join(parts))
    assert (texts_of(found), report.defects_total) == ([b"avant", b"suite"], 1)


def test_what_the_user_says_counts_where_the_shard_names_no_release_and_only_there(tmp_path: Path) -> None:
    nameless = packed_as("record", erratum(AFFECTED, -2, BODIES)[1:3])
    assert read_bytes(tmp_path, nameless)[1].defects_total == 2
    found, report = read_bytes(tmp_path, nameless, release=AFFECTED)
    assert (texts_of(found), report.defects_total, len(report.notes)) == (BODIES[:2], 0, 1)
    named_otherwise = packed_as("record", erratum(OTHER, -2, BODIES)[:2])
    assert read_bytes(tmp_path, named_otherwise, release=AFFECTED)[1].defects_total == 1

"""The language gates before the inflater: what is passed over, and that no French page is lost by it."""

from __future__ import annotations

import gzip
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.inflate import Window, gzip_pieces
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.gates import WetGate
from presswatch_spark.reading.warc.heads import inflate_heads, workspace
from tests.unit.reading.test_inflate import Trickle
from tests.world.damage import damages
from tests.world.gates import FRENCH, Shards, mixed_pages, shard_of, stored_member
from tests.world.proofs import each_time
from tests.world.warc import http, record, warc_record

FORMATS = ("wet", "warc")
REAL = Path(os.environ.get("PRESSWATCH_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data")


def named(name: str, body: bytes, languages: str = "eng", **how: object) -> bytes:
    """A conversion record of a page with a name of its own."""
    made = record(body, headers=f"WARC-Identified-Content-Language: {languages}", **how)  # type: ignore[arg-type]
    return made.replace(b"exemple.fr/seul", b"exemple.fr/" + name.encode(), 1)


def members_of(*records: bytes) -> bytes:
    """A gzip member of each record, as Common Crawl has them."""
    return b"".join(gzip.compress(each, mtime=0) for each in records)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_pages_are_read_as_if_everything_were_inflated(
    tmp_path: Path, format: str, seed: int
) -> None:
    data, shards = shard_of(tmp_path, format, mixed_pages(120, seed)), Shards(format, tmp_path)
    gated, whole = shards.read(data), shards.read(data, languages=frozenset())
    of_whole = [each for each in whole.pages if each[2].languages == ("fra",)]
    assert gated.pages == of_whole
    assert gated.complete
    assert gated.report.skipped == {"language": len(whole.pages) - len(of_whole)}
    assert gated.report.members_passed > 60
    assert len(data) * 0.3 < gated.report.bytes_passed < len(data)
    assert gated.report.bytes_read == len(data)


@pytest.mark.parametrize("chunk_bytes", [1, 97, 1000, 1 << 20])
def test_what_is_passed_over_does_not_depend_on_how_the_file_arrives(
    tmp_path: Path, chunk_bytes: int
) -> None:
    data = shard_of(tmp_path, "wet", mixed_pages(12))
    report, options = ReadReport(), ReadOptions(languages=FRENCH)
    window = Window(Trickle(data, 700), report, chunk_bytes)
    pieces = list(
        gzip_pieces(
            window,
            report,
            lambda head: head.startswith(b"WARC/"),
            WetGate(options),
        )
    )
    french = [piece for piece in pieces if b"Language: fra" in piece.data]
    assert [gzip.decompress(data[piece.offset : piece.offset + piece.length]) for piece in french] == [
        piece.data for piece in french
    ]
    assert len(french) == sum(page.language == "fra" for page in mixed_pages(12))
    assert report.members_passed + len(pieces) == 13
    assert report.members_passed >= 8 - len(french)


@pytest.mark.parametrize("format", FORMATS)
def test_real_shards_are_read_as_without_the_gate_before(tmp_path: Path, format: str) -> None:
    path = REAL / "common_crawl" / "whirlwind" / f"whirlwind.warc{'.wet' if format == 'wet' else ''}.gz"
    if not path.exists():
        pytest.skip("the real data are not here")
    data = path.read_bytes() + shard_of(tmp_path, format, mixed_pages(9))
    shards = Shards(format, tmp_path)
    spanish, french = shards.read(data, languages=frozenset({"spa"})), shards.read(data)
    assert "https://an.wikipedia.org/wiki/Escopete" in {url for url, _, _ in spanish.pages}
    assert spanish.complete
    assert all(url.startswith("https://exemple.fr/fra/") for url, _, _ in french.pages)
    assert french.complete
    assert french.report.bytes_passed > len(path.read_bytes()) / 3


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_damaged_shards_are_never_complete_with_fewer_french_pages(tmp_path: Path, format: str) -> None:
    lost_in_silence(tmp_path, format, damages_of(tmp_path, format, 120))


@pytest.mark.full
@pytest.mark.parametrize("format", FORMATS)
def test_of_5000_damaged_shards_none_is_complete_with_fewer_french_pages(tmp_path: Path, format: str) -> None:
    lost_in_silence(tmp_path, format, damages_of(tmp_path, format, 5000))


@pytest.mark.parametrize("format", FORMATS)
def test_cut_shards_are_never_complete(tmp_path: Path, format: str) -> None:
    cut_in_silence(tmp_path, format, 60)


@pytest.mark.full
@pytest.mark.parametrize("format", FORMATS)
def test_of_500_cut_shards_none_is_complete(tmp_path: Path, format: str) -> None:
    cut_in_silence(tmp_path, format, 500)


def damages_of(folder: Path, format: str, count: int) -> list[tuple[str, bytes]]:
    data = shard_of(folder, format, mixed_pages(16, 7, french_in=2))
    return list(damages(data, count, seed=11))


def lost_in_silence(folder: Path, format: str, damaged: list[tuple[str, bytes]]) -> None:
    """Every `complete` of the gated reader has the French pages that a reader without a gate says of it."""
    shards = Shards(format, folder)
    for what, data in damaged:
        gated = shards.read(data)
        if gated.complete:
            whole = shards.read(data, languages=frozenset())
            named_french = {each[:2] for each in whole.pages if "fra" in each[2].languages}
            assert whole.french | named_french <= gated.french, what
            assert len(gated.french) >= 8, what


def cut_in_silence(folder: Path, format: str, count: int) -> None:
    """A cut shard is never complete, though what its size says is what is there."""
    data, shards, draw = (
        shard_of(folder, format, mixed_pages(16, 7)),
        Shards(format, folder),
        random.Random(3),
    )
    starts = {at for at in range(len(data)) if data.startswith(b"\x1f\x8b\x08\0", at)}
    for _ in range(count):
        cut = draw.randrange(1, len(data))
        if cut not in starts:
            assert not shards.read(data[:cut]).complete, cut


@pytest.mark.parametrize("forged", ["French", "English", "both"])
@pytest.mark.parametrize("at", [0, 900])
def test_members_that_a_page_forges_within_its_own_bytes_are_not_believed(
    tmp_path: Path, forged: str, at: int
) -> None:
    innocent = gzip.compress(named("innocent", b"un article de presse " * 9, "fra"), mtime=0)
    english = gzip.compress(named("autre", b"some words " * 20), mtime=0)
    inside = {"French": innocent, "English": english, "both": innocent + english}[forged]
    # The length of the outer member stands before the forged ones, as if it ended there, and at its true end.
    body = bytes(range(256)) * 4
    for _ in range(2):
        size = len(named("attaque", body + b"\0" * 8 + inside + b"\0" * 40))
        body_whole = body + struct.pack("<II", 1, size) + inside + b"\0" * 40
    outer = named("attaque", body_whole)
    assert len(outer) == size
    data = members_of(named("avant", b"avant", "fra"))
    data += stored_member(outer, at=at, inside=inside)
    data += members_of(named("fra-apres", b"apres", "fra"), named("fin", b"fin"))
    shards = Shards("wet", tmp_path)
    gated = shards.read(data)
    assert [url.rpartition("/")[2] for url, _, _ in gated.pages] == ["avant", "fra-apres"]
    assert gated.complete
    assert shards.read(data, languages=frozenset()).complete


def test_a_forged_chain_that_ends_where_its_page_ends_is_not_believed(tmp_path: Path) -> None:
    innocent = gzip.compress(named("innocent", b"un article de presse " * 9, "fra"), mtime=0)
    # The last forged record claims such a length that its page's true trailer seems to be its own.
    claims = named("suite", b"", length=3000)
    size, head = len(claims) + 3000, gzip.compress(claims, mtime=0)[:-8]
    outers = (
        named("attaque", b"x" * pad + struct.pack("<II", 1, size) + innocent + head) for pad in range(3000)
    )
    outer = next(outer for outer in outers if len(outer) == size)
    data = members_of(named("avant", b"avant", "fra")) + stored_member(outer, inside=innocent)
    data += members_of(named("fra-apres", b"apres", "fra"), named("fin", b"fin"))
    gated = Shards("wet", tmp_path).read(data)
    assert [url.rpartition("/")[2] for url, _, _ in gated.pages] == ["avant", "fra-apres"]
    assert gated.complete


def test_random_forgeries_change_nothing(tmp_path: Path) -> None:
    draw, shards = random.Random(8), Shards("wet", tmp_path)
    for _ in range(60):
        parts = list[bytes]()
        for i in range(6):
            language = draw.choice(("fra", "eng"))
            inner = gzip.compress(
                named(f"faux{i}", draw.randbytes(draw.randrange(90)), draw.choice(("fra", "eng")))
            )
            body = draw.randbytes(draw.randrange(60)) + inner * draw.randrange(3) + draw.randbytes(9)
            whole = named(f"{language}{i}", body, language)
            near = struct.pack("<I", len(whole) + draw.choice((0, 4)))
            whole = named(f"{language}{i}", body + near * draw.randrange(2) + inner, language)
            parts.append(stored_member(whole) if draw.random() < 0.7 else gzip.compress(whole))
        data = b"".join(parts)
        gated, everything = shards.read(data), shards.read(data, languages=frozenset())
        expected = [each for each in everything.pages if each[2].languages == ("fra",)]
        assert gated.pages == expected
        assert gated.complete == everything.complete


@pytest.mark.parametrize("wrong", [-3, 3])
def test_a_record_that_lies_about_its_length_is_inflated(tmp_path: Path, wrong: int) -> None:
    body = b"some words"
    liar = named("menteur", body, length=len(body) + wrong)
    data = members_of(liar, named("fra", b"apres", "fra"), named("fin", b"fin"))
    shards = Shards("wet", tmp_path)
    gated, everything = shards.read(data), shards.read(data, languages=frozenset())
    assert gated.report.members_passed == 0
    assert gated.report.complaints == everything.report.complaints
    assert [url.rpartition("/")[2] for url, _, _ in gated.pages] == ["fra"]


@pytest.mark.parametrize(
    "languages", ["ara", "fro", "frb", "eng,frb", "f", "xyz", "eng,,deu", "ENG", "engxfra"]
)
def test_what_damage_may_have_made_of_the_language_asked_for_is_inflated(
    tmp_path: Path, languages: str
) -> None:
    data = members_of(named("a", b"some words", languages), named("b", b"words " * 9), named("fin", b"fin"))
    gated = Shards("wet", tmp_path).read(data)
    assert gated.report.members_passed == 1
    assert gated.report.skipped["language"] >= 2


@pytest.mark.parametrize(
    "languages",
    ["eng,\r\n\tfra", "eng,\r\n fra", "\r\n fra", "eng\r\n ,fra\r\n\t,deu", "eng,\tfra", "eng, fra "],
)
def test_a_field_of_languages_may_go_on_in_the_next_line(tmp_path: Path, languages: str) -> None:
    data = members_of(named("a", b"some words"), named("fra", b"texte", languages), named("fin", b"fin"))
    gated = Shards("wet", tmp_path).read(data)
    assert [text for _, text, _ in gated.pages] == [b"texte"]
    assert "fra" in gated.pages[0][2].languages


@pytest.mark.parametrize("asked", ["fr", "FR", "fre", "fra_Latn", "fr-CA"])
@pytest.mark.parametrize("format", ["wet", "warc"])
def test_a_language_may_be_asked_for_by_any_of_its_codes(tmp_path: Path, format: str, asked: str) -> None:
    data, shards = shard_of(tmp_path, format, mixed_pages(60)), Shards(format, tmp_path)
    expected, found = shards.read(data), shards.read(data, languages=frozenset({asked}))
    assert found.pages == expected.pages
    assert found.french
    assert found.report.members_passed


def test_members_of_several_records_padding_and_other_ends_are_read_as_before(tmp_path: Path) -> None:
    english, french = named("a", b"some words"), named("fra", b"texte", "fra")
    shards = Shards("wet", tmp_path)
    for data in (
        members_of(english + french, english, french, english),
        members_of(english, french, english) + bytes(512),
        members_of(english, french) + b"no gzip",
        members_of(english, b"", french, english),
        members_of(english, french[:60], french[60:], english),
        members_of(english) + gzip.compress(french)[:4] + b"\x08" + gzip.compress(french)[5:],
        gzip.compress(english + french + english),
    ):
        gated, everything = shards.read(data), shards.read(data, languages=frozenset())
        expected = [each for each in everything.pages if each[2].languages == ("fra",)]
        assert gated.pages == expected
        assert gated.complete == everything.complete
        assert gated.report.complaints == everything.report.complaints


def response(url: str, body: bytes = b"<p>some words", *headers: str) -> bytes:
    return warc_record(http(body), url, *headers)


def metadata(url: str, language: str) -> bytes:
    said = f'languages-cld2: {{"languages":[{{"code-iso-639-3":"{language}"}}]}}\r\n'
    return warc_record(said.encode(), url, kind="metadata")


@pytest.mark.parametrize("odd", ["no metadata", "another URL", "twice", "segment", "wanted", "last"])
def test_a_response_whose_languages_are_not_sure_is_inflated(tmp_path: Path, odd: str) -> None:
    one, other = "https://exemple.fr/1", "https://exemple.fr/2"
    records = {
        "no metadata": [response(one), response(other), metadata(other, "fra")],
        "another URL": [response(one), metadata(other, "eng"), response(other), metadata(other, "fra")],
        "twice": [response(one, b"<p>un"), response(one), metadata(one, "eng"), metadata(one, "eng")],
        "segment": [response(one, b"<p>un", "WARC-Segment-Number: 1"), metadata(one, "eng")],
        "wanted": [response(one), metadata(one, "eng")],
        "last": [response(one), metadata(one, "eng")],
    }[odd]
    end = [] if odd == "last" else [warc_record(b"fin", kind="warcinfo")]
    data = members_of(*records, *end)
    shards = Shards("warc", tmp_path)
    gated = shards.read(data, wants=(lambda url: url == one) if odd == "wanted" else None)
    plain = shards.read(b"".join([*records, *end]))
    assert [each[:2] for each in gated.pages] == [each[:2] for each in plain.pages]
    assert gated.report.members_passed == 0
    assert gated.report.skipped == plain.report.skipped


def test_places_in_the_inflated_file_count_what_was_passed_over(tmp_path: Path) -> None:
    english = [named(f"en{i}", b"some words " * i) for i in range(5)]
    both = named("fra1", b"texte", "fra") + named("fra2", b"un autre", "fra")
    data = members_of(*english, both, *english)
    gated = Shards("wet", tmp_path).read(data)
    assert gated.report.members_passed == 9
    whole = gzip.decompress(data)
    for url, text, place in gated.pages:
        assert place.record_encoding == "inflated"
        assert place.record_offset is not None
        assert place.record_length is not None
        stored = whole[place.record_offset : place.record_offset + place.record_length]
        assert url.encode() in stored
        assert text in stored


@pytest.mark.slow
@pytest.mark.parametrize("flips", each_time([2], [0, 1, 2]))
def test_heads_are_inflated_as_zlib_does(flips: int) -> None:
    draw, work = random.Random(flips), workspace()
    for _ in range(3000):
        letters = draw.choice((b"ab \r\nc", bytes(range(256))))
        content = bytes(draw.choice(letters) for _ in range(draw.randrange(700)))
        packer = zlib.compressobj(
            draw.randrange(10), zlib.DEFLATED, 31, draw.choice((1, 8, 9)), draw.choice((0, 1, 2, 3, 4))
        )
        member = bytearray(packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH))
        member += packer.compress(content) + packer.flush()
        for _ in range(flips):
            member[draw.randrange(10, len(member))] ^= 1 << draw.randrange(8)
        heads, bounds = np.zeros(8 << 10, np.uint8), np.zeros(2, np.int64)
        inflate_heads(np.frombuffer(bytes(member), np.uint8), np.zeros(1, np.int64), heads, bounds, work)
        head = heads[: bounds[1]].tobytes()
        if flips == 0:
            assert (content + content).startswith(head)
            assert len(head) == min(2 * len(content), 4096) or head[-3::2] == b"\n\n"
        else:
            truth = by_zlib(bytes(member))
            assert truth.startswith(head) or head.startswith(truth)


def by_zlib(member: bytes) -> bytes:
    """What inflates of a member before it fails, byte after byte."""
    inflater, content = zlib.decompressobj(-15), b""
    try:
        for byte in member[10:]:
            content += inflater.decompress(bytes([byte]))
    except zlib.error:
        pass
    return content

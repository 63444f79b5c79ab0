"""The language gates before the inflater: what is passed over, and that no French page is lost by it."""

import gzip
import hashlib
import random
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from presswatch_spark.cli.demo.shards import web_page, write_warc, write_wet
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.inflate import Window, gzip_pieces
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.inflated_heads import inflate_heads, workspace
from presswatch_spark.reading.warc.language_gates import WetGate
from tests.unit.reading.test_inflate import Trickle
from tests.world.damage import damages
from tests.world.proofs import cases, each_time
from tests.world.records import members
from tests.world.shards import Document, SmallPage, documents
from tests.world.warc import http, record, warc_record

FORMATS = pytest.mark.parametrize("format", ["wet", "warc"])
FRENCH = frozenset({"fra"})
NO_GATE = frozenset[str]()


class Scanned(NamedTuple):
    """The pages that were read of a shard, and its report."""

    pages: list[Document]
    report: ReadReport
    complete: bool

    @property
    def names(self) -> list[str]:
        """The last parts of the URLs of the pages."""
        return [page.url.rpartition("/")[2] for page in self.pages]

    @property
    def french(self) -> set[tuple[str, bytes]]:
        """URL and text of pages whose URL is French, as it is when their languages cannot be read."""
        return {(page.url, page.text) for page in self.pages if "/fra" in page.url}

    def known_as(self, *languages: str) -> list[Document]:
        """Its pages with just these languages."""
        return [page for page in self.pages if page.locator.languages == languages]


@dataclass(frozen=True)
class Shards:
    folder: Path
    format: str = "wet"

    def read(self, data: bytes, languages: frozenset[str] = FRENCH, **options: object) -> Scanned:
        path, report, found = self.folder / f"shard.{self.format}.gz", ReadReport(), list[Document]()
        path.write_bytes(data)
        try:
            chosen = ReadOptions(languages=languages, **options)  # type: ignore[arg-type]
            found = documents(path, report, self.format, chosen)
        except PresswatchError:
            report.add_defect("refused")
        return Scanned(found, report, not report.defects_total and report.bytes_read == len(data))

    def assert_same(self, data: bytes) -> None:
        """The gate leaves out pages of other languages, and changes nothing else."""
        gated, everything = self.read(data), self.read(data, NO_GATE)
        assert gated.pages == everything.known_as("fra")
        assert gated.complete == everything.complete
        assert gated.report.complaints == everything.report.complaints

    def of(self, pages: list[SmallPage]) -> bytes:
        """The bytes of a shard of pages, a gzip member a record."""
        path = self.folder / f"made.{self.format}.gz"
        if self.format == "wet":
            write_wet(path, pages)
        else:
            write_warc(path, map(web_page, pages))
        return path.read_bytes()


def mixed_pages(n: int, seed: int = 1, *, french_in: int = 4) -> list[SmallPage]:
    """`n` pages of random lengths, one in `french_in` of them French."""
    draw, pages = random.Random(seed), []
    for i in range(n):
        language = "fra" if draw.randrange(french_in) == 0 else draw.choice(("eng", "deu", "spa,eng", "zho"))
        words = (hashlib.sha256(f"{seed} {i} {k}".encode()).hexdigest() for k in range(draw.randint(1, 60)))
        pages.append(SmallPage(f"https://exemple.fr/{language}/{i}", " à ".join(words), language))
    return pages


def named(name: str, body: bytes, languages: str = "eng", **how: object) -> bytes:
    """A conversion record of a page with a name of its own."""
    made = record(body, headers=f"WARC-Identified-Content-Language: {languages}", **how)  # type: ignore[arg-type]
    return made.replace(b"exemple.fr/seul", b"exemple.fr/" + name.encode(), 1)


def stored_member(content: bytes, *, at: int = 0, inside: bytes = b"") -> bytes:
    """A gzip member that packs `content[:at]` and stores the rest as it is; `inside` stands in the latter."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(content[:at]) + packer.flush(zlib.Z_FULL_FLUSH)
    left = content[at:]
    assert inside in left
    for first in range(0, len(left), 65_535):
        piece = left[first : first + 65_535]
        last = first + len(piece) == len(left)
        body += bytes([last]) + struct.pack("<HH", len(piece), len(piece) ^ 0xFFFF) + piece
    member = b"\x1f\x8b\x08\0\0\0\0\0\2\3" + body + struct.pack("<II", zlib.crc32(content), len(content))
    assert gzip.decompress(member) == content
    return member


@FORMATS
@pytest.mark.parametrize("seed", each_time([0], range(3)))
def test_the_same_pages_are_read_as_if_everything_were_inflated(
    tmp_path: Path, format: str, seed: int
) -> None:
    shards = Shards(tmp_path, format)
    data = shards.of(mixed_pages(120, seed))
    gated, whole = shards.read(data), shards.read(data, NO_GATE)
    assert (gated.pages, gated.complete) == (whole.known_as("fra"), True)
    assert gated.report.skipped == {"language": len(whole.pages) - len(gated.pages)}
    assert gated.report.members_passed > 60
    assert len(data) * 0.3 < gated.report.bytes_passed < len(data) == gated.report.bytes_read
    for asked in ("fr", "FR", "fre", "fra_Latn", "fr-CA"):
        assert shards.read(data, frozenset({asked})).pages == gated.pages
        assert gated.french


@cases("chunk_bytes", [1, 97, 1000, 1 << 20])
def test_what_is_passed_over_does_not_depend_on_how_the_file_arrives(
    tmp_path: Path, chunk_bytes: int
) -> None:
    data, report = Shards(tmp_path).of(mixed_pages(8)), ReadReport()
    window, gate = Window(Trickle(data, 700), report, chunk_bytes), WetGate(ReadOptions(languages=FRENCH))
    pieces = list(gzip_pieces(window, lambda head: head.startswith(b"WARC/"), gate))
    french = [piece for piece in pieces if b"Language: fra" in piece.data]
    assert all(gzip.decompress(data[each.offset :][: each.length]) == each.data for each in french)
    assert len(french) == sum(page.language == "fra" for page in mixed_pages(8)) > 0
    assert report.members_passed + len(pieces) == 9
    assert report.members_passed >= 4


@pytest.mark.real_data
@FORMATS
def test_real_shards_are_read_as_without_the_gate_before(
    tmp_path: Path, real_data: Path, format: str
) -> None:
    name = f"whirlwind.warc{'.wet' if format == 'wet' else ''}.gz"
    real, shards = (real_data / "common_crawl" / "whirlwind" / name).read_bytes(), Shards(tmp_path, format)
    data = real + shards.of(mixed_pages(9))
    spanish, french = shards.read(data, frozenset({"spa"})), shards.read(data)
    assert "https://an.wikipedia.org/wiki/Escopete" in {page.url for page in spanish.pages}
    assert all(page.url.startswith("https://exemple.fr/fra/") for page in french.pages)
    assert (spanish.complete, french.complete) == (True, True)
    assert french.report.bytes_passed > len(real) / 3


@pytest.mark.slow
@FORMATS
@pytest.mark.parametrize("count", [60, pytest.param(5000, marks=pytest.mark.full)])
def test_damaged_shards_are_never_complete_with_fewer_french_pages(
    tmp_path: Path, format: str, count: int
) -> None:
    shards = Shards(tmp_path, format)
    for what, data in damages(shards.of(mixed_pages(16, 7, french_in=2)), count, seed=11):
        gated = shards.read(data)
        if gated.complete:
            whole = shards.read(data, NO_GATE)
            named_french = {(each.url, each.text) for each in whole.pages if "fra" in each.locator.languages}
            assert whole.french | named_french <= gated.french, what
            assert len(gated.french) >= 8, what


@FORMATS
@pytest.mark.parametrize("count", [60, pytest.param(500, marks=pytest.mark.full)])
def test_cut_shards_are_never_complete_though_their_size_is_what_is_there(
    tmp_path: Path, format: str, count: int
) -> None:
    shards, draw = Shards(tmp_path, format), random.Random(3)
    data = shards.of(mixed_pages(16, 7))
    for cut in (draw.randrange(1, len(data)) for _ in range(count)):
        assert data.startswith(b"\x1f\x8b\x08\0", cut) or not shards.read(data[:cut]).complete, cut


INNOCENT = members(named("innocent", b"un article de presse " * 9, "fra"))
BEFORE, AFTER = named("avant", b"avant", "fra"), [named("fra-apres", b"apres", "fra"), named("fin", b"fin")]


@cases("forged", ["French", "English", "both"])
@cases("at", [0, 900])
def test_members_that_a_page_forges_within_its_own_bytes_are_not_believed(
    tmp_path: Path, forged: str, at: int
) -> None:
    english = members(named("autre", b"some words " * 20))
    inside = {"French": INNOCENT, "English": english, "both": INNOCENT + english}[forged]
    # The length of the outer member stands before the forged ones, as if it ended there, and at its true end.
    body = bytes(range(256)) * 4
    for _ in range(2):
        size = len(named("attaque", body + b"\0" * 8 + inside + b"\0" * 40))
        body_whole = body + struct.pack("<II", 1, size) + inside + b"\0" * 40
    outer = named("attaque", body_whole)
    assert len(outer) == size
    data = members(BEFORE) + stored_member(outer, at=at, inside=inside) + members(*AFTER)
    gated = Shards(tmp_path).read(data)
    assert (gated.names, gated.complete) == (["avant", "fra-apres"], True)
    assert Shards(tmp_path).read(data, NO_GATE).complete


def test_a_forged_chain_that_ends_where_its_page_ends_is_not_believed(tmp_path: Path) -> None:
    # The last forged record claims such a length that its page's true trailer seems to be its own.
    claims = named("suite", b"", length=3000)
    size, head = len(claims) + 3000, members(claims)[:-8]
    outers = (
        named("attaque", b"x" * pad + struct.pack("<II", 1, size) + INNOCENT + head) for pad in range(3000)
    )
    outer = next(outer for outer in outers if len(outer) == size)
    data = members(BEFORE) + stored_member(outer, inside=INNOCENT) + members(*AFTER)
    gated = Shards(tmp_path).read(data)
    assert (gated.names, gated.complete) == (["avant", "fra-apres"], True)


def test_random_forgeries_change_nothing(tmp_path: Path) -> None:
    draw, shards = random.Random(8), Shards(tmp_path)
    for _ in range(60):
        parts = list[bytes]()
        for i in range(6):
            language = draw.choice(("fra", "eng"))
            inner = members(
                named(f"faux{i}", draw.randbytes(draw.randrange(90)), draw.choice(("fra", "eng")))
            )
            body = draw.randbytes(draw.randrange(60)) + inner * draw.randrange(3) + draw.randbytes(9)
            near = struct.pack("<I", len(named(f"{language}{i}", body, language)) + draw.choice((0, 4)))
            whole = named(f"{language}{i}", body + near * draw.randrange(2) + inner, language)
            parts.append(stored_member(whole) if draw.random() < 0.7 else gzip.compress(whole))
        shards.assert_same(b"".join(parts))


@pytest.mark.parametrize("wrong", [-3, 3])
def test_a_record_that_lies_about_its_length_is_inflated(tmp_path: Path, wrong: int) -> None:
    liar = named("menteur", b"some words", length=10 + wrong)
    data = members(liar, *AFTER)
    Shards(tmp_path).assert_same(data)
    gated = Shards(tmp_path).read(data)
    assert (gated.names, gated.report.members_passed) == (["fra-apres"], 0)


@cases("languages", ["ara", "fro", "frb", "eng,frb", "f", "xyz", "eng,,deu", "ENG", "engxfra"])
def test_what_damage_may_have_made_of_the_language_asked_for_is_inflated(
    tmp_path: Path, languages: str
) -> None:
    data = members(named("a", b"some words", languages), named("b", b"words " * 9), named("fin", b"fin"))
    report = Shards(tmp_path).read(data).report
    assert (report.members_passed, report.skipped["language"] >= 2) == (1, True)


@cases(
    "languages",
    ["eng,\r\n\tfra", "eng,\r\n fra", "\r\n fra", "eng\r\n ,fra\r\n\t,deu", "eng,\tfra", "eng, fra "],
)
def test_a_field_of_languages_may_go_on_in_the_next_line(tmp_path: Path, languages: str) -> None:
    data = members(named("a", b"some words"), named("fra", b"texte", languages), named("fin", b"fin"))
    (page,) = Shards(tmp_path).read(data).pages
    assert (page.text, "fra" in page.locator.languages) == (b"texte", True)


def test_members_of_several_records_padding_and_other_ends_are_read_as_before(tmp_path: Path) -> None:
    english, french = named("a", b"some words"), named("fra", b"texte", "fra")
    for data in (
        members(english + french, english, french, english),
        members(english, french, english) + bytes(512),
        members(english, french) + b"no gzip",
        members(english, b"", french, english),
        members(english, french[:60], french[60:], english),
        members(english) + gzip.compress(french)[:4] + b"\x08" + gzip.compress(french)[5:],
        gzip.compress(english + french + english),
    ):
        Shards(tmp_path).assert_same(data)


def response(url: str, body: bytes = b"<p>some words", *headers: str) -> bytes:
    return warc_record(http(body), url, *headers)


def metadata(url: str, language: str) -> bytes:
    said = f'languages-cld2: {{"languages":[{{"code-iso-639-3":"{language}"}}]}}\r\n'
    return warc_record(said.encode(), url, kind="metadata")


@cases("odd", ["no metadata", "another URL", "twice", "segment", "wanted", "last"])
def test_a_response_whose_languages_are_not_sure_is_inflated(tmp_path: Path, odd: str) -> None:
    one, other = "https://exemple.fr/1", "https://exemple.fr/2"
    records = {
        "no metadata": [response(one), response(other), metadata(other, "fra")],
        "another URL": [response(one), metadata(other, "eng"), response(other), metadata(other, "fra")],
        "twice": [response(one, b"<p>un"), response(one), metadata(one, "eng"), metadata(one, "eng")],
        "segment": [response(one, b"<p>un", "WARC-Segment-Number: 1"), metadata(one, "eng")],
    }.get(odd, [response(one), metadata(one, "eng")])
    records += [] if odd == "last" else [warc_record(b"fin", kind="warcinfo")]
    shards = Shards(tmp_path, "warc")
    gated = shards.read(members(*records), wants=(lambda url: url == one) if odd == "wanted" else None)
    plain = shards.read(b"".join(records))
    assert [(each.url, each.text) for each in gated.pages] == [(each.url, each.text) for each in plain.pages]
    assert (gated.report.members_passed, gated.report.skipped) == (0, plain.report.skipped)


def test_places_in_the_inflated_file_count_what_was_passed_over(tmp_path: Path) -> None:
    english = [named(f"en{i}", b"some words " * i) for i in range(5)]
    both = named("fra1", b"texte", "fra") + named("fra2", b"un autre", "fra")
    data = members(*english, both, *english)
    gated, whole = Shards(tmp_path).read(data), gzip.decompress(data)
    assert (gated.report.members_passed, len(gated.pages)) == (9, 2)
    for page in gated.pages:
        place = page.locator
        assert place.record_encoding == "inflated"
        stored = whole[place.record_offset :][: place.record_length]
        assert page.url.encode() in stored
        assert page.text in stored


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flips", "count"), each_time([(2, 1000)], [(2, 1000), (0, 3000), (1, 3000), (2, 3000)])
)
def test_heads_are_inflated_as_zlib_does(flips: int, count: int) -> None:
    draw, work = random.Random(flips), workspace()
    for _ in range(count):
        letters = draw.choice((b"ab \r\nc", bytes(range(256))))
        content = bytes(draw.choice(letters) for _ in range(draw.randrange(700)))
        level = draw.randrange(10)
        packer = zlib.compressobj(
            level, zlib.DEFLATED, 31, draw.choice((1, 8, 9)), draw.choice((0, 1, 2, 3, 4))
        )
        member = bytearray(packer.compress(content + content) + packer.flush())
        for _ in range(flips):
            member[draw.randrange(10, len(member))] ^= 1 << draw.randrange(8)
        heads, bounds = np.zeros(8 << 10, np.uint8), np.zeros(2, np.int64)
        inflate_heads(np.frombuffer(bytes(member), np.uint8), np.zeros(1, np.int64), heads, bounds, work)
        head = heads[: bounds[1]].tobytes()
        if flips == 0:
            assert (content + content).startswith(head)
            is_whole = len(head) == min(2 * len(content), 4096) or head[-3::2] == b"\n\n"
            # Bytes at random, and any at level 0, are stored as they are.
            may_be_stored = level == 0 or len(letters) == 256
            assert is_whole or (may_be_stored and not len(head))
        else:
            truth = by_zlib(bytes(member))
            assert truth.startswith(head) or head.startswith(truth)


def by_zlib(member: bytes) -> bytes:
    """Inflate a member byte after byte, until it fails."""
    inflater, content = zlib.decompressobj(-15), b""
    try:
        for byte in member[10:]:
            content += inflater.decompress(bytes([byte]))
    except zlib.error:
        pass
    return content

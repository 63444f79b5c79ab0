"""WET, WARC and ARC in every packing: all records, right places, every loss named, no text at another URL."""

import gzip
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import web_page, write_warc, write_wet
from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import ObjectInfo
from tests.unit.reading.test_inflate import Trickle
from tests.world.damage import Undamaged, damages, every_flip, harm_of
from tests.world.proofs import each_time
from tests.world.records import ENCODINGS, PACKINGS, RecordShard, damage_of, members, texts_of
from tests.world.shards import complaints, pages
from tests.world.warc import HTML, page, stored_record

FORMATS = ("wet", "warc", "arc")
DRAW = random.Random(3)
# Texts of different lengths that do not compress to nothing, with all kinds of line ends.
TEXTS = [b"".join(b"%d %x\r\n\n" % (i, DRAW.getrandbits(80)) for _ in range(3 + i % 9)) for i in range(30)]
NAMES = [f"page{i}" for i in range(30)]
LONE = "texte assez long\nhttps://exemple.fr/ nulle part\r\n\r\nété".encode()
NEXT = b"suite" * 300


@pytest.fixture(params=[(form, packing) for form in FORMATS for packing in PACKINGS], ids="-".join)
def shard(request: pytest.FixtureRequest, tmp_path: Path) -> RecordShard:
    return RecordShard(*request.param, tmp_path / "some.shard")


@pytest.fixture(params=FORMATS)
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> RecordShard:
    """A shard with a gzip member for each record."""
    return RecordShard(request.param, "record", tmp_path / "some.shard")


def records_in(shard: RecordShard, count: int = 30) -> list[bytes]:
    return list(map(shard.record, TEXTS[:count], NAMES))


def test_all_records_come_in_order_with_pointers_that_lead_back(shard: RecordShard) -> None:
    records = records_in(shard)
    for batch_bytes in (1, 3000, 1 << 22):
        found, report = shard.read(records, batch_bytes=batch_bytes)
        assert [(each.url, each.text) for each in found] == [
            (f"https://exemple.fr/{name}", text) for name, text in zip(NAMES, TEXTS, strict=True)
        ], batch_bytes
        assert (report.defects_total, report.bytes_read) == (0, shard.path.stat().st_size)
        assert {each.locator.record_encoding for each in found} == {ENCODINGS[shard.packing]}
        assert [stored_record(shard.path, each) for each in found] == records
        assert set(damage_of(found)) == {None}


def cuts_of(shard: RecordShard, content: bytes, second: int) -> Iterator[list[int]]:
    """Where members end: anywhere, and within the first line of a record, once or twice."""
    yield sorted(random.Random(4).sample(range(len(shard.opening), len(content)), 25))
    # In ARC, what begins a record is a scheme.
    for first in range(second + (8 if shard.format == "arc" else 1), second + 25):
        yield [first]
        yield [first, first + 3]


@pytest.mark.parametrize("batch_bytes", each_time([1, 1 << 22], [1, 3000, 1 << 22]))
def test_several_records_may_share_a_member_and_a_record_may_span_members(
    chain: RecordShard, batch_bytes: int
) -> None:
    records = records_in(chain, 9)
    content = chain.opening + b"".join(records)
    for cuts in cuts_of(chain, content, content.index(records[1])):
        parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
        found, report = chain.read(members(*parts), batch_bytes=batch_bytes)
        assert (texts_of(found), report.defects_total) == (TEXTS[:9], 0), cuts
        assert all(each.text in stored_record(chain.path, each) for each in found)


def test_files_that_were_joined_are_read_to_the_end(shard: RecordShard) -> None:
    found, report = shard.read(shard.packed(records_in(shard, 2)) * 3)
    assert (texts_of(found), report.defects_total) == (TEXTS[:2] * 3, 0)


# Closing line ends, and by how much a length is off because of them.
WARC_ENDS = [(b"\r\n\r\n", -2), (b"\r\n\r\n", 2)]
LOOSE_WARC_ENDS = [(end, 0) for end in (b"", b"\r\n", b"\n\n", b"\r\n\r\n\r\n")]
ARC_ENDS = [(b"", -2), (b"", 0), (b"\n", -2), (b"\n", 1), (b"\r\n", 1), (b"\r\n", 2), (b"\n\n\n", 0)]


def test_lengths_that_are_off_by_line_ends_and_other_line_ends_between_records_are_no_loss(
    shard: RecordShard,
) -> None:
    loose = LOOSE_WARC_ENDS if shard.packing == "record" else []
    for ending, lie in ARC_ENDS if shard.format == "arc" else WARC_ENDS + loose:
        lone = shard.record(b"texte\r\n", lie=lie, ending=ending)
        found, report = shard.read([lone, lone, shard.record(b"suite")])
        assert [text.rstrip() for text in texts_of(found)] == [b"texte", b"texte", b"suite"], (ending, lie)
        assert report.defects_total == 0


@pytest.mark.parametrize("lie", [-5, 200, 2000, 10**12, "-1", "abc", "9" * 20, "9" * 5000, ""], ids=str)
def test_of_a_record_with_a_wrong_length_what_surrounds_it_bounds_it_and_no_more_is_read_than_it_declares(
    tmp_path: Path, lie: int | str
) -> None:
    for form, packing, batch_bytes in product(FORMATS, PACKINGS, (1, 300, 1 << 22)):
        shard = RecordShard(form, packing, tmp_path / f"{form} {packing} {batch_bytes}")
        records = [shard.record(b"avant"), shard.record(LONE, "faux", lie=lie), *[shard.record(NEXT)] * 2]
        found, report = shard.read(records, batch_bytes=batch_bytes)
        declared, there = LONE[:-5] if lie == -5 else LONE, len(shard.block(LONE))
        assert texts_of(found) == [b"avant", declared, NEXT, NEXT], shard.path.name
        # What was found by looking for it may be a part of a page; a gzip member of its own is a record.
        doubt = None if packing == "record" else "boundary"
        assert damage_of(found) == [None, "length", doubt, None], shard.path.name
        (defect,) = report.defects
        unreadable = f"has no readable {'length' if form == 'arc' else 'Content-Length'}"
        said = f"declares {there + lie:,} bytes" if isinstance(lie, int) else unreadable
        taken = "it declares" if lie == -5 else "is there"
        assert f"{said} and has {there:,}; what {taken} was" in defect.what
        assert (defect.offset, defect.unit) == shard.place(records[:1])
        assert stored_record(shard.path, found[1]) == records[1]


@pytest.mark.parametrize("line", [b"X-Length: 7", b"Content-Length:"])
def test_a_record_without_a_length_is_read_up_to_the_next(shard: RecordShard, line: bytes) -> None:
    if shard.format == "arc":
        pytest.skip("the line of an ARC record always has a length")
    records = [shard.record(LONE, lie="?").replace(b"Content-Length: ?", line), shard.record(NEXT)]
    found, report = shard.read(records)
    assert (texts_of(found), report.defects_total) == ([LONE, NEXT], 1)
    assert "no readable Content-Length" in complaints(report)
    if shard.packing == "plain":
        # At the end it may be cut.
        found, report = shard.read(records[::-1])
        assert texts_of(found) == [NEXT]
        assert "record is cut: it has no readable Content-Length" in complaints(report)


def test_a_member_bounds_its_record_whatever_follows(chain: RecordShard) -> None:
    lone = [chain.record(LONE, lie=lie, ending=b"") for lie in (30, 10**6, "-1")]
    found, report = chain.read([*lone, b"<html>rien</html>\r\n\r\n", chain.record(b"fin")])
    assert (texts_of(found), report.defects_total) == ([LONE] * 3 + [b"fin"], 4)
    assert {each.locator.record_encoding for each in found} == {"gzip"}
    assert chain.read([chain.record(b"", lie="-1"), chain.record(b"fin")])[1].defects_total == 1


@pytest.mark.slow
@pytest.mark.parametrize("batch_bytes", each_time([1], [1, 1 << 22]))
def test_a_large_record_without_length_in_a_verified_member_is_read(
    chain: RecordShard, batch_bytes: int
) -> None:
    large = random.Random(5).randbytes(6 << 20).replace(b"WARC", b"....")
    texts = [LONE, large, b"x", LONE]
    found, report = chain.read([chain.record(text, lie="-1") for text in texts], batch_bytes=batch_bytes)
    assert (texts_of(found), report.defects_total) == (texts, len(texts))


@pytest.mark.parametrize("stray", [b"x", b"<html>rien</html>\r\n\r\n"])
@pytest.mark.parametrize("batch_bytes", [1, 1 << 22])
def test_bytes_between_records_belong_to_no_page_and_are_named(
    shard: RecordShard, stray: bytes, batch_bytes: int
) -> None:
    if shard.format == "arc" and shard.packing != "record" and stray == b"x":
        pytest.skip("a letter before a line of ARC is a letter of its URL")
    for place in (0, 1):
        parts = [shard.record(text) for text in (b"avant", b"suite", b"fin")]
        parts[place:place] = [stray]
        found, report = shard.read(parts, batch_bytes=batch_bytes)
        assert texts_of(found) == [b"avant", b"suite", b"fin"]
        assert report.defects_total == 1
        doubted = None if shard.packing == "record" else "header" if stray == b"x" else "boundary"
        assert damage_of(found)[place] == doubted
        # Of an ARC record that more bytes follow than it declares, the length may be wrong.
        of_length = shard.format == "arc" and doubted and place
        assert damage_of(found)[:place] == ["length" if of_length else None] * place
        if not of_length:
            named = "no readable header" if stray == b"x" and shard.format != "arc" else "bytes that are not "
            assert doubted == "header" or named in complaints(report)


@pytest.mark.parametrize(
    ("size", "batch_bytes"), [(500, 100), (500, 5000), (500, 1 << 22), (40_000, 5000)], ids=str
)
def test_a_record_longer_than_allowed_is_named_and_passed_over_with_the_records_that_it_shows(
    shard: RecordShard, size: int, batch_bytes: int
) -> None:
    shown = (b"\r\n\r\n" + shard.record(b"faux") + b"<p>" * 9) * size
    for long, said in ((shard.record(shown), "longer than allowed, not read; it declares "),
                       (shard.record(b"long " * 5000, lie="-1"), "it has no readable")):  # fmt: skip
        records = [shard.record(b"avant"), long, shard.record(b"suite")]
        found, report = shard.read(records, max_document_bytes=1000, batch_bytes=batch_bytes)
        assert (texts_of(found), report.defects_total) == ([b"avant", b"suite"], 1)
        assert said in complaints(report)


@pytest.mark.slow
def test_a_member_that_swells_beyond_what_is_allowed_is_not_held(chain: RecordShard) -> None:
    bomb = chain.record(b"x" * (16 << 20), lie=-(16 << 20) + 10)
    records = [chain.record(b"avant"), bomb, chain.record(b"suite")]
    for packing in ("record",) if chain.format == "wet" else ("record", "single"):
        shard = RecordShard(chain.format, packing, chain.path)
        found, report = shard.read(records, max_document_bytes=1 << 20)
        assert (texts_of(found), report.defects_total) == ([b"avant", b"suite"], 1)


@pytest.mark.slow
def test_a_file_that_is_cut_within_a_record_longer_than_allowed_is_read_so_far(shard: RecordShard) -> None:
    data = shard.packed([shard.record(b"avant"), shard.record(random.Random(5).randbytes(7 << 20))])
    found, report = shard.read(data[: 6 << 20], max_document_bytes=1000)
    assert texts_of(found) == [b"avant"]
    assert "longer than allowed" in complaints(report)


@pytest.mark.parametrize("size", [6 << 20, pytest.param(200 << 20, marks=pytest.mark.full)])
def test_a_large_record_is_read(chain: RecordShard, size: int) -> None:
    large = random.Random(2).randbytes(1 << 20) * (size >> 20)
    for packing in PACKINGS if size > 6 << 20 else ("record",):
        shard = RecordShard(chain.format, packing, chain.path)
        records = [shard.record(text) for text in (b"avant", large, b"suite")]
        found, report = shard.read(records, max_document_bytes=1 << 30)
        assert texts_of(found) == [b"avant", large, b"suite"]
        assert stored_record(shard.path, found[1]) == records[1]
        assert report.defects_total == 0


def test_text_that_looks_like_a_record_stays_text(shard: RecordShard) -> None:
    for shown in (shard.record(b"abc") + b"fin", shard.record(b"") + shard.record(b"abc") + b"fin"):
        text = b"<pre>\r\n\r\n" + shown
        found, report = shard.read([shard.record(text), shard.record(b"suite")])
        assert (texts_of(found), report.defects_total) == ([text, b"suite"], 0)


@pytest.mark.parametrize("step", each_time([7], [1, 7]))
def test_wherever_a_file_is_cut_what_is_whole_is_read_and_the_cut_is_named(
    shard: RecordShard, step: int
) -> None:
    texts = [text[:40] for text in TEXTS[:3]]
    records = list(map(shard.record, texts))
    data, packing = shard.packed(records), shard.packing
    # Between records a cut does not show; in a plain ARC, neither does the line end that separates them.
    ends = [len(shard.packed(records[:n])) for n in range(4)] if packing != "single" else []
    hidden = {*ends, *(end - 1 for end in ends if packing == "plain" and shard.format == "arc")}
    near = {end + by for end in (*ends, len(data)) for by in range(-5, 6)} & {*range(1, len(data))}
    for keep in sorted({*range(1, len(data), step), *near}):
        try:
            found, report = shard.read(data[:keep])
        except CorruptError:
            assert keep < len(shard.packed(records[:1]))
            continue
        assert texts_of(found) == texts[: len(found)]
        if packing == "record":
            assert len(found) == sum(keep >= end for end in ends[1:])
        assert report.defects_total == (keep not in hidden), keep
        if packing == "plain" and shard.format != "arc" and len(data) - keep <= 3:
            assert "the file ends within the line ends" in complaints(report)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_last_record_that_is_cut_is_named_with_its_place_and_not_read(
    chain: RecordShard, compressed: bool
) -> None:
    shard = RecordShard(chain.format, "plain", chain.path)
    whole, size = shard.packed(records_in(shard, 3)), len(shard.block(TEXTS[2]))
    kept = len(whole) - (56 if shard.format == "arc" else 59)
    # Without compression the cut falls at the same place.
    found, report = shard.read(gzip.compress(whole, 0, mtime=0)[: kept + 15] if compressed else whole[:kept])
    assert (texts_of(found), report.defects_total) == (TEXTS[:2], 1)
    assert report.defects[0].offset is not None
    assert compressed or f"is cut: it declares {size} bytes and has {size - 55}; it was not" in complaints(
        report
    )


HARMS = ["a byte of the data", "a byte of the sum", "a bit of the length", "zeros", "the magic", "noise"]


@pytest.mark.parametrize("harm", HARMS)
def test_damage_to_a_member_costs_its_record_only(chain: RecordShard, harm: str) -> None:
    parts = [members(part) for part in (chain.opening, *records_in(chain, 9))]
    for number in (0, 5) if harm == "the magic" else (5,):
        hurt, start = bytearray(parts[number]), sum(map(len, parts[:number]))
        if harm in ("zeros", "noise"):
            hurt[:] = bytes(len(hurt)) if harm == "zeros" else random.Random(1).randbytes(len(hurt))
        else:
            place = {"the magic": 0, "a byte of the sum": -6, "a bit of the length": -2}.get(harm, 40)
            hurt[place] ^= 1 if "bit" in harm else 0xFF
        found, report = chain.read(b"".join([*parts[:number], hurt, *parts[number + 1 :]]))
        assert texts_of(found) == [text for i, text in enumerate(TEXTS[:9]) if i + 1 != number]
        (defect,) = report.defects
        assert defect.offset == start
        assert f"reading resumed at byte {start + len(hurt):,}" in defect.what
        assert set(damage_of(found)) == {None}


def test_what_was_inflated_from_a_member_that_fails_its_checksum_says_so(chain: RecordShard) -> None:
    shard = RecordShard(chain.format, "single", chain.path)
    data = bytearray(shard.packed(records_in(shard, 3)))
    data[-6] ^= 1
    found, report = shard.read(bytes(data))
    assert (texts_of(found), report.unverified, report.defects_total) == (TEXTS[:2], True, 1)
    assert not shard.read(bytes(data[:-9]))[1].unverified
    damaged = bytearray(members(chain.record(LONE, lie="-1")))
    damaged[-6] ^= 1
    before, after = chain.packed([chain.record(b"avant")]), members(chain.record(b"suite"))
    found, report = chain.read(before + bytes(damaged) + after)
    assert (texts_of(found), report.defects[0].offset) == ([b"avant", b"suite"], len(before))


@pytest.mark.parametrize(
    "content",
    [b"no records here\n" * 50, b"\0" * 5000, gzip.compress(b"no records", mtime=0), b"\x1f\x8b\x08"],
)
def test_what_holds_no_record_is_refused(chain: RecordShard, content: bytes) -> None:
    with pytest.raises(CorruptError, match=f"not {chain.format.upper()}") as caught:
        chain.read(content)
    assert caught.value.where == str(chain.path)


@given(st.binary(max_size=600), st.sampled_from(FORMATS), st.sampled_from(PACKINGS), st.booleans())
def test_no_bytes_are_too_much(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, form: str, packing: str, in_one: bool
) -> None:
    shard = RecordShard(form, packing, tmp_path_factory.mktemp("records") / "some.shard")
    records = [shard.record(b"avant"), garbage + b"\n", shard.record(b"suite")]
    found, report = shard.read(records, batch_bytes=400 if in_one else 1, max_document_bytes=500)
    assert texts_of(found)[-1:] == [b"suite"] or packing != "record"
    assert len(found) == 2 or report.defects_total
    assert report.defects_total or not garbage.strip(b"\r\n") or packing != "record"


def test_an_object_that_ends_between_members_before_its_size_is_partial(
    chain: RecordShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = len(chain.packed(records_in(chain, 3)))
    chain.read(records_in(chain, 9))
    stream = Trickle(chain.path.read_bytes()[:third], breaks_off=True)
    monkeypatch.setattr("presswatch_spark.storage.streams.open_stream", lambda info, options, **_: stream)
    report, shard = ReadReport(), ObjectInfo(str(chain.path), size=chain.path.stat().st_size)
    batches = list(known_formats.named(chain.format).read(shard, ReadOptions(), report))
    assert (sum(map(len, batches)), report.defects[0].offset) == (3, third)
    assert "only some bytes could be read" in complaints(report)


# Of lengths of their own: a deletion just as long as a record cannot be told where nothing has a digest.
# So with URLs: of two that differ by a bit, one flip makes the other.
OWN = [
    Page(f"https://{3**i * 1009:06d}.example/{7**i * 10007}", pages(8, lines=2 + 3 * i % 7)[i].text)
    for i in range(8)
]


def undamaged(shard: RecordShard) -> Undamaged:
    """A shard with digests, requests and metadata, where its format has them."""
    path = shard.path.with_suffix(".gz" if shard.packing == "record" else "")
    if shard.format == "arc":
        path.write_bytes(shard.packed([shard.record(each.text.encode(), each.url) for each in OWN]))
        return Undamaged("arc", path.read_bytes(), shard.path)
    if shard.format == "wet":
        write_wet(path, OWN)
    else:
        write_warc(path, map(web_page, OWN))
    data = path.read_bytes()
    return Undamaged(
        shard.format, gzip.compress(data, mtime=0) if shard.packing == "single" else data, shard.path
    )


@pytest.mark.parametrize(
    ("count", "seed"), [(42, 7), pytest.param(2000, 13, marks=pytest.mark.full)], ids=str
)
def test_no_damage_loses_a_page_in_silence_or_gives_its_text_to_another(
    shard: RecordShard, count: int, seed: int
) -> None:
    whole = undamaged(shard)
    assert len(whole.pages) == 8
    found = (harm_of(whole, what, twin) for what, twin in damages(whole.data, count, seed))
    assert list(filter(None, found)) == []


@pytest.mark.full
def test_no_flip_of_a_bit_in_a_plain_warc_without_digests_loses_a_page_in_silence(tmp_path: Path) -> None:
    """Two pages of one line each: a head without its end takes the whole of its body along."""
    bodies = [b"<!doctype html><p>un texte <p>de la page %d, assez long pour se voir" % i for i in (1, 20)]
    records = [
        page(body, HTML, f"Content-Length: {len(body)}", url=url)
        for body, url in zip(bodies, ("https://exemple.fr/1", "https://autre.example/20"), strict=True)
    ]
    whole = Undamaged("warc", b"".join(records), tmp_path / "harmed")
    found = (harm_of(whole, what, twin) for what, twin in every_flip(whole.data))
    assert list(filter(None, found)) == []


@pytest.mark.parametrize("size", [20, 200])
@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.full), 23])
def test_zeros_in_a_plain_file_lose_no_page_in_silence(chain: RecordShard, size: int, step: int) -> None:
    """Zeros over a part of a page's text show nowhere; a page without any text, or another's, is named."""
    shard = RecordShard(chain.format, "plain", chain.path)
    whole = shard.packed([shard.record(b"page%d " % n * 40, f"{n}") for n in range(3)])
    for at in range(0, len(whole) - size, step):
        try:
            found, report = shard.read(whole[:at] + bytes(size) + whole[at + size :])
        except CorruptError:
            # Its beginning is that of another format, or of none: the shard fails.
            assert at < 330
            continue
        pages_of = [{n for n in range(3) if b"page%d " % n in text} for text in texts_of(found)]
        assert report.defects_total or set().union(*pages_of) == {0, 1, 2}, at
        for document, numbers in zip(found, pages_of, strict=True):
            assert not document.url or numbers <= {int(document.url[-1])}, at

"""Tombstones have exactly the length of the record that they replace, and every reader reads them."""

import gzip
import io
import random
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator as FastWarc
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.reading.tombstones import LONGEST_COMMENT, SKIPPED, Removed, removed_id_in, tombstone
from tests.world.arc import HEAD, VERSION, arc_record
from tests.world.proofs import cases, each_time
from tests.world.release import member_of, wet_record
from tests.world.shards import read
from tests.world.warc import packed_as, page, warc_record

AT = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
ID = "<urn:uuid:00000000-0000-4000-8000-000000000007>"
KINDS = {"warc.gz": (b"\x1f\x8b\x08", False), "warc": (b"WARC/1.0", False), "arc.gz": (b"\x1f\x8b\x08", True),
         "arc": (b"http://", True)}  # fmt: skip
SHORTEST = {"warc.gz": (150, 180), "warc": (186, 186), "arc.gz": (110, 130), "arc": (120, 120)}
"""Below the first length there is none, from the second on there is always one: ids deflate differently."""
EDGES = (65_535, 2 * 65_535, 300_000)
LENGTHS = [*range(119, 700), *(edge + k for edge in EDGES for k in range(-2, 500 if edge < 70_000 else 60))]


def stone_of(kind: str, length: int) -> bytes | None:
    magic, is_arc = KINDS[kind]
    return tombstone(Removed(magic.ljust(length, b"-"), ID, AT, is_arc))


def listed(data: bytes) -> list[tuple[str, str, bytes]]:
    """Type, id or URL, and content of each record, as warcio reads them."""
    return [
        (
            record.rec_type,
            record.rec_headers.get_header("WARC-Record-ID") or record.rec_headers.get_header("uri"),
            record.raw_stream.read(),
        )
        for record in ArchiveIterator(io.BytesIO(data), no_record_parse=True, arc2warc=False)
    ]


@cases("kind", KINDS)
def test_a_tombstone_has_each_length_from_the_shortest_on(kind: str) -> None:
    for length in LENGTHS:
        found = stone_of(kind, length)
        assert found is None or length >= SHORTEST[kind][0], length
        assert found is not None or length < SHORTEST[kind][1], length
        if found is not None:
            assert len(found) == length
            assert removed_id_in(found) in (ID, ""), length


@cases("kind", KINDS)
def test_other_readers_list_tombstones_of_all_lengths_between_their_neighbours(kind: str) -> None:
    some = [*random.Random(34).sample(LENGTHS, 150), *EDGES, 3_000_000]
    stones = [found for length in some if (found := stone_of(kind, length))]
    before = VERSION if KINDS[kind][1] else wet_record(0, 1, "Le texte")
    before = gzip.compress(before) if kind.endswith("gz") else before
    after = arc_record(HEAD + b"Fin") if KINDS[kind][1] else wet_record(0, 2, "Un autre texte")
    after = gzip.compress(after) if kind.endswith("gz") else after
    data = before + b"".join(stones) + after
    found = listed(data)
    assert len(found) == len(stones) + 2
    assert {body.rstrip(b" ")[:30] for _, _, body in found[1:-1]} <= {
        b"removed: 2026-12-01\r\n", b"removed: 2026-12-01\r\nreason: r", b"removed: 2026-12-01\r\n\r\n",
    }  # fmt: skip
    assert len({name for _, name, _ in found[1:-1]}) == len(set(stones))
    if not KINDS[kind][1]:
        assert {type for type, _, _ in found[1:-1]} == {"metadata"}
        fast = [
            (record.record_id, record.reader.read())
            for record in FastWarc(io.BytesIO(data), parse_http=False)
        ]
        assert [(f"<{name.strip('<>')}>", body) for name, body in fast] == [
            (name, body) for _, name, body in found
        ]


@pytest.mark.parametrize("kind", ["warc.gz", "arc.gz"])
def test_headers_of_members_are_read_by_strict_readers(kind: str) -> None:
    # Go refuses comments of more bytes; extra fields and names are never needed.
    for length in LENGTHS:
        found = stone_of(kind, length) or b"\x1f\x8b\x08\0"
        assert found[3] in (0, 16)
        assert found[3] == 0 or found.index(b"\0", 10) - 10 <= LONGEST_COMMENT
        assert (
            kind == "arc.gz"
            or length < SHORTEST[kind][1]
            or gzip.decompress(found).startswith(b"WARC/1.0\r\n")
        )


@given(texts=st.lists(st.binary(max_size=3_000), min_size=3, max_size=12), draw=st.randoms())
def test_random_records_are_replaced_without_moving_a_neighbour(
    texts: list[bytes], draw: random.Random
) -> None:
    records = [gzip.compress(warc_record(text, f"https://exemple.fr/{n}", f"WARC-Record-ID: <urn:x:{n}>"))
               for n, text in enumerate(texts)]  # fmt: skip
    chosen = {n for n in range(len(texts)) if draw.random() < 0.5}
    patched = [
        tombstone(Removed(data, f"<urn:x:{n}>", AT)) if n in chosen else data
        for n, data in enumerate(records)
    ]
    done = [new or old for new, old in zip(patched, records, strict=True)]
    assert [len(each) for each in done] == [len(each) for each in records]
    before, after = listed(b"".join(records)), listed(b"".join(done))
    kept = [n for n in range(len(texts)) if done[n] == records[n]]
    assert [before[n] for n in kept] == [after[n] for n in kept]
    for n in chosen.difference(kept):
        assert (after[n][0], removed_id_in(done[n]) in (f"<urn:x:{n}>", "")) == ("metadata", True)


# Our readers.


@pytest.mark.parametrize("packing", each_time(["record"], ["record", "single", "plain"]))
@pytest.mark.parametrize("size", [400, 4_000])
def test_a_wet_with_tombstones_is_read_whole_and_counts_them(tmp_path: Path, packing: str, size: int) -> None:
    records = [wet_record(0, number, f"Le texte de page {number} " * 9) for number in range(5)]
    stone = tombstone(Removed(b"WARC/".ljust(size), ID, AT))
    assert stone
    records[1], records[4] = stone, stone
    path = tmp_path / "a.warc.wet.gz"
    path.write_bytes(packed_as(packing, records))
    documents, report = read(path, "wet")
    assert [each.url[-1] for each in documents] == ["0", "2", "3"]
    assert (report.complaints, report.skipped) == ([], {SKIPPED: 2})


def test_metadata_in_a_wet_that_are_no_tombstone_remain_a_defect(tmp_path: Path) -> None:
    stone = tombstone(Removed(b"WARC/".ljust(900), ID, AT))
    assert stone
    hidden = stone[:-60] + b"Le texte de la page, toujours l".ljust(56) + stone[-4:]
    for data in (hidden, stone.replace(b"reason: removed", b"reason: rescued")):
        path = tmp_path / "a.warc.wet.gz"
        path.write_bytes(packed_as("record", [wet_record(0, 1, "Le texte"), data]))
        documents, report = read(path, "wet")
        assert (len(documents), report.skipped) == (1, {})
        (complaint,) = report.complaints
        assert complaint.startswith("record is not a conversion; it was not read")
        assert removed_id_in(data) is None


@pytest.mark.parametrize("packing", each_time(["record"], ["record", "single", "plain"]))
def test_tombstones_in_warc_are_counted_and_name_no_languages(tmp_path: Path, packing: str) -> None:
    pages = [page(f"<p>Page numéro {n}</p>".encode(), url=f"https://exemple.fr/{n}") for n in range(3)]
    stone = tombstone(Removed(b"WARC/".ljust(700), ID, AT))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(packed_as(packing, [pages[0], stone or b"", *pages[1:]]))
    documents, report = read(path, "warc")
    assert [each.url for each in documents] == [f"https://exemple.fr/{n}" for n in range(3)]
    assert (report.complaints, report.skipped) == ([], {SKIPPED: 1})


@pytest.mark.parametrize("packing", each_time(["record"], ["record", "single", "plain"]))
@pytest.mark.parametrize("size", [*range(196, 206), 1_000])
def test_tombstones_in_arc_are_counted(tmp_path: Path, packing: str, size: int) -> None:
    records = [arc_record(HEAD + b"<p>Page %d</p>" % n, f"http://exemple.fr/{n}") for n in range(3)]
    stone = tombstone(Removed(b"http".ljust(size), None, AT, True))
    path = tmp_path / "a.arc.gz"
    path.write_bytes(packed_as(packing, [VERSION, records[0], stone or b"", *records[1:]]))
    documents, report = read(path, "arc")
    assert [each.url for each in documents] == [f"http://exemple.fr/{n}" for n in range(3)]
    assert (report.complaints, report.skipped) == ([], {SKIPPED: 1})


# Attacks: bytes that hide a text are no tombstone.


def test_bytes_that_hide_a_text_are_no_tombstone() -> None:
    stone = stone_of("warc.gz", 700)
    assert stone
    record = gzip.decompress(stone)
    text = b"Le texte de la page"
    hidden_in_comment = member_of(record, 1_500).replace(b"-" * len(text), text, 1)
    named = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + text + b"\0" + stone[10:]
    extra = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + len(text).to_bytes(2, "little") + text + stone[10:]
    for data in (
        hidden_in_comment,
        named,
        extra,
        stone + text,
        stone + gzip.compress(text),
        gzip.compress(record.replace(b"   \r\n\r\n", text[:3] + b"\r\n\r\n")),
        gzip.compress(record.replace(b"removed: 2026", text + b" 2026")),
        gzip.compress(record.replace(b"WARC-Date", b"X-Text: " + text + b"\r\nWARC-Date")),
        stone[:-8] + zlib.crc32(text).to_bytes(4, "little") + stone[-4:],
        stone[:-1],
        b"",
    ):
        assert removed_id_in(data) is None
    assert removed_id_in(gzip.compress(record)) == ID

"""The erratum of CC-MAIN-2018-34: lengths off by 2 are no damage there, and damage everywhere else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.world.proofs import each_time
from tests.world.shards import complaints, texts
from tests.world.warc import packed_as, read_bytes, record, stored_record

AFFECTED, OTHER = "CC-MAIN-2018-34", "CC-MAIN-2018-39"
PACKINGS = ("record", "single", "plain")
BODIES = [
    b"Un texte.\r\n\r\nIl a des lignes vides",
    b"une ligne\n" * 400,
    b"finit par une ligne vide\r\n\r\n",
    b"a",
    "un autre, à l’accent près".encode(),
]


def warcinfo(release: str, off: int = 0) -> bytes:
    body = f"isPartOf: {release}\r\npublisher: nous\r\n".encode()
    return record(body, length=len(body) + off).replace(b"conversion", b"warcinfo")


def shard(release: str, off: int, bodies: list[bytes] = BODIES) -> list[bytes]:
    """A release's records, each declaring `off` bytes more than it has."""
    return [warcinfo(release, off), *(record(body, length=len(body) + off) for body in bodies)]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("off", [-2, 2])
@pytest.mark.parametrize("batch_bytes", [1, 100, 1 << 22])
def test_records_of_that_release_are_read_whole_and_named_once(
    tmp_path: Path, packing: str, off: int, batch_bytes: int
) -> None:
    bodies = BODIES if off > 0 else [body for body in BODIES if len(body) >= -off]
    found, report = read_bytes(
        tmp_path, packed_as(packing, shard(AFFECTED, off, bodies)), batch_bytes=batch_bytes
    )
    assert [document.text for document in found] == bodies
    assert (report.defects_total, report.release) == (0, AFFECTED)
    (note,) = report.notes
    assert AFFECTED in note
    assert "off by 2 bytes" in note
    for document, body in zip(found, bodies, strict=True):
        stored = stored_record(tmp_path / "some.wet.gz", document)
        assert stored.partition(b"\r\n\r\n")[2] == body + b"\r\n\r\n"


@pytest.mark.parametrize("packing", PACKINGS)
def test_right_lengths_of_that_release_are_no_erratum(tmp_path: Path, packing: str) -> None:
    found, report = read_bytes(tmp_path, packed_as(packing, shard(AFFECTED, 0)))
    assert [document.text for document in found] == BODIES
    assert (report.defects_total, report.notes) == (0, [])


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("release", [OTHER, "CC-MAIN-2018-3", ""])
def test_the_same_lengths_in_another_release_are_still_reported(
    tmp_path: Path, packing: str, release: str
) -> None:
    bodies = [b"texte", b"suite", b"fin"]
    _, report = read_bytes(tmp_path, packed_as(packing, shard(release, -2, bodies)))
    assert report.defects_total == len(bodies)
    assert report.notes == []
    assert "declares 3 bytes and has 5; what it declares was read" in complaints(report)


def test_a_length_that_takes_in_the_closing_line_end_is_no_loss_in_any_release(tmp_path: Path) -> None:
    found, report = read_bytes(tmp_path, packed_as("record", shard(OTHER, 2, [b"texte"])))
    assert texts(found) == ["texte\r\n"]
    assert (report.defects_total, report.notes) == (0, [])


@pytest.mark.parametrize("off", [-4, -3, -1, 5, 2000])
@pytest.mark.parametrize("packing", PACKINGS)
def test_lengths_that_are_off_by_more_are_reported_in_that_release_too(
    tmp_path: Path, packing: str, off: int
) -> None:
    body = b"un texte assez long"
    records = [warcinfo(AFFECTED), record(body, length=len(body) + off), record(b"suite")]
    found, report = read_bytes(tmp_path, packed_as(packing, records))
    assert [document.text for document in found] == [body[:off] if off < 0 else body, b"suite"]
    assert report.defects_total == 1
    assert report.notes == []


@pytest.mark.parametrize("off", each_time([-2], [-2, 0, 2]))
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_cut_anywhere_is_found_in_that_release_too(tmp_path: Path, packing: str, off: int) -> None:
    records = shard(AFFECTED, off, [b"texte " * 20, b"suite " * 20])
    whole = packed_as(packing, records)
    # Cut exactly between two records, a file is whole to every reader.
    ends = {len(packed_as(packing, records[:count])) for count in (1, 2, 3)}
    for cut in set(range(len(packed_as(packing, records[:2])), len(whole))) - ends:
        _, report = read_bytes(tmp_path, whole[:cut])
        assert report.defects_total, cut


@pytest.mark.parametrize("off", [-2, 2])
def test_a_page_that_shows_records_is_one_page(tmp_path: Path, off: int) -> None:
    shown = b"avant\r\n\r\n" + record(b"un faux texte") + b"milieu\r\n\r\n" + record(b"encore") + b"fin"
    for packing in PACKINGS:
        found, report = read_bytes(tmp_path, packed_as(packing, shard(AFFECTED, off, [shown, b"la suite"])))
        assert [document.text for document in found] == [shown, b"la suite"]
        assert report.defects_total == 0


def test_what_the_user_says_counts_where_the_shard_names_no_release_and_only_there(tmp_path: Path) -> None:
    nameless = packed_as("record", shard(AFFECTED, -2)[1:3])
    assert read_bytes(tmp_path, nameless)[1].defects_total == 2
    found, report = read_bytes(tmp_path, nameless, release=AFFECTED)
    assert [document.text for document in found] == BODIES[:2]
    assert (report.defects_total, len(report.notes)) == (0, 1)
    named_otherwise = packed_as("record", shard(OTHER, -2)[:2])
    assert read_bytes(tmp_path, named_otherwise, release=AFFECTED)[1].defects_total == 1


def test_the_language_gate_holds_for_such_records(tmp_path: Path) -> None:
    german = record(b"ein Text", length=6, headers="WARC-Identified-Content-Language: deu")
    data = packed_as("record", [*shard(AFFECTED, -2, BODIES[:3]), german])
    found, report = read_bytes(tmp_path, data, languages=frozenset({"fra"}))
    assert len(found) == 3
    assert (report.documents_skipped, report.defects_total) == (1, 0)


def test_a_damaged_member_is_damage_there_too(tmp_path: Path) -> None:
    members = [gzip.compress(each, mtime=0) for each in shard(AFFECTED, -2, [b"avant", b"texte", b"suite"])]
    damaged = bytearray(members[2])
    damaged[-6] ^= 1
    found, report = read_bytes(tmp_path, b"".join([*members[:2], bytes(damaged), members[3]]))
    assert texts(found) == ["avant", "suite"]
    assert report.defects_total == 1

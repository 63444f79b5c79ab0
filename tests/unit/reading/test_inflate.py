"""Stored bytes to inflated bytes and lines: everything that inflates, and never a quiet end."""

import gzip
import io
import random
import struct
import zlib
from contextlib import AbstractContextManager

import pytest
import zstandard

from presswatch_spark.core.errors import TruncatedError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.inflate import MemberPiece, Window, gzip_pieces, inflated, lines
from tests.world.proofs import cases
from tests.world.records import members


class Trickle(AbstractContextManager["Trickle"]):
    """A stream that gives a few bytes at a time, and may break off."""

    def __init__(self, data: bytes, at_once: int = 1000, breaks_off: bool = False) -> None:
        self.position = 0
        self._file = io.BytesIO(data)
        self._at_once = at_once
        self._breaks_off = breaks_off

    def read(self, n: int) -> bytes:
        data = self._file.read(min(n, self._at_once))
        if not data and self._breaks_off:
            raise TruncatedError("only some bytes could be read", where="somewhere")
        self.position += len(data)
        return data

    def __exit__(self, *error: object) -> None:
        return None


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def everything(data: bytes, **how: int | bool) -> tuple[bytes, ReadReport]:
    report = ReadReport()
    return b"".join(inflated(Trickle(data, **how), report)), report  # type: ignore[arg-type]


def pieces_of(data: bytes, chunk_bytes: int = 1 << 22) -> tuple[list[MemberPiece], ReadReport]:
    report = ReadReport()
    window = Window(Trickle(data), report, chunk_bytes)
    return list(gzip_pieces(window, lambda head: head.startswith(b"WARC/"))), report


@cases("at_once", [1, 7, 1000, 1 << 20])
def test_plain_gzip_and_zstd_are_told_apart_by_content(at_once: int) -> None:
    content = noise(20_000)
    frames = zstandard.ZstdCompressor().compress(content[:9000]) + zstandard.compress(content[9000:])
    for stored in (content, members(content), members(content[:5], b"", content[5:]), frames):
        found, report = everything(stored, at_once=at_once)
        assert found == content
        assert report.defects_total == 0
        assert report.bytes_read == len(stored)


@pytest.mark.parametrize(("window_log", "readable"), [(27, True), (28, False), (31, False)])
def test_a_zstd_window_may_have_128_mebibytes_and_a_longer_one_is_named(
    window_log: int, readable: bool
) -> None:
    parameters = zstandard.ZstdCompressionParameters(
        window_log=window_log, enable_ldm=False, compression_level=1
    )
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    found, report = everything(compressor.compress(b"text" * 1000) + compressor.flush())
    assert (found, report.defects_total) == ((b"text" * 1000, 0) if readable else (b"", 1))
    assert readable or "too much memory" in str(report.defects[0])


def member_with(flags: int, content: bytes, field_bytes: int = 300) -> bytes:
    """A gzip member with the optional fields of its header that `flags` asks for (RFC 1952)."""
    packed = gzip.compress(content, mtime=0)
    head = packed[:3] + bytes([flags]) + packed[4:10]
    if flags & 4:
        head += struct.pack("<H", field_bytes) + bytes(field_bytes)
    for flag in (8, 16):
        head += b"n" * field_bytes + b"\0" if flags & flag else b""
    if flags & 2:
        head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    return head + packed[10:]


@cases("flags", [2, 4, 8, 16, 12, 14, 30])
@cases("chunk_bytes", [64, 700, 1 << 14, 1 << 20])
def test_members_with_any_header_are_whole_wherever_the_view_ends(flags: int, chunk_bytes: int) -> None:
    contents = [b"WARC/" + noise(k * 37) for k in range(30)]
    stored = b"".join(member_with(flags, content) for content in contents)
    assert gzip.decompress(stored) == b"".join(contents)
    pieces, report = pieces_of(stored, chunk_bytes)
    assert [piece.data for piece in pieces] == contents
    assert report.defects_total == 0
    longer_than_a_slice = member_with(flags, b"WARC/1", 40_000) + member_with(0, b"WARC/2")
    pieces, report = pieces_of(longer_than_a_slice, chunk_bytes)
    assert ([piece.data for piece in pieces], report.defects_total) == ([b"WARC/1", b"WARC/2"], 0)


@pytest.mark.parametrize("pack", [members, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_what_inflates_before_a_cut_is_given_and_the_cut_is_noted(pack) -> None:  # type: ignore[no-untyped-def]
    content = bytes(random.Random(3).choices(b"abcdef \n", k=400_000))
    stored = pack(content)
    for cut in (len(stored) - 1, len(stored) - 4, len(stored) // 2, 30, 5):
        found, report = everything(stored[:cut])
        assert content.startswith(found)
        assert report.defects_total == 1, cut
    assert len(everything(stored[: len(stored) // 2])[0]) > 100_000


def test_a_cut_inside_the_trailer_of_gzip_or_between_members_is_noted() -> None:
    for missing in range(1, 9):
        found, report = everything(members(b"one", b"two")[:-missing])
        assert (found, "cut" in str(report.defects[0])) == (b"onetwo", True)
    found, report = everything(members(b"one", b"two"), breaks_off=True)
    assert (found, "only some bytes could be read" in str(report.defects[0])) == (b"onetwo", True)


def test_every_byte_before_damage_is_given() -> None:
    content = bytes(random.Random(3).choices(b"abcdef \n", k=120_000))
    stored = bytearray(members(content))
    stored[len(stored) // 2 : len(stored) // 2 + 40] = b"\xff" * 40
    inflater, expected = zlib.decompressobj(31), b""
    for byte in stored:
        try:
            expected += inflater.decompress(bytes([byte]))
        except zlib.error:
            break
    found, report = everything(bytes(stored))
    assert (found, report.defects_total) == (expected, 1)
    assert len(found) > 40_000


def test_members_know_their_place_in_the_file() -> None:
    contents = [b"WARC/" + noise(size, size) for size in (10, 100_000, 3, 70_000)]
    stored = members(*contents)
    for chunk_bytes in (50, 4096, 1 << 22):
        pieces, report = pieces_of(stored, chunk_bytes)
        assert [piece.data for piece in pieces] == contents
        assert all(piece.opens and piece.closes for piece in pieces)
        assert b"".join(stored[p.offset : p.offset + p.length] for p in pieces) == stored
        assert gzip.decompress(stored[pieces[1].offset :][: pieces[1].length]) == contents[1]
        assert report.defects_total == 0


def test_a_large_member_comes_in_pieces() -> None:
    content = noise(7 << 20)
    pieces, _ = pieces_of(members(content))
    assert b"".join(piece.data for piece in pieces) == content
    assert max(len(piece.data) for piece in pieces) < 6 << 20
    assert [piece.opens for piece in pieces] == [True] + [False] * (len(pieces) - 1)
    assert [piece.closes for piece in pieces] == [False] * (len(pieces) - 1) + [True]


@cases("damage", ["data", "crc", "length", "magic", "garbage", "zeros"])
def test_reading_resumes_after_damage(damage: str) -> None:
    good = [b"WARC/" + noise(500, i) for i in range(3)]
    damaged = [bytearray(members(content)) for content in good]
    hit = damaged[1]
    places = {"data": slice(100, 140), "magic": slice(0, 1), "zeros": slice(None), "garbage": slice(0, 0)}
    if damage in places:
        hit[places[damage]] = noise(300, 9) if damage == "garbage" else bytes(len(hit[places[damage]]))
    else:
        hit[{"crc": -6, "length": -2}[damage]] ^= 1
    pieces, report = pieces_of(b"".join(damaged), 64)
    whole = [piece.data for piece in pieces if piece.closes]
    assert whole == (good if damage == "garbage" else [good[0], good[2]])
    (defect,) = report.defects
    assert (defect.offset, "resumed" in defect.what) == (len(damaged[0]), True)


def test_zeros_after_the_last_member_are_padding_but_not_many() -> None:
    for zeros in (1, 9, 10_000):
        pieces, report = pieces_of(members(b"WARC/1") + bytes(zeros))
        assert [piece.data for piece in pieces if piece.closes] == [b"WARC/1"]
        assert report.defects_total == 0, zeros
    assert pieces_of(members(b"WARC/1") + bytes(1 << 20))[1].defects_total == 1
    assert pieces_of(members(b"WARC/1") + b"trailing")[1].defects_total == 1


@pytest.mark.slow
def test_a_gzip_bomb_is_given_in_pieces_of_bounded_size() -> None:
    pieces = inflated(Trickle(gzip.compress(bytes(64 << 20)), 1 << 20), ReadReport())
    assert max(map(len, pieces)) <= 24 << 20


@pytest.mark.parametrize(
    ("chunks", "found", "too_long"),
    [
        (
            [b"a\nb", b"c\n\n", b"x" * 50, b"y" * 60, b"\nz\r\n", b"last"],
            [(0, b"a"), (1, b"bc"), (2, b""), (4, b"z\r"), (5, b"last")],
            [3],
        ),
        ([b"a\n", b"x" * 200], [(0, b"a")], [1]),
        ([b"x" * 60, b"y" * 40 + b"\n"], [(0, b"x" * 60 + b"y" * 40)], []),
    ],
    ids=["over chunks", "a last line", "as long as allowed"],
)
def test_lines_keep_their_index_and_those_too_long_are_named(
    chunks: list[bytes], found: list[tuple[int, bytes]], too_long: list[int]
) -> None:
    report = ReadReport()
    assert list(lines(chunks, report, 100)) == found
    said = [f"line longer than 100 bytes, not read (line {number})" for number in too_long]
    assert [str(defect) for defect in report.defects] == said

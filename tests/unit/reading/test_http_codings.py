"""Bodies with codings undone: equal to what was encoded, and honest about what is cut, damaged or a lie."""

from __future__ import annotations

import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable, Mapping

import brotli
import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from presswatch_spark.reading.http import codings
from presswatch_spark.reading.http.codings import DecodedBody, decoded_body
from presswatch_spark.reading.http.message import parse_message
from tests.world.proofs import each_time

LIMIT = 1 << 20
PAGE = "<html><p>Un texte, à la page.</p>".encode() * 300


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def chunked(data: bytes, size: int = 1000, *, newline: bytes = b"\r\n") -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s%s%s" % (len(part), newline, part, newline) for part in [*parts, b""])


ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "ZSTD": lambda data: zstandard.ZstdCompressor().compress(data[:9]) + zstandard.compress(data[9:]),
}


def decoded(body: bytes, *headers: str, limit: int = LIMIT) -> DecodedBody:
    block = "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + body
    message = parse_message(block)
    assert message is not None
    return decoded_body(message, block, limit)


@given(
    st.binary(max_size=5000),
    st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3),
    st.one_of(st.none(), st.integers(1, 3000)),
    st.booleans(),
)
def test_what_was_encoded_comes_back(data: bytes, codings: list[str], chunk: int | None, apart: bool) -> None:
    assume(not data.startswith(b"\x1f\x8b\x08"))  # taken for gzip even where no header names it
    body = data
    for name in codings:
        body = ENCODERS[name](body)
    headers = [f"Content-Encoding: {name}" for name in (codings if apart else [", ".join(codings)])]
    if chunk:
        body = chunked(body, chunk)
        headers.append("Transfer-Encoding: chunked")
    found = decoded(body, *headers)
    assert bytes(found.data) == data
    assert found.problem is None


def test_transfer_codings_are_undone_in_their_order_and_those_that_the_crawler_has_undone_are_not() -> None:
    assert decoded(chunked(gzip.compress(PAGE)), "Transfer-Encoding: gzip, chunked") == DecodedBody(PAGE)
    inner = zlib.compress(PAGE)
    found = decoded(inner, "X-Crawler-Content-Encoding: deflate", "X-Crawler-Transfer-Encoding: chunked")
    assert (bytes(found.data), found.problem) == (inner, None)


@pytest.mark.parametrize("coding", ["identity", "none", "gzip", ""])
@pytest.mark.parametrize("media", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"])
def test_a_page_that_is_gzip_though_no_header_says_so_is_inflated(coding: str, media: str) -> None:
    stored = gzip.compress(gzip.compress(PAGE) if coding == "gzip" else PAGE)
    found = decoded(stored, f"Content-Encoding: {coding}", f"Content-Type: {media}")
    assert (bytes(found.data), found.problem) == (PAGE, None)
    found = decoded(stored[:-9], f"Content-Encoding: {coding}", f"Content-Type: {media}")
    assert found.problem is not None
    assert bytes(decoded(stored, "Content-Type: application/gzip").data) == stored, "an archive stays one"


def test_a_body_without_codings_is_not_copied() -> None:
    block = memoryview(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE)
    message = parse_message(block)
    assert message is not None
    data = decoded_body(message, block, LIMIT).data
    assert isinstance(data, memoryview)
    assert data.obj is block.obj
    assert data == PAGE


NOT_UNDONE = "body is in a coding that cannot be undone"


@pytest.mark.parametrize(
    ("coding", "body", "problem"),
    [
        *((coding, b"\0\1\2" * 9, "as declared") for coding in ("gzip", "deflate", "br", "zstd")),
        *(
            (coding, b"\x1f\x9d\x90<\xd0\x80\x01" * 9, NOT_UNDONE)
            for coding in ("compress", "X-Bzip2", "xz, identity", "dcz")
        ),
    ],
)
def test_a_body_whose_coding_cannot_be_undone_is_named_unless_it_is_text(
    coding: str, body: bytes, problem: str
) -> None:
    assert problem in str(decoded(body, f"Content-Encoding: {coding}").problem)
    assert decoded(PAGE, f"Content-Encoding: {coding}") == DecodedBody(PAGE)


@pytest.mark.parametrize("coding", ["utf-8", "none", "text/html", "binary", ""])
def test_what_is_no_coding_is_of_no_consequence(coding: str) -> None:
    assert decoded(b"\0\1" + PAGE, f"Content-Encoding: {coding}") == DecodedBody(b"\0\1" + PAGE)


@pytest.mark.parametrize("body", [PAGE, b"0\n<html>", b"", b"5 colonnes \xe0 la une", b"face\xe0face"])
def test_a_page_that_is_not_chunked_as_declared_stays_as_it_is(body: bytes) -> None:
    found = decoded(body, "Transfer-Encoding: chunked")
    assert (bytes(found.data), found.problem) == (body, None)


def test_chunks_may_have_extensions_trailers_and_bare_line_ends() -> None:
    body = b"0005 ;name=value\r\nun de\r\n4;x\nux t\n00\r\nX-Trailer: a\r\n\r\n"
    assert decoded(body, "Transfer-Encoding: chunked") == DecodedBody(b"un deux t")
    assert decoded(chunked(PAGE, 70, newline=b"\n"), "Transfer-Encoding: chunked") == DecodedBody(PAGE)


@pytest.mark.parametrize(
    ("body", "kept", "problem"),
    [
        (b"5\r\nabcde\r\n5\r\nfg", b"abcdefg", "chunked body is cut"),
        (b"5\r\nabcde\r\n", b"abcde", "chunked body is cut"),
        (b"5\r\nabcde", b"abcde", "chunked body is cut"),
        (b"fffffffff\r\nabcde", b"abcde", "chunked body is cut"),
        (b"3\r\nabcde\r\n0\r\n\r\n", b"abcde\r\n0\r\n\r\n", "chunk sizes are wrong"),
        (b"2\r\nab\r\n0\r\n\r\nla suite", b"ab", "bytes follow the last chunk"),
    ],
)
def test_wrong_chunks_give_what_is_there(body: bytes, kept: bytes, problem: str) -> None:
    found = decoded(body, "Transfer-Encoding: chunked")
    assert (found.data, str(found.problem)[: len(problem)]) == (kept, problem)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "Deflate", "br", "zstd"])
def test_of_a_body_that_is_cut_what_came_before_is_kept(coding: str) -> None:
    random_text = random.Random(3).randbytes(20_000).hex().encode()
    whole = ENCODERS[coding](random_text)
    for keep in (len(whole) - 1, len(whole) * 3 // 4):
        found = decoded(whole[:keep], f"Content-Encoding: {coding}", limit=LIMIT)
        assert found.problem is not None
        assert found.problem.endswith("body is cut")
        assert random_text.startswith(bytes(found.data))
        # Brotli and zstd make of one block what they give at once.
        assert len(found.data) > (20_000 if coding.lower() in ("gzip", "deflate") else -1)


def test_of_a_damaged_gzip_body_what_came_before_is_kept() -> None:
    whole = bytearray(gzip.compress(PAGE))
    whole[-6] ^= 1
    assert decoded(bytes(whole), "Content-Encoding: gzip") == DecodedBody(PAGE, "gzip body is damaged")
    text = random.Random(3).randbytes(20_000).hex().encode()
    deflater = zlib.compressobj(wbits=31)
    no_block = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 9000
    assert decoded(no_block, "Content-Encoding: gzip") == DecodedBody(text, "gzip body is damaged")


@pytest.mark.parametrize("coding", ["gzip", "zstd", "br"])
@pytest.mark.parametrize("size", [10, 3000, 200_000])
def test_what_follows_a_compressed_body_is_left(coding: str, size: int) -> None:
    text = random.Random(3).randbytes(size // 2).hex().encode()
    assert decoded(ENCODERS[coding](text) + b"\0\0more", f"Content-Encoding: {coding}") == DecodedBody(text)


@pytest.mark.parametrize(
    "coding", each_time(["gzip", "br", "zstd"], ["gzip", "deflate", "Deflate", "br", "zstd"])
)
def test_a_bomb_is_stopped_at_the_limit(coding: str) -> None:
    bomb = ENCODERS[coding](bytes(100 << 20))
    tracemalloc.start()
    found = decoded(bomb, f"Content-Encoding: {coding}", limit=LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.data == bytes(LIMIT)
    assert found.problem == "body inflates to more than 1,048,576 bytes; the rest was left"
    assert peak < 70 << 20


def test_a_body_of_just_the_limit_is_whole() -> None:
    for coding in ("gzip", "br", "zstd", "identity"):
        assert decoded(ENCODERS[coding](PAGE), f"Content-Encoding: {coding}", limit=len(PAGE)).problem is None


def test_bombs_within_bombs_and_chunks_without_number_are_not_followed_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = decoded(PAGE, f"Content-Encoding: {', '.join(['gzip'] * 1000)}")
    assert found.problem == "1,000 codings are named, of which the last 4 were undone"
    monkeypatch.setattr(codings, "MOST_CHUNKS", 1 << 10)
    found = decoded(b"1\r\nx\r\n" * (1029), "Transfer-Encoding: chunked", limit=1 << 30)
    assert found.data == b"x" * (1 << 10)
    assert "the rest was left" in str(found.problem)


MAGIC = [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"5\r\n", b"\x0b", b"\x1b"]
NAMES = st.sampled_from(["gzip", "deflate", "br", "zstd", "chunked", "compress", "x"])


@given(st.binary(max_size=400), st.sampled_from(MAGIC), st.lists(NAMES, max_size=5), st.integers(0, 100))
def test_garbage_never_raises_and_never_exceeds_the_limit(
    garbage: bytes, magic: bytes, codings: list[str], limit: int
) -> None:
    names = ", ".join(codings)
    for header in ("Content-Encoding", "Transfer-Encoding"):
        assert len(decoded(magic + garbage, f"{header}: {names}", limit=limit).data) <= limit


@given(st.data())
def test_a_body_with_one_byte_changed_never_raises(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(["gzip", "deflate", "Deflate", "br", "zstd"]))
    body = bytearray(ENCODERS[coding](PAGE[:2000]))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert len(decoded(bytes(body), f"Content-Encoding: {coding}").data) <= LIMIT

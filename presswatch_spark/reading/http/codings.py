"""Undoes the transfer and content codings of bodies (RFC 9110, 9112), whose headers may be wrong.

`X-Crawler-Content-Encoding` and the like name codings that a crawler has undone already; they are ignored.
Pieces are limited, so that a decompression bomb can be stopped. A slice (`SLICE_BYTES`) of deflate gives at
most about 1 MiB, one of zstd 32 MiB (RFC 8878: 128 KiB for four bytes). Brotli yields pieces of a given size.
"""

import io
import re
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import brotli
import zstandard

from presswatch_spark.reading.http.message import (
    SNIFFED_BYTES,
    BytesLike,
    Message,
    is_text,
    may_hide_gzip,
    media_type,
)
from presswatch_spark.reading.inflate import GZIP_MAGIC, ZSTD_MAX_WINDOW, Inflater, compression_of

SLICE_BYTES = 1 << 10
PIECE_BYTES = 1 << 20
_ERRORS = (zlib.error, zstandard.ZstdError)
_GZIP, _ZLIB, _RAW = 31, 15, -15

# The most codings that are undone, since each may make its input a thousand times longer.
MOST_CODINGS = 4
# The most chunks that are read, since a chunk of one byte costs as much as a long one.
MOST_CHUNKS = 1 << 21
# Codings that are not undone here. Other unknown names (`utf-8`, `none`) are mistakes without effect.
_NOT_UNDONE = frozenset(
    ("aes128gcm", "bzip2", "compress", "dcb", "dcz", "exi", "lzma", "sdch", "x-bzip2", "x-compress", "xz")
)
_CHUNK_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_TRAILERS = re.compile(rb"(?:[^\r\n:]{1,256}:[^\n]{0,4096}\n|\r?\n){0,100}")
_LINE_END = re.compile(rb"\r?\n")


class WrongCodingError(Exception):
    """The body is not in the coding that was declared."""


class Damage(Exception):  # noqa: N818
    """The body cannot be read to its end; the yielded pieces are valid."""


def _decode_framed(data: memoryview, name: str, make: Callable[[], Inflater]) -> Iterator[bytes]:
    """Yield the content of all members or frames of a body; bytes after the last one are ignored."""
    if compression_of(bytes(data[:4])) != name:
        raise WrongCodingError(f"body is declared as {name}, but is not")
    while compression_of(bytes(data[:4])) == name:
        data = yield from _inflated(data, make, name)


_decode_gzip = partial(_decode_framed, name="gzip", make=partial(zlib.decompressobj, _GZIP))
_decode_zstd = partial(
    _decode_framed,
    name="zstd",
    make=lambda: zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW).decompressobj(),
)


def _decode_deflate(data: memoryview) -> Iterator[bytes]:
    """Yield the content of a deflate body, with zlib's header or without."""
    for bits in (_ZLIB, _RAW):
        try:
            zlib.decompressobj(bits).decompress(data[:SLICE_BYTES])
        except zlib.error:
            continue
        yield from _inflated(data, partial(zlib.decompressobj, bits), "deflate")
        return
    raise WrongCodingError("body is declared as deflate, but is not")


def _inflated(
    data: memoryview, make: Callable[[], Inflater], name: str
) -> Generator[bytes, None, memoryview]:
    """Yield the content of one stream; return the bytes after it."""
    inflater, at = make(), 0
    while not inflater.eof:
        fed = data[at : at + SLICE_BYTES]
        if not fed:
            raise Damage(f"{name} body is cut")
        try:
            piece = inflater.decompress(fed)
        except _ERRORS:
            # A call that fails returns nothing, so the bytes before the damage are fed one by one.
            inflater = make()
            for before in range(0, at, SLICE_BYTES):
                inflater.decompress(data[before : before + SLICE_BYTES])
            with suppress(*_ERRORS):
                for place in range(at, at + len(fed)):
                    yield inflater.decompress(data[place : place + 1])
            raise Damage(f"{name} body is damaged") from None
        yield piece
        at += len(fed)
    return data[at - len(inflater.unused_data) :]


def _decode_brotli(data: memoryview) -> Iterator[bytes]:
    """Yield the content of a brotli body: for lack of a magic number, its first slice shows if it is brotli.

    A call that fails returns nothing, so all slices are fed again, the one that failed byte by byte.
    """
    produced, single_bytes_from = 0, len(data)
    for is_again in (False, True):
        inflater, at, passed = brotli.Decompressor(), 0, 0
        try:
            while not inflater.is_finished():
                size = SLICE_BYTES if at < single_bytes_from else 1
                fed: memoryview | bytes = data[at : at + size]
                if not fed:
                    raise Damage("brotli body is cut")
                while fed or not inflater.can_accept_more_data():
                    piece = inflater.process(fed, output_buffer_limit=PIECE_BYTES)
                    fed = b""
                    skipped = min(len(piece), max(0, produced - passed)) if is_again else 0
                    passed += len(piece)
                    yield piece[skipped:]
                at += size
            return
        except brotli.error:
            if is_again:
                problem = Damage("brotli body is damaged") if produced else None
                raise (problem or WrongCodingError("body is declared as brotli, but is not")) from None
            produced, single_bytes_from = passed, at


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """The entity of a response; `problem`: the finding if it is not whole, else None."""

    data: bytes | memoryview
    problem: str | None = None


def decoded_body(message: Message, block: BytesLike, limit: int) -> DecodedBody:
    """Return the body after the head `message` of a block, with its codings undone, last applied first.

    A body that is not in the named coding, or in one that cannot be undone here, is returned unchanged; that
    is a problem only if the body is no text. Gzip that no header names is inflated, too. A damaged body ends
    at the damage. At most `limit` bytes are returned.
    """
    data: bytes | memoryview = memoryview(block)[message.body_at :]
    written = ",".join([*message.header("content-encoding"), *message.header("transfer-encoding")])
    names = [name.strip(" \t").lower() for name in written.split(",")]
    named = [name for name in names if name in _CODINGS or name in _NOT_UNDONE]
    codings = [name for name in named if name not in _NOT_UNDONE]
    problems: list[str | None] = []
    if len(codings) > MOST_CODINGS:
        problems.append(f"{len(codings):,} codings are named, of which the last {MOST_CODINGS} were undone")
    for name in codings[: -MOST_CODINGS - 1 : -1]:
        data, problem = _decode(name, data, limit)
        problems.append(problem)
    if bytes(data[:3]) == GZIP_MAGIC and may_hide_gzip(media_type(message.last("content-type"))):
        data, problem = _decode("gzip", data, limit)
        problems.append(problem)
    if len(codings) < len(named) and not _is_plain(data):
        problems.append("body is in a coding that cannot be undone")
    if len(data) > limit:
        data = memoryview(data)[:limit]
        problems.append(f"body is longer than {limit:,} bytes; the rest was not read")
    return DecodedBody(data, "; ".join(filter(None, problems)) or None)


def _is_plain(data: bytes | memoryview) -> bool:
    head = bytes(data[:SNIFFED_BYTES])
    return is_text(head) or head.startswith(b"%PDF-")


def _decode(name: str, data: bytes | memoryview, limit: int) -> tuple[bytes | memoryview, str | None]:
    undo, decoded = _CODINGS[name], io.BytesIO()
    size, problem = 0, None
    try:
        for piece in undo(memoryview(data)):
            room = limit - size
            size += decoded.write(piece[:room])
            if len(piece) > room:
                problem = f"body inflates to more than {limit:,} bytes; the rest was not read"
                break
    except WrongCodingError as error:
        return data, None if _is_plain(data) else str(error)
    except Damage as error:
        problem = str(error)
    return decoded.getvalue(), problem


def _decode_chunked(data: memoryview) -> Iterator[memoryview]:
    at = 0
    for _ in range(MOST_CHUNKS):
        line = _CHUNK_LINE.match(data, at)
        if line is None:
            if not at:
                raise WrongCodingError("body is declared as chunked, but is not")
            yield from _misplaced(data[at:])
            return
        size = int(line[1], 16)
        if not size:
            trailers = _TRAILERS.match(data, line.end())
            if trailers and trailers.end() == len(data):
                return
            if not at:
                raise WrongCodingError("body is declared as chunked, but is not")
            raise Damage("bytes follow the last chunk; they were not read")
        end = line.end() + size
        if not at and end > len(data) and not line[0].endswith(b"\r\n"):
            # This is a text that begins with a number: servers end the lines of chunks with CRLF.
            raise WrongCodingError("body is declared as chunked, but is not")
        yield data[line.end() : end]
        if end > len(data) or (line_end := _LINE_END.match(data, end)) is None:
            yield from _misplaced(data[end:])
            return
        at = line_end.end()
    raise Damage(f"body has more than {MOST_CHUNKS:,} chunks; the rest was not read")


def _misplaced(rest: memoryview) -> Iterator[memoryview]:
    yield rest
    raise Damage("chunk sizes are wrong; the rest was read as it is" if rest else "chunked body is cut")


_CODINGS: Mapping[str, Callable[[memoryview], Iterator[bytes | memoryview]]] = {
    "chunked": _decode_chunked,
    "gzip": _decode_gzip,
    "x-gzip": _decode_gzip,
    "deflate": _decode_deflate,
    "br": _decode_brotli,
    "zstd": _decode_zstd,
}

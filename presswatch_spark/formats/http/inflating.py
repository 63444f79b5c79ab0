"""Compressed bodies to pieces of what they hold. A piece is bounded, so that a bomb can be stopped.

Each is fed in slices of `SLICE_BYTES`: what deflate makes of one is about 1 MiB, zstd 32 MiB at most (RFC
8878: 128 KiB for four bytes); brotli has no such bound, and is asked for so much at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator
from functools import partial

import brotli
import zstandard

from presswatch_spark.formats.inflate.members import Inflater

SLICE_BYTES = 1 << 10
PIECE_BYTES = 1 << 20
# RFC 9659 allows servers 8 MiB; this is what a frame may ask of our memory.
ZSTD_MAX_WINDOW = 1 << 27
GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ERRORS = (zlib.error, zstandard.ZstdError)
_GZIP, _ZLIB, _RAW = 31, 15, -15


class NotSo(Exception):  # noqa: N818
    """The body is not in the coding that was declared."""


class Damage(Exception):  # noqa: N818
    """The body cannot be read to its end; what was yielded before stands."""


def gzipped(data: memoryview) -> Iterator[bytes]:
    """Yield what a gzip body holds, all its members; what follows the last one is left, as browsers do."""
    if bytes(data[:3]) != GZIP_MAGIC:
        raise NotSo("body is not gzip as declared")
    while bytes(data[:3]) == GZIP_MAGIC:
        data = yield from _inflated(data, partial(zlib.decompressobj, _GZIP), "gzip")


def deflated(data: memoryview) -> Iterator[bytes]:
    """Yield what a deflate body holds, with zlib's header or, as some servers send it, without."""
    for bits in (_ZLIB, _RAW):
        try:
            zlib.decompressobj(bits).decompress(data[:SLICE_BYTES])
        except zlib.error:
            continue
        yield from _inflated(data, partial(zlib.decompressobj, bits), "deflate")
        return
    raise NotSo("body is not deflate as declared")


def zstandarded(data: memoryview) -> Iterator[bytes]:
    """Yield what a zstd body holds, all its frames; what follows the last one is left."""
    if bytes(data[:4]) != ZSTD_MAGIC:
        raise NotSo("body is not zstd as declared")
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW)
    while bytes(data[:4]) == ZSTD_MAGIC:
        data = yield from _inflated(data, context.decompressobj, "zstd")


def _inflated(
    data: memoryview, make: Callable[[], Inflater], name: str
) -> Generator[bytes, None, memoryview]:
    """Yield what one stream holds; return what follows it."""
    inflater, at = make(), 0
    while not inflater.eof:
        fed = data[at : at + SLICE_BYTES]
        if not fed:
            raise Damage(f"{name} body is cut")
        try:
            piece = inflater.decompress(fed)
        except _ERRORS:
            yield from _salvaged(data, make(), at)
            raise Damage(f"{name} body is damaged") from None
        yield piece
        at += len(fed)
    return data[at - len(inflater.unused_data) :]


def _salvaged(data: memoryview, inflater: Inflater, failed: int) -> Iterator[bytes]:
    """Yield what the slice at `failed` gives before its damage: a failing call gives nothing at all."""
    for at in range(0, failed, SLICE_BYTES):
        inflater.decompress(data[at : at + SLICE_BYTES])
    for at in range(failed, min(failed + SLICE_BYTES, len(data))):
        try:
            yield inflater.decompress(data[at : at + 1])
        except _ERRORS:
            return


def brotlied(data: memoryview) -> Iterator[bytes]:
    """Yield what a brotli body holds. It has no magic: one that fails in its first slice was none."""
    first, produced = _Brotli(data), 0
    try:
        for piece in first.pieces(len(data)):
            produced += len(piece)
            yield piece
        return
    except brotli.error:
        pass
    skipped = 0
    try:
        # A failing call gives nothing, and so does one with more than the stream in it.
        for piece in _Brotli(data).pieces(first.at):
            skip = min(len(piece), produced - skipped)
            skipped += skip
            yield piece[skip:]
    except brotli.error:
        raise (
            NotSo("body is not brotli as declared") if not skipped else Damage("brotli body is damaged")
        ) from None


class _Brotli:
    """A brotli stream, fed from index `at` on."""

    def __init__(self, data: memoryview) -> None:
        self.at = 0
        self._data = data
        self._inflater = brotli.Decompressor()

    def pieces(self, careful: int) -> Iterator[bytes]:
        """Yield what the stream holds; from index `careful` on it is fed byte by byte."""
        inflater = self._inflater
        while self.at < len(self._data):
            size = SLICE_BYTES if self.at < careful else 1
            fed: memoryview | bytes = self._data[self.at : self.at + size]
            while fed or not inflater.can_accept_more_data():
                yield inflater.process(fed, output_buffer_limit=PIECE_BYTES)
                fed = b""
            if inflater.is_finished():
                return
            self.at += size
        raise Damage("brotli body is cut")

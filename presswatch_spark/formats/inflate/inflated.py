"""Inflates stored bytes, by content and not by name: plain, gzip members, zstd frames."""

from collections.abc import Iterator

import zstandard

from presswatch_spark.formats.inflate.members import GZIP_MAGIC, PADDING_BYTES, gzip_pieces
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import Stream

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# What a frame may ask of our memory: the most that zstd itself takes unless it is told otherwise.
ZSTD_MAX_WINDOW = 1 << 27
# One slice may inflate to 128 KiB for every 4 bytes (RFC 8878, RLE blocks): this bounds a bomb at 128 MiB.
ZSTD_SLICE_BYTES = 4 << 10
# Of a frame: its magic number, and the byte that says whether a checksum ends it (RFC 8878, 3.1.1.1.1).
ZSTD_HEAD_BYTES, ZSTD_CHECKSUM = 5, 0b100


def inflated(stream: Stream, report: ReadReport) -> Iterator[bytes]:
    """Yield the inflated content of `stream` in pieces of a few MiB.

    At a cut or damage it notes a defect in `report` and ends; what inflates before is yielded.
    `report.unchecked` is set before anything is yielded that no checksum covers.
    """
    return inflated_window(Window(stream, report), report)


def inflated_window(window: Window, report: ReadReport) -> Iterator[bytes]:
    """Do the same for a window whose first chunk may have been looked at."""
    if not window.view:
        window.refill(0)
    compression = compression_of(bytes(window.view[:4]))
    if compression == "gzip":
        return (piece.data for piece in gzip_pieces(window, report))
    return _zstd(window, report) if compression == "zstd" else _plain(window, report)


def compression_of(head: bytes) -> str:
    """Return the compression of an object that begins with `head` (4 bytes): `gzip`, `zstd` or `plain`.

    A shorter `head` is the whole object, and may be a magic number that was cut.
    """
    if head and GZIP_MAGIC.startswith(head[:3]):
        return "gzip"
    skippable = len(head) == 4 and 0x50 <= head[0] <= 0x5F and head[1:] == b"\x2a\x4d\x18"
    return "zstd" if (len(head) > 1 and ZSTD_MAGIC.startswith(head)) or skippable else "plain"


def _plain(window: Window, report: ReadReport) -> Iterator[bytes]:
    report.unchecked = "plain"
    yield bytes(window.view)
    while window.refill(len(window.view)) is not None:
        yield bytes(window.view)


def _zstd(window: Window, report: ReadReport) -> Iterator[bytes]:
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW)
    frame, frame_start, at = context.decompressobj(), window.base, 0
    idle = False
    while True:
        if at >= len(window.view):
            if window.refill(len(window.view)) is None:
                break
            at = 0
        if window.base + at == frame_start:
            while len(window.view) - at < ZSTD_HEAD_BYTES and (fell := window.refill(at)) is not None:
                at -= fell
            head = bytes(window.view[at : at + ZSTD_HEAD_BYTES])
            # Frames to be skipped hold nothing.
            if head.startswith(ZSTD_MAGIC) and not head[-1] & ZSTD_CHECKSUM:
                report.unchecked = "zstd"
        fed = window.view[at : at + ZSTD_SLICE_BYTES]
        try:
            data = frame.decompress(fed)
        except zstandard.ZstdError as error:
            if not (idle and _only_zeros(window, at)):
                why = str(error).rpartition(": ")[2]
                report.unverified = True
                report.add_defect(
                    f"zstd frame cannot be read: {why}; nothing after it could be read", frame_start
                )
            return
        at += len(fed)
        idle = False
        if frame.eof:
            at -= len(frame.unused_data)
            frame, frame_start, idle = context.decompressobj(), window.base + at, True
        if data:
            yield data
    if not idle:
        report.add_defect("zstd frame cannot be read: it is cut", frame_start)


def _only_zeros(window: Window, at: int) -> bool:
    tail = bytes(window.view[at:])
    while len(tail) <= PADDING_BYTES and (chunk := window.chunk()):
        tail += chunk
    return len(tail) <= PADDING_BYTES and not tail.strip(b"\0")

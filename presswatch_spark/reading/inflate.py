"""Inflates stored bytes (plain, gzip, zstd: by content and not by name), and cuts them into lines.

A gzip file is a chain of members (RFC 1952). Readers that hide the chain end without an error if it is cut.
Here a member is whole only once its CRC-32 and length were verified (by libdeflate, or by ISA-L if it is read
in pieces).
"""

import zlib
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from struct import Struct
from typing import NamedTuple, Protocol, cast

import numpy as np
import zstandard
from deflate import DeflateError, crc32, gzip_decompress
from isal import isal_zlib

from presswatch_spark.core.compiled import entry_njit
from presswatch_spark.core.errors import TruncatedError
from presswatch_spark.core.scan_values import Bytes, Offsets, ReadReport
from presswatch_spark.reading.text.simd import equal_bits_64, trailing_zeros
from presswatch_spark.reading.text.word_kernels import U64
from presswatch_spark.storage.objects import Stream

# Larger chunks go back to the system when they are freed, which costs page faults.
CHUNK_BYTES = 1 << 20
LOOK_BACK_BYTES = 4 << 20
IsalError = cast("type[Exception]", isal_zlib.error)
InflateErrors = (IsalError, zlib.error)
GZIP_MAGIC = b"\x1f\x8b\x08"
# A header of ten bytes, a block of two, a trailer of eight; and a size that most members exceed.
SMALLEST_MEMBER, USUAL_MEMBER = 20, 512
SLICE_BYTES = 16 << 10
# A deflated byte gives at most 1,032 bytes: 64 MiB from the longest member that is inflated at once.
MOST_OF_A_BYTE = 1032
WHOLE_BYTES = 64 << 10
PIECE_BYTES = 4 << 20
PADDING_BYTES = 64 << 10
SALVAGE_BYTES = 512
CUT = "it is cut"
# The end of a member: CRC-32 and length of its content, modulo 2^32.
trailer_at = Struct("<II").unpack_from
_1, _64 = U64(1), U64(64)
_MAGIC = int.from_bytes(GZIP_MAGIC, "little")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# The most memory of a frame; zstd's own default.
ZSTD_MAX_WINDOW = 1 << 27
# One slice may inflate to 128 KiB for every 4 bytes (RFC 8878, RLE blocks): this bounds a bomb at 128 MiB.
ZSTD_SLICE_BYTES = 4 << 10
# A frame begins with its magic number, and a byte with the flag of a checksum (RFC 8878, 3.1.1.1.1).
ZSTD_HEAD_BYTES, ZSTD_CHECKSUM = 5, 0b100
SPLIT_BYTES = 1 << 20


class Window:
    """Bytes `base` to `base + len(view)` of an object; `refill` replaces `view`.

    `report` gets the defects of the content. A stream that breaks off is one, and is then taken for ended.
    """

    def __init__(self, stream: Stream, report: ReadReport, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.base = stream.position
        self.view = memoryview(b"")
        self._stream = stream
        self.report = report
        self._ended = False
        self._chunk_bytes = chunk_bytes
        self._origin = stream.position

    def refill(self, keep_from: int) -> int | None:
        """Append a chunk, drop bytes before `keep_from`; return how far indices moved, None at the end."""
        parts: list[bytes] = []
        size = 0
        while size < self._chunk_bytes and not self._ended:
            try:
                part = self._stream.read(self._chunk_bytes - size)
            except TruncatedError as error:
                self.report.add_defect(error.what, self._stream.position)
                self.report.interrupted = True
                part = b""
            self._ended = not part
            parts.append(part)
            size += len(part)
        self.report.bytes_read = self._stream.position - self._origin
        if not size:
            return None
        kept = self.view[keep_from:]
        chunk = parts[0] if len(parts) == 1 and not kept else b"".join((kept, *parts))
        self.view = memoryview(chunk)
        self.base += keep_from
        return keep_from


class Stretch(NamedTuple):
    """Members in a row to skip: their `end` in the view, their number, documents and inflated bytes."""

    end: int
    members: int
    documents: int
    inflated: int


MORE = Stretch(-1, 0, 0, 0)
"""More of the file must be in view before the gate can decide."""


class Gate(Protocol):
    """Chooses members that are left out. It sees each member in order, from a proven beginning.

    The end of each member in a stretch must be proven, and a member that begins with a record must follow.
    """

    def look(self, view: memoryview, starts: Sequence[int], *, final: bool) -> None:
        """Take a new view of the file, with all places of gzip magics; `final`: the file ends with it."""

    def at(self, start: int) -> Stretch | None:
        """Return the stretch to skip from `start` on; `MORE` if it is not known yet; None if none."""


class Inflater(Protocol):
    """The common interface of zlib's and ISA-L's inflaters."""

    @property
    def eof(self) -> bool: ...  # noqa: D102
    @property
    def unused_data(self) -> bytes: ...  # noqa: D102
    def decompress(self, data: memoryview, /) -> bytes: ...  # noqa: D102


class MemberPiece(NamedTuple):
    """Inflated bytes of a member, or of a part of it if it is large.

    `offset`, `length`: the member's place in the file (its length so far, unless it `closes`). `opens`: the
    member begins with this piece. `closes`: it ends with this piece, and was verified. `before`: inflated
    bytes that a gate left out before it.
    """

    offset: int
    length: int
    data: bytes | bytearray
    opens: bool
    closes: bool
    before: int = 0


class Member(NamedTuple):
    """The gzip member at the start of some bytes: its content and `end`, None if it was not read whole."""

    data: bytes
    end: int | None


def first_member(stored: bytes, most: int) -> Member | None:
    """Inflate up to `most` bytes of the member that begins `stored`; None if it is damaged, or no member."""
    inflater = zlib.decompressobj(31)
    try:
        data = inflater.decompress(stored, most)
    except zlib.error:
        return None
    return Member(data, len(stored) - len(inflater.unused_data) if inflater.eof else None)


def gzip_pieces(
    window: Window, begins_well: Callable[[bytes], bool] | None = None, gate: Gate | None = None
) -> Iterator[MemberPiece]:
    """Yield every byte that inflates, in order, except members that `gate` leaves out.

    After damage, reading resumes at the next member whose first bytes satisfy `begins_well`; without that
    test it ends. A cut between two members cannot be seen here: the stream compares the object's size.
    """
    cursor: int | None = 0
    searched, starts, final = memoryview(b""), list[int](), False
    # A member that is found after damage may be data inside another one: the gate does not see it.
    is_proven, before = True, 0
    while cursor is not None:
        if window.view is not searched:
            searched, starts = window.view, _likely_starts(window.view)
            if gate:
                gate.look(searched, starts, final=final)
        stretch = gate.at(cursor) if gate else None
        if gate and stretch and is_proven:
            if stretch is not MORE:
                before += stretch.inflated
                window.report.members_passed += stretch.members
                window.report.bytes_passed += stretch.end - cursor
                window.report.add_skipped("language", stretch.documents)
                cursor = stretch.end
            elif (fell := window.refill(cursor)) is not None:
                cursor -= fell
            else:
                final = True
                gate.look(searched, starts, final=True)
            continue
        members = _whole_members(window.view, starts, window.base, cursor)
        if gate is None:
            cursor = yield from members
        elif piece := next(members, None):
            yield piece._replace(before=before) if before else piece
            is_proven, before, cursor = True, 0, piece.offset + piece.length - window.base
            continue
        if cursor + SLICE_BYTES > len(window.view) and (fell := window.refill(cursor)) is not None:
            cursor -= fell
        elif cursor == len(window.view):
            return
        else:
            cursor, is_proven = yield from _member(window, cursor, begins_well, before)
            before = 0


def _likely_starts(view: memoryview) -> list[int]:
    data = np.frombuffer(view, np.uint8)
    places = np.empty(len(data) // USUAL_MEMBER + 16, np.int64)
    count = find_bytes(data, 0, len(data), _MAGIC, len(GZIP_MAGIC), places)
    if count > len(places):
        places = np.empty(count, np.int64)
        find_bytes(data, 0, len(data), _MAGIC, len(GZIP_MAGIC), places)
    found: list[int] = places[:count].tolist()
    return found


def _whole_members(
    view: memoryview, starts: list[int], base: int, start: int
) -> Generator[MemberPiece, None, int]:
    """Yield members from `start` on, as long as each ends where the next one seems to begin; return the end.

    The caller reads members that are long, cut, damaged, empty, or the last in view. libdeflate takes an
    eighth less time than ISA-L, but ignores bytes after a member: compare the trailer before the next one.
    """
    for k in range(bisect_left(starts, start + SMALLEST_MEMBER), len(starts)):
        end = starts[k]
        checksum, size = trailer_at(view, end - 8)
        if end - start > WHOLE_BYTES or not 0 < size <= MOST_OF_A_BYTE * (end - start):
            return start
        try:
            data = gzip_decompress(view[start:end], size)
        except DeflateError:
            return start
        if len(data) != size or crc32(data) != checksum:
            return start
        # `tuple.__new__` saves the call of a Python function: most files have a member for each record.
        yield tuple.__new__(MemberPiece, (base + start, end - start, data, True, True, 0))
        start = end
    return start


def _member(
    window: Window, start: int, begins_well: Callable[[bytes], bool] | None, before: int
) -> Generator[MemberPiece, None, tuple[int | None, bool]]:
    """Yield the member at index `start`, which may be long, cut or damaged.

    Returns the index where reading resumes, and True if the member was verified.
    """
    offset, end, opens = window.base + start, start, True
    parts, size, produced, damage = list[bytes](), 0, 0, CUT
    inflater: Inflater = isal_zlib.decompressobj(31)
    is_last_try = False
    while not inflater.eof:
        if size >= PIECE_BYTES:
            yield MemberPiece(offset, window.base + end - offset, b"".join(parts), opens, False, before)
            parts, size, opens, before = [], 0, False, 0
        if end == len(window.view):
            # After damage, the next member may begin in the last bytes.
            fell = window.refill(max(0, offset - window.base, end - LOOK_BACK_BYTES))
            if fell is None:
                break
            end -= fell
        fed = window.view[end : end + SLICE_BYTES]
        end += len(fed)
        try:
            parts.append(inflater.decompress(fed))
        except InflateErrors:
            if not (produced or is_last_try) and offset >= window.base:
                # ISA-L refuses a header with optional fields if a slice cuts it; zlib waits for more.
                inflater, is_last_try, end = zlib.decompressobj(31), True, offset - window.base
                continue
            damage = "it is damaged"
            if offset >= window.base:
                parts.append(_salvaged(window.view[offset - window.base : end])[produced:])
            break
        size += len(parts[-1])
        produced += len(parts[-1])
    is_whole = inflater.eof and damage == CUT
    if is_whole:
        end -= len(inflater.unused_data)
    yield MemberPiece(offset, window.base + end - offset, b"".join(parts), opens, is_whole, before)
    return (end, True) if is_whole else (_resume(window, offset, damage, begins_well), False)


def _salvaged(stored: memoryview) -> bytes:
    # A call that fails returns nothing, so the bytes before the damage are fed one by one.
    inflater, parts, at, step = zlib.decompressobj(31), list[bytes](), 0, SALVAGE_BYTES
    while at < len(stored):
        before = inflater.copy()
        try:
            parts.append(inflater.decompress(stored[at : at + step]))
            at += step
        except zlib.error:
            if step == 1:
                break
            inflater, step = before, 1
    return b"".join(parts)


def _is_padding(window: Window, at: int) -> bool:
    # Tapes and block devices leave a few zeros at the end.
    while (tail := bytes(window.view[at:])) and not tail.strip(b"\0") and len(tail) <= PADDING_BYTES:
        fell = window.refill(at)
        if fell is None:
            return True
        at -= fell
    return False


def _resume(
    window: Window, offset: int, damage: str, begins_well: Callable[[bytes], bool] | None
) -> int | None:
    # Returns the index of the next readable member, None if there is none.
    start = max(0, offset - window.base)
    if _is_padding(window, start):
        return None
    is_member = GZIP_MAGIC.startswith(bytes(window.view[start : start + 3])) or offset < window.base
    what = f"gzip member cannot be read: {damage}" if is_member else "bytes that are not a gzip member"
    found = None
    at = start + 1
    while begins_well and found is None:
        at = _find(window.view, at)
        is_near_end = at + SLICE_BYTES > len(window.view)
        if is_near_end and (fell := window.refill(min(at, len(window.view)))) is not None:
            at -= fell
        elif at >= len(window.view):
            break
        else:
            inflater = isal_zlib.decompressobj(31)
            with suppress(IsalError):
                if begins_well(inflater.decompress(window.view[at : at + SLICE_BYTES])):
                    found = at
            at += 1
    after = "nothing after it could be read"
    if found is not None:
        after = f"reading resumed at byte {window.base + found:,}"
    window.report.add_defect(f"{what}; {after}", offset)
    # All bytes before a cut are right, but damage may begin long before it is detected.
    window.report.unverified |= is_member and damage != CUT
    return found


def _find(view: memoryview, at: int) -> int:
    # The view may end within a magic number.
    stored = view.obj
    found = stored.find(GZIP_MAGIC, at) if isinstance(stored, bytes) else -1
    return found if found >= 0 else max(at, len(view) - len(GZIP_MAGIC) + 1)


@entry_njit
def find_bytes(data: Bytes, first: int, last: int, pattern: int, size: int, found: Offsets) -> int:
    """Write the places of a pattern in data[first:last] into `found`, as far as there is room.

    `pattern`: `size` bytes, the first one lowest. Returns the number of places.
    """
    at, end, n = U64(first), U64(last), 0
    bytes_after_first = U64(size - 1)
    while at + bytes_after_first + _64 <= end:
        here = equal_bits_64(data, at, np.uint8(pattern & 255))
        if here:
            for j in range(1, size):
                here &= equal_bits_64(data, at + U64(j), np.uint8(pattern >> 8 * j & 255))
            while here:
                if n < len(found):
                    found[n] = np.int64(at + trailing_zeros(here))
                n += 1
                here &= here - _1
        at += _64
    while at + bytes_after_first < end:
        is_here = True
        for j in range(size):
            is_here = is_here and data[at + U64(j)] == np.uint8(pattern >> 8 * j & 255)
        if is_here:
            if n < len(found):
                found[n] = np.int64(at)
            n += 1
        at += _1
    return n


def inflated(stream: Stream, report: ReadReport) -> Iterator[bytes]:
    """Yield the inflated content of `stream` in pieces of a few MiB.

    At a cut or damage it notes a defect in `report` and ends. `report.unchecked` is set before anything is
    yielded that no checksum covers.
    """
    return inflated_window(Window(stream, report))


def inflated_window(window: Window) -> Iterator[bytes]:
    """Inflate a window, as `inflated` does a stream; its first chunk may be loaded already."""
    return (bytes(piece.data) for piece in stored_pieces(window) if piece.data)


def stored_pieces(window: Window) -> Iterator[MemberPiece]:
    """Yield the content of a window as pieces of gzip members or zstd frames; plain bytes never `close`."""
    if not window.view:
        window.refill(0)
    compression = compression_of(bytes(window.view[:4]))
    if compression == "gzip":
        return gzip_pieces(window)
    return _zstd(window) if compression == "zstd" else _plain(window)


def compression_of(head: bytes) -> str:
    """Return the compression of an object that begins with `head` (4 bytes): `gzip`, `zstd` or `plain`.

    A shorter `head` is the whole object, and may be a cut magic number.
    """
    if head and GZIP_MAGIC.startswith(head[:3]):
        return "gzip"
    skippable = len(head) == 4 and 0x50 <= head[0] <= 0x5F and head[1:] == b"\x2a\x4d\x18"
    return "zstd" if (len(head) > 1 and ZSTD_MAGIC.startswith(head)) or skippable else "plain"


def _plain(window: Window) -> Iterator[MemberPiece]:
    window.report.unchecked = "plain"
    while True:
        yield MemberPiece(window.base, len(window.view), bytes(window.view), not window.base, False)
        if window.refill(len(window.view)) is None:
            return


def _zstd(window: Window) -> Iterator[MemberPiece]:
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_MAX_WINDOW)
    frame, frame_start, at = context.decompressobj(), window.base, 0
    idle = False
    while True:
        if at >= len(window.view):
            if window.refill(len(window.view)) is None:
                break
            at = 0
        opens = window.base + at == frame_start
        if opens:
            while len(window.view) - at < ZSTD_HEAD_BYTES and (fell := window.refill(at)) is not None:
                at -= fell
            head = bytes(window.view[at : at + ZSTD_HEAD_BYTES])
            if head.startswith(ZSTD_MAGIC) and not head[-1] & ZSTD_CHECKSUM:
                window.report.unchecked = "zstd"
        fed = window.view[at : at + ZSTD_SLICE_BYTES]
        try:
            data = frame.decompress(fed)
        except zstandard.ZstdError as error:
            if not (idle and _is_padding(window, at)):
                why = str(error).rpartition(": ")[2]
                window.report.unverified = True
                window.report.add_defect(
                    f"zstd frame cannot be read: {why}; nothing after it could be read", frame_start
                )
            return
        at += len(fed) - len(frame.unused_data)
        if data or frame.eof:
            yield MemberPiece(frame_start, window.base + at - frame_start, data, opens, frame.eof)
        idle = frame.eof
        if frame.eof:
            frame, frame_start = context.decompressobj(), window.base + at
    if not idle:
        window.report.add_defect("zstd frame cannot be read: it is cut", frame_start)


def lines(chunks: Iterable[bytes], report: ReadReport, max_line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield (index from 0, line without its `\\n`); the last line needs no `\\n`.

    A line longer than `max_line_bytes` is a defect: left out, but counted, and never in memory as a whole.
    """
    for index, _, line in placed_lines(chunks, max_line_bytes):
        if line is None:
            report.add_defect(f"line longer than {max_line_bytes:,} bytes, not read", index, "line")
        else:
            yield index, line


def placed_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[tuple[int, int, bytes | None]]:
    """Yield (index from 0, byte offset, line without its `\\n`); None for a line that is too long."""
    index, offset, held, held_bytes = 0, 0, list[bytes](), 0
    # A file of 1 MB may contain a billion blank lines: a list of all lines of a chunk must be bounded.
    slices = (chunk[at : at + SPLIT_BYTES] for chunk in chunks for at in range(0, len(chunk), SPLIT_BYTES))
    for part in slices:
        *complete, rest = part.split(b"\n")
        for line in complete:
            size = held_bytes + len(line)
            joined = b"".join((*held, line)) if held else line
            # Before the yield: the line would be in memory twice while its reader works.
            held.clear()
            yield index, offset, joined if size <= max_line_bytes else None
            index, offset, held_bytes = index + 1, offset + size + 1, 0
        held_bytes += len(rest)
        if held_bytes > max_line_bytes:
            held.clear()
        elif rest:
            held.append(rest)
    if held_bytes:
        yield index, offset, b"".join(held) if held_bytes <= max_line_bytes else None

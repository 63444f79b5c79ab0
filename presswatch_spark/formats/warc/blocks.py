"""How a shard of records is read: inflated pieces are joined into blocks for the kernel; records go out."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np

from presswatch_spark.errors import CorruptError
from presswatch_spark.formats.inflate import (
    Gate,
    MemberPiece,
    Window,
    compression_of,
    gzip_pieces,
    inflated_window,
)
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import as_languages, as_time
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records
from presswatch_spark.formats.warc.fields import block_is_declared, header_fields
from presswatch_spark.model import Bytes, Locator, Offsets, ReadReport, RecordEncoding
from presswatch_spark.storage.objects import ObjectInfo, Stream

ROOM_BYTES = 5 << 20

# How many bytes one stored byte can stand for (RFC 1951: 258 for two bits; RFC 8878: 128 KiB for four bytes).
MOST_INFLATED = {"plain": 1, "gzip": 1032, "zstd": 32 << 10}
UNKNOWN_BYTES = 1 << 45
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class InflatedBlock:
    """Consecutive inflated bytes of a shard.

    `data` uint8 (n,); `base`: its offset in the inflated shard. `runs` int64 (m,): where gzip members begin,
    or what is here of them; `states` uint8 (m,): see `records`; `offsets`, `lengths` int64 (m,): where the
    members lie in the file; `inflated` int64 (m,): offsets of the runs in the inflated shard, of which a gate
    may have left members out. `opened`: whether the first run is a member from its start. `encoding`: of the
    shard.
    """

    data: Bytes
    base: int
    runs: Offsets
    states: Bytes
    offsets: Offsets
    lengths: Offsets
    inflated: Offsets
    opened: bool
    encoding: str

    def place(self, at: int) -> tuple[int, str]:
        """Return offset and unit of a defect at `at`: of the member that begins there, or of the byte."""
        run = int(np.searchsorted(self.runs, at, "right")) - 1
        if self.encoding == "gzip" and self.runs[run] == at and (run > 0 or self.opened):
            return int(self.offsets[run]), "byte"
        return self._inflated_at(at), "byte" if self.encoding == "plain" else "inflated byte"

    def place_of(self, row: Offsets) -> tuple[int, str]:
        """Return offset and unit of a defect of a record."""
        return self.place(int(row[warc.START]))

    def url_of(self, row: Offsets) -> bytes:
        """Return the URL of a record."""
        return self.data[row[warc.URI] : row[warc.URI_END]].tobytes()

    def header_of(self, row: Offsets) -> bytes:
        """Return the header of a record, with the blank line that ends it."""
        return self.data[row[warc.START] : row[warc.BODY]].tobytes()

    def body_of(self, row: Offsets) -> memoryview:
        """Return the body of a record, as a view."""
        return self.data[row[warc.BODY] : row[warc.BODY_END]].data

    def stored_at(self, start: int, end: int) -> tuple[int, int, RecordEncoding]:
        """Return offset, length and encoding (see `Locator`) of the record in [start, end)."""
        member = self._member_of(start, end)
        if member is not None:
            return int(self.offsets[member]), int(self.lengths[member]), "gzip"
        return self._inflated_at(start), end - start, "plain" if self.encoding == "plain" else "inflated"

    def is_member(self, row: Offsets) -> bool:
        """Return True if a record is all that a verified gzip member holds."""
        return self._member_of(int(row[warc.START]), int(row[warc.END])) is not None

    def _inflated_at(self, at: int) -> int:
        run = int(np.searchsorted(self.runs, at, "right")) - 1
        return int(self.inflated[run] - self.runs[run]) + at

    def _member_of(self, start: int, end: int) -> int | None:
        """Return the index of the run that is a verified gzip member of just the record in [start, end)."""
        run = int(np.searchsorted(self.runs, start, "right")) - 1
        run_end = int(self.runs[run + 1]) if run + 1 < len(self.runs) else len(self.data)
        alone = end == run_end and not self.data[self.runs[run] : start].tobytes().strip(b"\r\n")
        whole = self.states[run] == records.CLOSED and (run > 0 or self.opened)
        return run if self.encoding == "gzip" and alone and whole else None


class _BlockBuilder:
    """Collects pieces until a block is made, and keeps the bytes that the kernel is not done with.

    A piece is copied while the cache still holds it: a third cheaper than to keep all pieces and join them.
    """

    def __init__(self, encoding: str, base: int, begins: Callable[[bytes], bool]) -> None:
        self.size = 0
        self._encoding = {"zstd": "inflated"}.get(encoding, encoding)
        self._begins = begins
        # Offset in the inflated shard of what is added next.
        self._next = base
        self._buffer, self._start = _buffer(0), 0
        # Of every run; lists of numbers, which the garbage collector need not walk. `_opened`: of the first.
        self._starts: list[int] = []
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        self._closed: list[bool] = []
        self._inflated: list[int] = []
        self._beyond = 0
        self._opened = False

    def add(self, piece: MemberPiece) -> None:
        offset, length, data, opens, closes, before = piece
        self._next += before
        if self._beyond:
            data, opens = self._passed_over(bytes(data), opens)
            if not data:
                return
        size = self.size
        if opens or not self._starts:
            if not self._starts:
                self._opened = opens
            self._starts.append(size)
            self._offsets.append(offset)
            self._lengths.append(length)
            self._closed.append(closes)
            self._inflated.append(self._next)
        else:
            self._lengths[-1], self._closed[-1] = length, closes
        end = size + len(data)
        if self._start + end > len(self._buffer):
            self._move(end)
        start = self._start
        self._buffer[start + size : start + end] = data
        self.size = end
        self._next += len(data)

    def _passed_over(self, data: bytes, opens: bool) -> tuple[bytes, bool]:
        """Return the rest of a piece, and whether a member begins with it."""
        if opens and self._begins(data):
            self._beyond = 0
            return data, opens
        passed = min(self._beyond, len(data))
        self._next += passed
        self._beyond -= passed
        return data[passed:], opens and not passed

    def block(self, *, final: bool) -> InflatedBlock:
        if not self._starts:
            # A block has one run at least.
            self._opened, self._closed = False, [False]
            self._starts, self._offsets, self._lengths, self._inflated = [self.size], [0], [0], [self._next]
        states = np.where(self._closed, records.CLOSED, records.BROKEN_RUN).astype(np.uint8)
        if not self._closed[-1] and not final:
            states[-1] = records.OPEN
        elif self._encoding != "gzip":
            states[-1] = records.CLOSED
        return InflatedBlock(
            data=np.frombuffer(self._buffer, np.uint8, self.size, self._start),
            base=self._inflated[0],
            runs=np.array(self._starts, np.int64),
            states=states,
            offsets=np.array(self._offsets, np.int64),
            lengths=np.array(self._lengths, np.int64),
            inflated=np.array(self._inflated, np.int64),
            opened=self._opened,
            encoding=self._encoding,
        )

    def drop(self, done: int, beyond: int) -> None:
        """Drop the first `done` bytes. Blocks that were given stay as they are.

        If all are dropped, `beyond` more bytes to come are skipped, up to a member that begins with a record.
        The rest moves to a new buffer once it is less than what was dropped: copying stays linear.
        """
        gone = bisect_right(self._starts, done) - 1 if done < self.size else len(self._starts)
        if gone < len(self._starts):
            self._opened = self._starts[gone] == done and (gone > 0 or self._opened)
            self._inflated[gone] += max(0, done - self._starts[gone])
        self._starts = [max(0, start - done) for start in self._starts[gone:]]
        for column in (self._offsets, self._lengths, self._closed, self._inflated):
            del column[:gone]
        self._beyond = beyond
        self._start += done
        self.size -= done
        if self.size <= self._start:
            self._move(self.size)

    def _move(self, needed: int) -> None:
        held = self._buffer[self._start : self._start + self.size]
        self._buffer, self._start = _buffer(needed), 0
        self._buffer[: self.size] = held


def _buffer(needed: int) -> memoryview:
    """Return a buffer, not zeroed: bytes that are never written cost nothing."""
    return np.empty(needed + max(needed, ROOM_BYTES), np.uint8).data


_DAMAGES: Mapping[int, str] = {
    warc.LENGTH: "length",
    warc.HEADER: "header",
    warc.VERSION: "header",
    warc.SOUGHT: "boundary",
}


def record_locator(block: InflatedBlock, row: Offsets, release: str | None) -> Locator:
    """Return the pointer to a record, with the facts of its header.

    The digest of a response's block covers head and payload: it is no payload digest. A record that no gzip
    member of its own has verified is compared with that digest.
    """
    header = header_fields(block.header_of(row))
    of_block = None if row[warc.KIND] == warc.RESPONSE else header.get("warc-block-digest")
    offset, length, encoding = block.stored_at(int(row[warc.START]), int(row[warc.END]))
    damage = _DAMAGES.get(int(row[warc.DAMAGE]))
    if damage is None and encoding != "gzip" and row[warc.STATUS] != records.ERRATUM:
        damage = "digest" if block_is_declared(header, block.body_of(row)) is False else None
    return Locator(
        record_id=header.get("warc-record-id"),
        record_offset=offset,
        record_length=length,
        record_encoding=encoding,
        payload_digest=header.get("warc-payload-digest") or of_block,
        captured_at=as_time(header.get("warc-date")),
        languages=as_languages(header.get("warc-identified-content-language")),
        release=release,
        damage=damage,
    )


class PieceReader(ABC, Generic[RecordT]):
    """Reads one shard. A format names its records, recognises their beginning, and finds them.

    `kind`: of its records, in messages. `head_bytes`: how much of a file shows whether a record begins it.
    `name`, `remedy`: of the format, and what to do about a shard of another one. `blocks` holds the pieces
    read so far; `room`: the shard holds no more than so many bytes, inflated. `gate`: which gzip members are
    passed over without being inflated, if any are.
    """

    kind: ClassVar[str]
    head_bytes: ClassVar[int]
    name: str
    remedy: str
    blocks: _BlockBuilder
    room: int

    def __init__(
        self, shard: ObjectInfo, options: ReadOptions, report: ReadReport, begins: Callable[[bytes], bool]
    ) -> None:
        self.shard = shard
        self.options = options
        self.report = report
        self.needed = options.batch_bytes
        self.gate: Gate | None = None
        self._begins = begins

    def read(self, stream: Stream) -> Iterator[RecordT]:
        """Yield the records of `stream`: all of the shard, or a part that begins with a record.

        `CorruptError` if it is of another format.
        """
        window = Window(stream, self.report)
        if window.refill(0) is None:
            self.report.add_defect("the shard is empty", 0)
            return
        compression = compression_of(bytes(window.view[:4]))
        if compression == "plain" and not self._begins(bytes(window.view[: self.head_bytes])):
            compression = "gzip"
        blocks = _BlockBuilder(compression, window.base if compression == "plain" else 0, self._begins)
        self.blocks = blocks
        self.room = MOST_INFLATED[compression] * (self.shard.size or UNKNOWN_BYTES)
        pieces = (
            gzip_pieces(window, self.report, self._begins, self.gate)
            if compression == "gzip"
            else (MemberPiece(0, 0, data, False, False) for data in inflated_window(window, self.report))
        )
        begun, is_empty = False, True
        for piece in pieces:
            if not begun:
                is_empty &= piece.closes and not piece.data
                begun = bool(piece.data)
                if begun and not self._begins(bytes(piece.data[: self.head_bytes])):
                    raise self.refusal(f"does not hold {self.kind} records")
            blocks.add(piece)
            if blocks.size >= self.needed:
                yield from self.ready(final=False)
        if is_empty and not self.report.defects_total:
            self.report.add_defect("the shard is empty", 0)
            return
        if not begun:
            raise self.refusal(f"holds nothing that can be read as {self.kind} records")
        yield from self.ready(final=True)

    @abstractmethod
    def ready(self, *, final: bool) -> Iterator[RecordT]:
        """Yield the records in the pieces in `blocks` so far; `final`: no more will come."""

    def refusal(self, what: str) -> CorruptError:
        """Return the error of a shard that is of another format; `what` shows it."""
        return CorruptError(
            f"the shard {what}, so it is not {self.name}",
            where=self.shard.uri,
            remedy=f"{self.remedy}, or choose another --format",
        )

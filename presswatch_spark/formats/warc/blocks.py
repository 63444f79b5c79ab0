"""Inflated pieces joined into blocks for the kernel, and the way back from a record to its place."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from presswatch_spark.formats.inflate.members import Piece
from presswatch_spark.formats.table.values import as_languages, as_time
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records as records
from presswatch_spark.formats.warc.evidence import block_is_declared
from presswatch_spark.formats.warc.fields import begins_with_record, header_fields
from presswatch_spark.model import Bytes, Locator, Offsets

ROOM_BYTES = 5 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive inflated bytes of a shard.

    `data` uint8 (n,); `base`: its offset in the inflated shard; `runs` int64 (m,): where gzip members, or
    what is here of them, begin; `states` uint8 (m,), see `headers`; `offsets`, `lengths` int64 (m,): the
    members' place in the file; `opened`: whether the first run is a member from its start. `encoding`: that
    of the shard.
    """

    data: Bytes
    base: int
    runs: Offsets
    states: Bytes
    offsets: Offsets
    lengths: Offsets
    opened: bool
    encoding: str

    def run_of(self, at: int) -> int:
        """Index of the run that holds position `at`."""
        return int(np.searchsorted(self.runs, at, "right")) - 1

    def place(self, at: int) -> tuple[int, str]:
        """Offset and unit of position `at`, for a defect: of the member that begins there, or of the byte."""
        run = self.run_of(at)
        if self.encoding == "gzip" and self.runs[run] == at and (run > 0 or self.opened):
            return int(self.offsets[run]), "byte"
        return self.base + at, "byte" if self.encoding == "plain" else "inflated byte"

    def bytes_of(self, row: Offsets) -> bytes:
        """Header and body of a record."""
        return self.data[row[warc.START] : row[warc.BODY_END]].tobytes()

    def stored_at(self, start: int, end: int) -> tuple[int, int, str]:
        """Offset, length and encoding (see `Locator`) of the record in [start, end)."""
        member = self._member_of(start, end)
        if member is not None:
            return int(self.offsets[member]), int(self.lengths[member]), "gzip"
        return self.base + start, end - start, "plain" if self.encoding == "plain" else "inflated"

    def is_member(self, start: int, end: int) -> bool:
        """Whether the record in [start, end) is all that a verified gzip member holds."""
        return self._member_of(start, end) is not None

    def _member_of(self, start: int, end: int) -> int | None:
        """Index of the run that is a verified gzip member with this record and nothing else in it."""
        run = self.run_of(start)
        run_end = int(self.runs[run + 1]) if run + 1 < len(self.runs) else len(self.data)
        alone = end == run_end and not self.data[self.runs[run] : start].tobytes().strip(b"\r\n")
        whole = self.states[run] == records.CLOSED and (run > 0 or self.opened)
        return run if self.encoding == "gzip" and alone and whole else None


class BlockBuilder:
    """Collects pieces until a block is asked for, and keeps what the kernel was not done with.

    A piece is copied while the cache still holds it, so that its memory serves the next one: a third cheaper
    than to keep them all and join them.
    """

    def __init__(
        self, encoding: str, base: int = 0, begins: Callable[[bytes], bool] = begins_with_record
    ) -> None:
        self.size = 0
        self._encoding = {"zstd": "inflated"}.get(encoding, encoding)
        self._base = base
        self._begins = begins
        self._buffer, self._start = _buffer(0), 0
        # Of every run; lists of numbers, which the garbage collector need not walk. `_opened`: of the first.
        self._starts: list[int] = []
        self._offsets: list[int] = []
        self._lengths: list[int] = []
        self._closed: list[bool] = []
        self._beyond = 0
        self._opened = False

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        offset, length, data, opens, closes = piece
        if self._beyond:
            data, opens = self._passed_over(data, opens)
            if not data:
                return
        if opens or not self._starts:
            self._add_run(offset, length, opens, closes)
        else:
            self._lengths[-1], self._closed[-1] = length, closes
        size = self.size
        end = size + len(data)
        if self._start + end > len(self._buffer):
            self._move(end)
        start = self._start
        self._buffer[start + size : start + end] = data
        self.size = end

    def _add_run(self, offset: int, length: int, opens: bool, closes: bool) -> None:
        if not self._starts:
            self._opened = opens
        self._starts.append(self.size)
        self._offsets.append(offset)
        self._lengths.append(length)
        self._closed.append(closes)

    def _passed_over(self, data: bytes, opens: bool) -> tuple[bytes, bool]:
        """What is left of a piece, and whether a member begins with it."""
        if opens and self._begins(data):
            self._beyond = 0
            return data, opens
        passed = min(self._beyond, len(data))
        self._base += passed
        self._beyond -= passed
        return data[passed:], opens and not passed

    def block(self, *, final: bool) -> Block:
        """What is held, as a view; `final`: no more will come."""
        if not self._starts:
            self._add_run(0, 0, False, False)
        states = np.where(self._closed, records.CLOSED, records.BROKEN_RUN).astype(np.uint8)
        if not self._closed[-1] and not final:
            states[-1] = records.OPEN
        elif self._encoding != "gzip":
            states[-1] = records.CLOSED
        return Block(
            data=np.frombuffer(self._buffer, np.uint8, self.size, self._start),
            base=self._base,
            runs=np.array(self._starts, np.int64),
            states=states,
            offsets=np.array(self._offsets, np.int64),
            lengths=np.array(self._lengths, np.int64),
            opened=self._opened,
            encoding=self._encoding,
        )

    def pass_over(self, beyond: int) -> None:
        """Let go of so many bytes to come, up to a member that begins with a record. Nothing is held now."""
        self._beyond = beyond

    def drop(self, done: int) -> None:
        """Let go of the first `done` bytes. What the block shows stays as it is.

        The rest moves elsewhere once it is less than what was let go of: copying stays linear.
        """
        gone = bisect_right(self._starts, done) - 1 if done < self.size else len(self._starts)
        if gone < len(self._starts):
            self._opened = self._starts[gone] == done and (gone > 0 or self._opened)
        self._starts = [max(0, start - done) for start in self._starts[gone:]]
        for column in (self._offsets, self._lengths, self._closed):
            del column[:gone]
        self._base += done
        self._start += done
        self.size -= done
        if self.size <= self._start:
            self._move(self.size)

    def _move(self, needed: int) -> None:
        """Take a new buffer with room for `needed` bytes and more, and copy what is held."""
        held = self._buffer[self._start : self._start + self.size]
        self._buffer, self._start = _buffer(needed), 0
        self._buffer[: self.size] = held


def _buffer(needed: int) -> memoryview:
    """A buffer, not zeroed: what is never written costs nothing."""
    return np.empty(needed + max(needed, ROOM_BYTES), np.uint8).data


@dataclass(frozen=True, slots=True)
class RecordLocators:
    """Builds locators from header bytes, on demand. `rows` int64 (k, COLUMNS)."""

    block: Block
    rows: Offsets
    release: str | None

    def locate(self, i: int) -> Locator:
        """Locator of document i."""
        return record_locator(self.block, self.rows[i], self.release)


_DAMAGES: Mapping[int, str] = MappingProxyType(
    {
        warc.LENGTH: "length",
        warc.HEADER: "header",
        warc.VERSION: "header",
        warc.SOUGHT: "boundary",
    }
)


def record_locator(block: Block, row: Offsets, release: str | None) -> Locator:
    """The pointer to a record, and what its header says.

    Of a response, the digest of the block is that of head and payload together: no payload digest. What no
    gzip member of its own has verified is held against that digest.
    """
    header = header_fields(block.data[row[warc.START] : row[warc.BODY]].tobytes())
    of_block = None if row[warc.KIND] == warc.RESPONSE else header.get("warc-block-digest")
    offset, length, encoding = block.stored_at(int(row[warc.START]), int(row[warc.END]))
    damage = _DAMAGES.get(int(row[warc.DAMAGE]))
    if damage is None and encoding != "gzip" and row[warc.STATUS] != records.ERRATUM:
        stored = block.data[row[warc.BODY] : row[warc.BODY_END]].data
        damage = "digest" if block_is_declared(header, stored) is False else None
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

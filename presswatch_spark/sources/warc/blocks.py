"""Inflated pieces joined into blocks for the kernel, and the way back from a record to its place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from presswatch_spark.inflate.members import Piece
from presswatch_spark.sources.base import Bytes, Locator, Offsets
from presswatch_spark.sources.table.values import as_languages, as_time
from presswatch_spark.sources.warc import headers as warc
from presswatch_spark.sources.warc import records as records
from presswatch_spark.sources.warc.fields import header_fields


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive inflated bytes of a shard.

    `data` uint8 (n,); `base`: its offset in the inflated shard; `runs` int64 (m,): where gzip members, or
    what is here of them, begin; `states` uint8 (m,), see `headers`; `offsets`, `lengths` int64 (m,): the
    members' place in the file; `opened`: whether the first run is a member from its start. `encoding`: that
    of the shard.
    """

    raw: bytes
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
        return self.raw[row[warc.START] : row[warc.BODY_END]]

    def member_of(self, row: Offsets) -> int | None:
        """Index of the run that is a verified gzip member with this record and nothing else in it."""
        start, end = int(row[warc.START]), int(row[warc.END])
        run = self.run_of(start)
        run_end = int(self.runs[run + 1]) if run + 1 < len(self.runs) else len(self.raw)
        alone = end == run_end and not self.raw[self.runs[run] : start].strip(b"\r\n")
        whole = self.states[run] == records.CLOSED and (run > 0 or self.opened)
        return run if self.encoding == "gzip" and alone and whole else None


class BlockBuilder:
    """Collects pieces until a block is asked for, and keeps what the kernel was not done with."""

    def __init__(self, encoding: str) -> None:
        self.size = 0
        self._encoding = {"zstd": "inflated"}.get(encoding, encoding)
        self._base = 0
        self._pieces: list[Piece] = []

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        self._pieces.append(piece)
        self.size += len(piece.data)

    def block(self, *, final: bool) -> Block:
        """Join the pieces held; `final`: no more will come."""
        pieces = self._pieces or [Piece(0, 0, b"", False, False)]
        starts = np.cumsum([0, *(len(piece.data) for piece in pieces)], dtype=np.int64)[:-1]
        opens = np.fromiter((piece.opens for piece in pieces), np.bool_, len(pieces))
        opens[0] = True
        first = np.flatnonzero(opens)
        last = np.append(first[1:], len(pieces)) - 1
        states = np.array(
            [records.CLOSED if pieces[i].closes else records.BROKEN_RUN for i in last], np.uint8
        )
        if not pieces[-1].closes and not final:
            states[-1] = records.OPEN
        elif self._encoding != "gzip":
            states[-1] = records.CLOSED
        raw = b"".join([piece.data for piece in pieces])
        return Block(
            raw=raw,
            data=np.frombuffer(raw, np.uint8),
            base=self._base,
            runs=starts[first],
            states=states,
            offsets=np.array([pieces[i].offset for i in first], np.int64),
            lengths=np.array([pieces[i].length for i in last], np.int64),
            opened=pieces[0].opens,
            encoding=self._encoding,
        )

    def drop(self, done: int) -> None:
        """Let go of the first `done` bytes."""
        self._base += done
        self.size -= done
        kept = 0
        while kept < len(self._pieces) and done >= len(self._pieces[kept].data):
            done -= len(self._pieces[kept].data)
            kept += 1
        del self._pieces[:kept]
        if done:
            cut = self._pieces[0]
            self._pieces[0] = cut._replace(data=cut.data[done:], opens=False)


@dataclass(frozen=True, slots=True)
class WetLocators:
    """Builds locators from header bytes, on demand. `rows` int64 (k, COLUMNS)."""

    block: Block
    rows: Offsets
    release: str | None

    def locate(self, i: int) -> Locator:
        """Locator of document i."""
        row, block = self.rows[i], self.block
        header = header_fields(block.raw[row[warc.START] : row[warc.BODY]])
        member = block.member_of(row)
        if member is not None:
            offset, length, encoding = int(block.offsets[member]), int(block.lengths[member]), "gzip"
        else:
            offset, length = block.base + int(row[warc.START]), int(row[warc.END] - row[warc.START])
            encoding = "plain" if block.encoding == "plain" else "inflated"
        return Locator(
            record_id=header.get("warc-record-id"),
            record_offset=offset,
            record_length=length,
            record_encoding=encoding,
            payload_digest=header.get("warc-payload-digest") or header.get("warc-block-digest"),
            captured_at=as_time(header.get("warc-date")),
            languages=as_languages(header.get("warc-identified-content-language")),
            release=self.release,
        )

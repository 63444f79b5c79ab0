"""Reads shards of records: makes blocks for the kernels from inflated pieces, and reads single headers."""

import hashlib
import re
from abc import ABC, abstractmethod
from base64 import b32decode
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import ClassVar, Generic, TypeVar

import numpy as np

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.locators import Locator, RecordEncoding
from presswatch_spark.core.scan_values import Bytes, Offsets, ReadReport
from presswatch_spark.core.times import record_time
from presswatch_spark.reading import inflate
from presswatch_spark.reading.http.message import BytesLike, parse_message
from presswatch_spark.reading.inflate import MemberPiece
from presswatch_spark.reading.rows.columns import as_languages
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.tombstones import TOMBSTONE_START
from presswatch_spark.reading.warc import records as warc
from presswatch_spark.storage.objects import ObjectInfo, Stream

_FOLD = re.compile(rb"(?<!\r)\r*\n[ \t]+")
HEADER_END = re.compile(rb"\n\r*\n")
# Fields that a header has once.
_DIGESTS = frozenset(("warc-block-digest", "warc-payload-digest"))
_ONCE = _DIGESTS | frozenset(
    (
        "warc-type", "content-length", "warc-target-uri", "warc-record-id", "warc-date", "content-type",
        "warc-identified-content-language",
    )
)  # fmt: skip

_DIGEST = re.compile(r"(?i)(md5|sha-?(?:1|256|512)):([0-9a-f]+|[a-z2-7]+=*)")
_LENGTH = re.compile(r"[0-9]{1,17}")


def begins_with_record(head: bytes) -> bool:
    """Return True if a WARC record begins here."""
    return head.lstrip(b"\r\n").startswith(b"WARC/")


def header_fields(header: bytes) -> dict[str, str]:
    """Return the fields of the WARC header that `header` begins with, by their names in lower case.

    Folded lines are joined. Lines may end with LF, with any number of CRs before it. A field that may occur
    only once, but has two different values, is left out.
    """
    if end := HEADER_END.search(header):
        header = header[: end.start()]
    if b"\n " in header or b"\n\t" in header:
        header = _FOLD.sub(b" ", header)
    fields: dict[str, str] = {}
    seen: dict[tuple[str, str], str] = {}
    contradicted = set[str]()
    # `strip` also removes the CRs before line ends.
    for line in header.split(b"\n")[1:]:
        name_, colon, value_ = line.partition(b":")
        if not line.strip():
            break
        if colon:
            name, value = name_.strip().decode("latin-1").lower(), value_.strip().decode("utf-8", "replace")
            fields[name] = value
            # Some writers give several digests, each by another algorithm.
            algorithm = value.partition(":")[0].lower() if name in _DIGESTS else ""
            if name in _ONCE and seen.setdefault((name, algorithm), value) != value:
                contradicted.add(name)
    for name in contradicted:
        del fields[name]
    return fields


def release_of(warcinfo: bytes) -> str | None:
    """Return the release (`CC-MAIN-…`) that the body of a warcinfo record names as `isPartOf`."""
    return header_fields(b"\n" + warcinfo).get("ispartof") or None


def block_bounds(data: bytes, start: int = 0) -> tuple[int, int] | None:
    """Return where the block of the WARC record at `start` begins, and where it ends by its header.

    None: no uncompressed record begins there, or its header is not complete or has no length.
    """
    head = HEADER_END.search(data, start)
    if head is None or not begins_with_record(data[start : head.end()]):
        return None
    length = header_fields(data[start : head.end()]).get("content-length", "")
    return (head.end(), head.end() + int(length)) if _LENGTH.fullmatch(length) else None


def first_record_type(head: bytes) -> str | None:
    """Return `WARC-Type` of the first record after warcinfo and tombstones; `warcinfo` if none follows.

    None: there is no record.
    """
    seen = None
    while (head := head.lstrip(b"\r\n")).startswith(b"WARC/"):
        seen, bounds = header_fields(head).get("warc-type", "").lower() or seen, block_bounds(head)
        if seen == "metadata" and bounds and head.startswith(TOMBSTONE_START, bounds[0]):
            seen = "warcinfo"
        if seen != "warcinfo" or not bounds:
            break
        head = head[bounds[1] :]
    return seen


def block_is_declared(fields: Mapping[str, str], block: BytesLike) -> bool | None:
    """Return True if a block has the digest that its WARC header declares; None if the header declares none.

    MD5, SHA-1, SHA-256 and SHA-512 are read, in base 16 or 32.
    """
    declared = fields.get("warc-block-digest", "")
    if not _DIGEST.fullmatch(declared):
        return None
    name, declared_bytes = _digest_bytes(declared)
    digest = hashlib.new(name, block, usedforsecurity=False).digest()
    return digest == declared_bytes if len(digest) == len(declared_bytes) else None


def is_other_digest(one: str, other: str) -> bool:
    """Return True if two digests of one algorithm, in base 16 or 32, differ; without a name it is SHA-1."""
    (algorithm, digest), (other_algorithm, other_digest) = map(_digest_bytes, (one, other))
    return algorithm == other_algorithm and digest != other_digest


def _digest_bytes(digest: str) -> tuple[str, bytes]:
    found = _DIGEST.fullmatch(digest if ":" in digest else f"sha1:{digest}")
    if not found:
        return digest.partition(":")[0].lower() if ":" in digest else "sha1", digest.encode()
    name, written = found[1].lower().replace("-", ""), found[2].rstrip("=")
    try:
        if len(written) == 2 * hashlib.new(name, usedforsecurity=False).digest_size:
            return name, bytes.fromhex(written)
        return name, b32decode(written.upper() + "=" * (-len(written) % 8))
    except ValueError:
        return name, written.encode()


def body_is_declared(block: BytesLike) -> bool | None:
    """Return True if an HTTP body is as long as its head declares; None without a body or a length."""
    message = parse_message(block)
    length = message.last("content-length") if message else None
    if message is None or not _LENGTH.fullmatch(length or ""):
        return None
    return len(block) - message.body_at == int(length or "")


# The most bytes that a stored byte inflates to (RFC 1951: 258 for 2 bits; RFC 8878: 128 KiB for 4 bytes).
MOST_INFLATED = {"plain": 1, "gzip": 1032, "zstd": 32 << 10}
UNKNOWN_BYTES = 1 << 45
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class InflatedBlock:
    """Consecutive inflated bytes of a shard, `data` uint8 (n,), from offset `base` of the inflated shard on.

    A run is a gzip member, or the part of it that is here. For m runs: `runs` int64, their beginnings in
    `data`; `states` uint8, see `records`; `offsets`, `lengths` int64, of the members in the file; `inflated`
    int64, offsets in the inflated shard. `opened`: the first run begins with the start of its member.
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
        """Return offset and unit of a defect at `at`: of a member that begins there, else of the byte."""
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
        """Return True if a record is the whole content of a verified gzip member."""
        return self._member_of(int(row[warc.START]), int(row[warc.END])) is not None

    def _inflated_at(self, at: int) -> int:
        run = int(np.searchsorted(self.runs, at, "right")) - 1
        return int(self.inflated[run] - self.runs[run]) + at

    def _member_of(self, start: int, end: int) -> int | None:
        """Return the index of the run that is a verified gzip member of just the record in [start, end)."""
        run = int(np.searchsorted(self.runs, start, "right")) - 1
        run_end = int(self.runs[run + 1]) if run + 1 < len(self.runs) else len(self.data)
        fills_run = end == run_end and not self.data[self.runs[run] : start].tobytes().strip(b"\r\n")
        is_whole = self.states[run] == warc.CLOSED and (run > 0 or self.opened)
        return run if self.encoding == "gzip" and fills_run and is_whole else None


class _BlockBuilder:
    """Collects pieces for blocks, and keeps the bytes that the kernel has not finished."""

    def __init__(self, encoding: str, base: int, begins: Callable[[bytes], bool]) -> None:
        self.size = 0
        self._encoding = {"zstd": "inflated"}.get(encoding, encoding)
        self._begins = begins
        # Offset in the inflated shard of the next piece.
        self._next = base
        # `block` joins the pieces to one.
        self._pieces: list[bytes | bytearray | memoryview] = []
        # Of each run: its start here, offset and length in the file, whether it is closed, and its offset in
        # the inflated shard.
        self._runs: list[tuple[int, int, int, bool, int]] = []
        self._beyond = 0
        self._opened = False

    def add(self, piece: MemberPiece) -> None:
        offset, length, data, opens, closes, before = piece
        self._next += before
        if self._beyond and opens and self._begins(bytes(data)):
            self._beyond = 0
        elif self._beyond:
            skipped = min(self._beyond, len(data))
            self._next += skipped
            self._beyond -= skipped
            data, opens = data[skipped:], opens and not skipped
            if not data:
                return
        size = self.size
        if opens or not self._runs:
            if not self._runs:
                self._opened = opens
            self._runs.append((size, offset, length, closes, self._next))
        else:
            begin, offset, _, _, inflated = self._runs[-1]
            self._runs[-1] = begin, offset, length, closes, inflated
        self._pieces.append(data)
        self.size += len(data)
        self._next += len(data)

    def block(self, *, final: bool) -> InflatedBlock:
        if not self._runs:
            # A block has at least one run.
            self._opened, self._runs = False, [(self.size, 0, 0, False, self._next)]
        runs, offsets, lengths, closed, inflated = np.array(self._runs, np.int64).T.copy()
        states = np.where(closed, warc.CLOSED, warc.BROKEN_RUN).astype(np.uint8)
        if not closed[-1] and not final:
            states[-1] = warc.OPEN
        elif self._encoding != "gzip":
            states[-1] = warc.CLOSED
        self._pieces = [bytearray().join(self._pieces)]
        return InflatedBlock(
            data=np.frombuffer(self._pieces[0], np.uint8),
            base=int(inflated[0]),
            runs=runs,
            states=states,
            offsets=offsets,
            lengths=lengths,
            inflated=inflated,
            opened=self._opened,
            encoding=self._encoding,
        )

    def drop(self, done: int, beyond: int) -> None:
        """Drop the first `done` bytes of the last block.

        If all are dropped, skip the `beyond` bytes that follow, at most up to a member that begins a record.
        """
        gone = len(self._runs)
        if done < self.size:
            gone = bisect_right(self._runs, done, key=itemgetter(0)) - 1
            self._opened = self._runs[gone][0] == done and (gone > 0 or self._opened)
        self._runs = [
            (max(0, begin - done), offset, length, closed, inflated + max(0, done - begin))
            for begin, offset, length, closed, inflated in self._runs[gone:]
        ]
        self._beyond = beyond
        self._pieces = [memoryview(self._pieces[0])[done:]]
        self.size -= done


_DAMAGES: Mapping[int, str] = {
    warc.LENGTH: "length",
    warc.HEADER: "header",
    warc.VERSION: "header",
    warc.BOUNDARY: "boundary",
}


def record_locator(block: InflatedBlock, row: Offsets, release: str | None) -> Locator:
    """Return the pointer to a record; one that is no whole gzip member is compared with its digest."""
    header = header_fields(block.header_of(row))
    # The digest of a response's block covers head and payload: it is no payload digest.
    of_block = None if row[warc.KIND] == warc.RESPONSE else header.get("warc-block-digest")
    offset, length, encoding = block.stored_at(int(row[warc.START]), int(row[warc.END]))
    damage = _DAMAGES.get(int(row[warc.DAMAGE]))
    if damage is None and encoding != "gzip" and row[warc.STATUS] != warc.ERRATUM:
        damage = "digest" if block_is_declared(header, block.body_of(row)) is False else None
    return Locator(
        record_id=header.get("warc-record-id"),
        record_offset=offset,
        record_length=length,
        record_encoding=encoding,
        payload_digest=header.get("warc-payload-digest") or of_block,
        captured_at=record_time(header.get("warc-date")),
        languages=as_languages(header.get("warc-identified-content-language")),
        release=release,
        damage=damage,
    )


class PieceReader(ABC, Generic[RecordT]):
    """Reads one shard. A subclass names its records, recognises their beginning, and finds them.

    `kind`: name of its records in messages. `head_bytes`: bytes that show whether a file begins with one.
    `name`: of the format; `remedy`: for a shard of another format. `blocks`: the pieces read so far. `room`:
    upper bound of the inflated shard's bytes. `gate`: chooses gzip members that are not inflated.
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
        self.gate: inflate.Gate | None = None
        self._begins = begins

    def read(self, stream: Stream) -> Iterator[RecordT]:
        """Yield the records of `stream`: the shard, or a part of it; `CorruptError` if of another format."""
        window = inflate.Window(stream, self.report)
        if window.refill(0) is None:
            self.report.add_defect("the shard is empty", 0)
            return
        compression = inflate.compression_of(bytes(window.view[:4]))
        if compression == "plain" and not self._begins(bytes(window.view[: self.head_bytes])):
            compression = "gzip"
        blocks = _BlockBuilder(compression, window.base if compression == "plain" else 0, self._begins)
        self.blocks = blocks
        self.room = MOST_INFLATED[compression] * (self.shard.size or UNKNOWN_BYTES)
        if compression == "gzip":
            pieces = inflate.gzip_pieces(window, self._begins, self.gate)
        else:
            inflated = inflate.inflated_window(window)
            pieces = (MemberPiece(0, 0, data, False, False) for data in inflated)
        begun, is_empty = False, True
        for piece in pieces:
            if not begun:
                is_empty &= piece.closes and not piece.data
                begun = bool(piece.data)
                if begun and not self._begins(bytes(piece.data[: self.head_bytes])):
                    raise self.refusal(f"contains no {self.kind} records")
            blocks.add(piece)
            if blocks.size >= self.needed:
                yield from self.ready(final=False)
        if is_empty and not self.report.defects_total:
            self.report.add_defect("the shard is empty", 0)
            return
        if not begun:
            raise self.refusal(f"has nothing that can be read as {self.kind} records")
        yield from self.ready(final=True)

    @abstractmethod
    def ready(self, *, final: bool) -> Iterator[RecordT]:
        """Yield the records in `blocks` so far; `final`: no more pieces will come."""

    def refusal(self, what: str) -> CorruptError:
        """Return the error for a shard of another format; `what` is the finding."""
        return CorruptError(
            f"the shard {what}, so it is not {self.name}",
            where=self.shard.uri,
            remedy=f"{self.remedy}, or choose another --format",
        )

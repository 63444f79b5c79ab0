"""The records of rows, read again from their shards, checked, and kept as their bytes lie there.

A record that can be read alone is kept as its range: a gzip member, or a plain record. One that lies in a
longer member is cut out of the inflated file. Of a dataset of rows, the line is kept, or the text of the
cell. What does not read, or is not what its row says, is kept so far as it is there, with the reason.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from presswatch_spark.errors import PresswatchError
from presswatch_spark.evidence.bag import Bag
from presswatch_spark.evidence.verify import json_texts
from presswatch_spark.formats.inflate import GZIP_MAGIC, inflated, placed_lines
from presswatch_spark.formats.warc.fields import begins_with_record
from presswatch_spark.model import ReadReport
from presswatch_spark.pointers.audit import Audit, RowCheck
from presswatch_spark.pointers.checks import NOT_REACHED, Failure, Record, edited, other_declaration
from presswatch_spark.pointers.pointer import Pointer, mirrored
from presswatch_spark.pointers.records import records_at
from presswatch_spark.storage.addresses import other_host
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, ask, open_stream, read_range
from presswatch_spark.storage.uris import printable
from presswatch_spark.tables.declarations import Match, RightsSignal

FOLDER = "data/records"
LINE, CELL, AS_IT_LIES, INFLATED = "line", "cell", "bytes", "inflated"
PARQUET = b"PAR1"
LEFT_ALONE = "the site refuses everything"
ENDINGS = {LINE: ".json", CELL: ".txt", AS_IT_LIES: ".bin"}
HEAD_BYTES = 64
_GZIP_WINDOW = 31
RANGE_MOST, LINE_MOST = 64 << 20, 256 << 20


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """The record of a row as it is in the bag.

    `path`: its file there, None if nothing could be read. `kind`: `gzip`, `plain`, `inflated`, `line`,
    `cell` or `bytes`: a range in which no record reads. `reason`: why it is not what its row says, one of
    `pointers.checks.REASONS`, or None if it is; `detail`: more of that. `file`: the file that it was read
    from, as a printable URI.
    """

    path: str | None = None
    kind: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    reason: str | None = None
    detail: str = ""
    file: str = ""

    @property
    def facts(self) -> dict[str, Any]:
        """Return the columns that are the same wherever the record is read."""
        return {name: getattr(self, name) for name in ("path", "kind", "bytes", "sha256", "reason")}


@dataclass(slots=True)
class Keeper:
    """Reads records by `audit`, and keeps them in a bag; `hear` gets the verdict on each row of `matches`."""

    bag: Bag
    audit: Audit
    hear: Callable[[RowCheck], None] = lambda verdict: None

    def of_rows(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, KeptRecord]:
        """Keep the records of rows of `matches`; return them by `row_sha256`."""
        kept, in_order = dict[str, KeptRecord](), dict[str, list[Match]]()
        for verdict in self._verdicts(map(Match.from_dict, rows)):
            self.hear(verdict)
            found = replace(self._kept(verdict), file=printable(verdict.pointer.uri))
            kept[verdict.row.row_sha256] = found
            if found.kind == CELL:
                in_order.setdefault(verdict.pointer.uri, []).append(verdict.row)
        for uri, some in in_order.items():
            with suppress(PresswatchError):
                # If it cannot be read again, the text is there, and was checked.
                for digest, data, kind in self._as_stored(uri, some, kept):
                    kept[digest] = self._again(data, kind, kept[digest])
        self._forget_unused(kept.values())
        return kept

    def of_signals(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, KeptRecord]:
        """Keep the responses that declare what rows of `rights_signals` say; return them by `row_sha256`."""
        return {row["row_sha256"]: self._declared(RightsSignal.from_dict(row)) for row in rows}

    def _verdicts(self, rows: Iterable[Match]) -> Iterator[RowCheck]:
        """Check rows; those of a site that refuses everything were not reached."""
        left = {row.row_sha256: row for row in rows}
        while left:
            try:
                for verdict in self.audit.verdicts(list(left.values())):
                    del left[verdict.row.row_sha256]
                    yield verdict
                return
            except BlockedError as error:
                refused = _host(error.where)
                blocked = [row for row in left.values() if _host(self._uri(row)) == refused] or [
                    *left.values()
                ]
                for row in blocked:
                    del left[row.row_sha256]
                    pointer = Pointer(self._uri(row), row.record_offset, row.record_length)
                    yield RowCheck(row, pointer, Failure(NOT_REACHED, LEFT_ALONE))

    def _uri(self, row: Match | RightsSignal) -> str:
        return mirrored(row.shard_uri or "", self.audit.mirrors)

    def _kept(self, verdict: RowCheck) -> KeptRecord:
        """Keep what a verdict is about."""
        failure, record = verdict.failure, verdict.record
        if record is None or failure is not None:
            return self._unverified(verdict.pointer, failure or Failure(NOT_REACHED), record)
        return self._put_record(record, None)

    def _unverified(self, pointer: Pointer, failure: Failure, record: Record | None = None) -> KeptRecord:
        """Keep a record that is not what its row says, or the bytes of a range in which no record reads.

        Nothing is kept if another host answers: a redirect may lead to anything.
        """
        start, length = pointer.offset or 0, max(1, pointer.length or 0)
        data = b""
        if failure.detail != LEFT_ALONE and (record or pointer.by_range) and length <= RANGE_MOST:
            with suppress(PresswatchError):
                answer = ask(pointer.uri, start, start + length, self.audit.storage)
                if other := other_host(answer, pointer.uri):
                    return KeptRecord(reason=failure.reason, detail=f"another host answered for it: {other}")
                is_part = answer.status in (200, 206) and not answer.failure and answer.start == start
                data = answer.body if is_part and pointer.by_range else b""
        if record is not None:
            return self._put_record(record, failure)
        if data:
            return self._put(data, AS_IT_LIES, failure)
        return KeptRecord(reason=failure.reason, detail=failure.detail)

    def _as_stored(
        self, uri: str, rows: Sequence[Match], kept: Mapping[str, KeptRecord]
    ) -> Iterator[tuple[str, bytes, str]]:
        """Yield records of a shard that is read in order as they lie there: inflated parts, or lines."""
        storage, by_place = self.audit.storage, dict[Any, list[str]]()
        are_parts = rows[0].record_encoding == INFLATED
        for row in rows:
            place = (row.record_offset, row.record_length) if are_parts else row.row_index
            by_place.setdefault(place, []).append(row.row_sha256)
        if are_parts:
            for place, data in inflated_parts(uri, sorted(by_place), storage):
                yield from ((digest, data, INFLATED) for digest in by_place[place])
        elif read_range(uri, 0, len(PARQUET), storage) != PARQUET:
            for place, data in lines_at(uri, by_place, storage):
                for digest in by_place[place]:
                    if _holds(data, kept[digest].sha256):
                        yield digest, data, LINE

    def _declared(self, row: RightsSignal) -> KeptRecord:
        pointer = Pointer(self._uri(row), row.record_offset, row.record_length, row.record_encoding)
        try:
            options = replace(self.audit.options_of(row.run_id), wants=lambda url: True)
            ((_, outcome),) = records_at([pointer], options)
        except (BlockedError, PresswatchError) as error:
            return KeptRecord(reason=NOT_REACHED, detail=error.what)
        if isinstance(outcome, Failure):
            return self._unverified(pointer, outcome)
        failure = edited(row) or other_declaration(row, outcome)
        return self._unverified(pointer, failure, outcome) if failure else self._put_record(outcome, None)

    def _again(self, data: bytes, kind: str, before: KeptRecord) -> KeptRecord:
        """Keep other bytes of the same record."""
        if hashlib.sha256(data).hexdigest() == before.sha256:
            return before
        failure = Failure(before.reason, before.detail) if before.reason else None
        kept = self._put(data, kind, failure, "" if kind == LINE else _ending(data))
        return replace(kept, file=before.file)

    def _put_record(self, record: Record, failure: Failure | None) -> KeptRecord:
        if record.stored is None:
            return self._put(record.text, CELL, failure)
        return self._put(record.stored, str(record.facts.record_encoding), failure, _ending(record.stored))

    def _put(self, data: bytes, kind: str, failure: Failure | None, ending: str = "") -> KeptRecord:
        sha256 = hashlib.sha256(data).hexdigest()
        path = f"{FOLDER}/{sha256}{ending or ENDINGS.get(kind, '.bin')}"
        self.bag.write(path, data)
        reason, detail = (failure.reason, failure.detail) if failure else (None, "")
        return KeptRecord(path, kind, len(data), sha256, reason, detail)

    def _forget_unused(self, kept: Iterable[KeptRecord]) -> None:
        """Remove texts of cells whose lines are kept."""
        used = {each.path for each in kept}
        for name in self.bag.names(FOLDER):
            if name not in used:
                self.bag.remove(name)


def lines_at(uri: str, numbers: Iterable[int], storage: StorageOptions) -> Iterator[tuple[int, bytes]]:
    """Yield lines of a file, packed or not, by their numbers from 0, without their ends."""
    wanted = set(numbers)
    with open_stream(ObjectInfo(uri), storage) as stream:
        for number, _, line in placed_lines(inflated(stream, ReadReport()), LINE_MOST):
            if number in wanted and line is not None:
                wanted.discard(number)
                yield number, line
            if not wanted:
                return


def inflated_parts(
    uri: str, ranges: Sequence[tuple[int, int]], storage: StorageOptions
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield ranges (offset, length) of an inflated file, sorted ones, with their bytes, in one reading."""
    position, held, left = 0, b"", list(ranges)
    with open_stream(ObjectInfo(uri), storage) as stream:
        for data in inflated(stream, ReadReport()):
            held += data
            while left and left[0][0] + left[0][1] <= position + len(held):
                start, length = left.pop(0)
                yield (start, length), held[start - position : start - position + length]
            needed = max(position, left[0][0]) if left else position + len(held)
            held, position = held[max(0, needed - position) :], min(needed, position + len(held))
            if not left:
                return


def _holds(line: bytes, text_sha256: str | None) -> bool:
    """Whether a line of JSON has a text of this digest."""
    try:
        texts = json_texts(json.loads(line))
        return any(
            hashlib.sha256(each.encode("utf-8", "replace")).hexdigest() == text_sha256 for each in texts
        )
    except (ValueError, RecursionError):
        return False


def _ending(stored: bytes) -> str:
    """Return how the file of a record is to be called, so that tools know it."""
    is_packed = stored[:2] == GZIP_MAGIC[:2]
    head = stored[:HEAD_BYTES]
    if is_packed:
        with suppress(zlib.error):
            head = zlib.decompressobj(_GZIP_WINDOW).decompress(stored, HEAD_BYTES)
    return f"{'.warc' if begins_with_record(head) else '.arc'}{'.gz' if is_packed else ''}"


def _host(uri: str) -> str:
    return uri.partition("://")[2].partition("/")[0]

"""Reads the records of rows again from their shards, checks them, and keeps them in a bag byte by byte.

A record that can be read by itself (one gzip member, or without compression) is kept as its range of the
shard. A record within a longer gzip member is cut out of the inflated file. For a dataset of rows, the line
is kept, or the text of the cell.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from presswatch_spark.claims.selection import Selection
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.evidence.bag import RECORDS, Authority, Bag
from presswatch_spark.legal.evidence.verify import texts_of
from presswatch_spark.query.pointers.audit import Audit, RowCheck, settings_of
from presswatch_spark.query.pointers.fetched_records import Cause, Failure, Record, inflated_parts
from presswatch_spark.query.pointers.pointer import Mirror, Pointer, mirrored, pointer_of
from presswatch_spark.reading.inflate import GZIP_MAGIC, first_member, inflated, placed_lines
from presswatch_spark.reading.rows.parquet_footer import is_parquet
from presswatch_spark.reading.warc.blocks import begins_with_record
from presswatch_spark.storage.addresses import other_host
from presswatch_spark.storage.host_limits import BlockedError, forget_hosts
from presswatch_spark.storage.http_exchanges import Exchange, exchanges_recorded
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, ask, open_stream
from presswatch_spark.tables.declarations import Match, RightsSignal

LINE, CELL, BYTES, INFLATED = "line", "cell", "bytes", "inflated"
ENDINGS = {LINE: ".json", CELL: ".txt"}
SITE_REFUSES = "the site refuses everything"
HEAD_BYTES = 64
MAX_RANGE_BYTES, MAX_LINE_BYTES = 64 << 20, 256 << 20


@dataclass(frozen=True, slots=True)
class BagOrder:
    """The inputs of a bag: claims, and the corpus with which they were made; `command`: for the protocol."""

    selection: Selection
    corpus: Corpus
    mirrors: Sequence[Mirror] = ()
    authorities: Sequence[Authority] = ()
    with_texts: bool = False
    command: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """The record of a row in the bag.

    `path`: its file there, None if nothing could be read. `kind`: `gzip`, `plain`, `inflated`, `line`,
    `cell` or `bytes` (a range without a readable record). `failure`: the difference from its row. `uri`: the
    file that was read. `text`: a file with the text of the page, if that was found.
    """

    path: str | None = None
    kind: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    failure: Failure | None = None
    uri: str = ""
    text: Path | None = None

    @property
    def reason(self) -> str | None:
        """Return the code of the failure, one of `pointers.records.Cause`; None without one."""
        return self.failure.reason if self.failure else None

    @property
    def facts(self) -> dict[str, Any]:
        """Return the columns that do not depend on the place where the record is read."""
        return {name: getattr(self, name) for name in ("path", "kind", "bytes", "sha256", "reason")}


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """The records of a selection in a bag, by `row_sha256` of `matches` (`rows`) and of `rights_signals`."""

    began_at: datetime
    rows: Mapping[str, KeptRecord]
    signals: Mapping[str, KeptRecord]
    exchanges: Sequence[Exchange]


def read_records(order: BagOrder, storage: StorageOptions, bag: Bag, texts: Path) -> ReadRecords:
    """Read the records of a selection and its declarations again; `texts`: a folder for texts of pages."""
    selection = order.selection
    began_at = datetime.now(UTC).replace(microsecond=0)
    forget_hosts()
    audit = Audit(partial(settings_of, selection.store), storage, order.mirrors, order.corpus.text_of)
    reader = _RecordReader(bag, audit, texts)
    with exchanges_recorded() as exchanges:
        rows = reader.rows([row for _, row in sorted(selection.rows.items())])
        signals = {row.row_sha256: reader.declaration(row) for row in selection.signals()}
    return ReadRecords(began_at, rows, signals, exchanges)


@dataclass(slots=True)
class _RecordReader:
    bag: Bag
    audit: Audit
    texts: Path

    def rows(self, rows: Sequence[Match]) -> dict[str, KeptRecord]:
        kept, cells = dict[str, KeptRecord](), dict[str, list[Match]]()
        for check in self._checks(rows):
            uri = check.pointer.uri
            text: Path | None = None
            if check.record is None or check.failure:
                failure = check.failure or Failure(Cause.NOT_REACHED)
                record = self._unverified(check.pointer, failure, check.record)
            else:
                record = self._put_record(check.record)
            # If only the article differs (another corpus), the text of the page is right.
            reason = check.failure and check.failure.reason
            if check.record is not None and reason in (None, Cause.OTHER_ARTICLE):
                text = self.texts / hashlib.sha256(check.record.text).hexdigest()
                text.write_bytes(check.record.text)
            kept[check.row.row_sha256] = replace(record, uri=uri, text=text)
            if record.kind == CELL:
                cells.setdefault(uri, []).append(check.row)

        # Replace texts of cells by their lines or stored bytes; if that fails, the verified text remains.
        for uri, some in cells.items():
            with suppress(PresswatchError):
                for digest, data, kind in self._as_stored(uri, some, kept):
                    before = kept[digest]
                    if hashlib.sha256(data).hexdigest() != before.sha256:
                        stored = self._put(data, kind, before.failure)
                        kept[digest] = replace(stored, uri=uri, text=before.text)
        for name in {*self.bag.names(RECORDS)} - {record.path for record in kept.values()}:
            (self.bag.folder / name).unlink()
        return kept

    def declaration(self, row: RightsSignal) -> KeptRecord:
        try:
            pointer, record, failure = self.audit.declaration(row)
        except PresswatchError as error:
            return KeptRecord(failure=Failure(Cause.NOT_REACHED, error.what))
        if record and not failure:
            return self._put_record(record)
        return self._unverified(pointer, failure or Failure(Cause.UNREADABLE), record)

    def _checks(self, rows: Sequence[Match]) -> Iterator[RowCheck]:
        left = {row.row_sha256: row for row in rows}
        while left:
            try:
                for check in self.audit.verdicts(list(left.values())):
                    del left[check.row.row_sha256]
                    yield check
                return
            except BlockedError as error:
                refused = [row for row in left.values() if site_of(self._uri(row)) == site_of(error.where)]
                for row in refused or list(left.values()):
                    del left[row.row_sha256]
                    failure = Failure(Cause.NOT_REACHED, SITE_REFUSES)
                    yield RowCheck(row, pointer_of(row, self._uri(row)), failure)

    def _uri(self, row: Match | RightsSignal) -> str:
        return mirrored(row.shard_uri or "", self.audit.mirrors)

    def _unverified(self, pointer: Pointer, failure: Failure, record: Record | None = None) -> KeptRecord:
        start, length = pointer.offset or 0, max(1, pointer.length or 0)
        data = b""
        if failure.detail != SITE_REFUSES and (record or pointer.by_range) and length <= MAX_RANGE_BYTES:
            with suppress(PresswatchError):
                answer = ask(pointer.uri, start, start + length, self.audit.storage)
                # Keep nothing from another host: a redirect may lead anywhere.
                if other := other_host(answer, pointer.uri):
                    detail = f"another host answered: {other}"
                    return KeptRecord(failure=Failure(failure.reason, detail))
                is_part = answer.status in (200, 206) and not answer.failure and answer.start == start
                data = answer.body if is_part and pointer.by_range else b""
        if record is not None:
            return self._put_record(record, failure)
        return self._put(data, BYTES, failure) if data else KeptRecord(failure=failure)

    def _as_stored(
        self, uri: str, rows: Sequence[Match], kept: Mapping[str, KeptRecord]
    ) -> Iterator[tuple[str, bytes, str]]:
        storage, by_place = self.audit.storage, dict[Any, list[str]]()
        are_parts = rows[0].record_encoding == INFLATED
        for row in rows:
            place = (row.record_offset, row.record_length) if are_parts else row.row_index
            by_place.setdefault(place, []).append(row.row_sha256)
        if are_parts:
            for place, data in inflated_parts(uri, by_place, storage):
                yield from ((digest, data, INFLATED) for digest in by_place[place])
            return
        if is_parquet(uri, storage):
            return
        with open_stream(ObjectInfo(uri), storage) as stream:
            for number, _, line in placed_lines(inflated(stream, ReadReport()), MAX_LINE_BYTES):
                if number in by_place and line is not None:
                    digests = {hashlib.sha256(text).hexdigest() for text in texts_of(line)}
                    rows_there = by_place.pop(number)
                    yield from ((row, line, LINE) for row in rows_there if kept[row].sha256 in digests)
                if not by_place:
                    return

    def _put_record(self, record: Record, failure: Failure | None = None) -> KeptRecord:
        if record.stored is None:
            return self._put(record.text, CELL, failure)
        return self._put(record.stored, str(record.facts.record_encoding), failure)

    def _put(self, data: bytes, kind: str, failure: Failure | None) -> KeptRecord:
        sha256 = hashlib.sha256(data).hexdigest()
        ending = ".bin" if kind == BYTES else ENDINGS.get(kind)
        if not ending:
            # Tools recognise records of archives by the ending of the file's name.
            member = first_member(data, HEAD_BYTES)
            head = member.data if member else data[:HEAD_BYTES]
            ending = ".warc" if begins_with_record(head) else ".arc"
            ending += ".gz" if data.startswith(GZIP_MAGIC[:2]) else ""
        path = f"{RECORDS}/{sha256}{ending}"
        self.bag.write(path, data)
        return KeptRecord(path, kind, len(data), sha256, failure)


def site_of(uri: str) -> str:
    """Return the host or bucket of a file; empty for a local file."""
    return uri.partition("://")[2].partition("/")[0]

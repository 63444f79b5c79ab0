"""One document, fetched by its row or its pointer, checked, and shown or saved."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from presswatch_spark.ccindex.columns import in_filename
from presswatch_spark.ccindex.lookup import Index
from presswatch_spark.errors import CorruptError, InputError
from presswatch_spark.formats import registry
from presswatch_spark.formats.http.message import to_utf8
from presswatch_spark.formats.source import ReadOptions, every_url
from presswatch_spark.model import ReadReport
from presswatch_spark.pointers.audit import Audit, row_by_digest, table_of
from presswatch_spark.pointers.checks import (
    DAMAGED,
    GONE,
    OTHER_DIGEST,
    OTHER_FACTS,
    OTHER_TEXT,
    OTHER_URI,
    UNREADABLE,
    Failure,
    Record,
    edited,
    other_declaration,
)
from presswatch_spark.pointers.pointer import Mirror, Pointer, mirrored, parse_pointer, pointer_of
from presswatch_spark.pointers.records import (
    inflated_part,
    raw_record,
    readable,
    records_at,
    save,
    warc_of,
)
from presswatch_spark.pointers.upstream import follow, trail_of
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions
from presswatch_spark.storage.uris import canonical, join
from presswatch_spark.tables.declarations import Match, MemberCapture, RightsSignal
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import cell, printable

NAME_COLUMNS = 9
NOTHING = "nothing: the pointer has no sha256 to compare with"
BARE = "add encoding=inflated if offset and length count in the inflated file, as of one gzip member"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document that is the right one; `checked`: the proof of that. `signal`: its declaration.

    `made_into`: of a record that was followed from a row, the pointer of that row's document.
    """

    pointer: Pointer
    record: Record
    options: ReadOptions
    checked: str
    signal: str | None = None
    made_into: Pointer | None = None

    def save(self, path: str) -> str:
        """Write the document to a new file; return a description of its content.

        A record of WET or WARC becomes WARC, in gzip if the name ends so. One of ARC is written as it is
        stored, anything else as its text.

        Raises:
            CorruptError: the record cannot be written as WARC.
            OutputError: the file exists, or cannot be written.
        """
        facts, stored = self.record.facts, self.record.stored
        format = registry.find(facts.dataset)
        if format is None or not format.read_part:
            save(path, self.record.text)
            return "the text"
        if stored is None:
            start, length = facts.record_offset or 0, facts.record_length or 0
            stored = inflated_part(self.pointer.uri, start, length, self.options)
        if not format.is_warc:
            save(path, stored)
            return f"the {format.title} record, as it is stored"
        save(path, warc_of(stored, packed=path.endswith(".gz")))
        return "the record as WARC"


def for_row(
    tables: str, prefix: str, storage: StorageOptions, mirrors: Sequence[Mirror], base: str
) -> Fetched:
    """Fetch the record of the row of `tables` whose digest begins with `prefix`.

    It is the document of a row of `matches`, the response of a row of `rights_signals`, the record of a row
    of `captures`.

    Args:
        base: the files of `captures` are relative to it.

    Raises:
        InputError: there is no such row, or several, or it names no file.
        CorruptError: the record is not as the row says.
    """
    store = TableStore.open(tables, storage)
    audit = Audit(store, storage, mirrors)
    row = row_by_digest(store, prefix)
    if isinstance(row, RightsSignal):
        return _declaring(row, audit)
    if isinstance(row, MemberCapture):
        return _captured(row, base, mirrors, storage)
    (verdict,) = audit.verdicts([row])
    damage = verdict.failure if verdict.failure and verdict.failure.reason == DAMAGED else None
    if verdict.record is None or (verdict.failure and not damage):
        raise _refused(verdict.pointer, verdict.failure)
    checked = f"row {row.row_sha256}: its digest; URL, record id, digests and text of the document"
    if damage:
        checked += f". But it is a {damage}"
    return Fetched(verdict.pointer, verdict.record, audit.options_of(row.run_id), checked)


def upstream_of(
    tables: str,
    prefix: str,
    storage: StorageOptions,
    mirrors: Sequence[Mirror],
    base: str,
    index: str | None,
) -> Fetched:
    """Fetch the record of the web archive that the row of `tables` with a digest was made from.

    Args:
        base: names of Common Crawl's files are relative to it.
        index: the address of an index of captures; see `ccindex.lookup.Index`.

    Raises:
        InputError: there is no such row, or nothing leads from it to a record.
        CorruptError: the row's document, or the record, is not as the row says.
        StorageError: the file or the index cannot be reached.
    """
    store = TableStore.open(tables, storage)
    audit = Audit(store, storage, mirrors)
    row = row_by_digest(store, prefix)
    if not isinstance(row, Match):
        raise InputError(
            f"a row of {table_of(row)} is of a record itself",
            where=row.row_sha256,
            remedy="fetch it without --upstream",
        )
    asked = Index(index, storage, base) if index else None
    # A row that leads nowhere is refused before anything is read.
    trail = trail_of(row, b"", base, mirrors, storage, asked)
    (verdict,) = audit.verdicts([row])
    if verdict.record is None or verdict.failure:
        raise _refused(verdict.pointer, verdict.failure)
    pointer, record, checked = follow(replace(trail, text=verdict.record.text))
    known = f"row {row.row_sha256}: its digest and its document; {checked}"
    return Fetched(pointer, record, trail.options, known, made_into=verdict.pointer)


# Column of a row of `captures`, fact of its record, and why the row fails if they differ.
COMPARED = (
    ("url", "document_url", OTHER_URI),
    ("payload_digest", "payload_digest", OTHER_DIGEST),
    ("captured_at", "captured_at", OTHER_FACTS),
    ("http_status", "http_status", OTHER_FACTS),
)


def _captured(row: MemberCapture, base: str, mirrors: Sequence[Mirror], storage: StorageOptions) -> Fetched:
    name, offset, length = row.warc_filename, row.record_offset, row.record_length
    if not name or offset is None or length is None:
        raise InputError("the index named no WARC file for this capture", where=row.row_sha256)
    if ".." in name.split("/"):
        raise InputError("the row names a file outside of its release", where=row.row_sha256)
    pointer = Pointer(mirrored(join(canonical(base), name), mirrors), offset, length)
    if failure := edited(row):
        raise _refused(pointer, failure)

    options = ReadOptions(storage=storage)
    outcome = raw_record(pointer, options)
    if isinstance(outcome, Failure):
        # ARC has other records.
        ((_, document),) = records_at([pointer], options)
        if isinstance(document, Failure):
            raise _refused(pointer, outcome)
        outcome = document
    for column, fact, reason in COMPARED:
        indexed, actual = _alike(getattr(row, column)), _alike(getattr(outcome.facts, fact))
        # Headers have no digest, ARC declares none, and a revisit lacks the payload of its digest.
        is_known = actual is not None or fact in ("document_url", "captured_at")
        if indexed is not None and is_known and indexed != actual:
            raise _refused(pointer, Failure(reason, f"`{column}` is another"))

    checked = f"row {row.row_sha256}: its digest; URL, declared digest, time and status of the record"
    declared, computed = outcome.facts.payload_digest, outcome.facts.payload_digest_computed
    if declared and computed and _alike(declared) != _alike(computed):
        # Common Crawl's digests are over other bytes in some years: nothing is refused for that.
        checked += "; but its payload has another digest than it declares"
    return Fetched(pointer, outcome, options, checked)


def _alike(value: Any) -> Any:
    # Index and record write times to the second, and digests without or with their algorithm.
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value.removeprefix("sha1:") if isinstance(value, str) else value


def _declaring(row: RightsSignal, audit: Audit) -> Fetched:
    uri = mirrored(row.shard_uri, audit.mirrors)
    pointer = Pointer(uri, row.record_offset, row.record_length, row.record_encoding)
    if failure := edited(row):
        raise _refused(pointer, failure)
    options = replace(audit.options_of(row.run_id), wants=every_url)
    ((_, outcome),) = records_at([pointer], options)
    failure = outcome if isinstance(outcome, Failure) else other_declaration(row, outcome)
    if failure or isinstance(outcome, Failure):
        raise _refused(pointer, failure)
    addressed = f" to {row.agent}" if row.agent else ""
    return Fetched(
        pointer,
        outcome,
        options,
        f"row {row.row_sha256}: its digest; URL, record id, time, status and body; it was read anew",
        f"{row.signal}{addressed}: {row.verdict or 'says nothing on mining or training'}",
    )


def at_pointer(
    text: str, columns: Mapping[str, str], storage: StorageOptions, mirrors: Sequence[Mirror]
) -> Fetched:
    """Fetch the document at a written pointer, or a response without one (robots.txt, a redirect).

    Raises:
        InputError: the text is no pointer.
        CorruptError: nothing can be read there, the text has another SHA-256, or no row of the shard has the
            column that is mapped to `url`.
    """
    asked = parse_pointer(text)
    pointer = replace(asked, uri=mirrored(asked.uri, mirrors))
    # A range does not contain the record that names the release, and with it its errata; its path does.
    release = in_filename(asked.uri).get("release")
    options = ReadOptions(columns=columns, release=release, pdf=True, wants=every_url, storage=storage)
    ((_, outcome),) = records_at([pointer], options)
    format = registry.find(pointer.format)
    of_pages = pointer.format is None or bool(format and format.is_warc and format.responses)
    may_be_any = pointer.row is None and pointer.sha256 is None and of_pages
    if isinstance(outcome, Failure) and outcome.reason in (GONE, UNREADABLE) and may_be_any:
        # It may be no response: revisits, requests and metadata are records, too.
        raw = raw_record(pointer, options)
        outcome = outcome if isinstance(raw, Failure) else raw
    if isinstance(outcome, Failure):
        bare = pointer.by_range and pointer.encoding is None and outcome.reason in (GONE, UNREADABLE)
        raise _refused(pointer, outcome, BARE if bare else "")
    if columns.get("url") and outcome.facts.document_url is None and pointer.row is not None:
        # The whole shard is read: that raises if no row has a column of the mapping.
        shard = ObjectInfo(pointer.uri)
        for _ in registry.format_for(pointer.format or registry.AUTO, shard, options).read(
            options.opener.described(shard), options, ReadReport()
        ):
            pass
    if pointer.sha256 not in (None, hashlib.sha256(outcome.text).hexdigest()):
        raise _refused(pointer, Failure(OTHER_TEXT))
    length = outcome.facts.record_length or 0
    if pointer.length not in (None, length):
        raise _refused(pointer, Failure(OTHER_FACTS, f"the record there has {length:,} bytes"))
    checked = "SHA-256 of the text" if pointer.sha256 else NOTHING
    return Fetched(pointer, outcome, options, checked)


def shown(fetched: Fetched, written: str | None) -> Iterator[str]:
    """Yield lines that cannot steer a terminal: a document's facts, and its text if none was `written`."""
    record, facts = fetched.record, fetched.record.facts
    pointer = pointer_of(facts, fetched.pointer.uri)
    by = "by range" if record.stored is not None else "of the shard, in order"
    kind = record.record_type or ("response" if record.is_bare else None)
    size = f"{len(record.text):,} bytes, SHA-256 {facts.text_sha256}" if facts.text_sha256 else None
    labelled = {
        "document": facts.document_url,
        "captured": facts.captured_at,
        "status": facts.http_status,
        "record id": facts.record_id,
        "declared": facts.payload_digest,
        "computed": facts.payload_digest_computed,
        "charset": facts.charset,
        "languages": ", ".join(facts.languages),
        "record": f"{kind}: no document" if kind else None,
        "content": f"SHA-256 {record.content_sha256}" if record.content_sha256 else None,
        "body" if record.is_bare else "text": size,
        "made by": facts.text_extraction,
        "declares": fetched.signal,
        "made into": fetched.made_into,
        "pointer": pointer,
        "again": pointer.curl,
        "read": f"{record.bytes_read:,} bytes {by}",
        "checked": fetched.checked,
        "written": written,
    }
    yield from (f"{name:<{NAME_COLUMNS}}  {cell(value)}" for name, value in labelled.items() if value)
    if not written:
        yield ""
        yield from map(printable, _content(fetched).splitlines())


def _content(fetched: Fetched) -> str:
    """Return the text of a document; headers and body of a response without one, or with a declaration."""
    record, capture = fetched.record, fetched.record.capture
    if capture is None or not (fetched.signal or record.is_bare):
        return record.text.decode("utf-8", "replace")
    head = "".join(f"{name}: {value}\n" for name, value in capture.headers)
    body = bytes(to_utf8(capture.body, capture.encoding)) if capture.encoding else readable(capture.body)
    return f"{head}\n{body.decode('utf-8', 'replace')}"


def _refused(pointer: Pointer, failure: Failure | None, remedy: str = "") -> CorruptError:
    what = f"not the document that was asked for: {failure}"
    return CorruptError(what, where=str(pointer), remedy=remedy)

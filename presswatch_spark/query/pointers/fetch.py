"""Fetches one document by its row or its pointer, or the record upstream of it; checks, shows or saves it.

The record upstream of a document of a derived dataset is the record of the web archive that it was made from.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from presswatch_spark.core.errors import CorruptError, InputError
from presswatch_spark.core.scan_values import ReadReport, TextString
from presswatch_spark.core.terminal import cell, printable
from presswatch_spark.query.exports import require_new
from presswatch_spark.query.pointers import audit
from presswatch_spark.query.pointers.fetched_records import (
    Cause,
    Failure,
    Record,
    inflated_parts,
    raw_record,
    readable,
    records_at,
)
from presswatch_spark.query.pointers.pointer import (
    COMMON_CRAWL,
    Mirror,
    Pointer,
    mirrored,
    parse_pointer,
    place_named,
    pointer_of,
)
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.http.message import to_utf8
from presswatch_spark.reading.inflate import first_member
from presswatch_spark.reading.source import ReadOptions, every_url
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.reading.warc.records import MAX_HEADER_BYTES
from presswatch_spark.scanning.crawl_index.lookup import RELEASE, Index, IndexedCapture
from presswatch_spark.scanning.releases.release import in_filename
from presswatch_spark.storage import uris
from presswatch_spark.storage.disk import disk_errors, on_disk
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, read_range
from presswatch_spark.storage.uris import canonical, join
from presswatch_spark.tables.declarations import Match, MemberCapture, RightsSignal
from presswatch_spark.tables.store import TableStore

NAME_COLUMNS = 9
NOTHING = "nothing: the pointer has no sha256 to compare with"
BARE = "add encoding=inflated if offset and length count in the inflated file, as of one gzip member"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A fetched and verified document. `checked`: what was compared. `signal`: the declaration in it.

    `made_into`: if the record upstream was fetched, the pointer of the row's document.
    """

    pointer: Pointer
    record: Record
    options: ReadOptions
    checked: str
    signal: str | None = None
    made_into: Pointer | None = None

    def save(self, path: str) -> str:
        """Write records of WET, WARC and ARC as stored, other documents as text; return what was written.

        `OutputError` if there is such a file already, or it cannot be written.
        """
        facts, content, what = self.record.facts, self.record.stored, "the text"
        format = known_formats.find(facts.dataset)
        if format is None or not format.read_part:
            content = self.record.text
        else:
            what = f"the {format.title} record, as it is stored"
        if content is None:
            place = facts.record_offset or 0, facts.record_length or 0
            ((_, content),) = inflated_parts(self.pointer.uri, [place], self.options.storage)
        folder, name = require_new(str(on_disk(path)), StorageOptions())
        with disk_errors(path), folder.new_file(name, private=True) as draft:
            draft.write_bytes(content)
        return what


@dataclass(frozen=True, slots=True)
class Archives:
    """Access to records of web archives; `base` is the folder or URL of Common Crawl's files."""

    base: str
    mirrors: Sequence[Mirror]
    storage: StorageOptions

    def place_of(self, name: str) -> str:
        """Return the present place of a file of Common Crawl."""
        return mirrored(join(canonical(self.base), name), self.mirrors)


def for_row(
    tables: str, prefix: str, archives: Archives, index: str | None = None, *, upstream: bool = False
) -> Fetched:
    """Fetch the record of the row of `tables` whose digest begins with `prefix`.

    The record is the document of a match, the response of a rights signal, or the record of a capture; with
    `upstream`, the record upstream of a match. `index`: lists captures. `InputError` if there is no such row
    or record, `CorruptError` if it differs from the row.
    """
    store = TableStore.open(tables, archives.storage)
    auditor = audit.Audit(partial(audit.settings_of, store), archives.storage, archives.mirrors)
    row = audit.row_by_digest(store, prefix)
    if upstream and not isinstance(row, Match):
        raise _of_archive(f"a row of {audit.table_of(row)}", row.row_sha256)
    if isinstance(row, RightsSignal):
        return _declaring(row, auditor)
    if isinstance(row, MemberCapture):
        return _captured(row, archives)
    # Refuse a row without a trail before reading anything.
    asked = Index(index, archives.storage, archives.base) if index else None
    trail = trail_of(row, archives, asked) if upstream else None
    (verdict,) = auditor.verdicts([row])
    damage = verdict.failure if verdict.failure and verdict.failure.reason == Cause.DAMAGED else None
    if verdict.record is None or (verdict.failure and (trail or not damage)):
        raise _refused(verdict.pointer, verdict.failure)
    if trail:
        pointer, record, checked = follow(trail, verdict.record.text)
        checked = f"row {row.row_sha256}: its digest and its document; {checked}"
        return Fetched(pointer, record, trail.options, checked, made_into=verdict.pointer)
    checked = f"row {row.row_sha256}: its digest; URL, record id, digests and text of the document"
    if damage:
        checked += f". But it is a {damage}"
    facts = verdict.record.facts.with_columns(text_source=row.text_source, text_strings=row.text_strings)
    record = replace(verdict.record, facts=facts)
    return Fetched(verdict.pointer, record, auditor.options_of(row.run_id), checked)


def _captured(row: MemberCapture, archives: Archives) -> Fetched:
    name, offset, length = row.warc_filename, row.record_offset, row.record_length
    if not name or offset is None or length is None:
        raise InputError("the index lists no WARC file for this capture", where=row.row_sha256)
    if ".." in name.split("/"):
        raise InputError("the row points to a file outside its release", where=row.row_sha256)
    pointer = Pointer(archives.place_of(name), offset, length)
    if failure := audit.edited(row):
        raise _refused(pointer, failure)

    options = ReadOptions(storage=archives.storage)
    outcome = raw_record(pointer, options)
    if isinstance(outcome, Failure):
        # The record may be one of ARC, the format before WARC.
        ((_, document),) = records_at([pointer], options)
        if isinstance(document, Failure):
            raise _refused(pointer, outcome)
        outcome = document
    for fact in ("document_url", "payload_digest", "captured_at", "http_status"):
        column = "url" if fact == "document_url" else fact
        indexed, actual = _alike(getattr(row, column)), _alike(getattr(outcome.facts, fact))
        # Some records have no digest or status (ARC, revisits); all have a URL and a time.
        is_known = actual is not None or fact in ("document_url", "captured_at")
        if indexed is not None and is_known and indexed != actual:
            raise _refused(pointer, Failure(audit.COMPARED[fact], f"`{column}` differs"))

    checked = f"row {row.row_sha256}: its digest; URL, declared digest, time and status of the record"
    declared, computed = outcome.facts.payload_digest, outcome.facts.payload_digest_computed
    if declared and computed and _alike(declared) != _alike(computed):
        # In some years, Common Crawl computed digests over other bytes: report the difference, do not refuse.
        checked += "; but its payload differs from its declared digest"
    return Fetched(pointer, outcome, options, checked)


def _alike(value: Any) -> Any:
    # Compare times to the second, and digests without their algorithm, which an index leaves out.
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value.removeprefix("sha1:") if isinstance(value, str) else value


def _declaring(row: RightsSignal, auditor: audit.Audit) -> Fetched:
    pointer, record, failure = auditor.declaration(row)
    if record is None or failure:
        raise _refused(pointer, failure)
    addressed = f" to {row.agent}" if row.agent else ""
    return Fetched(
        pointer,
        record,
        auditor.options_of(row.run_id),
        f"row {row.row_sha256}: its digest; URL, record id, time, status and body; it was read again",
        f"{row.signal}{addressed}: {row.verdict or 'states nothing on mining or training'}",
    )


def at_pointer(
    text: str, columns: Mapping[str, str], storage: StorageOptions, mirrors: Sequence[Mirror]
) -> Fetched:
    """Fetch the document at a written pointer, or a response without a document (robots.txt, a redirect).

    `InputError` if the text is no pointer, `CorruptError` if no document is there, or no row has the column
    that `columns` gives for `url`.
    """
    asked = parse_pointer(text)
    pointer = replace(asked, uri=mirrored(asked.uri, mirrors))
    # The release selects errata. The record that names it is outside of the range, but the path names it.
    release = in_filename(asked.uri).get("release")
    options = ReadOptions(columns=columns, release=release, pdf=True, wants=every_url, storage=storage)
    ((_, outcome),) = records_at([pointer], options)
    format = known_formats.find(pointer.format)
    of_pages = pointer.format is None or bool(format and format.is_warc and format.responses)
    may_be_any = pointer.row is None and pointer.sha256 is None and of_pages
    if isinstance(outcome, Failure) and outcome.reason in (Cause.GONE, Cause.UNREADABLE) and may_be_any:
        # The record may be a revisit, a request or metadata.
        raw = raw_record(pointer, options)
        outcome = outcome if isinstance(raw, Failure) else raw
    if isinstance(outcome, Failure):
        bare = pointer.by_range and pointer.encoding is None
        bare &= outcome.reason in (Cause.GONE, Cause.UNREADABLE)
        raise _refused(pointer, outcome, BARE if bare else "")
    if columns.get("url") and outcome.facts.document_url is None and pointer.row is not None:
        # Read the whole shard: its reader raises if no row has a column of the mapping.
        shard = ObjectInfo(pointer.uri)
        for _ in known_formats.format_for(pointer.format or known_formats.AUTO, shard, options).read(
            options.opener.described(shard), options, ReadReport()
        ):
            pass
    if pointer.sha256 not in (None, hashlib.sha256(outcome.text).hexdigest()):
        raise _refused(pointer, Failure(Cause.OTHER_TEXT))
    length = outcome.facts.record_length or 0
    if pointer.length not in (None, length):
        raise _refused(pointer, Failure(Cause.OTHER_FACTS, f"the record there has {length:,} bytes"))
    checked = "SHA-256 of the text" if pointer.sha256 else NOTHING
    return Fetched(pointer, outcome, options, checked)


def shown(fetched: Fetched, written: str | None) -> Iterator[str]:
    """Yield a document's facts as lines, and its text unless it was `written`; control characters escaped."""
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
        "source": None if facts.text_source in (None, "visible") else facts.text_source,
        "strings": "; ".join(map(place_of, facts.text_strings or ())),
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


def place_of(string: TextString) -> str:
    """Return path and bytes [start, end) of a string of embedded text in the decoded page."""
    return f"{string['path'] or '?'} [{string['start']}, {string['end']})"


def _content(fetched: Fetched) -> str:
    record, capture = fetched.record, fetched.record.capture
    if capture is None or not (fetched.signal or record.is_bare):
        return record.text.decode("utf-8", "replace")
    head = "".join(f"{name}: {value}\n" for name, value in capture.headers)
    body = bytes(to_utf8(capture.body, capture.encoding)) if capture.encoding else readable(capture.body)
    return f"{head}\n{body.decode('utf-8', 'replace')}"


def _refused(pointer: Pointer, failure: Failure | None, remedy: str = "") -> CorruptError:
    what = f"not the requested document: {failure}"
    return CorruptError(what, where=str(pointer), remedy=remedy)


# --- the record upstream of a row
#
# A row may name the file of the record and its place there; else an index lists the capture of the row's URL
# at the row's time. Both are only hints: the record must have the row's URL, time and copied words.

FIRST_BYTES = 1 << 18
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CRAWL = re.compile(r"CC-MAIN-[0-9]{4}-[0-9]{2}(?![0-9])")
CAPTURES_READ = 10
"""Most captures of a URL that are read to find the row's record id, if the row has no time."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The statements of a row about its record upstream, and the places to look for it.

    `uri`: the present place of the record's file.
    """

    row: Match
    uri: str | None
    record_id: str | None
    archives: Archives
    index: Index | None

    @property
    def options(self) -> ReadOptions:
        """Return the settings for reading the record, with the release that its path names."""
        release = in_filename(self.uri).get("release")
        return ReadOptions(release=release, pdf=True, wants=every_url, storage=self.archives.storage)


def trail_of(row: Match, archives: Archives, index: Index | None) -> Trail:
    """Return the trail of a row of `matches` to its record upstream; `InputError` if there is none."""
    format, where = known_formats.find(row.dataset), row.row_sha256
    if format and format.responses:
        raise _of_archive("the row", where)
    made_from = known_formats.made_from(row.dataset, row.shard_uri)
    if made_from:
        uri: str | None = mirrored(made_from[1], archives.mirrors)
    else:
        uri = _where(row.upstream_uri, archives) if row.upstream_uri else None
    is_placed = uri is not None and row.upstream_offset is not None
    if not is_placed and (index is None or row.document_url is None):
        named = row.product or row.dataset
        if uri is None and row.upstream_uri and not made_from:
            raise InputError(
                f"the address of its publisher's file is unknown: {uris.shown_uri(row.upstream_uri)}",
                where=where,
                remedy="if you have a copy, pass --mirror FROM=TO",
            )
        if row.document_url is None:
            what = f"rows of {named} contain neither a place in a file nor a URL to find their records by"
            raise InputError(what, where=where)
        raise InputError(
            f"a row of {named} contains no place in an archive's file; an index can find it by its URL",
            where=where,
            remedy=f"pass --index https://index.commoncrawl.org/{RELEASE}-index, or the files of an index",
        )
    # The id of a WET record is not that of its WARC record; `id_of_record` ignores row numbers of datasets.
    named_id = None if made_from else id_of_record(row.record_id)
    if not is_placed and row.captured_at is None and named_id is None:
        raise InputError(
            "the row has neither the time of its capture nor a record id, so it may be of any capture",
            where=where,
        )
    return Trail(row, uri, named_id, archives, index)


def _of_archive(row: str, where: str) -> InputError:
    what = f"{row} already points to a record of an archive"
    return InputError(what, where=where, remedy="fetch it without --upstream")


def id_of_record(text: str | None) -> str | None:
    """Return the id of a WARC record in one spelling (datasets drop brackets); None if it is none."""
    bare = (text or "").strip().removeprefix("<").removesuffix(">").lower()
    uuid = bare.removeprefix("urn:uuid:")
    if _UUID.fullmatch(uuid):
        return uuid
    return bare if bare.startswith("urn:") else None


def _where(named: str, archives: Archives) -> str | None:
    """Return the present place of a file that a row names; None if it is unknown."""
    uri = canonical(named)
    place = place_named(uri, archives.mirrors, archives.storage)
    if place == uri and uri.startswith(COMMON_CRAWL):
        return archives.place_of(uri.removeprefix(COMMON_CRAWL))
    return place


def follow(trail: Trail, text: bytes) -> tuple[Pointer, Record, str]:
    """Return the pointer of the record upstream of a row's document (`text`), the record, and the proof.

    `CorruptError` if no record fits, `StorageError` if the file or the index cannot be reached.
    """
    pointers, why = list[Pointer](), "nothing identifies a record"
    if trail.uri and trail.row.upstream_offset is not None:
        pointers = [pointer_at(trail.uri, trail.row.upstream_offset, trail.options)]
    elif trail.index is not None and trail.row.document_url is not None:
        named = (in_filename(trail.uri).get("release"), trail.row.release, trail.row.shard_uri)
        crawls = (_CRAWL.search(name or "") for name in named)
        crawl = next((match.group() for match in crawls if match), None)
        releases = trail.index.releases_of(crawl, trail.row.captured_at)
        captures = {(each.filename, each.offset): each for each in _listed(trail, trail.index, releases)}
        for each in list(captures.values())[:CAPTURES_READ]:
            pointers.append(Pointer(trail.archives.place_of(each.filename), each.offset, each.length))
        why = "no crawl is known that was made when the row's page was captured"
        if releases:
            asked = " and ".join(filter(None, releases)) or "the index"
            why = f"{asked} lists no capture of the URL at this time"
    failure, where = Failure(Cause.GONE, why), trail.uri or trail.row.document_url or ""
    for pointer in pointers:
        where = str(pointer)
        ((_, outcome),) = records_at([pointer], trail.options)
        if isinstance(outcome, Failure):
            failure = outcome
            continue
        proof = _proof(trail, text, outcome)
        if isinstance(proof, str):
            return pointer, outcome, proof
        failure = proof
    raise CorruptError(f"not the record that the row was made from: {failure}", where=uris.shown_uri(where))


def _listed(trail: Trail, index: Index, releases: Sequence[str]) -> Iterator[IndexedCapture]:
    """Yield the captures of the row's URL that an index lists, at the row's time and in the row's file."""
    at, files = _alike(trail.row.captured_at), None
    if trail.uri:
        # The row may name a WET file; the index lists the WARC file from which it was made.
        format = known_formats.named_like(trail.uri)
        source = format.made_from(trail.uri) if format else None
        files = {each.rpartition("/")[2] for each in (trail.uri, source[1] if source else trail.uri)}
    for release in releases:
        for capture in index.captures([trail.row.document_url or ""], release):
            in_file = files is None or capture.filename.rpartition("/")[2] in files
            if in_file and at in (None, _alike(capture.captured_at)):
                yield capture


def pointer_at(uri: str, offset: int, options: ReadOptions) -> Pointer:
    """Return the pointer of the gzip member at an offset, or of the bytes read if no member ends in them."""
    most = options.max_document_bytes + MAX_HEADER_BYTES
    size, data = FIRST_BYTES, b""
    while len(data) < most:
        more = read_range(uri, offset + len(data), size - len(data), options.storage)
        data += more
        member = first_member(data, most)
        if member is None:
            break
        if member.end is not None:
            return Pointer(uri, offset, member.end)
        if len(data) < size or len(member.data) >= most:
            break
        size = min(4 * size, most)
    return Pointer(uri, offset, max(1, len(data)))


def _proof(trail: Trail, text: bytes, record: Record) -> str | Failure:
    """Return the proof that the row was made from this record, or the first difference."""
    row, facts = trail.row, record.facts
    equal = []
    if row.document_url is not None:
        if facts.document_url != row.document_url:
            return Failure(Cause.OTHER_URI, "its URL differs")
        equal.append("URL")
    if row.captured_at is not None:
        if _alike(facts.captured_at) != _alike(row.captured_at):
            return Failure(Cause.OTHER_FACTS, "it was captured at another time")
        equal.append("time")
    # A row without a file of the archive may have the id of a WET record: then a different id proves nothing.
    is_needed = row.upstream_uri is not None or row.captured_at is None
    if trail.record_id is not None and id_of_record(facts.record_id) == trail.record_id:
        equal.append("record id")
    elif trail.record_id is not None and is_needed:
        return Failure(Cause.OTHER_RECORD, "it has another record id")
    proof = f"{', '.join(equal)} of the record"
    if not row.spans:
        return f"{proof}; the row claims no words"
    document = text.decode("utf-8", "replace")
    there = b"\0" + words_of(record.text).packed
    longest = max(span["words"] for span in row.spans)
    found = found_words = 0
    for span in row.spans:
        passage = document[span["document_start"] : span["document_end"]].encode("utf-8", "replace")
        if b"\0" + words_of(passage).packed in there:
            found, found_words = found + 1, max(found_words, span["words"])
    if found_words < longest:
        return Failure(Cause.OTHER_WORDS, f"its page lacks the longest passage of {longest:,} words")
    passages = f"{found:,} of {len(row.spans):,} copied passages, the longest of {longest:,} words"
    return f"{proof}; {passages}, are in its page"

"""Converts raw responses into findings: whether the requested part of a file came, and the record in it."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from presswatch_spark.core.terminal import printable
from presswatch_spark.core.times import in_same_second
from presswatch_spark.legal.removal.states import Outcome
from presswatch_spark.query.pointers.fetched_records import ZEROS as ZERO_BYTES
from presswatch_spark.query.pointers.fetched_records import Record, raw_record_in, record_in
from presswatch_spark.query.pointers.pointer import Pointer
from presswatch_spark.reading.inflate import GZIP_MAGIC, first_member
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.tombstones import removed_id_in
from presswatch_spark.reading.warc.blocks import block_bounds
from presswatch_spark.storage.addresses import other_host
from presswatch_spark.storage.http_exchanges import clock_ahead
from presswatch_spark.storage.hub import NO_REPOSITORY
from presswatch_spark.storage.objects import RawResponse, StorageOptions, ask, shown_uri
from presswatch_spark.tables.declarations import Match, Probe, Target

PASSING = frozenset({408, 425, 500, 502, 503, 504})
OTHER_BYTES = "its bytes have changed"
NOTHING = hashlib.sha256(b"").hexdigest()
INFLATED_MOST = 64 << 20
HEADERS_CHARACTERS, VALUE_CHARACTERS = 16_384, 256
"""Characters that are kept of all headers of an answer, and of its ETag or Last-Modified."""
_RECORD_END = re.compile(rb"(?:\r?\n){0,2}")


BLANK = Probe.from_dict(
    {
        **dict.fromkeys(Probe.columns),
        **dict.fromkeys(("role", "request", "outcome", "asked_from", "tool_version"), ""),
        **dict.fromkeys(("previous_sha256", "probe_sha256"), ""),
        "number": -1,
        "round": 0,
        "batch": 0,
    }
)
"""A probe without facts: responses, records and findings each set their columns, at last the chain."""
OF_RECORD = (
    "record_offset", "record_length", "row_index", "record_sha256", "record_id", "document_url",
    "text_sha256", "copied_words",
)  # fmt: skip
"""The columns of a probe that come from the record at its place."""


def response_facts(answer: RawResponse, request: str, uri: str) -> Probe:
    """Return a probe with the facts of a response only, to a request for the file at `uri`."""
    answered_by = shown_uri(answer.uri)
    # Escape characters that control a terminal or forge a line.
    headers = "\n".join(printable(f"{name}: {value}") for name, value in answer.headers)
    if len(headers) > HEADERS_CHARACTERS:
        digest = hashlib.sha256(headers.encode("utf-8", "replace")).hexdigest()
        count = f"({len(headers):,} characters, SHA-256 {digest})"
        headers = f"{headers[:HEADERS_CHARACTERS]}\n{count}"
    return BLANK.with_columns(
        asked_at=datetime.fromtimestamp(round(answer.sent_at, 6), UTC),
        clock_offset=clock_ahead(answer.header("Date") or "", answer.sent_at),
        request=request,
        file_uri=shown_uri(uri),
        answered_by=None if answered_by == shown_uri(uri) else printable(answered_by),
        status=answer.status,
        headers=headers or None,
        etag=printable(answer.header("ETag") or "")[:VALUE_CHARACTERS] or None,
        last_modified=printable(answer.header("Last-Modified") or "")[:VALUE_CHARACTERS] or None,
        bytes=size_of(answer),
        body_sha256=hashlib.sha256(answer.body).hexdigest() if answer.body else None,
    )


def lookup_facts(request: str, **columns: str) -> Probe:
    """Return a probe with the facts of a look-up in tables or earlier answers only, at this moment."""
    return BLANK.with_columns(asked_at=datetime.now(UTC), request=request, **columns)


def record_facts(record: Record) -> Probe:
    """Return a probe with the facts of a record only."""
    sha256 = None if record.stored is None else hashlib.sha256(record.stored).hexdigest()
    text_sha256 = record.facts.text_sha256 or None
    return row_facts(record.facts).with_columns(
        text_sha256=text_sha256, record_sha256=sha256, copied_words=None
    )


def row_facts(row: Match | Probe) -> Probe:
    """Return a probe with the facts that a row has of its record only."""
    return BLANK.with_columns(**{name: getattr(row, name, None) for name in OF_RECORD})


def finding(outcome: Outcome, detail: str = "", record: Probe = BLANK) -> Probe:
    """Return a probe with an outcome, its detail in words, and the facts of the record that was found."""
    return record.with_columns(outcome=outcome, detail=detail or None)


def probe_of(role: str, facts: Probe, found: Probe, target: Target | None = None) -> Probe:
    """Return a probe with the facts of a response and of its finding; the chain sets the other columns."""
    return facts.with_columns(
        **{name: getattr(found, name) for name in (*OF_RECORD, "outcome", "detail")},
        role=role,
        target_sha256=None if target is None else target.target_sha256,
    )


@dataclass(frozen=True, slots=True)
class FetchedRange:
    """The part of a file in a response: `data` from `start` on; the whole file has `size` bytes.

    `failure`: the reason why the response does not have the part.
    """

    facts: Probe
    start: int
    data: bytes = b""
    size: int | None = None
    failure: Probe | None = None

    @classmethod
    def of(cls, answer: RawResponse, request: str, uri: str, start: int, end: int) -> "FetchedRange":
        """Return bytes [start, end) of the file at `uri`, as a response to a request has them."""
        facts, part = response_facts(answer, request, uri), part_of(answer, uri, start, end)
        return cls(facts, start, failure=part) if isinstance(part, Probe) else cls(facts, start, *part)

    def at(self, offset: int) -> bytes:
        """Return the bytes from an offset of the file on."""
        return self.data[max(0, offset - self.start) :]


def ask_part(uri: str, start: int, end: int, storage: StorageOptions) -> FetchedRange:
    """Request bytes [start, end) of a file; `BlockedError` if the site refuses more requests."""
    answer = ask(uri, start, end, storage)
    return FetchedRange.of(answer, f"GET {shown_uri(uri)} bytes={start}-{end - 1}", uri, start, end)


def part_of(answer: RawResponse, uri: str, start: int, end: int) -> tuple[bytes, int | None] | Probe:
    """Return bytes [start, end) and size of the file at `uri`, or a finding if a response lacks the bytes."""
    status, size = answer.status, size_of(answer)
    if answer.ours:
        return finding("failed", f"a fault of this program: {answer.failure}")
    if status is None:
        return finding("failed", answer.failure)
    if answer.code == NO_REPOSITORY:
        return finding("denied", "the hub shows no such dataset: it is gone, or private")
    if status in (404, 410):
        if other := other_host(answer, uri):
            return finding("strange", f"another host answered: {other}")
        return finding("missing")
    if status in (401, 403):
        return finding("denied", printable(answer.code)[:VALUE_CHARACTERS])
    if status == 429:
        return finding("limited")
    if status in PASSING:
        return finding("refused", f"status {status}")
    if status == 416:
        return b"", size
    if status not in (200, 206):
        return finding("strange", f"status {status}{': ' * bool(answer.failure)}{answer.failure}")
    if answer.failure:
        return finding("failed", answer.failure)
    if status == 206 and answer.start != start:
        return finding("strange", f"the answer begins at byte {answer.start:,}, not at {start:,}")

    is_chunked = "chunked" in (answer.header("Transfer-Encoding") or "").lower()
    if size is None and status == 200 and is_chunked and 0 < len(answer.body) < end - start:
        # A server without ranges and lengths sent the file to its end, which shows the size.
        size = answer.start + len(answer.body)
    data = answer.body[start - answer.start :] if answer.start <= start else b""
    whole = (min(end, size) if size is not None else end) - start
    if status == 200 and len(data) < whole:
        # Some servers send an error page with status 200.
        return finding("strange", "status 200, but not the requested bytes")
    if len(data) != max(0, whole):
        return finding("strange", f"the answer has {len(data):,} of {whole:,} bytes")
    return data, size


def size_of(answer: RawResponse) -> int | None:
    """Return the size of the file that the headers declare, or None."""
    total = (answer.header("Content-Range") or "").rpartition("/")[2]
    if answer.status == 200:
        total = answer.header("Content-Length") or ""
    return int(total) if total.isdecimal() else None


# The record at a place.


def target_in(part: FetchedRange, target: Target, options: ReadOptions) -> Record | Probe:
    """Return the record with text at a target's place in the part of its file, or a finding if none is there.

    The target can be read by range.
    """
    start, length = target.record_offset or 0, target.record_length or 0
    pointer = Pointer(target.shard_uri, start, length, None, None, target.dataset, target.text_sha256)
    data = part.at(start)
    found = record_in(data, pointer, options)
    if isinstance(found, Record):
        return found
    if (removed_id := removed_id_in(data[:length])) is not None:
        is_of_another = bool(removed_id and target.record_id) and removed_id != target.record_id
        outcome: Outcome = "other_record" if is_of_another else "empty"
        facts = BLANK.with_columns(record_offset=start, record_length=length)
        return finding(outcome, "a tombstone is at its place", facts)
    # A record without text, which scans ignore, still has an id and a URL.
    end = end_of_record(data, 0)
    raw = raw_record_in(data[:end], replace(pointer, length=end), options) if end else found
    if isinstance(raw, Record):
        facts = record_facts(raw).with_columns(text_sha256=None)
        # A target that was resolved by an index has a URL, but no record id.
        is_same = facts.record_id == target.record_id
        if target.record_id is None:
            is_same = target.document_url is not None and facts.document_url == target.document_url
        if not is_same:
            return finding("other_record", record=facts)
        if raw.content_sha256 != NOTHING:
            detail = "the record has content, and no text that a scan reads"
            return finding("unreadable", detail, facts)
        if data[end:length].strip(b"\0"):
            return finding("unreadable", "other bytes follow an empty record", facts)
        return finding("empty", record=facts)
    if not data:
        return finding("beyond", "the file ends before it")
    return finding("zeros" if found.detail == ZERO_BYTES else "unreadable", found.detail)


def compared(target: Target, record: Record) -> Probe:
    """Compare a record that has text with a target, and return the finding."""
    facts = record_facts(record)
    if target.text_sha256 is None:
        # The target was resolved by an index: its record is that of the same URL in the same second.
        is_at = in_same_second(record.facts.captured_at, target.captured_at)
        is_capture = is_at and facts.document_url == target.document_url
        return finding("same" if is_capture else "other_record", record=facts)
    same_text = facts.text_sha256 == target.text_sha256
    same_id = target.record_id is not None and facts.record_id == target.record_id
    # Rows of derived datasets have no record id: there the URL identifies the document.
    same_url = target.document_url is not None and facts.document_url == target.document_url
    is_same = same_id or (target.record_id is None and same_url)
    if same_text and (is_same or same_url or target.document_url is None):
        return finding("same", record=facts)
    if same_text:
        return finding("elsewhere", "its text is there under another URL", facts)
    if is_same:
        return finding("other_text", record=facts)
    return finding("other_record", record=facts)


def control_in(part: FetchedRange, start: int, end: int, known: str | None, *, is_new: bool = False) -> Probe:
    """Return the finding for a control: the record at [start, end), whose bytes had the SHA-256 `known`.

    `is_new`: the file has a new version, in which records may have moved.
    """
    data = part.at(start)[: end - start]
    sha256 = hashlib.sha256(data).hexdigest()
    facts = BLANK.with_columns(record_offset=start, record_length=end - start, record_sha256=sha256)
    if len(data) < end - start:
        return finding("beyond", "the file ends before it", facts)
    if known in (None, sha256) and end_of_record(data, 0) is not None:
        raw = raw_record_in(data, Pointer("", start, end - start), ReadOptions())
        url = raw.facts.document_url if isinstance(raw, Record) else None
        return finding("same", record=facts.with_columns(document_url=url))
    if known is None or not data.strip(b"\0"):
        return finding("unreadable", "no record begins there", facts)
    return finding("rewritten" if is_new else "other_record", OTHER_BYTES, facts)


# Bounds of records in a part of a file: a record is one gzip member, or a WARC record without compression.


def end_of_record(data: bytes, start: int) -> int | None:
    """Return the end of the record at `start`; None if no record begins there, or the data end before it."""
    if data.startswith(GZIP_MAGIC, start):
        member = first_member(data[start:], INFLATED_MOST)
        return None if member is None or member.end is None else start + member.end
    bounds = block_bounds(data, start)
    if bounds is None or len(data) < bounds[1]:
        return None
    closing = _RECORD_END.match(data, bounds[1])
    return closing.end() if closing else None


def start_of_record_before(data: bytes, end: int) -> int | None:
    """Return the start of the record that ends at `end`; None if the data contain no whole one."""
    for magic in (GZIP_MAGIC, b"WARC/"):
        at = data.rfind(magic, 0, end)
        while at >= 0:
            if end_of_record(data[:end], at) == end:
                return at
            at = data.rfind(magic, 0, at)
    return None

"""What an answer says: is it the part of the file that was asked for, and what record stands in it?"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.checks import Record
from presswatch_spark.pointers.documents import ZEROS, record_in
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.pointers.raw import raw_record_in
from presswatch_spark.removal import states
from presswatch_spark.removal.bounds import end_of_record
from presswatch_spark.removal.remains import remains_of_damaged, remains_of_empty
from presswatch_spark.show import printable as harmless
from presswatch_spark.storage.addresses import other_host
from presswatch_spark.storage.exchanges import clock_ahead
from presswatch_spark.storage.hub import NO_REPOSITORY
from presswatch_spark.storage.objects import RawResponse, printable

Row = Mapping[str, Any]

PASSING = frozenset({408, 425, 500, 502, 503, 504})
_SECOND = "%Y%m%d%H%M%S"
OTHER_BYTES = "its bytes are others than before"
NOTHING = hashlib.sha256(b"").hexdigest()
HEADERS_CHARACTERS, VALUE_CHARACTERS = 16_384, 256
"""How much is kept of all headers of an answer, and of its ETag and Last-Modified."""


@dataclass(frozen=True, slots=True)
class FetchedRange:
    """The part of a file that an answer brought: `data` from `start` on; of a file of `size` bytes."""

    start: int
    data: bytes
    size: int | None

    def at(self, offset: int) -> bytes:
        """Return the bytes from an offset of the file on."""
        return self.data[max(0, offset - self.start) :]


@dataclass(frozen=True, slots=True)
class ProbeFinding:
    """An outcome, more of it in words, and what is there: the columns of `probes` that a record gives.

    `texts`: what is there in the place of the text, read in different ways; the article's words are counted
    in each. `bare`: the outcome if none of these has a word of the article.
    """

    outcome: str
    detail: str = ""
    facts: Mapping[str, Any] | None = None
    texts: tuple[bytes, ...] = ()
    bare: str = ""


def probe_of(
    role: str, about: Mapping[str, Any], found: ProbeFinding, target: Row | None = None
) -> dict[str, Any]:
    """Return a row of `PROBES`, without what all of a round share; `about`: see `columns_of`."""
    facts = {"outcome": found.outcome, "detail": found.detail or None, **(found.facts or {})}
    return {"role": role, "target_sha256": target and target["target_sha256"], **about, **facts}


def part_of(answer: RawResponse, uri: str, start: int, end: int) -> FetchedRange | ProbeFinding:
    """Return the part of the file at `uri` that an answer brings, or why it brings none."""
    if answer.ours:
        return ProbeFinding(states.FAILED, f"a fault on our side: {answer.failure}")
    if answer.status is None:
        return ProbeFinding(states.FAILED, answer.failure)
    if answer.code == NO_REPOSITORY:
        return ProbeFinding(states.DENIED, "the hub shows no such dataset: it is gone, or private")
    if answer.status in (404, 410):
        return _by_same_host(answer, uri, ProbeFinding(states.MISSING))
    if answer.status in (401, 403):
        return ProbeFinding(states.DENIED, harmless(answer.code)[:VALUE_CHARACTERS])
    if answer.status == 429:
        return ProbeFinding(states.LIMITED)
    if answer.status in PASSING:
        return ProbeFinding(states.REFUSED, f"status {answer.status}")
    size = size_of(answer)
    if answer.status == 416:
        return FetchedRange(start, b"", size)
    if size is None and _ended(answer, start, end):
        size = answer.start + len(answer.body)
    if answer.status not in (200, 206):
        return ProbeFinding(
            states.STRANGE, f"status {answer.status}{': ' * bool(answer.failure)}{answer.failure}"
        )
    if answer.failure:
        return ProbeFinding(states.FAILED, answer.failure)
    if answer.status == 206 and answer.start != start:
        return ProbeFinding(states.STRANGE, f"bytes from {answer.start:,} on came, and not from {start:,}")
    data = answer.body[start - answer.start :] if answer.start <= start else b""
    whole = (min(end, size) if size is not None else end) - start
    if answer.status == 200 and len(data) < whole:
        # Is it a page that says that there is no such file? Who answers 200 says nothing of a file.
        return ProbeFinding(states.STRANGE, "status 200, and not the bytes that were asked for")
    if len(data) != max(0, whole):
        return ProbeFinding(states.STRANGE, f"{len(data):,} bytes came of {whole:,}")
    return FetchedRange(start, data, size)


def _ended(answer: RawResponse, start: int, end: int) -> bool:
    """Whether a server that knows neither ranges nor lengths sent the file to its end."""
    is_chunked = "chunked" in (answer.header("Transfer-Encoding") or "").lower()
    return answer.status == 200 and is_chunked and 0 < len(answer.body) < end - start


def _by_same_host(answer: RawResponse, uri: str, finding: ProbeFinding) -> ProbeFinding:
    """Return the finding, if it was the host that was asked who answered."""
    if other := other_host(answer, uri):
        return ProbeFinding(states.STRANGE, f"another host answered for it: {other}")
    return finding


def size_of(answer: RawResponse) -> int | None:
    """Return the size of the file, as the answer says."""
    total = (answer.header("Content-Range") or "").rpartition("/")[2]
    if answer.status == 200:
        total = answer.header("Content-Length") or ""
    return int(total) if total.isdecimal() else None


def target_in(part: FetchedRange, target: Row, options: ReadOptions) -> ProbeFinding:
    """Return what stands at the place of a target that can be read by range."""
    start, length = target["record_offset"], target["record_length"]
    pointer = Pointer(target["shard_uri"], start, length, None, None, target["dataset"])
    data = part.at(start)
    found = record_in(data, pointer, options)
    if isinstance(found, Record):
        return _with_raw(compared(target, found), found, data[:length])
    # A record without text is none to a scan, and still says whose it is.
    end = end_of_record(data, 0)
    raw = raw_record_in(data[:end], replace(pointer, length=end), options) if end else found
    if isinstance(raw, Record):
        return _without_text(target, raw, data[: max(length, end or 0)])
    if not data:
        return ProbeFinding(states.BEYOND, "the file ends before it")
    if found.detail == ZEROS:
        return ProbeFinding(states.ZEROS, found.detail)
    return _remaining(ProbeFinding(states.UNREADABLE, found.detail), remains_of_damaged(data[:length]))


def _with_raw(finding: ProbeFinding, record: Record, stored: bytes) -> ProbeFinding:
    """Return the finding of another text with all that its place holds: as it is stored, and behind it."""
    if finding.outcome != states.OTHER_TEXT or record.stored is None:
        return finding
    raw, behind = remains_of_damaged(record.stored), remains_of_damaged(stored[len(record.stored) :])
    return replace(finding, texts=(*finding.texts, *filter(None, (raw, behind))))


def _remaining(finding: ProbeFinding, remains: bytes) -> ProbeFinding:
    """Return the finding, or that its bytes still give text."""
    if not remains:
        return finding
    detail = f"{len(remains):,} bytes of text can still be read there; {finding.detail or finding.outcome}"
    return ProbeFinding(states.REMAINS, detail, finding.facts, (remains,), finding.outcome)


def compared(target: Row, record: Record) -> ProbeFinding:
    """Return what a record with text is to a target: its text, its successor, or another."""
    facts = _facts(record)
    if target["text_sha256"] is None:
        return ProbeFinding(states.SAME if _is_capture(target, record) else states.OTHER_RECORD, facts=facts)
    same_text = facts["text_sha256"] == target["text_sha256"]
    same_id = target["record_id"] is not None and facts["record_id"] == target["record_id"]
    # Rows of dumps have no ids: there the URL says which document it is.
    same_url = target["document_url"] is not None and facts["document_url"] == target["document_url"]
    is_same = same_id or (target["record_id"] is None and same_url)
    if same_text and (is_same or same_url or target["document_url"] is None):
        return ProbeFinding(states.SAME, facts=facts)
    if same_text:
        return ProbeFinding(states.ELSEWHERE, "its text stands there under another URL", facts)
    if is_same:
        return ProbeFinding(states.OTHER_TEXT, facts=facts, texts=(record.text,))
    return ProbeFinding(states.OTHER_RECORD, facts=facts)


def _is_capture(target: Row, record: Record) -> bool:
    """Whether a record is the capture that an index named: of the same page, in the same second."""
    found, wanted = record.facts["captured_at"], target["captured_at"]
    if found is None or record.facts["document_url"] != target["document_url"]:
        return False
    return bool(found.strftime(_SECOND) == wanted.strftime(_SECOND))


def _without_text(target: Row, raw: Record, stored: bytes) -> ProbeFinding:
    facts = {**_facts(raw), "text_sha256": None}
    # What an index named has its URL alone.
    name = "document_url" if target["record_id"] is None else "record_id"
    if target[name] is None or facts[name] != target[name]:
        return ProbeFinding(states.OTHER_RECORD, facts=facts)
    if raw.facts["content_sha256"] == NOTHING:
        return _remaining(ProbeFinding(states.EMPTY, facts=facts), remains_of_empty(stored))
    unreadable = ProbeFinding(
        states.UNREADABLE, "the record has content, and no text that a scan reads", facts
    )
    return _remaining(unreadable, remains_of_damaged(stored))


def _facts(record: Record) -> dict[str, Any]:
    stored = record.stored
    of_record = {name: record.facts.get(name) for name in ("record_offset", "record_length", "row_index")}
    return {
        **of_record,
        "record_id": record.facts["record_id"],
        "document_url": record.facts["document_url"],
        "text_sha256": record.facts["text_sha256"],
        "record_sha256": None if stored is None else hashlib.sha256(stored).hexdigest(),
    }


def control_in(
    part: FetchedRange, start: int, end: int, known: str | None, *, is_new: bool = False
) -> ProbeFinding:
    """Return what became of a control: the record at [start, end), whose bytes had the SHA-256 `known`.

    `is_new`: the file is another version than the one in which it was read. So records may have moved.
    """
    data = part.at(start)[: end - start]
    sha256 = hashlib.sha256(data).hexdigest()
    facts = {"record_offset": start, "record_length": end - start, "record_sha256": sha256}
    if len(data) < end - start:
        return ProbeFinding(states.BEYOND, "the file ends before it", facts)
    if known in (None, sha256) and end_of_record(data, 0) is not None:
        raw = raw_record_in(data, Pointer("", start, end - start), ReadOptions())
        url = raw.facts["document_url"] if isinstance(raw, Record) else None
        return ProbeFinding(states.SAME, facts=facts | {"document_url": url})
    if known is None or not data.strip(b"\0"):
        return ProbeFinding(states.UNREADABLE, "no record begins there", facts)
    return ProbeFinding(states.REWRITTEN if is_new else states.OTHER_RECORD, OTHER_BYTES, facts)


def columns_of(answer: RawResponse, request: str, uri: str) -> dict[str, Any]:
    """Return the columns of `probes` that an answer gives."""
    answered_by = printable(answer.uri)
    return {
        "asked_at": datetime.fromtimestamp(round(answer.sent_at, 6), UTC),
        "clock_offset": clock_ahead(answer.header("Date") or "", answer.sent_at),
        "request": request,
        "file_uri": printable(uri),
        "answered_by": None if answered_by == printable(uri) else harmless(answered_by),
        "status": answer.status,
        "headers": _headers(answer) or None,
        "etag": _value(answer, "ETag"),
        "last_modified": _value(answer, "Last-Modified"),
        "bytes": size_of(answer),
        "body_sha256": hashlib.sha256(answer.body).hexdigest() if answer.body else None,
    }


def _headers(answer: RawResponse) -> str:
    """Return the headers, a line each. What could steer a terminal, or feign another line, is replaced."""
    lines = "\n".join(harmless(f"{name}: {value}") for name, value in answer.headers)
    if len(lines) <= HEADERS_CHARACTERS:
        return lines
    digest = hashlib.sha256(lines.encode("utf-8", "replace")).hexdigest()
    return f"{lines[:HEADERS_CHARACTERS]}\n({len(lines):,} characters, SHA-256 {digest})"


def _value(answer: RawResponse, name: str) -> str | None:
    value = answer.header(name)
    return value and harmless(value)[:VALUE_CHARACTERS]

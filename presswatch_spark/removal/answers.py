"""What an answer says: is it the part of the file that was asked for, and what record stands in it?"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.pointers.checks import Record
from presswatch_spark.pointers.documents import ZEROS, record_in
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.pointers.raw import raw_record_in
from presswatch_spark.removal import states
from presswatch_spark.removal.bounds import GZIP, end_of_record
from presswatch_spark.show import printable as harmless
from presswatch_spark.storage.addresses import other_host
from presswatch_spark.storage.exchanges import clock_ahead
from presswatch_spark.storage.hub import NO_REPOSITORY
from presswatch_spark.storage.objects import RawResponse, printable
from presswatch_spark.text.words import word_hashes

Row = Mapping[str, Any]

PASSING = frozenset({408, 425, 500, 502, 503, 504})
_SECOND = "%Y%m%d%H%M%S"
OTHER_BYTES = "its bytes are others than before"
NOTHING = hashlib.sha256(b"").hexdigest()
WORDS_OF_TEXT = 8
"""Bytes with fewer different words than these are no text: filler, and letters by chance."""
HEADER_MOST = 4_096
"""A record's header of up to so many bytes is none of its text."""
INFLATED_MOST, MEMBERS_MOST = 64 << 20, 64
GZIP_HEAD, SLICE_BYTES = 10, 16
_TEXT = re.compile(rb"(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){16,}")
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

    `texts`: what is there in the place of the text; the article's words are counted in each.
    """

    outcome: str
    detail: str = ""
    facts: Mapping[str, Any] | None = None
    texts: tuple[bytes, ...] = ()


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
        return compared(target, found)
    # A record without text is none to a scan, and still says whose it is.
    end = end_of_record(data, 0)
    raw = raw_record_in(data[:end], replace(pointer, length=end), options) if end else found
    if isinstance(raw, Record):
        return _without_text(target, raw, data[: max(length, end or 0)], end or 0)
    if not data:
        return ProbeFinding(states.BEYOND, "the file ends before it")
    if found.detail == ZEROS:
        return ProbeFinding(states.ZEROS, found.detail)
    return _unless_text(ProbeFinding(states.UNREADABLE, found.detail), text_in(data[:length]))


def _unless_text(finding: ProbeFinding, text: bytes) -> ProbeFinding:
    """Return the finding, or that its bytes still give text."""
    if not text:
        return finding
    detail = f"{len(text):,} bytes of text can still be read there; {finding.detail or finding.outcome}"
    return ProbeFinding(states.REMAINS, detail, finding.facts, (text,))


def text_in(stored: bytes) -> bytes:
    """Return the text in bytes that are no record: as they are, and as far as they inflate.

    One wrong bit makes a gzip member invalid, and `zcat` prints all that is before it. So a place without a
    record is overwritten only if its bytes give no text. Filler is no text.
    """
    return _text_of(stored, *_inflated(stored))


def text_beside(stored: bytes, end: int) -> bytes:
    """Return the text in the bytes of a place that begins with an empty record, which ends at `end`."""
    member, rest = stored[:end], stored[end:]
    packed = member.startswith(GZIP)
    plain = zlib.decompressobj(31).decompress(member, INFLATED_MOST) if packed else member
    length = end_of_record(plain, 0) or 0
    header = plain[:length] if length > HEADER_MOST else b""
    # A gzip member may have a comment.
    return _text_of(header, plain[length:], member if packed else b"", rest, *_inflated(rest))


def _text_of(*parts: bytes) -> bytes:
    # Without zeros, UTF-16 reads as well.
    runs = (run for part in parts for run in _TEXT.findall(part.replace(b"\0", b"")))
    text = b"\n".join(runs)
    return text if np.unique(word_hashes(text)).size >= WORDS_OF_TEXT else b""


def _inflated(stored: bytes) -> Iterator[bytes]:
    """Yield the beginning of each gzip member up to where it is damaged, whatever its checksum says."""
    left, starts = INFLATED_MOST, {0, *(found.start() for found in re.finditer(GZIP, stored))}
    for start in sorted(starts)[:MEMBERS_MOST]:
        data = _as_far_as_it_goes(zlib.decompressobj(31), stored[start:], left)
        # If its head is damaged, what follows the ten bytes of a usual one.
        data = data or _as_far_as_it_goes(zlib.decompressobj(-15), stored[start + GZIP_HEAD :], left)
        yield data
        left -= len(data)
        if left <= 0:
            return


def _as_far_as_it_goes(inflater: "zlib._Decompress", deflated: bytes, most: int) -> bytes:
    parts = list[bytes]()
    with suppress(zlib.error):
        for first in range(0, len(deflated), SLICE_BYTES):
            parts.append(inflater.decompress(deflated[first : first + SLICE_BYTES], most))
            most -= len(parts[-1])
            if inflater.eof or most <= 0:
                break
    return b"".join(parts)


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


def _without_text(target: Row, raw: Record, stored: bytes, end: int) -> ProbeFinding:
    facts = {**_facts(raw), "text_sha256": None}
    # What an index named has its URL alone.
    name = "document_url" if target["record_id"] is None else "record_id"
    if target[name] is None or facts[name] != target[name]:
        return ProbeFinding(states.OTHER_RECORD, facts=facts)
    if raw.facts["content_sha256"] == NOTHING:
        return _unless_text(ProbeFinding(states.EMPTY, facts=facts), text_beside(stored, end))
    unreadable = ProbeFinding(
        states.UNREADABLE, "the record has content, and no text that a scan reads", facts
    )
    return _unless_text(unreadable, text_in(stored))


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

"""Records by their pointers: documents as the sources of a scan decode them, or WARC records as stored.

A record of WET or WARC in a gzip member of its own, or in a plain file, is read by one range request. All
other formats are read in order, once for all pointers into a shard. Several remote shards are read at once.

Some WARC records have no text that a scan reads: a robots.txt, a redirect, an error without a body.
`raw_record` reads them as they are stored, with the facts of their own headers.
"""

import hashlib
from base64 import b32encode
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import groupby

from presswatch_spark.core.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Capture, DocumentBatch, ReadReport
from presswatch_spark.core.threads import AskingThreads, answer_of
from presswatch_spark.core.times import record_time
from presswatch_spark.matching.judgement import match_rows
from presswatch_spark.query.pointers.pointer import Pointer
from presswatch_spark.reading import known_formats
from presswatch_spark.reading.http.codings import decoded_body
from presswatch_spark.reading.http.message import parse_message
from presswatch_spark.reading.inflate import GZIP_MAGIC, compression_of, first_member, inflated
from presswatch_spark.reading.known_formats import format_for
from presswatch_spark.reading.source import Format, RangeStream, ReadOptions, ReadPart
from presswatch_spark.reading.warc.blocks import HEADER_END, block_bounds, header_fields
from presswatch_spark.reading.warc.records import MAX_HEADER_BYTES
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    StorageOptions,
    open_stream,
    read_range,
    stat,
)
from presswatch_spark.storage.uris import scheme_of, shown_uri
from presswatch_spark.tables.declarations import Match

# Bytes to read after a record: if another record begins there, a record without compression has ended.
LOOK_BEYOND_BYTES = 16
# Most bytes to read in order to identify another, longer record that is now at the offset.
OTHER_RECORD_BYTES = 8 << 20
DEFECTS_NAMED = 3
ZEROS = "its bytes are zeros"


class Cause(StrEnum):
    """Why a row does not verify; the first in this order counts. See `docs/reference/pointers.md`."""

    ROW_EDITED = "row edited"
    NO_SHARD = "no shard"
    NOT_REACHED = "not reached"
    GONE = "record gone"
    UNREADABLE = "unreadable"
    OTHER_URI = "other URI"
    OTHER_RECORD = "other record id"
    OTHER_DIGEST = "other digest"
    OTHER_PAYLOAD = "other payload"
    OTHER_EXTRACTION = "other extraction"
    OTHER_TEXT = "other text"
    OTHER_FACTS = "other facts"
    DAMAGED = "damaged record"
    OTHER_ARTICLE = "other article"
    OTHER_WORDS = "other words"
    OTHER_FIGURES = "other figures"
    OTHER_SIGNAL = "other signal"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row does not verify, and a detail, which never contains text of the web."""

    reason: Cause
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass(frozen=True, slots=True)
class Record:
    """A document as its shard has it now.

    `facts`: its columns in `matches`; no SHA-256 of the text if it was not read as a document. `stored`: the
    bytes of its range. `bytes_read`: bytes of the shard that were read to get it. `capture`: the response
    around the document (a response without document has its body as text). `batch` has its page only. Only
    `raw_record` sets the last two.
    """

    facts: Match
    text: bytes
    stored: bytes | None
    bytes_read: int
    capture: Capture | None = None
    batch: DocumentBatch | None = None
    record_type: str | None = None
    content_sha256: str | None = None

    @property
    def is_bare(self) -> bool:
        """Return whether this is a response without a document."""
        return self.capture is not None and self.text is self.capture.body


Outcome = Record | Failure


def records_at(pointers: Sequence[Pointer], options: ReadOptions) -> Iterator[tuple[Pointer, Outcome]]:
    """Yield the record at each of `pointers`, in any order; all point into one shard and have one format.

    With `options.wants`, responses without a document are records, too. Raises `BlockedError`.
    """
    left = dict.fromkeys(pointers)
    uri, format = pointers[0].uri, pointers[0].format
    try:
        # Replies of web servers and S3 contain the size: save the request for it.
        shard = stat(uri, options.storage) if scheme_of(uri) == "file" else ObjectInfo(uri)
        for pointer in [pointer for pointer in pointers if pointer.by_range and _ranged(format)]:
            yield pointer, _by_range(shard, pointer, options)
            del left[pointer]
        if left:
            yield from _in_order(shard, format, left, options)
    except BlockedError:
        raise
    except PresswatchError as error:
        for pointer in left:
            yield pointer, failure_of(error)


def inflated_parts(
    uri: str, ranges: Iterable[tuple[int, int]], storage: StorageOptions
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield ranges (offset, length) of an inflated shard in order, with their bytes, reading it once.

    Ranges that it does not contain are left out. Raises `StorageError`.
    """
    position, buffered, left = 0, b"", sorted(ranges)
    with open_stream(ObjectInfo(uri), storage) as stream:
        for chunk in inflated(stream, ReadReport()):
            buffered += chunk
            while left and sum(left[0]) <= position + len(buffered):
                start, length = left.pop(0)
                yield (start, length), buffered[start - position : start - position + length]
            if not left:
                return
            needed = min(max(position, left[0][0]), position + len(buffered))
            buffered, position = buffered[needed - position :], needed


def _by_range(shard: ObjectInfo, pointer: Pointer, options: ReadOptions) -> Outcome:
    start, length = pointer.offset or 0, pointer.length or 0
    if start < 0 or not 0 < length <= options.max_document_bytes + MAX_HEADER_BYTES:
        return Failure(Cause.UNREADABLE, "the range is not that of a record")
    beyond = shard.size is not None and start >= shard.size
    data = b"" if beyond else read_range(shard.uri, start, length + LOOK_BEYOND_BYTES, options.storage)
    outcome = record_in(data, pointer, options)
    if isinstance(outcome, Failure) and len(data) > length and begins_record(data):
        data = read_range(shard.uri, start, OTHER_RECORD_BYTES, options.storage)
        outcome = record_in(data, pointer, options)
    if isinstance(outcome, Failure) and 0 < len(data) < length and begins_record(data):
        return Failure(Cause.UNREADABLE, "the shard ends within it")
    return outcome


def begins_record(data: bytes) -> bool:
    """Return whether these bytes may begin with a record that can be read by itself."""
    return compression_of(data[:4]) == "gzip" or any(format.begins(data) for format in known_formats.FORMATS)


def record_in(data: bytes, pointer: Pointer, options: ReadOptions) -> Outcome:
    """Decode the record at the beginning of `data`, the bytes of the shard from the pointer's offset on.

    For a pointer without a format, all formats are tried; the failure is that of the last one.
    """
    if not data:
        return Failure(Cause.GONE, "the shard ends before it")
    if not data[: pointer.length].strip(b"\0"):
        return Failure(Cause.UNREADABLE, ZEROS)
    if not begins_record(data):
        return Failure(Cause.UNREADABLE, "no record begins there")
    failure, start, options = Failure(Cause.UNREADABLE), pointer.offset or 0, replace(options, batch_bytes=1)
    for format, read_part in _ranged(pointer.format):
        report, part = ReadReport(), ObjectInfo(pointer.uri, start + len(data))
        batch = None
        # `report` has the defects of `data`; it is only a part of the shard, so errors are expected.
        with suppress(CorruptError):
            batch = next(read_part(RangeStream(data, start), part, options, report), None)
        if batch is not None:
            _, records = next(_records(batch, pointer.uri, format.name, len(data)))
            record = _document_of(pointer, records)
            facts = record.facts
            if facts.record_offset == start and facts.record_encoding != "inflated":
                return replace(record, stored=data[: facts.record_length])
        failure = Failure(Cause.UNREADABLE, "no record with text begins there")
        if report.defects and report.defects[0].offset == start:
            failure = Failure(Cause.UNREADABLE, report.defects[0].what.partition(";")[0])
    return failure


def _ranged(name: str | None) -> list[tuple[Format, ReadPart]]:
    """Return the formats whose records can be read by themselves, with their readers: all, or one by name."""
    formats = known_formats.FORMATS if name is None else filter(None, [known_formats.find(name)])
    return [(format, format.read_part) for format in formats if format.read_part]


def _in_order(
    shard: ObjectInfo, format: str | None, left: dict[Pointer, None], options: ReadOptions
) -> Iterator[tuple[Pointer, Outcome]]:
    """Read the shard as a scan does, until all pointers of `left` are found; remove each found one."""
    if format is not None and not known_formats.find(format):
        raise InputError(f"the format {format} cannot be read", where=shown_uri(shard.uri))
    rows = {pointer.row for pointer in left if pointer.offset is None}
    if len(rows) == len({pointer.place for pointer in left}):
        options = replace(options, rows=frozenset(row for row in rows if row is not None))
    report = ReadReport()
    source = format_for(format or known_formats.AUTO, shard, options)
    shard = options.opener.described(shard)
    for batch in source.read(shard, options, report):
        wanted = defaultdict[tuple[str, int | None], list[Pointer]](list)
        for pointer in left:
            wanted[pointer.place].append(pointer)
        for locator, records in _records(batch, shard.uri, source.name, report.bytes_read, wanted):
            for pointer in _pointers_at(locator, wanted):
                if pointer in left:
                    del left[pointer]
                    yield pointer, _document_of(pointer, records)
        if not left:
            return
    for pointer in left:
        yield pointer, _absence(pointer, report)
    left.clear()


Places = Mapping[tuple[str, int | None], Sequence[Pointer]]


def _pointers_at(locator: Locator, wanted: Places) -> list[Pointer]:
    return [
        pointer
        for place in (("offset", locator.record_offset), ("row", locator.row_index))
        for pointer in wanted.get(place, ())
        if pointer.encoding in (None, locator.record_encoding)
    ]


def _document_of(pointer: Pointer, records: Sequence[Record]) -> Record:
    """Return the document of a page with the digest of a pointer, else the main document."""
    return next((each for each in records if each.facts.text_sha256 == pointer.sha256), records[0])


def _records(
    batch: DocumentBatch, uri: str, format: str, bytes_read: int, wanted: Places | None = None
) -> Iterator[tuple[Locator, list[Record]]]:
    """Yield the wanted pages of a batch, or all, then its responses without a document.

    A page has its main document and the embedded ones.
    """
    origin = match_rows.Origin(format, None, shown_uri(uri))
    captures = {capture.locator.record_offset: capture for capture in batch.captures}
    for main, numbers in groupby(range(len(batch)), batch.main_of):
        locator = batch.locate(main)
        capture = captures.pop(locator.record_offset, None)
        if wanted is None or _pointers_at(locator, wanted):
            records, single = list[Record](), batch.single(main)
            for i in numbers:
                text = batch.text_of(i)
                facts = match_rows.document_facts(batch, i, origin, text)
                records.append(Record(facts, text, None, bytes_read, capture, single))
            yield locator, records
    for capture in captures.values():
        if wanted is None or _pointers_at(capture.locator, wanted):
            facts = match_rows.located_facts(capture.url, capture.locator, origin, capture.body)
            yield capture.locator, [Record(facts, capture.body, None, bytes_read, capture)]


def _absence(pointer: Pointer, report: ReadReport) -> Failure:
    if not report.defects:
        return Failure(Cause.GONE, "the shard was read, and no document is there")
    own = [str(defect) for defect in report.defects if defect.offset == pointer.row and defect.unit == "line"]
    reason = Cause.NOT_REACHED if report.interrupted else Cause.UNREADABLE
    return Failure(reason, "; ".join(own or map(str, report.defects[-DEFECTS_NAMED:])))


def failure_of(error: PresswatchError) -> Failure:
    """Return the failure of a document for an error of its storage or of its whole shard."""
    if isinstance(error, MissingError):
        return Failure(Cause.NO_SHARD, error.what)
    return Failure(Cause.NOT_REACHED if isinstance(error, StorageError) else Cause.UNREADABLE, error.what)


SHARDS_AT_ONCE = 8
# Ranges that are read ahead stay in memory. A shard with more ranges than this is not read ahead.
RANGES_AHEAD = 16

Outcomes = Iterable[tuple[Pointer, Outcome]]


def shards_ahead(work: Iterable[tuple[Sequence[Pointer], ReadOptions]]) -> Iterator[Outcomes]:
    """Yield the results of `records_at` for each shard of `work`, in order; remote ranges are read ahead."""
    with AskingThreads(SHARDS_AT_ONCE, "ranges") as pool:
        pending: deque[Callable[[], Outcomes]] = deque()
        for pointers, options in work:
            few = len(pointers) <= RANGES_AHEAD and all(pointer.by_range for pointer in pointers)
            if few and scheme_of(pointers[0].uri) != "file":
                pending.append(partial(answer_of, pool.submit(list, records_at(pointers, options))))
            else:
                pending.append(partial(records_at, pointers, options))
            if len(pending) >= SHARDS_AT_ONCE:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()


# --- WARC records as stored


def raw_record(pointer: Pointer, options: ReadOptions) -> Outcome:
    """Read the WARC record that fills the range of `pointer`.

    Its `text` is its HTTP headers, and the content if that is UTF-8. Its `content_sha256` is the digest of
    the content after its transfer and content codings are undone.
    """
    offset, length = pointer.offset or 0, pointer.length or 0
    most = options.max_document_bytes + MAX_HEADER_BYTES
    if offset < 0 or not 0 < length <= most:
        return Failure(Cause.UNREADABLE, "the range is not that of a record")
    try:
        if pointer.encoding == "inflated":
            parts = inflated_parts(pointer.uri, [(offset, length)], options.storage)
            stored = next((data for _, data in parts), b"")
        else:
            stored = read_range(pointer.uri, offset, length, options.storage)
    except PresswatchError as error:
        return failure_of(error)
    return raw_record_in(stored, pointer, options)


def raw_record_in(stored: bytes, pointer: Pointer, options: ReadOptions) -> Outcome:
    """Describe the WARC record that fills `stored`, the bytes of its range, as `raw_record` does."""
    if not stored:
        return Failure(Cause.GONE, "the shard ends before it")
    plain, most = stored, options.max_document_bytes
    if stored.startswith(GZIP_MAGIC):
        member = first_member(stored, most + MAX_HEADER_BYTES)
        # A record is stored as one gzip member, which must fill the range.
        plain = member.data if member and member.end == len(stored) else b""
    bounds = block_bounds(plain)
    if not bounds or len(plain) < bounds[1] or plain[bounds[1] :].strip(b"\r\n"):
        return Failure(Cause.UNREADABLE, "the range is not a complete WARC record")
    fields, block = header_fields(plain), plain[slice(*bounds)]

    kind, is_http = fields.get("warc-type", "").lower(), "application/http" in fields.get("content-type", "")
    message = parse_message(block) if is_http and kind in ("response", "revisit") else None
    asked = HEADER_END.search(block) if is_http and kind == "request" else None
    body_at = message.body_at if message else asked.end() if asked else 0
    head, payload = block[:body_at], block[body_at:]
    content = bytes(decoded_body(message, block, most).data) if message else payload[:most]
    # A revisit record declares the digest of an earlier payload, which it does not contain.
    sha1 = None if kind == "revisit" else hashlib.sha1(payload, usedforsecurity=False).digest()
    by_range = pointer.encoding != "inflated"
    facts = match_rows.BLANK.with_columns(
        dataset=WARC.name,
        document_url=fields.get("warc-target-uri", "").removeprefix("<").removesuffix(">") or None,
        shard_uri=shown_uri(pointer.uri),
        record_id=fields.get("warc-record-id"),
        record_offset=pointer.offset or 0,
        record_length=pointer.length or 0,
        record_encoding="inflated" if not by_range else "plain" if plain is stored else "gzip",
        payload_digest=fields.get("warc-payload-digest"),
        payload_digest_computed=f"sha1:{b32encode(sha1).decode()}" if sha1 else None,
        captured_at=record_time(fields.get("warc-date")),
        http_status=message.status if message else None,
    )
    return Record(
        facts,
        text=head.decode("latin-1").encode() + readable(content),
        stored=stored if by_range else plain,
        bytes_read=pointer.length or 0,
        record_type=kind,
        content_sha256=hashlib.sha256(content).hexdigest(),
    )


def readable(content: bytes) -> bytes:
    """Return the content if a person can read it (UTF-8 without NUL), else nothing."""
    try:
        return b"" if "\0" in content.decode() else content
    except UnicodeDecodeError:
        return b""

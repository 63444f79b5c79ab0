"""Documents by their pointers, decoded by the sources that the scan reads them with.

A record of WET or WARC in a gzip member of its own, or in a plain file, is one range request. Everything else
is read in order, once for all pointers into a shard, and no further than the last of them. Of JSONL only the
lines asked for are parsed, of Parquet only their row groups read.

For few rows of many shards, most of the time is waiting for storage: several shards are read at once.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial

from presswatch_spark.errors import CorruptError, InputError, PresswatchError, StorageError
from presswatch_spark.formats import registry
from presswatch_spark.formats.descriptor import Format, ReadPart
from presswatch_spark.formats.inflate import compression_of, inflated
from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import RangeStream, ReadOptions
from presswatch_spark.judgement.match_rows import Origin, document_facts, located_facts
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.pointers.checks import GONE, NO_SHARD, NOT_REACHED, UNREADABLE, Failure, Record
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import (
    MissingError,
    ObjectInfo,
    open_stream,
    printable,
    read_range,
    stat,
)
from presswatch_spark.storage.threads import AskingThreads, answer_of
from presswatch_spark.storage.uris import scheme_of

# A plain record surely ends where another begins.
LOOK_BEYOND_BYTES = 16
# Enough to name the record at an offset now, if it is longer than the one that was there.
OTHER_RECORD_BYTES = 8 << 20
# A record is longer than its document: by its headers, and because packing may add to its bytes.
HEADERS_BYTES = 1 << 20
DEFECTS_NAMED = 3
ZEROS = "its bytes are zeros"

Outcome = Record | Failure


def records_at(pointers: Sequence[Pointer], options: ReadOptions) -> Iterator[tuple[Pointer, Outcome]]:
    """Yield the record at each of `pointers`, all into one shard and of one format, in any order.

    If `options.wants` asks for responses, those without a document count, too.

    Raises:
        BlockedError: the site of the shard refuses everything.
    """
    left = dict.fromkeys(pointers)
    uri, format = pointers[0].uri, pointers[0].format
    try:
        # On a web server or S3 each reply says the size: a request for it alone is one too many.
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


def stored_record(pointer: Pointer, record: Record, options: ReadOptions) -> bytes:
    """Read the bytes of a record's range: as they are stored, or inflated if the range counts such bytes.

    `StorageError` if they cannot be read again.
    """
    if record.stored is not None:
        return record.stored
    start, length = record.facts["record_offset"], record.facts["record_length"]
    position, parts = 0, []
    with open_stream(ObjectInfo(pointer.uri), options.storage) as stream:
        for data in inflated(stream, ReadReport()):
            parts.append(data[max(0, start - position) : max(0, start + length - position)])
            position += len(data)
            if position >= start + length:
                break
    return b"".join(parts)


def _by_range(shard: ObjectInfo, pointer: Pointer, options: ReadOptions) -> Outcome:
    """Read the record in a range of the shard, or as much of another one as names it."""
    start, length = pointer.offset or 0, pointer.length or 0
    if start < 0 or not 0 < length <= options.max_document_bytes + HEADERS_BYTES:
        return Failure(UNREADABLE, "the range is none of a record")
    beyond = shard.size is not None and start >= shard.size
    data = b"" if beyond else read_range(shard.uri, start, length + LOOK_BEYOND_BYTES, options.storage)
    outcome = record_in(data, pointer, options)
    if isinstance(outcome, Failure) and len(data) > length and begins_record(data):
        data = read_range(shard.uri, start, OTHER_RECORD_BYTES, options.storage)
        outcome = record_in(data, pointer, options)
    if isinstance(outcome, Failure) and 0 < len(data) < length and begins_record(data):
        return Failure(UNREADABLE, "the shard ends within it")
    return outcome


def begins_record(data: bytes) -> bool:
    """Whether a record that can be read alone may begin these bytes."""
    return compression_of(data[:4]) == "gzip" or any(format.begins(data) for format in registry.FORMATS)


def record_in(data: bytes, pointer: Pointer, options: ReadOptions) -> Outcome:
    """Decode the record at the beginning of `data`, the bytes of the shard from the pointer's offset on.

    A pointer without a format is tried as each; the failure is that of the last.
    """
    if not data:
        return Failure(GONE, "the shard ends before it")
    if not data[: pointer.length].strip(b"\0"):
        return Failure(UNREADABLE, ZEROS)
    if not begins_record(data):
        return Failure(UNREADABLE, "no record begins there")
    outcome: Outcome = Failure(UNREADABLE)
    for format, read_part in _ranged(pointer.format):
        outcome = _decoded_as(format, read_part, ObjectInfo(pointer.uri), pointer.offset or 0, data, options)
        if isinstance(outcome, Record):
            break
    return outcome


def _ranged(name: str | None) -> list[tuple[Format, ReadPart]]:
    """The formats whose records can be read alone, with what reads one: that of a name, or all for None."""
    formats = registry.FORMATS if name is None else filter(None, [registry.find(name)])
    return [(format, format.read_part) for format in formats if format.read_part]


def _decoded_as(
    format: Format, read_part: ReadPart, shard: ObjectInfo, start: int, data: bytes, options: ReadOptions
) -> Outcome:
    report, part = ReadReport(), ObjectInfo(shard.uri, start + len(data))
    options = replace(options, batch_bytes=1)
    batch = None
    # The report says what a part of a shard lacks.
    with suppress(CorruptError):
        batch = next(read_part(RangeStream(data, start), part, options, report), None)
    if batch is not None:
        _, record = next(_records(batch, shard.uri, format.name, len(data)))
        length = record.facts["record_length"]
        if record.facts["record_offset"] == start and record.facts["record_encoding"] != "inflated":
            return replace(record, stored=data[:length])
    if report.defects and report.defects[0].offset == start:
        return Failure(UNREADABLE, report.defects[0].what.partition(";")[0])
    return Failure(UNREADABLE, "no record with text begins there")


def _in_order(
    shard: ObjectInfo, format: str | None, left: dict[Pointer, None], options: ReadOptions
) -> Iterator[tuple[Pointer, Outcome]]:
    """Read the shard as a scan does, until every document of `left` was met; each one met leaves it."""
    if format is not None and not registry.find(format):
        raise InputError(f"no source reads the format {format}", where=printable(shard.uri))
    rows = {pointer.row for pointer in left if pointer.offset is None}
    if len(rows) == len({pointer.place for pointer in left}):
        options = replace(options, rows=frozenset(row for row in rows if row is not None))
    report = ReadReport()
    source = format_for(format or registry.AUTO, shard, options)
    shard = options.opener.described(shard)
    for batch in source.read(shard, options, report):
        wanted = _by_place(left)
        for locator, record in _records(batch, shard.uri, source.name, report.bytes_read, wanted):
            for pointer in _pointers_at(locator, wanted):
                if pointer in left:
                    del left[pointer]
                    yield pointer, record
        if not left:
            return
    for pointer in left:
        yield pointer, _absence(pointer, report)
    left.clear()


Places = Mapping[tuple[str, int | None], Sequence[Pointer]]


def _by_place(pointers: Iterable[Pointer]) -> Places:
    places: dict[tuple[str, int | None], list[Pointer]] = {}
    for pointer in pointers:
        places.setdefault(pointer.place, []).append(pointer)
    return places


def _pointers_at(locator: Locator, wanted: Places) -> list[Pointer]:
    return [
        pointer
        for place in (("offset", locator.record_offset), ("row", locator.row_index))
        for pointer in wanted.get(place, ())
        if pointer.encoding in (None, locator.record_encoding)
    ]


def _records(
    batch: DocumentBatch, uri: str, format: str, bytes_read: int, wanted: Places | None = None
) -> Iterator[tuple[Locator, Record]]:
    """Yield the documents of a batch, then its responses without one: the wanted ones, or all."""
    origin = Origin(format, None, printable(uri))
    captures = {capture.locator.record_offset: capture for capture in batch.captures}
    for i in range(len(batch)):
        locator = batch.locate(i)
        capture = captures.pop(locator.record_offset, None)
        if wanted is None or _pointers_at(locator, wanted):
            text = batch.text_of(i)
            facts = asdict(document_facts(batch, i, origin, text))
            yield locator, Record(facts, text, None, bytes_read, capture, batch.alone(i))
    for capture in captures.values():
        if wanted is None or _pointers_at(capture.locator, wanted):
            facts = asdict(located_facts(capture.url, capture.locator, origin, capture.body))
            yield capture.locator, Record(facts, capture.body, None, bytes_read, capture)


def _absence(pointer: Pointer, report: ReadReport) -> Failure:
    """Return why a shard that was read has no document at a place: the defects there, or the last ones."""
    if not report.defects:
        return Failure(GONE, "the shard was read, and no document is there")
    own = [str(defect) for defect in report.defects if defect.offset == pointer.row and defect.unit == "line"]
    reason = NOT_REACHED if report.interrupted else UNREADABLE
    return Failure(reason, "; ".join(own or map(str, report.defects[-DEFECTS_NAMED:])))


def failure_of(error: PresswatchError) -> Failure:
    """Return the failure of a document after an error of storage, or of its shard as a whole."""
    if isinstance(error, MissingError):
        return Failure(NO_SHARD, error.what)
    return Failure(NOT_REACHED if isinstance(error, StorageError) else UNREADABLE, error.what)


SHARDS_AT_ONCE = 8
# Ranges that are read ahead are held in memory. A shard with more of them is read when it is its turn.
RANGES_AHEAD = 16

Outcomes = Iterable[tuple[Pointer, Outcome]]


def shards_ahead(work: Iterable[tuple[Sequence[Pointer], ReadOptions]]) -> Iterator[Outcomes]:
    """Yield for each shard of `work`, in order, what `records_at` yields; `SHARDS_AT_ONCE` are read at once.

    Shards on disk, and those that must be read in order, are read when it is their turn.
    """
    with AskingThreads(SHARDS_AT_ONCE, "ranges") as pool:
        pending: deque[Callable[[], Outcomes]] = deque()
        for pointers, options in work:
            read = partial(records_at, pointers, options)
            few = len(pointers) <= RANGES_AHEAD and all(pointer.by_range for pointer in pointers)
            if few and scheme_of(pointers[0].uri) != "file":
                pending.append(partial(answer_of, pool.submit(_all_of, read)))
            else:
                pending.append(read)
            if len(pending) >= SHARDS_AT_ONCE:
                yield pending.popleft()()
        while pending:
            yield pending.popleft()()


def _all_of(read: Callable[[], Outcomes]) -> Outcomes:
    return list(read())

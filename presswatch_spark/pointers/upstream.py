"""From a row of a dataset up to the record of the web archive that it was made from.

A row may say which file that is, and where in it the record begins. Else the file is read up to the record,
or an index says where the capture of the row's URL at the row's time is. None of this is believed: the record
must have the row's URL and time, and the copied words must stand in its page again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from presswatch_spark.ccindex.columns import in_filename
from presswatch_spark.ccindex.lookup import RELEASE, Index, IndexedCapture
from presswatch_spark.errors import CorruptError, InputError
from presswatch_spark.formats import registry
from presswatch_spark.formats.inflate import first_member
from presswatch_spark.formats.registry import format_for
from presswatch_spark.formats.source import ReadOptions, every_url
from presswatch_spark.formats.warc.by_range import HEADERS_BYTES
from presswatch_spark.judgement.match_rows import Origin, document_facts
from presswatch_spark.model import ReadReport
from presswatch_spark.pointers.checks import (
    GONE,
    NOT_REACHED,
    OTHER_FACTS,
    OTHER_RECORD,
    OTHER_URI,
    OTHER_WORDS,
    UNREADABLE,
    Failure,
    Record,
)
from presswatch_spark.pointers.pointer import COMMON_CRAWL, Mirror, Pointer, mirrored, pointer_of
from presswatch_spark.pointers.records import records_at
from presswatch_spark.storage.addresses import is_private
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, canonical, printable, read_range
from presswatch_spark.storage.uris import join, scheme_of
from presswatch_spark.tables.declarations import Match, Span
from presswatch_spark.text.words import words_of

FIRST_BYTES = 1 << 18
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CRAWL = re.compile(r"CC-MAIN-[0-9]{4}-[0-9]{2}(?![0-9])")
CAPTURES_READ = 10
"""Captures of one URL that are read to find the one with the row's record id, where a row says no time."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The statements of a row about its record upstream, and the places to look for it.

    `text`: of the row's document. `uri`: the file that it names, where that is now. `offset`, `record_id`: of
    the record in there; the id as `id_of_record` gives it. `base`: what file names of Common Crawl are
    relative to.
    """

    row: Match
    text: bytes
    uri: str | None
    offset: int | None
    record_id: str | None
    base: str
    mirrors: Sequence[Mirror]
    storage: StorageOptions
    index: Index | None = None

    @property
    def options(self) -> ReadOptions:
        """Return the settings to read the record: its release is named by its path, not within a range."""
        release = in_filename(self.uri).get("release")
        return ReadOptions(release=release, pdf=True, wants=every_url, storage=self.storage)


def trail_of(
    row: Match,
    text: bytes,
    base: str,
    mirrors: Sequence[Mirror],
    storage: StorageOptions,
    index: Index | None,
) -> Trail:
    """Return the trail of a row of `matches` to its record upstream.

    Raises:
        InputError: the row is of such a record itself, or nothing leads to one.
    """
    format = registry.find(row.dataset)
    if format and format.responses:
        raise InputError(
            "the row is of a record of an archive itself, and there is none above it",
            where=row.row_sha256,
            remedy="fetch it without --upstream",
        )
    made_from = format.made_from(row.shard_uri) if format else None
    named = None if made_from else row.upstream_uri
    if made_from:
        uri: str | None = mirrored(made_from[1], mirrors)
    else:
        uri = _where(named, base, mirrors, storage) if named else None
    if uri is None and (index is None or row.document_url is None):
        raise _nothing(row, named)
    # A record of WET has an id of its own, and rows of some datasets have a number.
    named_id = None if made_from else id_of_record(row.record_id)
    offset = row.upstream_offset
    is_placed = uri is not None and offset is not None
    if not is_placed and row.captured_at is None and named_id is None:
        raise InputError(
            "the row says neither the time of its capture nor a record id, so it may be of any capture",
            where=row.row_sha256,
        )
    return Trail(row, text, uri, offset, named_id, base, mirrors, storage, index)


def id_of_record(text: str | None) -> str | None:
    """Return the id of a record of WARC in one spelling; None if a text is none.

    A record writes `<urn:uuid:…>`. Some datasets leave out the brackets, or all but the UUID.
    """
    bare = (text or "").strip().removeprefix("<").removesuffix(">").lower()
    uuid = bare.removeprefix("urn:uuid:")
    if _UUID.fullmatch(uuid):
        return uuid
    return bare if bare.startswith("urn:") else None


def _nothing(row: Match, named: str | None) -> InputError:
    of = row.product or row.dataset
    if named:
        return InputError(
            f"the row names a file of its publisher's, and where that is nobody says: {printable(named)}",
            where=row.row_sha256,
            remedy="if you have a copy: --mirror FROM=TO",
        )
    if row.document_url is None:
        return InputError(
            f"rows of {of} name neither a file nor a URL: nothing leads back to a record",
            where=row.row_sha256,
        )
    return InputError(
        f"the row of {of} names no file of an archive; its URL leads back through an index",
        where=row.row_sha256,
        remedy=f"give --index https://index.commoncrawl.org/{RELEASE}-index, or the files of an index",
    )


def _where(named: str, base: str, mirrors: Sequence[Mirror], storage: StorageOptions) -> str | None:
    """Return the present place of a file that a row names; None if it is unknown.

    A row is written by others: without a mirror it leads to no file of this disk, and to no private address.
    """
    uri = canonical(named)
    place = mirrored(uri, mirrors)
    if place == uri and uri.startswith(COMMON_CRAWL):
        place = mirrored(join(canonical(base), uri.removeprefix(COMMON_CRAWL)), mirrors)
    if ".." in place.split("/") or (place == uri and scheme_of(uri) == "file"):
        return None
    if place == uri and scheme_of(uri) in ("http", "https") and is_private(uri, storage):
        return None
    return place


def follow(trail: Trail) -> tuple[Pointer, Record, str]:
    """Return the record upstream, its pointer, and the proof that it is the right one.

    Raises:
        CorruptError: no record is the one that the row was made from.
        StorageError: the file or the index cannot be reached.
    """
    failure = Failure(GONE, "nothing names a record")
    where = trail.uri or trail.row.document_url or ""
    for pointer, record in _candidates(trail):
        where = str(pointer)
        if isinstance(record, Failure):
            failure = record
            continue
        found = _difference(trail, record)
        if isinstance(found, str):
            return pointer, record, found
        failure = found
    raise CorruptError(f"not the record that the row was made from: {failure}", where=printable(where))


def _candidates(trail: Trail) -> Iterator[tuple[Pointer, Record | Failure]]:
    url = trail.row.document_url
    if trail.uri and trail.offset is not None:
        pointer = pointer_at(trail.uri, trail.offset, trail.options)
        yield pointer, _read(pointer, trail)
    elif trail.index and url is not None:
        named = (in_filename(trail.uri).get("release"), trail.row.release, trail.row.shard_uri)
        crawl = next((found.group() for each in named if (found := _CRAWL.search(each or ""))), None)
        releases = trail.index.releases_of(crawl, trail.row.captured_at)
        captures = _listed(trail, trail.index, url, releases)
        for capture in captures[:CAPTURES_READ]:
            uri = mirrored(join(canonical(trail.base), capture.filename), trail.mirrors)
            pointer = Pointer(uri, capture.offset, capture.length)
            yield pointer, _read(pointer, trail)
        if not captures:
            why = "no crawl is known that was made when the row's page was captured"
            if releases:
                asked = " and ".join(filter(None, releases)) or "the index"
                why = f"{asked} lists no capture of the URL at this time"
            yield Pointer(trail.uri or url), Failure(GONE, why)
    elif trail.uri:
        yield _in_file(trail, trail.uri)


def pointer_at(uri: str, offset: int, options: ReadOptions) -> Pointer:
    """Return the pointer of the record in the gzip member that begins at an offset; it is read to its end.

    If no whole member begins there, the range is one that says what is there.
    """
    most = options.max_document_bytes + HEADERS_BYTES
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


def _read(pointer: Pointer, trail: Trail) -> Record | Failure:
    ((_, outcome),) = records_at([pointer], trail.options)
    return outcome


def _listed(trail: Trail, index: Index, url: str, releases: Iterable[str]) -> list[IndexedCapture]:
    """Return the captures of the row's URL that an index lists, at the row's time and in the row's file."""
    at, files = _second(trail.row.captured_at), None
    if trail.uri:
        # Files of WET were made from files of WARC.
        format = registry.named_like(trail.uri)
        source = format.made_from(trail.uri) if format else None
        files = {each.rpartition("/")[2] for each in (trail.uri, source[1] if source else trail.uri)}
    captures = [
        capture
        for release in releases
        for capture in index.captures([url], release)
        if at in (None, _second(capture.captured_at))
        and (files is None or capture.filename.rpartition("/")[2] in files)
    ]
    return list({(each.filename, each.offset): each for each in captures}.values())


def _in_file(trail: Trail, uri: str) -> tuple[Pointer, Record | Failure]:
    """Read a file in order, up to the record with the row's id; without an id, with its URL and time."""
    report, shard, at = ReadReport(), ObjectInfo(uri), _second(trail.row.captured_at)
    options = replace(trail.options, wants=None)
    source = format_for(registry.AUTO, shard, options)
    for batch in source.read(options.opener.described(shard), options, report):
        for i in range(len(batch)):
            if trail.record_id is not None:
                is_it = id_of_record(batch.locate(i).record_id) == trail.record_id
            else:
                # To locate a document takes longer than to compare its URL.
                is_it = batch.url_of(i) == trail.row.document_url and (
                    at in (None, _second(batch.locate(i).captured_at))
                )
            if is_it:
                text = batch.text_of(i)
                facts = document_facts(batch, i, Origin(source.name, None, printable(uri)), text)
                pointer = pointer_of(facts, uri)
                if pointer.by_range:
                    # What a third party will be given is what is compared.
                    return pointer, _read(pointer, trail)
                return pointer, Record(facts, text, None, report.bytes_read)
    what = "the file was read, and no record of it is that of the row"
    if report.defects:
        reason = NOT_REACHED if report.interrupted else UNREADABLE
        return Pointer(uri), Failure(reason, "; ".join(report.complaints))
    return Pointer(uri), Failure(GONE, what)


def _difference(trail: Trail, record: Record) -> Failure | str:
    """Return the proof that a record is the one that the row was made from, or the first difference."""
    row, facts = trail.row, record.facts
    shown = []
    if row.document_url is not None:
        if facts.document_url != row.document_url:
            return Failure(OTHER_URI, "its URL is another")
        shown.append("URL")
    if row.captured_at is not None:
        if _second(facts.captured_at) != _second(row.captured_at):
            return Failure(OTHER_FACTS, "it was captured at another time")
        shown.append("time")
    # Rows that name no archive may have the id of the record of WET: another one then contradicts nothing.
    is_needed = row.upstream_uri is not None or row.captured_at is None
    if trail.record_id is not None and id_of_record(facts.record_id) == trail.record_id:
        shown.append("record id")
    elif trail.record_id is not None and is_needed:
        return Failure(OTHER_RECORD, "it has another record id")
    words = passages_in(row.spans, trail.text, record.text)
    return words if isinstance(words, Failure) else f"{', '.join(shown)} of the record; {words}"


def passages_in(spans: Sequence[Span], text: bytes, page: bytes) -> Failure | str:
    """Look for a row's passages, as its document has them, in the text of a page, word by word.

    Returns:
        The number of those that are there; `OTHER_WORDS` if not even the longest is.
    """
    if not spans:
        return "the row claims no words"
    document = text.decode("utf-8", "replace")
    there = b"\0" + words_of(page).packed
    longest = max(span["words"] for span in spans)
    found = found_words = 0
    for span in spans:
        passage = document[span["document_start"] : span["document_end"]].encode("utf-8", "replace")
        if b"\0" + words_of(passage).packed in there:
            found, found_words = found + 1, max(found_words, span["words"])
    if found_words < longest:
        return Failure(OTHER_WORDS, f"its page lacks the longest passage of {longest:,} words")
    return f"{found:,} of {len(spans):,} copied passages, the longest of {longest:,} words, stand in its page"


def _second(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(microsecond=0)

"""WARC: the pages themselves, one `response` record each, as the crawler got them; and `resource` records.

Common Crawl writes a `request` before each response and a `metadata` record after it, which names the
languages that were identified. Other kinds of records (`revisit`: the page did not change) are counted.

The records of a shard are read in order, whatever their kinds, also for WET. A file may be uncompressed, one
member around all records, several records in a member, or a record over several members. The warcinfo record
names the release (`isPartOf`), and with it its errata.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from presswatch_spark.errors import PresswatchError
from presswatch_spark.formats import specimens
from presswatch_spark.formats.inflate import Gate
from presswatch_spark.formats.source import ANYTHING, Format, ReadOptions, whole
from presswatch_spark.formats.warc import headers as warc
from presswatch_spark.formats.warc import records
from presswatch_spark.formats.warc.blocks import InflatedBlock, PieceReader, record_locator
from presswatch_spark.formats.warc.fields import (
    begins_with_record,
    block_is_declared,
    body_is_declared,
    complaint,
    contradictions,
    header_fields,
    release_of,
)
from presswatch_spark.formats.warc.gates import WarcGate, identified
from presswatch_spark.formats.warc.pages import PageBatches, Stored
from presswatch_spark.model import DocumentBatch, Offsets, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream
from presswatch_spark.translation import N_

LENGTHS_OFF_BY: Mapping[str, int] = {"CC-MAIN-2018-34": 2}
"""Releases whose records declare so many bytes more or fewer in `Content-Length` than they have."""

WARC_SUFFIXES = (".warc", ".warc.gz")
WARC_FIELDS = "application/warc-fields"
RECORDS_AT_ONCE = 1 << 14
_READABLE = warc.table_of(records.WHOLE, records.WRONG_LENGTH, records.ERRATUM, records.UNCLOSED)
_WHOLE = warc.table_of(records.WHOLE, records.ERRATUM)
_UNHARMED = warc.table_of(warc.SOUND, warc.SOUGHT)
_UNSETTLED = warc.table_of(warc.INSIDE, warc.TWICE)
# Without these it is not known what a record is, how long, and whose.
_DECISIVE = frozenset(("warc-type", "content-length", "warc-target-uri"))
_CONTENT_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\r\n]*)")
OTHER_URL = "record's URL is not that of the metadata about it; it was read without"
UNTYPED = "record is of no type that there is, and was not read"
SEGMENTED = "record is a first segment; those that continue it were not read"
_TEXTS = warc.table_of(warc.CONVERSION, warc.GATED)
_OF_PAGES = warc.table_of(warc.RESPONSE, warc.RESOURCE, warc.METADATA)


def length_slack(release: str | None) -> int:
    """By how many bytes the `Content-Length` of a record may be off in a release; 0 if it must be right."""
    return LENGTHS_OFF_BY.get(release or "", 0)


class Expected(NamedTuple):
    """The expected format of records, and how those of another format show.

    `name`: as messages say it. `gate`: see `gate_of`. `refused(kinds)` is asked of every block of records
    (int64 (k,)): it returns what shows another format, None if nothing does. `before_inflater`: which gzip
    members are passed over without being inflated.
    """

    name: str
    gate: warc.Gate
    refused: Callable[[Offsets], str | None]
    before_inflater: Gate | None = None


class Records(NamedTuple):
    """Records of a shard: `rows` int64 (k, COLUMNS), see `headers`, in `block`; their release."""

    block: InflatedBlock
    rows: Offsets
    release: str | None


def are_readable(rows: Offsets) -> warc.Which:
    """Return which records (int64 (k, COLUMNS)) have a text that is read: bool (k,)."""
    return _READABLE[rows[:, warc.STATUS]]


class WarcReading(PieceReader[Records]):
    """Reads the records of a shard, or of a part that begins with a record. Every loss is noted."""

    kind, head_bytes = "WARC", 64

    def __init__(
        self, shard: ObjectInfo, options: ReadOptions, report: ReadReport, expected: Expected
    ) -> None:
        super().__init__(shard, options, report, begins_with_record)
        self._expected, self.gate = expected, expected.before_inflater
        self.name, self.remedy = expected.name, f"give the {expected.name} file of the same crawl"
        self._sought = records.EXPECTED
        self._release: str | None = None
        self._releases = set[str | None]()
        self._slack = length_slack(options.release)
        self._table = np.empty((RECORDS_AT_ONCE + 1, warc.COLUMNS), np.int64)

    def ready(self, *, final: bool) -> Iterator[Records]:
        """Yield the records in the pieces so far, by release."""
        full = True
        while full:
            block = self.blocks.block(final=final)
            found, done, beyond, needed, sought = records.find_records(
                block.data, block.runs, block.states, self._expected.gate, self.options.max_document_bytes,
                max(0, self.room - block.base), final, block.encoding != "gzip", self._sought, self._slack,
                self._table,
            )  # fmt: skip
            rows = self._table[:found].copy()
            for k in np.flatnonzero(_UNSETTLED[rows[:, warc.DAMAGE]]).tolist():
                settle = _settle_twice if rows[k, warc.DAMAGE] == warc.TWICE else _settle_inside
                settle(block, rows[k])
            for k in np.flatnonzero(rows[:, warc.STATUS] == records.CUT).tolist():
                # A record shorter than it declares is read if its HTTP head shows that nothing is missing.
                if rows[k, warc.KIND] == warc.RESPONSE and body_is_declared(block.body_of(rows[k])):
                    rows[k, warc.STATUS] = records.WRONG_LENGTH
            parts = self._by_release(block, rows)
            release = parts[-1].release
            slack = length_slack(release or self.options.release)
            if slack != self._slack:
                # All lengths are judged anew.
                self._slack = slack
                continue
            self._release, self._sought = release, sought
            self._releases |= {part.release for part in parts if len(part.rows)}
            # Of files that were joined, no one release is that of the whole. A part of a file that names none
            # says nothing against what its beginning named.
            if self._releases - {None}:
                self.report.release = release if self._releases <= {release} else None
            self._note(block, rows)
            yield from parts
            self.blocks.drop(done, beyond)
            self.needed = max(self.options.batch_bytes, needed - done)
            full = found == RECORDS_AT_ONCE

    def _by_release(self, block: InflatedBlock, rows: Offsets) -> list[Records]:
        """Part records by the release that the warcinfo before them names: files may have been joined."""
        named = [(0, self._release)]
        for k in np.flatnonzero(rows[:, warc.KIND] == warc.WARCINFO).tolist():
            row = rows[k]
            content = header_fields(block.header_of(row)).get("content-type", WARC_FIELDS)
            # Damage may make such a record: its content vouches for it, or its gzip member.
            if not (content.startswith(WARC_FIELDS) or block.is_member(row)):
                row[warc.DAMAGE] = warc.HEADER
                continue
            release = release_of(bytes(block.body_of(row)))
            if release and release != named[-1][1]:
                named = [*named, (k, release)] if k else [(0, release)]
        ends = [*(first for first, _ in named[1:]), len(rows)]
        return [
            Records(block, rows[first:end], release)
            for (first, release), end in zip(named, ends, strict=True)
        ]

    def _note(self, block: InflatedBlock, rows: Offsets) -> None:
        if what := self._expected.refused(rows[:, warc.KIND]):
            raise self.refusal(what)
        status, damage = rows[:, warc.STATUS], rows[:, warc.DAMAGE]
        if records.ERRATUM in status:
            of = self._release or self.options.release
            what = f"erratum of {of}: Content-Length is off by {length_slack(of)} bytes"
            self.report.add_note(f"{what}; such records were read whole")
        sound = _WHOLE[status] & _UNHARMED[damage]
        if not sound.all():
            # Of a broken one its gzip member's defect says so.
            note_defects(block, rows[~sound & (status != records.BROKEN)], self.report, complaint)


def note_defects(
    block: InflatedBlock, rows: Offsets, report: ReadReport, what: Callable[[Offsets], str]
) -> None:
    """Report a defect of each of `rows`; those beyond the room of a report are only counted."""
    room = report.room
    for row in rows[:room]:
        report.add_defect(what(row), *block.place_of(row))
    report.add_defects(len(rows[room:]))


def _settle_twice(block: InflatedBlock, row: Offsets) -> None:
    """Decide whether a header that says something twice is as it was written.

    It is where the checksum of a gzip member holds. Then the URL is known, unless a decisive field has two
    values: nobody knows which of them counts.
    """
    if block.is_member(row) and _DECISIVE.isdisjoint(contradictions(block.header_of(row))):
        row[warc.DAMAGE] = warc.SOUND
    else:
        row[warc.DAMAGE], row[warc.URI], row[warc.URI_END] = warc.HEADER, 0, 0


def _settle_inside(block: InflatedBlock, row: Offsets) -> None:
    """Decide where a record ends that holds whole records up to its end.

    A page may show records, or a wrong length takes in those that follow. If neither the digest nor the
    length of the HTTP body proves the former, the text ends where they begin, and they are nobody's.
    """
    stored = block.body_of(row)
    proven = block_is_declared(header_fields(block.header_of(row)), stored)
    if proven is None and row[warc.KIND] == warc.RESPONSE:
        proven = body_is_declared(stored)
    if proven:
        row[warc.DAMAGE], row[warc.THERE] = warc.SOUND, 0
    else:
        row[warc.DAMAGE], row[warc.BODY_END], row[warc.THERE] = warc.LENGTH, row[warc.THERE], 0


def read_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the pages of `stream`, a part of `shard` that begins with a record."""

    def refused(kinds: Offsets) -> str | None:
        texts = _TEXTS[kinds].any()
        return "holds extracted text (`conversion` records)" if texts else None

    expected = Expected(
        "WARC", warc.gate_of(frozenset()), refused, WarcGate(options) if options.languages else None
    )
    found = WarcReading(shard, options, report, expected).read(stream)
    yield from PageBatches(options, report).of(_responses(found, report))


def _responses(blocks: Iterator[Records], report: ReadReport) -> Iterator[Stored]:
    """Yield the responses, each once it is known whether the record after it names its languages."""
    waiting: Stored | None = None
    try:
        for found in blocks:
            for row in _with_pages(found, report):
                if row[warc.KIND] != warc.METADATA:
                    if waiting is not None:
                        yield waiting
                    waiting = _stored(found, row, report)
                elif waiting is not None and waiting.url != found.block.url_of(row):
                    _compare_urls(waiting, found.block, row, report)
                elif waiting is not None:
                    waiting.languages = identified(found.block.body_of(row).tobytes())
                    yield waiting
                    waiting = None
    except PresswatchError:
        if waiting is not None:
            yield waiting
        raise
    if waiting is not None:
        yield waiting


def _compare_urls(page: Stored, block: InflatedBlock, row: Offsets, report: ReadReport) -> None:
    """Take its URL from a page if the metadata about it give another page's: one of the two is damaged.

    Metadata may have a name of their own instead, such as `urn:…`.
    """
    if page.verified() or not block.url_of(row).lower().startswith((b"http://", b"https://")):
        return
    header = header_fields(block.header_of(row))
    located = page.pointer()
    about = (header.get("warc-concurrent-to"), header.get("warc-refers-to"))
    if located.record_id is not None and located.record_id in about and page.url:
        report.add_defect(OTHER_URL, *page.place())
        page.url = b""
        page.pointer = lambda: replace(located, damage="header")


def _with_pages(found: Records, report: ReadReport) -> Offsets:
    """Return the records of responses, and of metadata about them; count the others.

    No Python object is made of those that hold nothing: a small file may have millions.
    """
    rows = found.rows[are_readable(found.rows)]
    kinds, empty = rows[:, warc.KIND], rows[:, warc.BODY_END] == rows[:, warc.BODY]
    counted = {
        "empty response": empty & (kinds == warc.RESPONSE),
        "no text": empty & (kinds == warc.RESOURCE),
        "revisit record": kinds == warc.REVISIT,
        "continuation record": kinds == warc.CONTINUATION,
    }
    for why, which in counted.items():
        report.add_skipped(why, int(np.count_nonzero(which)))
    if (other := kinds == warc.OTHER).any():
        _note_untyped(found.block, rows[other], report)
    pages: Offsets = rows[~empty & _OF_PAGES[kinds]]
    return pages


def _note_untyped(block: InflatedBlock, rows: Offsets, report: ReadReport) -> None:
    """Count records of no type that there is.

    Outside of a gzip member of its own, damage may have made such a record: that is a defect.
    """
    member = np.isin(rows[:, warc.START], block.runs) & (block.encoding == "gzip")
    report.add_skipped("record of another kind", int(np.count_nonzero(member)))
    note_defects(block, rows[~member], report, lambda row: UNTYPED)


def _stored(found: Records, row: Offsets, report: ReadReport) -> Stored:
    block, release = found.block, found.release
    header = block.header_of(row)
    lowered = header.lower()
    named = _CONTENT_TYPE.search(lowered)
    media = named[1].decode("latin-1") if named else ""
    body = block.body_of(row)
    if b"\nwarc-segment-number:" in lowered:
        report.add_defect(SEGMENTED, *block.place_of(row))
    # A response may give its type in the wrong place; then its block shows it.
    mistyped = row[warc.KIND] == warc.RESPONSE and (not media or bytes(body[:5]) == b"HTTP/")
    return Stored(
        url=block.url_of(row),
        block=body,
        pointer=lambda: record_locator(block, row, release),
        place=lambda: block.place_of(row),
        resource=None if media.startswith("application/http") or mistyped else media,
        cut=b"\nwarc-truncated:" in lowered,
        verified=lambda: block.is_member(row),
        proven=lambda: block_is_declared(header_fields(header), body) is True,
    )


WARC = Format(
    name="warc",
    title="WARC",
    description=N_("Common Crawl, pages"),
    archive=N_("pages of the web (WARC)"),
    summary="WARC files of Common Crawl and others: the pages themselves, whatever their charset and codings;"
    " text files, and with `--pdf` PDF",
    read=whole(read_part),
    read_part=read_part,
    begins=begins_with_record,
    # Of a warcinfo alone the name decides.
    recognises=lambda head: (
        head.kind == "WARC" or (head.kind == "warcinfo" and head.uri.lower().endswith(WARC_SUFFIXES))
    ),
    # Archives that hold both are common: what is ARC is read as that.
    kinds=frozenset({"WARC", "warcinfo", "ARC"}) | ANYTHING,
    suffixes=dict.fromkeys(WARC_SUFFIXES, frozenset({"text", "unknown"})),
    rates={"": "warc"},
    specimen=specimens.warc,
    responses=True,
    is_warc=True,
    elsewhere=frozenset({"languages"}),
)

"""WARC and WET: the pages among the records of a shard, damaged records, and reasons why others are skipped.

A file may be plain, or gzip with one member for all records, several records in a member, or a record over
several members. The warcinfo record names the release (`isPartOf`), which decides about known errata.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.languages import spellings_of
from presswatch_spark.core.scan_values import DocumentBatch, Offsets, ReadReport, TextColumn
from presswatch_spark.core.translation import N_
from presswatch_spark.reading import source, tombstones
from presswatch_spark.reading.inflate import Gate
from presswatch_spark.reading.source import ANYTHING, Format, ReadOptions
from presswatch_spark.reading.warc import records as warc
from presswatch_spark.reading.warc.blocks import (
    InflatedBlock,
    PieceReader,
    begins_with_record,
    block_is_declared,
    body_is_declared,
    header_fields,
    record_locator,
    release_of,
)
from presswatch_spark.reading.warc.language_gates import AuditDraw, WarcGate, WetGate, identified
from presswatch_spark.reading.warc.pages import PageBatches, Stored
from presswatch_spark.storage.objects import ObjectInfo, Stream

LENGTHS_OFF_BY: Mapping[str, int] = {"CC-MAIN-2018-34": 2}
"""By release: the number of bytes by which each `Content-Length` is too large or too small."""

WARC_SUFFIXES = (".warc", ".warc.gz")
RECORDS_AT_ONCE = 1 << 14
_WARC_FIELDS = "application/warc-fields"
_READABLE = warc.table_of(warc.WHOLE, warc.WRONG_LENGTH, warc.ERRATUM, warc.UNCLOSED)
_WHOLE = warc.table_of(warc.WHOLE, warc.ERRATUM)
_UNHARMED = warc.table_of(warc.SOUND, warc.BOUNDARY)
_UNSETTLED = warc.table_of(warc.INSIDE, warc.TWICE)
_CONTENT_TYPE = re.compile(rb"\ncontent-type:[ \t]*([^\r\n]*)")
_PAGES = warc.table_of(warc.RESPONSE, warc.RESOURCE)
_OF_WET = warc.table_of(warc.CONVERSION, warc.GATED, warc.WARCINFO)
_OF_PAGES = warc.table_of(warc.RESPONSE, warc.RESOURCE, warc.METADATA)


def length_slack(release: str | None) -> int:
    """Return the bytes by which each `Content-Length` of a release may be wrong; 0 if it must be right."""
    return LENGTHS_OFF_BY.get(release or "", 0)


class _Records(NamedTuple):
    """Records of a shard: `rows` int64 (k, COLUMNS), see `records`, in `block`; their release."""

    block: InflatedBlock
    rows: Offsets
    release: str | None

    @property
    def readable(self) -> warc.Which:
        """The records with a text that is read: bool (k,)."""
        return _READABLE[self.rows[:, warc.STATUS]]


class _WarcReading(PieceReader[_Records]):
    """Reads the records of a shard, or of a part that begins with a record. Every loss is noted.

    `languages`: see `gate_of`. `refused` receives the kinds of each block's records (int64 (k,)), and returns
    a phrase for the error if they show that the shard is of another format, else None.
    """

    kind, head_bytes = "WARC", 64

    def __init__(
        self,
        shard: ObjectInfo,
        options: ReadOptions,
        report: ReadReport,
        name: str,
        languages: warc.Gate,
        refused: Callable[[Offsets], str | None],
        gate: Gate | None,
    ) -> None:
        super().__init__(shard, options, report, begins_with_record)
        self.name, self.remedy = name, f"pass the {name} file of the same crawl"
        self.gate, self._languages, self._refused = gate, languages, refused
        self._beginning = warc.EXPECTED
        self._release: str | None = None
        self._releases = set[str | None]()
        self._slack = length_slack(options.release)
        self._table = np.empty((RECORDS_AT_ONCE + 1, warc.COLUMNS), np.int64)

    def ready(self, *, final: bool) -> Iterator[_Records]:
        """Yield the records in the pieces so far, by release."""
        full = True
        while full:
            block = self.blocks.block(final=final)
            found, done, beyond, needed, beginning = warc.find_records(
                block.data, block.runs, block.states, self._languages, self.options.max_document_bytes,
                max(0, self.room - block.base), final, block.encoding != "gzip", self._beginning, self._slack,
                self._table,
            )  # fmt: skip
            rows = self._table[:found].copy()
            _settle(block, rows)
            parts = self._by_release(block, rows)
            release = parts[-1].release
            slack = length_slack(release or self.options.release)
            if slack != self._slack:
                # The release has another erratum: judge all lengths again.
                self._slack = slack
                continue
            self._release, self._beginning = release, beginning
            self._releases |= {part.release for part in parts if len(part.rows)}
            # Files that were joined may have no single release. A part of a shard that names none leaves the
            # release that the beginning of the shard named.
            if self._releases - {None}:
                self.report.release = release if self._releases <= {release} else None
            self._note(block, rows)
            yield from parts
            self.blocks.drop(done, beyond)
            self.needed = max(self.options.batch_bytes, needed - done)
            full = found == RECORDS_AT_ONCE

    def _by_release(self, block: InflatedBlock, rows: Offsets) -> list[_Records]:
        """Split records by the release that the warcinfo before them names: files may have been joined."""
        named = [(0, self._release)]
        for k in np.flatnonzero(rows[:, warc.KIND] == warc.WARCINFO).tolist():
            row = rows[k]
            content = header_fields(block.header_of(row)).get("content-type", _WARC_FIELDS)
            # Damage may turn another type into `warcinfo`: its content type or its gzip member must prove it.
            if not (content.startswith(_WARC_FIELDS) or block.is_member(row)):
                row[warc.DAMAGE] = warc.HEADER
                continue
            release = release_of(bytes(block.body_of(row)))
            if release and release != named[-1][1]:
                named = [*named, (k, release)] if k else [(0, release)]
        ends = [*(first for first, _ in named[1:]), len(rows)]
        return [
            _Records(block, rows[first:end], release)
            for (first, release), end in zip(named, ends, strict=True)
        ]

    def _note(self, block: InflatedBlock, rows: Offsets) -> None:
        if what := self._refused(rows[:, warc.KIND]):
            raise self.refusal(what)
        status, damage = rows[:, warc.STATUS], rows[:, warc.DAMAGE]
        if warc.ERRATUM in status:
            of = self._release or self.options.release
            what = f"erratum of {of}: Content-Length is off by {length_slack(of)} bytes"
            self.report.add_note(f"{what}; such records were read whole")
        sound = _WHOLE[status] & _UNHARMED[damage]
        if not sound.all():
            # A broken record is reported by the defect of its gzip member.
            _note_defects(block, rows[~sound & (status != warc.BROKEN)], self.report, _complaint)


def _note_defects(
    block: InflatedBlock, rows: Offsets, report: ReadReport, what: Callable[[Offsets], str]
) -> None:
    """Report a defect of each of `rows`; those for which the report has no room are only counted."""
    room = report.room
    for row in rows[:room]:
        report.add_defect(what(row), *block.place_of(row))
    report.defects_total += len(rows[room:])


def _complaint(row: Offsets) -> str:
    """Return the finding about a record: its loss, or its damage."""
    declares = f"declares {row[warc.DECLARED]:,} bytes"
    if row[warc.DECLARED] < 0:
        declares = "has no readable Content-Length"
    found = f"{max(row[warc.BODY_END], row[warc.THERE]) - row[warc.BODY]:,}"
    read = "what it declares" if row[warc.BODY_END] < row[warc.THERE] else "what is there"
    wrong = {
        warc.WRONG_LENGTH: f"record {declares} and has {found}; {read} was read",
        warc.CUT: f"record is cut: it {declares} and has {found}; it was not read",
        warc.NOT_A_RECORD: "bytes that are not a WARC record; reading resumed at the next one",
        warc.NO_HEADER: "record has no readable header; reading resumed at the next one",
        warc.TOO_LONG: f"record is longer than allowed, not read; it {declares}",
        warc.UNCLOSED: "the file ends within the line ends that close the last record: it may be cut",
    }.get(int(row[warc.STATUS]))
    damaged = {
        warc.HEADER: "record has a damaged header; what is there was read without its URL",
        warc.VERSION: "record has a damaged version line; it was read",
        warc.LENGTH: "record contains whole records; the text before them was read",
    }
    return wrong or damaged[int(row[warc.DAMAGE])]


def _settle(block: InflatedBlock, rows: Offsets) -> None:
    """Decide cases that the kernel left open: repeated fields, records inside of records, cut responses."""
    for k in np.flatnonzero(_UNSETTLED[rows[:, warc.DAMAGE]]).tolist():
        row = rows[k]
        if row[warc.DAMAGE] == warc.TWICE:
            # The header is as it was written if the checksum of a gzip member holds.
            if block.is_member(row):
                row[warc.DAMAGE] = warc.SOUND
            else:
                row[warc.DAMAGE], row[warc.URI], row[warc.URI_END] = warc.HEADER, 0, 0
            continue
        # Either the page quotes WARC records, or a wrong length includes the records that follow. If neither
        # digest nor length of the HTTP body proves the former, the text ends before them; they are not read.
        stored = block.body_of(row)
        proven = block_is_declared(header_fields(block.header_of(row)), stored)
        if proven is None and row[warc.KIND] == warc.RESPONSE:
            proven = body_is_declared(stored)
        if proven:
            row[warc.DAMAGE], row[warc.THERE] = warc.SOUND, 0
        else:
            row[warc.DAMAGE], row[warc.BODY_END], row[warc.THERE] = warc.LENGTH, row[warc.THERE], 0
    for k in np.flatnonzero(rows[:, warc.STATUS] == warc.CUT).tolist():
        # A record shorter than it declares is read if the HTTP head proves that its body is complete.
        if rows[k, warc.KIND] == warc.RESPONSE and body_is_declared(block.body_of(rows[k])):
            rows[k, warc.STATUS] = warc.WRONG_LENGTH


def read_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the pages of `stream`, a part of the WARC `shard` that begins with a record."""

    has_pages = False

    def refused(kinds: Offsets) -> str | None:
        nonlocal has_pages
        has_pages = has_pages or bool(_PAGES[kinds].any())
        is_wet = not has_pages and warc.CONVERSION in kinds
        return "contains extracted text (`conversion` records)" if is_wet else None

    gate = WarcGate(options) if options.languages else None
    reading = _WarcReading(shard, options, report, "WARC", warc.gate_of(frozenset()), refused, gate)
    yield from PageBatches(options, report).of(_responses(reading.read(stream), report))


def _responses(blocks: Iterator[_Records], report: ReadReport) -> Iterator[Stored]:
    """Yield each response after the next record was read, which may be metadata that names its languages."""
    waiting: Stored | None = None
    try:
        for found in blocks:
            for row in _with_pages(found, report):
                if row[warc.KIND] != warc.METADATA:
                    if waiting is not None:
                        yield waiting
                    waiting = _stored(found, row, report)
                elif _is_tombstone(found, row):
                    report.add_skipped(tombstones.SKIPPED)
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


def _is_tombstone(found: _Records, row: Offsets) -> bool:
    record = found.block.data.data[row[warc.START] : row[warc.END]]
    return bool(row[warc.KIND] == warc.METADATA) and tombstones.is_tombstone(record)


def _compare_urls(page: Stored, block: InflatedBlock, row: Offsets, report: ReadReport) -> None:
    """Remove a page's URL if the metadata record about the page has another URL: one of them is damaged.

    A metadata record whose own name is not a web address (`urn:…`) proves nothing.
    """
    if page.verified() or not block.url_of(row).lower().startswith((b"http://", b"https://")):
        return
    header = header_fields(block.header_of(row))
    located = page.pointer()
    about = (header.get("warc-concurrent-to"), header.get("warc-refers-to"))
    if located.record_id is not None and located.record_id in about and page.url:
        other_url = "record's URL is not that of the metadata about it; it was read without"
        report.add_defect(other_url, *page.place())
        page.url = b""
        page.pointer = lambda: replace(located, damage="header")


def _with_pages(found: _Records, report: ReadReport) -> Offsets:
    """Return the records of responses, and of metadata about them; count the others.

    Empty records never become Python objects: a small file may have millions.
    """
    block, rows = found.block, found.rows[found.readable]
    kinds, empty = rows[:, warc.KIND], rows[:, warc.BODY_END] == rows[:, warc.BODY]
    counted = {
        "empty response": empty & (kinds == warc.RESPONSE),
        "no text": empty & (kinds == warc.RESOURCE),
        "revisit record": kinds == warc.REVISIT,
        "continuation record": kinds == warc.CONTINUATION,
        "conversion record": kinds == warc.CONVERSION,
    }
    for why, which in counted.items():
        report.add_skipped(why, int(np.count_nonzero(which)))
    if (other := kinds == warc.OTHER).any():
        # Unless the record begins a gzip member, damage may have changed its type: that is a defect.
        untyped = rows[other]
        member = np.isin(untyped[:, warc.START], block.runs) & (block.encoding == "gzip")
        report.add_skipped("record of another kind", int(np.count_nonzero(member)))
        what = "record has an unknown type, and was not read"
        _note_defects(block, untyped[~member], report, lambda row: what)
    pages: Offsets = rows[~empty & _OF_PAGES[kinds]]
    return pages


def _stored(found: _Records, row: Offsets, report: ReadReport) -> Stored:
    block, release = found.block, found.release
    header = block.header_of(row)
    lowered = header.lower()
    named = _CONTENT_TYPE.search(lowered)
    media = named[1].decode("latin-1") if named else ""
    body = block.body_of(row)
    if b"\nwarc-segment-number:" in lowered:
        segmented = "record is a first segment; those that continue it were not read"
        report.add_defect(segmented, *block.place_of(row))
    # A response without Content-Type, or with one of the page instead of the block, is HTTP all the same.
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


def read_wet_part(
    stream: Stream, shard: ObjectInfo, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield the texts of `stream`, a part of the WET `shard` that begins with a record."""

    def refused(kinds: Offsets) -> str | None:
        pages = report.documents == 0 and warc.RESPONSE in kinds and warc.CONVERSION not in kinds
        return "contains WARC `response` records" if pages else None

    gate = WetGate(options) if options.languages else None
    languages = warc.gate_of(spellings_of(options.languages))
    for found in _WarcReading(shard, options, report, "WET", languages, refused, gate).read(stream):
        rows, readable, kind = found.rows, found.readable, found.rows[:, warc.KIND]
        # Of other kinds, a WET has only tombstones: a header is damaged, or the file is of another format.
        strange = rows[~_OF_WET[kind] & readable]
        are_tombstones = np.array([_is_tombstone(found, row) for row in strange], bool)
        report.add_skipped(tombstones.SKIPPED, int(np.count_nonzero(are_tombstones)))
        strange = strange[~are_tombstones]
        _note_defects(found.block, strange, report, lambda row: "record is not a conversion; it was not read")
        converted, gated = rows[readable & (kind == warc.CONVERSION)], rows[readable & (kind == warc.GATED)]
        texts = converted[converted[:, warc.BODY_END] > converted[:, warc.BODY]]
        report.add_skipped("language", len(gated))
        report.add_skipped("no text", len(converted) - len(texts))
        report.documents += len(texts)
        report.text_bytes += int((texts[:, warc.BODY_END] - texts[:, warc.BODY]).sum())
        if len(texts):
            yield _documents(found, texts)
        if options.audit and len(gated):
            draw = AuditDraw(options.audit)
            drawn = gated[[draw.holds(found.block.header_of(row)) for row in gated]]
            if len(drawn):
                yield replace(_documents(found, drawn), is_audit=True)


def _documents(found: _Records, rows: Offsets) -> DocumentBatch:
    block = found.block
    return DocumentBatch(
        TextColumn(block.data, rows[:, warc.BODY].copy(), rows[:, warc.BODY_END].copy()),
        TextColumn(block.data, rows[:, warc.URI].copy(), rows[:, warc.URI_END].copy()),
        locate=lambda i: record_locator(block, rows[i], found.release),
    )


def warc_shard_of(uri: str) -> tuple[str, str] | None:
    """Return the WARC shard that a WET shard of Common Crawl was made from; see `Format.made_from`."""
    name = re.fullmatch(r"(.*)/wet/([^/]*)\.warc\.wet\.gz", uri)
    return ("warc", f"{name[1]}/warc/{name[2]}.warc.gz") if name else None


WARC = Format(
    name="warc",
    title="WARC",
    description=N_("Common Crawl, pages"),
    archive=N_("pages of the web (WARC)"),
    summary="WARC files of Common Crawl and others: the pages themselves, whatever their charset and codings;"
    " text files, and with `--pdf` PDF",
    read=source.whole(read_part),
    read_part=read_part,
    begins=begins_with_record,
    # If the first bytes contain only a warcinfo, the file name decides.
    recognises=lambda head: (
        head.kind == "WARC" or (head.kind == "warcinfo" and head.uri.lower().endswith(WARC_SUFFIXES))
    ),
    # Archives with WARC and ARC files are common: an ARC among them is read as ARC.
    kinds=frozenset({"WARC", "warcinfo", "ARC"}) | ANYTHING,
    suffixes=dict.fromkeys(WARC_SUFFIXES, frozenset({"text", "unknown"})),
    rates={"": "warc"},
    specimen=source.warc_specimen,
    responses=True,
    is_warc=True,
    facts_elsewhere=frozenset({"languages"}),
)
WET = Format(
    name="wet",
    title="WET",
    description=N_("Common Crawl, texts"),
    archive=N_("texts of the web (WET)"),
    summary="Common Crawl's WET files of all years, compressed per record or as a whole, or plain",
    read=source.whole(read_wet_part),
    read_part=read_wet_part,
    begins=begins_with_record,
    # If the first bytes contain only a warcinfo, the file name decides.
    recognises=lambda head: (
        head.kind == "WET" or (head.kind == "warcinfo" and not head.uri.lower().endswith(WARC_SUFFIXES))
    ),
    kinds=frozenset({"WET", "warcinfo"}) | ANYTHING,
    suffixes=dict.fromkeys((".wet", ".wet.gz"), frozenset({"text", "unknown"})),
    rates={"": "wet"},
    specimen=source.wet_specimen,
    is_warc=True,
    by_release=True,
    made_from=warc_shard_of,
)

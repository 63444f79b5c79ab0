"""Formats of rows: C4, OSCAR, and any other, by a mapping of columns or by names that public datasets use.

`TRIED` has the names by role, best first. They cover FineWeb and FinePDFs (`dump`, `id`), mC4, CulturaX,
CCNet, RedPajama (`raw_content`; `meta` as a string of JSON), HPLT (`u`, `ts`), Dolma and OLMo (`metadata.…`).
Of OSCAR, 22.01 and 23.01 are rows; 21.09 is text with metadata in a second file.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from presswatch_spark.core.scan_values import DocumentBatch, ReadReport
from presswatch_spark.core.translation import N_
from presswatch_spark.reading import source
from presswatch_spark.reading.http.message import is_text
from presswatch_spark.reading.inflate import (
    Window,
    compression_of,
    inflated,
    inflated_window,
    lines,
    placed_lines,
)
from presswatch_spark.reading.rows import parquet
from presswatch_spark.reading.rows.columns import (
    ColumnNames,
    as_languages,
    check_mapping,
    holds_objects_only,
    leads_into,
    locator_of,
    readable_part,
    tree_of,
)
from presswatch_spark.reading.rows.jsonl import FORMS_KEPT, JsonRows, SteadyFields
from presswatch_spark.reading.rows.lenient_json import encoded, is_utf8, parse_object, repeats_a_name
from presswatch_spark.reading.rows.parquet_footer import MAGIC
from presswatch_spark.reading.rows.row_values import BatchBuilder
from presswatch_spark.reading.source import ANYTHING, Format, Head, ReadOptions
from presswatch_spark.storage.objects import ObjectInfo, Stream, open_stream

ROW_KINDS = frozenset({"JSONL", "Parquet"})
_JSON_SUFFIXES = tuple(f".{name}{packed}" for name in ("json", "jsonl") for packed in ("", ".gz", ".zst"))
# By suffix, the kinds of content that are then read as damaged rows: none for Parquet, which needs its magic.
SUFFIXES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_JSON_SUFFIXES, frozenset({"unknown"})),
    ".parquet": frozenset[str](),
}
JSON_RATE = "c4_json"
RATES: Mapping[str, str] = {**dict.fromkeys(_JSON_SUFFIXES, JSON_RATE), ".parquet": "c4_parquet"}
_row_format = partial(Format, kinds=ROW_KINDS | ANYTHING, specimen=source.row_specimens, has_columns=True)


@dataclass(frozen=True, slots=True)
class RowSource:
    """Reads JSONL (plain, gzip, zstd) and Parquet, distinguished by content.

    `marks`: sets of (dotted) column names; a file with one of them is of the dataset, if `exact` only without
    other columns. `text_is_sure`: a row of JSON without the column of text is damaged.
    """

    columns: ColumnNames
    marks: tuple[frozenset[str], ...]
    exact: bool = False
    text_is_sure: bool = False

    def recognises(self, head: Head) -> bool:
        """Return True if a file has rows with the columns of this dataset."""
        names = head.columns
        fits = names in self.marks if self.exact else any(marks <= names for marks in self.marks)
        return head.kind in ROW_KINDS and fits

    def read(self, shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
        """Yield the rows that have text; see `source.ReadShard`."""
        check_mapping(options.columns)
        columns = {**self.columns, **{role: (name,) for role, name in options.columns.items()}}
        with options.open(shard) as stream:
            magic = stream.read(len(MAGIC))
            stream.push_back(magic)
            if magic != MAGIC:
                window = Window(stream, report)
                if window.refill(0) is None:
                    report.add_defect("the shard is empty", 0)
                    return
                rows = JsonRows(columns, options, report, self.text_is_sure)
                yield from rows.read(inflated_window(window), shard.uri)
                return
        report.bytes_read = 0
        yield from parquet.read_parquet(shard, columns, options, report)


TRIED: ColumnNames = {
    "text": ("text", "raw_content", "content", "body", "document", "page_content"),
    "url": ("url", "uri", "metadata.url", "meta.url", "source_url", "metadata.source_url", "metadata.uri",
            "warc_headers.warc-target-uri", "meta.warc_headers.warc-target-uri", "target_uri", "u"),
    "record_id": ("record_id", "warc_record_id", "metadata.warc_record_id", "warc_headers.warc-record-id",
                  "doc_id", "id"),
    "captured_at": ("date", "timestamp", "date_download", "crawl_date", "metadata.date_download",
                    "metadata.timestamp", "warc_date", "warc_headers.warc-date", "ts", "created",
                    "metadata.date", "meta.date_download", "meta.timestamp", "meta.date"),
    "payload_digest": ("payload_digest", "digest", "metadata.digest", "content_digest",
                       "warc_headers.warc-block-digest", "meta.digest"),
    "languages": ("languages", "language", "lang", "metadata.language", "meta.language",
                  "warc_headers.warc-identified-content-language"),
    "release": ("dump", "crawl", "snapshot", "cc_dump", "metadata.dump", "metadata.cc_segment",
                "cc_segment", "file_path"),
    "http_status": ("http_status", "fetch_status"),
    # A value counts only if it has the name of a web archive, and an offset only with an archive.
    "upstream_uri": ("warc_filename", "metadata.warc_filename", "file_path", "metadata.file_path",
                     "cc_segment", "metadata.cc_segment", "f"),
    "upstream_offset": ("warc_record_offset", "metadata.warc_record_offset", "offset", "metadata.offset",
                        "o"),
}  # fmt: skip

_C4 = RowSource(
    columns={
        "text": ("text",),
        "url": ("url",),
        "captured_at": ("timestamp", "date"),
        "languages": ("language",),
    },
    marks=(frozenset({"text", "url", "timestamp"}),),
    exact=True,
    text_is_sure=True,
)
C4 = _row_format(
    name="c4",
    title="C4",
    description=N_("C4 format"),
    summary="C4 and mC4 as published (`json.gz`), and as Parquet",
    read=_C4.read,
    recognises=_C4.recognises,
    rates=RATES,
)

_ROWS = RowSource(columns=TRIED, marks=tuple(frozenset({name}) for name in TRIED["text"]))
ROWS = _row_format(
    name="rows",
    title="rows",
    description=N_("another dataset of rows"),
    summary="any JSONL or Parquet with a text column; see below",
    read=_ROWS.read,
    recognises=lambda head: (
        _ROWS.recognises(head)
        or (head.kind in ROW_KINDS and leads_into(head.mapping.get("text", ""), head.columns))
    ),
    suffixes=SUFFIXES,
    rates=RATES,
)


# OSCAR 21.09 (ungoliant 1, OSCAR schema 1.1): documents are lines separated by a blank line. An entry of
# `fr_meta_part_1.jsonl` names a document of `fr_part_1.txt` by `offset`, its first line from 0, and
# `nb_sentences`, its number of lines. If lines are lost, documents would get the URLs of others.
_TEXT_NAME = re.compile(r"(?P<stem>.+?)(?P<part>_part_\d+)?\.txt(?P<packed>\.gz|\.zst)?")
# `fr.txt`, `fr_part_1.txt.gz`.
_OSCAR_NAME = re.compile(r"(.*/)?[a-z]{2,4}(_dedup)?(_part_\d+)?\.txt(\.gz|\.zst)?")
_HEADERS: Mapping[str, str] = {
    "url": "warc-target-uri",
    "record_id": "warc-record-id",
    "captured_at": "warc-date",
    "payload_digest": "warc-block-digest",
    "languages": "warc-identified-content-language",
}


def metadata_of(uri: str) -> tuple[str, ...]:
    """Return the URIs of a text file's metadata to try, likeliest first; none if `uri` is no text file."""
    name = _TEXT_NAME.fullmatch(uri)
    if not name:
        return ()
    packed = sorted(("", ".gz", ".zst"), key=lambda suffix: suffix != (name["packed"] or ""))
    return tuple(f"{name['stem']}_meta{name['part'] or ''}.jsonl{suffix}" for suffix in packed)


@dataclass(frozen=True, slots=True)
class _OscarEntry:
    """An entry of the metadata: its document's first line, number of lines, values by role; size in bytes.

    `is_odd`: no checksum covers it, and it lacks a header that nearly all entries have, or is not UTF-8.
    """

    line: int
    sentences: int
    values: dict[str, Any]
    size: int
    is_odd: bool


def _read_entries(stream: Stream, report: ReadReport, limit: int) -> Iterator[_OscarEntry]:
    """Yield the entries in the metadata file `stream`; a line that is none, or parts of two, is a defect."""
    # Numbers of quotation marks and of fields in examined entries: a repeated name changes these numbers.
    forms = set[tuple[int, int, int]]()
    steady = SteadyFields(tree_of(("headers", name) for name in _HEADERS.values()))
    for index, line in lines(inflated(stream, report), report, limit):
        if line and not line.isspace():
            row = parse_object(line) or {}
            first, sentences, headers = row.get("offset"), row.get("nb_sentences"), row.get("headers")
            given = headers if isinstance(headers, dict) else {}
            form = line.count(b'"'), len(row), len(given)
            is_entry = form in forms or not repeats_a_name(line)
            if not (is_entry and isinstance(first, int) and isinstance(sentences, int)):
                report.add_defect("line is not an entry of metadata", index, "line")
                # Damage to compressed bytes spreads to other lines.
                report.unverified |= report.unchecked == "zstd"
                continue
            if len(forms) < FORMS_KEPT:
                forms.add(form)
            values = {role: readable_part(given.get(name)) for role, name in _HEADERS.items()}
            is_odd = bool(report.unchecked) and (
                steady.add(index, row) or steady.first_is_odd or not is_utf8(line)
            )
            yield _OscarEntry(first, sentences, values, len(line), is_odd)


@dataclass(slots=True)
class _OscarDocument:
    """A document: `line` and `offset` of its first line, `size` in bytes; no `lines` if it is too long."""

    line: int
    offset: int
    lines: list[bytes] = field(default_factory=list)
    size: int = -1
    sentences: int = 0

    def add(self, line: bytes | None, limit: int) -> None:
        """Append a line; None for one longer than `limit`."""
        self.sentences += 1
        self.size += limit + 2 if line is None else len(line) + 1
        if line is None or self.size > limit:
            self.lines.clear()
        else:
            self.lines.append(line)


def _documents(window: Window, limit: int) -> Iterator[_OscarDocument]:
    """Yield the documents; if the stream broke off, the last document is not whole, and is left out."""
    document: _OscarDocument | None = None
    for number, offset, line in placed_lines(inflated_window(window), limit):
        if line in (b"", b"\r"):
            if document:
                yield document
            document = None
        else:
            document = document or _OscarDocument(number, offset)
            document.add(line, limit)
    if document and not window.report.defects_total:
        yield document


def _certain(shard: ObjectInfo, metadata: ObjectInfo, options: ReadOptions) -> tuple[int, set[int]]:
    """Return how many of the first documents belong to the entry at the same place, and those in doubt.

    The latter are numbers from 0.

    If the files differ, documents that match entries counted from the end may have been shifted, and the last
    document before the difference may be merged from two. An odd entry, and entries next to it or to a line
    that is no entry, may have values of others. A damaged stream proves nothing.
    """
    report, entry_report, limit = ReadReport(), ReadReport(), options.max_document_bytes
    with options.open(shard) as text, open_stream(metadata, options.storage) as stream:
        found = [(each.line, each.sentences) for each in _documents(Window(text, report), limit)]
        named, doubtful, defects = list[tuple[int, int]](), set[int](), 0
        for number, entry in enumerate(_read_entries(stream, entry_report, limit)):
            named.append((entry.line, entry.sentences))
            if entry.is_odd or (entry_report.unchecked and entry_report.defects_total > defects):
                doubtful.update((number - 1, number, number + 1))
            defects = entry_report.defects_total
        if entry_report.unchecked and entry_report.defects_total > defects:
            doubtful.add(len(named) - 1)
    if report.defects_total:
        return 0, doubtful
    if found == named:
        return len(found), doubtful
    moved = _common([lines for _, lines in found[::-1]], [lines for _, lines in named[::-1]])
    return min(_common(found, named), len(found) - moved) - 1, doubtful


def _common(these: Sequence[object], those: Sequence[object]) -> int:
    pairs = enumerate(zip(these, those, strict=False))
    return next((i for i, (this, that) in pairs if this != that), min(len(these), len(those)))


def read_text(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the documents of a text file, with the headers that its metadata gives them.

    Without metadata, next to odd entries, and from the first difference between the two files on, documents
    have no URL, and a defect is reported. Both files are read twice: first to compare them.
    """
    stream_report, entry_report, documents, uncertain = ReadReport(), ReadReport(), 0, 0
    metadata = source.first_existing(metadata_of(shard.uri), options.storage)
    certain, doubtful = _certain(shard, metadata, options) if metadata else (0, set[int]())
    builder: BatchBuilder[tuple[dict[str, Any], dict[str, Any]]] = BatchBuilder(
        report, lambda place: locator_of(place[0].get, **place[1])
    )
    with ExitStack() as stack:
        window = Window(stack.enter_context(options.open(shard)), stream_report)
        if window.refill(0) is None:
            report.add_defect("the shard is empty", 0)
            return
        encoding = "plain" if compression_of(bytes(window.view[:4])) == "plain" else "inflated"
        entries: Iterator[_OscarEntry] = iter(())
        if metadata is None:
            name = metadata_of(shard.uri)[0].rpartition("/")[2]
            report.add_defect(f"there is no metadata {name} beside the text; read without URLs")
        else:
            stream = stack.enter_context(open_stream(metadata, options.storage))
            entries = _read_entries(stream, entry_report, options.max_document_bytes)
        for document in _documents(window, options.max_document_bytes):
            entry, is_certain = next(entries, None), documents < certain and documents not in doubtful
            values: dict[str, Any] = entry.values if entry and is_certain else {}
            documents, uncertain = documents + 1, uncertain + (not is_certain)
            if document.size > options.max_document_bytes:
                report.add_defect("document longer than allowed, not read", document.line, "line")
            elif options.skips_languages(as_languages(values.get("languages"))):
                report.add_skipped("language")
            else:
                text, url = b"\n".join(document.lines), values.get("url")
                place: dict[str, Any] = {"row_index": document.line, "record_offset": document.offset}
                place |= {"record_length": len(text), "record_encoding": encoding}
                read_bytes = document.size + (entry.size if entry else 0)
                url_bytes = encoded(url) if isinstance(url, str) else b""
                builder.add(text, url_bytes, (values, place), read_bytes)
            report.bytes_read = stream_report.bytes_read
            yield from builder.taken(options.batch_bytes)
        report.bytes_read = stream_report.bytes_read
        # Read the remaining entries too, for their defects.
        if metadata and (list(entries) or uncertain):
            what = "text and metadata lack lines of each other, or are damaged"
            report.add_defect(f"{what}; {uncertain:,} documents were read without URL")
        if not (documents or stream_report.defects_total):
            report.add_defect("the shard is empty", 0)
        _add_damage(report, stream_report, entry_report)
        yield from builder.taken()


def _add_damage(report: ReadReport, of_text: ReadReport, of_metadata: ReadReport) -> None:
    for defect in of_text.defects:
        report.add_defect(defect.what, defect.offset, defect.unit)
    for defect in of_metadata.defects:
        report.add_defect(f"metadata: {defect}")
    report.interrupted |= of_text.interrupted
    report.unverified |= of_metadata.unverified


def _headers(name: str) -> tuple[str, ...]:
    return tuple(f"{around}{name}" for around in ("warc_headers.", "meta.warc_headers.", "meta.headers."))


_OSCAR_ROWS = RowSource(
    columns={
        "text": ("content", "text"),
        "url": _headers("warc-target-uri"),
        "record_id": _headers("warc-record-id"),
        "captured_at": _headers("warc-date"),
        "payload_digest": _headers("warc-block-digest"),
        "languages": (
            *_headers("warc-identified-content-language"),
            "metadata.identification.label",
            "meta.identification.label",
        ),
    },
    text_is_sure=True,
    marks=tuple(
        frozenset({text, headers})
        for text, headers in (
            ("content", "warc_headers"),
            ("text", "meta.warc_headers"),
            ("text", "meta.headers"),
        )
    ),
)


def read_oscar(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the documents of any version that has URLs; see `source.ReadShard`."""
    if not metadata_of(shard.uri):
        return _OSCAR_ROWS.read(shard, options, report)
    if options.columns:
        report.add_note("columns are mapped, and OSCAR 21.09 has none: the mapping was not used")
    return read_text(shard, options, report)


def _is_oscar(head: Head) -> bool:
    """Return True if the columns are OSCAR's, or a text file is named like one of 21.09.

    Lines of web pages may look like JSON, too, but not all lines of a file.
    """
    if head.kind == "JSONL":
        is_old = not holds_objects_only(head.data)
    else:
        is_old = head.kind != "Parquet" and is_text(head.data)
    return _OSCAR_ROWS.recognises(head) or (is_old and _OSCAR_NAME.fullmatch(head.uri) is not None)


OSCAR = _row_format(
    name="oscar",
    title="OSCAR",
    description=N_("OSCAR format"),
    summary="OSCAR 21.09 (text next to metadata), 22.01 and 23.01 (JSONL, plain, `.gz`, `.zst`), and as"
    " Parquet",
    read=read_oscar,
    recognises=_is_oscar,
    rates={"": JSON_RATE},
    companions_of=metadata_of,
    is_typical=lambda uri: _OSCAR_NAME.fullmatch(uri) is not None,
)

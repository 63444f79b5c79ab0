"""OSCAR 21.09: documents as lines of text parted by a blank line, their WARC headers in a second file.

An entry of `fr_meta_part_1.jsonl` names a document of `fr_part_1.txt` by `offset`, its first line from 0, and
`nb_sentences`, its number of lines. (Format: ungoliant 1, OSCAR schema 1.1.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from presswatch_spark.formats.inflate.inflated import compression_of, inflated_window
from presswatch_spark.formats.inflate.lines import placed_lines
from presswatch_spark.formats.inflate.window import Window
from presswatch_spark.formats.oscar_entries import Entry, read_entries
from presswatch_spark.formats.oscar_order import Order, certain
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.batches import BatchBuilder
from presswatch_spark.formats.table.json_text import encoded
from presswatch_spark.formats.table.locators import locator_of
from presswatch_spark.formats.table.values import as_languages
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.storage.contract import MissingError
from presswatch_spark.storage.objects import ObjectInfo, open_stream, stat

_TEXT_NAME = re.compile(r"(?P<stem>.+?)(?P<part>_part_\d+)?\.txt(?P<packed>\.gz|\.zst)?")
_OSCAR_NAME = re.compile(r"(.*/)?[a-z]{2,4}(_dedup)?(_part_\d+)?\.txt(\.gz|\.zst)?")
_PACKED = ("", ".gz", ".zst")


def siblings_of(uri: str) -> tuple[str, ...]:
    """Where the metadata of a text file may be, likeliest first; empty if `uri` is not named like one."""
    name = _TEXT_NAME.fullmatch(uri)
    if not name:
        return ()
    packed = sorted(_PACKED, key=lambda suffix: suffix != (name["packed"] or ""))
    return tuple(f"{name['stem']}_meta{name['part'] or ''}.jsonl{suffix}" for suffix in packed)


def has_metadata_beside(uri: str, options: ReadOptions) -> bool:
    """Whether the metadata of a text file of OSCAR 21.09 stands beside `uri`."""
    return _existing(siblings_of(uri), options) is not None


def is_named_like_text(uri: str) -> bool:
    """Whether `uri` is named like a text file of OSCAR: `fr.txt`, `fr_part_1.txt.gz`."""
    return _OSCAR_NAME.fullmatch(uri) is not None


@dataclass(slots=True)
class _Document:
    """A document; `line` and `offset` are those of its first line, `size` is in bytes. Too long: no lines."""

    line: int
    offset: int
    lines: list[bytes] = field(default_factory=list)
    size: int = -1
    sentences: int = 0

    def add(self, line: bytes | None, limit: int) -> None:
        """Append a line; None stands for one longer than `limit`."""
        self.sentences += 1
        self.size += limit + 2 if line is None else len(line) + 1
        if line is None or self.size > limit:
            self.lines.clear()
        else:
            self.lines.append(line)


@dataclass(frozen=True, slots=True)
class _Place:
    line: int
    offset: int
    length: int
    encoding: str
    values: dict[str, Any]


def read_text(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the documents of a text file, with the headers that its metadata gives them.

    Without metadata, and where the two files disagree, documents are read without URL, and a defect says so.
    Both are read twice: first to see where they agree.
    """
    stream_report = ReadReport()
    order = _order(shard, options)
    builder: BatchBuilder[_Place] = BatchBuilder(report, _locate)
    with ExitStack() as stack:
        window = Window(stack.enter_context(options.open(shard)), stream_report)
        if window.refill(0) is None:
            report.add_defect("the shard is empty", 0)
            return
        encoding = "plain" if compression_of(bytes(window.view[:4])) == "plain" else "inflated"
        entries = _Entries(shard.uri, options, report, stack)
        gate = {code.lower() for code in options.languages}
        documents = 0
        for document in _documents(window, options.max_document_bytes, stream_report):
            entry = entries.of(document, order.entry_of(documents))
            documents += 1
            codes = {code.lower() for code in as_languages(entry.values.get("languages"))}
            if document.size > options.max_document_bytes:
                report.add_defect("document longer than allowed, not read", document.line, "line")
            elif gate and codes and gate.isdisjoint(codes):
                report.add_skipped("language")
            else:
                builder.add(*_found(document, entry, encoding))
            report.bytes_read = stream_report.bytes_read
            if builder.is_full(options.batch_bytes):
                yield builder.take()
        report.bytes_read = stream_report.bytes_read
        entries.finish()
        report.interrupted |= stream_report.interrupted
        if not (documents or stream_report.defects_total):
            report.add_defect("the shard is empty", 0)
        for defect in stream_report.defects:
            report.add_defect(defect.what, defect.offset, defect.unit)
        if len(builder):
            yield builder.take()


def _order(shard: ObjectInfo, options: ReadOptions) -> Order:
    """See `oscar_order.certain`; without metadata no document is."""
    info = _existing(siblings_of(shard.uri), options)
    if info is None:
        return Order()
    with options.open(shard) as stream:
        report = ReadReport()
        found = _documents(Window(stream, report), options.max_document_bytes, report)
        documents = [(document.line, document.sentences) for document in found]
    if report.defects_total:
        # What a damaged stream inflates to before anybody notices may be anything.
        return Order()
    with open_stream(info, options.storage) as stream:
        read = read_entries(stream, ReadReport(), options.max_document_bytes)
        named = [(entry.line, entry.sentences) for entry in read]
    return certain(documents, named)


def _found(document: _Document, entry: Entry, encoding: str) -> tuple[bytes, bytes, _Place, int]:
    text, url = b"\n".join(document.lines), entry.values.get("url")
    place = _Place(document.line, document.offset, len(text), encoding, entry.values)
    return text, encoded(url) if isinstance(url, str) else b"", place, document.size + entry.size


def _locate(place: _Place) -> Locator:
    return locator_of(
        place.values.get,
        row_index=place.line,
        record_offset=place.offset,
        record_length=place.length,
        record_encoding=place.encoding,
    )


def _documents(window: Window, limit: int, stream_report: ReadReport) -> Iterator[_Document]:
    """Yield the documents; the last one of a stream that broke off is not whole, and not given."""
    document: _Document | None = None
    for number, offset, line in placed_lines(inflated_window(window, stream_report), limit):
        if line in (b"", b"\r"):
            if document:
                yield document
            document = None
        else:
            document = document or _Document(number, offset)
            document.add(line, limit)
    if document and not stream_report.defects_total:
        yield document


class _Entries:
    """The metadata of one text file, read in step with it."""

    def __init__(self, uri: str, options: ReadOptions, report: ReadReport, stack: ExitStack) -> None:
        self._report = report
        self._own_report = ReadReport()
        self._missing = False
        self._without_document = self._uncertain = 0
        self._entries = self._read(uri, options, stack)
        self._ahead = next(self._entries, None)

    def of(self, document: _Document, number: int | None) -> Entry:
        """Entry of a document, without values if none is certain; asked for in the order of the file.

        `number`: of the document's entry, if it is known.
        """
        while self._ahead and self._is_before(self._ahead, document, number):
            self._advance(fits=False)
        entry = self._ahead
        if entry and entry.line == document.line and entry.sentences == document.sentences:
            self._advance(fits=True)
            if entry.number == number and not entry.in_doubt:
                return entry
            self._uncertain += 1
        elif not self._missing:
            self._report.add_defect("no metadata fits the document; read without URL", document.line, "line")
        return Entry(-1, document.line, document.sentences, {}, 0)

    def finish(self) -> None:
        """Read the rest: entries that no document fits may be all that is left of documents."""
        while self._ahead:
            self._advance(fits=False)
        for defect in self._own_report.defects:
            self._report.add_defect(f"metadata: {defect}")
        self._report.unverified |= self._own_report.unverified
        if self._uncertain:
            what = f"{self._uncertain:,} documents are read without URL"
            self._report.add_defect(f"{what}: text or metadata lacks lines, or is damaged beside them")
        if self._without_document:
            self._report.add_defect(f"{self._without_document:,} entries of the metadata fit no document")

    def _is_before(self, entry: Entry, document: _Document, number: int | None) -> bool:
        return entry.line < document.line if number is None else entry.number < number

    def _advance(self, *, fits: bool) -> None:
        self._without_document += not fits
        self._ahead = next(self._entries, None)

    def _read(self, uri: str, options: ReadOptions, stack: ExitStack) -> Iterator[Entry]:
        info = _existing(siblings_of(uri), options)
        if info is None:
            self._missing = True
            names = siblings_of(uri)[0].rpartition("/")[2]
            self._report.add_defect(f"there is no metadata {names} beside the text; read without URLs")
            return
        stream = stack.enter_context(open_stream(info, options.storage))
        yield from read_entries(stream, self._own_report, options.max_document_bytes)


def _existing(uris: tuple[str, ...], options: ReadOptions) -> ObjectInfo | None:
    for uri in uris:
        try:
            return stat(uri, options.storage)
        except MissingError:
            continue
    return None

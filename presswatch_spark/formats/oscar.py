"""OSCAR: 22.01 and 23.01 as JSONL or Parquet, and 21.09 as text with metadata in a second file.

In 22.01 and 23.01 the files that hold the documents are called `fr_meta_part_1.jsonl.gz`; in 21.09 files of
that name hold only metadata. So content and neighbours decide what such a file is, never its name alone.

A text of 21.09 has documents as lines parted by a blank line. An entry of `fr_meta_part_1.jsonl` names a
document of `fr_part_1.txt` by `offset`, its first line from 0, and `nb_sentences`, its number of lines.
(Format: ungoliant 1, OSCAR schema 1.1.) Lost lines move all documents behind them up. A document with as many
lines as another then stands at the other's place, and would get its URL. So both files are compared as wholes
before any document is yielded. Where no checksum covers them, entries are in doubt as rows of JSON Lines are
(see `table.jsonl`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

from presswatch_spark.formats import specimens
from presswatch_spark.formats.http.message import is_text
from presswatch_spark.formats.inflate import Window, compression_of, inflated, inflated_window, placed_lines
from presswatch_spark.formats.row_datasets import JSON_RATE, KINDS, RowSource
from presswatch_spark.formats.source import Companions, Format, Head, ReadOptions, first_existing
from presswatch_spark.formats.table.arrow_text import BatchBuilder
from presswatch_spark.formats.table.columns import (
    ColumnNames,
    as_languages,
    holds_objects_only,
    locator_of,
    readable_part,
    tree_of,
)
from presswatch_spark.formats.table.json_text import (
    encoded,
    is_utf8,
    parse_object,
    repeats_a_name,
)
from presswatch_spark.formats.table.jsonl import DoubtfulLines, Ending, SteadyFields
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, Stream, open_stream
from presswatch_spark.translation import N_

_TEXT_NAME = re.compile(r"(?P<stem>.+?)(?P<part>_part_\d+)?\.txt(?P<packed>\.gz|\.zst)?")
_OSCAR_NAME = re.compile(r"(.*/)?[a-z]{2,4}(_dedup)?(_part_\d+)?\.txt(\.gz|\.zst)?")
_PACKED = ("", ".gz", ".zst")
HEADERS: Mapping[str, str] = {
    "url": "warc-target-uri",
    "record_id": "warc-record-id",
    "captured_at": "warc-date",
    "payload_digest": "warc-block-digest",
    "languages": "warc-identified-content-language",
}
# Forms of entries (numbers of quotes and fields): an entry of a form that was examined is not examined.
FORMS_KEPT = 1_000


def metadata_of(uri: str) -> tuple[str, ...]:
    """Return where the metadata of a text file may be, likeliest first; nothing if `uri` names no such."""
    name = _TEXT_NAME.fullmatch(uri)
    if not name:
        return ()
    packed = sorted(_PACKED, key=lambda suffix: suffix != (name["packed"] or ""))
    return tuple(f"{name['stem']}_meta{name['part'] or ''}.jsonl{suffix}" for suffix in packed)


def is_named_like_text(uri: str) -> bool:
    """Return True for a name like those of OSCAR's text files: `fr.txt`, `fr_part_1.txt.gz`."""
    return _OSCAR_NAME.fullmatch(uri) is not None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the metadata: its document's first line and number of lines, and values by role.

    `number`: from 0, of all entries. `size`: bytes that it takes in the file. `in_doubt`: it may be made of
    two, or hold another's headers.
    """

    number: int
    line: int
    sentences: int
    values: dict[str, Any]
    size: int
    in_doubt: bool = False


def read_entries(stream: Stream, report: ReadReport, max_line_bytes: int) -> Iterator[Entry]:
    """Yield the entries in the metadata file `stream`; a line that is none is a defect.

    Entries are held until those beside them are known.
    """
    ending, beside = Ending(inflated(stream, report)), DoubtfulLines[Entry]()
    steady = SteadyFields(tree_of(("headers", name) for name in HEADERS.values()))
    numbers, forms = count(), set[tuple[int, int, int]]()

    def numbered(settled: Iterator[tuple[Entry | None, bool]]) -> Iterator[Entry]:
        for entry, in_doubt in settled:
            if entry:
                in_doubt &= bool(report.unchecked)
                yield replace(entry, number=next(numbers), in_doubt=in_doubt)

    for index, _, line in placed_lines(ending, max_line_bytes):
        entry, is_odd = None, True
        if line is None:
            report.add_defect(f"line longer than {max_line_bytes:,} bytes, not read", index, "line")
        elif not line or line.isspace():
            continue
        elif (row := _entry_fields(line, forms)) is None:
            report.add_defect("line is no entry of metadata", index, "line")
            # Damage to packed bytes reaches far.
            report.unverified |= report.unchecked == "zstd"
        else:
            headers = row["headers"] if isinstance(row.get("headers"), dict) else {}
            values = {role: readable_part(headers.get(name)) for role, name in HEADERS.items()}
            entry = Entry(-1, row["offset"], row["nb_sentences"], values, len(line))
            is_odd = bool(report.unchecked) and (steady.add(index, row) or not is_utf8(line))
            if steady.first_is_odd:
                beside.doubt_held()
        yield from numbered(beside.add(index, entry, is_odd))
    yield from numbered(beside.rest(ending.was_cut))


def _entry_fields(line: bytes, forms: set[tuple[int, int, int]]) -> dict[str, Any] | None:
    """Return the fields of a line; None if it is no entry, or may be parts of two: a name repeats.

    `forms` of entries that were examined are not examined again.
    """
    row = parse_object(line)
    if row is None or not all(isinstance(row.get(name), int) for name in ("offset", "nb_sentences")):
        return None
    headers = row.get("headers")
    form = line.count(b'"'), len(row), len(headers) if isinstance(headers, dict) else 0
    if form not in forms:
        if repeats_a_name(line):
            return None
        if len(forms) < FORMS_KEPT:
            forms.add(form)
    return row


Place = tuple[int, int]
"""The first line of a document, and its number of lines."""


@dataclass(frozen=True, slots=True)
class CertainDocuments:
    """Which documents are certain: those before `ahead` and from `behind` on, by their number from 0.

    Before `ahead`, an entry has the number of its document; from `behind` on, a number higher by `shift`.
    """

    ahead: int = 0
    behind: int = 1 << 62
    shift: int = 0

    def entry_of(self, document: int) -> int | None:
        """Return the number of a document's entry; None if none is certain."""
        if document < self.ahead:
            return document
        return document + self.shift if document >= self.behind else None


def certain(documents: Sequence[Place], entries: Sequence[Place]) -> CertainDocuments:
    """Return which documents are those of the entries at their places.

    If the last document and entry have one place, only the metadata lost lines, and places can be believed.
    An entry next to the loss may be made of two. Otherwise text was lost or added somewhere, and documents
    that fit entries from the end may have moved, too.
    """
    if documents == entries:
        return CertainDocuments(len(documents))
    ahead = _common(documents, entries)
    behind = _common(documents[::-1], entries[::-1])
    if behind:
        return CertainDocuments(ahead, max(ahead, len(documents) - behind + 1), len(entries) - len(documents))
    moved = _common([lines for _, lines in documents[::-1]], [lines for _, lines in entries[::-1]])
    return CertainDocuments(max(0, min(ahead, len(documents) - moved) - 1))


def _common(these: Sequence[object], those: Sequence[object]) -> int:
    pairs = enumerate(zip(these, those, strict=False))
    return next((i for i, (this, that) in pairs if this != that), min(len(these), len(those)))


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


def read_text(shard: ObjectInfo, options: ReadOptions, report: ReadReport) -> Iterator[DocumentBatch]:
    """Yield the documents of a text file, with the headers that its metadata gives them.

    Without metadata, and where the two files disagree, documents have no URL, and a defect says so. Both
    files are read twice: first to see where they agree.
    """
    stream_report = ReadReport()
    order = _order(shard, options)
    builder = BatchBuilder[Callable[[], Locator]](report, lambda located: located())
    with ExitStack() as stack:
        window = Window(stack.enter_context(options.open(shard)), stream_report)
        if window.refill(0) is None:
            report.add_defect("the shard is empty", 0)
            return
        encoding = "plain" if compression_of(bytes(window.view[:4])) == "plain" else "inflated"
        entries = _Entries(shard.uri, options, report, stack)
        documents = 0
        for document in _documents(window, options.max_document_bytes, stream_report):
            entry = entries.of(document, order.entry_of(documents))
            documents += 1
            if document.size > options.max_document_bytes:
                report.add_defect("document longer than allowed, not read", document.line, "line")
            elif options.gates(as_languages(entry.values.get("languages"))):
                report.add_skipped("language")
            else:
                text, url = b"\n".join(document.lines), entry.values.get("url")
                located = partial(
                    locator_of,
                    entry.values.get,
                    row_index=document.line,
                    record_offset=document.offset,
                    record_length=len(text),
                    record_encoding=encoding,
                )
                read_bytes = document.size + entry.size
                builder.add(text, encoded(url) if isinstance(url, str) else b"", located, read_bytes)
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


def _order(shard: ObjectInfo, options: ReadOptions) -> CertainDocuments:
    """Return which documents are certain; without metadata none is."""
    info = first_existing(metadata_of(shard.uri), options.storage)
    if info is None:
        return CertainDocuments()
    with options.open(shard) as stream:
        report = ReadReport()
        found = _documents(Window(stream, report), options.max_document_bytes, report)
        documents = [(document.line, document.sentences) for document in found]
    if report.defects_total:
        # What a damaged stream inflates to before anybody notices may be anything.
        return CertainDocuments()
    with open_stream(info, options.storage) as stream:
        read = read_entries(stream, ReadReport(), options.max_document_bytes)
        named = [(entry.line, entry.sentences) for entry in read]
    return certain(documents, named)


def _documents(window: Window, limit: int, stream_report: ReadReport) -> Iterator[_OscarDocument]:
    """Yield the documents; the last one of a stream that broke off is not whole, and left out."""
    document: _OscarDocument | None = None
    for number, offset, line in placed_lines(inflated_window(window, stream_report), limit):
        if line in (b"", b"\r"):
            if document:
                yield document
            document = None
        else:
            document = document or _OscarDocument(number, offset)
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

    def of(self, document: _OscarDocument, number: int | None) -> Entry:
        """Return the entry of the file's next document, without values if none is certain.

        `number`: of the document's entry, if it is known.
        """
        while (entry := self._ahead) and (
            entry.line < document.line if number is None else entry.number < number
        ):
            self._advance(fits=False)
        if entry and entry.line == document.line and entry.sentences == document.sentences:
            self._advance(fits=True)
            if entry.number == number and not entry.in_doubt:
                return entry
            self._uncertain += 1
        elif not self._missing:
            self._report.add_defect("no metadata fits the document; read without URL", document.line, "line")
        return Entry(-1, document.line, document.sentences, {}, 0)

    def finish(self) -> None:
        """Read the rest: an entry without a document may be all that is left of one."""
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

    def _advance(self, *, fits: bool) -> None:
        self._without_document += not fits
        self._ahead = next(self._entries, None)

    def _read(self, uri: str, options: ReadOptions, stack: ExitStack) -> Iterator[Entry]:
        info = first_existing(metadata_of(uri), options.storage)
        if info is None:
            self._missing = True
            names = metadata_of(uri)[0].rpartition("/")[2]
            self._report.add_defect(f"there is no metadata {names} beside the text; read without URLs")
            return
        stream = stack.enter_context(open_stream(info, options.storage))
        yield from read_entries(stream, self._own_report, options.max_document_bytes)


def _headers(name: str) -> tuple[str, ...]:
    return tuple(f"{around}{name}" for around in ("warc_headers.", "meta.warc_headers.", "meta.headers."))


_ROWS = RowSource(
    columns=ColumnNames(
        {
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
        }
    ),
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
        return _ROWS.read(shard, options, report)
    if options.columns:
        report.add_note("columns are mapped, and OSCAR 21.09 has none: the mapping was not used")
    return read_text(shard, options, report)


def _recognises(head: Head) -> bool:
    """Return True if the columns are OSCAR's, or a text file is named like one of 21.09.

    Lines of web pages may look like JSON, too, but not all of them.
    """
    if head.kind == "JSONL":
        is_old = not holds_objects_only(head.data)
    else:
        is_old = head.kind != "Parquet" and is_text(head.data)
    return _ROWS.recognises(head) or (is_old and is_named_like_text(head.uri))


OSCAR = Format(
    name="oscar",
    title="OSCAR",
    description=N_("OSCAR format"),
    summary="OSCAR 21.09 (text beside metadata), 22.01 and 23.01 (JSONL, plain, `.gz`, `.zst`), and as"
    " Parquet",
    read=read_oscar,
    recognises=_recognises,
    kinds=KINDS,
    rates={"": JSON_RATE},
    specimen=specimens.rows,
    has_columns=True,
    companions=Companions(
        beside=metadata_of,
        is_typical=is_named_like_text,
        marks=frozenset({"headers", "offset", "nb_sentences"}),
        refusal="this is the metadata of an OSCAR 21.09 text file, and holds no text",
        remedy="give the .txt file beside it; its metadata is found by name",
    ),
)

"""Reads the needed columns of Parquet, one row group at a time, as numpy views of Arrow's buffers.

A file of 2 KB may decode to gigabytes, so the decoder's memory is limited by the system. A column that loses
a value shifts all values after it to other rows. Therefore columns with nulls are decoded and compared with
the counts of the footer before a row is yielded.
"""

from __future__ import annotations

import io
import os
import resource
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from threading import RLock
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, ReadReport, TextColumn
from presswatch_spark.reading.rows.columns import (
    ColumnNames,
    MissingColumnError,
    as_languages,
    listed,
    locator_of,
)
from presswatch_spark.reading.rows.parquet_footer import (
    BYTE_ARRAY,
    Chunk,
    Footer,
    FooterError,
    NotParquetError,
    read_footer,
)
from presswatch_spark.reading.rows.parquet_pages import CODED, CheckedFile, ParquetDamageError
from presswatch_spark.reading.rows.row_values import (
    DAMAGE_ERRORS,
    ChosenColumns,
    RowValues,
    WrongTypeError,
    bytes_of,
    choose,
    column_at,
    is_text,
    lost_blocks,
    text_column,
)
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.storage.objects import ObjectInfo, random_access

Item = TypeVar("Item")

# Memory for decoding a footer or the rows of one batch: a repeated value is stored once, and may be long.
# It must be less than the 1 GiB of address space that Arrow's allocator reserves at a time: a reservation
# that fitted would leave nothing for Python, and a small file would be refused.
DECODED_BYTES = 768 << 20
# A batch that takes too much memory is decoded again in batches of a sixteenth of its rows.
_SMALLER = 16
# Batches kept until all columns are counted; in larger row groups, columns with nulls are decoded twice.
_BATCHES_HELD = 8
UNSURE = "read without URLs: a dictionary has texts that no row has, so a place in it may be damaged"


# The limit applies to the whole process, so threads take turns.
_BOUNDED = RLock()


@contextmanager
def memory_bounded(more_bytes: int) -> Iterator[None]:
    """Let this process add at most `more_bytes` of address space within the block.

    Beyond that, allocations raise `MemoryError`. Nested blocks are limited by both limits. Without Linux's
    `/proc` there is no limit.
    """
    # Let Arrow's allocator make its first reservation of address space before the limit applies.
    pa.allocate_buffer(1)
    with _BOUNDED:
        before, hard = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [each for each in (_address_space() + more_bytes, before) if each != resource.RLIM_INFINITY]
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
        try:
            yield
        finally:
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def drawn_bounded(items: Iterable[Item], more_bytes: int) -> Iterator[Item]:
    """Yield `items`; each is produced under `memory_bounded(more_bytes)`."""
    iterator = iter(items)
    while True:
        with memory_bounded(more_bytes):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def _address_space() -> int:
    # `os.read`, since a file object would take most of the time. Without `/proc`: more than any limit.
    try:
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 1 << 62
    try:
        return int(os.read(file, 128).split()[0]) * resource.getpagesize()
    finally:
        os.close(file)


@dataclass(frozen=True, slots=True)
class OpenedParquet:
    """A Parquet file: its footer, pyarrow's reader, and the checked file that pyarrow reads from."""

    footer: Footer
    parquet: pq.ParquetFile
    file: CheckedFile

    @property
    def schema(self) -> pa.Schema:
        """The columns, in Arrow's types."""
        return self.parquet.schema_arrow


def open_parquet(file: BinaryIO, uri: str, **reading: Any) -> OpenedParquet:
    """Open a Parquet file; `reading`: options of `pq.ParquetFile`. `CorruptError`: its footer is damaged."""
    checked = CheckedFile(file)
    # For a local file, pyarrow's thread that reads ahead would only move the bytes to another core.
    reading.setdefault("pre_buffer", not isinstance(getattr(file, "raw", None), io.FileIO))
    try:
        with memory_bounded(DECODED_BYTES):
            footer = read_footer(file)
            parquet = pq.ParquetFile(
                checked,
                metadata=pq.read_metadata(pa.BufferReader(footer.data)),
                page_checksum_verification=True,
                **reading,
            )
            dotted_names(parquet.schema_arrow)
    except (MemoryError, FooterError, *DAMAGE_ERRORS) as error:
        if isinstance(error, PresswatchError):
            raise
        if isinstance(error, NotParquetError):
            raise CorruptError(
                str(error), where=uri, remedy="pass a Parquet file, or download the file again"
            ) from error
        why = f" ({error})" if isinstance(error, FooterError) else ""
        raise CorruptError(
            f"the Parquet footer cannot be read{why}: the file is cut or damaged, so no row can be reached",
            where=uri,
            remedy="download the file again",
        ) from error
    return OpenedParquet(footer, parquet, checked)


def dotted_names(schema: pa.Schema) -> frozenset[str]:
    """Return the names of all columns and of the fields in structs (`struct.field`)."""

    def below(field: pa.Field[Any], prefix: str) -> Iterator[str]:
        yield prefix + field.name
        if pa.types.is_struct(field.type):
            for child in field.type:
                yield from below(child, f"{prefix}{field.name}.")

    return frozenset(name for field in schema for name in below(field, ""))


@dataclass(slots=True)
class _ColumnCount:
    """The rows, nulls and bytes of text of a column so far."""

    chunk: Chunk
    rows: int = 0
    nulls: int = 0
    text_bytes: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        column = column_at(batch, self.chunk.leaf.path)
        self.rows += len(column)
        self.nulls += column.null_count
        if self.chunk.nulls is not None and self.nulls > self.chunk.nulls:
            raise ParquetDamageError("a column has more nulls than the footer states")
        if self.chunk.leaf.kind == BYTE_ARRAY and self.chunk.text_bytes is not None:
            self.text_bytes += bytes_of(column)

    def compare(self, rows: int) -> None:
        if self.rows != rows:
            raise ParquetDamageError("the number of rows of a column differs from the footer")
        if self.chunk.nulls not in (None, self.nulls):
            raise ParquetDamageError("the number of nulls of a column differs from the footer")
        if self.chunk.leaf.kind == BYTE_ARRAY and self.chunk.text_bytes not in (None, self.text_bytes):
            raise ParquetDamageError("the length of the texts of a column differs from the footer")


class GroupReader:
    """Reads the columns `names` (dotted), and all fields below them, of row group `group`."""

    def __init__(self, opened: OpenedParquet, group: int, names: Collection[str]) -> None:
        described = opened.footer.groups[group]
        self.rows = described.rows
        below = tuple(f"{name}." for name in names)
        self.chunks = tuple(each for each in described.chunks if f"{each.leaf.path}.".startswith(below))
        self._opened, self._group, self._names = opened, group, sorted(set(names))
        self.unsure: set[str] = set()
        opened.file.expect(self.chunks)

    @property
    def size(self) -> int:
        """Bytes of the columns in the file."""
        return sum(chunk.size for chunk in self.chunks)

    def rows_for(self, batch_bytes: int) -> int:
        """Return how many rows take about `batch_bytes`, as the footer gives sizes."""
        size = sum(max(chunk.unpacked_bytes, chunk.text_bytes or 0) for chunk in self.chunks)
        return max(1, min(self.rows, batch_bytes * self.rows // max(1, size)))

    def batches(self, rows_at_once: int, paired: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order; `ParquetDamageError` if they differ from the footer.

        `paired`: columns whose values must be of the same row, such as text and URL. If there are any, no row
        is yielded before columns with nulls are counted. `unsure` then names the paired columns whose
        dictionary has values that no row uses: an index into it may be damaged, and lead to another value.
        """
        coded = [chunk for chunk in self.chunks if chunk.leaf.path in paired and CODED & chunk.encodings]
        flat = [chunk for chunk in self.chunks if not chunk.leaf.repetitions]
        with_nulls = [chunk for chunk in flat if chunk.nulls and paired]
        self._opened.file.expect(self.chunks, coded, with_nulls)
        is_held = bool(with_nulls) and self.rows <= _BATCHES_HELD * rows_at_once
        if with_nulls and not is_held:
            for chunk in with_nulls:
                count = _ColumnCount(chunk)
                for batch in self._decoded([chunk.leaf.path], rows_at_once):
                    count.add(batch)
                count.compare(self.rows)
        counts, rows, held = list(map(_ColumnCount, flat)), 0, list[pa.RecordBatch]()
        for batch in self._decoded(self._names, rows_at_once):
            for count in counts:
                count.add(batch)
            rows += len(batch)
            seen = self._opened.file.pages
            self.unsure |= {
                each.leaf.path for each in coded if each.start in seen and seen[each.start].unused
            }
            if is_held:
                held.append(batch)
            else:
                yield batch
        if rows != self.rows:
            raise ParquetDamageError(f"{self.rows:,} rows were expected, and {rows:,} were found")
        if not self._opened.file.is_checked:
            raise ParquetDamageError("a column was read from other bytes than the footer states")
        for count in counts:
            count.compare(self.rows)
        yield from held

    def _decoded(self, names: list[str], rows_at_once: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of some columns; in smaller batches if they take too much memory."""
        yielded = 0
        while True:
            decoded = 0
            try:
                # One thread: a lack of memory then raises here, and a Spark task has only one core.
                for batch in self._opened.parquet.iter_batches(
                    rows_at_once, [self._group], names, use_threads=False
                ):
                    decoded += len(batch)
                    if decoded > yielded:
                        fresh = batch.slice(len(batch) - (decoded - yielded))
                        yielded = decoded
                        yield fresh
                return
            except MemoryError:
                if rows_at_once == 1:
                    raise
                rows_at_once = max(1, rows_at_once // _SMALLER)


def read_parquet(
    shard: ObjectInfo, columns: ColumnNames, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield batches of at most about `options.batch_bytes`; a row group that cannot be read is a defect.

    `CorruptError`: the footer cannot be read (a cut file has none). `MissingColumnError`: there is no column
    for text, or one that the user mapped is missing; then the rows that were already yielded are not valid.
    """
    with random_access(shard, options.storage) as file:
        parquet = open_parquet(file, shard.uri)
        available = dotted_names(parquet.schema)
        chosen = choose(columns, available, partial(is_text, parquet.schema))

        def refuse_missing(missing: Collection[str]) -> None:
            if missing:
                mapped = {role: options.columns[role] for role in missing}
                raise MissingColumnError.of(mapped, available, shard.uri)

        refuse_missing([role for role in options.columns if role not in chosen])
        if "text" not in chosen:
            raise MissingColumnError(
                f"there is no column {' or '.join(columns['text'])}; there are: {listed(available)}",
                where=shard.uri,
                remedy="choose another --format or map the columns",
            )
        unseen, first_row = set(options.columns) & set(chosen.inside), 0
        _check_types(parquet.schema, chosen, report, shard.uri)
        for finding, offset in parquet.footer.complaints:
            report.add_defect(finding, offset)
        for group, described in enumerate(parquet.footer.groups):
            rows = range(first_row, first_row + described.rows)
            if options.rows is None or any(row in rows for row in options.rows):
                yield from _RowGroup(parquet, group, first_row, chosen, options, report, unseen).batches()
            first_row = rows.stop
        if options.rows is None and not report.defects_total:
            _check_texts(parquet, chosen, report)
        if options.rows is None and (report.documents or report.documents_skipped):
            refuse_missing(unseen)
    if options.rows is None and not report.defects_total and shard.size is not None:
        report.bytes_read = shard.size


@dataclass(slots=True)
class _RowGroup:
    """Reads one row group. `first_row`: index of its first row in the file.

    `unseen`: roles that the user mapped into JSON strings, and that no row had so far.
    """

    parquet: OpenedParquet
    group: int
    first_row: int
    chosen: ChosenColumns
    options: ReadOptions
    report: ReadReport
    unseen: set[str]

    def batches(self) -> Iterator[DocumentBatch]:
        """Yield the group's documents; a defect reports how many of its rows were read."""
        done = 0
        reader = GroupReader(self.parquet, self.group, self.chosen.columns)
        self.report.bytes_read += reader.size
        try:
            for rows, documents in drawn_bounded(self._batches(reader), DECODED_BYTES):
                yield documents
                done += rows
        except (MemoryError, *DAMAGE_ERRORS) as error:
            failure = self.parquet.file.failure
            if isinstance(failure, PresswatchError | OSError) and not isinstance(failure, ParquetDamageError):
                raise failure from error
            failure = failure or error
            why = type(failure).__name__
            if isinstance(failure, MemoryError):
                why = f"its next rows take more than {DECODED_BYTES >> 20:,} MiB of memory"
            elif isinstance(failure, ParquetDamageError):
                why = str(failure)
            what = f"row group cannot be read ({why}), {done:,} of its {reader.rows:,} rows were"
            self.report.add_defect(what, self.group, "row group")

    def _batches(self, reader: GroupReader) -> Iterator[tuple[int, DocumentBatch]]:
        first = self.first_row
        paired = self.chosen.columns_of("text") | self.chosen.columns_of("url")
        for decoded in reader.batches(reader.rows_for(self.options.batch_bytes), paired):
            if reader.unsure and first == self.first_row:
                self.report.add_defect(UNSURE, self.group, "row group")
            for piece in self._pieces(decoded):
                yield len(piece), self._documents(piece, first, with_urls=not reader.unsure)
                first += len(piece)

    def _pieces(self, record_batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        # A repeated text is stored once, but read for each of its rows: limit the sum of all texts.
        names, most = self.chosen.columns_of("text"), 2 * self.options.batch_bytes
        if sum(bytes_of(column_at(record_batch, name)) for name in names) <= most:
            yield record_batch
            return
        texts = [text_column(column_at(record_batch, name), name) for name in names]
        reach = np.cumsum(sum(text.sizes for text in texts))
        begin = 0
        while begin < len(reach):
            before = reach[begin - 1] if begin else 0
            end = len(reach)
            if reach[-1] - before > most:
                end = max(begin + 1, int(np.searchsorted(reach, before + self.options.batch_bytes, "right")))
            yield record_batch.slice(begin, end - begin)
            begin = end

    def _documents(self, record_batch: pa.RecordBatch, first_row: int, with_urls: bool) -> DocumentBatch:
        values = RowValues(record_batch, self.chosen, self.report, first_row)
        self.unseen -= {role for role in self.unseen if values.has_any(role)}
        texts = values.text("text")
        urls = values.text("url") if with_urls else TextColumn.empty(len(texts))
        for column in (texts, urls):
            for lost_row, lost_bytes in lost_blocks(column):
                self.report.add_defect(
                    f"{lost_bytes:,} zero bytes in a row: a block of the file was lost",
                    first_row + lost_row,
                    "row",
                )
        sizes = texts.sizes
        for row in np.flatnonzero(sizes > self.options.max_document_bytes):
            self.report.add_defect(
                f"text of {sizes[row]:,} bytes is longer than allowed", first_row + int(row), "row"
            )
        passing = sizes > 0
        if "languages" in self.chosen and self.options.languages:
            passes = (
                not self.options.skips_languages(as_languages(value)) for value in values.all("languages")
            )
            passing &= np.fromiter(passes, np.bool_, values.rows)
        empty = int(np.count_nonzero(sizes == 0)) - values.defective
        self.report.add_skipped("no text", empty)
        self.report.add_skipped("language", int(np.count_nonzero(~passing)) - empty - values.defective)
        if self.options.rows is not None:
            passing &= np.isin(first_row + np.arange(len(texts)), list(self.options.rows))
        rows = np.flatnonzero(passing & (sizes <= self.options.max_document_bytes))
        self.report.documents += len(rows)
        self.report.text_bytes += int(sizes[rows].sum())

        def locate(i: int) -> Locator:
            row = int(rows[i])
            return locator_of(lambda role: values.value(role, row), self.report, row_index=first_row + row)

        return DocumentBatch(texts.take(rows), urls.take(rows), locate)


def _check_texts(parquet: OpenedParquet, chosen: ChosenColumns, report: ReadReport) -> None:
    # If no row has a text, the text may be in another column.
    if not parquet.footer.rows or report.skipped.get("no text") != parquet.footer.rows:
        return
    texts = chosen.columns_of("text")
    filled = {
        chunk.leaf.path
        for group in parquet.footer.groups
        for chunk in group.chunks
        if chunk.leaf.kind == BYTE_ARRAY and chunk.nulls is not None and chunk.nulls < chunk.values
    }
    if others := filled - texts:
        report.add_defect(
            f"no row has a text in column {listed(texts)}, where other columns have values ({listed(others)})"
            "; map the column that contains the text: --columns text=THEIRS",
            0,
            "row",
        )


def _check_types(schema: pa.Schema, chosen: ChosenColumns, report: ReadReport, uri: str) -> None:
    names = chosen.names
    for name in sorted(chosen.columns):
        if schema.names.count(name.partition(".")[0]) > 1 and schema.names.count(name) != 1:
            raise CorruptError(
                f"more than one column is called {name.partition('.')[0]}, so the intended one is unknown",
                where=uri,
                remedy="map a column with a unique name, or write the file again",
            )
    empty = pa.RecordBatch.from_pylist([], schema)
    for role in sorted({"text", "url"} & names.keys()):
        try:
            text_column(column_at(empty, names[role]), names[role])
        except WrongTypeError as error:
            if role == "text":
                raise CorruptError(str(error), where=uri, remedy="map another column") from error
            report.add_defect(f"{error}; read without URLs")
            del names["url"]

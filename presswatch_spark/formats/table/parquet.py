"""Parquet by row groups: only the needed columns, Arrow's buffers as numpy arrays, no Python object a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.arrow_text import (
    TextColumn,
    WrongTypeError,
    bytes_of,
    lost_blocks,
    text_column,
)
from presswatch_spark.formats.table.columns import ColumnNames, MissingColumnError, listed
from presswatch_spark.formats.table.footer import BYTE_ARRAY
from presswatch_spark.formats.table.memory import DECODED_BYTES, drawn_bounded
from presswatch_spark.formats.table.opening import DAMAGE_ERRORS, OpenedParquet, dotted_names, opened
from presswatch_spark.formats.table.pages import ParquetPageError
from presswatch_spark.formats.table.row_groups import DamagedError, GroupReader
from presswatch_spark.formats.table.row_values import ChosenColumns, RowValues, choose, column_at, is_text
from presswatch_spark.formats.table.values import as_languages, locator_of
from presswatch_spark.model import DocumentBatch, Locator, ReadReport
from presswatch_spark.storage.objects import ObjectInfo, random_access

UNSURE = "read without URLs: a dictionary holds texts that no row has, so a place in it may be damaged"


def read_parquet(
    shard: ObjectInfo, columns: ColumnNames, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield batches of at most about `options.batch_bytes`; a row group that cannot be read is a defect.

    `report.bytes_read` counts the column chunks that were read; once all are, the whole file counts as read.

    Raises:
        CorruptError: the footer cannot be read (a cut file has none).
        MissingColumnError: there is no column for text, or not one that the user mapped; then no row counts,
            not even of those that were yielded.
    """
    with random_access(shard, options.storage) as file:
        parquet = opened(file, shard.uri)
        available = dotted_names(parquet.schema)
        chosen = choose(columns, available, partial(is_text, parquet.schema))
        if missing := {role: name for role, name in options.columns.items() if role not in chosen}:
            raise MissingColumnError.of(missing, available, shard.uri)
        if "text" not in chosen:
            raise MissingColumnError(
                f"there is no column {' or '.join(columns.names['text'])}; there are: {listed(available)}",
                where=shard.uri,
                remedy="choose another --format or map the columns",
            )
        sought, first_row = set(options.columns) & set(chosen.inside), 0
        if sought and options.rows is not None:
            # Of a few rows nothing is yielded before some row is known to have what the user mapped.
            sought = _in_no_row(parquet, chosen, sought, options, report)
            if sought:
                raise MissingColumnError.of(
                    {role: options.columns[role] for role in sought}, available, shard.uri
                )
        _check_types(parquet.schema, chosen, report, shard.uri)
        for finding, offset in parquet.footer.complaints:
            report.add_defect(finding, offset)
        for group in range(len(parquet.footer.groups)):
            reading = _RowGroup(parquet, group, first_row, chosen, options, report, sought)
            if reading.is_wanted:
                yield from reading.batches()
            first_row += reading.rows
        if options.rows is None and not report.defects_total:
            _check_texts(parquet, chosen, report)
        if sought and options.rows is None and (report.documents or report.documents_skipped):
            missing = {role: options.columns[role] for role in sought}
            raise MissingColumnError.of(missing, available, shard.uri)
    if options.rows is None and not report.defects_total and shard.size is not None:
        report.bytes_read = shard.size


@dataclass(slots=True)
class _RowGroup:
    """Reads one row group; `first_row`: the index in the file of its first row.

    `sought`: roles whose mapped name leads into JSON strings, and that no row has so far.
    """

    parquet: OpenedParquet
    group: int
    first_row: int
    chosen: ChosenColumns
    options: ReadOptions
    report: ReadReport
    sought: set[str]

    @property
    def rows(self) -> int:
        return self.parquet.footer.groups[self.group].rows

    @property
    def is_wanted(self) -> bool:
        wanted = self.options.rows
        last_row = self.first_row + self.rows
        return wanted is None or any(self.first_row <= row < last_row for row in wanted)

    def batches(self) -> Iterator[DocumentBatch]:
        """Yield the group's documents; a defect names the group and how many of its rows were read."""
        done = 0
        reader = GroupReader(self.parquet, self.group, self.chosen.columns)
        self.report.bytes_read += reader.size
        try:
            for rows, documents in drawn_bounded(self._batches(reader), DECODED_BYTES):
                yield documents
                done += rows
        except (MemoryError, *DAMAGE_ERRORS) as error:
            failure = self.parquet.file.failure
            if isinstance(failure, PresswatchError | OSError) and not isinstance(failure, ParquetPageError):
                raise failure from error
            why = _why(failure or error)
            what = f"row group cannot be read ({why}), {done:,} of its {self.rows:,} rows were"
            self.report.add_defect(what, self.group, "row group")

    def _batches(self, reader: GroupReader) -> Iterator[tuple[int, DocumentBatch]]:
        """Yield batches of documents, each with the number of rows that it was made of."""
        first = self.first_row
        paired = self.chosen.columns_of("text") | self.chosen.columns_of("url")
        for decoded in reader.batches(reader.rows_for(self.options.batch_bytes), paired):
            if reader.unsure and first == self.first_row:
                self.report.add_defect(UNSURE, self.group, "row group")
            for piece in self._pieces(decoded):
                yield len(piece), self._documents(piece, first, with_urls=not reader.unsure)
                first += len(piece)

    def _pieces(self, record_batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Cut a batch whose texts are too long: one that repeats is stored once, and read each time."""
        names, most = self.chosen.columns_of("text"), 2 * self.options.batch_bytes
        if sum(bytes_of(column_at(record_batch, name)) for name in names) <= most:
            yield record_batch
            return
        texts = [text_column(column_at(record_batch, name), name) for name in names]
        reach = np.cumsum(sum(text.ends - text.starts for text in texts))
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
        self.sought -= {role for role in self.sought if values.has_any(role)}
        text = values.text("text")
        urls = values.text("url") if with_urls else TextColumn.empty(len(text))
        for column in (text, urls):
            for lost_row, lost_bytes in lost_blocks(column):
                self.report.add_defect(
                    f"{lost_bytes:,} zero bytes in a row: a block of the file was lost",
                    first_row + lost_row,
                    "row",
                )
        sizes = text.ends - text.starts
        for row in np.flatnonzero(sizes > self.options.max_document_bytes):
            self.report.add_defect(
                f"text of {sizes[row]:,} bytes is longer than allowed", first_row + int(row), "row"
            )
        passing = (sizes > 0) & self._passes(values)
        if self.options.rows is not None:
            passing &= np.isin(first_row + np.arange(len(text)), list(self.options.rows))
        empty = int(np.count_nonzero(sizes == 0)) - values.defective
        self.report.add_skipped("no text", empty)
        self.report.add_skipped("language", int(np.count_nonzero(~passing)) - empty - values.defective)
        rows = np.flatnonzero(passing & (sizes <= self.options.max_document_bytes))
        self.report.documents += len(rows)
        self.report.text_bytes += int(sizes[rows].sum())

        def locate(i: int) -> Locator:
            row = int(rows[i])
            return locator_of(lambda role: values.value(role, row), self.report, row_index=first_row + row)

        return DocumentBatch(
            text.data,
            text.starts[rows],
            text.ends[rows],
            urls.data,
            urls.starts[rows],
            urls.ends[rows],
            locate,
        )

    def _passes(self, values: RowValues) -> npt.NDArray[np.bool_]:
        if "languages" not in self.chosen or not self.options.languages:
            return np.ones(values.rows, np.bool_)
        passes = (not self.options.gates(as_languages(value)) for value in values.all("languages"))
        return np.fromiter(passes, np.bool_, values.rows)


def _in_no_row(
    parquet: OpenedParquet, chosen: ChosenColumns, sought: set[str], options: ReadOptions, report: ReadReport
) -> set[str]:
    """Return the roles `sought` whose mapped name leads into the JSON strings of no row.

    None of them if damage hides it.
    """
    left = set(sought)
    try:
        for group in range(len(parquet.footer.groups)):
            reader = GroupReader(parquet, group, chosen.columns)
            report.bytes_read += reader.size
            for decoded in drawn_bounded(reader.batches(reader.rows_for(options.batch_bytes)), DECODED_BYTES):
                values = RowValues(decoded, chosen, ReadReport(), 0)
                left -= {role for role in left if values.has_any(role)}
                if not left:
                    return left
    except (MemoryError, *DAMAGE_ERRORS):
        return set()
    return left


def _check_texts(parquet: OpenedParquet, chosen: ChosenColumns, report: ReadReport) -> None:
    """Add a defect if no row has a text and another column of text has values: the text may be there."""
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
    """Refuse a text column of another type; leave out a URL column of another type, as a defect."""
    names = chosen.names
    for name in sorted(chosen.columns):
        if schema.names.count(name.partition(".")[0]) > 1 and schema.names.count(name) != 1:
            raise CorruptError(
                f"more than one column is called {name.partition('.')[0]}, so nobody knows which is meant",
                where=uri,
                remedy="map a column whose name is its own, or write the file anew",
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


def _why(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"its next rows take more than {DECODED_BYTES >> 20:,} MiB of memory"
    return str(error) if isinstance(error, DamagedError | ParquetPageError) else type(error).__name__

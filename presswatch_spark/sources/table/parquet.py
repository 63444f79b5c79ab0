"""Parquet by row groups: only the needed columns, Arrow's buffers as numpy arrays, no Python object a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.errors import CorruptError
from presswatch_spark.sources.base import DocumentBatch, Locator, ReadOptions, ReadReport
from presswatch_spark.sources.table.arrow_text import WrongTypeError, text_column
from presswatch_spark.sources.table.bounded import drawn_bounded
from presswatch_spark.sources.table.chosen import Chosen, choose
from presswatch_spark.sources.table.columns import Columns, MissingColumnError, listed
from presswatch_spark.sources.table.locators import locator_of
from presswatch_spark.sources.table.row_values import RowValues, column_at, is_text
from presswatch_spark.sources.table.values import as_languages
from presswatch_spark.storage.objects import ObjectInfo, random_access

MAGIC = b"PAR1"
ARROW_ERRORS = (pa.ArrowException, OSError)
# For the rows of one batch, decoded: values that repeat are stored once, and may be as long as a file.
DECODED_BYTES = 1 << 30


def read_parquet(
    shard: ObjectInfo, columns: Columns, options: ReadOptions, report: ReadReport
) -> Iterator[DocumentBatch]:
    """Yield batches of at most about `options.batch_bytes`; a row group that cannot be read is a defect.

    `CorruptError` if the footer cannot be read (a cut file has none). `MissingColumnError` if there is no
    column for text, or not one that the user mapped: no row counts then, not even of those that were yielded.
    `report.bytes_read` counts the column chunks that were read; once the last row group is done, the whole
    file counts as read, since nothing else of it is wanted.
    """
    with random_access(shard, options.storage) as file:
        parquet = opened(file, shard.uri)
        available = dotted_names(parquet.schema_arrow)
        chosen = choose(columns, available, partial(is_text, parquet.schema_arrow))
        if missing := {role: name for role, name in options.columns.items() if role not in chosen}:
            raise MissingColumnError.of(missing, available, shard.uri)
        if "text" not in chosen:
            raise _no_text(shard.uri, columns, available)
        sought, first_row = set(options.columns) & set(chosen.inside), 0
        _check_types(parquet.schema_arrow, chosen, report, shard.uri)
        for group in range(parquet.num_row_groups):
            reading = _RowGroup(parquet, group, first_row, chosen, options, report, sought)
            if reading.is_wanted:
                yield from reading.batches()
            first_row += reading.rows
        if sought and options.rows is None and (report.documents or report.documents_skipped):
            missing = {role: options.columns[role] for role in sought}
            raise MissingColumnError.of(missing, available, shard.uri)
    if options.rows is None and not report.defects_total and shard.size is not None:
        report.bytes_read = shard.size


def opened(file: BinaryIO, uri: str, **reading: Any) -> pq.ParquetFile:
    """Open a Parquet file, with settings of pyarrow's; `CorruptError` if its footer cannot be read."""
    try:
        parquet = pq.ParquetFile(file, page_checksum_verification=True, **reading)
        dotted_names(parquet.schema_arrow)
        return parquet
    except (UnicodeDecodeError, *ARROW_ERRORS) as error:
        raise CorruptError(
            "the Parquet footer cannot be read: the file is cut or damaged, so no row can be reached",
            where=uri,
            remedy="get the file again",
        ) from error


def dotted_names(schema: pa.Schema) -> frozenset[str]:
    """Names of all columns, fields of structs by dots."""
    return frozenset(name for field in schema for name in _names_below(field, ""))


def _names_below(field: pa.Field[Any], prefix: str) -> Iterator[str]:
    name = f"{prefix}{field.name}"
    yield name
    if pa.types.is_struct(field.type):
        for child in field.type:
            yield from _names_below(child, f"{name}.")


@dataclass(slots=True)
class _RowGroup:
    """One row group being read; `first_row` is the index in the file of its first row.

    `sought`: roles whose mapped name leads into JSON strings, and that no row was found to have so far.
    """

    parquet: pq.ParquetFile
    group: int
    first_row: int
    chosen: Chosen
    options: ReadOptions
    report: ReadReport
    sought: set[str]

    @property
    def rows(self) -> int:
        """Rows in the group, as the footer says."""
        return int(self.parquet.metadata.row_group(self.group).num_rows)

    @property
    def is_wanted(self) -> bool:
        """Whether a row that is asked for lies in it."""
        wanted = self.options.rows
        last_row = self.first_row + self.rows
        return wanted is None or any(self.first_row <= row < last_row for row in wanted)

    def batches(self) -> Iterator[DocumentBatch]:
        """Yield the group's documents; a defect names the group and how many of its rows were read."""
        done = 0
        try:
            for record_batch in drawn_bounded(self._record_batches(), DECODED_BYTES):
                yield self._documents(record_batch, self.first_row + done)
                done += record_batch.num_rows
        except (MemoryError, *ARROW_ERRORS) as error:
            why = type(error).__name__
            if isinstance(error, MemoryError):
                why = f"its next rows take more than {DECODED_BYTES >> 20:,} MiB of memory"
            what = f"row group cannot be read ({why}), {done:,} of its {self.rows:,} rows were"
            self.report.add_defect(what, self.group, "row group")

    def _record_batches(self) -> Iterator[pa.RecordBatch]:
        meta = self.parquet.metadata.row_group(self.group)
        prefixes = tuple(f"{name}." for name in self.chosen.columns)
        chunks = [meta.column(i) for i in range(meta.num_columns)]
        wanted = [chunk for chunk in chunks if f"{chunk.path_in_schema}.".startswith(prefixes)]
        size = max(1, sum(chunk.total_uncompressed_size for chunk in wanted))
        at_once = max(1, min(meta.num_rows, self.options.batch_bytes * meta.num_rows // size))
        self.report.bytes_read += sum(chunk.total_compressed_size for chunk in wanted)
        columns = sorted(self.chosen.columns)
        # One thread: what fails for want of memory then fails here, and tasks have a core each.
        yield from self.parquet.iter_batches(
            at_once, row_groups=[self.group], columns=columns, use_threads=False
        )

    def _documents(self, record_batch: pa.RecordBatch, first_row: int) -> DocumentBatch:
        values = RowValues(record_batch, self.chosen, self.report, first_row)
        self.sought -= {role for role in self.sought if values.has_any(role)}
        text, urls = values.text("text"), values.text("url")
        sizes = text.ends - text.starts
        for row in np.flatnonzero(sizes > self.options.max_document_bytes):
            self.report.add_defect(
                f"text of {sizes[row]:,} bytes is longer than allowed", first_row + int(row), "row"
            )
        kept = (sizes > 0) & self._passes(values)
        if self.options.rows is not None:
            kept &= np.isin(first_row + np.arange(len(text)), list(self.options.rows))
        empty = int(np.count_nonzero(sizes == 0)) - values.defective
        self.report.add_skipped("no text", empty)
        self.report.add_skipped("language", int(np.count_nonzero(~kept)) - empty - values.defective)
        rows = np.flatnonzero(kept & (sizes <= self.options.max_document_bytes))
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
        """Which rows pass the language gate."""
        if "languages" not in self.chosen or not self.options.languages:
            return np.ones(values.rows, np.bool_)
        gate = {code.lower() for code in self.options.languages}
        named = map(as_languages, values.all("languages"))
        passes = (not codes or not gate.isdisjoint(code.lower() for code in codes) for codes in named)
        return np.fromiter(passes, np.bool_, values.rows)


def _check_types(schema: pa.Schema, chosen: Chosen, report: ReadReport, uri: str) -> None:
    """Refuse a text column of another type; do without a URL column of another type, as a defect."""
    empty = pa.RecordBatch.from_pylist([], schema)
    names = chosen.names
    try:
        if "text" in names:
            text_column(column_at(empty, names["text"]), names["text"])
    except WrongTypeError as error:
        raise CorruptError(str(error), where=uri, remedy="map another column") from error
    try:
        if "url" in names:
            text_column(column_at(empty, names["url"]), names["url"])
    except WrongTypeError as error:
        report.add_defect(f"{error}; read without URLs")
        del names["url"]


def _no_text(uri: str, columns: Columns, available: frozenset[str]) -> MissingColumnError:
    wanted = " or ".join(columns.names["text"])
    return MissingColumnError(
        f"there is no column {wanted}; there are: {listed(available)}",
        where=uri,
        remedy="choose another --format or map the columns",
    )

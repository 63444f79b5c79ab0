"""Parquet files as rows. A value that Python cannot hold spoils its row, not the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from presswatch_spark.corpus.building.article_columns import Columns, Unreadable, outer
from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.formats.table.bounded import drawn_bounded
from presswatch_spark.formats.table.opening import DAMAGE_ERRORS, DECODED_BYTES, dotted_names, opened
from presswatch_spark.formats.table.row_groups import GroupReader
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable, random_access

_BATCH_ROWS, _BATCH_BYTES = 1024, 16 << 20

# What turning a value into Python's raises: dates that no calendar holds, text that is no UTF-8, time zones
# that nobody knows, types that have no counterpart. Nothing is read from the file by then.
_NO_VALUE = (ArithmeticError, LookupError, ValueError, TypeError, NotImplementedError)


def parquet_rows(
    info: ObjectInfo, columns: Columns, options: StorageOptions
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield every row with its index from 0; a value that cannot be had is `Unreadable`.

    Raises:
        InputError: the file lacks required columns.
        CorruptError, StorageError: the file cannot be read to its end.
    """
    where = printable(info.uri)
    try:
        with random_access(info, options) as file:
            parquet = opened(file, where)
            there = parquet.schema.names
            columns.check(there, where, dotted_names(parquet.schema))
            theirs = columns.names.values()
            wanted = {*theirs, *map(outer, theirs)}
            present = [name for name in there if name in wanted]
            index = 0
            for group in range(len(parquet.footer.groups)):
                for row in _rows_in(GroupReader(parquet, group, present)):
                    yield index, columns.take(row)
                    index += 1
    except (MemoryError, *DAMAGE_ERRORS) as error:
        if isinstance(error, PresswatchError):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if isinstance(error, MemoryError):
            reason = f"a few of its rows take more than {DECODED_BYTES >> 20:,} MiB of memory"
        raise CorruptError(
            f"the Parquet file cannot be read: {reason}", where=where, remedy="export it again"
        ) from error


def _rows_in(reader: GroupReader) -> Iterator[dict[str, Any]]:
    """The rows of a row group; no more is decoded, and turned into Python's values, than a batch."""
    batches = reader.batches(min(_BATCH_ROWS, reader.rows_for(_BATCH_BYTES)))
    for rows in drawn_bounded(map(_rows_of, batches), DECODED_BYTES):
        yield from rows


def _rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except _NO_VALUE:
        fields = list(zip(batch.schema.names, batch.columns, strict=True))
        rows = [{name: _value(name, column[i]) for name, column in fields} for i in range(len(batch))]
    return rows


def _value(name: str, value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except _NO_VALUE:
        return Unreadable(f"`{name}` holds a {value.type} that cannot be read")

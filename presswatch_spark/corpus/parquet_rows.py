"""Parquet files as rows. A value that Python cannot hold spoils its row, not the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.corpus.columns import Columns, Unreadable, outer
from presswatch_spark.errors import CorruptError
from presswatch_spark.sources.table.parquet import dotted_names
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, printable, random_access

MAGIC = b"PAR1"
_BATCH_ROWS = 1024

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
        with random_access(info, options) as file, pq.ParquetFile(file) as parquet:
            there = parquet.schema_arrow.names
            columns.check(there, where, dotted_names(parquet.schema_arrow))
            theirs = columns.names.values()
            wanted = {*theirs, *map(outer, theirs)}
            present = [name for name in there if name in wanted]
            index = 0
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=present, use_threads=False):
                for row in _rows_of(batch):
                    yield index, columns.take(row)
                    index += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CorruptError(
            f"the Parquet file cannot be read: {reason}", where=where, remedy="export it again"
        ) from error


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

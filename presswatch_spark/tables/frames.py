"""Tables for Spark: its own reader on disk, Python tasks on S3, which need no jars there; tasks write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from presswatch_spark.spark.session import spark_path, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.storage.disk import Folder
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import WRITTEN, SortedFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS_AT_ONCE = 10_000


def frame(
    spark: SparkSession,
    folder: Folder,
    files: Sequence[str],
    schema: pa.Schema,
    columns: Sequence[str] | None = None,
) -> DataFrame:
    """Read Parquet files below `folder`, in `schema` or those `columns` of it; missing columns are null.

    On S3 Spark prunes nothing: name the columns that are needed.
    """
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    types = spark_schema(wanted)
    if not files:
        return spark.createDataFrame([], types)
    if folder.is_local:
        return spark.read.schema(types).parquet(*(spark_path(Path(file)) for file in files))
    return batches_of(spark, files, partial(_rows_of, folder, wanted), wanted)


def _rows_of(folder: Folder, schema: pa.Schema, file: str) -> Iterator[pa.RecordBatch]:
    # It loads pandas, which only this needs.
    import pyarrow.dataset as ds

    system = file_system(folder.uri, folder.storage)
    rows = ds.dataset([file], schema=schema, format="parquet", filesystem=system)
    yield from rows.to_batches(batch_size=ROWS_AT_ONCE)


Item = TypeVar("Item")


def batches_of(
    spark: SparkSession,
    items: Sequence[Item],
    work: Callable[[Item], Iterable[pa.RecordBatch]],
    schema: pa.Schema,
) -> DataFrame:
    """Make a frame of the batches that `work` yields of each item; each item has its own task."""
    numbers = spark.range(0, len(items), 1, len(items))
    return numbers.mapInArrow(partial(_batches, tuple(items), work), spark_schema(schema))


def _batches(
    items: Sequence[Item],
    work: Callable[[Item], Iterable[pa.RecordBatch]],
    numbers: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    with task():
        for batch in numbers:
            for number in batch.column(0):
                yield from work(items[number.as_py()])


def written_by_spark(rows: DataFrame, files: SortedFiles) -> tuple[Written, ...]:
    """Write each partition of sorted rows as a file, in tasks; return the files in order, at least one."""
    done = rows.mapInArrow(files, spark_schema(WRITTEN)).collect()
    done.sort(key=lambda row: int(row["partition"]))
    written = tuple(Written(*(row[field.name] for field in fields(Written))) for row in done)
    return written or (files.write_all([]),)

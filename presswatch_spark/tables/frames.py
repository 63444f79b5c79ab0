"""Tables for Spark: its own reader on disk, Python tasks on S3, which need no jars there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from presswatch_spark.spark.session import spark_path, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.arrow_files import file_system
from presswatch_spark.storage.folders import Folder

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
    """Rows of Parquet files below `folder`, in `schema` or those `columns` of it; missing columns are null.

    On S3 Spark prunes nothing by itself: whoever names no columns reads all.
    """
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    types = spark_schema(wanted)
    if not files:
        return spark.createDataFrame([], types)
    if folder.is_local:
        return spark.read.schema(types).parquet(*(spark_path(Path(file)) for file in files))
    read = ReadFiles(folder, tuple(files), wanted)
    return spark.range(0, len(files), 1, len(files)).mapInArrow(read, types)


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of files."""

    folder: Folder
    files: tuple[str, ...]
    schema: pa.Schema

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the files."""
        system = file_system(self.folder.uri, self.folder.storage)
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    file = self.files[number.as_py()]
                    rows = ds.dataset([file], schema=self.schema, format="parquet", filesystem=system)
                    yield from rows.to_batches(batch_size=ROWS_AT_ONCE)

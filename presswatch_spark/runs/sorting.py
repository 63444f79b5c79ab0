"""Rows of a table, sorted and written, and their digest: by this process, or by Spark where they are many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pyarrow as pa

from presswatch_spark.runs.parts import COLUMNS, Part, read_part
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.folders import Folder
from presswatch_spark.tables.digests import GROUP_DIGITS
from presswatch_spark.tables.digests import table_digest as digest_of
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import ORDERS, WRITTEN, SortedFiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FILE_BYTES = 256 << 20
"""Files have this size, up to twice as much, where there is so much."""
ROWS_AT_ONCE = 1000
PARTS_PER_TASK = 8


@dataclass(frozen=True, slots=True)
class Sorted:
    """A table as it was written: its files in order, their rows, and its digest ("" of the log)."""

    files: tuple[Written, ...]
    rows: int
    digest: str


def sorted_here(rows: Sequence[pa.Table], files: SortedFiles) -> Sorted:
    """Sort rows in this process and write them as one file, even if there are none."""
    table, order = pa.concat_tables(rows), ORDERS[files.table]
    table = table.sort_by([(name, "ascending", "at_start") for name in order])
    written = files.write_all(table.to_batches())
    digest = digest_of(table["row_sha256"].to_pylist()) if "row_sha256" in order else ""
    return Sorted((written,), written.rows, digest)


def sorted_by_spark(spark: SparkSession, folder: Folder, parts: Sequence[Part], files: SortedFiles) -> Sorted:
    """Have Spark sort rows into files of about `FILE_BYTES`; tasks of ours read parts and write files."""
    order = ORDERS[files.table]
    count = max(1, sum(part.bytes for part in parts) // FILE_BYTES)
    rows, digests = (_frame(spark, folder, parts, columns) for columns in (None, ["row_sha256"]))
    ranges = rows.repartitionByRange(count, *order[:3]) if count > 1 else rows.coalesce(1)
    written = ranges.sortWithinPartitions(*order).mapInArrow(files, spark_schema(WRITTEN))
    # Jobs that do not need each other.
    with spark_errors(files.folder.uri), ThreadPoolExecutor(2, "publish") as pool:
        digest = pool.submit(table_digest, digests)
        done = sorted(pool.submit(written.collect).result(), key=lambda row: int(row["partition"]))
        written_files = tuple(Written(*(row[field.name] for field in fields(Written))) for row in done)
        return Sorted(written_files, sum(file.rows for file in written_files), digest.result())


def table_digest(matches: DataFrame) -> str:
    """Digest over the rows' `row_sha256` in any order; equal to `tables.digests.table_digest`."""
    from pyspark.sql import functions as f

    digests = f.concat_ws("", f.array_sort(f.collect_list("row_sha256")))
    prefix = f.substring("row_sha256", 1, GROUP_DIGITS).alias("prefix")
    groups = matches.groupBy(prefix).agg(f.sha2(digests, 256).alias("digest"))
    row = groups.agg(f.array_sort(f.collect_list(f.concat("prefix", "digest"))).alias("all")).first()
    ordered = row["all"] if row else []
    return hashlib.sha256("".join(ordered).encode()).hexdigest()


def _frame(
    spark: SparkSession, folder: Folder, parts: Sequence[Part], columns: Sequence[str] | None
) -> DataFrame:
    """Rows of parts of one table, all or some columns of them."""
    tasks = -(-len(parts) // PARTS_PER_TASK)
    read = _ReadParts(folder, tuple(tuple(parts[first::tasks]) for first in range(tasks)), columns)
    schema = COLUMNS[parts[0].table]
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    return spark.range(0, tasks, 1, tasks).mapInArrow(read, spark_schema(wanted))


@dataclass(frozen=True, slots=True)
class _ReadParts:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of groups of parts."""

    folder: Folder
    groups: tuple[tuple[Part, ...], ...]
    columns: Sequence[str] | None

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the parts."""
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    for part in self.groups[number.as_py()]:
                        yield from read_part(self.folder, part, self.columns).to_batches(ROWS_AT_ONCE)

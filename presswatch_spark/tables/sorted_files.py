"""Writes the files of published tables, sorted so that readers can skip row groups.

Statistics and the page index serve the columns of the sort order, Bloom filters the columns that are searched
for one value.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from presswatch_spark.core.spark.session import spark_schema
from presswatch_spark.core.spark.worker import task
from presswatch_spark.storage.arrow_files import opened_parquet
from presswatch_spark.storage.disk import Folder, file_sha256
from presswatch_spark.tables.declarations import SCHEMAS, PublishedFile, columns_without_run
from presswatch_spark.tables.row_types import struct_of
from presswatch_spark.tables.seals import Written

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Item = TypeVar("Item")

GROUP_ROWS = 1 << 15
"""Rows of a group: about 6 MB of `matches`, one range of S3."""
ROWS_A_TASK = 200_000
FILE_GROUPS = 32
"""Groups of a file of `write_files`: a million rows."""

ORDERS: Mapping[str, Sequence[str]] = {
    "matches": ("shard_uri", "record_offset", "row_index", "article_id", "title_id", "row_sha256"),
    "rights_signals": ("shard_uri", "record_offset", "signal", "agent", "row_sha256"),
    "scan_log": ("shard_uri",),
    "metrics": ("name", "labels"),
    "corpus_articles": ("article_id",),
    "candidates": ("shard_uri", "record_offset", "row_index", "corpus_fingerprint", "article", "row_sha256"),
    "sealed_scan_log": ("shard_uri",),
    "captures": ("shard_uri", "row_index", "row_sha256"),
    "census_log": ("shard_uri",),
    "changes": ("article_id", "document_url", "change_sha256"),
    **dict.fromkeys(("claims", "claims_before"), ("article_id", "row_sha256", "run_id")),
}
"""Orders of rows; nulls come first."""

BLOOM_COLUMNS: Mapping[str, Sequence[str]] = {
    "matches": (
        "document_url", "article_id", "title_id", "publisher_id", "cluster_id", "record_id", "text_sha256",
        "row_sha256",
    ),
    "rights_signals": ("document_url", "host", "title_id", "publisher_id", "record_id"),
    "corpus_articles": ("url", "title_id", "publisher_id"),
    "captures": ("url", "article_id", "title_id", "publisher_id", "payload_digest", "row_sha256"),
    **dict.fromkeys(
        ("claims", "claims_before"),
        ("document_url", "document_host", "title_id", "publisher_id", "row_sha256"),
    ),
}  # fmt: skip
"""Columns with a Bloom filter."""
MOST_MEMBERS, MEMBER_COLUMNS = 1024, ("title_id", "publisher_id")
"""Bloom filters of these columns have room for so many values; with more, they let more row groups pass."""

WRITTEN = pa.schema(
    [("partition", pa.int64()), *(struct_of(PublishedFile).field(each.name) for each in fields(Written))]
)


@dataclass(frozen=True, slots=True)
class SortedFiles:
    """Writes sorted rows of `table`, without run ids, in `folder`.

    `names`: the columns to write, if the rows are of an older version; None: those of this one.
    """

    table: str
    run_id: str
    folder: Folder
    names: tuple[str, ...] | None = None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write the rows of a Spark task; yield a row of `WRITTEN`, or nothing if there are none."""
        from pyspark import TaskContext

        with task():
            context = TaskContext.get()
            groups = grouped(batches)
            if first := next(groups, None):
                written = asdict(self.write(first, groups))
                place = context.partitionId() if context else 0
                yield pa.RecordBatch.from_pylist([{"partition": place, **written}], WRITTEN)

    def write_all(self, batches: Iterable[pa.RecordBatch]) -> Written:
        """Write rows as one file, even if there are none."""
        groups = grouped(batches)
        return self.write(next(groups, columns_without_run(self.table).empty_table()), groups)

    def write_files(self, batches: Iterable[pa.RecordBatch]) -> tuple[Written, ...]:
        """Write rows as files of `FILE_GROUPS` row groups; none if there are none."""
        groups = grouped(batches)
        return tuple(self.write(first, islice(groups, FILE_GROUPS - 1)) for first in groups)

    def write(
        self, first: pa.Table, others: Iterable[pa.Table] = (), usual_rows: int | None = None
    ) -> Written:
        """Write row groups as a file. `usual_rows`: rows of a usual group; default: those of the first."""
        name, rows = f"{secrets.token_hex(6)}.parquet", 0
        wanted = self.names or SCHEMAS[self.table].names
        # All columns are nullable, so files can be written with nulls that a later version does not allow.
        schema = pa.schema([(each.name, each.type) for each in SCHEMAS[self.table] if each.name in wanted])
        order = [(column, "ascending") for column in ORDERS.get(self.table, ()) if column in schema.names]
        usual = usual_rows or len(first) or 1
        filters = {
            column: {"ndv": min(usual, MOST_MEMBERS) if column in MEMBER_COLUMNS else usual, "fpp": 0.01}
            for column in BLOOM_COLUMNS.get(self.table, ())
            if column in schema.names
        }
        options: dict[str, Any] = {
            "write_page_index": True,
            "write_page_checksum": True,
            "bloom_filter_options": filters or None,
            "sorting_columns": pq.SortingColumn.from_ordering(schema, order, "at_start") if order else None,
        }
        with self.folder.new_file(name) as path:
            with pq.ParquetWriter(path, schema, compression="zstd", **options) as writer:
                for group in chain((first,), others):
                    # Rows of derived tables have the id of their own run already.
                    if "run_id" not in group.column_names and "run_id" in schema.names:
                        ids = pa.array([self.run_id] * len(group), pa.string())
                        group = group.add_column(0, "run_id", ids)
                    writer.write_table(group.select(schema.names).cast(schema))
                    rows += len(group)
            return Written(name, rows, path.stat().st_size, file_sha256(path))


def written_columns(
    files: SortedFiles, written: Sequence[Written], names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Yield columns of files that were just written, one file after the other."""
    paths = (files.folder.at(file.name) for file in written)
    rows = opened_parquet(files.folder, paths, SCHEMAS[files.table])
    yield from rows.to_batches(columns=list(names), batch_readahead=1, fragment_readahead=1)


def grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the same rows as tables of `GROUP_ROWS`, the last one shorter."""
    waiting, rows = list[pa.RecordBatch](), 0
    for batch in batches:
        while rows + len(batch) >= GROUP_ROWS:
            missing = GROUP_ROWS - rows
            yield pa.Table.from_batches([*waiting, batch.slice(0, missing)])
            waiting, rows, batch = [], 0, batch.slice(missing)
        if len(batch):
            waiting.append(batch)
            rows += len(batch)
    if waiting:
        yield pa.Table.from_batches(waiting)


def batches_of(
    spark: SparkSession,
    items: Sequence[Item],
    work: Callable[[Item], Iterable[pa.RecordBatch]],
    schema: pa.Schema,
) -> DataFrame:
    """Return a frame of the batches that `work` yields for each item, in one task per item."""
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


def tasks_for(rows: int, spark: SparkSession) -> int:
    """Return the number of tasks in which to sort so many rows: at least one per core."""
    return max(1, -(-rows // ROWS_A_TASK), spark.sparkContext.defaultParallelism)


def written_by_spark(rows: DataFrame, files: SortedFiles) -> tuple[Written, ...]:
    """Write each partition of sorted rows as a file, in tasks; return the files in order, at least one."""
    done = rows.mapInArrow(files, spark_schema(WRITTEN)).collect()
    done.sort(key=lambda row: int(row["partition"]))
    written = tuple(Written(*(row[field.name] for field in fields(Written))) for row in done)
    return written or (files.write_all([]),)

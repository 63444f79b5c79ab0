"""Items spread over Spark: each has a task of its own, and batches of rows come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from presswatch_spark.spark.session import spark_schema
from presswatch_spark.spark.worker import task

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Item = TypeVar("Item")


def batches_of(
    spark: SparkSession,
    items: Sequence[Item],
    work: Callable[[Item], Iterable[pa.RecordBatch]],
    schema: pa.Schema,
) -> DataFrame:
    """Make a frame of the batches that `work` yields of each item; each item has a task of its own."""
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

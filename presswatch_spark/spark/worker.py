"""Spark tasks: what they do in their Python workers, and how work is dealt to them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from presswatch_spark.spark.session import spark_schema

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Item = TypeVar("Item")


@contextmanager
def task() -> Iterator[None]:
    """Do the work of a task; from its end to the next one's begin the worker says nothing.

    Spark closes the pipe of a worker that it no longer needs. The worker then prints a traceback about the
    pipe, which reads like a failure where nothing failed.
    """
    from pyspark import TaskContext

    if TaskContext.get() is None:  # no worker: the driver does the work itself
        yield
        return
    sys.stderr = sys.__stderr__
    try:
        yield
    finally:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 for as long as the worker lives


def batches_of(
    spark: SparkSession,
    items: Sequence[Item],
    work: Callable[[Item], Iterable[pa.RecordBatch]],
    schema: pa.Schema,
) -> DataFrame:
    """Make a frame of the batches that `work` yields of each item; each item has a task of its own."""
    numbers = spark.range(0, len(items), 1, len(items))
    return numbers.mapInArrow(_ByNumber(tuple(items), work), spark_schema(schema))


@dataclass(frozen=True, slots=True)
class _ByNumber:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of items."""

    items: tuple[Any, ...]
    work: Callable[[Any], Iterable[pa.RecordBatch]]

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    yield from self.work(self.items[number.as_py()])

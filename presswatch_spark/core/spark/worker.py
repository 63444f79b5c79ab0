"""Runs work in Spark tasks, in Python workers."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pyspark import SparkContext


@contextmanager
def task() -> Iterator[None]:
    """Run the block as the work of a task; after it, the worker prints nothing until the next task.

    Spark closes the pipe of a worker that it no longer needs, and the worker would print a traceback.
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


def nothing(_: Iterable[object]) -> None:
    """Do nothing, as a task that starts a worker."""
    with task():
        pass


Report = TypeVar("Report")


def collected(
    context: "SparkContext", tasks: int, work: Callable[[Iterable[int]], Iterable[Report]]
) -> list[Report]:
    """Run `work` in so many tasks, each with its number only; return their reports, in order of tasks.

    This avoids Spark's SQL, whose first query takes 2.6 s of processor time.
    """
    reports: list[Report] = context.parallelize(range(tasks), tasks).mapPartitions(work).collect()
    return reports

"""Spark tasks: what they do in their Python workers, and how work is dealt to them."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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


def nothing(_: Iterable[object]) -> None:
    """Do nothing, as a task: whoever asks for it wants a worker to be there."""
    with task():
        pass

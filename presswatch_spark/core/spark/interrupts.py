"""Ctrl-C while Spark is at work: jobs are cancelled, and the command ends as it says it does."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from presswatch_spark.core.threads import answer_of

if TYPE_CHECKING:
    from pyspark import SparkContext

SECONDS_BETWEEN_CANCELS, CANCEL_SECONDS = 0.5, 5
# By the root logger, and with a stack.
LOGGED_BY_PY4J = ("Exception while sending command.", "KeyboardInterrupt while sending command.")

Result = TypeVar("Result")


def bear_interrupts(context: SparkContext) -> None:
    """Let Ctrl-C cancel all jobs and raise `KeyboardInterrupt`, whatever the JVM or this thread is at.

    This replaces PySpark's own handler. That one asks the JVM in this thread, whose connection may be waiting
    for an answer. It raises what py4j says of that, or of a JVM that has gone.
    """

    def interrupted(*_: object) -> NoReturn:
        canceller = threading.Thread(target=_cancel, args=(context,), daemon=True)
        canceller.start()
        canceller.join(CANCEL_SECONDS)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupted)


def quiet_py4j() -> None:
    """Let py4j log no stacks: its failures are raised as well, as errors of ours."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(lambda record: record.msg not in LOGGED_BY_PY4J)


def quiet_counts(context: SparkContext) -> None:
    """Silence the thread that collects the counts of tasks when the JVM ends before it.

    It would print a traceback, in the middle of what is said of that, or after the last line.
    """
    server: Any = context._accumulatorServer
    handle_error = server.handle_error

    def handled(request: Any, address: Any) -> None:
        if not isinstance(sys.exception(), EOFError | ConnectionError):
            handle_error(request, address)

    server.handle_error = handled


def interruptible(context: SparkContext, work: Callable[[], Result]) -> Result:
    """Do `work` in a thread of its own and return its result.

    Ctrl-C then finds this thread outside of py4j, which does not bear interrupts. Jobs are cancelled until
    the work gives up. Work that is done before it could be stopped is done, and is returned; work that has
    not begun does not begin.
    """
    begun, found = Future[None](), list[Result]()

    def cancel_until_done() -> None:
        # The work may be between two jobs.
        while not begun.done():
            _cancel(context)
            wait([begun], SECONDS_BETWEEN_CANCELS)

    def do() -> None:
        if begun.set_running_or_notify_cancel():
            try:
                found.append(work())
            finally:
                begun.set_result(None)

    with ThreadPoolExecutor(1, "spark") as pool:
        try:
            answer_of(pool.submit(do))
            return found[0]
        except KeyboardInterrupt:
            if not begun.cancel():
                # Another Ctrl-C may end this thread's wait: it must not let the work go on unseen.
                threading.Thread(target=cancel_until_done, daemon=True).start()
                wait([begun])
            if found:
                return found[0]
            raise


def _cancel(context: SparkContext) -> None:
    """Cancel all jobs. Where Ctrl-C, or anything else, has ended the JVM, they end by themselves.

    A session that was stopped, perhaps this moment, has none, and PySpark fails with an `AttributeError`.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]

    with suppress(OSError, Py4JError, AttributeError):
        context.cancelAllJobs()

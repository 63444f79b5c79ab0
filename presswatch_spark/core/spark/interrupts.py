"""Handles Ctrl-C while Spark is at work: jobs are cancelled, and the command ends in its documented way."""

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
# Messages that py4j writes to the root logger, with a stack.
LOGGED_BY_PY4J = ("Exception while sending command.", "KeyboardInterrupt while sending command.")

Result = TypeVar("Result")


def bear_interrupts(context: SparkContext) -> None:
    """Let Ctrl-C cancel all jobs and raise `KeyboardInterrupt`, whatever the JVM or this thread is doing.

    This replaces PySpark's own handler, which calls the JVM in this thread. The connection of this thread may
    be waiting for an answer, or the JVM may have ended; py4j would then raise its own errors.
    """

    def interrupted(*_: object) -> NoReturn:
        canceller = threading.Thread(target=_cancel, args=(context,), daemon=True)
        canceller.start()
        canceller.join(CANCEL_SECONDS)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupted)


def quiet_py4j() -> None:
    """Keep py4j from logging stacks: its failures are also raised, as errors of ours."""
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger().addFilter(lambda record: record.msg not in LOGGED_BY_PY4J)


def quiet_counts(context: SparkContext) -> None:
    """Silence the thread that collects the counts of tasks if the JVM ends before it.

    It would print a traceback in the middle of our own message, or after the last line.
    """
    server: Any = context._accumulatorServer
    handle_error = server.handle_error

    def handled(request: Any, address: Any) -> None:
        if not isinstance(sys.exception(), EOFError | ConnectionError):
            handle_error(request, address)

    server.handle_error = handled


def interruptible(context: SparkContext, work: Callable[[], Result]) -> Result:
    """Do `work` in a separate thread and return its result.

    Ctrl-C then interrupts this thread, and not py4j, which cannot handle that. Jobs are cancelled until the
    work ends. If the work is done before it could be stopped, its result is returned; work that has not begun
    does not begin.
    """
    begun, found = Future[None](), list[Result]()

    def cancel_until_done() -> None:
        # Cancel repeatedly, since the work may be between two jobs.
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
                # Cancel in a thread, so that the work ends even if another Ctrl-C ends this wait.
                threading.Thread(target=cancel_until_done, daemon=True).start()
                wait([begun])
            if found:
                return found[0]
            raise


def _cancel(context: SparkContext) -> None:
    """Cancel all jobs. If the JVM has ended, by Ctrl-C or otherwise, they have ended, too.

    If the session was stopped, perhaps at this moment, PySpark fails with an `AttributeError`.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]

    with suppress(OSError, Py4JError, AttributeError):
        context.cancelAllJobs()

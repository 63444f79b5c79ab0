"""Threads that ask storage for several things at once, and wait for no host once nobody wants the answers.

A site may ask us to wait for minutes. Ctrl-C ends the block of a pool, whose end waits for its threads.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType


class GivenUpError(BaseException):
    """Nobody wants any more what this thread asks for. Nothing that it finds may be made of that."""


class _Thread(threading.local):
    def __init__(self) -> None:
        self.over: threading.Event | None = None


_THREAD = _Thread()


class AskingThreads(ThreadPoolExecutor):
    """A pool whose threads ask and wait no more once its block has ended with an error, or by Ctrl-C."""

    def __init__(self, count: int, name: str) -> None:
        self._over = threading.Event()
        super().__init__(count, name, initializer=_begin, initargs=(self._over,))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is not None:
            self._over.set()
            self.shutdown(wait=False, cancel_futures=True)
        return super().__exit__(kind, error, trace)


def _begin(over: threading.Event) -> None:
    _THREAD.over = over


def check_wanted() -> None:
    """Raise `GivenUpError` in a thread of a pool that was given up."""
    if _THREAD.over is not None and _THREAD.over.is_set():
        raise GivenUpError


def rest(seconds: float) -> None:
    """Wait so long; raises as `check_wanted`, and at once."""
    if _THREAD.over is None:
        time.sleep(seconds)
    elif _THREAD.over.wait(seconds):
        raise GivenUpError

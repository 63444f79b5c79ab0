"""Threads that ask storage for several things at once, and wait for no host once nobody wants the answers.

A site may ask us to wait for minutes. Ctrl-C ends the block of a pool, whose end waits for its threads.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, TypeVar

Answer = TypeVar("Answer")

LOOK_SECONDS = 0.5


class GivenUpError(BaseException):
    """Nobody wants any more what this thread asks for. Nothing that it finds may be made of that."""


class _AskingThread(threading.local):
    def __init__(self) -> None:
        self.over: threading.Event | None = None


_THREAD = _AskingThread()


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

    def map(
        self,
        fn: Callable[..., Answer],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Answer]:
        """Ask as the built-in `map` calls, and give the answers in order; see `answer_of`.

        Neither `timeout` nor `chunksize` is used.
        """
        asked = deque(self.submit(fn, *each) for each in zip(*iterables, strict=False))

        def answers() -> Iterator[Answer]:
            while asked:
                yield answer_of(asked.popleft())

        return answers()


def answer_of(asked: Future[Answer]) -> Answer:
    """Wait for what a thread was asked, and raise what it raises.

    A Ctrl-C that comes just before a wait does not end it: Python hears it when it next runs. So no wait is
    long, whatever the site asks for.
    """
    while not asked.done():
        wait([asked], LOOK_SECONDS)
    return asked.result()


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

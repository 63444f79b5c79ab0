"""Pools of threads for concurrent requests to storage, and limits for the time of a piece of work.

Ctrl-C ends the block of a pool: its threads stop at once, even if a site asked them to wait for minutes.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from presswatch_spark.core.errors import PresswatchError

Answer = TypeVar("Answer")

LOOK_SECONDS = 0.5


class GivenUpError(BaseException):
    """The result of this thread's work is no longer wanted; do not report anything about it."""


class LateError(PresswatchError):
    """A piece of work took longer than allowed."""


@dataclass(slots=True)
class TimeLimit:
    """The time limit of a piece of work, its beginning, and the time that it waited since, in seconds.

    Several threads may do the work. `waiting` of them are waiting now, the first since `waits_since`.
    """

    seconds: float
    began: float
    clock: Callable[[], float]
    waited: float = 0.0
    waiting: int = 0
    waits_since: float = 0.0
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spent(self) -> float:
        """Return the time that the work has taken, without waits."""
        with self.guard:
            return (self.waits_since if self.waiting else self.clock()) - self.began - self.waited

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time of the block; if several threads are in such blocks, subtract it once."""
        with self.guard:
            if not self.waiting:
                self.waits_since = self.clock()
            self.waiting += 1
        try:
            yield
        finally:
            with self.guard:
                self.waiting -= 1
                if not self.waiting:
                    self.waited += self.clock() - self.waits_since


class _ThreadState(threading.local):
    over: threading.Event | None = None
    limit: TimeLimit | None = None


_THREAD = _ThreadState()


class AskingThreads(ThreadPoolExecutor):
    """A pool whose threads stop requests and waits when its block ends with an error, or by Ctrl-C."""

    def __init__(self, count: int, name: str) -> None:
        self._over = threading.Event()
        super().__init__(count, name, initializer=setattr, initargs=(_THREAD, "over", self._over))

    def __exit__(self, *error: Any) -> bool | None:
        if any(error):
            self._over.set()
            self.shutdown(wait=False, cancel_futures=True)
        return super().__exit__(*error)

    def map(self, fn: Callable[..., Answer], *iterables: Iterable[Any], **_: Any) -> Iterator[Answer]:
        """Submit all calls at once, and yield the results in order; see `answer_of`."""
        asked = deque(self.submit(fn, *each) for each in zip(*iterables, strict=False))
        return (answer_of(asked.popleft()) for _ in range(len(asked)))


def answer_of(asked: Future[Answer]) -> Answer:
    """Wait for the result of a thread's work, in short waits, since Ctrl-C is handled only between them."""
    while not asked.done():
        wait([asked], LOOK_SECONDS)
    return asked.result()


def check_wanted() -> None:
    """Raise `GivenUpError` in a thread of a pool that was given up."""
    if _THREAD.over is not None and _THREAD.over.is_set():
        raise GivenUpError


def giving_up() -> threading.Event:
    """Return the event that is set when this thread is given up, for another thread to wait for."""
    return _THREAD.over or threading.Event()


def rest(seconds: float) -> None:
    """Wait so many seconds; raise `GivenUpError` as soon as this thread is given up."""
    if _THREAD.over is None:
        time.sleep(seconds)
    elif _THREAD.over.wait(seconds):
        raise GivenUpError


def time_limit(seconds: float, clock: Callable[[], float] = time.monotonic) -> AbstractContextManager[None]:
    """Let `check_time` raise in the block after so many seconds, without waits for hosts."""
    return limited_by(TimeLimit(seconds, clock(), clock))


@contextmanager
def limited_by(limit: TimeLimit | None) -> Iterator[None]:
    """Apply a limit to this thread, too, which does a part of the work of the thread that began it."""
    before, _THREAD.limit = _THREAD.limit, limit
    try:
        yield
    finally:
        _THREAD.limit = before


def limit_here() -> TimeLimit | None:
    """Return the limit of this thread, for `limited_by`."""
    return _THREAD.limit


def uncounted() -> AbstractContextManager[None]:
    """Do not count the block in this thread's limit: a wait for a host, or for limits of our settings."""
    return nullcontext() if _THREAD.limit is None else _THREAD.limit.paused()


def check_time() -> None:
    """Raise `LateError` if this thread's work has taken longer than allowed; also do `check_wanted`."""
    check_wanted()
    limit = _THREAD.limit
    if limit is not None and limit.spent > limit.seconds:
        what = f"the {limit.seconds:,g} s that a shard may take (run.shard_seconds) were over"
        raise LateError(what, remedy="raise run.shard_seconds")

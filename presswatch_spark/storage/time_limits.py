"""Limits how long a piece of work may take; waiting for hosts that make us wait does not count.

The limit holds for the thread that sets it. Readers of storage call `check_time` at every chunk.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from presswatch_spark.errors import PresswatchError
from presswatch_spark.storage.asking import check_wanted


class LateError(PresswatchError):
    """A piece of work took longer than it may."""


@dataclass(slots=True)
class TimeLimit:
    """How long a piece of work may take, when it began, and how long it waited since, in seconds."""

    seconds: float
    began: float
    clock: Callable[[], float]
    waited: float = 0.0


class _LimitedThread(threading.local):
    def __init__(self) -> None:
        self.limit: TimeLimit | None = None


_THREAD = _LimitedThread()


def count_waiting(seconds: float) -> None:
    """Count seconds that this thread waited because a host or our manners made it wait."""
    if _THREAD.limit is not None:
        _THREAD.limit.waited += seconds


@contextmanager
def time_limit(seconds: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Let `check_time` raise once the block has taken longer than `seconds`; None means no limit."""
    with under(None if seconds is None else TimeLimit(seconds, clock(), clock)):
        yield


class LentLimit:
    """The limit of the thread that makes this, for other threads that do some of its work.

    They wait for hosts at the same time, so the longest of their waits is what the work waited.
    """

    def __init__(self) -> None:
        self._limit = _THREAD.limit
        self._guard = threading.Lock()
        self._waits: dict[int, float] = {}
        self._longest = 0.0

    @contextmanager
    def here(self) -> Iterator[None]:
        """Let the limit hold for this thread while the block runs."""
        limit = self._limit
        if limit is None:
            with under(None):
                yield
            return
        own = replace(limit, waited=(before := limit.waited))
        try:
            with under(own):
                yield
        finally:
            with self._guard:
                thread = threading.get_ident()
                waits = self._waits[thread] = self._waits.get(thread, 0.0) + own.waited - before
                limit.waited += max(0.0, waits - self._longest)
                self._longest = max(self._longest, waits)


@contextmanager
def under(limit: TimeLimit | None) -> Iterator[None]:
    """Let a limit hold for this thread while the block runs."""
    before, _THREAD.limit = _THREAD.limit, limit
    try:
        yield
    finally:
        _THREAD.limit = before


def check_time() -> None:
    """Raise `LateError` if this thread's work has taken longer than it may; also as `check_wanted`."""
    check_wanted()
    limit = _THREAD.limit
    if limit is None:
        return
    if limit.clock() - limit.began - limit.waited > limit.seconds:
        raise LateError(
            f"the {limit.seconds:,g} s that a shard may take (run.shard_seconds) were over",
            remedy="raise run.shard_seconds",
        )

"""Limits how long a piece of work may take; waiting for hosts that make us wait does not count.

The limit holds for the thread that sets it. Readers of storage call `check_time` at every chunk.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
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


class _Thread(threading.local):
    def __init__(self) -> None:
        self.limit: TimeLimit | None = None


_THREAD = _Thread()


def count_waiting(seconds: float) -> None:
    """Count seconds that this thread waited because a host or our manners made it wait."""
    if _THREAD.limit is not None:
        _THREAD.limit.waited += seconds


@contextmanager
def time_limit(seconds: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Let `check_time` raise once the block has taken longer than `seconds`; None means no limit."""
    with under(None if seconds is None else TimeLimit(seconds, clock(), clock)):
        yield


def current_limit() -> TimeLimit | None:
    """Return the limit of this thread, for another thread that does some of its work."""
    return _THREAD.limit


@contextmanager
def lent_limit() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Give what lets this thread's limit hold in a block of each thread that it waits for.

    They wait for hosts at the same time, so the longest of their waits is what this thread's work waited.
    """
    limit, lent = _THREAD.limit, dict[int, TimeLimit]()

    def here() -> AbstractContextManager[None]:
        return under(limit and lent.setdefault(threading.get_ident(), replace(limit)))

    try:
        yield here
    finally:
        if limit is not None:
            limit.waited = max([limit.waited, *(each.waited for each in lent.values())])


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

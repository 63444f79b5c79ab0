"""How long a piece of work may take, its waiting for hosts that make us wait not counted.

The limit holds for the thread that sets it. Whoever reads storage asks `check_time` at every chunk.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from presswatch_spark.errors import PresswatchError


class LateError(PresswatchError):
    """A piece of work took longer than it may."""


@dataclass(slots=True)
class _Limit:
    seconds: float
    began: float
    waited_before: float
    clock: Callable[[], float]


class _Thread(threading.local):
    def __init__(self) -> None:
        self.waited = 0.0
        self.limit: _Limit | None = None


_THREAD = _Thread()


def count_waiting(seconds: float) -> None:
    """Count seconds that this thread waited because a host, or its own manners, made it wait."""
    _THREAD.waited += seconds


@contextmanager
def time_limit(seconds: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Let `check_time` raise in the block once it has taken longer than `seconds`; None: no limit."""
    before = _THREAD.limit
    _THREAD.limit = None if seconds is None else _Limit(seconds, clock(), _THREAD.waited, clock)
    try:
        yield
    finally:
        _THREAD.limit = before


def check_time() -> None:
    """Raise `LateError` if this thread's work has taken longer than it may."""
    limit = _THREAD.limit
    if limit is None:
        return
    taken = limit.clock() - limit.began - (_THREAD.waited - limit.waited_before)
    if taken > limit.seconds:
        raise LateError(
            f"it took longer than the {limit.seconds:,g} s that a shard may take, and was left there",
            remedy="raise run.shard_seconds if it is worth more",
        )

"""How many connections to a host are open at once, over all processes of this machine.

A connection holds one of the host's slots as long as its socket is open: a file that is locked. Whoever waits
for one says so by a lock that all waiting share; who keeps an idle connection then closes it.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from presswatch_spark.storage.locks.files import is_free, lock
from presswatch_spark.storage.locks.rules import CONNECTION, CONNECTION_LOOK, CONNECTION_WANTED
from presswatch_spark.storage.shared_state import SharedState
from presswatch_spark.storage.time_limits import count_waiting

LOOK_SECONDS = 0.02
LOOK_SECONDS_MAX = 0.25
# Whoever waits so long gives up the connections that its own thread holds and does not read just now.
ASIDE_AFTER_SECONDS = 0.5
WAITING = "waiting"

_HELD: set[int] = set()


class Slot:
    """One of a host's slots, or the right to do without one."""

    def __init__(self, handle: int | None, release: Callable[[], None] = lambda: None) -> None:
        self._handle, self._release = handle, release
        if handle is not None:
            _HELD.add(handle)

    def release(self) -> None:
        """Let another connection have it; the second time, nothing happens."""
        handle, self._handle = self._handle, None
        if handle is not None and handle in _HELD:
            _HELD.discard(handle)
            os.close(handle)
        release, self._release = self._release, lambda: None
        release()


class Slots:
    """At most `number` slots of a host."""

    def __init__(self, state: SharedState, number: int) -> None:
        self._state, self._number = state, number
        self._own = threading.BoundedSemaphore(number)
        self._waiting = 0

    def take(self, step_aside: Callable[[], None] = lambda: None) -> Slot:
        """Wait for a slot. `step_aside` is called while that takes long."""
        slot = self._try()
        if slot is not None:
            return slot
        began, wait, waiting = time.monotonic(), LOOK_SECONDS, self._announced()
        self._waiting += 1
        try:
            while (slot := self._try()) is None:
                time.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(LOOK_SECONDS_MAX, wait * 1.5)
                if time.monotonic() - began > ASIDE_AFTER_SECONDS:
                    step_aside()
            return slot
        finally:
            self._waiting -= 1
            if waiting is not None:
                os.close(waiting)
            count_waiting(time.monotonic() - began)

    def wanted(self) -> bool:
        """Whether anybody waits for one."""
        if self._state.folder is None:
            return self._waiting > 0
        try:
            return not is_free(self._state.folder / WAITING, CONNECTION_LOOK)
        except OSError:
            return True

    def _announced(self) -> int | None:
        """Say that somebody waits, until the handle is closed."""
        if self._state.folder is not None:
            with suppress(OSError):
                return lock(self._state.folder / WAITING, CONNECTION_WANTED)
        return None

    def _try(self) -> Slot | None:
        """A slot that is free now."""
        if self._state.folder is not None:
            with suppress(OSError):
                return self._locked(self._state.folder)
        return Slot(None, self._own.release) if self._own.acquire(blocking=False) else None

    def _locked(self, folder: Path) -> Slot | None:
        for number in range(self._number):
            with suppress(BlockingIOError):
                handle = lock(folder / f"slot-{number}", CONNECTION)
                os.utime(handle)
                return Slot(handle)
        return None


def _forget_in_child() -> None:
    """A forked child has no connections of its parent's: the locks stay with the parent alone."""
    for handle in list(_HELD):
        with suppress(OSError):
            os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_forget_in_child)

"""Tells whoever follows a command that a host makes it wait: a line a minute, though others do the waiting.

Processes of this machine note in files what a host asks of all (`storage.web`). Each command says it of the
hosts that it asks itself, or has planned to (`will_ask`), for another's lines may stand on another terminal.
Of workers on other machines the driver knows nothing: these say it on their own stderr.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from presswatch_spark.storage.web.manners import Waiting, hosts_to_tell_of

LOOK_SECONDS = 1.0

Tell = Callable[[Waiting], None]


class Follower:
    """Looks for hosts that make us wait while anybody wants to know; the last who asked is told."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._told: list[Tell] = []
        self._last = dict[str, float]()
        self._over = threading.Event()

    def add(self, tell: Tell) -> None:
        """Tell this one from now on."""
        with self._guard:
            self._told.append(tell)
            if len(self._told) == 1:
                self._over, self._last = threading.Event(), {}
                thread = threading.Thread(
                    target=self._follow, args=(self._over,), name="throttled", daemon=True
                )
                thread.start()

    def remove(self, tell: Tell) -> None:
        """Tell the one before it again."""
        with self._guard:
            self._told.remove(tell)
            if not self._told:
                self._over.set()

    def _follow(self, over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Tell of what is due."""
        for waiting in hosts_to_tell_of(told=self._last):
            with self._guard:
                tell = self._told[-1] if self._told else None
            if tell is not None:
                tell(waiting)


FOLLOWER = Follower()


@contextmanager
def throttling_told(tell: Tell) -> Iterator[None]:
    """While the block runs, tell of each host that makes us wait, once a minute; inner blocks go first."""
    FOLLOWER.add(tell)
    try:
        yield
    finally:
        FOLLOWER.remove(tell)

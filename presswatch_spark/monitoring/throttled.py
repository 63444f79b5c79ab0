"""Reports, once a minute, that a host makes a command wait, although its workers do the waiting.

Processes of this machine note in files what a host asks of all (`storage.web`). Each command reports the
hosts that it asks or will ask (`will_ask`): another command's lines may stand on another terminal. The driver
knows nothing of workers on other machines; they report on their own stderr.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from presswatch_spark.storage.web.manners import Waiting, hosts_to_tell_of

LOOK_SECONDS = 1.0

Report = Callable[[Waiting], None]


class Follower:
    """Looks for hosts that make us wait, as long as there is a reporter; the newest one reports."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._reporters: list[Report] = []
        self._last = dict[str, float]()
        self._over = threading.Event()

    def add(self, report: Report) -> None:
        """Use this reporter from now on."""
        with self._guard:
            self._reporters.append(report)
            if len(self._reporters) == 1:
                self._over, self._last = threading.Event(), {}
                thread = threading.Thread(
                    target=self._follow, args=(self._over,), name="throttled", daemon=True
                )
                thread.start()

    def remove(self, report: Report) -> None:
        """Use the reporter before this one again."""
        with self._guard:
            self._reporters.remove(report)
            if not self._reporters:
                self._over.set()

    def _follow(self, over: threading.Event) -> None:
        while not over.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Report the hosts that are due."""
        for waiting in hosts_to_tell_of(told=self._last):
            with self._guard:
                report = self._reporters[-1] if self._reporters else None
            if report is not None:
                report(waiting)


FOLLOWER = Follower()


@contextmanager
def throttling_reported(report: Report) -> Iterator[None]:
    """Report each host that makes us wait in the block, once a minute; the innermost block reports."""
    FOLLOWER.add(report)
    try:
        yield
    finally:
        FOLLOWER.remove(report)

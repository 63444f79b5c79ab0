"""Writes what happens in a run as one JSON object a line, for collectors of logs.

Each line has `time` (UTC), `level`, `event`, `host`, the facts bound to the log (`run_id`), and the event's
own facts. Facts are counts, digests, names of shards, and errors as in `scan_log`: no web text, no secret.

That a host makes a command wait is reported, too, once a minute, although its workers do the waiting.
"""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

from presswatch_spark.errors import PresswatchError
from presswatch_spark.redaction import redacted_json
from presswatch_spark.storage.web.manners import Waiting, hosts_to_tell_of

LOOK_SECONDS = 1.0

Level = Literal["info", "warning", "error"]
Report = Callable[[Waiting], None]


class Follower:
    """Looks for hosts that make us wait, as long as there is a reporter; the newest one reports.

    Processes of this machine note in files what a host asks of all (`storage.web`). Each command reports the
    hosts that it asks or will ask (`will_ask`): another command's lines may stand on another terminal. The
    driver knows nothing of workers on other machines; they report on their own stderr.
    """

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


class EventLog:
    """Writes events to `stream`, by default stderr; threads may share it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._host = socket.gethostname()
        self._bound: dict[str, object] = {}
        self._one_at_a_time = threading.Lock()

    def bind(self, **facts: object) -> None:
        """Add these facts to every later event."""
        self._bound.update(facts)

    def tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
        """Write an event, if anybody reads on still. Its own facts replace bound facts of the same name.

        What is not ASCII is escaped, so that it cannot steer a terminal.
        """
        head = {"time": _utc(datetime.now(UTC), "milliseconds"), "level": level, "event": event}
        told = {**head, "host": self._host, **self._bound, **facts}
        line = json.dumps(redacted_json(told), default=str)
        with self._one_at_a_time, suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def throttled(self, waiting: Waiting) -> None:
        """Write that a host makes us wait."""
        until = _utc(datetime.fromtimestamp(waiting.until, UTC), "seconds")
        self.tell("throttled", "warning", site=waiting.host, why=waiting.why, until=until)

    def tell_failure(self, event: str, error: BaseException) -> None:
        """Write that an error ended something; of an error that is not ours, its class alone."""
        facts = {"error": type(error).__name__}
        if isinstance(error, PresswatchError):
            facts = {"error": error.what, "where": error.where, "remedy": error.remedy}
        elif isinstance(error, OSError) and error.strerror:
            facts = {"error": error.strerror, "where": str(error.filename or "")}
        self.tell(event, "error", error_class=type(error).__name__, **facts)


def _utc(moment: datetime, to: str) -> str:
    return moment.isoformat(timespec=to).replace("+00:00", "Z")


class LoggedError(PresswatchError):
    """An error that has been logged as an event, so that only its exit code is left to give."""


class LoggedInterrupt(KeyboardInterrupt):
    """An interrupt that has been logged as an event."""


@contextmanager
def failures_logged(events: EventLog | None) -> Iterator[None]:
    """Log as events what ends the block, and hosts that make it wait; without a log, do nothing.

    Raises:
        LoggedError, LoggedInterrupt: in the place of the error that was logged.
    """
    try:
        with throttling_reported(events.throttled) if events else nullcontext():
            yield
    except (PresswatchError, OSError, KeyboardInterrupt) as error:
        if events is None:
            raise
        events.tell_failure("command_failed", error)
        if isinstance(error, KeyboardInterrupt):
            raise LoggedInterrupt from error
        raise LoggedError("this has been logged") from error

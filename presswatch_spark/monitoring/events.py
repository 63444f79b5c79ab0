"""Writes what happens in a run as one JSON object a line, for collectors of logs.

Each line has `time` (UTC), `level`, `event`, `host`, the facts bound to the log (`run_id`), and the event's
own facts. Facts are counts, digests, names of shards, and errors as in `scan_log`: no web text, no secret.

That a host makes this process wait is reported, too, once a minute; workers report it on their own stderr.
"""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

from presswatch_spark.errors import PresswatchError
from presswatch_spark.redaction import redacted_json
from presswatch_spark.storage.host_limits import Waiting, waits_reported

Level = Literal["info", "warning", "error"]


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
        with waits_reported(events.throttled) if events else nullcontext():
            yield
    except (PresswatchError, OSError, KeyboardInterrupt) as error:
        if events is None:
            raise
        events.tell_failure("command_failed", error)
        if isinstance(error, KeyboardInterrupt):
            raise LoggedInterrupt from error
        raise LoggedError("this has been logged") from error

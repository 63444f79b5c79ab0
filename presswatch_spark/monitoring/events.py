"""What happens in a run, as one JSON object a line: for those who collect logs of many machines.

`time` (UTC), `level`, `event`, `host`, what was bound to the log (`run_id`), and the event's own facts. Facts
are counts, digests, names of shards, and errors as `scan_log` has them: never text of the web, nor a secret.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Literal, TextIO

from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.throttled import throttling_told
from presswatch_spark.storage.web.manners import Waiting

Level = Literal["info", "warning", "error"]


class _JsonLine(logging.Formatter):
    """A record as a line of JSON; what is not ASCII is escaped, so that no terminal obeys it."""

    def __init__(self) -> None:
        super().__init__()
        self._host = socket.gethostname()

    def format(self, record: logging.LogRecord) -> str:
        happened = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {
            "time": happened.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "host": self._host,
        }
        facts: Mapping[str, object] = record.__dict__["facts"]
        return json.dumps({**head, **facts}, default=str)


class EventLog:
    """Writes events to `stream`, by default stderr; threads may share it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(_JsonLine())
        self._logger = logging.Logger("presswatch")
        self._logger.addHandler(handler)
        self._bound: dict[str, object] = {}

    def bind(self, **facts: object) -> None:
        """Let every further event hold these facts."""
        self._bound.update(facts)

    def tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
        """Write an event; of two facts of one name its own counts."""
        number = logging.getLevelNamesMapping()[level.upper()]
        self._logger.log(number, "%s", event, extra={"facts": {**self._bound, **facts}})

    def throttled(self, waiting: Waiting) -> None:
        """Write that a host makes us wait."""
        until = datetime.fromtimestamp(waiting.until, UTC).isoformat(timespec="seconds")
        facts = {"site": waiting.host, "why": waiting.why, "until": until.replace("+00:00", "Z")}
        self.tell("throttled", "warning", **facts)

    def tell_failure(self, event: str, error: BaseException) -> None:
        """Write that an error ended something: of ours its parts, of others the kind alone."""
        told = {"error": type(error).__name__}
        if isinstance(error, PresswatchError):
            told = {"error": error.what, "where": error.where, "remedy": error.remedy}
        elif isinstance(error, OSError) and error.strerror:
            told = {"error": error.strerror, "where": str(error.filename or "")}
        self.tell(event, "error", error_class=type(error).__name__, **told)


class ToldError(PresswatchError):
    """An error that has been told as an event: its exit code is all that is left to say."""


class ToldInterrupt(KeyboardInterrupt):
    """The same of an interrupt."""


@contextmanager
def failure_told(events: EventLog | None) -> Iterator[None]:
    """Tell as an event what ends the block, and what makes it wait; without a log leave it to others.

    Raises:
        ToldError, ToldInterrupt: in place of what was told.
    """
    try:
        with throttling_told(events.throttled) if events else nullcontext():
            yield
    except (PresswatchError, OSError, KeyboardInterrupt) as error:
        if events is None:
            raise
        events.tell_failure("command_failed", error)
        if isinstance(error, KeyboardInterrupt):
            raise ToldInterrupt from error
        raise ToldError("this has been told") from error

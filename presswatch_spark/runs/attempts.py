"""Attempts at a shard: what one raises is noted in it, and storage that fails is asked again."""

import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from presswatch_spark.errors import CorpusError, PresswatchError, StorageError
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.host_limits import BlockedError
from presswatch_spark.storage.objects import ObjectInfo, printable
from presswatch_spark.storage.threads import LateError, time_limit

ERROR_CHARACTERS = 2_000
ALL_DIED = "every Python worker that tried it died: killed, out of memory, or crashed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a shard gave: its row of the log, and batches of rows by table. None of them has a run id."""

    log: Mapping[str, Any]
    tables: Mapping[str, Sequence[pa.RecordBatch]]


@dataclass(slots=True)
class Attempt(ABC):
    """One attempt at a shard, filled while it goes on; its kind says what it gave."""

    shard: ObjectInfo
    report: ReadReport = field(default_factory=ReadReport)
    killed: bool = False

    @property
    @abstractmethod
    def status(self) -> str:
        """`complete` only if nothing was lost, `partial`, or `failed`."""

    @property
    @abstractmethod
    def reached(self) -> tuple[int, ...]:
        """How far it got, for comparison with others."""

    @property
    @abstractmethod
    def tables(self) -> Mapping[str, Sequence[pa.RecordBatch]]:
        """The batches of rows by table."""

    @property
    @abstractmethod
    def columns(self) -> dict[str, object]:
        """The columns of the log that its kind alone has."""

    @abstractmethod
    def pack(self) -> None:
        """Make Arrow batches of the rows taken so far: they hold them in a fraction of the memory."""

    @property
    def defects(self) -> list[str]:
        """What was not read."""
        return self.report.complaints

    def outcome(self, tries: int, began: datetime, seconds: float) -> Outcome:
        """Return what it gave: the last of so many tries, which took so long together."""
        log = {
            "shard_uri": printable(self.shard.uri),
            "status": self.status,
            "error": storable("; ".join(self.defects)[:ERROR_CHARACTERS]) or None,
            "failure": failure_of(self),
            "bytes_expected": self.shard.size,
            "bytes_read": self.report.bytes_read,
            "etag": self.shard.etag,
            "attempts": tries,
            "started_at": began,
            "seconds": seconds,
        }
        return Outcome(log | self.columns, self.tables)


AttemptT = TypeVar("AttemptT", bound=Attempt)


def outcome_of(
    begin: Callable[[ObjectInfo], AttemptT],
    read: Callable[[AttemptT], None],
    shard: ObjectInfo,
    attempts: int,
    seconds: float | None = None,
) -> Outcome:
    """Read a shard, up to `attempts` times if storage fails; return the outcome of the furthest attempt.

    Whatever `read` raises becomes a defect of the attempt that it fills. An attempt ends after `seconds`, and
    no other follows it. No other follows one that met a site which is asked nothing more, either.
    """
    began, started = datetime.now(UTC), time.monotonic()
    best, tries, again = begin(shard), 0, True
    while again and tries < attempts:
        attempt = begin(shard)
        with time_limit(seconds):
            again = not guarded(partial(read, attempt), attempt, shard.uri) or attempt.report.interrupted
        again = again and not attempt.report.blocked
        tries += 1
        if attempt.reached >= best.reached:
            best = attempt
    return best.outcome(tries, began, time.monotonic() - started)


def guarded(read: Callable[[], None], attempt: Attempt, uri: str) -> bool:
    """Note what `read` raises: the boundary of a shard. Return whether there is no point in trying again."""
    try:
        try:
            read()
        finally:
            attempt.pack()
    except CorpusError:
        # No fault of the shard's: all others would meet it, too.
        raise
    except LateError as error:
        attempt.report.add_defect(error.what, attempt.report.bytes_read)
        attempt.report.late = True
    except Exception as error:  # noqa: BLE001
        attempt.report.add_defect(reason_of(error, uri))
        attempt.report.interrupted |= isinstance(error, StorageError | OSError)
        attempt.report.blocked |= isinstance(error, BlockedError)
        attempt.report.faulty |= not isinstance(error, PresswatchError | OSError)
        return not isinstance(error, StorageError | OSError)
    return True


def failure_of(attempt: Attempt) -> str | None:
    """Say whose fault it was that the shard was not read whole, as `failure` in the logs; None if it was."""
    if attempt.status == "complete":
        return None
    if attempt.killed:
        return "worker"
    if attempt.report.blocked:
        return "host"
    if attempt.report.late:
        return "time"
    if attempt.report.interrupted:
        return "storage"
    return "fault" if attempt.report.faulty else "content"


def reason_of(error: Exception, uri: str) -> str:
    """Repeat what an exception says, but nothing that it may quote: only our own errors hold no web text."""
    if isinstance(error, PresswatchError):
        # The log names the shard already.
        return str(error).removeprefix(f"{printable(uri)}: ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{said} in {'/'.join(Path(place.filename).parts[-2:])}, line {place.lineno}"


def storable(text: str) -> str:
    """Make text fit for tables and terminals: names of files and columns may hold surrogates or escapes."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )

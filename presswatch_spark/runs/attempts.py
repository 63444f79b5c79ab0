"""Attempts at a shard: what one raises is noted in it, and storage that fails is asked again."""

import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from presswatch_spark.errors import PresswatchError, StorageError
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import printable
from presswatch_spark.storage.time_limits import LateError, time_limit
from presswatch_spark.storage.web.manners import BlockedError

ERROR_CHARACTERS = 2_000
ALL_DIED = "every Python worker that tried it died: killed, out of memory, or crashed"


class Attempt(Protocol):
    """One attempt at a shard: what it gave so far, and what went wrong."""

    @property
    def report(self) -> ReadReport: ...  # noqa: D102
    @property
    def reached(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def killed(self) -> bool: ...  # noqa: D102
    def pack(self) -> None: ...  # noqa: D102


AttemptT = TypeVar("AttemptT", bound=Attempt)


def furthest(
    begin: Callable[[], AttemptT],
    read: Callable[[AttemptT], None],
    uri: str,
    attempts: int,
    seconds: float | None = None,
) -> tuple[AttemptT, int]:
    """Read a shard, up to `attempts` times if storage fails; return the furthest attempt, and the tries.

    Whatever `read` raises becomes a defect of the attempt that it fills. An attempt ends after `seconds`, and
    no other follows it. No other follows one that met a site which is asked nothing more, either.
    """
    best, tries, again = begin(), 0, True
    while again and tries < attempts:
        attempt = begin()
        with time_limit(seconds):
            again = not guarded(partial(read, attempt), attempt, uri) or attempt.report.interrupted
        again = again and not attempt.report.blocked
        tries += 1
        if attempt.reached >= best.reached:
            best = attempt
    return best, tries


def guarded(read: Callable[[], None], attempt: Attempt, uri: str) -> bool:
    """Note what `read` raises: the boundary of a shard. Return whether there is no point in trying again."""
    try:
        try:
            read()
        finally:
            attempt.pack()
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


def shard_error(defects: Iterable[str]) -> str | None:
    """Make the `error` of a row of the log from what was not read; None if all was."""
    return storable("; ".join(defects)[:ERROR_CHARACTERS]) or None


def storable(text: str) -> str:
    """Make text fit for tables and terminals: names of files and columns may hold surrogates or escapes."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )

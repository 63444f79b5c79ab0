"""Attempts at a file: what one raises is noted in it, and storage that fails is asked again."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from presswatch_spark.errors import PresswatchError, StorageError
from presswatch_spark.model import ReadReport
from presswatch_spark.storage.objects import printable
from presswatch_spark.storage.time_limits import LateError, time_limit
from presswatch_spark.storage.web.manners import BlockedError

ALL_DIED = "every Python worker that tried it died: killed, out of memory, or crashed"


class Attempt(Protocol):
    """One attempt at a file: what was found so far, and what went wrong."""

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
    """Read a file, up to `attempts` times if storage fails: the attempt that got furthest, and the tries.

    Whatever `read` raises becomes a defect of the attempt that it fills. An attempt ends after `seconds`; no
    other follows it, nor one that met a site which is asked nothing more.
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
    """The boundary of a file: note what `read` raises. Returns whether there is no point in trying again."""
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
    """Whose fault it was that the file was not read whole, as the logs say (`failure`); None if it was."""
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
    """What an exception says, without what it may quote: only our own errors are sure to hold no web text.

    The log names the shard already, so its `uri` is left out.
    """
    if isinstance(error, PresswatchError):
        return str(error).removeprefix(f"{printable(uri)}: ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{said} in {'/'.join(Path(place.filename).parts[-2:])}, line {place.lineno}"

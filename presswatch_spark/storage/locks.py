"""The lock of a run: one live process at a time owns it, on disk and on S3.

TABLES/_runs/<key>.lock        on disk held with flock, so it dies with its process; on S3 a lease
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.lease import at_work, held, leased


class Lock(Protocol):
    """A lock that this process holds, or held."""

    def confirm(self) -> None:
        """Make sure that it still does; `OutputError` if it does not."""
        ...


class _Flock:
    """A lock that nobody can take from a living process."""

    def confirm(self) -> None:
        """There is nothing to be asked."""


def locked(runs: Folder, name: str, seconds: float) -> AbstractContextManager[Lock]:
    """Hold the lock `name` in the folder `runs`; on S3 as a lease of so many seconds.

    Raises:
        OutputError: a live process holds it.
    """
    return _flocked(runs, name) if runs.is_local else leased(runs.at(name), runs.storage, seconds)


def owned(runs: Folder, names: Collection[str]) -> set[str]:
    """Which of these locks live processes hold. On S3 that takes a lease's length where one has died."""
    if runs.is_local:
        return {name for name in names if _is_flocked(runs, name)}
    return held(runs, names)


@contextmanager
def _flocked(runs: Folder, name: str) -> Iterator[Lock]:
    path = str(runs.path / name)
    with disk_errors(path):
        runs.path.mkdir(exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            # A lock whose file its last owner removed meanwhile guards nothing.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_held = os.path.samestat(os.fstat(handle), os.stat(path))
        except (BlockingIOError, FileNotFoundError):
            is_held = False
        if not is_held:
            raise at_work(path)
        yield _Flock()
    finally:
        os.close(handle)


def _is_flocked(runs: Folder, name: str) -> bool:
    """What we lock to see it is let go at once."""
    try:
        with (runs.path / name).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False

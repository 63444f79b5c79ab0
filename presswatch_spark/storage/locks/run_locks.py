"""The lock of a run: one live process at a time owns it, on disk and on S3.

TABLES/_runs/<key>.lock        on disk a file that the kernel locks; on S3 an object that is renewed
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.storage.contract import conflict
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.locks import file_locks as files
from presswatch_spark.storage.locks.leases import GuardedObject, Lease, Version, silent
from presswatch_spark.storage.locks.lock_rules import RUN, RUN_IN_USE, RUN_LEASE, RUN_LOOK
from presswatch_spark.storage.objects import ConflictError, StorageOptions, delete_object

# Bounds of a lease that an object names, and the lease of one that names none, in seconds.
SHORTEST, USUAL, LONGEST = 0.1, 60.0, 3600.0


class Lock:
    """A lock that this process holds; this one, of a file, nobody can take from a living process."""

    def confirm(self) -> None:
        """Make sure that it is still held; `OutputError` if it is not."""


@contextmanager
def locked(runs: Folder, name: str, seconds: float) -> Iterator[Lock]:
    """Hold the lock `name` in `runs`, on S3 as a lease; `OutputError` if a live process holds it."""
    with ExitStack() as held:
        if not runs.is_local:
            yield held.enter_context(leased(runs.at(name), runs.storage, seconds))
            return
        path = str(runs.path / name)
        with disk_errors(path):
            runs.path.mkdir(exist_ok=True)
            held.enter_context(files.locked(path, RUN))
        yield Lock()


def owned(runs: Folder, names: Collection[str]) -> set[str]:
    """Return which of these locks live processes hold. On S3 that takes a lease's length if one has died."""
    if runs.is_local:
        return {name for name in names if _is_locked(runs, name)}
    objects = {name: GuardedObject(runs.at(name), runs.storage) for name in names}
    dead = silent(objects.values(), RUN_LEASE, _seconds)
    return {name for name, each in objects.items() if each not in dead}


def _is_locked(runs: Folder, name: str) -> bool:
    try:
        return not files.is_free(runs.path / name, RUN_LOOK)
    except FileNotFoundError:
        return False


@contextmanager
def leased(uri: str, storage: StorageOptions, seconds: float) -> Iterator[RunLease]:
    """Hold the lock at `uri`, renewed by a thread; `OutputError` if a live process holds it."""
    lease = RunLease(uri, storage, seconds)
    lease.take()
    try:
        yield lease
    finally:
        lease.release()


class RunLease(Lock):
    """A lease of `seconds` on the lock at `uri`; see `leased`."""

    def __init__(self, uri: str, storage: StorageOptions, seconds: float) -> None:
        self._object, self._seconds = GuardedObject(uri, storage), seconds
        self._owner, self._writes = secrets.token_hex(8), 0
        self._lease: Lease

    def take(self) -> None:
        """Begin to hold it, if nobody does, or once its holder has been silent for its lease.

        Raises:
            OutputError: a live process holds it, or takes it this moment; or this storage keeps no lock.
        """
        try:
            version = self._first()
        except ConflictError as error:
            raise RUN_IN_USE.error(self._object.uri) from error
        self._require_conditions()
        self._lease = Lease(self._object, version, RUN_LEASE, self._seconds, self._content)
        self._lease.start()

    def confirm(self) -> None:
        """Renew it now: that proves that nobody has taken it.

        Raises:
            OutputError: somebody has.
            StorageError: that cannot be known now.
        """
        try:
            self._lease.renew()
        except ConflictError as error:
            raise OutputError(
                "another process has taken this run over: this one was silent for too long",
                where=self._object.uri,
                remedy="leave the run to the other process; nothing was lost",
            ) from error

    def release(self) -> None:
        """Let go of it: the next process need not wait."""
        self._lease.stop()
        # If that cannot be confirmed, the object stays, and others take it over after a lease.
        with suppress(OutputError, StorageError):
            self.confirm()
            delete_object(self._object.uri, self._object.storage)

    def _first(self) -> Version:
        with suppress(ConflictError):
            return self._object.write(self._content(), None)
        dead = silent([self._object], RUN_LEASE, _seconds)
        if self._object not in dead:
            raise conflict(self._object.uri)
        return self._object.write(self._content(), dead[self._object])

    def _require_conditions(self) -> None:
        """Have storage refuse a write: one that heeds no conditions lets every process have the lock."""
        try:
            self._object.write(self._content(), None)
        except ConflictError:
            return
        raise OutputError(
            "this storage does not heed the conditions of writes, so two processes could be at one run",
            where=self._object.uri,
            remedy="name a folder on storage that knows If-None-Match and If-Match, or on a disk",
        )

    def _content(self, _: bytes = b"") -> bytes:
        """Return who holds it, in bytes that no other write has."""
        self._writes += 1
        facts = {
            "owner": self._owner,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "lease_seconds": self._seconds,
            "renewed": self._writes,
        }
        return json.dumps(facts).encode()


def _seconds(data: bytes) -> float:
    """Return the lease that a lock names; the usual one if it is damaged."""
    try:
        seconds = parse_json(data)["lease_seconds"]
    except (ValueError, LookupError, TypeError):
        return USUAL
    return min(max(seconds, SHORTEST), LONGEST) if isinstance(seconds, int | float) else USUAL

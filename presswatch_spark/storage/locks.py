"""Locks of runs on disk and on S3, and leases of other objects.

    TABLES/_runs/<key>.lock        on disk a file that the kernel locks; on S3 an object that is renewed

A leased object is written only over the version that was read: of several takers one wins.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from presswatch_spark.core.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.file_locks import RUN, RUN_LOOK, file_locked, lock
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    conflict,
    delete_object,
    printable,
    read_object,
    write_object,
)

SHORTEST, USUAL, LONGEST = 0.1, 60.0, 3600.0
"""Bounds of a lease that an object names, and the lease of one that names none, in seconds."""
RENEWALS = 6
"""How many times in a lease its holder writes the object."""
LOOKS = 12
"""How many times in a lease others look whether it changes, without comparing clocks."""


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it was read or written: its bytes, and the ETag of this version."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class GuardedObject:
    """A small object (a path or `s3://`) that is written only over a version that its writer knows."""

    uri: str
    storage: StorageOptions

    def read(self) -> Version | None:
        """Return its current version, None if it is not there; `StorageError` if that cannot be known."""
        try:
            return Version(*read_object(self.uri, self.storage))
        except MissingError:
            return None

    def write(self, data: bytes, over: Version | None) -> Version:
        """Write it over that version, or where nothing is; `ConflictError` if something else is there."""
        etag = over.etag if over else None
        return Version(data, write_object(self.uri, data, self.storage, absent=over is None, etag=etag))


def silent(
    watched: Collection[GuardedObject], sleep: Callable[[float], None] = time.sleep
) -> dict[GuardedObject, Version | None]:
    """Watch objects for the longest of their leases, and return those without a living holder.

    Each comes with its unchanged version, or None if it is not there. stderr has a line with the time.
    """
    first = {each: each.read() for each in watched}
    dead: dict[GuardedObject, Version | None] = {each: None for each, seen in first.items() if seen is None}
    left = {each: seen for each, seen in first.items() if seen is not None}
    longest = 0.0
    for seen in left.values():
        # A damaged lock has the usual lease.
        seconds: object = None
        with suppress(ValueError, LookupError, TypeError):
            seconds = parse_json(seen.data)["lease_seconds"]
        lease = min(max(seconds, SHORTEST), LONGEST) if isinstance(seconds, int | float) else USUAL
        longest = max(longest, lease)
    if left:
        more = f" and {len(left) - 1:,} more" if len(left) > 1 else ""
        with suppress(OSError, ValueError):
            sys.stderr.write(
                f"waiting up to {longest:,.0f} s to see whether another process still holds"
                f" {printable(next(iter(left)).uri)}{more}\n"
            )
    for _ in range(LOOKS):
        if not left:
            break
        sleep(longest / LOOKS)
        for each, seen in list(left.items()):
            now = each.read()
            if now is None:
                dead[each] = None
            if now is None or now.etag != seen.etag:
                del left[each]
    return dead | left


class Lock:
    """A lock that this process holds. A lock of a file cannot be taken from a living process."""

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
            held.enter_context(file_locked(path, RUN))
        yield Lock()


def owned(runs: Folder, names: Collection[str]) -> set[str]:
    """Return which of these locks live processes hold. On S3 that takes a lease's length if one has died."""
    if runs.is_local:
        held = set[str]()
        for name in names:
            try:
                os.close(lock(runs.path / name, RUN_LOOK))
            except BlockingIOError:
                held.add(name)
            except FileNotFoundError:
                continue
        return held
    objects = {name: GuardedObject(runs.at(name), runs.storage) for name in names}
    dead = silent(objects.values())
    return {name for name, each in objects.items() if each not in dead}


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
    """A lease of `seconds` on the lock at `uri`. A thread renews it; others may take it over if it ends."""

    version: Version
    """The version that this process wrote last."""

    def __init__(self, uri: str, storage: StorageOptions, seconds: float) -> None:
        self._object, self._seconds = GuardedObject(uri, storage), seconds
        self._owner, self._writes = secrets.token_hex(8), 0
        # Contents written without an answer: they may have arrived, and are this process's then.
        self._unanswered = set[bytes]()
        self._is_lost = False
        self._guard, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._renew_on, name="lease", daemon=True)

    def take(self) -> None:
        """Begin to hold it, or after its holder's silence; `OutputError` if a live process holds it."""
        try:
            try:
                self.version = self._object.write(self._content(), None)
            except ConflictError:
                dead = silent([self._object])
                if self._object not in dead:
                    raise
                self.version = self._object.write(self._content(), dead[self._object])
        except ConflictError as error:
            raise RUN.error(self._object.uri) from error
        # This write must fail: storage that ignores conditions would give the lock to every process.
        try:
            self._object.write(self._content(), None)
        except ConflictError:
            self._thread.start()
        else:
            raise OutputError(
                "this storage does not heed the conditions of writes, so two processes could be at one run",
                where=self._object.uri,
                remedy="name a folder on storage that knows If-None-Match and If-Match, or on a disk",
            )

    def renew(self) -> None:
        """Write a sign of life; `ConflictError` if another process took it, else maybe `StorageError`."""
        with self._guard:
            if self._is_lost:
                raise conflict(self._object.uri)
            try:
                try:
                    self._write_over(self.version)
                except ConflictError:
                    version = self._object.read()
                    if version is None or version.data not in self._unanswered:
                        raise
                    self._write_over(version)
            except ConflictError:
                self._is_lost = True
                raise

    def confirm(self) -> None:
        """Renew it now; `OutputError` if another process has taken it, `StorageError` if that is unknown."""
        try:
            self.renew()
        except ConflictError as error:
            raise OutputError(
                "another process has taken this run over: this one was silent for too long",
                where=self._object.uri,
                remedy="leave the run to the other process; nothing was lost",
            ) from error

    def stop(self) -> None:
        """Renew it no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        """Let go of it: the next process need not wait."""
        self.stop()
        # If that cannot be confirmed, the object stays, and others take it over after a lease.
        with suppress(OutputError, StorageError):
            self.confirm()
            delete_object(self._object.uri, self._object.storage)

    def _write_over(self, version: Version) -> None:
        data = self._content()
        self._unanswered.add(data)
        self.version = self._object.write(data, version)
        self._unanswered.clear()

    def _renew_on(self) -> None:
        while not self._over.wait(self._seconds / RENEWALS):
            # The lease may last until storage answers again.
            with suppress(PresswatchError):
                try:
                    self.renew()
                except ConflictError:
                    return

    def _content(self) -> bytes:
        """Return a description of the holder, in bytes that no other write has."""
        self._writes += 1
        facts = {
            "owner": self._owner,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "lease_seconds": self._seconds,
            "renewed": self._writes,
        }
        return json.dumps(facts).encode()

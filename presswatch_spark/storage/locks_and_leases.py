"""Locks of runs on disk and on S3, and leases of other objects.

    TABLES/_runs/<key>.lock        on disk a file that the kernel locks; on S3 a renewed object (lease)

A leased object is written only over the version that its writer has read: of several processes, one wins.
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
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.file_locks import RUN, RUN_CHECK, FileRule, file_locked, lock
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    conflict,
    delete_object,
    read_object,
    shown_uri,
    write_object,
)

SHORTEST, USUAL, LONGEST = 0.1, RunRules().lease_seconds, 3600.0
"""Lower bound, default (that of the setting) and upper bound of a lease, in seconds."""
RENEWALS = 6
"""Renewals by the holder in the time of a lease."""
LOOKS = 12
"""Readings by others in the time of a lease, to see whether the object changes; clocks are not compared."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object: its bytes, and its ETag."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class GuardedObject:
    """A small object (a path or `s3://`) that is written only over a known version."""

    uri: str
    storage: StorageOptions

    def read(self) -> Version | None:
        """Return its current version, None if it does not exist; `StorageError` if that is unknown."""
        try:
            return Version(*read_object(self.uri, self.storage))
        except MissingError:
            return None

    def write(self, data: bytes, over: Version | None, *, private: bool = False) -> Version:
        """Write it over a version (None: no object); `ConflictError` if the object is not in that version.

        `private`: see `write_object`.
        """
        is_new, etag = over is None, over.etag if over else None
        written = write_object(self.uri, data, self.storage, absent=is_new, etag=etag, private=private)
        return Version(data, written)


def silent(
    watched: Collection[GuardedObject], sleep: Callable[[float], None] = time.sleep
) -> dict[GuardedObject, Version | None]:
    """Watch objects for the longest of their leases, and return those that no living process renews.

    Each has its unchanged version, or None if it does not exist. A line on stderr tells how long this takes.
    """
    first = {each: each.read() for each in watched}
    dead: dict[GuardedObject, Version | None] = {each: None for each, seen in first.items() if seen is None}
    left = {each: seen for each, seen in first.items() if seen is not None}
    longest = 0.0
    for seen in left.values():
        # A damaged lock gets the default lease.
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
                f" {shown_uri(next(iter(left)).uri)}{more}\n"
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
    """A lock that this process holds. A lock of a file cannot be lost while the process lives."""

    def confirm(self) -> None:
        """Check that it is still held; `OutputError` if it is not."""


LOCK_SUFFIX = ".lock"
"""End of the name of a lock; its beginning is the key of what is locked."""


@contextmanager
def locked(folder: Folder, key: str, seconds: float = USUAL, rule: FileRule = RUN) -> Iterator[Lock]:
    """Hold the lock of `key`, on S3 as a lease; raises the error of `rule` if a living process holds it."""
    name = f"{key}{LOCK_SUFFIX}"
    with ExitStack() as held:
        if not folder.is_local:
            yield held.enter_context(leased(folder.at(name), folder.storage, seconds, rule))
            return
        path = str(folder.path / name)
        with disk_errors(path):
            folder.path.mkdir(parents=True, exist_ok=True)
            held.enter_context(file_locked(path, rule))
        yield Lock()


def owned(folder: Folder, keys: Collection[str]) -> set[str]:
    """Return the keys whose locks living processes hold. On S3, that takes a lease if one has died."""
    if folder.is_local:
        held = set[str]()
        for key in keys:
            try:
                os.close(lock(folder.path / f"{key}{LOCK_SUFFIX}", RUN_CHECK))
            except BlockingIOError:
                held.add(key)
            except FileNotFoundError:
                continue
        return held
    objects = {key: GuardedObject(folder.at(f"{key}{LOCK_SUFFIX}"), folder.storage) for key in keys}
    dead = silent(objects.values())
    return {key for key, each in objects.items() if each not in dead}


def remove_lock(folder: Folder) -> None:
    """Remove the file of the lock beside a folder, whose name is its key; on S3, the lease deletes it."""
    if folder.is_local:
        folder.path.with_name(f"{folder.name}{LOCK_SUFFIX}").unlink(missing_ok=True)


@contextmanager
def leased(uri: str, storage: StorageOptions, seconds: float, rule: FileRule = RUN) -> Iterator[RunLease]:
    """Hold the lock at `uri`, renewed by a thread; the error of `rule` if another living process holds it."""
    lease = RunLease(uri, storage, seconds, rule)
    lease.take()
    try:
        yield lease
    finally:
        lease.release()


class RunLease(Lock):
    """A lease of `seconds` on the lock at `uri`. A thread renews it; others may take it over if it ends."""

    version: Version
    """The version that this process wrote last."""

    def __init__(self, uri: str, storage: StorageOptions, seconds: float, rule: FileRule = RUN) -> None:
        self._object, self._seconds, self._rule = GuardedObject(uri, storage), seconds, rule
        self._owner, self._writes = secrets.token_hex(8), 0
        # Contents whose writes got no answer: if storage has one of them, the lease is still this process's.
        self._unanswered = set[bytes]()
        self._is_lost = False
        self._guard, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._renew_on, name="lease", daemon=True)

    def take(self) -> None:
        """Take the lock if it is free, or its holder silent; `OutputError` if a living process holds it."""
        try:
            try:
                self.version = self._object.write(self._content(), None)
            except ConflictError:
                dead = silent([self._object])
                if self._object not in dead:
                    raise
                self.version = self._object.write(self._content(), dead[self._object])
        except ConflictError as error:
            raise self._rule.error(self._object.uri) from error
        # This conditional write must fail: storage that ignores conditions would give the lock to everyone.
        try:
            self._object.write(self._content(), None)
        except ConflictError:
            self._thread.start()
        else:
            raise OutputError(
                "this storage ignores conditional writes, so two processes could write the same run",
                where=self._object.uri,
                remedy="choose a folder on storage that supports If-None-Match and If-Match, or on a disk",
            )

    def renew(self) -> None:
        """Renew the lease; `ConflictError` if another process has taken it, `StorageError` without answer."""
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
        """Renew the lease now; `OutputError` if another process has taken it, `StorageError` if unknown."""
        try:
            self.renew()
        except ConflictError as error:
            raise OutputError(
                "another process has taken over this run: this one was silent for too long",
                where=self._object.uri,
                remedy="leave the run to the other process; nothing was lost",
            ) from error

    def stop(self) -> None:
        """Stop renewing the lease."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def release(self) -> None:
        """Delete the lock, so that the next process need not wait."""
        self.stop()
        # If the lease cannot be confirmed, leave the object: others take it over after its lease.
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
            # After other errors try again: storage may answer before the lease ends.
            with suppress(PresswatchError):
                try:
                    self.renew()
                except ConflictError:
                    return

    def _content(self) -> bytes:
        # Each write must differ from all others.
        self._writes += 1
        facts = {
            "owner": self._owner,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "lease_seconds": self._seconds,
            "renewed": self._writes,
        }
        return json.dumps(facts).encode()

"""A lock on S3: an object that its holder writes anew all the time, and that others take over when it stops.

Every write is conditional on the version before it, so of two takers one wins, and a holder whose lock was
taken learns so with its next write. Whether a holder is alive is judged by watching whether the object
changes within a lease, never by comparing clocks of hosts.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress

from presswatch_spark.errors import OutputError, PresswatchError, StorageError
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    delete_object,
    read_object,
    write_object,
)

RENEWALS = 6
"""How many times in a lease it is renewed."""
LOOKS = 12
"""How many times in a lease others look whether it was."""
SHORTEST, USUAL, LONGEST = 0.1, 60.0, 3600.0


class Lease:
    """A lease of `seconds` on the lock at `uri`; see `leased`."""

    def __init__(self, uri: str, storage: StorageOptions, seconds: float) -> None:
        self._uri, self._storage, self._seconds = uri, storage, seconds
        self._owner, self._beats = secrets.token_hex(8), 0
        self._etag = ""
        self._taken = False
        self._guard, self._over = threading.Lock(), threading.Event()
        self._renewer = threading.Thread(target=self._renew_on, name="lease", daemon=True)

    def take(self) -> None:
        """Begin to hold it, if nobody does, or once its holder has been silent for its lease.

        Raises:
            OutputError: a live process holds it, or takes it this moment; or this storage keeps no lock.
        """
        try:
            self._etag = self._written(absent=True)
        except ConflictError:
            try:
                stale = self._silent()
                self._etag = self._written(absent=stale is None, etag=stale)
            except ConflictError as error:
                raise at_work(self._uri) from error
        self._require_conditions()
        self._renewer.start()

    def confirm(self) -> None:
        """Renew it now: that proves that nobody has taken it.

        Raises:
            OutputError: somebody has.
            StorageError: that cannot be known now.
        """
        with self._guard:
            if not self._taken:
                try:
                    self._etag = self._renewed()
                    return
                except (ConflictError, MissingError):
                    self._taken = True
        raise OutputError(
            "another process has taken this run over: this one was silent for too long",
            where=self._uri,
            remedy="leave the run to the other process; nothing was lost",
        )

    def release(self) -> None:
        """Let go of it: the next process need not wait."""
        self._over.set()
        if self._renewer.is_alive():
            self._renewer.join()
        # Whoever cannot say that it is still his leaves it: it goes stale by itself.
        with suppress(OutputError, StorageError):
            self.confirm()
            delete_object(self._uri, self._storage)

    def _require_conditions(self) -> None:
        """Have storage refuse a write: one that heeds no conditions lets every process have the lock."""
        try:
            self._written(absent=True)
        except ConflictError:
            return
        raise OutputError(
            "this storage does not heed the conditions of writes, so two processes could be at one run",
            where=self._uri,
            remedy="name a folder on storage that knows If-None-Match and If-Match, or on a disk",
        )

    def _renewed(self) -> str:
        """Write over the version that we wrote last: a renewal that was given up on may have arrived."""
        try:
            return self._written(etag=self._etag)
        except ConflictError:
            data, etag = read_object(self._uri, self._storage)
            if _facts(data).get("owner") != self._owner:
                raise
            return self._written(etag=etag)

    def _written(self, *, absent: bool = False, etag: str | None = None) -> str:
        """Write the object with bytes that no other write has; its ETag."""
        self._beats += 1
        facts = {
            "owner": self._owner,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "lease_seconds": self._seconds,
            "renewed": self._beats,
        }
        return write_object(self._uri, json.dumps(facts).encode(), self._storage, absent=absent, etag=etag)

    def _silent(self) -> str | None:
        """The version that its holder left unchanged for its lease; None if it let go."""
        seen, seconds = _look(self._uri, self._storage)
        for _ in range(LOOKS):
            if seen is None:
                return None
            time.sleep(seconds / LOOKS)
            if (found := _look(self._uri, self._storage)[0]) != seen:
                if found is None:
                    return None
                raise at_work(self._uri)
        return seen

    def _renew_on(self) -> None:
        while not self._over.wait(self._seconds / RENEWALS):
            try:
                self.confirm()
            except OutputError:
                return
            except PresswatchError:
                continue  # the lease may last until storage answers again; whoever writes asks anew


@contextmanager
def leased(uri: str, storage: StorageOptions, seconds: float) -> Iterator[Lease]:
    """Hold the lock at `uri` while the block runs, renewed by a thread.

    Raises:
        OutputError: a live process holds it.
    """
    lease = Lease(uri, storage, seconds)
    lease.take()
    try:
        yield lease
    finally:
        lease.release()


def held(folder: Folder, names: Collection[str], sleep: Callable[[float], None] = time.sleep) -> set[str]:
    """Which of the locks change within their lease: those have a live holder."""
    first = {name: _look(folder.at(name), folder.storage) for name in names}
    watched = {name: seen for name, (seen, _) in first.items() if seen is not None}
    seconds = max((first[name][1] for name in watched), default=0.0)
    alive = set[str]()
    for _ in range(LOOKS):
        if not watched:
            break
        sleep(seconds / LOOKS)
        for name, seen in list(watched.items()):
            found = _look(folder.at(name), folder.storage)[0]
            if found != seen:
                del watched[name]
                alive |= {name} if found is not None else set()
    return alive


def at_work(where: str) -> OutputError:
    """The error of a run that a live process holds."""
    return OutputError(
        "another process is at this run", where=where, remedy="wait for it, or stop it and try again"
    )


def _look(uri: str, storage: StorageOptions) -> tuple[str | None, float]:
    """The version of a lock and its lease; None if nobody holds it."""
    try:
        data, etag = read_object(uri, storage)
    except MissingError:
        return None, 0.0
    seconds = _facts(data).get("lease_seconds")
    return etag, min(max(seconds, SHORTEST), LONGEST) if isinstance(seconds, int | float) else USUAL


def _facts(data: bytes) -> dict[str, object]:
    """What a lock says; nothing if it is damaged."""
    try:
        facts = json.loads(data)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}

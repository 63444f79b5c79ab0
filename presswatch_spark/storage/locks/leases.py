"""Objects that one process holds: written only over what was read, and renewed for as long as it lives.

If two write over the same version, storage refuses one, on S3 and on disk. So one of several takers wins, and
a holder that was silent for too long learns with its next write that it holds nothing any more.
"""

import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from presswatch_spark.errors import PresswatchError
from presswatch_spark.storage.contract import conflict
from presswatch_spark.storage.locks.lock_rules import LeaseRule
from presswatch_spark.storage.objects import (
    ConflictError,
    MissingError,
    StorageOptions,
    printable,
    read_object,
    write_object,
)


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it was read or written: its bytes, and the ETag that tells this version from others."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class GuardedObject:
    """A small object (a path or `s3://`) that is written only over a version that its writer knows."""

    uri: str
    storage: StorageOptions

    def read(self) -> Version | None:
        """Return it as it is now, None if it is not there; `StorageError` if that cannot be known."""
        try:
            return Version(*read_object(self.uri, self.storage))
        except MissingError:
            return None

    def write(self, data: bytes, over: Version | None) -> Version:
        """Write it in the place of `over`, or, if that is None, where there is nothing.

        The bytes must be its writer's alone: see `write_object`.

        Raises:
            ConflictError: something else is there.
            StorageError: it may be written, or not.
        """
        etag = over.etag if over else None
        return Version(data, write_object(self.uri, data, self.storage, absent=over is None, etag=etag))


class Lease:
    """An object in this process's hands. In a `with` block, a thread renews it until the block ends.

    Args:
        version: what this process wrote there.
        seconds: after so long without a sign of life others may take it over.
        renewed: makes its next content of the one before; no two must be alike.
    """

    def __init__(
        self,
        guarded: GuardedObject,
        version: Version,
        rule: LeaseRule,
        seconds: float,
        renewed: Callable[[bytes], bytes],
    ) -> None:
        self.version = version
        self._object, self._renewed, self._pause = guarded, renewed, seconds / rule.renewals
        # What was written without an answer: it may have arrived, and is this process's then.
        self._unanswered = set[bytes]()
        self._is_lost = False
        self._guard, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._renew_on, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Renew it from now on, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Renew it no more."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def write(self, change: Callable[[bytes], bytes]) -> None:
        """Write what `change` makes of the content. That proves that nobody else has taken the object.

        Raises:
            ConflictError: somebody has.
            StorageError: that cannot be known now.
        """
        with self._guard:
            if self._is_lost:
                raise conflict(self._object.uri)
            try:
                self._write(change)
            except ConflictError:
                self._is_lost = True
                raise

    def renew(self) -> None:
        """Write a sign of life; raises as `write`."""
        self.write(self._renewed)

    def _write(self, change: Callable[[bytes], bytes]) -> None:
        try:
            self._write_over(self.version, change)
        except ConflictError:
            version = self._object.read()
            if version is None or version.data not in self._unanswered:
                raise
            self._write_over(version, change)

    def _write_over(self, version: Version, change: Callable[[bytes], bytes]) -> None:
        data = change(version.data)
        self._unanswered.add(data)
        self.version = self._object.write(data, version)
        self._unanswered.clear()

    def _renew_on(self) -> None:
        while not self._over.wait(self._pause):
            # The lease may last until storage answers again.
            with suppress(PresswatchError):
                try:
                    self.renew()
                except ConflictError:
                    return


def _tell_wait(seconds: float, uris: Sequence[str]) -> None:
    more = f" and {len(uris) - 1:,} more" if len(uris) > 1 else ""
    with suppress(OSError, ValueError):
        sys.stderr.write(
            f"waiting up to {seconds:,.0f} s to see whether another process still holds"
            f" {printable(uris[0])}{more}\n"
        )


def silent(
    watched: Collection[GuardedObject],
    rule: LeaseRule,
    seconds_of: Callable[[bytes], float],
    sleep: Callable[[float], None] = time.sleep,
) -> dict[GuardedObject, Version | None]:
    """Watch objects for the longest of their leases, and return those that have no living holder.

    Each comes with the version that stayed the same all the time; with None if it is not there. The user is
    told how long the wait may take.

    Args:
        seconds_of: the lease of an object, by its content.
    """
    first = {each: each.read() for each in watched}
    dead: dict[GuardedObject, Version | None] = {each: None for each, seen in first.items() if seen is None}
    left = {each: seen for each, seen in first.items() if seen is not None}
    pause = max((seconds_of(seen.data) for seen in left.values()), default=0.0) * rule.patience / rule.looks
    if left:
        _tell_wait(pause * rule.looks, [each.uri for each in left])
    for _ in range(rule.looks):
        if not left:
            break
        sleep(pause)
        for each, seen in list(left.items()):
            now = each.read()
            if now is None:
                dead[each] = None
            if now is None or now.etag != seen.etag:
                del left[each]
    return dead | left

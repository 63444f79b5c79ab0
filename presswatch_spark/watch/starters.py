"""Starts scans: in this process, or where another `Starter` submits them."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from presswatch_spark.watch.claims import ReleaseLease

LOCAL = "local"
DONE, FAILED, PARTIAL = 0, 1, 3
"""Exit codes of a scan: see `presswatch_spark.cli.exits`."""

Place = Mapping[str, str]
Published = Callable[[str, datetime | None], int | None]
"""Returns the exit code of the newest published run of a release, since a time or at all; or None."""


class Status(Enum):
    """How a scan stands that has not ended."""

    UNDER_WAY = "under way"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ScanJob:
    """The scan of one release: `arguments` are those of `presswatch scan`."""

    release: str
    arguments: tuple[str, ...]


class Starter(Protocol):
    """One way to run a scan."""

    @property
    def resumes(self) -> bool:
        """Return whether a scan that was lost may be started again: it goes on where it was."""

    def start(self, job: ScanJob, claim: ReleaseLease, noted: Callable[[Place], None]) -> int | None:
        """Start the scan, and call `noted` with its place as soon as that is known.

        The same `claim.token` never starts a second run, however often anybody gives it.

        Returns:
            The exit code, if the scan has ended when this returns; None if it goes on by itself.
        Raises:
            PresswatchError: it could not be started.
        """

    def look(self, job: ScanJob, claim: ReleaseLease, alive: bool) -> int | Status:
        """Return the exit code of a scan that was started, or how it stands.

        Args:
            alive: the claim's holder has renewed it within its lease.
        """


@dataclass(frozen=True, slots=True)
class InProcess:
    """Runs scans in this process, which renews the claim for as long as it lives.

    `run` takes the arguments of `presswatch` and returns its exit code. A scan that is started again takes up
    its unfinished run. One that was published by a process that died before it noted that is not run again.
    """

    run: Callable[[Sequence[str]], int]
    published: Published
    resumes: bool = True

    def start(self, job: ScanJob, claim: ReleaseLease, noted: Callable[[Place], None]) -> int | None:
        """Run the scan to its end."""
        noted({"profile": LOCAL, "host": socket.gethostname(), "process": str(os.getpid())})
        code = self.published(job.release, claim.claimed_at)
        return self.run(("scan", *job.arguments)) if code is None else code

    def look(self, job: ScanJob, claim: ReleaseLease, alive: bool) -> int | Status:
        """Return whether the scan's process lives, else how the scan was published, or that it is lost."""
        if alive:
            return Status.UNDER_WAY
        code = self.published(job.release, claim.claimed_at)
        return Status.LOST if code is None else code

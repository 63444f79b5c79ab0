"""The rules of every lock: who waits, who is refused, and when another may take it over.

There are two kinds. The kernel locks a file or folder for a process, and lets go when that process dies. An
object, on disk or S3, is written only over the version that was read before. Its holder writes it anew in
good time, and when it stops, another takes over.
"""

import os
from dataclasses import dataclass

from presswatch_spark.errors import InUseError

FILE, FOLDER = os.O_RDONLY, os.O_RDONLY | os.O_DIRECTORY
MADE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class LockRefusal:
    """What a second one is told, and what it can do."""

    what: str
    remedy: str

    def error(self, where: str) -> InUseError:
        """Return the error of somebody who wants the lock at `where`."""
        return InUseError(self.what, where=where, remedy=self.remedy)


IN_USE = LockRefusal("another process holds this lock", "wait for its end")
RUN_IN_USE = LockRefusal("another process is at this run", "wait for it, or stop it and try again")


@dataclass(frozen=True, slots=True)
class FileRule:
    """How one kind of file or folder is locked.

    Args:
        opened: flags of `os.open`, which say whether it is a folder, and whether a file is made.
        mode: the mode of a file that is made.
        waits: a second process waits for the first; else it is refused.
        is_shared: several hold it at once, and keep out those who want it alone.
        is_removed: others may remove it. A lock on a removed file guards nothing, so it is not given.
        refusal: what a second one is told.
    """

    opened: int
    mode: int = 0o600
    waits: bool = False
    is_shared: bool = False
    is_removed: bool = False
    refusal: LockRefusal = IN_USE


# A run of tables on disk, and a look whether somebody is at it. Other users may look.
RUN = FileRule(MADE, mode=0o644, is_removed=True, refusal=RUN_IN_USE)
RUN_LOOK = FileRule(FILE, is_shared=True)
# One writer at a time compares and replaces files of a folder. NFS locks no folders: a file stands for it.
FOLDER_WRITES = FileRule(FOLDER, waits=True)
FOLDER_WRITES_ON_NFS = FileRule(MADE, mode=0o644, waits=True)
# The hidden folder in which a corpus is built, and the copy of a remote corpus on this host.
CORPUS_BUILD = FileRule(
    MADE, is_removed=True, refusal=LockRefusal("another build is at work there", "wait for its end")
)
CORPUS_COPY = FileRule(MADE, waits=True)
# The hidden folder in which an output folder is made.
DRAFT = FileRule(
    MADE,
    is_removed=True,
    refusal=LockRefusal("another process is writing this folder", "wait for its end, or name another --out"),
)
# A bag of evidence that is being stamped.
BAG = FileRule(
    FOLDER,
    refusal=LockRefusal("another process adds to this bag", "wait for its end, and try again"),
)
# A scratch folder of a living process; what nobody holds is removed.
SCRATCH = FileRule(FOLDER, waits=True, is_removed=True)
SCRATCH_LEFT = FileRule(FOLDER | os.O_NOFOLLOW)
# A connection to a host, the wish for one, and a look whether anybody wishes. Cleaners of temporary folders
# remove files.
CONNECTION = FileRule(MADE, is_removed=True)
CONNECTION_WANTED = FileRule(MADE, waits=True, is_shared=True)
CONNECTION_LOOK = FileRule(MADE)
# What processes of this machine know of a host.
HOST_FACTS = FileRule(MADE, waits=True, is_shared=True)
HOST_FACTS_CHANGED = FileRule(MADE, waits=True)


@dataclass(frozen=True, slots=True)
class LeaseRule:
    """When the holder of an object counts as dead. Each object has a lease, in seconds.

    Args:
        renewals: how many times in a lease the holder writes it; 0: once, and it lapses with the lease.
        looks: how many times in a lease others look whether it changes, without comparing clocks. With 0
            they go by the time in the object: their clocks must agree to a fraction of the lease.
        patience: how many leases others wait for a sign of life before they take over.
    """

    renewals: int
    looks: int
    patience: int = 1


# A run of tables on S3. The object is removed at the end.
RUN_LEASE = LeaseRule(renewals=6, looks=12)
# The claim to start a job. It is not renewed; others look whether the job has appeared.
SUBMISSION_LEASE = LeaseRule(renewals=0, looks=0, patience=2)

"""Locks of the kernel on files and folders (`flock`): a process holds one until it ends.

Each kind of lock has its rule here: who waits, who is refused, and the error for a process that is refused.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.errors import InUseError

FILE, FOLDER = os.O_RDONLY, os.O_RDONLY | os.O_DIRECTORY
MADE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class FileRule:
    """How one kind of file or folder is locked.

    Args:
        opened: flags of `os.open`, which decide whether it is a folder, and whether a file is made.
        mode: the mode of a file that is made.
        waits: a second process waits for the first; else it is refused.
        is_shared: several hold it at once, and keep out those who want it exclusively.
        is_removed: others may remove it. A lock on a removed file guards nothing, so it is not given.
        held, remedy: the error for a process that is refused.
    """

    opened: int
    mode: int = 0o600
    waits: bool = False
    is_shared: bool = False
    is_removed: bool = False
    held: str = "another process holds this lock"
    remedy: str = "wait for its end"

    def error(self, where: str) -> InUseError:
        """Return the error for a process that finds the lock at `where` held."""
        return InUseError(self.held, where=where, remedy=self.remedy)


RUN = FileRule(
    MADE,
    mode=0o644,
    is_removed=True,
    held="another process is at this run",
    remedy="wait for it, or stop it and try again",
)
"""A run of tables on disk. Other users may look whether it is held."""
RUN_LOOK = FileRule(FILE, is_shared=True)
FOLDER_WRITES = FileRule(FOLDER, waits=True)
"""One writer at a time compares and replaces files of a folder."""
FOLDER_WRITES_ON_NFS = FileRule(MADE, mode=0o644, waits=True)
"""NFS locks no folders: a file represents it."""
CORPUS_BUILD = FileRule(MADE, is_removed=True, held="another build is at work there")
"""The hidden folder in which a corpus is built."""
CORPUS_COPY = FileRule(MADE, waits=True)
"""The copy of a remote corpus on this host."""
DRAFT = FileRule(
    MADE,
    is_removed=True,
    held="another process is writing this folder",
    remedy="wait for its end, or name another --out",
)
"""The hidden folder in which an output folder is made."""
BAG = FileRule(FOLDER, held="another process adds to this bag", remedy="wait for its end, and try again")
"""A bag of evidence that is being stamped."""
SCRATCH = FileRule(FOLDER, waits=True, is_removed=True)
"""A scratch folder of a living process."""
SCRATCH_LEFT = FileRule(FOLDER | os.O_NOFOLLOW)
"""One that no process holds, and that is therefore removed."""


def lock(path: str | Path, rule: FileRule) -> int:
    """Return an open handle of the file or folder, locked until it is closed.

    A child of `fork` shares the lock, and has to close its handle.

    Raises:
        BlockingIOError: another process holds it, or removed it, and the rule does not wait.
        OSError: it cannot be opened, or not locked on this file system.
    """
    kind = fcntl.LOCK_SH if rule.is_shared else fcntl.LOCK_EX
    while True:
        handle = os.open(path, rule.opened, rule.mode)
        try:
            fcntl.flock(handle, kind if rule.waits else kind | fcntl.LOCK_NB)
            if not rule.is_removed or _is_there(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if not rule.waits:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))


@contextmanager
def file_locked(path: str | Path, rule: FileRule) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        InUseError: another process holds it, and the rule does not wait.
        OSError: see `lock`.
    """
    try:
        handle = lock(path, rule)
    except BlockingIOError as error:
        raise rule.error(str(path)) from error
    try:
        yield
    finally:
        os.close(handle)


def is_free(path: str | Path, rule: FileRule) -> bool:
    """Return True if `rule` would be granted now; `OSError` as `lock`."""
    try:
        os.close(lock(path, rule))
    except BlockingIOError:
        return False
    return True


@contextmanager
def writes_alone(folder: str) -> Iterator[None]:
    """Keep other writers out of a folder; on NFS a hidden file represents it. `OSError` as `lock`."""
    try:
        handle = lock(folder, FOLDER_WRITES)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        handle = lock(os.path.join(folder, ".lock"), FOLDER_WRITES_ON_NFS)
    try:
        yield
    finally:
        os.close(handle)


def _is_there(handle: int, path: str | Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False

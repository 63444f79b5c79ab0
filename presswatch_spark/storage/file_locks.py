"""Locks of the kernel on files and folders: one process holds each, until it releases the lock or ends."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from presswatch_spark.core.errors import InUseError

FILE, FOLDER = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, os.O_RDONLY | os.O_DIRECTORY
READ_ONLY = os.O_RDONLY


@dataclass(frozen=True, slots=True)
class FileRule:
    """Mode of opening and locking a file or folder, and the error for a second process, unless it `waits`."""

    open_flags: int
    waits: bool = False
    held: str = "another process holds this lock"
    remedy: str = "wait until it ends"

    def error(self, where: str) -> InUseError:
        """Return the error for a process that finds the lock at `where` held."""
        return InUseError(self.held, where=where, remedy=self.remedy)


RUN = FileRule(FILE, held="another process works on this run", remedy="wait for it, or stop it and try again")
"""The lock of a run in tables on disk."""
RUN_CHECK = FileRule(READ_ONLY)
"""A test whether a run is locked, for users without write permission, too."""
FOLDER_WRITES = FileRule(FOLDER, waits=True)
"""The lock under which a writer compares and replaces files of a folder."""
FOLDER_WRITES_ON_NFS = FileRule(FILE, waits=True)
"""The same on NFS, which cannot lock folders: the lock of a file in it."""
CORPUS_COPY = FileRule(FILE, waits=True)
"""The copy of a remote corpus on this host."""
DRAFT = FileRule(
    FILE, held="another process is writing this folder", remedy="wait until it ends, or choose another --out"
)
"""The hidden folder in which an output folder is made."""
CASE = FileRule(FILE, held="another process is adding to this case", remedy="wait for its end, and try again")
"""The lock of a removal case."""
CAMPAIGN = replace(CASE, held="another process is adding to this campaign")
"""The lock of a campaign of notices."""
BAG = FileRule(FOLDER, held="another process is adding to this bag", remedy="wait until it ends")
"""A bag of evidence that is being stamped."""
SCRATCH = FileRule(FOLDER, waits=True)
"""The scratch folder of a running process."""
SCRATCH_ABANDONED = FileRule(FOLDER | os.O_NOFOLLOW)
"""A scratch folder that no process has locked, to be removed."""


def lock(path: str | Path, rule: FileRule) -> int:
    """Return an open handle of the file or folder, locked until it and its copies in children are closed.

    Raises `BlockingIOError` if another process has locked or removed it, and the rule does not wait;
    `OSError` if it cannot be opened, or not be locked on this file system.
    """
    kind = fcntl.LOCK_SH if rule.open_flags == READ_ONLY else fcntl.LOCK_EX
    while True:
        handle = os.open(path, rule.open_flags, 0o644)
        try:
            fcntl.flock(handle, kind if rule.waits else kind | fcntl.LOCK_NB)
            if rule.open_flags == READ_ONLY or _is_file_at(handle, path):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if not rule.waits:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK), str(path))


@contextmanager
def file_locked(path: str | Path, rule: FileRule) -> Iterator[None]:
    """Hold the lock during the block; `InUseError` if another process holds it, `OSError` as `lock`."""
    try:
        handle = lock(path, rule)
    except BlockingIOError as error:
        raise rule.error(str(path)) from error
    try:
        yield
    finally:
        os.close(handle)


@contextmanager
def writes_alone(folder: str) -> Iterator[None]:
    """Exclude other writers from a folder during the block; `OSError` as `lock`."""
    with ExitStack() as held:
        try:
            held.enter_context(file_locked(folder, FOLDER_WRITES))
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            held.enter_context(file_locked(os.path.join(folder, ".lock"), FOLDER_WRITES_ON_NFS))
        yield


def _is_file_at(handle: int, path: str | Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False

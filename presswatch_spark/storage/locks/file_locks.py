"""Locks of the kernel on files and folders (`flock`): a process holds one for as long as it lives."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presswatch_spark.storage.locks.lock_rules import FOLDER_WRITES, FOLDER_WRITES_ON_NFS, FileRule


def lock(path: str | Path, rule: FileRule) -> int:
    """Return an open handle of the file or folder, locked until it is closed.

    A child of `fork` shares the lock, and has to close its handle.

    Raises:
        BlockingIOError: somebody else holds it, or removed it, and the rule does not wait.
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
def locked(path: str | Path, rule: FileRule) -> Iterator[None]:
    """Hold the lock while the block runs.

    Raises:
        OutputError: somebody else holds it, and the rule does not wait.
        OSError: see `lock`.
    """
    try:
        handle = lock(path, rule)
    except BlockingIOError as error:
        raise rule.refusal.error(str(path)) from error
    try:
        yield
    finally:
        os.close(handle)


def is_free(path: str | Path, rule: FileRule) -> bool:
    """Return whether nobody holds what `rule` would be refused for; `OSError` as `lock`."""
    try:
        os.close(lock(path, rule))
    except BlockingIOError:
        return False
    return True


@contextmanager
def writes_alone(folder: str) -> Iterator[None]:
    """Keep other writers out of a folder; on NFS a hidden file stands for it. `OSError` as `lock`."""
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

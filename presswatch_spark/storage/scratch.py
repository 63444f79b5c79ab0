"""Scratch folders for files on their way elsewhere; those that killed processes left are removed.

    <temporary folder>/presswatch-spark-<uid>/scratch/…     only this user may write here

A process holds the lock of its folder for as long as it lives, and first removes those that no process holds.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from presswatch_spark.errors import OutputError
from presswatch_spark.processes import own_folder, user_temporary
from presswatch_spark.storage.file_locks import SCRATCH, SCRATCH_LEFT, file_locked, lock

NAME = "scratch"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give a new, empty folder of this process, which is removed at the end of the block.

    If this user has no folder to put it in, it is made beside, and stays if its process is killed. `OSError`:
    the disk is full.
    """
    home = own_folder([user_temporary()], NAME)
    if home is None:
        with tempfile.TemporaryDirectory(prefix="presswatch-") as folder:
            yield Path(folder)
        return
    for left in home.iterdir():
        with suppress(OSError, OutputError), file_locked(left, SCRATCH_LEFT):
            shutil.rmtree(left, ignore_errors=True)
    path, handle = _made(home)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _made(home: Path) -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(dir=home))
        try:
            return path, lock(path, SCRATCH)
        except FileNotFoundError:  # another process removed it before it was locked
            continue
        except OSError:  # where folders cannot be locked, nobody removes others' either
            return path, None

"""What a disk refuses, as an error of ours that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.storage.uris import canonical, printable, scheme_of

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
AGAIN = "make room and give the same command again"


@contextmanager
def disk_errors(where: str | Path) -> Iterator[None]:
    """Turn what the operating system says of a write at that place into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise refused(where, error) from error
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise refused(where, error.__cause__) from error
        raise


def on_disk(path: str) -> Path:
    """The absolute path of what is to be written to a disk; `OutputError` for an address, or for `-`."""
    if path == "-" or scheme_of(path) != "file":
        raise OutputError(
            "this is written to a disk only",
            where=printable(path),
            remedy="name a path on this machine, and copy what is there then",
        )
    return Path(canonical(path))


def refused(where: str | Path, error: OSError, *, goes_on: bool = True) -> OutputError:
    """The error of a write that failed; `goes_on`: what was being done goes on when it is done again."""
    return disk_full(where, goes_on=goes_on) if error.errno in FULL_DISK else not_writable(where, error)


def disk_full(where: str | Path, *, goes_on: bool = True) -> OutputError:
    """The error of a disk that has no room left; what goes to S3 is a file of its writer's host first."""
    its_own = scheme_of(str(where)) == "file"
    return OutputError(
        "the disk is full" if its_own else "the driver's or a worker's disk for temporary files is full",
        where=str(where),
        remedy=f"{AGAIN}: the run goes on" if goes_on else AGAIN,
    )


def not_writable(where: str | Path, error: OSError) -> OutputError:
    """The error of a folder that refuses us."""
    return OutputError(
        f"the output cannot be written: {error.strerror or error}",
        where=str(where),
        # numpy says how much it could write, not why it stopped.
        remedy="check the path, its permissions and the room on its disk",
    )

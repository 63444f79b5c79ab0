"""What a disk refuses, as an error of ours that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.storage.uris import canonical, printable, scheme_of

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def disk_errors(where: str | Path) -> Iterator[None]:
    """Turn what the operating system says of a write at that place into an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise _told(where, error) from error
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise _told(where, error.__cause__) from error
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


def _told(where: str | Path, error: OSError) -> OutputError:
    return disk_full(where) if error.errno in FULL_DISK else not_writable(where, error)


def disk_full(where: str | Path) -> OutputError:
    """The error of a disk that has no room left; what goes to S3 is a file of its writer's host first."""
    on_disk = scheme_of(str(where)) == "file"
    return OutputError(
        "the disk is full" if on_disk else "the driver's or a worker's disk for temporary files is full",
        where=str(where),
        remedy="make room and give the same command again: the run goes on",
    )


def not_writable(where: str | Path, error: OSError) -> OutputError:
    """The error of a folder that refuses us."""
    return OutputError(
        f"the output cannot be written: {error.strerror or error}",
        where=str(where),
        remedy="check the path and its permissions",
    )

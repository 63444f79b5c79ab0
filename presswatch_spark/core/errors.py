"""Errors with a finding, its location and a remedy.

Only `PresswatchError.__str__` formats them. Messages contain no text of the web; credentials are removed.
"""

import errno
from functools import partial
from pathlib import Path

from presswatch_spark.core.redaction import redacted

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})


class PresswatchError(Exception):
    """Base of every error a user may see: the finding as a sentence, its place, and a remedy."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        what, where, remedy = map(redacted, (what, where, remedy))
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f" ({self.remedy})" if self.remedy else ""
        return f"{place}{self.what}{cure}"

    def __reduce__(self) -> tuple[object, ...]:
        # Errors are sent to other processes, and keyword arguments are not pickled by default.
        return partial(type(self), where=self.where, remedy=self.remedy), (self.what,)


class ConfigError(PresswatchError):
    """A setting, `members.yaml` or a column mapping is wrong."""


class InputError(PresswatchError):
    """A path leads nowhere, or to an object of another kind than expected."""


class StorageError(PresswatchError):
    """An object could not be reached or read; a retry may help."""


class UnreachableError(StorageError):
    """A site or bucket could not be reached: other requests to it would fail, too."""


class TruncatedError(StorageError):
    """A stream ended before the object, or a compressed member, was whole."""


class CorruptError(PresswatchError):
    """Bytes that do not follow their format."""


class CorpusError(PresswatchError):
    """A corpus folder is missing, of another version, or its files do not match its manifest."""


class OutputError(PresswatchError):
    """The output folder is not ours, is locked by a live run, or cannot be written."""


class InUseError(OutputError):
    """A live process holds the lock that this one wants."""


class BudgetError(PresswatchError):
    """A run would cost more than its budget, or has cost it."""


def first_line(error: Exception) -> str:
    """Return the first line of an error of another library, or its class; DuckDB and Spark append details."""
    return (str(error).strip() or type(error).__name__).partition("\n")[0]


def disk_full(where: str | Path) -> OutputError:
    """Return the error of a full disk; for S3, that of the host which first writes the object as a file."""
    is_local = "://" not in str(where) or str(where).startswith("file:")
    what = "the disk is full" if is_local else "the driver's or a worker's disk for temporary files is full"
    return OutputError(what, where=str(where), remedy="free some space and run the same command again")

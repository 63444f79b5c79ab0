"""Folders that tables can be written to: which can be read again, and which are somebody else's."""

from __future__ import annotations

from pathlib import Path

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import StorageOptions, printable
from presswatch_spark.storage.uris import scheme_of

WATCH_FOLDER = "_watch"
"""Where `presswatch watch` keeps its claims, beside the tables."""

WILDCARDS = "[]{}*?\\"


def holds_others(root: Folder, marker: str) -> bool:
    """Whether there is anything in a folder but a marker that another process writes this moment, and claims.

    Whoever watches for releases claims one before its scan makes the tables.
    """
    ours = (".lock", WATCH_FOLDER)
    return any(marker not in name and name.partition("/")[0] not in ours for name in root.entries())


def require_readable(root: Path) -> None:
    """Raise `OutputError` for a path that Spark would not find again.

    Hadoop looks for a path with wildcards, escaped or not, name by name, and takes a name with a colon for a
    URI then. (Spark's option to look for nothing reads every file as many times as there are files.)
    """
    real = str(root.resolve())
    if ":" in real and any(character in WILDCARDS for character in real):
        raise OutputError(
            f"Spark cannot read a folder whose path holds both a colon and one of {' '.join(WILDCARDS)}",
            where=real,
            remedy="name a folder without them",
        )


def writable(path: str, storage: StorageOptions) -> Folder:
    """The folder at a path or URI; `OutputError` if tables cannot be written there, and read again."""
    if scheme_of(path) in ("http", "https"):
        raise OutputError(
            f"tables cannot be written to {scheme_of(path)}:// storage",
            where=printable(path),
            remedy="name a folder on S3, or on a disk that all workers share",
        )
    root = Folder.of(path, storage)
    if root.is_local:
        require_readable(root.path)
    return root

"""Files on local disk."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.model import Body, MissingError, ObjectInfo, StorageOptions
from presswatch_spark.storage.uris import is_hidden


@dataclass(frozen=True, slots=True)
class LocalStore:
    """Plain files; a URI is an absolute path. What a file ends before, no second try will bring."""

    options: StorageOptions
    resumable: bool = False
    interruptions: tuple[type[Exception], ...] = (OSError,)

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a regular file, through symbolic links."""
        try:
            found = os.stat(uri)
        except OSError as error:
            raise explained(error, uri) from error
        if stat.S_ISDIR(found.st_mode):
            raise StorageError("is a folder, not a file", where=uri)
        if not stat.S_ISREG(found.st_mode):
            raise StorageError("is not a regular file", where=uri, remedy="write it to a file first")
        return _described(uri, found)

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the files of a folder and its sub-folders that are not hidden.

        An unreadable sub-folder is an error; a dangling link, a link to itself and what is no regular file
        are listed, to fail when read: none of them is an absence.
        """
        return self._list(uri.rstrip("/") or "/", frozenset())

    def _list(self, folder: str, above: frozenset[str]) -> Iterator[ObjectInfo]:
        real = os.path.realpath(folder)
        if real in above:
            raise StorageError("a symbolic link leads back into a folder above it", where=folder)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise explained(error, folder) from error
        for entry in entries:
            if is_hidden(entry.name):
                continue
            try:
                found = entry.stat()
            except OSError:
                yield ObjectInfo(entry.path)
                continue
            if stat.S_ISDIR(found.st_mode):
                yield from self._list(entry.path, above | {real})
            else:
                yield _described(entry.path, found)

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> Body:
        """Open the file at `start`; reads are unbuffered, so ask for a megabyte at a time."""
        found = self.stat(info.uri)
        try:
            file = open(info.uri, "rb", buffering=0)  # noqa: SIM115 the stream closes it
            file.seek(start)
        except OSError as error:
            raise explained(error, info.uri) from error
        return Body(file, start, found.size, found.etag)

    def put(self, local_path: str, uri: str) -> None:
        """Copy beside the target, then rename."""
        partial = partial_path(uri)
        try:
            os.makedirs(os.path.dirname(uri), exist_ok=True)
            shutil.copyfile(local_path, partial)
            os.replace(partial, uri)
        except OSError as error:
            Path(partial).unlink(missing_ok=True)
            raise explained(error, uri) from error


def _described(path: str, found: os.stat_result) -> ObjectInfo:
    """What is no regular file has no size."""
    if not stat.S_ISREG(found.st_mode):
        return ObjectInfo(path)
    return ObjectInfo(path, found.st_size, f"mtime-{found.st_mtime_ns}")


def partial_path(path: str) -> str:
    """Return where this process writes `path` before it is whole: hidden, in the same folder."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{os.getpid()}.partial")


def explained(error: OSError, path: str) -> StorageError:
    """Turn the system's error into ours."""
    if isinstance(error, FileNotFoundError):
        return MissingError("there is no such file or folder", where=path)
    if isinstance(error, PermissionError):
        return StorageError("permission denied", where=path, remedy="let this user read it")
    return StorageError(error.strerror or type(error).__name__, where=path)

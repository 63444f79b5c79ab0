"""Files on local disk."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from presswatch_spark.errors import StorageError
from presswatch_spark.storage.contract import Body, MissingError, ObjectInfo, StorageOptions, conflict
from presswatch_spark.storage.locks.files import writes_alone
from presswatch_spark.storage.uris import is_hidden

# What the removal of a folder meets when others change it meanwhile; and how often it is begun again.
CHANGING, REMOVALS = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST}), 10


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
        """Yield the files of a folder and its sub-folders; of what is hidden its name alone, nothing below.

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
                yield ObjectInfo(entry.path)
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

    def read(self, uri: str) -> tuple[bytes, str]:
        """Read the file; its ETag is a digest of its bytes."""
        self.stat(uri)
        try:
            data = Path(uri).read_bytes()
        except OSError as error:
            raise explained(error, uri) from error
        return data, _digest(data)

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None) -> str:
        """Write beside the target, to the disk, then rename; what was there is compared under a lock."""
        draft = _draft_path(uri)
        try:
            os.makedirs(os.path.dirname(uri), exist_ok=True)
            with open(draft, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            with writes_alone(os.path.dirname(uri)):
                if (absent and os.path.lexists(uri)) or (etag is not None and self._etag(uri) != etag):
                    raise conflict(uri)
                os.replace(draft, uri)
            sync(os.path.dirname(uri))
        except OSError as error:
            raise explained(error, uri) from error
        finally:
            with suppress(OSError):
                os.unlink(draft)
        return _digest(data)

    def delete(self, uri: str) -> None:
        """Remove the file."""
        try:
            with writes_alone(os.path.dirname(uri)):
                os.unlink(uri)
        except FileNotFoundError:
            return
        except OSError as error:
            raise explained(error, uri) from error

    @contextmanager
    def draft(self, uri: str) -> Iterator[str]:
        """Give a hidden file beside the target."""
        try:
            os.makedirs(os.path.dirname(uri), exist_ok=True)
        except OSError as error:
            raise explained(error, uri) from error
        draft = _draft_path(uri)
        try:
            yield draft
        finally:
            with suppress(OSError):
                os.unlink(draft)

    def put_draft(self, draft: str, uri: str) -> None:
        """Bring it to the disk and rename it."""
        try:
            sync(draft)
            os.replace(draft, uri)
        except OSError as error:
            raise explained(error, uri) from error

    def move(self, source: str, target: str) -> None:
        """Rename it, on one file system."""
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(source, target)
            sync(os.path.dirname(target))
        except OSError as error:
            raise explained(error, target) from error

    def remove(self, uri: str) -> None:
        """Remove the folder itself, too; others may still write into it, or remove what is theirs."""
        for tries_left in reversed(range(REMOVALS)):
            try:
                shutil.rmtree(uri)
            except OSError as error:
                if not os.path.lexists(uri):
                    return
                if error.errno not in CHANGING or not tries_left:
                    raise explained(error, uri) from error

    def _etag(self, uri: str) -> str | None:
        try:
            return self.read(uri)[1]
        except MissingError:
            return None


def _draft_path(uri: str) -> str:
    """A name that no other thread takes, whichever process or host it is of."""
    return f"{partial_path(uri)}.{secrets.token_hex(4)}"


def sync(path: str) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(data: bytes) -> str:
    return f"sha256-{hashlib.sha256(data).hexdigest()}"


def _described(path: str, found: os.stat_result) -> ObjectInfo:
    """What is no regular file has no size."""
    if not stat.S_ISREG(found.st_mode):
        return ObjectInfo(path)
    return ObjectInfo(path, found.st_size, f"mtime-{found.st_mtime_ns}")


def file_sha256(path: Path | str) -> str:
    """Return the SHA-256 (hex) of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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

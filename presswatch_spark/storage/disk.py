"""Files on local disk, and errors of disks with their remedies; `Folder`, a folder on disk or on S3."""

import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from typing import ClassVar, Self

from presswatch_spark.core.errors import FULL_DISK, OutputError, StorageError, disk_full
from presswatch_spark.storage.file_locks import writes_alone
from presswatch_spark.storage.objects import (
    READ_BYTES,
    MissingError,
    ObjectInfo,
    RangeReply,
    RawResponse,
    StorageOptions,
    Store,
    conflict,
    delete_object,
    list_objects,
    open_stream,
    read_object,
    store_of,
    write_object,
)
from presswatch_spark.storage.objects import stat as stat_object
from presswatch_spark.storage.uris import canonical, is_hidden, scheme_of, shown_uri

# Errors of removing a folder that other processes change meanwhile, and the number of attempts.
CHANGING, REMOVALS = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST}), 10
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
"""Permissions of outputs with texts of articles or verdicts: only the owner may read them."""


@dataclass(frozen=True, slots=True)
class LocalStore(Store):
    """Plain files; a URI is an absolute path. Reading a short file again would not bring more bytes."""

    options: StorageOptions
    resumable: ClassVar[bool] = False

    def stat(self, uri: str) -> ObjectInfo:
        """Describe a regular file, through symbolic links."""
        with system_errors(uri):
            found = os.stat(uri)
        if stat.S_ISDIR(found.st_mode):
            raise StorageError("this is a folder, not a file", where=uri, remedy="pass a file")
        if not stat.S_ISREG(found.st_mode):
            raise StorageError("this is not a regular file", where=uri, remedy="write it to a file first")
        return _described(uri, found)

    def list(self, uri: str, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[ObjectInfo]:
        """Yield the files of a folder and its sub-folders; for a hidden folder, only its name.

        An unreadable sub-folder is an error. Dangling links, links to themselves and special files are
        listed, so that reading them fails, instead of being ignored.
        """
        folder = uri.rstrip("/") or "/"
        with system_errors(folder):
            itself = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        here = itself.st_dev, itself.st_ino
        if here in above:
            raise StorageError("a symbolic link leads back into a folder above it", where=folder)
        for entry in entries:
            found = None
            with suppress(OSError):
                found = None if is_hidden(entry.name) else entry.stat()
            if found is None:
                yield ObjectInfo(entry.path)
            elif stat.S_ISDIR(found.st_mode):
                yield from self.list(entry.path, above | {here})
            else:
                yield _described(entry.path, found)

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open the file at `start`; reads are unbuffered, so read about a megabyte at a time."""
        found = self.stat(info.uri)
        with system_errors(info.uri):
            file = open(info.uri, "rb", buffering=0)  # noqa: SIM115 the stream closes it
            file.seek(start)
        return RangeReply(file, start, found.size, found.etag)

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Read a part of the file; return it with the status that a server would give."""
        sent_at = time.time()
        try:
            self.stat(uri)
            with open(uri, "rb") as file:
                # Describe the open file: its path may name another file by now.
                status = os.fstat(file.fileno())
                file.seek(start)
                body = file.read(end - start)
        except MissingError as error:
            return RawResponse(uri, sent_at, 404, failure=error.what)
        except (StorageError, OSError) as error:
            what = error.what if isinstance(error, StorageError) else type(error).__name__
            return RawResponse(uri, sent_at, failure=what, ours=True)
        found, changed_at = _described(uri, status), formatdate(status.st_mtime, usegmt=True)
        about = (
            ("ETag", found.etag or ""),
            ("Last-Modified", changed_at),
            ("Content-Length", f"{len(body)}"),
        )
        if not body and start:
            return RawResponse(uri, sent_at, 416, (*about, ("Content-Range", f"bytes */{found.size}")))
        part = f"bytes {start}-{start + len(body) - 1}/{found.size}"
        return RawResponse(uri, sent_at, 206, (*about, ("Content-Range", part)), start, body)

    def read(self, uri: str) -> tuple[bytes, str]:
        """Read the file; its ETag is a digest of its bytes."""
        self.stat(uri)
        with system_errors(uri):
            data = Path(uri).read_bytes()
        return data, _digest(data)

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None, *, private: bool = False) -> str:
        """Write and flush a draft beside the target, then compare the target under a lock, and rename.

        A symbolic link is followed, as reading does: replaced by a file, it would part writers of one file.
        """
        uri = os.path.realpath(uri)
        folder = os.path.dirname(uri)
        with self.draft(uri, private=private) as draft, system_errors(uri):
            Path(draft).write_bytes(data)
            sync(draft)
            with writes_alone(folder):
                is_same = not (absent and os.path.lexists(uri))
                if etag is not None:
                    is_same = os.path.lexists(uri) and self.read(uri)[1] == etag
                if not is_same:
                    raise conflict(uri)
                os.replace(draft, uri)
            sync(folder)
        return _digest(data)

    def delete(self, uri: str) -> None:
        """Remove the file."""
        with suppress(MissingError), system_errors(uri), writes_alone(os.path.dirname(uri)):
            os.unlink(uri)

    @contextmanager
    def draft(self, uri: str, *, private: bool = False) -> Iterator[str]:
        """Give a hidden file in the target's folder; a private one keeps the target's own permissions."""
        folder, name = os.path.split(uri)
        draft = os.path.join(folder, f".{name}.{os.getpid()}.partial.{secrets.token_hex(4)}")
        with system_errors(uri):
            os.makedirs(folder, exist_ok=True)
            if private:
                os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
                with suppress(FileNotFoundError):
                    os.chmod(draft, stat.S_IMODE(os.stat(uri).st_mode))
        try:
            yield draft
        finally:
            with suppress(OSError):
                os.unlink(draft)

    def put_draft(self, draft: str, uri: str) -> None:
        """Flush the draft to the disk, and rename it."""
        with system_errors(uri):
            sync(draft)
            os.replace(draft, uri)

    def move(self, source: str, target: str) -> None:
        """Rename a file within its file system."""
        with system_errors(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(source, target)
            sync(os.path.dirname(target))

    def remove(self, uri: str) -> None:
        """Remove the folder, too; retry while other processes change it."""
        for tries_left in reversed(range(REMOVALS)):
            try:
                shutil.rmtree(uri)
            except OSError as error:
                if not os.path.lexists(uri):
                    return
                if error.errno not in CHANGING or not tries_left:
                    raise explained(error, uri) from error


def put_file(local_path: str, uri: str, options: StorageOptions) -> None:
    """Copy a local file to `uri`, whole or not at all; HTTPS is read-only."""
    uri = canonical(uri)
    LocalStore(options).stat(local_path)
    store = store_of(uri, options)
    with system_errors(local_path):
        if not isinstance(store, LocalStore):
            store.put_draft(local_path, uri)
            return
        with store.draft(uri) as draft, system_errors(uri):
            shutil.copyfile(local_path, draft)
            store.put_draft(draft, uri)


def fetch_file(uri: str, local_path: str, options: StorageOptions) -> None:
    """Copy an object to a local file, which appears only when it is complete."""
    path = os.path.abspath(local_path)
    with LocalStore(options).draft(path) as draft, system_errors(path):
        with open_stream(stat_object(uri, options), options) as stream, open(draft, "wb") as file:
            while data := stream.read(READ_BYTES):
                file.write(data)
        os.replace(draft, path)


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
    if not stat.S_ISREG(found.st_mode):
        return ObjectInfo(path)
    return ObjectInfo(path, found.st_size, f"mtime-{found.st_mtime_ns}")


def file_sha256(path: Path | str) -> str:
    """Return the SHA-256 (hex) of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def explained(error: OSError, path: str) -> StorageError:
    """Convert an error of the operating system into a `StorageError`."""
    if isinstance(error, FileNotFoundError):
        return MissingError("there is no such file or folder", where=path, remedy="check the path")
    if isinstance(error, PermissionError):
        return StorageError("permission denied", where=path, remedy="let this user read it")
    return StorageError(error.strerror or type(error).__name__, where=path)


@contextmanager
def system_errors(path: str) -> Iterator[None]:
    """Convert errors of the operating system about a file into `StorageError`s."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


@contextmanager
def disk_errors(where: str | Path) -> Iterator[None]:
    """Convert errors of the operating system while writing there into `OutputError`s."""
    try:
        yield
    except OSError as error:
        raise refused(where, error) from error
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise refused(where, error.__cause__) from error
        raise


def on_disk(path: str) -> Path:
    """Return the absolute path of an output on a disk; `OutputError` for an address, or for `-`."""
    if path == "-" or scheme_of(path) != "file":
        remedy = "choose a path on this machine, and copy the result afterwards"
        raise OutputError("this is written to a disk only", where=shown_uri(path), remedy=remedy)
    return Path(canonical(path))


def refused(where: str | Path, error: OSError) -> OutputError:
    """Return the error for a failed write."""
    if error.errno in FULL_DISK:
        return disk_full(where)
    return OutputError(
        # An error of numpy has no `strerror`.
        f"the output cannot be written: {error.strerror or error}",
        where=str(where),
        remedy="check the path, its permissions and the room on its disk",
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its canonical URI, without a slash at its end. It need not exist yet."""

    uri: str
    storage: StorageOptions

    @classmethod
    def of(cls, path: str, storage: StorageOptions) -> Self:
        """Return the folder at a path or URI; `InputError` if it is neither."""
        uri = canonical(path)
        return cls(uri if scheme_of(uri) == "file" else uri.rstrip("/"), storage)

    @property
    def is_local(self) -> bool:
        """Return whether it is on a disk."""
        return scheme_of(self.uri) == "file"

    @property
    def path(self) -> Path:
        """Return its path; `OutputError` if it is not on a disk."""
        return on_disk(self.uri)

    @property
    def name(self) -> str:
        """Return the last part of its URI."""
        return shown_uri(self.uri).rstrip("/").rpartition("/")[2]

    def __str__(self) -> str:
        return shown_uri(self.uri)

    def __truediv__(self, name: str) -> Self:
        return replace(self, uri=self.at(name))

    def at(self, name: str) -> str:
        """Return the URI of the object with this name."""
        return f"{self.uri.rstrip('/')}/{name}"

    def names(self) -> list[str]:
        """Return the sorted names of all visible objects in and below it; none if it does not exist."""
        return list(self.described())

    def described(self) -> dict[str, ObjectInfo]:
        """Return the same objects by name, as storage describes them."""
        base = len(self.at(""))
        with suppress(MissingError):
            return {info.uri[base:]: info for info in list_objects(self.uri, self.storage)}
        return {}

    def entries(self) -> Iterator[str]:
        """Yield the names of all entries, hidden or not, in no order; on S3 also of everything below."""
        if self.is_local:
            with suppress(FileNotFoundError):
                yield from os.listdir(self.uri)
            return
        with suppress(MissingError):
            for info in store_of(self.uri, self.storage).list(self.at("")):
                yield info.uri[len(self.at("")) :]

    def read(self, name: str) -> tuple[bytes, str]:
        """Return a small object and its ETag; `MissingError` if there is none."""
        return read_object(self.at(name), self.storage)

    def write(self, name: str, data: bytes, *, absent: bool = False, etag: str | None = None) -> str:
        """Write a small object as `write_object` does, and return its ETag."""
        return write_object(self.at(name), data, self.storage, absent=absent, etag=etag)

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects, if they exist."""
        for name in names:
            delete_object(self.at(name), self.storage)

    def remove(self) -> None:
        """Remove the folder with everything in it, hidden or not."""
        store_of(self.uri, self.storage).remove(self.at(""))

    def take(self, source: str, name: str) -> None:
        """Move an object of the same storage here; an object with this name is replaced."""
        store_of(self.uri, self.storage).move(source, self.at(name))

    @contextmanager
    def new_file(self, name: str, *, private: bool = False) -> Iterator[Path]:
        """Give a local file to fill; if the block succeeds, it becomes `name`, whole or not at all."""
        store = store_of(self.uri, self.storage)
        with store.draft(self.at(name), private=private) as draft:
            yield Path(draft)
            store.put_draft(draft, self.at(name))

"""Objects on disk, S3, web sites and hubs: their types and errors, and operations by URI.

A URI is a path, `file://`, `s3://` (boto3), `https://`, `http://` (urllib3), or `hf://`, a dataset on a hub.
Each kind has a `Store`. A `StorageError` names URLs without their query, which may be a signature.
"""

from __future__ import annotations

import io
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol, cast

from presswatch_spark.core.errors import ConfigError, StorageError
from presswatch_spark.core.settings.config import StorageOptions as StorageOptions
from presswatch_spark.core.threads import rest
from presswatch_spark.storage.uris import canonical as canonical
from presswatch_spark.storage.uris import first_hidden, is_hidden, scheme_of
from presswatch_spark.storage.uris import shown_uri as shown_uri

if TYPE_CHECKING:
    from presswatch_spark.storage.streams import ByteStream

READ_AHEAD_BYTES, READ_BYTES = 1 << 20, 1 << 20
ANSWER_READ_BYTES = 1 << 18
PAUSE_MAX_SECONDS = 20.0
CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """The description of an object by its storage. `size`: in bytes, None if storage does not give it.

    `etag` identifies the version of the object: the ETag without quotes, or `Last-Modified` without one; on
    disk, the time of the last change (`mtime-` and nanoseconds). `sha256`: the SHA-256 (hex) that the
    publisher declares for the object.
    """

    uri: str
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None


class MissingError(StorageError):
    """There is no such object, bucket, file or folder."""


class NoBucketError(MissingError):
    """There is no such bucket, neither for reading nor for writing."""


class ConflictError(StorageError):
    """The object is not in the version that the writer expected."""


class DeniedError(StorageError):
    """Access to an object is denied; it may or may not exist."""


class Reader(Protocol):
    """The bytes of a reply, or of a file."""

    def read(self, n: int, /) -> bytes:
        """Return up to `n` bytes, `b""` at the end."""

    def close(self) -> None:
        """Release the connection or file."""


@dataclass(frozen=True, slots=True)
class RangeReply:
    """A reply: bytes of the object from `start` on, and facts about the whole object.

    `start` is 0 if a server does not support ranges. `delimited`: the end of the body can be told from a lost
    connection. `sha256`: as in `ObjectInfo`.
    """

    reader: Reader
    start: int
    total: int | None
    etag: str | None = None
    delimited: bool = True
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class RawResponse:
    """The whole answer of storage to a request for bytes of an object; failures are values, not exceptions.

    `uri`: the address that answered, after redirects. `sent_at`: time of the request, in seconds since 1970.
    `status`: of HTTP; for a file on disk, the one that a server would send; None without an answer.
    `headers`: in the order of the reply. `start`: offset of the first byte of `body`; 0 if the server does
    not support ranges. `code`: error code of S3 or a hub. `failure`: the reason for a missing or incomplete
    answer; `ours`: the reason is a fault of our settings or credentials.
    """

    uri: str
    sent_at: float
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    start: int = 0
    body: bytes = b""
    code: str = ""
    failure: str = ""
    ours: bool = False

    def header(self, name: str) -> str | None:
        """Return the first value of a header; None if there is none."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)


class Stream(Protocol):
    """The part of a `ByteStream` that readers need."""

    @property
    def position(self) -> int:
        """Return the offset of the next byte in the object."""

    def read(self, n: int, /) -> bytes:
        """Return between 1 and `n` bytes; `b""` only at the true end."""


class Store:
    """One kind of storage, by canonical URIs. Methods that write raise `StorageError` by default."""

    where: ClassVar[str] = "this storage"
    resumable: ClassVar[bool] = True
    """A body that ended early may be continued by another request."""
    interruptions: ClassVar[tuple[type[Exception], ...]] = (OSError,)
    """Errors of reading a body that mean a failure of the connection, not of the object."""
    silences: ClassVar[tuple[type[Exception], ...]] = ()
    """Those of `interruptions` that mean that no byte came for `read_timeout` seconds."""
    options: StorageOptions

    def pinned(self, uri: str) -> str:
        """Return the URI; on a hub, with the present commit in place of its revision."""
        return uri

    def stat(self, uri: str) -> ObjectInfo:
        """Describe the object; `MissingError` if there is none."""
        raise NotImplementedError

    def list(self, uri: str) -> Iterator[ObjectInfo]:
        """Yield the objects under the folder, whose URI ends in `/`; see `list_objects` below."""
        raise NotImplementedError

    def open_body(self, info: ObjectInfo, start: int, end: int | None) -> RangeReply:
        """Open bytes [start, end) of the object; beyond its end, the body is empty."""
        raise NotImplementedError

    def ask(self, uri: str, start: int, end: int) -> RawResponse:
        """Request bytes [start, end) of the object; see `ask` below."""
        raise NotImplementedError

    def read(self, uri: str) -> tuple[bytes, str]:
        """Return a small object, and the ETag that `write` compares; empty if the server sends none."""
        with open_stream(ObjectInfo(uri), self.options) as stream:
            return stream.read_to_end(), stream.info.etag or ""

    def write(self, uri: str, data: bytes, absent: bool, etag: str | None, *, private: bool = False) -> str:
        """Write an object whole and return its ETag; see `write_object` below."""
        raise self._read_only(uri)

    def delete(self, uri: str) -> None:
        """Remove the object, if there is one."""
        raise self._read_only(uri)

    def draft(self, uri: str, *, private: bool = False) -> AbstractContextManager[str]:
        """Give the path of a local file in which to make the object, during the block only."""
        raise self._read_only(uri)

    def put_draft(self, draft: str, uri: str) -> None:
        """Make that file the object, whole or not at all; the file may be gone afterwards."""
        raise self._read_only(uri)

    def move(self, source: str, target: str) -> None:
        """Rename an object of this storage; an object of the new name is replaced."""
        raise self._read_only(target)

    def remove(self, uri: str) -> None:
        """Remove all objects under the folder, whose URI ends in `/`, if there are any."""
        raise self._read_only(uri)

    def body_of_answer(
        self, reader: Reader, ignored: int, most: int, length: int | None
    ) -> tuple[bytes, str]:
        """Return up to `most` bytes after `ignored` ones, and the failure, empty if none are missing."""
        parts, got, options = list[bytes](), 0, self.options
        most += ignored
        late = time.monotonic() + options.read_timeout + most / max(1, options.lowest_rate)
        try:
            while got < most and (data := reader.read(min(ANSWER_READ_BYTES, most - got))):
                parts.append(data[max(0, ignored - got) :])
                got += len(data)
                if time.monotonic() > late:
                    return b"".join(parts), f"the transfer is too slow: {got:,} bytes arrived"
        except self.interruptions as error:
            return b"".join(parts), f"the transfer broke off after {got:,} bytes ({type(error).__name__})"
        short = length is not None and got < min(length, most)
        return b"".join(parts), f"the transfer ended after {got:,} of {length:,} bytes" if short else ""

    def pause(self, failures: int) -> None:
        """Wait after the given number of failures in a row (from 1): exponential, with jitter, bounded."""
        backoff = min(PAUSE_MAX_SECONDS, self.options.backoff_base * 2.0 ** (failures - 1))
        rest(backoff * random.uniform(0.5, 1.0))

    def with_retries(self, ask: Callable[[], RawResponse]) -> RawResponse:
        """Return an answer; if its body breaks off, ask again, at most `max_attempts` times in all."""
        for attempt in range(1, self.options.max_attempts + 1):
            answer = ask()
            is_last = attempt == self.options.max_attempts
            if answer.status not in (200, 206) or not answer.failure or is_last:
                break
            self.pause(attempt)
        return answer

    def _read_only(self, uri: str) -> StorageError:
        what = f"cannot write to {self.where}"
        return StorageError(what, where=shown_uri(uri), remedy="use a path or s3://")


def changed(uri: str, offset: int) -> StorageError:
    """Return the error for an object that has changed since it was described."""
    return StorageError(
        "the object changed since it was listed", where=f"{uri} @ {offset}", remedy="run the command again"
    )


def conflict(uri: str) -> ConflictError:
    """Return the error for an object that another process wrote or removed."""
    return ConflictError(
        "another process wrote or removed this object meanwhile",
        where=uri,
        remedy="check which other process writes there",
    )


def range_header(start: int, end: int | None) -> dict[str, str]:
    """Return the `Range` header for bytes [start, end); no header for all bytes."""
    if not start and end is None:
        return {}
    return {"Range": f"bytes={start}-{'' if end is None else end - 1}"}


def stat(uri: str, options: StorageOptions) -> ObjectInfo:
    """Describe one object by its URI; `StorageError` for a folder. For hubs, see `Store.pinned`."""
    store = store_of(uri := canonical(uri), options)
    return store.stat(store.pinned(uri))


def list_objects(uri: str, options: StorageOptions, hidden: list[str] | None = None) -> Iterator[ObjectInfo]:
    """Yield the objects in and below a folder or prefix, by URI; `MissingError` if there are none.

    A prefix is a folder: `s3://b/data` lists `data/…`, never `database/…`. Folder markers are left out, also
    names that start with `.` or `_` and everything below them; the URIs of such names are added to `hidden`.
    """
    store = store_of(uri := canonical(uri), options)
    folder = store.pinned(uri).rstrip("/") + "/"
    visible, first_names = list[ObjectInfo](), set[str]()
    found = list(store.list(folder))
    if not found and scheme_of(folder) != "file":
        raise MissingError("there is no such object or folder", where=folder[:-1], remedy="check the address")
    for info in found:
        relative = info.uri[len(folder) :]
        if not is_hidden(relative):
            visible.append(info)
        elif first := first_hidden(relative):
            first_names.add(folder + first)
    if hidden is not None:
        hidden.extend(sorted(first_names))
    yield from sorted(visible, key=lambda info: info.uri)


def read_range(uri: str, offset: int, length: int, options: StorageOptions) -> bytes:
    """Return bytes [offset, offset + length) of the object; fewer only at its end."""
    from presswatch_spark.storage.streams import ByteStream

    uri = canonical(uri)
    if length <= 0:
        return b""
    with ByteStream(store_of(uri, options), ObjectInfo(uri), start=offset, end=offset + length) as stream:
        return stream.read_to_end()


def ask(uri: str, start: int, end: int, options: StorageOptions) -> RawResponse:
    """Request bytes [start, end) of an object, and return any answer; only `BlockedError` is raised."""
    return store_of(uri := canonical(uri), options).ask(uri, start, end)


def open_stream(
    info: ObjectInfo, options: StorageOptions, *, start: int = 0, digests: bool = False
) -> ByteStream:
    """Open the object as a checked stream from `start` on; `digests`: compute the SHA-256 of its bytes."""
    from presswatch_spark.storage.streams import ByteStream

    uri = canonical(info.uri)
    return ByteStream(store_of(uri, options), replace(info, uri=uri), start=start, digests=digests)


def random_access(
    info: ObjectInfo, options: StorageOptions, *, read_ahead: int = READ_AHEAD_BYTES
) -> BinaryIO:
    """Open the object as a seekable file, for `pyarrow.parquet.ParquetFile` and the like.

    A remote object is read by ranges of one version, with `read_ahead` bytes of read-ahead; with 0, each
    read is one request for exactly its bytes. The version of a file on disk is checked when it is opened.
    """
    from presswatch_spark.storage.disk import LocalStore, system_errors
    from presswatch_spark.storage.streams import RangeFile

    uri = canonical(info.uri)
    store = store_of(uri, options)
    if isinstance(store, LocalStore):
        if info.etag not in (None, store.stat(uri).etag):
            raise changed(uri, 0)
        with system_errors(uri):
            return open(uri, "rb")
    known = info if info.size is not None else store.stat(uri)
    if known.size is None:
        raise StorageError(
            "the server does not state the size, so the object cannot be read by ranges",
            where=shown_uri(uri),
            remedy="copy it to disk first",
        )
    ranges = RangeFile(store, ObjectInfo(uri, known.size, known.etag), known.size)
    return cast(BinaryIO, io.BufferedReader(ranges, read_ahead) if read_ahead else ranges)


def read_object(uri: str, options: StorageOptions) -> tuple[bytes, str]:
    """Return a small object and the ETag for `write_object` (on disk a digest); raises `MissingError`."""
    return store_of(uri := canonical(uri), options).read(uri)


def write_object(
    uri: str,
    data: bytes,
    options: StorageOptions,
    *,
    absent: bool = False,
    etag: str | None = None,
    private: bool = False,
) -> str:
    """Write a small object, whole or not at all, and return its ETag; HTTPS is read-only.

    `absent`: only if there is no such object. `etag`: only over this version. `private`: on disk, only the
    owner may read a new file. If a reply is lost, the write is repeated, and equal bytes count as its
    success: if only one of two writers may win, their bytes must differ. Raises `ConflictError` if the object
    is not in the expected version.
    """
    return store_of(uri := canonical(uri), options).write(uri, data, absent, etag, private=private)


def delete_object(uri: str, options: StorageOptions) -> None:
    """Remove an object; no error if there is none. HTTPS is read-only."""
    store_of(uri := canonical(uri), options).delete(uri)


def store_of(uri: str, options: StorageOptions) -> Store:
    """Return the store of a canonical URI; clients are imported only when needed."""
    scheme = scheme_of(uri)
    if scheme != "file" and options.ca_bundle and not os.path.isfile(options.ca_bundle):
        remedy = "check storage.ca_bundle"
        raise ConfigError("there is no such CA bundle", where=options.ca_bundle, remedy=remedy)
    if scheme == "file":
        from presswatch_spark.storage.disk import LocalStore

        return LocalStore(options)
    if scheme == "s3":
        from presswatch_spark.storage.s3 import S3Store

        return S3Store(options)
    if scheme == "hf":
        from presswatch_spark.storage.hub import HubStore

        return HubStore(options)
    from presswatch_spark.storage.http import HttpStore

    return HttpStore(options)

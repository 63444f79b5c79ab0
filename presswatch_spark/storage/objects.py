"""Objects on S3, HTTPS and local disk: stat, list, ranges, and streams that never end quietly.

The public face of storage. A URI is a path, `file://`, `s3://` (boto3), `https://` or `http://` (urllib3).
Failures are `StorageError`s, a missing object `MissingError`; messages show no query string of a URL, for it
may be signed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from presswatch_spark.errors import ConfigError, StorageError
from presswatch_spark.storage.contract import (
    ConflictError,
    DeniedError,
    MissingError,
    NoBucketError,
    ObjectInfo,
    StorageOptions,
    Store,
    Stream,
    changed,
)
from presswatch_spark.storage.local import LocalStore, explained, partial_path
from presswatch_spark.storage.streams import READ_BYTES, ByteStream, RangeFile
from presswatch_spark.storage.uris import canonical, first_hidden, is_hidden, printable, scheme_of

__all__ = [
    "READ_BYTES",
    "ByteStream",
    "ConflictError",
    "DeniedError",
    "MissingError",
    "NoBucketError",
    "ObjectInfo",
    "StorageOptions",
    "Stream",
    "canonical",
    "delete_object",
    "fetch_file",
    "list_objects",
    "open_stream",
    "printable",
    "put_file",
    "random_access",
    "read_object",
    "read_range",
    "stat",
    "store_of",
    "write_object",
]

READ_AHEAD_BYTES = 1 << 20


def stat(uri: str, options: StorageOptions) -> ObjectInfo:
    """Describe one object under its canonical URI; a folder is a `StorageError`."""
    uri = canonical(uri)
    return store_of(uri, options).stat(uri)


def list_objects(uri: str, options: StorageOptions, hidden: list[str] | None = None) -> Iterator[ObjectInfo]:
    """Yield the objects of a folder or prefix and of all below it, sorted by URI.

    A prefix is a folder: `s3://b/data` lists `data/…`, never `database/…`. Names that start with `.` or `_`
    (and all below them) and folder markers are left out; URIs of the former are added to `hidden`, of what is
    below one its own. `MissingError` if there is no such folder, bucket or prefix.
    """
    folder = canonical(uri).rstrip("/") + "/"
    kept, seen = list[ObjectInfo](), set[str]()
    for info in store_of(folder, options).list(folder):
        relative = info.uri[len(folder) :]
        if not is_hidden(relative):
            kept.append(info)
        elif first := first_hidden(relative):
            seen.add(folder + first)
    if hidden is not None:
        hidden.extend(sorted(seen))
    yield from sorted(kept, key=lambda info: info.uri)


def read_range(uri: str, offset: int, length: int, options: StorageOptions) -> bytes:
    """Return bytes [offset, offset + length) of the object; fewer only where the object ends."""
    uri = canonical(uri)
    if length <= 0:
        return b""
    with ByteStream(store_of(uri, options), ObjectInfo(uri), start=offset, end=offset + length) as stream:
        return stream.read_to_end()


def open_stream(info: ObjectInfo, options: StorageOptions, *, start: int = 0) -> ByteStream:
    """Open the object as a checked stream from byte `start` on; raise if it is not as `info` says."""
    uri = canonical(info.uri)
    return ByteStream(store_of(uri, options), ObjectInfo(uri, info.size, info.etag), start=start)


def random_access(
    info: ObjectInfo, options: StorageOptions, *, read_ahead: int = READ_AHEAD_BYTES
) -> BinaryIO:
    """Open the object as a seekable file, for `pyarrow.parquet.ParquetFile` and its like.

    Remote objects are read by ranges with `read_ahead` bytes of read-ahead, each checked to be of the same
    version of the object; without any, every read is one request of just its bytes. A file on disk is checked
    when it is opened.
    """
    uri = canonical(info.uri)
    store = store_of(uri, options)
    if isinstance(store, LocalStore):
        if info.etag not in (None, store.stat(uri).etag):
            raise changed(uri, 0)
        try:
            return open(uri, "rb")
        except OSError as error:
            raise explained(error, uri) from error
    known = info if info.size is not None else store.stat(uri)
    if known.size is None:
        raise StorageError(
            "the server does not tell the size, so the object cannot be read by ranges",
            where=printable(uri),
            remedy="copy it to disk first",
        )
    ranges = RangeFile(store, ObjectInfo(uri, known.size, known.etag), known.size)
    return cast(BinaryIO, io.BufferedReader(ranges, read_ahead) if read_ahead else ranges)


def put_file(local_path: str, uri: str, options: StorageOptions) -> None:
    """Write a local file to `uri`, whole or not at all; HTTPS is for reading only."""
    uri = canonical(uri)
    LocalStore(options).stat(local_path)
    try:
        store_of(uri, options).put(local_path, uri)
    except OSError as error:
        raise explained(error, local_path) from error


def fetch_file(uri: str, local_path: str, options: StorageOptions) -> None:
    """Copy an object to a local file, which appears only when it is whole."""
    partial = partial_path(os.path.abspath(local_path))
    try:
        os.makedirs(os.path.dirname(partial), exist_ok=True)
        with open_stream(stat(uri, options), options) as stream, open(partial, "wb") as file:
            while data := stream.read(READ_BYTES):
                file.write(data)
        os.replace(partial, local_path)
    except OSError as error:
        raise explained(error, local_path) from error
    finally:
        Path(partial).unlink(missing_ok=True)


def read_object(uri: str, options: StorageOptions) -> tuple[bytes, str]:
    """Return a whole small object, and the ETag for `write_object`; `MissingError` if there is none.

    On local disk that ETag is a digest of the bytes, unlike `ObjectInfo.etag`.
    """
    uri = canonical(uri)
    return store_of(uri, options).read(uri)


def write_object(
    uri: str, data: bytes, options: StorageOptions, *, absent: bool = False, etag: str | None = None
) -> str:
    """Write a small object, whole or not at all, and return its ETag; HTTPS is for reading only.

    Whoever writes what already stands there has written it: a reply that is lost makes a writer try again. So
    let bytes that two writers must not both succeed with name their writer.

    Args:
        absent: write only if there is no such object.
        etag: write only over this version, as `read_object` or `write_object` gave it.

    Raises:
        ConflictError: the object is there, or is not of that version, or is gone.
    """
    uri = canonical(uri)
    return store_of(uri, options).write(uri, data, absent, etag)


def delete_object(uri: str, options: StorageOptions) -> None:
    """Remove an object; no error if it is not there. HTTPS is for reading only."""
    uri = canonical(uri)
    store_of(uri, options).delete(uri)


def store_of(uri: str, options: StorageOptions) -> Store:
    """Return the storage that a canonical URI lives in; boto3 and urllib3 are loaded only when needed."""
    scheme = scheme_of(uri)
    if scheme == "file":
        return LocalStore(options)
    if options.ca_bundle and not os.path.isfile(options.ca_bundle):
        raise ConfigError("there is no such CA bundle", where=options.ca_bundle, remedy="check --ca-bundle")
    if scheme == "s3":
        from presswatch_spark.storage.s3 import S3Store

        return S3Store(options)
    from presswatch_spark.storage.https import HttpStore

    return HttpStore(options)

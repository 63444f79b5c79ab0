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
from presswatch_spark.storage.local import LocalStore, explained, partial_path
from presswatch_spark.storage.model import MissingError, ObjectInfo, StorageOptions, Store, Stream, changed
from presswatch_spark.storage.streams import READ_BYTES, ByteStream, RangeFile
from presswatch_spark.storage.uris import canonical, is_hidden, printable, scheme_of

__all__ = [
    "READ_BYTES",
    "ByteStream",
    "MissingError",
    "ObjectInfo",
    "StorageOptions",
    "Stream",
    "canonical",
    "fetch_file",
    "list_objects",
    "open_stream",
    "printable",
    "put_file",
    "random_access",
    "read_range",
    "stat",
]

READ_AHEAD_BYTES = 1 << 20


def stat(uri: str, options: StorageOptions) -> ObjectInfo:
    """Describe one object under its canonical URI; a folder is a `StorageError`."""
    uri = canonical(uri)
    return _store(uri, options).stat(uri)


def list_objects(uri: str, options: StorageOptions) -> Iterator[ObjectInfo]:
    """Yield the objects of a folder or prefix and of all below it, sorted by URI.

    A prefix is a folder: `s3://b/data` lists `data/…`, never `database/…`. Names that start with `.` or `_`
    (and all below them) and folder markers are left out. `MissingError` if there is no such folder, bucket or
    prefix.
    """
    folder = canonical(uri).rstrip("/") + "/"
    found = _store(folder, options).list(folder)
    yield from sorted(
        (info for info in found if not is_hidden(info.uri[len(folder) :])), key=lambda info: info.uri
    )


def read_range(uri: str, offset: int, length: int, options: StorageOptions) -> bytes:
    """Return bytes [offset, offset + length) of the object; fewer only where the object ends."""
    uri = canonical(uri)
    if length <= 0:
        return b""
    with ByteStream(_store(uri, options), ObjectInfo(uri), start=offset, end=offset + length) as stream:
        return stream.read_to_end()


def open_stream(info: ObjectInfo, options: StorageOptions, *, start: int = 0) -> ByteStream:
    """Open the object as a checked stream from byte `start` on; raise if it is not as `info` says."""
    uri = canonical(info.uri)
    return ByteStream(_store(uri, options), ObjectInfo(uri, info.size, info.etag), start=start)


def random_access(
    info: ObjectInfo, options: StorageOptions, *, read_ahead: int = READ_AHEAD_BYTES
) -> BinaryIO:
    """Open the object as a seekable file, for `pyarrow.parquet.ParquetFile` and its like.

    Remote objects are read by ranges with `read_ahead` bytes of read-ahead, each checked to be of the same
    version of the object; without any, every read is one request of just its bytes. A file on disk is checked
    when it is opened.
    """
    uri = canonical(info.uri)
    store = _store(uri, options)
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
        _store(uri, options).put(local_path, uri)
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


def _store(uri: str, options: StorageOptions) -> Store:
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

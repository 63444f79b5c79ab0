"""The face of storage: objects on S3, HTTPS, hubs and disk are described, listed, read and written.

A URI is a path, `file://`, `s3://` (boto3), `https://` or `http://` (urllib3), or `hf://`, a dataset on a hub
(`presswatch_spark.storage.hub`). Failures are `StorageError`s;
a missing object is a `MissingError`. Messages show no query of a URL: it may be a signature.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from presswatch_spark.errors import ConfigError, StorageError
from presswatch_spark.storage.contract import ConflictError as ConflictError
from presswatch_spark.storage.contract import DeniedError as DeniedError
from presswatch_spark.storage.contract import MissingError as MissingError
from presswatch_spark.storage.contract import NoBucketError as NoBucketError
from presswatch_spark.storage.contract import ObjectInfo as ObjectInfo
from presswatch_spark.storage.contract import RawResponse as RawResponse
from presswatch_spark.storage.contract import StorageOptions as StorageOptions
from presswatch_spark.storage.contract import Store, changed
from presswatch_spark.storage.contract import Stream as Stream
from presswatch_spark.storage.disk import LocalStore, partial_path, system_errors
from presswatch_spark.storage.streams import READ_BYTES as READ_BYTES
from presswatch_spark.storage.streams import ByteStream as ByteStream
from presswatch_spark.storage.streams import RangeFile
from presswatch_spark.storage.uris import canonical as canonical
from presswatch_spark.storage.uris import first_hidden, is_hidden, scheme_of
from presswatch_spark.storage.uris import printable as printable

READ_AHEAD_BYTES = 1 << 20
# The beginning of an object is kept for another read up to this length.
KEPT_BYTES = 4 << 20


def stat(uri: str, options: StorageOptions) -> ObjectInfo:
    """Describe one object under its canonical URI; a folder is a `StorageError`. On a hub, see `pinned`."""
    uri = pinned(canonical(uri), options)
    return store_of(uri, options).stat(uri)


def pinned(uri: str, options: StorageOptions) -> str:
    """Return a canonical URI with the commit that its revision on a hub names now; others as they are."""
    if scheme_of(uri) != "hf":
        return uri
    from presswatch_spark.storage.hub import HubStore

    return HubStore(options).pinned(uri)


def list_objects(uri: str, options: StorageOptions, hidden: list[str] | None = None) -> Iterator[ObjectInfo]:
    """Yield the objects of a folder or prefix and of all below it, sorted by URI.

    A prefix is a folder: `s3://b/data` lists `data/…`, never `database/…`. Folder markers are left out, and
    names that start with `.` or `_` with all below them; the URIs of such names are added to `hidden`.

    Raises:
        MissingError: there is no such folder, bucket or prefix.
    """
    folder = pinned(canonical(uri), options).rstrip("/") + "/"
    visible, first_names = list[ObjectInfo](), set[str]()
    for info in store_of(folder, options).list(folder):
        relative = info.uri[len(folder) :]
        if not is_hidden(relative):
            visible.append(info)
        elif first := first_hidden(relative):
            first_names.add(folder + first)
    if hidden is not None:
        hidden.extend(sorted(first_names))
    yield from sorted(visible, key=lambda info: info.uri)


def read_range(uri: str, offset: int, length: int, options: StorageOptions) -> bytes:
    """Return bytes [offset, offset + length) of the object; fewer only where the object ends."""
    uri = canonical(uri)
    if length <= 0:
        return b""
    with ByteStream(store_of(uri, options), ObjectInfo(uri), start=offset, end=offset + length) as stream:
        return stream.read_to_end()


def ask(uri: str, start: int, end: int, options: StorageOptions) -> RawResponse:
    """Ask for bytes [start, end) of an object, and return what was answered, a refusal too.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    uri = canonical(uri)
    return store_of(uri, options).ask(uri, start, end)


def ask_whole(uri: str, most: int, options: StorageOptions) -> RawResponse | None:
    """Ask a web site for an object without a range; return the answer with up to `most` bytes.

    None for other storage, where a part is missing only if the whole is.

    Raises:
        BlockedError: the site is to be asked nothing more.
    """
    from presswatch_spark.storage.http import HttpStore

    uri = canonical(uri)
    store = store_of(uri, options)
    return store.ask_whole(uri, most) if isinstance(store, HttpStore) else None


def open_stream(
    info: ObjectInfo, options: StorageOptions, *, start: int = 0, digests: bool = False
) -> ByteStream:
    """Open the object as a checked stream from byte `start` on; raise if it is not as `info` says.

    `digests`: the stream also takes the SHA-256 of what is read, from the first byte on.
    """
    uri = canonical(info.uri)
    known = replace(info, uri=uri)
    return ByteStream(store_of(uri, options), known, start=start, digests=digests)


def random_access(
    info: ObjectInfo, options: StorageOptions, *, read_ahead: int = READ_AHEAD_BYTES
) -> BinaryIO:
    """Open the object as a seekable file, for `pyarrow.parquet.ParquetFile` and its like.

    A remote object is read by ranges, each checked to be of the same version, with `read_ahead` bytes of
    read-ahead. With 0, each read is one request for just its bytes. A file on disk is checked when it is
    opened.
    """
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
    with system_errors(local_path):
        store_of(uri, options).put(local_path, uri)


def fetch_file(uri: str, local_path: str, options: StorageOptions) -> None:
    """Copy an object to a local file, which appears only when it is whole."""
    partial = partial_path(os.path.abspath(local_path))
    with system_errors(local_path):
        try:
            os.makedirs(os.path.dirname(partial), exist_ok=True)
            with open_stream(stat(uri, options), options) as stream, open(partial, "wb") as file:
                while data := stream.read(READ_BYTES):
                    file.write(data)
            os.replace(partial, local_path)
        finally:
            Path(partial).unlink(missing_ok=True)


def read_object(uri: str, options: StorageOptions) -> tuple[bytes, str]:
    """Return a whole small object, and the ETag for `write_object`; `MissingError` if there is none.

    On local disk that ETag is a digest of the bytes, unlike `ObjectInfo.etag`.
    """
    uri = canonical(uri)
    return store_of(uri, options).read(uri)


def write_object(
    uri: str,
    data: bytes,
    options: StorageOptions,
    *,
    absent: bool = False,
    etag: str | None = None,
    private: bool = False,
) -> str:
    """Write a small object, whole or not at all, and return its ETag; HTTPS is for reading only.

    A writer whose reply was lost tries again, and knows its object by the bytes. So if only one of two
    writers may succeed, the bytes must name their writer.

    Args:
        absent: write only if there is no such object.
        etag: write only over this version, as `read_object` or `write_object` returned it.
        private: a new file on disk is its owner's alone.

    Raises:
        ConflictError: the object is there, or is not of that version, or is gone.
    """
    uri = canonical(uri)
    return store_of(uri, options).write(uri, data, absent, etag, private=private)


def delete_object(uri: str, options: StorageOptions) -> None:
    """Remove an object; no error if it is not there. HTTPS is for reading only."""
    uri = canonical(uri)
    store_of(uri, options).delete(uri)


def store_of(uri: str, options: StorageOptions) -> Store:
    """Return the storage that a canonical URI lives in; clients are loaded only when needed."""
    scheme = scheme_of(uri)
    if scheme == "file":
        return LocalStore(options)
    if options.ca_bundle and not os.path.isfile(options.ca_bundle):
        raise ConfigError("there is no such CA bundle", where=options.ca_bundle, remedy="check --ca-bundle")
    if scheme == "s3":
        from presswatch_spark.storage.s3 import S3Store

        return S3Store(options)
    if scheme == "hf":
        from presswatch_spark.storage.hub import HubStore

        return HubStore(options)
    from presswatch_spark.storage.http import HttpStore

    return HttpStore(options)


class _Looked:
    """A stream whose bytes are kept as they are read, to be given back."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.seen: list[bytes] = []

    @property
    def position(self) -> int:
        return self._stream.position

    def read(self, n: int, /) -> bytes:
        data = self._stream.read(n)
        self.seen.append(data)
        return data


class Opener(threading.local):
    """Opens shards to look into them and then to read them, by one request each; each thread has its own.

    `digests`: its streams take the SHA-256 of shards as they are read.
    """

    def __init__(self, digests: bool = False) -> None:
        self._digests = digests
        self._last: tuple[str, ByteStream] | None = None
        self._opened: tuple[str, ByteStream] | None = None

    def __reduce__(self) -> tuple[type[Opener], tuple[bool]]:
        return Opener, (self._digests,)

    def open(self, info: ObjectInfo, storage: StorageOptions) -> ByteStream:
        """Open an object from its first byte on; if it was looked into last, by the same stream."""
        last, self._last = self._last, None
        if last is not None:
            uri, stream = last
            if uri == info.uri and info.etag in (None, stream.etag):
                return stream
            stream.close()
        stream = open_stream(info, storage, digests=self._digests)
        self._opened = info.uri, stream
        return stream

    def sha256(self, info: ObjectInfo, storage: StorageOptions) -> str:
        """Return the SHA-256 (hex) of a shard that was read: as it was read, or by reading it once more.

        Formats that read a shard by ranges, or not to its end, leave no digest.

        Raises:
            StorageError: it cannot be read again, or has changed.
        """
        uri, opened = self._opened or ("", None)
        if opened is not None and uri == info.uri and (digest := opened.sha256):
            return digest
        with open_stream(info, storage, digests=True) as stream:
            while stream.read(READ_BYTES):
                pass
            digest = stream.sha256
        if digest is None:
            raise changed(printable(info.uri), stream.position)
        return digest

    @contextmanager
    def look(self, info: ObjectInfo, storage: StorageOptions) -> Iterator[Stream]:
        """Give a stream of the object's beginning; after the block, `open` reads it from its first byte."""
        stream = self.open(info, storage)
        looked = _Looked(stream)
        try:
            yield looked
        except BaseException:
            stream.close()
            raise
        if stream.position > KEPT_BYTES:
            stream.close()
            return
        stream.push_back(b"".join(looked.seen))
        self._last = info.uri, stream

    def described(self, info: ObjectInfo) -> ObjectInfo:
        """Return the description, with size and ETag from the reply if the object was looked into."""
        if self._last is None or self._last[0] != info.uri:
            return info
        stream = self._last[1]
        return ObjectInfo(
            info.uri,
            info.size if info.size is not None else stream.size,
            info.etag or stream.etag,
            info.sha256 or stream.declared_sha256,
        )

    def let_go(self) -> None:
        """Give up the connection to what was looked into: it is read by other requests."""
        if self._last is not None:
            self._last[1].step_aside()

    def close(self) -> None:
        """Close what was looked into and not opened."""
        last, self._last = self._last, None
        if last is not None:
            last[1].close()

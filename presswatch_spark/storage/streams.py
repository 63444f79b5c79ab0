"""Streams that never end silently: they return each byte of the object, or raise an error with the offset."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from presswatch_spark.core.errors import TruncatedError
from presswatch_spark.core.threads import check_time, limit_here, limited_by
from presswatch_spark.storage.host_limits import report_silence
from presswatch_spark.storage.objects import (
    READ_BYTES,
    ObjectInfo,
    Reader,
    StorageOptions,
    Store,
    Stream,
    changed,
    open_stream,
    shown_uri,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


FORGIVEN_AFTER_BYTES = 8 << 20
"""Bytes without failure after which earlier failures no longer count."""
KEPT_BYTES = 4 << 20
"""Most bytes of an object's beginning that `Opener.look` keeps for the next read."""


class ByteStream:
    """Bytes [start, end) of an object, in order. `position` is the offset of the next byte in the object.

    If a body ends too early, or is slower than `lowest_rate`, it is opened again at the same offset, at most
    `max_attempts` times within 8 MiB; then `TruncatedError` names the offset. If the object has changed
    meanwhile, `StorageError` is raised. `seen`: if it is a list, it gets the bytes that are read.
    """

    def __init__(
        self,
        store: Store,
        info: ObjectInfo,
        *,
        start: int = 0,
        end: int | None = None,
        digests: bool = False,
    ) -> None:
        self.position, self.size = start, info.size
        self.seen: list[bytes] | None = None
        self._store, self.info, self._end = store, info, end
        self._failures, self._forgiven_at = 0, start
        self._ended, self._closed = False, False
        self._slow_bytes, self._slow_seconds = 0, 0.0
        self._pending_error: Exception | None = None
        self._pushed = b""
        self._sha256 = hashlib.sha256() if digests and start == 0 else None
        self._reader: Reader | None = None
        self._reader = self._open()

    @property
    def sha256(self) -> str | None:
        """Return the SHA-256 (hex) of the object; None without `digests`, or before every byte was read."""
        whole = self._ended or (self.size is not None and self.position == self.size)
        return self._sha256.hexdigest() if self._sha256 is not None and whole and not self._pushed else None

    def read(self, n: int) -> bytes:
        """Return between 1 and `n` bytes; `b""` only at the true end."""
        if self._closed:
            raise ValueError("read of a closed stream")
        check_time()
        if self._pushed:
            data, self._pushed = self._pushed[:n], self._pushed[n:]
            return self._given(data)
        while not self._ended:
            ends = [end for end in (self._end, self.size) if end is not None]
            if (wanted := min(n, min(ends) - self.position) if ends else n) <= 0:
                break
            try:
                data = self._received(wanted)
            except self._store.interruptions as error:
                if isinstance(error, self._store.silences):
                    report_silence(self.info.uri, self._failures + 1, self._store.options)
                self._interrupted(getattr(error, "strerror", None) or type(error).__name__)
                continue
            if data:
                if self._sha256 is not None:
                    self._sha256.update(data)
                return self._given(data)
            # Without a known size, only the end of a delimited body is a proven end.
            if self.size is not None or self._bytes_to_skip > 0:
                self._interrupted("the body ended early")
            elif self._delimited:
                self._ended = True
            else:
                raise self._truncated(
                    "the server states no length, so the end cannot be distinguished from a lost connection"
                )
        return b""

    def _given(self, data: bytes) -> bytes:
        self.position += len(data)
        if self.seen is not None:
            self.seen.append(data)
        return data

    def push_back(self, data: bytes) -> None:
        """Take back the bytes that were read last; the next reads return them again."""
        self._pushed = data + self._pushed
        self.position -= len(data)

    def read_to_end(self) -> bytes:
        """Return all bytes that are left."""
        return b"".join(iter(lambda: self.read(READ_BYTES), b""))

    def disconnect(self) -> None:
        """Release the connection; the next read opens another one."""
        self._pending_error = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def close(self) -> None:
        """Release the connection or file."""
        self._closed = True
        self.disconnect()

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _received(self, wanted: int) -> bytes:
        """Read `wanted` bytes, fewer only if the body ends or breaks; skip bytes before the position.

        Raises `OSError` if too few bytes came in `rate_seconds` of waiting, without time between calls.
        """
        if self._reader is None:
            self._reader = self._open()
        if not self._store.resumable:
            return self._reader.read(wanted)
        if self._pending_error is not None:
            raise self._pending_error
        options, parts, size = self._store.options, list[bytes](), 0
        while size < wanted:
            check_time()
            began = time.monotonic()
            try:
                data = self._reader.read(min(self._bytes_to_skip, READ_BYTES) or wanted - size)
            except self._store.interruptions as error:
                if not parts:
                    raise
                # Return the bytes before the failure first, and raise it in the next call: after a failure, a
                # reader may look as if the body had ended.
                self._pending_error = error
                break
            self._slow_bytes += len(data)
            self._slow_seconds += time.monotonic() - began
            if not data:
                break
            if self._slow_seconds >= options.rate_seconds:
                is_slow = self._slow_bytes < options.lowest_rate * self._slow_seconds
                self._slow_bytes, self._slow_seconds = 0, 0.0
                if is_slow:
                    raise OSError(0, f"the transfer is slower than {options.lowest_rate:,} bytes a second")
            if self._bytes_to_skip:
                self._bytes_to_skip -= len(data)
                continue
            parts.append(data)
            size += len(data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _open(self) -> Reader:
        body = self._store.open_body(self.info, self.position, self._end)
        if self.info.etag and body.etag:
            same = self.info.etag == body.etag
        else:
            same = None in (self.size, body.total) or self.size == body.total
        if not same:
            body.reader.close()
            raise changed(shown_uri(self.info.uri), self.position)
        self.size = body.total if self.size is None else self.size
        declared = self.info.sha256 or body.sha256
        self.info = ObjectInfo(self.info.uri, self.size, self.info.etag or body.etag, declared)
        self._delimited, self._bytes_to_skip = body.delimited, self.position - body.start
        return body.reader

    def _interrupted(self, why: str) -> None:
        self.disconnect()
        if self.position >= self._forgiven_at + FORGIVEN_AFTER_BYTES:
            self._failures, self._forgiven_at = 0, self.position
        self._failures += 1
        if not self._store.resumable or self._failures >= self._store.options.max_attempts:
            raise self._truncated(why)
        self._store.pause(self._failures)

    def _truncated(self, why: str) -> TruncatedError:
        size = "an unknown number of" if self.size is None else f"{self.size:,}"
        return TruncatedError(
            f"only {self.position:,} of {size} bytes could be read: {why}",
            where=f"{shown_uri(self.info.uri)} @ {self.position}",
            remedy="compare the object with its source and run again",
        )


def sha256_of(info: ObjectInfo, storage: StorageOptions) -> str:
    """Return the SHA-256 (hex) of an object, which is read to its end; raises as `ByteStream`."""
    digest = hashlib.sha256()
    with open_stream(info, storage) as stream:
        while data := stream.read(READ_BYTES):
            digest.update(data)
    return digest.hexdigest()


class SeekableFile(io.RawIOBase):
    """Base class of files that can be read at any offset."""

    def readable(self) -> bool:
        """Return True."""
        return True

    seekable = readable


class RangeFile(SeekableFile):
    """A seekable file over ranges of an object. Every read is a request: wrap it in a buffer."""

    def __init__(self, store: Store, info: ObjectInfo, size: int) -> None:
        super().__init__()
        self._store, self.info, self._size, self._position = store, info, size, 0
        # Arrow reads ranges in its own threads: the time limit of this thread must hold there, too.
        self._limit = limit_here()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, without a request; beyond the end, reads return nothing."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` from the current position, at most to the end of the object."""
        view, start = memoryview(buffer).cast("B"), self._position
        end = min(start + len(view), self._size)
        if end <= start:
            return 0
        with limited_by(self._limit), ByteStream(self._store, self.info, start=start, end=end) as stream:
            data = stream.read_to_end()
        view[: len(data)] = data
        self._position += len(data)
        return len(data)


class Opener(threading.local):
    """Opens shards for a look at their beginning and then for reading, in one request; thread-local."""

    def __init__(self, digests: bool = False) -> None:
        self._digests = digests
        self._last: ByteStream | None = None
        self._opened: ByteStream | None = None

    def __reduce__(self) -> tuple[type[Opener], tuple[bool]]:
        return Opener, (self._digests,)

    def open(self, info: ObjectInfo, storage: StorageOptions) -> ByteStream:
        """Open an object at its first byte, by the stream of the last look if that was into this object."""
        last, self._last = self._last, None
        if last is not None:
            if last.info.uri == info.uri and info.etag in (None, last.info.etag):
                return last
            last.close()
        self._opened = open_stream(info, storage, digests=self._digests)
        return self._opened

    def sha256(self, info: ObjectInfo, storage: StorageOptions) -> str:
        """Return the SHA-256 (hex) of a shard that was read; read it again if only ranges of it were read."""
        opened = self._opened
        if opened is not None and opened.info.uri == info.uri and (digest := opened.sha256):
            return digest
        return sha256_of(info, storage)

    @contextmanager
    def look(self, info: ObjectInfo, storage: StorageOptions) -> Iterator[Stream]:
        """Give a stream of the object's beginning; after the block, `open` reads it from its first byte."""
        stream = self.open(info, storage)
        stream.seen = []
        try:
            yield stream
        except BaseException:
            stream.close()
            raise
        seen, stream.seen = stream.seen, None
        if stream.position > KEPT_BYTES:
            stream.close()
        else:
            stream.push_back(b"".join(seen))
            self._last = stream

    def described(self, info: ObjectInfo) -> ObjectInfo:
        """Return the description, with size and ETag from the reply if the object was looked into."""
        return self._last.info if self._last is not None and self._last.info.uri == info.uri else info

    def let_go(self) -> None:
        """Release the connection of the last look, as other requests will read the object."""
        if self._last is not None:
            self._last.disconnect()

    def close(self) -> None:
        """Close the stream of the last look, if `open` did not take it."""
        last, self._last = self._last, None
        if last is not None:
            last.close()

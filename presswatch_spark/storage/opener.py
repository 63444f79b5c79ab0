"""Opens objects to be looked into and then read, by one request: what was looked at is read again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from presswatch_spark.storage.contract import ObjectInfo, StorageOptions, Stream
from presswatch_spark.storage.objects import ByteStream, open_stream

# Of an object that was looked into further, the beginning is not kept.
KEPT_BYTES = 4 << 20


class _Looked:
    """A stream that is looked into: what is read of it is kept, to be given back."""

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
    """Opens the shards of a reader, one after another; each thread has its own."""

    def __init__(self) -> None:
        self._kept: tuple[str, ByteStream] | None = None

    def __reduce__(self) -> tuple[type[Opener], tuple[()]]:
        return Opener, ()

    def open(self, info: ObjectInfo, storage: StorageOptions) -> ByteStream:
        """Open an object from its first byte on: the stream that was looked into last, if it is of that."""
        kept, self._kept = self._kept, None
        if kept is not None:
            uri, stream = kept
            if uri == info.uri and info.etag in (None, stream.etag):
                return stream
            stream.close()
        return open_stream(info, storage)

    @contextmanager
    def look(self, info: ObjectInfo, storage: StorageOptions) -> Iterator[Stream]:
        """A stream of the object's beginning; after the block, `open` gives the same from its first byte."""
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
        self._kept = info.uri, stream

    def described(self, info: ObjectInfo) -> ObjectInfo:
        """What the reply to the request for an object that was looked into says of it, too."""
        if self._kept is None or self._kept[0] != info.uri:
            return info
        stream = self._kept[1]
        return ObjectInfo(
            info.uri, info.size if info.size is not None else stream.size, info.etag or stream.etag
        )

    def let_go(self) -> None:
        """Give up the connection to what was looked into: it is read in another way than on from there."""
        if self._kept is not None:
            self._kept[1].step_aside()

    def close(self) -> None:
        """Let go of what was looked into and not opened."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept[1].close()

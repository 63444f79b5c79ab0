"""A file that counts what is read of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


TAIL_BYTES_MAX = 1 << 20


class CountedFile(io.RawIOBase):
    """A seekable file in front of another, which it closes; `bytes_read` is what was asked and given.

    What the first read of its end gave is kept: a reader of Parquet that has not got the whole footer by it
    asks for all of it.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.bytes_read = 0
        self._file = file
        self._size = self._tail_start = file.seek(0, io.SEEK_END)
        self._tail = b""
        file.seek(0)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is read."""
        return self._file.seek(offset, whence)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer`, as far as the file reaches."""
        view = memoryview(buffer).cast("B")
        start = self._file.tell()
        ahead = self._file.read(max(0, min(start + len(view), self._tail_start) - start))
        self.bytes_read += len(ahead)
        if not self._tail and len(ahead) <= TAIL_BYTES_MAX and start + len(ahead) == self._size:
            self._tail, self._tail_start = ahead, start
        at = start + len(ahead) - self._tail_start
        kept = self._tail[at : at + len(view) - len(ahead)] if at >= 0 else b""
        self._file.seek(start + len(ahead) + len(kept))
        view[: len(ahead) + len(kept)] = ahead + kept
        return len(ahead) + len(kept)

    def close(self) -> None:
        """Close the file behind too."""
        if not self.closed:
            self._file.close()
        super().close()

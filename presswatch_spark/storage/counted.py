"""A file that counts what is read of it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class CountedFile(io.RawIOBase):
    """A seekable file in front of another, which it closes; `bytes_read` is what was asked and given."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.bytes_read = 0
        self._file = file

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
        data = self._file.read(len(view))
        view[: len(data)] = data
        self.bytes_read += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file behind too."""
        if not self.closed:
            self._file.close()
        super().close()

"""The pages of a Parquet column, checked as their bytes come from storage and before pyarrow decodes them.

pyarrow leaves out a page of a type that it does not know, and stops at the number of values that it counts
itself. Here the pages of a column must fill it to the last byte, and hold as many values as the footer says.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from presswatch_spark.sources.table import thrift
from presswatch_spark.sources.table.footer import Chunk
from presswatch_spark.sources.table.levels import LevelsError, nulls_of
from presswatch_spark.sources.table.thrift import Struct, ThriftError, inner, number

_DATA, _INDEX, _DICTIONARY, _DATA_2 = range(4)
_PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 2, 3, 8
# How data pages say that they hold, not texts, but places in the dictionary.
CODED = frozenset({_PLAIN_DICTIONARY, _RLE_DICTIONARY})


class PageError(OSError):
    """A page of a column is damaged; the message says what is wrong with it, without its text."""


@dataclass(slots=True)
class Pages:
    """What the headers of a column's pages say, added up.

    `dictionary`: values in its dictionary page, None without one; `coded`: values, from the first on, that
    are places in it. `nulls`: None if a page does not say.
    """

    values: int = 0
    nulls: int | None = 0
    data_pages: int = 0
    dictionary: int | None = None
    coded: int = 0
    with_checksum: int = 0
    pages: int = 0


def pages_of(data: memoryview, chunk: Chunk) -> Pages:
    """Add up the page headers of a column, whose bytes are `data`; `PageError` if they do not fit it."""
    found, at = Pages(), 0
    try:
        while at < len(data):
            header, at = thrift.read_struct(data, at)
            size = number(header, 3)
            if size < 0 or number(header, 2) < 0 or at + size > len(data):
                raise PageError("a page is longer than its column")
            _add(found, header, data[at : at + size], chunk)
            at += size
    except ThriftError as error:
        raise PageError(f"the header of a page cannot be read: {error}") from None
    except LevelsError as error:
        raise PageError(str(error)) from None
    _check(found, chunk)
    return found


def _add(found: Pages, header: Struct, page: memoryview, chunk: Chunk) -> None:
    kind = number(header, 1)
    found.pages += 1
    found.with_checksum += 4 in header
    if kind == _DICTIONARY:
        said = inner(header, 7)
        if said is None or found.pages > 1:
            raise PageError("a column has a dictionary where none can be")
        found.dictionary = number(said, 1)
        return
    said = inner(header, 5 if kind == _DATA else 8)
    if kind not in (_DATA, _DATA_2) or said is None:
        raise PageError("a page is of no type that there is")
    values, encoding = number(said, 1), number(said, 2 if kind == _DATA else 4)
    if values < 0 or encoding not in chunk.encodings:
        raise PageError("a page is encoded otherwise than the footer says")
    nulls = _nulls_2(said, values, page, chunk) if kind == _DATA_2 else _nulls_1(said, values, page, chunk)
    found.nulls = None if None in (found.nulls, nulls) else (found.nulls or 0) + (nulls or 0)
    if encoding in CODED and found.coded == found.values:
        found.coded += values
    found.values += values
    found.data_pages += 1


def _nulls_1(said: Struct, values: int, page: memoryview, chunk: Chunk) -> int | None:
    """Nulls of a page of the first version, whose levels are packed with its values; None if they are."""
    if not chunk.leaf.definitions:
        return 0
    if chunk.is_packed or chunk.leaf.repetitions or number(said, 3) != _RLE:
        return None
    size = int.from_bytes(page[:4], "little")
    return nulls_of(page[4 : 4 + size], chunk.leaf.definitions, values)


def _nulls_2(said: Struct, values: int, page: memoryview, chunk: Chunk) -> int:
    """Nulls of a page of the second version, which names more numbers, and never packs its levels."""
    nulls, rows, size, repeated = (number(said, key) for key in (2, 3, 5, 6))
    if not 0 <= nulls <= values or min(size, repeated) < 0 or size + repeated > len(page):
        raise PageError("the header of a page contradicts itself")
    if rows > values or (rows != values and not chunk.leaf.repetitions):
        raise PageError("a page has another number of values than of rows")
    if (
        chunk.leaf.definitions
        and nulls_of(page[repeated : repeated + size], chunk.leaf.definitions, values) != nulls
    ):
        raise PageError("a page has another number of nulls than its header says")
    if not chunk.leaf.definitions and size:
        raise PageError("a page has levels that its column does not have")
    return nulls


def _check(found: Pages, chunk: Chunk) -> None:
    if found.values != chunk.values:
        raise PageError("the pages of a column have another number of values than the footer says")
    if chunk.data_pages not in (None, found.data_pages):
        raise PageError("a column has another number of pages than the footer says")
    if None not in (found.nulls, chunk.nulls) and found.nulls != chunk.nulls:
        raise PageError("the pages of a column have another number of nulls than the footer says")
    if found.with_checksum not in (0, found.pages):
        raise PageError("some pages of a column have checksums, and some have none")


class CheckedFile(io.RawIOBase):
    """A seekable file in front of another, which it closes: columns that are read through it are checked.

    A read that holds a column of `expect` whole raises `PageError` if its pages are damaged. `failure` is
    what a read has raised since, which pyarrow may tell as another error.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._expected: dict[int, Chunk] = {}
        self._held: dict[tuple[int, int], bytes] = {}
        self._hold: frozenset[int] = frozenset()
        self.pages: dict[int, Pages] = {}
        self.failure: Exception | None = None

    def expect(self, chunks: Iterable[Chunk], again: Iterable[Chunk] = ()) -> None:
        """Check these columns from now on; those that are read `again` are held until the next call."""
        # Where there are no values, some writers name any bytes.
        self._expected = {chunk.start: chunk for chunk in chunks if chunk.values}
        self._hold = frozenset(chunk.start for chunk in again)
        self._held, self.pages, self.failure = {}, {}, None

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is read."""
        if whence == io.SEEK_SET:
            self._at = offset
        else:
            self._at = self._file.seek(offset, whence) if whence == io.SEEK_END else self._at + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, fewer only at the end; what lies in them of columns is checked."""
        size = -1 if size is None else size
        held = self._held.get((self._at, size))
        if held is None:
            try:
                held = self._read(size)
            except Exception as error:
                self.failure = self.failure or error
                raise
        self._at += len(held)
        return held

    def _read(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(size)
        if 0 <= len(data) < size:
            rest = [data]
            while (size := size - len(rest[-1])) > 0 and (more := self._file.read(size)):
                rest.append(more)
            data = b"".join(rest)
        self._check(data)
        if self._at in self._hold:
            self._held[self._at, len(data)] = data
        return data

    def _check(self, data: bytes) -> None:
        end = self._at + len(data)
        for start, chunk in self._expected.items():
            if self._at <= start and chunk.end <= end and start not in self.pages:
                view = memoryview(data)[start - self._at : chunk.end - self._at]
                self.pages[start] = pages_of(view, chunk)

    def close(self) -> None:
        """Close the file behind too."""
        if not self.closed:
            self._file.close()
        super().close()

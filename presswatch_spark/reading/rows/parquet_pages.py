"""Checks the pages of a Parquet column as their bytes come from storage, before pyarrow decodes them.

pyarrow leaves out a page of a type that it does not know, and stops at the number of values that it counts
itself. Here the pages of a column must fill it to the last byte, with as many values as in the footer.

Levels show nulls. Levels and indices into a dictionary are runs of one number, or numbers packed into bits.
Lengths may be stored before all texts of a page, as differences: a damaged one moves all texts after it.
(Format: Apache Parquet, "RLE / Bit-Packing Hybrid", "Delta encoding", "Delta-length byte array", "Delta
Strings". Fields of `parquet.thrift` used below: PageHeader 1 type, 2 and 3 size uncompressed and compressed,
4 crc, 5, 7 and 8 header of a data page, of a dictionary, of a data page of version 2.)
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.reading.rows.parquet_footer import (
    BYTE_ARRAY,
    Chunk,
    Struct,
    ThriftError,
    inner,
    number,
    read_struct,
    read_varint,
)
from presswatch_spark.storage.streams import SeekableFile

Numbers = npt.NDArray[np.unsignedinteger[Any]]

Lengths = npt.NDArray[np.int64]
_MOST_BITS = 32
# The most numbers in a block; DuckDB writes blocks of 2,048, even without any values.
_LARGEST_BLOCK = 1 << 16
# fastparquet appends this to the last text of a page.
_PADDING = bytes(8)
_DATA, _, _DICTIONARY, _DATA_2 = range(4)
_PLAIN, _PLAIN_DICTIONARY, _RLE, _DELTA_LENGTH, _DELTA_TEXTS, _RLE_DICTIONARY = 0, 2, 3, 6, 7, 8
# Encodings with indices into a dictionary; encodings with all lengths before the texts.
CODED = frozenset({_PLAIN_DICTIONARY, _RLE_DICTIONARY})
_APART = frozenset({_DELTA_LENGTH, _DELTA_TEXTS})
# By their numbers in `parquet.thrift`; without LZO and Hadoop's LZ4, of which pyarrow unpacks no single page.
_CODECS: Mapping[int, str] = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_LARGEST_PLACES = 1 << 20


class ParquetDamageError(OSError):
    """A column is damaged, or differs from the footer; the message quotes no text of it."""


def numbers_of(data: memoryview, width: int, count: int) -> tuple[Numbers, int]:
    """Return `count` numbers of `width` bits, and how many bytes of `data` they take."""
    if width > 32:
        raise ParquetDamageError("the numbers of a page are too long")
    found, packed, at, seen = list[Numbers](), list[memoryview](), 0, 0
    while seen < count:
        head, at = varint(data, at)
        is_packed = bool(head & 1 and width)
        size = width * (head >> 1) if is_packed else 0 if head & 1 else (width + 7) // 8
        run = data[at : at + size]
        at += size
        if head < 2 or len(run) < size:
            raise ParquetDamageError("the levels of a page end too early")
        repeated = (8 if head & 1 else 1) * (head >> 1)
        if is_packed:
            # Eight numbers fill whole bytes, so packed runs that follow each other can be unpacked at once.
            packed.append(run)
        else:
            if not head & 1 and repeated > count - seen:
                raise ParquetDamageError("a page has more levels than values")
            found.append(unpacked(packed, width))
            found.append(np.full(min(repeated, count - seen), int.from_bytes(run, "little"), np.uint32))
            packed = []
        seen += repeated
    return np.concatenate([*found, unpacked(packed, width)])[:count], at


def unpacked(runs: list[memoryview], width: int) -> Numbers:
    """Return the numbers of runs that follow each other, packed into `width` bits each, 1 to 32."""
    if not runs:
        return np.zeros(0, np.uint8)
    data = np.frombuffer(runs[0] if len(runs) == 1 else b"".join(runs), np.uint8)
    bits = np.unpackbits(data, bitorder="little").reshape(-1, width)
    kind = np.dtype(np.uint8 if width <= 8 else np.uint16 if width <= 16 else np.uint32)
    wide = np.zeros((len(bits), 8 * kind.itemsize), np.uint8)
    wide[:, :width] = bits
    return np.packbits(wide, bitorder="little").view(kind.newbyteorder("<"))


def nulls_of(data: memoryview, highest: int, values: int) -> int:
    """Return the number of nulls: of the `values` levels in `data`, those below `highest`."""
    if values and len(data) < 8:
        head, at = varint(data, 0)
        # Most pages have no null: one run of the highest level.
        if head == values << 1 and data[at:] == bytes([highest]):
            return 0
    levels, end = numbers_of(data, highest.bit_length(), values)
    if end != len(data) or (levels > highest).any():
        raise ParquetDamageError("the levels of a page do not match its values")
    return int(np.count_nonzero(levels < highest))


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """Return the number at byte `at`, seven bits a byte, and where it ends."""
    try:
        return read_varint(data, at)
    except (IndexError, ThriftError):
        raise ParquetDamageError("the levels of a page end too early") from None


def check_lengths(data: memoryview, values: int, *, with_prefixes: bool) -> None:
    """Check that so many texts fill `data` to its last byte; `ParquetDamageError` if they do not.

    With prefixes: the lengths of what each text shares with the text before it come first.
    """
    prefixes, at = _differences(data, 0) if with_prefixes else (np.zeros(values, np.int64), 0)
    lengths, at = _differences(data, at)
    is_counted = len(lengths) == len(prefixes) == values
    if not is_counted or (lengths < 0).any() or at + int(lengths.sum()) != len(data):
        raise ParquetDamageError("the lengths of the texts of a page do not match its bytes")
    before = np.concatenate([np.zeros(1, np.int64), prefixes + lengths])[:values]
    if (prefixes < 0).any() or (prefixes > before).any():
        raise ParquetDamageError("a text of a page shares more bytes with the previous one than that has")


def check_plain(data: memoryview, values: int) -> None:
    """Check that so many texts, each after its length in four bytes, fill `data` to its last byte.

    A zeroed block reads as texts of length zero, and the rest of the page is never read.
    """
    length_at, at, end = struct.Struct("<I").unpack_from, 0, len(data) - 4
    for _ in range(values):
        if at > end:
            raise ParquetDamageError("the texts of a page need more bytes than it has")
        at += 4 + length_at(data, at)[0]
    if at != len(data) and bytes(data[at:]) != _PADDING:
        raise ParquetDamageError("the lengths of the texts of a page do not match its bytes")


def _differences(data: memoryview, at: int) -> tuple[Lengths, int]:
    block, at = varint(data, at)
    parts, at = varint(data, at)
    count, at = varint(data, at)
    first, at = _zigzag(data, at)
    if not parts or block % (8 * parts) or not 0 < block <= _LARGEST_BLOCK or count > len(data) * 256:
        raise ParquetDamageError("the lengths of a page are not validly encoded")
    found, left, size = [np.array([first], np.int64)], count - 1, block // parts
    while left > 0:
        least, at = _zigzag(data, at)
        widths, at = bytes(data[at : at + parts]), at + parts
        for width in widths:
            # Parts after the last number are not stored.
            if left <= 0:
                break
            run = data[at : at + size * width // 8]
            if width > _MOST_BITS or len(run) < size * width // 8:
                raise ParquetDamageError("the lengths of a page end too early")
            at += len(run)
            numbers = unpacked([run], width).astype(np.int64) if width else np.zeros(size, np.int64)
            found.append(numbers[:left] + least)
            left -= size
        if len(widths) < parts:
            raise ParquetDamageError("the lengths of a page end too early")
    return np.cumsum(np.concatenate(found))[:count], at


def _zigzag(data: memoryview, at: int) -> tuple[int, int]:
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at


@dataclass(slots=True)
class PageTotals:
    """The totals of a column's pages.

    `nulls`: None if a page does not contain their number. `unused`: values of the dictionary without a row,
    as far as indices were read. `with_checksum`: data pages that have one.
    """

    values: int = 0
    nulls: int | None = 0
    data_pages: int = 0
    unused: int = 0
    with_checksum: int = 0

    def add(self, page: _Page, *, has_checksum: bool) -> None:
        """Add a data page."""
        self.nulls = None if None in (self.nulls, page.nulls) else (self.nulls or 0) + (page.nulls or 0)
        self.values += page.values
        self.data_pages += 1
        self.with_checksum += has_checksum

    def check(self, chunk: Chunk) -> None:
        """Raise `ParquetDamageError` if the footer gives the column other totals."""
        if self.values != chunk.values:
            raise ParquetDamageError("the number of values in the pages of a column differs from the footer")
        if chunk.data_pages not in (None, self.data_pages):
            raise ParquetDamageError("the number of pages of a column differs from the footer")
        if None not in (self.nulls, chunk.nulls) and self.nulls != chunk.nulls:
            raise ParquetDamageError("the number of nulls in the pages of a column differs from the footer")
        # parquet-java before 1.14 writes a checksum for the dictionary, but none for pages of version 2.
        if self.with_checksum not in (0, self.data_pages):
            raise ParquetDamageError("some pages of a column have checksums, and some have none")


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of data, or the dictionary. `content`: compressed by `codec` (0: not), `size`: uncompressed.

    The content begins with the levels of its values, 0 to `highest`; without levels if `highest` is 0.
    """

    encoding: int
    values: int
    nulls: int | None
    codec: int
    size: int
    highest: int
    content: memoryview | bytes
    is_dictionary: bool = False

    def after_levels(self) -> tuple[memoryview, int] | None:
        """Return the uncompressed content after the levels, and the number of values that are no nulls.

        None if pyarrow cannot unpack single pages of this codec.
        """
        content, nulls = memoryview(self.content), self.nulls or 0
        if self.codec:
            name = _CODECS.get(self.codec)
            if name is None or not pa.Codec.is_available(name):
                return None
            if self.size < 0:
                raise ParquetDamageError("a page is shorter than its levels")
            content = memoryview(pa.Codec(name).decompress(pa.py_buffer(content), self.size)).cast("B")
        if self.highest:
            levels = _after_length(content)
            nulls = nulls_of(levels, self.highest, self.values)
            content = content[4 + len(levels) :]
        return content, self.values - nulls

    def check_texts(self) -> None:
        """Check that the texts of a page fill it: pyarrow ignores bytes that remain after the last text.

        Plain texts of a compressed data page are not checked: damage to compressed bytes changes the size of
        their content, which pyarrow refuses.
        """
        is_plain = self.is_dictionary or (
            self.encoding == _PLAIN and not self.codec and self.nulls is not None
        )
        if not (is_plain or self.encoding in _APART):
            return
        after = self.after_levels()
        if after is not None and is_plain:
            check_plain(*after)
        elif after is not None:
            check_lengths(*after, with_prefixes=self.encoding == _DELTA_TEXTS)

    def places(self) -> Numbers | None:
        """Return a page's indices into the dictionary; None if pyarrow cannot unpack single pages."""
        if self.codec and not 0 <= self.size <= _LARGEST_PLACES + 8 * self.values:
            raise ParquetDamageError("a page is longer than its values can be")
        after = self.after_levels()
        if after is None:
            return None
        content, present = after
        if not len(content):
            raise ParquetDamageError("a page is shorter than its values can be")
        return numbers_of(content[1:], content[0], present)[0]


def pages_of(data: memoryview, chunk: Chunk, *, with_places: bool = False) -> PageTotals:
    """Add up the pages in the bytes `data` of a column; `ParquetDamageError` if they do not fit it.

    `with_places`: read the indices into the dictionary, and count its values that no row uses.
    """
    found, at, dictionary, used = PageTotals(), 0, 0, np.zeros(0, np.bool_)
    try:
        while at < len(data):
            is_first, (header, at) = not at, read_struct(data, at)
            size = number(header, 3)
            if size < 0 or number(header, 2) < 0 or at + size > len(data):
                raise ParquetDamageError("a page is longer than its column")
            page = _page(header, data[at : at + size], chunk, is_first=is_first)
            if page.is_dictionary:
                dictionary = page.values
                # Some values of a dictionary longer than the column are surely unused: read no indices.
                with_places &= page.values <= chunk.values
                used = np.zeros(page.values if with_places else 0, np.bool_)
            else:
                found.add(page, has_checksum=4 in header)
                if with_places and page.encoding in CODED:
                    places = page.places()
                    with_places = places is not None
                    used[places] = True
            if chunk.leaf.kind == BYTE_ARRAY and (page.is_dictionary or not chunk.leaf.repetitions):
                page.check_texts()
            at += size
    except ThriftError as error:
        raise ParquetDamageError(f"the header of a page cannot be read: {error}") from None
    except ParquetDamageError:
        raise
    except (IndexError, pa.ArrowException, OSError):
        raise ParquetDamageError("a page cannot be decompressed") from None
    found.check(chunk)
    if with_places:
        found.unused = dictionary - int(np.count_nonzero(used))
    else:
        found.unused = max(0, dictionary - chunk.values)
    return found


def _page(header: Struct, content: memoryview, chunk: Chunk, *, is_first: bool) -> _Page:
    kind, unpacked_bytes = number(header, 1), number(header, 2)
    described = inner(header, {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}.get(kind, 0))
    if kind == _DICTIONARY:
        if described is None or not is_first or number(described, 1) < 0:
            raise ParquetDamageError("a column has a dictionary in the wrong place")
        values = number(described, 1)
        return _Page(_PLAIN, values, 0, chunk.codec, unpacked_bytes, 0, content, is_dictionary=True)
    if described is None:
        raise ParquetDamageError("a page has an unknown type")
    values, highest, codec, nulls = number(described, 1), chunk.leaf.definitions, chunk.codec, None
    if not 0 <= values <= chunk.values:
        raise ParquetDamageError("a page has more values than its column")
    if kind == _DATA:
        # Version 1 compresses levels together with values. Fields: 1 values, 2 encoding, 3 that of levels.
        encoding = number(described, 2)
        if not highest:
            nulls = 0
        elif not (codec or chunk.leaf.repetitions or number(described, 3) != _RLE):
            nulls = nulls_of(_after_length(content), highest, values)
    else:
        # Version 2 never compresses levels. Fields: 1 values, 2 nulls, 3 rows, 4 encoding, 5 and 6 bytes of
        # definition and repetition levels, 7 is_compressed.
        nulls, rows, encoding, size, repeated = (number(described, key) for key in (2, 3, 4, 5, 6))
        if not 0 <= nulls <= values or min(size, repeated) < 0 or size + repeated > len(content):
            raise ParquetDamageError("the header of a page contradicts itself")
        if rows > values or (rows != values and not chunk.leaf.repetitions):
            raise ParquetDamageError("the number of values of a page differs from its rows")
        levels = content[repeated : repeated + size]
        if nulls != (nulls_of(levels, highest, values) if highest else 0) or (size and not highest):
            raise ParquetDamageError("the number of nulls of a page differs from its header")
        if described.get(7) is False:
            codec = 0
        size += repeated
        # The levels were counted, and are cut off.
        highest = 0 if size else highest
        content, unpacked_bytes = content[size:], unpacked_bytes - size
    if encoding not in chunk.encodings:
        raise ParquetDamageError("the encoding of a page differs from the footer")
    return _Page(encoding, values, nulls, codec, unpacked_bytes, highest, content)


def _after_length(content: memoryview) -> memoryview:
    # The first four bytes are the length of the levels.
    return content[4 : 4 + int.from_bytes(content[:4], "little")]


class CheckedFile(SeekableFile):
    """A seekable file over another, which it closes: it checks the columns that are read through it.

    Reading all of an expected column raises `ParquetDamageError` if its pages are damaged. `failure`: the
    first error of a read since `expect`, since pyarrow may replace it by another. `bytes_read`: of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.bytes_read = 0
        self._expected: dict[int, Chunk] = {}
        self._held: dict[tuple[int, int], bytes] = {}
        self._hold: frozenset[int] = frozenset()
        self._coded: frozenset[int] = frozenset()
        self.pages: dict[int, PageTotals] = {}
        self.failure: Exception | None = None

    def expect(
        self, chunks: Iterable[Chunk], coded: Iterable[Chunk] = (), again: Iterable[Chunk] = ()
    ) -> None:
        """Check these columns from now on, in `coded` also the indices; keep the bytes of `again`."""
        # For a column without values, some writers name arbitrary bytes.
        self._expected = {chunk.start: chunk for chunk in chunks if chunk.values}
        self._coded = frozenset(chunk.start for chunk in coded)
        self._hold = frozenset(chunk.start for chunk in again)
        self._held, self.pages, self.failure = {}, {}, None

    @property
    def is_checked(self) -> bool:
        """True if all columns that are expected were read, and so checked."""
        return self._expected.keys() <= self.pages.keys()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position; nothing is read."""
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Close both files."""
        if not self.closed:
            self._file.close()
        super().close()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, fewer only at the end, and check the columns in them."""
        at, size = self.tell(), -1 if size is None else size
        if (held := self._held.get((at, size))) is not None:
            self.seek(at + len(held))
            return held
        try:
            return self._read(at, size)
        except Exception as error:
            self.failure = self.failure or error
            raise

    def _read(self, at: int, size: int) -> bytes:
        data = self._file.read(size)
        if 0 <= len(data) < size:
            rest = [data]
            while (size := size - len(rest[-1])) > 0 and (more := self._file.read(size)):
                rest.append(more)
            data = b"".join(rest)
        self.bytes_read += len(data)
        end = at + len(data)
        for start, chunk in self._expected.items():
            if at <= start and chunk.end <= end and start not in self.pages:
                view = memoryview(data)[start - at : chunk.end - at]
                self.pages[start] = pages_of(view, chunk, with_places=start in self._coded)
        if at in self._hold:
            self._held[at, len(data)] = data
        return data

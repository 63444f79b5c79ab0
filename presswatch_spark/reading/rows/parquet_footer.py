"""Checks the footer of a Parquet file before pyarrow reads it.

pyarrow trusts a footer: because of a damaged number it reads fewer rows, or crashes the process. Here, the
numbers must agree with each other and with the file. Footers and page headers are structs of Thrift's compact
protocol, which identifies fields by number. (Formats: Apache Parquet, `parquet.thrift`, and Apache Thrift,
`thrift-compact-protocol.md`.) The numbers used below are:

- FileMetaData: 2 schema, 3 num_rows, 4 row_groups; SchemaElement: 1 type, 3 repetition_type, 4 name,
  5 num_children; RowGroup: 1 columns, 3 num_rows
- ColumnChunk: 2 file_offset, 3 meta_data, 4 and 5 offset index (offset, length), 6 and 7 column index
- ColumnMetaData: 1 type, 2 encodings, 3 path_in_schema, 4 codec, 5 num_values, 6 total_uncompressed_size,
  7 total_compressed_size, 9 data_page_offset, 11 dictionary_page_offset, 12 statistics, 13 encoding_stats,
  14 and 15 Bloom filter, 16 size_statistics
- Statistics: 3 null_count, 5 max_value, 6 min_value; PageEncodingStats: 1 page_type, 3 count
- SizeStatistics: 1 bytes of all values, 2 and 3 histograms of repetition and definition levels
"""

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import BinaryIO

from presswatch_spark.storage.objects import StorageOptions, read_range

Value = bool | int | float | bytes | list["Value"] | dict[int, "Value"]
Struct = dict[int, Value]

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _, _STRUCT = range(1, 13)
_LONGEST_VARINT = 10
_DEEPEST_STRUCT = 16
MAGIC = b"PAR1"
TAIL_BYTES = 64 << 10
BYTE_ARRAY = 6
_REQUIRED, _OPTIONAL, _REPEATED = range(3)
_DEEPEST_SCHEMA = 64
# parquet-mr pads files to begin row groups with a block of the file system: `parquet.writer.max-padding`.
LONGEST_PADDING = 8 << 20


class ThriftError(ValueError):
    """The bytes are no struct of the compact protocol, or a field is missing or of another type."""


def read_struct(data: bytes | memoryview, start: int = 0) -> tuple[Struct, int]:
    """Return the struct that begins at byte `start`, and where it ends; `ThriftError` if there is none."""
    try:
        return _struct(data, start, 0)
    except (IndexError, struct.error):
        raise ThriftError("the metadata ends too early") from None


def number(fields: Struct, key: int, default: int | None = None) -> int:
    """Return the integer of a field; `ThriftError` if it is missing and there is no `default`."""
    value = fields.get(key, default)
    if type(value) is not int:
        raise ThriftError(f"field {key} is not a number")
    return value


def inner(fields: Struct, key: int) -> Struct | None:
    """Return the struct of a field; None if it is missing."""
    value = fields.get(key)
    if value is not None and not isinstance(value, dict):
        raise ThriftError(f"field {key} is not a struct")
    return value


def items(fields: Struct, key: int) -> list[Value]:
    """Return the list of a field; empty if it is missing."""
    value = fields.get(key, [])
    if not isinstance(value, list):
        raise ThriftError(f"field {key} is not a list")
    return value


def structs(fields: Struct, key: int) -> list[Struct]:
    """Return the list of structs of a field; empty if it is missing."""
    found = [each for each in items(fields, key) if isinstance(each, dict)]
    if len(found) < len(items(fields, key)):
        raise ThriftError(f"field {key} has other values than structs")
    return found


def _struct(data: bytes | memoryview, at: int, depth: int) -> tuple[Struct, int]:
    # Integers are decoded here: most have one byte, and a call for each would take most of the time.
    if depth > _DEEPEST_STRUCT:
        raise ThriftError("the metadata is nested too deeply")
    found: Struct = {}
    key = 0
    while head := data[at]:
        at += 1
        kind = head & 15
        if head > 15:
            key += head >> 4
        else:
            key, at = _zigzag(data, at)
        if key in found:
            raise ThriftError(f"field {key} appears twice")
        if _I16 <= kind <= _I64:
            value = data[at]
            at += 1
            if value > 127:
                value, at = read_varint(data, at - 1)
            found[key] = value >> 1 ^ -(value & 1)
        elif kind in (_TRUE, _FALSE):
            found[key] = kind == _TRUE
        else:
            found[key], at = _value(data, at, kind, depth)
    return found, at + 1


def _value(data: bytes | memoryview, at: int, kind: int, depth: int) -> tuple[Value, int]:
    if kind == _BINARY:
        size, at = read_varint(data, at)
        value = bytes(data[at : at + size])
        if len(value) < size:
            raise ThriftError("the metadata ends too early")
        return value, at + size
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (_LIST, _SET):
        head = data[at]
        size, at = (head >> 4, at + 1) if head < 0xF0 else read_varint(data, at + 1)
        if size > len(data) - at:
            raise ThriftError("a list is longer than the metadata")
        if depth > _DEEPEST_STRUCT:
            raise ThriftError("the metadata is nested too deeply")
        found: list[Value] = []
        for _ in range(size):
            each, at = _value(data, at, head & 15, depth + 1)
            found.append(each)
        return found, at
    if kind in (_I16, _I32, _I64):
        return _zigzag(data, at)
    if kind == _BYTE:
        return data[at], at + 1
    if kind in (_TRUE, _FALSE):
        return data[at] == _TRUE, at + 1
    if kind == _DOUBLE:
        return float(struct.unpack_from("<d", data, at)[0]), at + 8
    raise ThriftError("a value is of a type that Parquet does not have")


def read_varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return the number at byte `at`, seven bits a byte, and where it ends; `IndexError` if data end."""
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = data[at + place]
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise ThriftError("a number is too long")


def _zigzag(data: bytes | memoryview, at: int) -> tuple[int, int]:
    value, at = read_varint(data, at)
    return value >> 1 ^ -(value & 1), at


class FooterError(ValueError):
    """The footer is damaged, or does not fit the file; the message quotes no text of the file."""


class NotParquetError(FooterError):
    """The file neither begins nor ends as a Parquet file does."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column with values: its dotted `path`, its physical type (`kind`), its maximum levels."""

    path: str
    kind: int
    definitions: int
    repetitions: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """A column of a row group: bytes `start` to `start + size` of the file, compressed by `codec` (0: not).

    `values` includes nulls. `nulls`, `text_bytes` (the sum over all texts), `data_pages`, `least` and
    `greatest` (encoded) are None if the footer does not contain them.
    """

    leaf: Leaf
    start: int
    size: int
    unpacked_bytes: int
    codec: int
    values: int
    encodings: frozenset[int]
    nulls: int | None
    text_bytes: int | None
    data_pages: int | None
    least: bytes | None
    greatest: bytes | None

    @property
    def end(self) -> int:
        """Return the offset after the last byte."""
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that are stored together, column by column."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class Footer:
    """A footer. `data`: a Parquet file of it without rows, for pyarrow.

    `complaints`: a finding and an offset for each gap, which may contain rows that the footer does not name.
    """

    rows: int
    groups: tuple[RowGroup, ...]
    data: bytes
    complaints: tuple[tuple[str, int], ...] = ()


def is_parquet(uri: str, storage: StorageOptions) -> bool:
    """Return whether an object begins as Parquet does."""
    return read_range(uri, 0, len(MAGIC), storage) == MAGIC


def read_footer(file: BinaryIO) -> Footer:
    """Return the footer of a file; `FooterError` if it has none, or a damaged one."""
    size = file.seek(0, os.SEEK_END)
    tail = _bytes_at(file, max(0, size - TAIL_BYTES), size)
    if len(tail) < 12 or tail[-4:] != MAGIC:
        # Files with an encrypted footer begin with `PARE`.
        is_cut = _bytes_at(file, 0, min(3, size)) == MAGIC[:3]
        raise (
            FooterError("the file has no footer") if is_cut else NotParquetError("the content is not Parquet")
        )
    length = int.from_bytes(tail[-8:-4], "little")
    start = size - 8 - length
    if start < len(MAGIC):
        raise FooterError("the footer is longer than the file")
    if length + 8 > len(tail):
        tail = _bytes_at(file, start, size - len(tail)) + tail
    data = tail[-8 - length :]
    try:
        fields, _ = read_struct(memoryview(data)[:length])
        leaves = tuple(_leaves(structs(fields, 2)))
        groups = tuple(_group(group, leaves, start) for group in structs(fields, 4))
        footer = Footer(number(fields, 3), groups, MAGIC + data)
        gaps = _gaps(_named_ranges(fields, footer), start, length)
    except ThriftError as error:
        raise FooterError(f"the footer cannot be read: {error}") from None
    if footer.rows != sum(group.rows for group in groups):
        raise FooterError("the number of rows of the row groups differs from the footer")
    places = sorted((chunk.start, chunk.end) for group in groups for chunk in group.chunks if chunk.values)
    if any(ahead > start for (_, ahead), (start, _) in pairwise(places)):
        raise FooterError("two columns are in the same bytes")
    complaints = (
        (f"the footer does not account for {end - begin:,} bytes, which may contain more rows", begin)
        for begin, end in gaps
        if not _is_harmless(file, begin, end)
    )
    return replace(footer, complaints=tuple(complaints))


def _bytes_at(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    found = bytearray()
    while data := file.read(end - start - len(found)):
        found += data
    return bytes(found)


@dataclass(frozen=True, slots=True)
class _Range:
    # `is_followed`: a copy of the column's metadata follows. `is_open`: the footer does not name the end.

    start: int
    end: int
    is_column: bool = False
    is_followed: bool = False
    is_open: bool = False


def _named_ranges(fields: Struct, footer: Footer) -> Iterator[_Range]:
    for group, read in zip(structs(fields, 4), footer.groups, strict=True):
        for column, chunk in zip(structs(group, 1), read.chunks, strict=True):
            meta = inner(column, 3) or {}
            # A column without values may have a dictionary page only.
            start = min(filter(None, (number(meta, 9), number(meta, 11, 0))), default=0)
            if start:
                end = start + chunk.size
                yield _Range(start, end, is_column=True, is_followed=number(column, 2, 0) >= end)
            for entry, offset, size in ((column, 4, 5), (column, 6, 7), (meta, 14, 15)):
                if start := number(entry, offset, 0):
                    yield _Range(start, start + number(entry, size, 0), is_open=size not in entry)


def _gaps(ranges: Iterable[_Range], end: int, footer_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the bytes up to `end` that are in none of `ranges`.

    Some writers put a copy of a column's metadata, which is shorter than the footer, after the column. Older
    footers do not name the end of a Bloom filter. Neither counts as a gap.
    """
    reached = _Range(0, len(MAGIC))
    for each in [*sorted(ranges, key=lambda each: (each.start, each.end)), _Range(end, end)]:
        size = each.start - reached.end
        is_copy = reached.is_followed and each.is_column and size < footer_bytes
        if size > 0 and not (reached.is_open or is_copy):
            yield reached.end, each.start
        if each.end >= reached.end:
            reached = each


def _is_harmless(file: BinaryIO, start: int, end: int) -> bool:
    """Return True for a gap without rows: zeros that align a row group, metadata, or a replaced footer."""
    if end - start > LONGEST_PADDING:
        return False
    gap = _bytes_at(file, start, end)
    if not any(gap):
        return True
    if gap.endswith(MAGIC) and int.from_bytes(gap[-8:-4], "little") == len(gap) - 8:
        return True
    try:
        metadata, size = read_struct(gap)
    except ThriftError:
        return False
    # A copy of ColumnMetaData: it has type, encodings, path and number of values.
    return size == len(gap) and metadata.keys() >= {1, 2, 3, 5}


def _leaves(elements: list[Struct]) -> Iterator[Leaf]:
    """Yield the columns with values. The list of schema elements is a tree in depth-first order."""
    if not elements:
        raise FooterError("the footer has no schema")
    rest = iter(elements[1:])
    yield from _below(rest, number(elements[0], 5, 0), Leaf("", -1, 0, 0), _DEEPEST_SCHEMA)
    if next(rest, None) is not None:
        raise FooterError("the schema has more columns than it states")


def _below(rest: Iterator[Struct], children: int, around: Leaf, depth: int) -> Iterator[Leaf]:
    if depth == 0:
        raise FooterError("the schema is nested too deeply")
    for _ in range(children):
        element = next(rest, None)
        if element is None:
            raise FooterError("the schema has fewer columns than it states")
        repetition, name = number(element, 3), element.get(4)
        if repetition not in (_REQUIRED, _OPTIONAL, _REPEATED):
            raise FooterError("the schema has a column that is neither required, optional nor repeated")
        try:
            path = name.decode()  # type: ignore[union-attr]
        except (AttributeError, UnicodeDecodeError):
            raise FooterError("a column has no name") from None
        leaf = Leaf(
            f"{around.path}.{path}" if around.path else path,
            number(element, 1, -1),
            around.definitions + (repetition != _REQUIRED),
            around.repetitions + (repetition == _REPEATED),
        )
        if children := number(element, 5, 0):
            yield from _below(rest, children, leaf, depth - 1)
        else:
            yield leaf


def _group(group: Struct, leaves: tuple[Leaf, ...], end: int) -> RowGroup:
    rows, columns = number(group, 3), structs(group, 1)
    if rows < 0 or len(columns) != len(leaves):
        raise FooterError("the columns of a row group differ from the schema")
    return RowGroup(
        rows, tuple(_chunk(column, leaf, rows, end) for column, leaf in zip(columns, leaves, strict=True))
    )


def _chunk(column: Struct, leaf: Leaf, rows: int, end: int) -> Chunk:
    meta = inner(column, 3)
    if meta is None:
        raise FooterError("a column has no metadata, or it is encrypted")
    path = b".".join(name if isinstance(name, bytes) else b"" for name in items(meta, 3))
    if path != leaf.path.encode() or number(meta, 1) != leaf.kind:
        raise FooterError("the name or type of a column differs from the schema")
    statistics, sizes = inner(meta, 12) or {}, inner(meta, 16) or {}
    data, dictionary, counts = number(meta, 9), number(meta, 11, 0), structs(meta, 13)
    # Not the deprecated `max` and `min` (1 and 2): writers order them in different ways.
    greatest, least = (statistics.get(key) for key in (5, 6))
    if not (isinstance(greatest, bytes | None) and isinstance(least, bytes | None)):
        raise FooterError("a column's minimum or maximum is not a value of its type")
    chunk = Chunk(
        leaf,
        start=dictionary if 0 < dictionary < data else data,
        size=number(meta, 7),
        unpacked_bytes=number(meta, 6),
        codec=number(meta, 4),
        values=number(meta, 5),
        encodings=frozenset(each for each in items(meta, 2) if isinstance(each, int)),
        nulls=number(statistics, 3) if 3 in statistics else None,
        text_bytes=number(sizes, 1) if 1 in sizes else None,
        # Page types 0 and 3 are DATA_PAGE and DATA_PAGE_V2.
        data_pages=sum(number(kind, 3) for kind in counts if number(kind, 1) in (0, 3)) if counts else None,
        least=least,
        greatest=greatest,
    )
    if chunk.values < rows or (chunk.values > rows and not leaf.repetitions):
        raise FooterError("the number of values of a column differs from the rows of its row group")
    lies_inside = len(MAGIC) <= chunk.start <= chunk.end <= end
    if chunk.unpacked_bytes < 0 or not (lies_inside or chunk.values == 0):
        raise FooterError("a column is outside the file")
    if chunk.nulls is not None and not 0 <= chunk.nulls <= (chunk.values if leaf.definitions else 0):
        raise FooterError("a column has more nulls than values")
    _check_histograms(sizes, chunk)
    return chunk


def _check_histograms(sizes: Struct, chunk: Chunk) -> None:
    """Check the histograms of levels: with too few or too many counts, pyarrow crashes the process."""
    for key, levels in ((2, chunk.leaf.repetitions), (3, chunk.leaf.definitions)):
        counts = [each for each in items(sizes, key) if isinstance(each, int) and each >= 0]
        if len(counts) < len(items(sizes, key)):
            raise FooterError("a column's levels are not counted")
        if counts and (len(counts) != levels + 1 or sum(counts) != chunk.values):
            raise FooterError("a column's levels do not add up")
        is_flat = key == 3 and counts and not chunk.leaf.repetitions
        if is_flat and chunk.nulls not in (None, chunk.values - counts[-1]):
            raise FooterError("a column has two numbers of nulls")
    if 1 in sizes and chunk.leaf.kind != BYTE_ARRAY:
        raise FooterError("a column of numbers states a length of texts")

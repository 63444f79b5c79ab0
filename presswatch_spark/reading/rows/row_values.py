"""The wanted columns of a Parquet file, and the batches of documents that all datasets of rows fill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import Bytes, DocumentBatch, ReadReport, TextColumn
from presswatch_spark.reading.rows.columns import (
    BROKEN,
    ROLES,
    ColumnNames,
    Path,
    encoded_url,
    first_value,
    has_any,
    paths_inside,
    readable_part,
    why_no_text,
)
from presswatch_spark.reading.rows.lenient_json import encoded
from presswatch_spark.storage.arrow_files import ARROW_ERRORS

T = TypeVar("T")
# Errors of pyarrow for damaged bytes, and of Python for values that it cannot represent.
DAMAGE_ERRORS = (*ARROW_ERRORS, ValueError, ArithmeticError, LookupError)
# A limit for batches of small documents, whose Python objects take more memory than their texts.
DOCUMENTS_AT_ONCE = 1 << 14


_TEXTS = (
    pa.string(), pa.binary(), pa.large_string(), pa.large_binary(), pa.string_view(), pa.binary_view(),
)  # fmt: skip
# The smallest block that a disk loses; no written text has as many zero bytes in a row.
LOST_BLOCK_BYTES = 512


class WrongTypeError(TypeError):
    """The type of a column is not text."""


def text_column(array: pa.Array[Any], name: str) -> TextColumn:
    """Return a view of strings or bytes in any of Arrow's layouts; `WrongTypeError` names the column."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray) and array.storage.type in _TEXTS:
        # JSON has a type of its own.
        array, kind = array.storage, array.storage.type
    if pa.types.is_null(kind):
        return TextColumn.empty(len(array))
    if pa.types.is_dictionary(kind):
        values = text_column(array.dictionary, name)
        if len(values) == 0:
            return TextColumn.empty(len(array))
        # A repeated text is stored once, and may be as long as a file: copy only its offsets.
        places = array.indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
        chosen, null = values.take(places), array.is_null().to_numpy(zero_copy_only=False)
        chosen.ends[null] = chosen.starts[null]
        return chosen
    if kind not in _TEXTS and not pa.types.is_fixed_size_binary(kind):
        raise WrongTypeError(f"column {name} is of type {kind}, not text")
    # This copies offsets, but only the texts of views and of fixed sizes.
    array = pc.cast(array, pa.large_binary())
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return TextColumn.empty(len(array))
    bounds = np.frombuffer(memoryview(offsets)[array.offset * 8 :], np.int64, len(array) + 1)
    starts, ends = bounds[:-1], bounds[1:].copy()
    if array.null_count:
        null = array.is_null().to_numpy(zero_copy_only=False)
        ends[null] = starts[null]
    return TextColumn(
        np.frombuffer(memoryview(data), np.uint8) if data else np.empty(0, np.uint8), starts, ends
    )


def is_text_type(kind: pa.DataType) -> bool:
    """Return True for strings and bytes that `text_column` reads without a copy."""
    return kind in _TEXTS[:4]


def bytes_of(array: pa.Array[Any]) -> int:
    """Return the bytes of all texts, repeated ones counted each time; 0 for a column of another type."""
    if pa.types.is_string(array.type) and len(array):
        # Nulls have length zero in columns that pyarrow decodes, so two offsets give the sum.
        ends = memoryview(array.buffers()[1]).cast("B").cast("i")
        return int(ends[array.offset + len(array)] - ends[array.offset])
    try:
        texts = text_column(array, "")
    except WrongTypeError:
        return 0
    return int(texts.sizes.sum())


def lost_blocks(texts: TextColumn) -> Iterator[tuple[int, int]]:
    """Yield the first row and the size of each run of at least `LOST_BLOCK_BYTES` zero bytes in texts.

    Such a run contains a mark: a zero among the bytes at multiples of `LOST_BLOCK_BYTES`.
    """
    kept = np.flatnonzero(texts.ends > texts.starts)
    if not len(kept):
        return
    begin, end = int(texts.starts[kept].min()), int(texts.ends[kept].max())
    reached = begin
    for mark in (
        np.flatnonzero(texts.data[begin:end:LOST_BLOCK_BYTES] == 0) * LOST_BLOCK_BYTES + begin
    ).tolist():
        if mark < reached:
            continue
        # One block to the left is enough: a run that begins further left contains an earlier mark.
        first = mark - _zeros(texts.data[max(reached, mark - LOST_BLOCK_BYTES) : mark][::-1])
        reached = mark + _zeros(texts.data[mark:end])
        if reached - first >= LOST_BLOCK_BYTES:
            rows = kept[(texts.starts[kept] < reached) & (texts.ends[kept] > first)]
            if len(rows):
                yield int(rows.min()), reached - first


def _zeros(data: Bytes) -> int:
    for at in range(0, len(data), LOST_BLOCK_BYTES):
        if len(others := np.flatnonzero(data[at : at + LOST_BLOCK_BYTES])):
            return at + int(others[0])
    return len(data)


class BatchBuilder(Generic[T]):
    """Collects documents, each with its place, which `locate` turns into a locator."""

    def __init__(self, report: ReadReport, locate: Callable[[T], Locator]) -> None:
        self._report = report
        self._locate = locate
        self._texts: list[bytes] = []
        self._urls: list[bytes] = []
        self._places: list[T] = []
        self._text_bytes = self._read_bytes = 0

    def add(self, text: bytes, url: bytes, place: T, read_bytes: int) -> None:
        """Add a document that took `read_bytes` of the shard."""
        self._texts.append(text)
        self._urls.append(url)
        self._places.append(place)
        self._text_bytes += len(text)
        self._read_bytes += read_bytes

    def taken(self, batch_bytes: int = 0) -> Sequence[DocumentBatch]:
        """Return the documents so far as a batch, and begin the next; nothing if they are too few for one."""
        is_full = self._read_bytes >= batch_bytes or self._text_bytes >= batch_bytes
        if not (self._places and (is_full or len(self._places) >= DOCUMENTS_AT_ONCE)):
            return ()
        texts, urls = TextColumn.joined(self._texts), TextColumn.joined(self._urls)
        places, locate = self._places, self._locate
        self._report.documents += len(places)
        self._report.text_bytes += self._text_bytes
        self._texts, self._urls, self._places = [], [], []
        self._text_bytes = self._read_bytes = 0
        return (DocumentBatch(texts, urls, lambda i: locate(places[i])),)


# A longer list in a column, such as of languages, is read as None. Lists in JSON strings have no such limit.
LONGEST_LIST = 1_000


@dataclass(frozen=True, slots=True)
class ChosenColumns:
    """By role: `names`, the dotted name of its column; `inside`, paths in columns of JSON strings to try."""

    names: dict[str, str]
    inside: dict[str, tuple[Path, ...]]

    def __contains__(self, role: str) -> bool:
        return role in self.names or role in self.inside

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns to be read."""
        return frozenset().union(*map(self.columns_of, {*self.names, *self.inside}))

    def columns_of(self, role: str) -> frozenset[str]:
        """Return the columns with a role's values, or with the JSON strings that contain them."""
        if role in self.names:
            return frozenset({self.names[role]})
        return frozenset(column for column, *_ in self.inside.get(role, ()))


def choose(columns: ColumnNames, available: Collection[str], is_text: Callable[[str], bool]) -> ChosenColumns:
    """Choose for each role its own column among the `available` dotted names, else paths into JSON strings.

    A column for which `is_text(name)` is true may contain JSON.
    """
    own = {role: [name for name in columns.get(role, ()) if name in available] for role in ROLES}
    names = {role: found[0] for role, found in own.items() if found}
    paths = {role: paths_inside(columns.get(role, ()), available) for role in ROLES if role not in names}
    in_text = {role: tuple(path for path in tried if is_text(path[0])) for role, tried in paths.items()}
    return ChosenColumns(names, {role: found for role, found in in_text.items() if found})


class RowValues:
    """The values of a record batch's rows by role. `defective`: reported rows whose text cannot be read."""

    def __init__(
        self, record_batch: pa.RecordBatch, chosen: ChosenColumns, report: ReadReport, first_row: int
    ) -> None:
        self.rows = record_batch.num_rows
        self.defective = 0
        self._columns = {role: column_at(record_batch, name) for role, name in chosen.names.items()}
        self._chosen = chosen
        self._report = report
        self._first_row = first_row
        self._strings_of = lru_cache(lambda name: text_column(column_at(record_batch, name), name))

    def text(self, role: str) -> TextColumn:
        """Return the texts of a role, empty where there are none."""
        if role in self._columns:
            return text_column(self._columns[role], self._chosen.names[role])
        if role not in self._chosen:
            return TextColumn.empty(self.rows)
        return TextColumn.joined(
            [self._encoded(role, row, value) for row, value in enumerate(self.all(role))]
        )

    def all(self, role: str) -> list[Any]:
        """Return the values of a role, `BROKEN` for broken JSON."""
        return [self._value(role, row) for row in range(self.rows)]

    def value(self, role: str, row: int) -> Any:
        """Return one value of a role; None if there is none, or it cannot be read."""
        value = self._value(role, row) if role in self._chosen else None
        return None if value is BROKEN else value

    def has_any(self, role: str) -> bool:
        """Return True if the JSON strings of any row have a field for a role, even if it is null."""
        return any(has_any(*self._json_strings(role, row)) for row in range(self.rows))

    def _value(self, role: str, row: int) -> Any:
        if role in self._columns:
            return _cell(self._columns[role], row)
        value = first_value(*self._json_strings(role, row))
        return value if value is BROKEN else readable_part(value)

    def _json_strings(self, role: str, row: int) -> tuple[dict[str, Any], tuple[Path, ...]]:
        # A row's JSON strings by column, and the paths in them at which a role's value may be.
        places = self._chosen.inside[role]
        strings = {place[0]: self._strings_of(place[0]) for place in places}
        return {name: texts[row].tobytes() for name, texts in strings.items()}, places

    def _encoded(self, role: str, row: int, value: Any) -> bytes:
        if role == "url":
            return encoded_url(value, self._report, self._first_row + row, "row")
        if value is None or isinstance(value, str):
            return encoded(value or "")
        self.defective += 1
        self._report.add_defect(why_no_text(value), self._first_row + row, "row")
        return b""


def column_at(record_batch: pa.RecordBatch, name: str) -> pa.Array[Any]:
    """Return the column of a dotted name; its value is null where an enclosing struct is."""
    if record_batch.schema.get_all_field_indices(name):
        return record_batch.column(name)
    head, *rest = name.split(".")
    column = record_batch.column(head)
    for part in rest:
        column = pc.struct_field(column, [part])
    return column


def is_text(schema: pa.Schema, name: str) -> bool:
    """Return True if the column of a dotted name contains text."""
    try:
        text_column(column_at(pa.RecordBatch.from_pylist([], schema), name), name)
    except (WrongTypeError, pa.ArrowException):
        return False
    return True


def _cell(column: pa.Array[Any], row: int) -> Any:
    # None for a long list, or if Python cannot represent the value (a time after 9999).
    try:
        value = column[row]
        if isinstance(value, pa.ListScalar) and value.is_valid and len(value) > LONGEST_LIST:
            return None
        return value.as_py()
    except DAMAGE_ERRORS:
        return None

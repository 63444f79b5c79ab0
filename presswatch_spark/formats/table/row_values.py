"""The wanted columns of a Parquet file, and the values of its rows by role."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.formats.table.arrow_text import (
    DAMAGE_ERRORS,
    TextColumn,
    WrongTypeError,
    joined,
    text_column,
)
from presswatch_spark.formats.table.columns import (
    BROKEN,
    ROLES,
    ColumnNames,
    Path,
    encoded_url,
    first,
    has_any,
    inside,
    json_object,
    leading_on,
    pruned,
    tree_of,
    unfold,
    why_no_text,
)
from presswatch_spark.formats.table.json_text import encoded
from presswatch_spark.model import ReadReport

# A longer list in a row, such as of languages, is left out.
LONGEST_LIST = 1_000


@dataclass(frozen=True, slots=True)
class ChosenColumns:
    """By role: the dotted name of a column, or where in columns of JSON strings it may be (see `inside`)."""

    names: dict[str, str]
    inside: dict[str, tuple[Path, ...]]

    def __contains__(self, role: str) -> bool:
        return role in self.names or role in self.inside

    @property
    def columns(self) -> frozenset[str]:
        """Return the columns to be read."""
        return frozenset().union(*map(self.columns_of, {*self.names, *self.inside}))

    def columns_of(self, role: str) -> frozenset[str]:
        """Return the columns that hold a role's values, or the strings that these are in."""
        if role in self.names:
            return frozenset({self.names[role]})
        return frozenset(column for column, *_ in self.inside.get(role, ()))


def choose(columns: ColumnNames, available: Collection[str], is_text: Callable[[str], bool]) -> ChosenColumns:
    """Choose among the dotted names that are `available`; a column that `is_text` may hold JSON.

    A column of its own comes before anything inside of strings.
    """
    names = columns.chosen(available)
    led = {role: inside(columns.names.get(role, ()), available) for role in ROLES if role not in names}
    read = {role: tuple(place for place in places if is_text(place[0])) for role, places in led.items()}
    return ChosenColumns(names, {role: places for role, places in read.items() if places})


class RowValues:
    """The values of a record batch's rows by role: in columns of their own, or inside of JSON strings.

    `defective` counts rows whose text cannot be read; each is a defect.
    """

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
        paths: dict[str, list[Path]] = {}
        for column, *path in chain.from_iterable(chosen.inside.values()):
            paths.setdefault(column, []).append(tuple(path))
        # What names lead through in a column's JSON, and what they lead to.
        self._trees = {column: (leading_on(below), tree_of(below)) for column, below in paths.items()}
        self._opened: dict[str, list[Any]] = {}

    def text(self, role: str) -> TextColumn:
        """Return the texts of a role, empty where there are none."""
        if role in self._columns:
            return text_column(self._columns[role], self._chosen.names[role])
        if role not in self._chosen:
            return TextColumn.empty(self.rows)
        return joined([self._encoded(role, row, value) for row, value in enumerate(self.all(role))])

    def all(self, role: str) -> list[Any]:
        """Return the values of a role."""
        if role in self._columns:
            return [_value(self._columns[role], row) for row in range(self.rows)]
        places = self._chosen.inside[role]
        columns = {place[0] for place in places}
        for column in columns - self._opened.keys():
            self._opened[column] = [self._open(column, row) for row in range(self.rows)]
        return [
            first({name: self._opened[name][row] for name in columns}, places) for row in range(self.rows)
        ]

    def value(self, role: str, row: int) -> Any:
        """Return one value of a role; None if there is none, or it cannot be read."""
        if role in self._columns:
            return _value(self._columns[role], row)
        value = first(*self._held(role, row)) if role in self._chosen else None
        return None if value is BROKEN else value

    def has_any(self, role: str) -> bool:
        """Return True if the JSON strings of any row have a field for a role, even if it is null."""
        return any(has_any(*self._held(role, row)) for row in range(self.rows))

    def _held(self, role: str, row: int) -> tuple[dict[str, Any], tuple[Path, ...]]:
        """Return the content of a row's strings, by column, and where in it a role's value may be."""
        places = self._chosen.inside[role]
        return {place[0]: self._open(place[0], row) for place in places}, places

    def _open(self, column: str, row: int) -> Any:
        strings = self._strings_of(column)
        line = strings.data[strings.starts[row] : strings.ends[row]].tobytes()
        value = json_object(line) if line else None
        if not isinstance(value, dict):
            return value
        through, wanted = self._trees[column]
        unfold(value, through)
        return pruned(value, wanted)

    def _encoded(self, role: str, row: int, value: Any) -> bytes:
        if role == "url":
            return encoded_url(value, self._report, self._first_row + row, "row")
        if value is None or isinstance(value, str):
            return encoded(value or "")
        self.defective += 1
        self._report.add_defect(why_no_text(value), self._first_row + row, "row")
        return b""


def column_at(record_batch: pa.RecordBatch, name: str) -> pa.Array[Any]:
    """Return the column of a dotted name; a row is null where a struct around it is."""
    if record_batch.schema.get_all_field_indices(name):
        return record_batch.column(name)
    head, *rest = name.split(".")
    column = record_batch.column(head)
    for part in rest:
        column = pc.struct_field(column, [part])
    return column


def is_text(schema: pa.Schema, name: str) -> bool:
    """Return True if the column of a dotted name holds text."""
    try:
        text_column(column_at(pa.RecordBatch.from_pylist([], schema), name), name)
    except (WrongTypeError, pa.ArrowException):
        return False
    return True


def _value(column: pa.Array[Any], row: int) -> Any:
    """Return a value as Python has it; None if it has no such (a time after 9999), or for a long list."""
    try:
        value = column[row]
        if isinstance(value, pa.ListScalar) and value.is_valid and len(value) > LONGEST_LIST:
            return None
        return value.as_py()
    except DAMAGE_ERRORS:
        return None

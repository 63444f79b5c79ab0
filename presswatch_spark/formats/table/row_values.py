"""The values of a Parquet batch's rows by what they are wanted for, wherever the file has them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.formats.table.arrow_text import TextColumn, WrongTypeError, text_column
from presswatch_spark.formats.table.chosen import Chosen
from presswatch_spark.formats.table.columns import BROKEN
from presswatch_spark.formats.table.json_strings import BROKEN_TEXT, BROKEN_URL, JsonStrings, joined
from presswatch_spark.formats.table.json_text import encoded
from presswatch_spark.formats.table.opening import DAMAGE_ERRORS
from presswatch_spark.formats.table.values import kind
from presswatch_spark.model import ReadReport

# Of a list in a row, such as its languages; of more than these nothing is told.
LONGEST_LIST = 1_000


class RowValues:
    """What the rows of a record batch hold, by role: in columns of their own, or inside of JSON strings.

    `defective` counts rows whose text is there and cannot be read; each is a defect.
    """

    def __init__(
        self, record_batch: pa.RecordBatch, chosen: Chosen, report: ReadReport, first_row: int
    ) -> None:
        self.rows = record_batch.num_rows
        self.defective = 0
        self._columns = {role: column_at(record_batch, name) for role, name in chosen.names.items()}
        self._chosen = chosen
        self._report = report
        self._first_row = first_row
        self._strings = JsonStrings(
            lambda name: text_column(column_at(record_batch, name), name), chosen.inside
        )

    def text(self, role: str) -> TextColumn:
        """The texts of a role, empty where there are none."""
        if role in self._columns:
            return text_column(self._columns[role], self._chosen.names[role])
        if role not in self._chosen:
            return TextColumn.empty(self.rows)
        return joined([self._encoded(role, row, value) for row, value in enumerate(self.all(role))])

    def all(self, role: str) -> list[Any]:
        """The values of a role."""
        if role in self._columns:
            return [_value(self._columns[role], row) for row in range(self.rows)]
        return self._strings.values(self._chosen.inside[role], self.rows)

    def value(self, role: str, row: int) -> Any:
        """One value of a role; None if there is none, or it cannot be read."""
        if role in self._columns:
            return _value(self._columns[role], row)
        value = self._strings.value(self._chosen.inside[role], row) if role in self._chosen else None
        return None if value is BROKEN else value

    def has_any(self, role: str) -> bool:
        """Whether the JSON strings of any row have a field for a role."""
        return self._strings.has_any(self._chosen.inside[role], self.rows)

    def _encoded(self, role: str, row: int, value: Any) -> bytes:
        """A value in UTF-8; one that should be text and is not is told, and empty."""
        if value is None or isinstance(value, str):
            return encoded(value or "")
        if role == "text":
            what = BROKEN_TEXT if value is BROKEN else f"text is a {kind(value)}, not a string; not read"
            self.defective += 1
            self._report.add_defect(what, self._first_row + row, "row")
        elif value is BROKEN:
            self._report.add_note(BROKEN_URL)
        else:
            what = f"URL is a {kind(value)}, not a string; read without URL"
            self._report.add_defect(what, self._first_row + row, "row")
        return b""


def column_at(record_batch: pa.RecordBatch, name: str) -> pa.Array[Any]:
    """The column of a dotted name; a row is null where a struct around it is."""
    if record_batch.schema.get_all_field_indices(name):
        return record_batch.column(name)
    head, *rest = name.split(".")
    column = record_batch.column(head)
    for part in rest:
        column = pc.struct_field(column, [part])
    return column


def is_text(schema: pa.Schema, name: str) -> bool:
    """Whether the column of a dotted name holds text."""
    try:
        text_column(column_at(pa.RecordBatch.from_pylist([], schema), name), name)
    except (WrongTypeError, pa.ArrowException):
        return False
    return True


def _value(column: pa.Array[Any], row: int) -> Any:
    """A value as Python has it; None for one that it cannot hold, such as a time after the year 9999,
    and for a list longer than `LONGEST_LIST`.
    """
    try:
        value = column[row]
        if isinstance(value, pa.ListScalar) and value.is_valid and len(value) > LONGEST_LIST:
            return None
        return value.as_py()
    except DAMAGE_ERRORS:
        return None

"""Typed rows: a class declares a table, one line per column; schema and reference are derived from it::

    class Metric(TableRow):
        labels: str | None = column("What the value refers to; null if the metric has one value.")
        shards: Int32 = column("Shards that it counts.")

The class is a frozen dataclass, and `Metric.schema` is the Arrow schema. A column is nullable if its
annotation allows None. `Annotated` names another Arrow type than the usual one.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self, dataclass_transform

import pyarrow as pa

UTC_MICROS = pa.timestamp("us", tz="UTC")

Int32 = Annotated[int, pa.int32()]
UInt64 = Annotated[int, pa.uint64()]

ARROW_TYPES: Mapping[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: UTC_MICROS,
}


@dataclass(frozen=True, slots=True)
class _DeclaredColumn:
    meaning: str | type[TableRow]


def column(meaning: str | type[TableRow]) -> Any:
    """Declare a column by its meaning, or by a class whose column of the same name has that meaning."""
    return _DeclaredColumn(meaning)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(column,))
class TableRow:
    """A row of a table. Each subclass declares the columns of one table, in their order."""

    # `schema` has the meaning of each column as metadata; `float_columns` includes nested floats.
    schema: ClassVar[pa.Schema]
    columns: ClassVar[tuple[str, ...]]
    float_columns: ClassVar[tuple[str, ...]]

    if typing.TYPE_CHECKING:
        # For `dataclasses.replace`: type checkers do not derive it for classes of `dataclass_transform`.
        __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        """Make the class a dataclass, and its columns a schema."""
        annotations = typing.get_type_hints(cls, include_extras=True)
        fields = list[pa.Field]()
        for name, declared in vars(cls).items():
            if not isinstance(declared, _DeclaredColumn):
                continue
            kind, nullable = _arrow_type(annotations[name])
            if isinstance(declared.meaning, str):
                fields.append(pa.field(name, kind, nullable, {"meaning": declared.meaning}))
                continue
            same, of = declared.meaning.schema.field(name), declared.meaning.__name__
            if (same.type, same.nullable) != (kind, nullable):
                raise TypeError(f"{name} is declared as {annotations[name]}, and is {same} in {of}")
            fields.append(same)
        cls.schema = pa.schema(fields)
        cls.columns = tuple(cls.schema.names)
        cls.float_columns = tuple(each.name for each in cls.schema if _has_floats(each.type))
        for name in cls.columns:
            delattr(cls, name)
        dataclass(frozen=True, kw_only=True, init=False)(cls)
        for each in cls.schema:
            if each.nullable:
                # The value in rows that an older version wrote without this column; see `from_batches`.
                setattr(cls, each.name, None)

    def __init__(self, **columns: Any) -> None:
        # A frozen dataclass sets each attribute by a call: for 68 columns, that takes thirty times as long.
        if tuple(columns) != self.columns:
            if wrong := columns.keys() ^ set(self.columns):
                raise TypeError(
                    f"{type(self).__name__} takes each of its columns once: {', '.join(sorted(wrong))}"
                )
            columns = {name: columns[name] for name in self.columns}
        object.__setattr__(self, "__dict__", columns)

    @classmethod
    def from_batches(cls, batches: pa.Table | Iterable[pa.RecordBatch]) -> Iterator[Self]:
        """Yield the rows of a table or of batches in order; a list arrives as list, a struct as dictionary.

        A nullable column that the batches lack is None, and not in `as_dict`; `KeyError` for another one.
        """
        for batch in batches.to_batches() if isinstance(batches, pa.Table) else batches:
            there = set(batch.schema.names)
            names = [each.name for each in cls.schema if each.name in there or not each.nullable]
            for values in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                yield cls._of(dict(zip(names, values, strict=True)))

    @classmethod
    def from_dict(cls, columns: Mapping[str, Any]) -> Self:
        """Return the row with these columns; see `from_batches` for missing ones."""
        return cls._of(dict(columns))

    @classmethod
    def to_batch(cls, rows: Sequence[Self], schema: pa.Schema | None = None) -> pa.RecordBatch:
        """Return rows as an Arrow batch; `schema`: the columns to write, if not all."""
        return pa.RecordBatch.from_pylist([vars(row) for row in rows], schema or cls.schema)

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name, in the order of the table."""
        return dict(vars(self))

    def with_columns(self, **changes: Any) -> Self:
        """Return the row with other values in some columns."""
        return self._of(vars(self) | changes)

    @classmethod
    def _of(cls, columns: dict[str, Any]) -> Self:
        row = cls.__new__(cls)
        object.__setattr__(row, "__dict__", columns)
        return row


def struct_of(fields: type) -> pa.StructType:
    """Return the Arrow type of a struct from its `TypedDict`; its fields are nullable."""
    annotations = typing.get_type_hints(fields, include_extras=True)
    return pa.struct([(name, _arrow_type(each)[0]) for name, each in annotations.items()])


def struct_like(table: type[TableRow], *names: str) -> pa.StructType:
    """Return the Arrow type of a struct with the columns `names` of a table; its fields are nullable."""
    return pa.struct([(name, table.schema.field(name).type) for name in names])


def _has_floats(kind: pa.DataType) -> bool:
    inner = (kind.field(i).type for i in range(kind.num_fields))
    return pa.types.is_floating(kind) or any(map(_has_floats, inner))


def _arrow_type(annotation: Any) -> tuple[pa.DataType, bool]:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        (kept,) = (each for each in args if each is not types.NoneType)
        return _arrow_type(kept)[0], True
    if origin is Annotated:
        return args[1], False
    if origin is Literal:
        return pa.string(), False
    if origin is Sequence:
        return pa.list_(_arrow_type(args[0])[0]), False
    if typing.is_typeddict(annotation):
        return struct_of(annotation), False
    return ARROW_TYPES[annotation], False

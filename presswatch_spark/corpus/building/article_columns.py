"""What an article file's row is to those who examine it: values under our names, or why there are none."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.errors import InputError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row, or a value of one, that is there but cannot be read; `detail` says why, without its text."""

    detail: str


Row = Mapping[str, Any] | Unreadable


@dataclass(frozen=True, slots=True)
class Columns:
    """Where our columns are: `names` maps ours to theirs; a dot in theirs reaches into a nested field.

    A file that lacks one of the `required` columns (ours) is an error: the mapping is wrong, not a row.
    """

    names: Mapping[str, str]
    required: frozenset[str]

    def take(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row's values under our names; None where it has none."""
        return {
            ours: _lookup(row, theirs) if "." in theirs else row.get(theirs)
            for ours, theirs in self.names.items()
        }

    def check(self, present: Sequence[str], where: str, fields: Collection[str] = ()) -> None:
        """Raise `InputError` unless every required column is among the file's, and none is there twice.

        Args:
            present: the file's columns.
            fields: dotted names of what they hold, as far as that is asked for.
        """
        there = {*present, *fields}
        missing = [f"`{name}`" for ours in sorted(self.required) if (name := self.names[ours]) not in there]
        top = {ours: theirs if theirs in present else outer(theirs) for ours, theirs in self.names.items()}
        if missing:
            raise InputError(
                f"there is no column {', '.join(missing)};"
                f" the columns are {', '.join(sorted(present)) or 'none'}",
                where=where,
                remedy="map names with --columns ours=theirs",
            )
        repeated = [name for name in top.values() if present.count(name) > 1]
        if repeated:
            raise InputError(
                f"column `{min(repeated)}` is there twice", where=where, remedy="rename one of them"
            )


def outer(name: str) -> str:
    """The column that a dotted name reaches into."""
    return name.partition(".")[0]


def holds(row: Mapping[str, Any], name: str) -> bool:
    """Whether a row has the field that a dotted name leads to, be it null."""
    if name in row or "." not in name:
        return name in row
    first, _, inner = name.partition(".")
    nested = row.get(first)
    return isinstance(nested, Unreadable) or (isinstance(nested, Mapping) and holds(nested, inner))


def _lookup(row: Mapping[str, Any], name: str) -> Any:
    if name in row or "." not in name:
        return row.get(name)
    first, _, inner = name.partition(".")
    nested = row.get(first)
    if isinstance(nested, Unreadable):
        return nested
    return _lookup(nested, inner) if isinstance(nested, Mapping) else None

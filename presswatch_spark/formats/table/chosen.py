"""What of a Parquet file's columns holds each thing that is wanted of its rows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from presswatch_spark.formats.table.columns import ROLES, Columns
from presswatch_spark.formats.table.json_strings import Inside, inside


@dataclass(frozen=True, slots=True)
class Chosen:
    """By role: the dotted name of a column, or where in columns of JSON strings it may be."""

    names: dict[str, str]
    inside: dict[str, tuple[Inside, ...]]

    def __contains__(self, role: str) -> bool:
        return role in self.names or role in self.inside

    @property
    def columns(self) -> frozenset[str]:
        """The columns to be read."""
        return frozenset().union(*map(self.columns_of, {*self.names, *self.inside}))

    def columns_of(self, role: str) -> frozenset[str]:
        """The columns that hold a role's values, or strings that they are in."""
        if role in self.names:
            return frozenset({self.names[role]})
        return frozenset(place.column for place in self.inside.get(role, ()))


def choose(columns: Columns, available: Collection[str], is_text: Callable[[str], bool]) -> Chosen:
    """Choose among the dotted names that are `available`; what `is_text` may hold JSON.

    A column of its own comes before anything inside of strings.
    """
    names = columns.chosen(available)
    led = {role: inside(columns.names.get(role, ()), available) for role in ROLES if role not in names}
    read = {role: tuple(place for place in places if is_text(place.column)) for role, places in led.items()}
    return Chosen(names, {role: places for role, places in read.items() if places})

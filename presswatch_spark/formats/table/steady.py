"""Fields that all rows of a shard have: a row without one may be made of parts of two.

No checksum vouches for plain JSON Lines. A deletion that joins two rows, and copied bytes that split one,
nearly always leave a row without some field. Writers leave fields out, too: Spark those that are null. So a
field counts as steady only while very few rows lack it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from presswatch_spark.formats.table.columns import Path, Tree

# A field is optional once so many rows lack it, which must be more than one in `ROWS_FOR_ONE`.
FEW = 3
ROWS_FOR_ONE = 1_000
# Of so few rows nobody can tell what they have in common.
LEAST_ROWS = 5


@dataclass(frozen=True, slots=True)
class Lack:
    """A field that `rows` rows lack and nearly all have; `first`: the first of them, by index."""

    field: Path
    rows: int
    first: int


class SteadyFields:
    """The fields that the rows of a shard have, as they come; `tree` leads to those that are asked for."""

    def __init__(self, tree: Tree) -> None:
        self.rows = 0
        self._tree = tree
        # Of the last row that had all fields, if what it holds is told by its names.
        self._usual: tuple[str, ...] | None = None
        self._first_row = 0
        self._lacking: dict[Path, int] = {}
        self._first_lacking: dict[Path, int] = {}

    def add(self, index: int, row: dict[str, Any]) -> bool:
        """Take a row, and return whether it lacks a field that nearly all before it have."""
        names = tuple(row)
        if names == self._usual:
            self.rows += 1
            return False
        if not self.rows:
            self._first_row = index
        fields, closed = set[Path](), set[Path]()
        _look(row, self._tree, fields, closed)
        for field in fields - self._lacking.keys():
            self._lacking[field] = self.rows
            self._first_lacking[field] = self._first_row
        missing = self._lacking.keys() - fields
        if closed:
            missing = {field for field in missing if not any(field[: len(path)] == path for path in closed)}
        is_odd = any(self._is_steady(field) for field in missing)
        for field in missing:
            if not self._lacking[field]:
                self._first_lacking[field] = index
            self._lacking[field] += 1
        self.rows += 1
        is_flat = not any(self._tree.get(name) for name in names)
        self._usual = names if is_flat and not missing else None
        return is_odd

    @property
    def first_is_odd(self) -> bool:
        """Whether the first of two rows lacks a field that the second has."""
        return self.rows == 2 and any(
            count == 1 and self._first_lacking[field] == self._first_row
            for field, count in self._lacking.items()
        )

    def lacks(self) -> Iterator[Lack]:
        """The steady fields that some rows lack, of all rows; none within a field that is one."""
        few = {
            field: count
            for field, count in self._lacking.items()
            if count and count * LEAST_ROWS <= self.rows and self._is_steady(field)
        }
        for field, count in sorted(few.items()):
            if not any(field[:k] in few for k in range(1, len(field))):
                yield Lack(field, count, self._first_lacking[field])

    def _is_steady(self, field: Path) -> bool:
        lacking = self._lacking[field]
        return 2 * lacking < self.rows and (lacking < FEW or lacking * ROWS_FOR_ONE < self.rows)


def _look(row: dict[str, Any], tree: Tree, fields: set[Path], closed: set[Path], above: Path = ()) -> None:
    """Collect a row's fields that `tree` leads to; `closed`: those that lead on, and hold no fields."""
    for key in row.keys() & tree.keys():
        path, value, below = (*above, key), row[key], tree[key]
        fields.add(path)
        if isinstance(value, dict):
            _look(value, below, fields, closed, path)
        elif below:
            closed.add(path)

"""Which rows without a checksum are in doubt: those that lack a field that others have, and their neighbours.

No checksum vouches for plain JSON Lines. A deletion that joins two rows, and copied bytes that split one,
nearly always leave a row without some field. Writers leave fields out, too: Spark those that are null. So a
field counts as steady only while very few rows lack it. Damage to one line may reach into the next: lines are
held until those beside them are known.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from presswatch_spark.formats.table.columns import Path, Tree

T = TypeVar("T")

# The line beside, and one more: what is cut is the last line, and harms no other.
HELD = 2

# A field is optional once so many rows lack it, which must be more than one in `ROWS_FOR_ONE`.
FEW = 3
ROWS_FOR_ONE = 1_000
# Of so few rows nobody can tell what they have in common.
LEAST_ROWS = 5


class Ending:
    """Passes chunks on, and knows how the last one ends."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._end = b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._end = chunk[-1:] or self._end
            yield chunk

    @property
    def was_cut(self) -> bool:
        """Whether the last line ends neither as a line nor as an object."""
        return self._end != b"}" and not self._end.isspace()


@dataclass(slots=True)
class _Line(Generic[T]):
    index: int
    item: T | None
    is_odd: bool


class DoubtfulLines(Generic[T]):
    """Passes lines on, in order, and says which are in doubt: odd ones, and those beside an odd one.

    `settled`: the index of the last line that was passed on.
    """

    def __init__(self) -> None:
        self.settled = -1
        self._held: deque[_Line[T]] = deque()
        self._was_odd = False

    def add(self, index: int, item: T | None, is_odd: bool) -> Iterator[tuple[T | None, bool]]:
        """Take a line, and yield those that it settles, each with whether it is in doubt."""
        self._held.append(_Line(index, item, is_odd))
        while len(self._held) > HELD:
            yield self._next()

    def doubt_held(self) -> None:
        """Make odd ones of all lines that are held."""
        for line in self._held:
            line.is_odd = True

    def rest(self, was_cut: bool) -> Iterator[tuple[T | None, bool]]:
        """Yield what is held. `was_cut`: the last line has no end, so it is no row, and harms none."""
        if was_cut and self._held:
            self._held[-1].is_odd = False
        while self._held:
            yield self._next()

    def _next(self) -> tuple[T | None, bool]:
        line = self._held.popleft()
        in_doubt = line.is_odd or self._was_odd or bool(self._held and self._held[0].is_odd)
        self._was_odd, self.settled = line.is_odd, line.index
        return line.item, in_doubt


class SteadyFields:
    """Follows which fields the rows of a shard have; `tree` leads to those that are asked for."""

    def __init__(self, tree: Tree) -> None:
        self.rows = 0
        self._tree = tree
        # The names of the last row that had all fields, if they say all that it holds.
        self._usual: tuple[str, ...] | None = None
        self._first_row = 0
        self._lacking: dict[Path, int] = {}
        self._first_lacking: dict[Path, int] = {}

    def add(self, index: int, row: dict[str, Any]) -> bool:
        """Take a row; return whether it lacks a field that nearly all before it have."""
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

    def lacks(self) -> Iterator[tuple[Path, int, int]]:
        """Yield fields that nearly all rows have, how many lack them, and the index of the first that does.

        None lies within a field that is yielded.
        """
        few = {
            field: count
            for field, count in self._lacking.items()
            if count and count * LEAST_ROWS <= self.rows and self._is_steady(field)
        }
        for field, count in sorted(few.items()):
            if not any(field[:k] in few for k in range(1, len(field))):
                yield field, count, self._first_lacking[field]

    def _is_steady(self, field: Path) -> bool:
        lacking = self._lacking[field]
        return 2 * lacking < self.rows and (lacking < FEW or lacking * ROWS_FOR_ONE < self.rows)


def _look(row: dict[str, Any], tree: Tree, fields: set[Path], closed: set[Path], above: Path = ()) -> None:
    """Collect a row's fields that `tree` leads to; `closed`: those that should hold fields, and do not."""
    for key in row.keys() & tree.keys():
        path, value, below = (*above, key), row[key], tree[key]
        fields.add(path)
        if isinstance(value, dict):
            _look(value, below, fields, closed, path)
        elif below:
            closed.add(path)

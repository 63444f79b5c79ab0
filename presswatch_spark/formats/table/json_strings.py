"""Opens JSON objects that stand as strings in a column, `{"meta": "{\\"url\\": …}"}`, where a name leads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from presswatch_spark.formats.table.arrow_text import TextColumn
from presswatch_spark.formats.table.columns import BROKEN, Path, Tree, first, has_any, pruned, tree_of
from presswatch_spark.formats.table.json_text import encoded, parse

BROKEN_TEXT = "the string that should hold the text in JSON cannot be read; not read"
BROKEN_URL = "strings that should hold the URL in JSON cannot be read: those documents have no known URL"


@dataclass(frozen=True, slots=True)
class Inside:
    """Where a value is in the JSON strings of a Parquet column: the column's dotted name, and the path on."""

    column: str
    path: Path


def opened(text: str | bytes) -> Any:
    """Return the JSON object that a string holds; `BROKEN` if it holds none that can be read."""
    line = encoded(text) if isinstance(text, str) else text
    if not line.lstrip().startswith(b"{"):
        return BROKEN
    try:
        found = parse(line)
    except ValueError:
        return BROKEN
    return found if isinstance(found, dict) else BROKEN


def unfold(row: dict[str, Any], strings: Tree) -> None:
    """Replace strings that names lead through (see `leading_on`) by the objects that they hold."""
    for key, below in strings.items():
        value = row.get(key)
        if isinstance(value, str) and value:
            value = row[key] = opened(value)
        if below and isinstance(value, dict):
            unfold(value, below)


def leading_on(paths: Iterable[Path]) -> Tree:
    """Return what `paths` lead through, as a tree; nothing below a column that is asked for itself."""
    asked = frozenset(paths)
    below = (path for path in asked if not any(path[:k] in asked for k in range(1, len(path))))
    return tree_of(path[:-1] for path in sorted(below))


def inside(names: Iterable[str], available: Collection[str]) -> tuple[Inside, ...]:
    """Return the dotted `names` that lead on below one of the columns `available`, in their order."""
    found = []
    for name in names:
        parts = name.split(".")
        columns = ((".".join(parts[:k]), tuple(parts[k:])) for k in range(1, len(parts)))
        found += [Inside(column, path) for column, path in columns if column in available]
    return tuple(found)


class JsonStrings:
    """The JSON strings of a record batch; each is cut down to what names lead to.

    Args:
        text_of: gives the strings of a column.
        wanted: what is asked for, by role.
    """

    def __init__(
        self, text_of: Callable[[str], TextColumn], wanted: Mapping[str, tuple[Inside, ...]]
    ) -> None:
        self._text_of = lru_cache(text_of)
        paths: dict[str, list[Path]] = {}
        for place in chain.from_iterable(wanted.values()):
            paths.setdefault(place.column, []).append(place.path)
        self._trees = {column: (leading_on(below), tree_of(below)) for column, below in paths.items()}
        self._opened: dict[str, list[Any]] = {}

    def values(self, places: tuple[Inside, ...], rows: int) -> list[Any]:
        """Return the first value of each row at one of `places`, as `first` does in JSONL."""
        for column in {place.column for place in places} - self._opened.keys():
            self._opened[column] = [self._open(column, row) for row in range(rows)]
        return [self.value(places, row) for row in range(rows)]

    def value(self, places: tuple[Inside, ...], row: int) -> Any:
        """Return the same of one row: only its strings are opened."""
        found = None
        for place in places:
            known = self._opened.get(place.column)
            value = first(self._open(place.column, row) if known is None else known[row], (place.path,))
            if value is BROKEN:
                found = value
            elif value is not None:
                return value
        return found

    def has_any(self, places: tuple[Inside, ...], rows: int) -> bool:
        """Whether there is a field at one of `places` in any row, be it null."""
        return any(
            has_any(self._open(place.column, row), (place.path,)) for row in range(rows) for place in places
        )

    def _open(self, column: str, row: int) -> Any:
        strings = self._text_of(column)
        line = strings.data[strings.starts[row] : strings.ends[row]].tobytes()
        if not line:
            return None
        value = opened(line)
        if isinstance(value, dict):
            through, wanted = self._trees[column]
            unfold(value, through)
            return pruned(value, wanted)
        return value

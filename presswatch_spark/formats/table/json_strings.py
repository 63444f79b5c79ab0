"""Opens JSON objects that stand as strings in a column, `{"meta": "{\\"url\\": …}"}`, where a name leads."""

from collections.abc import Collection, Iterable
from typing import Any

from presswatch_spark.formats.table.columns import BROKEN, Path, Tree, tree_of
from presswatch_spark.formats.table.json_text import encoded, parse_object
from presswatch_spark.formats.table.values import kind
from presswatch_spark.model import ReadReport

BROKEN_TEXT = "the string that should hold the text in JSON cannot be read; not read"
BROKEN_URL = "strings that should hold the URL in JSON cannot be read: those documents have no known URL"


def opened(text: str | bytes) -> Any:
    """Return the JSON object that a string holds; `BROKEN` if it holds none that can be read."""
    line = encoded(text) if isinstance(text, str) else text
    found = parse_object(line) if line.lstrip().startswith(b"{") else None
    return BROKEN if found is None else found


def why_no_text(value: object) -> str:
    """Return why a value that is no string is not read as text."""
    return BROKEN_TEXT if value is BROKEN else f"text is a {kind(value)}, not a string; not read"


def encoded_url(url: object, report: ReadReport, row: int, unit: str) -> bytes:
    """Return a URL in UTF-8; empty if it is no string, which `report` notes: `row` counts in `unit`."""
    if isinstance(url, str):
        return encoded(url)
    if url is BROKEN:
        report.add_note(BROKEN_URL)
    elif url is not None:
        report.add_defect(f"URL is a {kind(url)}, not a string; read without URL", row, unit)
    return b""


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


def inside(names: Iterable[str], available: Collection[str]) -> tuple[Path, ...]:
    """Return where the dotted `names` lead on below one of the columns `available`, in their order.

    A path begins with the column's dotted name.
    """
    splits = ((name.split("."), k) for name in names for k in range(1, name.count(".") + 1))
    paths = ((".".join(parts[:k]), *parts[k:]) for parts, k in splits)
    return tuple(path for path in paths if path[0] in available)

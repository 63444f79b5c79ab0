"""Tables for people: aligned columns, cut to the terminal's width; and rows as JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

GAP = "  "
NARROWEST = 8


def terminal_width() -> int | None:
    """Columns of the terminal on stdout; None if stdout is none, and nothing must be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table_lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    width: int | None,
    whole: Collection[str] = (),
) -> Iterator[str]:
    """Yield a header line, then one line a row; numbers to the right, the rest to the left.

    If the lines are wider than `width`, the widest columns but those named by `whole` are cut, and what is
    cut ends in `…`.
    """
    values = [list(row) for row in rows]
    cells = [[cell(value) for value in row] for row in values]
    widths = [max(map(columns_of, column)) for column in zip(headers, *cells, strict=True)]
    _shrink(widths, width, [i for i, header in enumerate(headers) if header not in whole])
    right = [
        bool(values) and all(isinstance(row[i], int | float | Decimal | None) for row in values)
        for i in range(len(headers))
    ]
    for line in (list(headers), *cells):
        padded = (
            _pad(shortened(text, size), size, side)
            for text, size, side in zip(line, widths, right, strict=True)
        )
        yield GAP.join(padded).rstrip()


def block_lines(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield `name  value` for each value that there is, nothing cut, and an empty line between rows."""
    size = max(map(columns_of, headers))
    for number, row in enumerate(rows):
        if number:
            yield ""
        for header, value in zip(headers, row, strict=True):
            if text := cell(value):
                yield f"{_pad(header, size, right=False)}{GAP}{text}"


def cell(value: object) -> str:
    """One value as a person reads it; nothing of it can steer the terminal."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return utc(value).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple | dict):
        return printable(json.dumps(plain(value), ensure_ascii=False))
    return printable(str(value))


def printable(text: str) -> str:
    """`text` on one line, with every control character replaced."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "�" for c in text)


def json_line(row: Mapping[str, object]) -> str:
    """A row as one line of JSON: instants in ISO 8601 with `Z`, bytes in hex, not-a-number as null."""
    return json_text(plain(row))


def json_text(value: object, indent: int | None = None) -> str:
    """`value` as JSON in which what could steer a terminal is escaped; it reads back the same."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if text.isprintable() else "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    """One character of JSON: controls, directions of writing and half characters as `\\uXXXX`."""
    if character.isprintable() or character == "\n" or unicodedata.category(character) == "Zs":
        return character
    return json.dumps(character)[1:-1]


def plain(value: object) -> object:
    """`value` as JSON knows it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and value != value else value


def utc(moment: datetime) -> datetime:
    """`moment` in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` columns, ending in `…` if it was cut."""
    if columns_of(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += columns_of(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def columns_of(text: str) -> int:
    """Columns that `text` takes on a terminal: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _pad(text: str, size: int, right: bool) -> str:
    blanks = " " * (size - columns_of(text))
    return blanks + text if right else text + blanks


def _shrink(widths: list[int], width: int | None, columns: Sequence[int]) -> None:
    """Take from the widest of `columns` until the line fits, or all of them are narrow."""
    excess = 0 if width is None else sum(widths) + len(GAP) * (len(widths) - 1) - width
    while excess > 0:
        widest = max(columns, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1
        excess -= 1

"""Text for a terminal: tables that fit it, JSON for programs, and the names that an unknown name may mean."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from itertools import zip_longest
from math import isfinite
from urllib.parse import quote

GAP = "  "
NARROW_SPACE = "\u202f"
NARROWEST = 8
# Comparing names is slow: of more names than these, only those with the same beginning are compared.
MOST_NAMES = 5_000
BEGINNING = 3
TIES = "\xa0\u202f"
"""Spaces at which no line ends, as in French numbers."""
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]"
_SEPARATORS = str.maketrans("", "", f",{TIES}")


def terminal_width() -> int | None:
    """Return the columns of the terminal on stdout, or the number that COLUMNS gives.

    None if stdout is no terminal and COLUMNS is not set; then nothing may be cut.
    """
    if sys.stdout.isatty():
        return shutil.get_terminal_size().columns
    named = os.environ.get("COLUMNS", "")
    return int(named) if named.isdecimal() and int(named) else None


def table_lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    width: int | None,
    whole: Collection[str] = (),
    wrapped: Collection[str] = (),
) -> Iterator[str]:
    """Yield a header line, then one line a row; numbers to the right, the rest to the left.

    If the lines are wider than `width`, the widest columns are narrowed. Columns named by `wrapped` continue
    on the next line. The others are cut, URLs in their middle, and `…` marks the cut. Numbers, and columns
    named by `whole`, are never cut.
    """
    values = [list(row) for row in rows]
    cells = [[cell(value) for value in row] for row in values]
    # Columns of numbers, including formatted ones (`1,234`, `12 %`), are aligned to the right.
    right = [bool(values) and all(_is_number(row[i]) for row in values) for i in range(len(headers))]
    free = [i for i, header in enumerate(headers) if header not in whole and not right[i]]
    widths = [max(map(columns_of, column)) for column in zip(headers, *cells, strict=True)]
    excess = 0 if width is None else sum(widths) + len(GAP) * (len(widths) - 1) - width
    while excess > 0:
        widest = max(free, key=widths.__getitem__, default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1
    for line in (list(headers), *cells):
        pieces = [
            wrapped_at(text, size) if header in wrapped else [shortened(text, size)]
            for header, text, size in zip(headers, line, widths, strict=True)
        ]
        for row in zip_longest(*pieces, fillvalue=""):
            yield GAP.join(map(_pad, row, widths, right)).rstrip()


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        return value in ("", "?") or value.removesuffix("%").rstrip().translate(_SEPARATORS).isdecimal()
    return isinstance(value, int | float | Decimal | None)


def fits(
    headers: Sequence[str], rows: Iterable[Sequence[object]], width: int | None, whole: Collection[str] = ()
) -> bool:
    """Return whether a table fits into `width` columns, cut where it may be cut."""
    lines = table_lines(headers, rows, width, whole)
    return width is None or all(columns_of(line) <= width for line in lines)


def plural(what: str) -> str:
    """Return the plural of an English noun."""
    if what.endswith("ry"):
        return f"{what.removesuffix('y')}ies"
    return f"{what}es" if what.endswith(("s", "ch")) else f"{what}s"


def counted(number: int, what: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number:,} {what if number == 1 else plural(what)}"


def block_lines(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a line `name  value` for each value that is not empty, uncut, with an empty line between rows."""
    size = max(map(columns_of, headers))
    for number, row in enumerate(rows):
        if number:
            yield ""
        for header, value in zip(headers, row, strict=True):
            if text := cell(value):
                yield f"{_pad(header, size, right=False)}{GAP}{text}"


def cell(value: object) -> str:
    """Return a value in a form for people, without characters that could control the terminal.

    `cli.replies.Language.cell` does so in the language of the reply.
    """
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
    """Return `text` on one line, with every control character replaced."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in TIES else " " if c.isspace() else "�" for c in text)


def ascii_url(url: str) -> str:
    """Return a URL in ASCII, without controls: all else is percent-encoded."""
    return quote(printable(url), safe=_URL_SAFE)


def json_line(row: Mapping[str, object]) -> str:
    """Return a row as one line of JSON: times in ISO 8601 with `Z`, bytes in hex.

    Numbers that JSON does not have, such as infinity, are null.
    """
    return json_text(plain(row))


def json_text(value: object, indent: int | None = None) -> str:
    """Return `value` as JSON that reads back the same; controls that could steer a terminal are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    # Controls, writing directions and lone surrogates become `\\uXXXX`.
    return "".join(
        c if c.isprintable() or c == "\n" or unicodedata.category(c) == "Zs" else json.dumps(c)[1:-1]
        for c in text
    )


def plain(value: object) -> object:
    """Return `value` in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and not isfinite(value) else value


def utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; one without a zone is taken as UTC.

    Raises `ValueError` if it is outside the years 1 to 9999 in UTC.
    """
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` columns: a URL or path without its middle, other text without its end.

    A cut is marked by `…`. The host of a URL stays if there is room.
    """
    if columns_of(text) <= width:
        return text
    if "/" not in text or any(map(str.isspace, text)):
        return _head(text, width - 1).rstrip() + "…"
    scheme, mark, rest = text.rpartition("://") if text.count("://") == 1 else ("", "", text)
    host = f"{scheme}{mark}{rest.partition('/')[0]}/"
    if not mark or columns_of(host) > width * 2 // 3:
        host = _head(text, width // 2)
    tail = _head(text[::-1], width - 1 - columns_of(host))[::-1]
    # Begin with a complete part of the path, if little is lost.
    begins = tail.find("/")
    if 0 < begins < len(tail) // 2:
        tail = tail[begins:]
    return f"{host}…{tail}"


def _head(text: str, width: int) -> str:
    used = 0
    for number, character in enumerate(text):
        used += columns_of(character)
        if used > width:
            return text[:number]
    return text


def wrapped_at(text: str, width: int) -> list[str]:
    """Return `text` as one line or more of at most `width` columns, broken at spaces if it has any."""
    lines, rest = [], text
    while columns_of(rest) > width:
        line = _head(rest, width) or rest[0]
        space = line.rfind(" ")
        if rest[len(line) :][:1] != " " and line[: max(space, 0)].strip():
            line = line[:space]
        lines.append(line.rstrip())
        rest = rest[len(line) :].lstrip(" ")
    return [*lines, rest]


def columns_of(text: str) -> int:
    """Return the columns of `text` on a terminal: two for wide characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def _pad(text: str, size: int, right: bool) -> str:
    blanks = " " * (size - columns_of(text))
    return blanks + text if right else text + blanks


def nearest(name: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Return up to `count` known names that are similar to `name`, the most similar first.

    Case, accents and punctuation make no difference: `Le Figaro` is most similar to `le-figaro`. Names that
    begin with `name` come first.
    """
    wanted = folded(name)
    names = {each: folded(each) for each in sorted(known)}
    if len(names) > MOST_NAMES:
        names = {each: text for each, text in names.items() if text[:BEGINNING] == wanted[:BEGINNING]}
    begun = [text for text in names.values() if wanted and text.startswith(wanted)]
    alike = get_close_matches(wanted, list(dict.fromkeys(names.values()))[:MOST_NAMES], count)
    ranks = {text: rank for rank, text in enumerate(dict.fromkeys([*begun, *alike]))}
    near = [each for each, text in names.items() if text in ranks]
    return sorted(near, key=lambda each: ranks[names[each]])[:count]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or an empty text if no known name is similar."""
    near = nearest(name, known)
    return f"; did you mean {near[0]}?" if near else ""


def folded(name: str) -> str:
    """Return the words of a name without case, accents and punctuation."""
    text = unicodedata.normalize("NFKD", name).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in text if not unicodedata.combining(c)).split())

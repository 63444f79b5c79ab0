"""Reads values of dataset rows: roles of columns, and dotted names of nested ones.

The names to try for each role are in `row_formats`. A dotted name may lead into a JSON object in a string:
`{"meta": "{\\"url\\": …}"}`. A value that cannot be read is None.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self

from presswatch_spark.core.errors import ConfigError, CorruptError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.core.times import NoMomentError, is_placeholder, moment_of
from presswatch_spark.reading.rows.lenient_json import BYTE_ORDER_MARK, encoded, parse_object

WEB_SINCE = 1991
_PLAIN = (str, int, float)

# Roles whose values are in a locator.
LOCATOR_ROLES = (
    "record_id", "payload_digest", "captured_at", "http_status", "languages", "release", "upstream_uri",
    "upstream_offset",
)  # fmt: skip
_CRAWL = re.compile(r"CC-MAIN-\d{4}(?:-\d{4})?(?:-\d{2})?(?!\d)")
# The bucket of Common Crawl, and the beginning of all paths in it.
COMMON_CRAWL, CRAWL_DATA = "s3://commoncrawl/", "crawl-data/"
_WEB_ARCHIVE = re.compile(r"[^\s\\?#]{1,2000}\.(?:warc|arc|warc\.wet)(?:\.gz)?", re.ASCII)
# A key in a line that is cut: as quotes inside strings are escaped, nothing else looks like a key.
_KEY = re.compile(rb'[{,]\s*"([A-Za-z0-9_.\-]+)"\s*:')
LARGEST_OFFSET = (1 << 53) - 1
NO_TIME_NOTE = "times of capture in no form that is read, or before the web: those rows have none"
UPSTREAM_ROLES = ("upstream_uri", "upstream_offset")
"""Roles about the record that a row was made from. A row without them does not count as damaged."""
OWN_ROLES = (
    "text", "url", "record_id", "captured_at", "payload_digest", "languages", "release", "http_status",
)  # fmt: skip
"""Roles about the row's own document."""
ROLES = (*OWN_ROLES, *UPSTREAM_ROLES)
ColumnNames = Mapping[str, tuple[str, ...]]
"""By role, the names to try, best first; dots lead into nested fields."""
Path = tuple[str, ...]
Tree = dict[str, "Tree"]
NAMES_LISTED, NAME_CHARACTERS = 20, 60
# Fields below a longer name are not listed: long keys, nested deeply, would make names of gigabytes.
LONGEST_PREFIX = 256
BROKEN_TEXT = "the string that should contain the text in JSON cannot be read; not read"
BROKEN_URL = "strings that should contain the URL in JSON cannot be read: those documents have no known URL"


def as_text(value: object) -> str | None:
    """Return a string, or an integer id as a string; None for an empty or any other value."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def as_languages(value: object) -> tuple[str, ...]:
    """Return the language codes in `"fra,eng"` or in a list."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return ()
    return tuple(code.strip() for code in value if isinstance(code, str) and code.strip())


def readable_part(value: object) -> object:
    """Return a plain JSON value, or the texts of a list, since a nested value may be of any size."""
    # `_PLAIN`, since `str | int | float` would be built again for each value.
    return value if value is None or isinstance(value, _PLAIN) else as_languages(value)


def as_number(value: object, greatest: int) -> int | None:
    """Return a whole number from 0 to `greatest`, also one written as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(greatest)):
        value = int(value)
    return value if type(value) is int and 0 <= value <= greatest else None


def json_type_name(value: object) -> str:
    """Return the name of a JSON value's type."""
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "value")


def locator_of(value: Callable[[str], Any], report: ReadReport | None = None, **place: Any) -> Locator:
    """Return the locator of a row at `place`; `value(role)` returns the row's value of a role.

    A time of capture that cannot be read is null, and `report` notes it.
    """
    upstream_uri, archive = None, value("upstream_uri")
    if isinstance(archive, str) and archive.isprintable() and _WEB_ARCHIVE.fullmatch(archive):
        upstream_uri = f"{COMMON_CRAWL}{archive}" if archive.startswith(CRAWL_DATA) else archive
    return Locator(
        record_id=as_text(value("record_id")),
        payload_digest=as_text(value("payload_digest")),
        captured_at=_captured_at(value("captured_at"), report),
        http_status=_status(value("http_status")),
        languages=as_languages(value("languages")),
        release=_release(value("release")),
        upstream_uri=upstream_uri,
        upstream_offset=as_number(value("upstream_offset"), LARGEST_OFFSET) if upstream_uri else None,
        **place,
    )


def _captured_at(value: object, report: ReadReport | None) -> datetime | None:
    try:
        moment = moment_of(value)
        if moment is None or (moment.year >= WEB_SINCE and not is_placeholder(moment)):
            return moment
    except NoMomentError:
        pass
    if report is not None:
        report.add_note(NO_TIME_NOTE)
    return None


def _status(value: object) -> int | None:
    text = str(value) if isinstance(value, str) or (isinstance(value, int) and 0 < value < 1000) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdecimal() else None


def _release(value: object) -> str | None:
    """Return the crawl in a dump's name or in a path of Common Crawl; else the name, unless it is a path."""
    if not isinstance(value, str):
        return None
    crawl = _CRAWL.search(value)
    return crawl.group() if crawl else None if "/" in value else value or None


class Broken:
    """The value at a name that leads into a string which should contain JSON, and does not."""


BROKEN: Final = Broken()


class MissingColumnError(CorruptError):
    """No row of a shard has a column that is needed, or that the user mapped."""

    @classmethod
    def of(cls, missing: Mapping[str, str], available: Iterable[str], where: str) -> Self:
        """Return the error with the missing columns of a mapping (by role), and the available ones."""
        named = " and ".join(f"{name[:NAME_CHARACTERS]} for {role}" for role, name in sorted(missing.items()))
        return cls(
            f"the mapping contains the column {named}, which the shard lacks; it has: {listed(available)}",
            where=where,
            remedy="map existing columns: --columns OURS=THEIRS",
        )


def listed(names: Iterable[str]) -> str:
    """Return names of columns for a message: the first in order, long ones cut."""
    known = sorted(set(names))
    first = known[:NAMES_LISTED]
    short = [name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}…" for name in first]
    return ", ".join([*short, *(["and more"] if len(known) > NAMES_LISTED else [])]) or "none"


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Check a user's mapping (role to column) before any shard is read; `ConfigError` names the mistake."""
    if unknown := sorted(set(mapping) - set(ROLES)):
        raise ConfigError(
            f"the column mapping contains {', '.join(unknown)}, which are not columns of documents",
            remedy=f"map any of: {', '.join(ROLES)}",
        )
    if unnamed := sorted(role for role, name in mapping.items() if not name):
        raise ConfigError(
            f"the column mapping lacks a column for {', '.join(unnamed)}",
            remedy="write ROLE=COLUMN; dots in COLUMN lead into nested fields",
        )


def paths_of(names: Iterable[str]) -> tuple[Path, ...]:
    """Return the paths to try for names in a nested row: each name as it is, then split at dots."""
    found: list[Path] = []
    for name in names:
        found += [(name,), tuple(name.split("."))] if "." in name else [(name,)]
    return tuple(found)


def first_value(row: object, paths: tuple[Path, ...]) -> Any:
    """Return the first value that is not null at one of `paths` in a nested row; `BROKEN` for broken JSON."""
    found = None
    for path in paths:
        value = row
        for key in path:
            value = value if isinstance(value, dict) else object_in_string(value)
            if value is BROKEN:
                break
            value = value.get(key) if isinstance(value, dict) else None
        if value is BROKEN:
            found = value
        elif value is not None:
            return value
    return found


def has_any(row: object, paths: tuple[Path, ...]) -> bool:
    """Return True if one of `paths` exists in a nested row, even if it is null."""
    for path in paths:
        value = row
        for key in path[:-1]:
            value = object_in_string(value.get(key)) if isinstance(value, dict) else None
        if isinstance(value, dict) and path[-1] in value:
            return True
    return False


def tree_of(paths: Iterable[Path]) -> Tree:
    """Return `paths` as a tree of keys."""
    tree: Tree = {}
    for path in paths:
        below = tree
        for key in path:
            below = below.setdefault(key, {})
    return tree


def pruned(row: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """Return the part of a nested row that `tree` leads to; its values are those of `readable_part`."""
    found: dict[str, Any] = {}
    for key, below in tree.items():
        if key in row:
            value = object_in_string(row[key]) if below else row[key]
            found[key] = pruned(value, below) if isinstance(value, dict) else readable_part(value)
    return found


def leads_into(name: str, available: Collection[str]) -> bool:
    """Return True if a dotted name is one of `available`, or leads on below one of them."""
    parts = name.split(".")
    return any(".".join(parts[:k]) in available for k in range(1, len(parts) + 1))


def dotted_keys(row: Mapping[str, object]) -> Iterator[str]:
    """Yield names of a row's fields, nested ones by dots too; none below a name over `LONGEST_PREFIX`."""
    # Without recursion: a row may be nested deeper than Python's stack.
    left = [("", row)]
    while left:
        prefix, fields = left.pop()
        for key, value in fields.items():
            name = f"{prefix}{key}"
            yield name
            if isinstance(value, dict) and len(name) < LONGEST_PREFIX:
                left.append((f"{name}.", value))


def object_in_string(value: Any) -> Any:
    """Return the JSON object in a string, `BROKEN` if it has none; any other value unchanged."""
    return _json_object(value) if isinstance(value, str | bytes) and value else value


# Cached, since several names lead into the same string.
@lru_cache(maxsize=2)
def _json_object(text: str | bytes) -> Any:
    line = encoded(text) if isinstance(text, str) else text
    found = parse_object(line) if line.lstrip().startswith(b"{") else None
    return BROKEN if found is None else found


def why_no_text(value: object) -> str:
    """Return why a value that is no string is not read as text."""
    return BROKEN_TEXT if value is BROKEN else f"text is a {json_type_name(value)}, not a string; not read"


def encoded_url(url: object, report: ReadReport, row: int, unit: str) -> bytes:
    """Return a URL in UTF-8; empty if it is no string, which `report` notes: `row` counts in `unit`."""
    if isinstance(url, str):
        return encoded(url)
    if url is BROKEN:
        report.add_note(BROKEN_URL)
    elif url is not None:
        report.add_defect(f"URL is a {json_type_name(url)}, not a string; read without URL", row, unit)
    return b""


def paths_inside(names: Iterable[str], available: Collection[str]) -> tuple[Path, ...]:
    """Return the paths of `names` into one of the columns `available`, whose dotted name comes first."""
    splits = ((name.split("."), k) for name in names for k in range(1, name.count(".") + 1))
    paths = ((".".join(parts[:k]), *parts[k:]) for parts, k in splits)
    return tuple(path for path in paths if path[0] in available)


def keys_of(head: bytes) -> frozenset[str]:
    """Return the names of the first JSON object's fields, nested ones by dots; none if not JSON Lines.

    More than half of the lines must begin like objects, since any text may have one such line. If `head` cuts
    the first object, nested names come without the names around them.
    """
    lines = _lines_of(head)
    if 2 * sum(map(_begins_an_object, lines)) <= len(lines):
        return frozenset()
    row = next((row for row in map(parse_object, lines) if row is not None), None)
    if row is not None:
        return frozenset(dotted_keys(row))
    cut = lines[0] if _begins_an_object(lines[0]) else b""
    return frozenset(name.decode() for name in _KEY.findall(cut))


def _lines_of(head: bytes) -> list[bytes]:
    return [line for line in head.removeprefix(BYTE_ORDER_MARK).split(b"\n") if line.strip()]


def _begins_an_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{")


def holds_objects_only(head: bytes) -> bool:
    """Return True if every line of `head` is a JSON object; the last one may be cut."""
    *lines, last = _lines_of(head) or [b""]
    return _begins_an_object(last) and all(parse_object(line) is not None for line in lines)

"""Says which columns of a row dataset hold what: names to try, in order, for each role."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from presswatch_spark.errors import ConfigError, CorruptError
from presswatch_spark.formats.table.values import readable_part

UPSTREAM_ROLES = ("upstream_uri", "upstream_offset")
"""What a row says of the record that it was made from. A row that lacks them is not odd: few have them."""
OWN_ROLES = (
    "text", "url", "record_id", "captured_at", "payload_digest", "languages", "release", "http_status",
)  # fmt: skip
"""What a row says of itself."""
ROLES = (*OWN_ROLES, *UPSTREAM_ROLES)

Path = tuple[str, ...]
Tree = dict[str, "Tree"]

NAMES_LISTED, NAME_CHARACTERS = 20, 60
# No column that is read lies deeper; without a bound, long keys nested deeply would make names of GBs.
LONGEST_PREFIX = 256


class Broken:
    """What a name leads to in a string that should hold JSON and does not."""


BROKEN: Final = Broken()


class MissingColumnError(CorruptError):
    """No row of a shard has a column that is needed, or that the user mapped: nothing of it counts."""

    @classmethod
    def of(cls, missing: Mapping[str, str], available: Iterable[str], where: str) -> Self:
        """Return the error that says which of a mapping's columns (by role) are missing, and which exist."""
        named = " and ".join(f"{name[:NAME_CHARACTERS]} for {role}" for role, name in sorted(missing.items()))
        return cls(
            f"the mapping names the column {named}, and the shard has none; there are: {listed(available)}",
            where=where,
            remedy="map the columns that there are: --columns OURS=THEIRS",
        )


def listed(names: Iterable[str]) -> str:
    """Return names of columns for a message: the first in order, long ones cut."""
    known = sorted(set(names))
    first = known[:NAMES_LISTED]
    short = [name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}…" for name in first]
    return ", ".join([*short, *(["and more"] if len(known) > NAMES_LISTED else [])]) or "none"


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Check a user's mapping (role to column) before any shard is read; `ConfigError` names what is wrong."""
    if unknown := sorted(set(mapping) - set(ROLES)):
        raise ConfigError(
            f"the column mapping names {', '.join(unknown)}, which no row is asked for",
            remedy=f"map any of: {', '.join(ROLES)}",
        )
    if unnamed := sorted(role for role, name in mapping.items() if not name):
        raise ConfigError(
            f"the column mapping names no column for {', '.join(unnamed)}",
            remedy="write ROLE=COLUMN, dots lead into nested fields",
        )


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names to try for each role, best first; dots lead into nested fields."""

    names: Mapping[str, tuple[str, ...]]

    def with_mapping(self, mapping: Mapping[str, str]) -> Self:
        """Return columns with a user's mapping in place of names to try; raises as `check_mapping`."""
        check_mapping(mapping)
        return type(self)({**self.names, **{role: (name,) for role, name in mapping.items()}})

    def paths(self, role: str) -> tuple[Path, ...]:
        """Return the paths to try for `role` in a nested row: each name as it stands, then split at dots."""
        found: list[Path] = []
        for name in self.names.get(role, ()):
            found += [(name,), tuple(name.split("."))] if "." in name else [(name,)]
        return tuple(found)

    def chosen(self, available: Collection[str]) -> dict[str, str]:
        """Return the first name of each role that is among `available` (dotted names)."""
        tried = ((role, name) for role in ROLES for name in reversed(self.names.get(role, ())))
        return {role: name for role, name in tried if name in available}


def first(row: object, paths: tuple[Path, ...]) -> Any:
    """Return the first value that is not null at one of `paths` in a nested row, else None.

    `BROKEN` if there is none, and a path leads through a string that should hold JSON and does not.
    """
    found = None
    for path in paths:
        value = row
        for key in path:
            if value is BROKEN:
                break
            value = value.get(key) if isinstance(value, dict) else None
        if value is BROKEN:
            found = value
        elif value is not None:
            return value
    return found


def has_any(row: object, paths: tuple[Path, ...]) -> bool:
    """Whether one of `paths` exists in a nested row, be it null."""
    for path in paths:
        value = row
        for key in path[:-1]:
            value = value.get(key) if isinstance(value, dict) else None
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
    """Return as much of a nested row as `tree` leads to, its values as `readable_part` leaves them."""
    return {
        key: pruned(row[key], tree[key]) if isinstance(row[key], dict) else readable_part(row[key])
        for key in tree
        if key in row
    }


def leads_into(name: str, available: Collection[str]) -> bool:
    """Whether a dotted name is one of `available`, or leads on below one of them."""
    parts = name.split(".")
    return any(".".join(parts[:k]) in available for k in range(1, len(parts) + 1))


def dotted_keys(row: Mapping[str, object]) -> Iterator[str]:
    """Yield names of a row's fields, nested ones by dots too; none below a name over `LONGEST_PREFIX`.

    Without recursion: a row may be nested deeper than Python's stack.
    """
    left = [("", row)]
    while left:
        prefix, fields = left.pop()
        for key, value in fields.items():
            name = f"{prefix}{key}"
            yield name
            if isinstance(value, dict) and len(name) < LONGEST_PREFIX:
                left.append((f"{name}.", value))

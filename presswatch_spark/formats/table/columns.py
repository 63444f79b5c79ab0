"""Which columns of a row dataset hold what: names to try, in order, for each thing wanted of a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from presswatch_spark.errors import ConfigError, CorruptError
from presswatch_spark.formats.table.values import kept

ROLES = ("text", "url", "record_id", "captured_at", "payload_digest", "languages", "release", "http_status")

Path = tuple[str, ...]
Tree = dict[str, "Tree"]

NAMES_TOLD, NAME_CHARACTERS = 20, 60
# No column that is read lies deeper; without a bound, long keys nested deeply would make names of GBs.
LONGEST_PREFIX = 256


class Broken:
    """What a name leads to in a string that should hold JSON and does not: nobody knows what it says."""


BROKEN: Final = Broken()


class MissingColumnError(CorruptError):
    """A column that is needed, or that the user mapped, is in no row of a shard: nothing of it counts."""

    @classmethod
    def of(cls, missing: Mapping[str, str], available: Iterable[str], where: str) -> MissingColumnError:
        """Say which of a mapping's columns (by role) are missing, and which there are."""
        told = " and ".join(f"{name[:NAME_CHARACTERS]} for {role}" for role, name in sorted(missing.items()))
        return cls(
            f"the mapping names the column {told}, and the shard has none; there are: {listed(available)}",
            where=where,
            remedy="map the columns that there are: --columns OURS=THEIRS",
        )


def listed(names: Iterable[str]) -> str:
    """Names of columns for a message: the first in order, long ones cut."""
    known = sorted(set(names))
    told = [
        name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}…" for name in known[:NAMES_TOLD]
    ]
    return ", ".join([*told, *(["and more"] if len(known) > NAMES_TOLD else [])]) or "none"


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
class Columns:
    """Names to try for each role, best first; dots lead into nested fields."""

    names: Mapping[str, tuple[str, ...]]

    def with_mapping(self, mapping: Mapping[str, str]) -> Columns:
        """Put a user's mapping in place of names to try; `ConfigError` as in `check_mapping`."""
        check_mapping(mapping)
        return Columns(MappingProxyType({**self.names, **{role: (name,) for role, name in mapping.items()}}))

    def paths(self, role: str) -> tuple[Path, ...]:
        """The ways to try for `role` in a nested row: the name as it stands, then split at its dots."""
        found: list[Path] = []
        for name in self.names.get(role, ()):
            found += [(name,), tuple(name.split("."))] if "." in name else [(name,)]
        return tuple(found)

    def chosen(self, available: Collection[str]) -> dict[str, str]:
        """The first available name of each role that has one; `available` are dotted names."""
        tried = ((role, name) for role in ROLES for name in reversed(self.names.get(role, ())))
        return {role: name for role, name in tried if name in available}


def first(row: object, paths: tuple[Path, ...]) -> Any:
    """The first value that is not null at one of `paths` in a nested row, else None.

    `BROKEN` if there is none, and one of `paths` leads through a string that should hold JSON and does not.
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
    """`paths` as a tree of keys."""
    tree: Tree = {}
    for path in paths:
        below = tree
        for key in path:
            below = below.setdefault(key, {})
    return tree


def pruned(row: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """As much of a nested row as `tree` leads to and `kept` keeps."""
    return {
        key: pruned(row[key], tree[key]) if isinstance(row[key], dict) else kept(row[key])
        for key in tree
        if key in row
    }


def leads_into(name: str, available: Collection[str]) -> bool:
    """Whether a dotted name is one of `available`, or leads on below one of them."""
    parts = name.split(".")
    return any(".".join(parts[:k]) in available for k in range(1, len(parts) + 1))


def dotted_keys(row: Mapping[str, object]) -> Iterator[str]:
    """Names of a row's fields, nested ones by dots too; none below a name longer than `LONGEST_PREFIX`.

    Without recursion: a row may be nested deeper than Python's stack.
    """
    found = [("", row)]
    while found:
        prefix, fields = found.pop()
        for key, value in fields.items():
            name = f"{prefix}{key}"
            yield name
            if isinstance(value, dict) and len(name) < LONGEST_PREFIX:
                found.append((f"{name}.", value))

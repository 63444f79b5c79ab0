"""YAML files that people write, checked as a whole: every mistake is reported at once, each with its line."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache, partial
from pathlib import Path

import yaml

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import did_you_mean

_TEXT_TAG, _NULL_TAG = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_TIME_TAG, _FLAG_TAG = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool"


@dataclass(slots=True)
class Check:
    """Collects mistakes as (line, message), and the line of each id by (kind, id)."""

    problems: list[tuple[int, str]] = field(default_factory=list)
    ids: dict[tuple[str, str], int] = field(default_factory=dict)

    def report(self, where: yaml.Node | int, message: str) -> None:
        """Note a mistake on a line, or on the first line of a node."""
        self.problems.append((where if isinstance(where, int) else line_of(where), message))

    def entry(self, node: yaml.Node, what: str, required: str, optional: str = "") -> dict[str, yaml.Node]:
        """Return the nodes of a mapping but nulls. Note keys that are missing, unknown or given twice."""
        if not isinstance(node, yaml.MappingNode):
            self.report(node, f"{what} must be a mapping with {', '.join(required.split())}")
            return {}
        known, given = {*required.split(), *optional.split()}, dict[str, yaml.Node]()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.report(key, f"{what}: a key must be one of {', '.join(sorted(known))}")
                continue
            if key.value in given:
                self.report(key, f"{what}: key `{key.value}` is given twice")
            elif key.value not in known:
                self.report(key, f"{what}: unknown key `{key.value}` (known: {', '.join(sorted(known))})")
            given[key.value] = value
        given = {key: value for key, value in given.items() if value.tag != _NULL_TAG and key in known}
        for key in filter(lambda key: key not in given, required.split()):
            self.report(node, f"{what}: `{key}` is missing")
        return given

    def named_entry(
        self, node: yaml.Node, kind: str, required: str, optional: str = ""
    ) -> tuple[dict[str, yaml.Node], str, str]:
        """Return the keys of an entry, its id (its first required key) or "", and its name for messages."""
        keys = self.entry(node, kind, required, optional)
        own_id = self.unique_id(keys.get(required.split()[0]), kind) or ""
        return keys, own_id, f"{kind} `{own_id}`"

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        """Return a scalar's text; None if it is empty, or of another kind."""
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag not in (_TEXT_TAG, _TIME_TAG):
            self.report(node, f"{what} must be text (put it in quotes)")
            return None
        value = str(node.value).strip()
        if not value:
            self.report(node, f"{what} is empty")
        return value or None

    def flag(self, node: yaml.Node | None, what: str) -> bool:
        """Return whether a value is true; note a value that is neither true nor false."""
        if node is None:
            return False
        if not isinstance(node, yaml.ScalarNode) or node.tag != _FLAG_TAG:
            self.report(node, f"{what} must be true or false")
            return False
        return str(node.value).lower() in ("true", "yes", "on")

    def one_of(self, node: yaml.Node | None, what: str, names: Iterable[str]) -> str | None:
        """Return a text; note a text that is none of some names, with the nearest of them."""
        value, known = self.text(node, what), tuple(names)
        if node is not None and value and value not in known:
            meant = did_you_mean(value, known)
            self.report(node, f"{what} `{value}` is not one of {', '.join(known)}{meant}")
        return value

    def unique_id(self, node: yaml.Node | None, kind: str) -> str | None:
        """Return an id; note if another entry of that kind has it."""
        value = self.text(node, f"{kind} id")
        if node is None or value is None:
            return None
        if not value.isprintable():
            self.report(node, f"{kind} id {value!r} contains characters that cannot be shown")
        if (kind, value) in self.ids:
            self.report(node, f"{kind} id `{value}` is already used on line {self.ids[kind, value]}")
        self.ids.setdefault((kind, value), line_of(node))
        return value

    def period(
        self, keys: Mapping[str, yaml.Node], first: str, last: str, what: str
    ) -> tuple[date | None, date | None]:
        """Return the days of two keys, each None if it is missing; note if the last is before the first."""
        starts, ends = (self.date(keys.get(key), f"{what}: {key}") for key in (first, last))
        if starts and ends and ends < starts:
            self.report(keys[last], f"{what}: {last} {ends} is before {first} {starts}")
        return starts, ends

    def date(self, node: yaml.Node | None, what: str) -> date | None:
        """Return a day written as 2024-01-31."""
        value = self.text(node, what)
        if node is None or value is None:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.report(node, f"{what} `{value}` is not a date (write it as 2024-01-31)")
            return None

    def items(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """Return the items of a list; note if there are none."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.report(node, f"{what} must be a list")
            return []
        if not node.value:
            self.report(node, f"{what} is an empty list")
        return list(node.value)

    def texts(
        self, node: yaml.Node | None, what: str, names: Iterable[str] = (), *, may_be_empty: bool = False
    ) -> tuple[str, ...]:
        """Return the texts of a list; note items that are no text, or none of `names`, if there are any."""
        if may_be_empty and isinstance(node, yaml.SequenceNode) and not node.value:
            return ()
        items = self.items(node, what)
        found = (self.one_of(item, what, names) if names else self.text(item, what) for item in items)
        return tuple(filter(None, found))

    def finish(self, name: str, what: str) -> None:
        """Raise `ConfigError` with all mistakes of the file `name`, if any, as `name:line: message`.

        `what`: the name of the file, such as `the members file`.
        """
        if self.problems:
            listed = "\n".join(f"{name}:{line}: {message}" for line, message in sorted(self.problems))
            count = len(self.problems)
            raise ConfigError(f"{count} mistake{'s' * (count > 1)} in {what}\n{listed}", where=name)


def file_bytes(path: str | Path, what: str, option: str) -> bytes:
    """Read a file on disk; the `ConfigError` names the file as `what`, and its `option`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{what} cannot be read: {error.strerror}", where=str(path), remedy=f"check {option}"
        ) from error


def line_of(node: yaml.Node) -> int:
    """Return the line that a node begins on, from 1."""
    return int(node.start_mark.line) + 1


# A process reads the same few files often. Callers must not change the tree.
_composed = lru_cache(maxsize=8)(partial(yaml.compose, Loader=yaml.SafeLoader))


def compose(raw: bytes, check: Check, shape: str, needs: str = "") -> yaml.Node | None:
    """Return the YAML tree, or None after noting why there is none.

    `shape`: the form of entries, named in the message if a file is nested too deeply. `needs`: the key that
    the file must have; without one, the file may be empty.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        check.report(line, f"byte 0x{raw[error.start]:02x} is not UTF-8 (save the file as UTF-8)")
        return None
    try:
        root = _composed(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        check.report(line, f"character U+{int(error.character):04X} is not allowed in YAML")
        return None
    except RecursionError:
        check.report(1, f"nested too deeply: {shape}")
        return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        tab = " (indent with spaces, not tabs)" if "\\t" in str(error.problem) else ""
        check.report(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem}{tab}")
        return None
    if root is None and needs:
        check.report(1, f"the file is empty (it needs `{needs}:`)")
    return root

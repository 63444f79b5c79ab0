"""Loads settings in layers: a YAML file, then the environment, then flags. A later layer overrides.

A setting is declared once, as the field of a dataclass: its type and default, and with `setting` its meaning
and bounds. It is named `grade.min_run_words` in messages, by nested keys in YAML, and
`PRESSWATCH_GRADE__MIN_RUN_WORDS` in the environment. One error lists the mistakes of all layers. An unknown
variable with our prefix is a mistake: whoever set it expects it to work.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import nearest

if TYPE_CHECKING:
    import yaml

    from presswatch_spark.core.settings.checked_yaml import Check

Value = TypeVar("Value")
Config = TypeVar("Config")

COMMAND_LINE = "command line"
NAMES: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple: "a list of texts",
    Mapping: "a mapping of text to text",
}
GREATEST = (1 << 31) - 1
"""The greatest whole number of a setting or an option: kernels and tables hold it without overflow."""
BOOLEANS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(("0", "false", "no", "off"), False)


def setting(default: Value, meaning: str, **facts: object) -> Value:
    """Declare a dataclass field as a setting; `facts`: other fields of `Setting`."""
    metadata = {"meaning": meaning, **facts}
    if isinstance(default, Mapping):
        return cast(Value, field(default_factory=lambda: dict(default), metadata=metadata))
    return field(default=default, metadata=metadata)


def share(default: float, meaning: str, **facts: object) -> float:
    """Declare a setting between 0 and 1."""
    return setting(default, meaning, low=0, high=1, **facts)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Args:
        name: its dotted path.
        kind: int, float, bool, str, tuple (of texts) or Mapping (of text to text).
        optional: whether it may be None.
        meaning: one sentence, without its full stop.
        low, high: the least and the greatest number, both allowed; None for `high`: no greatest.
        words: the texts that are allowed; empty: any.
        form: the pattern of a text; empty: any text. A text of another form may be a misplaced secret, so a
            message does not quote it, but describes the form by `formed`.
        check: returns the mistake of a text, or of one in a list; an empty text if there is none.
        separator: between the texts of a list in an environment variable.
        without: the default in words, if its value does not explain itself.
        flag, value: its option, if that has another name; the name of the option's value in the help.
    """

    name: str
    kind: object
    optional: bool
    default: object
    meaning: str = ""
    low: float = 1
    high: float | None = None
    words: tuple[str, ...] = ()
    form: str = ""
    formed: str = ""
    check: Callable[[str], str] | None = None
    separator: str = ","
    without: str = ""
    flag: str = ""
    value: str = ""

    @property
    def is_number(self) -> bool:
        """Return whether its value is a number, which has bounds."""
        return self.kind in (int, float)

    @property
    def values(self) -> str:
        """Return its values in words, such as `a whole number, 8 or more`."""
        if self.words:
            return " or ".join(self.words)
        return f"{NAMES[self.kind]}, {self._bounds}" if self.is_number else NAMES[self.kind]

    @property
    def _bounds(self) -> str:
        if self.high is None:
            return f"{self.low:g} or more"
        return f"{self.low:g}" if self.low == self.high else f"between {self.low:g} and {self.high:g}"

    def canonical(self, value: Any) -> object:
        """Return the value in the type of the configuration: a list as a tuple, a number as its kind."""
        if value is None:
            return None
        if self.kind is tuple:
            return (value,) if isinstance(value, str) else tuple(value)
        if self.kind is float:
            return float(value)
        return dict(value) if self.kind is Mapping else value

    def problem_of(self, value: Any) -> str:
        """Return the mistake of a value, as the rest of a sentence; empty if the value is allowed."""
        if value is None:
            return "" if self.optional else f"must be {NAMES[self.kind]}, not empty"
        texts = value if isinstance(value, list | tuple) else [value]
        if self.kind is tuple:
            is_of_kind = all(isinstance(text, str) for text in texts)
        elif self.kind is Mapping:
            pairs = value.items() if isinstance(value, Mapping) else [(None, None)]
            is_of_kind = all(isinstance(text, str) for pair in pairs for text in pair)
        elif self.is_number:
            numbers = int if self.kind is int else int | float
            is_of_kind = isinstance(value, numbers) and not isinstance(value, bool)
            is_of_kind = is_of_kind and abs(value) <= sys.float_info.max
        else:
            is_of_kind = isinstance(value, cast(type, self.kind))
        if not is_of_kind or (self.words and value not in self.words):
            return f"must be {' or '.join(self.words) if is_of_kind else NAMES[self.kind]}, not {value!r}"
        if self.check and (mistake := next(filter(None, map(self.check, texts)), "")):
            return f"has a wrong value: {mistake}"
        if self.form and not re.fullmatch(self.form, value):
            return f"must be {self.formed}"
        if self.kind is int and value > GREATEST:
            return f"must be at most {GREATEST:,}, not {value!r}"
        if self.is_number and (value < self.low or (self.high is not None and value > self.high)):
            return f"must be {self._bounds}, not {value!r}"
        return ""

    def parse(self, text: str) -> object:
        """Read a value from a text: `a,b` for a list, `ours=theirs,…` for a mapping, none for None.

        Raises `ValueError` with the expected form.
        """
        if not text and self.optional:
            return None
        if self.kind in (tuple, Mapping):
            parts = [part.strip() for part in text.split(self.separator) if part.strip()]
            return tuple(parts) if self.kind is tuple else dict(map(_pair, parts))
        try:
            if self.kind is bool:
                return BOOLEANS[text.lower()]
            if self.is_number:
                return int(text) if self.kind is int else float(text)
        except (KeyError, ValueError):
            raise ValueError(f"must be {NAMES[self.kind]}, not {text!r}") from None
        return text


def _pair(text: str) -> tuple[str, str]:
    ours, _, theirs = (part.strip() for part in text.partition("="))
    if not (ours and theirs):
        raise ValueError(f"must be pairs ours=theirs, not {text!r}")
    return ours, theirs


@cache
def _settings_of(section: type, prefix: str = "") -> Mapping[str, Setting]:
    found, hints = dict[str, Setting](), get_type_hints(section)
    for declared in fields(section):
        name, hint = f"{prefix}{declared.name}", hints[declared.name]
        if is_dataclass(hint) and isinstance(hint, type):
            found |= _settings_of(hint, f"{name}.")
            continue
        optional = get_origin(hint) in (Union, types.UnionType)
        inner = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
        made = declared.default_factory
        default = declared.default if made is MISSING else made()
        found[name] = Setting(name, get_origin(inner) or inner, optional, default, **declared.metadata)
    return found


def _made(kind: type[Config], values: Mapping[str, object], prefix: str = "") -> Config:
    arguments: dict[str, Any] = {}
    for name, hint in get_type_hints(kind).items():
        here = f"{prefix}{name}"
        if is_dataclass(hint) and isinstance(hint, type):
            arguments[name] = _made(hint, values, f"{here}.")
        elif here in values:
            arguments[name] = values[here]
    return kind(**arguments)


Given = tuple[str, object, str]
"""A setting as one layer gives it: dotted path, value, and origin (`file:line`, variable, `command line`)."""


@dataclass(frozen=True, slots=True)
class SettingsGroup(Generic[Config]):
    """Settings that are loaded together.

    Args:
        kind: the dataclass that declares them.
        listed_in: the files that list them, for messages.
        prefix: the prefix of their environment variables.
        others: variables with that prefix that are no settings.
        apart: the longer prefix of another group, whose variables are not of this one.
    """

    kind: type[Config]
    listed_in: str
    prefix: str
    others: frozenset[str] = frozenset()
    apart: str = ""

    @property
    def known(self) -> Mapping[str, Setting]:
        """Return all settings by their dotted paths."""
        kind: type = self.kind
        return _settings_of(kind)

    def owns(self, variable: str) -> bool:
        """Return whether an environment variable should name one of these settings."""
        apart = bool(self.apart) and variable.startswith(self.apart)
        return variable.startswith(self.prefix) and not apart and variable not in self.others

    def variable_of(self, name: str) -> str:
        """Return the variable that gives the setting of a dotted name."""
        return self.prefix + name.upper().replace(".", "__")

    def load(
        self,
        path: str | None = None,
        env: Mapping[str, str] | None = None,
        flags: Mapping[str, object] | None = None,
        flags_from: str = COMMAND_LINE,
    ) -> Config:
        """Merge the layers.

        Args:
            path: the YAML file, or None.
            env: the process environment.
            flags: values by dotted path, or texts as in the environment; None means not given.
            flags_from: the origin of flags, for messages.

        Raises:
            ConfigError: with every unknown name, wrong type and value out of bounds, one a line.
        """
        problems, given, values = list[str](), list[Given](), dict[str, object]()
        env, flags = env or {}, flags or {}
        if path:
            from presswatch_spark.core.settings.checked_yaml import Check, compose, file_bytes

            check = Check()
            root = compose(file_bytes(path, "the settings file", "--config"), check, "sections and settings")
            if root is not None:
                nodes = self._in_node(root, "", check)
                given += [(name, value, f"{path}:{line}") for name, value, line in nodes]
            problems += [f"{path}:{line}: {message}" for line, message in sorted(check.problems)]
        written = list[Given]()
        for variable in sorted(filter(self.owns, env)):
            name = variable.removeprefix(self.prefix)
            if (setting := self.known.get(name.lower().replace("__", "."))) is not None:
                written.append((setting.name, env[variable], variable))
                continue
            # Compare names without the common prefix, which would make all of them alike.
            names = [
                each.removeprefix(self.prefix) for each in (*map(self.variable_of, self.known), *self.others)
            ]
            problems.append(
                f"{variable} is not a setting{self._suggestion(name.upper(), names, self.prefix)}"
            )
        written += [(name, value, flags_from) for name, value in flags.items() if value is not None]
        for name, value, where in written:
            setting = self.known.get(name)
            try:
                parsed = setting.parse(value) if setting and isinstance(value, str) else value
                given.append((name, parsed, where))
            except ValueError as error:
                problems.append(f"{where}: {name} {error}")
        for name, value, where in given:
            setting = self.known.get(name)
            if (
                problem := setting.problem_of(value)
                if setting
                else f"is not a setting{self._suggestion(name)}"
            ):
                problems.append(f"{where}: {name} {problem}")
            elif setting:
                values[name] = setting.canonical(value)
        if problems:
            raise ConfigError("\n  ".join(["the settings cannot be used:", *problems]))
        return _made(self.kind, values)

    def _suggestion(self, name: str, names: Iterable[str] = (), prefix: str = "") -> str:
        near = nearest(name, names or self.known)
        return f"; did you mean {prefix}{near[0]}?" if near else f"; {self.listed_in} list all"

    def _in_node(self, node: yaml.Node, name: str, check: Check) -> Iterator[tuple[str, object, int]]:
        import yaml

        prefix = f"{name}." if name else ""
        is_section = any(known.startswith(prefix) for known in self.known)
        if is_section and isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key_node, value_node in node.value:
                key = str(key_node.value)
                if key in seen:
                    check.report(key_node, f"{prefix}{key} is given twice")
                seen.add(key)
                yield from self._in_node(value_node, f"{prefix}{key}", check)
            return
        try:
            value = yaml.SafeLoader("").construct_document(node)
        except yaml.MarkedYAMLError as error:
            check.report(node, f"not valid YAML: {error.problem}")
            return
        if not is_section:
            yield name, value, node.start_mark.line + 1
        elif value is not None:
            check.report(node, f"{name or 'the file'} must be a mapping of settings")


def shipped(name: str, folder: str = "conf") -> Path:
    """Return a file or folder of `conf/`, `jobs/` or `locks/`, in the package or the checkout.

    Raises `ConfigError` if it is missing.
    """
    package = Path(__file__).resolve().parents[2]
    for place in (package / folder / name, package.parent / folder / name):
        if place.exists():
            return place
    raise ConfigError(
        f"{folder}/{name} is missing",
        where=str(package),
        remedy="install the package from its wheel, or from a checkout",
    )

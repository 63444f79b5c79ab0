"""What a setting is: declared once as the field of a dataclass, then bounded, read from text, and described.

The field's type says what its values are and its default what holds without a layer; `setting` adds what it
means and what it may be. Errors, environment variables, options and the reference page are made of that.
"""

import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from math import isfinite
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Path = tuple[str, ...]
Value = TypeVar("Value")

NAMES: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    tuple: "a list of texts",
    Mapping: "a mapping of text to text",
}
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


def setting(default: Value, meaning: str, **facts: object) -> Value:
    """Declare the setting of a dataclass field; `facts` are further fields of `Setting`."""
    metadata = {"meaning": meaning, **facts}
    if isinstance(default, Mapping):
        return cast(Value, field(default_factory=lambda: dict(default), metadata=metadata))
    return field(default=default, metadata=metadata)


def share(default: float, meaning: str) -> float:
    """Declare a setting between 0 and 1."""
    return setting(default, meaning, low=0, high=1)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Args:
        name: its dotted path.
        kind: int, float, bool, str, tuple (of texts) or Mapping (of text to text).
        optional: whether it may be None.
        default: what holds if no layer gives it.
        meaning: one sentence, without its full stop.
        low, high: the least and the greatest number, both allowed; None for `high`: no greatest.
        words: the texts that are allowed; empty: any.
        form: what a text must match, as a whole; empty: anything. What does not match may be a secret in the
            wrong place, and is not quoted: `formed` says in words what is wanted.
        check: returns what is wrong with a text, or with one of a list, or nothing.
        separator: what stands between the texts of a list in an environment variable.
        without: what holds by default, in words, where the default does not say it.
        flag: its option, where that is not called like the setting.
        value: what the help calls the option's value.
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
        """Whether it has bounds."""
        return self.kind in (int, float)

    @property
    def values(self) -> str:
        """Its values in words, such as `a whole number, 8 or more`."""
        if self.words:
            return " or ".join(self.words)
        return f"{NAMES[self.kind]}, {self._bounds}" if self.is_number else NAMES[self.kind]

    @property
    def _bounds(self) -> str:
        if self.high is None:
            return f"{self.low:g} or more"
        return f"{self.low:g}" if self.low == self.high else f"between {self.low:g} and {self.high:g}"

    def canonical(self, value: Any) -> object:
        """Return the value as the configuration holds it: a list as a tuple, a number as its kind."""
        if value is None:
            return None
        if self.kind is tuple:
            return (value,) if isinstance(value, str) else tuple(value)
        if self.kind is float:
            return float(value)
        return dict(value) if self.kind is Mapping else value

    def problem_of(self, value: object) -> str:
        """Say what is wrong with a value; nothing if it is allowed."""
        if value is None:
            return "" if self.optional else f"must be {NAMES[self.kind]}, not empty"
        if not self._has_kind(value):
            return f"must be {NAMES[self.kind]}, not {value!r}"
        if self.words and value not in self.words:
            return f"must be {' or '.join(self.words)}, not {value!r}"
        if self.check and (wrong := self._wrong_text(value)):
            return f"has a wrong value: {wrong}"
        if self.form and not re.fullmatch(self.form, str(value)):
            return f"must be {self.formed}"
        if not self.is_number or not isinstance(value, int | float):
            return ""
        if not isfinite(value):
            return f"must be {NAMES[self.kind]}, not {value!r}"
        if self.low <= value and (self.high is None or value <= self.high):
            return ""
        if self.low == self.high:
            return f"must be {self._bounds}"
        return f"must {'be' if self.high is None else 'lie'} {self._bounds}, not {value!r}"

    def parse(self, text: str) -> object:
        """Read a value from an environment variable; an empty text is None where that is allowed.

        The texts of a list stand between separators; mappings are `ours=theirs` separated by commas.

        Raises:
            ValueError: with what the text should have been.
        """
        if not text and self.optional:
            return None
        if self.kind is bool:
            if text.lower() not in TRUE_WORDS | FALSE_WORDS:
                raise ValueError(f"must be true or false, not {text!r}")
            return text.lower() in TRUE_WORDS
        if self.kind is tuple:
            return tuple(part.strip() for part in text.split(self.separator) if part.strip())
        if self.kind is Mapping:
            return _pairs(part for part in text.split(",") if part.strip())
        if self.is_number:
            try:
                return int(text) if self.kind is int else float(text)
            except ValueError:
                raise ValueError(f"must be {NAMES[self.kind]}, not {text!r}") from None
        return text

    def _wrong_text(self, value: object) -> str:
        texts = cast(tuple[str, ...], (value,) if isinstance(value, str) else value)
        return next(filter(None, map(self.check, texts)), "") if self.check else ""

    def _has_kind(self, value: object) -> bool:
        if self.kind is tuple:
            texts = value if isinstance(value, list | tuple) else [value]
            return all(isinstance(item, str) for item in texts)
        if self.kind is Mapping:
            return isinstance(value, Mapping) and all(
                isinstance(item, str) for pair in value.items() for item in pair
            )
        if self.is_number:
            allowed = int if self.kind is int else int | float
            return isinstance(value, allowed) and not isinstance(value, bool)
        return isinstance(value, cast(type, self.kind))


def settings_in(section: type, path: Path = ()) -> Iterator[tuple[Path, Setting]]:
    """Yield every setting of a dataclass and of the sections in it, each with its path below `path`."""
    hints = get_type_hints(section)
    for declared in fields(section):
        here, hint = (*path, declared.name), hints[declared.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from settings_in(hint, here)
            continue
        optional = get_origin(hint) in (Union, types.UnionType)
        inner = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
        made = declared.default_factory
        default = declared.default if made is MISSING else made()
        kind = get_origin(inner) or inner
        yield here, Setting(".".join(here), kind, optional, default, **declared.metadata)


def _pairs(pairs: Iterable[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(f"must be pairs ours=theirs, not {pair!r}")
        mapping[ours] = theirs
    return mapping

"""Every setting there is, and what each may hold: its type, its bounds, and how text spells it."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from presswatch_spark.settings.config import CorpusConfig, ScanConfig

Path = tuple[str, ...]
Bounds = tuple[float, float | None]

SHARE: Bounds = (0, 1)
COUNT: Bounds = (1, None)

# Lowest and highest value, both allowed. A number without an entry is a count.
BOUNDS: Mapping[str, Bounds] = {
    "grade.min_run_words": (8, None),
    "grade.full_copy_coverage": SHARE,
    "grade.partial_copy_coverage": SHARE,
    # An index of 8-word shingles has no shorter anchor to offer.
    "verify.anchor_words": (1, 8),
    "verify.bridge_gap_words": (0, None),
    "ownership.shared_share": SHARE,
    "confidence.rare_bits": (0, None),
    "confidence.full_copy_shared_share": SHARE,
    "confidence.rare_passage_bits": (0, None),
    "confidence.common_bits": (0, None),
    "run.budget": (0, None),
    "corpus.cluster_jaccard": SHARE,
    "corpus.background_copy_share": SHARE,
    "corpus.min_article_words": (8, None),
    "corpus.shingle_words": (8, 8),
    "corpus.shingle_stride": (1, 4),
    "corpus.filter_bits_per_key": (4, 64),
    "corpus.minhash.seed": (0, None),
    "corpus.minhash.permutations": (16, 1024),
    "run.wave_failures": SHARE,
    "run.lease_seconds": (1, 3600),
    "run.shard_seconds": (0.01, None),
    "storage.backoff_base": (0, 60),
    "storage.max_connections": (1, 1000),
    "storage.requests_per_second": (0.001, 1000),
    "storage.longest_wait": (0, 3600),
    "storage.refusal_pause": (0, 3600),
    "storage.lowest_rate": (0, None),
    "storage.rate_seconds": (0.01, 3600),
    # What EMR Serverless allows a worker.
    "serverless.disk_gb": (20, 2000),
    "serverless.timeout_minutes": (5, 1_000_000),
    "wait.first_seconds": (0.01, 3600),
    "wait.longest_seconds": (0.01, 3600),
    "wait.log_seconds": (0, 3600),
    "storage.connect_timeout": (0.1, 3600),
    "storage.read_timeout": (0.1, 3600),
}

# What a text may be, where it may not be anything.
WORDS: Mapping[str, tuple[str, ...]] = {"run.log_format": ("text", "json")}

# What stands between the texts of a list in a variable, where it is no comma.
SEPARATORS: Mapping[str, str] = {"corpus.date_formats": ";"}

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


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `kind` is int, float, bool, str, tuple (of texts) or Mapping (of text to text).

    `words`: those of which a text is one; empty: any. `separator`: what stands between the texts of a list.
    """

    name: str
    kind: object
    optional: bool
    bounds: Bounds | None
    default: object
    words: tuple[str, ...] = ()
    separator: str = ","

    @classmethod
    def of(cls, name: str, hint: Any, default: object) -> Setting:
        """Read a dataclass field's type hint."""
        optional = get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)
        inner = next(arg for arg in get_args(hint) if arg is not type(None)) if optional else hint
        kind = get_origin(inner) or inner
        bounds = BOUNDS.get(name, COUNT) if kind in (int, float) else None
        return cls(name, kind, optional, bounds, default, WORDS.get(name, ()), SEPARATORS.get(name, ","))

    def canonical(self, value: Any) -> object:
        """The value as the configuration holds it: lists become tuples, numbers floats."""
        if value is None:
            return None
        if self.kind is tuple:
            return (value,) if isinstance(value, str) else tuple(value)
        if self.kind is float:
            return float(value)
        return dict(value) if self.kind is Mapping else value


@lru_cache(maxsize=1)
def known_settings() -> Mapping[Path, Setting]:
    """Every setting of a job, by path."""
    return dict([*settings_in(ScanConfig()), *settings_in(CorpusConfig(), ("corpus",))])


def settings_in(section: object, path: Path = ()) -> Iterator[tuple[Path, Setting]]:
    """Settings of a section in which every one has its default."""
    for name, hint in get_type_hints(type(section)).items():
        here, default = (*path, name), getattr(section, name)
        if is_dataclass(default):
            yield from settings_in(default, here)
        else:
            yield here, Setting.of(".".join(here), hint, default)


def problem_of(setting: Setting, value: object) -> str:
    """Say what is wrong with `value`, or nothing."""
    if value is None:
        return "" if setting.optional else f"must be {NAMES[setting.kind]}, not empty"
    if not _has_kind(setting.kind, value):
        return f"must be {NAMES[setting.kind]}, not {value!r}"
    if setting.words and value not in setting.words:
        return f"must be {' or '.join(setting.words)}, not {value!r}"
    if setting.bounds is not None and isinstance(value, int | float):
        low, high = setting.bounds
        if high is not None and not low <= value <= high:
            return (
                f"must lie between {low:g} and {high:g}, not {value!r}" if low != high else f"must be {low:g}"
            )
        if not value >= low:
            return f"must be {low:g} or more, not {value!r}"
    return ""


def parse_text(setting: Setting, text: str) -> object:
    """Read a setting from an environment variable; the empty text means none where none is allowed.

    Lists are separated by commas (`SEPARATORS`), mappings are `ours=theirs` separated by commas.
    Raises:
        ValueError: with what the text should have been.
    """
    if not text and setting.optional:
        return None
    if setting.kind is bool:
        if text.lower() not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError(f"must be true or false, not {text!r}")
        return text.lower() in TRUE_WORDS
    if setting.kind is tuple:
        return tuple(part.strip() for part in text.split(setting.separator) if part.strip())
    if setting.kind is Mapping:
        return parse_pairs(part for part in text.split(",") if part.strip())
    if setting.kind in (int, float):
        try:
            return int(text) if setting.kind is int else float(text)
        except ValueError:
            raise ValueError(f"must be {NAMES[setting.kind]}, not {text!r}") from None
    return text


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read `ours=theirs` pairs; raises ValueError for a text that is none."""
    mapping = {}
    for pair in pairs:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise ValueError(f"must be pairs ours=theirs, not {pair!r}")
        mapping[ours] = theirs
    return mapping


def _has_kind(kind: object, value: object) -> bool:
    if kind is tuple:
        return isinstance(value, str) or (
            isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        )
    if kind is Mapping:
        return isinstance(value, Mapping) and all(
            isinstance(item, str) for pair in value.items() for item in pair
        )
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if isinstance(kind, type) else False

"""The JSON-LD of a page: its objects, wherever they are nested, and what they declare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from presswatch_spark.formats.table.json_text import parse
from presswatch_spark.rights.declaration import Signal, stated

SCRIPT_CHARACTERS = 1 << 20
OBJECTS = 20_000
"""The most objects of one script that are looked at, the outer ones first."""
PARTS = 100
ACCESSIBLE = "isAccessibleForFree"

_COPYRIGHT = ("copyrightHolder", "copyrightNotice")


@dataclass(frozen=True, slots=True)
class Part:
    """What `isAccessibleForFree` says of an object, and the selector of its text, if the object names one."""

    free: bool
    selector: str | None


def value_of(script: str) -> Any:
    """Parse a script; None if it is no JSON, or too long. Line ends within strings pass."""
    text = script.strip().rstrip(";")
    if len(text) > SCRIPT_CHARACTERS:
        return None
    if text.startswith(("<", "/")):  # wrapped in a comment or CDATA
        text = f"[{text[text.find('{') : text.rfind('}') + 1]}]"
    try:
        return parse(text.encode("utf-8", "replace"))
    except ValueError:
        pass
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def objects_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects in a value, outer ones first, `OBJECTS` at most."""
    level, seen = [value], 0
    while level:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                yield item
                seen += 1
                if seen == OBJECTS:
                    return
            if isinstance(item, dict | list):
                within = item.values() if isinstance(item, dict) else item
                inner += [each for each in within if isinstance(each, dict | list)]
        level = inner


def parts_of(item: dict[str, Any]) -> Iterator[Part]:
    """Yield what an object says of its own accessibility: once for each selector, or once without any."""
    free = _truth(item.get(ACCESSIBLE))
    if free is None:
        return
    selectors = item.get("cssSelector")
    named = selectors[:PARTS] if isinstance(selectors, list) else [selectors]
    texts: list[str | None] = [
        selector.strip() for selector in named if isinstance(selector, str) and selector.strip()
    ]
    for selector in texts or [None]:
        yield Part(free, selector)


def object_signals(item: dict[str, Any]) -> Iterator[Signal]:
    """Yield what an object says of copyright and licence."""
    for name in _COPYRIGHT:
        for text in _names(item.get(name)):
            yield stated("copyright", "json_ld", f"{name}: {text}")
    for text in _names(item.get("license")):
        yield stated("license", "json_ld", text)


def _truth(value: object) -> bool | None:
    """Read schema.org's Boolean as pages write it: `false`, "False", "http://schema.org/False"."""
    if isinstance(value, bool):
        return value
    word = value.rpartition("/")[2].strip().lower() if isinstance(value, str) else ""
    return {"true": True, "false": False}.get(word)


def _names(value: object) -> Iterator[str]:
    """Yield a string, or the name (or address) of an object; of a list, each."""
    for each in (value if isinstance(value, list) else [value])[:PARTS]:
        if isinstance(each, dict):
            each = next((each[key] for key in ("name", "url", "@id") if isinstance(each.get(key), str)), None)
        if isinstance(each, str) and each.strip():
            yield each

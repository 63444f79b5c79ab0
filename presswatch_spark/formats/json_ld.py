"""The JSON-LD of a page: a script's value, and the objects in it, wherever they are nested."""

import json
from collections.abc import Iterator
from typing import Any

from presswatch_spark.formats.table.json_text import parse

SCRIPT_CHARACTERS = 1 << 20
OBJECTS = 20_000
"""The most objects of one script that are looked at, the outer ones first."""


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

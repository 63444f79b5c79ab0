"""The reader for JSON that a person or another program may have changed."""

import json
from contextlib import suppress
from typing import Any

DEEPEST = 100
"""Most levels of nesting. Files of presswatch have fewer than ten; Python fails at about a thousand."""


def parse_json(data: bytes | str) -> Any:
    """Return the value of a JSON document; raises `ValueError` if it is no JSON, no UTF-8, or too nested."""
    with suppress(RecursionError):
        value = json.loads(data)
        level = [value]
        for _ in range(DEEPEST):
            level = [
                inner
                for each in level
                if isinstance(each, dict | list)
                for inner in (each.values() if isinstance(each, dict) else each)
            ]
            if not level:
                return value
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")

"""Directives for robots about one page: `X-Robots-Tag` and meta robots."""

from __future__ import annotations

import re
from collections.abc import Iterator

from presswatch_spark.rights.declaration import RESERVED, UNKNOWN

# What their authors define as a reservation against training on text. `noimageai` is about images; `noindex`,
# `noarchive` and `none` are about search.
_RESERVING = frozenset(("noai", "noml"))
_NAMED = re.compile(r"(?<![\w-])(?:noai|noml)(?![\w-])", re.IGNORECASE)
# Directives with a colon of their own: what precedes it is no agent.
_WITH_VALUE = ("unavailable_after", "max-snippet", "max-image-preview", "max-video-preview")


def directive_verdict(value: str) -> str | None:
    """`reserved` if one of the directives reserves the text; otherwise they say nothing on that.

    `unknown` where one that does is named, but not as a directive of its own (`noai noimageai`).
    """
    if _RESERVING & {part.strip().lower() for part in value.split(",")}:
        return RESERVED
    return UNKNOWN if _NAMED.search(value) else None


def addressed(value: str) -> Iterator[tuple[str | None, str]]:
    """Part the value of one `X-Robots-Tag` by the agents that it addresses; None: any.

    An agent's name stands before a colon and holds for the directives that follow it. A date's hour,
    which stands before one too, is none.
    """
    agent: str | None = None
    directives: list[str] = []
    for part in value.split(","):
        name, colon, rest = part.partition(":")
        name = name.strip()
        if colon and " " not in name and not name.lower().startswith(_WITH_VALUE):
            if directives:
                yield agent, ", ".join(directives)
            agent, directives, part = name or None, [], rest
        if part.strip():
            directives.append(part.strip())
    if directives:
        yield agent, ", ".join(directives)

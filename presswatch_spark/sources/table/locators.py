"""Locators of rows: from the values of a row, whatever container they came in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from presswatch_spark.sources.base import Locator
from presswatch_spark.sources.table.values import as_languages, as_text, as_time

# What a locator takes from the values of a row.
LOCATOR_ROLES = ("record_id", "payload_digest", "captured_at", "http_status", "languages", "release")

_CRAWL = re.compile(r"CC-MAIN-\d{4}(?:-\d{4})?(?:-\d{2})?(?!\d)")


def locator_of(value: Callable[[str], Any], **place: Any) -> Locator:
    """Build a locator; `value(role)` gives what the row holds for a role, `place` says where the row is."""
    base = Locator(
        record_id=as_text(value("record_id")),
        payload_digest=as_text(value("payload_digest")),
        captured_at=as_time(value("captured_at")),
        http_status=_status(value("http_status")),
        languages=as_languages(value("languages")),
        release=_release(value("release")),
    )
    return replace(base, **place)


def _status(value: object) -> int | None:
    """An HTTP status has three digits; anything else is none."""
    text = str(value) if isinstance(value, str) or (isinstance(value, int) and 0 < value < 1000) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdecimal() else None


def _release(value: object) -> str | None:
    """The crawl that a dump's name or a path of Common Crawl names, else the name as it stands.

    A path that names no crawl says where a file lay, not which release it is of.
    """
    if not isinstance(value, str):
        return None
    crawl = _CRAWL.search(value)
    return crawl.group() if crawl else None if "/" in value else value or None

"""Locators of rows: from the values of a row, whatever container they came in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from presswatch_spark.formats.table.values import as_capture, as_languages, as_text
from presswatch_spark.model import Locator, ReadReport
from presswatch_spark.moments import NoMomentError

# What a locator takes from the values of a row.
LOCATOR_ROLES = ("record_id", "payload_digest", "captured_at", "http_status", "languages", "release")

_CRAWL = re.compile(r"CC-MAIN-\d{4}(?:-\d{4})?(?:-\d{2})?(?!\d)")


NO_TIME_NOTE = "times of capture in no form that is read, or before the web: those rows have none"


def locator_of(value: Callable[[str], Any], report: ReadReport | None = None, **place: Any) -> Locator:
    """Build a locator; `value(role)` gives what the row holds for a role, `place` says where the row is.

    A time of capture that cannot be read is null, and `report` notes it.
    """
    base = Locator(
        record_id=as_text(value("record_id")),
        payload_digest=as_text(value("payload_digest")),
        captured_at=_captured_at(value("captured_at"), report),
        http_status=_status(value("http_status")),
        languages=as_languages(value("languages")),
        release=_release(value("release")),
    )
    return replace(base, **place)


def _captured_at(value: object, report: ReadReport | None) -> datetime | None:
    try:
        return as_capture(value)
    except NoMomentError:
        if report is not None:
            report.add_note(NO_TIME_NOTE)
        return None


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

"""Values as datasets write them, turned into ours, and locators of them; what cannot be read is None."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from presswatch_spark.model import Locator, ReadReport
from presswatch_spark.moments import NoMomentError, is_placeholder, moment_of

WEB_SINCE = 1991
_PLAIN = (str, int, float)

# What a locator takes from the values of a row.
LOCATOR_ROLES = (
    "record_id", "payload_digest", "captured_at", "http_status", "languages", "release", "upstream_uri",
    "upstream_offset",
)  # fmt: skip
_CRAWL = re.compile(r"CC-MAIN-\d{4}(?:-\d{4})?(?:-\d{2})?(?!\d)")
# Where Common Crawl's paths lie.
COMMON_CRAWL, CRAWL_DATA = "s3://commoncrawl/", "crawl-data/"
_WEB_ARCHIVE = re.compile(r"[^\s\\?#]{1,2000}\.(?:warc|arc|warc\.wet)(?:\.gz)?", re.ASCII)
LARGEST_OFFSET = (1 << 53) - 1
NO_TIME_NOTE = "times of capture in no form that is read, or before the web: those rows have none"


def as_time(value: object) -> datetime | None:
    """Return a moment from ISO 8601 (without zone: UTC), `YYYYMMDDhhmmss`, or a datetime; else None."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if not isinstance(value, str) or not value:
        return None
    text = value.strip()
    try:
        if len(text) == 14 and text.isdecimal():
            return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return as_time(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def as_text(value: object) -> str | None:
    """Return a string, or an integer id as a string; None for anything else or nothing."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def as_languages(value: object) -> tuple[str, ...]:
    """Return the language codes in `"fra,eng"` or in a list."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return ()
    return tuple(code.strip() for code in value if isinstance(code, str) and code.strip())


def readable_part(value: object) -> object:
    """Return as much of a JSON value as the functions here can read: a nested one may be of any size.

    Only null becomes None: a value that nobody can read still hides the names tried after its own.
    """
    # `str | int | float` would be made anew for each value.
    return value if value is None or isinstance(value, _PLAIN) else as_languages(value)


def as_number(value: object, greatest: int) -> int | None:
    """Return a whole number from 0 to `greatest`, be it written as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(greatest)):
        value = int(value)
    return value if type(value) is int and 0 <= value <= greatest else None


def kind(value: object) -> str:
    """Return the name of a JSON value's type."""
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "value")


def locator_of(value: Callable[[str], Any], report: ReadReport | None = None, **place: Any) -> Locator:
    """Return a locator: `value(role)` gives what the row holds for a role, `place` says where the row is.

    A time of capture that cannot be read is null, and `report` notes it.
    """
    upstream_uri = _web_archive(value("upstream_uri"))
    return Locator(
        record_id=as_text(value("record_id")),
        payload_digest=as_text(value("payload_digest")),
        captured_at=_captured_at(value("captured_at"), report),
        http_status=_status(value("http_status")),
        languages=as_languages(value("languages")),
        release=_release(value("release")),
        upstream_uri=upstream_uri,
        upstream_offset=as_number(value("upstream_offset"), LARGEST_OFFSET) if upstream_uri else None,
        **place,
    )


def _captured_at(value: object, report: ReadReport | None) -> datetime | None:
    """Return a row's time of capture, in any form that `moments` reads; None before there was a web."""
    try:
        moment = moment_of(value)
        if moment is None or (moment.year >= WEB_SINCE and not is_placeholder(moment)):
            return moment
    except NoMomentError:
        pass
    if report is not None:
        report.add_note(NO_TIME_NOTE)
    return None


def _status(value: object) -> int | None:
    """Return an HTTP status, which has three digits; None for anything else."""
    text = str(value) if isinstance(value, str) or (isinstance(value, int) and 0 < value < 1000) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdecimal() else None


def _release(value: object) -> str | None:
    """Return the crawl that a dump's name or a path of Common Crawl names, else the name as it stands.

    A path that names no crawl says where a file lay, not which release it is of.
    """
    if not isinstance(value, str):
        return None
    crawl = _CRAWL.search(value)
    return crawl.group() if crawl else None if "/" in value else value or None


def _web_archive(value: object) -> str | None:
    """Return the address of the web archive that a row names; None for what is named like none.

    A path of Common Crawl's becomes an address in its bucket. A path of another's stays as it is.
    """
    if not isinstance(value, str) or not value.isprintable() or not _WEB_ARCHIVE.fullmatch(value):
        return None
    return f"{COMMON_CRAWL}{value}" if value.startswith(CRAWL_DATA) else value

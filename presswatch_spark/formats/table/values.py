"""Values as datasets write them, turned into ours; what cannot be read becomes None."""

from __future__ import annotations

from datetime import UTC, datetime

from presswatch_spark.moments import NoMomentError, is_placeholder, moment_of

WEB_SINCE = 1991
_PLAIN = (str, int, float)


def as_time(value: object) -> datetime | None:
    """Read a moment: ISO 8601 (without zone: UTC), `YYYYMMDDhhmmss`, or a datetime."""
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


def as_capture(value: object) -> datetime | None:
    """Read a row's time of capture, in any form that `moments` reads.

    Raises:
        NoMomentError: it is in none, or is one at which there was nothing to capture.
    """
    if isinstance(value, tuple):  # what `kept` makes of all else
        raise NoMomentError("is neither a text nor a number")
    moment = moment_of(value)
    if moment and (is_placeholder(moment) or moment.year < WEB_SINCE):
        raise NoMomentError("is before there was a web")
    return moment


def as_text(value: object) -> str | None:
    """A string, or an integer id as a string; None for anything else or nothing."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def as_languages(value: object) -> tuple[str, ...]:
    """Language codes from `"fra,eng"` or from a list."""
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple):
        return ()
    return tuple(code.strip() for code in value if isinstance(code, str) and code.strip())


def kept(value: object) -> object:
    """As much of a JSON value as the others here can read: a nested one may hold anything, of any size.

    Only null becomes None: a value that nobody can read still hides the names tried after its own.
    """
    # `str | int | float` would be made anew for each value.
    return value if value is None or isinstance(value, _PLAIN) else as_languages(value)


def as_number(value: object, greatest: int) -> int | None:
    """A whole number from 0 to `greatest`, be it written as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(greatest)):
        value = int(value)
    return value if type(value) is int and 0 <= value <= greatest else None


def kind(value: object) -> str:
    """Name a JSON value's type as JSON does."""
    names = {bool: "boolean", int: "number", float: "number", list: "list", dict: "object"}
    return names.get(type(value), "value")

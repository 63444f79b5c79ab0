"""Reads dates and times as people and programs write them, and never guesses between two meanings.

Without a declared format, it reads ISO 8601 in usual shapes (also with `/` and `.`, one digit for a month,
`20190124`, `20190124180000`, weeks and days of the year), RFC 2822, and numbers since 1970: by their size
seconds (10^8 and more), milliseconds (10^10), microseconds (10^13) or nanoseconds (10^16). `24-1-2019` needs
a declared format of `strptime`. A moment without a zone is in UTC; a day is read as its first moment.
"""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Years beyond these are placeholders: the first and last days of the calendars of programs.
FIRST_YEAR, LAST_YEAR = 1600, 2199

_DAY = r"(?P<year>\d{4})(?:(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})|(?P<basic>\d{4}))"
_TIME = r"(?P<hour>\d{1,2})(?::?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,12}))?)?)?"
_ZONE = r"\s*(?P<zone>[Zz]|UTC|GMT|[+\-−][01]\d(?::?[0-5]\d)?)?"
_ISO = re.compile(rf"{_DAY}(?:(?:[Tt]|\s+){_TIME})?{_ZONE}", re.ASCII)
_OTHER_ISO = re.compile(r"\d{4}-?W\d{2}-?\d|\d{4}-\d{3}", re.ASCII)
# `YYYYMMDDhh`, with or without minutes, seconds and milliseconds. Ten digits that begin with an earlier
# year than 1900 are seconds: 1600000000 is in 2020.
_COMPACT = re.compile(r"(?:19|2[01])\d{8}|(?:1[6-9]|2[01])\d{10}(?:\d{2}(?:\d{3})?)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)
_RFC_2822 = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?\d{1,2}[ -](?P<month>[^\W\d_]{3,10})\.?[ -]\d{4}"
    r"(?P<time>,?\s+\d{1,2}:\d{2}(?::\d{2})?(?:\s*(?:(?P<letters>[A-Za-z]{1,5})|[+-]\d{4}))?(?:\s*\([^()]*\))?)?"
)
# RFC 2822, section 4.3; other letters are ambiguous.
_ZONES = frozenset(["Z", "UT", "UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT"])
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTHS = frozenset([*_MONTH_NAMES, *(name[:3] for name in _MONTH_NAMES)])
_TWO_ORDERS = re.compile(r"\d{1,2}(?P<mark>[-/.])\d{1,2}(?P=mark)(?P<year>\d{4}|\d{2})(?!\d)", re.ASCII)
# Least size of a number, and the number of its units per second.
_UNITS = ((10**16, 10**9), (10**13, 10**6), (10**10, 10**3), (10**8, 1))
_GREATEST = 10**19
_TRIED = (datetime(2019, 1, 24, tzinfo=UTC), datetime(2020, 12, 3, tzinfo=UTC))
_OF_THE_HOST = ("%Z", "%c", "%x", "%X")
# Formats with a day and without a year are deprecated since Python 3.13.
_DAY_ONLY = re.compile(r"(?!.*%[YyG]).*%[de]", re.DOTALL)


class NoMomentError(ValueError):
    """A value that is no moment, or may be two; the message has the reason, without the value."""


def record_time(value: object) -> datetime | None:
    """Return the time in a record's header or an index, in UTC; None for any other value.

    It is ISO 8601 (without zone: UTC), `YYYYMMDDhhmmss`, also with milliseconds, or a datetime.
    """
    if isinstance(value, datetime):
        return utc(value)
    text = value.strip() if isinstance(value, str) else ""
    compact = text[:14] if len(text) in (14, 17) and text.isdecimal() else ""
    with suppress(ValueError):
        return utc(datetime.strptime(compact, "%Y%m%d%H%M%S") if compact else datetime.fromisoformat(text))
    return None


def in_same_second(one: datetime | None, other: datetime | None) -> bool:
    """Return whether two known times are in the same second; times in an index have no fractions."""
    if one is None or other is None:
        return False
    return one.replace(microsecond=0) == other.replace(microsecond=0)


def moment_of(value: object, formats: Sequence[str] = ()) -> datetime | None:
    """Return the moment that a text, number or date means, in UTC; None for a value that is None or blank.

    Declared `formats` (see `check_formats`) are tried first; all that match must agree. Or `NoMomentError`.
    """
    try:
        return _read(value, formats)
    except NoMomentError:
        raise
    except (ValueError, OverflowError, ArithmeticError) as error:
        raise NoMomentError("is not a valid day or time") from error


def is_placeholder(moment: datetime) -> bool:
    """Return whether a moment is a placeholder: the first of 1970, or a year before 1600 or after 2199."""
    return moment == EPOCH or not FIRST_YEAR <= moment.year <= LAST_YEAR


def check_formats(formats: Sequence[str], where: str) -> None:
    """Raise `ConfigError` unless every format is one of `strptime` that gives day, month and year."""
    for form in formats:
        wrong = next(
            (f"contains {code}, which depends on the host" for code in _OF_THE_HOST if code in form), ""
        )
        try:
            tried = () if _DAY_ONLY.match(form.replace("%%", "")) else _TRIED
            read = [datetime.strptime(day.strftime(form), form).date() for day in tried]
            if not wrong and read != [day.date() for day in _TRIED]:
                wrong = "does not give a day, a month and a year"
        except (ValueError, re.error) as error:
            wrong = f"is not a strptime format: {error}"
        if wrong:
            raise ConfigError(f"date format `{form}` {wrong}", where=where, remedy="write it as %d-%m-%Y")


def _read(value: object, formats: Sequence[str]) -> datetime | None:
    if isinstance(value, datetime):
        if value != value:  # pandas's "not a time", which is a datetime like any other
            raise NoMomentError("is not a time")
        return utc(value)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise NoMomentError("is not a number")
        text = str(value) if isinstance(value, int) else format(Decimal(value), "f")
    elif value is None:
        return None
    elif isinstance(value, str):
        text = value.strip()
    else:
        raise NoMomentError("is neither a text nor a number")
    return _of_text(text, formats) if text else None


def _of_text(text: str, formats: Sequence[str]) -> datetime:
    declared = set[datetime]()
    for form in formats:
        with suppress(ValueError, OverflowError):
            declared.add(utc(datetime.strptime(text, form)))
    if len(declared) > 1:
        raise NoMomentError("matches two of the declared formats, with a different moment in each")
    if declared:
        return declared.pop()
    if _NUMBER.fullmatch(text):
        return _of_digits(text)
    if iso := _ISO.fullmatch(text):
        return _of_iso(iso)
    if _OTHER_ISO.fullmatch(text):
        return utc(datetime.fromisoformat(text) if "W" in text else datetime.strptime(text, "%Y-%j"))
    if rfc := _RFC_2822.fullmatch(text):
        if rfc["month"].lower() not in _MONTHS:
            raise NoMomentError("does not name its month in English: write it as a number, as 2019-01-24")
        if not (rfc["letters"] and rfc["letters"].upper() not in _ZONES):
            return utc(parsedate_to_datetime(text if rfc["time"] else f"{text} 00:00"))
    if two := _TWO_ORDERS.match(text):
        form = "{0}d{1}{0}m{1}{0}{2}".format("%", two["mark"], "Y" if len(two["year"]) == 4 else "y")
        more = " and the time after it" if two.end() < len(text) else ""
        raise NoMomentError(
            f"may begin with the day or with the month: declare it, as --date-format {form}{more}"
        )
    raise NoMomentError(
        "is in no known format (ISO 8601, RFC 2822, seconds since 1970): declare its own with --date-format"
    )


def _of_iso(found: re.Match[str]) -> datetime:
    month, day = found["month"] or found["basic"][:2], found["day"] or found["basic"][2:]
    hour, minute, second, fraction = (found[name] or "0" for name in ("hour", "minute", "second", "fraction"))
    next_day = int(hour) == 24 and not int(minute + second + fraction)
    clock = f"{'00' if next_day else hour:0>2}:{minute:0>2}:{second:0>2}.{fraction}"
    zone = (found["zone"] or "").replace("−", "-")
    moment = f"{found['year']}-{month:0>2}-{day:0>2}T{clock}{zone if zone[:1] in ('+', '-') else 'Z'}"
    return utc(datetime.fromisoformat(moment)) + timedelta(days=next_day)


def _of_digits(text: str) -> datetime:
    is_day = len(text) == 8 and text.isdigit()
    if is_day:
        with suppress(ValueError):
            return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    stamp = None
    if _COMPACT.fullmatch(text):
        with suppress(ValueError):
            stamp = datetime.strptime(text[:14], "%Y%m%d%H%M%S"[: len(text) - 2]).replace(tzinfo=UTC)
    if stamp and len(text) == 14:
        return stamp
    if stamp:
        form = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 17: "%Y%m%d%H%M%S%f"}[len(text)]
        raise NoMomentError(
            f"may be a time without marks or a number since 1970: declare it, as --date-format {form}"
        )
    number = Decimal(text)
    if number == 0 and not is_day:
        return EPOCH
    unit = next((unit for least, unit in _UNITS if abs(number) >= least), None)
    if unit is None or abs(number) >= _GREATEST:
        raise NoMomentError(
            "is a number of neither seconds nor parts of them since 1970: declare its form with --date-format"
        )
    return EPOCH + timedelta(microseconds=int(number * 1_000_000 / unit))

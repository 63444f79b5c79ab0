"""Publication dates of articles: the moments between which an article must have been published.

Members often give a day without a time, and a table stores it as 00:00 UTC. Such a day begins first at UTC+14
and ends last at UTC-12, at 12:00 UTC of the next day. If the members' file names the title's time zone, the
day is the one of that zone. A date with a time may be off by its zone, so it leaves a day on both sides.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from presswatch_spark.terminal import utc

A_DAY = timedelta(days=1)
FIRST_ZONE, LAST_ZONE = timedelta(hours=14), timedelta(hours=-12)
_KEPT = 1 << 14
# Sums with a day's shifts stay within the calendar.
_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Publication:
    """Moments of a publication, in UTC.

    `earliest` and `latest`: it was not before the first, and it was before the second. `begins`: the moment
    given, or the begin of the day given, in the title's time zone or else in UTC.
    """

    earliest: datetime
    begins: datetime
    latest: datetime


@lru_cache(_KEPT)
def publication_of(published_at: datetime, time_zone: str | None = None) -> Publication:
    """Return the moments of a publication.

    Args:
        published_at: as the tables store it; 00:00 UTC stands for a day without a time.
        time_zone: of the title, an IANA name as the members' file gives it.
    """
    moment = min(max(utc(published_at), _FIRST), _LAST)
    if moment.time() != time():
        return Publication(moment - A_DAY, moment, moment + A_DAY)
    if time_zone is None:
        return Publication(moment - FIRST_ZONE, moment, moment + A_DAY - LAST_ZONE)
    zone = ZoneInfo(time_zone)
    begins, ends = (
        datetime.combine(day, time(), zone).astimezone(UTC)
        for day in (moment.date(), (moment + A_DAY).date())
    )
    return Publication(begins, begins, ends)


def captured_before(
    captured_at: datetime | None, published_at: datetime | None, time_zone: str | None = None
) -> bool:
    """Return whether a page was certainly captured before an article was published."""
    return bool(
        captured_at and published_at and utc(captured_at) < publication_of(published_at, time_zone).earliest
    )


def dated_before(page_at: datetime, published_at: datetime, time_zone: str | None = None) -> bool:
    """Return whether the date that a page gives itself is before an article's; 00:00 UTC stands for a day."""
    begins, page_at = publication_of(published_at, time_zone).begins, utc(page_at)
    if page_at.time() != time():
        return page_at < begins
    return page_at.date() < begins.astimezone(ZoneInfo(time_zone) if time_zone else UTC).date()


def is_time_zone(name: str) -> bool:
    """Return whether a name is an IANA time zone, as `Europe/Paris`."""
    return name in time_zones()


@lru_cache(1)
def time_zones() -> frozenset[str]:
    """Return the names of the time zones that a members file may give."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")

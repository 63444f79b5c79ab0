"""Releases of Common Crawl for a campaign: listed crawls, crawls found by name, months of CC-NEWS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from presswatch_spark.errors import InputError, PresswatchError, StorageError
from presswatch_spark.releases.known import Listing, ReleaseList, at_hand, current, list_uri
from presswatch_spark.releases.release import CRAWL_FORMS, NEWS, NEWS_SINCE, Release, week_of
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.objects import DeniedError, MissingError

OVERDUE = timedelta(days=60)
"""No crawl was without shard lists for longer after its last capture: after that, something else is wrong."""
LIST_MAX_AGE = timedelta(days=7)
"""With an older list of crawls a release may be missed."""


def known_crawls(
    crawls: str | None,
    listed: str | None,
    config: ScanConfig,
    now: datetime,
    *,
    by_name: bool = False,
    base: str | None = None,
) -> ReleaseList:
    """Return the list of crawls that is due now: `listed`, or the one of the settings.

    Args:
        crawls: `wet` or `warc`. Months of CC-NEWS and datasets need no newer list than the one at hand.
        by_name: read no list, and add the crawls of later weeks that are published, each called by its week:
            for machines that reach shard lists below `base`, and no list of crawls.

    Raises:
        StorageError: the list is a file, and cannot be read; or a shard list cannot be asked for now.
    """
    uri = list_uri(listed or config.datasets.common_crawl.index)
    if crawls not in CRAWL_FORMS:
        return at_hand(uri)
    if not by_name:
        return current(uri, config.storage, now)

    def is_published(name: str) -> bool:
        try:
            shards_of(name, crawls, base, config.datasets, config.storage)
        except PresswatchError as error:
            if is_absence(error):
                return False
            if isinstance(error.__cause__, StorageError):
                raise error.__cause__ from error
            raise
        return True

    return with_later_weeks(at_hand(uri), now, is_published)


def with_later_weeks(known: ReleaseList, now: datetime, is_published: Callable[[str], bool]) -> ReleaseList:
    """Return a list with the published crawls of the weeks since its newest crawl."""
    weeks = {crawl.name: found for crawl in known.listing.crawls if (found := week_of(crawl.name))}
    newest = max(weeks, default=None)
    published = list[Release]()
    if newest:
        year, week = weeks[newest]
        day = datetime.fromisocalendar(year, max(week, 1), 1).replace(tzinfo=UTC)
        while (day := day + timedelta(weeks=1)) <= now:
            name = "CC-MAIN-{}-{:02}".format(*day.isocalendar()[:2])
            if is_published(name):
                published.insert(0, Release(name, None, None))
    listing = Listing(now, (*published, *known.listing.crawls))
    return ReleaseList(listing, f"{known.origin}, and the weeks since {newest}")


def news_months(now: datetime) -> tuple[Release, ...]:
    """Return the months of CC-NEWS that are over, newest first: a month's list grows until its end."""
    months = []
    end = datetime(now.year, now.month, 1, tzinfo=UTC)
    while end > NEWS_SINCE:
        first = (end - timedelta(days=1)).replace(day=1)
        months.append(Release(f"{NEWS}-{first:%Y-%m}", max(first, NEWS_SINCE), end))
        end = first
    return tuple(months)


def is_absence(error: PresswatchError) -> bool:
    """Return whether a shard list is not there; a bucket that we may not list denies what it lacks."""
    causes = (error, error.__cause__) if isinstance(error, InputError) else (error,)
    return any(isinstance(cause, (MissingError, DeniedError)) for cause in causes)


def is_overdue(last_capture: datetime | None, now: datetime) -> bool:
    """Return whether a release should have been published long ago; one of unknown dates should."""
    return last_capture is None or now - last_capture > OVERDUE

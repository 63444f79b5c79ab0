"""Decides which releases are to be scanned, and which can be: a listed one may not be published yet."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from presswatch_spark.errors import InputError, StorageError
from presswatch_spark.releases.known import Listing, ReleaseList
from presswatch_spark.releases.release import CRAWL, NEWS, NEWS_SINCE, Release
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.settings.config import DatasetRules
from presswatch_spark.storage.objects import DeniedError, MissingError, StorageOptions

OVERDUE = timedelta(days=60)
"""No release was without shard lists for longer after its last capture: then something else is wrong."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The newest release only, or all from `since` on; with `news`, months of CC-NEWS, not crawls."""

    since: str | None = None
    news: bool = False

    def of(self, known: ReleaseList, now: datetime) -> tuple[Release, ...]:
        """Return the releases of the scope, newest first; `InputError` if the list does not hold `since`."""
        listed = news_months(now) if self.news else known.listing.crawls
        if self.since is None:
            return listed[:1]
        for place, release in enumerate(listed):
            if release.name == self.since:
                return listed[: place + 1]
        raise InputError(
            f"is not in the list: {NEWS} by the whole month" if self.news else f"is not in {known.origin}",
            where=self.since,
            remedy=f"name one like {listed[0].name}; `presswatch releases` lists the crawls",
        )


def news_months(now: datetime) -> tuple[Release, ...]:
    """Return the months of CC-NEWS that are over, newest first: a month's list grows until its end."""
    months = []
    end = datetime(now.year, now.month, 1, tzinfo=UTC)
    while end > NEWS_SINCE:
        first = (end - timedelta(days=1)).replace(day=1)
        months.append(Release(f"{NEWS}-{first:%Y-%m}", max(first, NEWS_SINCE), end))
        end = first
    return tuple(months)


def probed(known: ReleaseList, now: datetime, not_ready: Callable[[Release], str | None]) -> ReleaseList:
    """Return the list with the crawls published since, found by their names: a crawl is named by its week.

    This is for machines that cannot ask for the list of crawls, but for shard lists.

    Raises:
        StorageError: a shard list cannot be asked for now.
    """
    newest = max((crawl.name for crawl in known.listing.crawls if CRAWL.fullmatch(crawl.name)), default=None)
    weeks = [Release(name, None, None) for name in _weeks_after(newest, now)] if newest else []
    found = [release for release in reversed(weeks) if not_ready(release) is None]
    listing = Listing(now, (*found, *known.listing.crawls))
    return ReleaseList(listing, f"{known.origin}, and the weeks since {newest}")


def _weeks_after(newest: str, now: datetime) -> Iterator[str]:
    """Yield the names of crawls of the weeks after `newest`, oldest first, up to this week's."""
    year, week = map(int, newest.removeprefix("CC-MAIN-").split("-"))
    day = datetime.fromisocalendar(year, max(week, 1), 1).replace(tzinfo=UTC)
    while (day := day + timedelta(weeks=1)) <= now:
        yield "CC-MAIN-{}-{:02}".format(*day.isocalendar()[:2])


def not_ready(
    release: Release, kind: str, base: str | None, rules: DatasetRules, storage: StorageOptions
) -> str | None:
    """Return why the release cannot be scanned yet: its shard list is not there. None if it is.

    Raises:
        InputError: it has no such form, by its name.
        StorageError: the list cannot be asked for now.
    """
    try:
        shards_of(release.name, kind, base, rules, storage)
    except (MissingError, DeniedError) as error:
        # A bucket that we may not list denies what it does not have.
        return str(error)
    except InputError as error:
        # The shipped list does not name this crawl: storage gave the reason.
        if isinstance(error.__cause__, (MissingError, DeniedError)):
            return str(error.__cause__)
        if isinstance(error.__cause__, StorageError):
            raise error.__cause__ from error
        raise
    return None


def is_overdue(release: Release, now: datetime) -> bool:
    """Return whether the release should have been published long ago."""
    return release.last is not None and now - release.last > OVERDUE

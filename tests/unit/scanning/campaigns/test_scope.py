"""Which releases there are: listed crawls, crawls that no list names, months of CC-NEWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from presswatch_spark.core.errors import InputError, PresswatchError, StorageError
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.scanning.campaigns.plan import (
    CampaignPlan,
    CorpusOfCampaign,
    is_absence,
    is_overdue,
    items_of,
    news_months,
    with_later_weeks,
)
from presswatch_spark.scanning.releases.known import Listing, ReleaseList
from presswatch_spark.scanning.releases.release import Release
from presswatch_spark.storage.objects import DeniedError, MissingError

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEWEST, OLDER = "CC-MAIN-2026-21", "CC-MAIN-2026-17"
KNOWN = ReleaseList(Listing(NOON, (Release(NEWEST, None, None), Release(OLDER, None, None))), "the list")


def test_a_month_of_news_is_listed_when_it_is_over() -> None:
    months = [each.name for each in news_months(NOON)]
    assert (months[0], months[-1]) == ("CC-NEWS-2026-05", "CC-NEWS-2016-08")
    assert len(set(months)) == len(months) == 118
    corpus = CorpusOfCampaign("c", "0" * 64, 7)
    plan = CampaignPlan("t", (corpus,), "news", since="CC-NEWS-2026-04")
    items = items_of(plan, KNOWN, ScanConfig(), NOON)
    assert [(item.name, item.format) for item in items] == [(name, "warc") for name in months[:2]]


def test_crawls_that_no_list_names_are_found_by_their_weeks() -> None:
    """The newest known crawl is of week 21; today is in week 5 of the year after."""
    there = {"CC-MAIN-2026-26", "CC-MAIN-2026-53", "CC-MAIN-2027-04"}
    asked: list[str] = []

    def is_published(name: str) -> bool:
        asked.append(name)
        return name in there

    known = with_later_weeks(KNOWN, datetime(2027, 2, 3, tzinfo=UTC), is_published)
    names = [crawl.name for crawl in known.listing.crawls]
    assert names == [*sorted(there, reverse=True), NEWEST, OLDER]
    assert (asked[0], asked[-1], len(asked)) == ("CC-MAIN-2026-22", "CC-MAIN-2027-05", 37)
    assert known.trouble is None


@pytest.mark.parametrize(
    ("error", "is_absent"),
    [
        (MissingError("404"), True),
        # A bucket that we may not list denies the objects that it does not have.
        (DeniedError("403"), True),
        (StorageError("throttled"), False),
        (InputError("no such release"), False),
    ],
)
def test_a_failure_is_no_absence(error: PresswatchError, is_absent: bool) -> None:
    assert is_absence(error) == is_absent
    wrapped = InputError("the list does not name this crawl")
    wrapped.__cause__ = error
    assert is_absence(wrapped) == is_absent


def test_a_release_that_should_have_been_published_long_ago_is_overdue() -> None:
    assert not is_overdue(NOON - timedelta(days=60), NOON)
    assert is_overdue(NOON - timedelta(days=61), NOON)

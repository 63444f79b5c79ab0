"""Dates of publication: when an article's day has begun and ended everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from presswatch_spark.matching.judgement.grading import captured_before, dated_before, publication_of

DAY = datetime(2024, 5, 18, tzinfo=UTC)
NOON = DAY.replace(hour=12)
SECOND = timedelta(seconds=1)


def test_a_day_without_a_time_lasts_from_utc_plus_14_to_utc_minus_12() -> None:
    day = publication_of(DAY)
    assert day.earliest == DAY.astimezone(timezone(timedelta(hours=14))) - timedelta(hours=14)
    assert day.latest == datetime(2024, 5, 19, tzinfo=timezone(timedelta(hours=-12)))
    assert day.begins == DAY


@pytest.mark.parametrize(
    ("zone", "begins", "ends"),
    [
        ("Europe/Paris", "2024-05-17T22:00Z", "2024-05-18T22:00Z"),
        ("America/Montreal", "2024-05-18T04:00Z", "2024-05-19T04:00Z"),
        ("Pacific/Noumea", "2024-05-17T13:00Z", "2024-05-18T13:00Z"),
        ("Pacific/Tahiti", "2024-05-18T10:00Z", "2024-05-19T10:00Z"),
    ],
)
def test_a_day_of_a_title_with_a_time_zone_is_that_zones(zone: str, begins: str, ends: str) -> None:
    day = publication_of(DAY, zone)
    assert day.earliest == day.begins == datetime.fromisoformat(begins)
    assert day.latest == datetime.fromisoformat(ends)


def test_the_day_on_which_clocks_change_has_its_own_length() -> None:
    spring, autumn = (datetime(2024, *day, tzinfo=UTC) for day in ((3, 31), (10, 27)))
    for day, hours in ((spring, 23), (autumn, 25)):
        found = publication_of(day, "Europe/Paris")
        assert found.latest - found.begins == timedelta(hours=hours)


def test_a_date_with_a_time_leaves_a_day_on_both_sides_in_any_zone() -> None:
    for zone in (None, "Europe/Paris"):
        found = publication_of(NOON, zone)
        assert (found.begins - found.earliest, found.latest - found.begins) == (timedelta(1), timedelta(1))


def test_moments_at_the_ends_of_the_calendar_are_no_error() -> None:
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(9999, 12, 31)):
        found = publication_of(at, "Europe/Paris")
        assert found.earliest <= found.begins <= found.latest


def test_a_capture_is_before_an_article_only_if_the_day_had_begun_nowhere() -> None:
    first = DAY - timedelta(hours=14)
    assert captured_before(first - SECOND, DAY)
    assert not captured_before(first, DAY)
    assert not captured_before(None, DAY)
    assert not captured_before(first, None)


def test_a_page_that_gives_a_day_is_earlier_by_days_and_one_that_gives_a_time_by_seconds() -> None:
    assert dated_before(DAY - timedelta(days=1), DAY)
    assert not dated_before(DAY, DAY)
    assert not dated_before(DAY, NOON)
    assert dated_before(NOON - SECOND, NOON)
    assert not dated_before(NOON, NOON)
    # A midnight of Paris is that day's begin for a title of Paris, and the day before without its zone.
    midnight = DAY - timedelta(hours=2)
    assert dated_before(midnight, DAY)
    assert not dated_before(midnight, DAY, "Europe/Paris")
    assert dated_before(midnight - SECOND, DAY, "Europe/Paris")

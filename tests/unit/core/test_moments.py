"""Moments: every form that can mean only one thing is read, what may mean two is refused with what to say."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from presswatch_spark.core import times
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.times import EPOCH, NoMomentError, check_formats, is_placeholder, moment_of
from tests.world.proofs import cases

DAY = datetime(2019, 1, 24, tzinfo=UTC)
SIX = datetime(2019, 1, 24, 17, tzinfo=UTC)


DAYS = (
    "2019-01-24", " 2019-01-24 ", "2019-1-24", "2019/01/24", "2019.1.24", "20190124", 20190124,
    "2019-W04-4", "2019-024", "2019-01-24T00:00:00Z", "2019-01-23T24:00", "24 Jan 2019",
    "Thu, 24 January 2019", "2019-01-24Z", "2019-01-24T01:00+01",
)  # fmt: skip
TIMES = (
    "2019-01-24T18:00:00+01:00", "2019-01-24t17:00:00z", "2019-01-24 17:00 UTC", "2019-01-24 18:00 +0100",
    "2019-01-24 17:00:00",
    "20190124170000", 20190124170000, "20190124T180000+0100", "2019-01-24T12:00:00.000000−05:00",
    "Thu, 24 Jan 2019 18:00:00 +0100", "24 Jan 2019 17:00 GMT", "Thu, 24 Jan 2019 18:00:00 +0100 (CET)",
    "Thu, 24 Jan 2019 12:00:00 EST", 1548349200, "1548349200", 1548349200.0, "1548349200000",
    1548349200_000_000, 1548349200_000_000_000,
)  # fmt: skip


def test_a_day_is_its_first_moment_in_utc_and_a_time_is_in_its_zone_or_in_utc() -> None:
    assert [(value, moment_of(value)) for value in DAYS] == [(value, DAY) for value in DAYS]
    assert [(value, moment_of(value)) for value in TIMES] == [(value, SIX) for value in TIMES]


@cases(
    ("value", "told"),
    [
        ("24-1-2019", "as --date-format %d-%m-%Y"),
        ("3/4/19 10:00", "as --date-format %d/%m/%y and the time after it"),
        ("03.04.2019", "as --date-format %d.%m.%Y"),
        ("24012019", "declare its form with --date-format"),
        ("00000000", "declare its form with --date-format"),
        ("2019012418", "may be a time without marks or a number"),
        (201901241800, "may be a time without marks or a number"),
        (2019, "neither seconds nor parts"),
        ("2019-01", "in no known format"),
        ("24 janvier 2019", "not name its month in English"),
        ("12 mars 2020 10:00", "not name its month in English"),
        ("24 Jan 2019 18:00 CET", "in no known format"),
        ("24 Jan 19 18:00 +0100", "in no known format"),
        ("2019-02-30", "a valid day or time"),
        ("2019-01-24T25:00", "a valid day or time"),
        ("2019-01-24T18:00+25:00", "in no known format"),
        ("٢٠١٩-٠١-٢٤", "in no known format"),
        (10**30, "neither seconds nor parts"),
        (float("inf"), "not a number"),
        (True, "neither a text nor a number"),
        ({}, "neither a text nor a number"),
    ],
)
def test_what_is_no_moment_or_may_be_two_is_refused_with_the_reason(value: object, told: str) -> None:
    with pytest.raises(NoMomentError) as raised:
        moment_of(value)
    assert told in str(raised.value)
    assert not isinstance(value, str) or value not in str(raised.value)


def test_nothing_is_no_moment_and_no_mistake() -> None:
    assert [moment_of(value) for value in (None, "", " \n")] == [None] * 3


@given(st.datetimes(datetime(1974, 1, 1), datetime(2285, 1, 1)), st.sampled_from((1, 1_000, 1_000_000)))
def test_numbers_since_1970_are_told_by_their_size(moment: datetime, unit: int) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    number = int((whole - EPOCH).total_seconds()) * unit
    # A few read as YYYYMMDDhh… too, and are refused.
    assume(not re.match(r"(1[6-9]|2[01])\d\d(0[1-9]|1[0-2])", str(number)))
    assert moment_of(number) == whole


@given(st.datetimes(datetime(1600, 1, 1), datetime(2199, 12, 31)), st.integers(-14 * 60, 14 * 60))
def test_iso_8601_is_read_back_as_it_was_written(moment: datetime, minutes: int) -> None:
    zone = timedelta(minutes=minutes)
    hours, rest = divmod(abs(minutes), 60)
    written = f"{moment.isoformat()}{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
    assert moment_of(written) == moment.replace(tzinfo=UTC) - zone


def test_formats_that_give_a_day_may_be_declared() -> None:
    check_formats(["%d-%m-%Y", "%d/%m/%y %H:%M", "%a, %d %b %Y", "%Y%j", "%d. %B %Y %z"], "here")


@cases(
    ("form", "told"),
    [
        ("%Y-%m", "does not give a day, a month and a year"),
        ("%d", "does not give a day, a month and a year"),
        ("", "does not give a day, a month and a year"),
        ("dd-mm-yyyy", "does not give a day, a month and a year"),
        ("%q", "is not a strptime format"),
        ("%d %m %Y %Z", "contains %Z, which depends on the host"),
        ("%x", "contains %x, which depends on the host"),
    ],
)
def test_other_formats_are_refused_before_anything_is_read(form: str, told: str) -> None:
    with pytest.raises(ConfigError, match="date format") as raised:
        check_formats(["%d-%m-%Y", form], "corpus.date_formats")
    assert told in str(raised.value)


def test_a_format_without_a_year_is_refused_before_python_warns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Strict(datetime):
        strptime = None  # type: ignore[assignment]

    monkeypatch.setattr(times, "datetime", Strict)
    with pytest.raises(ConfigError, match="does not give a day, a month and a year"):
        check_formats(["%d/%m %%Y"], "here")


def test_zeros_and_last_days_of_calendars_stand_for_none() -> None:
    for text in ("1970-01-01", "0001-01-01", "9999-12-31"):
        moment = moment_of(text)
        assert moment is not None
        assert is_placeholder(moment)
    assert not is_placeholder(DAY)
    assert not is_placeholder(EPOCH + timedelta(seconds=1))


def test_seconds_since_1970_are_read_on_every_day_of_these_years() -> None:
    first = int(datetime(2001, 9, 9, 3, tzinfo=UTC).timestamp())
    seconds = range(first, 1_900_000_000, 977_777)
    assert [moment_of(str(each)) for each in seconds] == [EPOCH + timedelta(seconds=each) for each in seconds]
    # As a time without marks it would be noon of 15 April 1609.
    assert moment_of(1609041512) == datetime(2020, 12, 27, 3, 58, 32, tzinfo=UTC)


def test_a_time_without_marks_to_the_millisecond_is_not_taken_for_nanoseconds() -> None:
    with pytest.raises(NoMomentError, match="--date-format %Y%m%d%H%M%S%f"):
        moment_of("20190124180000123")
    found = moment_of("20190124180000123", ["%Y%m%d%H%M%S%f"])
    assert found == datetime(2019, 1, 24, 18, 0, 0, 123_000, tzinfo=UTC)

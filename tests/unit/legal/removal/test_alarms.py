"""Each alarm is told once, in the round that brought it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from presswatch_spark.core.translation import Translator
from presswatch_spark.legal.removal.status import Course
from tests.world.release import probe_row, target_row

TARGET, FILE = "a" * 64, "https://a.example/crawl/a.warc.wet.gz"
BEGIN = datetime(2026, 11, 27, tzinfo=UTC)
RIGHT = {"first": "same", "before": "same", "after": "same", "nowhere": "missing"}
Row = dict[str, Any]


def rounds(*asked: dict[str, Any]) -> list[Row]:
    """The probes of rounds: of each the outcomes by role, and what its answers say of the file."""
    probes = list[Row]()
    for number, outcomes in enumerate(asked, 1):
        facts = {name: outcomes[name] for name in ("etag", "last_modified", "bytes") if name in outcomes}
        by_role = RIGHT | {role: outcome for role, outcome in outcomes.items() if role not in facts}
        for role, outcome in by_role.items():
            of_target = None if role in ("first", "nowhere", "listed") else TARGET
            outcome = "recaptured" if role == "recapture" else outcome
            known = {
                "number": len(probes), "round": number, "batch": 0, "role": role, "target_sha256": of_target,
                "asked_at": BEGIN + timedelta(days=number), "file_uri": FILE, "outcome": outcome,
                "request": "GET",
            }  # fmt: skip
            probes.append({**known, **facts})
    return probes


def alarms(*asked: dict[str, Any]) -> list[tuple[int, str]]:
    """Round and kind of each alarm that the rounds bring."""
    probes = rounds(*asked)
    return [(alarm.round, alarm.kind) for alarm in course(probes).alarms()]


def course(probes: list[Row]) -> Course:
    """The course of rounds of one target."""
    found = Course([target_row(target_sha256=TARGET, record_offset=0)])
    for _, of_round in groupby(probes, key=lambda probe: probe["round"]):
        found.add([probe_row(**probe) for probe in of_round])
    return found


SAME, GONE, FAILED = {"target": "same"}, {"target": "zeros"}, {"target": "failed"}


def test_what_comes_back_alarms_once_for_each_time_that_it_was_gone() -> None:
    assert alarms(SAME, GONE, SAME, SAME) == [(3, "reappeared")]
    assert alarms(SAME, GONE, SAME, GONE, SAME) == [(3, "reappeared"), (5, "reappeared")]


CAPTURED = {"recapture": "recaptured"}


def test_a_text_that_is_back_at_its_place_alarms_though_it_was_captured_again() -> None:
    assert alarms(SAME, GONE | CAPTURED, SAME, SAME) == [(2, "recaptured"), (3, "reappeared")]
    assert alarms(SAME, SAME | CAPTURED, GONE, SAME) == [(2, "recaptured"), (4, "reappeared")]


def test_a_removed_text_that_is_captured_again_alarms_once_for_each_time_that_it_was_gone() -> None:
    assert alarms(SAME, GONE, GONE | CAPTURED, GONE | CAPTURED) == [(3, "recaptured")]
    # It was told while the text was there. Then the text was removed, so a later capture is news.
    told = alarms(SAME, SAME | CAPTURED, SAME | CAPTURED, GONE, GONE | CAPTURED, GONE | CAPTURED)
    assert told == [(2, "recaptured"), (5, "recaptured")]
    assert alarms(SAME, GONE | CAPTURED, FAILED, GONE | CAPTURED) == [(2, "recaptured")]


def test_the_alarm_of_a_later_capture_says_whether_the_text_was_removed() -> None:
    for before, is_said in ((SAME, False), (GONE, True)):
        (alarm,) = course(rounds(SAME, before | CAPTURED)).alarms()
        assert ("it was removed from its place" in str(alarm.detail)) == is_said


@pytest.mark.parametrize("between", ["failed", "denied", "limited"])
def test_a_round_that_failed_brings_no_alarm_again(between: str) -> None:
    assert alarms(SAME, GONE, SAME, {"target": between}, SAME) == [(3, "reappeared")]
    assert alarms(SAME, GONE, {"target": between}, SAME) == [(4, "reappeared")]


def test_an_index_that_keeps_hiding_a_record_alarms_once() -> None:
    hidden = SAME | {"index": "unlisted", "listed": "listed"}
    shown = SAME | {"index": "listed", "listed": "listed"}
    assert alarms(shown, hidden, hidden) == [(2, "index disagrees")]
    assert alarms(shown, hidden, SAME | {"index": "limited"}, hidden) == [(2, "index disagrees")]
    assert alarms(shown, hidden, hidden | FAILED, hidden) == [(2, "index disagrees")]
    assert alarms(shown, hidden, shown, hidden) == [(2, "index disagrees"), (4, "index disagrees")]


def test_an_alarm_is_told_in_french_too() -> None:
    one, two = SAME | {"etag": "1", "bytes": 9}, SAME | {"etag": "2", "bytes": 9}
    (alarm,) = course(rounds(one, two)).alarms()
    assert str(alarm.detail) == "its ETag was 1, and is 2"
    assert Translator("fr").sentence(alarm.detail) == "son ETag était 1, et est devenu 2"


def test_a_file_that_changed_alarms_once() -> None:
    one, two = SAME | {"etag": "1", "bytes": 9}, SAME | {"etag": "2", "bytes": 9}
    assert alarms(one, two, two) == [(2, "file changed")]
    assert alarms(one, two, one) == [(2, "file changed"), (3, "file changed")]


@pytest.mark.parametrize(
    ("etag", "facts", "alarms_now"),
    [
        ("2", {}, False),
        ("2", {"bytes": 8}, True),
        ("2", {"last_modified": "Sat"}, True),
        ("mtime-2", {}, True),
    ],
)
def test_another_etag_of_the_same_size_and_time_is_no_change_but_on_a_disk(
    etag: str, facts: Row, alarms_now: bool
) -> None:
    one = SAME | {"etag": "1", "last_modified": "Fri", "bytes": 9}
    assert alarms(one, one | {"etag": etag} | facts) == [(2, "file changed")] * alarms_now


def test_the_etag_of_an_index_or_of_a_page_of_errors_is_none_of_a_file() -> None:
    probes = rounds(SAME | {"etag": "1"}, SAME | {"etag": "1"})
    for probe in probes[-2:]:
        probe |= {"role": "index", "target_sha256": TARGET, "outcome": "listed", "etag": "2"}
    assert not course(probes).alarms()
    failed = dict.fromkeys((*RIGHT, "target"), "strange") | {"etag": "2"}
    assert not alarms(SAME | {"etag": "1"}, failed, SAME | {"etag": "1"})

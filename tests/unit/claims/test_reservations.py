"""What a member's site declared when somebody's copy of its article was captured."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from presswatch_spark.core.model import Capture
from presswatch_spark.query.reservations import AGENT, Moment, OwnSites, Reservations, pages_read
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.store import TableStore
from tests.unit.matching.rights.test_rights_relation import rows
from tests.unit.query.test_reservations import own, tables
from tests.world.captures import NOON, PAGE, capture, robots
from tests.world.proofs import each_time

EARLIER, LATER = NOON - timedelta(days=1), NOON + timedelta(days=1)
FORBIDS, LETS_IN = "User-agent: CCBot\nDisallow: /", "User-agent: *\nAllow: /"
NO_AI = ("X-Robots-Tag", "noai")


def signals(*captures: Capture) -> pa.Table:
    return pa.Table.from_pylist([row | {"run_id": "r1"} for row in rows(*captures)], RightsSignal.schema)


def reservations_of(
    signals: pa.Table,
    wanted: Iterable[tuple[str | None, datetime | None]],
    pages: Iterable[Moment] = (),
    agent: str = AGENT,
) -> list[str]:
    sites = OwnSites(signals, pages, agent)
    return [sites.status(url, at) for url, at in wanted]


def status(*captures: Capture, at: datetime = NOON, read: tuple[datetime, ...] = ()) -> str:
    pages = [(PAGE, moment) for moment in read]
    return reservations_of(signals(*captures), [(PAGE, at)], pages)[0]


@pytest.mark.parametrize(
    ("captures", "read", "expected"),
    [
        ([], (), "unknown"),
        ([robots(FORBIDS, at=EARLIER)], (), "before"),
        ([robots(FORBIDS, at=LATER)], (), "after"),
        ([robots(FORBIDS, at=EARLIER), robots(FORBIDS, at=LATER)], (), "both"),
        ([robots(FORBIDS, at=EARLIER), robots(LETS_IN, at=LATER)], (), "conflicting"),
        # Of the page itself nothing is known.
        ([robots(LETS_IN, at=EARLIER), robots(LETS_IN, at=LATER)], (), "unknown"),
        ([robots(LETS_IN, at=EARLIER), robots(LETS_IN, at=LATER)], (EARLIER,), "none"),
        ([capture("<p>", PAGE, NO_AI, at=EARLIER)], (), "before"),
        ([capture("<p>", PAGE, NO_AI, at=EARLIER), capture("<p>", PAGE, NO_AI, at=LATER)], (), "both"),
        # A later capture of the page that declares nothing takes the reservation back.
        ([capture("<p>", PAGE, NO_AI, at=EARLIER)], (LATER,), "conflicting"),
        ([capture("<p>", PAGE, NO_AI, at=EARLIER - timedelta(days=9))], (EARLIER,), "unknown"),
        ([capture("<p>", PAGE, NO_AI, at=EARLIER), robots(LETS_IN, at=LATER)], (), "before"),
    ],
)
def test_the_last_declaration_before_a_copy_and_the_first_after_it_decide(
    captures: list[Capture], read: tuple[datetime, ...], expected: str
) -> None:
    assert status(*captures, read=read) == expected


@pytest.mark.parametrize("year", [1970, 2106])
def test_nothing_was_in_force_in_a_year_that_no_crawler_was_there(year: int) -> None:
    assert (
        status(robots(FORBIDS, at=EARLIER), robots(FORBIDS, at=LATER), at=NOON.replace(year=year))
        == "unknown"
    )


def test_the_articles_own_url_is_asked_in_whatever_form(tmp_path: Path) -> None:
    declared = signals(capture("<p>", PAGE, NO_AI, at=EARLIER))
    elsewhere = PAGE.replace("https://", "https://ailleurs.")
    asked: list[tuple[str | None, datetime | None]] = [
        (f"{PAGE}?utm_source=x#top", NOON), (elsewhere, NOON), (None, NOON), (PAGE, None),
    ]  # fmt: skip
    assert reservations_of(declared, asked) == ["before", "unknown", "unknown", "unknown"]


@pytest.mark.slow
@pytest.mark.parametrize("cases", each_time([20], [20, 60]))
def test_for_the_members_own_pages_it_says_what_the_table_reservations_says(
    tmp_path: Path, cases: int
) -> None:
    rng = Random(7)
    for case in range(cases):
        folder = tmp_path / str(case)
        captures = [
            rng.choice((robots(FORBIDS, at=at), robots(LETS_IN, at=at)))
            for at in (EARLIER, LATER)
            if rng.random() < 0.7
        ]
        if rng.random() < 0.5:
            captures.append(capture("<p>", PAGE, NO_AI))
        tables(folder, [own("a", dataset=rng.choice(("warc", "wet")))], *rows(*captures))
        row = next(Reservations(str(folder)).rows())
        store = TableStore.open(str(folder))
        read = list(pages_read(store))
        found = reservations_of(signals(*captures), [(PAGE, NOON)], read, row["agent"])
        assert found == [row["status"]], case


def test_captures_of_one_second_are_not_told_apart() -> None:
    at = NOON.replace(microsecond=500_000)
    sites = OwnSites(signals(robots(FORBIDS, at=NOON.replace(microsecond=400_000))))
    answers: list[Any] = [
        sites.status(PAGE, moment)
        for moment in (at, NOON.replace(microsecond=300_000), at + timedelta(seconds=1))
    ]
    assert answers == ["both", "both", "before"]


@pytest.mark.slow
def test_a_page_is_asked_once_between_two_declarations() -> None:
    days = [EARLIER + timedelta(days=day) for day in range(-300, 0, 30)]
    sites = OwnSites(signals(*(robots(FORBIDS, at=day) for day in days)))
    started = time.process_time()
    for k in range(200_000):
        sites.status(f"{PAGE}{k % 10}", EARLIER - timedelta(minutes=k))
    assert time.process_time() - started < 10


@pytest.mark.slow
def test_pages_that_share_answers_are_told_as_if_each_were_asked_alone() -> None:
    rng = Random(11)
    rules = ("Disallow: /a", "Disallow: /", "Allow: /", "Disallow: /a\nAllow: /a/x", "Disallow: /*?")
    for case in range(20):
        declared = signals(
            *(
                robots(
                    f"User-agent: CCBot\n{rng.choice(rules)}",
                    at=EARLIER + timedelta(days=day),
                    record_id=f"<{day}>",
                )
                for day in rng.sample(range(60), 9)
            )
        )
        site = PAGE.removesuffix("/une/1")
        urls = [f"{site}{path}" for path in ("/a/1", "/b/1", "/a/x/2", "/b?c=1", "/a/3", "/b/4")]
        asked = [(rng.choice(urls), EARLIER + timedelta(hours=rng.randrange(60 * 24))) for _ in range(60)]
        together = reservations_of(declared, asked)
        assert together == [reservations_of(declared, [each])[0] for each in asked], case
        assert len(set(together)) > 1

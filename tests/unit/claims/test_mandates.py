"""Mandates and rights: by the day of acting, and by the dates of article, capture and judgement."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from presswatch_spark.claims.mandates import MANDATES, RIGHTS, mandate_of, rights_of
from presswatch_spark.corpus.registry import MandateDocument, Publisher

FIRST, LAST, SIGNED = date(2023, 1, 1), date(2025, 12, 31), date(2023, 3, 15)
UNSIGNED, DEED = (MandateDocument("m.pdf", "0" * 64, day) for day in (None, SIGNED))
FRENCH = Publisher("p", "P", None, None, None, (), country="FR")


def acting(first: date | None, last: date | None, deed: MandateDocument | None = None) -> Publisher:
    return Publisher("p", "P", None, first, last, (), mandate_document=deed)


@pytest.mark.parametrize(
    ("publisher", "expected"),
    [
        (
            acting(FIRST, LAST),
            {
                date(2022, 12, 31): "before", FIRST: "in_force", date(2024, 6, 1): "in_force",
                LAST: "in_force", date(2026, 1, 1): "after",
            },
        ),
        # Nobody acts by a deed that is not signed yet.
        (
            acting(FIRST, LAST, DEED),
            {
                date(2023, 3, 14): "before", SIGNED: "in_force", LAST: "in_force", date(2026, 1, 1): "after",
            },
        ),
        (acting(None, LAST), {FIRST: "in_force"}),
        (acting(None, None, UNSIGNED), {FIRST: "in_force"}),
        (acting(None, None), {FIRST: "none"}),
        (None, {FIRST: "none"}),
    ],
)  # fmt: skip
def test_a_mandate_is_in_force_from_its_first_day_to_its_last(
    publisher: Publisher | None, expected: dict[date, str]
) -> None:
    assert {day: mandate_of(publisher, day) for day in expected} == expected
    assert set(expected.values()) <= set(MANDATES)


def at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


@pytest.mark.parametrize(
    ("published", "captured", "as_of", "rights"),
    [
        # Two years from 1 January after publication.
        ("2024-03-01", "2024-05-01", "2024-06-01", ["author", "press_publisher"]),
        ("2024-03-01", "2024-05-01", "2026-12-31", ["author", "press_publisher"]),
        ("2024-12-31T23:59:59", "2024-12-31T23:59:59", "2026-12-31", ["author", "press_publisher"]),
        ("2024-03-01", "2024-05-01", "2027-01-01", ["author", "press_publisher_at_capture"]),
        ("2024-03-01", "2027-01-01", "2027-01-01", ["author"]),
        ("2024-03-01", None, "2027-01-01", ["author"]),
        ("2024-03-01", "2024-02-01", "2027-01-01", ["author"]),
        ("2024-03-01", None, "2026-06-01", ["author", "press_publisher"]),
        # Not for what was published before 6 June 2019.
        ("2019-06-05T23:59:59", "2019-07-01", "2020-01-01", ["author"]),
        ("2019-06-06", "2019-07-01", "2021-12-31", ["author", "press_publisher"]),
        ("2019-06-06", "2019-07-01", "2026-11-27", ["author", "press_publisher_at_capture"]),
        # Seventy years from 1 January after publication.
        ("1955-12-31", "2024-01-01", "2025-12-31", ["author"]),
        ("1955-12-31", "2024-01-01", "2026-01-01", []),
        # Nothing can be calculated, or there is no article yet.
        (None, "2024-05-01", "2024-06-01", []),
        ("2024-06-02", "2024-05-01", "2024-06-01", []),
    ],
)
def test_a_right_is_invoked_within_its_term_alone(
    published: str | None, captured: str | None, as_of: str, rights: list[str]
) -> None:
    found = rights_of(at(published), at(captured), date.fromisoformat(as_of), FRENCH)
    assert found == rights == [right for right in RIGHTS if right in found]


def test_only_publishers_established_in_the_eu_or_eea_have_the_press_publishers_right() -> None:
    for country in ("FR", "BE", "NO", "RE", "CH", "GB", "CA", None):
        publisher = replace(FRENCH, country=country)
        for year, right in ((2024, "press_publisher"), (2027, "press_publisher_at_capture")):
            found = rights_of(at("2024-03-01"), at("2024-05-01"), date(year, 6, 1), publisher)
            assert found == ["author", *([right] if country in ("FR", "BE", "NO", "RE") else [])]
    assert rights_of(at("2024-03-01"), at("2024-05-01"), date(2024, 6, 1), None) == ["author"]

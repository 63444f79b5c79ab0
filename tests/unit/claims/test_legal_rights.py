"""Rights: which can be invoked is a matter of three dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from presswatch_spark.claims.mandates import RIGHTS, rights_of
from presswatch_spark.corpus.registry import Publisher

PUBLISHER = Publisher("p", "P", None, None, None, (), country="FR")


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
        # Nothing can be reckoned, or there is no article yet.
        (None, "2024-05-01", "2024-06-01", []),
        ("2024-06-02", "2024-05-01", "2024-06-01", []),
    ],
)
def test_a_right_is_invoked_within_its_term_alone(
    published: str | None, captured: str | None, as_of: str, rights: list[str]
) -> None:
    found = rights_of(at(published), at(captured), date.fromisoformat(as_of), PUBLISHER)
    assert found == rights
    assert found == [right for right in RIGHTS if right in found]


@pytest.mark.parametrize(
    ("country", "has_it"),
    [
        ("FR", True),
        ("BE", True),
        ("NO", True),
        ("RE", True),
        ("CH", False),
        ("GB", False),
        ("CA", False),
        (None, False),
    ],
)
def test_only_publishers_established_in_the_eu_or_eea_have_the_press_publishers_right(
    country: str | None, has_it: bool
) -> None:
    publisher = replace(PUBLISHER, country=country)
    for as_of, right in (
        (date(2024, 6, 1), "press_publisher"),
        (date(2027, 1, 1), "press_publisher_at_capture"),
    ):
        found = rights_of(at("2024-03-01"), at("2024-05-01"), as_of, publisher)
        assert found == ["author", *([right] if has_it else [])]
    assert rights_of(at("2024-03-01"), at("2024-05-01"), date(2024, 6, 1), None) == ["author"]

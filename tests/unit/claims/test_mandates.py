"""Mandates: they cover the day of publication and the day of judgement, or do not."""

from __future__ import annotations

from datetime import date

import pytest

from presswatch_spark.claims.mandates import MANDATES, mandate_of
from presswatch_spark.corpus.registry import MandateDocument, Publisher

FIRST, LAST = date(2023, 1, 1), date(2025, 12, 31)
TODAY = date(2025, 6, 1)


def publisher(starts: date | None, ends: date | None, document: MandateDocument | None = None) -> Publisher:
    return Publisher("p", "P", None, starts, ends, (), mandate_document=document)


@pytest.mark.parametrize(
    ("published", "as_of", "mandate"),
    [
        (date(2024, 5, 1), TODAY, "in_force"),
        (FIRST, LAST, "in_force"),
        (date(2022, 12, 31), TODAY, "before"),
        (date(2022, 12, 31), date(2022, 12, 31), "before"),
        (date(2024, 5, 1), date(2026, 1, 1), "after"),
        (date(2022, 1, 1), date(2026, 1, 1), "after"),
        (None, TODAY, "none"),
        (None, date(2026, 1, 1), "after"),
        (None, date(2022, 1, 1), "before"),
    ],
)
def test_a_mandate_covers_both_days_or_is_not_in_force(
    published: date | None, as_of: date, mandate: str
) -> None:
    assert mandate_of(publisher(FIRST, LAST), published, as_of) == mandate
    assert mandate in MANDATES


@pytest.mark.parametrize("published", [None, date(1999, 1, 1), TODAY])
def test_a_mandate_without_a_first_day_covers_every_publication(published: date | None) -> None:
    assert mandate_of(publisher(None, LAST), published, TODAY) == "in_force"
    document = MandateDocument("mandat.pdf", "0" * 64)
    assert mandate_of(publisher(None, None, document), published, TODAY) == "in_force"


def test_who_states_no_mandate_has_none() -> None:
    assert mandate_of(publisher(None, None), TODAY, TODAY) == "none"
    assert mandate_of(None, TODAY, TODAY) == "none"

"""Mandates: they are in force on the day of acting, or are not; the date of an article is no matter."""

from __future__ import annotations

import inspect
from datetime import date

import pytest

from presswatch_spark.claims.mandates import MANDATES, mandate_of
from presswatch_spark.corpus.registry import MandateDocument, Publisher

FIRST, LAST = date(2023, 1, 1), date(2025, 12, 31)
DEED = date(2023, 3, 15)


def publisher(starts: date | None, ends: date | None, document: MandateDocument | None = None) -> Publisher:
    return Publisher("p", "P", None, starts, ends, (), mandate_document=document)


@pytest.mark.parametrize(
    ("day", "mandate"),
    [
        (date(2022, 12, 31), "before"),
        (FIRST, "in_force"),
        (date(2024, 6, 1), "in_force"),
        (LAST, "in_force"),
        (date(2026, 1, 1), "after"),
    ],
)
def test_a_mandate_is_in_force_from_its_first_day_to_its_last(day: date, mandate: str) -> None:
    assert mandate_of(publisher(FIRST, LAST), day) == mandate
    assert mandate in MANDATES


def test_nobody_asks_when_an_article_was_published() -> None:
    assert list(inspect.signature(mandate_of).parameters) == ["publisher", "day"]


@pytest.mark.parametrize(
    ("day", "mandate"),
    [(date(2023, 3, 14), "before"), (DEED, "in_force"), (LAST, "in_force"), (date(2026, 1, 1), "after")],
)
def test_nobody_acts_by_a_deed_that_is_not_signed_yet(day: date, mandate: str) -> None:
    assert mandate_of(publisher(FIRST, LAST, MandateDocument("m.pdf", "0" * 64, DEED)), day) == mandate


def test_a_mandate_without_a_day_is_in_force() -> None:
    assert mandate_of(publisher(None, LAST), FIRST) == "in_force"
    assert mandate_of(publisher(None, None, MandateDocument("mandat.pdf", "0" * 64)), FIRST) == "in_force"


def test_who_states_no_mandate_has_none() -> None:
    assert mandate_of(publisher(None, None), FIRST) == "none"
    assert mandate_of(None, FIRST) == "none"

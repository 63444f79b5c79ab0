"""Grades, rule by rule."""

from __future__ import annotations

import pytest

from presswatch_spark.core.settings.config import GradeRules
from presswatch_spark.matching.judgement.grading import grade

RULES = GradeRules()


@pytest.mark.parametrize(
    ("copied", "coverage", "expected"),
    [
        (400, 1.0, "full_copy"),
        (450, 0.9, "full_copy"),
        (449, 0.899, "partial_copy"),
        (30, 0.3, "partial_copy"),
        (100, 0.02, "partial_copy"),
        (99, 0.2999, "extract"),
        (11, 0.01, "extract"),
    ],
)
def test_the_grade_follows_the_rules(copied: int, coverage: float, expected: str) -> None:
    assert grade(copied, coverage, RULES) == expected


def test_the_rules_can_be_changed() -> None:
    assert grade(50, 0.5, GradeRules(full_copy_coverage=0.5)) == "full_copy"

"""Grades, rule by rule."""

from __future__ import annotations

import pytest

from presswatch_spark.judgement.grade import grade
from presswatch_spark.settings.config import GradeRules

RULES = GradeRules()


@pytest.mark.parametrize(
    ("longest", "copied", "coverage", "url_match", "expected"),
    [
        (400, 400, 1.0, "none", "full_copy"),
        (40, 450, 0.9, "none", "full_copy"),
        (40, 449, 0.899, "none", "partial_copy"),
        (11, 30, 0.3, "none", "partial_copy"),
        (11, 100, 0.02, "none", "partial_copy"),
        (99, 99, 0.2999, "none", "extract"),
        (11, 11, 0.01, "none", "extract"),
        (11, 11, 0.01, "article", "extract"),
        (10, 400, 0.99, "none", None),
        (10, 10, 0.01, "title", "url_only"),
        (0, 0, 0.0, "article", "url_only"),
        (0, 0, 0.0, "none", None),
    ],
)
def test_the_grade_follows_the_rules(
    longest: int, copied: int, coverage: float, url_match: str, expected: str | None
) -> None:
    assert grade(longest, copied, coverage, url_match, RULES) == expected


def test_the_rules_can_be_changed() -> None:
    assert grade(8, 8, 0.01, "none", GradeRules(min_run_words=8)) == "extract"
    assert grade(50, 50, 0.5, "none", GradeRules(full_copy_coverage=0.5)) == "full_copy"

"""What a row may be used for, rule by rule."""

from __future__ import annotations

import pytest

from presswatch_spark.config import ConfidenceRules
from presswatch_spark.matching.confidence import confidence

RULES = ConfidenceRules()


def judged(grade: str, ownership: str, run: int, rarity: int, url_match: str = "none") -> str:
    return confidence(grade, url_match, ownership, run, rarity, RULES)


@pytest.mark.parametrize("ownership", ["exclusive", "shared", "agency"])
def test_a_long_rare_run_at_the_articles_own_url_speaks_for_itself_whoever_else_has_it(
    ownership: str,
) -> None:
    assert judged("extract", ownership, 40, 200, "article") == "A"
    assert judged("extract", ownership, 39, 200, "article") == "C"
    assert judged("extract", ownership, 40, 199, "article") == "C"


def test_a_full_copy_speaks_for_itself_if_the_article_is_exclusive() -> None:
    assert judged("full_copy", "exclusive", 20, 200) == "A"
    assert judged("full_copy", "shared", 500, 5000) == "C"
    assert judged("full_copy", "agency", 500, 5000) == "C"
    assert judged("full_copy", "exclusive", 20, 199) == "C"


def test_a_large_part_or_a_very_rare_passage_of_an_exclusive_article_is_strong() -> None:
    assert judged("partial_copy", "exclusive", 20, 200) == "B"
    assert judged("extract", "exclusive", 80, 600) == "B"
    assert judged("extract", "exclusive", 60, 599) == "C"
    assert judged("extract", "shared", 80, 600) == "C"


def test_an_extract_of_common_words_is_never_used_and_a_larger_part_is_looked_at() -> None:
    assert judged("extract", "exclusive", 11, 59) == "D"
    assert judged("extract", "exclusive", 11, 60) == "C"
    assert judged("partial_copy", "agency", 90, 0) == "C"
    assert judged("full_copy", "shared", 90, 0) == "C"


def test_a_url_without_text_is_looked_at() -> None:
    assert confidence("url_only", "article", None, 0, None, RULES) == "C"

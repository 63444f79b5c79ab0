"""What a row may be used for, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from presswatch_spark.judgement.grading import confidence
from presswatch_spark.settings.config import ConfidenceRules

PUBLISHED = datetime(2024, 5, 18, tzinfo=UTC)
CAPTURED = datetime(2024, 6, 1, tzinfo=UTC)
STRONGEST = [
    ("full_copy", "exclusive", 400, 4000, "none"),
    ("partial_copy", "exclusive", 400, 4000, "none"),
    ("extract", "exclusive", 100, 900, "none"),
    ("full_copy", "agency", 400, 4000, "article"),
]


def judged(grade: str, ownership: str, run: int, rarity: int, url_match: str = "none", **more: Any) -> str:
    row = {
        "grade": grade, "ownership": ownership, "longest_run_words": run, "run_rarity": rarity,
        "url_match": url_match, "copied_words": 100, "shared_words": 0, "captured_at": CAPTURED,
        "article_published_at": PUBLISHED, "site_title_id": None, "own_site": False,
    }  # fmt: skip
    return confidence(row | more, ConfidenceRules())


@pytest.mark.parametrize("ownership", ["exclusive", "shared", "agency"])
def test_a_long_rare_run_at_the_articles_own_url_speaks_for_itself_whoever_else_has_it(
    ownership: str,
) -> None:
    assert judged("extract", ownership, 40, 200, "article", shared_words=100) == "A"
    assert judged("extract", ownership, 39, 200, "article") == "C"
    assert judged("extract", ownership, 40, 199, "article") == "C"


def test_a_full_copy_speaks_for_itself_if_the_article_is_exclusive() -> None:
    assert judged("full_copy", "exclusive", 20, 200) == "A"
    assert judged("full_copy", "shared", 500, 5000) == "C"
    assert judged("full_copy", "agency", 500, 5000) == "C"
    assert judged("full_copy", "exclusive", 20, 199) == "C"


def test_a_full_copy_of_which_others_have_a_part_is_only_strong() -> None:
    assert judged("full_copy", "exclusive", 20, 200, shared_words=10) == "A"
    assert judged("full_copy", "exclusive", 20, 200, shared_words=11) == "B"


def test_a_large_part_or_a_very_rare_passage_of_an_exclusive_article_is_strong() -> None:
    assert judged("partial_copy", "exclusive", 20, 200) == "B"
    assert judged("partial_copy", "exclusive", 20, 200, copied_words=40) == "B"
    assert judged("partial_copy", "exclusive", 25, 200, copied_words=39) == "C"
    assert judged("extract", "exclusive", 80, 600) == "B"
    assert judged("extract", "exclusive", 60, 599) == "C"
    assert judged("extract", "shared", 80, 600) == "C"


@pytest.mark.parametrize("url_match", ["none", "article"])
def test_a_page_that_is_older_than_the_article_may_be_its_source(url_match: str) -> None:
    def captured(before: timedelta) -> str:
        times = {"captured_at": PUBLISHED - before, "article_published_at": PUBLISHED}
        return judged("full_copy", "exclusive", 80, 900, url_match, **times)

    assert captured(timedelta(days=1)) == captured(timedelta(days=-400)) == "A"
    assert captured(timedelta(days=1, microseconds=1)) == captured(timedelta(days=2000)) == "C"


@pytest.mark.parametrize(
    "unknown",
    [
        {"captured_at": None},
        {"article_published_at": None},
        {"captured_at": None, "article_published_at": None},
        {"captured_at": datetime(9999, 12, 31, tzinfo=UTC)},
        {"captured_at": datetime(1, 1, 1, tzinfo=UTC), "article_published_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"own_site": None},
    ],
    ids=["capture", "publication", "both", "a filler for no date", "fillers for both", "URL"],
)
def test_what_rests_on_the_unknown_is_looked_at_however_much_was_copied(unknown: dict[str, Any]) -> None:
    for row in STRONGEST:
        assert judged(*row) in "AB"
        assert judged(*row, **unknown) == "C"
    assert judged("extract", "exclusive", 11, 59, **unknown) == "D"


def test_a_page_on_another_members_site_may_be_licensed() -> None:
    for grade in ("full_copy", "partial_copy", "extract"):
        assert judged(grade, "exclusive", 80, 900, site_title_id="other") == "C"
    assert judged("full_copy", "exclusive", 80, 900, site_title_id="sister", own_site=True) == "A"


def test_an_extract_of_common_words_is_never_used_and_a_larger_part_is_looked_at() -> None:
    assert judged("extract", "exclusive", 11, 59) == "D"
    assert judged("extract", "exclusive", 11, 60) == "C"
    assert judged("partial_copy", "agency", 90, 0) == "C"
    assert judged("full_copy", "shared", 90, 0) == "C"


def test_a_url_without_text_is_looked_at() -> None:
    row = {"grade": "url_only", "url_match": "article", "run_rarity": None, "longest_run_words": 0}
    assert confidence(row, ConfidenceRules()) == "C"

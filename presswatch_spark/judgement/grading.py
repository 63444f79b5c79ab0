"""Grade and confidence of a row: the rules of `conf/scan.yaml`, in the order in which they are asked.

The grade says how much was copied, the confidence what the row may be used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from presswatch_spark.settings.config import ConfidenceRules, GradeRules

GRADES = ("full_copy", "partial_copy", "extract", "url_only")
"""All grades, the gravest first; `url_only` is a row without a copy."""


def grade(copied_words: int, article_coverage: float, rules: GradeRules) -> str:
    """Return the grade of a copy.

    Args:
        copied_words: as verified.
        article_coverage: share of the article's words that were copied, 0 to 1.
    """
    if article_coverage >= rules.full_copy_coverage:
        return "full_copy"
    if article_coverage >= rules.partial_copy_coverage or copied_words >= rules.partial_copy_words:
        return "partial_copy"
    return "extract"


CONFIDENCES = ("A", "B", "C", "D")
"""The first speaks for itself, the last must not be used."""

# Articles are dated by the day, in any time zone.
_SURELY_EARLIER = timedelta(days=1)
# A dataset without a date may put one outside of these years: the web began in 1991.
_CAPTURE_YEARS = range(1991, 2100)


def confidence(row: Mapping[str, Any], rules: ConfidenceRules) -> str:
    """Return the confidence of a row of `matches`, one of `CONFIDENCES`, from its columns alone."""
    if row["run_rarity"] is None:
        return "C"
    if row["run_rarity"] >= rules.rare_bits and doubt_about(row) is None:
        at_its_url = row["url_match"] == "article" and row["longest_run_words"] >= rules.own_url_run_words
        if at_its_url or _is_sole_copy(row, rules):
            return "A"
        if row["ownership"] == "exclusive" and _is_strong(row, rules):
            return "B"
    return "D" if row["grade"] == "extract" and row["run_rarity"] < rules.common_bits else "C"


def captured_before(captured_at: datetime | None, published_at: datetime | None) -> bool:
    """Whether a page was surely captured before an article was published."""
    return bool(captured_at and published_at and published_at - captured_at > _SURELY_EARLIER)


def doubt_about(row: Mapping[str, Any]) -> str | None:
    """Return why a row is neither A nor B, however much was copied; None if nothing stands against it.

    A and B say that the page has the text from the article. Nobody can say that without knowing whose page it
    is, whose text a damaged record holds, and which of the two was there first.
    """
    if row.get("record_damage"):
        return "the record that the text was read from is damaged"
    if row["own_site"] is None:
        return "the URL of the document is not known"
    if row["site_title_id"] is not None and not row["own_site"]:
        return "the page is on another member's site"
    if row["captured_at"] is None or row["captured_at"].year not in _CAPTURE_YEARS:
        return "the time of capture is not known"
    if row["article_published_at"] is None:
        return "the day of publication is not known"
    if captured_before(row["captured_at"], row["article_published_at"]):
        return "the page was captured before the article was published"
    return None


def _is_sole_copy(row: Mapping[str, Any], rules: ConfidenceRules) -> bool:
    own = row["grade"] == "full_copy" and row["ownership"] == "exclusive"
    return own and bool(row["shared_words"] <= rules.full_copy_shared_share * row["copied_words"])


def _is_strong(row: Mapping[str, Any], rules: ConfidenceRules) -> bool:
    large = row["grade"] != "extract" and row["copied_words"] >= rules.partial_copy_words
    return large or bool(row["run_rarity"] >= rules.rare_passage_bits)

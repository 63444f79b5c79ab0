"""What a row may be used for: the rules of `conf/scan.yaml`, section `confidence`, in their order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from presswatch_spark.settings.config import ConfidenceRules

CONFIDENCES = ("A", "B", "C", "D")
"""From what speaks for itself to what must not be used."""

# Articles are dated by the day, in any time zone.
_SURELY_EARLIER = timedelta(days=1)


def confidence(row: Mapping[str, Any], rules: ConfidenceRules) -> str:
    """Confidence of a row of `matches`, one of `CONFIDENCES`; nothing but its columns is asked."""
    if row["run_rarity"] is None:
        return "C"
    if row["run_rarity"] >= rules.rare_bits and not _in_doubt(row):
        at_its_url = row["url_match"] == "article" and row["longest_run_words"] >= rules.own_url_run_words
        if at_its_url or _is_sole_copy(row, rules):
            return "A"
        if row["ownership"] == "exclusive" and _is_strong(row, rules):
            return "B"
    return "D" if row["grade"] == "extract" and row["run_rarity"] < rules.common_bits else "C"


def captured_before(captured_at: datetime | None, published_at: datetime | None) -> bool:
    """Whether a page is known to have been captured before an article was published."""
    return bool(captured_at and published_at and published_at - captured_at > _SURELY_EARLIER)


def _in_doubt(row: Mapping[str, Any]) -> bool:
    """Whether the page may have the text from elsewhere: it is older, or on the site of another member.

    Or from another record: it is not sure whose text a damaged record holds.
    """
    if row.get("record_damage"):
        return True
    elsewhere = row["site_title_id"] is not None and not row["own_site"]
    return elsewhere or captured_before(row["captured_at"], row["article_published_at"])


def _is_sole_copy(row: Mapping[str, Any], rules: ConfidenceRules) -> bool:
    own = row["grade"] == "full_copy" and row["ownership"] == "exclusive"
    return own and bool(row["shared_words"] <= rules.full_copy_shared_share * row["copied_words"])


def _is_strong(row: Mapping[str, Any], rules: ConfidenceRules) -> bool:
    large = row["grade"] != "extract" and row["copied_words"] >= rules.partial_copy_words
    return large or bool(row["run_rarity"] >= rules.rare_passage_bits)

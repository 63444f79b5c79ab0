"""Grade and confidence of a row: the rules of `conf/scan.yaml`, in the order in which they are asked.

The grade says how much was copied, the confidence what the row may be used for.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from presswatch_spark.judgement.page_copies import copy_at
from presswatch_spark.judgement.publication import captured_before, dated_before, publication_of
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.show import utc

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

GIVES: Mapping[str, str] = {
    "own_url": "A", "sole_full_copy": "A", "full_copy": "B", "strong_copy": "B", "rare_passage": "B",
}  # fmt: skip
"""The reasons that give a letter; the copied words alone decide on them."""
CAPS = (
    "url_only", "record_damaged", "url_unknown", "own_page_copy", "copy_of_unknown_page", "on_member_site",
    "address_elsewhere", "capture_date_unknown", "publication_date_unknown", "captured_before_publication",
    "captured_within_a_day", "page_dated_earlier", "page_of_other_publisher", "credits_other",
    "agency_text", "shared_text", "outside_main_content", "in_pieces", "not_rare", "not_large",
    "article_excerpt",
)  # fmt: skip
"""The reasons that let no letter be better than C, or B (`BEST_B`), in the order in which they are asked."""
BEST_B = frozenset({"article_excerpt"})
NOTES = ("published_again",)
"""The reasons that change no letter."""
REFUSED = "common_words"
REFUSALS = (REFUSED, "page_furniture", "repeats_article")
"""The reasons of D."""

CAPTURE_YEARS = range(1991, 2100)
"""A dataset without a date may put one outside of these years: the web began in 1991."""


def confidence(row: Mapping[str, Any], rules: ConfidenceRules) -> str:
    """Return the confidence of a row of `matches`, one of `CONFIDENCES`, from its columns alone."""
    return letter_of(confidence_reasons(row, rules))


def judged(row: Mapping[str, Any], rules: ConfidenceRules) -> dict[str, Any]:
    """Return the columns `confidence` and `confidence_reasons` of a row of `matches`."""
    reasons = confidence_reasons(row, rules)
    return {"confidence": letter_of(reasons), "confidence_reasons": reasons}


def letter_of(reasons: Sequence[str]) -> str:
    """Return the letter that reasons make: what the first gives, lowered by the others; D if refused."""
    if not set(reasons).isdisjoint(REFUSALS):
        return "D"
    caps = [reason for reason in reasons[1:] if reason not in NOTES]
    return max([GIVES.get(reasons[0], "C"), *("B" if reason in BEST_B else "C" for reason in caps)])


def confidence_reasons(row: Mapping[str, Any], rules: ConfidenceRules) -> list[str]:
    """Return why a row of `matches` has its letter: one code at least, in the order in which they are asked.

    What gives a letter comes first, one code at most: see `GIVES`. Everything that keeps the row from A and B
    follows (`CAPS`), and what makes it D. Nothing but the row's columns and the rules is asked.
    """
    damaged = ["record_damaged"] if row.get("record_damage") else []
    rarity = row["run_rarity"]
    if rarity is None:
        return ["url_only", *damaged]
    gives = _what_gives(row, rules)
    reasons = [
        *damaged,
        *_doubts_about(row),
        *([] if gives == "own_url" else _doubts_about_words(row, rules)),
    ]
    common = row["grade"] == "extract" and rarity < rules.common_bits
    if gives is None and not common:
        reasons.append("not_rare" if rarity < rules.rare_bits else "not_large")
    refused = common and (bool(reasons) or gives is None)
    if row.get("article_is_excerpt"):
        reasons.append("article_excerpt")
    if row.get("repeated_by"):
        reasons.append("published_again")
    if refused:
        reasons.append(REFUSED)
    if row.get("passage_kind") and gives != "own_url":
        reasons.append("page_furniture")
    if row.get("repeats_article_id"):
        reasons.append("repeats_article")
    return [gives, *reasons] if gives else reasons


def _what_gives(row: Mapping[str, Any], rules: ConfidenceRules) -> str | None:
    """Return which of `GIVES` the copied words fulfil, whoever wrote them; None if none."""
    if row["run_rarity"] < rules.rare_bits:
        return None
    is_own_page = row["url_match"] == "article" and row["own_site"]
    if is_own_page and row["longest_run_words"] >= rules.own_url_run_words:
        return "own_url"
    copied = row["copied_words"]
    whole = row["grade"] == "full_copy" and not row.get("article_is_excerpt")
    if whole and row["shared_words"] <= rules.full_copy_shared_share * copied:
        return "sole_full_copy" if row["own_site"] or row.get("credits_owner") else "full_copy"
    if row["grade"] != "extract" and copied >= rules.partial_copy_words:
        return "strong_copy"
    return "rare_passage" if row["run_rarity"] >= rules.rare_passage_bits else None


def _doubts_about(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands against a row, whatever was copied.

    A and B say that the page has the text from the article. Nobody can say that without knowing whose page it
    is, and which of the two was there first. (Nor whose text a damaged record holds.)
    """
    captured, published = row["captured_at"], row["article_published_at"]
    time_zone = row.get("article_time_zone")
    known = captured is not None and captured.year in CAPTURE_YEARS
    if row["own_site"] is None:
        yield "url_unknown"
    copy = copy_at(row["document_url"]) if row.get("document_url") else None
    if copy and row["own_site"]:
        yield "own_page_copy"
    elif copy and copy.original is None:
        yield "copy_of_unknown_page"
    if row["site_title_id"] is not None and not row["own_site"]:
        yield "on_member_site"
    if row["url_match"] == "article" and row["own_site"] is False:
        yield "address_elsewhere"
    if not known:
        yield "capture_date_unknown"
    if published is None:
        yield "publication_date_unknown"
    elif known and captured_before(captured, published, time_zone):
        yield "captured_before_publication"
    elif known and utc(captured) < publication_of(published, time_zone).latest:
        yield "captured_within_a_day"
    # What a publisher's own pages say of themselves is its own word.
    if row["own_site"]:
        return
    dated = row.get("page_published_at")
    if dated and published and dated_before(dated, published, time_zone):
        yield "page_dated_earlier"
    if row.get("page_publisher_others"):
        yield "page_of_other_publisher"


def _doubts_about_words(row: Mapping[str, Any], rules: ConfidenceRules) -> Iterator[str]:
    """Yield what stands against a row because others may own its words, or the page only quotes them.

    At the article's own URL none of these counts: there the claim is the page itself, not who wrote it.
    """
    if row.get("credits_others"):
        yield "credits_other"
    if row["ownership"] == "agency":
        yield "agency_text"
    if row["ownership"] == "shared":
        yield "shared_text"
    if row.get("in_main_content") is False:
        yield "outside_main_content"
    if not row["own_site"] and not row.get("credits_owner") and _is_in_pieces(row, rules):
        yield "in_pieces"


def _is_in_pieces(row: Mapping[str, Any], rules: ConfidenceRules) -> bool:
    """Return whether copied words are in pieces, as where two papers edit one wire; False if unknown."""
    unbroken = row.get("unbroken_words")
    if unbroken is None:
        return False
    # An article or a page may hold a passage twice: the other side then tells how long it is.
    copied = min(row["copied_words"], round(row["document_coverage"] * row["document_words"]))
    is_long = unbroken >= max(rules.unbroken_words, rules.unbroken_share * copied)
    return not is_long and row["longest_run_words"] < rules.one_piece_share * copied

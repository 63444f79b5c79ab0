"""Grade and confidence of a row: the rules of `conf/scan.yaml`, in the order in which they are asked.

The grade says how much was copied, the confidence what the row may be used for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, get_args

from presswatch_spark.judgement.page_copies import copy_at
from presswatch_spark.judgement.publication import captured_before, dated_before, publication_of
from presswatch_spark.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.tables.literals import Confidence, Grade, Ownership, UrlMatch
from presswatch_spark.terminal import utc

if TYPE_CHECKING:
    from presswatch_spark.tables.declarations import Match

Number = TypeVar("Number", int, float)

GRADES: tuple[Grade, ...] = get_args(Grade)
"""All grades, the gravest first; `url_only` is a row without a copy."""


def grade(copied_words: int, article_coverage: float, rules: GradeRules) -> Grade:
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


CONFIDENCES: tuple[Confidence, ...] = get_args(Confidence)
"""The first speaks for itself, the last must not be used."""

GIVES: Mapping[str, Confidence] = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFacts:
    """The columns of `matches` that a letter follows from, where there is no whole row."""

    grade: Grade
    url_match: UrlMatch
    own_site: bool | None
    site_title_id: str | None
    longest_run_words: int
    copied_words: int
    run_rarity: int | None
    shared_words: int | None
    ownership: Ownership | None
    captured_at: datetime | None
    article_published_at: datetime | None
    article_time_zone: str | None = None
    article_is_excerpt: bool | None = None
    document_url: str | None = None
    document_words: int | None = None
    document_coverage: float | None = None
    credits_others: bool | None = None
    credits_owner: bool | None = None
    unbroken_words: int | None = None
    passage_kind: str | None = None
    in_main_content: bool | None = None
    page_published_at: datetime | None = None
    page_publisher_others: bool | None = None
    record_damage: str | None = None
    repeats_article_id: str | None = None
    repeated_by: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Self:
        """Take the facts from columns of `matches`, as far as they are there."""
        facts: dict[str, Any] = {name: columns.get(name) for name in cls.__slots__}
        return cls(**facts)


def judged(row: Match | LetterFacts, rules: ConfidenceRules) -> tuple[Confidence, list[str]]:
    """Return `confidence` and `confidence_reasons` of a row, from its other columns."""
    reasons = confidence_reasons(row, rules)
    return letter_of(reasons), reasons


def letter_of(reasons: Sequence[str]) -> Confidence:
    """Return the letter that reasons make: what the first gives, lowered by the others; D if refused."""
    if not set(reasons).isdisjoint(REFUSALS):
        return "D"
    caps = [reason for reason in reasons[1:] if reason not in NOTES]
    letters: list[Confidence] = [GIVES.get(reasons[0], "C")]
    letters += ["B" if reason in BEST_B else "C" for reason in caps]
    return max(letters)


def confidence_reasons(row: Match | LetterFacts, rules: ConfidenceRules) -> list[str]:
    """Return why a row of `matches` has its letter: one code at least, in the order in which they are asked.

    What gives a letter comes first, one code at most: see `GIVES`. Everything that keeps the row from A and B
    follows (`CAPS`), and what makes it D. Nothing but the row's columns and the rules is asked.
    """
    damaged = ["record_damaged"] if row.record_damage else []
    rarity = row.run_rarity
    if rarity is None:
        return ["url_only", *damaged]
    gives = _what_gives(row, rarity, rules)
    reasons = [
        *damaged,
        *_doubts_about(row),
        *([] if gives == "own_url" else _doubts_about_words(row, rules)),
    ]
    common = row.grade == "extract" and rarity < rules.common_bits
    if gives is None and not common:
        reasons.append("not_rare" if rarity < rules.rare_bits else "not_large")
    refused = common and (bool(reasons) or gives is None)
    if row.article_is_excerpt:
        reasons.append("article_excerpt")
    if row.repeated_by:
        reasons.append("published_again")
    if refused:
        reasons.append(REFUSED)
    if row.passage_kind and gives != "own_url":
        reasons.append("page_furniture")
    if row.repeats_article_id:
        reasons.append("repeats_article")
    return [gives, *reasons] if gives else reasons


def _what_gives(row: Match | LetterFacts, rarity: int, rules: ConfidenceRules) -> str | None:
    """Return which of `GIVES` the copied words fulfil, whoever wrote them; None if none."""
    if rarity < rules.rare_bits:
        return None
    is_own_page = row.url_match == "article" and row.own_site
    if is_own_page and row.longest_run_words >= rules.own_url_run_words:
        return "own_url"
    copied = row.copied_words
    whole = row.grade == "full_copy" and not row.article_is_excerpt
    if whole and _figure(row.shared_words) <= rules.full_copy_shared_share * copied:
        return "sole_full_copy" if row.own_site or row.credits_owner else "full_copy"
    if row.grade != "extract" and copied >= rules.partial_copy_words:
        return "strong_copy"
    return "rare_passage" if rarity >= rules.rare_passage_bits else None


def _doubts_about(row: Match | LetterFacts) -> Iterator[str]:
    """Yield what stands against a row, whatever was copied.

    A and B say that the page has the text from the article. Nobody can say that without knowing whose page it
    is, and which of the two was there first. (Nor whose text a damaged record holds.)
    """
    captured, published = row.captured_at, row.article_published_at
    time_zone = row.article_time_zone
    if captured is not None and captured.year not in CAPTURE_YEARS:
        captured = None
    if row.own_site is None:
        yield "url_unknown"
    copy = copy_at(row.document_url) if row.document_url else None
    if copy and row.own_site:
        yield "own_page_copy"
    elif copy and copy.original is None:
        yield "copy_of_unknown_page"
    if row.site_title_id is not None and not row.own_site:
        yield "on_member_site"
    if row.url_match == "article" and row.own_site is False:
        yield "address_elsewhere"
    if captured is None:
        yield "capture_date_unknown"
    if published is None:
        yield "publication_date_unknown"
    elif captured_before(captured, published, time_zone):
        yield "captured_before_publication"
    elif captured and utc(captured) < publication_of(published, time_zone).latest:
        yield "captured_within_a_day"
    # What a publisher's own pages say of themselves is its own word.
    if row.own_site:
        return
    dated = row.page_published_at
    if dated and published and dated_before(dated, published, time_zone):
        yield "page_dated_earlier"
    if row.page_publisher_others:
        yield "page_of_other_publisher"


def _doubts_about_words(row: Match | LetterFacts, rules: ConfidenceRules) -> Iterator[str]:
    """Yield what stands against a row because others may own its words, or the page only quotes them.

    At the article's own URL none of these counts: there the claim is the page itself, not who wrote it.
    """
    if row.credits_others:
        yield "credits_other"
    if row.ownership == "agency":
        yield "agency_text"
    if row.ownership == "shared":
        yield "shared_text"
    if row.in_main_content is False:
        yield "outside_main_content"
    if not row.own_site and not row.credits_owner and _is_in_pieces(row, rules):
        yield "in_pieces"


def _is_in_pieces(row: Match | LetterFacts, rules: ConfidenceRules) -> bool:
    """Return whether copied words are in pieces, as where two papers edit one wire; False if unknown."""
    unbroken = row.unbroken_words
    if unbroken is None:
        return False
    # An article or a page may hold a passage twice: the other side then tells how long it is.
    on_page = round(_figure(row.document_coverage) * _figure(row.document_words))
    copied = min(row.copied_words, on_page)
    is_long = unbroken >= max(rules.unbroken_words, rules.unbroken_share * copied)
    return not is_long and row.longest_run_words < rules.one_piece_share * copied


def _figure(value: Number | None) -> Number:
    """Return a figure that every copy has; raises `TypeError` for a row without it, which no scan wrote."""
    if value is None:
        raise TypeError("a figure of the row is null")
    return value

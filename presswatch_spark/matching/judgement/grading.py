"""Derives grade and confidence of a row by the rules of `conf/scan.yaml`, and compares the dates for them.

The grade is the extent of the copy; the confidence, a letter from A to D, decides about the use of the row. A
table stores a day of publication without a time as 00:00 UTC. Unless the title's time zone is known, that day
may begin as early as in UTC+14 and end as late as in UTC-12. A date with a time may be off by its zone, so a
day on both sides is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.core.terminal import utc
from presswatch_spark.matching.judgement.originals import copy_at
from presswatch_spark.tables.column_values import Confidence, Grade
from presswatch_spark.tables.confidence_reasons import REASONS

if TYPE_CHECKING:
    from presswatch_spark.tables.declarations import Match

Number = TypeVar("Number", int, float)


def grade(copied_words: int, article_coverage: float, rules: GradeRules) -> Grade:
    """Return the grade of a copy, by its verified words and its share of the article's words, 0 to 1."""
    if article_coverage >= rules.full_copy_coverage:
        return "full_copy"
    if article_coverage >= rules.partial_copy_coverage or copied_words >= rules.partial_copy_words:
        return "partial_copy"
    return "extract"


CAPTURE_YEARS = range(1991, 2100)
"""Years in which a capture may be: the web began in 1991. Other dates are placeholders of the dataset."""


def judged(row: Match, rules: ConfidenceRules) -> tuple[Confidence, list[str]]:
    """Return `confidence` and `confidence_reasons` of a row, from its other columns."""
    reasons = confidence_reasons(row, rules)
    return letter_of(reasons), reasons


def letter_of(reasons: Sequence[str]) -> Confidence:
    """Return the letter that the first reason gives, lowered by all."""
    first = REASONS.get(reasons[0])
    return lowered(first.gives if first and first.gives else "C", reasons)


def lowered(letter: Confidence, reasons: Iterable[str]) -> Confidence:
    """Return a letter, or the lowest letter that one of the reasons allows."""
    caps = (REASONS[code].caps if code in REASONS else "C" for code in reasons)
    # Of two letters, the greater one is worse.
    return max([letter, *(cap for cap in caps if cap)])


def confidence_reasons(row: Match, rules: ConfidenceRules) -> list[str]:
    """Return the reasons for a row's letter, at least one, from its columns and the rules only.

    The reason that gives a letter comes first; then those that exclude A and B, then those that give D.
    """
    damaged = ["record_damaged"] if row.record_damage else []
    rarity = row.run_rarity
    if rarity is None:
        return ["url_only", *damaged]
    gives = _what_gives(row, rarity, rules)
    reasons = [*damaged, *_doubts_about(row)]
    if gives != "own_url":
        # At the article's own URL, the claim is about the page itself, whoever wrote the text.
        doubts = {
            "credits_other": row.credits_others,
            "agency_text": row.ownership == "agency",
            "shared_text": row.ownership == "shared",
            "outside_main_content": row.in_main_content is False,
            "in_pieces": not row.own_site and not row.credits_owner and _is_in_pieces(row, rules),
        }
        reasons += [code for code, applies in doubts.items() if applies]
    common = row.grade == "extract" and rarity < rules.common_bits
    if gives is None and not common:
        reasons.append("not_rare" if rarity < rules.rare_bits else "not_large")
    others = {
        "article_excerpt": row.article_is_excerpt,
        "published_again": row.repeated_by,
        "common_words": common and (reasons or gives is None),
        "page_furniture": row.passage_kind and gives != "own_url",
        "repeats_article": row.repeats_article_id,
    }
    reasons += [code for code, applies in others.items() if applies]
    return [gives, *reasons] if gives else reasons


def _what_gives(row: Match, rarity: int, rules: ConfidenceRules) -> str | None:
    if rarity < rules.rare_bits:
        return None
    is_own_page = row.url_match == "article" and row.own_site
    if is_own_page and row.longest_run_words >= rules.own_url_run_words:
        return "own_url"
    copied = row.copied_words
    is_complete = row.grade == "full_copy" and not row.article_is_excerpt
    if is_complete and _figure(row.shared_words) <= rules.full_copy_shared_share * copied:
        return "sole_full_copy" if row.own_site or row.credits_owner else "full_copy"
    if row.grade != "extract" and copied >= rules.partial_copy_words:
        return "strong_copy"
    return "rare_passage" if rarity >= rules.rare_passage_bits else None


def _doubts_about(row: Match) -> list[str]:
    """Return the doubts about the page of a row: who owns it, and whether it is older than the article."""
    captured, published, time_zone = row.captured_at, row.article_published_at, row.article_time_zone
    if captured is not None and captured.year not in CAPTURE_YEARS:
        captured = None
    copy = copy_at(row.document_url) if row.document_url else None
    is_before = captured_before(captured, published, time_zone)
    # The date on a publisher's own page proves nothing against the publisher.
    dated = None if row.own_site else row.page_published_at
    doubts = {
        "url_unknown": row.own_site is None,
        "own_page_copy": copy is not None and row.own_site,
        "copy_of_unknown_page": copy == "" and not row.own_site,
        "on_member_site": row.site_title_id is not None and not row.own_site,
        "address_elsewhere": row.url_match == "article" and row.own_site is False,
        "capture_date_unknown": captured is None,
        "publication_date_unknown": published is None,
        "captured_before_publication": is_before,
        "captured_within_a_day": (
            captured and published and not is_before
            and utc(captured) < publication_of(published, time_zone).latest
        ),
        "page_dated_earlier": dated and published and dated_before(dated, published, time_zone),
        "page_of_other_publisher": row.page_publisher_others and not row.own_site,
    }  # fmt: skip
    return [code for code, applies in doubts.items() if applies]


def _is_in_pieces(row: Match, rules: ConfidenceRules) -> bool:
    """Return whether copied words are in pieces, as if two papers edited one wire; False if unknown."""
    unbroken = row.unbroken_words
    if unbroken is None:
        return False
    # One side may contain a passage twice: the smaller count is its true length.
    on_page = round(_figure(row.document_coverage) * _figure(row.document_words))
    copied = min(row.copied_words, on_page)
    is_long = unbroken >= max(rules.unbroken_words, rules.unbroken_share * copied)
    return not is_long and row.longest_run_words < rules.one_piece_share * copied


def _figure(value: Number | None) -> Number:
    """Return a value that every copy has; `TypeError` for a row without it, which no scan can have made."""
    if value is None:
        raise TypeError("a figure of the row is null")
    return value


A_DAY = timedelta(days=1)
FIRST_ZONE, LAST_ZONE = timedelta(hours=14), timedelta(hours=-12)
_KEPT = 1 << 14
# Moments between these can be shifted by a day without leaving the calendar.
_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Publication:
    """Moments of a publication, in UTC: it was not before `earliest`, and it was before `latest`.

    `begins`: the moment given, or the begin of the day given, in the title's time zone or else in UTC.
    """

    earliest: datetime
    begins: datetime
    latest: datetime


@lru_cache(_KEPT)
def publication_of(published_at: datetime, time_zone: str | None = None) -> Publication:
    """Return the moments of a stored date of publication; `time_zone`: of the title, an IANA name."""
    moment = min(max(utc(published_at), _FIRST), _LAST)
    if moment.time() != time():
        return Publication(moment - A_DAY, moment, moment + A_DAY)
    if time_zone is None:
        return Publication(moment - FIRST_ZONE, moment, moment + A_DAY - LAST_ZONE)
    zone = ZoneInfo(time_zone)
    begins, ends = (
        datetime.combine(day, time(), zone).astimezone(UTC)
        for day in (moment.date(), (moment + A_DAY).date())
    )
    return Publication(begins, begins, ends)


def captured_before(
    captured_at: datetime | None, published_at: datetime | None, time_zone: str | None = None
) -> bool:
    """Return whether a page was certainly captured before an article was published."""
    return bool(
        captured_at and published_at and utc(captured_at) < publication_of(published_at, time_zone).earliest
    )


def dated_before(page_at: datetime, published_at: datetime, time_zone: str | None = None) -> bool:
    """Return whether the date that a page gives itself is before an article's; 00:00 UTC means a day."""
    begins, page_at = publication_of(published_at, time_zone).begins, utc(page_at)
    if page_at.time() != time():
        return page_at < begins
    return page_at.date() < begins.astimezone(ZoneInfo(time_zone) if time_zone else UTC).date()

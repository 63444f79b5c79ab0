"""The letter of a claim: that of its row, lowered by facts from beyond its page, and never better.

It is a pure function of the claim's columns and the rules.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from presswatch_spark.core.locators import embedded
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.matching.judgement.grading import grade, letter_of, lowered
from presswatch_spark.matching.judgement.grading import judged as graded
from presswatch_spark.tables.column_values import ClaimKind
from presswatch_spark.tables.confidence_reasons import REASONS
from presswatch_spark.tables.declarations import Match

KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)
OWN_KINDS = ("own_page", "own_page_copy")
"""Kinds of the publisher's own pages, and of their copies in archives, caches and translators."""
OWN_PAGE_COPY, ON_MEMBER_SITE = "own_page_copy", "on_member_site"


def letter_and_reasons(
    claim: Mapping[str, Any], grades: GradeRules, rules: ConfidenceRules
) -> tuple[str, list[str]]:
    """Return the letter and the reasons of a claim, from its other columns."""
    reasons = list(claim["row_reasons"])
    # Of two letters, the greater one is worse.
    letter = max(claim["row_confidence"], letter_of(reasons))
    is_itself = is_page_itself(claim["url_match"], claim["kind"] not in ("copy", "reprint"))
    facts = {
        "licensed": claim["kind"] == "licensed",
        # The row already has this reason, unless its run knew the page only by its own address.
        OWN_PAGE_COPY: claim["kind"] == OWN_PAGE_COPY and OWN_PAGE_COPY not in reasons,
        # The row already has this reason, unless the site became a member's after its run.
        ON_MEMBER_SITE: claim["kind"] == "reprint" and ON_MEMBER_SITE not in reasons,
        "article_unknown": not claim["article_known"],
        "credits_unread": not claim["credits_read"] and not is_itself,
        "embedded_text": embedded(claim["text_source"])
        and claim["kind"] not in OWN_KINDS
        and claim["review"] != "claim",
    }
    found = [code for code, holds in facts.items() if holds]
    letter = lowered(letter, found)
    reasons += found
    if claim["explained_by"] and not is_itself:
        reasons += claim["explained_by"]
        if letter in ("A", "B"):
            beyond = beyond_letter(claim, grades, rules)
            letter = max(letter, beyond)
            if beyond in ("A", "B"):
                reasons.append("goes_beyond")
    if (verdict := f"review_{claim['review']}") in REASONS:
        letter = lowered(letter, [verdict])
        reasons.append(verdict)
    return letter, reasons


def is_page_itself(url_match: str, own_site: bool | None) -> bool:
    """Return whether the row says that the dataset has the article's own page."""
    return url_match == "article" and bool(own_site)


def beyond_letter(claim: Mapping[str, Any], grades: GradeRules, rules: ConfidenceRules) -> str:
    """Return the letter for the words beyond all sources alone: A, B, or C for less."""
    words = claim["beyond_words"]
    if not words or not claim["article_words"]:
        return "C"
    # A row with a doubt about its page is already C, so no doubt is left here. The named source is not judged
    # again, nor whether the words are in one piece, since words taken out of the middle break the piece.
    facts = Match.from_dict(
        {
            "grade": grade(words, words / claim["article_words"], grades),
            "copied_words": words,
            "longest_run_words": claim["beyond_longest_run"],
            "run_rarity": claim["beyond_rarity"],
            "shared_words": claim["beyond_shared_words"],
            "ownership": claim["beyond_ownership"],
            "credits_owner": True,
            "url_match": "none",
            "own_site": False,
            "article_published_at": datetime(2000, 1, 1, tzinfo=UTC),
            "captured_at": datetime(2001, 1, 1, tzinfo=UTC),
        }
    )
    letter, _ = graded(facts, rules)
    return "C" if letter == "D" else letter

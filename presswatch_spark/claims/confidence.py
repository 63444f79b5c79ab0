"""The letter of a claim: the row's own, lowered by facts from beyond its page.

It is a pure function of the claim's columns and the rules, and never better than the row's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.matching.judgement.grading import grade, letter_of
from presswatch_spark.matching.judgement.grading import judged as graded
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.literals import ClaimKind

KINDS: tuple[ClaimKind, ...] = get_args(ClaimKind)
OWN_KINDS = ("own_page", "own_page_copy")
"""Kinds of the publisher's own pages, and of their copies in archives, caches and translators."""
OWN_PAGE_COPY, ON_MEMBER_SITE = "own_page_copy", "on_member_site"
REVIEWS = {"no_claim": "D", "unsure": "C"}
"""The best letter of a claim after a person's verdict."""


def judged(claim: Mapping[str, Any], grades: GradeRules, rules: ConfidenceRules) -> tuple[str, list[str]]:
    """Return letter and reasons of a claim, from its other columns."""
    reasons = list(claim["row_reasons"])
    # Of two letters, the greater one is worse.
    letter = max(claim["row_confidence"], letter_of(reasons))
    is_itself = is_page_itself(claim["url_match"], claim["kind"] not in ("copy", "reprint"))
    caps = {
        "licensed": claim["kind"] == "licensed",
        # The row has it already, unless its run knew the page by its own address alone.
        OWN_PAGE_COPY: claim["kind"] == OWN_PAGE_COPY and OWN_PAGE_COPY not in reasons,
        # The row has it already, unless the site has been named a member's since its run.
        ON_MEMBER_SITE: claim["kind"] == "reprint" and ON_MEMBER_SITE not in reasons,
        "article_unknown": not claim["article_known"],
        "credits_unread": not claim["credits_read"] and not is_itself,
    }
    if lowering := [code for code, holds in caps.items() if holds]:
        letter = max(letter, "C")
        reasons += lowering
    if claim["explained_by"] and not is_itself:
        reasons += claim["explained_by"]
        if letter in ("A", "B"):
            beyond = beyond_letter(claim, grades, rules)
            letter = max(letter, beyond)
            if beyond in ("A", "B"):
                reasons.append("goes_beyond")
    if claim["review"] in REVIEWS:
        letter = max(letter, REVIEWS[claim["review"]])
        reasons.append(f"review_{claim['review']}")
    return letter, reasons


def is_page_itself(url_match: str, own_site: bool | None) -> bool:
    """Return whether the finding is that the article's own page is in the dataset."""
    return url_match == "article" and bool(own_site)


def beyond_letter(claim: Mapping[str, Any], grades: GradeRules, rules: ConfidenceRules) -> str:
    """Return the letter that the words beyond all sources give by themselves: A, B, or C for less."""
    words = claim["beyond_words"]
    if not words or not claim["article_words"]:
        return "C"
    # A row with a doubt about its page is C already. So none is left when words beyond are judged. Its source
    # is not asked again, nor whether its words are in one piece: what is taken out of them breaks them.
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
            "site_title_id": None,
            "article_published_at": datetime(2000, 1, 1, tzinfo=UTC),
            "captured_at": datetime(2001, 1, 1, tzinfo=UTC),
        }
    )
    letter, _ = graded(facts, rules)
    return "C" if letter == "D" else letter

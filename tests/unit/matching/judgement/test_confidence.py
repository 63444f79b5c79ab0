"""What a row may be used for, rule by rule."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, get_args

import pytest

from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.matching.judgement.grading import confidence_reasons, grade, judged, letter_of
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.literals import Ownership
from presswatch_spark.tables.reasons import OF_ROWS
from tests.world.documents import text_of

REFUSED = "common_words"
PUBLISHED = datetime(2024, 5, 18, tzinfo=UTC)
CAPTURED = datetime(2024, 6, 1, tzinfo=UTC)
STRONGEST = [
    ("full_copy", "exclusive", 400, 4000, "none"),
    ("partial_copy", "exclusive", 400, 4000, "none"),
    ("extract", "exclusive", 100, 900, "none"),
    ("full_copy", "agency", 400, 4000, "article"),
]


def row_of(grade: str, ownership: str, run: int, rarity: int, url_match: str = "none", **more: Any) -> Match:
    row = {
        "grade": grade, "ownership": ownership, "longest_run_words": run, "run_rarity": rarity,
        "url_match": url_match, "copied_words": 100, "shared_words": 0, "captured_at": CAPTURED,
        "article_published_at": PUBLISHED, "site_title_id": None, "own_site": url_match == "article",
        "credits_owner": True,
    }  # fmt: skip
    return Match.from_dict(row | more)


def letter(*row: Any, **more: Any) -> str:
    return judged(row_of(*row, **more), ConfidenceRules())[0]


def reasons(*row: Any, **more: Any) -> list[str]:
    return confidence_reasons(row_of(*row, **more), ConfidenceRules())


@pytest.mark.parametrize("ownership", ["exclusive", "shared", "agency"])
def test_a_long_rare_run_at_the_articles_own_url_speaks_for_itself_whoever_else_has_it(
    ownership: str,
) -> None:
    assert letter("extract", ownership, 40, 200, "article", shared_words=100) == "A"
    assert letter("extract", ownership, 39, 200, "article") == "C"
    assert letter("extract", ownership, 40, 200, "article", own_site=False) == "C"
    assert letter("extract", ownership, 40, 199, "article") == "C"


def test_a_full_copy_speaks_for_itself_if_the_article_is_exclusive() -> None:
    assert letter("full_copy", "exclusive", 20, 200) == "A"
    assert letter("full_copy", "shared", 500, 5000) == "C"
    assert letter("full_copy", "agency", 500, 5000) == "C"
    assert letter("full_copy", "exclusive", 20, 199) == "C"


def test_a_full_copy_of_which_others_have_a_part_is_only_strong() -> None:
    assert letter("full_copy", "exclusive", 20, 200, shared_words=10) == "A"
    assert letter("full_copy", "exclusive", 20, 200, shared_words=11) == "B"


def test_a_large_part_or_a_very_rare_passage_of_an_exclusive_article_is_strong() -> None:
    assert letter("partial_copy", "exclusive", 20, 200) == "B"
    assert letter("partial_copy", "exclusive", 20, 200, copied_words=40) == "B"
    assert letter("partial_copy", "exclusive", 25, 200, copied_words=39) == "C"
    assert letter("extract", "exclusive", 80, 600) == "B"
    assert letter("extract", "exclusive", 60, 599) == "C"
    assert letter("extract", "shared", 80, 600) == "C"


@pytest.mark.parametrize("url_match", ["none", "article"])
def test_a_page_must_be_a_day_younger_than_the_article(url_match: str) -> None:
    noon = PUBLISHED + timedelta(hours=12)

    def captured(after: timedelta) -> tuple[str, str]:
        times = {"captured_at": noon + after, "article_published_at": noon}
        row = row_of("full_copy", "exclusive", 80, 900, url_match, **times)
        found = judged(row, ConfidenceRules())
        return found[0], found[1][-1]

    gives, moment = "own_url" if url_match == "article" else "sole_full_copy", timedelta(microseconds=1)
    assert captured(timedelta(days=1)) == captured(timedelta(days=400)) == ("A", gives)
    assert captured(timedelta(days=1) - moment) == ("C", "captured_within_a_day")
    assert captured(-timedelta(days=1)) == ("C", "captured_within_a_day")
    assert captured(-timedelta(days=1) - moment) == ("C", "captured_before_publication")
    assert captured(-timedelta(days=2000)) == ("C", "captured_before_publication")


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
        assert letter(*row) in "AB"
        assert letter(*row, **unknown) == "C"
    assert letter("extract", "exclusive", 11, 59, **unknown) == "D"


def test_a_page_on_another_members_site_may_be_licensed() -> None:
    for each in ("full_copy", "partial_copy", "extract"):
        assert letter(each, "exclusive", 80, 900, site_title_id="other") == "C"
    assert letter("full_copy", "exclusive", 80, 900, site_title_id="sister", own_site=True) == "A"


def test_an_extract_of_common_words_is_never_used_and_a_larger_part_is_looked_at() -> None:
    assert letter("extract", "exclusive", 11, 59) == "D"
    assert letter("extract", "exclusive", 11, 60) == "C"
    assert letter("partial_copy", "agency", 90, 0) == "C"
    assert letter("full_copy", "shared", 90, 0) == "C"


def test_a_url_without_text_is_looked_at() -> None:
    row = Match.from_dict({"grade": "url_only", "url_match": "article", "longest_run_words": 0})
    assert judged(row, ConfidenceRules()) == ("C", ["url_only"])
    damaged = row.with_columns(record_damage="header")
    assert confidence_reasons(damaged, ConfidenceRules()) == ["url_only", "record_damaged"]


@pytest.mark.parametrize(
    "doubt", [{"ownership": "agency"}, {"credits_others": True}, {"in_main_content": False}], ids=str
)
def test_whose_the_words_are_counts_everywhere_but_at_the_articles_own_url(doubt: dict[str, Any]) -> None:
    strong = row_of("full_copy", "exclusive", 80, 900).with_columns(own_site=True, **doubt)
    for place in ({"url_match": "none", "own_site": False}, {"url_match": "title"}):
        assert judged(strong.with_columns(**place), ConfidenceRules())[0] == "C"
    own = judged(strong.with_columns(url_match="article"), ConfidenceRules())
    assert own == ("A", ["own_url"])
    # Too short a run does not show that this is the article's page: its words are asked for, as elsewhere.
    short = strong.with_columns(url_match="article", longest_run_words=39)
    assert judged(short, ConfidenceRules())[0] == "C"


def test_what_nobody_looked_at_caps_nothing() -> None:
    for unread in ({"credits_others": None}, {"credits_others": False}, {"in_main_content": None}):
        assert letter("full_copy", "exclusive", 80, 900, **unread) == "A"


def test_reasons_say_what_gave_the_letter_and_all_that_caps_it_in_the_order_asked() -> None:
    assert reasons("full_copy", "exclusive", 20, 200) == ["sole_full_copy"]
    assert reasons("partial_copy", "exclusive", 20, 200) == ["strong_copy"]
    assert reasons("extract", "exclusive", 80, 600) == ["rare_passage"]
    everything = {
        "record_damage": "digest", "site_title_id": "other", "captured_at": None, "credits_others": True,
        "article_published_at": None, "in_main_content": False,
    }  # fmt: skip
    assert reasons("full_copy", "agency", 80, 900, **everything) == [
        "sole_full_copy", "record_damaged", "on_member_site", "capture_date_unknown",
        "publication_date_unknown", "credits_other", "agency_text", "outside_main_content",
    ]  # fmt: skip
    assert reasons("full_copy", "shared", 80, 900, shared_words=60) == ["strong_copy", "shared_text"]
    assert reasons("extract", "exclusive", 30, 300) == ["not_large"]
    assert reasons("extract", "agency", 20, 100) == ["agency_text", "not_rare"]
    assert reasons("extract", "exclusive", 11, 59) == [REFUSED]
    assert reasons("extract", "exclusive", 11, 59, own_site=None) == ["url_unknown", REFUSED]


def test_the_page_of_letters_lists_every_reason_with_what_it_makes() -> None:
    page = text_of("explanation/letters")
    places = []
    for code, made in [
        *((code, each.gives or each.caps) for code, each in OF_ROWS.items() if each.gives or each.caps),
    ]:
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{code}` |"))
        assert line.endswith(f"| `{made}` |")
        places.append(page.index(line))
    assert places == sorted(places)


def test_an_excerpt_is_never_certain_and_its_copy_never_whole() -> None:
    excerpt = {"article_is_excerpt": True}
    assert reasons("full_copy", "exclusive", 80, 900, **excerpt) == ["strong_copy", "article_excerpt"]
    assert letter("full_copy", "exclusive", 80, 900, **excerpt) == "B"
    assert letter("extract", "agency", 100, 900, "article", **excerpt) == "B"
    assert letter("full_copy", "agency", 80, 900, **excerpt) == "C"
    assert letter("full_copy", "exclusive", 30, 250, copied_words=30, **excerpt) == "C"
    assert reasons("extract", "exclusive", 11, 59, **excerpt) == ["article_excerpt", REFUSED]
    assert letter("extract", "exclusive", 11, 59, **excerpt) == "D"
    for unread in ({"article_is_excerpt": None}, {"article_is_excerpt": False}):
        assert letter("full_copy", "exclusive", 80, 900, **unread) == "A"


RANKS, ARCHIVED = "ABCD", "https://web.archive.org/web/2024/https://journal.example/1"


@pytest.mark.full
def test_letters_and_reasons_of_100_000_rows_follow_from_their_columns() -> None:
    rng, rules = Random(15), ConfidenceRules()
    order = list(OF_ROWS)
    met, letters = Counter[str](), Counter[str]()
    for _ in range(100_000):
        row = generated(rng)
        found, codes = judged(row, rules)
        assert codes == sorted(codes, key=order.index)
        assert len(set(codes)) == len(codes) > 0
        assert found == letter_of(codes) == expected_letter(row)
        assert judged(row, rules) == (found, codes)
        met.update(codes)
        letters[found] += 1
    assert set(met) == set(order)
    assert min(letters[each] for each in RANKS) > 300


def generated(rng: Random) -> Match:
    """A row of `matches`, as far as letters go, with values on and beside every threshold."""
    days = rng.choice([None, -400, -2, -1, 0, 1, 1.5, 2, 30, 30, 30, 400])
    published = rng.choice([None, *[PUBLISHED] * 9])
    captured = None if days is None else PUBLISHED + timedelta(days=days, seconds=rng.choice([-1, 0, 1]))
    words = rng.choice([11, 39, 40, 41, 99, 100, 400])
    coverage, own_site = rng.random(), rng.choice([None, False, False, False, True])
    row = {
        "grade": grade(words, coverage, GradeRules()), "longest_run_words": rng.randint(11, max(11, words)),
        "copied_words": words, "shared_words": rng.choice([0, 0, words // 10, words // 10 + 1, words]),
        "run_rarity": rng.choice([0, 59, 60, 61, 199, 200, 201, 599, 600, 4000, 4000]),
        "ownership": rng.choice([*get_args(Ownership), "exclusive", "exclusive"]), "own_site": own_site,
        "url_match": rng.choice(["article", "title", "none"] if own_site else ["none"] * 9 + ["article"]),
        "article_is_excerpt": rng.choice([None, False, False, True]),
        "site_title_id": rng.choice([None, None, None, "t"]), "captured_at": captured,
        "article_published_at": published, "record_damage": rng.choice([None] * 9 + ["digest"]),
        "credits_others": rng.choice([None, False, False, True]),
        "in_main_content": rng.choice([None, True, True, False]),
        "document_url": rng.choice([*["https://page.example/1"] * 16, ARCHIVED, "https://archive.ph/AbCdE"]),
        "page_published_at": rng.choice([*[None] * 6, PUBLISHED, PUBLISHED - timedelta(seconds=1)]),
        "page_publisher_others": rng.choice([*[None] * 6, False, True]),
        "credits_owner": rng.choice([None, False, *[True] * 4]), "document_words": 1000,
        "document_coverage": rng.choice([words, words, words // 2]) / 1000,
        "unbroken_words": rng.choice([None, words // 2, (9 * words + 9) // 10, words]),
        "passage_kind": rng.choice([*[None] * 12, "caption"]),
        "repeats_article_id": rng.choice([*[None] * 12, "a1"]),
        "repeated_by": rng.choice([None, [], [], ["a2"]]),
    }  # fmt: skip
    if rng.random() < 0.05:
        row |= {"grade": "url_only", "run_rarity": None, "longest_run_words": 0, "copied_words": 0}
    return Match.from_dict(row)


def expected_letter(row: Match) -> str:
    """The letter as docs/explanation/letters.md says it, written down apart from the code."""
    if row.grade == "url_only":
        return "C"
    rarity, copied, exclusive = row.run_rarity, row.copied_words, row.ownership == "exclusive"
    dates = row.captured_at, row.article_published_at
    certain = (
        not row.record_damage
        and row.own_site is not None
        and (row.own_site or row.site_title_id is None)
        and not (row.url_match == "article" and row.own_site is False)
        and None not in dates
        and dates[0] - dates[1] >= timedelta(hours=36)
        and "//archive.ph" not in row.document_url
        and not (row.own_site and row.document_url == ARCHIVED)
    )
    if not row.own_site:
        earlier = row.page_published_at is not None and row.page_published_at < PUBLISHED
        certain = certain and not earlier and not row.page_publisher_others
    copied_once = min(copied, round(row.document_coverage * 1000))
    unbroken = row.unbroken_words
    one_piece = (
        unbroken is None
        or row.own_site
        or row.credits_owner
        or 4 * row.longest_run_words >= 3 * copied_once
        or (unbroken >= 200 and 10 * unbroken >= 9 * copied_once)
    )
    others = row.credits_others is True or row.in_main_content is False or not (exclusive and one_piece)
    own_url = rarity >= 200 and row.own_site and row.url_match == "article"
    own_url = own_url and row.longest_run_words >= 40
    if row.repeats_article_id or (row.passage_kind and not own_url):
        return "D"
    if certain and rarity >= 200:
        if row.url_match == "article" and row.longest_run_words >= 40:
            return "B" if row.article_is_excerpt else "A"
        whole = row.grade == "full_copy" and not row.article_is_excerpt
        if not others and whole and 10 * row.shared_words <= copied:
            return "A" if row.own_site or row.credits_owner else "B"
        if not others and ((row.grade != "extract" and copied >= 40) or rarity >= 600):
            return "B"
    return "D" if row.grade == "extract" and rarity < 60 else "C"

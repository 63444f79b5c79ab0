"""What a row may be used for, rule by rule."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, get_args

import pytest

from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.matching.judgement.grading import (
    captured_before,
    confidence_reasons,
    dated_before,
    grade,
    judged,
    letter_of,
    publication_of,
)
from presswatch_spark.tables.column_values import Ownership
from presswatch_spark.tables.confidence_reasons import OF_ROWS
from presswatch_spark.tables.declarations import Match
from tests.world.documents import text_of
from tests.world.proofs import cases

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


AT_HOME = ("extract", "agency", 40, 200, "article")
"""A page at the article's own URL with a long rare run: it speaks for itself, whoever else has the words."""
WHOLE = ("full_copy", "exclusive", 20, 200)
"""A full copy of an exclusive article, which does so, too."""
LARGE = ("full_copy", "exclusive", 80, 900)


@cases(
    ("expected", "row", "more"),
    [
        ("A", AT_HOME, {"shared_words": 100}),
        ("A", ("extract", "shared", 40, 200, "article"), {"shared_words": 100}),
        ("A", ("extract", "exclusive", 40, 200, "article"), {"shared_words": 100}),
        ("C", ("extract", "exclusive", 39, 200, "article"), {}),
        ("C", ("extract", "shared", 39, 200, "article"), {}),
        ("C", AT_HOME, {"own_site": False}),
        ("C", ("extract", "exclusive", 40, 199, "article"), {}),
        ("A", WHOLE, {}),
        ("C", ("full_copy", "shared", 500, 5000), {}),
        ("C", ("full_copy", "agency", 500, 5000), {}),
        ("C", ("full_copy", "exclusive", 20, 199), {}),
        # If others have a part of it, it is only strong.
        ("A", WHOLE, {"shared_words": 10}),
        ("B", WHOLE, {"shared_words": 11}),
        # So is a large part or a very rare passage of an exclusive article.
        ("B", ("partial_copy", "exclusive", 20, 200), {}),
        ("B", ("partial_copy", "exclusive", 20, 200), {"copied_words": 40}),
        ("C", ("partial_copy", "exclusive", 25, 200), {"copied_words": 39}),
        ("B", ("extract", "exclusive", 80, 600), {}),
        ("C", ("extract", "exclusive", 60, 599), {}),
        ("C", ("extract", "shared", 80, 600), {}),
        # A page on another member's site may be licensed.
        ("C", LARGE, {"site_title_id": "other"}),
        ("C", ("partial_copy", "exclusive", 80, 900), {"site_title_id": "other"}),
        ("C", ("extract", "exclusive", 80, 900), {"site_title_id": "other"}),
        ("A", LARGE, {"site_title_id": "sister", "own_site": True}),
        # An extract of common words is never used, and a larger part is looked at.
        ("D", ("extract", "exclusive", 11, 59), {}),
        ("C", ("extract", "exclusive", 11, 60), {}),
        ("C", ("partial_copy", "agency", 90, 0), {}),
        ("C", ("full_copy", "shared", 90, 0), {}),
        # What nobody looked at caps nothing.
        ("A", LARGE, {"credits_others": None}),
        ("A", LARGE, {"credits_others": False}),
        ("A", LARGE, {"in_main_content": None}),
        ("A", LARGE, {"article_is_excerpt": None}),
        ("A", LARGE, {"article_is_excerpt": False}),
        # An excerpt is never certain, and its copy never whole.
        ("B", LARGE, {"article_is_excerpt": True}),
        ("B", ("extract", "agency", 100, 900, "article"), {"article_is_excerpt": True}),
        ("C", ("full_copy", "agency", 80, 900), {"article_is_excerpt": True}),
        ("C", ("full_copy", "exclusive", 30, 250), {"article_is_excerpt": True, "copied_words": 30}),
        ("D", ("extract", "exclusive", 11, 59), {"article_is_excerpt": True}),
    ],
)
def test_a_letter_follows_from_the_facts_of_a_row(
    expected: str, row: tuple[Any, ...], more: dict[str, Any]
) -> None:
    assert letter(*row, **more) == expected


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
    assert reasons(*LARGE, article_is_excerpt=True) == ["strong_copy", "article_excerpt"]
    assert reasons("extract", "exclusive", 11, 59, article_is_excerpt=True) == ["article_excerpt", REFUSED]


def test_the_page_of_letters_lists_every_reason_with_what_it_makes() -> None:
    page = text_of("explanation/letters")
    places = []
    made_by = {code: made for code, each in OF_ROWS.items() if (made := each.gives or each.caps)}
    for code, made in made_by.items():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| `{code}` |"))
        assert line.endswith(f"| `{made}` |")
        places.append(page.index(line))
    assert places == sorted(places)


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


DAY = datetime(2024, 5, 18, tzinfo=UTC)
NOON = DAY.replace(hour=12)
SECOND = timedelta(seconds=1)


def test_a_day_without_a_time_lasts_from_utc_plus_14_to_utc_minus_12() -> None:
    day = publication_of(DAY)
    assert day.earliest == DAY.astimezone(timezone(timedelta(hours=14))) - timedelta(hours=14)
    assert day.latest == datetime(2024, 5, 19, tzinfo=timezone(timedelta(hours=-12)))
    assert day.begins == DAY


@cases(
    ("zone", "begins", "ends"),
    [
        ("Europe/Paris", "2024-05-17T22:00Z", "2024-05-18T22:00Z"),
        ("America/Montreal", "2024-05-18T04:00Z", "2024-05-19T04:00Z"),
        ("Pacific/Noumea", "2024-05-17T13:00Z", "2024-05-18T13:00Z"),
        ("Pacific/Tahiti", "2024-05-18T10:00Z", "2024-05-19T10:00Z"),
    ],
)
def test_a_day_of_a_title_with_a_time_zone_is_that_zones(zone: str, begins: str, ends: str) -> None:
    day = publication_of(DAY, zone)
    assert day.earliest == day.begins == datetime.fromisoformat(begins)
    assert day.latest == datetime.fromisoformat(ends)


def test_the_day_on_which_clocks_change_has_its_own_length() -> None:
    spring, autumn = (datetime(2024, *day, tzinfo=UTC) for day in ((3, 31), (10, 27)))
    for day, hours in ((spring, 23), (autumn, 25)):
        found = publication_of(day, "Europe/Paris")
        assert found.latest - found.begins == timedelta(hours=hours)


def test_a_date_with_a_time_leaves_a_day_on_both_sides_in_any_zone() -> None:
    for zone in (None, "Europe/Paris"):
        found = publication_of(NOON, zone)
        assert (found.begins - found.earliest, found.latest - found.begins) == (timedelta(1), timedelta(1))


def test_moments_at_the_ends_of_the_calendar_are_no_error() -> None:
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime(9999, 12, 31)):
        found = publication_of(at, "Europe/Paris")
        assert found.earliest <= found.begins <= found.latest


def test_a_capture_is_before_an_article_only_if_the_day_had_begun_nowhere() -> None:
    first = DAY - timedelta(hours=14)
    assert captured_before(first - SECOND, DAY)
    assert not captured_before(first, DAY)
    assert not captured_before(None, DAY)
    assert not captured_before(first, None)


def test_a_page_that_gives_a_day_is_earlier_by_days_and_one_that_gives_a_time_by_seconds() -> None:
    assert dated_before(DAY - timedelta(days=1), DAY)
    assert not dated_before(DAY, DAY)
    assert not dated_before(DAY, NOON)
    assert dated_before(NOON - SECOND, NOON)
    assert not dated_before(NOON, NOON)
    # A midnight of Paris is that day's begin for a title of Paris, and the day before without its zone.
    midnight = DAY - timedelta(hours=2)
    assert dated_before(midnight, DAY)
    assert not dated_before(midnight, DAY, "Europe/Paris")
    assert dated_before(midnight - SECOND, DAY, "Europe/Paris")


RULES = GradeRules()


@cases(
    ("copied", "coverage", "expected"),
    [
        (400, 1.0, "full_copy"),
        (450, 0.9, "full_copy"),
        (449, 0.899, "partial_copy"),
        (30, 0.3, "partial_copy"),
        (100, 0.02, "partial_copy"),
        (99, 0.2999, "extract"),
        (11, 0.01, "extract"),
    ],
)
def test_the_grade_follows_the_rules(copied: int, coverage: float, expected: str) -> None:
    assert grade(copied, coverage, RULES) == expected


def test_the_rules_can_be_changed() -> None:
    assert grade(50, 0.5, GradeRules(full_copy_coverage=0.5)) == "full_copy"

"""Letters of claims: reckoned again from columns and rules, and never better than the row's."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.claims.confidence import letter_and_reasons
from presswatch_spark.claims.make import OF_LETTER
from presswatch_spark.claims.marked_text import TextPiece, around_marks, as_html, marked, pieces_of, visible
from presswatch_spark.claims.other_sources import SOURCES
from presswatch_spark.claims.selection import ClaimPlace, RecordReading
from presswatch_spark.core.settings.config import ConfidenceRules, GradeRules
from presswatch_spark.matching.judgement.grading import letter_of
from presswatch_spark.tables.confidence_reasons import OF_ROWS, REASONS
from presswatch_spark.tables.declarations import Claim, Match, Target
from tests.world.proofs import cases, each_time

GRADES, RULES = GradeRules(), ConfidenceRules()
GENERATED, SOME_GENERATED = 100_000, 25_000


def claim(**columns: Any) -> dict[str, Any]:
    """The decisive columns of a claim of letter A, of which nothing is explained; others in their place."""
    standard = {
        "row_confidence": "A",
        "row_reasons": ["sole_full_copy"],
        "kind": "copy",
        "url_match": "none",
        "article_known": True,
        "credits_read": True,
        "explained_by": [],
        "article_words": 400,
        "beyond_words": 400,
        "beyond_longest_run": 400,
        "beyond_rarity": 4000,
        "beyond_shared_words": 0,
        "beyond_ownership": "exclusive",
        "review": None,
        "text_source": None,
    }
    return standard | columns


def generated(random: Random) -> dict[str, Any]:
    gives = (
        [random.choice([code for code, each in OF_ROWS.items() if each.gives])]
        if random.random() < 0.8
        else []
    )
    capping = [code for code, each in OF_ROWS.items() if each.caps in ("B", "C")]
    caps = random.sample(capping, random.choice([0, 0, 0, 1, 2]))
    reasons = gives + sorted(caps, key=capping.index) or ["common_words"]
    words = random.choice([0, 10, 39, 40, 120, 360, 400])
    return claim(
        row_reasons=reasons,
        row_confidence=letter_of(reasons),
        kind=random.choice(["copy", "copy", "own_page", "reprint", "licensed"]),
        url_match=random.choice(["none", "none", "title", "article"]),
        article_known=random.random() < 0.9,
        credits_read=random.random() < 0.9,
        explained_by=[source for source in SOURCES if random.random() < 0.2],
        beyond_words=words,
        beyond_longest_run=random.randint(0, words),
        beyond_rarity=random.choice([0, 59, 199, 200, 599, 600, 4000]),
        beyond_shared_words=random.choice([0, words // 20, words // 2, words]),
        beyond_ownership=random.choice(["exclusive", "exclusive", "shared", "agency"]) if words else None,
        review=random.choice([None, None, None, "claim", "unsure", "no_claim"]),
        text_source=random.choice([None, "visible", "hidden", "json_ld", "feed"]),
    )


def expected(row: dict[str, Any]) -> str:
    """The letter by the rules as the documentation states them, written another way."""
    if row["review"] == "no_claim" or row["row_confidence"] == "D":
        return "D"
    own_page_itself = row["url_match"] == "article" and row["kind"] in ("own_page", "licensed")
    if row["row_confidence"] == "C" or row["review"] == "unsure" or row["kind"] == "licensed":
        return "C"
    if row["kind"] == "reprint" or not row["article_known"] or not (row["credits_read"] or own_page_itself):
        return "C"
    is_doubted = row["text_source"] in ("json_ld", "feed") and row["review"] != "claim"
    best = "B" if is_doubted and row["kind"] != "own_page" else str(row["row_confidence"])
    if not row["explained_by"] or own_page_itself:
        return max(best, str(row["row_confidence"]))
    words, share = row["beyond_words"], row["beyond_words"] / row["article_words"]
    if row["beyond_rarity"] < 200 or row["beyond_ownership"] != "exclusive" or not words:
        return "C"
    if share >= 0.9 and row["beyond_shared_words"] <= 0.1 * words:
        return max(best, str(row["row_confidence"]))
    strong = (words >= 40 and (share >= 0.3 or words >= 100)) or row["beyond_rarity"] >= 600
    return "B" if strong else "C"


@pytest.mark.slow
@pytest.mark.parametrize("count", each_time([SOME_GENERATED], [SOME_GENERATED, GENERATED]))
def test_the_letter_follows_from_the_columns_of_any_claim(count: int) -> None:
    random, letters = Random(20261127), set[str]()
    for _ in range(count):
        row = generated(random)
        letter, reasons = letter_and_reasons(row, GRADES, RULES)
        assert letter == expected(row), row
        assert letter >= row["row_confidence"]
        assert reasons
        assert set(reasons) <= set(REASONS), reasons
        letters.add(letter)
    assert letters == {"A", "B", "C", "D"}


def test_letters_survive_the_table() -> None:
    random = Random(3)
    rows = [generated(random) for _ in range(2_000)]
    schema = pa.schema([Claim.schema.field(name) for name in OF_LETTER])
    again = pa.Table.from_pylist(rows, schema).to_pylist()
    assert [letter_and_reasons(row, GRADES, RULES) for row in again] == [
        letter_and_reasons(row, GRADES, RULES) for row in rows
    ]


COMMON = {"explained_by": ["common_source"], "beyond_words": 200, "beyond_rarity": 900}
ITSELF = {"explained_by": ["credited_elsewhere"], "url_match": "article", "kind": "own_page"}


@cases(
    ("columns", "row_reasons", "expected"),
    [
        ({}, "", "A"),
        ({"kind": "licensed"}, "", "C licensed"),
        ({"kind": "reprint"}, "", "C on_member_site"),
        ({"kind": "reprint", "row_confidence": "C"}, "on_member_site", "C"),
        # An older row has the letter of today's rules.
        ({}, "captured_within_a_day", "C"),
        ({"article_known": False}, "", "C article_unknown"),
        ({"credits_read": False}, "", "C credits_unread"),
        ({"review": "claim"}, "", "A"),
        ({"review": "unsure"}, "", "C review_unsure"),
        ({"review": "no_claim"}, "", "D review_no_claim"),
        (
            {"explained_by": ["prior_capture"], "beyond_words": 20, "beyond_rarity": 150},
            "",
            "C prior_capture",
        ),
        (COMMON, "", "B common_source goes_beyond"),
        # Words that another publisher has do not go beyond.
        (COMMON | {"beyond_ownership": "shared"}, "", "C common_source"),
        (COMMON | {"beyond_words": 0, "beyond_ownership": None}, "", "C common_source"),
        ({"explained_by": ["printed_by_press"], "beyond_words": 380}, "", "A printed_by_press goes_beyond"),
        (ITSELF, "", "A"),
        ({"row_confidence": "B", "review": "claim"}, "article_excerpt", "B"),
        ({"text_source": "hidden"}, "", "A"),
        ({"text_source": "script"}, "", "B embedded_text"),
        ({"text_source": "script", "kind": "licensed"}, "", "C licensed embedded_text"),
        ({"text_source": "json_ld", "kind": "own_page"}, "", "A"),
        ({"text_source": "json_ld", "review": "claim"}, "", "A"),
        ({"text_source": "json_ld", "review": "unsure"}, "", "C embedded_text review_unsure"),
        (COMMON | {"text_source": "json_ld"}, "", "B embedded_text common_source goes_beyond"),
    ],
)
def test_a_letter_says_why(columns: dict[str, Any], row_reasons: str, expected: str) -> None:
    given = ["sole_full_copy", *row_reasons.split()]
    letter, reasons = letter_and_reasons(claim(**columns, row_reasons=given), GRADES, RULES)
    assert reasons[: len(given)] == given
    assert " ".join([letter, *reasons[len(given) :]]) == expected


# Texts with copied words marked: whole, or cut down to what is around them, and with no hidden sign.


LONG = "mot " * 200_000


def left_out(pieces: list[TextPiece]) -> int:
    return sum(piece.left_out for piece in pieces)


def test_a_long_text_is_cut_down_to_what_surrounds_its_marks_and_says_how_much_is_missing() -> None:
    text = f"{LONG}les mots repris{LONG}"
    start = len(LONG)
    pieces = around_marks(pieces_of(text, [(start, start + 15)]), 400, 24_000)
    assert [piece.text for piece in pieces if piece.is_copied] == ["les mots repris"]
    shown = sum(len(piece.text) for piece in pieces)
    assert shown < 1_000
    assert shown + left_out(pieces) == len(text)
    assert not any(piece.text.startswith("ot") for piece in pieces)


def test_marks_beyond_the_most_are_counted_and_a_text_without_marks_is_shown_from_its_beginning() -> None:
    pieces = around_marks(pieces_of(LONG, [(0, len(LONG))]), 400, 24_000)
    assert [piece.is_copied for piece in pieces] == [True, False]
    assert 24_000 <= len(pieces[0].text) <= 24_040
    assert len(pieces[0].text) + left_out(pieces) == len(LONG)
    first, gap = around_marks(pieces_of(LONG, []), 400, 24_000)
    assert LONG.startswith(first.text)
    assert gap.left_out == len(LONG) - len(first.text)


@given(
    st.text(alphabet="ab \n中", max_size=900),
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900))),
    st.integers(1, 300),
    st.integers(-10, 950),
)
def test_nothing_is_lost_or_said_twice(
    text: str, ranges: list[tuple[int, int]], most: int, begin: int
) -> None:
    pieces = pieces_of(text, ranges)
    assert "".join(piece.text for piece in pieces) == text
    cut = around_marks(pieces, 20, most, begin)
    assert sum(len(piece.text) for piece in cut) + left_out(cut) == len(text)
    place = 0
    for piece in cut:
        assert text.startswith(piece.text, place)
        place += len(piece.text) + piece.left_out


def test_a_text_may_begin_at_a_later_passage_and_the_earlier_marks_are_counted() -> None:
    text = f"un deux {LONG}trois quatre cinq {LONG}"
    start = text.index("quatre")
    pieces = around_marks(pieces_of(text, [(0, 7), (start, start + 6)]), 30, 1_000, begin=start - 10)
    assert [piece.text for piece in pieces if piece.is_copied] == ["quatre"]
    assert pieces[0].left_out == text.index("trois")
    assert as_html(pieces).startswith(" […] trois <mark>quatre</mark> cinq mot")
    assert as_html(pieces).endswith(" […] ")


def test_what_cannot_be_seen_is_shown_by_its_escape() -> None:
    assert visible("a\u202eb\x00c\u200d") == "a\\u202eb\\x00c\\u200d"
    assert visible("a\xa0b\u2028c") == "a\xa0b c"
    assert marked("<b>\u202e</b>", [(0, 3)]) == "<mark>&lt;b&gt;</mark>\\u202e&lt;/b&gt;"


# Which reading of a record a document may state, and where its bytes came from.


DAY = datetime(2026, 11, 30, tzinfo=UTC)


@cases(
    ("read", "named", "source"),
    [
        ("https://a.example/x.gz", "https://a.example/x.gz", "place"),
        ("https://a.example/x.gz", "https://a.example/y.gz", "copy"),
        ("https://a.example/x.gz", "https://user:word@a.example/x.gz?signature=1", "place"),
        ("s3://commoncrawl/crawl-data/x.gz", "https://data.commoncrawl.org/crawl-data/x.gz", "place"),
        ("https://data.commoncrawl.org/crawl-data/x.gz", "s3://commoncrawl/crawl-data/x.gz", "place"),
        ("s3://commoncrawl-copy/crawl-data/x.gz", "s3://commoncrawl/crawl-data/x.gz", "copy"),
        ("s3://mine/x.gz", "https://data.commoncrawl.org/x.gz", "copy"),
        ("hf://datasets/a/b@c/d.parquet", "hf://datasets/a/b@c/d.parquet", "place"),
        ("hf://datasets/a/b@c/d.parquet", "hf://datasets/a/b@e/d.parquet", "copy"),
        ("/data/x.gz", "https://a.example/x.gz", "disk"),
        ("/data/x.gz", "/data/x.gz", "disk"),
        ("", "https://a.example/x.gz", "disk"),
    ],
)
def test_only_bytes_of_the_public_file_itself_were_read_at_the_place(
    read: str, named: str, source: str
) -> None:
    assert RecordReading(DAY, read).source(named) == source


def test_an_older_reading_at_the_place_comes_before_a_newer_one_of_a_copy() -> None:
    file = "https://a.example/x.gz"
    at_place, older = (RecordReading(DAY.replace(day=day), file) for day in (2, 1))
    copy = RecordReading(DAY, "/copy")
    for readings, cited in (((copy, older, at_place), at_place), ((copy,), copy), ((), None)):
        place = ClaimPlace(Target.from_dict({}), Match.from_dict({}), None, file, readings)
        assert place.reading == cited

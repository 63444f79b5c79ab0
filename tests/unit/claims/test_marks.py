"""Texts with copied words marked: whole, or cut down to what is around them, and with no hidden sign."""

from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.claims.marks import TextPiece, around_marks, as_html, marked, pieces_of, visible

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

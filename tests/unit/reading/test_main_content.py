"""The main content of a page is its article, wherever the page puts it; what cannot be told is not told."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

from presswatch_spark.reading.html.markup import text_of_page
from presswatch_spark.reading.parsers import UNCHOSEN, RefusedPageError, has_prose_of, main_content
from tests.reference.words import reference_words
from tests.world import prose

RNG = random.Random("main content")
LEAD, *BODY = [prose.sentence(RNG) for _ in range(12)]
TEASERS = [prose.sentence(RNG) for _ in range(8)]
ARTICLE = f"<div class=lead><h2>{LEAD}</h2></div><div>{''.join(f'<p>{line}</p>' for line in BODY)}</div>"
MENU = f"<nav><ul>{''.join(f'<li><a href=/>{line}</a></li>' for line in TEASERS[:4])}</ul></nav>"


def main_text(html: str) -> str | None:
    page = html.encode()
    try:
        content, unchosen = main_content(page)
    except RefusedPageError:
        return None
    text = text_of_page(content)
    assert unchosen in (None, UNCHOSEN)
    return text.decode() if unchosen or has_prose_of(text, text_of_page(page)) else None


def words(text: str) -> list[str]:
    return [word.folded for word in reference_words(text.encode())]


def stands_in(part: str, text: str) -> bool:
    return f" {' '.join(words(part))} " in f" {' '.join(words(text))} "


AROUND = ("main", "article", "div class=content-sidebar", "section id=menu-page", "table><tr><td")


@pytest.mark.parametrize("around", AROUND)
def test_the_article_and_its_lead_are_kept_and_what_is_around_them_is_not(around: str) -> None:
    teaser = (
        f"<div class='related-posts'><p>{TEASERS[4]}</p></div><ul><li><a href=/>{TEASERS[5]}</a></li></ul>"
    )
    page = f"<body>{MENU}<{around}><h1>Le titre</h1>{ARTICLE}{teaser}</{around.split(' ')[0].split('>')[0]}>"
    found = main_text(f"{page}<aside><p>{TEASERS[6]}</p></aside><footer><p>{TEASERS[7]}</p></footer>")
    assert found
    assert all(stands_in(line, found) for line in ("Le titre", LEAD, *BODY))
    assert not any(stands_in(line, found) for line in TEASERS)


def test_what_is_before_the_headline_is_not_of_the_article() -> None:
    found = main_text(f"<main><div><p>{TEASERS[0]}</p><h1>Le titre</h1></div>{ARTICLE}<p>{TEASERS[1]}</main>")
    assert found
    assert stands_in(LEAD, found)
    assert not stands_in(TEASERS[0], found)


def test_an_article_without_paragraphs_is_not_lost_to_the_comments_below_it() -> None:
    article = "<br>".join(BODY * 4)
    assert main_text(f"<div>{article}</div><div><p>{TEASERS[0]}</p><p>{TEASERS[1]}</p></div>") is None
    # A page without prose is kept but for its furniture.
    assert words(main_text(f"{MENU}<div>Deux mots</div>") or "") == ["deux", "mots"]
    assert main_text("") == ""


@pytest.mark.parametrize(
    "hostile",
    [
        "<blockquote>" * 3_000 + "x" * 100,
        "<div class=widget>" * 3_000 + f"<p>{BODY[0]}",
        f"<ul><li><a>{BODY[0]}</a>" * 500,
        f"<p>{BODY[0]}</p>" * 30_000,
        f"<h1>x</h1><div><p>{BODY[0]}</p>" * 400,
    ],
    ids=["nested quotes", "nested furniture", "nested lists", "paragraphs", "headlines"],
)
def test_pages_made_to_be_slow_are_given_up(hostile: str) -> None:
    with suppress(RefusedPageError):
        content, _ = main_content(hostile.encode())
        assert len(content) <= 2 * len(hostile)


def test_what_is_left_is_the_page_but_for_some_words() -> None:
    page = f"{MENU}<main><h1>Le titre</h1>{ARTICLE}<aside>{TEASERS[4]}</aside><p>{TEASERS[5]}</p></main>"
    rest = iter(words(text_of_page(page.encode()).decode()))
    assert all(word in rest for word in words(main_text(page) or "nichts"))


@pytest.mark.real_data
def test_of_real_pages_all_of_the_article_is_kept_and_most_of_the_rest_is_not(real_data: Path) -> None:
    folder = real_data / "html" / "trafilatura"
    kept, left = [], []
    for page in json.loads((folder / "index.json").read_text("utf-8")):
        found = main_text((folder / page["html"]).read_text("utf-8"))
        assert found is not None
        kept += [stands_in(text, found) for text in page["with"]]
        left += [stands_in(text, found) for text in page["without"]]
    assert all(kept)
    assert sum(left) <= 5

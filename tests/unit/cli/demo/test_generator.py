"""The demo's texts and the generators that tests and benchmarks draw from."""

import unicodedata
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest

from presswatch_spark.cli.demo import generate
from presswatch_spark.cli.demo.generate import innocent_pages, press, reworded, shouted
from presswatch_spark.corpus.members import load_registry
from presswatch_spark.legal.notices.parties import load_sender
from tests.reference.words import reference_words
from tests.world import prose

RUN = 11


def words_in(text: str) -> list[str]:
    return [word.folded for word in reference_words(text.encode())]


PAGES = [page for shelf in generate.release_pages().values() for page in shelf]


def runs_of(text: str, length: int = RUN) -> set[tuple[str, ...]]:
    words = words_in(text)
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def test_the_press_is_large_and_long_enough_to_be_interesting() -> None:
    assert len({article.body for article in press().values()}) >= 24
    assert len({article.title_id for article in press().values()}) == 6
    assert all(140 <= len(article.body.split()) <= 450 for article in press().values())
    assert len(innocent_pages()) >= 12
    # Every host is reserved for examples; every dataset has copies and innocent pages.
    urls = [page.url for page in PAGES] + [article.url for article in press().values()]
    assert all(url.split("/")[2].endswith(".example") for url in urls)
    shelves = generate.release_pages().values()
    assert all({bool(page.copies) for page in shelf} == {True, False} for shelf in shelves)


def test_texts_are_written_with_french_typography() -> None:
    texts = [article.body for article in press().values()]
    texts += [page.text for page in innocent_pages() if page.language == "fra"]
    for text in texts:
        assert unicodedata.is_normalized("NFC", text)
        assert "'" not in text
        assert '"' not in text
        assert "« " not in text
        assert " :" not in text
    assert all(any(mark in text for text in texts) for mark in "«’œ\u00a0\u202fÀç")


def test_pages_share_eleven_words_with_the_articles_they_name_and_one_page_has_ten_words_of_another() -> None:
    articles = {article.article_id: runs_of(article.body) for article in press().values()}
    for page in PAGES:
        runs = runs_of(page.text)
        assert {name for name, known in articles.items() if runs & known} == set(page.copies), page.url
    shorter = [runs_of(article.body, RUN - 1) for article in press().values()]
    innocent = [page for page in PAGES if not page.copies]
    near = [page.url for page in innocent if any(runs_of(page.text, RUN - 1) & known for known in shorter)]
    assert near == ["https://brocante-et-marees.example/agenda"]


def test_the_same_seed_gives_the_same_pages_and_another_seed_another_order() -> None:
    assert generate.release_pages(1) == generate.release_pages(1)
    assert generate.release_pages(1) != generate.release_pages(2)
    assert list(prose.articles(3, seed=5)) == list(islice(prose.articles(9, seed=5), 3))
    assert next(prose.articles(1, seed=5)) != next(prose.articles(1, seed=6))


def test_shouting_and_rewording_leave_words_to_be_found() -> None:
    text = "L’œuvre « éteinte » à Noël"
    assert shouted(text) == "L'OEUVRE « ETEINTE » A NOEL"
    assert words_in(shouted(text)) == words_in(text)
    # Rewording leaves runs of eleven words between its edits.
    body = press()["courrier-001"].body
    assert reworded(body) != body
    assert runs_of(reworded(body)) & runs_of(body)


def test_generated_articles_share_no_run_with_each_other() -> None:
    seen: set[tuple[str, ...]] = set()
    for article in prose.articles(60, seed=1):
        runs = runs_of(article.body)
        assert not runs & seen
        seen |= runs


@pytest.mark.parametrize("run_words", [RUN, 40])
def test_generated_pages_copy_what_they_say_and_nothing_else(run_words: int) -> None:
    sources = list(prose.articles(20, seed=2))
    known = {article.article_id: runs_of(article.body) for article in sources}
    pages = list(prose.pages(60, 3, sources, run_words=run_words))
    assert 10 < sum(bool(page.copies) for page in pages) < 50
    for page in pages:
        runs = runs_of(page.text)
        assert {name for name in known if runs & known[name]} == set(page.copies)


def test_the_members_name_their_mandates_by_what_is_in_them(tmp_path: Path) -> None:
    members, _ = generate.write_press(tmp_path)
    publishers = load_registry(members).publishers
    documents = [each.mandate_document for each in publishers if each.mandate_document]
    assert len(documents) == len(publishers) == 3
    for document in documents:
        assert sha256((tmp_path / document.path).read_bytes()).hexdigest() == document.sha256
    assert {each.id for each in load_sender(str(tmp_path / "sender.yaml")).publishers} == {
        each.id for each in publishers
    }

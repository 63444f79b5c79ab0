"""A check lists articles whose rights an outsider may hold: opinion pieces, interviews, outside authors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from presswatch_spark.claims.selection import ClaimPlace
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices.doubts import AUTHOR, INTERVIEW, OPINION, OUTSIDERS, outside_articles

PLAIN = "Le pont du village a rouvert"


class Library:
    """A corpus as far as authors are asked for: articles by id, each with its authors and its text."""

    def __init__(self, articles: Mapping[str, tuple[list[str], str]]) -> None:
        self._articles = articles
        self._ids = sorted(articles)

    def ordinal_of(self, article_id: str) -> int | None:
        return self._ids.index(article_id) if article_id in self._articles else None

    def authors(self, ordinal: int) -> tuple[str, ...]:
        return tuple(self._articles[self._ids[ordinal]][0])

    def body(self, ordinal: int) -> bytes:
        return self._articles[self._ids[ordinal]][1].encode()

    def each(self, *columns: str) -> Any:
        assert columns == ("title_id", "authors")
        return [("courrier", authors) for authors, _ in self._articles.values()]


def place(article_id: str | None, headline: str | None = None, url: str | None = None) -> ClaimPlace:
    columns: dict[str, Any] = dict.fromkeys(each.name for each in fields(ClaimPlace))
    known = {"article_id": article_id, "title_id": "courrier", "headline": headline, "article_url": url}
    return ClaimPlace(**(columns | known))


def listed(places: list[ClaimPlace], corpus: Any = None) -> dict[str, str]:
    kinds = {line: kind for kind, line in OUTSIDERS.items()}
    found = outside_articles(places, corpus)
    return {kinds[each.text]: str(each.facts["articles"]) for each in found if each.text in kinds}


@pytest.mark.parametrize(
    ("kind", "headline", "url"),
    [
        (OPINION, "TRIBUNE. « Il faut sauver l’estuaire »", None),
        (OPINION, "Sauvons l'estuaire", "https://courrier.example/idees/sauvons-l-estuaire"),
        (OPINION, "Carte blanche à une lectrice", None),
        (OPINION, None, "https://courrier.example/2026/opinion_sauvons"),
        (INTERVIEW, "Entretien avec le maire", "https://courrier.example/1"),
        (INTERVIEW, None, "https://courrier.example/interview-du-maire-1234"),
    ],
)
def test_headline_or_address_tell_a_tribune_or_an_interview(
    kind: str, headline: str | None, url: str | None
) -> None:
    assert listed([place("a1", headline, url), place("a2", PLAIN)]) == {kind: "a1"}


@pytest.mark.parametrize(
    ("headline", "url"),
    [(PLAIN, "https://latribune.example/economie/1"), ("Les attributions du maire", None), (None, None)],
)
def test_other_articles_are_not_listed(headline: str | None, url: str | None) -> None:
    assert listed([place("a1", headline, url), place(None)]) == {}


def test_the_corpus_tells_authors_from_outside_and_interviews_by_their_text() -> None:
    staff = ["Anne Roy"]
    corpus: Corpus = Library(
        {  # type: ignore[assignment]
            "a1": (staff, PLAIN),
            "a2": (["ANNE  ROY"], PLAIN),
            "a3": (["Paul Martin, économiste"], PLAIN),
            "a4": (["Un collectif d'habitants"], PLAIN),
            "a5": (["Jeanne Val"], PLAIN),
            "a6": (staff, "Le maire répond. Propos recueillis par Anne Roy."),
            "a7": ([], PLAIN),
        }
    )
    places = [place(f"a{number}", PLAIN) for number in range(1, 9)]
    assert listed(places, corpus) == {AUTHOR: "a3, a4, a5", INTERVIEW: "a6"}


def test_without_a_corpus_the_check_says_that_nobody_looked_at_authors_and_long_lists_are_counted() -> None:
    lines = [str(line) for line in outside_articles([place(f"a{n}", "Tribune") for n in range(30)], None)]
    assert "(30)" in lines[0]
    assert lines[0].endswith(" …")
    assert lines[1].endswith("give --corpus")

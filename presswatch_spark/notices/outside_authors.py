"""Articles of an annex that somebody outside the title may have written, for whoever signs to look at.

An employed journalist's rights go to the publisher by contract (CPI, art. L. 132-36). Those of the author of
an opinion piece, or of somebody who was interviewed, do not. Nothing here decides: it lists.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.notices.grounds import NoticePlace
from presswatch_spark.notices.wording import Sentence, sentence

OPINION, INTERVIEW, AUTHOR = "opinion", "interview", "author"
NAMED = 20
"""Articles that a line names; the rest are counted."""
LINES: Mapping[str, str] = {
    OPINION: "verify before you send: opinion pieces, whose authors may hold rights ({count}): {articles}",
    INTERVIEW: "verify before you send: interviews, whose speakers may hold rights ({count}): {articles}",
    AUTHOR: "verify before you send: articles of authors from outside, or who signed nothing else of their"
    " title in the corpus ({count}): {articles}",
}
UNKNOWN_AUTHORS = "verify before you send: nobody has looked at the authors of the articles: give --corpus"

_OPINION = re.compile(
    r"\b(?:tribunes?|cartes? blanches?|points? de vue|(?:libres? )?opinions?|idees|debats?|lettres? ouvertes?"
    r"|courriers? des lecteurs|contrepoints?|op ?eds?|guest essays?|letters? to the editor)\b"
)
_INTERVIEW = re.compile(
    r"\b(?:interviews?|entretiens?|propos recueillis|recueilli par|questions? (?:a|pour)\b|q and a|qanda)"
)
_IN_BODY = re.compile(r"\bpropos recueillis\b|\bentretien realise\b|\binterview(?:ed)? by\b")
_MARKED = re.compile(r"[,(]")
"""Behind a comma or a bracket stands what somebody is: `Paul Martin, économiste`."""
_FROM_OUTSIDE = re.compile(
    r"\b(?:collectif|collective|lecteurs?|lectrices?|professeure?|professor|economistes?|avocate?s?|deputee?s?"
    r"|senateur|senatrice|maire|ministre|essayiste|philosophe|historien(?:ne)?|sociologue|chercheu(?:r|se)s?"
    r"|president(?:e)?|directeur|directrice|ecrivaine?|invite(?:e|s)?)\b"
)


def outside_articles(places: Sequence[NoticePlace], corpus: Corpus | None) -> Iterator[Sentence]:
    """Yield a sentence for each kind of article that an outsider may have written, with the articles' ids.

    Args:
        corpus: knows authors and texts; without it, headlines and addresses alone are looked at.
    """
    articles = {
        str(place.target["article_id"]): place for place in places if place.target["article_id"] is not None
    }
    found = dict[str, list[str]]()
    seldom = _Authors(corpus, {place.target["title_id"] for place in articles.values()}) if corpus else None
    for article_id, place in sorted(articles.items()):
        if kind := _kind_of(article_id, place, corpus, seldom):
            found.setdefault(kind, []).append(article_id)
    for kind in LINES:
        if ids := found.get(kind):
            named = ", ".join(ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
            yield sentence(LINES[kind], count=len(ids), articles=named)
    if corpus is None and articles:
        yield sentence(UNKNOWN_AUTHORS)


def _kind_of(
    article_id: str, place: NoticePlace, corpus: Corpus | None, authors: "_Authors | None"
) -> str | None:
    """Return which kind of outsider an article seems to have; None if nothing speaks for one."""
    path = re.sub(r"^[a-z]+://[^/]*", "", place.match["article_url"] or "")
    shown = f"{_plain(place.match.get('headline') or '')} {_plain(path)}"
    if _INTERVIEW.search(shown):
        return INTERVIEW
    if _OPINION.search(shown):
        return OPINION
    ordinal = corpus.ordinal_of(article_id) if corpus else None
    if corpus is None or authors is None or ordinal is None:
        return None
    if _IN_BODY.search(_plain(corpus.body(ordinal).decode("utf-8", "replace"))):
        return INTERVIEW
    return AUTHOR if authors.are_from_outside(place.target["title_id"], corpus.authors(ordinal)) else None


class _Authors:
    """How many articles each author signed for a title, of all articles of the corpus."""

    def __init__(self, corpus: Corpus, titles: set[str]) -> None:
        self._signed = {title: Counter[str]() for title in titles}
        for title, names in corpus.signed():
            if title in titles:
                self._signed[title].update(set(map(_plain, names)))

    def are_from_outside(self, title_id: str, names: Sequence[str]) -> bool:
        """Return whether one of them is named with a function, or signed nothing else of the title."""
        signed = self._signed[title_id]
        return any(
            _MARKED.search(name) or _FROM_OUTSIDE.search(_plain(name)) or signed[_plain(name)] == 1
            for name in names
        )


def _plain(text: str) -> str:
    """Return the words of a text in lower case, without accents and marks, with a blank between them."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in letters if not unicodedata.combining(c))))

"""Doubts that a person must settle before a notice is sent: rights, mandates, and authors from outside.

An employed journalist's rights pass to the publisher by contract (CPI, art. L. 132-36). The rights of the
author of an opinion piece, or of an interviewed person, do not. This module decides nothing: it lists doubts.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from presswatch_spark.claims.rights_and_mandates import PRESS_PUBLISHER, rights_of
from presswatch_spark.claims.selection import ClaimPlace
from presswatch_spark.core.terminal import folded, printable
from presswatch_spark.core.translation import N_, Sentence, sentence
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.legal.notices.annex import publishers_of
from presswatch_spark.legal.notices.letter import rights_claimed
from presswatch_spark.legal.notices.parties import Sender

OPINION, INTERVIEW, AUTHOR = "opinion", "interview", "author"
OUTSIDERS: Mapping[str, str] = {
    OPINION: N_(
        "verify before you send: opinion pieces, whose authors may hold rights ({count}): {articles}"
    ),
    INTERVIEW: N_("verify before you send: interviews, whose speakers may hold rights ({count}): {articles}"),
    AUTHOR: N_(
        "verify before you send: articles by outside authors, or by authors who signed nothing else of their"
        " title in the corpus ({count}): {articles}"
    ),
}
NAMED = 20
"""Articles that a sentence names; it only counts the others."""
_OPINION = re.compile(
    r"\b(?:tribunes?|cartes? blanches?|points? de vue|(?:libres? )?opinions?|idees|debats?|lettres? ouvertes?"
    r"|courriers? des lecteurs|contrepoints?|op ?eds?|guest essays?|letters? to the editor)\b"
)
_INTERVIEW = re.compile(
    r"\b(?:interviews?|entretiens?|propos recueillis|recueilli par|questions? (?:a|pour)\b|q and a|qanda)"
)
_IN_BODY = re.compile(r"\bpropos recueillis\b|\bentretien realise\b|\binterview(?:ed)? by\b")
_MARKED = re.compile(r"[,(]")
"""A comma or a bracket precedes a person's function: `Paul Martin, économiste`."""
_FROM_OUTSIDE = re.compile(
    r"\b(?:collectif|collective|lecteurs?|lectrices?|professeure?|professor|economistes?|avocate?s?|deputee?s?"
    r"|senateur|senatrice|maire|ministre|essayiste|philosophe|historien(?:ne)?|sociologue|chercheu(?:r|se)s?"
    r"|president(?:e)?|directeur|directrice|ecrivaine?|invite(?:e|s)?)\b"
)


def doubts_of_rights(places: Sequence[ClaimPlace], sender: Sender, drafted: date) -> Iterator[Sentence]:
    """Yield doubts about rights and mandates that the members file leaves open."""
    for publisher in publishers_of(sender.publishers, places):
        # Rows for which today's members file gives the right, but the file of the judgement did not.
        count = sum(
            PRESS_PUBLISHER in rights_of(row.article_published_at, row.captured_at, drafted, publisher)
            for place in places
            if (row := place.row).publisher_id == publisher.id
            and PRESS_PUBLISHER not in rights_claimed(place, sender, drafted)
        )
        country, document = publisher.country, publisher.mandate_document
        is_undated = not sender.is_owner and document is not None and document.signed_on is None
        doubts = {
            N_(
                "verify before you send: the members file states no country for {publisher}: the right of"
                " press publishers is not claimed for it"
            ): country is None,
            N_(
                "verify before you send: {publisher} is established outside the EU and EEA ({country}): the"
                " right of press publishers is not claimed for it"
            ): country is not None and not publisher.is_in_eea,
            N_(
                "verify before you send: by its country, {publisher} has the right of press publishers, which"
                " claims do not state (rows: {count}): build the corpus with this members file, and make the"
                " claims again"
            ): publisher.is_in_eea and count,
            N_(
                "verify before you send: the members file states no rights_basis for {publisher}: author’s"
                " right is not claimed for it"
            ): not publisher.rights_basis,
            N_(
                "verify before you send: the members file states no date (signed_on) for the deed by"
                " which {publisher} gave its mandate"
            ): is_undated,
        }
        name = printable(publisher.legal_name or publisher.name)
        for text, applies in doubts.items():
            if applies:
                yield sentence(text, publisher=name, country=country, count=count)


def last_mandate_day(places: Sequence[ClaimPlace], sender: Sender) -> date | None:
    """Return the last day on which all mandates of a notice are in force; None if none of them ends."""
    ends = (each.mandate_to for each in publishers_of(sender.publishers, places) if each.mandate_to)
    return None if sender.is_owner else min(ends, default=None)


def outside_articles(places: Sequence[ClaimPlace], corpus: Corpus | None) -> Iterator[Sentence]:
    """Yield a sentence for each kind of article that an outsider may have written, with the articles' ids.

    Without a corpus, which has authors and texts, only headlines and addresses are searched.
    """
    articles = {place.row.article_id: place for place in places if place.row.article_id is not None}
    # For each title, how many articles of the whole corpus each author signed.
    signed = {place.row.title_id: Counter[str]() for place in articles.values()}
    for title, authors in corpus.each("title_id", "authors") if corpus else ():
        if title in signed:
            signed[title].update(set(map(folded, authors)))
    found = dict[str, list[str]]()
    for article_id, place in sorted(articles.items()):
        if kind := _outsider_of(article_id, place, corpus, signed[place.row.title_id]):
            found.setdefault(kind, []).append(article_id)
    for kind, line in OUTSIDERS.items():
        if ids := found.get(kind):
            named = ", ".join(ids[:NAMED]) + (" …" if len(ids) > NAMED else "")
            yield sentence(line, count=len(ids), articles=named)
    if corpus is None and articles:
        yield sentence(
            N_("verify before you send: the authors of the articles were not checked: pass --corpus")
        )


def _outsider_of(
    article_id: str, place: ClaimPlace, corpus: Corpus | None, signed: Mapping[str, int]
) -> str | None:
    """Return the kind of outsider (key of `OUTSIDERS`) that may have written an article, None without a sign.

    `signed`: how many articles each author signed for the title.
    """
    path = re.sub(r"^[a-z]+://[^/]*", "", place.row.article_url or "")
    shown = f"{folded(place.row.headline or '')} {folded(path)}"
    if _INTERVIEW.search(shown):
        return INTERVIEW
    if _OPINION.search(shown):
        return OPINION
    ordinal = corpus.ordinal_of(article_id) if corpus is not None else None
    if corpus is None or ordinal is None:
        return None
    if _IN_BODY.search(folded(corpus.body(ordinal).decode("utf-8", "replace"))):
        return INTERVIEW
    for author in corpus.authors(ordinal):
        name = folded(author)
        if signed.get(name) == 1 or _MARKED.search(author) or _FROM_OUTSIDE.search(name):
            return AUTHOR
    return None

"""Cases in which a claim would do an honest page wrong, from texts to letters; and what is claimed.

A scan runs in this process, and the claims are made of its tables: texts alone decide.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.make import counts_of
from presswatch_spark.claims.selection import Choice, chosen_claims
from presswatch_spark.core.errors import ConfigError, InputError
from presswatch_spark.corpus.members import parse_registry
from presswatch_spark.tables.store import TableStore
from tests.world.claims import EVENING_BEFORE, LATER, PUBLISHED, YEAR_BEFORE, House, Seen, by_host, text
from tests.world.corpora import MEMBERS, build, write_jsonl
from tests.world.proofs import cases
from tests.world.prose import sentence

ARTICLE = text(1)
OWN, RIVAGE = "https://www.courrier.example/une/1", "https://rivage.example/une/2"
PASSAGE = " ".join(ARTICLE.split(" ")[120:270])


def page(host: str, *texts: str, at: str = LATER) -> Seen:
    return Seen(f"https://{host}/a", "\n".join(texts), at)


COPY = page("copieur.example", ARTICLE)


def edited(body: str, every: int) -> str:
    """The text with other words after each `every` words, as a second paper edits a wire."""
    rng, words = random.Random(7), body.split(" ")
    parts = [words[i : i + every] for i in range(0, len(words), every)]
    return " ".join(" ".join(part[:-6]) + " " + sentence(rng) for part in parts)


def with_links(body: str) -> str:
    """The text with a link after each 80 words."""
    words = body.split(" ")
    parts = (" ".join(words[i : i + 80]) for i in range(0, len(words), 80))
    return "\n".join(f"{part}\nÀ lire aussi : {text(50 + 80 * i, 9)}" for i, part in enumerate(parts))


def house_of(folder: Path, *articles: dict[str, Any] | str) -> House:
    """A house whose member has printed these articles: bodies, or columns."""
    house = House(folder / "house")
    for number, each in enumerate(articles, 1):
        house.print(number, **({"body": each} if isinstance(each, str) else each))
    return house


def judged(claims: list[dict[str, Any]]) -> dict[str, str]:
    """Kind, letter and reasons by host; of several articles, by host and article."""
    several = len({claim["article_id"] for claim in claims}) > 1
    return {
        f"{claim['document_host']} {int(claim['article_id'][1:])}" if several else claim["document_host"]: (
            f"{claim['kind']} {claim['confidence']}: {', '.join(claim['reasons'])}"
        )
        for claim in claims
    }


RELEASE, SPEECH, BOOK, RECIPE, SHARED = text(7, 150), text(7, 300), text(7, 300), text(7, 120), text(5, 30)
TABLE = "\n".join(
    f"{place}. Club de la ville numéro {place} {90 - 3 * place} points" for place in range(1, 21)
)
LINK, CAPTION = f"Lire aussi : {text(21, 14)}", f"{text(22, 14)} (Photo Anne Roy)"
SERVICE = f"Rens. : 04 00 00 00 00, tarif : 5 €, 12 rue des Rives, {text(23, 9)}, www.halle.example"
AGAIN = [
    {"body": f"{ARTICLE} {text(100 + n, 20)}", "published_at": f"2024-03-{day}", "url": f"{OWN[:-1]}{n}"}
    for n, day in ((1, 10), (2, 12), (3, 11))
]
CASES: dict[str, tuple[list[dict[str, Any] | str], list[Seen], dict[str, str]]] = {
    "a whole copy of an exclusive article is claimed": (
        [ARTICLE],
        [COPY, page("pillard.example", text(2), ARTICLE, text(3))],
        {"copieur.example": "copy B: full_copy", "pillard.example": "copy B: full_copy"},
    ),
    "a passage of an exclusive article in a page of other text is claimed": (
        [ARTICLE],
        [page("copieur.example", text(2), PASSAGE, text(3))],
        {"copieur.example": "copy B: strong_copy"},
    ),
    "a full copy is A only where the page shows its source": (
        [{"body": ARTICLE, "url": OWN}],
        [
            page("nu.example", text(8, 60), ARTICLE, text(9, 60)),
            page("nomme.example", ARTICLE, "Source : Le Courrier des Rives"),
            page("lie.example", ARTICLE, "À lire sur www.courrier.example/une/1"),
        ],
        {
            "lie.example": "copy A: sole_full_copy",
            "nomme.example": "copy A: sole_full_copy",
            "nu.example": "copy B: full_copy",
        },
    ),
    "the publication itself is claimed, whoever wrote it": (
        [{"body": ARTICLE, "agency_credit": "AFP"}],
        [Seen(OWN, f"{ARTICLE} (AFP)"), COPY],
        {
            "www.courrier.example": "own_page A: own_url",
            "copieur.example": "copy C: full_copy, agency_text, credited_elsewhere",
        },
    ),
    "agency text without credit in the article is known by the credit of a page": (
        [ARTICLE],
        [COPY, Seen("https://site.example/a", f"{text(2)}\n\n{ARTICLE} (AFP)\n\n{text(3)}")],
        {
            "copieur.example": "copy C: full_copy, credited_elsewhere",
            "site.example": "copy C: full_copy, credits_other",
        },
    ),
    "two edits of one wire are in pieces, and a copy with links between its paragraphs is not": (
        [{"body": ARTICLE, "url": OWN}],
        [page("wire.example", edited(ARTICLE, 60)), page("copieur.example", with_links(ARTICLE))],
        {"wire.example": "copy C: strong_copy, in_pieces", "copieur.example": "copy B: full_copy"},
    ),
    "a press release of the evening before is the company's own": (
        [f"{RELEASE}\n{text(8, 60)}"],
        [page("entreprise.example", RELEASE, at=EVENING_BEFORE), page("copieur.example", text(9), RELEASE)],
        {
            "copieur.example": "copy C: strong_copy, prior_capture, common_source",
            "entreprise.example": "copy C: strong_copy, captured_within_a_day, prior_capture, common_source",
        },
    ),
    "what was captured within a day may have been first": (
        [ARTICLE],
        [page("rapide.example", ARTICLE, at=PUBLISHED.replace("06:30", "21:00")), COPY],
        {
            "copieur.example": "copy C: full_copy, prior_capture",
            "rapide.example": "copy C: full_copy, captured_within_a_day, prior_capture",
        },
    ),
    "a speech on an official site is printed by right": (
        [f"{text(8, 60)}\n{SPEECH}"],
        [page("www.elysee.fr", SPEECH), page("copieur.example", SPEECH, text(9))],
        {
            "copieur.example": "copy C: strong_copy, printed_by_press, common_source",
            "www.elysee.fr": "copy C: strong_copy, common_source, press_page",
        },
    ),
    "a book of a public library is free": (
        [f"{BOOK}\n{text(8, 60)}"],
        [
            page("fr.wikisource.org", text(6, 900), BOOK, at=YEAR_BEFORE),
            page("lecteur.example", BOOK, text(9)),
        ],
        {
            "lecteur.example": "copy C: strong_copy, prior_capture, printed_by_press, common_source",
            "fr.wikisource.org": "copy C: strong_copy, captured_before_publication, prior_capture, "
            "common_source, press_page",
        },
    ),
    "a recipe that several sites have has a source of its own": (
        [f"{text(8)}\n{RECIPE}\n{text(9)}"],
        [page("cuisine.example", RECIPE, text(10)), page("gourmand.example", text(11), RECIPE)],
        {
            "cuisine.example": "copy C: strong_copy, common_source",
            "gourmand.example": "copy C: strong_copy, common_source",
        },
    ),
    "a table of results is common": (
        [f"{text(8)}\n{TABLE}"],
        [page(f"sport{n}.example", TABLE, text(20 + n)) for n in range(3)],
        {
            "sport0.example": "copy C: strong_copy, article_excerpt, common_source",
            "sport2.example": "copy C: strong_copy, article_excerpt, common_source",
            "sport1.example": "copy C: strong_copy, article_excerpt, common_source",
        },
    ),
    "captions, service lists and links are D however rare their words": (
        ["\n".join([text(1, 150), LINK, text(2, 150), CAPTION, text(3, 150), SERVICE])],
        [
            *(
                page(f"{kind}.example", text(30, 80), line, text(31, 80))
                for kind, line in (("link", LINK), ("caption", CAPTION), ("service", SERVICE))
            ),
            page("prose.example", text(30, 80), " ".join(text(2, 150).split(" ")[20:50]), text(31, 80)),
        ],
        {
            "prose.example": "copy C: not_large",
            "service.example": "copy D: not_large, page_furniture",
            "link.example": "copy D: not_rare, page_furniture",
            "caption.example": "copy D: not_large, page_furniture",
        },
    ),
    "the copy of an article of which the member gave a teaser is not certain": (
        [f"{' '.join(ARTICLE.split(' ')[:200])}…"],
        [page("copieur.example", ARTICLE, "Source : Le Courrier des Rives")],
        {"copieur.example": "copy B: strong_copy, article_excerpt"},
    ),
    "an undated article gives no claim": (
        [{"body": ARTICLE, "published_at": None}],
        [COPY],
        {"copieur.example": "copy C: full_copy, publication_date_unknown"},
    ),
    "two articles with a paragraph in common give two claims": (
        [f"{text(1)} {SHARED}", f"{text(2)} {SHARED}"],
        [page("portail.example", f"{text(1)} {SHARED}", text(2))],
        {"portail.example 1": "copy B: full_copy", "portail.example 2": "copy B: full_copy"},
    ),
    "a text that a title published three times gives one claim on another page": (
        AGAIN,
        [page("portail.example", f"{ARTICLE} {text(9, 200)}")],
        {
            "portail.example 1": "copy B: full_copy, published_again",
            "portail.example 2": "copy D: full_copy, repeats_article",
            "portail.example 3": "copy D: full_copy, repeats_article",
        },
    ),
    "a text that a title published three times gives one claim on its own page": (
        AGAIN,
        [Seen(f"{OWN[:-1]}2", f"{ARTICLE} {text(9, 200)}")],
        {
            "www.courrier.example 1": "own_page D: sole_full_copy, repeats_article",
            "www.courrier.example 2": "own_page A: own_url, published_again",
            "www.courrier.example 3": "own_page D: sole_full_copy, repeats_article",
        },
    ),
    "copies of own pages in archives, caches and translators are a kind of their own": (
        [{"body": ARTICLE, "url": OWN, "published_at": "2024-03-10"}],
        [
            Seen(f"https://web.archive.org/web/20240601000000id_/{OWN}", ARTICLE),
            Seen(f"https://archive.ph/20240601000000/{OWN}", ARTICLE),
            Seen("https://www-courrier-example.translate.goog/une/1?_x_tr_sl=fr&_x_tr_tl=en", ARTICLE),
            Seen(f"https://webcache.googleusercontent.com/search?q=cache:ABCDEFGHIJKL:{OWN}", ARTICLE),
            Seen("https://courrier-example.cdn.ampproject.org/c/s/courrier.example/une/1", ARTICLE),
            Seen("https://archive.is/AbCdE", ARTICLE),
            Seen(f"https://web.archive.org.portail.example/web/2024/{OWN}", ARTICLE),
            Seen(OWN, ARTICLE),
        ],
        {
            "web.archive.org.portail.example": "copy B: full_copy",
            "webcache.googleusercontent.com": "own_page_copy C: own_url, own_page_copy",
            "web.archive.org": "own_page_copy C: own_url, own_page_copy",
            "archive.is": "copy C: full_copy, copy_of_unknown_page",
            "www.courrier.example": "own_page A: own_url",
            "courrier-example.cdn.ampproject.org": "own_page_copy C: own_url, own_page_copy",
            "www-courrier-example.translate.goog": "own_page_copy C: own_url, own_page_copy",
            "archive.ph": "own_page_copy C: own_url, own_page_copy",
        },
    ),
}


@cases("sentence", CASES)
def test_a_case(tmp_path: Path, sentence: str) -> None:
    articles, pages, expected = CASES[sentence]
    house = house_of(tmp_path, *articles)
    house.scan(*pages)
    claims = house.claims()
    assert judged(claims) == expected
    if sentence == next(iter(CASES)):
        assert [(claim["witness_domains"], claim["explained_by"]) for claim in claims] == [(1, [])] * 2


def test_a_law_is_nobodys(tmp_path: Path) -> None:
    law, known = text(7, 200), tmp_path / "loi.txt"
    known.write_text(law, "utf-8")
    house = house_of(tmp_path, f"{text(8, 60)}\n{law}")
    house.scan(page("cabinet.example", law, text(9)))
    assert judged(house.claims("without")) == {"cabinet.example": "copy B: strong_copy"}
    assert judged(house.claims(known=[str(known)])) == {"cabinet.example": "copy C: strong_copy, known_text"}


def test_a_quotation_in_a_readers_comment_is_not_the_sites(tmp_path: Path) -> None:
    house = house_of(tmp_path, ARTICLE)
    paragraphs = "".join(f"<p>{text(30 + n, 90)}</p>" for n in range(8))
    forum = (
        f"<html><body><main><article><h1>Un forum</h1>{paragraphs}</article></main>"
        '<section id="comments" class="comments"><h2>Commentaires</h2>'
        f'<div class="comment"><p>{PASSAGE}</p></div></section></body></html>'
    )
    house.scan_web({"https://forum.example/fil": forum})
    assert judged(house.claims()) == {"forum.example": "copy C: strong_copy, outside_main_content"}


def test_sister_titles_print_what_is_their_publishers(tmp_path: Path) -> None:
    house = house_of(tmp_path, ARTICLE, {"body": ARTICLE, "title_id": "rivage", "url": RIVAGE})
    house.scan(Seen(OWN, ARTICLE), Seen(RIVAGE, ARTICLE), COPY)
    kinds = {(claim["document_host"], claim["kind"]) for claim in house.claims()}
    assert kinds == {
        ("www.courrier.example", "own_page"), ("rivage.example", "own_page"), ("copieur.example", "copy"),
    }  # fmt: skip
    counts = counts_of(TableStore.open(str(house.folder / "claims")))
    assert counts.total("rows") == counts.total("claims") == 6
    # Editions of one text are pages of their own; the copy is one page, though it copies both.
    pages = {cell[0]: numbers["pages"] for cell, numbers in counts.cells.items() if numbers["pages"]}
    assert pages == {"own_page": 2, "copy": 1}
    assert (counts.total("pages"), counts.total("texts")) == (3, 1)


def test_a_page_of_two_members_articles_is_one_page(tmp_path: Path) -> None:
    other = text(17)
    house = house_of(
        tmp_path, ARTICLE, {"body": other, "title_id": "hebdo", "url": "https://hebdo.example/2"}
    )
    house.scan(Seen("https://www.courrier.example/revue", f"{ARTICLE}\n{other}"))
    assert {claim["kind"] for claim in house.claims()} == {"own_page", "reprint"}
    assert counts_of(TableStore.open(str(house.folder / "claims"))).total("pages") == 1


def licence(folder: Path, *days: str) -> str:
    path = folder / "licences.yaml"
    facts = ["id: portail", "licensee: Portail SA", "hosts: [portail.example]", "titles: [courrier]"]
    path.write_text(f"licences: [{{{', '.join([*facts, *days, 'document: contrat.pdf'])}}}]\n", "utf-8")
    return str(path)


def test_a_portal_has_a_licence_within_its_dates_and_none_outside(tmp_path: Path) -> None:
    house = house_of(tmp_path, ARTICLE)
    house.scan(page("www.portail.example", ARTICLE))
    house.scan(page("www.portail.example", ARTICLE, at="2024-09-02T10:00:00Z"))
    found = house.claims(licences=licence(tmp_path, "from: 2024-04-01", "to: 2024-06-30"))
    names = ("captured_at", "kind", "licence_id", "confidence")
    facts = sorted(tuple(claim[name] for name in names) for claim in found)
    assert [each[1:] for each in facts] == [("licensed", "portail", "C"), ("copy", None, "B")]

    judged = TableStore.open(str(house.folder / "claims"))
    chosen, licensed = chosen_claims(judged, Choice(confidences=("B", "C")))
    assert (len(chosen), licensed) == (1, 1)
    for letter, reason in (("C", r"contains only licensed claims \(1\)"), ("A", "is empty")):
        with pytest.raises(InputError, match=f"the selection {reason}"):
            chosen_claims(judged, Choice(confidences=(letter,)))


@pytest.mark.parametrize("cache", ["portail-example.cdn.ampproject.org/c/s", "www.google.fr/amp/s"])
def test_a_page_in_an_amp_cache_is_its_sites(tmp_path: Path, cache: str) -> None:
    house = house_of(tmp_path, ARTICLE)
    house.scan(*(page(f"{cache}/{host}", ARTICLE) for host in ("portail.example", "www.lesoir.be")))
    names = ("kind", "licence_id", "press_kind", "confidence", "document_host")
    assert {
        claim["document_url"].split("/")[-2]: tuple(claim[name] for name in names)
        for claim in house.claims(licences=licence(tmp_path))
    } == {
        "portail.example": ("licensed", "portail", None, "C", cache.partition("/")[0]),
        "www.lesoir.be": ("copy", None, "newspaper", "C", cache.partition("/")[0]),
    }


def test_an_earlier_capture_of_an_earlier_run_takes_every_copy_down(tmp_path: Path) -> None:
    house = house_of(tmp_path, ARTICLE)
    house.scan(page("auteur.example", ARTICLE, at=YEAR_BEFORE))
    house.scan(COPY)
    claims = by_host(house.claims())
    earlier, copy = claims["auteur.example"], claims["copieur.example"]
    assert (copy["confidence"], copy["reasons"]) == ("C", ["full_copy", "prior_capture"])
    assert earlier["confidence"] == "C"
    first = (copy["first_capture_row"], copy["first_capture_at"])
    assert first == (earlier["row_sha256"], earlier["captured_at"])


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        # A page of the publisher's own is no witness against its article.
        ("rivage", {"copieur.example": "own_page B 1", "autre.example": "copy B 0"}),
        ("hebdo", {"copieur.example": "reprint C 1", "autre.example": "copy C 1"}),
    ],
)
def test_a_site_that_was_named_a_members_since_the_run_is_its_own(
    tmp_path: Path, site: str, expected: dict[str, str]
) -> None:
    house = house_of(tmp_path, ARTICLE)
    house.scan(COPY, page("autre.example", ARTICLE))
    members = MEMBERS.replace(f"[{site}.example]", f"[{site}.example, copieur.example]")
    build(house.folder / "today", [house.folder / "articles.jsonl"], members_file=members)
    claims = by_host(house.claims(corpus=str(house.folder / "today")))
    names = ("kind", "confidence", "witness_domains")
    assert {host: " ".join(str(claim[name]) for name in names) for host, claim in claims.items()} == expected


DATED = {"body": ARTICLE, "published_at": "2024-03-10", "url": OWN}


def in_zone(zone: str) -> str:
    return MEMBERS.replace("domains: [courrier.example]", f"domains: [courrier.example], timezone: {zone}")


@pytest.mark.parametrize(
    ("zone", "in_doubt", "sure"),
    [
        (None, "2024-03-11T11:59:59Z", "2024-03-11T12:00:00Z"),
        ("Europe/Paris", "2024-03-10T22:59:59Z", "2024-03-10T23:00:00Z"),
        ("America/Toronto", "2024-03-11T03:59:59Z", "2024-03-11T04:00:00Z"),
    ],
)
def test_a_capture_counts_as_later_once_the_articles_day_has_ended(
    tmp_path: Path, zone: str | None, in_doubt: str, sure: str
) -> None:
    house = House(tmp_path / "house")
    pages, letters = list[Seen](), {}
    for number, at in enumerate((in_doubt, sure), 1):
        body, url = text(number), f"https://www.courrier.example/une/{number}"
        house.print(number, **DATED | {"body": body, "url": url})
        pages += [page("un.example", body, at=at), Seen(url, body, at)]
    house.folder.mkdir(parents=True)
    rows = write_jsonl(house.folder / "articles.jsonl", house.articles)
    build(house.corpus, [rows], members_file=in_zone(zone) if zone else MEMBERS)
    house.scan(*pages)
    claims = house.claims()
    for claim in claims:
        letters.setdefault(claim["article_id"], set()).add(claim["confidence"])
        within = "captured_within_a_day" in claim["row_reasons"]
        assert within == (claim["article_id"] == house.articles[0]["article_id"])
    assert (len(claims), list(letters.values())) == (4, [{"C"}, {"A", "B"}])


def test_a_time_zone_that_is_none_is_a_mistake_of_the_members_file_with_its_line() -> None:
    mistake = r"members.yaml:5: title `courrier`: timezone `Europe/Pariss`.*Europe/Paris"
    with pytest.raises(ConfigError, match=mistake):
        parse_registry(in_zone("Europe/Pariss").encode(), "members.yaml")


def of_itself(published: str | None = None, publisher: str | None = None, head: str = "") -> str:
    """The head of a page that declares its date and publisher."""
    about: dict[str, Any] = {"@type": "NewsArticle"}
    about |= {"datePublished": published} if published else {}
    about |= {"publisher": {"@type": "Organization", "name": publisher}} if publisher else {}
    return f'<script type="application/ld+json">{json.dumps(about)}</script>{head}'


META = '<meta property="{}" content="{}">'
EARLIER, OTHER = "copy C: full_copy, page_dated_earlier", "copy C: full_copy, page_of_other_publisher"
COPIED = "copy B: full_copy"
OF_THEMSELVES = {
    "evening.example": (of_itself("2024-03-09T22:00:00+00:00"), EARLIER),
    "day-before.example": (of_itself("2024-03-09"), EARLIER),
    "of-meta.example": (
        of_itself(head=META.format("article:published_time", "2024-01-01T10:00:00Z")), EARLIER
    ),
    "morning.example": (of_itself("2024-03-10T08:00:00+01:00"), COPIED),
    "same-day.example": (of_itself("2024-03-10"), COPIED),
    "later.example": (of_itself("2024-04-01T10:00:00Z"), COPIED),
    "daily.example": (of_itself(publisher="Le Quotidien d'Ailleurs"), OTHER),
    "agency.example": (of_itself(head='<meta name="dc.publisher" content="Agence du Nord">'), OTHER),
    "ours.example": (of_itself(publisher="Le Courrier des Rives"), "copy A: sole_full_copy"),
    "blog.example": (of_itself(head=META.format("og:site_name", "Mon blog")), COPIED),
    # What the publisher's own page states of itself does not count.
    "www.courrier.example": (of_itself("2020-01-01", "Groupe des Rives"), "own_page A: own_url"),
}  # fmt: skip
"""Heads of pages by host, each a copy of another article, and what is claimed."""


def test_a_page_that_is_older_or_anothers_by_its_own_word_is_c_with_that_reason(tmp_path: Path) -> None:
    house, pages = House(tmp_path / "house"), {}
    for number, (host, (head, _)) in enumerate(OF_THEMSELVES.items(), 1):
        body, path = text(200 + number), f"une/{number}"
        house.print(number, **DATED | {"body": body, "url": f"https://www.courrier.example/{path}"})
        pages[f"https://{host}/{path}"] = (
            f"<html><head>{head}</head><body><article><p>{body}</p></article></body></html>"
        )
    house.scan_web(pages)
    found = {claim["document_host"]: judged([claim]) for claim in house.claims()}
    assert found == {host: {host: expected} for host, (_, expected) in OF_THEMSELVES.items()}

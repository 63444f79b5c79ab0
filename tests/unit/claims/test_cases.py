"""Twelve cases in which a claim would do an honest page wrong, from texts to letters; and what is claimed.

A scan runs in this process, and the claims are made of its tables: texts alone decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.make import counts_of
from presswatch_spark.tables.store import TableStore
from tests.world.claims import EVENING_BEFORE, LATER, PUBLISHED, YEAR_BEFORE, House, Seen, by_host, text
from tests.world.corpora import MEMBERS, build

ARTICLE = text(1)
COPY = Seen("https://copieur.example/a", ARTICLE)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "house")


def letter_and_reasons(claims: Sequence[dict[str, Any]]) -> dict[str, tuple[str, list[str]]]:
    return {host: (claim["confidence"], claim["reasons"]) for host, claim in by_host(claims).items()}


def test_a_whole_copy_of_an_exclusive_article_is_claimed(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(COPY, Seen("https://pillard.example/a", f"{text(2)}\n{ARTICLE}\n{text(3)}"))
    claims = by_host(house.claims())
    assert {host: (claim["kind"], claim["confidence"]) for host, claim in claims.items()} == {
        "copieur.example": ("copy", "B"),
        "pillard.example": ("copy", "B"),
    }
    assert claims["copieur.example"]["reasons"] == ["full_copy"]
    assert [claim["witness_domains"] for claim in claims.values()] == [1, 1]


def test_a_passage_of_an_exclusive_article_in_a_page_of_other_text_is_claimed(house: House) -> None:
    house.print(1, ARTICLE)
    passage = " ".join(ARTICLE.split(" ")[120:270])
    house.scan(Seen("https://copieur.example/a", f"{text(2)}\n{passage}\n{text(3)}"))
    (claim,) = house.claims()
    assert (claim["kind"], claim["confidence"], claim["explained_by"]) == ("copy", "B", [])


def test_agency_text_without_credit_in_the_article_is_known_by_the_credit_of_a_page(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(COPY, Seen("https://site.example/a", f"{text(2)}\n\n{ARTICLE} (AFP)\n\n{text(3)}"))
    claims = letter_and_reasons(house.claims())
    assert claims["site.example"][0] == "C"
    assert "credits_other" in claims["site.example"][1]
    assert claims["copieur.example"] == ("C", ["full_copy", "credited_elsewhere"])


def test_agency_text_is_known_by_the_credit_of_the_article_alone(house: House) -> None:
    house.print(1, ARTICLE, agency_credit="AFP")
    house.scan(COPY)
    claims = letter_and_reasons(house.claims())
    assert claims["copieur.example"][0] == "C"
    assert "agency_text" in claims["copieur.example"][1]


def test_a_press_release_of_the_evening_before_is_the_companys_own(house: House) -> None:
    release = text(7, 150)
    house.print(1, f"{release}\n{text(8, 60)}")
    house.scan(
        Seen("https://entreprise.example/communique", release, EVENING_BEFORE),
        Seen("https://copieur.example/a", f"{text(9)}\n{release}"),
    )
    claims = letter_and_reasons(house.claims())
    assert claims["entreprise.example"][0] == "C"
    assert claims["copieur.example"][0] == "C"
    assert "prior_capture" in claims["copieur.example"][1]


def test_a_law_is_nobodys(house: House, tmp_path: Path) -> None:
    law = text(7, 200)
    house.print(1, f"{text(8, 60)}\n{law}")
    house.scan(Seen("https://cabinet.example/loi", f"{law}\n{text(9)}"))
    known = tmp_path / "loi.txt"
    known.write_text(law, "utf-8")
    (before,), (after,) = house.claims("without"), house.claims(known=[str(known)])
    assert (before["confidence"], after["confidence"]) == ("B", "C")
    assert after["reasons"] == [*before["reasons"], "known_text"]


def test_a_speech_on_an_official_site_is_printed_by_right(house: House) -> None:
    speech = text(7, 300)
    house.print(1, f"{text(8, 60)}\n{speech}")
    house.scan(
        Seen("https://www.elysee.fr/discours", speech),
        Seen("https://copieur.example/a", f"{speech}\n{text(9)}"),
    )
    claims = letter_and_reasons(house.claims())
    assert claims["www.elysee.fr"][0] == "C"
    assert "press_page" in claims["www.elysee.fr"][1]
    assert claims["copieur.example"][0] == "C"
    assert "printed_by_press" in claims["copieur.example"][1]


def test_a_book_of_a_public_library_is_free(house: House) -> None:
    book = text(7, 300)
    house.print(1, f"{book}\n{text(8, 60)}")
    house.scan(
        Seen("https://fr.wikisource.org/wiki/Un_livre", f"{text(6, 900)}\n{book}", YEAR_BEFORE),
        Seen("https://lecteur.example/livre", f"{book}\n{text(9)}"),
    )
    claims = letter_and_reasons(house.claims())
    assert {letter for letter, _ in claims.values()} == {"C"}
    assert {"prior_capture", "printed_by_press"} <= {*claims["lecteur.example"][1]}


def test_a_recipe_that_several_sites_have_has_a_source_of_its_own(house: House) -> None:
    recipe = text(7, 120)
    house.print(1, f"{text(8)}\n{recipe}\n{text(9)}")
    house.scan(
        Seen("https://cuisine.example/tarte", f"{recipe}\n{text(10)}"),
        Seen("https://gourmand.example/tarte", f"{text(11)}\n{recipe}"),
    )
    claims = letter_and_reasons(house.claims())
    assert {host: letter for host, (letter, _) in claims.items()} == dict.fromkeys(claims, "C")
    assert all(reasons[-1] == "common_source" for _, reasons in claims.values())


def test_a_table_of_results_is_common(house: House) -> None:
    clubs = [f"{place}. Club de la ville numéro {place} {90 - 3 * place} points" for place in range(1, 21)]
    table = "\n".join(clubs)
    house.print(1, f"{text(8)}\n{table}")
    house.scan(*(Seen(f"https://sport{n}.example/ligue", f"{table}\n{text(20 + n)}") for n in range(3)))
    claims = letter_and_reasons(house.claims())
    assert len(claims) == 3
    assert {letter for letter, _ in claims.values()} <= {"C", "D"}


def test_a_quotation_in_a_readers_comment_is_not_the_sites(house: House) -> None:
    house.print(1, ARTICLE)
    passage = " ".join(ARTICLE.split(" ")[120:270])
    paragraphs = "".join(f"<p>{text(30 + n, 90)}</p>" for n in range(8))
    page = (
        f"<html><body><main><article><h1>Un forum</h1>{paragraphs}</article></main>"
        '<section id="comments" class="comments"><h2>Commentaires</h2>'
        f'<div class="comment"><p>{passage}</p></div></section></body></html>'
    )
    house.scan_web("https://forum.example/fil", page)
    (claim,) = house.claims()
    assert claim["confidence"] == "C"
    assert "outside_main_content" in claim["reasons"]


def test_sister_titles_print_what_is_their_publishers(house: House) -> None:
    house.print(1, ARTICLE)
    house.print(2, ARTICLE, title_id="rivage", url="https://rivage.example/une/2")
    house.scan(
        Seen("https://www.courrier.example/une/1", ARTICLE),
        Seen("https://rivage.example/une/2", ARTICLE),
        COPY,
    )
    claims = house.claims()
    kinds = {(claim["document_host"], claim["kind"]) for claim in claims}
    assert kinds == {
        ("www.courrier.example", "own_page"), ("rivage.example", "own_page"), ("copieur.example", "copy"),
    }  # fmt: skip
    store = TableStore.open(str(house.folder / "claims"))
    counts = counts_of(store)
    assert counts.rows == counts.total("claims") == 6
    # Editions of one text are pages of their own; the copy is one page, though it copies both.
    assert {cell[0]: numbers["pages"] for cell, numbers in counts.cells.items() if numbers["pages"]} == {
        "own_page": 2,
        "copy": 1,
    }
    assert (counts.total("pages"), counts.total("texts")) == (3, 1)


def test_a_portal_has_a_licence_within_its_dates_and_none_outside(house: House, tmp_path: Path) -> None:
    licences = tmp_path / "licences.yaml"
    licences.write_text(
        "licences:\n"
        "  - {id: portail-2024, licensee: Portail SA, hosts: [portail.example], titles: [courrier],\n"
        "     from: 2024-04-01, to: 2024-06-30, document: contrats/portail.pdf}\n",
        "utf-8",
    )
    house.print(1, ARTICLE)
    house.scan(Seen("https://www.portail.example/a", ARTICLE, LATER))
    house.scan(Seen("https://www.portail.example/a", ARTICLE, "2024-09-02T10:00:00Z"))
    inside, outside = sorted(house.claims(licences=str(licences)), key=lambda claim: claim["captured_at"])
    assert (inside["kind"], inside["licence_id"], inside["confidence"]) == ("licensed", "portail-2024", "C")
    assert (outside["kind"], outside["licence_id"], outside["confidence"]) == ("copy", None, "B")


def test_an_earlier_capture_of_an_earlier_run_takes_every_copy_down(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(Seen("https://auteur.example/a", ARTICLE, YEAR_BEFORE))
    house.scan(COPY)
    claims = by_host(house.claims())
    earlier, copy = claims["auteur.example"], claims["copieur.example"]
    assert (copy["confidence"], copy["reasons"]) == ("C", ["full_copy", "prior_capture"])
    assert earlier["confidence"] == "C"
    assert copy["first_capture_row"] == earlier["row_sha256"]
    assert copy["first_capture_at"] == earlier["captured_at"]


def test_what_was_captured_within_a_day_may_have_been_first(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(Seen("https://rapide.example/a", ARTICLE, PUBLISHED.replace("06:30", "21:00")), COPY)
    claims = letter_and_reasons(house.claims())
    assert "prior_capture" in claims["copieur.example"][1]
    assert claims["copieur.example"][0] == "C"


def test_an_undated_article_gives_no_claim(house: House) -> None:
    house.print(1, ARTICLE, published_at=None)
    house.scan(COPY)
    assert [claim["confidence"] for claim in house.claims()] == ["C"]


def test_the_publication_itself_is_claimed_whoever_wrote_it(house: House) -> None:
    house.print(1, ARTICLE, agency_credit="AFP")
    house.scan(Seen("https://www.courrier.example/une/1", f"{ARTICLE} (AFP)"), COPY)
    own = by_host(house.claims())["www.courrier.example"]
    assert (own["kind"], own["confidence"], own["reasons"]) == ("own_page", "A", ["own_url"])


def members_of_today(house: House, members: str) -> str:
    """Build the corpus again, with another members file; return its folder."""
    folder = house.folder / "today"
    build(folder, [house.folder / "articles.jsonl"], members_file=members)
    return str(folder)


def test_a_site_that_was_named_the_publishers_since_the_run_is_its_own(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(COPY, Seen("https://autre.example/a", ARTICLE))
    today = members_of_today(house, MEMBERS.replace("[rivage.example]", "[rivage.example, copieur.example]"))
    claims = by_host(house.claims(corpus=today))
    assert {host: claim["kind"] for host, claim in claims.items()} == {
        "copieur.example": "own_page", "autre.example": "copy",
    }  # fmt: skip
    # A page of the publisher's own is no witness against its article.
    assert (claims["autre.example"]["confidence"], claims["autre.example"]["witness_domains"]) == ("B", 0)


def test_a_site_that_was_named_another_members_since_the_run_is_a_reprint(house: House) -> None:
    house.print(1, ARTICLE)
    house.scan(COPY)
    today = members_of_today(house, MEMBERS.replace("[hebdo.example]", "[hebdo.example, copieur.example]"))
    (claim,) = house.claims(corpus=today)
    assert (claim["row_confidence"], claim["kind"], claim["confidence"]) == ("B", "reprint", "C")
    assert claim["reasons"] == ["full_copy", "on_member_site"]


@pytest.mark.parametrize("cache", ["portail-example.cdn.ampproject.org/c/s", "www.google.fr/amp/s"])
def test_a_page_in_an_amp_cache_is_its_sites(house: House, tmp_path: Path, cache: str) -> None:
    licences = tmp_path / "licences.yaml"
    licences.write_text(
        "licences:\n  - {id: portail, licensee: Portail SA, hosts: [portail.example], titles: [courrier],"
        " document: contrats/portail.pdf}\n",
        "utf-8",
    )
    house.print(1, ARTICLE)
    house.scan(
        Seen(f"https://{cache}/portail.example/a", ARTICLE), Seen(f"https://{cache}/www.lesoir.be/a", ARTICLE)
    )
    claims = {claim["document_url"].split("/")[-2]: claim for claim in house.claims(licences=str(licences))}
    assert (claims["portail.example"]["kind"], claims["portail.example"]["licence_id"]) == (
        "licensed",
        "portail",
    )
    assert claims["www.lesoir.be"]["press_kind"] == "newspaper"
    assert {claim["confidence"] for claim in claims.values()} == {"C"}
    assert all(claim["document_host"] == cache.partition("/")[0] for claim in claims.values())


def test_a_page_of_two_members_articles_is_one_page(house: House) -> None:
    house.print(1, ARTICLE)
    other = text(17)
    house.print(2, other, title_id="hebdo", url="https://hebdo.example/une/2")
    house.scan(Seen("https://www.courrier.example/revue", f"{ARTICLE}\n{other}"))
    assert {claim["kind"] for claim in house.claims()} == {"own_page", "reprint"}
    store = TableStore.open(str(house.folder / "claims"))
    assert counts_of(store).total("pages") == 1

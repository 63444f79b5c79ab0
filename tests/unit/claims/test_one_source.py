"""Letters of full copies, twins and repeated articles: one source must show, and one claim a text."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.world.claims import House, Seen, by_host, text
from tests.world.prose import sentence

OWN = "https://www.courrier.example/une/1"


def claims_on(folder: Path, body: str, *pages: str, **fields: Any) -> list[dict[str, Any]]:
    house = House(folder / "house")
    house.print(1, body, url=OWN, **fields)
    house.scan(*(Seen(f"https://site-{number}.example/a", page) for number, page in enumerate(pages)))
    return sorted(house.claims(), key=lambda claim: str(claim["document_host"]))


def test_a_full_copy_is_a_only_where_the_page_shows_its_source(tmp_path: Path) -> None:
    body = text(1)
    bare, credited, addressed = claims_on(
        tmp_path,
        body,
        f"{text(8, 60)}\n{body}\n{text(9, 60)}",
        f"{body}\nSource : Le Courrier des Rives",
        f"{body}\nÀ lire sur www.courrier.example/une/1",
    )
    assert (bare["confidence"], bare["reasons"]) == ("B", ["full_copy"])
    for claim in (credited, addressed):
        assert (claim["confidence"], claim["reasons"]) == ("A", ["sole_full_copy"])


def edited(body: str, every: int) -> str:
    """The text with other words after each `every` words, as a second paper edits a wire."""
    rng, words = random.Random(7), body.split(" ")
    parts = [words[i : i + every] for i in range(0, len(words), every)]
    return " ".join(" ".join(part[:-6]) + " " + sentence(rng) for part in parts)


def test_two_edits_of_one_wire_are_in_pieces_and_a_copy_with_links_between_its_paragraphs_is_not(
    tmp_path: Path,
) -> None:
    body = text(1)
    words = body.split(" ")
    with_links = "\n".join(
        f"{' '.join(words[i : i + 80])}\nÀ lire aussi : {text(50 + i, 9)}" for i in range(0, len(words), 80)
    )
    wire, copy = claims_on(tmp_path, body, edited(body, 60), with_links)
    assert wire["confidence"] == "C"
    assert "in_pieces" in wire["reasons"]
    assert (copy["confidence"], copy["reasons"]) == ("B", ["full_copy"])


@pytest.mark.parametrize("at", ["https://portail.example/a", "https://www.courrier.example/une/2"])
def test_a_text_that_a_title_published_twice_gives_one_claim_on_a_page(tmp_path: Path, at: str) -> None:
    house = House(tmp_path / "house")
    for number, day in ((1, "2024-03-10"), (2, "2024-03-12"), (3, "2024-03-11")):
        body = f"{text(1)} {text(100 + number, 20)}"
        house.print(number, body, published_at=day, url=f"https://www.courrier.example/une/{number}")
    house.scan(Seen(at, f"{text(1)} {text(9, 200)}"))
    claims = {claim["article_id"]: claim for claim in house.claims()}
    kept = "a00002" if "courrier" in at else "a00001"
    assert [each for each, claim in claims.items() if claim["confidence"] in ("A", "B")] == [kept]
    assert "published_again" in claims[kept]["reasons"]
    for other in claims.keys() - {kept}:
        assert claims[other]["confidence"] == "D"
        assert claims[other]["reasons"][-1] == "repeats_article"


def test_two_articles_with_a_paragraph_in_common_give_two_claims(tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    shared = text(5, 30)
    for number in (1, 2):
        house.print(number, f"{text(number)} {shared}")
    house.scan(Seen("https://portail.example/a", f"{text(1)} {shared}\n{text(2)}"))
    claims = house.claims()
    assert {claim["confidence"] for claim in claims} <= {"B"}
    assert len(claims) == 2


def test_captions_service_lists_and_links_are_d_however_rare_their_words(tmp_path: Path) -> None:
    lines = {
        "link": f"Lire aussi : {text(21, 14)}",
        "caption": f"{text(22, 14)} (Photo Anne Roy)",
        "service": f"Rens. : 04 00 00 00 00, tarif : 5 €, 12 rue des Rives, {text(23, 9)}, www.halle.example",
    }
    body = "\n".join(
        [text(1, 150), lines["link"], text(2, 150), lines["caption"], text(3, 150), lines["service"]]
    )
    house = House(tmp_path / "house")
    house.print(1, body)
    pages = [
        Seen(f"https://{kind}.example/a", f"{text(30, 80)}\n{line}\n{text(31, 80)}")
        for kind, line in lines.items()
    ]
    prose = " ".join(text(2, 150).split(" ")[20:50])
    house.scan(*pages, Seen("https://prose.example/a", f"{text(30, 80)}\n{prose}\n{text(31, 80)}"))
    claims = by_host(house.claims())
    for kind in lines:
        claim = claims[f"{kind}.example"]
        assert (claim["confidence"], claim["reasons"][-1]) == ("D", "page_furniture"), kind
    assert claims["prose.example"]["confidence"] == "C"

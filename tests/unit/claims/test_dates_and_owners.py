"""Letters of pages by the dates and owners that addresses, metadata and the members' file give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.corpus.registry import parse_registry
from tests.world.claims import House, Seen, by_host, text
from tests.world.corpora import MEMBERS, build, write_jsonl

DAY = "2024-03-10"
OWN = "https://www.courrier.example/une/1"


def house_of(folder: Path, zone: str | None = None, **fields: Any) -> House:
    house = House(folder)
    house.print(1, text(1), **({"published_at": DAY, "url": OWN} | fields))
    if zone:
        folder.mkdir(exist_ok=True)
        members = MEMBERS.replace(
            "domains: [courrier.example]", f"domains: [courrier.example], timezone: {zone}"
        )
        build(house.corpus, [write_jsonl(folder / "articles.jsonl", house.articles)], members_file=members)
    return house


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
    house = house_of(tmp_path / "house", zone)
    house.scan(
        Seen("https://un.example/a", text(1), in_doubt),
        Seen("https://deux.example/a", text(1), "2024-03-11T00:00:01Z" if zone is None else in_doubt),
        Seen(OWN, text(1), in_doubt),
    )
    for claim in house.claims():
        assert "captured_within_a_day" in claim["row_reasons"]
        assert claim["confidence"] == "C"
    later = house_of(tmp_path / "later", zone)
    later.scan(Seen("https://un.example/a", text(1), sure), Seen(OWN, text(1), sure))
    for claim in later.claims():
        assert claim["confidence"] in ("A", "B")


def test_a_time_zone_that_is_none_is_a_mistake_of_the_members_file_with_its_line() -> None:
    members = MEMBERS.replace(
        "domains: [courrier.example]", "domains: [courrier.example], timezone: Europe/Pariss"
    )
    with pytest.raises(
        ConfigError, match=r"members.yaml:5: title `courrier`: timezone `Europe/Pariss`.*Europe/Paris"
    ):
        parse_registry(members.encode(), "members.yaml")


def page(published: str | None = None, publisher: str | None = None, head: str = "") -> str:
    about: dict[str, Any] = {"@type": "NewsArticle"}
    about |= {"datePublished": published} if published else {}
    about |= {"publisher": {"@type": "Organization", "name": publisher}} if publisher else {}
    script = f'<script type="application/ld+json">{json.dumps(about)}</script>'
    return f"<html><head>{script}{head}</head><body><article><p>{text(1)}</p></article></body></html>"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (page("2024-03-09T22:00:00+00:00"), "page_dated_earlier"),
        (page("2024-03-09"), "page_dated_earlier"),
        (
            page(head='<meta property="article:published_time" content="2024-01-01T10:00:00Z">'),
            "page_dated_earlier",
        ),
        (page("2024-03-10T08:00:00+01:00"), None),
        (page("2024-03-10"), None),
        (page("2024-04-01T10:00:00Z"), None),
        (page(publisher="Le Quotidien d'Ailleurs"), "page_of_other_publisher"),
        (page(head='<meta name="dc.publisher" content="Agence du Nord">'), "page_of_other_publisher"),
        (page(publisher="Le Courrier des Rives"), None),
        (page(head='<meta property="og:site_name" content="Mon blog">'), None),
    ],
)
def test_a_page_that_is_older_or_anothers_by_its_own_word_is_c_with_that_reason(
    tmp_path: Path, head: str, reason: str | None
) -> None:
    house = house_of(tmp_path / "house")
    house.scan_web("https://portail.example/a", head)
    (claim,) = house.claims()
    found = {"page_dated_earlier", "page_of_other_publisher"} & set(claim["reasons"])
    assert found == ({reason} if reason else set())
    assert (claim["confidence"] == "C") == (reason is not None)


def test_what_the_publishers_own_page_says_of_itself_does_not_count(tmp_path: Path) -> None:
    house = house_of(tmp_path / "house")
    house.scan_web(OWN, page("2020-01-01", "Groupe des Rives"))
    (claim,) = house.claims()
    assert (claim["confidence"], claim["reasons"]) == ("A", ["own_url"])


def test_copies_of_own_pages_in_archives_caches_and_translators_are_a_kind_of_their_own(
    tmp_path: Path,
) -> None:
    house = house_of(tmp_path / "house")
    copies = (
        f"https://web.archive.org/web/20240601000000id_/{OWN}",
        f"https://archive.ph/20240601000000/{OWN}",
        "https://www-courrier-example.translate.goog/une/1?_x_tr_sl=fr&_x_tr_tl=en",
        f"https://webcache.googleusercontent.com/search?q=cache:ABCDEFGHIJKL:{OWN}",
        "https://courrier-example.cdn.ampproject.org/c/s/courrier.example/une/1",
    )
    house.scan(
        *(Seen(url, text(1)) for url in copies),
        Seen("https://archive.is/AbCdE", text(1)),
        Seen("https://web.archive.org.portail.example/web/2024/https://www.courrier.example/une/1", text(1)),
        Seen(OWN, text(1)),
    )
    claims = by_host(house.claims())
    own, foreign = claims.pop("www.courrier.example"), claims.pop("web.archive.org.portail.example")
    short = claims.pop("archive.is")
    assert (own["kind"], own["confidence"]) == ("own_page", "A")
    assert (foreign["kind"], foreign["confidence"] in ("A", "B")) == ("copy", True)
    assert (short["kind"], short["confidence"]) == ("copy", "C")
    assert "copy_of_unknown_page" in short["reasons"]
    assert len(claims) == len(copies)
    for claim in claims.values():
        assert (claim["kind"], claim["confidence"]) == ("own_page_copy", "C")
        assert "own_page_copy" in claim["reasons"]

"""Whose site a document is on, decided from its URL."""

from __future__ import annotations

import timeit
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.corpus.registry import Title
from presswatch_spark.matching.hosts import host_table, known_hosts
from presswatch_spark.matching.sites import SiteIndex, SiteMatch
from presswatch_spark.sources.base import DocumentBatch, Locator
from tests.unit.test_urls import PIECES

TITLES = [
    Title("gazette", "La Gazette", "north", ("gazette.example", "www.gazette.fr.example"), ()),
    Title("sport", "Gazette Sport", "north", ("gazette.example",), ("gazette.example/sport/",)),
    Title("foot", "Gazette Foot", "south", ("foot.gazette.example",), ("www.gazette.example/sport/foot/",)),
    Title("ete", "L'Été", "south", ("xn--t-9fab.example",), ()),
]
URLS = {
    0: ["https://www.gazette.example/une/pont?id=1", "https://gazette.example/p/1"],
    1: ["http://gazette.example/une/pont?id=2"],
    2: ["https://agency.example/wire/7"],
    3: ["https://agency.example/wire/7?utm_source=x"],
    4: ["not a url"],
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SiteIndex:
    folder = tmp_path_factory.mktemp("sites")
    SiteIndex.build(folder, TITLES, ((ordinal, url) for ordinal, urls in URLS.items() for url in urls))
    return SiteIndex.open(folder)


def batch_of(urls: Iterable[str]) -> DocumentBatch:
    encoded = [url.encode("utf-8", "surrogatepass") for url in urls]
    ends = np.cumsum([len(url) for url in encoded], dtype=np.int64)
    starts = ends - np.array([len(url) for url in encoded], np.int64)
    nothing = np.zeros(len(encoded), np.int64)
    content = np.frombuffer(b"".join(encoded), np.uint8)
    return DocumentBatch(np.empty(0, np.uint8), nothing, nothing, content, starts, ends, lambda _: Locator())


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://gazette.example/", "gazette"),
        ("http://WWW.Gazette.Example:80/x?utm_source=y", "gazette"),
        ("https://blogs.gazette.example/x", "gazette"),
        ("https://reader:secret@gazette.example/x", "gazette"),
        (" \thttps://gazette.example", "gazette"),
        ("http:\\\\gazette.example\\x", "gazette"),
        ("https://gazette.fr.example/x", "gazette"),
        ("https://gazette.example/sport", "sport"),
        ("https://m.gazette.example/sport/x", "sport"),
        ("https://gazette.example/sports/x", "gazette"),
        ("https://gazette.example/sport/foot/x", "foot"),
        ("https://foot.gazette.example/sport/x", "foot"),
        ("https://été.example/x", "ete"),
        ("https://www.%C3%A9t%C3%A9.example/x", "ete"),
        ("https://gazette-example.cdn.ampproject.org/c/s/www.gazette.example/sport/x", "sport"),
        ("https://www.google.fr/amp/s/gazette.example/x", "gazette"),
    ],
)
def test_a_document_on_a_site_is_the_titles(index: SiteIndex, url: str, title: str) -> None:
    match = index.matches(batch_of([url]), lambda _: ())[0]
    assert (match.title_id, match.articles) == (title, ())


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/gazette.example/",
        "https://notgazette.example/",
        "https://gazette.example.org/",
        "https://example/",
        "https://gazette.example@other.example/",
        "https://www.google.com/search?q=gazette.example",
        "ftp://gazette.example/",
        "gazette.example",
        "",
    ],
)
def test_any_other_is_nobodys(index: SiteIndex, url: str) -> None:
    assert index.matches(batch_of([url]), lambda _: ()) == {}


def test_an_articles_url_names_the_article_in_all_its_variants(index: SiteIndex) -> None:
    batch = batch_of(
        [
            "http://m.gazette.example/une/pont/amp?id=1&xtor=RSS",
            "https://gazette.example/p/1/#top",
            "https://gazette.example/une/pont",
            "https://agency.example/wire/7",
            "https://agency.example/wire/8",
        ]
    )
    assert index.matches(batch, URLS.__getitem__) == {
        0: SiteMatch("gazette", "north", (0,)),
        1: SiteMatch("gazette", "north", (0,)),
        2: SiteMatch("gazette", "north", ()),
        3: SiteMatch(None, None, (2, 3)),
    }


def test_an_equal_hash_of_another_url_names_nothing(index: SiteIndex) -> None:
    page = "https://gazette.example/une/pont?id=1"
    assert index.match(page, lambda _: ["https://gazette.example/une/other"]) == SiteMatch(
        "gazette", "north", ()
    )


@given(
    st.lists(
        st.sampled_from([*PIECES, "gazette", ".example", "gazette.example", "GAZETTE.EXAMPLE"]), max_size=9
    )
)
def test_the_kernel_lets_no_document_of_a_site_pass(index: SiteIndex, pieces: list[str]) -> None:
    for url in ("".join(pieces), "http://" + "".join(pieces), "https://www." + "".join(pieces)):
        batch = batch_of([url])
        if index.match(batch.url_of(0), URLS.__getitem__):
            assert 0 in index.matches(batch, URLS.__getitem__)


def test_foreign_hosts_are_passed_over_by_their_bytes(index: SiteIndex) -> None:
    urls = [f"https://www.site-{k}.example{k % 90}/une/page-{k}.html?id={k}" for k in range(50_000)]
    batch = batch_of([*urls, "https://gazette.example/x"])
    assert known_hosts(batch, index.hosts).tolist() == [50_000]
    assert timeit.timeit(lambda: known_hosts(batch, index.hosts), number=1) < 1.0


def test_an_index_of_nothing_matches_nothing(tmp_path: Path) -> None:
    SiteIndex.build(tmp_path, [], [])
    index = SiteIndex.open(tmp_path)
    assert index.matches(batch_of(["https://gazette.example/"]), lambda _: ()) == {}
    assert len(host_table([])) > 0

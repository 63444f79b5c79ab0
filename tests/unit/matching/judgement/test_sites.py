"""Whose site a document is on, decided from its URL."""

import json
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.locators import Locator
from presswatch_spark.core.scan_values import DocumentBatch, TextColumn, Title
from presswatch_spark.corpus.members import parse_registry
from presswatch_spark.matching.judgement import sites
from presswatch_spark.matching.judgement.sites import (
    SiteIndex,
    SiteMatch,
    documents_without_url,
    host_table,
    keys_of_urls,
    known_hosts,
    url_keys,
)
from presswatch_spark.matching.judgement.urls import MAX_CHARACTERS, page_url
from tests.unit.matching.judgement.test_urls import PIECES
from tests.world.proofs import cases

TITLES = [
    Title("gazette", "La Gazette", "north", ("gazette.example", "www.gazette.fr.example"), ()),
    Title("sport", "Gazette Sport", "north", ("gazette.example",), ("gazette.example/sport/",)),
    Title("foot", "Gazette Foot", "south", ("foot.gazette.example",), ("www.gazette.example/sport/foot/",)),
    Title("ete", "L'Été", "south", ("xn--t-9fab.example",), ()),
    Title("strasse", "Die Straße", "south", ("xn--strae-oqa.example",), ("blogs.xn--strae-oqa.example/a/",)),
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
    return index_in(folder, TITLES, [(ordinal, url) for ordinal, urls in URLS.items() for url in urls])


def index_in(folder: Path, titles: Iterable[Title], urls: Iterable[tuple[int, str]] = ()) -> SiteIndex:
    hashes, ordinals, sites = keys_of_urls(urls)
    SiteIndex.build(folder, titles, sites)
    order = np.lexsort((ordinals, hashes))
    for name, values in url_keys(hashes[order], ordinals[order]).items():
        np.save(folder / name, values)
    return SiteIndex.open(folder)


def batch_of(urls: Iterable[str]) -> DocumentBatch:
    column = TextColumn.joined([url.encode("utf-8", "surrogatepass") for url in urls])
    return DocumentBatch(TextColumn.empty(len(column)), column, lambda _: Locator())


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
        ("https://m.STRA\u1e9eE\u3002example/x", "strasse"),
        ("https://strasse.example/x", None),
        ("https://\u00e9t\u00e9\u200d.example/x", None),
        ("https://blogs.stra\u00dfe.example/a/x", "strasse"),
        ("https://blogs.stra\u00dfe.example/b/x", None),
        ("https://gazette-example.cdn.ampproject.org/c/s/www.gazette.example/sport/x", "sport"),
        ("https://www.google.fr/amp/s/gazette.example/x", "gazette"),
        ("https://other.example/gazette.example/", None),
        ("https://notgazette.example/", None),
        ("https://gazette.example.org/", None),
        ("https://example/", None),
        ("https://gazette.example@other.example/", None),
        ("https://www.google.com/search?q=gazette.example", None),
        ("ftp://gazette.example/", None),
        ("gazette.example", None),
        ("", None),
    ],
)
def test_a_document_on_a_site_is_the_titles_and_any_other_is_nobodys(
    index: SiteIndex, url: str, title: str | None
) -> None:
    found = index.matches(batch_of([url]), lambda _: ())
    assert {i: (match.title_id, match.articles) for i, match in found.items()} == (
        {0: (title, ())} if title else {}
    )


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


@cases(
    ("url", "on_site"),
    [
        ("https://www.fr/", True),
        ("https://sport.www.fr/x", True),
        ("https://autre.fr/", False),
        ("https://www.gouv.fr/", True),
        ("https://impots.gouv.fr/", False),
    ],
)
def test_a_site_that_is_called_www_is_not_all_of_its_country(tmp_path: Path, url: str, on_site: bool) -> None:
    index = index_in(tmp_path, [Title("t", "T", "p", ("www.fr", "www.gouv.fr"), ())])
    assert (0 in index.matches(batch_of([url]), lambda _: ())) == on_site


def index_of(folder: Path, prefix: str) -> SiteIndex:
    """The index of a title that has `journal.example` only under `prefix`, as the members file gives it."""
    members = (
        "publishers: [{id: p, name: P, titles: [{id: t, name: T,"
        f" domains: [journal.example], url_prefixes: [{json.dumps(prefix)}]}}]}}]"
    )
    return index_in(folder, parse_registry(members.encode(), "m.yaml").titles.values())


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_prefix_stands_for_whole_names(tmp_path: Path, slash: str) -> None:
    index = index_of(tmp_path, f"https://www.journal.example/éco{slash}")
    under = ["éco", "éco/", "%C3%A9co/x", "éco/amp", "éco.amp", "a/../éco/", "éco?page=2", "%c3%a9co//x#y"]
    other = ["", "économie-autre", "éco-2", "éco.html", "Éco/", "a/éco/", "éco/../x", "éco%2Fx", "eco/"]
    for path in under:
        assert index.match(f"http://m.journal.example/{path}", lambda _: ()) is not None, path
    for path in other:
        assert index.match(f"http://m.journal.example/{path}", lambda _: ()) is None, path


NAMES = ["a", "eco", "éco", "%C3%A9co", "%65co", "economie", "amp", "%61mp", "x.amp", "x.amp.html",
         "eco.html", "..", ".", "%2e%2e", "", "a;jsessionid=1", "a%2Fb", "b c", "x.", "...", ".amp", "AMP",
         "a\\eco"]  # fmt: skip
PLAIN = ["a", "eco", "economie", "une", "x.html", "amp", "2024"]
PATHS = st.lists(st.sampled_from(NAMES), max_size=4).map("/".join)


def names_of(path: str) -> list[str]:
    """The names of a path as a reader of the RFC sees them: decoded, without those that stand for nothing."""
    return [unquote(name.replace("%2F", "%252F")) for name in path.split("/") if name]


@given(PATHS, st.lists(st.sampled_from(PLAIN), max_size=3), st.sampled_from(["", "/"]))
def test_a_page_under_a_prefix_is_on_the_site(prefix: str, below: list[str], slash: str) -> None:
    with TemporaryDirectory() as folder:
        try:
            index = index_of(Path(folder), f"journal.example/{prefix}")
        except ConfigError:
            return
        page = "/".join([f"https://journal.example/{prefix}".rstrip("/"), *below]) + slash
        assert index.match(page, lambda _: ()) is not None


@given(PATHS, PATHS, st.sampled_from(["", "/", "?x=1", "/amp/"]))
@example("eco", "economie", "")
@example("amp/", "a", "")
@example("eco/..", "a", "")
@example("eco/%2e%2e/", "economie/a", "")
def test_a_page_that_is_not_under_a_prefix_is_not_on_the_site(prefix: str, path: str, end: str) -> None:
    with TemporaryDirectory() as folder:
        try:
            index = index_of(Path(folder), f"journal.example/{prefix}")
        except ConfigError:
            return
        page = page_url(f"https://journal.example/{path}{end}")
        assert page is not None
        wanted = names_of(prefix)
        under = names_of(page.path)[: len(wanted)] == wanted
        if index.match(page.text, lambda _: ()):
            assert under


def test_an_index_of_nothing_matches_nothing(tmp_path: Path) -> None:
    index = index_in(tmp_path, [])
    assert index.matches(batch_of(["https://gazette.example/"]), lambda _: ()) == {}
    assert len(host_table([])) > 0


LONG = f"https://long.example/{'é' * MAX_CHARACTERS}"


NAMELESS = (
    "", " ", "n/a", "-", "lemonde.fr/une", "/une/pont", "urn:uuid:1", "ftp://a.example/", "dns:a.example",
    "http", "http://", "https:///", "https://..", "https://a..b/", "https://.a.example/", "http://a b/",
    LONG,
)  # fmt: skip
KNOWN = (
    "https://a.example/", "HTTP://A.EXAMPLE", "//a.example/x", " https://a.example/", "https://a.example:8080/",
    "https://user@a.example/", "https://été.example/", "http:\\\\a.example\\x", "http://[::1]/", "https://a.example.",
)  # fmt: skip


def test_what_names_no_host_is_no_known_url_and_what_names_one_is() -> None:
    for url in NAMELESS:
        assert documents_without_url(batch_of(["https://a.example/", url, "http://b.example/x"])) == 1, url
    for url in KNOWN:
        assert documents_without_url(batch_of([url])) == 0, url


@given(
    st.lists(
        st.lists(st.sampled_from([*PIECES, "http://", "https://", "a.", "..", "\\"]), max_size=7), max_size=4
    )
)
@example([["https://", "a" * 253, "/"]])
@example([["https://", "a" * 254, "/"]])
def test_the_count_is_that_of_the_exact_rule(urls: list[list[str]]) -> None:
    batch = batch_of("".join(pieces) for pieces in urls)
    assert documents_without_url(batch) == sum(page_url(batch.url_of(i)) is None for i in range(len(batch)))


def test_plain_urls_are_told_by_their_bytes_alone() -> None:
    batch = batch_of(f"https://www.site-{k}.example/une/{k}?id={k}&x=%C3%A9#à" for k in range(1000))
    with patch.object(sites, "page_url", side_effect=AssertionError):
        assert documents_without_url(batch) == 0

"""Metadata of a page: where they are looked for, what counts first, and what is no answer."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.core.scan_values import PageMetadata
from presswatch_spark.reading.page_metadata import (
    TEXT_CHARACTERS,
    URL_CHARACTERS,
    elements_of,
    page_metadata_of,
)
from tests.world.proofs import cases

URL = "https://www.copie.example/une/1?x=2"
ARTICLE = {
    "@context": "https://schema.org", "@type": "NewsArticle", "headline": "Le pont",
    "datePublished": "2019-06-12T10:24:00+02:00",
    "publisher": {"@type": "Organization", "name": "Le Copieur"},
    "author": [{"@type": "Person", "name": "Marie  Durand"}, "AFP", {"name": "AFP"}],
    "isBasedOn": "https://source.example/a", "mainEntityOfPage": {"@id": "/une/1"},
}  # fmt: skip
MOMENT = datetime(2019, 6, 12, 8, 24, tzinfo=UTC)
DAY = datetime(2019, 6, 12, tzinfo=UTC)


def script(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f'<script type="application/ld+json">{text}</script>'


def said(*parts: str) -> PageMetadata:
    return page_metadata_of(
        f"<html><head>{''.join(parts)}</head><body><p>Texte</p></body></html>".encode(), URL
    )


def meta(name: str, content: str, attribute: str = "property") -> str:
    return f'<meta {attribute}="{name}" content="{content}">'


def test_json_ld_of_an_article_says_it_all() -> None:
    assert said(script(ARTICLE)) == PageMetadata(
        "Le Copieur", "json_ld", "Marie Durand, AFP", MOMENT, "https://source.example/a",
        "https://www.copie.example/une/1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        [{"@type": "BreadcrumbList"}, ARTICLE],
        {"@graph": [{"@type": "WebSite", "name": "x"}, ARTICLE]},
        {"@type": "WebPage", "datePublished": "2011-01-01T00:00:00Z", "mainEntity": ARTICLE},
        {"@graph": [ARTICLE | {"@type": ["Thing", "ReportageNewsArticle"]}]},
    ],
    ids=["a list", "a graph", "a main entity", "of several types"],
)
def test_the_article_is_found_among_other_objects_of_the_page(value: Any) -> None:
    assert said(script(value)) == said(script(ARTICLE))


def test_objects_that_are_only_referred_to_are_found_in_the_page() -> None:
    graph = [
        ARTICLE | {"publisher": {"@id": "#us"}, "author": {"@id": "#her"}},
        {"@id": "#us", "@type": "Organization", "name": "Le Copieur"},
        {"@id": "#her", "name": "Anne"},
    ]
    found = said(script({"@graph": graph}))
    assert (found.publisher, found.author) == ("Le Copieur", "Anne")


def test_an_address_is_no_name_and_articles_that_a_page_lists_are_others() -> None:
    found = said(meta("article:author", "https://social.example/anne"), meta("author", "Anne", "name"))
    assert found.author == "Anne"
    assert said(meta("article:author", "https://social.example/anne")).author is None
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": ARTICLE}]}
    assert said(script(listed)) == PageMetadata()


def test_the_head_says_what_json_ld_does_not() -> None:
    metas = [
        meta("og:site_name", "Le Site"), meta("author", "Paul", "name"), meta("og:url", "https://other.example/"),
        meta("article:published_time", "2019-06-12T08:24:00Z"),
    ]  # fmt: skip
    by_meta = said(*metas)
    assert by_meta == PageMetadata("Le Site", "site_name", "Paul", MOMENT, None, "https://other.example/")
    assert (
        said(*metas, '<link rel="canonical" href="/une/1">').canonical_url
        == "https://www.copie.example/une/1"
    )
    both = said(*metas, script({"@type": "Article", "publisher": "Le Copieur"}))
    assert both == PageMetadata("Le Copieur", "json_ld", "Paul", MOMENT, None, "https://other.example/")


@cases(
    ("date", "moment"),
    [
        ("2019-06-12T10:24:00+02:00", MOMENT),
        ("2019-06-12 08:24Z", MOMENT),
        ("2019-06-12T04:24:00.000-0400", MOMENT),
        ("2019-06-12T10:24:00", DAY),
        ("2019-06-12", DAY),
        ("12/06/2019 10:24 +02:00", None),
        ("2019-02-30T10:24:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("2019-06-12T10:24:00 Europe/Paris", None),
        ("²019-06-12T10:24:00Z", None),
        (1560327840, None),
    ],
)
def test_a_moment_counts_with_its_time_zone_and_without_one_as_its_day(
    date: object, moment: datetime | None
) -> None:
    assert said(script(ARTICLE | {"datePublished": date})).published_at == moment


def test_names_are_cut_and_addresses_that_are_too_long_or_none_of_the_web_are_left_out() -> None:
    long = "é" * 2 * TEXT_CHARACTERS
    found = said(script(ARTICLE | {"publisher": long, "author": long}))
    assert found.publisher == found.author == "é" * TEXT_CHARACTERS
    too_long = "https://a.example/" + "x" * URL_CHARACTERS
    for address in (too_long, "javascript:alert(1)", "http://[", "a b", "mailto:x"):
        based = script({"@type": "Article", "isBasedOn": address})
        page = said(f'<link rel="canonical" href="{address}">', based)
        assert page.canonical_url is None or page.canonical_url.startswith("https://www.copie.example/")
        assert page.based_on in (None, address[:TEXT_CHARACTERS])
    assert said(script(ARTICLE | {"isBasedOn": {"name": "Dépêche"}})).based_on == "Dépêche"


@pytest.mark.parametrize(
    "hostile",
    [
        "[" * 400_000, '{"@graph":' * 100_000, json.dumps([ARTICLE] * 3_000),
        json.dumps({"@graph": [{}] * 300_000}), json.dumps([ARTICLE | {"x": "y" * 300_000}] * 3),
        json.dumps(ARTICLE | {"@type": "A" * 500_000}), json.dumps(ARTICLE | {"author": ["x"] * 200_000}),
        json.dumps(ARTICLE | {"@id": "\ud800", "author": {"@id": {"a": 1}}, "publisher": [[[]]]}),
        '{"@type": "Article", "author": {"@id": ' + "[" * 1_000 + "]" * 1_000 + "}}",
        "null", "", "{", "<!--",
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_hostile_json_is_bounded(hostile: str) -> None:
    found = said(*[script(hostile)] * (3 if len(hostile) > 1000 else 2_000), meta("og:site_name", "Le Site"))
    assert found.publisher in ("Le Site", "Le Copieur", None)


@given(st.binary(max_size=2_000))
def test_nothing_raises(page: bytes) -> None:
    assert isinstance(page_metadata_of(page, URL), PageMetadata)
    assert isinstance(page_metadata_of(b'<script type="application/ld+json">' + page, "no URL"), PageMetadata)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*ARTICLE, "@id", "name", "url", "@graph", "x"]), inner, max_size=5),
    max_leaves=20,
))  # fmt: skip
def test_no_value_of_json_raises(value: Any) -> None:
    found = said(script(json.dumps(value).replace("<", "")))
    for text in (found.publisher, found.author, found.based_on, found.canonical_url):
        assert text is None or text.encode("utf-8")


BODY = b"<p class='text'>" + b"<a href='/une'>mot</a> " * 2_000


@cases(
    "type_of",
    [
        "application/ld+json",
        "Application/LD+JSON; charset=utf-8",
        "application/ld&#43;json",
        "appl&#x69;cation/ld+json",
        f"{' ' * 200}application/ld&plus;json",
        "\u00a0&#97;pplication/ld&#43;json",
    ],
)
def test_json_ld_at_the_foot_of_a_page_is_found_however_its_type_is_written(type_of: str) -> None:
    foot = f'<script type="{type_of}">{{"a": 1}}</script>'.encode()
    (meta, script) = elements_of(b"<meta name=author content=x>" + BODY + foot)
    assert (meta.name, meta.get("name")) == ("meta", "author")
    assert (script.name, script.text) == ("script", '{"a": 1}')


@pytest.mark.parametrize("element", ["<link rel=canonical href=/a>", "<META NAME=a>"])
def test_a_link_or_meta_in_the_body_is_found(element: str) -> None:
    assert len(list(elements_of(BODY + element.encode() + BODY))) == 1


def test_what_only_looks_like_an_element_is_passed_over() -> None:
    page = b"<p title='<meta name=a>'><!-- <link rel=b> --><script>'<meta>' type = a & b</script>" + BODY
    assert list(elements_of(page)) == []

"""URLs of one page have one form; URLs of two pages have two."""

import json
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from presswatch_spark.matching.judgement import urls
from presswatch_spark.matching.judgement.urls import (
    AMP_PARAMETERS,
    MAX_CHARACTERS,
    TRACKING_NAMES,
    TRACKING_PREFIXES,
    normalise_url,
)
from tests.world.proofs import cases

PAGE = "https://journal.example/une/article_12.html?id=7"


@cases(
    "url",
    [
        "http://journal.example/une/article_12.html?id=7",
        "HTTPS://WWW.Journal.Example/une/article_12.html?id=7",
        "//journal.example/une/article_12.html?id=7",
        "http:\\\\journal.example\\une\\article_12.html?id=7",
        "  https://journal.example/une/article_12.html?id=7\r\n",
        "https://journal.exa\nmple/une/article\t_12.html?id=7",
        "https://journal.example:443/une/article_12.html?id=7",
        "http://journal.example:80/une/article_12.html?id=7",
        "https://journal.example:/une/article_12.html?id=7",
        "https://journal.example./une/article_12.html?id=7",
        "https://reader:secret@journal.example/une/article_12.html?id=7",
        "https://journal.example/une/article_12.html/?id=7",
        "https://journal.example/une/./x/../article_12.html?id=7",
        "https://journal.example/%75ne/article%5F12.html?id=%37",
        "https://journal.example/une/article_12.html;jsessionid=0A1B?id=7",
        "https://journal.example/une/article_12.html?id=7#comments",
        "https://journal.example/une/article_12.html?&id=7&#xtor=RSS-1",
        "https://journal.example/une/article_12.html?utm_source=a&utm_medium=b&id=7&fbclid=c",
        "https://journal.example/une/article_12.html?xtor=AL-1&id=7&at_medium=x&mc_cid=2&GCLID=3&UTM%5Fid=4",
        "https://m.journal.example/une/article_12.html?id=7",
        "https://mobile.journal.example/une/article_12.html?id=7",
        "https://amp.journal.example/une/article_12.html?id=7",
        "https://www.m.journal.example/une/article_12.html?id=7",
        "https://journal.example/une/article_12.html/amp?id=7",
        "https://journal.example/une/article_12.html/amp/?id=7",
        "https://journal.example/une/article_12.amp.html?id=7",
        "https://journal.example/une/article_12.html.amp?id=7",
        "https://journal.example/une/article_12.html?amp=1&id=7",
        "https://journal.example/une/article_12.html?id=7&outputType=amp",
        "https://journal-example.cdn.ampproject.org/c/s/journal.example/une/article_12.html?id=7",
        "https://journal-example.cdn.ampproject.org/v/s/journal.example/une/article_12.html?id=7&amp_js_v=0.1&usqp=x",
        "https://cdn.ampproject.org/c/www.journal.example/une/article_12.amp.html?id=7",
        "https://www.google.com/amp/s/amp.journal.example/une/article_12.html?id=7",
        "https://www.google.fr/amp/journal.example/une/article_12.html/amp?id=7#origin=x",
    ],
)
def test_variants_of_a_page_have_its_form(url: str) -> None:
    assert normalise_url(url) == PAGE


@cases(
    ("url", "form"),
    [
        ("http://journal.example", "https://journal.example/"),
        ("http://journal.example?utm_source=x", "https://journal.example/"),
        ("http://www.Été.example/À?q=é+à", "https://xn--t-9fab.example/%C3%80?q=%C3%A9%20%C3%A0"),
        ("https://חדשות12.example/a", "https://xn--12-3ldii3ii.example/a"),
        ("https://www.أخبار٢٤.example/a", "https://xn--igbicxr80aoa.example/a"),
        ("http://a.example/b c%zz%2f", "https://a.example/b%20c%25zz%2F"),
        ("http://a.example/?b=2&a=3&b=1", "https://a.example/?a=3&b=2&b=1"),
        ("http://a.example/#!/une/7", "https://a.example/#!/une/7"),
        ("http://a.example:8080/", "https://a.example:8080/"),
        ("http://a.example:0443/", "https://a.example/"),
        ("http://[2001:DB8:0::1]:8080/x", "https://[2001:db8::1]:8080/x"),
        ("http://127.0.0.1/x", "https://127.0.0.1/x"),
        ("http://a.example/\ud800", "https://a.example/%EF%BF%BD"),
        ("http://m.co.uk/", "https://m.co.uk/"),
        ("http://amp.example/", "https://amp.example/"),
        ("http://a.example/\x00x", "https://a.example/%00x"),
        # Wrappers and endings of AMP are taken off where they are some.
        ("https://google.com:8080/amp/s/a.example/x", "https://google.com:8080/amp/s/a.example/x"),
        ("https://google.com/amp/s/a.example:8080/x?b#!c", "https://a.example:8080/x?b#!c"),
        ("https://google.com/amp/s/u@a.example?b", "https://a.example/?b"),
        ("https://google.com/amp/s/google.be/amp/www.a.example/amp", "https://a.example/"),
        ("https://google.com/amp/s/a..b/c", "https://google.com/amp/s/a..b/c"),
        ("https://google.com/amp/s.example/c", "https://s.example/c"),
        ("https://a.example/x/.amp", "https://a.example/x/.amp"),
        ("https://a.example/x..amp", "https://a.example/x..amp"),
        ("https://a.example/x.amp//amp/", "https://a.example/x"),
    ],
)
def test_the_form_is_this(url: str, form: str) -> None:
    assert normalise_url(url) == form


@cases(
    "other",
    [
        "https://journal.example/une/article_12.html?id=8",
        "https://journal.example/une/article_12.html",
        "https://journal.example/Une/article_12.html?id=7",
        "https://journal.example/une/article_12?id=7",
        "https://journal.example/amp/une/article_12.html?id=7",
        "https://journal.example/une/article_12.html?id=7&page=2",
        "https://journal.example/une/article_12.html?id=7#!/2",
        "https://journal.example/une%2Farticle_12.html?id=7",
        "https://journal.example:8443/une/article_12.html?id=7",
        "https://sport.journal.example/une/article_12.html?id=7",
        "https://journal.example/une/article_12.html?id=7&amp=2",
        "https://www.google.com/search?q=journal.example/une/article_12.html?id=7",
        "https://evilcdn.ampproject.org/c/s/journal.example/une/article_12.html?id=7",
    ],
)
def test_another_page_has_another_form(other: str) -> None:
    assert normalise_url(other) not in (None, PAGE)


@cases(
    "text",
    [
        "", " ", "journal.example/une", "/une", "ftp://journal.example/", "mailto:a@journal.example",
        "javascript:alert(1)", "data:text/html,x", "http://", "https:///", "http://?x", "http://a b.example/",
        "http://a..example/", "http://.example/", "http://a.example:port/", "http://a.example:65536/",
        "http://a.example:٣/", "http://[::1", "http://[::1]x/", "http://[fe80::1%25eth0]/", "http://a<b>.example/",
        "http://" + "a" * 64 + "é.example/", "http://" + "a" * 254 + "/", "http://a.example:" + "9" * 5000,
        "https://a.example/" + "x" * MAX_CHARACTERS, "https://a.example/" + "é" * (MAX_CHARACTERS // 2),
    ],
)  # fmt: skip
def test_what_is_no_page_on_the_web_has_no_form(text: str) -> None:
    assert normalise_url(text) is None


TRACKING = [f"{name}=1" for name in {*TRACKING_NAMES, *(f"{prefix}x" for prefix in TRACKING_PREFIXES)}]


@cases("parameter", sorted([*TRACKING, *AMP_PARAMETERS]))
def test_every_parameter_of_tracking_and_of_amp_is_dropped(parameter: str) -> None:
    name = parameter.partition("=")[0] if parameter in TRACKING else parameter
    assert normalise_url(f"{PAGE}&{parameter}&{name.upper()}") == PAGE


PIECES = [
    "http://", "https:", "//", "\\", "a.example", "www.", "m.", "amp", ".amp", ".html", "/", "..", ".",
    "%2e", "%61mp", "?", "&", "=", "utm_x", "#", "#!", "@", ":", "80", "443", "[::1]", "é", "%C3%A9", "%",
    "%zz", " ", "\t", "\x00", ";jsessionid=", "google.com", "cdn.ampproject.org", "/c/s/", "/amp/s/",
    "b.example", "\ud800", "ß", "İ", "xn--", "+",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=14).map("".join)))
@example("https://google.com/%61mp/s/google.com/amp/s/a.example")
@example("https://a.example/x.amp.amp.html/amp//amp")
@example("https://a.example/..amp")
@example("https://google.com/amp/s/a..b/c")
def test_it_never_raises_and_the_form_of_a_form_is_itself(text: str) -> None:
    for url in (text, f"https://a.example{text}", f"https://www.a.example/{text}"):
        form = normalise_url(url)
        assert form is None or (form.isascii() and normalise_url(form) == form)


LONG = {
    "https://" + "google.fr/amp/s/" * 1_000 + "www.a.example/x": "https://a.example/x",
    "https://" + "cdn.ampproject.org/c/" * 770 + "a.example": "https://a.example/",
    "https://a.example" + "/amp" * 4_000: "https://a.example/",
    "https://a.example/x" + ".amp" * 4_000 + "/amp/" * 9: "https://a.example/x",
    "https://a.example/x" + ".amp" * 4_000 + ".html": "https://a.example/x.html",
}


def test_wrappers_and_amp_endings_are_taken_off_a_thousand_times() -> None:
    urls.parsed_url.cache_clear()
    with patch.object(urls, "_path", wraps=urls._path) as read:
        assert {url: normalise_url(url) for url in LONG} == LONG
    assert read.call_count == len(LONG), "however often it is wrapped, a path is read once"


def test_real_articles_with_one_form_are_one_article(real_data: Path) -> None:
    texts: dict[str | None, set[str]] = {}
    for line in (real_data / "press" / "articles.jsonl").read_text("utf-8").splitlines():
        article = json.loads(line)
        if article["url"]:
            texts.setdefault(normalise_url(article["url"]), set()).add(article["text"])
    assert None not in texts
    assert len(texts) == 767
    assert all(len(same) == 1 for same in texts.values())

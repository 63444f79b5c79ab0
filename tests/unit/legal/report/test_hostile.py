"""Texts of others are text, whatever they hold."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata

import pytest

from presswatch_spark.legal.report.cells import both_ways, link_of
from tests.world.reports import PUNYCODE, Page

STEERING = {
    "\u202a",
    "\u202b",
    "\u202d",
    "\u202e",
    "\u2066",
    "\u2067",
    "\u2068",
    "\u2069",
    "\u200e",
    "\u200f",
}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_of_others_is_read_as_html_or_steers_the_writing(
    pages: dict[str, str], language: str
) -> None:
    page = pages[language]
    found = Page(page)
    assert len(found.named("script")) == 2
    assert len(found.named("style")) == 1
    assert not any(found.named(name) for name in ("img", "iframe", "link", "object"))
    assert not [
        name for _, values in found.elements for name in values if name.startswith("on") or name == "style"
    ]
    assert not STEERING & set(page)
    controls = {c for c in page if unicodedata.category(c) == "Cc"} - {"\n"}
    assert not controls
    # Jinja and HTML of theirs stand there as they wrote them.
    assert "{{ 919*907 }}" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\\u202e" in page


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_policy_allows_its_own_style_and_script_alone(pages: dict[str, str], language: str) -> None:
    page = pages[language]
    (policy,) = [
        meta["content"]
        for meta in Page(page).named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for element, rule in (("style", "style-src"), ("script", "script-src")):
        text = re.findall(rf"<{element}>(.*?)</{element}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in text]
        assert [f"'sha256-{digest}'" for digest in digests] == [rules[rule]]
    assert rules.keys() == {"default-src", "style-src", "script-src", "img-src", "base-uri", "form-action"}


def test_links_lead_to_the_web_alone(pages: dict[str, str]) -> None:
    links = [values["href"] for values in Page(pages["en"]).named("a")]
    outside = [link for link in links if not link.startswith("#")]
    assert outside
    assert all(re.match(r"https?://[!-~]+$", link) for link in outside)


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://a.example/b?c=d", "https://a.example/b?c=d"),
        ('HTTP://a.example/é\u202e"><script>', "HTTP://a.example/%C3%A9%EF%BF%BD%22%3E%3Cscript%3E"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt://a.example/%0aalert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,<script>alert(1)</script>", None),
        ("file:///etc/passwd", None),
        ("https:///no-host", None),
        ("http://[", None),
        ("//a.example/", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_a_link_only_if_it_is_one_of_the_web(url: str | None, link: str | None) -> None:
    assert link_of(url) == link


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("a.example", "a.example"),
        (PUNYCODE, f"{PUNYCODE} (bücher.example)"),
        ("www.xn--80ak6aa92e.example", "www.xn--80ak6aa92e.example (www.аррӏе.example)"),
        ("xn--\u00e9.example", "xn--\u00e9.example"),
        ("xn--99999999.example", "xn--99999999.example"),
    ],
)
def test_a_host_in_punycode_is_shown_both_ways(host: str, shown: str) -> None:
    assert both_ways(host) == shown


def test_the_page_shows_such_a_host_both_ways(pages: dict[str, str]) -> None:
    assert f"{PUNYCODE} (bücher.example)" in pages["fr"]

"""Normal forms of many URLs are those of each."""

from __future__ import annotations

from random import Random

import pyarrow as pa
import pytest

from presswatch_spark.judgement.url_forms import _written, normal_forms
from presswatch_spark.judgement.urls import TRACKING_NAMES, TRACKING_PREFIXES, normalise_url

PARTS = (
    "http://", "https://", "HTTP://", "//", "www.", "WWW.", "m.", "amp.", "mobile.", "ww.", "a",
    "journal", ".", "example", ".fr", ".co.uk", "co", "com.", "uk", "google.com", "cdn.ampproject.org",
    "x-amp", "/", "//", "/.", "..", "/amp", ".amp", ".html", "/c/", "/s/", "?", "&", "=", "a=1", "b=2",
    "B", "amp=1", "output=amp", "#", "#!", "#a", "%7E", "%2f", ";", "jsessionid=1", "+", "~", "!", " ",
    "é", "\\", ":80", ":8080", "@", "_", "-", "A", "\t", "[::1]", "1.2.3.4",
    *sorted(TRACKING_NAMES)[::9], *TRACKING_PREFIXES, "",
)  # fmt: skip
PLACES = ("http://", "https://", "https://www.", "https://www.journal.example/", "https://a.fr/?", "")


@pytest.mark.slow
def test_urls_put_together_at_random_have_the_form_that_each_has_alone() -> None:
    random = Random(20261127)
    urls: list[str | None] = [
        None,
        "",
        "https://",
        "http://a",
        "https://www.co.uk/a",
        "https://x.fr?",
        "x" * 2000,
    ]
    for _ in range(40_000):
        pieces = (random.choice(PARTS) for _ in range(random.randint(1, 8)))
        urls.append(random.choice(PLACES) + "".join(pieces))
    found = normal_forms(pa.array(urls, pa.string())).to_pylist()
    assert found == [None if url is None else normalise_url(url) for url in urls]
    part = pa.array(urls, pa.string()).slice(100, 50)
    assert normal_forms(part).to_pylist() == found[100:150]


def test_common_urls_are_read_by_the_kernel() -> None:
    urls = [
        "https://www.journal.example/politique/2024/03/un-article.html",
        "http://journal.example",
        "https://journal.fr/?a=1&b=2#suite",
        "https://blog.journal.co.uk/Une/~a/",
    ]
    assert not _written(pa.array(urls))[2].any()
    hard = [
        "https://journal.example/%7Ea",
        "https://m.journal.fr/",
        "https://journal.fr/?utm_source=x",
        "//journal.fr",
        "https://journal.fr/#été",
        "https://journal.fr/?a=1# a",
    ]
    assert _written(pa.array(hard))[2].all()


def test_no_urls_have_no_forms() -> None:
    assert normal_forms(pa.array([], pa.string())).to_pylist() == []
    assert normal_forms(pa.array([None, ""], pa.string())).to_pylist() == [None, None]

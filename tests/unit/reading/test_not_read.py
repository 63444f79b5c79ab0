"""What of a response is not read as text, and that it is counted: docs/explanation/guarantee.md says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from presswatch_spark.cli.demo.generate import press
from presswatch_spark.reading.html.markup import page_text, room_for, text_of_page
from presswatch_spark.reading.html.tags import (
    ARTICLE,
    DATA,
)
from presswatch_spark.reading.warc.pages import ARTICLE_NOTE
from tests.unit.reading.test_warc_pages import scanned
from tests.world.warc import page

BODY = " ".join(next(iter(press().values())).body.split()[:30]).replace('"', "")
JSON_LD = f'<script type="application/ld+json">{{"@type": "NewsArticle", "articleBody": "{BODY}"}}</script>'
STATE = f'<script id="__NEXT_DATA__">\n  [{{"props": {{"text": "{BODY}"}}}}]</script>'

NOT_READ = {
    "script": JSON_LD,
    "style": f"<style>p::after {{ content: '{BODY}' }}</style>",
    "comment": f"<!-- {BODY} -->",
    "meta description": f'<meta name="description" content="{BODY}">',
    "title": f"<title>{BODY}</title>",
    "image": f'<img alt="{BODY}" title="{BODY}">',
    "field": f'<input value="{BODY}">',
    "attribute": f'<p aria-label="{BODY}" data-text="{BODY}"></p>',
    "frame": f'<iframe srcdoc="<p>{BODY}">{BODY}</iframe>',
}
READ = {
    "noscript": f"<noscript><p>{BODY}</p></noscript>",
    "hidden by a style": f'<p style="display: none" hidden>{BODY}</p>',
    "menu": f"<nav><ul><li>{BODY}</ul></nav>",
    "text area": f"<textarea>{BODY}</textarea>",
    "template": f"<template><p>{BODY}</p></template>",
    "shadow root": f"<div><template shadowrootmode=open><p>{BODY}</p></template></div>",
    "title in the body": f"<p>avant</p><title>{BODY}</title>",
    "no frames": f"<noframes>{BODY}</noframes><noembed>{BODY}</noembed>",
    "closed details": f"<details><summary>plus</summary>{BODY}</details>",
}


def found(markup: str, head: str = "") -> bool:
    """Whether the text is verified on a page that holds the markup."""
    page = f"<!doctype html><html><head>{head}</head><body>{markup}<p>fin</p></body></html>"
    text = text_of_page(page.encode()).decode()
    return BODY in " ".join(text.split())


@pytest.mark.parametrize("where", NOT_READ)
def test_text_outside_of_the_page_is_not_read(where: str) -> None:
    in_head = where in ("title", "meta description")
    assert not found(*("", NOT_READ[where]) if in_head else (NOT_READ[where],))


@pytest.mark.parametrize("where", READ)
def test_text_of_the_page_is_read_whatever_hides_it(where: str) -> None:
    assert found(READ[where])


def in_scripts(markup: str) -> int:
    """What `page_text` says of the scripts of a page."""
    data = np.frombuffer(markup.encode(), np.uint8)
    return page_text(data, np.empty(room_for(len(data)), np.uint8), 0)[1]


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (JSON_LD, DATA | ARTICLE),
        (f'<SCRIPT>\r\n\t[{{"articleBody":"{"B" * 300} x"}}]</SCRIPT>', DATA | ARTICLE),
        (f'<script>{{"B": "{"Bo" * 400}", "articleBody"  : 1}}', DATA | ARTICLE),
        (STATE, DATA),
        ('<script>{"articleBody', DATA),
        ('<script>{"headline": "articleBodyBuilder"}</script>', DATA),
        ('<script>var state = {"articleBody": 1}</script>', 0),
        ("<script></script><script> </script><script>{</script>", DATA),
        ('<p>{"articleBody": 1}<style>{"articleBody": 1}</style>', 0),
        ("", 0),
    ],
)
def test_scripts_of_json_are_noticed_and_those_that_name_an_article_body(markup: str, expected: int) -> None:
    assert in_scripts(markup) == expected
    assert in_scripts("<p>avant</p>" * 40 + markup) == expected


def test_pages_with_text_in_scripts_are_counted_and_a_note_says_so(tmp_path: Path) -> None:
    bodies = [f"{JSON_LD}{JSON_LD}<p>a", f"{STATE}<p>b", f"{JSON_LD}", "<p>d"]
    records = [page(body.encode(), url=f"https://x.example/{body[-1]}") for body in bodies]
    _, report = scanned(tmp_path, records)
    assert report.documents == 3
    # The third shows no text at all, and its article stands in its script.
    assert report.skipped == {"no text": 1}
    assert report.unread == {"JSON in scripts": 3, "articleBody in scripts": 2}
    assert report.notes == [ARTICLE_NOTE]
    _, report = scanned(tmp_path, records[3:])
    assert (report.unread, report.notes) == ({}, [])


@pytest.mark.parametrize(
    "media",
    [
        "application/rss+xml",
        "application/atom+xml",
        "application/json",
        "application/ld+json",
        "application/feed+json",
        "text/xml",
        "text/javascript",
    ],
)
def test_feeds_and_json_are_not_read_and_are_counted_by_their_media_type(tmp_path: Path, media: str) -> None:
    feed = f'<?xml version="1.0"?><rss><channel><item>{BODY}</item></channel></rss>'
    records = [page(feed.encode(), f"Content-Type: {media}; charset=utf-8", url="https://x.example/flux")]
    found, report = scanned(tmp_path, records * 2)
    assert found == []
    assert report.skipped == {media: 2}

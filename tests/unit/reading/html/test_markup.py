"""The text of a page: what can be seen of it, then hidden words between the words around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presswatch_spark.cli.demo.generate import press
from presswatch_spark.reading.html.markup import page_text, room_for, text_of_page
from presswatch_spark.reading.html.tags import ARTICLE, DATA, NAME_BYTES, load_tags
from presswatch_spark.reading.text.words import word_at, words_of
from presswatch_spark.reading.warc.pages import ARTICLE_NOTE
from tests.world.soups import ELEMENTS
from tests.world.warc import page, read_warc

# Enough for the fast way through attributes.
FILL, FILL_WORDS = "mot " * 30 + "fin", "mot " * 30 + "fin"


def seen(page: bytes | str) -> list[str]:
    data = page.encode("utf-8", "surrogatepass") if isinstance(page, str) else page
    out = np.full(room_for(len(data)), 0xFF, np.uint8)
    return words(out[: page_text(np.frombuffer(data, np.uint8), out, 0)[0]].tobytes())


def words(text: bytes) -> list[str]:
    found = words_of(text)
    return [word_at(found, i) for i in range(len(found))]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>un <a href=x>lien</a>eté dans la <b>ph</b>rase</p><p>fin", "un lienete dans la phrase fin"),
        ("<p>a</p><p>b</p>c<br>d<li>e<td>f", "a b c d e f"),
        ("vi&eacute;tique vi&#233;tique vi&#xE9;tique vi&eacutetique", "vietique vietique vietique vietique"),
        ("soft&shy;hyphen a&nbsp;b &notit; &notin; &amp;eacute; &#x80;", "softhyphen a b it eacute"),
        ("a&#0;b &#xD800; &#x110000; &#99999999999999999999; c & d &; &# &#x; e", "a b c d x e"),
        ("un<!-- > caché -->deux<!-->trois<!--->quatre<!-- x --!>cinq", "undeuxtroisquatrecinq"),
        ("a<!doctype html>b<?php echo 1 ?>c</ d>e</>f<3g< h", "abcef 3g h"),
        ("a<p title='x > y' b=c'd>e <p title=a\"b>f <p title=\"x'>y\">g", "a e f g"),
        ("a<script>var b = '<p>c';</script>d<style>.e{}</style >f<SCRIPT\n>g</sCript h>i", "adfi"),
        (
            "a<iframe>b</iframe>c <textarea>d<b>&eacute;</textarea>f <xmp>&eacute;</xmp>",
            "ac f eacute a c d b e f eacute",
        ),
        ("a<svg><title/><style/><path/></svg> b<script>c</script>d", "a bd"),
        ("a<svg><style/><p>b <title>c</title>", "a b a b c"),
        (
            "un deux<template>trois<template>quatre</template></template> cinq",
            "un deux cinq un deux trois quatre cinq",
        ),
        ("un <template> deux", "un un deux"),
        ("mo\0t<noscript>a<p>b</noscript>", "mot mot a b"),
        (
            "<textarea>a\0b</textarea><xmp>c\0d</xmp><svg>e\0f<desc>g\0h</desc></svg>",
            "c d e f a b c d e f gh",
        ),
        ("a<plaintext>b<p>", "a b p"),
        ("fin<!-- sans fin", "fin"),
        ("fin<script>sans fin", "fin"),
        ("fin<a href='sans fin", "fin"),
        ("fin&eacute", "fine"),
        ('a<b c=\x01"d>e">f', "ae f"),
        ("a<b c\x0b='d>e'>f<b \x0b='g>h'>i", "afi"),
        ('<b ="a>b">c', "b c"),
        ("a<svg><style></svg><p>b", "a b"),
        ("a<svg><script></svg><p>b<script>c</script>", "a b"),
        ("a<svg><iframe></svg><p>b", "a b"),
        ("a<svg><style>.c{}</style></svg>b", "ab a b"),
        ("a<svg><style><![CDATA[.c{} </style> <p>]]></style></svg>b", "ab a b"),
        ("a<svg><script><!-- </script> --> c < d <?e?> </1></script></svg>b", "ab a b"),
        ("a<svg><style>c<g/>d</style></svg>b", "ab a b"),
        ("a<svg><style><![CDATA[c", "a"),
        ("a<svg><style><!-- b", "a"),
        ("a<svg><foreignObject><div>b</div></foreignObject><style/></svg><p>c", "a b c"),
        ("a<svg><desc><p>b</desc><title/><script/></svg><p>c", "a c a b c"),
        ("a<math><mtext><b>b</b></mtext><style/></math><p>c", "a b c"),
        ("a<svg></p><style>b</style><p>c", "a c"),
        ("a<svg></br><style>b</style><p>c", "a c"),
        ("a<svg><font size=1><style><p>b</style>c", "ac a c"),
        ("a<svg><sup><style><p>b", "a b"),
        ("a<svg><mtext><style><p>b", "a b"),
        ("a<math><desc><style><p>b", "a b"),
        ("a<math></svg><style><p>b", "a b"),
        ("a<svg><desc>b<svg><title/><g></g></svg><i>c</i></desc><style/></svg><i>d</i>", "a d a b c d"),
        ("a<svg><svg><p><style>b</style>c", "a c"),
        ("a<math><mi><svg><path></svg><b>b</b></mi></math><style>c</style>d", "a b d"),
        ("a<svg c=d/><style/></svg><p>e", "a e"),
        ("a<svg c/><style>d</style><p>e", "a e"),
        ("a<svg><![CDATA[b <c> ]] > d]]></svg>e", "ab c de a b c d e"),
        ("a<svg><![CDATA[<script>]]></svg><p>b", "a script b a script b"),
        ("a<svg><![CDATA[b", "ab a b"),
        ("a<![CDATA[b]]>c", "ac"),
        ("a<script\0>b</script><p>c<style\x01>d<style\x0b>e", "ab cde"),
        ("a<script><!--<script></script><style> --></script><p>b", "a b"),
        ("a<script><!-- <script> --></script><p>b", "a b"),
        ("a<script><!--><script></script><p>b", "a b"),
        ("a<script><!-- </script><p>b", "a b"),
        ("a<script><!--<script>b</script><p>c", "a"),
        (FILL + '<img src= alt="b>c', FILL_WORDS + "c " + "mot " * 15 + "fin c"),
        (FILL + "<a href=\n title='b>c'>d", FILL_WORDS + "c d"),
        (FILL + '<a href = "b>c" title="d>e">f', FILL_WORDS + "f"),
        (FILL + '<a b=c  d="e>f">g', FILL_WORDS + "g"),
        ("", ""),
        ("<", ""),
        ("</", ""),
        ("<!", ""),
        ("a<!-", "a"),
        ("a<!--", "a"),
        ("a<!---", "a"),
        ("a<b", "a"),
        ("&", ""),
        ("&#", ""),
    ],
)
def test_text_that_can_be_seen(page: str, expected: str) -> None:
    assert seen(page) == expected.split()


@settings(max_examples=3 * settings.default.max_examples)
@given(
    st.binary(max_size=200) | st.text(alphabet="<>/!-?'\"=&;#x a\0pbscript \n", max_size=120).map(str.encode)
)
def test_any_bytes_give_bounded_text(data: bytes) -> None:
    out = np.full(room_for(len(data)) + 64, 0xFF, np.uint8)
    end, _ = page_text(np.frombuffer(data, np.uint8), out[: room_for(len(data))], 0)
    assert 0 <= end <= room_for(len(data))
    assert (out[room_for(len(data)) :] == 0xFF).all()


@pytest.mark.parametrize(
    "hostile",
    ["<script>" + "<x" * 100_000, "<script><!--" + "<script" * 30_000, "<svg>" + "<style></x" * 20_000],
)
def test_names_without_end_are_not_read_again_and_again(hostile: str) -> None:
    assert seen(f"un deux {hostile}") == ["un", "deux"]


def test_text_goes_behind_what_is_there() -> None:
    out = np.zeros(200, np.uint8)
    first, _ = page_text(np.frombuffer(b"<p>un", np.uint8), out, 0)
    end, _ = page_text(np.frombuffer(b"<p>deux</p>", np.uint8), out, first)
    assert out[:end].tobytes() == b"undeux\n"


def test_every_name_fits_the_table() -> None:
    assert max(len(name) for name in ELEMENTS if not name.startswith("tres-long")) <= NAME_BYTES
    assert np.count_nonzero(load_tags().first) < len(load_tags().first) // 4


# docs/explanation/guarantee.md states what of a response is not read as text.
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


@pytest.mark.parametrize("where", [*READ, *NOT_READ])
def test_text_of_the_page_is_read_whatever_hides_it_and_other_text_is_not(where: str) -> None:
    markup = NOT_READ.get(where) or READ[where]
    head, shown = (markup, "") if where in ("title", "meta description") else ("", markup)
    page = f"<!doctype html><html><head>{head}</head><body>{shown}<p>fin</p></body></html>"
    assert (BODY in " ".join(text_of_page(page.encode()).decode().split())) == (where in READ)


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
    for html in (markup, "<p>avant</p>" * 40 + markup):
        data = np.frombuffer(html.encode(), np.uint8)
        assert page_text(data, np.empty(room_for(len(data)), np.uint8), 0)[1] == expected


def test_pages_with_text_in_scripts_are_counted_and_a_note_says_so(tmp_path: Path) -> None:
    bodies = [f"{JSON_LD}{JSON_LD}<p>a", f"{STATE}<p>b", f"{JSON_LD}", "<p>d"]
    records = [page(body.encode(), url=f"https://x.example/{body[-1]}") for body in bodies]
    _, report = read_warc(tmp_path, records)
    assert report.documents == 3
    # The third shows no text at all, and its article stands in its script.
    assert report.skipped == {"no text": 1}
    assert report.unread == {"JSON in scripts": 3, "articleBody in scripts": 2}
    assert report.notes == [ARTICLE_NOTE]
    _, report = read_warc(tmp_path, records[3:])
    assert (report.unread, report.notes) == ({}, [])


FEEDS = ["application/rss+xml", "application/atom+xml", "application/feed+json", "text/xml"]


@pytest.mark.parametrize("media", [*FEEDS, "application/json", "application/ld+json", "text/javascript"])
def test_feeds_and_json_are_not_read_and_are_counted_by_their_media_type(tmp_path: Path, media: str) -> None:
    feed = f'<?xml version="1.0"?><rss><channel><item>{BODY}</item></channel></rss>'
    records = [page(feed.encode(), f"Content-Type: {media}; charset=utf-8", url="https://x.example/flux")]
    found, report = read_warc(tmp_path, records * 2)
    assert found == []
    assert report.skipped == {media: 2}

"""The text of a page: what can be seen, then hidden words between their neighbours, as others make it."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presswatch_spark.cli.demo.generate import press
from presswatch_spark.reading.html import tags
from presswatch_spark.reading.html.reader import TextReader, room_for, text_of_page
from presswatch_spark.reading.html.tags import ARTICLE, DATA, NAME_BYTES, load_tags
from presswatch_spark.reading.http.message import as_html
from presswatch_spark.reading.warc.pages import ARTICLE_NOTE
from tests.reference.page_text import PUBLISHED, reference_page_text
from tests.world.proofs import cases
from tests.world.prose import folded
from tests.world.random_pages import ELEMENTS, soup
from tests.world.warc import page, read_warc

# Enough for the fast way through attributes.
FILL, FILL_WORDS = "mot " * 30 + "fin", "mot " * 30 + "fin"


def seen(page: bytes | str) -> list[str]:
    data = page.encode("utf-8", "surrogatepass") if isinstance(page, str) else page
    return folded(text_of_page(data))


@cases(
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
    reader = TextReader(embedded=False)
    reader.buffer = out[: room_for(len(data))]
    reader.read(data)
    assert 0 <= reader.used <= room_for(len(data))
    assert (out[room_for(len(data)) :] == 0xFF).all()


@pytest.mark.parametrize(
    "hostile",
    ["<script>" + "<x" * 100_000, "<script><!--" + "<script" * 30_000, "<svg>" + "<style></x" * 20_000],
)
def test_names_without_end_are_not_read_again_and_again(hostile: str) -> None:
    assert seen(f"un deux {hostile}") == ["un", "deux"]


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


@cases("where", [*READ, *NOT_READ])
def test_text_of_the_page_is_read_whatever_hides_it_and_other_text_is_not(where: str) -> None:
    markup = NOT_READ.get(where) or READ[where]
    head, shown = (markup, "") if where in ("title", "meta description") else ("", markup)
    page = f"<!doctype html><html><head>{head}</head><body>{shown}<p>fin</p></body></html>"
    assert (BODY in " ".join(text_of_page(page.encode()).decode().split())) == (where in READ)


@cases(
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
        assert TextReader(embedded=False).read(html.encode()).unread == expected


def test_without_embedded_text_scripts_are_counted_and_a_note_says_so(tmp_path: Path) -> None:
    bodies = [f"{JSON_LD}{JSON_LD}<p>a", f"{STATE}<p>b", f"{JSON_LD}", "<p>d"]
    records = [page(body.encode(), url=f"https://x.example/{body[-1]}") for body in bodies]
    _, report = read_warc(tmp_path, records, embedded_text=False)
    assert report.documents == 3
    # The third shows no text at all, and its article stands in its script.
    assert report.skipped == {"no text": 1}
    assert report.unread == {"JSON in scripts": 3, "articleBody in scripts": 2}
    assert report.notes == [ARTICLE_NOTE]
    _, report = read_warc(tmp_path, records[3:], embedded_text=False)
    assert (report.unread, report.notes) == ({}, [])


FEEDS = ["application/rss+xml", "application/atom+xml", "application/feed+json", "text/xml"]


@cases("media", [*FEEDS, "application/json", "application/ld+json", "text/javascript"])
def test_without_embedded_text_feeds_and_json_are_counted_by_their_media_type(
    tmp_path: Path, media: str
) -> None:
    feed = f'<?xml version="1.0"?><rss><channel><item>{BODY}</item></channel></rss>'
    records = [page(feed.encode(), f"Content-Type: {media}; charset=utf-8", url="https://x.example/flux")]
    found, report = read_warc(tmp_path, records * 2, embedded_text=False)
    assert found == []
    assert report.skipped == {media: 2}


WORDS = [f"mot{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
A, B = " ".join(WORDS[:13]), " ".join(WORDS[13:])
RUN = f"{A} {B}"


def xhtml_as_html(page: bytes) -> bytes:
    return bytes(as_html(page, "application/xhtml+xml"))


def text(page: str) -> str:
    made = text_of_page(page.encode())
    assert made == reference_page_text(page.encode())
    return " ".join(made.decode().split())


@pytest.mark.parametrize("seeds", [range(400), pytest.param(range(400, 40_000), marks=pytest.mark.full)])
def test_random_pages_have_the_text_that_the_published_code_makes(seeds: range) -> None:
    for seed in seeds:
        page = soup(seed)
        assert text_of_page(page) == reference_page_text(page), seed


@pytest.mark.real_data
def test_real_pages_have_the_text_that_the_published_code_makes(real_data: Path) -> None:
    paths = [*(real_data / "html").rglob("*.html"), *(real_data / "html").rglob("*.html.gz")]
    assert len(paths) == 15
    for path in paths:
        page = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        made = text_of_page(page)
        assert made == reference_page_text(page), path.name
        assert len(made) > 1_000


SECTIONS = ("details", "dialog", "dir", "hgroup", "legend", "listing", "main", "menu", "optgroup", "option")


@cases("element", [*SECTIONS, "search", "section", "select", "summary", "xmp"])
def test_words_behind_an_element_do_not_run_into_it(element: str) -> None:
    assert RUN in text(f"<div><{element} open>x</{element}>{RUN}</div>")
    assert RUN in text(f"<div>{RUN}<{element} open>x</{element}>suite</div>")


@cases("element", ["title", "noembed", "noframes", "template", "noscript", "datalist", "textarea"])
def test_content_that_is_not_shown_is_searched_and_does_not_run_into_what_is(element: str) -> None:
    assert RUN in text(f"<p>avant</p><div><{element}>x</{element}>{RUN}</div>")
    assert RUN in text(f"<p>avant</p><div>a<{element}>{RUN}</{element}>b</div>")
    assert RUN in text(f"<p>{A} <{element}>x y z</{element}> {B}")


@cases(
    "replaced",
    [
        "<img>", "<img alt=x>", "<input>", "<iframe></iframe>", "<video>x</video>", "<audio>x</audio>",
        "<embed>", "<svg><title>x</title></svg>", "<canvas>x</canvas>", "<object></object>",
        "<label></label>", "<button></button>", "<span style=display:inline-block></span>",
    ],
)  # fmt: skip
def test_a_replaced_element_separates_words_and_joins_the_letters_of_one(replaced: str) -> None:
    assert RUN in text(f"<p>{A}{replaced}{B}</p>")
    if "x<" not in replaced:
        assert RUN in text(f"<p>{RUN.replace('motm', f'mo{replaced}tm')}</p>")


HIDING = {
    "attribute": "<span hidden>{}</span>",
    "until found": "<button hidden=until-found>{}</button>",
    "style": "<span style='color:red;display:none'>{}</span>",
    "important": "<span style='DISPLAY: none !important'>{}</span>",
    "invisible": "<b style=visibility:hidden>{}</b>",
    "class": "<i class='a sr-only'>{}</i>",
    "own class": "<i class='ferme'>{}</i>",
    "own id": "<i id=ferme>{}</i>",
    "own element": "<rb>{}</rb>",
    "svg": "<svg><title>{}</title><desc>{}</desc><path d=a /></svg>",
    "nested": "<span hidden><span>{}</span> {}</span>",
    "unclosed inside": "<span hidden><b>{} <i>{}</span>",
    "template": "<template><p>{}<p>{}</template>",
    "noscript": "<noscript><img> {}</noscript>",
}
OWN = "<style>/* a */ p.b, .ferme, div .c { color: red; display: none } #ferme,rb{visibility:hidden}</style>"


@cases("name", HIDING)
def test_hidden_words_do_not_split_a_run_that_is_seen_and_are_searched_with_it(name: str) -> None:
    hidden = HIDING[name].replace("{}", "cache secret")
    made = text(f"{OWN}<p>{A} {hidden} {B}</p>")
    assert RUN in made
    mixed = HIDING[name].replace("{}", " ".join(WORDS[5:8]), 1).replace("{}", "")
    assert " ".join(WORDS[:22]) in text(f"{OWN}<p>{' '.join(WORDS[:5])} {mixed} {' '.join(WORDS[8:])}</p>")


@cases(
    "page",
    [
        "<ul><li hidden>a<li>{}</ul>",
        "<p hidden>a<div>{}</div>",
        "<p hidden>a<p>{}",
        "<div><span hidden>a</div>{}",
        "<table><tr><td hidden>a<td>{}</table>",
        "<table><tr hidden><td>a<tr><td>{}</table>",
        "<dl><dt hidden>a<dd>{}</dl>",
        "<select><option hidden>a<option>{}</select>",
        "<section><h2 hidden>a</h2>{}</section>",
        "<object>a <b hidden>b</object>{}",
        "<table><tr><td>a <b hidden>b<td>{}</table>",
        "<fieldset><i hidden></fieldset><table><tr><td>{}</table>",
        "<a hidden>b<div>c</div><a>{}</a>",
        "<form hidden>b<div><form>c</form>d</div>{}</form>",
        "<form><form hidden>{}</form>",
        "<dialog>b<p>c</dialog>{}",
        "<svg><title>a</svg>{}",
        "<details><summary>{}</summary>b</details>",
        "<span style=visibility:hidden>a<b style=visibility:visible>{}</b></span>",
        "<style>@media print{{.x{{display:none}}}}</style><p class=x>{}",
        "<span hidden style=display:block>{}</span>",
        "<dialog open>{}</dialog>",
        "<table hidden=until-found><tr><td>{}</table>",
        "<table><tr hidden=until-found><td>{}</table>",
        "<div style='display: table' hidden=until-found>{}</div>",
        "<div style='display: contents' hidden=until-found>{}</div>",
    ],
)
def test_words_behind_a_hidden_element_whose_end_is_implied_are_seen(page: str) -> None:
    made = text(page.format(f"{A} <b hidden>cache</b> {B}"))
    assert made.startswith((RUN, f"a {RUN}"))


def test_a_formatting_element_that_hides_goes_on_behind_the_block_in_which_it_began() -> None:
    made = text(f"<p>a <b hidden>b</p>{A}<p>{A}</b>{B}")
    assert made.startswith(f"a {B}")
    assert f"{A} {A}" in made


@cases(
    "page",
    [
        "<p style=display:flex>{}<u><i></u>{}</p>",
        "<p style=display:flex>{}<b hidden>cache <i>secret</b>{}</p>",
        "<p style=display:flex>{}<img>{}</p>",
        "<p style=display:inline-grid>{}<input>{}</p>",
        "<p style=display:flex>{}<iframe></iframe>{}</p>",
        "<p style=display:flex>{}<textarea></textarea>{}</p>",
        "<p style=display:flex>{}<slot><b>{}</b></slot></p>",
        "<p style=display:flex>{}<span style=display:contents><b>{}</b></span></p>",
        "<details style=display:inline><summary>{}</summary>cache</details>{}",
        "<legend style=display:inline>{}</legend>{}",
        "<dialog open style=display:inline>{}</dialog>{}",
        "<option style=display:inline>{}</option>{}",
        "<span style=visibility:hidden><div style=visibility:visible>{}</div></span>{}",
        "{}<b hidden>cache<p>secret</b>{}</p>",
    ],
)
def test_words_of_two_boxes_are_two_words(page: str) -> None:
    assert text(page.format(A, B)).startswith(RUN)


def test_a_formatting_element_that_goes_on_in_a_flex_box_is_one_box() -> None:
    word = RUN.replace("motm", "mo<b>tm</b>")
    assert RUN in text(f"<p style=display:flex>a<u><i></u>{word}</p>")


def test_a_page_without_hidden_words_has_each_word_once() -> None:
    assert text(f"<title>t</title><div class=hidden><p style='color:red'>{RUN}</p></div>") == RUN


def test_xhtml_is_read_as_browsers_read_it() -> None:
    page = (
        f'<!DOCTYPE html [<!ENTITY debut "{A} &milieu;"><!ENTITY milieu "{WORDS[13]}">]>'
        f"<html><body><p>&debut; <![CDATA[{' '.join(WORDS[14:])} a < b & c]]></p><i/>"
        "<span style='display:none'/><script src='a'/><p>fin</p></body></html>"
    ).encode()
    assert xhtml_as_html(page) == PUBLISHED.xhtml_as_html(page)
    made = text(xhtml_as_html(page).decode())
    assert f"{RUN} a < b & c fin" in made


@pytest.mark.parametrize("beginning", [b"<![CDATA[", b"<!DOCTYPE["])
def test_a_million_parts_of_xhtml_that_never_close_are_left_as_they_are(beginning: bytes) -> None:
    # Anything that takes more than linear time would never end.
    assert xhtml_as_html(beginning * 1_000_000) == beginning * 1_000_000


@pytest.mark.parametrize("as_html", [xhtml_as_html, PUBLISHED.xhtml_as_html])
def test_entities_that_multiply_do_not_fill_the_memory(as_html: Callable[[bytes], bytes]) -> None:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 50}">' for i in range(20))
    page = f'<!DOCTYPE html [<!ENTITY e0 "ha">{entities}]><p>{"&e20;" * 100} fin</p>'.encode()
    assert len(as_html(page)) <= 5 * len(page)


@pytest.mark.parametrize(
    "hostile",
    [
        "<div hidden>" + "<b>" * 300 + "</x>" * 30_000,
        "<div hidden>a</div>b" * 10_000,
        "<img>b" * 30_000,
        "<style>" + ".a{display:none}" * 20_000 + "</style><p class=a>b",
        "<style>" + "{" * 100_000,
        "<style>/*" * 30_000,
        '<p style="' + "display:none;" * 30_000 + '">a',
        "<p class='" + "a " * 100_000 + "'>a",
        "<svg>" * 100_000 + "a",
        "hidden style" * 20_000,
        "<span hidden>" * 50_000 + "a",
    ],
    ids=range(11),
)
def test_the_text_of_a_hostile_page_is_bounded_and_that_of_the_published_code(hostile: str) -> None:
    page = hostile.encode()
    made = text_of_page(page)
    assert len(made) <= 3 * len(page)
    assert made == reference_page_text(page[:3_000]) or len(page) > 3_000


def test_the_lists_of_elements_are_those_of_the_published_code() -> None:
    table = load_tags()
    bits = {
        "SPECIAL": tags.SPECIAL, "SCOPE": tags.SCOPE, "VOID": tags.VOID, "CLOSES_P": tags.CLOSES_P,
        "HIDES": tags.HIDES, "HIDES_RAW": tags.HIDES_RAW, "HIDES_IN_FOREIGN": tags.HIDES_IN_FOREIGN,
        "FORMATTING": tags.FORMATTING, "UNPUSHED": tags.UNPUSHED, "BREAKS_OUT": tags.BREAKS_OUT,
        "IN_SVG": tags.IN_SVG, "IN_MATH": tags.IN_MATH,
    }  # fmt: skip
    names = {
        int(first).to_bytes(8, "little").rstrip(b"\0") + int(second).to_bytes(8, "little").rstrip(b"\0"): int(
            kind
        )
        for first, second, kind in zip(*table, strict=True)
        if first
    }
    for name, bit in bits.items():
        assert {each for each, kind in names.items() if kind & bit} == getattr(PUBLISHED, name), name
    assert {each for each, kind in names.items() if kind & 3 == tags.HARD} == PUBLISHED.BLOCK
    assert {each for each, kind in names.items() if kind & 3 == tags.SOFTLY} == PUBLISHED.SOFT

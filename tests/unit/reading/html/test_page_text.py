"""The text of a page is the one that a third party makes with the published code, byte for byte."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from presswatch_spark.reading.html import tags
from presswatch_spark.reading.html.markup import text_of_page
from presswatch_spark.reading.html.tags import load_tags
from presswatch_spark.reading.http.message import as_html
from tests.reference.page_text import PUBLISHED, reference_page_text
from tests.world.soups import soup

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


@pytest.mark.parametrize("element", [*SECTIONS, "search", "section", "select", "summary", "xmp"])
def test_words_behind_an_element_do_not_run_into_it(element: str) -> None:
    assert RUN in text(f"<div><{element} open>x</{element}>{RUN}</div>")
    assert RUN in text(f"<div>{RUN}<{element} open>x</{element}>suite</div>")


@pytest.mark.parametrize(
    "element", ["title", "noembed", "noframes", "template", "noscript", "datalist", "textarea"]
)
def test_content_that_is_not_shown_is_searched_and_does_not_run_into_what_is(element: str) -> None:
    assert RUN in text(f"<p>avant</p><div><{element}>x</{element}>{RUN}</div>")
    assert RUN in text(f"<p>avant</p><div>a<{element}>{RUN}</{element}>b</div>")
    assert RUN in text(f"<p>{A} <{element}>x y z</{element}> {B}")


@pytest.mark.parametrize(
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


@pytest.mark.parametrize("name", HIDING)
def test_hidden_words_do_not_split_a_run_that_is_seen_and_are_searched_with_it(name: str) -> None:
    hidden = HIDING[name].replace("{}", "cache secret")
    made = text(f"{OWN}<p>{A} {hidden} {B}</p>")
    assert RUN in made
    mixed = HIDING[name].replace("{}", " ".join(WORDS[5:8]), 1).replace("{}", "")
    assert " ".join(WORDS[:22]) in text(f"{OWN}<p>{' '.join(WORDS[:5])} {mixed} {' '.join(WORDS[8:])}</p>")


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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

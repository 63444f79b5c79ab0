"""Text that pages embed in scripts and attributes, feeds and JSON, as a parser of each would read it."""

import html
import importlib
import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.locators import EMBEDDED_SOURCES, TextSource
from presswatch_spark.reading.html.embedded_text import DEPTH
from presswatch_spark.reading.html.reader import TextReader
from presswatch_spark.reading.http.message import data_source, kind_of_content
from presswatch_spark.reading.text.word_kernels import Bytes
from tests.world.commands import copied
from tests.world.proofs import cases, each_time
from tests.world.prose import folded
from tests.world.warc import page, read_warc

READER = TextReader()
WORDS = [f"mot{number}" for number in range(400)]
LONG = " ".join(WORDS[:14])
ODD = 'l’été à Paris \U0001f600 «\u00a0oui\u00a0» 50 % d\'un "mot" \\ fin/début & co deux trois quatre'


def embedded(markup: str | bytes, source: TextSource = "script") -> str:
    data = markup.encode("utf-8", "surrogatepass") if isinstance(markup, str) else markup
    return text_of(data, source).tobytes().decode("utf-8", "replace")


def text_of(data: bytes, source: TextSource) -> Bytes:
    texts = READER.read(data, source if source in ("feed", "json") else None)
    start, end = texts.embedded.get(source, (0, 0))
    return READER.taken()[start:end]


def located(markup: str, source: TextSource) -> list[tuple[str | None, str, str]]:
    """The path of each string of a source, its literal in the page, and what became of it."""
    data = markup.encode()
    text = np.frombuffer(embedded(markup, source).encode(), np.uint8)
    whole = text.tobytes().decode()
    return [
        (
            each["path"],
            data[each["start"] : each["end"]].decode(),
            whole[each["document_start"] : each["document_end"]],
        )
        for each in READER.strings(data, source, text)
    ]


def words(text: str | bytes) -> list[str]:
    return folded(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


def in_string(text: str, times: int) -> str:
    for _ in range(times):
        text = json.dumps({"a": text})
    return text


@cases(
    ("markup", "source"),
    [
        ('<script type="application/ld+json">{"@graph": [{"articleBody": %s}]}</script>', "json_ld"),
        ("<script type='application/ld+json'>\n[{'articleBody': 1, \"text\": %s}]</script>", "json_ld"),
        ('<SCRIPT TYPE=application/ld+json>{"a": %s}</SCRIPT>', "json_ld"),
        ('<script id="__NEXT_DATA__" type="application/json">{"props": [%s]}</script>', "script"),
        ("<script>window.__NUXT__={data:[{a:%s}],b:1};var don = 't'</script>", "script"),
        ("<script>// l'eau \"\nvar a = /[\"']/g, b = 'c'; f(%s)</script>", "script"),
        ("<script>self.__next_f.push([1,%s])</script>", "script"),
        ("<script>a = 'l\\'eau' + \"x\"\nb=%s</script>", "script"),
        ('<svg><path d=\'M0 0\'/></svg><script>{"a":"","b":%s}</script>', "script"),
    ],
)
@cases("ascii_only", [True, False])
def test_a_string_in_a_script_is_read_as_its_parser_reads_it(
    markup: str, source: TextSource, ascii_only: bool
) -> None:
    literal = json.dumps(ODD, ensure_ascii=ascii_only).replace("</", "<\\/").replace("/", "\\/")
    assert " ".join(words(ODD)) in " ".join(words(embedded(markup % literal, source)))


@cases(
    ("literal", "expected"),
    [
        (f"'{LONG} l\\'eau \\x41\\u{{e9}} \\\nfin'", f"{LONG} l'eau Aé fin"),
        (f"`{LONG}\n\\`a\\` \"b\" 'c'`", f"{LONG} `a` \"b\" 'c'"),
        (f'"{LONG} \\ud83d\\ude00 \\ud83d \\u00e9t\\u00c9\\n\\tx"', f"{LONG} \U0001f600 \ufffd étÉ\n x"),
        (f'"<p>{LONG} <b>gr</b>as &amp;amp; a</p><script>x<\\/script><p>fin"', f"{LONG} gras & a\nfin"),
        (f'"&lt;p&gt;{LONG} &lt;i&gt;mo&lt;/i&gt;t &amp;eacute;"', f"{LONG} mot é"),
        (f'"\\u003cp\\u003e{LONG}\\u003c/p\\u003e"', LONG),
        (f'"{LONG} 1 < 2 & 3 > 2 R&D"', f"{LONG} 1 < 2 & 3 > 2 R&D"),
        (f'"[Vidéo] {LONG}: \\"oui, (non)\\""', f'[Vidéo] {LONG}: "oui, (non)"'),
    ],
)  # fmt: skip
def test_escapes_references_and_markup_of_a_string_are_decoded(literal: str, expected: str) -> None:
    assert embedded(f"<script>var a = {literal};</script>").split() == expected.split()


@cases("times", range(1, DEPTH + 1))
def test_data_in_strings_of_data_are_read_to_a_depth(times: int) -> None:
    nested = json.dumps(in_string(ODD, times - 1)).replace("/", "\\/")
    assert words(embedded(f"<script>JSON.parse({nested})</script>")) == words(ODD)
    long = " ".join(WORDS * 20)
    assert words(embedded(in_string(long, times), "json")) == words(long)
    flight = json.dumps(f'5:["$","p",null,{{"children":{json.dumps(ODD)}}}]\n6:T5d2,' + LONG)
    found = " ".join(words(embedded(f"<script>self.__next_f.push([1,{flight}])</script>")))
    assert " ".join(words(ODD)) in found
    assert LONG in found


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_third_party_decodes_escapes_as_often_as_the_parser(
    times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(copied(tmp_path))
    check = importlib.import_module("check")
    text = rf"{LONG} le code \x41 ou \u0042, et \n"
    literal = json.dumps(text)
    for _ in range(times - 1):
        literal = json.dumps(f"[{literal}]")
    page = f"<script>JSON.parse({literal})</script>".encode()
    begin, end = page.index(b'"'), page.rindex(b'"')
    row = {"text_strings": [{"start": begin + 1, "end": end}]}
    assert words(embedded(page)) == words(text)
    assert words(check.strings_in(row, page, times)) == words(text)


ARTICLE = f"{LONG} l’été \\ \U0001f600 «\u00a0oui\u00a0» {LONG}"
JOINED = {
    "CDATA sections": "<a><c><![CDATA[{}]]><![CDATA[{}]]>\n</c></a>",
    "CDATA before text": "<a><c><![CDATA[{}]]>{}</c></a>",
    "CDATA after text": "<a><c>\n{}<![CDATA[{}]]></c><d>e</d></a>",
    "a comment": "<a><c>{}<!-- d e -->{}</c></a>",
    "inline elements": "<a><c>{}<b></b><x:i f='g'/>{}</c></a>",
    "CDATA in a paragraph": "<a><p>{}<![CDATA[{}]]></p></a>",
}


@cases("feed", JOINED.values())
def test_a_word_in_two_pieces_of_a_feed_is_read_and_located_as_one(
    feed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(copied(tmp_path))
    check = importlib.import_module("check")
    for cut in (0, 2, 20, len(ARTICLE)):
        page = feed.format(ARTICLE[:cut], ARTICLE[cut:])
        assert words(embedded(page, "feed")) == words(ARTICLE)
        [(path, literal, _)] = located(page, "feed")
        assert path in ("c", "p")
        start = page.encode().index(literal.encode())
        row = {"text_strings": [{"start": start, "end": start + len(literal.encode())}]}
        assert words(check.strings_in(row, page.encode(), 0)) == words(ARTICLE)


def test_neighbours_in_a_feed_that_are_no_pieces_stay_apart() -> None:
    apart = "<a><b>un deux</b></a><c>{0}</c><c>{0}</c><![CDATA[{0}]]>\n<![CDATA[{0}]]>"
    assert words(embedded(apart.format(LONG), "feed"))[-56:] == words(LONG) * 4


def streamed(stream: str, cuts: list[int]) -> str:
    pieces = [stream[i:j] for i, j in itertools.pairwise([0, *cuts, len(stream)])]
    push = "<script>self.__next_f.push([1,%s])</script><div>x</div><script>a('b c', 'd')</script>"
    return "".join(push % json.dumps(each).replace("<", "\\u003c") for each in pieces)


@cases("size", [1, 2, 7, 40, 300, 5_000])
def test_a_stream_in_several_scripts_is_read_and_located_as_one(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(copied(tmp_path))
    check = importlib.import_module("check")
    markup = f"<p class='a b'>{ARTICLE.replace('mot5', 'm<b>o</b>t5')}</p>"
    tree = json.dumps(["$", "p", None, {"children": ARTICLE, "c": ["$", {"__html": markup}]}])
    stream = f'1:"$a"\n6:T{len(ARTICLE.encode()):x},{ARTICLE}5:{tree}\n7:T{len(markup.encode()):x},{markup}'
    page = streamed(stream, [*range(size, len(stream), size)])
    assert words(embedded(page)) == 4 * words(ARTICLE)
    for path, literal, text in located(page, "script"):
        start = page.encode().index(literal.encode())
        row = {"text_strings": [{"start": start, "end": start + len(literal.encode())}]}
        assert words(text) in [words(check.strings_in(row, page.encode(), depth)) for depth in (1, 2)]
        assert path is None
    # Neither a wrong length nor a cut loses words.
    for wrong in (f"6:T{size},{ARTICLE}", f"6:Tffff,{ARTICLE}", f"6:T,{ARTICLE}", f"6:{ARTICLE}", ARTICLE):
        assert " ".join(words(LONG)) in " ".join(words(embedded(streamed(wrong, [30])[:-40])))


@cases("kind", ["text/template", "text/x-template", "text/html", 'text/x-handlebars-template" id="a'])
@cases("begin", ["", "{{#if a}}", "\n<p>", "l'eau "])
def test_templates_in_scripts_are_markup_wherever_it_begins(kind: str, begin: str) -> None:
    template = f'<script type="{kind}">{begin}{LONG}<br>l\'<b>é</b>t&eacute; {LONG}</script>'
    assert " ".join(words(f"{LONG} l'été {LONG}")) in " ".join(words(embedded(template)))
    code = f"<script id='a-template'>x = {json.dumps(ODD)}</script>"
    assert " ".join(words(ODD)) in " ".join(words(embedded(code)))


def test_strings_near_a_long_one_are_kept_and_others_are_not() -> None:
    texts = [LONG, "Oui, dit-il.", "Non !", LONG.replace("mot", "met")]
    blocks = json.dumps([{"type": "text", "content": text} for text in texts])
    far = json.dumps(
        {"b": "x" * 300, "a": "un court texte", "c": "https://a.example/b-c-d-e/f.g?h=i&j=k/l/m/n/o"}
    )
    found = embedded(f"<script>{blocks}</script><script>x = {far}</script>")
    assert found.split("\n") == [text for text in texts if " " in text]


@cases("shift", range(0, 64, 9))
def test_addresses_and_codes_never_join_strings_wherever_they_are(shift: int) -> None:
    address = "https:\\/\\/a.example\\/b-c-d?e=f&g=h.i/" + "j" * 80
    strings = ["un court texte", *[address] * 3, "id", LONG, "deux\\/trois mots"]
    script = ",".join(f'"{text}"' for text in strings)
    assert embedded(f"<script>{';' * shift}var a = [{script}];</script>").split("\n") == [
        LONG,
        "deux/trois mots",
    ]


@cases(
    ("markup", "expected"),
    [
        ('<meta name=description content="{}">', True),
        ("<META content='{}' property='og:description' />", True),
        ('<img class="a" src="/a.jpg" alt = "{}">', True),
        ('<p title="{}" hidden>', True),
        ('<button aria-label="{}">', True),
        ('<iframe srcdoc="&lt;p&gt;{}&lt;/p&gt;"></iframe>', True),
        ('<div data-props="{{&quot;a&quot;:[0,&quot;{}&quot;]}}">', True),
        ('<astro-island props=\'{{"a":[0,"{}"]}}\'>', True),
        ('<p class="{}">', False),
        ('<p style="{}">', False),
        ('<img srcset="{}">', False),
        ('<a href="/{}">', False),
        ("<!-- <p title='{}'> -->", False),
        ("<p title='{}", False),
    ],
)
@cases("before", ["", "<p>avant le texte</p>" * 9])
def test_attributes_with_text_are_read(markup: str, expected: bool, before: str) -> None:
    value = f"{LONG} l&#39;&eacute;t&eacute;"
    assert (words(embedded(before + markup.format(value), "attribute")) == words(f"{LONG} l'été")) is expected


RSS = """<?xml version="1.0"?><rss><channel><title>Journal</title><link>https://a.example</link>
<item><title>Titre</title><description>{0}</description><content:encoded><![CDATA[{1}]]></content:encoded></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><!-- <p>{0}</p> --><entry><summary>{0}</summary>
<content type="xhtml"><div><p>{1}</p></div></content></entry></feed>"""


def test_a_text_after_half_a_million_nodes_of_a_feed_is_read() -> None:
    assert words(embedded("<a>" * 600_000 + f"<title>{LONG}</title>", "feed")) == words(LONG)


@pytest.mark.parametrize("feed", [RSS, ATOM])
def test_feeds_are_read_with_the_markup_in_them(feed: str) -> None:
    second = "<b>" + LONG.replace("mot", "m<i>e</i>t") + "</b> l&#8217;eau"
    first = html.escape(f"<p>{LONG} l'eau<br>vive &amp; bleue</p>")
    found = embedded(feed.format(first, second), "feed")
    assert f"{LONG} l'eau\nvive & bleue" in found
    assert f"{LONG.replace('mot', 'met')} l’eau" in found
    assert "<" not in found
    assert found.count("mot5") == 1


def random_json(rng: random.Random, depth: int = 0) -> Any:
    pick = rng.random()
    if pick < 0.45 or depth == 6:
        words = rng.choices(
            ["mot", "été", "l'eau", "«", "»", "\n", '"', "\\", "😀", "a/b", "—", "\u00a0"],
            k=rng.randrange(40),
        )
        return " ".join(words)
    if pick < 0.6:
        return rng.choice([1, -2.5e3, None, True, "", "https://a.example/b?c=d"])
    values = [random_json(rng, depth + 1) for _ in range(rng.randrange(5))]
    return values if pick < 0.8 else {f"k {number}\"'": value for number, value in enumerate(values)}


def long_strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for each in value for text in long_strings(each)]
    return [value] if isinstance(value, str) and len(words(value)) >= 11 else []


def test_every_string_of_eleven_words_of_random_json_is_in_the_text() -> None:
    rng, found = random.Random(5), 0
    for number in range(600):
        value = random_json(rng)
        written = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 2]))
        markup = f"<script type=application/json>{written}</script>"
        if number % 3 == 1:
            markup = f"<script>window.x = {written}; it('s')</script>"
        if number % 3 == 2:
            markup = f"<script>window.x = JSON.parse({json.dumps(written)})</script>"
        text = " ".join(words(embedded(markup)))
        for string in long_strings(value):
            assert " ".join(words(string)) in text, (number, string)
            found += 1
    assert found > 600


@pytest.mark.parametrize("size", each_time([500_000], [500_000, 2_000_000]))
@cases(
    "unit",
    ['"', "'", "`", "\\", '\\"', '"\\', "[", '{"', "[[\"", "{'", '"a b', " '\n", "<", "&", "&lt;", "<p>",
     "<script>", "<script>\"", "<p title='", '<p title="a', "<![CDATA[", "=\"/", "\"<a &", "\\u", '":"',
     "a<![CDATA[b]]>", '<script>self.__next_f.push([1,"', '<script>self.__next_f.push([1,"a b"])</script>'],
)  # fmt: skip
def test_hostile_pages_are_read(unit: str, size: int) -> None:
    # Anything that takes more than linear time would never end.
    for around in ("{}", "<script>{}", '<script type="application/json">"{}', '<p alt = "{}'):
        hostile = around.format(unit * (size // len(unit)))
        assert len(embedded(hostile)) <= 8 * len(hostile), around
        for source in ("feed", "json"):
            assert len(embedded(hostile, source)) <= 8 * len(hostile), around  # type: ignore[arg-type]


@pytest.mark.parametrize("count", each_time([800], [800, 3_000]))
def test_random_bytes_between_quotes_never_fail(count: int) -> None:
    rng = random.Random(7)
    pieces = ["\\u00e9", " mot", "<p>", "&lt;", "\xff", "\n", "<script>", "</script>", " alt='"]
    pieces += [*"\"'`\\{}[],:", '<script>self.__next_f.push([1,"', '"])</script>', "<![CDATA[", "]]>", "<b>"]
    pieces += ["6:T3f", '<script>self.__next_f.push([1,"6:T3f,']
    for _ in range(count):
        data = "".join(rng.choices(pieces, k=rng.randrange(200))).encode("latin-1")
        assert len(located_bytes(data)) >= 0


@pytest.mark.parametrize(
    "row", ["6:T3f", "6:T3fff,", "6:T3fff,mot", "6:T", "6:", "6:Tffffffff,", "T3f", "6:T3f,"]
)
def test_a_row_with_a_wrong_length_ends_with_its_line_or_the_stream(row: str) -> None:
    assert embedded(f'<script>self.__next_f.push([1,"{row}') == ""
    joined = embedded(f'<script>self.__next_f.push([1,"{row}\\n7:\\"{LONG}\\""])</script>')
    assert words(LONG) == words(joined)[-14:]


def located_bytes(data: bytes) -> list[object]:
    found = list[object]()
    for source in EMBEDDED_SOURCES:
        text = text_of(data, source)
        strings = READER.strings(data, source, text)
        assert all(0 <= a["start"] < a["end"] <= len(data) for a in strings)  # type: ignore[operator]
        places = [(a["document_start"], a["document_end"]) for a in strings]
        assert places == sorted(places)
        assert not len(text) or places[-1][1] == len(text.tobytes().decode("utf-8", "replace"))
        found += strings
    return found


def test_a_place_points_at_the_literal_with_its_path() -> None:
    body, other = json.dumps(ODD), json.dumps(in_string(LONG, 1))
    linked = f'<script type="application/ld+json">[{{"@type": "Article", "a-b": [0, "x", {body}]}}]</script>'
    [(path, literal, text)] = located(f"<p>é</p>{linked}", "json_ld")
    assert (path, json.loads(f'"{literal}"'), text.strip()) == ('$[0]["a-b"][2]', ODD, ODD)
    (first, second) = located(f"<script>window.x={{data:{{y:{body}}},z:[1,{other}]}};</script>", "script")
    assert (first[0], second[0], json.loads(json.loads(f'"{second[1]}"'))["a"]) == (
        "$.data.y",
        "$.z[1]",
        LONG,
    )
    wrapped = f'<script>//<![CDATA[\nvar x={{"b":"{LONG}"}}//]]></script>'
    assert located(wrapped, "script") == [("$.b", LONG, LONG)]
    markup = f"<meta name='description' content='{LONG} &eacute;'><img alt='{LONG} &amp;'>"
    assert located(markup, "attribute") == [
        ("meta[description]", f"{LONG} &eacute;", f"{LONG} é\n"),
        ("img[alt]", f"{LONG} &amp;", f"{LONG} &"),
    ]
    assert [path for path, _, _ in located(RSS.format(LONG, LONG), "feed")] == [
        "description",
        "content:encoded",
    ]
    assert located(json.dumps({"a": [LONG]}), "json") == [("$.a[0]", LONG, LONG)]
    # Anything that takes more than linear time would never end.
    hostile = "'" + "\\'" * 250_000 + f'\nb={{a:"{LONG}"}}'
    assert located(f"<script>{hostile}</script>", "script") == [("$.a", LONG, LONG)]
    [first, *_, last] = located("<meta" + f" title='{LONG}'" * 5_000 + ">", "attribute")
    assert (first[0], last[0]) == ("meta[title]", "meta[title]")


FEEDS = ["application/rss+xml", "application/atom+xml", "text/xml", "application/rdf+xml; charset=utf-8"]


@cases("media", [*FEEDS, "application/json", "application/ld+json", "application/feed+json"])
def test_feeds_and_json_are_read_as_pages_with_embedded_text_only(tmp_path: Path, media: str) -> None:
    body = RSS.format(LONG, ODD.replace("&", "&amp;")) if "xml" in media else json.dumps([LONG, ODD])
    records = [page(body.encode(), f"Content-Type: {media}", url="https://x.example/flux"), page(b"<p>un")]
    found, report = read_warc(tmp_path, records)
    source = "feed" if "xml" in media else "json"
    assert [each.locator.text_source for each in found] == ["visible", source, "visible"]
    assert found[0].text == b""
    assert words(found[1].text)[-27:] == words(f"{LONG} {ODD}")[-27:]
    assert (report.documents, report.skipped, report.unread) == (2, {}, {})
    found, report = read_warc(
        tmp_path, [page(b"<rss/>" if "xml" in media else b"{}", f"Content-Type: {media}")]
    )
    assert (found, report.skipped) == ([], {media.partition(";")[0]: 1})


@cases("media", ["text/html", "text/plain", "application/xhtml+xml"])
@cases("source", ["feed", "json"])
def test_feeds_and_json_called_pages_are_read_as_both(tmp_path: Path, media: str, source: str) -> None:
    text = f"{LONG} l'été «\u00a0à\u00a0» l'aube {LONG}"
    feed = RSS.format(html.escape(f"<p>{text}</p>"), f"{text}]]><![CDATA[&eacute;")
    body = feed if source == "feed" else json.dumps({"a": [text, f"{text}\u00e9"]})
    found, report = read_warc(tmp_path, [page(body.encode(), f"Content-Type: {media}")])
    assert [each.locator.text_source for each in found] == ["visible", source]
    assert words(found[1].text)[-2 * len(words(text)) :] == words(f"{text} {text}é")
    assert (report.documents, report.skipped, report.unread) == (1, {}, {})
    found, _ = read_warc(tmp_path, [page(body.encode(), f"Content-Type: {media}")], embedded_text=False)
    assert [each.locator.text_source for each in found] == ["visible"]


def test_embedded_documents_follow_their_page_and_count_as_no_page(tmp_path: Path) -> None:
    script = f'<script type="application/ld+json">{json.dumps({"articleBody": ODD})}</script>'
    bodies = [f"{script}<p>un <b hidden>deux</b>", "<p>trois", f"<script>x = {{'a': '{LONG}'}}</script>"]
    records = [page(body.encode(), url=f"https://x.example/{n}") for n, body in enumerate(bodies)]
    found, report = read_warc(tmp_path, records)
    assert [(each.url[-1], each.locator.text_source) for each in found] == [
        ("0", "visible"), ("0", "json_ld"), ("1", "visible"), ("2", "visible"), ("2", "script"),
    ]  # fmt: skip
    assert (report.documents, report.unread, report.notes) == (3, {}, [])
    found, report = read_warc(tmp_path, records, embedded_text=False)
    assert [each.url[-1] for each in found] == ["0", "1"]


@cases("media", ["image/svg+xml", "text/html", None, "text/javascript", "application/pdf"])
def test_other_types_are_no_data(media: str | None) -> None:
    body = b"no data"
    assert data_source(kind_of_content(media, body), media, body) is None


WORD_BETWEEN = {
    "in objects": [{"type": "text", "content": each} for each in (LONG, "Bref.", "Étonnant\\!", "AFP", LONG)],
    "at both ends": [{"id": n, "content": each} for n, each in enumerate(("PARIS", LONG, "AFP"))],
    "in an array": [LONG, "Bref.", "\u00c9tonnant\u2009!", LONG],
    "between short ones": [{"content": each} for each in (LONG, "Oui mais non.", "Bref.", "Ah bon ?")],
}


@cases("blocks", WORD_BETWEEN.values())
def test_a_paragraph_of_one_word_stays_between_its_neighbours(blocks: Any) -> None:
    paragraphs = [each["content"] if isinstance(each, dict) else each for each in blocks]
    for levels, indent in itertools.product((0, 1, 2), (None, 2)):
        data = in_string(json.dumps({"a": blocks}, indent=indent), levels)
        for text in (embedded(f"<script>x = {data}; y()</script>"), embedded(data, "json")):
            assert words(text) == words("\n".join(paragraphs)), (levels, indent)


def test_codes_near_a_text_are_not_read() -> None:
    blocks = [{"type": "text", "content": LONG}, {"type": "embed", "slug": "photo"}, {"content": LONG}]
    assert words(embedded(f"<script>x = {json.dumps(blocks)}</script>")) == 2 * words(LONG)
    assert words(embedded(f"<script>x = {json.dumps([LONG, 'slug', 'b', LONG])}</script>")) == 2 * words(LONG)

"""Embedded text: pages with an article in one place only, and the strings of real pages, against a reference.

    python -m benchmarks.quality.embedded [--update]

Each generated page has one article in a script, an attribute, a feed or JSON, and other text around it. A run
of 11 words of the article counts as missed if no span of its row contains it. Real pages are read
by `html.parser` and `json`: each run of each string that these find must be in the embedded text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks.quality import material
from benchmarks.quality.product import presswatch, write_members
from benchmarks.speed.report import paragraph, table
from benchmarks.speed.result import commit
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc
from presswatch_spark.reading.html.reader import TextReader
from presswatch_spark.tables.store import TableStore
from tests.reference.pairs import pairs_with_common_run, runs_of

PAGES, ARTICLES, RUN = 2_000, 400, 11
Maker = Callable[[str, random.Random], str]


def _json(value: object, rng: random.Random) -> str:
    written = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, None, 2)))
    return written.replace("/", "\\/") if rng.random() < 0.3 else written.replace("</", "<\\/")


def _html(text: str) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))


def _nested(text: str, rng: random.Random) -> object:
    inside = {"content": {"fields": [{"headline": "Titre"}, {"body": text, "id": rng.randrange(10**6)}]}}
    return {"props": {"pageProps": {"ads": ["a b c", 1, None], "article": inside}}, "page": "/[slug]"}


def _script(kind: str, content: str) -> str:
    return f"<script{kind}>{content}</script>"


def _linked(value: object, rng: random.Random) -> str:
    return _script(' type="application/ld+json"', _json(value, rng))


def _blocks(text: str, rng: random.Random) -> str:
    blocks = [{"_id": f"x{n}", "type": "text", "content": line} for n, line in enumerate(text.split("\n"))]
    return _script("", f"var content = {_json({'content_elements': blocks, 'isPaid': True}, rng)};f()")


def _flight(text: str, rng: random.Random) -> str:
    row = f'5:["$","article",null,{{"children":{json.dumps(text)}}}]\n'
    return _script("", f"self.__next_f.push([1,{_json(row, rng)}])")


def _literal(text: str, rng: random.Random) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("</", "<\\/")
    return _script("", f"/* l'eau */var r=/[\"']/g;window.__NUXT__={{data:[{{body:'{escaped}',n:1}}]}};g()")


SCRIPTS: Mapping[str, Maker] = {
    "json_ld: `articleBody`": lambda text, rng: _linked({"@type": "NewsArticle", "articleBody": text}, rng),
    "json_ld: HTML in a graph": lambda text, rng: _linked({"@graph": [{"text": _html(text)}]}, rng),
    "json_ld: escaped HTML": lambda text, rng: _linked([{"articleBody": escape(_html(text))}], rng),
    "script: `__NEXT_DATA__`": lambda text, rng: _script(
        ' id="__NEXT_DATA__" type="application/json"', _json(_nested(text, rng), rng)
    ),
    "script: `window.x = {…}`": lambda text, rng: _script("", f"window.x={_json(_nested(text, rng), rng)}"),
    "script: literal of JavaScript": _literal,
    "script: paragraphs of a paywall": _blocks,
    "script: JSON in a string": lambda text, rng: _script(
        "", f"a=JSON.parse({_json(_json(_nested(text, rng), rng), rng)})"
    ),
    "script: JSON in JSON in a string": lambda text, rng: _script(
        "", f"a={_json({'b': _json({'c': _json(_nested(_html(text), rng), rng)}, rng)}, rng)}"
    ),
    "script: React flight": _flight,
    "script: AMP state": lambda text, rng: (
        f"<amp-state>{_script(' type=application/json', _json({'a': text}, rng))}</amp-state>"
    ),
}
ATTRIBUTES: Mapping[str, Maker] = {
    "attribute: `meta` description": lambda text, _: f'<meta name="description" content="{escape(text)}">',
    "attribute: `og:description`": lambda text, _: f"<META content='{escape(text)}' property=og:description>",
    "attribute: `alt`": lambda text, _: f'<p>a</p><img class="b c" src="/d.jpg" alt = "{escape(text)}">',
    "attribute: `title`": lambda text, _: f"<a href='/b' title='{escape(text)}'>lien</a>",
    "attribute: `aria-label`": lambda text, _: f'<button aria-label="{escape(text)}"></button>',
    "attribute: `srcdoc`": lambda text, _: f'<iframe srcdoc="{escape(_html(text))}"></iframe>',
    "attribute: JSON in `data-…`": lambda text, rng: (
        f'<div data-page="{escape(_json(_nested(text, rng), rng))}"></div>'
    ),
}
FEEDS: Mapping[str, Maker] = {
    "feed: RSS `content:encoded`": lambda text, _: (
        f"<rss><channel><item><title>Titre</title><content:encoded><![CDATA[{_html(text)}]]>"
        "</content:encoded></item></channel></rss>"
    ),
    "feed: RSS `description`": lambda text, _: (
        f"<rss><channel><item><description>{escape(_html(text))}</description></item></channel></rss>"
    ),
    "feed: Atom `content`": lambda text, _: (
        f'<feed><entry><content type="html">{escape(_html(text))}</content></entry></feed>'
    ),
    "feed: Atom XHTML": lambda text, _: (
        f'<feed><entry><content type="xhtml"><div>{_html(text)}</div></content></entry></feed>'
    ),
}
DATA: Mapping[str, Maker] = {
    "json: response": lambda text, rng: _json(_nested(text, rng), rng),
    "json: HTML in a response": lambda text, rng: _json([{"content": {"rendered": _html(text)}}], rng),
}
PLACES = {**SCRIPTS, **ATTRIBUTES, **FEEDS, **DATA}


def response(place: str, url: str, text: str, rng: random.Random) -> CannedResponse:
    """Return a response with a text in one place."""
    made, media = PLACES[place](text, rng), "text/html"
    if place in FEEDS:
        media = "application/rss+xml" if "RSS" in place else "application/atom+xml"
        body = f'<?xml version="1.0" encoding="utf-8"?>\n{made}'
    elif place in DATA:
        media, body = "application/json", made
    else:
        head, inside = ("", made) if rng.random() < 0.5 else (made, "")
        if place in ATTRIBUTES and "meta" not in made.lower():
            head, inside = "", made
        body = (
            f"<!doctype html><html><head><meta charset=utf-8><title>Titre</title>{head}</head><body>"
            f"<p>Abonnez-vous pour lire la suite de cet article.</p>{inside}"
            "<script>var a = 'un', b = \"deux\";</script></body></html>"
        )
    data = body.encode("utf-8", "surrogatepass")
    return CannedResponse(url, [("Content-Type", f"{media}; charset=utf-8")], data, "fra")


def measured(folder: Path, seed: int) -> dict[str, Any]:
    """Scan the generated pages, and compare the rows with brute force."""
    stuff = material.load(material.real_data(), ARTICLES, seed)
    articles = [article for article in stuff.members if len(article.body.split()) < 2_000]
    rng, planted, responses = random.Random(f"embedded {seed}"), dict[str, tuple[str, int]](), []
    for number in range(PAGES):
        place, chosen = list(PLACES)[number % len(PLACES)], rng.randrange(len(articles))
        url = f"https://site-{number}.example/{number}"
        planted[url] = place, chosen
        responses.append(response(place, url, articles[chosen].body, rng))
    (folder / "shards").mkdir()
    write_members(folder, articles)
    write_warc(folder / "shards" / "CC-MAIN-20241201162023-20241201192023-00000.warc.gz", responses)
    corpus, tables = str(folder / "corpus"), str(folder / "tables")
    given = ("--members", str(folder / "members.yaml"), "--articles", str(folder / "articles.jsonl"))
    presswatch("corpus", "build", *given, "--out", corpus)
    presswatch("scan", "--corpus", corpus, "--out", tables, str(folder / "shards"))
    store = TableStore.open(tables)
    [run] = store.read("runs").to_pylist()
    texts = {article.article_id: article.body for article in articles}
    truth = pairs_with_common_run({url: articles[i].body for url, (_, i) in planted.items()}, texts, RUN)
    pages, found, runs, missed = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    false, wrong_source, rows = 0, 0, dict[tuple[str, str], Mapping[str, Any]]()
    for row in store.read("matches", run["run_id"]).to_pylist():
        pair = row["document_url"], row["article_id"]
        rows[pair] = row
        false += pair not in truth
        wrong_source += row["text_source"] != planted[pair[0]][0].partition(":")[0]
    for url, (place, chosen) in planted.items():
        article = articles[chosen]
        its_runs = runs_of(article.body, RUN)
        spans = rows.get((url, article.article_id), {"spans": []})["spans"]
        copied = [article.body[span["article_start"] : span["article_end"]] for span in spans]
        pages[place] += 1
        found[place] += (url, article.article_id) in rows
        runs[place] += len(its_runs)
        missed[place] += len(its_runs - {run for text in copied for run in runs_of(text, RUN)})
    return {
        "places": {
            place: {
                "pages": pages[place],
                "found": found[place],
                "runs": runs[place],
                "missed": missed[place],
            }
            for place in PLACES
        },
        "pairs": len(truth),
        "pairs_found": len(truth & rows.keys()),
        "false": false,
        "wrong_source": wrong_source,
    }


class _Strings(HTMLParser):
    """Collects strings of JSON in scripts, and of attributes, as the standard library reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the attributes that contain text."""
        values = dict(attrs)
        self.found += [value for name in ("alt", "title", "aria-label") if (value := values.get(name))]
        if tag == "meta" and (value := values.get("content")):
            self.found.append(value)
        self._script = "" if tag == "script" and "json" in (values.get("type") or "") else None

    def handle_data(self, data: str) -> None:
        """Collect the text of a script of JSON."""
        if self._script is not None:
            self._script += data

    def handle_endtag(self, tag: str) -> None:
        """Collect the strings of a script of JSON."""
        if self._script:
            try:
                self.found += _strings_in(json.loads(self._script, strict=False))
            except ValueError:
                pass
        self._script = None


def _strings_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _strings_in(each)
    elif isinstance(value, str):
        yield value


def real_pages(folder: Path) -> dict[str, int]:
    """Compare the embedded text of real pages with the strings that the reference finds in them."""
    counts, reader = Counter[str](), TextReader()
    files = [*(folder / "html").glob("*.html.gz"), *(folder / "html" / "trafilatura" / "html").glob("*.html")]
    for file in files:
        page = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        reference = _Strings()
        reference.feed(page.decode("utf-8", "replace"))
        bounds, texts = reader.read(page).embedded.values(), reader.taken().tobytes()
        read = {run for i, j in bounds for run in runs_of(texts[i:j].decode("utf-8", "replace"), RUN)}
        counts["pages"] += 1
        for string in reference.found:
            address = string.lstrip().startswith(("http", "/", "{")) or not any(map(str.isspace, string))
            its_runs = set() if address or "<" in string else runs_of(unescape(string), RUN)
            counts["runs"] += len(its_runs)
            counts["missed"] += len(its_runs - read)
    return dict(counts)


def markdown(result: Mapping[str, Any]) -> str:
    """Return the section of the page."""
    sums: dict[str, Counter[str]] = {}
    for place, counts in result["places"].items():
        sums.setdefault(place.partition(":")[0], Counter()).update(counts)
    total, real = Counter[str](), result["real"]
    for counts in sums.values():
        total.update(counts)
    lines = [[source, *(f"{counts[key]:,}" for key in counts)] for source, counts in sums.items()]
    found = (
        f"{total['pages']:,} pages with an article in one of {len(result['places'])} places only:"
        f" {result['pairs_found']:,} of {result['pairs']:,} pairs are found, {result['false']} false, and"
        f" {total['missed']} of {total['runs']:,} runs of 11 words are missed."
    )
    if real:
        found += f" In {real['pages']} real pages, {real['missed']} of {real['runs']:,} runs are missed."
    return paragraph(found) + "\n\n" + table(["source", *total], lines)


def main() -> None:
    """Measure, write the result, and exit with 1 if anything is false or missed."""
    parser = argparse.ArgumentParser(prog="benchmarks.quality.embedded", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261201)
    publish.add_options(parser, "embedded.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = {"commit": commit(), **measured(Path(temporary), asked.seed)}
    folder = material.real_data()
    result["real"] = real_pages(folder) if folder else None
    path = publish.destination(asked)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(markdown(result))
    if asked.update:
        publish.write_pages()
    missed = any(counts["missed"] for counts in result["places"].values())
    sys.exit(1 if missed or result["false"] or result["wrong_source"] else 0)


if __name__ == "__main__":
    main()

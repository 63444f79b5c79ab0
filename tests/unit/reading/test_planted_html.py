"""Articles planted into HTML are found in its WARC as in the WET of the same pages, and no others."""

import gzip
import html
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest

from presswatch_spark.cli.demo.generate import Page
from presswatch_spark.cli.demo.shards import CannedResponse, write_warc, write_wet
from tests.reference.pairs import pairs_with_common_run
from tests.world.corpora import article
from tests.world.scanned import press, rows_in, scan_one, some_pages
from tests.world.warc import chunked

pytestmark = pytest.mark.slow


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "Content-Encoding: gzip": gzip.compress,
    "Content-Encoding: br": brotli.compress,
    "Transfer-Encoding: chunked": chunked,
}
# Where none of the words of an article can be seen.
UNSEEN = (
    "<style>p::after {{ content: '{0}' }}</style>",
    "<!-- {0} -->",
    "<iframe>{0}</iframe>",
    '<p class="{0}">',
)


def marked_up(line: str, rng: random.Random) -> str:
    """A paragraph whose words are tagged, written as entities, and parted by soft hyphens, here and there."""
    words = []
    for word in line.split(" "):
        shown = html.escape(word, quote=False)
        if rng.random() < 0.1 and len(word) > 4 and word.isalpha():
            shown = f"{word[:3]}&shy;{word[3:]}"
        elif rng.random() < 0.3:
            shown = "".join(f"&#{ord(c)};" if ord(c) > 127 or rng.random() < 0.1 else c for c in shown)
            shown = rng.choice(("<b>{}</b>", "<a href='/x?a>b'>{}</a>", "{}<!-- {{ -->")).format(shown)
        words.append(shown)
    return f"<p>{' '.join(words)}</p>"


def answer(page: Page, number: int) -> CannedResponse:
    """A page as one of many kinds of server sends it, with an article in it that nobody sees."""
    rng = random.Random(number)
    charset, declared = ("utf-8", "windows-1252")[number % 2], ("header", "meta", "nowhere")[number % 3]
    unseen = UNSEEN[number % len(UNSEEN)].format(" ".join(press()[number % 20].body.split()[:60]))
    meta = f"<meta charset={charset}>" if declared == "meta" else ""
    lines = "".join(marked_up(line, rng) for line in page.text.split("\n"))
    body = f"<!doctype html><html><head>{meta}<title>t</title></head><body>{unseen}{lines}</body></html>"
    coding, encode = list(CODINGS.items())[number % len(CODINGS)]
    named = f"; charset={charset}" if declared == "header" else ""
    headers = [("Content-Type", f"text/html{named}"), *[tuple(coding.split(": "))] * bool(coding)]
    return CannedResponse(page.url, headers, encode(body.encode(charset)), "fra")  # type: ignore[arg-type]


def test_every_pair_is_found_in_html_as_it_is_in_text_and_no_other(tmp_path: Path, corpus: Path) -> None:
    pages = some_pages(72)
    bodies = {article(number)["article_id"]: source.body for number, source in enumerate(press())}
    planted = pairs_with_common_run({page.url: page.text for page in pages}, bodies, 11)
    assert len(planted) > 30
    write_wet(tmp_path / "a.warc.wet.gz", pages)
    write_warc(tmp_path / "a.warc.gz", [answer(page, number) for number, page in enumerate(pages)])
    found: dict[str, dict[tuple[str, str], Any]] = {}
    for name in ("a.warc.wet.gz", "a.warc.gz"):
        outcome = scan_one(tmp_path / name, corpus)
        assert (outcome.log["status"], outcome.log["documents"]) == ("complete", len(pages))
        found[name] = {
            (row["document_url"], row["article_id"]): [
                row[column] for column in ("longest_run_words", "copied_words", "article_coverage", "grade")
            ]
            for row in rows_in(outcome)
            if row["grade"] != "url_only"
        }
    assert found["a.warc.gz"].keys() == planted
    assert found["a.warc.gz"] == found["a.warc.wet.gz"]


def test_what_is_unseen_would_be_found_if_it_were_seen(tmp_path: Path, corpus: Path) -> None:
    hidden = answer(Page("https://a.example/", "Rien."), 1)
    opened = gzip.compress(gzip.decompress(hidden.body).replace(b"<!-- ", b"<p>", 1))
    shown = CannedResponse("https://b.example/", hidden.headers, opened, "fra")
    write_warc(tmp_path / "a.warc.gz", [hidden, shown])
    assert [row["document_url"] for row in rows_in(scan_one(tmp_path / "a.warc.gz", corpus))] == [shown.url]

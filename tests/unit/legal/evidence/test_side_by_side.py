"""Article and page next to each other: copied words marked, and nothing that the texts say is carried out."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.claims.exposures import load_exposures
from presswatch_spark.claims.narrative import ExplainedRow
from presswatch_spark.legal.evidence.documents import ShownClaim, page_of
from presswatch_spark.legal.evidence.verify import check
from presswatch_spark.query.pointers.checks import Failure
from presswatch_spark.reading.text.words import words_of
from presswatch_spark.tables.declarations import Claim, Match
from tests.world.bags import bag_of, lines
from tests.world.scanned import some_pages

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "input", "label", "div", "section"),
    *("p", "h2", "h3", "dl", "dt", "dd", "bdi", "code", "mark"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "dir"),
    *("type", "id", "checked", "for"),
}
ROW: dict[str, Any] = {
    "row_sha256": "ab", "run_id": "r", "dataset": "wet", "release": "CC-MAIN-2024-51",
    "document_url": "https://x.example/", "shard_uri": "https://d.example/a'b.warc.gz", "record_offset": 5,
    "record_length": 10, "record_encoding": "gzip", "row_index": None, "spans": [], "article_id": "a",
    "article_url": "https://a.example/", "article_sha256": "cd", "article_published_at": None,
    "captured_at": None, "own_site": False, "site_title_id": None, "publisher_id": "p", "title_id": "t",
    "confidence": "C", "languages": ["fr"], "copied_words": 0, "article_words": 9, "article_coverage": 0.0,
    "longest_run_words": 0,
}  # fmt: skip
CLAIM: dict[str, Any] = {
    "confidence": "C", "kind": "copy", "reasons": ["not_large"], "licence_id": None, "review": None,
    "row_sha256": "ab",
}  # fmt: skip


def shown(document: str | None, article: str | None, claim: dict[str, Any] = CLAIM, **row: Any) -> ShownClaim:
    """A claim with these texts, and with changes to its row."""
    fields = ROW | row
    case = ExplainedRow(
        row=Match.from_dict(fields), claim=Claim.from_dict(claim), publisher=None, title=None,
        article=article, page=document, page_missing=Failure("no shard") if document is None else None,
        shard=fields["shard_uri"], config={},
        as_of=date(2026, 11, 27), mandate="none", rights=(), reservation="unknown",
    )  # fmt: skip
    return ShownClaim(case, load_exposures())


class Seen(HTMLParser):
    """Tags, attributes and texts of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.commands: list[str] = []
        self.marks: list[str] = []
        self.within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.within.append("text" if ("class", "text") in attrs else tag)
        if ("class", "text") in attrs:
            self.texts.append("")
        if tag == "pre":
            self.commands.append("")
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "div" and "text" in self.within:
            tag = "text"
        if tag in self.within:
            self.within.remove(tag)

    def handle_data(self, data: str) -> None:
        if "text" in self.within:
            self.texts[-1] += data
        if "pre" in self.within:
            self.commands[-1] += data
        if "mark" in self.within:
            self.marks[-1] += data


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bag_of(tmp_path_factory.mktemp("pages"), ("a.warc.wet.gz", "fineweb.parquet"), some_pages(12))


def test_each_claim_has_a_page_with_its_copied_words_marked_on_both_sides(bag: Path) -> None:
    assert not check(str(bag)).faults
    rows = [line["row"] for line in lines(bag) if line["row"]["spans"]]
    assert rows
    for row in rows:
        seen = Seen((bag / f"data/pages/{row['row_sha256']}.html").read_text("utf-8"))
        half = len(seen.marks) // 2
        article, document = (" ".join(marks) for marks in (seen.marks[:half], seen.marks[half:]))
        assert words_of(article.encode()).packed == words_of(document.encode()).packed
        assert len(words_of(article.encode())) == row["copied_words"]


HOSTILE = (
    "</td></bdi><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b]0;x\x07\x00\u202eabc\u2066",
    "&lt;b&gt;{{ 7*7 }}",
    "<!--",
    "]]>",
    "\u2028 \ud7ff 💥",
    '" onmouseover="x',
    "<base href=//evil>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    fields = dict.fromkeys(("document_url", "headline", "article_url", "release", "page_author"), text)
    claim = CLAIM | {"licence_id": text}
    seen = Seen(page := page_of(shown(text, text, claim, publisher_id=text, title_id=text, **fields)))
    assert seen.tags - {"ul", "li", "pre"} == TAGS - {"mark"}
    assert seen.attributes <= ATTRIBUTES
    assert page.replace("\n", "").replace("\xa0", "").replace("\u202f", "").isprintable()
    if text.isprintable():
        assert seen.texts == [text, text]
    assert "default-src &#x27;none&#x27;" in page
    assert "unsafe" not in page


def test_marks_may_overlap_or_lie_outside() -> None:
    places = [(0, 3), (2, 5), (8, 99), (99, 120), (5, 4), (None, 2)]
    spans = [
        {"document_start": start, "document_end": end, "article_start": start, "article_end": end}
        for start, end in places
    ]
    seen = Seen(page_of(shown("0123456789", "0123456789", spans=spans)))
    assert seen.marks == ["012", "34", "89"] * 2
    assert seen.texts == ["0123456789"] * 2


def test_the_commands_that_fetch_a_record_cannot_be_broken_out_of() -> None:
    french, english = Seen(page_of(shown("", ""))).commands
    assert french == english
    assert french.splitlines() == [
        "u='https://d.example/a'\"'\"'b.warc.gz'",
        'curl -fsSL -r 5-14 "$u" | zcat > record',
    ]
    assert Seen(page_of(shown("", "", shard_uri="/a"))).commands == []


def test_a_text_that_is_not_there_is_said_to_be_missing_with_the_reason() -> None:
    page = page_of(shown(None, None))
    assert Seen(page).texts == []
    for said in (
        "Motif\xa0: le fichier n’est plus là",
        "The reason: the file is no longer there",
        "The article’s text is not shown here.",
    ):
        assert said in page

"""Article and page next to each other: copied words marked, and nothing that the texts say is carried out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.evidence.side_by_side import page_of
from presswatch_spark.evidence.verify_alone import check
from presswatch_spark.text.words import words_of
from tests.evidence import bag_of, lines
from tests.scanned import some_pages

TAGS = {
    *("html", "head", "meta", "title", "style", "body"),
    *("table", "tr", "th", "td", "bdi", "code", "mark"),
}
ROW: dict[str, Any] = {
    "row_sha256": "ab", "document_url": "https://x.example/", "shard_uri": "https://d.example/a'b.warc.gz",
    "record_offset": 5, "record_length": 10, "record_encoding": "gzip", "spans": [],
}  # fmt: skip


class Seen(HTMLParser):
    """Tags, attributes and texts of a page, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.marks: list[str] = []
        self.within: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.within.append(tag)
        if tag == "td":
            self.cells.append("")
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.within:
            self.within.remove(tag)

    def handle_data(self, data: str) -> None:
        if "td" in self.within:
            self.cells[-1] += data
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
        assert words_of(article.encode()).folded.tobytes() == words_of(document.encode()).folded.tobytes()
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
    fields = dict.fromkeys(("document_url", "headline", "article_url", "release"), text)
    claim = {"publisher_id": text, "reasons": [text, text], "licence_id": text}
    seen = Seen(page := page_of({**ROW, **fields}, claim, text, text))
    assert seen.tags == TAGS - {"mark"}
    assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert page.replace("\n", "").isprintable()
    if text.isprintable():
        assert seen.cells[-2:] == [text, text]
    assert "default-src &#x27;none&#x27;" in page
    assert "unsafe" not in page


def test_marks_may_overlap_or_lie_outside() -> None:
    places = [(0, 3), (2, 5), (8, 99), (99, 120), (5, 4), (None, 2)]
    spans = [
        {"document_start": start, "document_end": end, "article_start": start, "article_end": end}
        for start, end in places
    ]
    seen = Seen(page_of({**ROW, "spans": spans}, {}, "0123456789", "0123456789"))
    assert seen.marks == ["012", "34", "89"] * 2
    assert seen.cells[-2:] == ["0123456789"] * 2


def test_the_command_that_fetches_a_record_cannot_be_broken_out_of() -> None:
    (line,) = re.findall(r"curl [^<]*", Seen(page_of(ROW, {}, "", "")).cells[-3])
    assert line == "curl -r 5-14 'https://d.example/a'\"'\"'b.warc.gz' | gzip -dc"
    for changed in ({"shard_uri": "/a"}, {"record_encoding": "inflated"}, {"record_length": None}):
        assert "curl" not in page_of({**ROW, **changed}, {}, "", "")

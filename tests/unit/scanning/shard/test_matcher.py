"""The one place that decides what a reported run is: the matcher, by `grade.min_run_words`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.core.model import DocumentBatch, Locator
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ScanConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.scanning.shard import matcher as shard_matcher
from presswatch_spark.scanning.shard.matcher import Matcher, MatchRules
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Match
from tests.world.corpora import Inline, write_jsonl

WORDS = [f"mot{k}" for k in range(80)]
MEMBERS = "publishers: [{id: nord, name: Nord, titles: [{id: nord, name: Nord, domains: [nord.example]}]}]\n"
ARTICLE = {
    "article_id": "a", "title_id": "nord", "url": "https://nord.example/a", "headline": "",
    "body": " ".join(WORDS), "published_at": "2024-05-18",
}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder: Path = tmp_path_factory.mktemp("matched")
    (folder / "members.yaml").write_text(MEMBERS)
    build_corpus(
        cast(SparkSession, Inline()), str(folder / "members.yaml"),
        [str(write_jsonl(folder / "articles.jsonl", [ARTICLE]))], str(folder / "corpus"),
        CorpusConfig(agencies=("AFP", "Agence du Vent")),
        StorageOptions(),
    )  # fmt: skip
    return Corpus.open(str(folder / "corpus"))


def rows_of(
    corpus: Corpus, words: int, least: int, url: str = "https://copy.example/", more: str = ""
) -> list[Match]:
    """Rows of a page with the last words of the article, which the index has from eight words on."""
    page = " ".join(WORDS[-words:]) + more
    text, address = (np.frombuffer(part.encode(), np.uint8) for part in (page, url))
    zero = np.zeros(1, np.int64)
    batch = DocumentBatch(
        text, zero, zero + len(text), address, zero, zero + len(address), lambda i: Locator()
    )
    matcher = Matcher(corpus, MatchRules.of(ScanConfig(grade=GradeRules(min_run_words=least))))
    return list(matcher.rows(batch, matcher.candidates(batch), Origin("wet", None, "")))


@pytest.mark.parametrize("least", [8, 11, 20])
def test_a_run_is_reported_from_the_least_length_on(corpus: Corpus, least: int) -> None:
    assert rows_of(corpus, least - 1, least) == []
    (row,) = rows_of(corpus, least, least)
    assert (row.longest_run_words, row.grade, len(row.spans)) == (least, "extract", 1)


@pytest.mark.parametrize(
    ("more", "credits", "others"),
    [
        ("", [], False),
        (". (AFP)", ["AFP"], True),
        (". Agence du Vent -", [], False),
        ("\nPar Agence du Vent", ["Agence du Vent"], True),
        ("\nSource : Nord", ["Nord"], False),
        ("\nSource : https://www.nord.example/a", ["nord.example"], False),
        ("\nSource : Nord, AFP", ["Nord", "AFP"], True),
        ("\nSource : Nord, NORD, Nòrd, AFP", ["Nord", "AFP"], True),
        ("".join(f"\nSource : Vent {n}" for n in range(30)), [f"Vent {n}" for n in range(20)], True),
    ],
)
def test_a_page_that_credits_somebody_else_than_the_member_says_so(
    corpus: Corpus, more: str, credits: list[str], others: bool
) -> None:
    (row,) = rows_of(corpus, 80, 11, more=more)
    assert (row.document_credits, row.credits_others) == (credits, others)
    assert ("credits_other" in row.confidence_reasons) == others


def test_a_shorter_run_on_the_articles_own_page_says_no_more_than_the_url(corpus: Corpus) -> None:
    (row,) = rows_of(corpus, 10, 11, ARTICLE["url"])
    assert (row.document_credits, row.credits_others) == (None, None)
    assert (row.grade, row.url_match, row.longest_run_words, row.spans) == (
        "url_only", "article", 0, [],
    )  # fmt: skip


PAGES = [
    (" ".join(WORDS[first : first + 30]), "https://nord.example/a" if first % 20 else "https://copy.example/")
    for first in range(0, 50, 5)
]


def pages(asked: list[tuple[str, int]] | None = None) -> DocumentBatch:
    """A batch of pages with a part of the article each; with `asked`, they are parsed for their text."""
    texts, urls = [text.encode() for text, _ in PAGES], [url.encode() for _, url in PAGES]
    bounds = [np.cumsum([0, *map(len, parts)]) for parts in (texts, urls)]

    def answer(question: str, i: int) -> bytes:
        assert asked is not None
        asked.append((question, i))
        return texts[i]

    of_pages: dict[str, Any] = {"main_text": lambda i: answer("main_text", i)}
    return DocumentBatch(
        *(np.frombuffer(b"".join(texts), np.uint8), bounds[0][:-1], bounds[0][1:]),
        *(np.frombuffer(b"".join(urls), np.uint8), bounds[1][:-1], bounds[1][1:]),
        lambda i: Locator(record_offset=i),
        **(of_pages if asked is not None else {}),
    )


def rows_of_pages(corpus: Corpus, batch: DocumentBatch) -> list[Match]:
    matcher = Matcher(corpus, MatchRules.of(ScanConfig()))
    return list(matcher.rows(batch, matcher.candidates(batch), Origin("wet", None, "")))


@pytest.mark.parametrize(("group_bytes", "pairs"), [(1, 1), (3_000, 2), (1 << 20, 3)])
def test_how_many_documents_go_through_a_step_together_changes_no_row(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, group_bytes: int, pairs: int
) -> None:
    rows = rows_of_pages(corpus, pages())
    assert [row.record_offset for row in rows] == list(range(len(PAGES)))
    assert [row.copied_words for row in rows] == [30] * len(PAGES)
    assert {row.url_match for row in rows} == {"none", "article"}
    monkeypatch.setattr(shard_matcher, "GROUP_BYTES", group_bytes)
    monkeypatch.setattr(shard_matcher, "PAIRS_AT_ONCE", pairs)
    assert rows_of_pages(corpus, pages()) == rows


def test_each_page_is_parsed_once_for_its_main_content(corpus: Corpus) -> None:
    asked: list[tuple[str, int]] = []
    rows = rows_of_pages(corpus, pages(asked))
    assert all(row.in_main_content for row in rows)
    assert asked == [("main_text", i) for i in range(len(PAGES))]

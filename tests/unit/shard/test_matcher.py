"""The one place that decides what a reported run is: the matcher, by `grade.min_run_words`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from pyspark.sql import SparkSession

from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.judgement.match_rows import Origin, Row
from presswatch_spark.model import DocumentBatch, Locator
from presswatch_spark.settings.config import CorpusConfig, GradeRules, ScanConfig
from presswatch_spark.shard.matcher import Matcher, Rules
from presswatch_spark.storage.objects import StorageOptions
from tests.corpora import Inline, write_jsonl

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
) -> list[Row]:
    """Rows of a page with the last words of the article, which the index has from eight words on."""
    page = " ".join(WORDS[-words:]) + more
    text, address = (np.frombuffer(part.encode(), np.uint8) for part in (page, url))
    zero = np.zeros(1, np.int64)
    batch = DocumentBatch(
        text, zero, zero + len(text), address, zero, zero + len(address), lambda i: Locator()
    )
    matcher = Matcher(corpus, Rules.of(ScanConfig(grade=GradeRules(min_run_words=least))))
    return list(matcher.rows(batch, matcher.candidates(batch), Origin("wet", None, "")))


@pytest.mark.parametrize("least", [8, 11, 20])
def test_a_run_is_reported_from_the_least_length_on(corpus: Corpus, least: int) -> None:
    assert rows_of(corpus, least - 1, least) == []
    (row,) = rows_of(corpus, least, least)
    assert (row["longest_run_words"], row["grade"], len(row["spans"])) == (least, "extract", 1)


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
    assert (row["document_credits"], row["credits_others"]) == (credits, others)
    assert ("credits_other" in row["confidence_reasons"]) == others


def test_a_shorter_run_on_the_articles_own_page_says_no_more_than_the_url(corpus: Corpus) -> None:
    (row,) = rows_of(corpus, 10, 11, ARTICLE["url"])
    assert (row["document_credits"], row["credits_others"]) == (None, None)
    assert (row["grade"], row["url_match"], row["longest_run_words"], row["spans"]) == (
        "url_only", "article", 0, [],
    )  # fmt: skip

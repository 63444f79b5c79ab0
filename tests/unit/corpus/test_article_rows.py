"""The articles of a corpus as a table: the same facts that rows of `matches` have, and never the text."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from presswatch_spark.corpus.article_rows import article_rows
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.tables.schemas import columns_without_run
from tests.corpora import article, build, text, write_jsonl

WIRE = text(900, 12)
ROWS = [
    article(3, title_id="hebdo", body=WIRE, alternate_urls=["https://hebdo.example/x"], language="fr"),
    article(1, title_id="rivage", body=f"{WIRE} (avec agence)", url=None, agency_credit="AFP"),
    article(2, headline="Le pont rouvre", published_at="2024-05-18T08:00:00Z", authors=["A. Auteur"]),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("built")
    build(folder / "corpus", [write_jsonl(folder / "articles.jsonl", ROWS)])
    return Corpus.open(str(folder / "corpus"))


def test_each_article_is_a_row_with_what_a_match_would_say_of_it(corpus: Corpus) -> None:
    rows = [row for batch in article_rows(corpus) for row in batch.to_pylist()]
    assert [row["article_id"] for row in rows] == ["a00001", "a00002", "a00003"]
    for ordinal, row in enumerate(rows):
        known = corpus.article(ordinal)
        names = ("article_id", "title_id", "publisher_id", "url", "headline", "published_at", "cluster_id")
        assert {name: row[name] for name in names} == {name: getattr(known, name) for name in names}
        assert row["corpus_digest"] == corpus.manifest.digest
        assert row["article_words"] == known.words
        assert row["article_sha256"] == hashlib.sha256(known.body).hexdigest()
    assert [row["cluster_id"] for row in rows] == ["a00001", None, "a00001"]
    # An article of a wire's cluster is agency copy, too.
    assert [row["is_agency"] for row in rows] == [True, False, True]
    assert [row["agency_credit"] for row in rows] == ["AFP", None, None]
    assert rows[2]["alternate_urls"] == ["https://hebdo.example/x"]
    assert (rows[1]["published_at"], rows[2]["language"]) == (datetime(2024, 5, 18, 8, tzinfo=UTC), "fr")


def test_neither_a_text_nor_an_author_is_in_the_table(corpus: Corpus) -> None:
    batches = list(article_rows(corpus))
    assert all(batch.schema.equals(columns_without_run("corpus_articles")) for batch in batches)
    said = str([batch.to_pylist() for batch in batches])
    assert "Auteur" not in said
    assert WIRE[:40] not in said

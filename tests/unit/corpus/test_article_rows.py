"""The articles of a corpus as a table: the same facts that rows of `matches` have, and never the text."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from presswatch_spark.core.settings.config import CorpusConfig
from presswatch_spark.corpus.store import Corpus, article_rows
from presswatch_spark.matching.sieve import Sieve
from presswatch_spark.reading.text.words import (
    SHINGLE_WORDS,
    indexed_positions,
    shingle_hashes,
    word_hashes,
    words_of,
)
from presswatch_spark.tables.declarations import columns_without_run
from tests.unit.matching.test_sieve import batch_of
from tests.world.corpora import article, build, corpus_of, text, write_jsonl

WIRE = text(900, 12)
ROWS = [
    article(3, title_id="hebdo", body=WIRE, alternate_urls=["https://hebdo.example/x"], language="fr"),
    article(1, title_id="rivage", body=f"{WIRE} (avec agence)", url=None, agency_credit="AFP"),
    article(2, headline="Le pont rouvre", published_at="2024-05-18T08:00:00Z", authors=["A. Auteur"]),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("built")
    corpus_of(folder, ROWS)
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


def test_no_page_hides_from_an_article_without_suppressed_shingles_however_the_corpus_grew(
    tmp_path: Path,
) -> None:
    """Common sentences stand in two articles at first, then in six: more than the index takes."""
    common = text(77, 2)
    old = [article(1, body=f"{text(1, 2)} {common} {text(2, 2)}"), article(2, body=f"{text(3)} {common}")]
    old += [article(3, body=" ".join(f"mot{k}" for k in range(80))), article(4, body=text(77, 1))]
    grown = [article(number, body=f"{common} {text(number)}") for number in range(10, 14)]
    config = CorpusConfig(max_articles_per_shingle=3)
    hidden = dict[str, int]()
    for name, rows in (("old", old), ("grown", [*old, *grown])):
        build(tmp_path / name, [write_jsonl(tmp_path / f"{name}.jsonl", rows)], config)
        corpus = Corpus.open(str(tmp_path / name))
        counts = [row["suppressed_shingles"] for batch in article_rows(corpus) for row in batch.to_pylist()]
        left_out = set(corpus.surroundings.suppressed.tolist())
        for ordinal, count in enumerate(counts):
            body = corpus.body(ordinal)
            words, hashes = words_of(body), shingle_hashes(word_hashes(body))
            places = indexed_positions(len(hashes) + SHINGLE_WORDS - 1)
            assert count == sum(int(hashes[place]) in left_out for place in places)
            pages = [body[words.starts[first] : words.ends[first + 10]] for first in range(len(words) - 10)]
            found = Sieve(corpus.index).candidates(batch_of(pages))
            seen = {page for page, at in zip(found.documents, found.articles, strict=True) if at == ordinal}
            assert count > 0 or len(seen) == len(pages)
            hidden[name] = hidden.get(name, 0) + len(pages) - len(seen)
        if name == "old":
            assert counts == [0, 0, 0, 0]
    # The last of the old articles was not hidden before the corpus grew. Now it is, and its row says so.
    assert (hidden["old"], hidden["grown"] > 0) == (0, True)
    assert (counts[2], counts[3] > 0) == (0, True)

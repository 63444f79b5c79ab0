"""Articles that members gave as HTML, garbled, in Windows-1252 or as teasers, from file to letter."""

from __future__ import annotations

import csv
import html
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.errors import CorruptError
from presswatch_spark.core.model import DocumentBatch, Locator
from presswatch_spark.core.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.scanning.shard.matcher import Matcher, MatchRules
from presswatch_spark.tables.declarations import Match
from tests.unit.corpus.test_bodies import garbled
from tests.world.corpora import article, build, corpus_of, text
from tests.world.prose import articles

BODIES = [each.body for each in articles(8, 31)]
TEASER, ELSEWHERE = 6, 7
ORIGIN = Origin("wet", "CC-MAIN-2024-22", "shard")


def marked(body: str) -> str:
    """The body as an editor's HTML: paragraphs, a link within each, accents as references."""
    paragraphs = []
    for sentence in re.split(r"(?<=\.)\s+", body):
        first, second, rest = sentence.split(" ", 2)
        link = f'<a href="https://www.courrier.example/dossier?a=1">{first} <b>{second}</b></a>'
        paragraphs.append(f"<p>{link} {html.escape(rest)}</p><script>googletag.cmd.push(1);</script>")
    return "\n".join(paragraphs).encode("ascii", "xmlcharrefreplace").decode()


GIVEN = {
    "plain": str,
    "html": marked,
    "escaped": lambda body: html.escape(marked(body)),
    "garbled": garbled,
    "garbled html": lambda body: f"<div>{garbled(body)}</div>",
}


def rows_of(corpus: Corpus, page: str, url: str = "https://copy.example/1") -> list[Match]:
    content, address = (np.frombuffer(part.encode(), np.uint8) for part in (page, url))
    zero, locator = np.zeros(1, np.int64), Locator(captured_at=datetime(2024, 6, 1, tzinfo=UTC))
    batch = DocumentBatch(
        content, zero, zero + len(content), address, zero, zero + len(address), lambda _: locator
    )
    matcher = Matcher(corpus, MatchRules.of(ScanConfig()))
    return list(matcher.rows(batch, matcher.candidates(batch), ORIGIN))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("given")
    given = [article(n, body=change(BODIES[n])) for n, change in enumerate(GIVEN.values())]
    teaser = " ".join(BODIES[TEASER].split()[:90])
    given.append(article(TEASER, body=f"<p>{teaser}…</p>"))
    given.append(article(ELSEWHERE, body=BODIES[ELSEWHERE], url="https://autre.example/60"))
    corpus_of(folder, given)
    return Corpus.open(str(folder / "corpus"))


@pytest.mark.parametrize("number", range(len(GIVEN)), ids=list(GIVEN))
def test_a_full_copy_is_one_however_the_article_was_given(corpus: Corpus, number: int) -> None:
    source = corpus.article(number).url
    (row,) = rows_of(corpus, f"Accueil\n{BODIES[number]}\nSource : {source}\nMentions légales")
    assert (row.grade, row.article_coverage, row.confidence) == ("full_copy", 1.0, "A")
    assert row.longest_run_words == row.article_words
    assert corpus.body(number).decode().split() == BODIES[number].split()


def test_a_full_copy_of_a_teaser_is_not_certain(corpus: Corpus) -> None:
    (row,) = rows_of(corpus, BODIES[TEASER])
    assert (row.grade, row.article_is_excerpt) == ("full_copy", True)
    assert (row.confidence, row.confidence_reasons) == ("B", ["strong_copy", "article_excerpt"])


def test_a_page_at_an_articles_url_on_another_site_is_not_the_publishers_own(corpus: Corpus) -> None:
    for page in (BODIES[ELSEWHERE], "Accueil"):
        (row,) = rows_of(corpus, page, "https://autre.example/60")
        assert (row.url_match, row.own_site, row.confidence) == ("article", False, "C")


def excel(path: Path, rows: list[dict[str, Any]], encoding: str) -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize("encoding", ["windows-1252", "utf-16", "mac-roman", "utf-8-sig"])
def test_a_csv_file_is_read_in_the_encoding_that_is_named(tmp_path: Path, encoding: str) -> None:
    body = f"L’œuvre coûte 12 € à la mairie : {text(1)}"
    path = excel(tmp_path / "a.csv", [article(1, body=body, headline="Été à Brézolles")], encoding)
    build(tmp_path / "corpus", [path], CorpusConfig(encoding=encoding))
    opened = Corpus.open(str(tmp_path / "corpus"))
    assert opened.body(0).decode() == body
    assert opened.article(0).headline == "Été à Brézolles"


def test_the_same_articles_make_the_same_corpus_in_any_encoding(tmp_path: Path) -> None:
    digests = set()
    for name in ("utf-8", "windows-1252"):
        (tmp_path / name).mkdir()
        path = excel(tmp_path / name / "a.csv", [article(1)], name)
        digests.add(build(tmp_path / name / "corpus", [path], CorpusConfig(encoding=name)).digest)
    assert len(digests) == 1


def test_a_file_in_another_encoding_than_the_named_one_fails_with_its_place(tmp_path: Path) -> None:
    path = excel(tmp_path / "a.csv", [article(1, body="\x81" + " mot" * 20)], "latin-1")
    with pytest.raises(CorruptError, match=r"not in windows-1252: what is at about byte [0-9,]+ is no text"):
        build(tmp_path / "corpus", [path], CorpusConfig(encoding="windows-1252"))

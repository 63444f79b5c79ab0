"""The one place that decides what a reported run is: the matcher, by `grade.min_run_words`."""

from typing import Any

import pytest

from presswatch_spark.core.model import DocumentBatch, Locator, TextColumn
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import Origin
from presswatch_spark.scanning.shard import matcher as shard_matcher
from presswatch_spark.scanning.shard.matcher import Matcher, MatchRules
from presswatch_spark.tables.declarations import Match
from tests.world.corpora import article, build, write_jsonl

WORDS = [f"mot{k}" for k in range(80)]
MEMBERS = "publishers: [{id: nord, name: Nord, titles: [{id: nord, name: Nord, domains: [nord.example]}]}]\n"
URL = "https://nord.example/a"
ARTICLE = article(1, title_id="nord", url=URL, headline="", body=" ".join(WORDS), published_at="2024-05-18")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    out = tmp_path_factory.mktemp("matched") / "corpus"
    config = CorpusConfig(agencies=("AFP", "Agence du Vent"))
    build(out, [write_jsonl(out.parent / "articles.jsonl", [ARTICLE])], config, members_file=MEMBERS)
    return Corpus.open(str(out))


def rows_of(
    corpus: Corpus, words: int, least: int, url: str = "https://copy.example/", more: str = ""
) -> list[Match]:
    """Rows of a page with the last words of the article, which the index has from eight words on."""
    batch = batch_of([(" ".join(WORDS[-words:]) + more, url)])
    return matched(corpus, batch, ScanConfig(grade=GradeRules(min_run_words=least)))


def batch_of(pages: list[tuple[str, str]], **more: Any) -> DocumentBatch:
    texts, urls = (TextColumn.joined(list(map(str.encode, column))) for column in zip(*pages, strict=True))
    return DocumentBatch(texts, urls, lambda i: Locator(record_offset=i), **more)


def matched(corpus: Corpus, batch: DocumentBatch, config: ScanConfig | None = None) -> list[Match]:
    matcher = Matcher(corpus, MatchRules.of(config or ScanConfig()))
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
    (row,) = rows_of(corpus, 10, 11, URL)
    assert (row.document_credits, row.credits_others) == (None, None)
    assert (row.grade, row.url_match, row.longest_run_words, row.spans) == ("url_only", "article", 0, [])


PAGES = [
    (" ".join(WORDS[first : first + 30]), "https://nord.example/a" if first % 20 else "https://copy.example/")
    for first in range(0, 50, 5)
]


@pytest.mark.parametrize(("group_bytes", "pairs"), [(1, 1), (3_000, 2), (1 << 20, 3)])
def test_how_many_documents_go_through_a_step_together_changes_no_row(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, group_bytes: int, pairs: int
) -> None:
    rows = matched(corpus, batch_of(PAGES))
    assert [row.record_offset for row in rows] == list(range(len(PAGES)))
    assert [row.copied_words for row in rows] == [30] * len(PAGES)
    assert {row.url_match for row in rows} == {"none", "article"}
    monkeypatch.setattr(shard_matcher, "GROUP_BYTES", group_bytes)
    monkeypatch.setattr(shard_matcher, "PAIRS_AT_ONCE", pairs)
    assert matched(corpus, batch_of(PAGES)) == rows


def test_each_page_is_parsed_once_for_its_main_content_if_most_of_it_is_no_run(corpus: Corpus) -> None:
    pages = [(f"{text} {' '.join(f'autre{k}' for k in range(40))}", *rest) for text, *rest in PAGES]
    for given, parsed in ((pages, list(range(len(pages)))), (PAGES, [])):
        asked: list[int] = []

        def main_text(i: int, given: Any = given, asked: list[int] = asked) -> bytes:
            asked.append(i)
            return str(given[i][0]).encode()

        rows = matched(corpus, batch_of(given, main_text=main_text))
        assert rows
        assert all(row.in_main_content for row in rows)
        assert asked == parsed

"""The one place that decides what a reported run is: the matcher, by `grade.min_run_words`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from presswatch_spark.core.locators import Locator, TextSource
from presswatch_spark.core.scan_values import DocumentBatch, PageMetadata, TextColumn, TextString
from presswatch_spark.core.settings.config import CorpusConfig, GradeRules, ScanConfig
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.matching.judgement.match_rows import STRINGS_KEPT, Origin
from presswatch_spark.matching.judgement.sites import documents_without_url
from presswatch_spark.matching.shingle_index import HashRange
from presswatch_spark.matching.sieve import joined
from presswatch_spark.scanning.shard import matcher as shard_matcher
from presswatch_spark.scanning.shard.matcher import Matcher
from presswatch_spark.tables.declarations import Match
from presswatch_spark.tables.digests import row_digest
from tests.world.corpora import article, build, write_jsonl

WORDS = [f"mot{k}" for k in range(STRINGS_KEPT)]
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
    matcher = Matcher(corpus, config or ScanConfig())
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


# --- text embedded in pages

TEXT = dict[TextSource, str]


def embedding(pages: list[tuple[str, TEXT]]) -> DocumentBatch:
    """A batch of pages, each with a URL and its texts by source; an embedded text has a string per line."""
    documents: list[tuple[int, TextSource, str, str]] = []
    for url, texts in pages:
        main = len(documents)
        documents += [(main, source, text, url) for source, text in ({"visible": ""} | texts).items()]

    def strings(i: int) -> list[TextString]:
        found: list[TextString] = []
        for k, line in enumerate(documents[i][2].split("\n")):
            start = found[-1]["document_end"] + 1 if found else 0
            found.append(
                {
                    "document_start": start, "document_end": start + len(line), "path": f"$[{k}]\ud800",
                    "start": 1000 + start, "end": 1000 + start + len(line),
                }
            )  # fmt: skip
        return found

    batch = batch_of([(text, url) for *_, text, url in documents])
    return replace(
        batch,
        mains=np.array([main for main, *_ in documents]),
        locate=lambda i: Locator(record_offset=documents[i][0], text_source=documents[i][1]),
        hidden_from=lambda i: at if (at := documents[i][2].find("|")) >= 0 else None,
        strings=strings,
    )


def text(first: int, after: int) -> str:
    return " ".join(WORDS[first:after])


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"visible": text(0, 80), "json_ld": text(0, 80), "script": text(20, 60)}, [("visible", 0, 80)]),
        ({"visible": text(0, 30), "json_ld": text(0, 80)}, [("visible", 0, 30), ("json_ld", 0, 80)]),
        ({"json_ld": text(0, 80), "script": text(0, 80)}, [("json_ld", 0, 80)]),
        # A passage that is visible is left out, one with eleven more words is not.
        (
            {"visible": text(0, 30), "json_ld": f"{text(0, 30)}\n{'x ' * 60}\n{text(50, 61)}"},
            [("visible", 0, 30), ("json_ld", 50, 61)],
        ),
        # Two halves of a passage in earlier sources are the passage, except for fewer than eleven words.
        (
            {"visible": text(0, 40), "json_ld": text(45, 80), "script": text(0, 80)},
            [("visible", 0, 40), ("json_ld", 45, 80)],
        ),
        (
            {"visible": text(0, 40), "json_ld": text(51, 80), "script": text(0, 80)},
            [("visible", 0, 40), ("json_ld", 51, 80), ("script", 0, 80)],
        ),
        ({"visible": f"menu | {text(0, 80)}", "script": text(0, 80)}, [("hidden", 0, 80)]),
        ({"visible": f"{text(0, 20)} | {text(40, 80)}"}, [("visible", 0, 80)]),
    ],
)
def test_a_passage_is_in_the_row_of_the_first_source_that_contains_it(
    corpus: Corpus, texts: TEXT, expected: list[tuple[str, int, int]]
) -> None:
    rows = matched(corpus, embedding([("https://copy.example/", texts)]))
    body = " ".join(WORDS)
    assert [row.text_source for row in rows] == [source for source, *_ in expected]
    for row, (_, first, after) in zip(rows, expected, strict=True):
        copied = " ".join(body[span["article_start"] : span["article_end"]] for span in row.spans).split()
        assert (copied[0], copied[-1]) == (WORDS[first], WORDS[after - 1])
        assert row.copied_words == len(copied) == sum(span["words"] for span in row.spans)
        assert row.longest_run_words == max(span["words"] for span in row.spans)
        assert row.article_coverage == len(copied) / (row.article_words or 0)


def test_a_row_names_the_strings_that_its_spans_touch(corpus: Corpus) -> None:
    other = "x " * 60
    lines = [other, text(0, 30), text(30, 31), other, text(31, 80), other]
    pages = [("https://copy.example/", {"json_ld": "\n".join(lines), "script": text(0, 80)})]
    (row,) = matched(corpus, embedding(pages))
    named = row.text_strings or ()
    assert [each["path"] for each in named] == ["$[1]?", "$[2]?", "$[4]?"]
    assert all(span["document_start"] >= named[0]["document_start"] for span in row.spans)
    assert row_digest(row) == row.row_sha256 != row_digest(row.with_columns(text_strings=[]))
    many = [("https://copy.example/", {"json": "\n".join([*WORDS, *WORDS, *WORDS])})]
    (row,) = matched(corpus, embedding(many))
    assert [each["path"] for each in row.text_strings or ()] == [f"$[{k}]?" for k in range(STRINGS_KEPT)]


PAGES_WITH_EMBEDDED: list[tuple[str, TEXT]] = [
    (URL, {"visible": "rien", "json_ld": text(0, 80)}),
    (URL, {"visible": "rien"}),
    ("https://nord.example/b", {"script": text(0, 80)}),
    ("https://nord.example/c", {"visible": "", "attribute": "rien"}),
    ("https://copy.example/", {"visible": text(0, 80), "json_ld": text(0, 80), "json": text(0, 80)}),
    ("https://copy.example/", {"visible": text(0, 20), "feed": text(0, 80)}),
]


def test_only_a_page_without_a_copy_has_a_row_for_its_url(corpus: Corpus) -> None:
    rows = matched(corpus, embedding(PAGES_WITH_EMBEDDED))
    assert [(row.text_source, row.grade, row.url_match, row.own_site) for row in rows] == [
        ("json_ld", "partial_copy", "article", True),
        ("visible", "url_only", "article", True),
        ("script", "partial_copy", "title", True),
        ("visible", "url_only", "title", True),
        ("visible", "partial_copy", "none", False),
        ("visible", "extract", "none", False),
        ("feed", "partial_copy", "none", False),
    ]
    assert documents_without_url(embedding([("", {"visible": "a", "json": "b"})])) == 1


def test_groups_passes_and_readings_of_single_pages_change_no_row(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = embedding(PAGES_WITH_EMBEDDED)
    rows = matched(corpus, batch)
    assert batch.mains is not None
    mains = dict.fromkeys(batch.mains.tolist())
    single = [row for main in mains for row in matched(corpus, batch.single(main))]
    assert single == rows
    assert batch.single(len(batch) - 1).text_of(1) == batch.text_of(len(batch) - 1)
    halves = [HashRange(0, 1 << 63), HashRange(1 << 63, 1 << 63)]
    parts = [Matcher(corpus, ScanConfig(), part).candidates(batch) for part in halves]
    matcher = Matcher(corpus, ScanConfig(), halves[1])
    assert list(matcher.rows(batch, joined(parts), Origin("wet", None, ""))) == rows
    monkeypatch.setattr(shard_matcher, "GROUP_BYTES", 1)
    monkeypatch.setattr(shard_matcher, "PAIRS_AT_ONCE", 1)
    assert matched(corpus, batch) == rows


def test_embedded_text_is_credited_to_the_agency_that_the_page_states_as_author(corpus: Corpus) -> None:
    pages: list[tuple[str, TEXT]] = [
        ("https://copy.example/", {"visible": text(0, 20), "json_ld": text(0, 80)})
    ]
    for author, credits in (("Jeanne Durand", []), ("Jeanne Durand, AFP", ["AFP"])):
        batch = replace(embedding(pages), page_metadata=lambda i, author=author: PageMetadata(author=author))
        visible, embedded = matched(corpus, batch)
        assert (visible.document_credits, embedded.document_credits) == ([], credits)
        assert ("credits_other" in embedded.confidence_reasons) == bool(credits)

"""Articles planted into HTML are found in its WARC as they are in the WET of the same pages, and no others.

What is true is brute force over what the standard library's parser shows of each page.
"""

from __future__ import annotations

import codecs
import gzip
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import brotli
import pytest
from warcio.archiveiterator import ArchiveIterator

from benchmarks.quality import material, negatives, plant, product
from benchmarks.quality.cut import cut
from benchmarks.quality.pages import Planted
from benchmarks.quality.responses import CHARSETS, DECLARED, STORED, Answer, answer
from benchmarks.quality.score import Bench
from benchmarks.quality.truth import RUN, common_pairs
from benchmarks.quality.visible import visible_text
from presswatch_spark.core.model import ReadReport
from presswatch_spark.core.settings.config import CorpusConfig, ScanConfig
from presswatch_spark.corpus.building.build import build_corpus
from presswatch_spark.corpus.store import Corpus
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc_format import WARC
from presswatch_spark.scanning.pipeline import ShardScan
from presswatch_spark.scanning.runs.work import Outcome
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, stat
from tests.world.corpora import Inline

SEED, PER_KIND = 11, 2
Rows = Mapping[tuple[str, str], Mapping[str, Any]]

pytestmark = pytest.mark.slow
PARTED = re.compile(r"[^\W\d_][-\u2010]\s*\n\s*[^\W\d_]")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """Pages of every kind with decoys in them, and a folder with a corpus of their articles."""
    folder = tmp_path_factory.mktemp("planted")
    stuff = material.load(None, 60, SEED)
    articles, common = negatives.dressed(stuff, SEED)
    bare = [
        *plant.planted(articles, stuff.filler, PER_KIND, SEED),
        *negatives.negatives(stuff, articles, common, PER_KIND, SEED),
    ]
    pages = list(negatives.with_decoys(bare, articles, SEED))
    texts = {article.article_id: article.body for article in articles}
    product.write_members(folder, articles)
    members, rows, out = (str(folder / name) for name in ("members.yaml", "articles.jsonl", "corpus"))
    build_corpus(Inline(), members, [rows], out, CorpusConfig(), StorageOptions())  # type: ignore[arg-type]
    return Bench(pages, texts, common_pairs({page.url: page.text for page in pages}, texts)), folder


@pytest.fixture(scope="module")
def answers(bench: tuple[Bench, Path]) -> list[tuple[Planted, Answer]]:
    return [(page, answer(page)) for page in bench[0].pages]


@pytest.mark.full
def test_what_can_be_seen_is_the_planted_text_and_no_more_of_any_article(
    bench: tuple[Bench, Path], answers: list[tuple[Planted, Answer]]
) -> None:
    seen = {page.url: visible_text(made.html) for page, made in answers}
    assert all(words(page.text) in words(seen[page.url]) for page, _ in answers)
    assert common_pairs(seen, bench[0].articles) == bench[0].truth


def test_pages_have_decoys_that_would_be_found_if_they_were_seen(
    bench: tuple[Bench, Path], answers: list[tuple[Planted, Answer]]
) -> None:
    unseen = {page.url: made.html for page, made in answers if page.kind == negatives.UNSEEN}
    assert len(unseen) == PER_KIND
    assert not {page for page, _ in bench[0].truth} & unseen.keys()
    assert {page for page, _ in common_pairs(unseen, bench[0].articles)} == unseen.keys()


def test_every_charset_declaration_and_coding_is_there_and_says_what_it_is(
    answers: list[tuple[Planted, Answer]],
) -> None:
    for trait, names in (("charset", CHARSETS), ("declared", DECLARED), ("stored", STORED)):
        assert {made.traits[trait] for _, made in answers} == names.keys()
    for _, made in answers:
        body, headers = made.body, {name.lower(): value for name, value in made.headers}
        if "transfer-encoding" in headers:
            body = unchunked(body)
        if coding := headers.get("content-encoding"):
            body = gzip.decompress(body) if coding == "gzip" else brotli.decompress(body)
        marked = body.startswith(codecs.BOM_UTF8)
        text = body.removeprefix(codecs.BOM_UTF8).decode(
            "utf-8" if marked or made.traits["charset"] == "utf-8" else "cp1252"
        )
        assert cut(visible_text(text)).folded == cut(visible_text(made.html)).folded


def unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)


def test_a_warc_of_the_pages_holds_them_as_other_readers_see_them(
    bench: tuple[Bench, Path], tmp_path: Path
) -> None:
    path = tmp_path / "some.warc.gz"
    pages = bench[0].pages[::9]
    product.write_pages(path, pages)
    with path.open("rb") as file:
        records = [
            (r.rec_type, r.rec_headers.get_header("WARC-Target-URI"), r.raw_stream.read())
            for r in ArchiveIterator(file, check_digests="raise")
        ]
    assert [kind for kind, _, _ in records] == ["warcinfo", *["request", "response", "metadata"] * len(pages)]
    stored = {url: body for kind, url, body in records if kind == "response"}
    assert stored == {page.url: answer(page).body for page in pages}


@pytest.mark.full
def test_the_text_of_a_page_is_what_can_be_seen_and_then_hidden_words(
    answers: list[tuple[Planted, Answer]], tmp_path: Path
) -> None:
    path = tmp_path / "some.warc.gz"
    product.write_pages(path, [page for page, _ in answers])
    seen = {made.url: words(visible_text(made.html)) for _, made in answers}
    sieved, extracted = {}, {}
    for batch in WARC.read(stat(str(path), StorageOptions()), ReadOptions(), ReadReport()):
        for i in range(len(batch)):
            sieved[batch.url_of(i)] = words(
                batch.text[batch.text_starts[i] : batch.text_ends[i]].tobytes().decode()
            )
            extracted[batch.url_of(i)] = words(batch.text_of(i).decode())
    # Hidden words come behind all that can be seen.
    assert {url: text[: len(seen[url])] for url, text in extracted.items()} == seen
    assert sieved == extracted
    assert all(words(page.text) in sieved[page.url] for page, _ in answers)


def words(text: str) -> str:
    return f" {' '.join(cut(text).folded)} "


def test_every_pair_is_found_in_html_as_it_is_in_text_and_no_other(bench: tuple[Bench, Path]) -> None:
    planted, folder = bench
    found = {name: rows_of(folder, name, planted.pages) for name in ("WARC", "WET")}
    runs = {pair: both.longest for pair, both in planted.truth.items() if both.longest >= RUN}
    texts = {page.url: page.text for page in planted.pages}
    assert not runs.keys() - found["WARC"].keys()
    assert not found["WARC"].keys() - runs.keys()
    for pair, row in found["WET"].items():
        theirs = found["WARC"][pair]
        assert row["longest_run_words"] == theirs["longest_run_words"]
        # Brute force leaves words as written where a hyphen at a line end parts them.
        is_parted = row["longest_run_words"] > runs[pair] and PARTED.search(texts[pair[0]])
        assert row["longest_run_words"] == runs[pair] or is_parted
        assert theirs["copied_words"] == row["copied_words"]
        assert theirs["grade"] == row["grade"]


def rows_of(folder: Path, name: str, pages: list[Planted]) -> Rows:
    """Rows with an article's words of a scan of the pages in one format."""
    pattern, write = product.FORMATS[name]
    path = folder / pattern.format(0)
    write(path, pages)
    corpus = folder / "corpus"
    scan = ShardScan("auto", str(corpus), Corpus.open(str(corpus)).manifest.digest, ScanConfig())
    outcome: Outcome = scan(ObjectInfo(str(path)))
    assert outcome.log["status"] == "complete", outcome.log["error"]
    assert outcome.log["documents"] == len(pages)
    rows = [
        row for batch in outcome.tables["matches"] for row in batch.to_pylist() if row["grade"] != "url_only"
    ]
    return {(row["document_url"], row["article_id"]): row for row in rows}

"""Every run of eleven words of an article that Chromium shows is in the text of the page."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.formats.http.charsets import encoding_of, to_utf8
from presswatch_spark.html.markup import text_of_page
from presswatch_spark.text.words import word_at, words_of
from tests.browser_pages import RUN_WORDS, article_runs, generated, shown
from tests.chromium import Chromium, chromium

PROSE_WORDS = 20


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started


def words(text: bytes) -> list[str]:
    found = words_of(text)
    return [word_at(found, i) for i in range(len(found))]


def assert_all_found(browser: Chromium, seeds: range) -> int:
    pages, count = [generated(seed) for seed in seeds], 0
    for seed, page, text in zip(seeds, pages, shown(browser, pages), strict=True):
        seen = article_runs(words(text.encode("utf-8", "replace")))
        count += len(seen)
        assert not seen - article_runs(words(text_of_page(page.encode()))), f"page {seed}"
    return count


def test_of_generated_pages_no_run_of_an_article_is_missed(browser: Chromium) -> None:
    assert assert_all_found(browser, range(60)) > 2_000


@pytest.mark.full
def test_of_20_000_generated_pages_no_run_of_an_article_is_missed(browser: Chromium) -> None:
    assert assert_all_found(browser, range(60, 20_060)) > 500_000


@pytest.mark.full
@pytest.mark.real_data
def test_of_real_pages_no_run_of_prose_is_missed(browser: Chromium, real_data: Path) -> None:
    paths = [*(real_data / "html").rglob("*.html"), *(real_data / "html").rglob("*.html.gz")]
    assert len(paths) == 15
    # A crawl stores pages before any script has run, and without other files.
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.ask(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    frame = browser.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
    for path in paths:
        stored = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        page = bytes(to_utf8(stored, encoding_of("text/html", stored)))
        browser.ask("Page.setDocumentContent", frameId=frame, html=page.decode("utf-8", "replace"))
        lines = json.loads(browser.run("JSON.stringify(document.body.innerText)")).splitlines()
        prose = [
            line
            for line in (words(each.encode("utf-8", "replace")) for each in lines)
            if len(line) >= PROSE_WORDS
        ]
        assert len(prose) > 5, path.name
        ours = runs(words(text_of_page(page)))
        assert not set().union(*map(runs, prose)) - ours, path.name


def runs(sequence: list[str]) -> set[tuple[str, ...]]:
    return {tuple(sequence[i : i + RUN_WORDS]) for i in range(len(sequence) - RUN_WORDS + 1)}

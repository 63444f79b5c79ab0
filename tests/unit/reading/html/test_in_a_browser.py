"""Every run of eleven words of an article that Chromium shows is in the text of the page."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from presswatch_spark.reading.html.reader import text_of_page
from presswatch_spark.reading.http.message import encoding_of, to_utf8
from tests.world.chromium import Chromium, chromium
from tests.world.prose import folded
from tests.world.random_pages import RUN_WORDS, article_runs, generated, shown


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started


@pytest.mark.parametrize(
    ("seeds", "least"),
    [(range(60), 2_000), pytest.param(range(60, 20_060), 500_000, marks=pytest.mark.full)],
    ids=["60", "20,000"],
)
def test_of_generated_pages_no_run_of_an_article_is_missed(
    browser: Chromium, seeds: range, least: int
) -> None:
    pages, count = [generated(seed) for seed in seeds], 0
    for seed, page, text in zip(seeds, pages, shown(browser, pages), strict=True):
        seen = article_runs(folded(text.encode("utf-8", "replace")))
        count += len(seen)
        assert not seen - article_runs(folded(text_of_page(page.encode()))), f"page {seed}"
    assert count > least


@pytest.mark.full
@pytest.mark.real_data
def test_of_real_pages_no_run_of_prose_is_missed(browser: Chromium, real_data: Path) -> None:
    # A crawl stores pages before any script has run, and without other files.
    browser.ask("Emulation.setScriptExecutionDisabled", value=True)
    browser.ask(
        "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
    )
    frame = browser.ask("Page.getFrameTree")["frameTree"]["frame"]["id"]
    pages, prose, missed, all_runs = 0, 0, {}, 0
    for name, stored in real_pages(real_data):
        page = bytes(to_utf8(stored, encoding_of("text/html", stored)))
        browser.ask("Page.setDocumentContent", frameId=frame, html=page.decode("utf-8", "replace"))
        text = json.loads(browser.run("JSON.stringify(document.body.innerText)"))
        ours = runs(folded(text_of_page(page)))
        of_lines = set().union(*(runs(folded(line.encode("utf-8", "replace"))) for line in text.splitlines()))
        assert not of_lines - ours, name
        pages, prose = pages + 1, prose + len(of_lines)
        everything = runs(folded(text.encode("utf-8", "replace")))
        all_runs += len(everything)
        if everything - ours:
            missed[name] = len(everything - ours)
    assert pages > 30
    assert prose > 20_000
    assert missed.keys() <= WITH_OTHER_MENUS, missed
    assert sum(missed.values()) < all_runs / 500, missed


WITH_OTHER_MENUS = {
    "EuronewsFR_2024_04_30.html.gz", "LeMonde_2023_09_01.html.gz", "gala.fr.surnom.html",
    "lapresse.tn.parite.html",
}  # fmt: skip
"""Pages whose lists of languages, menus and buttons a browser shows otherwise; guarantee.md tells why."""


def real_pages(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and bodies of press pages, and of all pages in the archives."""
    for path in [*(folder / "html").rglob("*.html"), *(folder / "html").rglob("*.html.gz")]:
        yield path.name, gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for archive in ("whirlwind.warc.gz", "mini.warc.gz", "iana.warc.gz"):
        (path,) = folder.rglob(archive)
        with path.open("rb") as stored:
            for record in ArchiveIterator(stored):
                headers = record.http_headers
                if record.rec_type == "response" and "html" in (headers.get_header("content-type") or ""):
                    body = record.content_stream().read()
                    if len(body) > 1_000:
                        yield str(record.rec_headers.get_header("WARC-Target-URI")), body


def runs(sequence: list[str]) -> set[tuple[str, ...]]:
    return {tuple(sequence[i : i + RUN_WORDS]) for i in range(len(sequence) - RUN_WORDS + 1)}

"""The page in a real browser: nothing leaves, nothing complains, and it fits each screen and each wish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.legal.report.questions import QUESTIONS
from presswatch_spark.query.sql import run_query
from tests.world.chromium import Chromium, chromium
from tests.world.claims import House

SHOWN = "[...document.querySelectorAll('section[data-table=all_hosts] tbody tr')]"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


def opened(browser: Chromium, file: Path) -> None:
    browser.requests.clear()
    browser.complaints.clear()
    browser.open(file.as_uri())
    browser.wait("document.querySelector('.controls:not([hidden])')")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_fits_each_screen_and_nothing_leaves(
    browser: Chromium, page_files: dict[str, Path], language: str
) -> None:
    browser.resize(390, 844)
    opened(browser, page_files[language])
    grounds, bars = set(), set()
    for width, height in ((390, 844), (800, 1100), (1280, 900)):
        for dark in (False, True):
            browser.resize(width, height, dark=dark)
            assert browser.run("document.documentElement.scrollWidth") <= width
            grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
            bars.add(
                browser.run("getComputedStyle(document.querySelector('.chart [fill=\"#7b1e3a\"]')).fill")
            )
            pictures = "[...document.querySelectorAll('.chart')].filter(each => each.offsetParent).length"
            assert browser.run(pictures) == browser.run("document.querySelectorAll('.wide-chart').length")
    assert len(grounds) == len(bars) == 2
    steering = "/[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.textContent)"
    assert browser.run(steering) is False
    assert browser.requests == [page_files[language].as_uri()]
    assert browser.complaints == []


@pytest.mark.full
def test_tables_are_sorted_and_filtered(browser: Chromium, page_files: dict[str, Path], house: House) -> None:
    opened(browser, page_files["en"])
    rows = list(run_query(str(house.tables), QUESTIONS["all_hosts"], engine="duckdb").rows)
    assert browser.run(f"{SHOWN}.length") == len(rows)
    cells = f"{SHOWN}.map(row => row.cells[6].textContent)"
    browser.run("document.querySelectorAll('section[data-table=all_hosts] th button')[6].click()")
    assert browser.run(cells) == [f"{words:,}" for words in sorted((row[6] for row in rows), reverse=True)]  # type: ignore[type-var]
    browser.run("document.querySelectorAll('section[data-table=all_hosts] th button')[6].click()")
    assert browser.run(cells) == [f"{words:,}" for words in sorted(row[6] for row in rows)]  # type: ignore[type-var]
    browser.run(
        "const box = document.querySelector('section[data-table=all_hosts] input');"
        " box.value = 'BÜCHER'; box.dispatchEvent(new Event('input'))"
    )
    assert browser.run(f"{SHOWN}.length") == 1
    assert browser.complaints == []


@pytest.mark.full
def test_on_paper_all_is_open_and_has_no_buttons(browser: Chromium, page_files: dict[str, Path]) -> None:
    opened(browser, page_files["fr"])
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details[open]').length") == 0
    browser.ask("Emulation.setEmulatedMedia", media="print")
    assert browser.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    assert len(browser.ask("Page.printToPDF")["data"]) > 10_000
    browser.ask("Emulation.setEmulatedMedia", media="")
    assert browser.complaints == []


ON_PAPER = """
document.querySelector('main').innerHTML = `<div class="wide"><table><thead><tr><th>Éditeur</th><th>Jeu</th>
  ${'<th class="number">Mots repris en tout</th>'.repeat(5)}</tr></thead><tbody><tr>
  <td><bdi>Société du Méridien</bdi></td><td><bdi>Common Crawl, livraison inconnue</bdi></td>
  ${'<td class="number"><bdi>1 234 567</bdi></td>'.repeat(5)}</tr></tbody></table></div>`;
"""
BROKEN_WORDS = """
[...document.querySelectorAll('main th, main td bdi')].flatMap(cell => {
  const text = cell.firstChild, range = document.createRange();
  return [...text.data.matchAll(/[^\\s]+/g)].filter(word => {
    range.setStart(text, word.index); range.setEnd(text, word.index + word[0].length);
    return range.getClientRects().length > 1;
  }).map(word => word[0]);
})
"""


LETTERS_ON_PAPER = """
document.querySelector('main').innerHTML = `<table><thead><tr><th>Lettre</th><th>Article</th></tr></thead>
  <tbody><tr><td class="text"><bdi>A</bdi></td><td class="text"><bdi>${'Un titre '.repeat(40)}</bdi></td></tr>
  </tbody></table>`;
"""


def test_on_paper_no_word_or_table_is_cut(browser: Chromium, page_files: dict[str, Path]) -> None:
    opened(browser, page_files["fr"])
    browser.resize(700, 960)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    browser.run(ON_PAPER)
    assert browser.run("document.querySelectorAll('main td').length") == 7
    assert browser.run(BROKEN_WORDS) == []
    table, paper = browser.run("['table', 'main'].map(name => document.querySelector(name).offsetWidth)")
    assert 0 < table <= paper <= 700
    browser.run(LETTERS_ON_PAPER)
    assert 0 < browser.run("document.querySelector('main td').offsetWidth") < 80
    browser.ask("Emulation.setEmulatedMedia", media="")

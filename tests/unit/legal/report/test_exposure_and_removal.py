"""What the page says of models that were trained on the datasets, and of places that were to be emptied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.legal.removal.states import STATES
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.report.cells import REMOVAL_STATES
from presswatch_spark.legal.report.page import REMOVED, UNDECIDED, group_of
from presswatch_spark.query.sql import run_query
from tests.world.exposures import tables_with_datasets
from tests.world.release import Release, probe, release
from tests.world.reports import Page, figures_in, page_of_tables
from tests.world.servers import web


def test_models_stand_with_their_quotation_and_the_figures_of_the_query(tmp_path: Path) -> None:
    tables_with_datasets(tmp_path / "tables")
    page = page_of_tables(tmp_path / "tables", None, tmp_path / "page.html")
    (part,) = [part for part in Page(page).parts if "with marks as" in part.query]
    found = run_query(str(tmp_path / "tables"), part.query, engine="duckdb")
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    expected = sorted((row["articles"], row["pages"]) for row in rows)
    figures = figures_in(part.texts["td"])
    assert sorted(zip(figures[::2], figures[1::2], strict=True)) == expected
    assert "OpenAI says that it trained GPT-3 on a part of Common Crawl that it chose." in page
    assert "Common Crawl\u00a0· CC-MAIN-2018-05</bdi>" in page
    assert "C4\u00a0· c4-en</bdi>" in page
    assert "filtered based on similarity to high-quality reference corpora" in page
    assert "It proves neither that a model read an article" in page
    assert "Rows left out, as nobody says of which dataset they are: 2." in page


def test_where_no_publisher_speaks_of_the_datasets_the_page_says_so(pages: dict[str, str]) -> None:
    assert "No publisher of a model that this program knows of" in pages["en"]


def test_without_a_case_the_page_does_not_say_what_was_removed(pages: dict[str, str]) -> None:
    assert "No case of removal was given" in pages["en"]


def test_every_state_has_a_name_and_a_meaning() -> None:
    assert tuple(REMOVAL_STATES) == STATES
    assert all(len({name, meaning} - {""}) == 2 for name, meaning in REMOVAL_STATES.values())


@pytest.mark.parametrize(
    ("state", "removed", "group"),
    [("overwritten", True, REMOVED), ("restricted", False, UNDECIDED), ("undecided", False, UNDECIDED)],
)
def test_a_refusal_or_a_failure_is_no_removal(state: str, removed: bool, group: str) -> None:
    assert group_of({"state": state, "removed": removed}) == group


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with web() as server:
        yield release(tmp_path_factory.mktemp("crawl"), server)


def test_a_case_is_counted_by_recipient_and_state_as_its_status_says(
    crawl: Release, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = crawl.open()
    path = str(crawl.folder / "case")
    page = page_of_tables(crawl.tables, crawl.corpus, tmp_path / "page.html", case=path)
    assert "Nobody has looked at these places yet: nothing can be said." in page
    assert "The list of places has the digest" in page
    assert "The newest look" not in page
    target = next(each for each in case.targets() if each.record_offset is not None)
    crawl.overwrite(target, b"\0" * target.record_length)
    probe(case, crawl)
    found = CaseStatus.of(case)
    states = found.counts()
    assert states.total() == len(found.targets) > 0
    assert cli.run(["removal", "status", "--json", path]) == 0
    said = capsys.readouterr().out
    for state, count in states.items():
        assert said.count(f'"state": "{state}"') == count
    page = page_of_tables(crawl.tables, crawl.corpus, tmp_path / "page.html", case=path)
    # Where nothing is removed, no sentence must say that a text is gone.
    gone = "Claims whose text can no longer be read at any of their places: "
    removed, claims = found.claims()
    assert f"{gone}{removed} of {claims}." in page
    assert re.search(rf"Common Crawl Foundation.*?>{len(found.targets)}<", page)
    assert "points to them: before you write, verify who publishes that file" in page
    assert str(found.course.newest) in page

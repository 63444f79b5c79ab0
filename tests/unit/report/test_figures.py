"""Each figure of the page is what its query answers, in both languages."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.queries.sql import run_query
from presswatch_spark.report.questions import QUESTIONS
from presswatch_spark.report.sections import CHANGES
from presswatch_spark.tables.schemas.scan_tables import SCAN_LOG
from presswatch_spark.tables.store import TableStore
from tests.claims import House, Seen, text
from tests.reports import Page, figures_in, hostile_house, page_of_tables
from tests.tables import NOON, match, publish, row_of, write

RUN = "20240601T120000Z-abcdef"
# Numbers of an answer that stand in the page as shares or days, or in its script alone.
DATA = ("titles", "all_hosts", "news", "reasons", "for_a_person")


def parts_of(page: str) -> dict[str, list[int]]:
    """The figures that stand above each query."""
    found = Page(page)
    return {
        part.query: figures_in([*part.texts.get("strong", ()), *part.texts.get("td", ())])
        for part in found.parts
        if part.query
    }


def answer(tables: Path, query: str) -> list[dict[str, object]]:
    found = run_query(str(tables), query, engine="duckdb")
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def whole_numbers(rows: list[dict[str, object]]) -> list[int]:
    """The numbers of an answer as the page shows them: without what stands behind the point."""
    return [round(value) for row in rows for value in row.values() if type(value) in (int, float)]


@pytest.mark.parametrize("language", ["fr", "en"])
def test_each_query_that_is_shown_gives_the_figures_above_it(
    house: House, pages: dict[str, str], language: str
) -> None:
    shown = parts_of(pages[language])
    by_name = {query.strip(): name for name, query in QUESTIONS.items()}
    checked = set()
    for query, figures in shown.items():
        name, rows = by_name[query], answer(house.tables, query)
        checked.add(name)
        if name in DATA:
            continue
        if name == "letters":
            letters = {row["letter"]: row["pages"] for row in rows}
            assert figures == [letters.get(letter, 0) for letter in "ABC"]
        else:
            assert figures == whole_numbers(rows), name
    drawn = {"hosts", "releases", "years", "lineage", "reservations"}
    assert {"found", "letters", "places", "read", "runs", "examples", "token_share", *drawn, *DATA} <= checked


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_rows_that_the_script_has_are_those_of_the_query(
    house: House, pages: dict[str, str], language: str
) -> None:
    tables = Page(pages[language]).data["tables"]
    assert tables.keys() == set(DATA)
    for name, columns in tables.items():
        rows = answer(house.tables, QUESTIONS[name])
        assert {len(column["values"]) for column in columns} == {len(rows)}
        numbers = [each["values"] for each in columns if each["kind"] == "number" and any(each["values"])]
        expected = {
            tuple(row[field] for row in rows)
            for field in rows[0]
            if type(rows[0][field]) in (int, float) and any(row[field] for row in rows)
        }
        assert {tuple(values) for values in numbers} == expected, name


def test_both_languages_have_the_same_figures(pages: dict[str, str]) -> None:
    french, english = (parts_of(pages[language]) for language in ("fr", "en"))
    assert french == english
    data = [Page(pages[language]).data["tables"] for language in ("fr", "en")]
    numbers = [
        {
            name: [each["values"] for each in columns if each["kind"] == "number"]
            for name, columns in one.items()
        }
        for one in data
    ]
    assert numbers[0] == numbers[1]


def test_the_command_below_a_query_asks_it(
    house: House, pages: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    query = QUESTIONS["found"].strip()
    (words,) = [
        shlex.split(text)
        for part in Page(pages["en"]).parts
        for text in part.texts.get("pre", ())
        if text.startswith("presswatch sql") and "count(distinct text_sha256)" in text
    ]
    assert words == ["presswatch", "sql", str(house.tables), query]
    assert cli.run([*words[1:], "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(row.values()) == parts_of(pages["en"])[query]


def test_what_is_nobodys_or_licensed_or_d_is_no_copy(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    facts = {"headline": "H", "document_host": "a.example", "article_published_at": NOON}
    own = facts | {"own_site": True}
    rows = [
        match("a", "https://a.example/", row_sha256="1", text_sha256="1", confidence="A", **facts),
        match("a", None, row_sha256="2", text_sha256="2", confidence="B", **(facts | {"own_site": None})),
        match("a", "https://b.example/", row_sha256="3", text_sha256="3", confidence="D", **facts),
        match("a", "https://o.example/", row_sha256="4", text_sha256="4", confidence="A", **own),
        match(None, "https://o.example/b", row_sha256="5", text_sha256="5", confidence="C", **own),
    ]
    tables.mkdir()
    publish(tables, RUN, rows)
    assert answer(tables, QUESTIONS["found"]) == [{"pages": 1, "articles": 1, "texts": 1, "hosts": 1}]
    places = {row["place"]: row["pages"] for row in answer(tables, QUESTIONS["places"])}
    assert places == {"elsewhere": 1, "unknown": 1, "not_used": 1, "own": 2}


def test_files_that_were_not_read_to_their_end_are_counted_and_said(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [])
    statuses = ("complete", "complete", "partial", "failed")
    log = [
        row_of(SCAN_LOG, run_id=RUN, shard_uri=f"s{number}", status=status, skipped=[])
        for number, status in enumerate(statuses)
    ]
    write(TableStore.open(str(tables)), "scan_log", RUN, log, SCAN_LOG)
    page = page_of_tables(tables, None, tmp_path / "page.html")
    assert "Files planned: 4. Read to their end: 2; in part: 1; not at all: 1." in page
    assert "site was found in what was read." in page
    assert "read to its end (2 of 4 files)" in page
    french = page_of_tables(tables, None, tmp_path / "page.html", "fr")
    assert "Lus jusqu’au bout\u00a0: 2\u202f; en partie\u00a0: 1" in french


def test_tables_that_do_not_say_what_was_read_say_so(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [])
    assert "do not say how many files were read" in page_of_tables(tables, None, tmp_path / "page.html")


def test_without_claims_the_letters_are_those_of_rows_and_the_page_says_it(tmp_path: Path) -> None:
    house = hostile_house(tmp_path / "house", claims=False)
    page = page_of_tables(house.tables, None, tmp_path / "page.html")
    assert "These letters come from each page alone" in page
    assert "presswatch claims --corpus CORPUS --out" in page
    shown = parts_of(page)
    assert figures_in([]) == []
    assert shown[QUESTIONS["found"].strip()] == whole_numbers(answer(house.tables, QUESTIONS["found"]))
    assert QUESTIONS["reasons_of_rows"].strip() in shown
    # Without a corpus there are no names and no articles, but the pages.
    assert "give --corpus with the corpus of the scan" in page
    assert page.count("<blockquote") == 5


def test_a_run_after_the_claims_is_said_to_have_letters_of_its_own(tmp_path: Path) -> None:
    house = hostile_house(tmp_path / "house")
    house.scan(Seen("https://late.example/", text(0)))
    page = page_of_tables(house.tables, house.corpus, tmp_path / "page.html")
    assert "Rows that have not been judged with the others yet: 1." in page


def test_what_changed_between_the_two_scans_that_were_compared_last(tmp_path: Path) -> None:
    house = hostile_house(tmp_path / "house")
    tables = str(house.tables)
    before, after = (run["run_id"] for run in TableStore.open(tables).rows("runs"))
    compared = [
        "compare",
        "--before",
        before,
        "--after",
        after,
        "--engine",
        "duckdb",
        "--out",
        tables,
        tables,
    ]
    assert cli.run(compared) == 0
    page = page_of_tables(house.tables, house.corpus, tmp_path / "page.html")
    pairs = {row["state"]: row["pairs"] for row in answer(house.tables, QUESTIONS["changes"])}
    assert sum(pairs.values()) > 0
    assert parts_of(page)[QUESTIONS["changes"].strip()] == [pairs.get(state, 0) for state in CHANGES]
    assert f"Between the scans {before} and {after}" in page


def test_tables_without_a_comparison_say_that_nobody_can_tell(pages: dict[str, str]) -> None:
    assert "nobody can say what is new, reduced, gone or back" in pages["en"]


def test_a_sample_is_said_to_be_one(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [], sample=0.01, sample_seed=1, shards_listed=90_000)
    page = page_of_tables(tables, None, tmp_path / "page.html")
    assert "is of a sample: 3 files drawn from 90,000" in page

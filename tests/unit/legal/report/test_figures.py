"""Each figure of the page is what its query answers, in both languages."""

from __future__ import annotations

import html
import json
import re
import shlex
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, row_settings
from presswatch_spark.core.translation import LANGUAGES
from presswatch_spark.legal.report.page import CHANGES
from presswatch_spark.legal.report.questions import QUESTIONS
from presswatch_spark.legal.report.wording import ReportWords
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.query.sql import run_query
from presswatch_spark.tables.declarations import ShardLog
from presswatch_spark.tables.store import TableStore
from tests.world.claims import House, Seen, text
from tests.world.proofs import each_time
from tests.world.reports import Page, figures_in, hostile_house, house_like, page_of_tables, pages_of_tables
from tests.world.tables import NOON, match, publish, row_of, write

RUN, CRAWL = "20240601T120000Z-abcdef", "CC-MAIN-2024-51"
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


@pytest.mark.parametrize("language", each_time(["en"], LANGUAGES))
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


@pytest.mark.parametrize("language", each_time(["en"], LANGUAGES))
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
        if text.startswith("presswatch sql") and "count(distinct record)" in text
    ]
    assert words == ["presswatch", "sql", "--lang", "en", str(house.tables), query]
    assert cli.run([*words[1:], "--json"]) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert list(row.values()) == parts_of(pages["en"])[query]


def commands_in(page: str) -> list[list[str]]:
    """The commands that a page shows, as a shell reads them."""
    shown = [
        text
        for part in Page(page).parts
        for element in ("pre", "code")
        for text in part.texts.get(element, ())
    ]
    return [shlex.split(text)[1:] for text in shown if text.startswith("presswatch ")]


@pytest.mark.full
def test_each_command_runs_as_it_stands_from_any_folder(
    house: House,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / 'l\'été $1 "x"'
    shutil.copytree(house.tables, folder / "tables")
    shutil.copytree(house.corpus, folder / "corpus")
    monkeypatch.chdir(folder)
    page = page_of_tables(Path("tables"), Path("corpus"), tmp_path / "page.html", "fr")
    monkeypatch.chdir(tmp_path)
    commands = commands_in(page)
    assert {words[0] for words in commands} == {"sql", "explain", "verify-rows"}
    for words in commands:
        assert words[0] == "verify-rows" or words[words.index("--lang") + 1] == "fr"
        assert cli.run(words) == 0, words
    assert str(folder) in html.unescape(page)
    assert "Les commandes de cette page nomment ce dossier" in page


def test_a_mirror_stands_in_the_commands_that_read_files(house: House, tmp_path: Path) -> None:
    mirror = Mirror(str(house.folder), str(tmp_path / "copy"))
    page = page_of_tables(house.tables, None, tmp_path / "page.html", mirrors=[mirror])
    reading = [words for words in commands_in(page) if words[0] in ("explain", "verify-rows")]
    assert reading
    assert all(f"{house.folder}={tmp_path / 'copy'}" in words for words in reading)
    assert "<code>CORPUS</code> is the folder of the scan's corpus." in html.unescape(page)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run over a file of a crawl, one of C4 that names no release, and rows that name crawls."""
    tables = tmp_path_factory.mktemp("mixed") / "tables"
    facts: dict[str, Any] = {"confidence": "A", "document_words": 50, "article_published_at": NOON}
    facts |= {"url_match": "none"}
    shards = {"wet": CRAWL, "c4": None, "rows": None}
    named = {"wet": CRAWL, "c4": None, "rows": "CC-MAIN-2013-20"}
    rows = [
        match(
            f"a{number}", f"https://{form}.example/", row_sha256=form, text_sha256=form, dataset=form,
            document_host=f"{form}.example", shard_uri=form, release=release, title_id="t",
            publisher_id=publisher, **facts,
        )
        for number, (publisher, (form, release)) in enumerate(product("pq", named.items()))
    ]  # fmt: skip
    tables.mkdir()
    settings = row_settings(ScanConfig(), MinHashRules())
    publish(tables, RUN, rows, release=CRAWL, config=settings, corpus_digest="one")
    log = [
        row_of(
            ShardLog,
            run_id=RUN,
            shard_uri=form,
            status="complete",
            format=form,
            release=release,
            words=60,
        )
        for form, release in shards.items()
    ]
    write(TableStore.open(str(tables)), "scan_log", RUN, log, ShardLog.schema)
    return tables


@pytest.fixture(scope="module")
def mixed_pages(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page of that run by language."""
    return pages_of_tables(mixed, None, tmp_path_factory.mktemp("mixed-pages"))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_same_rows_stand_under_the_same_release_in_every_figure(
    mixed_pages: dict[str, str], language: str
) -> None:
    page = mixed_pages[language]
    shown = set(re.findall(r"<bdi>([^<(]*· [^<(]*)</bdi>", page))
    told = {
        "fr": {
            f"Common Crawl, textes · {CRAWL}",
            f"Common Crawl · {CRAWL}",
            "format C4 · livraison inconnue",
            "autre jeu de lignes · CC-MAIN-2013-20",
            "autre jeu de lignes · livraison propre à chaque ligne",
        },
        "en": {
            f"Common Crawl, texts · {CRAWL}",
            f"Common Crawl · {CRAWL}",
            "C4 format · release not known",
            "another dataset of rows · CC-MAIN-2013-20",
            "another dataset of rows · release of each row",
        },
    }
    assert {text.replace("\u00a0", " ") for text in shown} == told[language]
    undated = {"fr": "date d’enregistrement inconnue (", "en": "date of the record not known ("}
    assert undated[language] in page
    alone = {"fr": "Mots de l’article\u00a0: 20 ·", "en": "Words of the article: 20 ·"}
    assert alone[language] in page, "how many words the article has is not known"


def test_all_publishers_together_never_have_more_words_than_were_read(
    mixed: Path, mixed_pages: dict[str, str]
) -> None:
    page = mixed_pages["en"]
    rows = answer(mixed, QUESTIONS["token_share"])
    copied = {(row["publisher_id"], row["dataset"]): row["copied_words"] for row in rows}
    # One page has the words of both publishers.
    assert copied == {(who, form): 20 for who in (None, "p", "q") for form in ("wet", "c4", "rows")}
    assert "All together" in page
    assert "their shares may add up to more than that of all" in page


def test_a_figure_that_does_not_show_all_says_so(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    rows = [
        match(
            "a", f"https://h{number}.example/", row_sha256=str(number), text_sha256=str(number),
            document_host=f"h{number}.example", confidence="A", article_published_at=NOON,
            publisher_id=f"p{number}",
        )
        for number in range(16)
    ]  # fmt: skip
    publish(tables, RUN, rows[:14])
    page = page_of_tables(tables, None, tmp_path / "page.html")
    assert "if there are more, the query below gives them" not in page
    tables = tmp_path / "more"
    tables.mkdir()
    publish(tables, RUN, rows)
    page = page_of_tables(tables, None, tmp_path / "page.html")
    assert "The first 15 rows; if there are more" in page
    assert "The 15 publishers with most pages; if there are more" in page


@pytest.mark.parametrize(
    ("dataset", "release", "shown"),
    [
        ("wet", "CC-MAIN-2024-51", "Common Crawl, texts · CC-MAIN-2024-51"),
        ("warc", "CC-NEWS-2024-05", "Common Crawl, pages · CC-NEWS-2024-05"),
        ("warc", None, "pages of the web (WARC) · release not known"),
        ("wet", "archive-2024", "texts of the web (WET) · archive-2024"),
        ("c4", "c4-fr", "C4 format · c4-fr"),
        ("mc4", "c4-fr", "mC4 · c4-fr"),
        (None, None, "format not known · release not known"),
    ],
)
def test_a_format_is_not_called_by_the_name_of_a_dataset_that_nobody_said(
    dataset: str | None, release: str | None, shown: str
) -> None:
    assert ReportWords("en", {}, {}).source(dataset, release).replace("\u00a0", " ") == shown


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
    (found,) = answer(tables, QUESTIONS["found"])
    assert set(found.values()) == {1}
    places = {row["place"]: row["pages"] for row in answer(tables, QUESTIONS["places"])}
    assert places == {"elsewhere": 1, "unknown": 1, "not_used": 1, "own": 2}


def test_files_that_were_not_read_to_their_end_are_counted_and_said(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [])
    statuses = ("complete", "complete", "partial", "failed")
    log = [
        row_of(ShardLog, run_id=RUN, shard_uri=f"s{number}", status=status, skipped=[])
        for number, status in enumerate(statuses)
    ]
    write(TableStore.open(str(tables)), "scan_log", RUN, log, ShardLog.schema)
    pages = pages_of_tables(tables, None, tmp_path)
    page = pages["en"]
    assert "Files planned: 4. Read to their end: 2; in part: 1; not at all: 1." in page
    assert "site was found in what was read." in page
    assert "read to its end (2 of 4 files)" in page
    french = pages["fr"]
    assert "Lus jusqu’au bout\u00a0: 2\u202f; en partie\u00a0: 1" in french


def test_tables_that_do_not_say_what_was_read_say_so(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [])
    pages = pages_of_tables(tables, None, tmp_path)
    page = pages["en"]
    assert "do not say how many files were read" in page
    assert "<strong>0</strong> <span>pages</span>" in page
    # In French nothing is singular.
    french = pages["fr"]
    assert "<strong>0</strong> <span>page</span>" in french


def test_without_claims_the_letters_are_those_of_rows_and_the_page_says_it(tmp_path: Path) -> None:
    house = hostile_house(tmp_path / "house", claims=False)
    page = page_of_tables(house.tables, None, tmp_path / "page.html")
    assert "These letters come from each page alone" in page
    assert "presswatch claims --lang en --corpus CORPUS --out" in page
    shown = parts_of(page)
    assert figures_in([]) == []
    assert shown[QUESTIONS["found"].strip()] == whole_numbers(answer(house.tables, QUESTIONS["found"]))
    assert QUESTIONS["reasons_of_rows"].strip() in shown
    # Without a corpus there are no names and no articles, but the pages.
    assert "give --corpus with the corpus of the scan" in page
    assert page.count("<blockquote") == 5


def test_a_run_after_the_claims_is_said_to_have_letters_of_its_own(house: House, tmp_path: Path) -> None:
    house = house_like(house, tmp_path / "house")
    house.scan(Seen("https://late.example/", text(0)))
    page = page_of_tables(house.tables, house.corpus, tmp_path / "page.html")
    assert "Rows that have not been judged with the others yet: 1." in page


def test_what_changed_between_the_two_scans_that_were_compared_last(house: House, tmp_path: Path) -> None:
    house = house_like(house, tmp_path / "house")
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
    french = page_of_tables(house.tables, house.corpus, tmp_path / "page.fr.html", "fr")
    cards = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", french))
    assert pairs.get("reappeared", 0) == 0
    assert " 0 réapparu " in cards
    unchanged = "maintenu" if pairs["persists"] < 2 else "maintenus"
    assert f" {pairs['persists']} {unchanged} " in cards


def test_tables_without_a_comparison_say_that_nobody_can_tell(pages: dict[str, str]) -> None:
    assert "nobody can say what is new, reduced, gone or reappeared" in pages["en"]


def test_a_sample_is_said_to_be_one(tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    publish(tables, RUN, [], sample=0.01, sample_seed=1, shards_listed=90_000)
    page = page_of_tables(tables, None, tmp_path / "page.html")
    assert "is of a sample: 3 files drawn from 90,000" in page

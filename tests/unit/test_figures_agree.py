"""Report, bag, letter, case, views and totals count the same: each figure is computed here from raw files.

One web page is in the tables as two records, of WET and of WARC, so that rows, records, captures, pages and
addresses differ.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from presswatch_spark.claims.make import counts_of
from presswatch_spark.claims.selection import Choice
from presswatch_spark.legal.evidence.build import Built
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.report.make import ReportOrder, gather
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore
from tests.world.bags import build, readme
from tests.world.commands import presswatch
from tests.world.notices import Bureau, bureau
from tests.world.release import release
from tests.world.servers import web
from tests.world.tables import asked

LEGAL_PERSONS = {
    "armorial": "Groupe Armorial",
    "meridien": "Société du Méridien",
    "quai": "Éditions du Quai",
}
FIGURES = ("addresses", "pages", "captures", "records", "claims", "articles", "hosts")
KEYS = """
    with rows as (
        select m.*, c.kind, c.confidence as letter, m.document_url is null as unknown,
            coalesce(m.release, '-') || ' ' || coalesce(m.document_url, m.text_sha256) as one_page
        from read_parquet('{tables}/matches/*.parquet') as m
        join read_parquet('{tables}/claims/*.parquet') as c
            on c.run_id = m.run_id and c.row_sha256 = m.row_sha256
    )"""
COUNTED = """
    count(distinct document_url) as addresses, count(distinct one_page) as pages,
    count(distinct one_page || coalesce(captured_at::varchar, '-')) as captures,
    count(distinct (shard_uri, record_offset, row_index)) as records,
    count(distinct coalesce(article_id, 'site ' || title_id) || one_page) as claims,
    count(distinct article_id) as articles, count(distinct document_host) as hosts"""
COPIES = "article_id is not null and letter <> 'D' and own_site = false and kind in ('copy', 'reprint')"
A_OR_B = "letter in ('A', 'B') and kind <> 'licensed'"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with web() as server:
        forms = ("a.warc.wet.gz", "pages.warc.gz")
        yield bureau(release(tmp_path_factory.mktemp("figures"), server, forms))


@pytest.fixture(scope="module")
def bag(office: Bureau) -> tuple[Path, Built]:
    return build(office.crawl, "bag", confidences=("A", "B"))


def raw(office: Bureau, query: str) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.sql(f"{KEYS.format(tables=office.crawl.tables)} {query}").arrow()
        return found.read_all().to_pylist() if hasattr(found, "read_all") else found.to_pylist()


def figures(office: Bureau, which: str) -> dict[str, int]:
    (row,) = raw(office, f"select {COUNTED} from rows where {which}")
    return row


def by_letter(office: Bureau, which: str) -> dict[str, int]:
    strongest = f"select one_page, min(letter) as letter from rows where {which} group by one_page"
    rows = raw(office, f"select letter, count(*) as pages from ({strongest}) group by letter")
    return {row["letter"]: row["pages"] for row in rows}


def test_the_kinds_of_figures_differ_in_these_tables(office: Bureau) -> None:
    found = figures(office, "true")
    assert found["addresses"] < found["records"]
    assert found["captures"] < found["records"]


def test_the_report_counts_as_the_raw_tables(office: Bureau) -> None:
    found = gather(ReportOrder(str(office.crawl.tables), StorageOptions()))
    assert dict(found.first("found")) == figures(office, COPIES)
    letters = {row["letter"]: row["pages"] for row in found.rows("letters")}
    assert letters == by_letter(office, COPIES)
    for question, key in (("all_hosts", "document_host"), ("titles", "title_id")):
        expected = {
            row[key]: (row["addresses"], row["pages"], row["articles"])
            for row in raw(office, f"select {key}, {COUNTED} from rows where {COPIES} group by {key}")
        }
        column, articles = ("host", "articles") if key == "document_host" else (key, "articles_copied")
        given = {
            row[column]: (row["addresses"], row["pages"], row[articles])
            for row in found.rows(question)
            if row["pages"]
        }
        assert given == expected, question
        assert sum(pages for _, pages, _ in given.values()) >= sum(letters.values())


def test_the_views_count_as_the_raw_tables(office: Bureau) -> None:
    names = ", ".join(FIGURES)
    keys = {"by_host": "document_host", "by_title": "title_id", "by_publisher": "publisher_id"}
    for view, key in keys.items():
        given = asked(office.crawl.tables, f"select {key}, own_site, {names}, rows from {view}")
        expected = raw(
            office, f"select {key}, own_site, {COUNTED}, count(*) as rows from rows group by {key}, own_site"
        )
        assert sorted(given, key=str) == sorted(expected, key=str), view
    (pages,) = asked(office.crawl.tables, "select count(*) as pages, sum(rows) as rows from pages")
    assert pages["pages"] == figures(office, "true")["pages"]
    (lettered,) = asked(
        office.crawl.tables, "select sum(pages_a) as a, sum(pages_b) as b from by_host where not own_site"
    )
    strongest = "select document_host, one_page, min(letter) as l from rows where not own_site group by all"
    assert raw(
        office, f"select count(*) filter (l = 'A') as a, count(*) filter (l = 'B') as b from ({strongest})"
    ) == [lettered]


def test_the_totals_of_claims_and_matches_count_as_the_raw_tables(office: Bureau) -> None:
    counts, expected = counts_of(TableStore.open(str(office.crawl.tables))), figures(office, "true")
    for thing in ("addresses", "pages", "captures", "claims", "articles", "hosts"):
        assert counts.total(thing) == expected[thing], thing
    letters = by_letter(office, "true")
    assert {letter: counts.total("pages", letters=letter) for letter in letters} == letters
    for engine in ("auto", "duckdb"):
        words = [office.crawl.tables, "--count", "--json", "--engine", engine]
        totals = json.loads(presswatch("matches", *words))
        assert {name: totals[name] for name in ("addresses", "records", "articles", "hosts")} == {
            name: expected[name] for name in ("addresses", "records", "articles", "hosts")
        }


def test_the_bag_counts_as_the_raw_tables(office: Bureau, bag: tuple[Path, Built]) -> None:
    (folder, built), expected = bag, figures(office, A_OR_B)
    letters = by_letter(office, A_OR_B)
    for language, total in (("en", "in all"), ("fr", "en tout")):
        text = readme(folder, language)
        (numbers,) = re.findall(rf"^\s*{total}((?:\s+\d+){{{len(FIGURES)}}})\s*$", text, re.MULTILINE)
        order = ("claims", "addresses", "pages", "captures", "records", "articles", "hosts")
        assert dict(zip(order, map(int, numbers.split()), strict=True)) == expected
        for letter, pages in letters.items():
            (numbers,) = re.findall(rf"^\s*{letter}((?:\s+\d+){{{len(FIGURES)}}})\s*$", text, re.MULTILINE)
            assert int(numbers.split()[2]) == pages
    assert built.figures.claims == expected["claims"]


def test_letter_and_case_count_as_the_raw_tables(office: Bureau) -> None:
    expected = figures(office, A_OR_B)
    tables, choice = str(office.crawl.tables), Choice(confidences=("A", "B"))
    worded = figures(office, f"{A_OR_B} and copied_words > 0")
    for name, source in (("of-case", None), ("of-tables", tables)):
        of_tables = {"source": source, "choice": choice} if source else {}
        numbers = office.draft(name, **of_tables).content.numbers
        given = {"addresses": numbers["urls"], **{each: numbers[each] for each in FIGURES[1:]}}
        assert given == worded, name
    assert CaseStatus.of(office.case).claims() == (0, expected["claims"])


DATE = r"\d{1,2}(?:er)? \w+ \d{4}"
SPACES = str.maketrans("\u00a0\u202f", "  ")
STATED = re.compile(
    # Names, laws, dates, digests, places and commands are no figures: their own tests read them.
    rf"{DATE}(?:,? à [\d hmins]+|, [\d:]+ UTC)?|\b[0-9a-f]{{40,}}\b|\b\d{{8}}T\d{{6}}Z\S*|CC-MAIN-\S+"
    r"|art\. [RL]\. [\d\-]+(?:(?:,| et| and)\s+[RL]\. [\d\-]+)*|article 1344|SHA-?256|RFC 8493|python3"
    r"|L\. \d[\d-]*|art\. \d+(?:\(\d\)|, par\. \d)?|20\d\d/\d+|864/2007|SIREN \d{9}|RNA W\d{9}|\+33[ \d]+"
    r"|\d+ (?:quai|avenue) |99999|points? 1 (?:à|to|et|and) \d|15 (?:jours|days)|demeure : 1\. |notice: 1\. "
    r"|presswatch-spark \S+|Python \S+|Linux\S+|\S*127\.0\.0\.1\S*|1 rue des Vallées, 99999|[+-]\d[.,]\d s"
    r"|^\d+\. |--sample 1000"
)


def unexplained(text: str, figures: dict[str, int]) -> list[str]:
    """The lines that have other numbers than these figures, each found by its pattern with its value."""
    for pattern, value in figures.items():
        found = re.findall(pattern, text, re.MULTILINE)
        assert found, f"no sentence says {pattern}"
        assert {int(number) for number in found} == {value}, pattern
        text = re.sub(pattern, " ", text, flags=re.MULTILINE)
    return [line for line in text.split("\n") if re.search(r"\d", STATED.sub(" ", line))]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_number_of_a_letter_is_one_of_the_raw_tables(office: Bureau, lang: str) -> None:
    office.draft(f"said-{lang}", lang=lang)
    form = (office.folder / f"said-{lang}" / "form.txt").read_text(encoding="utf-8").translate(SPACES)
    letter = re.sub(r"(?<=[^\n])\n {2}(?=\S)|(?<=[^\n:;])\n(?=[^\n-])", " ", form.split("\n1. http")[0])
    which = f"{A_OR_B} and copied_words > 0"
    (found,) = raw(
        office,
        f"""select count(*) as rows, count(distinct article_id) as articles,
            count(distinct title_id) as titles, count(distinct document_url) as addresses,
            count(distinct document_host) as hosts, count(distinct shard_uri) as files,
            min(longest_run_words) as least, max(longest_run_words) as most
            from rows where {which}""",
    )
    hosts = raw(
        office, f"select document_host as host, count(*) as rows from rows where {which} group by all"
    )
    rows, space = ("rows", "") if lang == "en" else ("lignes", " ")
    said = {
        r"(\d+) articles": found["articles"],
        r"(\d+) (?:titres|titles)": found["titles"],
        r"(\d+) (?:adresses|URLs)": found["addresses"],
        r"(\d+) (?:sites|hosts)": found["hosts"],
        r"(\d+) (?:fichiers|files)": found["files"],
        r"(?:au moins|at least) (\d+) (?:mots|words)": found["least"],
        r"(?:au plus|at most) (\d+) (?:mots|words)": found["most"],
    } | {rf"- {re.escape(each['host'])}{space}: (\d+) {rows}": each["rows"] for each in hosts}
    assert unexplained(letter, said | {rf"(\d+) {rows}": found["rows"]}) == []


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_every_number_of_a_bag_is_one_of_the_raw_tables(
    office: Bureau, bag: tuple[Path, Built], lang: str
) -> None:
    folder, _ = bag
    text = readme(folder, lang).removeprefix("%PDF-1.7").translate(SPACES)
    # The table by letter has a test of its own.
    text = re.sub(r"^(?:A|B|en tout|in all)(?:\s+\d+){7}$", "", text, flags=re.MULTILINE)
    log = f"read_parquet('{office.crawl.tables}/scan_log/*.parquet')"
    (complete,) = raw(office, f"select count(*) as files from {log} where status = 'complete'")
    found = figures(office, A_OR_B)
    rows = len(raw(office, f"select 1 from rows where {A_OR_B}"))
    publishers = {
        row["publisher_id"]: row["claims"]
        for row in raw(
            office, f"select publisher_id, {COUNTED} from rows where {A_OR_B} group by publisher_id"
        )
    }
    articles = len(next(office.crawl.corpus.parent.glob("*.jsonl")).read_text("utf-8").splitlines())
    requests = len((folder / "data/http/exchanges.jsonl").read_bytes().splitlines())
    said = {
        r"(\d+) (?:revendications|claims)": found["claims"],
        r"(?:est\s:\s|(?=\d+ of \d+ rows\sdescribe))(\d+) (?:sur|of) \d+": rows,
        r"(?:autre adresse|another address) ?: (\d+)": rows,
        r" (\d+) (?:sur|of) \d+$": complete["files"],
        r"(?:Articles du corpus|Articles in the corpus)\s+(\d+)": articles,
        r"(?:Avis de personnes|Verdicts of persons)\s+(\d+)": 0,
        r"127\.0\.0\.1:\d+\s+(\d+)(?=  127)": requests,
    } | {rf"{person}.*?(\d+)$": publishers[id] for id, person in LEGAL_PERSONS.items()}
    assert unexplained(text, said) == []

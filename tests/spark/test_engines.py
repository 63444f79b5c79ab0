"""DuckDB and Spark give the same rows: of views, documented queries, comparisons, claims and exposures."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pyspark
import pytest
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.claims.exposures import BY_ARTICLE, Exposed, parse_exposures
from presswatch_spark.claims.make import KnowledgePaths
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import RunRules, ScanConfig
from presswatch_spark.core.terminal import json_line
from presswatch_spark.legal.report.make import QUESTIONS
from presswatch_spark.query.changes.compare import compare
from presswatch_spark.query.filtered_matches import ORDERS, Matches, MatchFilter
from presswatch_spark.query.views import VIEWS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.claims import YEAR_BEFORE, House, Seen, judge_all, text
from tests.world.exposures import ENTRIES, tables_with_datasets
from tests.world.histories import AFTER, BEFORE, altered_release, copy, random_history, run
from tests.world.proofs import each_time
from tests.world.scanned import two_scans
from tests.world.tables import asked, named_rows, run_query

PAGES = (
    "docs/reference/tables-views.md",
    "docs/reference/tables.md",
    "docs/explanation/guarantee.md",
    "docs/how-to/scan-a-release.md",
)
QUERY = re.compile(r'presswatch sql \S+ "([^"]+)"')
OF_A_VIEW = re.compile(r"^\| `(\w+)` \|.*\| `(select [^`]+)` \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of two scans of shards of every format, and claims about them."""
    folder = tmp_path_factory.mktemp("answers")
    corpus = two_scans(folder)
    judge_all(folder / "tables", folder / "tables", KnowledgePaths(str(corpus)))
    return folder / "tables"


def documented() -> list[str]:
    pages = [(ROOT / page).read_text("utf-8") for page in PAGES]
    queries = [query for page in pages for query in QUERY.findall(page)]
    of_views = dict(OF_A_VIEW.findall(pages[0]))
    assert set(of_views) == set(VIEWS)
    return [*queries, *of_views.values()]


def answer(tables: Path, query: str, engine: str) -> tuple[list[str], list[str]]:
    found = run_query(str(tables), query, engine=engine)
    # Of rows that are equal in what they are ordered by, either may come first.
    return found.columns, sorted(map(json_line, named_rows(found)))


SECRET = "these words stand in a file that no query may read"
REFUSED = {
    "selec 1": "Spark refuses the query: ",
    "select cast('x' as int)": "Spark refuses the query: ",
    "select 1 / 0": "Spark refuses the query: ",
    "select titel_id from matches": "titel_id",
    "select * from `spark_catalog`.`default`.`match`": "did you mean matches?",
    "select * from csv.`{folder}/secret.csv`": "there is no table csv.",
    "select * from text.`{folder}/secret.csv`": "there is no table text.",
    # Which of both is said depends on the version of Spark.
    "select * from identifier('text.`{folder}/secret.csv`')": "",
    "select * from identifier('mat' || 'ches')": "identifier()",
    "select 1 where exists (select * from text.`{folder}/secret.csv`)": "there is no table text.",
    "with x as (select * from text.`{folder}/secret.csv`) select * from x": "there is no table text.",
    "select * from matches, lateral (select * from text.`{folder}/secret.csv`)": "there is no table text.",
    "select * from default.matches": "there is no table default.matches",
    "select java_method('java.lang.System', 'getenv', 'HOME')": "may not call java_method()",
    "select max(System.Builtin.Reflect('java.lang.System', 'lineSeparator'))": "may not call Reflect()",
    "select 1 order by try_reflect('java.lang.System', 'lineSeparator')": "may not call try_reflect()",
    "select from_xml('<a/>', 'b int', map('rowValidationXSDPath', '{folder}/secret.csv'))": "call from_xml()",
    "select `Schema_Of_XML`('<a/>', map('rowValidationXSDPath', '{folder}/secret.csv'))": "Schema_Of_XML()",
    "select xpath_string('<!DOCTYPE a SYSTEM \"file://{folder}/secret.csv\"><a/>', 'a')": "xpath_string()",
    "select filter(array(1), x -> from_xml('<a/>', 'b int') is null)": "may not call from_xml()",
    "select 1 where exists (select 1 from runs where from_xml('<a/>', 'b int') is null)": "call from_xml()",
    "select from_avro(x'00', '\"int\"', map('avroSchemaUrl', '{folder}/secret.csv'))": "call from_avro()",
    "select from_protobuf(x'00', 'A', '{folder}/secret.csv')": "may not call from_protobuf()",
    "select * from runs lateral view reflect('java.lang.System', 'lineSeparator') as x": "call reflect()",
    "select input_file_name() from runs": "may not call input_file_name()",
    "select default.upper('a')": "no function default.upper()",
    "select an_extension(1)": "no function an_extension()",
    "select * from python_worker_logs()": "may not call python_worker_logs()",
    "select '${env:HOME}'": "may not contain ${",
    "select transform(run_id) using 'cat {folder}/secret.csv' as (x) from runs": "not a query",
    "insert overwrite directory '{folder}/out' using csv select 1": "not a query",
    "with x as (select 1) insert overwrite directory '{folder}/out' using csv select * from x": "not a query",
    "from runs insert overwrite directory '{folder}/out' using csv select run_id": "not a query",
    "create table out using parquet location '{folder}/out' as select 1": "not a query",
    "create temporary view x using csv options (path '{folder}/secret.csv')": "not a query",
    "insert into matches select * from matches": "not a query",
    "drop view matches": "not a query",
    "set spark.sql.ansi.enabled = false": "not a query",
    "add jar '{folder}/secret.csv'": "not a query",
    "cache table matches": "not a query",
    "execute immediate 'select 1'": "not a query",
    "begin select 1; end": "",
    "explain insert into matches select * from matches": "not a query",
    "select raise_error('as the query says')": "as the query says",
    "select 1; select 2": "PARSE_SYNTAX_ERROR",
}


# Spark 3.5 has none of these, and refuses them in its own words.
OF_SPARK_4 = re.compile(r"try_reflect|_xml|_avro|_protobuf|python_worker_logs|^execute", re.IGNORECASE)


def test_whatever_reads_or_writes_something_else_is_refused_by_spark(
    spark: SparkSession, tables: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text(f"words\n{SECRET}\n", encoding="utf-8")
    for query, said in REFUSED.items():
        with pytest.raises(ConfigError) as refused:
            list(run_query(str(tables), query.replace("{folder}", str(tmp_path)), engine="spark").rows)
        if pyspark.__version__ >= "4" or not OF_SPARK_4.search(query):
            assert said in str(refused.value)
        assert not any(text in str(refused.value) for text in (SECRET, "\n"))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


ACCEPTED = [
    "show tables",
    "describe matches",
    "select * from runs pivot (count(*) for dataset in ('wet', 'warc'))",
    "select grade, row_number() over w from matches window w as (order by grade)",
    "select run_id, each from runs lateral view explode(array(1, 2)) as each",
    "select 1 union select 2 except select 2",
    "values (1), (2)",
]
if pyspark.__version__ >= "4":
    ACCEPTED.append("from matches |> where copied_words >= 0 |> aggregate count(*) group by grade |> limit 1")
if pyspark.__version__ >= "4.1":  # which knows these
    ACCEPTED.append(
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select * from r"
    )


@pytest.mark.parametrize("query", each_time([ACCEPTED[0], *ACCEPTED[3:6:2]], ACCEPTED))
def test_what_reads_only_the_tables_is_a_query_of_spark(
    spark: SparkSession, tables: Path, query: str
) -> None:
    assert list(run_query(str(tables), query, engine="spark").rows)


QUERIES = dict.fromkeys((*(f"select * from {name}" for name in VIEWS), *documented(), *QUESTIONS.values()))


@pytest.mark.parametrize("query", each_time(documented()[::24], QUERIES))
def test_both_engines_give_the_same_rows(spark: SparkSession, tables: Path, query: str) -> None:
    assert answer(tables, query, "duckdb") == answer(tables, query, "spark")


def test_both_engines_print_whole_numbers_alike(spark: SparkSession, tables: Path) -> None:
    query = "select round(2.5) as half, cast(12345678901234567890 as decimal(38, 0)) as long"
    printed = [json_line(row) for engine in ("duckdb", "spark") for row in asked(tables, query, engine)]
    assert printed == ['{"half": 3, "long": 12345678901234567890}'] * 2


@pytest.mark.parametrize("order", each_time(["weight"], ORDERS))
@pytest.mark.parametrize("judged", each_time([True], [True, False]))
def test_both_engines_find_and_count_the_same_matches(
    spark: SparkSession, tables: Path, order: str, judged: bool
) -> None:
    store = TableStore.open(str(tables))
    wanted = MatchFilter(
        title_id=store.read("matches", columns=["title_id"])["title_id"][0].as_py(),
        confidences=("A", "B", "C"), elsewhere=True, unknown_site=True,
    )  # fmt: skip
    answers = []
    for engine in ("duckdb", "spark"):
        found = replace(Matches.of(store, "latest", wanted, engine), judged=judged)
        # These tables were not written in the order of shards, which DuckDB relies on.
        stored = order == "shard" and not judged
        answer = found.rows(["run_id", "row_sha256", "letter", "captured_at"], order, None if stored else 30)
        rows = [json_line(row) for row in named_rows(answer)]
        rows = sorted(rows) if stored else rows
        late = replace(
            found, wanted=MatchFilter(since=datetime(2000, 1, 1, tzinfo=UTC), document_host="it's")
        )
        answers.append((rows, found.totals(), late.totals(), late.left_out()))
    assert answers[0] == answers[1]
    assert len(answers[0][0]) > 1
    assert answers[0][1].rows > 0


def test_rows_that_are_judged_have_the_letter_and_the_kind_of_the_claim(tables: Path) -> None:
    judged = """
        select count(*) as rows from all_sightings s where is_judged and exists (
            select 1 from claims c where c.run_id = s.run_id and c.row_sha256 = s.row_sha256
            and c.confidence = s.letter and c.kind = s.kind)"""
    queries = (judged, *(f"select count(*) as rows from {name}" for name in ("all_sightings", "matches")))
    counts = [list(run_query(str(tables), each, engine="duckdb").rows) for each in queries]
    assert counts[0] == counts[1] == counts[2] != [(0,)]


def test_an_answer_is_the_same_table_in_python_by_both_engines(spark: SparkSession, tables: Path) -> None:
    query = """
        select letter, count(*) as rows, sum(copied_words) as words, max(captured_at) as last,
            array_sort(collect_set(dataset)) as datasets
        from sightings group by letter order by letter"""
    found = [pw.open_tables(str(tables)).sql(query, engine=engine) for engine in ("duckdb", "spark")]
    assert found[0].to_pylist() == found[1].to_pylist() != []
    assert found[0].schema.types[:3] == found[1].schema.types[:3]


ENGINES = ("duckdb", "spark")


def compared_by_both(tables: Path) -> list[dict[str, object]]:
    """Compare two runs by both engines, see that they give the same, and return its rows."""
    summaries = [
        compare(str(tables), BEFORE, AFTER, str(tables.parent / engine), engine=engine) for engine in ENGINES
    ]
    assert [summary.engine for summary in summaries] == list(ENGINES)
    assert summaries[0].table_digest == summaries[1].table_digest
    assert (summaries[0].counts, summaries[0].doubts) == (summaries[1].counts, summaries[1].doubts)
    one, two = (
        TableStore.open(str(tables.parent / engine)).read("changes").to_pylist() for engine in ENGINES
    )
    assert sorted(one, key=str) == sorted(two, key=str)
    return list(two)


def test_spark_gives_every_state_that_duckdb_gives(spark: SparkSession, tmp_path: Path) -> None:
    expected = altered_release(tmp_path / "tables")
    rows = compared_by_both(tmp_path / "tables")
    found = {f"{row['article_id']} {row['document_url']}": (row["state"], row["doubt"]) for row in rows}
    assert found == expected
    for engine in ENGINES:
        table = TableStore.open(str(tmp_path / engine)).frame(spark, "changes")
        read = [row["change_sha256"] for row in table.collect()]
        assert sorted(read) == sorted(str(row["change_sha256"]) for row in rows)


@pytest.mark.full
def test_spark_compares_runs_of_nothing_and_runs_with_other_corpora(
    spark: SparkSession, tmp_path: Path
) -> None:
    run(tmp_path / "tables", BEFORE, [])
    run(tmp_path / "tables", AFTER, [copy("it's", "https://x.example/it's")], corpus_digest="other")
    (row,) = compared_by_both(tmp_path / "tables")
    assert row["state"] == "new"


@pytest.mark.full
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_both_engines_agree_on_histories_made_at_random(
    spark: SparkSession, tmp_path: Path, seed: int
) -> None:
    random_history(Random(seed), tmp_path / "tables")
    compared_by_both(tmp_path / "tables")


def test_both_engines_give_the_same_rows_and_the_same_digest(spark: SparkSession, tmp_path: Path) -> None:
    house = House(tmp_path / "house")
    bodies = {number: text(number) for number in range(1, 9)}
    for number, body in bodies.items():
        house.print(number, body)
    own = (Seen(f"https://www.courrier.example/une/{number}", body) for number, body in bodies.items())
    copies = (Seen(f"https://copieur.example/{number}", body) for number, body in bodies.items())
    quotes = (
        Seen(f"https://citeur{number % 3}.example/{number}", f"{text(90)}\n{' '.join(body.split(' ')[:150])}")
        for number, body in bodies.items()
    )
    front = Seen("https://www.courrier.example/", text(99))
    house.scan(front, *own, *copies)
    house.scan(Seen("https://auteur.example/1", bodies[1], YEAR_BEFORE), *quotes)
    config = ScanConfig(run=RunRules(cores=2))
    tables = {engine: house.claims(engine, config, engine) for engine in ("duckdb", "spark")}
    assert len(tables["duckdb"]) > 24
    key = "claim_sha256"
    by_digest = {engine: sorted(rows, key=lambda row: row[key]) for engine, rows in tables.items()}
    assert by_digest["spark"] == by_digest["duckdb"]
    stores = [TableStore.open(str(house.folder / engine)) for engine in tables]
    (first,), (second,) = (store.rows("derivations") for store in stores)
    assert first["table_digest"] == second["table_digest"]
    # Nothing of the one engine's files is left where the other published.
    assert not list((house.folder / "spark" / "_runs").glob("claims/*"))


@pytest.mark.full
def test_both_engines_join_the_same_articles(spark: SparkSession, tmp_path: Path) -> None:
    tables_with_datasets(tmp_path)
    entries, store = parse_exposures(ENTRIES.encode(), "e.yaml"), TableStore.open(str(tmp_path))
    by_duckdb, by_spark = (Exposed.of(store, entries, engine) for engine in ("duckdb", "spark"))
    rows = list(by_duckdb.totals(BY_ARTICLE))
    assert len(rows) >= 6
    assert rows == list(by_spark.totals(BY_ARTICLE))
    assert list(by_duckdb.totals()) == list(by_spark.totals())
    assert by_duckdb.groups == by_spark.groups


def test_spark_gives_times_in_utc_whatever_the_time_zone_of_the_machine(
    spark: SparkSession, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Paris, both times are half past two of the night in which summer time ends."""
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        query = "select timestamp '2024-10-27 00:30:00' as a, array(timestamp '2024-10-27 01:30:00') as b"
        ((a, b),) = run_query(str(tables), f"{query} from runs limit 1", engine="spark").rows
    finally:
        monkeypatch.undo()
        time.tzset()
    assert a == datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
    assert b == [datetime(2024, 10, 27, 1, 30, tzinfo=UTC)]

"""DuckDB and Spark give the same rows: for every view, and for every query of the pages on tables."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyspark
import pytest
from pyspark.sql import SparkSession

import presswatch_spark as pw
from presswatch_spark.claims.make import Sources
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import json_line
from presswatch_spark.legal.report.questions import QUESTIONS
from presswatch_spark.query.matches import ORDERS, Matches, MatchFilter
from presswatch_spark.query.sql import run_query
from presswatch_spark.query.views import VIEWS
from presswatch_spark.tables.store import TableStore
from tests.conftest import ROOT
from tests.world.claims import judge_all
from tests.world.proofs import each_time
from tests.world.scanned import two_scans

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
    judge_all(folder / "tables", folder / "tables", Sources(str(corpus)))
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
    return found.columns, sorted(json_line(dict(zip(found.columns, row, strict=True))) for row in found.rows)


SECRET = "these words stand in a file that no query may read"
REFUSED = {
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
    "select '${env:HOME}'": "may not hold ${",
    "select transform(run_id) using 'cat {folder}/secret.csv' as (x) from runs": "no query",
    "insert overwrite directory '{folder}/out' using csv select 1": "no query",
    "with x as (select 1) insert overwrite directory '{folder}/out' using csv select * from x": "no query",
    "from runs insert overwrite directory '{folder}/out' using csv select run_id": "no query",
    "create table out using parquet location '{folder}/out' as select 1": "no query",
    "create temporary view x using csv options (path '{folder}/secret.csv')": "no query",
    "insert into matches select * from matches": "no query",
    "drop view matches": "no query",
    "set spark.sql.ansi.enabled = false": "no query",
    "add jar '{folder}/secret.csv'": "no query",
    "cache table matches": "no query",
    "execute immediate 'select 1'": "no query",
    "begin select 1; end": "no query",
    "explain insert into matches select * from matches": "no query",
    "select raise_error('as the query says')": "as the query says",
    "select 1; select 2": "PARSE_SYNTAX_ERROR",
}


def test_whatever_reads_or_writes_something_else_is_refused_by_spark(
    spark: SparkSession, tables: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text(f"words\n{SECRET}\n", encoding="utf-8")
    for query, said in REFUSED.items():
        with pytest.raises(ConfigError) as refused:
            list(run_query(str(tables), query.replace("{folder}", str(tmp_path)), engine="spark").rows)
        assert said in str(refused.value)
        assert SECRET not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


ACCEPTED = [
    "show tables",
    "describe matches",
    "from matches |> where copied_words >= 0 |> aggregate count(*) group by grade |> limit 1",
    "select * from runs pivot (count(*) for dataset in ('wet', 'warc'))",
    "select grade, row_number() over w from matches window w as (order by grade)",
    "select run_id, each from runs lateral view explode(array(1, 2)) as each",
    "select 1 union select 2 except select 2",
    "values (1), (2)",
]
if pyspark.__version__ >= "4.1":  # which knows these
    ACCEPTED.append(
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select * from r"
    )


@pytest.mark.parametrize("query", each_time(ACCEPTED[::4], ACCEPTED))
def test_what_reads_only_the_tables_is_a_query_of_spark(
    spark: SparkSession, tables: Path, query: str
) -> None:
    assert list(run_query(str(tables), query, engine="spark").rows)


# What both engines are asked each time; of the other views and queries, that is a long proof.
EACH_TIME = ["select * from sightings", *documented()[::24]]
QUERIES = dict.fromkeys((*(f"select * from {name}" for name in VIEWS), *documented(), *QUESTIONS.values()))


@pytest.mark.parametrize("query", each_time(EACH_TIME, QUERIES))
def test_both_engines_give_the_same_rows(spark: SparkSession, tables: Path, query: str) -> None:
    assert answer(tables, query, "duckdb") == answer(tables, query, "spark")


def test_both_engines_print_whole_numbers_alike(spark: SparkSession, tables: Path) -> None:
    query = "select round(2.5) as half, cast(12345678901234567890 as decimal(38, 0)) as long"
    printed = [
        json_line(dict(zip(found.columns, row, strict=True)))
        for engine in ("duckdb", "spark")
        for found in [run_query(str(tables), query, engine=engine)]
        for row in found.rows
    ]
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
        rows = [json_line(dict(zip(answer.columns, row, strict=True))) for row in answer.rows]
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
        select count(*) as rows from sightings s where is_judged and exists (
            select 1 from claims c where c.run_id = s.run_id and c.row_sha256 = s.row_sha256
            and c.confidence = s.letter and c.kind = s.kind)"""
    queries = (judged, "select count(*) as rows from sightings", "select count(*) as rows from matches")
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

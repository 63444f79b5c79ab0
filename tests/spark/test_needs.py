"""What a query needs of tables, as Spark plans it: no more, and never less."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.queries.sql import Need, needs_of
from presswatch_spark.tables.schemas import SCHEMAS

ALL = frozenset(SCHEMAS["runs"].names)
A_RUN = "select grade from matches where run_id = 'r-1'"


def need(*columns: str, runs: set[str] | None = None) -> Need:
    return Need(frozenset(columns), None if runs is None else frozenset(runs))


@pytest.mark.parametrize(
    ("query", "needs"),
    [
        ("select title_id, count(*) from matches group by 1", {"matches": need("title_id")}),
        ("select count(*) from matches;", {"matches": need()}),
        ("select * from runs", {"runs": Need(ALL, None)}),
        ("select m.grade from (select grade, spans from matches) m", {"matches": need("grade")}),
        ("select 1 from matches where size(spans) > 2", {"matches": need("spans")}),
        (
            "select grade from matches where run_id = (select max(run_id) from runs where release = 'x')",
            {"matches": need("grade", "run_id"), "runs": need("run_id", "release")},
        ),
        (
            "with late as (select run_id r from runs) select grade from matches where exists"
            " (select 1 from late where r = run_id)",
            {"matches": need("grade", "run_id"), "runs": need("run_id")},
        ),
        (A_RUN, {"matches": need("grade", "run_id", runs={"r-1"})}),
        (f"{A_RUN} and grade <> 'extract'", {"matches": need("grade", "run_id", runs={"r-1"})}),
        (
            "select m.grade from matches m join runs r using (run_id) where run_id = 'r-1'",
            {"matches": need("grade", "run_id", runs={"r-1"}), "runs": need("run_id", runs={"r-1"})},
        ),
        (f"{A_RUN} or run_id = 'r-2'", {"matches": need("grade", "run_id")}),
        (f"{A_RUN} or grade = 'extract'", {"matches": need("grade", "run_id")}),
        ("select grade from matches where run_id <> 'r-1'", {"matches": need("grade", "run_id")}),
        (f"{A_RUN} union all select title_id from matches", {"matches": need("grade", "run_id", "title_id")}),
        (
            f"{A_RUN} union all select title_id from matches where run_id = 'r-2'",
            {"matches": need("grade", "run_id", "title_id", runs={"r-1", "r-2"})},
        ),
        (
            "select grade from matches where title_id = 'x, EqualTo(run_id,r-1), y'",
            {"matches": need("grade", "title_id")},
        ),
        (
            "select release from runs where run_id = 'r-1' or false",
            {"runs": need("release", "run_id", runs={"r-1"})},
        ),
        ("explain select * from matches", {}),
        ("describe matches", {}),
        ("select nothing from nowhere", {}),
        ("no query", {}),
    ],
)
def test_a_query_needs_the_columns_and_the_runs_that_it_asks_for(
    spark: SparkSession, query: str, needs: dict[str, Need]
) -> None:
    assert needs_of(spark, query) == needs


def test_nothing_is_carried_out_to_find_out_and_no_setting_stays(spark: SparkSession) -> None:
    needs_of(spark, "create temporary view kept as select * from matches")
    assert not spark.catalog.tableExists("kept")
    assert spark.conf.get("spark.sql.maxMetadataStringLength") == "100"

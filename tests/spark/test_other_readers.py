"""Spark reads merged files, and tables that it knows by declarations that were pasted."""

from pathlib import Path

from pyspark.sql import SparkSession

from presswatch_spark.core.spark.session import spark_schema
from presswatch_spark.tables.catalog.ddl import declarations
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.rewriting import compact
from tests.world.catalogs import publish_everything
from tests.world.compactions import ROWS, killed_at, small_runs
from tests.world.tables import run_query


def test_each_row_is_read_once_from_files_that_are_merged_in_part_and_in_full(
    spark: SparkSession, tmp_path: Path
) -> None:
    store = small_runs(str(tmp_path), runs=4)
    last = store.published()[-1]
    # The first file of the table is moved in, and the row of one of its two runs is replaced.
    assert killed_at(4, lambda: compact(store))
    assert len(store.files("matches")) == 4
    for _ in range(2):
        frame = store.frame(spark, "matches", columns=["row_sha256"])
        assert (frame.count(), frame.distinct().count()) == (4 * ROWS, 4 * ROWS)
        assert store.frame(spark, "matches", last).count() == ROWS
        counted = "select run_id, count(*) from matches group by run_id order by run_id"
        rows = list(run_query(store.root.uri, counted, engine="spark").rows)
        assert rows == [(run_id, ROWS) for run_id in store.published()]
        compact(store)
    assert len(store.files("matches")) == 3


def test_pasted_declarations_give_all_rows(spark: SparkSession, tmp_path: Path) -> None:
    store = publish_everything(str(tmp_path / "d'été [1] ${x} 100%"))
    try:
        for statement in declarations(store, "spark"):
            spark.sql(statement)
        for table, schema in SCHEMAS.items():
            found = spark.table(f"spark_catalog.default.`{table}`")
            assert found.schema == spark_schema(schema)
            assert found.count() == len(store.read(table))
        spans = spark.sql("select explode(spans) from spark_catalog.default.matches")
        assert spans.count() == sum(len(spans) for spans in store.read("matches")["spans"].to_pylist())
    finally:
        for table in SCHEMAS:
            spark.sql(f"drop table if exists spark_catalog.default.`{table}`")

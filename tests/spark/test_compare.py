"""Two runs compared by Spark: the rows and the digest that DuckDB gives."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.query.changes.compare import compare
from presswatch_spark.tables.store import TableStore
from tests.world.histories import AFTER, BEFORE, altered_release, copy, random_history, run

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

"""Exposures joined to articles: DuckDB and Spark give the same rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from presswatch_spark.claims.exposures import Exposed, parse_exposures
from presswatch_spark.tables.store import TableStore
from tests.world.exposures import ENTRIES, OTHER, tables_with_datasets


@pytest.mark.full
@pytest.mark.parametrize("said", [{OTHER: "oscar-2109"}, {}])
def test_both_engines_join_the_same_articles(
    spark: SparkSession, tmp_path: Path, said: dict[str, str]
) -> None:
    tables_with_datasets(tmp_path)
    entries, store = parse_exposures(ENTRIES.encode(), "e.yaml"), TableStore.open(str(tmp_path))
    by_duckdb, by_spark = (Exposed.of(store, entries, engine, said) for engine in ("duckdb", "spark"))
    rows = list(by_duckdb.articles())
    assert len(rows) >= 6
    assert rows == list(by_spark.articles())
    assert list(by_duckdb.totals()) == list(by_spark.totals())
    assert by_duckdb.groups == by_spark.groups

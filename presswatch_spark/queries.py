"""Spark SQL over published tables."""

from __future__ import annotations

from collections.abc import Iterator

from presswatch_spark.errors import ConfigError
from presswatch_spark.spark import session
from presswatch_spark.spark_errors import gist
from presswatch_spark.storage.tables import SCHEMAS, TableStore


def run_query(tables: str, query: str) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    """Run `query` over the views `matches`, `scan_log` and `runs`; returns column names and rows, lazily.

    Raises:
        ConfigError: Spark refuses the query.
        OutputError: `tables` is no folder of tables.
    """
    from pyspark.errors import PySparkException

    store = TableStore.open(tables)
    spark = session("presswatch sql")
    for name in SCHEMAS:
        store.frame(spark, name).createOrReplaceTempView(name)
    try:
        result = spark.sql(query)
        rows = (tuple(_plain(value) for value in row) for row in result.toLocalIterator())
        return result.columns, _guarded(rows)
    except PySparkException as error:
        raise ConfigError(f"Spark refuses the query: {gist(str(error))}", where="sql") from error


def _guarded(rows: Iterator[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Rows of the query; what only fails while it runs (a cast, a division) is the query's fault too."""
    from pyspark.errors import PySparkException

    try:
        yield from rows
    except PySparkException as error:
        raise ConfigError(f"the query failed: {gist(str(error))}", where="sql") from error


def _plain(value: object) -> object:
    """Spark's rows within a row as dictionaries."""
    from pyspark.sql import Row

    if isinstance(value, Row):
        return {name: _plain(item) for name, item in value.asDict().items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value

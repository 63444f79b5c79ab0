"""Spark SQL over published tables."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from presswatch_spark.errors import ConfigError
from presswatch_spark.output.tables import SCHEMAS, TableStore
from presswatch_spark.queries.needs import needed, needs_of
from presswatch_spark.spark.session import session
from presswatch_spark.storage.objects import StorageOptions


def run_query(
    tables: str, query: str, storage: StorageOptions | None = None
) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    """Run `query` over a view of each table; returns column names and rows, lazily.

    Raises:
        ConfigError: Spark refuses the query.
        OutputError: `tables` is no folder of tables.
    """
    from pyspark.errors import PySparkException

    store = TableStore.open(tables, storage)
    spark = session("presswatch sql")
    # PySpark logs every refused query, with a Java stack, before it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    try:
        # On disk Spark's own reader prunes.
        needs = {} if store.root.is_local else needs_of(spark, query)
        for name in SCHEMAS:
            need = needs.get(name)
            view = needed(spark, store, name, need) if need else store.frame(spark, name)
            view.createOrReplaceTempView(name)
        result = spark.sql(query)
        rows = (tuple(_plain(value) for value in row) for row in result.toLocalIterator())
        return result.columns, _guarded(rows)
    except PySparkException as error:
        raise _refusal(error) from error


def _guarded(rows: Iterator[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Rows of the query; what only fails while it runs (a cast, a division) is the query's fault too."""
    from pyspark.errors import PySparkException

    try:
        yield from rows
    except PySparkException as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> ConfigError:
    """Spark's first line names the cause; its plans and stacks follow."""
    return ConfigError(f"Spark refuses the query: {str(error).strip().splitlines()[0]}", where="sql")


def _plain(value: object) -> object:
    """Spark's rows within a row as dictionaries."""
    from pyspark.sql import Row

    if isinstance(value, Row):
        return {name: _plain(item) for name, item in value.asDict().items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value

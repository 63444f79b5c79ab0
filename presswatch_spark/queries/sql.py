"""Spark SQL over published tables."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.queries.needs import is_named, needed, needs_of
from presswatch_spark.show import printable
from presswatch_spark.spark.session import session, spark_schema
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import SCHEMAS, TableStore

# The last part of the name is the table's.
UNKNOWN_TABLE = re.compile(r"^\[(TABLE_OR_VIEW_NOT_FOUND)\][^`]*(?:`[^`]*`\.)*`([^`]+)`")


def run_query(
    tables: str, query: str, storage: StorageOptions | None = None
) -> tuple[list[str], Iterator[tuple[object, ...]]]:
    """Run `query` over a view of each table; returns column names and rows, lazily.

    Raises:
        ConfigError: Spark refuses the query.
        OutputError: `tables` is no folder of tables, or one that the query names is not as it was published.
        PresswatchError: Spark's Java has ended.
    """
    store = TableStore.open(tables, storage)
    spark = session("presswatch sql")
    # PySpark logs every refused query, with a Java stack, before it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with _told():
        # On disk Spark's own reader prunes.
        needs = {} if store.root.is_local else needs_of(spark, query)
        for name in SCHEMAS:
            if not is_named(name, query):
                # Nothing is read of it: neither is it checked.
                view = spark.createDataFrame([], spark_schema(SCHEMAS[name]))
            elif need := needs.get(name):
                view = needed(spark, store, name, need)
            else:
                view = store.frame(spark, name)
            view.createOrReplaceTempView(name)
        result = spark.sql(query)
        rows = (tuple(_plain(value) for value in row) for row in result.toLocalIterator())
        return result.columns, _guarded(rows)


def _guarded(rows: Iterator[tuple[object, ...]]) -> Iterator[tuple[object, ...]]:
    """Rows of the query; what only fails while it runs (a cast, a division) is the query's fault too."""
    with _told():
        yield from rows


@contextmanager
def _told() -> Iterator[None]:
    """Say what Spark refuses, or that it is there no more."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        # Spark's first line names the cause; its plans and stacks follow.
        cause = str(error).strip().splitlines()[0]
        if unknown := UNKNOWN_TABLE.search(cause):
            meant = did_you_mean(unknown[2], SCHEMAS)
            raise ConfigError(
                printable(f"Spark refuses the query: [{unknown[1]}] there is no table {unknown[2]}{meant}"),
                where="sql",
                remedy=f"the tables are {', '.join(SCHEMAS)}",
            ) from error
        raise ConfigError(f"Spark refuses the query: {cause}", where="sql") from error
    # The socket that rows come by ends, or is refused, according to the moment.
    except (Py4JError, ConnectionError, EOFError) as error:
        raise PresswatchError(
            "Spark's Java ended before the query did",
            where="sql",
            remedy="see whether this machine ran out of memory, and give the query again",
        ) from error


def _plain(value: object) -> object:
    """Spark's rows within a row as dictionaries."""
    from pyspark.sql import Row

    if isinstance(value, Row):
        return {name: _plain(item) for name, item in value.asDict().items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value

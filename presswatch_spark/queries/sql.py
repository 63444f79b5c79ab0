"""Spark SQL over published tables.

Spark prunes what its own readers read, and tables on S3 are read by Python tasks. So a query is planned first
over empty tables of the same names and columns, on this host. The plan says which columns and runs would be
read of each table. Nothing is carried out for that.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.show import printable
from presswatch_spark.spark.session import session, spark_path, spark_schema
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.schemas import SCHEMAS
from presswatch_spark.tables.store import TableStore

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# The last part of the name is the table's.
UNKNOWN_TABLE = re.compile(r"^\[(TABLE_OR_VIEW_NOT_FOUND)\][^`]*(?:`[^`]*`\.)*`([^`]+)`")

# What would cut a plan short.
WHOLE_PLANS = {"spark.sql.debug.maxToStringFields": "100000", "spark.sql.maxMetadataStringLength": "100000"}
PLACE = re.compile(r"^Location: .*/(\w+)\]$", re.MULTILINE)
OUTPUT = re.compile(r"^Output(?: \[\d+\])?: \[(.*)\]$", re.MULTILINE)
COLUMN = re.compile(r"(\w+)#\d+")
FILTERS = re.compile(r"^PushedFilters: \[(.*)\]$", re.MULTILINE)
# A filter of its own: what stands within another has a parenthesis or a comma without a space before it.
ONE_RUN = re.compile(r"(?:^|, )EqualTo\(run_id,([\w-]+)\)(?=, |$)")


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
    spark = session("presswatch sql", workers=False)
    # PySpark logs every refused query, with a Java stack, before it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with _spark_refusals():
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
    with _spark_refusals():
        yield from rows


@contextmanager
def _spark_refusals() -> Iterator[None]:
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


@dataclass(frozen=True, slots=True)
class Need:
    """What is needed of a table; of all runs where `runs` is None."""

    columns: frozenset[str]
    runs: frozenset[str] | None

    def __or__(self, other: Need) -> Need:
        runs = None if self.runs is None or other.runs is None else self.runs | other.runs
        return Need(self.columns | other.columns, runs)


def is_named(table: str, query: str) -> bool:
    """Whether a query may read a table: it names it, or puts names together."""
    lowered = query.lower()
    return table in lowered or "identifier" in lowered


def needs_of(spark: SparkSession, query: str) -> dict[str, Need]:
    """What a query needs, by table; nothing is known of a table that is not in the answer.

    The tables' views are replaced. Of what Spark refuses, or does not plan, nothing is known: who runs it
    hears why.
    """
    from pyspark.errors import PySparkException

    plan = ""
    with tempfile.TemporaryDirectory(prefix="presswatch-plan-") as folder, _whole_plans(spark):
        for name, schema in SCHEMAS.items():
            path = Path(folder, name)
            path.mkdir()
            empty = spark.read.schema(spark_schema(schema)).parquet(spark_path(path))
            empty.createOrReplaceTempView(name)
        with suppress(PySparkException):
            plan = str(spark.sql(f"explain formatted {query}").collect()[0][0])
    needs: dict[str, Need] = {}
    for node in plan.split("\n\n"):
        place, output, filters = PLACE.search(node), OUTPUT.search(node), FILTERS.search(node)
        if place and output:
            # A text of the query's own could look like a filter.
            runs = ONE_RUN.findall(filters[1]) if filters and "EqualTo(" not in query else []
            need = Need(frozenset(COLUMN.findall(output[1])), frozenset(runs[:1]) if runs else None)
            needs[place[1]] = needs[place[1]] | need if place[1] in needs else need
    return needs


def needed(spark: SparkSession, store: TableStore, table: str, need: Need) -> DataFrame:
    """A table with all its columns, of which only those that are needed are read; the others are null."""
    from pyspark.sql import functions as f

    kinds = {column.name: column.dataType for column in spark_schema(SCHEMAS[table])}
    # Where rows are only counted, the first column tells how many: a run's id is one value a file.
    columns = [name for name in kinds if name in need.columns] or list(kinds)[:1]
    found = store.frame(spark, table, *sorted(need.runs or ()), columns=columns)
    nothing = f.lit(None)
    return found.select(
        *(f.col(name) if name in columns else nothing.cast(kind).alias(name) for name, kind in kinds.items())
    )


@contextmanager
def _whole_plans(spark: SparkSession) -> Iterator[None]:
    before: Mapping[str, str | None] = {name: spark.conf.get(name, None) for name in WHOLE_PLANS}
    for name, value in WHOLE_PLANS.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, old in before.items():
            spark.conf.unset(name) if old is None else spark.conf.set(name, old)

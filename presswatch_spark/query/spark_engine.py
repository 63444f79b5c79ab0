"""Queries by Spark SQL over published tables, for results that one machine cannot sort.

Spark would run any statement, read files by their path, call Java and start programs: therefore each part of
a parsed query must be on a list of harmless parts. Python tasks read tables on S3: they read only columns
whose names occur in the query or in the views that it names; the other columns are null.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as f
from pyspark.sql.types import ArrayType, DataType, MapType, StructType, TimestampType

from presswatch_spark.core.errors import ConfigError, PresswatchError, first_line
from presswatch_spark.core.spark.session import arrow_schema, session, spark_schema
from presswatch_spark.query.sql import QueryResult, whole
from presswatch_spark.query.views import VIEWS, in_order, no_call, no_query, no_table, refused, views_for
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore, runs_publishing

# Group 1 is the table, the last part of a qualified name.
UNKNOWN_TABLE = re.compile(r"^\[TABLE_OR_VIEW_NOT_FOUND\][^`]*(?:`[^`]*`\.)*`([^`]+)`")
ALL_COLUMNS = re.compile(r"\*|\|>|\b(?:table|natural)\b")
"""Syntax by which a query reads columns without naming them: `*`, the pipe `|>`, TABLE, NATURAL JOIN."""
SELECTS = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
COUNTED_ROWS = re.compile(r"count\s*\(\s*\*\s*\)")
WORD = re.compile(r"\w+")
# Spark may report the error of a query inside another error: look for it among the causes.
ERROR_OF_QUERY = re.compile(
    r"^[\w ]*: (?:java\.lang\.RuntimeException|org\.apache\.spark\.\S+(?=: (?:\{.+\} )?\[[A-Z_.]+\])): (.*)",
    re.MULTILINE,
)


def run(store: TableStore, query: str, runs: Sequence[str] = ()) -> QueryResult:
    """Run a query; see `sql.answer_of`."""
    spark = session("presswatch sql", workers=False)
    # PySpark logs every refused query, with a Java stack, before it raises.
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
    with _refusals():
        require_harmless(spark, query)
        names = named_in(query)
        views = views_for(names, store, runs)
        named = in_order(names, views)
        # A query needs only the tables that it names; other statements, such as `show tables`, list all.
        for name in named if SELECTS.match(query) else in_order([*SCHEMAS, *VIEWS]):
            if name in views:
                frame = spark.sql(views[name])
            elif name not in named:
                # Nothing reads this table: give it its columns without opening it.
                frame = spark.createDataFrame([], spark_schema(SCHEMAS[name]))
            elif store.root.is_local:
                frame = store.frame(spark, name, *runs_publishing(name, runs))
            else:
                read = columns_in(query, name, views)
                null = f.lit(None)
                frame = store.frame(spark, name, *runs_publishing(name, runs), columns=read).select(
                    *(
                        f.col(each.name) if each.name in read else null.cast(each.dataType).alias(each.name)
                        for each in spark_schema(SCHEMAS[name])
                    )
                )
            frame.createOrReplaceTempView(name)
        found = spark.sql(query)

    def rows() -> Iterator[tuple[object, ...]]:
        with _refusals():
            kinds = [column.dataType for column in found.schema]
            for row in found.toLocalIterator():
                yield tuple(whole(_converted(value, kind)) for value, kind in zip(row, kinds, strict=True))

    return QueryResult(found.columns, rows(), lambda: arrow_schema(found), "spark")


PLANS = frozenset({
    "Aggregate", "CTERelationDef", "CTERelationRef", "Distinct", "Except", "Filter", "Generate",
    "GlobalLimit", "Intersect", "Join", "LateralJoin", "LimitAll", "LocalLimit", "LocalRelation", "Offset",
    "OneRowRelation", "Pivot", "Project", "RepartitionByExpression", "Sample", "Sort", "SubqueryAlias",
    "Union", "Unpivot", "UnresolvedHaving", "UnresolvedHint", "UnresolvedInlineTable", "UnresolvedQualify",
    "UnresolvedRelation", "UnresolvedSubqueryColumnAliases", "UnresolvedTVFAliases",
    "UnresolvedTableValuedFunction", "UnresolvedWith", "WithCTE", "WithWindowDefinition", "PipeOperator",
    "CurrentNamespace$", "DescribeQueryCommand", "DescribeRelation", "ShowTables", "UnresolvedTableOrView",
})  # fmt: skip
"""Nodes of logical plans that only read or describe their inputs."""
ROW_MAKERS = frozenset({
    "explode", "explode_outer", "inline", "inline_outer", "json_tuple", "posexplode", "posexplode_outer",
    "range", "stack", "variant_explode", "variant_explode_outer",
})  # fmt: skip
HARMLESS_GROUPS = frozenset(f"{group}_funcs" for group in (
    "agg", "array", "bitwise", "collection", "conditional", "conversion", "csv", "datetime", "generator",
    "hash", "json", "lambda", "map", "math", "predicate", "sketch", "st", "string", "struct", "url",
    "variant", "vector", "window",
))  # fmt: skip
"""Groups of Spark's built-in functions that depend only on their arguments; other groups are refused.

Functions for XML, Avro and Protobuf take options that name files or addresses.
"""
HARMLESS_FUNCTIONS = frozenset({
    "aes_decrypt", "aes_encrypt", "assert_true", "bitmap_bit_position", "bitmap_bucket_number",
    "bitmap_count", "current_catalog", "current_database", "current_schema", "hll_sketch_estimate",
    "hll_union", "hmac", "monotonically_increasing_id", "raise_error", "spark_partition_id",
    "try_aes_decrypt", "typeof", "uuid", "version",
})  # fmt: skip
"""Functions of Spark's group `misc_funcs` that depend only on their arguments."""
BUILT_IN = ((), ("builtin",), ("system", "builtin"))
"""Qualifiers of Spark's built-in functions."""


def require_harmless(spark: SparkSession, query: str) -> None:
    """Raise `ConfigError` or `PySparkException` unless it is a query over presswatch's tables and views."""
    # Spark replaces `${env:…}` by variables of the environment.
    if "${" in query:
        raise refused("a query may not contain ${", "write it as concat(chr(36), '{')")
    logical_plan = "org.apache.spark.sql.catalyst.plans.logical.LogicalPlan"
    is_plan = spark._jvm.java.lang.Class.forName(logical_plan).isInstance  # type: ignore[union-attr]
    named, own = list[tuple[str, ...]](), set[str]()
    plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(query)
    is_product = spark._jvm.java.lang.Class.forName("scala.Product").isInstance  # type: ignore[union-attr]
    waiting = [plan]
    while waiting:
        node = waiting.pop()
        if not hasattr(node, "getClass"):  # py4j converted it: a text, a number or None
            continue
        name = str(node.getClass().getName())
        if name.startswith("scala.collection."):
            waiting += _items(node)
            continue
        if not is_product(node) or name.startswith("org.apache.spark.sql.types."):
            continue
        waiting += map(node.productElement, range(node.productArity()))
        kind = name.rpartition(".")[2]
        if kind == "UnresolvedNamespace" and node.multipartIdentifier().isEmpty():
            continue  # the current namespace, in Spark 3.5
        if "UnresolvedIdentifier" in kind:
            raise refused("a query may not call identifier()", "write names as they are")
        if kind not in PLANS and is_plan(node):
            raise no_query()
        if kind == "UnresolvedWith":
            own |= {str(each._1()).lower() for each in _items(node.cteRelations())}
        elif kind in ("UnresolvedRelation", "UnresolvedTableOrView"):
            named.append(tuple(map(str, _items(node.multipartIdentifier()))))
        elif kind == "UnresolvedTableValuedFunction":
            if (function := str(node.name().last())).lower() not in ROW_MAKERS:
                raise no_call(function)
        elif kind == "UnresolvedFunction":
            _require_harmless_function(spark, tuple(map(str, _items(node.nameParts()))))
        elif kind == "FunctionIdentifier":  # of a lateral view
            database = [str(node.database().get())] if node.database().isDefined() else []
            _require_harmless_function(spark, (*database, str(node.funcName())))
    for parts in named:
        if len(parts) > 1 or not {parts[0].lower()} & {*SCHEMAS, *VIEWS, *own}:
            raise no_table(*parts)


def _require_harmless_function(spark: SparkSession, name: tuple[str, ...]) -> None:
    *qualifiers, function = (part.lower() for part in name)
    registry = getattr(spark._jvm, "org.apache.spark.sql.catalyst.analysis.FunctionRegistry$")
    found = getattr(registry, "MODULE$").expressions().get(function)
    if found.isEmpty() or tuple(qualifiers) not in BUILT_IN:
        raise refused(f"Spark has no function {'.'.join(name)}() of its own")
    if function not in HARMLESS_FUNCTIONS and found.get()._1().getGroup() not in HARMLESS_GROUPS:
        raise no_call(name[-1])


def _items(values: Any) -> Iterator[Any]:
    each = values.iterator()
    while each.hasNext():
        yield each.next()


def named_in(query: str) -> set[str]:
    """Return the tables and views whose names occur in a query."""
    return {*SCHEMAS, *VIEWS} & set(WORD.findall(query.lower()))


def columns_in(query: str, table: str, views: Mapping[str, str] = VIEWS) -> list[str]:
    """Return the columns of a table that a query may read, at least one, in the table's order."""
    lowered, names = query.lower(), SCHEMAS[table].names
    if not SELECTS.match(query) or ALL_COLUMNS.search(COUNTED_ROWS.sub("", lowered)):
        return list(names)
    read = (views[name] for name in in_order(named_in(query), views) if name in views)
    words = set(WORD.findall(" ".join((lowered, *read))))
    # A query that only counts rows names no column: take `run_id`, which is cheap with one value per file.
    return [name for name in names if name in words] or names[:1]


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except PySparkException as error:
        # Spark's first line names the cause; its plans and stacks follow.
        cause = first_line(error)
        if unknown := UNKNOWN_TABLE.search(cause):
            raise no_table(unknown[1]) from error
        raise ConfigError(f"Spark refuses the query: {cause}", where="sql") from error
    # When Java dies, the socket that transfers rows is closed or refuses connections.
    except (Py4JError, ConnectionError, EOFError) as error:
        with suppress(Py4JError, OSError):  # str(error) asks Java for the text, and Java may have ended
            if found := ERROR_OF_QUERY.search(str(error)):
                raise ConfigError(f"Spark refuses the query: {found[1]}", where="sql") from error
        raise PresswatchError(
            "Spark's Java process ended during the query",
            where="sql",
            remedy="check whether this machine ran out of memory, and run the query again",
        ) from error


def _converted(value: Any, kind: DataType) -> Any:
    """Return a value of a Spark type: a row as a dictionary, a time in UTC.

    PySpark gives times in local time.
    """
    if value is None:
        return None
    match kind:
        case StructType():
            return {
                each.name: _converted(item, each.dataType) for each, item in zip(kind, value, strict=True)
            }
        case ArrayType():
            return [_converted(item, kind.elementType) for item in value]
        case MapType():
            return {
                _converted(key, kind.keyType): _converted(item, kind.valueType) for key, item in value.items()
            }
        case TimestampType():
            return value.astimezone(UTC)
    return value

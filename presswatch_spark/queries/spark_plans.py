"""Holds a query for Spark against what a query may be: one that reads our tables and views, and nothing else.

Spark would run any statement, read files by their path, call Java and start programs. So the query is parsed
first, by Spark's own parser, and every part of its plan must be of a kind that is known to be harmless.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from presswatch_spark.queries.refusals import no_call, no_query, no_table, refused
from presswatch_spark.queries.views import VIEWS
from presswatch_spark.tables.schemas import SCHEMAS

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLANS = frozenset({
    "Aggregate", "CTERelationDef", "CTERelationRef", "Distinct",
    "Except", "Filter", "Generate", "GlobalLimit",
    "Intersect", "Join", "LateralJoin", "LimitAll",
    "LocalLimit", "LocalRelation", "Offset", "OneRowRelation",
    "Pivot", "Project", "RepartitionByExpression", "Sample",
    "Sort", "SubqueryAlias", "Union", "Unpivot",
    "UnresolvedHaving", "UnresolvedHint", "UnresolvedInlineTable", "UnresolvedQualify",
    "UnresolvedRelation", "UnresolvedSubqueryColumnAliases", "UnresolvedTVFAliases",
    "UnresolvedTableValuedFunction",
    "UnresolvedWith", "WithCTE", "WithWindowDefinition", "PipeOperator",
    "CurrentNamespace$", "DescribeQueryCommand", "DescribeRelation", "ShowTables",
    "UnresolvedTableOrView",
})  # fmt: skip
"""Parts of plans that read what they are given, or describe it."""
ROW_MAKERS = frozenset({
    "explode", "explode_outer", "inline", "inline_outer",
    "json_tuple", "posexplode", "posexplode_outer", "range",
    "stack", "variant_explode", "variant_explode_outer",
})  # fmt: skip
"""Table functions that read nothing but their arguments."""
CALLS = frozenset({"java_method", "reflect", "try_reflect"})
"""Functions that call methods of Java."""
BY_LATER_NAMES = "UnresolvedIdentifier"
"""What the class is called of a name that is put together when the query runs."""

_LOGICAL = "org.apache.spark.sql.catalyst.plans.logical.LogicalPlan"
_TYPES = "org.apache.spark.sql.types."


def require_harmless(spark: "SparkSession", query: str) -> None:
    """Refuse whatever is no query over our tables and views.

    Raises:
        ConfigError: it is no query, or names or calls what is not ours.
        PySparkException: Spark cannot parse it.
    """
    # Spark would put variables of the environment in the place of `${env:…}`.
    if "${" in query:
        raise refused("a query may not hold ${", "write it as concat(chr(36), '{')")
    is_plan = spark._jvm.java.lang.Class.forName(_LOGICAL).isInstance  # type: ignore[union-attr]
    named, own = list[tuple[str, ...]](), set[str]()
    plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(query)
    for node, kind in _nodes(spark, plan):
        if BY_LATER_NAMES in kind:
            raise refused("a query may not call identifier()", "write names as they are")
        if kind not in PLANS and is_plan(node):
            raise no_query()
        if kind == "UnresolvedWith":
            own |= {str(each._1()).lower() for each in _items(node.cteRelations())}
        elif kind in ("UnresolvedRelation", "UnresolvedTableOrView"):
            named.append(tuple(map(str, _items(node.multipartIdentifier()))))
        elif kind == "UnresolvedTableValuedFunction":
            _require_row_maker(str(node.name().last()))
        elif kind == "UnresolvedFunction" and (function := str(node.nameParts().last())).lower() in CALLS:
            raise no_call(function)
    for parts in named:
        if len(parts) > 1 or not {parts[0].lower()} & {*SCHEMAS, *VIEWS, *own}:
            raise no_table(*parts)


def _require_row_maker(function: str) -> None:
    if function.lower() not in ROW_MAKERS:
        raise no_call(function)


def _nodes(spark: "SparkSession", plan: Any) -> Iterator[tuple[Any, str]]:
    """Yield every part of a plan, with those of its subqueries, and the name of its class."""
    is_product = spark._jvm.java.lang.Class.forName("scala.Product").isInstance  # type: ignore[union-attr]
    waiting = [plan]
    while waiting:
        value = waiting.pop()
        if not hasattr(value, "getClass"):  # Python's: a text, a number, nothing
            continue
        name = str(value.getClass().getName())
        if name.startswith("scala.collection."):
            waiting += _items(value)
        elif is_product(value) and not name.startswith(_TYPES):
            yield value, name.rpartition(".")[2]
            waiting += _items(value.productIterator())


def _items(values: Any) -> Iterator[Any]:
    """Yield what a collection or an iterator of Scala holds."""
    each = values.iterator()
    while each.hasNext():
        yield each.next()

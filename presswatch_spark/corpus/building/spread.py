"""Spreading work over Spark: a function and its items out, small results back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from presswatch_spark.corpus.building.workspace import writing
from presswatch_spark.errors import PresswatchError
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.worker import task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Item = TypeVar("Item")
Result = TypeVar("Result")


def spread(
    spark: SparkSession, place: str | Path, function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Apply `function`, which writes below `place`, to every item, each in a task; results in their order.

    Errors that users may see come back as values: all are known before one is raised, and Spark neither
    retries nor logs them. Several of them are raised as one, of the first one's class.
    """
    work = list(items)
    guarded = partial(_guarded, place, function)
    with spark_errors(place):
        outcomes = spark.sparkContext.parallelize(work, max(1, len(work))).map(guarded).collect()
    errors = [outcome for outcome in outcomes if isinstance(outcome, PresswatchError)]
    if len(errors) > 1:
        raise type(errors[0])(
            "\n".join([f"{len(errors)} tasks failed:", *(f"  {error}" for error in errors)])
        )
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, PresswatchError)]


def _guarded(place: str | Path, function: Callable[[Item], Result], item: Item) -> Result | PresswatchError:
    try:
        with task(), writing(place):
            return function(item)
    except PresswatchError as error:
        return error

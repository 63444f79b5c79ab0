"""Spreading work over Spark: a function and its items go out, small results come back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.building.key_runs import Keys, bucket_bits, read_bucket
from presswatch_spark.corpus.building.workspace import BuildWorkspace
from presswatch_spark.errors import PresswatchError
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.worker import task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Item = TypeVar("Item")
Result = TypeVar("Result")

BucketArrays = Callable[[Keys, Keys], Mapping[str, arrays.Array]]
"""Makes flat arrays, by the names of their files, of the keys and values of one bucket, sorted by key."""


def spread(
    spark: SparkSession, place: str | Path, function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Apply `function`, which writes below `place`, to every item in a task of its own; results in order.

    Errors that users may see come back as values. So all are known before one is raised, and Spark neither
    retries nor logs them. Several are raised as one, of the class of the first.
    """
    work = list(items)
    guarded = partial(_guarded, place, function)
    with spark_errors(place):
        outcomes = spark.sparkContext.parallelize(work, max(1, len(work))).map(guarded).collect()
    errors = [outcome for outcome in outcomes if isinstance(outcome, PresswatchError)]
    if len(errors) > 1:
        lines = [f"{len(errors)} tasks failed:", *(f"  {error}" for error in errors)]
        raise type(errors[0])("\n".join(lines))
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, PresswatchError)]


def _guarded(place: str | Path, function: Callable[[Item], Result], item: Item) -> Result | PresswatchError:
    try:
        with task(), arrays.writing(place):
            return function(item)
    except PresswatchError as error:
        return error


def join_runs(
    spark: SparkSession,
    work: BuildWorkspace,
    runs: Sequence[Path],
    keys: int,
    make: BucketArrays,
    out: str,
) -> int:
    """Merge sorted runs of so many keys, bucket by bucket, into arrays under `out`; return their length."""
    bits = bucket_bits(keys)
    folders = [work.scratch / f"{out}-{bucket:05d}" for bucket in range(1 << bits)]
    spread(spark, work.scratch, partial(_write_bucket, make, runs, bits), enumerate(folders))
    (work.corpus / out).mkdir()
    names = sorted(path.name for path in folders[0].iterdir())
    for name in names:
        arrays.join(work.corpus / out / name, [folder / name for folder in folders])
    for run in runs:
        shutil.rmtree(run)
    return len(arrays.load(work.corpus / out / names[0]))


def _write_bucket(make: BucketArrays, runs: Sequence[Path], bits: int, item: tuple[int, Path]) -> None:
    bucket, folder = item
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in make(*read_bucket(runs, bucket, bits)).items():
        arrays.save(folder / name, array)

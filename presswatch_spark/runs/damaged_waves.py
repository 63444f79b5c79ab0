"""What waves wrote is read again before it is published: a damaged part costs its wave, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from presswatch_spark.runs.claimed import Run
from presswatch_spark.runs.markers import Wave, forget_wave
from presswatch_spark.runs.parts import Part, damage_of
from presswatch_spark.show import counted
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.session import spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.folders import Folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CHECKED_HERE_BYTES = 256 << 20
"""Bytes of parts that the driver reads for this; of more, tasks do."""
READERS, PARTS_PER_TASK = 8, 8
FOUND = pa.schema([("name", pa.string()), ("damage", pa.string())])


def without_damage(
    spark: SparkSession, run: Run, waves: Sequence[Wave], tell: Callable[[str], None]
) -> tuple[list[Wave], list[Wave]]:
    """Waves all of whose parts are as they were written, and those that are not: their markers are removed.

    Args:
        tell: is told of each damaged part what is wrong with it.
    """
    damaged = damaged_parts(spark, run.parts, [part for wave in waves for part in wave.parts])
    lost = [wave for wave in waves if any(part.name in damaged for part in wave.parts)]
    for wave in lost:
        again = (
            f"{counted(len(wave.shards), 'shard')} {'is' if len(wave.shards) == 1 else 'are'} scanned again"
        )
        for part in wave.parts:
            if part.name in damaged:
                tell(f"{run.parts.at(part.name)}: what a wave found {damaged[part.name]}; its {again}")
        run.lock.confirm()
        forget_wave(run.folder, wave)
    return [wave for wave in waves if wave not in lost], lost


def damaged_parts(spark: SparkSession, folder: Folder, parts: Sequence[Part]) -> dict[str, str]:
    """Names of the parts that are not as they were written, and what is wrong with each."""
    if sum(part.bytes for part in parts) <= CHECKED_HERE_BYTES:
        with ThreadPoolExecutor(READERS, "check") as pool:
            found = pool.map(partial(damage_of, folder), parts)
            return {part.name: what for part, what in zip(parts, found, strict=True) if what}
    tasks = -(-len(parts) // PARTS_PER_TASK)
    check = _CheckParts(folder, tuple(tuple(parts[first::tasks]) for first in range(tasks)))
    rows = spark.range(0, tasks, 1, tasks).mapInArrow(check, spark_schema(FOUND))
    with spark_errors(folder.uri):
        return {row["name"]: row["damage"] for row in rows.collect()}


@dataclass(frozen=True, slots=True)
class _CheckParts:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of groups of parts."""

    folder: Folder
    groups: tuple[tuple[Part, ...], ...]

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the damaged parts."""
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    found = {part.name: damage_of(self.folder, part) for part in self.groups[number.as_py()]}
                    rows = [{"name": name, "damage": what} for name, what in found.items() if what]
                    yield pa.RecordBatch.from_pylist(rows, FOUND)

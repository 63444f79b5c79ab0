"""Waves: shards are scanned some at a time; what a wave found is kept once its marker is on the disk.

    waves/<attempt>/part-*.parquet   rows {match, signal, log}; an attempt has a folder of its own, so that a
                                     JVM that outlives its driver for a moment writes where nobody reads
    waves/<attempt>.json             the marker: which shards of the plan (by position) the attempt covers

A wave whose Python worker keeps dying is halved until the shard that kills it is alone, and logged as failed.
"""

from __future__ import annotations

import gc
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import ceil
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.accumulators import Accumulator, AccumulatorParam

from presswatch_spark.errors import OutputError
from presswatch_spark.output.markers import Wave, read_waves, write_wave
from presswatch_spark.output.tables import disk_errors
from presswatch_spark.progress import Counts, Progress
from presswatch_spark.shard_scan import ShardOutcome, lost_shard
from presswatch_spark.spark import TASK_FAILURES, spark_schema
from presswatch_spark.spark_errors import WorkerDiedError, spark_errors
from presswatch_spark.storage.objects import ObjectInfo, printable
from presswatch_spark.tables import MATCHES, RIGHTS_SIGNALS, SCAN_LOG
from presswatch_spark.worker import task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FULL_SHARD_BYTES = 32 << 20
SMALL_SHARDS = 16

ScanOne = Callable[[ObjectInfo], ShardOutcome]


def _struct(schema: pa.Schema) -> pa.StructType:
    """The rows of a table as one column: no run id yet, and every field nullable, as Spark has it."""
    return pa.struct([pa.field(column.name, column.type) for column in schema if column.name != "run_id"])


KINDS = {"match": _struct(MATCHES), "signal": _struct(RIGHTS_SIGNALS), "log": _struct(SCAN_LOG)}
FOUND = pa.schema([pa.field(kind, struct) for kind, struct in KINDS.items()])


def finished_waves(folder: Path) -> list[Wave]:
    """The finished waves under `folder`; attempts that never finished are removed."""
    waves = list(read_waves(folder))
    kept = {wave.attempt for wave in waves}
    for attempt in folder.iterdir():
        if attempt.is_dir() and attempt.name not in kept:
            shutil.rmtree(attempt, ignore_errors=True)
    return waves


@dataclass(frozen=True, slots=True)
class WaveScan:
    """Scans waves into `folder` with `scan`, in as many tasks for each core; see `tasks_for`."""

    spark: SparkSession
    folder: Path
    scan: ScanOne
    shards_per_task: int
    progress: Progress

    def __call__(self, shards: Mapping[int, ObjectInfo]) -> list[Wave]:
        """Scan shards, given by their position in the plan, as one wave; or as several, if workers die.

        Raises:
            OutputError: the disk is full.
            PresswatchError: Spark failed for a reason that no smaller wave would mend.
        """
        try:
            return [self._scanned(shards)]
        except WorkerDiedError:
            if len(shards) == 1:
                return [self._lost(shards)]
        items = list(shards.items())
        middle = len(items) // 2
        return self(dict(items[:middle])) + self(dict(items[middle:]))

    def _scanned(self, shards: Mapping[int, ObjectInfo]) -> Wave:
        context = self.spark.sparkContext
        tasks = tasks_for(shards.values(), self.shards_per_task, context.defaultParallelism)
        meter = context.accumulator(Counts(), _CountsParam())
        work = WaveTask(dealt(shards.values(), tasks), self.scan, meter)
        found = self.spark.range(0, tasks, 1, tasks).mapInArrow(work, spark_schema(FOUND))
        attempt = self._attempt(shards)
        with self.progress.during(lambda: meter.value), spark_errors(attempt):
            found.write.parquet(f"file://{attempt}")
        return self._done(attempt, shards)

    def _lost(self, shards: Mapping[int, ObjectInfo]) -> Wave:
        """Log the one shard that nothing can scan."""
        (shard,) = shards.values()
        attempt = self._attempt(shards)
        with disk_errors(attempt):
            attempt.mkdir()
            batches = found_batches(lost_shard(shard, TASK_FAILURES))
            ds.write_dataset(list(batches), attempt, schema=FOUND, format="parquet")
        return self._done(attempt, shards)

    def _attempt(self, shards: Mapping[int, ObjectInfo]) -> Path:
        return self.folder / f"{next(iter(shards)):06}-{secrets.token_hex(4)}"

    def _done(self, attempt: Path, shards: Mapping[int, ObjectInfo]) -> Wave:
        """Check that every shard was logged, and put the marker down."""
        rows = ds.dataset(attempt, format="parquet").to_table(columns=["log"])["log"].to_pylist()
        log = [row for row in rows if row is not None]
        if sorted(str(row["shard_uri"]) for row in log) != sorted(
            printable(shard.uri) for shard in shards.values()
        ):
            raise OutputError(
                f"a wave of {len(shards)} shards logged {len(log)}",
                where=str(attempt),
                remedy="give the same command again: the run goes on",
            )
        wave = Wave(attempt.name, tuple(shards), reduce(add, map(Counts.of, log)))
        write_wave(self.folder, wave)
        self.progress.add(wave.counts, log)
        return wave


@dataclass(frozen=True, slots=True)
class WaveTask:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of groups of shards."""

    groups: tuple[tuple[ObjectInfo, ...], ...]
    scan: ScanOne
    meter: Accumulator[Counts]

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Scan the groups, shard by shard, and yield what was found as batches of `FOUND`."""
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    for shard in self.groups[number.as_py()]:
                        outcome = self.scan(shard)
                        yield from found_batches(outcome)
                        self.meter.add(Counts.of(outcome.log))
        # Spark collects garbage after each task: 0.1 s for modules and kernels, which never become any.
        if not gc.get_freeze_count():
            gc.freeze()


class _CountsParam(AccumulatorParam[Counts]):
    def zero(self, value: Counts) -> Counts:
        return Counts()

    def addInPlace(self, value1: Counts, value2: Counts) -> Counts:  # noqa: N802
        return value1 + value2


def tasks_for(shards: Collection[ObjectInfo], shards_per_task: int, cores: int) -> int:
    """How many tasks scan a wave: as many for each core, of at most `shards_per_task` shards.

    Of shards under `FULL_SHARD_BYTES` more stand for one, up to `SMALL_SHARDS`: a task costs some 60 ms, and
    a small shard a few.
    """
    sizes = (FULL_SHARD_BYTES if shard.size is None else shard.size for shard in shards)
    shares = (min(1.0, max(1 / SMALL_SHARDS, size / FULL_SHARD_BYTES)) for size in sizes)
    rounds = ceil(sum(shares) / (shards_per_task * cores))
    return min(len(shards), rounds * cores)


def dealt(shards: Iterable[ObjectInfo], groups: int) -> tuple[tuple[ObjectInfo, ...], ...]:
    """Deal shards into `groups`, the largest first: groups weigh about the same, nothing big comes last."""
    ordered = sorted(shards, key=lambda shard: -(shard.size or 0))
    return tuple(tuple(ordered[first::groups]) for first in range(groups))


def found_batches(outcome: ShardOutcome) -> Iterator[pa.RecordBatch]:
    """What a shard gave, as batches of `FOUND`: first its matches and signals, then its row of the log."""
    for kind, batches in (("match", outcome.matches), ("signal", outcome.signals)):
        for batch in batches:
            struct = KINDS[kind]
            yield _found(
                kind, pa.StructArray.from_arrays([batch[f.name] for f in struct], fields=list(struct))
            )
    yield _found("log", pa.array([dict(outcome.log)], KINDS["log"]))


def _found(kind: str, rows: pa.StructArray) -> pa.RecordBatch:
    """A batch of `FOUND` whose rows are all of one kind."""
    columns = [rows if name == kind else pa.nulls(len(rows), struct) for name, struct in KINDS.items()]
    return pa.RecordBatch.from_arrays(columns, schema=FOUND)


def batched(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut `positions` into waves of `size`, the last one shorter."""
    return (positions[start : start + size] for start in range(0, len(positions), size))

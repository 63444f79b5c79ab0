"""Waves: shards are scanned some at a time; what a wave found is kept once its marker is there.

Tasks write parts of the tables themselves, and tell the driver which, with their rows of the log. The driver
writes those as one part more, and then the marker, which names all parts: only these count. An attempt has a
folder of its own, so that a JVM that outlives its driver for a moment writes where nobody reads.

A wave whose Python worker keeps dying is halved until the shard that kills it is alone, and logged as failed.
"""

from __future__ import annotations

import gc
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from math import ceil
from operator import add
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.accumulators import Accumulator, AccumulatorParam

from presswatch_spark.errors import OutputError
from presswatch_spark.output.markers import Wave, write_wave
from presswatch_spark.output.parts import COLUMNS, Part, part_files, part_of
from presswatch_spark.output.runs import Run
from presswatch_spark.output.tables import disk_errors
from presswatch_spark.progress import Counts, Progress
from presswatch_spark.shard_scan import ShardOutcome, lost_shard
from presswatch_spark.spark import TASK_FAILURES, spark_schema
from presswatch_spark.spark_errors import WorkerDiedError, spark_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ObjectInfo, printable
from presswatch_spark.worker import task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FULL_SHARD_BYTES = 32 << 20
SMALL_SHARDS = 16

ScanOne = Callable[[ObjectInfo], ShardOutcome]
Log = Sequence[Mapping[str, Any]]

PART = pa.struct(
    [
        ("table", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("releases", pa.list_(pa.string())),
    ]
)
TOLD = pa.schema([("log", pa.struct(list(COLUMNS["scan_log"]))), ("part", PART)])
"""What tasks tell the driver: rows that hold one or the other."""


@dataclass(frozen=True, slots=True)
class WaveScan:
    """Scans waves of `run` with `scan`, in as many tasks for each core; see `tasks_for`."""

    spark: SparkSession
    run: Run
    scan: ScanOne
    shards_per_task: int
    progress: Progress

    def __call__(self, shards: Mapping[int, ObjectInfo]) -> list[Wave]:
        """Scan shards, given by their position in the plan, as one wave; or as several, if workers die.

        Raises:
            OutputError: the disk is full, or another process has taken the run over.
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
        context, attempt = self.spark.sparkContext, self._attempt(shards)
        tasks = tasks_for(shards.values(), self.shards_per_task, context.defaultParallelism)
        meter = context.accumulator(Counts(), _CountsParam())
        work = WaveTask(dealt(shards.values(), tasks), self.scan, self.run.parts, attempt, meter)
        found = self.spark.range(0, tasks, 1, tasks).mapInArrow(work, spark_schema(TOLD))
        with self.progress.during(lambda: meter.value), spark_errors(self.run.parts.at(attempt)):
            told = found.toArrow().to_pylist()
        log = [row["log"] for row in told if row["log"]]
        return self._done(attempt, shards, log, [part_of(row["part"]) for row in told if row["part"]])

    def _lost(self, shards: Mapping[int, ObjectInfo]) -> Wave:
        """Log the one shard that nothing can scan."""
        (shard,) = shards.values()
        return self._done(self._attempt(shards), shards, [lost_shard(shard, TASK_FAILURES).log], [])

    def _attempt(self, shards: Mapping[int, ObjectInfo]) -> str:
        return f"{next(iter(shards)):06}-{secrets.token_hex(4)}"

    def _done(self, attempt: str, shards: Mapping[int, ObjectInfo], log: Log, parts: Sequence[Part]) -> Wave:
        """Check that every shard was logged, write the log, and put the marker down."""
        planned = sorted(printable(shard.uri) for shard in shards.values())
        if sorted(str(row["shard_uri"]) for row in log) != planned:
            raise OutputError(
                f"a wave of {len(shards)} shards logged {len(log)}",
                where=self.run.parts.at(attempt),
                remedy="give the same command again: the run goes on",
            )
        with disk_errors(self.run.parts.at(attempt)), part_files(self.run.parts, attempt) as files:
            files.add("scan_log", [pa.RecordBatch.from_pylist(list(log), COLUMNS["scan_log"])])
        counts = reduce(add, map(Counts.of, log))
        wave = Wave(attempt, tuple(shards), counts, (*parts, *files.parts), self.run.epoch)
        self.run.lock.confirm()
        write_wave(self.run.folder, wave)
        self.progress.add(counts, log)
        return wave


@dataclass(frozen=True, slots=True)
class WaveTask:
    """What a Spark task does, for `mapInArrow`: the rows that come in are numbers of groups of shards."""

    groups: tuple[tuple[ObjectInfo, ...], ...]
    scan: ScanOne
    parts: Folder
    attempt: str
    meter: Accumulator[Counts]

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Scan the groups, shard by shard; yield batches of `TOLD`, the parts once they are written."""
        with task():
            with part_files(self.parts, self.attempt) as files:
                for batch in numbers:
                    for number in batch.column(0):
                        for shard in self.groups[number.as_py()]:
                            outcome = self.scan(shard)
                            files.add("matches", outcome.matches)
                            files.add("rights_signals", outcome.signals)
                            yield pa.RecordBatch.from_pylist([{"log": dict(outcome.log), "part": None}], TOLD)
                            self.meter.add(Counts.of(outcome.log))
            yield pa.RecordBatch.from_pylist(
                [{"log": None, "part": asdict(part)} for part in files.parts], TOLD
            )
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


def batched(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut `positions` into waves of `size`, the last one shorter."""
    return (positions[start : start + size] for start in range(0, len(positions), size))

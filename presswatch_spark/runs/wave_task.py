"""What a Spark task does of a wave: scans its shards one by one, and writes what they gave as parts.

A task whose worker died is tried again. It then notes each shard that it begins, and sets aside the one at
which a try before it ended: that one is not scanned, and has failed, and the others are done.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.accumulators import Accumulator, AccumulatorParam

from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.runs.begun import Notes
from presswatch_spark.runs.parts import COLUMNS, PartFiles, part_files
from presswatch_spark.shard.shard_scan import ShardOutcome, lost_shard
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ObjectInfo

ScanOne = Callable[[ObjectInfo], ShardOutcome]

PART = pa.struct(
    [
        ("table", pa.string()),
        ("name", pa.string()),
        ("rows", pa.int64()),
        ("bytes", pa.int64()),
        ("releases", pa.list_(pa.string())),
        ("sha256", pa.string()),
    ]
)
LOG = pa.struct(list(COLUMNS["scan_log"]))
TOLD = pa.schema([("shard", pa.int64()), ("log", LOG), ("part", PART), ("deaths", pa.int64())])
"""What tasks tell the driver: of each shard its position in the plan and its row of the log; each part; and
how many tries of the task ended badly."""

PLATFORM = frozenset({"storage", "host", "worker"})
"""Failures that another try elsewhere may mend: see `scan_log.failure`."""


@dataclass(frozen=True, slots=True)
class WaveTask:
    """The tasks of an attempt at a wave, for `mapInArrow`: the rows that come in are numbers of groups.

    `groups`: positions of `shards`. `final`: what fails is kept as it is. Else nothing is kept of a shard
    that failed for a reason of `PLATFORM` but its row of the log: it will be scanned once more.
    """

    groups: tuple[tuple[int, ...], ...]
    shards: Mapping[int, ObjectInfo]
    scan: ScanOne
    run: Folder
    parts: Folder
    attempt: str
    meter: Accumulator[Counts]
    final: bool

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Scan the groups, shard by shard; yield batches of `TOLD`, the parts once they are written."""
        context = TaskContext.get()
        tries = context.attemptNumber() if context else 0
        with task():
            with part_files(self.parts, self.attempt) as files:
                for batch in numbers:
                    for number in batch.column(0):
                        for shard, outcome in self._outcomes(number.as_py(), tries):
                            yield self._taken(shard, outcome, files)
            yield told(*({"part": asdict(part)} for part in files.parts), {"deaths": tries})
        # Spark collects garbage after each task: 0.1 s for modules and kernels, which never become any.
        if not gc.get_freeze_count():
            gc.freeze()

    def _outcomes(self, number: int, tries: int) -> Iterator[tuple[int, ShardOutcome]]:
        """Scan a group. After a death each shard is noted, and the suspects are not scanned."""
        notes = Notes.of(self.run, self.attempt)
        suspects = notes.suspects_of(number) if tries else set()
        for place, shard in enumerate(self.groups[number]):
            if place in suspects:
                yield shard, lost_shard(self.shards[shard], tries)
                continue
            with notes.at(number, tries, place) if tries else nullcontext():
                outcome = self.scan(self.shards[shard])
            yield shard, outcome

    def _taken(self, shard: int, outcome: ShardOutcome, files: PartFiles) -> pa.RecordBatch:
        if self.final or outcome.log["failure"] not in PLATFORM:
            files.add("matches", outcome.matches)
            files.add("rights_signals", outcome.signals)
            self.meter.add(Counts.of(outcome.log))
        return told({"shard": shard, "log": dict(outcome.log)})


def told(*rows: Mapping[str, Any]) -> pa.RecordBatch:
    """A batch of `TOLD`."""
    return pa.RecordBatch.from_pylist([{**dict.fromkeys(TOLD.names), **row} for row in rows], TOLD)


class CountsParam(AccumulatorParam[Counts]):
    """How Spark adds up what tasks count."""

    def zero(self, value: Counts) -> Counts:  # noqa: D102
        return Counts()

    def addInPlace(self, value1: Counts, value2: Counts) -> Counts:  # noqa: D102, N802
        return value1 + value2

"""A Spark task of a wave: it reads its shards one by one, and writes their rows as parts.

    <run>/begun/<attempt>/<task>/<try>-<place>     this try is reading the shard at this place in the task

If the worker of a task dies, Spark tries the task again. Each try except the first notes the shard that it
is reading. If a try died at a noted shard, the next one skips that shard as failed, and reads the others.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from pyspark import TaskContext
from pyspark.accumulators import Accumulator, AccumulatorParam

from presswatch_spark.core.spark.worker import task
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.runs.markers import PartFiles, RunPart, part_files
from presswatch_spark.scanning.runs.work import PLATFORM, Kind, Outcome, ReadOne, Row
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.host_limits import Workers
from presswatch_spark.storage.objects import ObjectInfo

Given = TypeVar("Given")


class Notes:
    """The notes of an attempt at a wave of the run in a folder."""

    def __init__(self, run: Folder, attempt: str) -> None:
        self.folder = run / "begun" / attempt

    @contextmanager
    def at(self, task: int, tries: int, place: int) -> Iterator[None]:
        """Note, during the block, that a try of a task is reading the shard at a place."""
        name = f"{task}/{tries:04}-{place}"
        self.folder.write(name, b"")
        try:
            yield
        finally:
            self.folder.delete([name])

    def read(
        self, number: int, tries: int, group: Sequence[int], read: Callable[[int], Given]
    ) -> Iterator[tuple[int, Given | None]]:
        """Read the shards of a group in turn; after a death, note each, and give None for suspects."""
        suspects = {place for task, place in self.suspects() if task == number} if tries else set()
        for place, shard in enumerate(group):
            if place in suspects:
                yield shard, None
                continue
            with self.at(number, tries, place) if tries else nullcontext():
                outcome = read(shard)
            yield shard, outcome

    def suspects(self) -> set[tuple[int, int]]:
        """Return the tasks, and the places in them, of the shards at which tries died."""
        parts = (name.partition("/") for name in self.folder.names())
        return {(int(task), int(note.rpartition("-")[2])) for task, _, note in parts}


@dataclass(slots=True)
class WaveOutcome:
    """The outcome of an attempt at a wave, or of one of its tasks.

    `attempt`: its name. `log`: rows of the log, by position of the shard in the plan. `deaths`: failed tries.
    """

    attempt: str
    log: dict[int, Row] = field(default_factory=dict)
    parts: list[RunPart] = field(default_factory=list)
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class WaveTask:
    """The tasks of an attempt at a wave, for `collected`. `groups`: positions in `shards`, by number.

    Unless `final`, a shard that failed for a reason of `PLATFORM` gives only its row of the log.
    """

    kind: Kind
    groups: tuple[tuple[int, ...], ...]
    shards: Mapping[int, ObjectInfo]
    read: ReadOne
    run: Folder
    parts: Folder
    attempt: str
    meter: Accumulator[ShardTotals]
    final: bool
    workers: Workers

    def __call__(self, numbers: Iterable[int]) -> Iterator[WaveOutcome]:
        """Read the groups, shard by shard; yield one outcome, once the parts are written."""
        self.workers.join()
        context = TaskContext.get()
        notes = Notes(self.run, self.attempt)
        tries = context.attemptNumber() if context else 0
        with task():
            done = WaveOutcome(self.attempt, deaths=tries)
            with part_files(self.parts, self.attempt, self.kind.columns) as files:
                for number in numbers:
                    for shard, outcome in notes.read(number, tries, self.groups[number], self._read):
                        given = outcome or self.kind.lost(self.shards[shard], tries)
                        self._write(given, files)
                        done.log[shard] = dict(given.log)
            done.parts = files.parts
            yield done
        # Spark collects garbage after each task: 0.1 s for modules and kernels, which never become garbage.
        if not gc.get_freeze_count():
            gc.freeze()

    def _read(self, shard: int) -> Outcome:
        return self.read(self.shards[shard])

    def _write(self, outcome: Outcome, files: PartFiles) -> None:
        if self.final or outcome.log["failure"] not in PLATFORM:
            for table, batches in outcome.tables.items():
                files.add(table, batches)
            self.meter.add(ShardTotals.of(outcome.log, self.kind.terms))


class CountsParam(AccumulatorParam[ShardTotals]):
    """Tells Spark how to add up the counts of tasks."""

    def zero(self, value: ShardTotals) -> ShardTotals:  # noqa: D102
        return ShardTotals()

    def addInPlace(self, value1: ShardTotals, value2: ShardTotals) -> ShardTotals:  # noqa: D102, N802
        return value1 + value2

"""The passes before the last: all shards are read, and what the last pass needs of each is kept in a file.

A file that is there is not made again, so a run that was killed goes on where it was. No file decides what is
right: the last pass finds by itself what it misses. So nothing fails here because one shard cannot be read;
its failure is the last pass's to tell.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
from pyspark.sql import SparkSession

from presswatch_spark.monitoring.metrics import Sample, Totals
from presswatch_spark.monitoring.observer import Observer
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.runs.attempts import Outcome
from presswatch_spark.runs.claimed import Run
from presswatch_spark.runs.failures import PLATFORM, check_budget
from presswatch_spark.runs.markers import Wave, write_wave
from presswatch_spark.runs.waves import Meter, dealt, tasks_for
from presswatch_spark.runs.work import Passes, ReadOne, Row
from presswatch_spark.settings.config import RunRules
from presswatch_spark.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.spark.session import cores_now, spark_schema
from presswatch_spark.spark.worker import task
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.seals import sealed_parquet

Shards = Mapping[int, ObjectInfo]
REPORT = pa.schema([("shard", pa.int64()), ("failure", pa.string()), ("error", pa.string())])


@dataclass(frozen=True, slots=True)
class Sifter:
    """Does the passes before the last, of shards given by their position in the plan."""

    spark: SparkSession
    run: Run
    passes: Passes
    rules: RunRules
    observer: Observer

    def __call__(self, shards: Shards, guard: Callable[[list[Wave]], None]) -> list[Wave]:
        """Read the shards in each pass; return waves without shards, which say what that cost.

        `guard` is called before each wave with those so far, and may raise.

        Raises:
            PlatformError: too many shards of a wave could not be read.
            OutputError: the disk is full, or another process has taken the run over.
        """
        waves = list[Wave]()
        for number in range(self.passes.count - 1):
            left = self._left(number, shards)
            places = list(left)
            for first in range(0, len(places), self.rules.wave_shards):
                guard(waves)
                some = places[first : first + self.rules.wave_shards]
                waves.append(self._sifted(number, {place: left[place] for place in some}))
        return waves

    def _left(self, number: int, shards: Shards) -> Shards:
        """Return the shards of which a pass has kept nothing yet."""
        there = set(self.passes.kept(self.run.folder, number).names())
        return {place: shard for place, shard in shards.items() if self.passes.name(shard.uri) not in there}

    def _sifted(self, number: int, shards: Shards) -> Wave:
        meter, cores = Meter(partial(cores_now, self.spark)), int(self.spark.sparkContext.defaultParallelism)
        tasks = tasks_for(shards.values(), self.rules.shards_per_task, cores)
        reports = self._reports(number, shards, tasks)
        if reports is None and (left := self._left(number, shards)):
            # In tasks of their own, all are read but those that end their workers: these the last pass tells.
            reports = self._reports(number, left, len(left))
        check_budget(reports or (), len(shards), self.rules.wave_failures)
        counts = Counts(core_seconds=meter.core_seconds())
        totals: Totals = Counter({Sample("core_seconds_total"): round(counts.core_seconds)})
        attempt = f"pass-{number + 1}-{next(iter(shards)):06}-{secrets.token_hex(4)}"
        wave = Wave(attempt, (), counts, (), self.run.epoch, totals)
        self.run.lock.confirm()
        write_wave(self.run.folder, wave)
        lost = len(self._left(number, shards))
        self.observer.sifted(len(shards), lost, number + 1, self.passes.count, counts, totals)
        return wave

    def _reports(self, number: int, shards: Shards, tasks: int) -> Sequence[Row] | None:
        """Read shards in so many tasks, and return what they report; None if their workers kept dying."""
        read = self.passes.read(self.run.folder, number)
        kept = self.passes.kept(self.run.folder, number)
        sifting = SiftTask(self.passes, dealt(shards, tasks), shards, read, kept)
        frame = self.spark.range(0, tasks, 1, tasks).mapInArrow(sifting, spark_schema(REPORT))
        try:
            with spark_errors(str(kept)):
                rows: Sequence[Row] = frame.toArrow().to_pylist()
        except WorkerDiedError:
            self.observer.worker_died([], 1)
            return None
        return rows


@dataclass(frozen=True, slots=True)
class SiftTask:
    """The tasks of a wave of a pass, for `mapInArrow`: the rows that come in are numbers of groups."""

    passes: Passes
    groups: tuple[tuple[int, ...], ...]
    shards: Shards
    read: ReadOne
    kept: Folder

    def __call__(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Read the groups, shard by shard; write what is kept of each, and report how it went."""
        with task():
            for batch in numbers:
                for number in batch.column(0):
                    for place in self.groups[number.as_py()]:
                        yield self._reported(place, self.read(self.shards[place]))

    def _reported(self, place: int, outcome: Outcome) -> pa.RecordBatch:
        log, table = outcome.log, outcome.tables[self.passes.table]
        # What another try may read further is left to it.
        if log["failure"] not in PLATFORM:
            data = sealed_parquet(table, self.passes.schema)
            self.kept.write(self.passes.name(self.shards[place].uri), data)
        row = {"shard": place, "failure": log["failure"], "error": log["error"]}
        return pa.RecordBatch.from_pylist([row], REPORT)

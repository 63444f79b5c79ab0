"""The passes before the last: each reads all shards, and writes a file of what the last pass needs of each.

If a file exists, it is not made again, so that a killed run resumes. A shard that cannot be read causes no
failure here: the last pass finds what is missing, and reports it.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyspark import SparkContext, TaskContext

from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.core.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.core.spark.session import TASK_FAILURES, cores_now
from presswatch_spark.core.spark.worker import collected, task
from presswatch_spark.scanning.monitoring.metrics import MetricSample, time_of_cores
from presswatch_spark.scanning.monitoring.progress import Observer, ShardTotals
from presswatch_spark.scanning.runs.markers import Wave, write_wave
from presswatch_spark.scanning.runs.unfinished import OwnedRun
from presswatch_spark.scanning.runs.wave_task import Notes
from presswatch_spark.scanning.runs.waves import Meter, dealt, tasks_for
from presswatch_spark.scanning.runs.work import ALL_DIED, PLATFORM, ReadOne, Row, check_budget
from presswatch_spark.scanning.shard.attempts import KEPT, KEPT_COLUMNS, Pass, Passes, name_of_kept
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.host_limits import Workers
from presswatch_spark.storage.objects import ObjectInfo, printable
from presswatch_spark.tables.seals import sealed_parquet

Shards = Mapping[int, ObjectInfo]
# The first try that kills a worker makes no note of its shard; the second does, so the third can skip it.
TRIES_BEFORE_SET_ASIDE = 2


@dataclass(frozen=True, slots=True)
class Sifter:
    """Does the passes before the last, of shards given by their position in the plan."""

    context: SparkContext
    run: OwnedRun
    passes: Passes
    rules: RunRules
    observer: Observer
    workers: Workers

    def __call__(self, shards: Shards, guard: Callable[[list[Wave]], None]) -> list[Wave]:
        """Read the shards in each pass; return waves without shards, which hold the cost of the passes.

        `guard` is called before each wave with the waves so far, and may raise.

        Raises:
            PlatformError: too many shards of a wave could not be read.
            OutputError: the disk is full, or another process has taken the run over.
        """
        waves, count = list[Wave](), self.passes.count
        passes = [self.passes.at(self.run.folder, number) for number in range(count - 1)]
        left_by_pass = [_left(each, shards) for each in passes]
        self.observer.say("passes", self.passes.why)
        self.observer.progress.expect(sum(map(len, left_by_pass)))
        for each, left in zip(passes, left_by_pass, strict=True):
            self.observer.progress.in_pass(each.number + 1, count)
            places = list(left)
            for first in range(0, len(places), self.rules.wave_shards):
                guard(waves)
                some = places[first : first + self.rules.wave_shards]
                waves.append(self._sifted(each, {place: left[place] for place in some}))
        self.observer.progress.in_pass(count, count)
        return waves

    def _sifted(self, part: Pass, shards: Shards) -> Wave:
        meter, cores = Meter(partial(cores_now, self.context)), int(self.context.defaultParallelism)
        tasks = self.workers.tasks(tasks_for(shards.values(), self.rules.shards_per_task, cores), cores)
        done, reports = 0, self._reports(part, shards, tasks)
        if reports is None:
            left = _left(part, shards)
            # In tasks of their own, all shards are read except those that kill their workers.
            done, reports = len(shards) - len(left), self._reports(part, left, len(left)) if left else ()
        check_budget(reports or (), len(shards), self.rules.wave_failures)
        done += sum(report["failure"] not in PLATFORM for report in reports or ())
        counts = ShardTotals(core_seconds=meter.core_seconds())
        totals = time_of_cores(counts.core_seconds)
        totals |= {MetricSample("pass_waves_total"): 1, MetricSample("pass_shards_total"): len(shards)}
        attempt = f"pass-{part.number + 1}-{next(iter(shards)):06}-{secrets.token_hex(4)}"
        wave = Wave(attempt, (), counts, (), self.run.epoch, totals)
        self.run.lock.confirm()
        write_wave(self.run.folder, wave)
        self.observer.sifted(len(shards), len(shards) - done, part.number + 1, part.count, counts, totals)
        return wave

    def _reports(self, part: Pass, shards: Shards, tasks: int) -> Sequence[Row] | None:
        notes = Notes(self.run.folder, f"pass-{secrets.token_hex(4)}")
        read = self.passes.reader(part)
        sifting = SiftTask(dealt(shards, tasks), shards, read, part.kept, notes, self.workers)
        try:
            with spark_errors(str(part.kept)):
                rows = collected(self.context, tasks, sifting)
        except WorkerDiedError:
            self.observer.worker_died([], TASK_FAILURES)
            return None
        if died := [row["shard_uri"] for row in rows if row["failure"] == "worker"]:
            self.observer.worker_died(died, TRIES_BEFORE_SET_ASIDE * len(died))
        return rows


def _left(part: Pass, shards: Shards) -> Shards:
    there = set(part.kept.names())
    return {place: shard for place, shard in shards.items() if name_of_kept(shard.uri) not in there}


@dataclass(frozen=True, slots=True)
class SiftTask:
    """The tasks of a wave of a pass, for `collected`. Their tries note shards as a `WaveTask` does."""

    groups: tuple[tuple[int, ...], ...]
    shards: Shards
    read: ReadOne
    kept: Folder
    notes: Notes
    workers: Workers

    def __call__(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Read the groups, shard by shard; write what the pass keeps of each, and report the result."""
        self.workers.join()
        context = TaskContext.get()
        tries = context.attemptNumber() if context else 0
        with task():
            for number in numbers:
                for shard, row in self.notes.read(number, tries, self.groups[number], self._row):
                    uri = printable(self.shards[shard].uri)
                    yield row or {"shard_uri": uri, "failure": "worker", "error": ALL_DIED}

    def _row(self, shard: int) -> Row:
        outcome = self.read(self.shards[shard])
        # After a failure of the platform, another try may read more, so nothing is written.
        if outcome.log["failure"] not in PLATFORM:
            data = sealed_parquet(outcome.tables[KEPT], KEPT_COLUMNS)
            self.kept.write(name_of_kept(self.shards[shard].uri), data)
        return {name: outcome.log[name] for name in ("shard_uri", "failure", "error")}

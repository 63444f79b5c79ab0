"""Waves: groups of shards that are read one after the other. A wave counts as soon as its marker is written.

Tasks write parts and report them with their rows of the log. The driver writes these rows as one more part,
and then the marker, which names all parts: no other parts count. If storage or dying workers prevented the
reading of a shard, it is read once more, in a task of its own; see `presswatch_spark.scanning.runs.work`.
"""

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from math import ceil

import pyarrow as pa
from pyspark import SparkContext

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.core.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.core.spark.session import TASK_FAILURES, cores_now
from presswatch_spark.core.spark.worker import collected
from presswatch_spark.scanning.monitoring.metrics import MetricSample, time_of_cores, totals_of
from presswatch_spark.scanning.monitoring.progress import Observer, ShardTotals
from presswatch_spark.scanning.runs.markers import Wave, part_files, write_wave
from presswatch_spark.scanning.runs.unfinished import OwnedRun
from presswatch_spark.scanning.runs.wave_task import CountsParam, Notes, WaveOutcome, WaveTask
from presswatch_spark.scanning.runs.work import PLATFORM, Kind, ReadOne, Row, check_budget, is_hopeless
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.host_limits import Workers
from presswatch_spark.storage.objects import ObjectInfo, printable

FULL_SHARD_BYTES = 32 << 20
SMALL_SHARDS = 16

Shards = Mapping[int, ObjectInfo]


@dataclass(slots=True)
class Meter:
    """Counts the time of the cluster's cores, idle or not."""

    cores: Callable[[], int]
    since: float = field(default_factory=time.monotonic)
    had: int = 0

    def __post_init__(self) -> None:
        self.had = self.cores()

    def core_seconds(self) -> float:
        """Return the seconds since the last call, times the cores at that call or now, whichever are more."""
        before, self.since = self.since, time.monotonic()
        had, self.had = self.had, self.cores()
        return (self.since - before) * max(had, self.had)


@dataclass(frozen=True, slots=True)
class WaveReader:
    """Reads waves of `run` with `read`, in the same number of tasks for each core; see `tasks_for`.

    `again`: positions of shards that must be read again because their parts were damaged since. `is_sifting`:
    in a pass before the last, whose shards do not count as done.
    """

    context: SparkContext
    run: OwnedRun
    kind: Kind
    read: ReadOne
    rules: RunRules
    observer: Observer
    workers: Workers
    again: set[int] = field(default_factory=set)
    is_sifting: bool = False

    def __call__(self, shards: Shards) -> list[Wave]:
        """Read shards, given by their positions in the plan; return the finished waves, at least one.

        Raises:
            PlatformError: too many shards could not be read. The others stay done.
            OutputError: the disk is full, or another process has taken the run over.
            PresswatchError: Spark failed for a reason that a smaller wave would not avoid.
        """
        meter = Meter(partial(cores_now, self.context))
        waves, left, deaths = list[Wave](), dict[int, Row](), 0
        for attempt in self.attempts(shards, final=False):
            lost = {place: row for place, row in attempt.log.items() if row["failure"] in PLATFORM}
            left |= lost
            deaths += attempt.deaths
            if len(lost) < len(attempt.log):
                read = [place for place in attempt.log if place not in lost]
                waves.append(self._done(attempt, read, meter, deaths, first=not waves))
                deaths = 0
        if left and not is_hopeless(left.values(), len(shards), self.rules.wave_failures):
            again = {place: shards[place] for place in left}
            # Each shard in a task of its own, with as many tasks at once as possible.
            places, most = list(again), self.workers.tasks(len(again), int(self.context.defaultParallelism))
            some = (
                {place: again[place] for place in places[n : n + most]} for n in range(0, len(places), most)
            )
            second = _joined(chain.from_iterable(self.attempts(each, final=True) for each in some))
            for place, row in second.log.items():
                second.log[place] = {**row, "attempts": row["attempts"] + left[place]["attempts"]}
            self._check_budget(second.log.values(), len(shards))
            waves.append(self._done(second, list(again), meter, deaths + second.deaths, first=not waves))
        else:
            self._check_budget(left.values(), len(shards))
        return waves

    def _check_budget(self, log: Collection[Row], shards: int) -> None:
        check_budget(log, shards, self.rules.wave_failures, self.kind.counted)

    def attempts(self, shards: Shards, *, final: bool, deaths: int = 0) -> Iterator[WaveOutcome]:
        """Yield attempts at the shards, several if workers kept dying; `deaths`: deaths not yet counted."""
        attempt = f"{next(iter(shards)):06}-{secrets.token_hex(4)}"
        places, cores = list(shards), int(self.context.defaultParallelism)
        tasks = len(places) if final else tasks_for(shards.values(), self.rules.shards_per_task, cores)
        tasks = self.workers.tasks(tasks, cores)
        groups = dealt(shards, tasks)
        try:
            done = self._attempted(attempt, shards, groups, final=final)
            done.deaths += deaths
            yield done
            return
        except WorkerDiedError:
            suspects = {groups[task][n] for task, n in Notes(self.run.folder, attempt).suspects()}
        self._tell_deaths(shards, suspects, TASK_FAILURES)
        if len(places) == 1:
            suspects = set(places)
        if suspects:
            lost = {place: self.kind.lost(shards[place], TASK_FAILURES).log for place in sorted(suspects)}
            yield WaveOutcome(f"{attempt}-lost", lost, [], TASK_FAILURES + deaths)
            deaths = 0
            rest = [[place for place in places if place not in suspects]]
        else:
            rest = [places[: len(places) // 2], places[len(places) // 2 :]]
            deaths += TASK_FAILURES
        for some in filter(None, rest):
            yield from self.attempts({place: shards[place] for place in some}, final=final, deaths=deaths)
            deaths = 0

    def _attempted(
        self, attempt: str, shards: Shards, groups: tuple[tuple[int, ...], ...], *, final: bool
    ) -> WaveOutcome:
        meter, run = self.context.accumulator(ShardTotals(), CountsParam()), self.run
        task = WaveTask(
            self.kind, groups, shards, self.read, run.folder, run.parts, attempt, meter, final, self.workers
        )
        counts = ShardTotals if self.is_sifting else lambda: meter.value
        with self.observer.progress.during(counts), spark_errors(run.parts.at(attempt)):
            done = _joined(collected(self.context, len(groups), task))
        done.log = dict(sorted(done.log.items()))
        if done.log.keys() != shards.keys():
            raise OutputError(
                f"a wave of {len(shards)} shards logged {len(done.log)}",
                where=self.run.parts.at(attempt),
                remedy="run the same command again: the run resumes",
            )
        if done.deaths:
            suspects = [place for place, row in done.log.items() if row["failure"] == "worker"]
            self._tell_deaths(shards, suspects, done.deaths)
        return done

    def _tell_deaths(self, shards: Shards, suspects: Iterable[int], tries: int) -> None:
        self.observer.worker_died([printable(shards[place].uri) for place in sorted(suspects)], tries)

    def _done(
        self, attempt: WaveOutcome, places: Sequence[int], meter: Meter, deaths: int, *, first: bool
    ) -> Wave:
        """Write the log of the finished shards, and the marker. `first`: the first attempt of its wave."""
        kind, where = self.kind, self.run.parts.at(attempt.attempt)
        rows = [dict(attempt.log[place]) for place in places]
        batch = pa.RecordBatch.from_pylist(rows, kind.columns[kind.log])
        with disk_errors(where), part_files(self.run.parts, attempt.attempt, kind.columns) as files:
            files.add(kind.log, [batch])
        # Count what was written, in Python's values for the types of the columns.
        log = batch.to_pylist()
        counted = (ShardTotals.of(row, kind.terms) for row in log)
        counts = sum(counted, ShardTotals(core_seconds=meter.core_seconds()))
        totals = totals_of(log)
        totals.update(time_of_cores(counts.core_seconds))
        totals[MetricSample("waves_total")] = int(first)
        totals[MetricSample("worker_deaths_total")] = deaths
        totals[MetricSample("shards_rescanned_total")] = len(self.again.intersection(places))
        parts = (*attempt.parts, *files.parts)
        wave = Wave(attempt.attempt, tuple(places), counts, parts, self.run.epoch, totals)
        self.run.lock.confirm()
        write_wave(self.run.folder, wave)
        self.observer.wave_finished(counts, totals, log)
        return wave


def _joined(attempts: Iterable[WaveOutcome]) -> WaveOutcome:
    first, *others = attempts
    for other in others:
        first.log |= other.log
        first.parts += other.parts
        first.deaths += other.deaths
    return first


def tasks_for(shards: Collection[ObjectInfo], shards_per_task: int, cores: int) -> int:
    """Return the number of tasks for a wave: the same for each core, unless shards are few.

    A task has at most `shards_per_task` shards. Up to `SMALL_SHARDS` shards under `FULL_SHARD_BYTES` count as
    one, since a task costs 60 ms, and a small shard only a few.
    """
    sizes = (FULL_SHARD_BYTES if shard.size is None else shard.size for shard in shards)
    shares = (min(1.0, max(1 / SMALL_SHARDS, size / FULL_SHARD_BYTES)) for size in sizes)
    rounds = ceil(sum(shares) / (shards_per_task * cores))
    return min(len(shards), rounds * cores)


def dealt(shards: Shards, groups: int) -> tuple[tuple[int, ...], ...]:
    """Deal shards into `groups` of equal weight, by position, the largest first, so that none comes last."""
    ordered = sorted(shards, key=lambda place: -(shards[place].size or 0))
    return tuple(tuple(ordered[first::groups]) for first in range(groups))

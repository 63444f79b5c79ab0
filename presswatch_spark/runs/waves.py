"""Waves: shards are scanned some at a time; what a wave found is kept once its marker is there.

Tasks write parts of the tables themselves, and tell the driver which, with their rows of the log. The driver
writes those as one part more, and then the marker, which names all parts: only these count. An attempt has a
folder of its own, so that a JVM that outlives its driver for a moment writes where nobody reads.

What storage or dying workers kept from being read is scanned once more, each shard in a task of its own. If
too much is left then, the platform is at fault and not the shards: see `presswatch_spark.runs.failures`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from math import ceil
from operator import add
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.metrics import Sample, totals_of
from presswatch_spark.monitoring.observer import Observer
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.runs.begun import Notes
from presswatch_spark.runs.claimed import Run
from presswatch_spark.runs.failures import check_budget, is_hopeless
from presswatch_spark.runs.markers import Wave, write_wave
from presswatch_spark.runs.parts import COLUMNS, Part, part_files, part_of
from presswatch_spark.runs.wave_task import PLATFORM, TOLD, CountsParam, ScanOne, WaveTask
from presswatch_spark.settings.config import RunRules
from presswatch_spark.shard.shard_scan import lost_shard
from presswatch_spark.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.spark.session import TASK_FAILURES, cores_now, spark_schema
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.objects import ObjectInfo, printable

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FULL_SHARD_BYTES = 32 << 20
SMALL_SHARDS = 16

Shards = Mapping[int, ObjectInfo]
Row = Mapping[str, Any]


@dataclass(slots=True)
class _Scanned:
    """What an attempt found: rows of the log by the position of their shard, parts, and tries that failed."""

    attempt: str
    log: dict[int, Row] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    deaths: int = 0


@dataclass(slots=True)
class _Meter:
    """Counts what a cluster of so many cores is kept for, idle or not."""

    cores: Callable[[], int]
    since: float = field(default_factory=time.monotonic)
    had: int = 0

    def __post_init__(self) -> None:
        self.had = self.cores()

    def core_seconds(self) -> float:
        """Seconds since the last look, times the cores of then or of now, whichever are more."""
        before, self.since = self.since, time.monotonic()
        had, self.had = self.had, self.cores()
        return (self.since - before) * max(had, self.had)


@dataclass(frozen=True, slots=True)
class WaveScan:
    """Scans waves of `run` with `scan`, in as many tasks for each core; see `tasks_for`."""

    spark: SparkSession
    run: Run
    scan: ScanOne
    rules: RunRules
    observer: Observer
    again: set[int] = field(default_factory=set)
    """Positions of shards that were scanned before, and whose parts were damaged since."""

    def __call__(self, shards: Shards) -> list[Wave]:
        """Scan shards, given by their position in the plan; what was done of them, as one wave or more.

        Raises:
            PlatformError: too many could not be read. Those that could stay done.
            OutputError: the disk is full, or another process has taken the run over.
            PresswatchError: Spark failed for a reason that no smaller wave would mend.
        """
        meter = _Meter(partial(cores_now, self.spark))
        waves, left, deaths = list[Wave](), dict[int, Row](), 0
        for found in self._scanned(shards, final=False):
            lost = {place: row for place, row in found.log.items() if row["failure"] in PLATFORM}
            left |= lost
            deaths += found.deaths
            if len(lost) < len(found.log):
                kept = [place for place in found.log if place not in lost]
                waves.append(self._done(found, kept, meter, deaths, first=not waves))
                deaths = 0
        if left and not is_hopeless(left.values(), len(shards), self.rules.wave_failures):
            again = {place: shards[place] for place in left}
            found = _joined(self._scanned(again, final=True))
            found.log = {place: _tried(row, left[place]) for place, row in found.log.items()}
            check_budget(found.log.values(), len(shards), self.rules.wave_failures)
            waves.append(self._done(found, list(again), meter, deaths + found.deaths, first=not waves))
        else:
            check_budget(left.values(), len(shards), self.rules.wave_failures)
        return waves

    def _scanned(self, shards: Shards, *, final: bool, deaths: int = 0) -> Iterator[_Scanned]:
        """Yield what attempts found of the shards: one, or more where workers kept dying.

        `deaths`: those of an attempt before that found nothing, to be counted with what is found now.
        """
        attempt = f"{next(iter(shards)):06}-{secrets.token_hex(4)}"
        places = list(shards)
        tasks = len(places) if final else tasks_for(shards.values(), self.rules.shards_per_task, self._cores)
        groups = dealt(shards, tasks)
        try:
            found = self._attempted(attempt, shards, groups, final=final)
            found.deaths += deaths
            yield found
            return
        except WorkerDiedError:
            suspects = {groups[task][n] for task, n in Notes.of(self.run.folder, attempt).suspects()}
        self._tell_deaths(shards, suspects, TASK_FAILURES)
        if len(places) == 1:
            suspects = set(places)
        if suspects:
            lost = {place: lost_shard(shards[place], TASK_FAILURES).log for place in sorted(suspects)}
            yield _Scanned(f"{attempt}-lost", lost, [], TASK_FAILURES + deaths)
            deaths = 0
            rest = [[place for place in places if place not in suspects]]
        else:
            rest = [places[: len(places) // 2], places[len(places) // 2 :]]
            deaths += TASK_FAILURES
        for some in filter(None, rest):
            yield from self._scanned({place: shards[place] for place in some}, final=final, deaths=deaths)
            deaths = 0

    def _attempted(
        self, attempt: str, shards: Shards, groups: tuple[tuple[int, ...], ...], *, final: bool
    ) -> _Scanned:
        meter = self.spark.sparkContext.accumulator(Counts(), CountsParam())
        work = WaveTask(groups, shards, self.scan, self.run.folder, self.run.parts, attempt, meter, final)
        found = self.spark.range(0, len(groups), 1, len(groups)).mapInArrow(work, spark_schema(TOLD))
        with self.observer.progress.during(lambda: meter.value), spark_errors(self.run.parts.at(attempt)):
            told = found.toArrow().to_pylist()
        log = dict(sorted((row["shard"], row["log"]) for row in told if row["log"]))
        if log.keys() != shards.keys():
            raise OutputError(
                f"a wave of {len(shards)} shards logged {len(log)}",
                where=self.run.parts.at(attempt),
                remedy="give the same command again: the run goes on",
            )
        deaths = sum(row["deaths"] or 0 for row in told)
        if deaths:
            suspects = [place for place, row in log.items() if row["failure"] == "worker"]
            self._tell_deaths(shards, suspects, deaths)
        return _Scanned(attempt, log, [part_of(row["part"]) for row in told if row["part"]], deaths)

    def _tell_deaths(self, shards: Shards, suspects: Iterable[int], tries: int) -> None:
        self.observer.worker_died([printable(shards[place].uri) for place in sorted(suspects)], tries)

    @property
    def _cores(self) -> int:
        return int(self.spark.sparkContext.defaultParallelism)

    def _done(
        self, found: _Scanned, places: Sequence[int], meter: _Meter, deaths: int, *, first: bool
    ) -> Wave:
        """Write the log of the shards that are done, and put the marker down.

        `deaths`: of workers, since the marker before; `first`: whether it is the first of its wave.
        """
        log = [found.log[place] for place in places]
        where = self.run.parts.at(found.attempt)
        with disk_errors(where), part_files(self.run.parts, found.attempt) as files:
            files.add("scan_log", [pa.RecordBatch.from_pylist(list(map(dict, log)), COLUMNS["scan_log"])])
        counts = reduce(add, map(Counts.of, log), Counts(core_seconds=meter.core_seconds()))
        totals = totals_of(log)
        totals[Sample("core_seconds_total")] = round(counts.core_seconds)
        totals[Sample("waves_total")] = int(first)
        totals[Sample("worker_deaths_total")] = deaths
        totals[Sample("shards_rescanned_total")] = len(self.again.intersection(places))
        parts = (*found.parts, *files.parts)
        wave = Wave(found.attempt, tuple(places), counts, parts, self.run.epoch, totals)
        self.run.lock.confirm()
        write_wave(self.run.folder, wave)
        self.observer.wave_finished(counts, totals, log)
        return wave


def _joined(found: Iterable[_Scanned]) -> _Scanned:
    """Several attempts as one."""
    first, *others = found
    for other in others:
        first.log |= other.log
        first.parts += other.parts
        first.deaths += other.deaths
    return first


def _tried(row: Row, before: Row) -> Row:
    """A row of the log of a shard that had been tried before."""
    return {**row, "attempts": row["attempts"] + before["attempts"]}


def tasks_for(shards: Collection[ObjectInfo], shards_per_task: int, cores: int) -> int:
    """How many tasks scan a wave: as many for each core, of at most `shards_per_task` shards.

    Of shards under `FULL_SHARD_BYTES` more stand for one, up to `SMALL_SHARDS`: a task costs some 60 ms, and
    a small shard a few.
    """
    sizes = (FULL_SHARD_BYTES if shard.size is None else shard.size for shard in shards)
    shares = (min(1.0, max(1 / SMALL_SHARDS, size / FULL_SHARD_BYTES)) for size in sizes)
    rounds = ceil(sum(shares) / (shards_per_task * cores))
    return min(len(shards), rounds * cores)


def dealt(shards: Shards, groups: int) -> tuple[tuple[int, ...], ...]:
    """Deal shards into `groups`, by position, the largest first: they weigh the same, nothing big is last."""
    ordered = sorted(shards, key=lambda place: -(shards[place].size or 0))
    return tuple(tuple(ordered[first::groups]) for first in range(groups))


def batched(positions: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut `positions` into waves of `size`, the last one shorter."""
    return (positions[start : start + size] for start in range(0, len(positions), size))

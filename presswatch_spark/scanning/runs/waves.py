"""Waves: groups of shards that are read one after the other. A wave counts as soon as its marker is written.

Tasks write parts and report them with their rows of the log. The driver writes these rows as one more part,
and then the marker, which names all parts: no other parts count. If storage or dying workers prevented the
reading of a shard, it is read once more, in a task of its own; see `presswatch_spark.scanning.runs.run_work`.

    <run>/begun/<attempt>/<task>/<try>-<place>     this try is reading the shard at this place in the task

If the worker of a task dies, Spark tries the task again. Each try except the first notes the shard that it
is reading. If a try died at a noted shard, the next one skips that shard as failed, and reads the others.

Each pass before the last reads all shards, and writes a file of what the last pass needs of each. If a file
exists, it is not made again, so that a killed run resumes. A shard that cannot be read causes no failure
there: the last pass finds what is missing, and reports it.
"""

import gc
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from math import ceil

import pyarrow as pa
from pyspark import SparkContext, TaskContext
from pyspark.accumulators import Accumulator, AccumulatorParam

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.settings.config import RunRules
from presswatch_spark.core.spark.errors import WorkerDiedError, spark_errors
from presswatch_spark.core.spark.session import TASK_FAILURES, cores_now
from presswatch_spark.core.spark.worker import collected, task
from presswatch_spark.scanning.costs import Meter
from presswatch_spark.scanning.monitoring.metrics import MetricSample, Totals, totals_of
from presswatch_spark.scanning.monitoring.progress import Observer, ShardTotals
from presswatch_spark.scanning.runs.result_parts import RunPart, part_files
from presswatch_spark.scanning.runs.run_work import (
    PLATFORM,
    Kind,
    Outcome,
    ReadOne,
    Row,
    check_budget,
    is_hopeless,
)
from presswatch_spark.scanning.runs.unfinished import OwnedRun, Wave, write_wave
from presswatch_spark.scanning.shard.attempts import KEPT, KEPT_COLUMNS, Pass, Passes, name_of_kept
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.host_limits import Workers
from presswatch_spark.storage.objects import ObjectInfo, shown_uri
from presswatch_spark.storage.uris import root_of
from presswatch_spark.tables.seals import sealed_parquet

LEAST_WAVE, SHARDS_PER_CORE = 256, 16
"""Shards of a wave unless the settings say otherwise: cores wait at its end for the last shard."""
FULL_SHARD_BYTES = 32 << 20
SMALL_SHARDS = 16

Shards = Mapping[int, ObjectInfo]


# --- tasks


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
    shards: Shards
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
        tries = context.attemptNumber() if context else 0
        with task():
            done = WaveOutcome(self.attempt, deaths=tries)
            with part_files(self.parts, self.attempt, self.kind.columns) as files:
                for number in numbers:
                    for shard, outcome in self._outcomes(number, tries):
                        if self.final or outcome.log["failure"] not in PLATFORM:
                            for table, batches in outcome.tables.items():
                                files.add(table, batches)
                            self.meter.add(ShardTotals.of(outcome.log, self.kind.terms))
                        done.log[shard] = dict(outcome.log)
            done.parts = files.parts
            yield done
        # Spark collects garbage after each task: 0.1 s for modules and kernels, which never become garbage.
        if not gc.get_freeze_count():
            gc.freeze()

    def _outcomes(self, number: int, tries: int) -> Iterator[tuple[int, Outcome]]:
        # After a death, note each shard, and do not read those at which tries died.
        notes = Notes(self.run, self.attempt)
        suspects = notes.suspects() if tries else set()
        for place, shard in enumerate(self.groups[number]):
            if (number, place) in suspects:
                yield shard, self.kind.lost(self.shards[shard], tries)
                continue
            with notes.at(number, tries, place) if tries else nullcontext():
                outcome = self.read(self.shards[shard])
            yield shard, outcome


class CountsParam(AccumulatorParam[ShardTotals]):
    """Tells Spark how to add up the counts of tasks."""

    def zero(self, value: ShardTotals) -> ShardTotals:  # noqa: D102
        return ShardTotals()

    def addInPlace(self, value1: ShardTotals, value2: ShardTotals) -> ShardTotals:  # noqa: D102, N802
        return value1 + value2


# --- the driver


@dataclass(frozen=True, slots=True)
class WaveReader:
    """Reads waves of `run` with `read`, in the same number of tasks for each core; see `tasks_for`.

    `meter`: of the time of this process, which is counted with its waves. `again`: positions of shards that
    must be read again because their parts were damaged since. `is_sifting`: in a pass before the last, whose
    shards do not count as done.
    """

    context: SparkContext
    run: OwnedRun
    kind: Kind
    read: ReadOne
    rules: RunRules
    observer: Observer
    workers: Workers
    meter: Meter
    again: set[int] = field(default_factory=set)
    is_sifting: bool = False

    def waves_of(self, places: Iterable[int]) -> Iterator[list[int]]:
        """Yield positions in waves, each of the size for the cores at its time: those of a cluster change."""
        left, size = iter(places), self.rules.wave_shards
        while wave := list(islice(left, size or max(LEAST_WAVE, SHARDS_PER_CORE * cores_now(self.context)))):
            yield wave

    def __call__(self, shards: Shards) -> list[Wave]:
        """Read shards, given by their positions in the plan; return the finished waves, at least one.

        Raises:
            PlatformError: too many shards could not be read. The others stay done.
            OutputError: the disk is full, or another process has taken the run over.
            PresswatchError: Spark failed for a reason that a smaller wave would not avoid.
        """
        waves, left, deaths = list[Wave](), dict[int, Row](), 0
        for attempt in self.attempts(shards, final=False):
            lost = {place: row for place, row in attempt.log.items() if row["failure"] in PLATFORM}
            left |= lost
            deaths += attempt.deaths
            if len(lost) < len(attempt.log):
                read = [place for place in attempt.log if place not in lost]
                waves.append(self._done(attempt, read, deaths, first=not waves))
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
            check_budget(second.log.values(), len(shards), self.rules.wave_failures, self.kind.counted)
            waves.append(self._done(second, list(again), deaths + second.deaths, first=not waves))
        else:
            check_budget(left.values(), len(shards), self.rules.wave_failures, self.kind.counted)
        return waves

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
        self.observer.worker_died([shown_uri(shards[place].uri) for place in sorted(suspects)], tries)

    def _done(self, attempt: WaveOutcome, places: Sequence[int], deaths: int, *, first: bool) -> Wave:
        """Write the log of the finished shards, and the marker. `first`: the first attempt of its wave."""
        kind, where = self.kind, self.run.parts.at(attempt.attempt)
        rows = [dict(attempt.log[place]) for place in places]
        batch = pa.RecordBatch.from_pylist(rows, kind.columns[kind.log])
        with disk_errors(where), part_files(self.run.parts, attempt.attempt, kind.columns) as files:
            files.add(kind.log, [batch])
        # Count what was written, in Python's values for the types of the columns.
        log = batch.to_pylist()
        counted = (ShardTotals.of(row, kind.terms) for row in log)
        counts = sum(counted, ShardTotals(core_seconds=self.meter.core_seconds()))
        totals = totals_of(log)
        # Rounded up, or many short waves would count as nothing.
        totals[MetricSample("core_seconds_total")] = ceil(counts.core_seconds)
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


def spread(shards: Sequence[ObjectInfo]) -> list[int]:
    """Return the positions of shards in an order that spreads those of each host evenly.

    So waits for a slow host overlap with readings from others, and the time left can be foretold.
    """
    by_host = defaultdict[str, list[int]](list)
    for place, shard in enumerate(shards):
        by_host[root_of(shard.uri)].append(place)
    shares = (
        (number / len(places), place) for places in by_host.values() for number, place in enumerate(places)
    )
    return [place for _, place in sorted(shares)]


# --- passes before the last


def earlier_passes(
    reader: WaveReader, passes: Passes, shards: Shards, guard: Callable[[list[Wave]], None]
) -> list[Wave]:
    """Read the shards in each pass before the last; return waves without shards, which hold the cost.

    `shards`: by position in the plan. `guard`: called before each wave with the waves so far; may raise.

    Raises:
        PlatformError: too many shards of a wave could not be read.
        OutputError: the disk is full, or another process has taken the run over.
    """
    waves, observer = list[Wave](), reader.observer
    parts = [passes.at(reader.run.folder, number) for number in range(passes.count - 1)]
    left_by_pass = [_left(part, shards) for part in parts]
    observer.say("passes", passes.why)
    for part, left in zip(parts, left_by_pass, strict=True):
        observer.progress.in_pass(part.number + 1, part.count, sum(map(len, left_by_pass[part.number :])))
        sifting = replace(reader, read=partial(_keep, part, passes.reader(part)), is_sifting=True)
        for wave in reader.waves_of(left):
            guard(waves)
            waves.append(_sifted(sifting, part, {place: left[place] for place in wave}))
    observer.progress.in_pass(passes.count, passes.count, 0)
    return waves


def _sifted(reader: WaveReader, part: Pass, shards: Shards) -> Wave:
    run = reader.run
    log = [row for each in reader.attempts(shards, final=False) for row in each.log.values()]
    check_budget(log, len(shards), reader.rules.wave_failures)
    lost = sum(row["failure"] in PLATFORM for row in log)
    counts = ShardTotals(core_seconds=reader.meter.core_seconds())
    totals: Totals = Counter({MetricSample("core_seconds_total"): ceil(counts.core_seconds)})
    totals |= {MetricSample("pass_waves_total"): 1, MetricSample("pass_shards_total"): len(shards)}
    attempt = f"pass-{part.number + 1}-{next(iter(shards)):06}-{secrets.token_hex(4)}"
    wave = Wave(attempt, (), counts, (), run.epoch, totals)
    run.lock.confirm()
    write_wave(run.folder, wave)
    reader.observer.sifted(len(shards), lost, part.number + 1, part.count, counts, totals)
    return wave


def _left(part: Pass, shards: Shards) -> Shards:
    there = set(part.kept.names())
    return {place: shard for place, shard in shards.items() if name_of_kept(shard.uri) not in there}


def _keep(part: Pass, read: ReadOne, shard: ObjectInfo) -> Outcome:
    """Read a shard, and write the file of what the pass keeps of it; return only the row of the log."""
    outcome = read(shard)
    # After a failure of the platform, another try may read more, so nothing is written.
    if outcome.log["failure"] not in PLATFORM:
        part.kept.write(name_of_kept(shard.uri), sealed_parquet(outcome.tables[KEPT], KEPT_COLUMNS))
    return Outcome(outcome.log, {})

"""The passes before the last: each reads all shards, and writes a file of what the last pass needs of each.

If a file exists, it is not made again, so that a killed run resumes. A shard that cannot be read causes no
failure here: the last pass finds what is missing, and reports it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from presswatch_spark.core.spark.session import cores_now
from presswatch_spark.scanning.monitoring.metrics import MetricSample, time_of_cores
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.runs.markers import Wave, write_wave
from presswatch_spark.scanning.runs.waves import Meter, Shards, WaveReader
from presswatch_spark.scanning.runs.work import PLATFORM, Outcome, ReadOne, check_budget
from presswatch_spark.scanning.shard.attempts import KEPT, KEPT_COLUMNS, Pass, Passes, name_of_kept
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.tables.seals import sealed_parquet


@dataclass(frozen=True, slots=True)
class Sifter:
    """Does the passes before the last, of shards given by their position in the plan."""

    reader: WaveReader
    passes: Passes

    def __call__(self, shards: Shards, guard: Callable[[list[Wave]], None]) -> list[Wave]:
        """Read the shards in each pass; return waves without shards, which hold the cost of the passes.

        `guard` is called before each wave with the waves so far, and may raise.

        Raises:
            PlatformError: too many shards of a wave could not be read.
            OutputError: the disk is full, or another process has taken the run over.
        """
        waves, count, observer = list[Wave](), self.passes.count, self.reader.observer
        passes = [self.passes.at(self.reader.run.folder, number) for number in range(count - 1)]
        left_by_pass = [_left(each, shards) for each in passes]
        observer.say("passes", self.passes.why)
        observer.progress.expect(sum(map(len, left_by_pass)))
        for each, left in zip(passes, left_by_pass, strict=True):
            observer.progress.in_pass(each.number + 1, count)
            places, size = list(left), self.reader.rules.wave_shards
            for first in range(0, len(places), size):
                guard(waves)
                some = places[first : first + size]
                waves.append(self._sifted(each, {place: left[place] for place in some}))
        observer.progress.in_pass(count, count)
        return waves

    def _sifted(self, part: Pass, shards: Shards) -> Wave:
        meter, run = Meter(partial(cores_now, self.reader.context)), self.reader.run
        reader = replace(self.reader, read=partial(_keep, part, self.passes.reader(part)), is_sifting=True)
        log = [row for each in reader.attempts(shards, final=False) for row in each.log.values()]
        check_budget(log, len(shards), reader.rules.wave_failures)
        lost = sum(row["failure"] in PLATFORM for row in log)
        counts = ShardTotals(core_seconds=meter.core_seconds())
        totals = time_of_cores(counts.core_seconds)
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

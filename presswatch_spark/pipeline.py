"""The scan, top to bottom: plan → read → sieve → attribute → verify → grade → write → publish.

This page is the driver: it plans, spreads the shards over Spark in waves, and publishes.
`shard.shard_scan` reads a shard; `shard.matcher` does the rest, from sieve to grade, batch by batch.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial, reduce
from operator import add
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from presswatch_spark.corpus.store import Corpus
from presswatch_spark.costs.budget import Bill, CostGuard
from presswatch_spark.errors import OutputError
from presswatch_spark.formats.companions import companions_among
from presswatch_spark.formats.registry import AUTO, find, named_like
from presswatch_spark.formats.table.columns import check_mapping
from presswatch_spark.monitoring.compiling import Compiling
from presswatch_spark.monitoring.events import EventLog
from presswatch_spark.monitoring.metrics import RunFacts, Totals
from presswatch_spark.monitoring.observer import Observer
from presswatch_spark.monitoring.progress import Counts, Progress
from presswatch_spark.runs.claimed import Run, claim, key_of
from presswatch_spark.runs.damaged_waves import without_damage
from presswatch_spark.runs.markers import Wave
from presswatch_spark.runs.publish import publish
from presswatch_spark.runs.wave_task import ScanOne
from presswatch_spark.runs.waves import WaveScan, batched
from presswatch_spark.sampling.design import draw
from presswatch_spark.settings.config import RunRules, ScanConfig, config_digest, row_settings
from presswatch_spark.shard.kernels import Rehearsal, compiled_beside
from presswatch_spark.shard.shard_scan import ShardScan
from presswatch_spark.spark.errors import spark_errors
from presswatch_spark.spark.interrupts import interruptible
from presswatch_spark.spark.session import cores_now, session
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, canonical
from presswatch_spark.storage.shards import ShardPlan, left_out_line, plan
from presswatch_spark.storage.web.manners import will_ask
from presswatch_spark.tables.store import TableStore
from presswatch_spark.version import __version__

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from presswatch_spark.corpus.manifest import Manifest


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A published run: its row of `runs`; (shard_uri, status, error) of each shard not read to its end.

    `notes`: what was noticed in shards and is no loss, each once. `without_url`: documents of unknown URL.
    """

    row: Mapping[str, object]
    incomplete: tuple[tuple[str, str, str], ...]
    resumed: bool
    seconds: float
    notes: tuple[str, ...] = ()
    without_url: int = 0

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self.row["run_id"])


MOST_ROUNDS = 3
"""How many times the shards of damaged parts are scanned again by one process."""

Guard = Callable[[Counts, float], None]
"""Asked before the first wave of a run and after each, with what all its processes have done and the seconds
of this one; it stops the run by raising. What is done stays done."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run is to do, and what decides its rows.

    `shards` are the plan, `plan_digest` its digest; `scan` does one of them; `facts` are the columns of
    `runs` that are known beforehand.
    """

    shards: Iterable[ObjectInfo]
    plan_digest: str
    scan: ScanOne
    facts: Mapping[str, object]

    @property
    def key(self) -> str:
        """The same for the same plan, corpus, settings and version."""
        names = ("dataset", "corpus_digest", "config_digest", "tool_version")
        return key_of(self.plan_digest, *(str(self.facts[name]) for name in names))


def scan(
    paths: Sequence[str],
    *,
    dataset: str,
    corpus: str,
    out: str,
    config: ScanConfig,
    base: str | None = None,
    sample: float | None = None,
    sample_seed: int = 0,
    spark: SparkSession | None = None,
    progress: Progress | None = None,
    events: EventLog | None = None,
) -> RunSummary:
    """Scan the shards that `paths` name for the articles of a corpus, and publish the run in `out`.

    Args:
        dataset: format of the shards: `auto`, `wet`, `c4`, `oscar` or `rows`.
        corpus: folder or URI of the corpus.
        base: what the lines of a `*.paths.gz` list are relative to.
        sample: the share of the shards to scan, drawn at random in each segment or folder; None or 1 for all.
        sample_seed: another one draws another sample.
        spark: session to use; default: one by `config.run`.
        progress: where to report; default: stderr.
        events: where to log what happens; the progress too, then.

    Raises:
        ConfigError: a column is named for something that no row is asked for, or a price that is not listed.
        BudgetError: the scan would cost more than its budget, or has cost it.
        InputError: `paths` lead to no shard.
        CorpusError: the corpus is missing, of another version, or its files are not as its manifest says.
        OutputError: `out` is not ours, owned by another process, or full. What is done stays done.
        StorageError: shards or `out` cannot be reached.
    """
    check_mapping(config.read.columns)
    listed = _without_companions(plan(paths, config.storage, base), dataset, config.storage)
    shards, sampled = _sampled(listed, sample, sample_seed)
    bill = Bill.of(shards, dataset, config)
    observer = _observer(bill, config.run, progress, events, listed.left_out)
    manifest = Corpus.open(corpus, check=True, storage=config.storage).manifest
    store = TableStore.create(out, config.storage)
    facts = _facts(dataset, config, manifest) | sampled
    scan_one = ShardScan(dataset, canonical(corpus), manifest.digest, config)
    work = Work(shards, shards.digest, scan_one, facts)
    with claim(store, work.key, datetime.now(UTC), config.run.lease_seconds) as run:
        format = named_like(shards.shards[0].uri) if dataset == AUTO else find(dataset)
        rehearsal = Rehearsal(format and format.name, scan_one.corpus, manifest.digest, config)
        with compiled_beside(rehearsal, Compiling(events=events)):
            spark = spark or session("presswatch scan", master=config.run.master, cores=config.run.cores)
        guards = (_cost_guard(bill, len(shards), spark, observer),)
        return interruptible(spark, partial(execute, work, run, store, config.run, spark, observer, guards))


def _observer(
    bill: Bill,
    rules: RunRules,
    progress: Progress | None,
    events: EventLog | None,
    left_out: Sequence[str],
) -> Observer:
    """Who follows the run, and is told first what is left out of it and what it will cost.

    Raises:
        BudgetError: that is too much.
    """
    price = bill.machine.kept if bill.machine else None
    observer = Observer(progress or Progress(events=events), events, rules.metrics_file, price)
    if line := left_out_line(left_out):
        observer.say("left_out", line)
    observer.say("estimate", bill.line())
    bill.require_within_budget()
    return observer


def _cost_guard(bill: Bill, planned: int, spark: SparkSession, observer: Observer) -> CostGuard:
    return CostGuard(bill, planned, partial(cores_now, spark), partial(observer.say, "estimate"))


def _without_companions(shards: ShardPlan, dataset: str, storage: StorageOptions) -> ShardPlan:
    """Leave out files that are read together with a planned shard; their content decides, not their name."""
    companions = companions_among(shards.shards, dataset, storage)
    return replace(shards, shards=tuple(shard for shard in shards if shard.uri not in companions))


def _facts(dataset: str, config: ScanConfig, manifest: Manifest) -> dict[str, object]:
    """The columns of `runs` that dataset, settings and corpus decide."""
    return {
        "dataset": None if dataset == AUTO else dataset,
        "release": config.read.release,
        "corpus_digest": manifest.digest,
        "corpus_articles": manifest.counts.articles,
        "config_digest": config_digest(config, manifest.minhash),
        "config": row_settings(config, manifest.minhash),
        "tool_version": __version__,
        "minhash_scheme": manifest.minhash.scheme,
        "minhash_seed": manifest.minhash.seed,
        "minhash_permutations": manifest.minhash.permutations,
    }


def _sampled(listed: ShardPlan, share: float | None, seed: int) -> tuple[ShardPlan, dict[str, object]]:
    """The shards to scan, and what `runs` says of the draw."""
    if share is None or share == 1:
        return listed, dict.fromkeys(("sample", "sample_seed", "sample_strata", "shards_listed"))
    drawn = draw(listed, share, seed)
    told = {"sample": share, "sample_seed": seed, "sample_strata": drawn.strata_json()}
    return drawn.shards, told | {"shards_listed": len(listed)}


def execute(
    work: Work,
    run: Run,
    store: TableStore,
    rules: RunRules,
    spark: SparkSession,
    observer: Observer,
    guards: Sequence[Guard] = (),
) -> RunSummary:
    """Scan, in waves, what no earlier process of this run has scanned, and publish.

    What waves wrote, in this process or an earlier one, is checked before it is published; the shards of what
    is damaged by then are scanned again.

    Raises:
        OutputError: the disk is full or damages what is written, or another process has taken the run over.
        PresswatchError: a guard stopped the run.
    """
    began, shards = time.monotonic(), tuple(work.shards)
    will_ask(shard.uri for shard in shards)
    with observer, spark_errors(str(run.folder)):
        say = partial(observer.say, "damage_found")
        for line in run.damaged:
            say(line)
        waves, lost = without_damage(spark, run, run.waves, say)
        scan_wave = WaveScan(spark, run, work.scan, rules, observer, _positions(lost))
        observer.start(*_start(work, run, store, len(shards), waves))

        def scan_rest(waves: list[Wave]) -> None:
            done = _positions(waves)
            todo = [position for position in range(len(shards)) if position not in done]
            for positions in batched(todo, rules.wave_shards):
                _ask(guards, waves, began)
                observer.wave_started(len(positions))
                waves += scan_wave({position: shards[position] for position in positions})
            _ask(guards, waves, began)

        waves = _undamaged(waves, scan_rest, scan_wave, say)
        facts = {**work.facts, "shards_planned": len(shards)}
        published = publish(spark, store, run, waves, facts, observer.metrics("published").rows())
        observer.published(published.row)
    notes = tuple(sorted(set(published.log["note"].unique().to_pylist()) - {None}))
    # As rows only those of interest: of 100,000 shards they would take more than all the rest of the driver.
    told = published.log.select(["shard_uri", "status", "error"])
    lost = told.filter(pc.field("status") != "complete").to_pylist()
    incomplete = tuple(tuple(line.values()) for line in lost)
    without_url = pc.sum(published.log["documents_without_url"]).as_py() or 0
    seconds = time.monotonic() - began
    return RunSummary(published.row, incomplete, run.resumed, seconds, notes, without_url)


def _undamaged(
    waves: list[Wave],
    scan_rest: Callable[[list[Wave]], None],
    scan_wave: WaveScan,
    say: Callable[[str], None],
) -> list[Wave]:
    """Scan what is left of a run, and again what was damaged by the time when all was done."""
    for _ in range(MOST_ROUNDS):
        scan_rest(waves)
        waves, lost = without_damage(scan_wave.spark, scan_wave.run, waves, say)
        if not lost:
            return waves
        scan_wave.again.update(_positions(lost))
        for wave in lost:
            scan_wave.observer.wave_lost(wave.counts, wave.totals)
    raise OutputError(
        f"what waves wrote was damaged {MOST_ROUNDS} times before it could be published",
        where=str(scan_wave.run.folder),
        remedy="see whether this disk fails, and scan into a folder on another",
    )


def _positions(waves: Iterable[Wave]) -> set[int]:
    """Positions in the plan of the shards of waves."""
    return {position for wave in waves for position in wave.shards}


def _ask(guards: Sequence[Guard], waves: Sequence[Wave], began: float) -> None:
    for guard in guards:
        guard(_counted(waves), time.monotonic() - began)


def _counted(waves: Sequence[Wave]) -> Counts:
    return reduce(add, (wave.counts for wave in waves), Counts())


def _start(
    work: Work, run: Run, store: TableStore, planned: int, waves: Sequence[Wave]
) -> tuple[RunFacts, dict[str, object], Counts, Totals]:
    """What an observer is told at the start: the run, what is asked of it, and what is done already."""
    names = ("dataset", "release", "sample", "corpus_digest", "config_digest", "tool_version")
    asked = {name: work.facts[name] for name in names}
    labels = {
        "run_id": run.run_id,
        **{name: str(asked[name] or "") for name in ("dataset", "release", "sample")},
    }
    facts = RunFacts(
        labels, planned, run.started_at, max((row["finished_at"] for row in store.rows()), default=None)
    )
    counts, totals = _counted(waves), sum((wave.totals for wave in waves), Counter())
    asked |= {"plan_digest": work.plan_digest, "resumed": run.resumed}
    return facts, asked, counts, totals

"""What the published runs say of a campaign: what is done, what is missing, and what it has cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from presswatch_spark.campaigns.items import Item
from presswatch_spark.monitoring.metrics import PREFIX
from presswatch_spark.runs.unfinished import UnfinishedRun
from presswatch_spark.settings.config import MinHashRules, ScanConfig, config_digest
from presswatch_spark.tables.store import TableStore

Step = tuple[int, int]
"""From which corpus to which one, counted from 1. What begins at 0 is the whole corpus."""
CORE_SECONDS = f"{PREFIX}core_seconds_total"


@dataclass(frozen=True, slots=True)
class Sample:
    """The sample that a campaign draws of each release, as `runs` has it."""

    share: float | None = None
    seed: int | None = None


@dataclass(slots=True)
class Read:
    """What the runs of one item with one corpus have read: `complete` of `planned` shards, by URI."""

    planned: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)
    runs: list[str] = field(default_factory=list)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the shards that no run has read to their end."""
        return tuple(sorted(self.planned - self.complete))

    @property
    def is_whole(self) -> bool:
        """Say whether every planned shard was read to its end."""
        return bool(self.runs) and not self.missing


@dataclass(frozen=True, slots=True)
class Standing:
    """How an item stands: what each step has read. Corpora count from 1, and `wanted` is the newest.

    `reached`: the newest corpus that it was scanned for, shards missing or not. `whole`: the newest for which
    all of it was read.
    """

    item: Item
    reached: int
    whole: int
    wanted: int
    steps: Mapping[Step, Read]
    matches: int
    core_hours: float

    @property
    def is_done(self) -> bool:
        """Say whether it was read to its end for the newest corpus."""
        return self.whole == self.wanted

    @property
    def partial(self) -> tuple[Step, ...]:
        """Return the steps that shards are missing of; none if the item is done without them."""
        return (
            () if self.is_done else tuple(step for step, read in sorted(self.steps.items()) if read.missing)
        )

    @property
    def word(self) -> str:
        """Return how it stands, in a word."""
        if self.is_done:
            return "done"
        if not self.reached:
            return "left"
        return "new articles" if self.reached < self.wanted else "partial"

    @property
    def runs(self) -> list[str]:
        """Return the ids of its runs, oldest first."""
        return sorted(run for read in self.steps.values() for run in read.runs)

    @property
    def missing(self) -> int:
        """Return how many shards were not read to their end, for one corpus or several."""
        return len({uri for step in self.partial for uri in self.steps[step].missing})


@dataclass(frozen=True, slots=True)
class Runs:
    """The published runs of tables; `core_hours` of each, as Spark counts cores, idle ones too."""

    store: TableStore | None
    rows: Sequence[Mapping[str, Any]] = ()
    core_hours: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, store: TableStore | None) -> Runs:
        """Read them; None stands for tables that are not there yet."""
        if store is None:
            return cls(None)
        metrics = store.read("metrics", columns=["run_id", "name", "value"])
        spent = metrics.filter(pc.field("name") == CORE_SECONDS)
        hours = {run: value / 3600 for run, value in zip(*_lists(spent, "run_id", "value"), strict=True)}
        return cls(store, store.rows("runs"), hours)

    def standing(
        self,
        item: Item,
        digests: Mapping[str, Step],
        wanted: int,
        config: ScanConfig,
        minhash: MinHashRules,
        sample: Sample,
    ) -> Standing:
        """Return how an item stands; `digests` are those of the campaign's corpora, with the step of each."""
        asked = {"dataset": item.format, "config_digest": config_digest(item.settings(config), minhash)}
        steps, matches, hours = dict[Step, Read](), 0, 0.0
        for row in self.rows:
            step = digests.get(row["corpus_digest"])
            if step is None or any(row[name] != value for name, value in asked.items()):
                continue
            if not is_of_whole_release(row):
                continue
            if self._add(steps, step, row, item, sample):
                matches += row["matches"]
                hours += self.core_hours.get(row["run_id"], 0.0)
        whole = [step for step, read in steps.items() if read.is_whole]
        return Standing(item, _reached(steps), _reached(whole), wanted, steps, matches, hours)

    def _add(
        self, steps: dict[Step, Read], step: Step, row: Mapping[str, Any], item: Item, sample: Sample
    ) -> bool:
        """Add what a run has read, if it read shards of the item; a second try has no sample of its own."""
        assert self.store is not None
        run, drawn = row["run_id"], Sample(row["sample"], row["sample_seed"])
        if drawn != sample and (drawn.share is not None or step not in steps):
            return False
        log = self.store.read("scan_log", run, columns=["shard_uri", "status"])
        uris, statuses = _lists(log, "shard_uri", "status")
        if not uris or not item.holds(uris[0]):
            return False
        if drawn != sample and not steps[step].planned.issuperset(uris):
            return False
        read = steps.setdefault(step, Read())
        read.planned.update(uris)
        read.complete.update(uri for uri, status in zip(uris, statuses, strict=True) if status == "complete")
        read.runs.append(run)
        return True


def core_hours_spent(runs: Runs, digests: Iterable[str], begun: Iterable[UnfinishedRun]) -> float:
    """Return the core-hours, as Spark counts cores, of runs with these corpora and of those begun."""
    ours = set(digests)
    published = (runs.core_hours.get(row["run_id"], 0.0) for row in runs.rows if row["corpus_digest"] in ours)
    return sum(published) + sum(run.counts.core_seconds for run in begun) / 3600


def is_of_whole_release(row: Mapping[str, Any]) -> bool:
    """Say whether a run was asked for a release or dataset by its name, and not for some shards of one."""
    words = set(str(row["command"] or "").split())
    # A run that was given the records of other tables has read no shard as a whole.
    return row.get("records_planned") is None and bool(words & {"campaign", "--release", "--dataset"})


def _reached(steps: Iterable[Step]) -> int:
    """Return the newest corpus that steps lead to, one from where the other ends; 0 if none begins at 0."""
    reached, known = {0}, set(steps)
    while new := {last for first, last in known if first in reached} - reached:
        reached |= new
    return max(reached)


def _lists(table: Any, *names: str) -> list[list[Any]]:
    return [table[name].to_pylist() for name in names]

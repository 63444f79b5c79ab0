"""Progress of a campaign by its published runs: shards read, shards missing, and the cost.

A shard is identified by its *place*: its URI without the commit of a hub. It is done if runs have read it to
its end for the newest corpus, in one step from 0 or in several steps that form a chain.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow.compute as pc

from presswatch_spark.core.errors import BudgetError, ConfigError, PresswatchError
from presswatch_spark.core.settings.config import MinHashRules, ScanConfig, config_digest
from presswatch_spark.scanning.campaigns.plan import Item
from presswatch_spark.scanning.costs import UNPRICED, Machine, PriceList, core_hours, dollars_text, kind_of
from presswatch_spark.scanning.monitoring.metrics import PREFIX
from presswatch_spark.scanning.runs.unfinished import UnfinishedRun
from presswatch_spark.storage.objects import ObjectInfo
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import scheme_of, shown_uri, without_revision
from presswatch_spark.tables.declarations import PublishedRun
from presswatch_spark.tables.store import TableStore

Step = tuple[int, int]
"""(first, last): a scan for articles added after corpus `first` up to `last`; from 0: for all articles."""
Version = tuple[int | None, str | None]
"""Size of a shard, and on S3 its ETag, by which changed content is recognised."""
CORE_SECONDS = f"{PREFIX}core_seconds_total"
UNPUBLISHED = "not published yet"
_LOGGED = ("shard_uri", "status", "bytes_expected", "etag")


@dataclass(slots=True)
class Read:
    """The places of an item's shards in one step: planned by a run, and read to their end (`complete`).

    Complete shards of a dataset have the versions that were read.
    """

    planned: set[str] = field(default_factory=set)
    complete: dict[str, set[Version]] = field(default_factory=dict)

    def add(self, place: str, status: str, version: Version | None) -> None:
        """Add a shard of a run with its status."""
        self.planned.add(place)
        if status == "complete":
            self.complete.setdefault(place, set()).update([version] if version else [])

    def compare(self, place: str, version: Version) -> None:
        """Forget a shard whose content has changed since it was read."""
        pairs = [list(zip(known, version, strict=True)) for known in self.complete.get(place, ())]
        # An unknown size or ETag counts as equal.
        if pairs and not any(all(None in pair or pair[0] == pair[1] for pair in each) for each in pairs):
            self.planned.discard(place)
            del self.complete[place]


@dataclass(slots=True)
class Reads:
    """The shards of an item that runs have read, by step.

    `uris`: URIs by place, if they differ. `listed`: places in today's list, if that was read.
    """

    steps: dict[Step, Read] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    matches: int = 0
    core_hours: float = 0.0
    uris: dict[str, str] = field(default_factory=dict)
    listed: frozenset[str] = frozenset()
    shard_reads: int = 0

    @property
    def shards(self) -> set[str]:
        """Return the places that runs have planned, and those in today's list."""
        return set(self.listed).union(*(read.planned for read in self.steps.values()))

    def compare(self, listed: ShardPlan) -> None:
        """Set today's list; shards whose content has changed count as not read."""
        for info in listed:
            for read in self.steps.values():
                read.compare(place_of(info.uri), version_of(info))
        self.listed = frozenset(place_of(info.uri) for info in listed)

    def planned_for(self) -> Mapping[str, int]:
        """Return for each shard the newest corpus for which it was planned, read or not; 0 for none."""
        return self._reaching({step: read.planned for step, read in self.steps.items()})

    def read_for(self) -> Mapping[str, int]:
        """Return for each shard the newest corpus for which it was read to its end; 0 for none."""
        return self._reaching({step: read.complete for step, read in self.steps.items()})

    def _reaching(self, steps: Mapping[Step, Collection[str]]) -> Mapping[str, int]:
        # Follow chains of steps from 0 to the newest corpus. Keep the result, which many shards share.
        newest, found = dict[tuple[Step, ...], int](), dict[str, int]()
        for place in self.shards:
            known = tuple(step for step, places in steps.items() if place in places)
            if known not in newest:
                reached = {0}
                while new := {last for first, last in known if first in reached} - reached:
                    reached |= new
                newest[known] = max(reached)
            found[place] = newest[known]
        return found

    def unlisted(self, wanted: int) -> int:
        """Return the number of shards that left the list before they were planned for the newest corpus."""
        planned_for = self.planned_for()
        return sum(planned_for[place] < wanted for place in self.shards - self.listed)

    def missing(self, wanted: int) -> dict[Step, tuple[str, ...]]:
        """Return by step the URIs of shards that neither it nor other steps have read to their end."""
        read_for, found = self.read_for(), dict[Step, tuple[str, ...]]()
        for step, read in sorted(self.steps.items()):
            places = (place for place in read.planned - read.complete.keys() if read_for[place] < wanted)
            if uris := tuple(sorted(self.uris.get(place, place) for place in places)):
                found[step] = uris
        return found


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """The progress of one item. Corpora are counted from 1, and `wanted` is the newest.

    `reached`, `whole`: the newest corpus for which all its shards were planned, and read. `missing_of`: by
    step, URIs of shards that were not read to their end. `fresh`: number of shards that no run planned.
    `left`: number of readings left. Set by `run`: `trouble`, why the item could not be scanned;
    `is_unpublished`: its list is neither there nor overdue; `was_scanned`.
    """

    item: Item
    reads: Reads
    reached: int
    whole: int
    wanted: int
    missing_of: Mapping[Step, tuple[str, ...]]
    shards: int
    fresh: int
    left: int
    trouble: PresswatchError | None = None
    is_unpublished: bool = False
    was_scanned: bool = False

    @classmethod
    def of(cls, item: Item, reads: Reads, wanted: int) -> Self:
        """Return the progress of an item by its reads."""
        planned, missing = list(reads.planned_for().values()), reads.missing(wanted)
        return cls(
            item,
            reads,
            reached=min(planned, default=0),
            whole=min(reads.read_for().values(), default=0),
            wanted=wanted,
            missing_of=missing,
            shards=len(planned),
            fresh=planned.count(0),
            left=sum(reach < wanted for reach in planned) + sum(map(len, missing.values())),
        )

    @property
    def is_done(self) -> bool:
        """Return whether all its shards were read for the newest corpus."""
        return self.whole == self.wanted

    @property
    def word(self) -> str:
        """Return its state in a few words."""
        if self.is_done:
            return "done"
        if self.is_unpublished:
            return UNPUBLISHED
        if not self.reads.runs:
            return "left"
        if self.fresh:
            return "new shards"
        return "new articles" if self.reached < self.wanted else "partial"

    @property
    def missing(self) -> int:
        """Return the number of shards that were not read to their end in some step."""
        return len({uri for uris in self.missing_of.values() for uri in uris})


@dataclass(frozen=True, slots=True)
class Runs:
    """The published runs of tables; `core_hours`: by run, hours of Spark's cores, busy or idle.

    `steps`: by digest of the campaign's corpora. `minhash`: the rules of these corpora.
    """

    store: TableStore
    steps: Mapping[str, Step]
    minhash: MinHashRules
    rows: Sequence[PublishedRun]
    core_hours: Mapping[str, float]

    @classmethod
    def of(cls, store: TableStore, steps: Mapping[str, Step], minhash: MinHashRules) -> Self:
        """Read the runs."""
        metrics = store.read("metrics", columns=["run_id", "name", "value"])
        spent = metrics.filter(pc.field("name") == CORE_SECONDS)
        hours = {run: value / 3600 for run, value in zip(*_lists(spent, "run_id", "value"), strict=True)}
        return cls(store, steps, minhash, [PublishedRun(**row) for row in store.rows("runs")], hours)

    def spent(self, begun: Iterable[UnfinishedRun]) -> float:
        """Return the hours of Spark's cores of runs with the campaign's corpora, and of begun ones."""
        ours = (run.run_id for run in self.rows if run.corpus_digest in self.steps)
        published = sum(self.core_hours.get(run_id, 0.0) for run_id in ours)
        return published + sum(run.counts.core_seconds for run in begun) / 3600

    def reads(self, item: Item, config: ScanConfig) -> Reads:
        """Return the reads of an item by the runs; `config`: the settings of the campaign's scans."""
        wanted, reads = (item.format, config_digest(item.settings(config), self.minhash)), Reads()
        for run in self.rows:
            step = self.steps.get(run.corpus_digest)
            # Leave out samples and scans of single records: they do not read the item.
            is_whole = run.asked_for == item.name and run.sample is None and run.records_planned is None
            if step is None or (run.dataset, run.config_digest) != wanted or not is_whole:
                continue
            log = self.store.read("scan_log", run.run_id, columns=list(_LOGGED))
            lines = [(place_of(uri), uri, *facts) for uri, *facts in zip(*_lists(log, *_LOGGED), strict=True)]
            if not lines or not all(item.holds(uri) for _, uri, *_ in lines):
                continue
            read = reads.steps.setdefault(step, Read())
            for place, uri, status, size, etag in lines:
                # Only datasets change. Lists of crawls have no sizes to compare.
                version = None if item.path is None else version_of(ObjectInfo(uri, size, etag))
                read.add(place, status, version)
            reads.uris |= {place: uri for place, uri, *_ in lines if place != uri}
            reads.shard_reads += len(lines)
            reads.runs.append(run.run_id)
            reads.matches += run.matches
            reads.core_hours += self.core_hours.get(run.run_id, 0.0)
        return reads


def place_of(uri: str) -> str:
    """Return the identity of a shard, whatever its content: its URI, on a hub without the commit."""
    return shown_uri(without_revision(uri))


def version_of(info: ObjectInfo) -> Version:
    """Return the version of a shard. On disk, only its size counts: a copied file may have a new time."""
    return info.size, info.etag if scheme_of(info.uri) == "s3" else None


def _lists(table: Any, *names: str) -> list[list[Any]]:
    return [table[name].to_pylist() for name in names]


# The budget in dollars, and the cost of the rest.


HIGHER = "set a higher budget: the campaign resumes where it stopped"


@dataclass(frozen=True, slots=True)
class Budget:
    """The limit for the cost of a campaign, in dollars on a machine; None for no limit."""

    machine: Machine = UNPRICED
    dollars: float | None = None

    @classmethod
    def of(cls, dollars: float | None, config: ScanConfig) -> Self:
        """Return a budget; `ConfigError` if the settings name no machine's price."""
        machine = PriceList.read(config.run.prices).machine(config.run.price)
        if dollars is not None and not machine.name:
            raise ConfigError(
                "a budget needs the price of a machine",
                remedy="pass one with --price among the scan options of `presswatch campaign open`",
            )
        return cls(machine, dollars)

    def left(self, spent_hours: float) -> float | None:
        """Return the dollars left after hours of Spark's cores; None: no limit; `BudgetError` if none."""
        if self.dollars is None:
            return None
        spent = self.machine.spark_dollars(spent_hours)
        if spent >= self.dollars:
            cost, budget = dollars_text(spent), dollars_text(self.dollars)
            raise BudgetError(f"the campaign has cost {cost}, and its budget is {budget}", remedy=HIGHER)
        return self.dollars - spent


def estimated(items: Sequence[ItemProgress], config: ScanConfig, machine: Machine) -> tuple[float, int]:
    """Estimate the rest of a campaign: core-hours, and the number of items of unknown size.

    An item that runs have read costs as much per shard as so far. Another item costs the mean of done items
    of its format, or else as much as a release of its format in the price list.
    """
    prices, unknown, total = PriceList.read(config.run.prices), 0, 0.0
    spent = dict[str, list[float]]()
    for each in items:
        if each.is_done and each.reads.core_hours:
            once = each.reads.core_hours / each.reads.shard_reads * each.shards
            spent.setdefault(each.item.format, []).append(machine.core_hours(once))
    means = {format: sum(hours) / len(hours) for format, hours in spent.items()}
    for each in items:
        if each.is_done:
            continue
        item, gate = each.item, bool(config.read.languages) and not each.item.note
        known = prices.known(kind_of("", item.format), gate) if item.path is None else None
        if each.reads.shard_reads and each.reads.core_hours:
            total += machine.core_hours(each.reads.core_hours / each.reads.shard_reads * each.left)
        elif item.format in means:
            total += means[item.format]
        elif known:
            like, rate = known
            total += core_hours(like.text_bytes, rate, prices.spark_share)
        else:
            unknown += 1
    return total, unknown

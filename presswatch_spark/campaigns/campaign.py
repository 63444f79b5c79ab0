"""A campaign: its plan, its items, and the one step after the other that scans them.

A step reads a release for the whole newest corpus, or, where an earlier corpus is done, for the articles that
came since. What a killed process began is gone on with first, so that nothing is read twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from presswatch_spark.campaigns.growth import build_growth, require_growth
from presswatch_spark.campaigns.items import Item
from presswatch_spark.campaigns.plan import CORPORA, CampaignPlan, CorpusOfCampaign
from presswatch_spark.campaigns.progress import Runs, Sample, Standing, Step, core_hours_spent
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.store import Corpus, manifest_of
from presswatch_spark.costs.budget import core_hours_text, dollars_text
from presswatch_spark.costs.estimate import Machine, PriceList, core_hours, kind_of
from presswatch_spark.errors import BudgetError, ConfigError, InputError, OutputError
from presswatch_spark.monitoring.events import EventLog
from presswatch_spark.pipeline import RunSummary, scan, scan_key
from presswatch_spark.releases.release_shards import shards_of
from presswatch_spark.runs.claimed import KEY_DIGITS
from presswatch_spark.runs.unfinished import UnfinishedRun, unfinished_runs
from presswatch_spark.settings.config import ScanConfig
from presswatch_spark.storage.folders import Folder
from presswatch_spark.tables.store import TableStore

ALL = Sample()
"""No sample: all shards of each release."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is scanned next: an item, for a step; `paths` are shards to try again, None for the release."""

    item: Item
    step: Step
    paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may cost in dollars on a machine; None for no limit. `said` is how it was given."""

    machine: Machine | None
    dollars: float | None = None
    said: str = ""

    @classmethod
    def of(cls, dollars: float | None, hours: float | None, config: ScanConfig) -> Budget:
        """Return a budget that was given in dollars or in core-hours.

        Raises:
            ConfigError: there is one, and no price.
        """
        name = config.run.price
        machine = PriceList.read(config.run.prices).machine(name) if name else None
        if dollars is None and hours is None:
            return cls(machine)
        if machine is None:
            raise ConfigError(
                "a budget needs the price of a machine",
                remedy="name one with --price among the options of the scans: presswatch campaign open",
            )
        if hours is not None:
            return cls(machine, machine.dollars(hours), core_hours_text(hours))
        return cls(machine, dollars, dollars_text(dollars or 0.0))

    def left(self, spent_hours: float) -> float | None:
        """Return the dollars that are left after core-hours as Spark counts them; None for no limit."""
        if self.dollars is None or self.machine is None:
            return None
        return self.dollars - self.machine.spark_dollars(spent_hours)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign that is open; `config`, `base` and `sample` are those of its scans."""

    folder: Folder
    plan: CampaignPlan
    items: tuple[Item, ...]
    config: ScanConfig
    base: str | None = None
    sample: Sample = ALL

    @property
    def newest(self) -> int:
        """Return the number of the newest corpus, counted from 1."""
        return len(self.plan.corpora)

    def digests(self) -> dict[str, Step]:
        """Return the digest of every corpus of the campaign that is built, with the step that it makes."""
        found = {corpus.digest: (0, number) for number, corpus in enumerate(self.plan.corpora, 1)}
        grown = self.folder / CORPORA
        for name in grown.names():
            place, _, file = name.rpartition("/")
            first, _, last = place.partition("-")
            if file == MANIFEST and first.isdecimal() and last.isdecimal():
                found[manifest_of(grown.at(place), self.config.storage).digest] = (int(first), int(last))
        return found

    def store(self) -> TableStore | None:
        """Return the tables; None if no scan has made them yet."""
        try:
            return TableStore.open(self.plan.out, self.config.storage)
        except OutputError:
            if Folder.of(self.plan.out, self.config.storage).names():
                raise
            return None

    @property
    def newest_articles(self) -> int:
        """Return how many articles the newest corpus has."""
        return self.plan.corpora[-1].articles

    def begun(self) -> list[UnfinishedRun]:
        """Return the runs of its tables that are begun, and not published."""
        return _begun(self.store())

    def standings(self) -> Iterator[Standing]:
        """Yield how each item stands, by the published runs."""
        yield from self._standings(self.items)

    def standing_of(self, item: Item) -> Standing:
        """Return how an item stands now."""
        return next(self._standings([item]))

    def _standings(self, items: Sequence[Item]) -> Iterator[Standing]:
        runs, digests = Runs.of(self.store()), self.digests()
        minhash = self._manifest(self.plan.corpora[-1]).minhash
        for item in items:
            yield runs.standing(item, digests, self.newest, self.config, minhash, self.sample)

    def spent(self) -> float:
        """Return the core-hours that its runs have cost so far, as Spark counts cores, begun ones too."""
        store = self.store()
        return core_hours_spent(Runs.of(store), self.digests(), _begun(store))

    def task_of(self, standing: Standing, tried: Collection[Step]) -> Task | None:
        """Return what is to be scanned of an item next, but for steps that were tried; None if nothing is."""
        for step in standing.partial:
            if step not in tried:
                return Task(standing.item, step, standing.steps[step].missing)
        if standing.reached == self.newest:
            return None
        task = Task(standing.item, (standing.reached, self.newest))
        begun = {run.folder.uri.rpartition("/")[2] for run in _begun(self.store())}
        # A scan for an earlier corpus was killed: it goes on, and the articles that came since follow.
        steps = ((standing.reached, last) for last in range(standing.reached + 1, self.newest))
        earlier = (Task(standing.item, step) for step in steps) if begun else ()
        return next((each for each in earlier if self._is_begun(each, begun)), task)

    def carry_out(
        self, task: Task, budget: Budget, command: str | None, events: EventLog | None = None
    ) -> RunSummary:
        """Scan what a task asks for, or what a killed process left of it, and publish the run.

        Raises:
            BudgetError: the campaign has reached its budget, or this scan would.
            InputError: the item cannot be scanned as it is.
            PresswatchError: as `pipeline.scan`.
        """
        if task.item.trouble is not None:
            raise task.item.trouble
        config, corpus = task.item.settings(self.config), self._corpus_of(task.step)
        paths, base = self._shards(task)
        sample, seed = self._drawn(task)
        if budget.dollars is not None:
            left = self._left(budget, self._key_of(task, corpus))
            config = replace(config, run=replace(config.run, budget=left))
        with _told_of_campaign(task, budget):
            return scan(
                paths,
                dataset=task.item.format,
                corpus=corpus,
                out=self.plan.out,
                config=config,
                base=base,
                command=command,
                events=events,
                sample=sample,
                sample_seed=seed,
                product=task.item.product,
            )

    def _left(self, budget: Budget, key: str) -> float:
        """Return the dollars that are left for a run; what it has cost itself, its own guard counts."""
        store = self.store()
        others = [run for run in _begun(store) if not _is_of(run, key)]
        spent = core_hours_spent(Runs.of(store), self.digests(), others)
        left = budget.left(spent)
        assert left is not None
        if left <= 0:
            assert budget.machine is not None
            cost = dollars_text(budget.machine.spark_dollars(spent))
            raise BudgetError(
                f"the campaign has cost {cost}, and its budget is {budget.said}",
                remedy="give a higher budget: the campaign goes on where it is",
            )
        return left

    def _is_begun(self, task: Task, begun: set[str]) -> bool:
        """Say whether a killed process has begun a task; a corpus that is not built was not scanned for."""
        if task.item.trouble or task.step not in self.digests().values():
            return False
        return self._key_of(task, self._corpus_of(task.step))[:KEY_DIGITS] in begun

    def _key_of(self, task: Task, corpus: str) -> str:
        """Return the key of the run that a task begins, or goes on with."""
        config, (paths, base) = task.item.settings(self.config), self._shards(task)
        sample, seed = self._drawn(task)
        return scan_key(
            paths,
            dataset=task.item.format,
            manifest=manifest_of(corpus, config.storage),
            config=config,
            base=base,
            sample=sample,
            sample_seed=seed,
            product=task.item.product,
        )

    def _drawn(self, task: Task) -> tuple[float | None, int]:
        """Return share and seed of a task's sample; shards that are tried again were drawn before."""
        share = self.sample.share if task.paths is None else None
        return share, (self.sample.seed or 0) if share is not None else 0

    def _shards(self, task: Task) -> tuple[tuple[str, ...], str | None]:
        """Return the paths of a task's shards, and what lists there are relative to."""
        item, config = task.item, self.config
        if task.paths is not None:
            return task.paths, None
        if item.path is not None:
            return (item.path,), self.base
        found = shards_of(item.name, item.format, self.base, config.datasets, config.storage)
        return (found.path,), found.base

    def _corpus_of(self, step: Step) -> str:
        """Return the corpus of a step; the articles that came since an earlier one are built if need be."""
        first, last = step
        if first == 0:
            return self.plan.corpora[last - 1].path
        older, newer = (self._opened(self.plan.corpora[number - 1]) for number in step)
        out = self.folder / CORPORA / f"{first}-{last}"
        build_growth(older, newer, out, self.config)
        return out.uri

    def _opened(self, given: CorpusOfCampaign) -> Corpus:
        return Corpus.same(given.path, given.digest, self.config.storage)

    def _manifest(self, given: CorpusOfCampaign) -> Manifest:
        manifest = manifest_of(given.path, self.config.storage)
        if manifest.digest != given.digest:
            raise InputError(
                f"the corpus has digest {manifest.digest}, and the campaign was given {given.digest}",
                where=given.path,
                remedy="put the corpus back: a corpus never changes",
            )
        return manifest


@contextmanager
def _told_of_campaign(task: Task, budget: Budget) -> Iterator[None]:
    """Say of a scan that its budget stopped that this was what is left of the campaign's."""
    try:
        yield
    except BudgetError as error:
        if budget.dollars is None:
            raise
        raise BudgetError(
            f"{error.what}; that is what is left of the campaign's {budget.said}",
            where=task.item.name,
            remedy="give a higher budget: the campaign goes on where it is",
        ) from error


def with_corpus(plan: CampaignPlan, path: str, config: ScanConfig) -> CampaignPlan:
    """Return a plan with one more corpus, which must have all articles of the one before.

    Raises:
        InputError: an article has vanished or changed, or the corpus is an older one of the campaign.
        CorpusError: there is no sound corpus.
    """
    manifest = manifest_of(path, config.storage)
    given = CorpusOfCampaign(path, manifest.digest, manifest.counts.articles)
    if plan.corpora and plan.corpora[-1].digest == given.digest:
        return plan
    if any(corpus.digest == given.digest for corpus in plan.corpora):
        raise InputError(
            "is an older corpus of this campaign", where=path, remedy="name the newest, or a new one"
        )
    if plan.corpora:
        before = plan.corpora[-1]
        older = Corpus.same(before.path, before.digest, config.storage)
        require_growth(older, Corpus.same(path, given.digest, config.storage))
    return replace(plan, corpora=(*plan.corpora, given))


def estimated(
    standings: Sequence[Standing], config: ScanConfig, machine: Machine | None
) -> tuple[float, int]:
    """Return the core-hours that what is left will take, and of how many items nothing is known.

    An item is taken to cost what those of its format have cost here; else what a release of its format costs
    by the price list. Of a step for new articles it is the same: the bytes are.
    """
    prices, unknown, total = PriceList.read(config.run.prices), 0, 0.0
    means = dict(_means(standings, machine))
    for standing in standings:
        if standing.is_done:
            continue
        hours = means.get(standing.item.format) or _listed_hours(standing.item, config, prices)
        if hours is None:
            unknown += 1
        else:
            total += hours
    return total, unknown


def _means(standings: Sequence[Standing], machine: Machine | None) -> Iterator[tuple[str, float]]:
    spent: dict[str, list[float]] = {}
    for standing in standings:
        if standing.is_done and standing.core_hours:
            spent.setdefault(standing.item.format, []).append(standing.core_hours)
    for format, hours in spent.items():
        mean = sum(hours) / len(hours)
        yield format, machine.core_hours(mean) if machine else mean


def _listed_hours(item: Item, config: ScanConfig, prices: PriceList) -> float | None:
    """Return the core-hours of a release like an item, by the price list; None where nothing is known."""
    if item.path is not None or (kind := kind_of("", item.format)) is None:
        return None
    like, rate = prices.like(kind), prices.rate(kind, bool(config.read.languages) and not item.note)
    if like is None or rate is None:
        return None
    return core_hours(like.text_bytes, rate, prices.spark_share)


def _begun(store: TableStore | None) -> list[UnfinishedRun]:
    """Return the runs of the tables that a process has begun, and not published."""
    if store is None:
        return []
    found = unfinished_runs(store)
    return [run for run in found if isinstance(run, UnfinishedRun) and run.begun.by == "runs"]


def _is_of(run: UnfinishedRun, key: str) -> bool:
    return run.folder.uri.rpartition("/")[2] == key[:KEY_DIGITS]

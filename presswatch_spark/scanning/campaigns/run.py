"""Runs a campaign: visits each release once, and scans the shards that published runs have not read.

A *step* (first, last) reads shards for the articles that came after corpus `first` up to corpus `last`; with
first = 0, for the whole corpus. Nothing is read twice: an interrupted run is continued first, the locks of
campaign and run exclude other processes, and published runs are checked again just before a run begins.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from presswatch_spark.core.errors import (
    BudgetError,
    InputError,
    OutputError,
    PresswatchError,
    StorageError,
    UnreachableError,
)
from presswatch_spark.core.settings.config import ScanConfig
from presswatch_spark.core.terminal import counted
from presswatch_spark.core.threads import AskingThreads
from presswatch_spark.corpus.layout import MANIFEST
from presswatch_spark.corpus.manifest import Manifest
from presswatch_spark.corpus.store import Corpus, manifest_of
from presswatch_spark.scanning.campaigns.corpus_growth import build_growth, require_growth
from presswatch_spark.scanning.campaigns.plan import (
    CORPORA,
    OVERDUE,
    CampaignPlan,
    CorpusOfCampaign,
    Item,
    is_absence,
)
from presswatch_spark.scanning.campaigns.progress import (
    HIGHER,
    Budget,
    ItemProgress,
    Reads,
    Runs,
    Step,
    place_of,
)
from presswatch_spark.scanning.costs import dollars_text
from presswatch_spark.scanning.monitoring.progress import EventLog, LoggedError, failures_logged
from presswatch_spark.scanning.pipeline import ScanPlan, scan, shards_listed
from presswatch_spark.scanning.releases.datasets import shards_of
from presswatch_spark.scanning.runs.run_work import RunSummary
from presswatch_spark.scanning.runs.unfinished import KEY_DIGITS, UnfinishedRun, unfinished_runs
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.host_limits import forget_hosts
from presswatch_spark.storage.objects import DeniedError, MissingError, ObjectInfo, canonical, stat
from presswatch_spark.storage.shards import ShardPlan
from presswatch_spark.storage.uris import root_of
from presswatch_spark.tables import WATCH_FOLDER
from presswatch_spark.tables.store import TableStore

ASKED_AT_ONCE = 8


class DoneMeanwhileError(PresswatchError):
    """Another process has done the task meanwhile, since campaigns may share tables."""


class UnpublishedError(InputError):
    """The shard list of a crawl does not exist."""


@dataclass(frozen=True, slots=True)
class Task:
    """The next scan of an item: shards, for a step.

    `again`: an earlier run did not read them to their end. `gone`: such shards that no longer exist.
    `is_all`: these are all shards of the item. `known`: ids of the runs that were published before the task.
    """

    item: Item
    step: Step
    shards: ShardPlan
    again: bool = False
    gone: tuple[str, ...] = ()
    is_all: bool = False
    known: tuple[str, ...] = field(default=(), repr=False)

    @property
    def key(self) -> tuple[Step, bool]:
        """Return the identity of a task among those of its item."""
        return self.step, self.again


def store_of(plan: CampaignPlan, config: ScanConfig) -> TableStore:
    """Return the tables of a campaign; without a row if no scan has made them yet."""
    try:
        return TableStore.open(plan.out, config.storage)
    except OutputError:
        root = Folder.of(plan.out, config.storage)
        # The lock of a watch is in the folder even before the first scan makes tables there.
        if any(name.partition("/")[0] != WATCH_FOLDER for name in root.names()):
            raise
        return TableStore(root)


@dataclass(slots=True)
class Campaign:
    """An open campaign; `config` and `base` are those of its scans.

    `notes`: remarks about the lists of items, by name. Private fields cache what this process has read: lists
    by item, and published runs with their ids.
    """

    folder: Folder
    plan: CampaignPlan
    items: tuple[Item, ...]
    config: ScanConfig
    base: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    _lists: dict[str, ShardPlan] = field(default_factory=dict)
    _ids: tuple[str, ...] = ()
    _runs: Runs | None = None

    @property
    def newest(self) -> int:
        """Return the number of the newest corpus, counted from 1."""
        return len(self.plan.corpora)

    def begun(self) -> list[UnfinishedRun]:
        """Return the runs in its tables that were begun and not published."""
        found = unfinished_runs(store_of(self.plan, self.config))
        return [run for run in found if isinstance(run, UnfinishedRun) and run.note.by == "runs"]

    def spent(self, begun: Iterable[UnfinishedRun]) -> float:
        """Return the hours of Spark's cores of its published runs and of `begun` ones."""
        return self._published().spent(begun)

    def progress_of(self, item: Item) -> ItemProgress:
        """Return the progress of an item by published runs, and by its list if this process has read it."""
        return ItemProgress.of(item, self._reads(item), self.newest)

    def _reads(self, item: Item) -> Reads:
        reads = self._published().reads(item, self.config)
        if item.name in self._lists and item.path is not None:
            reads.compare(self._lists[item.name])
        return reads

    def _published(self) -> Runs:
        store = store_of(self.plan, self.config)
        ids = tuple(store.published())
        if self._runs is None or self._ids != ids:
            minhash = self._manifest(self.plan.corpora[-1]).minhash
            self._runs, self._ids = Runs.of(store, self._built(), minhash), ids
        return self._runs

    def _built(self) -> dict[str, Step]:
        found = {corpus.digest: (0, number) for number, corpus in enumerate(self.plan.corpora, 1)}
        grown = self.folder / CORPORA
        for name in grown.names():
            place, _, file = name.rpartition("/")
            first, _, last = place.partition("-")
            if file == MANIFEST and first.isdecimal() and last.isdecimal():
                found[manifest_of(grown.at(place), self.config.storage).digest] = (int(first), int(last))
        return found

    # --- the remaining tasks of an item

    def task_of(self, item: Item, tried: Collection[tuple[Step, bool]]) -> Task | None:
        """Return the next untried task of an item; None if nothing is left.

        Raises `InputError` or `StorageError` if the item cannot be scanned, or its list cannot be read.
        """
        if item.trouble is not None:
            raise item.trouble
        reads = self._reads(item)
        progress = ItemProgress.of(item, reads, self.newest)
        for step, uris in progress.missing_of.items():
            if (step, True) not in tried:
                return self._again(item, step, uris)
        if progress.reached == self.newest and item.path is None:
            return None
        listed = self._list(item, is_done=progress.is_done)
        if listed is None:
            return None

        reads.compare(listed)
        planned_for, by_reach = reads.planned_for(), dict[int, list[ObjectInfo]]()
        for info in listed:
            by_reach.setdefault(planned_for[place_of(info.uri)], []).append(info)
        for reached in sorted(by_reach, reverse=True):
            shards = replace(listed, shards=tuple(by_reach[reached]))
            is_all = len(shards) == len(listed)
            task = Task(item, (reached, self.newest), shards, is_all=is_all, known=self._ids)
            if reached == self.newest or task.key in tried:
                continue
            # First finish a run that a killed process began for an earlier corpus, which must be built.
            begun = {run.folder.name for run in self.begun()}
            built = set(self._built().values()) if begun else set()
            for corpus in range(reached + 1, self.newest):
                earlier = replace(task, step=(reached, corpus))
                key = self._key_of(self._planned(earlier)) if earlier.step in built else ""
                if key[:KEY_DIGITS] in begun:
                    return earlier
            return task
        if count := reads.unlisted(self.newest):
            what = f"{counted(count, 'shard')} no longer listed: not scanned for newer articles"
            self.notes[item.name] = what
        return None

    def _again(self, item: Item, step: Step, uris: Sequence[str]) -> Task:

        def described(uri: str) -> ObjectInfo | None:
            try:
                return stat(uri, self.config.storage)
            except (MissingError, DeniedError):
                return None

        forget_hosts()
        with AskingThreads(ASKED_AT_ONCE, "shards") as pool:
            found = dict(zip(uris, pool.map(described, uris), strict=True))
        there = ShardPlan.of(info for info in found.values() if info is not None)
        gone = tuple(uri for uri, info in found.items() if info is None)
        return Task(item, step, there, again=True, gone=gone, known=self._ids)

    def _list(self, item: Item, *, is_done: bool) -> ShardPlan | None:
        """Return the shards in an item's list, read once; None if the item is done and its list is gone."""
        lists, storage = self._lists, self.config.storage
        if item.name in lists:
            return lists[item.name]
        try:
            path, base = item.path, self.base
            if path is None:
                found = shards_of(item.name, item.format, base, self.config.datasets, storage)
                path, base = found.path, found.base
            lists[item.name] = shards_listed([path], item.format, storage, base)
        except (InputError, StorageError) as error:
            if is_done:
                # Users may remove a copy of a dataset after its scan.
                self.notes[item.name] = f"its list is no longer available: {error.what}"
                return None
            if item.path is None and is_absence(error):
                raise UnpublishedError(error.what, where=error.where, remedy=error.remedy) from error
            raise
        return lists[item.name]

    # A scan.

    def carry_out(
        self, task: Task, budget: Budget, command: str | None, events: EventLog | None = None
    ) -> RunSummary | None:
        """Scan the shards of a task, or the rest of its interrupted run, and publish the run.

        Return None if another process has done it. Raises `BudgetError` if the campaign has reached its
        budget or this scan would exceed it, `LoggedError` for errors that were logged as events, and the
        errors of `pipeline.scan`.
        """
        with failures_logged(events):
            planned, beginning = self._planned(task), partial(self._require_wanted, task)
            if budget.dollars is not None:
                # Leave out the cost of this run itself, which its own guard counts.
                key, config = self._key_of(planned)[:KEY_DIGITS], planned.config
                left = budget.left(self.spent(run for run in self.begun() if run.folder.name != key))
                planned = replace(planned, config=replace(config, run=replace(config.run, budget=left)))
            try:
                return scan(planned, self.plan.out, command=command, events=events, beginning=beginning)
            except DoneMeanwhileError:
                return None
            except BudgetError as error:
                if budget.dollars is None:
                    raise
                what = f"{error.what}; that is what is left of the campaign's {dollars_text(budget.dollars)}"
                raise BudgetError(what, where=task.item.name, remedy=HIGHER) from error

    def _require_wanted(self, task: Task) -> None:
        self._published()
        if self._ids == task.known:
            return
        reads = self._reads(task.item)
        planned_for = reads.planned_for()
        if task.again:
            missing = set(reads.missing(self.newest).get(task.step, ()))
            is_wanted = all(info.uri in missing for info in task.shards)
        else:
            is_wanted = all(planned_for.get(place_of(info.uri), 0) <= task.step[0] for info in task.shards)
        if not is_wanted:
            raise DoneMeanwhileError(
                "another process scanned this meanwhile", where=task.item.name, remedy="check what is left"
            )

    def _planned(self, task: Task) -> ScanPlan:
        item, corpus = task.item, self._corpus_of(task.step)
        config, name = item.settings(self.config), item.name
        return ScanPlan.of(task.shards, item.format, corpus, config, product=item.product, asked_for=name)

    def _key_of(self, planned: ScanPlan) -> str:
        return planned.key(manifest_of(planned.corpus, self.config.storage))

    def _corpus_of(self, step: Step) -> str:
        """Return the corpus of a step; a corpus of later articles only is built if it does not exist."""
        first, last = step
        if first == 0:
            # Check the digest: a scan with a replaced corpus would belong to no step, and be repeated.
            self._manifest(self.plan.corpora[last - 1])
            return self.plan.corpora[last - 1].path
        given, storage = (self.plan.corpora[number - 1] for number in step), self.config.storage
        older, newer = (Corpus.same(each.path, each.digest, storage) for each in given)
        out = self.folder / CORPORA / f"{first}-{last}"
        build_growth(older, newer, out, self.config)
        return out.uri

    def _manifest(self, given: CorpusOfCampaign) -> Manifest:
        manifest = manifest_of(given.path, self.config.storage)
        if manifest.digest != given.digest:
            raise InputError(
                f"the corpus has digest {manifest.digest}, but the campaign requires {given.digest}",
                where=given.path,
                remedy="put the corpus back: a corpus never changes",
            )
        return manifest


def run(
    campaign: Campaign,
    now: datetime,
    command: str | None,
    budget: Budget | None = None,
    retried: Collection[str] | None = None,
) -> Iterator[Task | RunSummary | ItemProgress]:
    """Visit each item once, and scan its rest: yield each task before its scan, its run, and the progress.

    For an item that cannot be scanned, the progress has its `trouble`; the others are scanned, except for
    those of a site that cannot be reached. `command`: the command line, to be noted in runs. `retried`: items
    whose missing shards are read again; None: all.

    Raises:
        BudgetError: the campaign has reached its budget, or the next scan would exceed it.
        PresswatchError: a scan failed.
    """
    events, unreachable = EventLog.of(campaign.config.run.log_format), set[str]()
    for item in campaign.items:
        tried: set[tuple[Step, bool]] = set()
        if retried is not None and item.name not in retried:
            tried = {((first, last), True) for last in range(1, campaign.newest + 1) for first in range(last)}
        place = item.path or campaign.base or campaign.config.datasets.common_crawl.base
        site, was_scanned, is_unpublished = root_of(canonical(place)), False, False
        trouble: PresswatchError | None = None
        try:
            while site not in unreachable and (task := campaign.task_of(item, tried)) is not None:
                yield task
                if len(task.shards):
                    summary = campaign.carry_out(task, budget or Budget(), command, events)
                    if summary is None:
                        continue
                    was_scanned = True
                    yield summary
                tried.add(task.key)
        except (InputError, StorageError, LoggedError) as error:
            cause = error.__cause__ if isinstance(error, LoggedError) else error
            if not isinstance(cause, (InputError, StorageError)):
                raise
            if isinstance(cause, UnreachableError):
                unreachable.add(site)
            is_unpublished = is_awaited(item, error, now)
            trouble = None if is_unpublished else error
        progress = campaign.progress_of(item)
        yield replace(progress, trouble=trouble, is_unpublished=is_unpublished, was_scanned=was_scanned)


def is_awaited(item: Item, error: PresswatchError, now: datetime) -> bool:
    """Return whether the error is only that a crawl is not published yet, and not overdue either."""
    captured_at = item.last_capture
    return isinstance(error, UnpublishedError) and captured_at is not None and now - captured_at <= OVERDUE


def with_corpus(plan: CampaignPlan, path: str, config: ScanConfig) -> CampaignPlan:
    """Return a plan with one more corpus, which must contain all articles of the one before.

    Raises `InputError` if an article is missing or changed, or the corpus is an older one of the campaign,
    and `CorpusError` if it is damaged.
    """
    manifest = manifest_of(path, config.storage)
    given = CorpusOfCampaign(path, manifest.digest, manifest.counts.articles)
    if plan.corpora and plan.corpora[-1].digest == given.digest:
        return plan
    if any(corpus.digest == given.digest for corpus in plan.corpora):
        raise InputError(
            "this is an older corpus of the campaign", where=path, remedy="pass the newest, or a new one"
        )
    if plan.corpora:
        before = plan.corpora[-1]
        older = Corpus.same(before.path, before.digest, config.storage)
        require_growth(older, Corpus.same(path, given.digest, config.storage))
    return replace(plan, corpora=(*plan.corpora, given))

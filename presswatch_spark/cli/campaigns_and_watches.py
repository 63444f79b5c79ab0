"""Campaigns for the command line: their plans and settings, scans of their releases, and watches.

A watch is a campaign without a plan file: its options are the plan, and its lock is in `_watch/` of the
tables. A look of a watch scans new releases, and probes removal cases that are due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import replies
from presswatch_spark.cli.options import refuse, scan_settings
from presswatch_spark.cli.replies import ReplyForm
from presswatch_spark.core.errors import ConfigError, InputError, InUseError, PresswatchError, StorageError
from presswatch_spark.core.redaction import holds_secret
from presswatch_spark.core.settings.config import ScanConfig, config_digest, row_settings
from presswatch_spark.core.terminal import counted, printable
from presswatch_spark.corpus.store import Corpus, manifest_of
from presswatch_spark.scanning.campaigns.plan import (
    LIST_MAX_AGE,
    LOCK,
    NEWS,
    CampaignPlan,
    items_of,
    news_months,
    plan_of,
    read_plan,
    write_plan,
)
from presswatch_spark.scanning.campaigns.progress import UNPUBLISHED, Budget, ItemProgress
from presswatch_spark.scanning.campaigns.run import Campaign, Task, is_awaited, run, store_of, with_corpus
from presswatch_spark.scanning.monitoring.progress import LoggedError
from presswatch_spark.scanning.releases import release as releases
from presswatch_spark.scanning.releases.crawls import Listing
from presswatch_spark.scanning.releases.datasets import dataset_named, load_datasets, require_part
from presswatch_spark.scanning.releases.release import CRAWL_FORMS, kinds_of
from presswatch_spark.scanning.runs.run_work import RunSummary, key_of
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks_and_leases import locked
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.shards import is_list
from presswatch_spark.tables import WATCH_FOLDER

if TYPE_CHECKING:
    from presswatch_spark.query.pointers.pointer import Mirror

DECIDED = ("paths", "release", "named", "part", "mirror", "corpus", "out", "read__release", "run__budget")
"""Parameters of `presswatch scan` that the campaign sets itself."""
UNDER_WAY = 75
"""Exit code EX_TEMPFAIL of sysexits.h: try again later."""

ScanParameters = Mapping[str, Any]
"""Parameters of `presswatch scan`, as click parsed them."""


def scan_parameters(words: Sequence[str], of: str) -> ScanParameters:
    """Parse words of a command line as parameters of `presswatch scan`; `UsageError` if that fails."""
    from presswatch_spark.cli.commands.scan import scan

    given = scan.make_context(of, list(words), parent=click.get_current_context().parent).params
    whole = "campaigns and watches read whole releases: draw samples with `presswatch scan`"
    refuse(given["sample"] not in (None, 1), whole)
    return given


def campaign_at(path: str, form: ReplyForm) -> Campaign:
    """Return the campaign in a folder, with the releases that exist today.

    Raises `InputError` if there is none, `ConfigError` if a setting that can change a row has changed since
    it was opened, and `StorageError` if the list of crawls is a file that cannot be read.
    """
    folder = Folder.of(path, form.storage)
    plan, now = plan_of(folder), datetime.now(UTC)
    given = _campaign_parameters(plan.options)
    config = _config(given, form)
    _require_settings(plan, config)
    known = plan.known_crawls(config, now)
    if known.trouble:
        replies.tell(f"note: a newer list is not available: {known.trouble}; {known.origin}")
    items = items_of(plan, known, config, now)
    folder = Folder(folder.uri, config.storage)
    return Campaign(folder, plan, items, config, given["base"])


def open_campaign(
    path: str, corpus: str | None, out: str | None, changes: Mapping[str, Any], form: ReplyForm
) -> CampaignPlan:
    """Write the plan of a campaign, change its scope, or replace its corpus by a grown one.

    `changes`: fields of the plan to set.

    Raises:
        UsageError: there is nothing to scan, or the campaign itself sets an option.
        ConfigError: tables or settings of rows would change, or an address contains a secret.
        InputError: the corpus has lost articles.
    """
    # Make paths absolute: later commands may run in another folder.
    corpus, out = (place and canonical(place) for place in (corpus, out))
    folder = Folder.of(path, form.storage)
    before, etag = read_plan(folder) or (None, None)
    plan = replace(before or CampaignPlan("", ()), **changes)
    config = _config(_campaign_parameters(plan.options), form)
    is_empty = not (plan.crawls or plan.datasets)
    refuse(is_empty, "choose what is scanned: --crawls, --dataset or --all-datasets")
    refuse((plan.since or plan.until) and not plan.crawls, "--since and --until require --crawls")
    # Other users may read the campaign's file: refuse secrets.
    if any(holds_secret(text) for text in (*plan.options, *plan.mirrors.values(), plan.listed or "")):
        raise ConfigError(
            "an address contains a secret, which would be stored in the campaign's file",
            where="command line",
            remedy="leave it out: credentials come from the usual chain of AWS, or from HF_TOKEN",
        )
    if before is None:
        if not (corpus and out):
            raise click.UsageError("a new campaign needs --corpus and --out")
        plan = replace(plan, out=out)
    else:
        if out and out != before.out:
            raise ConfigError(
                f"the tables of a campaign cannot move; they are in {before.out}",
                where="--out",
                remedy="open another campaign",
            )
        _require_settings(before, config)
    if corpus:
        plan = with_corpus(plan, corpus, config)
    plan = replace(plan, settings=_settings_digest(plan, config))
    write_plan(folder, plan, etag)
    return plan


def _campaign_parameters(words: Sequence[str]) -> ScanParameters:
    given = scan_parameters(["--corpus", "", "--out", "", *words], "campaign … --")
    is_decided = any(given[name] for name in DECIDED) or given["dataset"] != "auto"
    decided = "the campaign sets releases, formats, corpus, tables and budget: leave them out after --"
    refuse(is_decided, decided)
    is_one_list = given["base"] and is_list(given["base"])
    refuse(is_one_list, "--base is a list of shards, but each release has its own list")
    return given


def _config(given: ScanParameters, form: ReplyForm) -> ScanConfig:
    """Return the settings of a campaign's scans; options of the present command override the campaign's."""
    own = {name: value for name, value in form.flags.items() if value not in (None, ())}
    return scan_settings({**given, **own}, given["config"])


def datasets_of(
    named: Sequence[str], all_datasets: bool, mirrors: Mapping[str, str]
) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
    """Return the names and parts of a campaign's datasets, and the places of copies by name.

    Raises `UsageError` for a wrong form or a mirror of another dataset, `InputError` for an unknown part.
    """
    known, parts = load_datasets(), dict[tuple[str, str], None]()
    for text in named:
        name, _, part = text.partition(":")
        refuse(not (name and part), f"--dataset must be NAME:PART, not {text!r}")
        require_part(dataset_named(name, known), part)
        parts[name, part] = None
    names = {name for name, _ in parts}
    if all_datasets:
        parts |= {(each.id, each.part): None for each in known.values() if each.id not in names}
        names |= known.keys()
    copies = {name: canonical(uri) for name, uri in mirrors.items()}
    # Without this check, a misspelt name would silently read the dataset from its original place.
    if unknown := sorted(copies.keys() - names):
        raise click.UsageError(
            f"--mirror is for {unknown[0]}, but this campaign scans no dataset of that name"
        )
    return tuple(parts), copies


def _settings_digest(plan: CampaignPlan, config: ScanConfig) -> str:
    return config_digest(config, manifest_of(plan.corpora[-1].path, config.storage).minhash)


def _require_settings(plan: CampaignPlan, config: ScanConfig) -> None:
    """Raise `ConfigError` for changed settings, under which finished scans would be repeated."""
    if plan.settings not in (None, _settings_digest(plan, config)):
        raise ConfigError(
            "a setting that can change a row differs from before",
            where="command line, environment or the campaign's file",
            remedy="restore it, or open another campaign with other tables",
        )


def look(
    campaign: Campaign, budget: Budget | None = None, retried: Collection[str] | None = None
) -> Iterator[ItemProgress]:
    """Scan the rest of each release under the campaign's lock; print the scans, and yield the progress.

    Raises `InUseError` if another process runs the campaign, and the errors of `campaigns.run.run`.
    """
    from presswatch_spark.cli.commands.scan import incomplete_lines, summary_lines

    out = campaign.plan.out
    with locked(campaign.folder, LOCK, campaign.config.run.lease_seconds):
        for update in run(campaign, datetime.now(UTC), replies.command_line(), budget, retried):
            if isinstance(update, Task):
                for line in task_lines(update):
                    replies.tell(f"{update.item.name}: {line}")
            elif isinstance(update, RunSummary):
                replies.print_lines(map(printable, summary_lines(update)))
                replies.print_lines(map(printable, incomplete_lines(update, out)), err=True)
            else:
                name = update.item.name
                if update.trouble is not None and not isinstance(update.trouble, LoggedError):
                    click.echo(printable(f"error: {name}: {update.trouble}"), err=True)
                elif name in campaign.notes:
                    replies.tell(f"note: {name}: {campaign.notes[name]}")
                yield update


def task_lines(task: Task) -> Iterator[str]:
    """Yield lines that describe the shards of a task, and those that are gone."""
    count, first = counted(len(task.shards), "shard"), task.step[0]
    what = f"{count} once more" if task.again else "all its shards" if task.is_all else f"{count} of its list"
    since = f", for the articles added since corpus {first}" if first else ""
    if len(task.shards):
        yield f"{what}{since}{f' ({task.item.note})' if task.item.note else ''}"
    if task.gone:
        yield f"{counted(len(task.gone), 'shard')} not available: {task.gone[0]}"


def repeated(look: Callable[[], int], seconds: float, pause: Callable[[float], None]) -> int:
    """Call `look` until the process is stopped; after an error, print it and continue."""
    while True:
        try:
            look()
        except PresswatchError as error:
            click.echo(printable(f"error: {error}"), err=True)
        pause(seconds)


Report = tuple[str, str, int]
"""A release or removal case, a line about it, and its exit code."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch: a campaign over the releases that exist at each look.

    Without `plan.since`, only the newest release is watched. `by_name`: find new crawls not in the list of
    crawls, but by trying the shard lists of later weeks. `again`: releases whose missing shards to read.
    `cases`: removal cases, probed if their last round is at least `case_every` old.
    """

    plan: CampaignPlan
    config: ScanConfig
    base: str | None
    by_name: bool
    again: tuple[str, ...]
    dry_run: bool
    cases: tuple[str, ...]
    case_every: timedelta
    case_mirrors: Sequence[Mirror]
    case_index: str | None

    def look_once(self, *, poll: bool) -> int:
        """Scan new releases, then probe cases; print a line for each, and return the exit code.

        The exit code is 1 after a failure; with `poll`, 75 if another process scans; else 3 if incomplete,
        or 0.
        """
        trouble = None
        try:
            codes = set(map(_printed, self._scanned()))
        except PresswatchError as error:
            codes, trouble = set(), error
        # The scans may have found later captures of a case's pages. Probe even if they failed.
        codes.update(map(_printed, self._probed()))
        if trouble:
            raise trouble
        if replies.FAILED in codes:
            return replies.FAILED
        if poll and UNDER_WAY in codes:
            return UNDER_WAY
        return replies.INCOMPLETE if replies.INCOMPLETE in codes else 0

    def _campaign(self, now: datetime) -> tuple[Campaign, Listing]:
        plan, config = self.plan, self.config
        known = plan.known_crawls(config, now, by_name=self.by_name, base=self.base)
        newest = news_months(now)[0] if plan.crawls == NEWS else known.crawls[0]
        plan = replace(plan, since=plan.since or newest.name)
        items = items_of(plan, known, config, now)
        # The folder of this watch is named by a key: watches of other corpora or settings may run, too.
        manifest = manifest_of(plan.corpora[-1].path, config.storage)
        key = key_of(manifest.digest, str(plan.crawls), row_settings(config, manifest.minhash))[:16]
        folder = Folder.of(plan.out, config.storage) / f"{WATCH_FOLDER}/{key}"
        return Campaign(folder, plan, items, config, self.base), known

    def _scanned(self) -> Iterator[Report]:
        """Scan new releases, and yield a report for each; a last one if the list of crawls is old."""
        now = datetime.now(UTC)
        campaign, known = self._campaign(now)
        if self.dry_run:
            yield from self._planned(campaign, now)
        else:
            try:
                for progress in look(campaign, retried=self.again):
                    name = progress.item.name
                    if progress.trouble is not None:
                        yield name, "could not be scanned", replies.FAILED
                    elif progress.missing:
                        code = replies.INCOMPLETE if progress.was_scanned else 0
                        missing = f"{counted(progress.missing, 'shard')} not read to the end"
                        advice = f"--again {name} reads them once more"
                        yield name, f"scanned, but {missing}; {advice}", code
                    else:
                        yield name, "scanned" if progress.is_done else progress.word, 0
            except InUseError:
                yield self.plan.out, "another process is scanning for this watch", UNDER_WAY
        if known.trouble:
            # With an old list, new releases would be missed: report a failure, not their absence.
            code = replies.FAILED if now - known.noted > LIST_MAX_AGE else 0
            yield known.origin, f"a newer list is not available: {known.trouble}", code

    def _planned(self, campaign: Campaign, now: datetime) -> Iterator[Report]:
        for item in campaign.items:
            tried = () if item.name in self.again else [((0, 1), True)]
            try:
                task = campaign.task_of(item, tried)
            except (InputError, StorageError) as error:
                if is_awaited(item, error, now):
                    yield item.name, UNPUBLISHED, 0
                else:
                    yield item.name, f"could not be scanned: {error}", replies.FAILED
                continue
            lines = "; ".join(task_lines(task)) if task else ""
            yield item.name, f"would be scanned: {lines}" if lines else "scanned", 0

    def _probed(self) -> Iterator[Report]:
        """Probe the cases that are due, with the corpus and tables of the watch."""
        from presswatch_spark.cli.commands.removal import probe_reply
        from presswatch_spark.legal.removal.case import RemovalCase
        from presswatch_spark.legal.removal.probe_rounds import Prober

        config, mirrors, index = self.config, self.case_mirrors, self.case_index
        for path in self.cases:
            if self.dry_run:
                yield path, "would be probed, if it is due", 0
                continue
            try:
                tables, case = store_of(self.plan, config), RemovalCase.open(path, config.storage)
                corpus = Corpus.open(self.plan.corpora[-1].path, check=False, storage=config.storage)
                prober = Prober(
                    case, config, mirrors, corpus, False, index, tables, replies.telling(replies.ENGLISH)
                )
                probed = prober.probe_if_due(self.case_every)
            except InUseError:
                yield path, "another process is probing it", 0
                continue
            except PresswatchError as error:
                yield path, f"could not be probed: {error}", replies.FAILED
                continue
            if probed is None:
                yield path, "not due", 0
                continue
            reply = probe_reply(probed, index, replies.ENGLISH)
            for line in (*reply.lines, *reply.warnings):
                yield path, str(line), replies.INCOMPLETE if reply.exit_code else 0


def _printed(report: Report) -> int:
    about, text, code = report
    click.echo(printable(f"{about}: {text}"), err=code == replies.FAILED)
    return code


def watched_scan(words: Sequence[str], news: bool) -> ScanParameters:
    """Return the parameters of a watch's scans; raise `UsageError` if they contradict the watch."""
    given = scan_parameters(words, "watch … --")
    is_decided = given["paths"] or given["release"] or given["read__release"]
    refuse(is_decided, "the watch chooses the releases: leave out PATH, --release and --release-name")
    forms = "|".join(CRAWL_FORMS)
    refuse(given["dataset"] not in CRAWL_FORMS, f"choose what to scan of each release: -- --format {forms}")
    is_no_news = news and given["dataset"] not in kinds_of(releases.NEWS)
    refuse(is_no_news, "CC-NEWS is published as WARC only: -- --format warc")
    return given

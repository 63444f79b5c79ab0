"""Campaigns for the command line: their plans and settings, looks at their releases, and watches.

A watch is a campaign without a file: its options are the plan, and its lock is in `_watch/` of the tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import click

from presswatch_spark.campaigns.budget import Budget
from presswatch_spark.campaigns.plan import (
    LOCK,
    NEWS,
    CampaignPlan,
    CorpusOfCampaign,
    items_of,
    plan_of,
    read_plan,
    write_plan,
)
from presswatch_spark.campaigns.progress import CampaignSample, ItemProgress
from presswatch_spark.campaigns.run import Campaign, CampaignFollower, Task, run, with_corpus
from presswatch_spark.campaigns.scope import crawls_by_name, known_crawls, news_months
from presswatch_spark.cli.options import print_lines, scan_settings, tell
from presswatch_spark.corpus.store import manifest_of
from presswatch_spark.errors import ConfigError, PresswatchError
from presswatch_spark.monitoring.progress import EventLog, LoggedError
from presswatch_spark.pipeline import RunSummary
from presswatch_spark.redaction import holds_secret, redacted_command
from presswatch_spark.releases import release as releases
from presswatch_spark.releases.datasets import dataset_named, load_datasets, require_part
from presswatch_spark.releases.known import ReleaseList, at_hand, list_uri
from presswatch_spark.releases.release import CRAWL_FORMS, kinds_of
from presswatch_spark.runs.work import key_of
from presswatch_spark.settings.config import ScanConfig, config_digest, row_settings
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import locked
from presswatch_spark.storage.objects import canonical
from presswatch_spark.storage.shards import is_list
from presswatch_spark.tables import WATCH_FOLDER
from presswatch_spark.terminal import counted, printable

SCOPE = ("crawls", "since", "until", "datasets", "all_datasets", "mirrors", "listed")
"""Parameters of `campaign open` that say what is scanned; given again, they replace what was said."""


PLACES = ("corpus", "out", "listed")


def campaign_at(context: click.Context, path: str, flags: Mapping[str, Any]) -> Campaign:
    """Return the campaign in a folder, with the releases that there are today.

    Raises:
        InputError: there is none.
        ConfigError: a setting that can change a row is another than when it was opened.
        StorageError: the list of crawls is a file, and cannot be read.
    """
    folder = Folder.of(path, scan_settings(flags).storage)
    plan = plan_of(folder)
    given = scan_given(context, plan.options)
    config = scan_settings({**given, **_given(flags)}, given["config"])
    _require_settings(plan, config)
    now = datetime.now(UTC)
    if plan.crawls in CRAWL_FORMS:
        known = known_crawls(plan.listed, config, now)
    else:
        known = at_hand(list_uri(plan.listed or config.datasets.common_crawl.index))
    if known.trouble:
        tell(printable(f"note: a newer list could not be had: {known.trouble}; {known.origin}"))
    items = items_of(plan, known, config, now)
    opened = Folder(folder.uri, config.storage)
    return Campaign(opened, plan, items, config, given["base"], _sample_of(given))


def _sample_of(given: Mapping[str, Any]) -> CampaignSample:
    share = given["sample"]
    return CampaignSample(share, given["sample_seed"]) if share not in (None, 1) else CampaignSample()


def follower_of(context: click.Context, campaign: Campaign) -> CampaignFollower:
    """Return a follower that prints the scans of a campaign; `context.obj` has the words of the command."""
    from presswatch_spark.cli.commands.scan import incomplete_message, summary_lines

    def begins(task: Task) -> None:
        for line in task_lines(task):
            tell(printable(line))

    def scanned(summary: RunSummary) -> None:
        print_lines(summary_lines(summary, campaign.plan.out))
        if summary.incomplete:
            click.echo(incomplete_message(summary, campaign.plan.out), err=True)

    command = redacted_command(context.obj) if context.obj else None
    events = EventLog() if campaign.config.run.log_format == "json" else None
    return CampaignFollower(command, events, begins, scanned)


def task_lines(task: Task) -> Iterator[str]:
    """Yield the shards of a task in words, and those that are gone."""
    count, first = counted(len(task.shards), "shard"), task.step[0]
    what = f"{count} once more" if task.again else "all its shards" if task.is_all else f"{count} of its list"
    since = f", for the articles that came since corpus {first}" if first else ""
    note = f" ({task.item.note})" if task.item.note else ""
    if len(task.shards):
        yield f"{task.item.name}: {what}{since}{note}"
    if task.gone:
        yield f"{task.item.name}: {counted(len(task.gone), 'shard')} cannot be had: {task.gone[0]}"


def look(
    context: click.Context,
    campaign: Campaign,
    budget: Budget | None = None,
    retried: Collection[str] | None = None,
) -> Iterator[ItemProgress]:
    """Scan what is left of each release while no other process may, and yield its progress.

    Raises:
        InUseError: another process runs the campaign.
        PresswatchError: as `campaigns.run.run`.
    """
    folder = campaign.folder
    if folder.is_local:
        folder.path.mkdir(parents=True, exist_ok=True)
    with locked(folder, LOCK, campaign.config.run.lease_seconds):
        follower = follower_of(context, campaign)
        for progress in run(campaign, datetime.now(UTC), follower, budget, retried):
            name = progress.item.name
            if progress.trouble is not None and not isinstance(progress.trouble, LoggedError):
                click.echo(printable(f"error: {name}: {progress.trouble}"), err=True)
            elif name in campaign.notes:
                tell(printable(f"note: {name}: {campaign.notes[name]}"))
            yield progress


def repeated(look: Callable[[], int], seconds: float, pause: Callable[[float], None]) -> int:
    """Look until the process is stopped; after a look that fails, print the error and look again."""
    while True:
        try:
            look()
        except PresswatchError as error:
            click.echo(printable(f"error: {error}"), err=True)
        pause(seconds)


@dataclass(frozen=True, slots=True)
class Watch:
    """A watch: a campaign over the releases that are there at each look.

    Attributes:
        since: the oldest release; None for the newest only.
        listed: another list of crawls. With `probe`, no list is read: shard lists of later weeks are.
    """

    plan: CampaignPlan
    config: ScanConfig
    given: Mapping[str, Any]
    since: str | None
    listed: str | None
    probe: bool

    @property
    def out(self) -> str:
        """Return the folder of the tables."""
        return self.plan.out

    @property
    def corpus(self) -> str:
        """Return the place of the corpus."""
        return self.plan.corpora[-1].path

    def campaign(self, now: datetime) -> tuple[Campaign, ReleaseList]:
        """Return the campaign as it is now, with the list of crawls that it comes from.

        Raises:
            InputError: the list does not have `since`.
        """
        plan, form, base = self.plan, str(self.plan.crawls), self.given["base"]
        if plan.crawls == NEWS:
            known = at_hand(list_uri(self.listed or self.config.datasets.common_crawl.index))
            newest = news_months(now)[0].name
        else:
            if self.probe:
                known = crawls_by_name(self.listed, self.config, now, form, base)
            else:
                known = known_crawls(self.listed, self.config, now)
            newest = known.listing.crawls[0].name
        plan = replace(plan, since=self.since or newest)
        items, sample = items_of(plan, known, self.config, now), _sample_of(self.given)
        folder = Folder.of(plan.out, self.config.storage) / f"{WATCH_FOLDER}/{self._key()}"
        return Campaign(folder, plan, items, self.config, base, sample), known

    def _key(self) -> str:
        """Return a key of corpus, format, settings and sample: other watches may run beside this one."""
        manifest = manifest_of(self.corpus, self.config.storage)
        sample = {name: value for name, value in self.given.items() if name.startswith("sample") and value}
        settings = row_settings(self.config, manifest.minhash)
        drawn = json.dumps(sample, sort_keys=True, default=str)
        return key_of(manifest.digest, str(self.plan.crawls), settings, drawn)[:16]


def watch_of(context: click.Context, words: Sequence[str], options: Mapping[str, Any]) -> Watch:
    """Return the watch that options of `presswatch watch` and of its scans describe.

    Raises:
        UsageError: the scan options are none, or contradict the watch.
        ConfigError: a setting is wrong.
        CorpusError: there is no corpus.
    """
    given = watched_scan(context, words, options["news"])
    config = scan_settings(given, given["config"])
    manifest = manifest_of(given["corpus"], config.storage)
    corpus = CorpusOfCampaign(given["corpus"], manifest.digest, manifest.counts.articles)
    plan = CampaignPlan(given["out"], (corpus,), NEWS if options["news"] else given["dataset"])
    return Watch(plan, config, given, options["since"], options["listed"], options["probe"])


def watched_scan(context: click.Context, words: Sequence[str], news: bool) -> Mapping[str, Any]:
    """Return the parameters of `presswatch scan` that a watch's options give; for errors, see `watch_of`."""
    from presswatch_spark.cli.commands.scan import scan

    given = scan.make_context("watch … --", list(words), parent=context.parent).params
    if given["paths"] or given["release"] or given["read__release"]:
        raise click.UsageError(
            "the watch names the releases: leave PATH, --release and --release-name out", context
        )
    if given["dataset"] not in CRAWL_FORMS:
        known = "|".join(CRAWL_FORMS)
        raise click.UsageError(f"name what to scan of each release: -- --format {known}", context)
    if news and given["dataset"] not in kinds_of(releases.NEWS):
        raise click.UsageError("CC-NEWS is published as WARC only: -- --format warc", context)
    return given


def open_campaign(
    context: click.Context, path: str, options: Mapping[str, Any], flags: Mapping[str, Any]
) -> CampaignPlan:
    """Write the plan of a campaign, or change its scope, or give it a corpus that grew.

    Raises:
        UsageError: there is nothing to scan, or an option is the campaign's own.
        ConfigError: the tables or a setting that can change a row would be others than before, or an address
            holds a secret.
        InputError: a corpus did not only grow, or a dataset is not known, or a part can be none.
    """
    # A later call may come from another folder.
    options = {**options, **{name: canonical(options[name]) for name in PLACES if options[name]}}
    folder = Folder.of(path, scan_settings(flags).storage)
    found = read_plan(folder)
    plan = found[0] if found else CampaignPlan("", ())
    words = tuple(options["scan_options"]) or plan.options
    given = scan_given(context, words)
    config = scan_settings({**given, **_given(flags)}, given["config"])
    plan = _scoped(context, replace(plan, options=words), options)
    _refuse_secrets(plan)
    if found:
        if options["out"] not in (None, found[0].out):
            raise ConfigError(
                f"the tables of a campaign stay where they are, in {found[0].out}",
                where="--out",
                remedy="open another campaign",
            )
        _require_settings(found[0], config)
    elif not (options["corpus"] and options["out"]):
        raise click.UsageError("a new campaign needs --corpus and --out", context)
    plan = replace(plan, out=plan.out or options["out"])
    if options["corpus"]:
        plan = with_corpus(plan, options["corpus"], config)
    plan = replace(plan, settings=_settings_digest(plan, config))
    write_plan(folder, plan, found[1] if found else None)
    return plan


def scan_given(context: click.Context, words: Sequence[str]) -> Mapping[str, Any]:
    """Return the parameters of `presswatch scan` that a campaign's options give.

    Raises:
        UsageError: they are no options of a scan, or say what the campaign decides.
    """
    from presswatch_spark.cli.commands.scan import scan

    needed = ["--corpus", "", "--out", ""]
    given = scan.make_context("campaign … --", [*needed, *words], parent=context.parent).params
    decided = ("paths", "release", "named", "part", "mirror", "corpus", "out", "read__release", "run__budget")
    if any(given[name] for name in decided) or given["dataset"] != "auto":
        raise click.UsageError(
            "the campaign names releases, formats, corpus, tables and budget: leave them out after --",
            context,
        )
    if given["base"] and is_list(given["base"]):
        raise click.UsageError("--base is a list of shards, and each release has one of its own", context)
    return given


def _refuse_secrets(plan: CampaignPlan) -> None:
    """Raise `ConfigError` for what looks like a secret: the campaign's file is read by others."""
    texts = (*plan.options, *plan.mirrors.values(), plan.listed or "")
    if any(holds_secret(text) for text in texts):
        raise ConfigError(
            "an address holds a secret, which would stand in the campaign's file",
            where="command line",
            remedy="leave it out: credentials come from the usual chain of AWS, or from HF_TOKEN",
        )


def _given(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value not in (None, ())}


def _scoped(context: click.Context, plan: CampaignPlan, options: Mapping[str, Any]) -> CampaignPlan:
    """Return the plan with the scope that the options give; without one, as it was."""
    if options["newest_first"] is not None:
        plan = replace(plan, newest_first=options["newest_first"])
    if any(options[name] for name in SCOPE):
        known = load_datasets()
        parts = list(dict.fromkeys(_pair(context, "--dataset", text, ":") for text in options["datasets"]))
        for name, part in parts:
            require_part(dataset_named(name, known), part)
        if options["all_datasets"]:
            named = {name for name, _ in parts}
            parts += [(each.id, each.part) for each in known.values() if each.id not in named]
        mirrors = [_pair(context, "--mirror", text, "=") for text in options["mirrors"]]
        plan = replace(
            plan,
            crawls=options["crawls"],
            since=options["since"],
            until=options["until"],
            datasets=tuple(parts),
            mirrors={name: canonical(uri) for name, uri in mirrors},
            listed=options["listed"],
        )
        # A misspelt one would be no mirror, and the dataset be read where it lives.
        if unknown := sorted(set(plan.mirrors) - {name for name, _ in parts}):
            raise click.UsageError(
                f"--mirror names {unknown[0]}, and this campaign scans no dataset of that name", context
            )
    if not (plan.crawls or plan.datasets):
        raise click.UsageError("say what is scanned: --crawls, --dataset or --all-datasets", context)
    if (plan.since or plan.until) and not plan.crawls:
        raise click.UsageError("--since and --until are for --crawls", context)
    return plan


def _pair(context: click.Context, option: str, text: str, sign: str) -> tuple[str, str]:
    name, found, value = text.partition(sign)
    if not (name and found and value):
        raise click.UsageError(f"{option} must be NAME{sign}VALUE, not {text!r}", context)
    return name, value


def _settings_digest(plan: CampaignPlan, config: ScanConfig) -> str:
    return config_digest(config, manifest_of(plan.corpora[-1].path, config.storage).minhash)


def _require_settings(plan: CampaignPlan, config: ScanConfig) -> None:
    """Raise `ConfigError` for settings by which finished scans would not count, and be repeated."""
    if plan.settings not in (None, _settings_digest(plan, config)):
        raise ConfigError(
            "a setting that can change a row is another than before",
            where="command line, environment or the campaign's file",
            remedy="leave it, or open another campaign with other tables",
        )

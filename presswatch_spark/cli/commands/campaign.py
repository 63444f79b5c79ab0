"""`presswatch campaign` and `watch`: scan many releases, over months and within a budget, and new ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli import options
from presswatch_spark.cli.options import argument, flag, option, refuse
from presswatch_spark.cli.replies import FAILED, INCOMPLETE, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import leave_pandas_out
from presswatch_spark.core.terminal import counted
from presswatch_spark.scanning.releases.release import CRAWL_FORMS
from presswatch_spark.storage.host_limits import forget_hosts

if TYPE_CHECKING:
    from presswatch_spark.scanning.campaigns.progress import ItemProgress
    from presswatch_spark.scanning.campaigns.run import Campaign
    from presswatch_spark.scanning.costs import Machine

HEADERS = ("release", "format", "state", "missing", "matches", "core-hours", "dollars", "runs")


@click.group()
def campaign() -> None:
    """Scan many releases, over months and within a budget."""


@command("open", campaign)
def open_(
    form: ReplyForm,
    folder: str = argument("CAMPAIGN"),
    scan_options: tuple[str, ...] = argument("[-- OPTION OF SCAN …]", nargs=-1, type=click.UNPROCESSED),
    corpus: str | None = option("--corpus", "DIR", "The corpus; later, a larger one with all its articles."),
    out: str | None = option("--out", "DIR", "Folder of the tables."),
    crawls: str | None = option(
        "--crawls",
        (*CRAWL_FORMS, "news"),
        "Every crawl of Common Crawl in this format (2008 to 2012 in ARC), or the months of CC-NEWS.",
    ),
    since: str | None = option("--since", "RELEASE", "The oldest crawl or month to scan."),
    until: str | None = option("--until", "RELEASE", "The newest one. Default: future ones are included."),
    datasets: tuple[str, ...] = options.repeated("--dataset", "NAME:PART", "A part of a dataset."),
    all_datasets: bool = flag("--all-datasets", "Every listed dataset, with its listed part."),
    mirrors: dict[str, str] = options.pairs(
        "--mirror", "NAME=URI", "A folder or bucket with a copy of a dataset, laid out like the original."
    ),
    listed: str | None = option(
        "--list", "URI", "Another list of crawls, or a site or folder that contains one."
    ),
    newest_first: bool | None = option(
        "--newest-first/--oldest-first", None, "Default: newest first.", default=None
    ),
) -> Reply:
    """Set the scope of a campaign; nothing is scanned yet.

    CAMPAIGN is the campaign's folder, on disk or s3://. Options after `--` are passed to every
    `presswatch scan`; the campaign itself sets releases, format, corpus, tables and budget.

    When members have joined, repeat the command with a new --corpus that contains all articles of the
    previous one, unchanged. Finished releases are then scanned for the new articles only.

    \b
    presswatch campaign open history --corpus corpus --out tables \\
      --crawls wet -- --languages fra
    """
    from presswatch_spark.cli.campaigns_and_watches import datasets_of, open_campaign
    from presswatch_spark.storage.objects import canonical

    changes = dict[str, Any]()
    if newest_first is not None:
        changes["newest_first"] = newest_first
    if scan_options:
        changes["options"] = scan_options
    # If any option of the scope is given again, the old scope is replaced.
    if any((crawls, since, until, listed, datasets, all_datasets, mirrors)):
        changes |= {"crawls": crawls, "since": since, "until": until, "listed": listed and canonical(listed)}
        changes["datasets"], changes["mirrors"] = datasets_of(datasets, all_datasets, mirrors)
    plan = open_campaign(folder, corpus, out, changes, form)
    articles, corpora = counted(plan.corpora[-1].articles, "article"), len(plan.corpora)
    grown = f", by corpus {corpora}" if corpora > 1 else ""
    return Reply([f"{folder}: {articles}{grown}; see what is left: presswatch campaign status {folder}"])


@command("run", campaign)
def run(
    form: ReplyForm,
    folder: str = argument("CAMPAIGN"),
    budget: float | None = option(
        "--budget", "DOLLARS", "Limit of the campaign's total cost.", type=options.POSITIVE
    ),
    every: float | None = option(
        "--every",
        "MINUTES",
        "Look for new releases at this interval, until the process is stopped.",
        type=options.POSITIVE,
    ),
) -> Reply:
    """Scan the rest of a campaign, and publish a run for each release.

    To resume a stopped campaign, repeat the command: nothing is scanned twice. A release is done when all
    its shards were read to their end. Each call tries unreadable shards again. The campaign stops when the
    cost of all its runs, published or begun, reaches --budget, and resumes with a higher budget.

    Exit codes: 0 all published releases are done; 1 the campaign stopped, or a release could not be scanned;
    3 shards are missing.

    presswatch campaign run history --budget 200
    """
    leave_pandas_out()
    from presswatch_spark.cli.campaigns_and_watches import campaign_at, look, repeated
    from presswatch_spark.scanning.campaigns.progress import Budget

    def look_once(retried: tuple[str, ...] | None) -> int:
        found = campaign_at(folder, form)
        progress = list(look(found, Budget.of(budget, found.config), retried))
        done = sum(each.is_done for each in progress)
        waiting = sum(each.is_unpublished for each in progress)
        later = f"; {waiting:,} not published yet" if waiting else ""
        click.echo(f"{done:,} of {counted(len(progress), 'release')} done{later}")
        if any(each.trouble for each in progress):
            return FAILED
        return INCOMPLETE if done + waiting < len(progress) else 0

    if every is None:
        return Reply(exit_code=look_once(None))
    # Only the first look tries missing shards again.
    retried: Iterator[tuple[str, ...] | None] = chain([None], repeat(()))
    return Reply(exit_code=repeated(lambda: look_once(next(retried)), every * 60, time.sleep))


@command("status", campaign, json=True)
def status(form: ReplyForm, folder: str = argument("CAMPAIGN")) -> Reply:
    """Show progress and cost of a campaign, and an estimate of the rest.

    presswatch campaign status history
    """
    leave_pandas_out()
    from presswatch_spark.cli.campaigns_and_watches import campaign_at
    from presswatch_spark.scanning.campaigns.progress import Budget

    found = campaign_at(folder, form)
    machine = Budget.of(None, found.config).machine
    items = list(map(found.progress_of, found.items))
    rows: list[dict[str, Any]] = [
        {
            "release": item.item.name,
            "format": item.item.format,
            "state": item.word,
            "missing": item.missing,
            "matches": item.reads.matches if item.reads.runs else None,
            "core_hours": machine.core_hours(item.reads.core_hours),
            "dollars": machine.spark_dollars(item.reads.core_hours) if machine.name else None,
            "runs": tuple(sorted(item.reads.runs)),
            "shards": item.shards,
        }
        for item in items
    ]
    cells = [
        (
            *(row[name] for name in HEADERS[:3]),
            row["missing"] or "",
            f"{row['matches']:,}" if row["runs"] else "",
            f"{row['core_hours']:,.1f}" if row["core_hours"] else "",
            f"{row['dollars']:,.2f}" if row["dollars"] else "",
            " ".join(row["runs"]),
        )
        for row in rows
    ]
    lines: Iterator[Line] = chain([Table(HEADERS, cells, HEADERS[:1])], _total_lines(found, items, machine))
    return Reply(lines, rows=ReplyRows(rows))


def _total_lines(found: Campaign, items: list[ItemProgress], machine: Machine) -> Iterator[str]:
    from presswatch_spark.scanning.campaigns.progress import estimated

    begun = found.begun()
    done = sum(item.is_done for item in items)
    articles = counted(found.plan.corpora[-1].articles, "article")
    yield f"{done:,} of {counted(len(items), 'release')} done, for {articles}"
    so_far = machine.cost_text(machine.core_hours(found.spent(begun)))
    yield f"cost so far: {so_far}, with unfinished runs and idle cores"
    hours, unknown = estimated(items, found.config, machine)
    rest = f", and {counted(unknown, 'release')} of unknown size" if unknown else ""
    yield f"left, estimated: {machine.cost_text(hours)}{rest}"
    for run in begun:
        yield f"begun: run {run.note.run_id}, {counted(run.counts.shards, 'shard')} done"
    notes = Counter(item.item.note for item in items if item.item.note)
    for note, count in notes.items():
        yield f"note: of {counted(count, 'release')}: {note}"
    if not any(item.reads.runs for item in items):
        remedy = "put them back before you run it"
        yield f"note: no run of this campaign is in {found.plan.out}; if you moved its tables, {remedy}"
    if any(not item.is_done and item.missing for item in items):
        yield "the next run tries missing shards again"


@command("watch", storage=False, context_settings={"ignore_unknown_options": False})
def watch(
    form: ReplyForm,
    scan_options: tuple[str, ...] = argument("-- SCAN-OPTION …", nargs=-1, type=click.UNPROCESSED),
    since: str | None = option("--since", "RELEASE", "Watch this release and all newer ones."),
    only_newest: bool = flag("--only-newest", "Watch the newest release only."),
    news: bool = flag("--news", "Watch the months of CC-NEWS that are over, in place of crawls."),
    listed: str | None = option(
        "--list",
        "URI",
        "The list of crawls, or a place that contains collinfo.json. Default: as `presswatch releases`.",
    ),
    probe: bool = flag("--probe", "Without a list, try the names of all weeks since the newest known crawl."),
    once: bool = flag("--once", "Look once, and exit; the default without --every."),
    every: float | None = option("--every", "MINUTES", "Look again at this interval.", type=options.POSITIVE),
    poll: bool = flag("--poll", "Exit with code 75 if another process is scanning."),
    again: tuple[str, ...] = options.repeated(
        "--again", "RELEASE", "Read missing shards of this release once more."
    ),
    cases: tuple[str, ...] = options.repeated("--case", "CASE", "Probe this case of removal, too."),
    case_every: float = option(
        "--case-every",
        "HOURS",
        "Hours from a round of a case to the next one.",
        type=options.POSITIVE,
        default=24,
    ),
    case_mirrors: options.Mirrors = options.mirrors(
        "Read below TO the files of cases that were scanned below FROM.", "--case-mirror"
    ),
    case_index: str | None = option("--case-index", "URL", "An index, as for `removal probe --index`."),
    dry_run: bool = flag("--dry-run", "Show what would be scanned, and write nothing."),
) -> Reply:
    """Look for new releases, and scan each once.

    At each look, a watch scans the releases that --only-newest or --since selects. Options after `--` are
    passed to `presswatch scan`: --format, --corpus, --out, --base, settings. A release that a published run
    has read with the same corpus, format and settings is not scanned again. One process at a time scans for
    a watch. Exit codes: 1 if a release could not be scanned, 3 if a scan lacks some shards, else 0.

    Each --case is probed as by `presswatch removal probe` when its next round is due, and the tables of new
    releases are searched for later captures of its pages.

    \b
    presswatch watch --only-newest -- --format wet \\
      --corpus s3://…/corpus --out s3://…/tables
    """
    from presswatch_spark.cli.campaigns_and_watches import Watch, repeated, watched_scan
    from presswatch_spark.scanning.campaigns.plan import NEWS, CampaignPlan
    from presswatch_spark.scanning.campaigns.run import with_corpus

    refuse(bool(since) == only_newest, "pass either --since RELEASE or --only-newest")
    refuse(once and every, "pass either --once or --every")
    refuse(every and again, "--again cannot be combined with --every")
    forget_hosts()
    given = watched_scan(scan_options, news)
    config = options.scan_settings(given, given["config"])
    plan = CampaignPlan(given["out"], (), NEWS if news else given["dataset"], since=since, listed=listed)
    watch = Watch(
        with_corpus(plan, given["corpus"], config), config, given["base"], probe, again, dry_run,
        cases, timedelta(hours=case_every), case_mirrors, case_index,
    )  # fmt: skip
    looked = partial(watch.look_once, poll=poll)
    return Reply(exit_code=repeated(looked, every * 60, time.sleep) if every else looked())

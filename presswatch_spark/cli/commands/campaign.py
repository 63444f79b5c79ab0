"""`presswatch campaign`: scans many releases one after the other, over months, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.exits import FAILED, INCOMPLETE
from presswatch_spark.cli.options import NumberRange, as_json, mirror_option, print_lines, storage_options
from presswatch_spark.releases.release import CRAWL_FORMS
from presswatch_spark.terminal import counted, json_line, printable, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.campaigns.budget import Budget
    from presswatch_spark.campaigns.progress import ItemProgress
    from presswatch_spark.campaigns.run import Campaign

HEADERS = ("release", "format", "state", "missing", "matches", "core-hours", "dollars", "runs")


@click.group()
def campaign() -> None:
    """Scan all of history: many releases, one run each, over months, within a budget."""


@campaign.command("open")
@click.argument("folder", metavar="CAMPAIGN")
@click.argument("scan_options", nargs=-1, type=click.UNPROCESSED, metavar="[-- OPTION OF SCAN …]")
@click.option("--corpus", metavar="DIR", help="The corpus; later, one that has all its articles and more.")
@click.option("--out", metavar="DIR", help="Folder of the tables.")
@click.option(
    "--crawls",
    type=click.Choice((*CRAWL_FORMS, "news")),
    help="Every crawl of Common Crawl, in this form; those of 2008 to 2012 as ARC. Or the months of CC-NEWS.",
)
@click.option("--since", metavar="RELEASE", help="The oldest of these.")
@click.option("--until", metavar="RELEASE", help="The newest of these. Default: also those to come.")
@click.option(
    "--dataset", "datasets", multiple=True, metavar="NAME:PART", help="A part of a dataset. Repeatable."
)
@click.option("--all-datasets", is_flag=True, help="Every dataset by name; its part as the list has it.")
@mirror_option(
    "A folder or bucket that is laid out like the place where a dataset lives.", metavar="NAME=URI"
)
@click.option("--list", "listed", metavar="URI", help="Another list of crawls, or a site or folder with one.")
@click.option("--newest-first/--oldest-first", "newest_first", default=None, help="Default: newest first.")
@storage_options
@click.pass_context
def open_(context: click.Context, /, folder: str, **given: Any) -> None:
    """Say what a campaign scans; nothing is scanned yet.

    CAMPAIGN is a folder of its own, on disk or s3://. What follows `--` are options of `presswatch scan` for
    every scan, but for releases, format, corpus, tables and budget.

    Give the command again with another --corpus when members have joined. It must have all articles of the
    one before, unchanged. What is done is then scanned for the new articles alone.

    presswatch campaign open history --corpus corpus --out tables --crawls wet -- --languages fra
    """
    from presswatch_spark.cli.campaigning import open_campaign

    names = ("corpus", "out", "crawls", "since", "until", "datasets", "all_datasets", "mirrors", "listed")
    options = {name: given.pop(name) for name in (*names, "newest_first", "scan_options")}
    plan = open_campaign(context, folder, options, given)
    articles, corpora = counted(plan.corpora[-1].articles, "article"), len(plan.corpora)
    grown = f", by corpus {corpora}" if corpora > 1 else ""
    click.echo(
        printable(f"{folder}: {articles}{grown}; see what is left: presswatch campaign status {folder}")
    )


@campaign.command()
@click.argument("folder", metavar="CAMPAIGN")
@click.option(
    "--budget", type=NumberRange(0, min_open=True), metavar="DOLLARS", help="What it may cost in all."
)
@click.option(
    "--core-hours",
    type=NumberRange(0, min_open=True),
    metavar="N",
    help="What it may take in all, in hours of whole cores of the machine that --price names.",
)
@click.option(
    "--every",
    type=NumberRange(min=0, min_open=True),
    metavar="MINUTES",
    help="Look for new releases again and again, until the process is stopped.",
)
@storage_options
@click.pass_context
def run(
    context: click.Context,
    /,
    folder: str,
    budget: float | None,
    core_hours: float | None,
    every: float | None,
    **flags: Any,
) -> None:
    """Scan what is left of a campaign, release by release, and publish a run for each.

    To go on with a stopped campaign, give the same command again: nothing is scanned twice. A release is done
    when all its shards were read to their end. Shards that could not be read are tried once more by each
    call. With a budget, the campaign stops where it is reached; a higher one goes on. It counts what all runs
    of the campaign have cost, and what is begun.

    Exit codes: 0 all that is published is done; 1 it stopped, or a release could not be scanned; 3 shards are
    missing.

    presswatch campaign run history --budget 200
    """
    if budget is not None and core_hours is not None:
        raise click.UsageError("give either --budget or --core-hours", context)
    leave_pandas_out()
    import time

    from presswatch_spark.campaigns.budget import Budget
    from presswatch_spark.cli.campaigning import campaign_at, look, repeated

    def once(retried: tuple[str, ...] | None = None) -> int:
        found = campaign_at(context, folder, flags)
        limit = Budget.of(budget, core_hours, found.config)
        progress = list(look(context, found, limit, retried))
        done = sum(each.is_done for each in progress)
        waiting = sum(each.is_unpublished for each in progress)
        later = f"; {waiting:,} not published yet" if waiting else ""
        click.echo(f"{done:,} of {counted(len(progress), 'release')} done{later}")
        if any(each.trouble for each in progress):
            return FAILED
        return INCOMPLETE if done + waiting < len(progress) else 0

    if every is None:
        context.exit(once())
    # Missing shards are tried again by the first look only.
    looks = chain([once], repeat(lambda: once(())))
    context.exit(repeated(lambda: next(looks)(), every * 60, time.sleep))


@campaign.command()
@click.argument("folder", metavar="CAMPAIGN")
@as_json
@storage_options
@click.pass_context
def status(context: click.Context, /, folder: str, as_json: bool, **flags: Any) -> None:
    """Show what is done of a campaign, what it has cost, and what is left, as the published runs say.

    presswatch campaign status history
    """
    leave_pandas_out()
    from presswatch_spark.campaigns.budget import Budget
    from presswatch_spark.cli.campaigning import campaign_at

    found = campaign_at(context, folder, flags)
    budget = Budget.of(None, None, found.config)
    standings = list(found.standings())
    if as_json:
        print_lines(json_line(_facts(standing, budget)) for standing in standings)
        return
    rows = [tuple(_facts(standing, budget).values()) for standing in standings]
    cells = [(*row[:3], row[3] or "", *_figures(row[4:7]), " ".join(row[7])) for row in rows]
    print_lines(table_lines(HEADERS, cells, terminal_width(), whole=HEADERS[:1]))
    print_lines(_total_lines(found, standings, budget))


def _facts(standing: ItemProgress, budget: Budget) -> dict[str, Any]:
    """Return the facts of an item, in the columns of the table."""
    machine, hours = budget.machine, standing.core_hours
    return {
        "release": standing.item.name,
        "format": standing.item.format,
        "state": standing.word,
        "missing": standing.missing,
        "matches": standing.matches if standing.runs else None,
        "core_hours": machine.core_hours(hours) if machine else hours,
        "dollars": machine.spark_dollars(hours) if machine else None,
        "runs": standing.runs,
        "shards": standing.shards,
    }


def _figures(values: tuple[Any, ...]) -> tuple[str, str, str]:
    matches, hours, dollars = values
    return (
        "" if matches is None else f"{matches:,}",
        f"{hours:,.1f}" if hours else "",
        f"{dollars:,.2f}" if dollars else "",
    )


def _total_lines(found: Campaign, standings: list[ItemProgress], budget: Budget) -> Iterator[str]:
    """Yield totals: done, cost, left, and notes about some releases."""
    from presswatch_spark.campaigns.budget import estimated
    from presswatch_spark.costs.budget import core_hours_text, dollars_text

    machine, spent = budget.machine, found.spent()

    def cost(hours: float, dollars: Callable[[float], float] | None) -> str:
        return core_hours_text(hours) + (f", {dollars_text(dollars(hours))}" if dollars else "")

    done = sum(standing.is_done for standing in standings)
    articles = counted(found.plan.corpora[-1].articles, "article")
    yield f"{done:,} of {counted(len(standings), 'release')} done, for {articles}"
    whole = machine.core_hours(spent) if machine else spent
    so_far = cost(whole, machine.dollars if machine else None)
    yield f"cost so far: {so_far}, with what is begun, idle cores too"
    hours, unknown = estimated(standings, found.config, machine, found.lists_of(standings))
    left = cost(hours, machine.dollars if machine else None)
    rest = f", and {counted(unknown, 'release')} of unknown size" if unknown else ""
    yield f"left, estimated: {left}{rest}"
    for run in found.begun():
        yield f"begun: run {run.begun.run_id}, {counted(run.counts.shards, 'shard')} done"
    notes: dict[str, int] = {}
    for standing in standings:
        if standing.item.note:
            notes[standing.item.note] = notes.get(standing.item.note, 0) + 1
    for note, count in notes.items():
        yield f"note: of {counted(count, 'release')}: {note}"
    if not any(standing.runs for standing in standings):
        where, remedy = printable(found.plan.out), "put them back before you run it"
        yield f"note: no run of this campaign is in {where}; if you moved its tables away, {remedy}"
    if any(not standing.is_done and standing.missing for standing in standings):
        yield "the next run tries missing shards again"

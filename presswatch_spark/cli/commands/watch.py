"""`presswatch watch`: a campaign without a file, which looks for new releases and scans each once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.exits import FAILED, INCOMPLETE
from presswatch_spark.cli.language import ENGLISH
from presswatch_spark.cli.options import NumberRange, mirror_option
from presswatch_spark.cli.replies import Export, export_option, require_new, schema_of
from presswatch_spark.errors import InputError, InUseError, StorageError
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.terminal import printable

if TYPE_CHECKING:
    from presswatch_spark.campaigns.progress import ItemProgress
    from presswatch_spark.campaigns.run import Campaign
    from presswatch_spark.cli.campaigning import Watch
    from presswatch_spark.cli.watched_cases import WatchReport

KINDS = {"release": str, "said": str, "code": int}
UNDER_WAY = 75
"""EX_TEMPFAIL of sysexits.h: ask again later."""


@click.command(context_settings={"ignore_unknown_options": False})
@click.argument("scan_options", nargs=-1, type=click.UNPROCESSED, metavar="-- SCAN-OPTION …")
@click.option("--since", metavar="RELEASE", help="Watch this release and all newer ones.")
@click.option("--only-newest", is_flag=True, help="Watch the newest release alone.")
@click.option("--news", is_flag=True, help="Watch the months of CC-NEWS that are over, in place of crawls.")
@click.option(
    "--list",
    "listed",
    metavar="URI",
    help="The list of crawls, or what holds it as collinfo.json. Default: as `presswatch releases`.",
)
@click.option("--probe", is_flag=True, help="Ask no list: try the names of the weeks since the newest known.")
@click.option("--once", is_flag=True, help="Look once, and end; what holds without --every.")
@click.option("--every", type=NumberRange(min=0, min_open=True), metavar="MINUTES", help="Look again.")
@click.option("--poll", is_flag=True, help="End with 75 if another process is scanning.")
@click.option(
    "--again", multiple=True, metavar="RELEASE", help="Read its missing shards once more. Repeatable."
)
@click.option(
    "--case", "cases", multiple=True, metavar="CASE", help="Probe this case of removal, too. Repeatable."
)
@click.option(
    "--case-every",
    type=NumberRange(min=0, min_open=True),
    default=24,
    show_default=True,
    metavar="HOURS",
    help="How long after a round of a case the next is due.",
)
@mirror_option(
    "Ask for files of cases below TO that were scanned below FROM.", "--case-mirror", "case_mirrors"
)
@click.option("--case-deep", is_flag=True, help="Read whole files for what is not at its place.")
@click.option("--case-index", metavar="URL", help="An index, as `removal probe` takes it.")
@click.option("--case-metrics", metavar="FILE", help="Write how the cases stand, as metrics for Prometheus.")
@click.option("--dry-run", is_flag=True, help="Show what would be scanned, and write nothing.")
@export_option
@click.pass_context
def watch(context: click.Context, /, scan_options: tuple[str, ...], **options: Any) -> None:
    """Look for new releases, and scan each once.

    This is a campaign without a file: its releases are those of --only-newest or --since at each look. What
    follows `--` are the options of `presswatch scan`: --format, --corpus, --out, --base, settings. A release
    that a published run has read with the same corpus, format and settings is not scanned again. One process
    at a time scans for a watch. Exit codes: 1 if a release could not be scanned, 3 if shards of one that was
    scanned now are missing, else 0.

    Each --case is probed as `presswatch removal probe` does, when its next round is due or a run was
    published since the last one. Captures of its pages in new releases are looked for in the tables.

    presswatch watch --only-newest -- --format wet --corpus s3://…/corpus --out s3://…/tables
    """
    from presswatch_spark.cli.campaigning import repeated, watch_of
    from presswatch_spark.cli.watched_cases import cases_of

    _require_sense(context, options)
    export: Export | None = options["export"]
    ask_anew()
    target = watch_of(context, scan_options, options)
    require_new(export, target.config.storage)
    cases = cases_of(target, options)

    def once() -> int:
        # A scan may take days, so cases come first; and again, for runs that scans have published.
        reports = list(map(_printed, cases()))
        try:
            for report in _looked(context, target, options):
                reports.append(_printed(report))
        finally:
            reports += map(_printed, cases.after_scans())
        if export:
            rows = [(each.release, each.said, each.code) for each in reports]
            export.write(schema_of(**KINDS), rows, target.config.storage, ENGLISH)
        return _exit_code({each.code for each in reports}, options["poll"])

    code = once() if not options["every"] else repeated(once, options["every"] * 60, time.sleep)
    context.exit(code)


def _require_sense(context: click.Context, options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options that contradict each other."""
    if bool(options["since"]) == options["only_newest"]:
        raise click.UsageError("give either --since RELEASE or --only-newest", context)
    if options["once"] and options["every"]:
        raise click.UsageError("give either --once or --every", context)
    if options["every"] and options["again"]:
        raise click.UsageError("--again is for one look", context)
    if options["export"] and options["every"]:
        raise click.UsageError("--export is for one look", context)


def _looked(context: click.Context, target: Watch, options: Mapping[str, Any]) -> Iterator[WatchReport]:
    """Scan new releases, and yield a report for each; a last one if the list of crawls is old."""
    from presswatch_spark.campaigns.scope import LIST_MAX_AGE
    from presswatch_spark.cli.campaigning import look
    from presswatch_spark.cli.watched_cases import WatchReport

    now = datetime.now(UTC)
    campaign, known = target.campaign(now)
    if options["dry_run"]:
        yield from _planned(campaign, options["again"])
    else:
        try:
            yield from map(_report, look(context, campaign, retried=options["again"]))
        except InUseError:
            yield WatchReport(target.out, "another process is scanning for this watch", UNDER_WAY)
    if known.trouble:
        # With an old list a release may be missed: that is a failure, and no absence.
        code = FAILED if now - known.listing.noted > LIST_MAX_AGE else 0
        yield WatchReport(known.origin, f"a newer list could not be had: {known.trouble}", code)


def _report(progress: ItemProgress) -> WatchReport:
    from presswatch_spark.cli.watched_cases import WatchReport

    name = progress.item.name
    if progress.trouble is not None:
        return WatchReport(name, "could not be scanned", FAILED)
    if progress.missing:
        code = INCOMPLETE if progress.was_scanned else 0
        missing = (
            f"{progress.missing:,} shards were not read to their end; --again {name} reads them once more"
        )
        return WatchReport(name, f"scanned, but {missing}", code)
    return WatchReport(name, "scanned" if progress.is_done else progress.word)


def _planned(campaign: Campaign, again: tuple[str, ...]) -> Iterator[WatchReport]:
    """Yield a report for each release that a look would scan."""
    from presswatch_spark.cli.campaigning import task_lines
    from presswatch_spark.cli.watched_cases import WatchReport

    for item in campaign.items:
        tried = () if item.name in again else [((0, 1), True)]
        try:
            task = campaign.task_of(item, tried)
        except (InputError, StorageError) as error:
            yield WatchReport(item.name, f"could not be scanned: {error}")
            continue
        lines = [line.partition(": ")[2] for line in task_lines(task)] if task else []
        yield WatchReport(item.name, f"would be scanned: {'; '.join(lines)}" if lines else "scanned")


def _exit_code(codes: set[int], poll: bool) -> int:
    """Return 1 if something failed, else 75 if asked for and another process is scanning, else 3 or 0."""
    if FAILED in codes:
        return FAILED
    if poll and UNDER_WAY in codes:
        return UNDER_WAY
    return INCOMPLETE if INCOMPLETE in codes else 0


def _printed(report: WatchReport) -> WatchReport:
    click.echo(printable(f"{report.release}: {report.said}"), err=report.code == FAILED)
    return report

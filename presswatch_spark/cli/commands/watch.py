"""`presswatch watch`: looks for new releases, and starts the scan of each once."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.language import ENGLISH
from presswatch_spark.cli.options import NumberRange, mirror_option
from presswatch_spark.cli.replies import Export, export_option, require_new, schema_of
from presswatch_spark.errors import PresswatchError
from presswatch_spark.show import printable
from presswatch_spark.storage.host_limits import ask_anew

if TYPE_CHECKING:
    from presswatch_spark.cli.watched import Watched
    from presswatch_spark.watch.look import Look, WatchReport
    from presswatch_spark.watch.scope import Scope

KINDS = {"release": str, "said": str, "code": int}


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
@click.option(
    "--on",
    default="local",
    show_default=True,
    metavar="TARGET",
    help="Where scans run: `local` is this process; else a profile of conf/profiles, or a YAML file.",
)
@click.option("--profile", hidden=True)
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The archive that scans elsewhere run from, made by `make archive`.",
)
@click.option("--once", is_flag=True, help="Look once, and end; what holds without --every.")
@click.option("--every", type=NumberRange(min=0, min_open=True), metavar="MINUTES", help="Look again.")
@click.option("--poll", is_flag=True, help="End with 75 as long as a scan is under way or waits.")
@click.option("--at-once", type=click.IntRange(1), default=1, show_default=True, help="Scans at a time.")
@click.option("--again", multiple=True, metavar="RELEASE", help="Start an ended scan anew. Repeatable.")
@click.option("--drop", multiple=True, metavar="RELEASE", help="Give a release up. Repeatable.")
@click.option(
    "--takeover",
    type=NumberRange(min=0, min_open=True),
    default=15,
    show_default=True,
    metavar="MINUTES",
    help="Without a sign of life for so long, a watcher has died.",
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
@click.option("--dry-run", is_flag=True, help="Say what would be started, and write nothing.")
@export_option
@click.pass_context
def watch(context: click.Context, /, scan_options: tuple[str, ...], **options: Any) -> None:
    """Look for new releases, and start the scan of each once.

    What follows `--` are the options of `presswatch scan`: --format, --corpus, --out, --base, settings. The
    claim of each release lies with the tables, in _watch/. So of all who watch with the same corpus, format
    and settings, one starts its scan, and nobody a second one. Exit codes are those of a scan: 1 if one
    failed or was not to be started, 3 if one that ended since the last look was partial, else 0.

    Each --case is probed as `presswatch removal probe` does, when its next round is due or a run was
    published since the last one. Captures of its pages in new releases are looked for in the tables.

    presswatch watch --only-newest -- --format wet --corpus s3://…/corpus --out s3://…/tables
    """
    from presswatch_spark.cli.watched import watched
    from presswatch_spark.cli.watched_cases import cases_of
    from presswatch_spark.watch.look import exit_code_of
    from presswatch_spark.watch.scope import Scope

    _require_sense(context, options)
    export: Export | None = options["export"]
    ask_anew()
    scope = Scope(options["since"], options["news"])
    target = watched(context, scan_options, scope.news, options["archive"])
    require_new(export, target.config.storage)
    look, cases = _look_of(target, **options), cases_of(target, options)

    def once() -> int:
        findings = [_said(look.drop(release)) for release in options["drop"]]
        # A scan may take days, so cases come first; and again, for what a scan has published.
        findings += map(_said, cases())
        try:
            stale = _listed(look, target, scope, findings, options["listed"], options["probe"])
        except PresswatchError:
            findings += map(_said, cases.after_scans())
            raise
        findings += map(_said, cases.after_scans())
        if export:
            rows = [(each.release, each.said, each.code) for each in findings]
            export.write(schema_of(**KINDS), rows, target.config.storage, ENGLISH)
        return exit_code_of(findings, options["poll"]) or stale

    code = once() if not options["every"] else repeated(once, options["every"] * 60, time.sleep)
    context.exit(code)


def _require_sense(context: click.Context, options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options that contradict each other."""
    if bool(options["since"]) == options["only_newest"]:
        raise click.UsageError("give either --since RELEASE or --only-newest", context)
    if options["once"] and options["every"]:
        raise click.UsageError("give either --once or --every", context)
    if options["every"] and (options["again"] or options["drop"]):
        raise click.UsageError("--again and --drop are for one look", context)
    if options["dry_run"] and options["drop"]:
        raise click.UsageError("--drop writes, and --dry-run does not", context)
    if options["export"] and options["every"]:
        raise click.UsageError("--export is for one look", context)
    if options["profile"]:
        raise click.UsageError(
            f"where scans run is said by --on: --on {options['profile']}; --profile is the name of AWS"
            " credentials, and stands among the options of the scan",
            context,
        )


def repeated(once: Callable[[], int], seconds: float, pause: Callable[[float], None]) -> int:
    """Look until the process is stopped; after a look that fails, say so and look again."""
    while True:
        try:
            once()
        except PresswatchError as error:
            click.echo(printable(f"error: {error}"), err=True)
        pause(seconds)


def _look_of(target: Watched, **options: Any) -> Look:
    from presswatch_spark.watch.claims import WatchLeases
    from presswatch_spark.watch.look import Look

    return Look(
        claims=WatchLeases(target.out, target.config.storage),
        key=target.key,
        job_of=target.job_of,
        starters=target.starter_of,
        profile=options["on"],
        ready=target.not_ready,
        published=target.published,
        # Two watchers of one process id, in two containers of one name, are two.
        holder=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        clock=lambda: datetime.now(UTC),
        lease=timedelta(minutes=options["takeover"]),
        at_once=options["at_once"],
        again=frozenset(options["again"]),
        dry_run=options["dry_run"],
    )


def _listed(
    look: Look, target: Watched, scope: Scope, findings: list[WatchReport], listed: str | None, probe: bool
) -> int:
    """Look at the releases of the scope; return 1 if the list is so old that new ones may be missing."""
    from presswatch_spark.releases.known import at_hand, current, list_uri
    from presswatch_spark.watch.scope import probed

    rules = target.config.datasets.common_crawl
    now, fresh = datetime.now(UTC), timedelta(hours=rules.index_hours)
    uri = list_uri(listed or rules.index)
    if probe:
        known = probed(at_hand(uri), now, target.not_ready)
    else:
        known = current(uri, target.config.storage, now, fresh)
    findings += map(_said, look(scope.of(known, now)))
    if not known.trouble or scope.news:
        return 0
    old = now - known.listing.noted > LIST_MAX_AGE
    word = "error" if old else "note"
    click.echo(printable(f"{word}: a newer list could not be had: {known.trouble}; {known.origin}"), err=True)
    return int(old)


LIST_MAX_AGE = timedelta(days=7)
"""With an older list a release may be missed: that is a failure, and no absence."""


def _said(finding: WatchReport) -> WatchReport:
    click.echo(printable(f"{finding.release}: {finding.said}"), err=finding.code == 1)
    return finding

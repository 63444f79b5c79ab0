"""`presswatch schedule`: a watch that AWS runs, day by day."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.commands.tables import as_json
from presswatch_spark.show import printable

if TYPE_CHECKING:
    from presswatch_spark.deploy.profiles import Profile
    from presswatch_spark.deploy.submission import Submission

DAILY = "rate(1 day)"
JOB = "watch"
WATCH = "-- WATCH-OPTION … -- SCAN-OPTION …"


@click.group()
def schedule() -> None:
    """Look for new releases on a schedule, on AWS.

    EventBridge Scheduler starts a state machine of Step Functions, which runs `presswatch watch` as a job on
    EMR and tells an SNS topic if it fails.
    """


@schedule.command()
@click.argument("name")
@click.argument("watch_options", nargs=-1, type=click.UNPROCESSED, metavar=WATCH)
@click.option("--profile", required=True, metavar="NAME", help="Where the watch runs: a profile of EMR.")
@click.option("--machine-role", required=True, metavar="ARN", help="What the state machine may do.")
@click.option("--schedule-role", required=True, metavar="ARN", help="What the scheduler may do: start it.")
@click.option("--topic", metavar="ARN", help="SNS topic that hears of failures.")
@click.option("--at", default=DAILY, show_default=True, metavar="EXPRESSION", help="rate(…) or cron(…).")
@click.option("--timezone", default="UTC", show_default=True, help="What cron(…) is meant in.")
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The archive that the watch runs from, made by `make archive`.",
)
@click.option("--dry-run", is_flag=True, help="Print the exact requests as JSON; upload and make nothing.")
def create(name: str, watch_options: tuple[str, ...], dry_run: bool, **options: Any) -> None:
    """Make the schedule NAME, or bring the one of that name to what is said here.

    Crawls appear about once a month; a look a day costs a few cents, and none is missed.

    presswatch schedule create monthly --profile emr-serverless --machine-role … --schedule-role …
    -- --only-newest -- --format wet --corpus s3://…/corpus --out s3://…/tables
    """
    from presswatch_spark.deploy.profiles import load_profile
    from presswatch_spark.deploy.starter import service_of
    from presswatch_spark.schedule.machine import machine
    from presswatch_spark.schedule.plan import Plan, account_of
    from presswatch_spark.schedule.service import Schedules
    from presswatch_spark.storage.objects import StorageOptions

    _check_watch(watch_options)
    profile = load_profile(options["profile"], os.environ)
    asked = _asked(name, watch_options, profile, options["archive"], make=not dry_run)
    partition, _ = account_of(options["machine_role"])
    plan = Plan(
        name,
        str(profile.region),
        options["at"],
        options["timezone"],
        options["machine_role"],
        options["schedule_role"],
        machine(name, service_of(asked).request(1), options["topic"], partition),
    )
    if dry_run:
        requests = {
            "uploads": [{"file": str(upload.file), "uri": upload.uri} for upload in asked.uploads],
            "create_state_machine": plan.machine_request | {"definition": plan.definition},
            "create_schedule": plan.schedule_request,
        }
        click.echo(json.dumps(requests, indent=2, ensure_ascii=False))
        return
    for upload in asked.uploads:
        upload.bring(StorageOptions(region=profile.region))
    for line in Schedules(profile.region).create(plan):
        click.echo(printable(line))


@schedule.command("list")
@as_json
@click.option("--region", metavar="NAME", help="Default: the AWS configuration's.")
def list_(as_json: bool, region: str | None) -> None:
    """List our schedules, and how the last execution of each ended."""
    from dataclasses import asdict

    from presswatch_spark.schedule.service import Schedules
    from presswatch_spark.show import json_line, table_lines, terminal_width

    rows = [asdict(listed) for listed in Schedules(region).listed()]
    columns = ("name", "state", "expression", "timezone", "last", "last_at", "machine")
    lines: Iterator[str] = (
        map(json_line, rows)
        if as_json
        else table_lines(
            columns,
            [[row[column] for column in columns] for row in rows],
            terminal_width(),
            wrapped=columns,
        )
    )
    for line in lines:
        click.echo(line)
    if not rows:
        click.echo("no schedules: make one with `presswatch schedule create`", err=True)


@schedule.command()
@click.argument("name")
@click.option("--region", metavar="NAME", help="Default: the AWS configuration's.")
def delete(name: str, region: str | None) -> None:
    """Remove the schedule NAME and its state machine. Claims, runs and tables stay."""
    from presswatch_spark.schedule.service import Schedules

    for line in Schedules(region).delete(name):
        click.echo(printable(line))


def _check_watch(watch_options: Sequence[str]) -> None:
    """Refuse options that the watch would refuse every day."""
    from presswatch_spark.commands.scan import scan
    from presswatch_spark.commands.watch import watch

    parsed = watch.make_context("presswatch watch", list(watch_options)).params
    if parsed["every"] or parsed["profile"] != "local":
        raise click.UsageError("the schedule looks again, and its job scans: leave --every and --profile out")
    if parsed["again"] or parsed["drop"]:
        raise click.UsageError("--again and --drop are for one look, not for one a day")
    scan.make_context("presswatch watch … --", list(parsed["scan_options"]))


def _asked(
    name: str, watch_options: tuple[str, ...], profile: Profile, archive: Path | None, *, make: bool
) -> Submission:
    """The watch as a job. It leaves its exit code, day by day, where no job by hand looks for its own."""
    from presswatch_spark.deploy.starter import ROOT, archive_of
    from presswatch_spark.deploy.submission import submission
    from presswatch_spark.errors import ConfigError

    if profile.service == "local":
        raise ConfigError("a schedule on AWS needs a profile of EMR", remedy="here, use cron")
    file = archive_of(profile, archive, make=make)
    return submission(JOB, watch_options, profile, file, ROOT, os.environ, token=f"schedule {name}")

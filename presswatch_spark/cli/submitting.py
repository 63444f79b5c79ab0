"""Runs or checks a job at the place of a profile: by spark-submit here, or on EMR, where it waits for it."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from presswatch_spark.cli.options import scan_settings
from presswatch_spark.cli.replies import FAILED, Reply, Table, print_lines
from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.redaction import redacted, redacted_json
from presswatch_spark.core.terminal import counted, printable
from presswatch_spark.deploy.archive import existing_archive
from presswatch_spark.deploy.check import FAULT, UNKNOWN, PlannedJob, PlannedScan, check
from presswatch_spark.deploy.emr import Service, driver_log, service_of, wait
from presswatch_spark.deploy.ledger import Ledger, Running
from presswatch_spark.deploy.profiles import Profile
from presswatch_spark.deploy.submission import ROOT, archive_of, local_command, submission
from presswatch_spark.storage.objects import StorageOptions, canonical

ERROR_LINES = 40


@dataclass(frozen=True, slots=True)
class Order:
    """A job to submit, with its file of `jobs/`, and the options of `presswatch submit`.

    Args:
        params: the job's options, as its command parsed them.
        archive: None for the archive of this checkout.
        credentials: name of the AWS profile on this machine; None for AWS's usual search.
    """

    job: str
    arguments: tuple[str, ...]
    params: Mapping[str, Any]
    profile: Profile
    archive: Path | None = None
    credentials: str | None = None
    dry_run: bool = False
    no_wait: bool = False
    again: bool = False


def run_here(order: Order, *, check: bool) -> Reply:
    """Replace this process by spark-submit, or reply: its command line (dry run), or that it can run."""
    command, variables = local_command(order.job, order.arguments, order.profile, ROOT, os.environ)
    if check:
        return Reply([f"{order.job} can run on this machine; nothing was started"])
    if order.credentials:
        variables = {**variables, "PRESSWATCH_STORAGE__PROFILE": order.credentials}
    if not order.dry_run:
        sys.stdout.flush()
        # As it replaces this process, it receives the signals and returns the exit code.
        os.execve(command[0], command, {**os.environ, **variables})
    return _unsent({"command": command, "environment": variables})


def run_elsewhere(order: Order) -> Reply:
    """Submit to EMR, wait, show the driver's log, and end with the job's exit code."""
    profile = order.profile
    archive = archive_of(profile, order.archive, make=not order.dry_run)
    asked = submission(order.job, order.arguments, profile, archive, ROOT, os.environ)
    service = service_of(asked, order.credentials)
    if order.dry_run:
        uploads = [{"file": str(upload.file), "uri": upload.uri} for upload in asked.uploads]
        return _unsent({"uploads": uploads, "request": asdict(service.request(1))})
    service.check()
    storage = StorageOptions(region=profile.region, profile=order.credentials)
    for upload in asked.uploads:
        done = "uploaded" if upload.bring(storage) else "is there already:"
        _say(f"{upload.file.name} {done} {upload.uri}")
    ledger = Ledger(service, storage, order.again)
    running = ledger.start(_say)
    _say(f"{'started' if running.ours else 'found'} {asked.name(running.attempt)}: {running.run}")
    for what, where in service.links(running.run):
        _say(f"  {what}: {where}")
    if order.no_wait:
        _say("the same command without --no-wait waits for it")
        return Reply()
    return Reply(exit_code=_attended(service, ledger, running, storage))


def check_elsewhere(order: Order) -> Reply:
    """Reply with the findings of every check of a submission, and send nothing.

    Raises:
        ConfigError: the job cannot be submitted at all, such as one whose arguments contain a secret.
    """
    job, params, profile = order.job, order.params, order.profile
    archive = order.archive or existing_archive(ROOT, ROOT / "dist", profile.archive)
    asked = submission(job, order.arguments, profile, archive or Path(os.devnull), ROOT, os.environ)
    service = service_of(asked, order.credentials)
    scan: PlannedScan | None = None
    if job == "scan":
        from presswatch_spark.cli.commands.scan import part_given

        config = scan_settings(params, params["config"])
        paths, dataset = tuple(params["paths"]), params["dataset"]
        if params["named"]:
            paths, dataset, config = part_given(params["named"], params["part"], params["mirror"], config)
        storage = replace(config.storage, region=profile.region, profile=order.credentials)
        config = replace(config, storage=storage)
        scan = PlannedScan(paths, params["base"], params["release"], dataset, config)
    named = (params.get("corpus"), params.get("tables"), params.get("folder"), params.get("out"))
    planned = PlannedJob(
        service=service,
        archive=archive,
        corpus=params.get("corpus"),
        places=[canonical(place) for place in named if place],
        scan=scan,
        credentials=order.credentials,
        today=datetime.now(UTC).date(),
    )
    results = list(check(planned))
    columns = ("point", "is", "because")
    rows = [(each.point, each.word, each.finding) for each in results]
    table = Table(columns, rows, wrapped=columns[2:])
    faults, unknown = (sum(each.word == word for each in results) for word in (FAULT, UNKNOWN))
    rest = f"; {counted(unknown, 'point')} could not be checked" if unknown else ""
    end = f"{rest}; nothing was uploaded or started"
    if faults:
        verdict = f"{job} cannot be submitted as it is: {counted(faults, 'fault')}{end}"
        return Reply([table], warnings=[verdict], exit_code=FAILED)
    return Reply([table, f"{job} can be submitted to {profile.hosts}{end}"])


def _unsent(request: Mapping[str, Any]) -> Reply:
    """Reply with an unsent request, without credentials, since others read the logs of builds."""
    return Reply(json.dumps(redacted_json(request), indent=2, ensure_ascii=False).split("\n"))


def _attended(service: Service, ledger: Ledger, running: Running, storage: StorageOptions) -> int:
    run, rules = running.run, service.asked.profile.wait
    try:
        state = wait(service, run, rules, _say)
    except (KeyboardInterrupt, PresswatchError) as stop:
        _say(
            f"stopped waiting; the job {run} continues. To follow it again, run the same command. To end it:"
        )
        for line in service.cancel_commands(run):
            _say(f"  {line}")
        if isinstance(stop, PresswatchError):
            raise
        return FAILED
    code = ledger.exit_code(running.attempt, state)
    log: Mapping[str, Sequence[str]] = {}
    # A failure to read the log does not change the job's exit code.
    try:
        if not (log := driver_log(service, run, storage, rules)):
            where = " ".join(service.log_folders(run))
            _say(f"no log arrived within {rules.log_seconds:g} s; it may appear later: {where}")
    except PresswatchError as error:
        _say(f"the log cannot be read: {error}")
    except KeyboardInterrupt:
        _say("stopped waiting for the log")
    print_lines(map(printable, log.get("stdout", ())))
    if code:
        for line in log.get("stderr", ())[-ERROR_LINES:]:
            _say(line)
    reason = f" ({state.reason})" if state.reason else ""
    _say(f"{service.asked.job} {run}: {state.word}, exit code {code}{reason}")
    return code


def _say(line: str) -> None:
    click.echo(printable(redacted(line)), err=True)

"""`presswatch submit`: run a command of `presswatch` as a job, by spark-submit here or on EMR."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.commands.scan import plan_of_command
from presswatch_spark.cli.options import argument, flag, given_settings, option, refuse, scan_settings
from presswatch_spark.cli.replies import FAILED, Reply, ReplyForm, Table, command, print_lines, tell
from presswatch_spark.core.errors import ConfigError, PresswatchError
from presswatch_spark.core.redaction import redacted_json
from presswatch_spark.core.settings.config import load_scan_config
from presswatch_spark.core.terminal import counted, printable

if TYPE_CHECKING:
    from presswatch_spark.deploy.emr import Service
    from presswatch_spark.deploy.ledger import Ledger, Running
    from presswatch_spark.deploy.profiles import Profile

JOBS: Mapping[str, str] = {re.sub(r"\W", "_", command): command for command in (
    "scan", "watch", "campaign run", "census", "corpus build", "compare", "rights", "claims", "verify-rows",
)}  # fmt: skip
"""Files of `jobs/`, without suffix, and the command that each runs."""
ERROR_LINES = 40

Params = Mapping[str, Any]
"""The options and arguments of a job, as its command parsed them."""


@command("submit", storage=False, context_settings={"allow_interspersed_args": False})
def submit(
    form: ReplyForm,
    target: str | None = option("--on", "TARGET", "Profile (local, emr-ec2, emr-serverless) or YAML file."),
    credentials: str | None = option("--profile", "NAME", "AWS profile for credentials on this machine."),
    check: bool = flag("--check", "Report obstacles and their remedies; start nothing."),
    dry_run: bool = flag("--dry-run", "Print the exact requests as JSON; start and upload nothing."),
    no_wait: bool = flag("--no-wait", "Start the job and return; the same command later waits for it."),
    again: bool = flag("--again", "Run a finished job once more."),
    archive: Path | None = option(
        "--archive",
        "FILE",
        "Archive of the code; by default built, unless dist/ has it.",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    words: tuple[str, ...] = argument("JOB [OPTION OF THE JOB …]", nargs=-1, type=click.UNPROCESSED),
) -> Reply:
    """Run a job elsewhere, and exit with the job's exit code.

    JOB is a command of presswatch: scan, watch, campaign run, census, corpus build, compare, rights, claims
    or verify-rows, with its options after it. If you repeat the command, EMR runs no second job: the
    command waits for the first one, or shows how it ended. A failed job is started again.

    \b
    presswatch submit --on local scan --corpus corpus --out tables shards/
    """
    if target is None:
        targets = "--on local, --on emr-ec2, --on emr-serverless, or --on FILE.yaml"
        raise click.UsageError(f"choose where the job runs, before the job: {targets}")
    refuse(not words, "pass a JOB, and after it the job's options")
    refuse(check and dry_run, "pass either --check or --dry-run")
    job, arguments, params = _parsed(click.get_current_context(), words)

    from presswatch_spark.deploy import archive as archives
    from presswatch_spark.deploy import submission
    from presswatch_spark.deploy.profiles import load_profile

    profile = load_profile(target, os.environ)
    if profile.service == "local":
        is_remote = no_wait or again or archive
        refuse(is_remote, "--no-wait, --again and --archive are only for jobs on other hosts")
        request, variables = submission.local_command(job, arguments, profile, os.environ)
        if check:
            return Reply([f"{job} can run on this machine; nothing was started"])
        if credentials:
            variables = {**variables, "PRESSWATCH_STORAGE__PROFILE": credentials}
        if not dry_run:
            sys.stdout.flush()
            # As it replaces this process, it receives the signals and returns the exit code.
            os.execve(request[0], request, {**os.environ, **variables})
        return _unsent({"command": request, "environment": variables})

    from presswatch_spark.deploy.emr import ATTEMPTS, service_of

    _require_shared(params, profile)
    if archive is None:
        get_archive = archives.existing_archive if check or dry_run else archives.archive_for
        archive = get_archive(archives.ROOT, archives.DIST, profile.archive)
    if archive and not check:
        archives.check_archive(archive, archives.NEEDED)
    asked = submission.submission(job, arguments, profile, archive, os.environ)
    service = service_of(asked, credentials, attempts=1 if check else ATTEMPTS)
    if check:
        return _check(service, archive, params)
    if dry_run:
        if archive is None:
            tell(f"there is no archive yet: {submission.NO_ARCHIVE} is written for its SHA-256")
        call = {"service": service.service, "operation": service.operation}
        uploads = [{"file": str(upload.file), "uri": upload.uri} for upload in asked.uploads]
        return _unsent({"uploads": uploads, "request": {**call, "parameters": service.parameters(1)}})
    return Reply(exit_code=_run(service, again=again, no_wait=no_wait))


def _parsed(context: click.Context, words: Sequence[str]) -> tuple[str, tuple[str, ...], Params]:
    """Return a job's file of `jobs/`, its arguments, and the parameters parsed from them."""
    from presswatch_spark.cli.campaigns_and_watches import watched_scan

    # The name of a job's file also names the job, since schedules may use it.
    spellings = [(name, spelt) for name, command in JOBS.items() for spelt in (command.split(), [name])]
    named = next((each for each in spellings if list(words[: len(each[1])]) == each[1]), None)
    if named is None:
        known = ", ".join(sorted(JOBS.values()))
        raise ConfigError(f"there is no job {words[0]}", remedy=f"choose one of {known}")
    name, arguments = named[0], tuple(words[len(named[1]) :])
    root = context.find_root()
    command: click.Command = root.command
    for word in JOBS[name].split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
    try:
        params = command.make_context(JOBS[name], list(arguments), parent=root).params
    except click.NoSuchOption as error:
        if any(error.option_name in parameter.opts for parameter in submit.params):
            raise click.UsageError(
                f"{error.option_name} is an option of submit: write it before {JOBS[name]}", error.ctx
            ) from error
        raise
    load_scan_config(flags=given_settings(params))
    if scan_options := params.get("scan_options"):
        watched_scan(scan_options, params["news"])
    return name, arguments, params


def _require_shared(params: Params, profile: Profile) -> None:
    """Raise `ConfigError` for a place of a job that its hosts cannot reach, or that ends with the job."""
    from presswatch_spark.deploy.submission import check_shared

    places = {
        "TABLES": [params.get("tables")],
        "CAMPAIGN": [params.get("folder")],
        "PATH": params.get("paths", ()),
    }
    for kind, uris in places.items():
        for uri in filter(None, uris):
            check_shared(kind, uri)
    out = params.get("out")
    if profile.service == "emr-serverless" and out and out.startswith("/"):
        what = f"--out {out} is on a disk that ends with the job"
        raise ConfigError(what, where="command line", remedy="choose a folder on S3")


def _check(service: Service, archive: Path | None, params: Params) -> Reply:
    """Reply with the findings of every check of a submission, and send nothing."""
    from presswatch_spark.deploy.check import FAULT, UNKNOWN, PlannedJob, check
    from presswatch_spark.storage.objects import canonical

    job, corpus = service.asked.job, params.get("corpus")
    places = (corpus, params.get("tables"), params.get("folder"), params.get("out"))
    own, plan = service.storage, None
    if job == "scan":
        config = scan_settings(params, params["config"])
        storage = replace(config.storage, region=own.region, profile=own.profile)
        plan = partial(plan_of_command, params, replace(config, storage=storage))
    planned = PlannedJob(service, archive, corpus, [canonical(place) for place in places if place], plan)
    rows = list(check(planned, tell))
    columns = ("point", "is", "because")
    table = Table(columns, rows, wrapped=columns[2:])
    faults, unknown = (sum(word == counted_word for _, word, _ in rows) for counted_word in (FAULT, UNKNOWN))
    rest = f"; {counted(unknown, 'point')} could not be checked" if unknown else ""
    end = f"{rest}; nothing was uploaded or started"
    if faults:
        verdict = f"{job} cannot be submitted as it is: {counted(faults, 'fault')}{end}"
        return Reply([table], warnings=[verdict], exit_code=FAILED)
    return Reply([table, f"{job} can be submitted to {service.asked.profile.hosts}{end}"])


def _unsent(request: Mapping[str, Any]) -> Reply:
    """Reply with an unsent request, without credentials, since others read the logs of builds."""
    return Reply(json.dumps(redacted_json(request), indent=2, ensure_ascii=False).split("\n"))


def _run(service: Service, *, again: bool, no_wait: bool) -> int:
    """Submit to EMR, wait, show the driver's log, and return the job's exit code."""
    from presswatch_spark.deploy.ledger import Ledger

    service.check()
    asked = service.asked
    for upload in asked.uploads:
        done = "uploaded" if upload.bring(service.storage) else "is there already:"
        tell(f"{upload.file.name} {done} {upload.uri}")
    ledger = Ledger(service, again)
    running = ledger.start(tell)
    tell(f"{'started' if running.ours else 'found'} {asked.name(running.attempt)}: {running.run}")
    for what, where in service.links(running.run):
        tell(f"  {what}: {where}")
    if no_wait:
        tell("the same command without --no-wait waits for it")
        return 0
    return _wait_for_exit_code(service, ledger, running)


def _wait_for_exit_code(service: Service, ledger: Ledger, running: Running) -> int:
    from presswatch_spark.deploy import emr

    run = running.run
    try:
        state = emr.wait(service, run, tell)
    except (KeyboardInterrupt, PresswatchError) as stop:
        tell(
            f"stopped waiting; the job {run} continues. To follow it again, run the same command. To end it:"
        )
        for line in service.cancel_commands(run):
            tell(f"  {line}")
        if isinstance(stop, PresswatchError):
            raise
        return FAILED
    code = ledger.exit_code(running.attempt, state)
    log: Mapping[str, Sequence[str]] = {}
    # A failure to read the log does not change the job's exit code.
    try:
        if not (log := emr.driver_log(service, run)):
            where = " ".join(service.log_folders(run))
            seconds = service.asked.profile.wait.log_seconds
            tell(f"no log arrived within {seconds:g} s; it may appear later: {where}")
    except PresswatchError as error:
        tell(f"the log cannot be read: {error}")
    except KeyboardInterrupt:
        tell("stopped waiting for the log")
    print_lines(map(printable, log.get("stdout", ())))
    if code:
        for line in log.get("stderr", ())[-ERROR_LINES:]:
            tell(line)
    reason = f" ({state.reason})" if state.reason else ""
    tell(f"{service.asked.job} {run}: {state.word}, exit code {code}{reason}")
    return code

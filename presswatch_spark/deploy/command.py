"""`scripts/submit.sh JOB --profile NAME …`: the command, from its arguments to the job's exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import click

from presswatch_spark.deploy.ledger import Ledger, Running
from presswatch_spark.deploy.local import local_command
from presswatch_spark.deploy.logs import driver_log
from presswatch_spark.deploy.profiles import Profile, load_profile
from presswatch_spark.deploy.services import Service
from presswatch_spark.deploy.starter import ROOT, archive_of, service_of
from presswatch_spark.deploy.submission import Submission, submission
from presswatch_spark.deploy.waiting import wait
from presswatch_spark.errors import PresswatchError
from presswatch_spark.exits import FAILED, outcome
from presswatch_spark.show import printable
from presswatch_spark.storage.objects import StorageOptions

ERROR_LINES = 40
TAKES_VALUE = ("--profile", "--archive")
FLAGS = ("--dry-run", "--no-wait", "--again")
HELP = ("-h", "--help")


@dataclass(frozen=True, slots=True)
class How:
    """How to submit: see the options of `main`."""

    dry_run: bool
    no_wait: bool
    again: bool
    archive: Path | None


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("job", metavar="JOB")
@click.option("--profile", required=True, metavar="NAME", help="A profile of conf/profiles, or a YAML file.")
@click.option("--dry-run", is_flag=True, help="Print the exact requests as JSON; start and upload nothing.")
@click.option("--no-wait", is_flag=True, help="Start the job and leave. The same command later waits for it.")
@click.option("--again", is_flag=True, help="Run a job that has done its work once more.")
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The archive to run from, made by `make archive`. Default: one of this checkout, made if need be.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[JOB OPTIONS …]")
@click.pass_context
def command(
    context: click.Context, /, job: str, profile: str, options: tuple[str, ...], **how: object
) -> None:
    """Run JOB (a file of jobs/: scan, watch, census, corpus_build) by a profile; end with its exit code.

    These options come first; all that follows them is the job's.

    The same command twice starts one job: the second waits for it, or tells how it ended. After a failure, it
    starts the job again.
    """
    chosen = load_profile(profile, os.environ)
    asked = How(**how)  # type: ignore[arg-type]
    if chosen.service == "local":
        context.exit(_run_here(job, options, chosen, asked))
    context.exit(_submit(job, options, chosen, asked))


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    ours, options = split(arguments)
    return outcome(command, "submit.sh", [*ours, "--", *options], "stopped")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The job with our options, and the job's own, which begin with the first that is none of ours.

    A job may have options with the names of ours (`presswatch scan --profile`); and its help is its own.
    """
    rest = list(arguments)
    ours = [rest.pop(0)] if rest and not rest[0].startswith("-") else []
    while rest:
        name, equals, _ = rest[0].partition("=")
        given = {part.partition("=")[0] for part in ours}
        known = (*FLAGS, *TAKES_VALUE, *(() if "--profile" in given else HELP))
        if name not in known or name in given:
            break
        taken = 2 if name in TAKES_VALUE and not equals else 1
        ours += rest[:taken]
        rest = rest[taken:]
    return ours, rest[1:] if rest[:1] == ["--"] else rest


def _run_here(job: str, options: Sequence[str], profile: Profile, how: How) -> int:
    """Become spark-submit, or say what that would be."""
    if how.no_wait or how.again or how.archive:
        raise click.UsageError("--no-wait, --again and --archive are for jobs that run elsewhere")
    run, variables = local_command(job, options, profile, ROOT, os.environ)
    if how.dry_run:
        click.echo(json.dumps({"command": run, "environment": variables}, indent=2, ensure_ascii=False))
        return 0
    return _become(run, {**os.environ, **variables})


def _become(run: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Let another program take this process's place: signals and exit code are its own."""
    sys.stdout.flush()
    os.execve(run[0], run, environment)


def _submit(job: str, options: Sequence[str], profile: Profile, how: How) -> int:
    """Submit to EMR, wait, and bring back what there is to know."""
    archive = archive_of(profile, how.archive, make=not how.dry_run)
    asked = submission(job, options, profile, archive, ROOT, os.environ)
    service = service_of(asked)
    if how.dry_run:
        click.echo(json.dumps(would_send(asked, service), indent=2, ensure_ascii=False))
        return 0
    service.check()
    storage = StorageOptions(region=profile.region)
    for upload in asked.uploads:
        done = "uploaded" if upload.bring(storage) else "is there already:"
        _say(f"{upload.file.name} {done} {upload.uri}")
    ledger = Ledger(service, storage, how.again)
    running = ledger.start(_say)
    _say(f"{'started' if running.ours else 'found'} {asked.name(running.attempt)}: {running.run}")
    for what, where in service.links(running.run):
        _say(f"  {what}: {where}")
    if how.no_wait:
        _say("the same command without --no-wait waits for it")
        return 0
    return _attended(service, ledger, running, storage)


def would_send(asked: Submission, service: Service) -> Mapping[str, object]:
    """What a first attempt uploads and requests."""
    uploads = [{"file": str(upload.file), "uri": upload.uri} for upload in asked.uploads]
    return {"uploads": uploads, "request": asdict(service.request(1))}


def _attended(service: Service, ledger: Ledger, running: Running, storage: StorageOptions) -> int:
    """Wait for a job, show its log, and return its exit code."""
    run, rules = running.run, service.asked.profile.wait
    progress = _Progress()
    try:
        state = wait(service, run, rules, progress)
    except (KeyboardInterrupt, PresswatchError) as stop:
        progress.end()
        _say(f"stopped waiting; the job {run} goes on. To look again, give the same command. To end it:")
        for line in service.cancel_commands(run):
            _say(f"  {line}")
        if isinstance(stop, PresswatchError):
            raise
        return FAILED
    progress.end()
    code = ledger.exit_code(running.attempt, state)
    log = _log_of(service, run, storage)
    for line in log.get("stdout", ()):
        click.echo(printable(line))
    if code:
        for line in log.get("stderr", ())[-ERROR_LINES:]:
            _say(line)
    reason = f" ({state.reason})" if state.reason else ""
    _say(f"{service.asked.job} {run}: {state.word}, exit code {code}{reason}")
    return code


def _log_of(service: Service, run: str, storage: StorageOptions) -> Mapping[str, Sequence[str]]:
    """The log of a job that has ended. That it cannot be had is said, and changes nothing of how it ended."""
    rules = service.asked.profile.wait
    try:
        if log := driver_log(service, run, storage, rules):
            return log
        where = " ".join(service.log_folders(run))
        _say(f"no log came within {rules.log_seconds:g} s; it may still: {where}")
    except PresswatchError as error:
        _say(f"the log cannot be read: {error}")
    except KeyboardInterrupt:
        _say("stopped waiting for the log")
    return {}


class _Progress:
    """One line on a terminal; elsewhere a line whenever the state changes."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.last = ""

    def __call__(self, line: str) -> None:
        state = line.partition(",")[0]
        if self.live:
            click.echo(f"\r\x1b[K{printable(line)}", err=True, nl=False)
        elif state != self.last:
            _say(line)
        self.last = state

    def end(self) -> None:
        if self.live and self.last:
            click.echo(err=True)
        self.last = ""


def _say(line: str) -> None:
    click.echo(printable(line), err=True)

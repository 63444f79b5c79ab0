"""`presswatch submit`: runs a command of `presswatch` as a job, by spark-submit here or on EMR."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from presswatch_spark.cli.options import given_settings
from presswatch_spark.errors import ConfigError

JOBS: Mapping[str, str] = {
    "scan": "scan",
    "watch": "watch",
    "campaign_run": "campaign run",
    "census": "census",
    "corpus_build": "corpus build",
    "compare": "compare",
    "rights": "rights",
    "claims": "claims",
    "verify_rows": "verify-rows",
}
"""Files of `jobs/`, without suffix, and the command that each runs."""


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--on",
    "target",
    metavar="TARGET",
    help="Where it runs: a profile of conf/profiles (local, emr-ec2, emr-serverless …), or a YAML file.",
)
@click.option(
    "--profile",
    "credentials",
    metavar="NAME",
    help="AWS profile to take credentials from, on this machine; on EMR, the job has the role of its hosts.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Say what could keep it from running, and what to do; start and upload nothing.",
)
@click.option("--dry-run", is_flag=True, help="Print the exact requests as JSON; start and upload nothing.")
@click.option("--no-wait", is_flag=True, help="Start the job and leave. The same command later waits for it.")
@click.option("--again", is_flag=True, help="Run a job that has done its work once more.")
@click.option(
    "--archive",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The archive to run from, made by `make archive`. Default: one of this checkout, made if need be.",
)
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="JOB [OPTION OF THE JOB …]")
@click.pass_context
def submit(
    context: click.Context, /, target: str | None, words: tuple[str, ...], check: bool, **how: Any
) -> None:
    """Run JOB where --on says, wait for it, and end with its exit code.

    JOB is a command of presswatch: scan, watch, campaign run, census, corpus build, compare, rights, claims
    or verify-rows.
    What follows it are the job's options, which are parsed here before anything is sent.

    The same command twice starts one job on EMR: the second waits for it, or says how it ended. After a
    failure, it starts the job again.

    \b
    presswatch submit --on local scan --corpus corpus --out tables shards/
    """
    if target is None:
        targets = "--on local, --on emr-ec2, --on emr-serverless, or --on FILE.yaml"
        raise click.UsageError(f"name the place where the job runs, before the job: {targets}", context)
    if not words:
        raise click.UsageError("name a JOB, and after it the job's options", context)
    if check and how["dry_run"]:
        raise click.UsageError("give either --check or --dry-run", context)
    asked = parsed(context, words)

    from presswatch_spark.cli import submitting as running
    from presswatch_spark.deploy.profiles import load_profile

    profile, wanted = load_profile(target, os.environ), running.How(**how)
    job = (asked.name, asked.arguments, profile)
    if profile.service == "local":
        if wanted.no_wait or wanted.again or wanted.archive:
            raise click.UsageError(
                "--no-wait, --again and --archive are for jobs that run elsewhere", context
            )
        context.exit(running.run_here(*job, wanted, check=check))
    asked.check_places(profile.service)
    if check:
        context.exit(running.check_elsewhere(*job, wanted, asked.params))
    context.exit(running.run_elsewhere(*job, wanted))


@dataclass(frozen=True, slots=True)
class SubmittedJob:
    """A requested job: its file of `jobs/`, its arguments, and the parameters that its command parsed."""

    name: str
    arguments: tuple[str, ...]
    params: Mapping[str, Any]

    def check_places(self, service: str) -> None:
        """Raise `ConfigError` for places that hosts of a service do not see, or that end with the job."""
        from presswatch_spark.deploy.submission import check_shared

        for name, place in (("TABLES", "tables"), ("CAMPAIGN", "folder")):
            if self.params.get(place):
                check_shared(name, self.params[place])
        for path in self.params.get("paths", ()):
            check_shared("PATH", path)
        out = self.params.get("out")
        if service == "emr-serverless" and out and out.startswith("/"):
            raise ConfigError(
                f"--out {out} lies on a disk that ends with the job",
                where="command line",
                remedy="name a folder on S3",
            )


def parsed(context: click.Context, words: Sequence[str]) -> SubmittedJob:
    """Return the job that `words` ask for, parsed by its own command.

    Raises:
        UsageError: they are no arguments of that command.
        ConfigError: there is no such job, or a setting is wrong.
    """
    from presswatch_spark.cli.campaigning import watched_scan

    name, arguments = _job_of(words)
    root = context.find_root()
    command: click.Command = root.command
    for word in JOBS[name].split():
        assert isinstance(command, click.Group)
        command = command.commands[word]
    try:
        job = command.make_context(JOBS[name], list(arguments), parent=root)
    except click.NoSuchOption as error:
        if any(error.option_name in parameter.opts for parameter in submit.params):
            raise click.UsageError(
                f"{error.option_name} is an option of submit: write it before {JOBS[name]}", error.ctx
            ) from error
        raise
    given_settings(job.params)
    if scan_options := job.params.get("scan_options"):
        watched_scan(job, scan_options, job.params["news"])
    return SubmittedJob(name, arguments, job.params)


def _job_of(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the name of the job that `words` begin with, and the other words."""
    for name, command in JOBS.items():
        # By the name of its file, too: schedules may know it by that.
        for spelt in (command.split(), [name]):
            if list(words[: len(spelt)]) == spelt:
                return name, tuple(words[len(spelt) :])
    raise ConfigError(f"there is no job {words[0]}", remedy=f"name one of {', '.join(sorted(JOBS.values()))}")

"""`presswatch submit`: run a command of `presswatch` as a job, by spark-submit here or on EMR."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from presswatch_spark.cli.options import argument, flag, given_settings, option
from presswatch_spark.cli.replies import Reply, ReplyForm, command
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import load_scan_config

COMMANDS = (
    "scan", "watch", "campaign run", "census", "corpus build", "compare", "rights", "claims", "verify-rows",
)  # fmt: skip
JOBS: Mapping[str, str] = {re.sub(r"\W", "_", command): command for command in COMMANDS}
"""Files of `jobs/`, without suffix, and the command that each runs."""


@command("submit", storage=False, context_settings={"allow_interspersed_args": False})
def submit(
    *,
    target: str | None = option("--on", "TARGET", "Profile (local, emr-ec2, emr-serverless) or YAML file."),
    credentials: str | None = option("--profile", "NAME", "AWS profile for credentials on this machine."),
    check: bool = flag("--check", "Report obstacles and their remedies; start nothing."),
    dry_run: bool = flag("--dry-run", "Print the exact requests as JSON; start and upload nothing."),
    no_wait: bool = flag("--no-wait", "Start the job and return; the same command later waits for it."),
    again: bool = flag("--again", "Run a finished job once more."),
    archive: Path | None = option(
        "--archive",
        "FILE",
        "Archive of the code, from `make archive`. Default: the archive of this checkout.",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
    ),
    words: tuple[str, ...] = argument("JOB [OPTION OF THE JOB …]", nargs=-1, type=click.UNPROCESSED),
    form: ReplyForm,
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
    if not words:
        raise click.UsageError("pass a JOB, and after it the job's options")
    if check and dry_run:
        raise click.UsageError("pass either --check or --dry-run")
    name, arguments, params = _parsed(click.get_current_context(), words)

    from presswatch_spark.cli.submitting import Order, check_elsewhere, run_elsewhere, run_here
    from presswatch_spark.deploy.profiles import load_profile
    from presswatch_spark.deploy.submission import check_shared

    profile = load_profile(target, os.environ)
    order = Order(name, arguments, params, profile, archive, credentials, dry_run, no_wait, again)
    if profile.service == "local":
        if no_wait or again or archive:
            raise click.UsageError("--no-wait, --again and --archive are only for jobs on other hosts")
        return run_here(order, check=check)
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
    return check_elsewhere(order) if check else run_elsewhere(order)


def _parsed(context: click.Context, words: Sequence[str]) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
    """Return a job's file of `jobs/`, its arguments, and the parameters parsed from them."""
    from presswatch_spark.cli.campaigning import watched_scan

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

"""Options that choose claims, the same wherever claims are chosen."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from presswatch_spark.judgement.grading import CONFIDENCES

Command = TypeVar("Command", bound=Callable[..., Any])


def claim_options(command: Command) -> Command:
    """Give a command `--claims`, `--rows` and `--confidence` (as `confidences`); see `require_one_choice`."""
    for option in (
        click.option(
            "--confidence",
            "confidences",
            type=click.Choice(CONFIDENCES),
            multiple=True,
            help="Claims of these letters. Repeatable. Default: A and B.",
        ),
        click.option("--rows", metavar="FILE", help="Claims by row_sha256: one a line, CSV or JSONL."),
        click.option("--claims", metavar="DIR", help="Folder of the table `claims`. Default: TABLES."),
    ):
        command = option(command)
    return command


def require_one_choice(rows: str | None, confidences: tuple[str, ...]) -> None:
    """Raise a usage error if claims are chosen in two ways."""
    if rows and confidences:
        raise click.UsageError("give --rows or --confidence")

"""The command line `presswatch`: it parses, calls and prints."""

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pkgutil import iter_modules

import click

from presswatch_spark.cli import commands
from presswatch_spark.cli.exits import outcome
from presswatch_spark.cli.options import tell
from presswatch_spark.monitoring.throttled import throttling_reported
from presswatch_spark.show import printable
from presswatch_spark.version import __version__

STOPPED = (
    "stopped (a scan or census that `presswatch runs` does not list as finished goes on where it was when the"
    " same command is given again)"
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="presswatch")
def cli() -> None:
    """Find every copied passage of member press articles in Common Crawl, C4 and OSCAR.

    Build a corpus from the members' articles, scan shards with it, then read the tables.
    """


def _commands() -> Iterator[click.Command]:
    """Yield the commands that the modules of `commands/` define, but those that belong to a group there."""
    for module in iter_modules(commands.__path__, f"{commands.__name__}."):
        values = vars(import_module(module.name)).values()
        here = [value for value in values if isinstance(value, click.Command)]
        groups = (value for value in here if isinstance(value, click.Group))
        below = [command for group in groups for command in group.commands.values()]
        yield from (command for command in here if command not in below)


for command in _commands():
    cli.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch`; returns its exit code."""
    with throttling_reported(lambda waiting: tell(printable(str(waiting)))):
        return outcome(cli, "presswatch", arguments, STOPPED)

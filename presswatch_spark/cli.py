"""`presswatch`: the command line. It parses, calls, prints, and turns every outcome into an exit code.

Exit codes: 0 done; 1 failed, with a message; 2 usage; 3 done, but some shards failed or were partial.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from presswatch_spark import __version__
from presswatch_spark.commands.census import census
from presswatch_spark.commands.compare import compare
from presswatch_spark.commands.corpus import corpus
from presswatch_spark.commands.demo import demo
from presswatch_spark.commands.estimate import estimate
from presswatch_spark.commands.pointers import fetch, verify_rows
from presswatch_spark.commands.releases import releases
from presswatch_spark.commands.rights import rights
from presswatch_spark.commands.scan import scan
from presswatch_spark.commands.schedule import schedule
from presswatch_spark.commands.tables import matches, runs, sql
from presswatch_spark.commands.watch import watch
from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.events import ToldError, ToldInterrupt
from presswatch_spark.show import printable

FAILED = 1
STOPPED = "stopped (a scan or census goes on where it was when the same command is given again)"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="presswatch")
def cli() -> None:
    """Find every copied passage of member press articles in Common Crawl, C4 and OSCAR.

    Build a corpus from the members' articles, scan shards with it, then read the tables.
    """


for command in (
    corpus,
    releases,
    scan,
    census,
    runs,
    matches,
    sql,
    estimate,
    compare,
    rights,
    fetch,
    verify_rows,
    watch,
    schedule,
    demo,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch`; returns its exit code."""
    return outcome(cli, "presswatch", arguments, STOPPED)


def outcome(command: click.Command, name: str, arguments: Sequence[str], stopped: str) -> int:
    """Run a command; returns its exit code. `stopped` is what Ctrl-C says."""
    try:
        return ended(command, name, arguments)
    except ToldInterrupt:
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        return _failed(stopped)


def ended(command: click.Command, name: str, arguments: Sequence[str]) -> int:
    """The same, but whoever stops the process stops the caller, too (`KeyboardInterrupt`).

    No error that a user can cause shows a traceback.
    """
    try:
        with command.make_context(name, list(arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ToldError:
        return FAILED
    except PresswatchError as error:
        return _failed(str(error))
    except BrokenPipeError:
        # The reader of our output has seen enough; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}")
    return 0


def _failed(message: str) -> int:
    # Names of files and shards were chosen by others.
    for line in f"error: {message}".split("\n"):
        click.echo(printable(line), err=True)
    return FAILED

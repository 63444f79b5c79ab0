"""`presswatch`: the command line. It parses, calls, prints, and turns every outcome into an exit code.

Exit codes: 0 done; 1 failed, with a message; 2 usage; 3 done, but some shards failed or were partial.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

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
from presswatch_spark.events import ToldError, ToldInterrupt
from presswatch_spark.show import printable

FAILED = 1
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
    code = outcome(cli, "presswatch", arguments, STOPPED)
    _is_gone(sys.stderr)
    return code


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
    code = 0
    try:
        try:
            with command.make_context(name, list(arguments)) as context:
                command.invoke(context)
        except click.exceptions.Exit as exit_:
            code = exit_.exit_code
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ToldError:
        return FAILED
    except PresswatchError as error:
        return _failed(str(error))
    except OSError as error:
        # The reader of our output who leaves has seen enough. The end of any other pipe is a failure.
        if isinstance(error, BrokenPipeError) and _is_gone(sys.stdout):
            return code
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}")
    return code


def _is_gone(stream: TextIO) -> bool:
    """Whether the reader of a stream has gone; what Python would flush at its end then goes nowhere."""
    try:
        handle, states = stream.fileno(), select.poll()
    except OSError:  # it is no file
        return False
    states.register(handle, 0)
    if gone := bool(states.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
    return gone


def _failed(message: str) -> int:
    # Whoever does not read it has the exit code all the same.
    with suppress(BrokenPipeError):
        # Names of files and shards were chosen by others.
        for line in f"error: {message}".split("\n"):
            click.echo(printable(line), err=True)
    return FAILED

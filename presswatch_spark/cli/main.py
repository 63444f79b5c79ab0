"""The command line `presswatch`: runs a command, and turns every outcome into an exit code and a line.

Exit codes: 0 done; 1 failed, with a message; 2 usage; 3 done, but some shards failed or were partial.
"""

import os
import select
import sys
from collections import UserDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import StringIO
from typing import Any, TextIO

import click

from presswatch_spark.cli import commands
from presswatch_spark.cli.replies import FAILED, tell
from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.progress import LoggedError, LoggedInterrupt
from presswatch_spark.redaction import redacted
from presswatch_spark.storage.host_limits import ask_anew, waits_reported
from presswatch_spark.terminal import printable
from presswatch_spark.version import __version__

STOPPED = "stopped (a scan or census that is not finished resumes when the same command is given again)"
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Scan": {
        "corpus": "corpus", "releases": "releases", "datasets": "releases", "scan": "scan",
        "census": "census", "campaign": "campaign", "watch": "campaign", "submit": "submit",
    },
    "Read the tables": {
        "runs": "tables", "matches": "matches", "explain": "matches", "sql": "tables", "estimate": "tables",
        "compare": "compare", "rights": "rights", "exposure": "rights", "report": "claims",
        "catalog": "tables",
    },
    "Act on copies": {
        "claims": "claims", "review": "claims", "removal": "removal", "evidence": "evidence",
        "notice": "notice",
    },
    "Check and maintain": {
        "verify-rows": "maintenance", "fetch": "maintenance", "forget": "maintenance", "demo": "maintenance",
    },
}  # fmt: skip
"""Commands by purpose, each with its module in `commands`, where it has its name with `_` for `-`."""
NAME_WIDTH = len("verify-rows")


class _Commands(UserDict[str, Any]):
    """Commands by name, each imported when it is looked up: importing all takes a fifth of a second."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"{commands.__name__}.{self.data[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command


class _Presswatch(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by purpose."""
        limit = formatter.width - 6 - NAME_WIDTH
        for section, names in SECTIONS.items():
            with formatter.section(section):
                summaries = {name: self.commands[name].get_short_help_str(limit) for name in names}
                formatter.write_dl([(f"{name:{NAME_WIDTH}}", text) for name, text in summaries.items()])


@click.group(
    cls=_Presswatch,
    commands=_Commands({name: each for names in SECTIONS.values() for name, each in names.items()}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="presswatch")
def cli() -> None:
    """Find every copied passage of member press articles in Common Crawl, C4 and OSCAR.

    Build a corpus from the members' articles, scan shards with it, then read the tables.
    """


def main() -> None:
    """Entry point of the console script."""
    # NumPy's OpenBLAS starts a thread for each core when it is loaded, which takes 0.05 s. Nothing here needs
    # them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch`; returns its exit code."""
    ask_anew()
    with waits_reported(lambda waiting: tell(printable(str(waiting)))):
        code = _ended(arguments)
    _is_gone(sys.stderr)
    return code


def _ended(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. No error that a user can cause shows a traceback."""
    code = 0
    try:
        try:
            # The command finds its command line as `context.obj`.
            with cli.make_context("presswatch", list(arguments), obj=("presswatch", *arguments)) as context:
                cli.invoke(context)
        except click.exceptions.Exit as exit_:
            code = exit_.exit_code
        sys.stdout.flush()
    except (LoggedError, LoggedInterrupt):
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        return _failed(STOPPED)
    except click.ClickException as error:
        usage = error.ctx if isinstance(error, click.UsageError) else None
        if usage is not None and "unexpected extra argument" in error.message:
            # The command line may have tried to give an option several values.
            names = [word.partition("=")[0] for word in arguments]
            options = [each for each in usage.command.params if isinstance(each, click.Option)]
            given = [name for each in options if each.multiple for name in each.opts if name in names]
            advice = "".join(
                f"\n{name} takes one value: for several, give {name} A {name} B." for name in given
            )
            error = click.UsageError(error.message + advice, usage)
        shown = StringIO()
        error.show(shown)
        click.echo(redacted(shown.getvalue()), err=True, nl=False)
        return error.exit_code
    except PresswatchError as error:
        return _failed(str(error))
    except getattr(sys.modules.get("py4j.protocol"), "Py4JError", ()):
        remedy = "see whether this machine ran out of memory, and give the same command again"
        return _failed(f"Spark's Java ended before the command did ({remedy})")
    except OSError as error:
        # A reader of our output who leaves has seen enough. The end of any other pipe is a failure.
        if isinstance(error, BrokenPipeError) and _is_gone(sys.stdout):
            return code
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}")
    return code


def _is_gone(stream: TextIO) -> bool:
    """Return whether the reader of a stream has gone; if so, later output goes nowhere."""
    try:
        handle, states = stream.fileno(), select.poll()
    except OSError:  # it is no file
        return False
    states.register(handle, 0)
    if gone := bool(states.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
    return gone


def _failed(message: str) -> int:
    # A caller that does not read the message has the exit code.
    with suppress(BrokenPipeError):
        # Others chose the names of files and shards.
        for line in redacted(f"error: {message}").split("\n"):
            click.echo(printable(line), err=True)
    return FAILED

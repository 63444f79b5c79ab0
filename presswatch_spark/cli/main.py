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
from presswatch_spark.core.errors import FULL_DISK, PresswatchError, disk_full
from presswatch_spark.core.redaction import redacted
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import printable
from presswatch_spark.core.version import __version__
from presswatch_spark.scanning.monitoring.progress import LoggedError, LoggedInterrupt
from presswatch_spark.storage.host_limits import forget_hosts, waits_reported

STOPPED = "stopped (a scan or census that is not finished resumes when the same command is given again)"
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Prepare": {
        "demo": "maintenance", "doctor": "maintenance", "corpus": "corpus", "releases": "releases",
        "datasets": "releases",
    },
    "Find copies": {
        "scan": "scan", "inspect": "scan", "verify-candidates": "scan", "census": "census",
        "campaign": "campaign", "watch": "campaign",
    },
    "Read the tables": {
        "runs": "tables", "matches": "matches", "explain": "matches", "sql": "tables", "estimate": "tables",
        "compare": "matches", "rights": "reservations", "exposure": "claims", "report": "claims",
    },
    "Prove": {
        "verify-rows": "matches", "fetch": "matches", "claims": "claims", "review": "claims",
        "evidence": "evidence",
    },
    "Act": {"notice": "notice", "removal": "removal", "reservations": "reservations"},
    "Operate": {"submit": "submit", "catalog": "tables", "forget": "maintenance"},
}  # fmt: skip
"""Commands by purpose, each with its module in `commands`; the function has the same name, `_` for `-`."""
NEXT_STEPS = {
    "": "presswatch demo, then presswatch corpus build with your articles",
    "demo": "presswatch matches demo/tables",
    "doctor": "presswatch scan --dry-run --corpus DIR --out TABLES PATH",
    "corpus build": "presswatch scan --corpus DIR --out TABLES PATH",
    "corpus info": "presswatch scan --corpus DIR --out TABLES PATH",
    "corpus seal": "presswatch scan --corpus SEALED --key-file KEY --out OUT PATH",
    "corpus join": "presswatch scan --corpus JOINED --key-file KEY --out OUT PATH",
    "releases": "presswatch scan --release NAME --format wet --corpus DIR --out TABLES",
    "datasets": "presswatch scan --dataset NAME --part NAME --corpus DIR --out TABLES",
    "scan": "presswatch matches TABLES --elsewhere",
    "inspect": "python3 conf/inspect/check.py DIR",
    "verify-candidates": "presswatch matches TABLES --elsewhere",
    "census": "presswatch scan --captures TABLES --corpus DIR --out TABLES",
    "campaign open": "presswatch campaign run CAMPAIGN",
    "campaign run": "presswatch campaign status CAMPAIGN",
    "campaign status": "presswatch campaign run CAMPAIGN, or presswatch matches TABLES",
    "watch": "presswatch matches TABLES --run latest",
    "runs": "presswatch matches TABLES --run RUN",
    "matches": "presswatch explain ROW TABLES --corpus DIR",
    "explain": "presswatch claims --corpus DIR --out CLAIMS TABLES",
    "sql": "presswatch report --corpus DIR --out PAGE.html TABLES",
    "estimate": "the same presswatch scan without --sample",
    "compare": 'presswatch sql DIR "select * from changes"',
    "rights": "presswatch exposure TABLES",
    "exposure": "presswatch report --corpus DIR --out PAGE.html TABLES",
    "reservations pack": "presswatch reservations check DIR/HOST",
    "reservations check": "presswatch reservations pack --members FILE --title X --out DIR",
    "reservations timeline": "presswatch rights TABLES",
    "report": "presswatch claims --corpus DIR --out CLAIMS TABLES",
    "verify-rows": "presswatch claims --corpus DIR --out CLAIMS TABLES",
    "fetch": "presswatch explain ROW TABLES --corpus DIR",
    "claims": "presswatch review --reviewer NAME --corpus DIR --tables TABLES CLAIMS",
    "review": "presswatch claims --reviews FILE --corpus DIR --out CLAIMS TABLES",
    "evidence build": "presswatch evidence verify BAG",
    "evidence stamp": "presswatch evidence verify BAG",
    "evidence verify": "presswatch notice draft --help, with the BAG",
    "evidence challenge": "presswatch evidence disclose --row SHA256 --out PART BAG",
    "evidence disclose": "presswatch evidence verify PART",
    "notice draft": "presswatch notice check N",
    "notice check": "presswatch notice sign --by NAME N",
    "notice sign": "presswatch notice sent --via WORDS N",
    "notice plan": "presswatch notice status CAMPAIGN",
    "notice sent": "presswatch notice record N delivered --by NAME --file RECEIPT",
    "notice record": "presswatch notice status N",
    "notice due": "presswatch notice status N",
    "notice chronology": "presswatch notice status CAMPAIGN",
    "notice answer": "presswatch removal probe CASE",
    "notice status": "presswatch removal status CASE",
    "notice schema": "presswatch notice check N",
    "removal open": "presswatch removal probe CASE",
    "removal probe": "presswatch removal status CASE",
    "removal patch": "python3 PATCH/apply.py FILE, then presswatch removal probe CASE",
    "removal inventory": "presswatch removal probe CASE",
    "removal status": "presswatch removal probe CASE, a day later",
    "submit": "presswatch runs TABLES",
    "catalog sync": "a query of the catalog, as in docs/how-to/catalog.md",
    "catalog ddl": "the same statements again after an update, for columns that are new",
    "catalog annotations": "the join with the index, as in docs/how-to/catalog.md",
    "forget": "presswatch verify-rows TABLES",
}
"""Next step after each command, the last line of its help; groups name their commands."""
CONF = shipped(".")
CONF_NOTE = f"\b\nconf/ is {CONF}\n\n" if CONF.parent.name == "presswatch_spark" else ""
"""The place of the files that help texts name, for an installed wheel."""
NAME_WIDTH = len("reservations")


class _Commands(UserDict[str, Any]):
    """Commands by name, each imported when it is looked up: importing all takes a fifth of a second."""

    def __getitem__(self, name: str) -> click.Command:
        module = import_module(f"{commands.__name__}.{self.data[name]}")
        command: click.Command = getattr(module, name.replace("-", "_"))
        below = getattr(command, "commands", {})
        command.epilog = f"Next: {f'presswatch {name} COMMAND --help' if below else NEXT_STEPS[name]}"
        for subname, each in below.items():
            each.epilog = f"Next: {NEXT_STEPS[f'{name} {subname}']}"
        return command


class _Presswatch(click.Group):
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in SECTIONS.items():
            width = max(NAME_WIDTH, *map(len, names))
            limit = formatter.width - 6 - width
            with formatter.section(section):
                summaries = {name: self.commands[name].get_short_help_str(limit) for name in names}
                formatter.write_dl([(f"{name:{width}}", text) for name, text in summaries.items()])


@click.group(
    cls=_Presswatch,
    commands=_Commands({name: each for names in SECTIONS.values() for name, each in names.items()}),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"{CONF_NOTE}Next: {NEXT_STEPS['']}",
)
@click.version_option(__version__, prog_name="presswatch")
def cli() -> None:
    """Find every copied passage of member press articles in Common Crawl, C4 and OSCAR.

    Build a corpus from the members' articles, scan shards with it, then read the tables.
    """


def main() -> None:
    """Entry point of the console script."""
    # OpenBLAS, which NumPy loads, would start a thread per core, in 0.05 s; nothing here needs them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command of `presswatch`; returns its exit code."""
    # A host that stopped an earlier command of this process may be requested again.
    forget_hosts()
    with waits_reported(tell):
        code = _ended(arguments)
    # Python flushes stderr at exit, which would fail if its reader has gone: redirect it in that case.
    _is_gone(sys.stderr)
    return code


def _ended(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. Errors that a user can cause show no traceback."""
    code = 0
    try:
        try:
            # The command finds its command line as `context.obj`.
            with cli.make_context("presswatch", list(arguments), obj=("presswatch", *arguments)) as context:
                cli.invoke(context)
        except click.exceptions.Exit as exit_:
            code = exit_.exit_code
        sys.stdout.flush()
    except (LoggedError, LoggedInterrupt):  # the log of the run has reported it
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
                f"\n{name} accepts one value: for several, write {name} A {name} B." for name in given
            )
            error = click.UsageError(error.message + advice, usage)
        shown = StringIO()
        error.show(shown)
        click.echo(redacted(shown.getvalue()), err=True, nl=False)
        return error.exit_code
    except PresswatchError as error:
        return _failed(str(error))
    except getattr(sys.modules.get("py4j.protocol"), "Py4JError", ()):
        remedy = "check whether this machine ran out of memory, and run the same command again"
        return _failed(f"Spark's Java process ended during the command ({remedy})")
    except OSError as error:
        # If the reader of the output has gone, it has seen enough. A broken pipe elsewhere is a failure.
        if isinstance(error, BrokenPipeError) and _is_gone(sys.stdout):
            return code
        if error.errno in FULL_DISK:
            return _failed(str(disk_full(error.filename or "output")))
        # Arrow names no file apart.
        is_of_table = isinstance(error, FileNotFoundError) and not error.filename
        remedy = (
            " (run the same command again: its files may have been merged meanwhile)" if is_of_table else ""
        )
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}{remedy}")
    return code


def _is_gone(stream: TextIO) -> bool:
    """Return whether the reader of a stream has gone; if so, send later output to the null device."""
    try:
        handle, states = stream.fileno(), select.poll()
    except OSError:  # it is no file
        return False
    states.register(handle, 0)
    if gone := bool(states.poll(0)):
        os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
    return gone


def _failed(message: str) -> int:
    # If stderr is closed, the exit code must do.
    with suppress(BrokenPipeError):
        # The message may contain names of files and shards, chosen by third parties: escape them.
        for line in redacted(f"error: {message}").split("\n"):
            click.echo(printable(line), err=True)
    return FAILED

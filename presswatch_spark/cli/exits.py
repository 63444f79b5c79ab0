"""Runs a command, and turns every outcome into an exit code and every error into a line.

Exit codes: 0 done; 1 failed, with a message; 2 usage; 3 done, but some shards failed or were partial.
"""

import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import StringIO
from typing import TextIO

import click

from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.progress import LoggedError, LoggedInterrupt
from presswatch_spark.redaction import redacted
from presswatch_spark.terminal import printable

FAILED, INCOMPLETE = 1, 3
SEE_MEMORY = "see whether this machine ran out of memory, and give the same command again"


def outcome(command: click.Command, name: str, arguments: Sequence[str], stopped: str) -> int:
    """Run a command and return its exit code. `stopped` is the message after Ctrl-C."""
    try:
        code = ended(command, name, arguments)
    except LoggedInterrupt:
        code = FAILED
    except (KeyboardInterrupt, click.Abort):
        code = _failed(stopped)
    _is_gone(sys.stderr)
    return code


def ended(command: click.Command, name: str, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; Ctrl-C (`KeyboardInterrupt`) stops the caller, too.

    No error that a user can cause shows a traceback. The command finds its command line as `context.obj`.
    """
    code = 0
    try:
        try:
            with command.make_context(name, list(arguments), obj=(name, *arguments)) as context:
                command.invoke(context)
        except click.exceptions.Exit as exit_:
            code = exit_.exit_code
        sys.stdout.flush()
    except click.ClickException as error:
        shown = StringIO()
        _with_advice(error, arguments).show(shown)
        click.echo(redacted(shown.getvalue()), err=True, nl=False)
        return error.exit_code
    except LoggedError:
        return FAILED
    except PresswatchError as error:
        return _failed(str(error))
    except _java_errors():
        return _failed(f"Spark's Java ended before the command did ({SEE_MEMORY})")
    except OSError as error:
        # A reader of our output who leaves has seen enough. The end of any other pipe is a failure.
        if isinstance(error, BrokenPipeError) and _is_gone(sys.stdout):
            return code
        return _failed(f"{error.filename or 'system'}: {error.strerror or error}")
    return code


def _with_advice(error: click.ClickException, arguments: Sequence[str]) -> click.ClickException:
    """Return the error, with how to give an option several values where a command line may have tried to."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or "unexpected extra argument" not in error.message:
        return error
    names = [word.partition("=")[0] for word in arguments]
    options = (param for param in context.command.params if isinstance(param, click.Option))
    given = [name for option in options if option.multiple for name in option.opts if name in names]
    advice = "".join(f"\n{name} takes one value: for several, give {name} A {name} B." for name in given)
    return click.UsageError(error.message + advice, context)


def _java_errors() -> tuple[type[Exception], ...]:
    """Return what the bridge to Java raises; nothing in a process that has not loaded it."""
    protocol = sys.modules.get("py4j.protocol")
    return (protocol.Py4JError,) if protocol else ()


def _is_gone(stream: TextIO) -> bool:
    """Whether the reader of a stream has gone; if so, what Python still flushes goes nowhere."""
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

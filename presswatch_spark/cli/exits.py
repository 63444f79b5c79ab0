"""How a command ends: every outcome becomes an exit code, and every error a line.

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

from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.events import ToldError, ToldInterrupt
from presswatch_spark.show import printable

FAILED = 1


def outcome(command: click.Command, name: str, arguments: Sequence[str], stopped: str) -> int:
    """Run a command; returns its exit code. `stopped` is what Ctrl-C says."""
    try:
        code = ended(command, name, arguments)
    except ToldInterrupt:
        code = FAILED
    except (KeyboardInterrupt, click.Abort):
        code = _failed(stopped)
    _is_gone(sys.stderr)
    return code


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

"""How a command ends: every outcome becomes an exit code, and every error a line.

Exit codes: 0 done; 1 failed, with a message; 2 usage; 3 done, but some shards failed or were partial.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from presswatch_spark.errors import PresswatchError
from presswatch_spark.monitoring.events import ToldError, ToldInterrupt
from presswatch_spark.show import printable

FAILED = 1


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

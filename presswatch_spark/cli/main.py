"""The command line `presswatch`: it parses, calls and prints."""

import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from importlib import import_module
from pkgutil import iter_modules

import click

from presswatch_spark.cli import commands
from presswatch_spark.cli.exits import outcome
from presswatch_spark.cli.options import tell
from presswatch_spark.storage.host_limits import ask_anew, waits_reported
from presswatch_spark.terminal import printable
from presswatch_spark.version import __version__

STOPPED = (
    "stopped (a scan or census that `presswatch runs` does not list as finished goes on where it was when the"
    " same command is given again)"
)


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name, each imported when it is asked for: that of all takes a fifth of a second."""

    def __init__(self) -> None:
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        # Most modules have the name of their command.
        if name not in self._loaded and name in _modules():
            self._load(name)
        if name not in self._loaded:
            for module in _modules():
                self._load(module)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        for module in _modules():
            self._load(module)
        return iter(self._loaded)

    def _load(self, module: str) -> None:
        self._loaded |= {command.name or "": command for command in _commands_of(module)}

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _modules() -> list[str]:
    """Return the names of the modules of `commands/`."""
    return [module.name for module in iter_modules(commands.__path__)]


def _commands_of(module: str) -> Iterator[click.Command]:
    """Yield the commands that a module defines, but those that belong to a group there."""
    values = vars(import_module(f"{commands.__name__}.{module}")).values()
    here = [value for value in values if isinstance(value, click.Command)]
    groups = (value for value in here if isinstance(value, click.Group))
    below = [command for group in groups for command in group.commands.values()]
    yield from (command for command in here if command not in below)


@click.group(
    commands=_Commands(),
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
        return outcome(cli, "presswatch", arguments, STOPPED)

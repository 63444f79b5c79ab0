"""Python processes that we start: none finds the working folder on its path.

`python -m` puts that folder first: a file `resource.py` that lies there, come with the shards, would run.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import BinaryIO, cast

SAFE = "PYTHONSAFEPATH"
"""The variable by which Python leaves the working folder out, or the folder of a script."""
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); from importlib import import_module;"
    " import_module(sys.argv[2]).serve()"
)


def begin_child(module: str, *, new_session: bool = False) -> tuple[Popen[bytes], BinaryIO, BinaryIO]:
    """Run the function `serve` of a module of this package in a process; return it, its stdin and its stdout.

    It finds what this process finds, but for the working folder. Its stderr is dropped: complaints of parsers
    quote the page.
    """
    command = [sys.executable, "-P", "-c", _CODE, str(Path(__file__).resolve().parent.parent), module]
    environment = {**os.environ, SAFE: "1", "PYTHONPATH": os.pathsep.join(elsewhere(sys.path))}
    child = Popen(
        command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=new_session
    )
    return child, cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)


def elsewhere(paths: Iterable[str]) -> list[str]:
    """Those of `paths` that are not the working folder, by whatever name; an empty one is."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return [path for path in paths if os.path.isabs(path)]
    return [path for path in paths if path and os.path.realpath(path) != here]


def without_blanks(path: str) -> str:
    """A `PYTHONPATH` without empty entries: Python takes each for the working folder."""
    return os.pathsep.join(filter(None, path.split(os.pathsep)))


def tidy_environment() -> None:
    """Take empty entries out of this process's `PYTHONPATH`: `PYTHONPATH=$PYTHONPATH:more` makes one."""
    if path := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = without_blanks(path)


def leave_working_folder() -> None:
    """Have this process, and those that it starts, import nothing from the working folder.

    What is imported already stays, this package too.
    """
    sys.path[:] = elsewhere(sys.path)
    os.environ[SAFE] = "1"

"""Child processes and private folders: nothing from the working folder or another user is run or read.

`python -m` puts the working folder first on its path: a file `resource.py` there would run. Whoever can write
to a folder of compiled code or to the copy of a corpus decides what is run and found.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import BinaryIO, cast

SAFE = "PYTHONSAFEPATH"
"""The variable by which Python leaves the working folder out, or the folder of a script."""
NAME = "presswatch-spark"
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); from importlib import import_module;"
    " import_module(sys.argv[2]).serve()"
)


def begin_child(module: str, *, new_session: bool = False) -> tuple[Popen[bytes], BinaryIO, BinaryIO]:
    """Run the function `serve` of a module of this package in a process; return it, its stdin and its stdout.

    Its stderr is dropped: complaints of parsers quote the page.
    """
    command = [sys.executable, "-P", "-c", _CODE, str(Path(__file__).resolve().parents[2]), module]
    environment = {**os.environ, SAFE: "1", "PYTHONPATH": os.pathsep.join(elsewhere(sys.path))}
    child = Popen(
        command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=new_session
    )
    return child, cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)


def elsewhere(paths: Iterable[str]) -> list[str]:
    """Return the paths that are not the working folder, by any name; an empty path is the working folder."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return [path for path in paths if os.path.isabs(path)]
    return [path for path in paths if path and os.path.realpath(path) != here]


def without_blanks(path: str) -> str:
    """Return a `PYTHONPATH` without empty entries: Python takes each for the working folder."""
    return os.pathsep.join(filter(None, path.split(os.pathsep)))


def tidy_environment() -> None:
    """Take empty entries out of this process's `PYTHONPATH`: `PYTHONPATH=$PYTHONPATH:more` makes one."""
    if path := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = without_blanks(path)


def leave_working_folder() -> None:
    """Have this process, and those that it starts, import nothing more from the working folder."""
    sys.path[:] = elsewhere(sys.path)
    os.environ[SAFE] = "1"


def user_caches() -> Iterator[Path]:
    """Yield folders to keep things in, the best first: the user's cache, then one in the temporary folder.

    The second is for users without a home that can be written to, as Spark's often are. Ask `is_ours`.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    if named and os.path.isabs(named):
        yield Path(named) / NAME
    else:
        try:
            yield Path.home() / ".cache" / NAME
        except RuntimeError:  # a user whom the system does not know
            pass
    yield user_temporary()


def user_temporary() -> Path:
    """Return this user's folder in the temporary one; ask `is_ours`."""
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"


def is_ours(folder: Path) -> bool:
    """Return whether a folder is or can be this user's only; a link to it must be this user's or root's."""
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        link, found = folder.lstat(), folder.stat()
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ours = found.st_uid == os.getuid() and link.st_uid in (0, os.getuid())
    return ours and not others and os.access(folder, os.W_OK)


def own_folder(roots: Iterable[Path], name: str) -> Path | None:
    """Return that folder in the first of `roots` where both are this user's alone; None if none is."""
    return next((root / name for root in roots if is_ours(root) and is_ours(root / name)), None)


@contextmanager
def absent(module: str, *, even_if_loaded: bool = False) -> Iterator[None]:
    """Have imports of a module fail while the block runs; `even_if_loaded`: of one imported before, too."""
    # None in `sys.modules` would do for Python alone: Arrow's compiled code takes that for the module.
    before = sys.modules.pop(module, None) if even_if_loaded else None
    finder = _Absent(module)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        if before:
            sys.modules[module] = before


class _Absent:
    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, name: str, *_: object) -> None:
        """Raise for the hidden module."""
        if name == self._module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

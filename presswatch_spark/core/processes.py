"""Child processes and private folders: no code or data of the working folder or of other users is used.

`python -m` puts the working folder first on its path, so a file `resource.py` there would run. Whoever can
write to a folder of compiled code, or to the copy of a corpus, controls the code that runs and its results.

The last functions are settings of Arrow for a process that only runs a command. Programs choose their own.
"""

import getpass
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import BinaryIO, cast

SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"
"""The variable by which Python leaves the working folder, or a script's folder, out of its path."""
NAME = "presswatch-spark"
_CODE = (
    "import sys; sys.path.append(sys.argv[1]); from importlib import import_module;"
    " import_module(sys.argv[2]).serve()"
)


def begin_child(module: str, *, new_session: bool = False) -> tuple[Popen[bytes], BinaryIO, BinaryIO]:
    """Run the function `serve` of a module of this package in a process; return it, its stdin and its stdout.

    Its stderr is dropped, since messages of parsers quote the page.
    """
    command = [sys.executable, "-P", "-c", _CODE, str(Path(__file__).resolve().parents[2]), module]
    environment = {**os.environ, SAFE_PATH_VARIABLE: "1", "PYTHONPATH": os.pathsep.join(elsewhere(sys.path))}
    child = Popen(
        command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=new_session
    )
    return child, cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)


def elsewhere(paths: Iterable[str]) -> list[str]:
    """Return the paths that do not lead to the working folder; an empty path does."""
    try:
        here = os.path.realpath(os.getcwd())
    except FileNotFoundError:
        return [path for path in paths if os.path.isabs(path)]
    return [path for path in paths if path and os.path.realpath(path) != here]


def without_empty_entries(path: str) -> str:
    """Return a `PYTHONPATH` without empty entries, each of which means the working folder."""
    return os.pathsep.join(filter(None, path.split(os.pathsep)))


def tidy_environment() -> None:
    """Remove empty entries from this process's `PYTHONPATH`; `PYTHONPATH=$PYTHONPATH:more` may make one."""
    if path := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = without_empty_entries(path)


def leave_working_folder() -> None:
    """Keep this process, and those that it starts, from importing modules of the working folder."""
    sys.path[:] = elsewhere(sys.path)
    os.environ[SAFE_PATH_VARIABLE] = "1"


def user_caches() -> Iterator[Path]:
    """Yield folders for caches, the best first: the user's cache, then one in the temporary folder.

    The second is for users without a writable home, as Spark's often are. Check each with `is_ours`.
    """
    named = os.environ.get("XDG_CACHE_HOME")
    if named and os.path.isabs(named):
        yield Path(named) / NAME
    else:
        with suppress(RuntimeError):  # a user whom the system does not know
            yield Path.home() / ".cache" / NAME
    yield user_temporary()


def user_temporary() -> Path:
    """Return this user's folder in the temporary folder; check it with `is_ours`."""
    return Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid()}"


def account_name() -> str | None:
    """Return the name of this process's account; None if it has none."""
    with suppress(OSError, KeyError):
        return getpass.getuser()
    return None


def is_ours(folder: Path) -> bool:
    """Create a folder if missing; return whether only this user can write to it, and a link to it is safe."""
    try:
        folder.mkdir(0o700, parents=True, exist_ok=True)
        link, found = folder.lstat(), folder.stat()
    except OSError:
        return False
    others = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ours = found.st_uid == os.getuid() and link.st_uid in (0, os.getuid())
    return ours and not others and os.access(folder, os.W_OK)


def own_folder(roots: Iterable[Path], name: str) -> Path | None:
    """Return the folder `name` in the first of `roots` for which `is_ours` is true of both; None if none."""
    return next((root / name for root in roots if is_ours(root) and is_ours(root / name)), None)


@contextmanager
def absent(module: str, *, even_if_loaded: bool = False) -> Iterator[None]:
    """Make imports of a module fail while the block runs; `even_if_loaded`: even if it is loaded already."""
    # None in `sys.modules` would be enough for Python, but Arrow's compiled code takes it for the module.
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
        if name == self._module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def leave_pandas_out() -> None:
    """Make Arrow convert values without pandas, unless it is already loaded; others can still import it.

    Otherwise, Arrow loads pandas before it converts the first value, which doubles the time of its start.
    """
    import pyarrow as pa

    with absent("pandas"):
        pa.scalar(None)


def give_memory_back() -> None:
    """Make Arrow return unused memory soon: after 10 million rows, this frees 350 MB for the command."""
    import pyarrow as pa

    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())


def keep_memory() -> None:
    """Make Arrow keep unused memory for 5 s, for commands that soon need as much again.

    The reason is that new pages must be cleared, which is slow. Arrow reads this setting when it is loaded.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", "5000")

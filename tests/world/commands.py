"""`presswatch` run in this process, on the session that its tests share: Java takes ten seconds to start."""

import io
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from presswatch_spark.cli import main as cli
from tests.conftest import ROOT


@dataclass(frozen=True)
class Outcome:
    """Exit code of a command, and everything that it printed."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, str]:
        """The labelled lines before the first empty one."""
        lines = self.out.partition("\n\n")[0].splitlines()
        return dict(line.split(None, 1) for line in lines)


def heard(program: Callable[[], int]) -> Outcome:
    """Run a program, which returns its exit code, in this process."""
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = program()
    return Outcome(code, out.getvalue(), err.getvalue())


def outcome(command: str, *arguments: object, **environment: str) -> Outcome:
    """Run a command, named with blanks ("evidence build"), in this process, with more environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return heard(lambda: cli.run([*command.split(), *map(str, arguments)]))


def presswatch(*arguments: object, **environment: str) -> str:
    """Run a command that must end well; what it printed to standard output."""
    done = outcome("", *arguments, **environment)
    assert done.code == 0, done.err
    return done.out


FILES = {
    "check.py": "docs/how-to/check.py",
    "page_text.py": "docs/how-to/page_text.py",
    "words.py": "tests/reference/words.py",
}


def run_check(folder: Path, tables: Path, corpus: Path, *moves: str) -> subprocess.CompletedProcess[str]:
    """Copy the files into a folder, and check tables; no other file of ours is on the path."""
    command = [sys.executable, str(copied(folder) / "check.py"), str(tables), str(corpus), *moves]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)


def checked(tables: Path, corpus: Path, *moves: str) -> Outcome:
    """Check tables by the same program in this process."""
    return heard(lambda: check_program()["main"](str(tables), str(corpus), *moves))


def check_program() -> dict[str, Any]:
    """The functions of the program, which has read no shard yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(_copies())
        return runpy.run_path(str(_copies() / "check.py"))


@cache
def _copies() -> Path:
    return copied(Path(tempfile.mkdtemp()))


def copied(folder: Path) -> Path:
    """Copy the files that a third party needs; return their folder."""
    copies = folder / "check"
    copies.mkdir(exist_ok=True)
    for name, source in FILES.items():
        shutil.copy(ROOT / source, copies / name)
    return copies


def rejected(printed: str) -> set[str]:
    """The digests of the rows that the check does not find as the table says."""
    return {line[:64] for line in printed.splitlines() if len(line.partition(" ")[0]) == 64}

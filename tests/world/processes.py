"""Programs that can import this tree, and jobs that are killed at a moment that their files show."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tests.conftest import ROOT

POLL_SECONDS, LONGEST_SECONDS = 0.01, 300


def ran(*command: object, at: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with more environment; how it ended, and all that it printed."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    words = list(map(str, command))
    return subprocess.run(words, cwd=at, env=variables, check=False, capture_output=True, text=True)


def start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def reaches(job: subprocess.Popen[str], out: Path, files: str, count: int) -> bool:
    """Wait until so many files match a pattern. False if the job ended before it was seen."""
    until = time.monotonic() + LONGEST_SECONDS
    while len(list(out.glob(files))) < count:
        assert time.monotonic() < until
        if ended(job, POLL_SECONDS):
            return False
    return True


def ended(job: subprocess.Popen[str], seconds: float) -> bool:
    """Return whether the job ends within so many seconds."""
    try:
        job.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_at(command: list[str], out: Path, files: str, count: int, **environment: str) -> None:
    """Start a command, and kill it with its group when so many files match a pattern."""
    job = start(command, **environment)
    assert reaches(job, out, files, count), "the job was too quick"
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()


def raising(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    """Stand in for a function that fails, or is interrupted or killed, with this error."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail

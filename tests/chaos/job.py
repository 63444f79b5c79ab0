"""The scan as a job, and what may befall it: a worker or the driver is killed, the disk is full."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.conftest import ROOT

JOB = ROOT / "jobs" / "scan.py"
SECONDS_BETWEEN_LOOKS = 0.05
MOST_SECONDS = 600
BALLAST_BYTES = 1 << 16
DAEMON = "presswatch_spark.scanning.daemon"

Kind = Literal["driver", "worker", "disk"]


@dataclass(frozen=True, order=True)
class Blow:
    """What befalls a try of a job, once so many requests were made in it."""

    requests: int
    kind: Kind


@dataclass
class Job:
    """A scan that may be tried again and again.

    `arguments` and `environment` of every try; `asked` counts the requests made so far; `disk` is what its
    files lie on. `codes` and `said` (stderr) tell of the tries so far, `fell` of the blows that struck.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    asked: Callable[[], int]
    rng: random.Random
    disk: Path | None = None
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    fell: list[Kind] = field(default_factory=list)

    def run(self, blows: Sequence[Blow] = ()) -> int:
        """Try once, and deal the blows; returns the exit code."""
        process = subprocess.Popen(
            [sys.executable, str(JOB), *self.arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        waiting, before, began = sorted(blows), self.asked(), time.monotonic()
        told = b""
        while process.poll() is None:
            if time.monotonic() - began > MOST_SECONDS:
                process.kill()
                raise AssertionError(f"the job hangs; it said: {told.decode()}")
            told += process.stderr.read() or b""
            if waiting and self.asked() - before >= waiting[0].requests:
                self._deal(waiting.pop(0).kind, process.pid)
            time.sleep(SECONDS_BETWEEN_LOOKS)
        told += process.stderr.read() or b""
        self._ballast.unlink(missing_ok=True) if self.disk else None
        self.codes.append(process.returncode)
        self.said.append(told.decode())
        return process.returncode

    def _deal(self, kind: Kind, driver: int) -> None:
        if kind == "disk" and self.disk:
            fill(self._ballast)
        elif kind == "driver":
            os.kill(driver, signal.SIGKILL)
        elif workers := workers_of(driver):
            with suppress(ProcessLookupError):
                os.kill(self.rng.choice(workers), signal.SIGKILL)
        else:
            return
        self.fell.append(kind)

    @property
    def _ballast(self) -> Path:
        assert self.disk
        return self.disk / "ballast"


def workers_of(driver: int) -> list[int]:
    """The Python workers of a job: what Spark's daemon has forked."""
    processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    workers = [
        each for each in processes if DAEMON in command_of(each) and DAEMON in command_of(parent_of(each))
    ]
    return [each for each in workers if driver in ancestors_of(each)]


def ancestors_of(process: int) -> Iterator[int]:
    while process:
        yield (process := parent_of(process))


def command_of(process: int) -> str:
    """The command line of a process; nothing if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text()
    return ""


def parent_of(process: int) -> int:
    """The process that started this one; 0 if it is gone."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(BALLAST_BYTES))

"""Other processes: functions run in one of their own, and the memory that processes take."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

SECONDS_BETWEEN_LOOKS = 0.1
DAEMON = b"presswatch_spark.scanning.daemon"


def new_process() -> ProcessPoolExecutor:
    """A fresh Python process that runs what it is given, one thing after the other."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def apart(function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Call a function in a process that ends with it: no JVM and no memory is left behind."""
    with new_process() as process:
        return process.submit(function, *args, **kwargs).result()


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in memory. `resident` counts shared pages in full, `proportional` by their sharers' number."""

    private: int = 0
    resident: int = 0
    proportional: int = 0
    shared: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def megabytes(self) -> dict[str, int]:
        """In MB, for the report."""
        return {f"{name}_megabytes": round(getattr(self, name) / 1e6) for name in self.__slots__}


def memory_of(process: int, below: Path | None = None) -> Memory:
    """What a process has in memory: all of it, or what it maps of the files below a folder.

    Raises:
        OSError: it has ended, or is another user's.
    """
    if below is None:
        return _sum(Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:])
    lines, counted = [], False
    for line in Path(f"/proc/{process}/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0] and ":" not in line.split(" ", 1)[0]:
            counted = f" {below}/" in line
        elif counted:
            lines.append(line)
    return _sum(lines)


def _sum(lines: Iterable[str]) -> Memory:
    sizes: dict[str, int] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            sizes[name] = sizes.get(name, 0) + int(value.split()[0]) * 1024
    return Memory(
        private=sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0),
        resident=sizes.get("Rss", 0),
        proportional=sizes.get("Pss", 0),
        shared=sizes.get("Shared_Clean", 0) + sizes.get("Shared_Dirty", 0),
    )


class Watcher:
    """Looks at something again and again while its block runs, and once more at the end.

    `processor_seconds`: the time that the looks took, after the block.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.processor_seconds = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        # What is done last, and held afterwards, may take less time than lies between two looks.
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(self._seconds):
            self._look()
        self.processor_seconds = time.thread_time()

    def _look(self) -> None:
        raise NotImplementedError


class PeakMemory(Watcher):
    """Watches, in its block, the processes below this one: the most that any PySpark worker, the JVM, this
    process, and all of them together had at one time.

    Args:
        mapped: folder whose mapped files do not count as private: a page that one process alone has touched
            so far is the page cache's none the less, and there once for all who will.
        root: the driver; by default this process.
        seconds: between two looks.

    `history`: the time of each look (`time.time`), and the private bytes of driver, JVM and largest worker.
    """

    def __init__(
        self, mapped: Path | None = None, root: int | None = None, seconds: float = SECONDS_BETWEEN_LOOKS
    ) -> None:
        super().__init__(seconds)
        self._mapped, self._root = mapped, root or os.getpid()
        self.worker = self.java = self.driver = Memory()
        self.all_proportional = 0
        self.history = list[tuple[float, int, int, int]]()

    def _look(self) -> None:
        together, worker, java, driver = 0, Memory(), Memory(), Memory()
        for process in [self._root, *below(self._root)]:
            try:
                memory, command = (
                    memory_of(process),
                    Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0"),
                )
                together += memory.proportional
                if self._mapped:
                    memory = replace(
                        memory, private=memory.private - memory_of(process, self._mapped).private
                    )
            except (OSError, IndexError):
                continue
            if DAEMON in command:
                worker = _larger(worker, memory)
            elif command[0].endswith(b"java"):
                java = _larger(java, memory)
            elif process == self._root:
                driver = _larger(driver, memory)
        self.worker, self.java = _larger(self.worker, worker), _larger(self.java, java)
        self.driver = _larger(self.driver, driver)
        self.all_proportional = max(self.all_proportional, together)
        self.history.append((time.time(), driver.private, java.private, worker.private))


def _larger(first: Memory, second: Memory) -> Memory:
    return max(first, second, key=lambda memory: memory.private)


def below(root: int) -> set[int]:
    """All processes that `root` started, and those started by them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found: set[int] = set()
    layer = {root}
    while layer:
        layer = {process for process, parent in parents.items() if parent in layer} - found
        found |= layer
    return found

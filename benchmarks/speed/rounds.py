"""Measuring several ways of doing the same, in turns: a busy moment of the machine hits all of them alike."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from benchmarks.speed.processes import below

Item = TypeVar("Item")
Way = Callable[[Item], object]


@dataclass(slots=True)
class Turns(Generic[Item]):
    """Seconds of each way in each round: of the clock, and of processor time (see `processor_seconds`)."""

    wall: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    def rate(self, name: str) -> float:
        """Median of MB a second of processor time: the rate of one core."""
        return statistics.median(
            size / took / 1e6 for size, took in zip(self.sizes, self.cpu[name], strict=True)
        )

    def ratio(self, name: str, base: str) -> float:
        """Median over the rounds of how fast `name` was, `base` being 1."""
        pairs = zip(self.cpu[base], self.cpu[name], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def wall_ratio(self, name: str, base: str) -> float:
        """The same by the clock, which a busy machine spoils."""
        pairs = zip(self.wall[base], self.wall[name], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs)

    def table(self, base: str) -> dict[str, dict[str, float]]:
        """Rates, and ratios to `base`, of every way."""
        return {
            name: {
                "mb_per_second": round(self.rate(name), 1),
                "ratio": round(self.ratio(name, base), 3),
                "wall_ratio": round(self.wall_ratio(name, base), 3),
            }
            for name in self.cpu
        }


def processor_seconds() -> float:
    """Processor time of this process over all threads, and of the processes below it that live."""
    nanoseconds = 0
    for process in below(os.getpid()):
        with suppress(OSError):
            nanoseconds += int(Path(f"/proc/{process}/schedstat").read_text().split()[0])
    return time.process_time() + nanoseconds / 1e9


def in_turns(
    ways: Mapping[str, Way[Item]], items: Sequence[Item], sizes: Sequence[int], rounds: int
) -> Turns[Item]:
    """Run every way on an item a round, after one round that is not counted.

    Args:
        sizes: bytes of text in each item; decide the rates.

    The order turns with the rounds, so that none always runs after the same other.
    """
    names, turns = list(ways), Turns[Item]({name: [] for name in ways}, {name: [] for name in ways})
    for name in names:
        ways[name](items[0])
    for number in range(rounds):
        which = number % len(items)
        turns.sizes.append(sizes[which])
        shift = number % len(names)
        for name in (*names[shift:], *names[:shift]):
            wall, cpu = time.perf_counter(), processor_seconds()
            ways[name](items[which])
            turns.wall[name].append(time.perf_counter() - wall)
            turns.cpu[name].append(processor_seconds() - cpu)
    return turns

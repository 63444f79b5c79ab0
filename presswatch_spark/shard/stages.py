"""Where the time of a shard goes: seconds by stage, measured a batch at a time, which costs nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

Stage = Literal["read", "sieve", "verify", "signals"]
Item = TypeVar("Item")


class Stages:
    """Seconds by stage, by the clock. `read`: storage, inflating and parsing; `verify`: attribute to rows."""

    def __init__(self) -> None:
        self.seconds: dict[Stage, float] = {}

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        """Count the block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    def drawn(self, stage: Stage, items: Iterable[Item]) -> Iterator[Item]:
        """Yield `items`, and count what it takes to draw each; not what is done with them."""
        iterator = iter(items)
        while True:
            with self.during(stage):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def rows(self) -> list[dict[str, object]]:
        """As a column of `scan_log` has them."""
        return [{"stage": stage, "seconds": seconds} for stage, seconds in sorted(self.seconds.items())]

"""How far a run is: one live line on a terminal, a line a minute elsewhere. Counts only, never text.

Where events are logged, the minute's line is one of them.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from typing import Self, TextIO

from presswatch_spark.monitoring.events import EventLog
from presswatch_spark.terminal import printable

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LINES = 60.0
# Without news for so long, no time left is shown: shards of most datasets take less.
STALLED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Terms:
    """What a kind of run calls itself, one of its shards, and the columns of its log that are counted.

    Events name the counts by these columns.
    """

    run: str = "scan"
    shard: str = "shard"
    documents: str = "documents"
    text_bytes: str = "text_bytes"
    matches: str = "matches"


SCAN = Terms()
CENSUS = Terms("census", "index file", "rows", "bytes_read", "captures")
TERMS: Mapping[str, Terms] = {"runs": SCAN, "censuses": CENSUS}
"""The terms of a kind of run, by the table whose rows publish such runs."""


@dataclass(frozen=True, slots=True)
class ShardTotals:
    """What some shards gave; `incomplete` counts those that were not read to their end.

    Of a census, `documents` are rows of the index, `text_bytes` bytes read, `matches` captures: see `Terms`.
    `core_seconds`: what they took of the cluster, in seconds times its cores, idle ones too.
    """

    shards: int = 0
    incomplete: int = 0
    documents: int = 0
    text_bytes: int = 0
    matches: int = 0
    signals: int = 0
    core_seconds: float = 0.0

    def __add__(self, other: ShardTotals) -> ShardTotals:
        return ShardTotals(
            *(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))
        )

    def __sub__(self, other: ShardTotals) -> ShardTotals:
        return ShardTotals(
            *(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True))
        )

    @classmethod
    def of(cls, log: Mapping[str, object], terms: Terms = SCAN) -> ShardTotals:
        """Count one shard, from its row of the log."""
        columns = (terms.documents, terms.text_bytes, terms.matches, "signals")
        return cls(1, int(log["status"] != "complete"), *(int(str(log.get(name) or 0)) for name in columns))


class Ticker:
    """Reports on a stream while its block runs: a thread of its own calls `tick` once a second.

    Args:
        stream: where to; default stderr.
        clock: seconds, monotonic.
        live: whether to redraw one line instead of writing new ones; default: whether `stream` is a terminal.
        events: where to instead of `stream`, if given.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        live: bool | None = None,
        events: EventLog | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock, self._events = clock, events
        self._live = not events and (self._stream.isatty() if live is None else live)
        self._over = threading.Event()
        self._started = self._reported = clock()

    def tick(self) -> None:
        """Report if it is time to."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._over.clear()
        self._ticker = threading.Thread(target=self._run, name=type(self).__name__.lower(), daemon=True)
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ticker.join()

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self.tick()

    def _write(self, text: str) -> None:
        """Write, if anybody looks on still: a run does not end because its reader has gone.

        A stream that was closed meanwhile raises `ValueError`.
        """
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


class Progress(Ticker):
    """Reports how far a run is."""

    _planned = 0
    _terms = SCAN
    _before = _done = ShardTotals()
    _under_way: Callable[[], ShardTotals] = ShardTotals
    _warned = False
    _pass: tuple[int, int] | None = None
    _readings = _readings_done = 0
    _moved_at: float | None = None
    _seen: tuple[ShardTotals, int] = ShardTotals(), 0

    def start(self, planned: int, done: ShardTotals, terms: Terms = SCAN) -> None:
        """Begin the clock with `planned` shards in all; an earlier process has `done` some of them."""
        self._planned, self._before, self._done, self._terms = planned, done, done, terms
        self._started = self._reported = self._clock()
        self._pass, self._readings, self._readings_done, self._moved_at = None, 0, 0, None

    def expect(self, readings: int) -> None:
        """Count on so many readings of shards, in passes before the last, which give no rows."""
        self._readings = readings

    def in_pass(self, number: int, count: int) -> None:
        """Pass `number` of `count` begins."""
        self._pass = number, count

    def sifted(self, shards: int) -> None:
        """So many shards were read in a pass before the last."""
        self._readings_done += shards

    @contextmanager
    def during(self, counts: Callable[[], ShardTotals]) -> Iterator[None]:
        """While the block runs, add what `counts` says: work that may yet have to be done again."""
        self._under_way = counts
        try:
            yield
        finally:
            self._under_way = ShardTotals

    def add(self, counts: ShardTotals, log: Sequence[Mapping[str, object]] = ()) -> None:
        """Count what is done for good; `log` are its shards' rows of the log.

        If no shard so far could be read and others are to come, say so, once, with an error: a wrong
        region or a missing right shows after minutes, not days. One shard of many may just be broken.
        """
        self._done += counts
        done = self._done
        nothing_read = done.incomplete == done.shards and not done.documents and not done.text_bytes
        if nothing_read and 1 < done.shards < self._planned and log and not self._warned:
            self._warned = True
            self._warn(log[0])

    def take_back(self, counts: ShardTotals) -> None:
        """What was counted as done has to be done again."""
        self._done -= counts

    def say(self, news: str) -> None:
        """Write a line of news, above the live line if there is one."""
        self._write(("\r\x1b[K" if self._live else "") + printable(news) + "\n")

    def tick(self) -> None:
        """Report if it is time to."""
        now = self._clock()
        if self._live or now - self._reported >= SECONDS_BETWEEN_LINES:
            self._report(now)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._report(self._clock())
        if self._live:
            self._write("\n")

    def _report(self, now: float) -> None:
        self._reported = now
        facts = self._facts(now)
        if self._events:
            self._events.tell("progress", **facts)
            return
        line = _line(facts, self._terms)
        self._write(f"\r{line}\x1b[K" if self._live else f"{line}\n")

    def _warn(self, failed: Mapping[str, object]) -> None:
        named = {name: failed[name] for name in ("shard_uri", "error")}
        if self._events:
            self._events.tell("no_shard_read", "warning", shards=self._done.shards, **named)
            return
        self.say(
            f"warning: none of the first {self._done.shards:,} {self._terms.shard}s could be read, such as"
            f" {named['shard_uri']}: {named['error']} (the {self._terms.run} goes on; Ctrl-C stops it)"
        )

    def _facts(self, now: float) -> dict[str, int | float | None]:
        """Totals of the run; speed and time left by what this process has done."""
        done = self._done + self._under_way()
        seconds = max(now - self._started, 1e-9)
        read = done.shards - self._before.shards + self._readings_done
        to_read = self._planned - done.shards + self._readings - self._readings_done
        left = to_read * seconds / read if read and self._is_moving(done, now) else None
        passes = dict(zip(("pass", "passes"), self._pass, strict=True)) if self._pass else {}
        return {
            **passes,
            "shards": done.shards,
            "planned": self._planned,
            "incomplete": done.incomplete,
            self._terms.documents: done.documents,
            self._terms.text_bytes: done.text_bytes,
            "mb_per_second": round((done.text_bytes - self._before.text_bytes) / seconds / 1e6, 1),
            self._terms.matches: done.matches,
            "seconds": round(seconds, 1),
            "seconds_left": None if left is None else round(left),
        }

    def _is_moving(self, done: ShardTotals, now: float) -> bool:
        """Return whether anything was read lately: no time left can be estimated of a host that is silent."""
        if self._moved_at is None or (done, self._readings_done) != self._seen:
            self._moved_at, self._seen = now, (done, self._readings_done)
        gained = done - self._before
        has_read = gained.text_bytes > 0 or gained.documents > 0 or self._readings_done > 0
        return has_read and now - self._moved_at < STALLED_SECONDS


def _line(facts: Mapping[str, int | float | None], terms: Terms) -> str:
    parts = [f"pass {facts['pass']} of {facts['passes']}"] if "pass" in facts else []
    parts += [
        f"{facts['shards']:,}/{facts['planned']:,} {terms.shard}s",
        f"{facts[terms.documents]:,} {terms.documents}",
        f"{facts['mb_per_second']:,.0f} MB/s",
        f"{facts[terms.matches]:,} {terms.matches}",
    ]
    if facts["incomplete"]:
        parts.append(f"{facts['incomplete']:,} incomplete")
    if facts["seconds_left"]:
        minutes, seconds = divmod(int(facts["seconds_left"]), 60)
        parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
    return " · ".join(parts)

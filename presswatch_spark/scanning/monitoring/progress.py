"""Progress of a run, for people at a terminal, log collectors and Prometheus. Counts only, no web text.

People see one live line on a terminal, elsewhere a line per minute. Log collectors get lines of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from heapq import nlargest, nsmallest
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, Self, TextIO

from presswatch_spark.core.errors import OutputError, PresswatchError
from presswatch_spark.core.redaction import redacted_json
from presswatch_spark.core.terminal import counted, printable
from presswatch_spark.scanning.monitoring.metrics import (
    FAMILIES,
    SCAN,
    MetricSample,
    RunFacts,
    Series,
    Terms,
    Totals,
    exposition,
    metrics_of,
)
from presswatch_spark.storage.host_limits import Waiting, waits_reported

SECONDS_BETWEEN_LOOKS, PACE_MOST = 1.0, 1_000
SECONDS_BETWEEN_LINES = 60.0
# The time left is not shown before, since Java and the corpus need time to start, nor without progress for so
# long: shards of most datasets take less.
START_SECONDS, STALLED_SECONDS = 30.0, 120.0
# Slow and repeated shards, and slow hosts, that people are told of for each long wave.
MOST_NAMED = 3
# Columns of the log that an event names for a shard that is not complete.
FACTS_OF_INCOMPLETE = ("shard_uri", "status", "failure", "error", "attempts", "seconds")

Level = Literal["info", "warning", "error"]


class EventLog:
    """Writes events to `stream`, by default stderr; threads may share it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._host = socket.gethostname()
        self._bound: dict[str, object] = {}
        self._one_at_a_time = threading.Lock()

    @classmethod
    def of(cls, log_format: str) -> Self | None:
        """Return a log on stderr if `run.log_format` is `json`, else None: output is for people."""
        return cls() if log_format == "json" else None

    def bind(self, **facts: object) -> None:
        """Add these facts to every later event."""
        self._bound.update(facts)

    def tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
        """Write an event in ASCII, unless the stream is closed. Its facts override bound facts."""
        head = {"time": _utc(datetime.now(UTC), "milliseconds"), "level": level, "event": event}
        record = {**head, "host": self._host, **self._bound, **facts}
        line = json.dumps(redacted_json(record), default=str)
        with self._one_at_a_time, suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def throttled(self, waiting: Waiting) -> None:
        """Write the event that a host makes this process wait; workers write it on their own stderr."""
        until = _utc(datetime.fromtimestamp(waiting.until, UTC), "seconds")
        self.tell("throttled", "warning", site=waiting.host, why=waiting.why, until=until)

    def tell_failure(self, event: str, error: BaseException) -> None:
        """Write the event of a fatal error; of an unexpected error, it contains only the class."""
        facts = {"error": type(error).__name__}
        if isinstance(error, PresswatchError):
            facts = {"error": error.what, "where": error.where, "remedy": error.remedy}
        elif isinstance(error, OSError) and error.strerror:
            facts = {"error": error.strerror, "where": str(error.filename or "")}
        self.tell(event, "error", error_class=type(error).__name__, **facts)


def _utc(moment: datetime, to: str) -> str:
    return moment.isoformat(timespec=to).replace("+00:00", "Z")


class LoggedError(PresswatchError):
    """An error that was already logged as an event: the command line only returns its exit code."""


class LoggedInterrupt(KeyboardInterrupt):
    """Ctrl-C that was already logged as an event."""


@contextmanager
def failures_logged(events: EventLog | None) -> Iterator[None]:
    """Log the error that ends the block, and waits for hosts, as events; without a log, do nothing.

    Raises `LoggedError` or `LoggedInterrupt` in place of a logged error.
    """
    try:
        with waits_reported(events.throttled) if events else nullcontext():
            yield
    except (PresswatchError, OSError, KeyboardInterrupt) as error:
        if events is None:
            raise
        events.tell_failure("command_failed", error)
        if isinstance(error, KeyboardInterrupt):
            raise LoggedInterrupt from error
        raise LoggedError("this has been logged") from error


# --- progress


@dataclass(frozen=True, slots=True)
class ShardTotals:
    """The counts of some shards; `incomplete`: shards that were not read to their end.

    For a census, `documents`, `text_bytes` and `matches` are rows of the index, bytes read and captures.
    `core_seconds` include idle cores.
    """

    shards: int = 0
    incomplete: int = 0
    documents: int = 0
    text_bytes: int = 0
    matches: int = 0
    signals: int = 0
    core_seconds: float = 0.0

    def __add__(self, other: ShardTotals) -> ShardTotals:
        return ShardTotals(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: ShardTotals) -> ShardTotals:
        return self + ShardTotals(*(-count for count in astuple(other)))

    @classmethod
    def of(cls, log: Mapping[str, object], terms: Terms = SCAN) -> ShardTotals:
        """Return the counts of one shard, from its row of the log."""
        columns = (terms.documents, terms.text_bytes, terms.matches, "signals")
        return cls(1, int(log["status"] != "complete"), *(int(str(log.get(name) or 0)) for name in columns))


class Progress:
    """Reports the progress of a run during its `with` block: a thread calls `tick` once per second.

    `stream`: default stderr. `live`: redraw one line instead of writing new ones; default: on a terminal.
    If `events` is set, all reports are written to this log instead.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        live: bool | None = None,
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self.events: EventLog | None = None
        self._redraws = self._stream.isatty() if live is None else live
        self._over = threading.Event()
        self._under_way: Callable[[], ShardTotals] = ShardTotals
        self._warned = False
        self.start(0, ShardTotals())

    @property
    def _live(self) -> bool:
        return self._redraws and self.events is None

    def start(self, planned: int, done: ShardTotals, terms: Terms = SCAN) -> None:
        """Start the clock for `planned` shards in all; earlier processes have `done` some of them."""
        self._planned, self._before, self._done, self._terms = planned, done, done, terms
        self._started = self._reported = self._clock()
        self._pass: dict[str, int] = {}
        self._readings = self._readings_done = 0
        # Times of progress, and of ends of waves, each with the number of readings by then.
        self._pace, self._waves = (deque([(self._started, 0)], PACE_MOST) for _ in range(2))

    def in_pass(self, number: int, count: int, readings: int) -> None:
        """Begin pass `number` of `count`; `readings`: those left before the last one, finishing no shards."""
        self._pass, self._readings = {"pass": number, "passes": count}, readings

    def sifted(self, shards: int) -> None:
        """Count shards that were read in a pass before the last."""
        self._readings -= shards
        self._readings_done += shards

    @contextmanager
    def during(self, counts: Callable[[], ShardTotals]) -> Iterator[None]:
        """Include the result of `counts`, preliminary counts of the present wave, while the block runs."""
        self._under_way = counts
        try:
            yield
        finally:
            self._under_way = ShardTotals

    def add(self, counts: ShardTotals, log: Sequence[Mapping[str, object]] = ()) -> None:
        """Add final counts; `log`: rows of the log of their shards.

        If none of the first shards could be read, warn once, so that a wrong region or a missing permission
        is noticed after minutes, not days.
        """
        self._done += counts
        done = self._done
        self._waves.append((self._clock(), done.shards - self._before.shards + self._readings_done))
        nothing_read = done.incomplete == done.shards and not done.documents and not done.text_bytes
        if not (nothing_read and 1 < done.shards < self._planned and log) or self._warned:
            return
        self._warned = True
        failed = {name: log[0][name] for name in ("shard_uri", "error")}
        line = (
            f"warning: none of the first {counted(done.shards, self._terms.shard)} could be read, such as"
            f" {failed['shard_uri']}: {failed['error']} (the {self._terms.run} continues; Ctrl-C stops it)"
        )
        self.report("no_shard_read", [line], "warning", shards=done.shards, **failed)

    def report(
        self, event: str, lines: Iterable[str] = (), level: Level = "info", /, **facts: object
    ) -> None:
        """Write an event with facts to the log or, without a log, lines for people."""
        if self.events:
            self.events.tell(event, level, **facts)
            return
        for line in lines:
            self.say(line)

    def say(self, news: str) -> None:
        """Write a message, above the live line if there is one."""
        self._write(("\r\x1b[K" if self._live else "") + printable(news) + "\n")

    def tick(self) -> None:
        """Report if a report is due."""
        now = self._clock()
        if self._live or now - self._reported >= SECONDS_BETWEEN_LINES:
            self._report(now)
        else:
            self._look(now)

    def __enter__(self) -> Self:
        self._over.clear()
        self._ticker = threading.Thread(target=self._run, name="progress", daemon=True)
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ticker.join()
        self._report(self._clock())
        if self._live:
            self._write("\n")

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self.tick()

    def _write(self, text: str) -> None:
        # A run must not fail because the reader of its output has gone. Closed streams raise `ValueError`.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def _report(self, now: float) -> None:
        self._reported = now
        done = self._look(now)
        facts = self._facts(now, done)
        if self.events:
            self.events.tell("progress", **facts)
            return
        terms = self._terms
        parts = [f"pass {facts['pass']} of {facts['passes']}"] if "pass" in facts else []
        parts += [
            f"{done.shards:,}/{counted(self._planned, terms.shard)}",
            counted(done.documents, terms.document),
            f"{facts['mb_per_second']:,.0f} MB/s",
            counted(done.matches, terms.match),
        ]
        if done.incomplete:
            parts.append(f"{done.incomplete:,} incomplete")
        if facts["seconds_left"]:
            minutes, seconds = divmod(int(facts["seconds_left"]), 60)
            parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
        line = " · ".join(parts)
        self._write(f"\r{line}\x1b[K" if self._live else f"{line}\n")

    def _look(self, now: float) -> ShardTotals:
        done = self._done + self._under_way()
        read = done.shards - self._before.shards + self._readings_done
        if read > self._pace[-1][1]:
            self._pace.append((now, read))
        return done

    def _seconds_left(self, now: float, to_read: int) -> int | None:
        """Estimate by the pace of the later half of the time or three quarters of shards: starts are slow."""
        pace = self._waves if len(self._waves) > 2 else self._pace
        last_at, read = pace[-1]
        while len(pace) > 2 and (2 * pace[1][0] <= self._started + last_at or 4 * pace[1][1] <= read):
            pace.popleft()
        since, before = pace[0]
        is_early = last_at - self._started < START_SECONDS
        if read <= before or is_early or now - self._pace[-1][0] >= STALLED_SECONDS:
            return None
        each = (last_at - since) / (read - before)
        return round(max((to_read + self._pace[-1][1] - read) * each - (now - last_at), to_read * each / 2))

    def _facts(self, now: float, done: ShardTotals) -> dict[str, int | float | None]:
        seconds = max(now - self._started, 1e-9)
        to_read = self._planned - done.shards + self._readings
        gained = done - self._before
        has_read = gained.text_bytes > 0 or gained.documents > 0 or self._readings_done > 0
        return {
            **self._pass,
            "shards": done.shards,
            "planned": self._planned,
            "incomplete": done.incomplete,
            self._terms.documents: done.documents,
            self._terms.text_bytes: done.text_bytes,
            "mb_per_second": round(gained.text_bytes / seconds / 1e6, 1),
            self._terms.matches: done.matches,
            "seconds": round(seconds, 1),
            "seconds_left": self._seconds_left(now, to_read) if has_read else None,
        }


# --- a run


def speeds_of(totals: Totals, log: Sequence[Mapping[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the slowest and repeated shards of a wave that took `seconds`, and hosts with their speed."""
    hosts = list[dict[str, Any]]()
    for _, host in sorted(sample for sample in totals if sample.family == "host_read_bytes_total"):
        read = totals[MetricSample("host_read_bytes_total", host)] / 1e6 / seconds
        documents = totals[MetricSample("host_documents_total", host)] / seconds
        hosts.append({"host": host, "mb_per_second": read, "documents_per_second": documents})
    slowest = nlargest(MOST_NAMED, log, key=itemgetter("seconds"))
    return {
        "slowest": [{name: row[name] for name in ("shard_uri", "seconds", "attempts")} for row in slowest],
        "tried_again": [row["shard_uri"] for row in log if row["attempts"] > 1],
        "hosts": hosts,
    }


def speed_lines(speeds: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines for people about what `speeds_of` returned: a few shards, and the slowest hosts."""
    # Rows that were copied from an earlier run took no time.
    slow = (row for row in speeds["slowest"] if row["seconds"] >= 1)
    yield from (f"{row['seconds']:,.0f} s for {row['shard_uri']}" for row in slow)
    yield from (f"tried again: {uri}" for uri in speeds["tried_again"][:MOST_NAMED])
    for each in nsmallest(MOST_NAMED, speeds["hosts"], key=itemgetter("mb_per_second")):
        speed = f"{each['mb_per_second']:,.1f} MB/s, {each['documents_per_second']:,.0f} documents/s"
        yield f"{each['host']}: {speed}"


class Observer:
    """Reports on one run to people, log collectors (`events`) and Prometheus (`metrics_file`).

    The metrics file is replaced atomically, after each wave and at the end. `dollars`: the price of hours of
    Spark's cores.
    """

    def __init__(
        self,
        progress: Progress,
        events: EventLog | None = None,
        metrics_file: str | None = None,
        dollars: Callable[[float], float] | None = None,
    ) -> None:
        self.progress = progress
        progress.events = events
        self._file = Path(metrics_file) if metrics_file else None
        self._dollars = dollars
        self._totals: Totals = Counter()
        self._facts: RunFacts | None = None
        self._wave, self._wave_began = 0, time.monotonic()
        self._terms = SCAN

    def start(
        self, facts: RunFacts, asked: Mapping[str, object], counts: ShardTotals, totals: Totals
    ) -> None:
        """Begin a run, or resume one; `OutputError` if the metrics file cannot be written."""
        self._facts, self._totals, self._terms = facts, Counter(totals), facts.terms
        self._wave = int(totals[MetricSample("waves_total")])
        if self.progress.events:
            self.progress.events.bind(run_id=facts.labels["run_id"])
        self.progress.report("run_started", shards_planned=facts.planned, shards_done=counts.shards, **asked)
        self.progress.start(facts.planned, counts, facts.terms)
        self._write("running")

    def wave_started(self, shards: int) -> None:
        """Begin a wave with this number of shards."""
        self._wave, self._wave_began = self._wave + 1, time.monotonic()
        self.progress.report("wave_started", wave=self._wave, shards=shards)

    def wave_finished(self, counts: ShardTotals, totals: Totals, log: Sequence[Mapping[str, Any]]) -> None:
        """Add a wave's counts; `log`: its rows of the log."""
        incomplete = [row for row in log if row["status"] != "complete"]
        for row in incomplete:
            level: Level = "error" if row["status"] == "failed" else "warning"
            facts = {name: row[name] for name in FACTS_OF_INCOMPLETE}
            self.progress.report(f"shard_{row['status']}", (), level, wave=self._wave, **facts)
        seconds, self._wave_began = time.monotonic() - self._wave_began, time.monotonic()
        longest = MetricSample("slowest_shard_seconds")
        self._totals[longest] = max([self._totals[longest], *(row["seconds"] for row in log)])
        terms, speeds = self._terms, speeds_of(totals, log, seconds)
        is_remarkable = speeds["tried_again"] or seconds > SECONDS_BETWEEN_LINES
        self.progress.report(
            "wave_finished",
            [f"wave {self._wave}: {line}" for line in speed_lines(speeds)] if is_remarkable else (),
            wave=self._wave,
            shards=counts.shards,
            shards_failed=int(totals[MetricSample("shards_total", "failed")]),
            shards_partial=int(totals[MetricSample("shards_total", "partial")]),
            **{terms.documents: counts.documents, terms.text_bytes: counts.text_bytes},
            **{terms.matches: counts.matches},
            **speeds,
        )
        self._totals.update(totals)
        self.progress.add(counts, incomplete)
        self._write("running")

    def sifted(
        self, shards: int, lost: int, number: int, count: int, counts: ShardTotals, totals: Totals
    ) -> None:
        """Count shards that were read in pass `number` of `count`, before the last, and the cost of that.

        `lost`: number of them that could not be read for a reason of the platform.
        """
        left = f"; {lost:,} could not be read, so the last pass searches the whole index for them"
        read = "1 shard more is" if shards == 1 else f"{shards:,} shards more are"
        line = f"pass {number} of {count}: {read} read{left if lost else ''}"
        facts = {"number": number, "passes": count, "shards": shards, "shards_lost": lost}
        self.progress.report("pass_wave_finished", [line], **facts)
        self._totals.update(totals)
        self.progress.sifted(shards)
        self.progress.add(counts)
        self._write("running")

    def wave_lost(self, counts: ShardTotals, totals: Totals) -> None:
        """Subtract a wave whose output is damaged: its shards are scanned again."""
        self._totals.subtract(totals)
        self.progress.add(ShardTotals() - counts)

    def worker_died(self, suspects: Sequence[str], tries: int) -> None:
        """Report dead workers; `suspects` are the shards that they had begun and not finished."""
        at = ", ".join(suspects) or f"an unknown {self._terms.shard}"
        line = f"warning: a Python worker died at {at} ({counted(tries, 'try')}); others continue"
        facts = {"wave": self._wave, "shards": list(suspects), "tries": tries}
        self.progress.report("worker_died", [line], "warning", **facts)

    def say(self, event: str, line: str) -> None:
        """Report a message: as an event with the line, or to people."""
        self.progress.report(event, [line], told=line)

    def published(self, row: Mapping[str, object]) -> None:
        """Report that the run is in the tables."""
        self._write("published")
        counts = (self._terms.documents, self._terms.text_bytes, self._terms.matches)
        shown = ("shards_complete", "shards_partial", "shards_failed", *counts, "table_digest")
        self.progress.report("run_published", **{name: row[name] for name in shown})

    def metrics(self, state: str) -> list[Series]:
        """Return the present values of all metrics."""
        if self._facts is None:
            raise RuntimeError("no run has been started")
        spent = self._totals[MetricSample("core_seconds_total")] / 3600
        dollars = self._dollars(spent) if self._dollars else None
        return metrics_of(self._facts, self._totals, state, datetime.now(UTC), dollars)

    @contextmanager
    def following(self) -> Iterator[Self]:
        """Follow the run during the block; report the error that stops it, and waits for hosts."""
        try:
            with self.progress, waits_reported(self._throttled):
                yield self
        except BaseException as error:
            if self.progress.events:
                self.progress.events.tell_failure("run_stopped", error)
            self._write("stopped")
            raise

    def _throttled(self, waiting: Waiting) -> None:
        if self.progress.events:
            self.progress.events.throttled(waiting)
        else:
            self.progress.say(str(waiting))

    def _write(self, state: str) -> None:
        """Write the metrics file. A failure is an error only at the start: it must not stop a running run."""
        if self._file is None or self._facts is None:
            return
        try:
            write_whole(self._file, exposition(FAMILIES, self.metrics(state)))
        except OutputError as error:
            if not self._totals[MetricSample("waves_total")] and state == "running":
                raise
            self.progress.report("metrics_not_written", (), "warning", error=error.what)


def write_whole(path: Path, text: str) -> None:
    """Replace a file of metrics atomically; `OutputError` if it cannot be written."""
    draft = ""
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # Collectors of metrics run as other users.
        Path(draft).chmod(0o644)
        os.replace(draft, path)
    except OSError as error:
        if draft:
            Path(draft).unlink(missing_ok=True)
        raise OutputError(
            f"the metrics file cannot be written: {error.strerror or error}",
            where=str(path),
            remedy="choose a file in a folder that exists and is writable",
        ) from error

"""Whoever follows a run is told here: people at a terminal, collectors of logs, Prometheus."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.events import EventLog, Level
from presswatch_spark.monitoring.metrics import Metrics, MetricSample, RunFacts, Totals
from presswatch_spark.monitoring.progress import SCAN, Progress, ShardTotals
from presswatch_spark.storage.host_limits import Waiting, waits_reported

# Columns of the log that tell of a shard that is not complete.
TOLD_OF_SHARDS = ("shard_uri", "status", "failure", "error", "attempts", "seconds")


class Observer:
    """Follows one run.

    Args:
        progress: for people, or one line a minute.
        events: for collectors of logs, if there are any.
        metrics_file: for Prometheus: written whole or not at all, after each wave and at the end.
        dollars: what so many hours of cores cost, as Spark counts them, if a price was named.
    """

    def __init__(
        self,
        progress: Progress,
        events: EventLog | None = None,
        metrics_file: str | None = None,
        dollars: Callable[[float], float] | None = None,
    ) -> None:
        self.progress = progress
        self._events = events
        self._file = Path(metrics_file) if metrics_file else None
        self._dollars = dollars
        self._totals: Totals = Counter()
        self._facts: RunFacts | None = None
        self._wave = 0
        self._terms = SCAN

    def start(
        self, facts: RunFacts, asked: Mapping[str, object], counts: ShardTotals, totals: Totals
    ) -> None:
        """The run begins, or goes on after an earlier process, which left `counts` and `totals`.

        Raises:
            OutputError: the metrics file cannot be written.
        """
        self._facts, self._totals, self._terms = facts, Counter(totals), facts.terms
        self._wave = int(totals[MetricSample("waves_total")])
        if self._events:
            self._events.bind(run_id=facts.labels["run_id"])
        self._tell("run_started", shards_planned=facts.planned, shards_done=counts.shards, **asked)
        self.progress.start(facts.planned, counts, facts.terms)
        self._write("running")

    def wave_started(self, shards: int) -> None:
        """A wave of so many shards begins."""
        self._wave += 1
        self._tell("wave_started", wave=self._wave, shards=shards)

    def wave_finished(self, counts: ShardTotals, totals: Totals, log: Iterable[Mapping[str, Any]]) -> None:
        """What was done of a wave is kept; `log` are its rows of the log, at least of shards not complete.

        A wave of which shards are tried once more finishes in two parts.
        """
        incomplete = [row for row in log if row["status"] != "complete"]
        for row in incomplete:
            level: Level = "error" if row["status"] == "failed" else "warning"
            told = {name: row[name] for name in TOLD_OF_SHARDS}
            self._tell(f"shard_{row['status']}", level, wave=self._wave, **told)
        failed, terms = totals[MetricSample("shards_total", "failed")], self._terms
        counted = {terms.documents: counts.documents, terms.text_bytes: counts.text_bytes}
        self._tell(
            "wave_finished",
            wave=self._wave,
            shards=counts.shards,
            shards_failed=int(failed),
            shards_partial=int(totals[MetricSample("shards_total", "partial")]),
            **counted,
            **{terms.matches: counts.matches},
        )
        self._totals.update(totals)
        self.progress.add(counts, incomplete)
        self._write("running")

    def passes_begun(self, why: str, readings: int) -> None:
        """The run has several passes; those before the last read shards so many times. `why` says why."""
        self.say("passes", why)
        self.progress.expect(readings)

    def sifted(
        self, shards: int, lost: int, number: int, count: int, counts: ShardTotals, totals: Totals
    ) -> None:
        """So many shards were read in pass `number` of `count`, which gives no rows.

        `lost`: those of them that could not be read for a reason of the platform. `counts` and `totals` are
        what that cost.
        """
        self._tell("pass_wave_finished", number=number, passes=count, shards=shards, shards_lost=lost)
        if not self._events:
            left = f"; {lost:,} of them could not be, and the last pass searches the whole index for them"
            read = "1 shard more is" if shards == 1 else f"{shards:,} shards more are"
            self.progress.say(f"pass {number} of {count}: {read} read{left if lost else ''}")
        self._totals.update(totals)
        self.progress.add(counts)
        self.progress.sifted(shards)
        self._write("running")

    def wave_lost(self, counts: ShardTotals, totals: Totals) -> None:
        """What a wave wrote is damaged: its shards are scanned again."""
        self._totals.subtract(totals)
        self.progress.take_back(counts)

    def worker_died(self, suspects: Sequence[str], tries: int) -> None:
        """Workers died; `suspects` are the shards that they had begun and not finished."""
        self._tell("worker_died", "warning", wave=self._wave, shards=list(suspects), tries=tries)
        if not self._events:
            at = ", ".join(suspects) or f"one {self._terms.shard} that is not known"
            self.progress.say(f"warning: a Python worker died at {at} ({tries} tries); others go on")

    def say(self, event: str, line: str) -> None:
        """News for people; as an event, its line."""
        if self._events:
            self._events.tell(event, told=line)
        else:
            self.progress.say(line)

    def published(self, row: Mapping[str, object]) -> None:
        """The run is in the tables."""
        self._write("published")
        counted = (self._terms.documents, self._terms.text_bytes, self._terms.matches)
        shown = ("shards_complete", "shards_partial", "shards_failed", *counted, "table_digest")
        self._tell("run_published", **{name: row[name] for name in shown})

    def metrics(self, state: str) -> Metrics:
        """All metrics as they are now."""
        if self._facts is None:
            raise RuntimeError("no run has been started")
        spent = self._totals[MetricSample("core_seconds_total")] / 3600
        dollars = self._dollars(spent) if self._dollars else None
        return Metrics.of(self._facts, self._totals, state, datetime.now(UTC), dollars)

    @contextmanager
    def following(self) -> Iterator[Self]:
        """Follow the run while the block lasts; say what stopped it, if something did."""
        try:
            with self.progress, waits_reported(self._throttled):
                yield self
        except BaseException as error:
            if self._events:
                self._events.tell_failure("run_stopped", error)
            self._write("stopped")
            raise

    def _throttled(self, waiting: Waiting) -> None:
        """A host makes this process wait."""
        if self._events:
            self._events.throttled(waiting)
        else:
            self.progress.say(str(waiting))

    def _tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
        if self._events:
            self._events.tell(event, level, **facts)

    def _write(self, state: str) -> None:
        """Write the metrics file. Only at the start is it an error if that fails: a run is worth more."""
        if self._file is None:
            return
        try:
            write_whole(self._file, self.metrics(state).text())
        except OSError as error:
            if self._totals[MetricSample("waves_total")] or state != "running":
                self._tell("metrics_not_written", "warning", error=error.strerror or type(error).__name__)
                return
            raise unwritable(self._file, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """Return the error that says that a file of metrics cannot be written."""
    return OutputError(
        f"the metrics file cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="name a file in a folder that exists and can be written to",
    )


def write_whole(path: Path, text: str) -> None:
    """Write a file that others may read at any moment: they find the old text or the new one."""
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # Collectors run as other users.
        Path(draft).chmod(0o644)
        os.replace(draft, path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise

"""Collectors of logs are told here of a census: the events of a scan, as far as a census has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from presswatch_spark.monitoring.events import EventLog, Level

# Columns of `census_log` that tell of a file that is not complete, and of `censuses` that tell of the whole.
TOLD_OF_FILES = ("shard_uri", "status", "error", "attempts", "seconds")
TOLD_OF_CENSUS = (
    "shards_complete", "shards_partial", "shards_failed", "rows", "captures", "bytes_read", "table_digest",
)  # fmt: skip


class CensusObserver:
    """Follows one census, while its block lasts; without a log of events nobody is told."""

    def __init__(self, events: EventLog | None = None) -> None:
        self._events = events

    def start(self, run_id: str, planned: int, done: int, **asked: object) -> None:
        """The census begins, or goes on after an earlier process, which has `done` so many files."""
        if self._events:
            self._events.bind(run_id=run_id)
        self._tell("run_started", shards_planned=planned, shards_done=done, dataset="index", **asked)

    def worker_died(self, suspects: Sequence[str], tries: int) -> None:
        """Workers died; `suspects` are the files that they died of, if that is known."""
        self._tell("worker_died", "warning", shards=list(suspects), tries=tries)

    def published(self, row: Mapping[str, Any], log: Iterable[Mapping[str, Any]]) -> None:
        """The census is in the tables, with its rows of `census_log`."""
        for line in log:
            if line["status"] != "complete":
                level: Level = "error" if line["status"] == "failed" else "warning"
                self._tell(f"shard_{line['status']}", level, **{name: line[name] for name in TOLD_OF_FILES})
        self._tell("run_published", **{name: row[name] for name in TOLD_OF_CENSUS})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._events:
            self._events.tell_failure("run_stopped", error)

    def _tell(self, event: str, level: Level = "info", /, **facts: object) -> None:
        if self._events:
            self._events.tell(event, level, **facts)

"""Watches for tests: a clock that is set, a cluster that keeps what was submitted, and looks at releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from presswatch_spark.releases.release import Release
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.watch.claims import ReleaseLease, WatchLeases
from presswatch_spark.watch.look import Look, WatchReport
from presswatch_spark.watch.starters import ScanJob, Status

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=15)
KEY = "0123456789abcdef" * 4
NEWEST, OLDER = "CC-MAIN-2026-21", "CC-MAIN-2026-17"


def release(name: str = NEWEST, last: datetime = NOON - timedelta(days=10)) -> Release:
    return Release(name, last - timedelta(days=14), last)


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def later(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Cluster:
    """Runs by token, as EMR Serverless keeps them: the same token twice is one run.

    `dies_before` and `dies_after` submitting; `codes` are the exit codes of runs that have ended, by release.
    """

    runs: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    forgets: bool = False
    dies_before: bool = False
    dies_after: bool = False
    fails: Exception | None = None
    resumes: bool = False
    lock: Any = field(default_factory=Lock)

    def start(self, job: ScanJob, claim: ReleaseLease, noted: Callable[[Mapping[str, str]], None]) -> None:
        if self.fails:
            raise self.fails
        if self.dies_before:
            raise KeyboardInterrupt
        with self.lock:
            self.asked.append(job.release)
            self.runs.setdefault(claim.token, job.release)
        if self.dies_after:
            raise KeyboardInterrupt
        noted({"profile": "cluster", "run": claim.token})

    def look(self, job: ScanJob, claim: ReleaseLease, alive: bool) -> int | Status:
        if self.forgets:
            return Status.LOST
        assert self.runs[claim.place["run"]] == job.release
        return self.codes.get(job.release, Status.UNDER_WAY)


def look(out: str, cluster: Any, clock: Clock, storage: StorageOptions | None = None, **more: Any) -> Look:
    """A look of a watcher of its own."""
    given: dict[str, Any] = {
        "claims": WatchLeases(out, storage or StorageOptions()),
        "key": KEY,
        "job_of": lambda release: ScanJob(release.name, ("--release", release.name)),
        "starters": lambda profile: cluster,
        "profile": "cluster",
        "ready": lambda release: None,
        "published": lambda release, since: None,
        "holder": f"watcher-{id(object())}-{clock.now.isoformat()}",
        "clock": clock,
        "lease": LEASE,
    }
    return Look(**{**given, **more})


def told(findings: list[WatchReport]) -> dict[str, tuple[str, int]]:
    """The first word said of each release, and its code."""
    return {finding.release: (finding.said.split(":")[0].split(",")[0], finding.code) for finding in findings}

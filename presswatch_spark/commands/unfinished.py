"""Runs that were begun and not published yet: how far they are, and what can be done about them."""

from __future__ import annotations

import fcntl
import json
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presswatch_spark.output.tables import TableStore


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run by its folder below `_runs`; `counts` are totals over its finished waves."""

    run_id: str
    started_at: datetime
    folder: Path
    counts: Counter[str]
    under_way: bool

    def row(self) -> dict[str, object]:
        """What can be said of it in the columns of `runs`."""
        return {
            "run_id": self.run_id,
            "started_at": self.started_at,
            "finished_at": "under way" if self.under_way else "not finished",
            "shards_complete": self.counts["shards"] - self.counts["incomplete"],
            "documents": self.counts["documents"],
            "matches": self.counts["matches"],
        }

    def note(self) -> str:
        """When it began, how far it is, and how to go on or to drop it."""
        begun = (
            f"run {self.run_id}, begun {self.started_at:%Y-%m-%d %H:%M:%S} UTC with"
            f" {self.counts['shards']:,} shards done, is"
        )
        if self.under_way:
            return f"{begun} under way"
        return (
            f"{begun} not finished: to go on, give the command that began it again;"
            f" to drop it, rm -r {shlex.quote(str(self.folder))}"
        )


def unfinished_runs(store: TableStore) -> Iterator[UnfinishedRun]:
    """Yield the unfinished runs of `store`, oldest first. Other processes may finish them meanwhile."""
    published = store.published()
    found = filter(None, map(_run_in, (store.root / "_runs").glob("*/")))
    yield from sorted((run for run in found if run.run_id not in published), key=lambda run: run.started_at)


def _run_in(folder: Path) -> UnfinishedRun | None:
    """The run that `folder` holds; None if it is being made or removed this moment."""
    counts: Counter[str] = Counter()
    try:
        facts = json.loads((folder / "run.json").read_bytes())
        for marker in (folder / "waves").glob("*.json"):
            counts.update(json.loads(marker.read_bytes())["counts"])
    except FileNotFoundError:
        return None
    started = datetime.fromisoformat(facts["started_at"])
    return UnfinishedRun(facts["run_id"], started, folder, counts, _is_owned(folder.with_suffix(".lock")))


def _is_owned(lock: Path) -> bool:
    """Whether a live process holds the lock of a run. What we lock to see it is let go at once."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False

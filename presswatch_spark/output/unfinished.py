"""Runs that were begun and not published yet: how far they are, and what can be done about them."""

from __future__ import annotations

import fcntl
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add
from pathlib import Path

from presswatch_spark.errors import OutputError
from presswatch_spark.output.markers import FOUND_FOLDER, read_note, read_waves
from presswatch_spark.output.tables import TableStore
from presswatch_spark.progress import Counts


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run by its folder below `_runs`; `counts` are totals over its finished waves."""

    run_id: str
    started_at: datetime
    folder: Path
    counts: Counts
    under_way: bool

    def row(self) -> dict[str, object]:
        """What can be said of it in the columns of `runs`."""
        return {
            "run_id": self.run_id,
            "started_at": self.started_at,
            "finished_at": "under way" if self.under_way else "not finished",
            "shards_complete": self.counts.shards - self.counts.incomplete,
            "documents": self.counts.documents,
            "matches": self.counts.matches,
        }

    def note(self) -> str:
        """When it began, how far it is, and how to go on or to drop it."""
        begun = (
            f"run {self.run_id}, begun {self.started_at:%Y-%m-%d %H:%M:%S} UTC with"
            f" {self.counts.shards:,} shards done, is"
        )
        if self.under_way:
            return f"{begun} under way"
        return (
            f"{begun} not finished: to go on, give the command that began it again;"
            f" to drop it, rm -r {shlex.quote(str(self.folder))}"
        )


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A folder below `_runs` that cannot be read; `what` says why."""

    folder: Path
    what: str

    def note(self) -> str:
        """Where it is, and what to do."""
        return f"{self.what}: to drop it, rm -r {shlex.quote(str(self.folder))}"


def unfinished_runs(store: TableStore) -> Iterator[UnfinishedRun | DamagedRun]:
    """Yield the runs of `store` that are not published. Other processes may publish them meanwhile."""
    for folder in sorted((store.root / "_runs").glob("*/")):
        run = _run_in(folder)
        if isinstance(run, DamagedRun) or (run and not store.is_published(run.run_id)):
            yield run


def _run_in(folder: Path) -> UnfinishedRun | DamagedRun | None:
    """The run that `folder` holds; None if it is being made or removed this moment."""
    try:
        note = read_note(folder)
        counts = reduce(add, (wave.counts for wave in read_waves(folder / "waves")), Counts())
        counts += Counts(shards=len(list((folder / FOUND_FOLDER).glob("*.parquet"))))
    except FileNotFoundError:
        return None
    except OutputError as error:
        return DamagedRun(folder, error.what)
    return note and UnfinishedRun(*note, folder, counts, _is_owned(folder.with_suffix(".lock")))


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

"""Runs that were begun and not published yet: how far they are, and what can be done about them."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add

from presswatch_spark.errors import OutputError
from presswatch_spark.monitoring.progress import Counts
from presswatch_spark.runs.claimed import RUNS_FOLDER
from presswatch_spark.runs.markers import FOUND_FOLDER, NOTE, Note, read_note, read_waves
from presswatch_spark.show import counted
from presswatch_spark.storage.folders import Folder
from presswatch_spark.storage.locks.run_locks import owned
from presswatch_spark.storage.objects import MissingError
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run by its folder below `_runs`; `counts` are totals over its finished waves."""

    run_id: str
    started_at: datetime
    folder: Folder
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
            f" {counted(self.counts.shards, 'shard')} done, is"
        )
        if self.under_way:
            return f"{begun} under way"
        return (
            f"{begun} not finished: to go on, give the command that began it again;"
            f" to drop it, {_removal(self.folder)}"
        )


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A folder below `_runs` that cannot be read; `what` says why."""

    folder: Folder
    what: str

    def note(self) -> str:
        """Where it is, and what to do."""
        return (
            f"{self.what}: to start it over, give the command that began it again;"
            f" to drop it, {_removal(self.folder)}"
        )


def unfinished_runs(store: TableStore) -> Iterator[UnfinishedRun | DamagedRun]:
    """Yield the runs of `store` that are not published. Other processes may publish them meanwhile.

    On S3 a run whose process was killed is watched for the length of its lease: it may be alive. Only what
    is listed is asked for: to who may read, but list by prefix alone, S3 denies what it does not have.
    """
    runs, names = store.root / RUNS_FOLDER, defaultdict[str, list[str]](list)
    listed = runs.names()
    for name in listed:
        key, _, below = name.partition("/")
        if below:
            names[key].append(below)
    found = {key: _run_in(runs / key, below) for key, below in sorted(names.items())}
    begun = {f"{key}.lock" for key, run in found.items() if isinstance(run, tuple)}
    alive = owned(runs, begun.intersection(listed))
    for key, run in found.items():
        if isinstance(run, DamagedRun):
            yield run
        elif run and not store.is_published(run[0].run_id):
            note, counts = run
            under_way = f"{key}.lock" in alive
            yield UnfinishedRun(note.run_id, note.started_at, runs / key, counts, under_way)


def _run_in(folder: Folder, names: Sequence[str]) -> tuple[Note, Counts] | DamagedRun | None:
    """The run that `folder` holds, by the names in it; None if it is being made or removed this moment."""
    try:
        if NOTE not in names or (found := read_note(folder)) is None:
            return None
        waves = read_waves(folder, found[0], names)
        counts = reduce(add, (wave.counts for wave in waves), Counts())
    except MissingError:
        return None
    except OutputError as error:
        return DamagedRun(folder, error.what)
    files = sum(name.startswith(f"{FOUND_FOLDER}/") for name in names)
    return found[0], counts + Counts(shards=files)


def _removal(folder: Folder) -> str:
    """The command that removes a folder."""
    if folder.is_local:
        return f"rm -r {shlex.quote(str(folder))}"
    return f"aws s3 rm --recursive {shlex.quote(str(folder))}"

"""Runs that were begun and not published yet: how far they are, and what can be done about them."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from presswatch_spark.errors import InUseError, OutputError
from presswatch_spark.monitoring.metrics import TERMS
from presswatch_spark.monitoring.progress import ShardTotals
from presswatch_spark.runs.claimed import LEASE_SECONDS
from presswatch_spark.runs.markers import FOUND_FOLDER, NOTE, Note, read_note, read_waves
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.locks import locked, owned
from presswatch_spark.storage.objects import MissingError, delete_object
from presswatch_spark.tables.derived import remove_unpublished
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore
from presswatch_spark.terminal import counted
from presswatch_spark.version import __version__

# What passes before the last keep; see `presswatch_spark.shard.passes`.
_IN_PASS = re.compile(r"candidates/(\d+-of-\d+)/")


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run by its folder below `_runs`; `counts` are totals over its finished waves.

    `passes`: shards that each pass before the last has read, by its name, such as `1-of-3`.
    """

    begun: Note
    folder: Folder
    counts: ShardTotals
    under_way: bool
    passes: Mapping[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, object]:
        """Return what can be said of it in the columns of `runs`, or of `censuses`."""
        terms = TERMS[self.begun.by]
        return {
            "run_id": self.begun.run_id,
            "started_at": self.begun.started_at,
            "finished_at": "under way" if self.under_way else "not finished",
            "shards_complete": self.counts.shards - self.counts.incomplete,
            terms.documents: self.counts.documents,
            terms.matches: self.counts.matches,
        }

    def note(self) -> str:
        """Say when it began, how far it is, and how to go on or to drop it."""
        begun, terms = self.begun, TERMS[self.begun.by]
        run = (
            f"{'run' if begun.by == 'runs' else terms.run} {begun.run_id}, begun"
            f" {begun.started_at:%Y-%m-%d %H:%M:%S} UTC with"
            f" {counted(self.counts.shards, terms.shard)} done{self._passes()}, is"
        )
        if self.under_way:
            return f"{run} under way"
        # The version is part of the key: another one begins a run of its own.
        begun_by = f"version {begun.tool_version}" if begun.tool_version else "the version that began it"
        version = "" if begun.tool_version == __version__ else f" with {begun_by}"
        return (
            f"{run} not finished: to go on, give the command that began it again{version};"
            f" to drop it, {_removal(self.folder)}"
        )

    def _passes(self) -> str:
        read = [
            f"{counted(shards, 'shard')} in pass {name.replace('-of-', ' of ')}"
            for name, shards in sorted(self.passes.items())
        ]
        return f" and {', '.join(read)}" if read else ""


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A folder below `_runs` that cannot be read; `what` says why."""

    folder: Folder
    what: str

    def note(self) -> str:
        """Say where it is, and what to do."""
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
    by_key = {key: _run_in(runs / key, below) for key, below in sorted(names.items())}
    begun = {f"{key}.lock" for key, run in by_key.items() if isinstance(run, tuple)}
    alive = owned(runs, begun.intersection(listed))
    for key, run in by_key.items():
        if isinstance(run, DamagedRun):
            yield run
        elif run and not store.is_published(run[0].run_id):
            note, counts = run
            passes = Counter(match[1] for name in names[key] if (match := _IN_PASS.match(name)))
            yield UnfinishedRun(note, runs / key, counts, f"{key}.lock" in alive, passes)


def remove_leftovers(store: TableStore, *, strict: bool = False) -> list[str]:
    """Remove the unpublished files of commands that were killed, but for those of unfinished runs.

    These are files of derived tables (see `remove_unpublished`), parts of runs that were published and not
    cleared, and files in tables of runs that are neither published nor unfinished.

    Args:
        strict: raise `InUseError` if another process is at work on such files; by default they are left.

    Returns:
        The URIs of what was removed.
    """
    removed = remove_unpublished(store, strict=strict)
    runs, there = store.root / RUNS_FOLDER, store.unpublished()
    begun = set[str]()
    for key in sorted({name.partition("/")[0] for name in runs.names() if name.endswith(f"/{NOTE}")}):
        try:
            note = read_note(runs / key)
        except OutputError:
            # Its id is unknown, so any file may be of this run.
            return removed
        if note is None:
            continue
        if not store.is_published(note[0].run_id):
            begun.add(note[0].run_id)
            continue
        try:
            with locked(runs, f"{key}.lock", LEASE_SECONDS):
                removed += [(runs / key).at(name) for name in (runs / key).names()]
                (runs / key).remove()
                if runs.is_local:
                    (runs.path / f"{key}.lock").unlink(missing_ok=True)
        except InUseError:
            if strict:
                raise
    for run_id, uris in there.items():
        # It may have been published since its files were listed.
        if run_id not in begun and not store.is_published(run_id):
            for uri in uris:
                delete_object(uri, store.root.storage)
            removed += uris
    return removed


def _run_in(folder: Folder, names: Sequence[str]) -> tuple[Note, ShardTotals] | DamagedRun | None:
    """Read the run that `folder` holds, by its names; None if it is being made or removed this moment."""
    try:
        if NOTE not in names or (there := read_note(folder)) is None:
            return None
        waves = read_waves(folder, there[0], names)
        counts = sum((wave.counts for wave in waves), ShardTotals())
    except MissingError:
        return None
    except OutputError as error:
        return DamagedRun(folder, error.what)
    # Of a census that an earlier version began.
    if files := sum(name.startswith(f"{FOUND_FOLDER}/") for name in names):
        return replace(there[0], by="censuses"), ShardTotals(shards=files)
    return there[0], counts


def _removal(folder: Folder) -> str:
    if folder.is_local:
        return f"rm -r {shlex.quote(str(folder))}"
    return f"aws s3 rm --recursive {shlex.quote(str(folder))}"

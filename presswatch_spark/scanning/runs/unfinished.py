"""Unpublished runs: their markers, their ownership, and the leftovers of killed processes.

    TABLES/_runs/<key>.lock        see `presswatch_spark.storage.locks_and_leases`
    <run> = TABLES/_runs/<key>
    <run>/run.json                 run id, first start, epoch, and the waves of earlier epochs that count
    <run>/waves/<attempt>.json     the shards of the attempt (positions in the plan), its counts and parts
    <run>/parts/<attempt>/<token>-matches.parquet      likewise -rights_signals and -scan_log, without run ids

The key is a digest of everything on which the rows depend: plan, corpus, settings, version. By the key, the
same command finds its unfinished run again. One living process at a time owns a run.

A process that takes up the run begins an epoch and names in `run.json` the waves that it found, so that
markers which an older process writes later do not count. The shards of a damaged marker count as not scanned;
without `run.json` a run starts over. A part (a Parquet file of rows that a task wrote) counts only if a
marker names it with its SHA-256.
"""

import re
import secrets
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

from presswatch_spark.core.errors import InUseError, OutputError, StorageError
from presswatch_spark.core.translation import N_, Translator, n
from presswatch_spark.core.version import __version__
from presswatch_spark.scanning.monitoring.metrics import TERMS, MetricSample, Totals
from presswatch_spark.scanning.monitoring.progress import ShardTotals
from presswatch_spark.scanning.runs.result_parts import RunPart
from presswatch_spark.scanning.runs.run_work import RunSummary, Work
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.locks_and_leases import LOCK_SUFFIX, USUAL, Lock, locked, owned, remove_lock
from presswatch_spark.storage.objects import MissingError, StorageOptions, delete_object, shown_uri
from presswatch_spark.tables.declarations import PUBLISHING_TABLES
from presswatch_spark.tables.derived import remove_unpublished
from presswatch_spark.tables.seals import UNREADABLE, sealed_json, unsealed_json
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore, later_time

WAVES_FOLDER, PARTS_FOLDER = "waves", "parts"
NOTE = "run.json"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RunNote:
    """The contents of `run.json`; `waves`: attempts of earlier epochs that count; `by`: as in `Kind`."""

    run_id: str
    started_at: datetime
    epoch: int = 1
    waves: tuple[str, ...] = ()
    by: str = "runs"
    tool_version: str = __version__


@dataclass(frozen=True, slots=True)
class Wave:
    """A finished wave: its attempt, the positions of its shards in the plan, and their results.

    `epoch`: the epoch of the process that read it. `totals`: its counts and more, as metrics.
    """

    attempt: str
    shards: tuple[int, ...]
    counts: ShardTotals
    parts: tuple[RunPart, ...]
    epoch: int = 1
    totals: Totals = field(default_factory=Counter)


def write_note(folder: Folder, note: RunNote, etag: str | None) -> None:
    """Write the note of a run, which replaces the one with this ETag; None: there was none.

    Raises `ConflictError` if another process took up the run meanwhile.
    """
    # If two processes wrote equal bytes, each would believe that it is the writer.
    writer = secrets.token_hex(8)
    facts = {**asdict(note), "started_at": note.started_at.isoformat(), "writer": writer}
    with disk_errors(folder.at(NOTE)):
        folder.write(NOTE, sealed_json(facts), absent=etag is None, etag=etag)


def read_note(folder: Folder) -> tuple[RunNote, str] | None:
    """Read the note of the run in `folder`, and its ETag; None if there is none, `OutputError` if damaged."""
    try:
        data, etag = folder.read(NOTE)
    except MissingError:
        return None
    try:
        facts = {"tool_version": "", **unsealed_json(data)}
        del facts["writer"]
        started_at, waves = datetime.fromisoformat(facts["started_at"]), tuple(facts["waves"])
        note = RunNote(**{**facts, "started_at": started_at, "waves": waves})
        # The id becomes part of file names; the start goes into a column of times with a zone.
        if not _RUN_ID.fullmatch(note.run_id) or note.started_at.tzinfo is None or note.by not in TERMS:
            raise ValueError
    except UNREADABLE as error:
        raise OutputError(
            "the notes of an unfinished run are damaged, or from an earlier version",
            where=folder.at(NOTE),
            remedy="repeat the command that began it: the run starts over",
        ) from error
    return note, etag


def write_wave(folder: Folder, wave: Wave) -> None:
    """Write the marker of a finished wave into a run's folder: from now on the wave counts."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        name = f"{WAVES_FOLDER}/{wave.attempt}.json"
        totals = [[*sample, value] for sample, value in sorted(wave.totals.items())]
        facts = asdict(replace(wave, totals=Counter())) | {"totals": totals}
        folder.write(name, sealed_json(facts), absent=True)


def read_waves(
    folder: Folder,
    note: RunNote,
    names: Iterable[str] | None = None,
    on_damage: Callable[[str], None] = lambda name: None,
) -> Iterator[Wave]:
    """Yield the finished waves of a run that count.

    `names`: the files of the folder, if known. `on_damage` gets the name of each damaged marker.
    """
    for name in sorted(folder.names() if names is None else names):
        kind, _, attempt = name.removesuffix(".json").partition("/")
        if kind != WAVES_FOLDER or not name.endswith(".json"):
            continue
        data, _ = folder.read(name)
        try:
            facts = unsealed_json(data)
            parts = tuple(RunPart(**part) for part in facts["parts"])
            totals = Counter({MetricSample(*sample): total for *sample, total in facts["totals"]})
            counts = ShardTotals(**facts["counts"])
            wave = Wave(attempt, tuple(facts["shards"]), counts, parts, facts["epoch"], totals)
        except UNREADABLE:
            on_damage(name)
            continue
        if wave.epoch == note.epoch or attempt in note.waves:
            yield wave


def forget_wave(folder: Folder, wave: Wave) -> None:
    """Remove the marker of a wave, so that its shards count as not scanned."""
    with disk_errors(folder.at(WAVES_FOLDER)):
        folder.delete([f"{WAVES_FOLDER}/{wave.attempt}.json"])


# --- ownership

STAGED = "tables-"
KEY_DIGITS, ID_DIGITS = 16, 6
ENGLISH = Translator()
DONE = {
    "shard": n("{n} shard done", "{n} shards done"),
    "index file": n("{n} index file done", "{n} index files done"),
}

# Files of candidates from passes before the last; see `presswatch_spark.scanning.shard.attempts`.
_IN_PASS = re.compile(r"candidates/(\d+-of-\d+)/")


@dataclass(frozen=True, slots=True)
class OwnedRun:
    """A run that this process owns. `resumed`: an earlier process began it.

    `waves`: finished by earlier processes. `epoch`: number of this process, from 1. `damaged`: a message for
    each damaged file of earlier processes.
    """

    run_id: str
    started_at: datetime
    folder: Folder
    lock: Lock
    resumed: bool = False
    epoch: int = 1
    waves: tuple[Wave, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def parts(self) -> Folder:
        """Return the folder of its part files."""
        return self.folder / PARTS_FOLDER

    @property
    def staged(self) -> Folder:
        """Return the folder in which this process writes tables before they are moved into place."""
        return self.folder / f"{STAGED}{self.epoch}"


@contextmanager
def own_run(
    store: TableStore, key: str, now: datetime, lease_seconds: float = USUAL, by: str = "runs"
) -> Iterator[OwnedRun]:
    """Own the unfinished run of `key`, or a new one, until the block ends.

    Raises:
        OutputError: another living process owns it, or the folder cannot be written.
        ConflictError: another process has just taken it up.
    """
    runs = store.root / RUNS_FOLDER
    folder = runs / key[:KEY_DIGITS]
    with locked(runs, key[:KEY_DIGITS], lease_seconds) as lock:
        noted, damage = None, tuple[str, ...]()
        try:
            noted = read_note(folder)
        except OutputError as error:
            damage = (f"{error.where}: {error.what}; the run starts over",)
        if noted and not store.is_published(noted[0].run_id):
            yield _taken_up(folder, lock, *noted)
        else:
            yield _new(store, folder, lock, key, now, by, damage)


def published_run(work: Work, out: str, storage: StorageOptions) -> RunSummary | None:
    """Return the newest published run of the same work in the tables at `out`.

    None without one, if a later one is unfinished, or if the tables are damaged.
    """
    by, key = work.kind.by, work.key
    with suppress(OutputError):
        store = TableStore.open(out, storage)
        noted = read_note(store.root / RUNS_FOLDER / key[:KEY_DIGITS])
        ids = [run_id for run_id in store.published(by) if run_id.endswith(f"-{key[:ID_DIGITS]}")]
        if ids and not (noted and not store.is_published(noted[0].run_id)):
            (row,), log = store.read(by, ids[-1]).to_pylist(), store.read(work.kind.log, ids[-1])
            # Only a part of the key is in the id of a run.
            if {shown_uri(shard.uri) for shard in work.shards} == {*log["shard_uri"].to_pylist()}:
                return RunSummary(row, log, False, 0.0)
    return None


def clear(run: OwnedRun) -> None:
    """Remove the folder of a published run while this process owns it; errors are ignored.

    The next run with the same key removes the rest.
    """
    with suppress(OutputError, StorageError, OSError):
        # If another process has the lock by now, the folder contains its new run.
        run.lock.confirm()
        run.folder.remove()
        remove_lock(run.folder)


def _taken_up(folder: Folder, lock: Lock, note: RunNote, etag: str) -> OwnedRun:
    """Take up the run in `folder`. Raises the epoch: this fences off older processes."""
    names, damaged = folder.names(), list[str]()
    waves = tuple(read_waves(folder, note, names, damaged.append))
    kept = tuple(sorted(wave.attempt for wave in waves))
    write_note(folder, replace(note, epoch=note.epoch + 1, waves=kept), etag)
    with disk_errors(str(folder)):
        folder.delete(damaged)
        # Remove parts of unfinished waves, and staged tables. The process that staged them may be only
        # suspended: without the files, it cannot publish them later.
        named = {f"{PARTS_FOLDER}/{part.name.rpartition('/')[0]}" for wave in waves for part in wave.parts}
        for left in {name.rpartition("/")[0] for name in names} - named:
            if left.startswith((f"{PARTS_FOLDER}/", STAGED)):
                (folder / left).remove()
    damage_lines = tuple(
        f"{folder.at(name)}: the marker of a wave is damaged; it is scanned again" for name in damaged
    )
    return OwnedRun(note.run_id, note.started_at, folder, lock, True, note.epoch + 1, waves, damage_lines)


def _new(
    store: TableStore, folder: Folder, lock: Lock, key: str, now: datetime, by: str, damaged: tuple[str, ...]
) -> OwnedRun:
    """Begin a run. Its id has the second of its start, or a later one: the newest run has the last id."""
    started = now.astimezone(UTC)
    time = later_time(started, [run_id for by in PUBLISHING_TABLES for run_id in store.published(by)])
    run_id = f"{time}-{key[:ID_DIGITS]}"
    with disk_errors(str(folder)):
        # If this process was suspended since it took the lock, the folder may be another process's by now.
        lock.confirm()
        folder.remove()
    write_note(folder, RunNote(run_id, started, by=by), None)
    return OwnedRun(run_id, started, folder, lock, damaged=damaged)


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """An unpublished run, by its folder below `_runs`; `counts`: totals of its finished waves.

    `passes`: number of shards read, by the name of each pass before the last, such as `1-of-3`.
    """

    note: RunNote
    folder: Folder
    counts: ShardTotals
    under_way: bool
    passes: Mapping[str, int] = field(default_factory=dict)

    def row(self) -> dict[str, object]:
        """Return its known columns of `runs`, or of `censuses`."""
        terms = TERMS[self.note.by]
        return {
            "run_id": self.note.run_id,
            "started_at": self.note.started_at,
            "finished_at": "under way" if self.under_way else "not finished",
            "shards_complete": self.counts.shards - self.counts.incomplete,
            terms.documents: self.counts.documents,
            terms.matches: self.counts.matches,
        }

    def message(self, _: Translator = ENGLISH) -> str:
        """Return a line about its beginning, its progress, and how to resume or drop it."""
        note, terms = self.note, TERMS[self.note.by]
        done = _.n(*DONE[terms.shard], self.counts.shards)
        by_pass = list[str]()
        for name, count in sorted(self.passes.items()):
            number, _of, passes = name.partition("-of-")
            shards = _.n("{n} shard", "{n} shards", count)
            by_pass.append(
                _("{shards} in pass {number} of {passes}", shards=shards, number=number, passes=passes)
            )
        facts = {
            "kind": _.word("of a run", "run" if note.by == "runs" else terms.run),
            "run": note.run_id,
            "begun": f"{note.started_at:%Y-%m-%d %H:%M:%S}",
            "done": _("{done} and {passes}", done=done, passes=", ".join(by_pass)) if by_pass else done,
        }
        if self.under_way:
            return _("{kind} {run}, begun {begun} UTC with {done}, is under way", **facts)
        # The version is part of the key: with another version, the command would begin a new run.
        with_its, with_this = N_(" with its version"), N_(" with version {version}")
        version = _(with_this if note.tool_version else with_its, version=note.tool_version)
        return _(
            "{kind} {run}, begun {begun} UTC with {done}, is not finished. To resume it, run its command"
            " again{version}; to drop it: {command}",
            version="" if note.tool_version == __version__ else version,
            command=_removal(self.folder),
            **facts,
        )


@dataclass(frozen=True, slots=True)
class DamagedRun:
    """A folder below `_runs` that cannot be read; `what`: the reason."""

    folder: Folder
    what: str

    def message(self, _: Translator = ENGLISH) -> str:
        """Return a line with the reason and the remedy."""
        text = N_("{what}. To start over, run its command again; to drop it: {command}")
        return _(text, what=self.what, command=_removal(self.folder))


def unfinished_runs(store: TableStore, *, check_alive: bool = True) -> Iterator[UnfinishedRun | DamagedRun]:
    """Yield the runs of `store` that are not published. Other processes may publish them meanwhile.

    `check_alive`: find out which are under way. On S3, this waits for the length of a lease if a run seems
    abandoned, since its process may be alive. Only listed keys are read: S3 answers "denied" for a missing
    key if the caller may not list all prefixes.
    """
    runs, names = store.root / RUNS_FOLDER, defaultdict[str, list[str]](list)
    listed = runs.names()
    for name in listed:
        key, _, below = name.partition("/")
        if below:
            names[key].append(below)
    by_key = dict[str, tuple[RunNote, ShardTotals] | DamagedRun]()
    for key, files in sorted(names.items()):
        try:
            if NOTE in files and (noted := read_note(runs / key)):
                waves = read_waves(runs / key, noted[0], files)
                by_key[key] = noted[0], sum((wave.counts for wave in waves), ShardTotals())
        except MissingError:
            continue
        except OutputError as error:
            by_key[key] = DamagedRun(runs / key, error.what)
    locks = {key for key, run in by_key.items() if isinstance(run, tuple) and f"{key}{LOCK_SUFFIX}" in listed}
    alive = owned(runs, locks) if check_alive else ()
    for key, run in by_key.items():
        if isinstance(run, DamagedRun):
            yield run
        elif not store.is_published(run[0].run_id):
            note, counts = run
            passes = Counter(match[1] for name in names[key] if (match := _IN_PASS.match(name)))
            yield UnfinishedRun(note, runs / key, counts, key in alive, passes)


def older_runs(store: TableStore) -> Iterator[str]:
    """Yield a line for each unfinished run of another version, which this one cannot resume."""
    for run in unfinished_runs(store, check_alive=False):
        if isinstance(run, UnfinishedRun) and run.note.tool_version != __version__:
            yield f"note: version {__version__} starts a new run; {run.message()}"


def remove_leftovers(store: TableStore, *, strict: bool = False) -> list[str]:
    """Remove unpublished files of killed commands, except for those of unfinished runs; return their URIs.

    `strict`: raise `InUseError` if another process is using such files; by default, they are left.
    """
    removed = remove_unpublished(store, strict=strict)
    runs, unpublished = store.root / RUNS_FOLDER, store.unpublished()
    unfinished = set[str]()
    for key in sorted({name.partition("/")[0] for name in runs.names() if name.endswith(f"/{NOTE}")}):
        try:
            note = read_note(runs / key)
        except OutputError:
            # The run's id is unknown, so that any file may be its own.
            return removed
        if note is None:
            continue
        if not store.is_published(note[0].run_id):
            unfinished.add(note[0].run_id)
            continue
        try:
            with locked(runs, key):
                removed += [(runs / key).at(name) for name in (runs / key).names()]
                (runs / key).remove()
                remove_lock(runs / key)
        except InUseError:
            if strict:
                raise
    for run_id, uris in unpublished.items():
        # Check again: the run may have been published since its files were listed.
        if run_id not in unfinished and not store.is_published(run_id):
            for uri in uris:
                delete_object(uri, store.root.storage)
            removed += uris
    return removed


def _removal(folder: Folder) -> str:
    if folder.is_local:
        return f"rm -r {shlex.quote(str(folder))}"
    return f"aws s3 rm --recursive {shlex.quote(str(folder))}"

"""Runs in progress: the same command finds its unfinished run again, and one live process at a time owns it.

    TABLES/_runs/<key>.lock        see `presswatch_spark.storage.locks`
    TABLES/_runs/<key>/…           see `presswatch_spark.runs.markers`

The key is a digest over all that decides the rows: plan, corpus, settings, version.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.runs.markers import PARTS_FOLDER, Note, Wave, read_note, read_waves, write_note
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.locks import Lock, locked
from presswatch_spark.tables.declarations import PUBLISHERS
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore

STAGED = "tables-"
KEY_DIGITS = 16
LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class OwnedRun:
    """A run that this process owns. `resumed` is whether an earlier process began it.

    `waves` are those that earlier processes have finished; `epoch` counts the processes, from 1. `damaged`
    says of each file that earlier processes wrote, and that is not as they wrote it, what follows.
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
        """Where its parts lie."""
        return self.folder / PARTS_FOLDER

    @property
    def staged(self) -> Folder:
        """Where this process writes tables before they are moved in."""
        return self.folder / f"{STAGED}{self.epoch}"


@contextmanager
def claim(
    store: TableStore, key: str, now: datetime, lease_seconds: float = LEASE_SECONDS, by: str = "runs"
) -> Iterator[OwnedRun]:
    """Own the unfinished run of `key`, or a new one, until the block ends.

    Args:
        by: the table whose row will publish the run.

    Raises:
        OutputError: a live process owns it, or the folder cannot be written.
        ConflictError: another process took it up this moment.
    """
    runs = store.root / RUNS_FOLDER
    folder = runs / key[:KEY_DIGITS]
    with locked(runs, f"{key[:KEY_DIGITS]}.lock", lease_seconds) as lock:
        yield _taken_up(store, folder, lock, key, now, by)


def clear(run: OwnedRun) -> None:
    """Remove what a published run no longer needs, as far as that can be done, while the run is owned.

    It is in the tables, so nothing fails here any more. What is left the next run of the same key removes.
    """
    with suppress(OutputError, StorageError, OSError):
        # If another process has the lock by now, what lies there is its new run.
        run.lock.confirm()
        run.folder.remove()
        if run.folder.is_local:
            run.folder.path.with_suffix(".lock").unlink()


def _taken_up(store: TableStore, folder: Folder, lock: Lock, key: str, now: datetime, by: str) -> OwnedRun:
    """Take up the run that `folder` holds, or begin a new one if that is published and only not cleared.

    From here on no wave counts that an earlier process has yet to put; what they left of others is removed.
    """
    try:
        there = read_note(folder)
    except OutputError as error:
        damage = f"{error.where}: {error.what}; the run starts over"
        return _new(store, folder, lock, key, now, by, (damage,))
    if there is None or store.is_published(there[0].run_id):
        return _new(store, folder, lock, key, now, by, ())
    note, etag = there
    names, damaged = folder.names(), list[str]()
    waves = tuple(read_waves(folder, note, names, damaged.append))
    kept = tuple(sorted(wave.attempt for wave in waves))
    write_note(folder, replace(note, epoch=note.epoch + 1, waves=kept), etag)
    with disk_errors(str(folder)):
        folder.delete(damaged)
        for left in _leftovers(names, waves):
            (folder / left).remove()
    said = tuple(
        f"{folder.at(name)}: the marker of a wave is damaged; it is scanned again" for name in damaged
    )
    return OwnedRun(note.run_id, note.started_at, folder, lock, True, note.epoch + 1, waves, said)


def _leftovers(names: Iterable[str], waves: Iterable[Wave]) -> set[str]:
    """Name the folders of a run with nothing that counts: attempts without a part of a wave, staged tables.

    Staged tables are of a process that may only sleep. It cannot move into the tables what is not there.
    """
    named = {f"{PARTS_FOLDER}/{part.name.rpartition('/')[0]}" for wave in waves for part in wave.parts}
    folders = {name.rpartition("/")[0] for name in names}
    return {folder for folder in folders - named if folder.startswith((f"{PARTS_FOLDER}/", STAGED))}


def _new(
    store: TableStore, folder: Folder, lock: Lock, key: str, now: datetime, by: str, damaged: tuple[str, ...]
) -> OwnedRun:
    """Begin a run; its id is the second of its start and the head of its key.

    If the tables have a run of that second, it is the next free one: ids in order are runs in order of time.
    """
    started = moment = now.astimezone(UTC)
    taken = {run_id.partition("-")[0] for by in PUBLISHERS for run_id in store.published(by)}
    while f"{moment:%Y%m%dT%H%M%SZ}" in taken:
        moment += timedelta(seconds=1)
    run_id = f"{moment:%Y%m%dT%H%M%SZ}-{key[:6]}"
    with disk_errors(str(folder)):
        # Of a process that slept since it took the lock, the folder may be another's by now.
        lock.confirm()
        folder.remove()
    write_note(folder, Note(run_id, started, by=by), None)
    return OwnedRun(run_id, started, folder, lock, damaged=damaged)

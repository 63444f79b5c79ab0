"""Publishes derived tables, each made of published runs by its own command, in a folder of tables.

The files are written to `_runs`, moved in, and published by a row of `derivations`. A folder has one table of
each name; when one of `HISTORY_TABLES` is made again, its previous files are moved to another table.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from presswatch_spark.core.errors import InUseError, OutputError, StorageError
from presswatch_spark.core.version import __version__
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.locks_and_leases import Lock, locked, remove_lock
from presswatch_spark.storage.objects import MissingError, StorageOptions, delete_object, stat
from presswatch_spark.tables.declarations import DERIVED, HISTORY_TABLES
from presswatch_spark.tables.seals import Written
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore, later_time, run_of


def publish_derived(
    out: str,
    table: str,
    made_of: Sequence[str],
    write: Callable[[SortedFiles], Sequence[Written]],
    storage: StorageOptions | None = None,
    about: Mapping[str, object] | None = None,
) -> TableStore:
    """Write a derived table of some runs into the folder of tables at `out`, and return that folder.

    `write` writes the rows as files, in their order, and may add to `about` columns of the table's row.
    Raises `OutputError` if `out` has the table and it is not in `HISTORY_TABLES`, or has other contents.
    """
    store = TableStore.create(out, storage)
    folder = store.root / RUNS_FOLDER
    remove_unpublished(store)
    _require_none(store, table)
    with locked(folder, table) as lock:
        _require_none(store, table)
        time = later_time(datetime.now(UTC), store.made(table))
        files = SortedFiles(table, f"{time}-{table}", folder / table)
        with disk_errors(str(files.folder)):
            written = write(files)
        row = {
            "run_id": files.run_id,
            "table": table,
            "made_of": list(made_of),
            "tool_version": __version__,
            "rows": sum(file.rows for file in written),
            **(about or {}),
        }
        store.publish_tables("derivations", row, files.folder, {table: written}, lock.confirm)
        for earlier in store.made(table)[:-1]:
            _move_away(store, table, earlier, lock)
        # The table is published already: ignore errors of the cleanup.
        with suppress(OutputError, StorageError, OSError):
            _clear(folder, table)
    return store


def remove_unpublished(store: TableStore, *, strict: bool = False) -> list[str]:
    """Remove unpublished files of derived tables that killed commands left; return their URIs.

    If an earlier making was moved away only in part, the rest is moved. If another process is making a table
    here, its files are left; if `strict`, raises `InUseError`.
    """
    folder, removed = store.root / RUNS_FOLDER, list[str]()
    for table in (name for name in DERIVED if name not in HISTORY_TABLES.values()):
        earlier = store.made(table)[:-1] if table in HISTORY_TABLES else []
        if not (earlier or _staged(store, table) or _unpublished(store, table)):
            continue
        try:
            with locked(folder, table) as lock:
                for run_id in earlier:
                    _move_away(store, table, run_id, lock)
                lock.confirm()
                unpublished = _unpublished(store, table)
                removed += unpublished + _staged(store, table)
                for uri in unpublished:
                    delete_object(uri, store.root.storage)
                _clear(folder, table)
        except InUseError:
            if strict:
                raise
    return removed


def _staged(store: TableStore, table: str) -> list[str]:
    folder = store.root / RUNS_FOLDER / table
    return [folder.at(name) for name in folder.entries()]


def _unpublished(store: TableStore, table: str) -> list[str]:
    # List files before rows: a table that is published in between then counts as published.
    there = [uri for name in (table, HISTORY_TABLES.get(table)) if name for uri in store.present(name)]
    published = set(store.published("derivations"))
    return [uri for uri in there if run_of(uri) not in published]


def _clear(runs: Folder, table: str) -> None:
    (runs / table).remove()
    remove_lock(runs / table)


def _require_none(store: TableStore, table: str) -> None:
    if table not in HISTORY_TABLES and store.made(table):
        raise OutputError(
            f"the table {table} already exists", where=str(store.root / table), remedy="choose another --out"
        )


def _move_away(store: TableStore, table: str, run_id: str, lock: Lock) -> None:
    # Can be repeated after a kill.
    before = HISTORY_TABLES[table]
    there, (row,) = store.root / before, store.read("derivations", run_id).to_pylist()
    moved = [file for file in row["files"] if file["table"] == table]
    for file in moved:
        lock.confirm()
        # A missing file was moved before.
        with suppress(MissingError, FileNotFoundError):
            there.take((store.root / table).at(file["name"]), file["name"])
        etag = None if there.is_local else stat(there.at(file["name"]), there.storage).etag
        file.update(table=before, etag=etag)
    store.replace("derivations", row | {"table": before})

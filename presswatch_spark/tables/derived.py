"""Derived tables: made of published runs by a command of its own, and published in a folder of tables.

A folder holds one table of each name. It is written beside the tables, moved in, and published by its row of
`derivations`, which says what its files are: so it is there whole or not at all, and damage is noticed.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from presswatch_spark.errors import OutputError, StorageError
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.locks.run_locks import locked
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import RUNS_FOLDER, TableStore
from presswatch_spark.version import __version__

LEASE_SECONDS = 60.0


def publish_derived(
    out: str,
    table: str,
    made_of: Sequence[str],
    write: Callable[[SortedFiles], Sequence[Written]],
    storage: StorageOptions | None = None,
    about: Mapping[str, object] | None = None,
) -> TableStore:
    """Write a derived table into the folder of tables at `out`, on disk or S3; return these tables.

    Args:
        made_of: ids of the runs that it is made of.
        write: writes its rows as files, in their order, and returns them.
        about: more columns of its row; `write` may fill them in.

    Raises:
        OutputError: `out` has such a table, or holds something else; another process is writing it; or it
            cannot be written.
        StorageError: S3 refuses.
    """
    store = TableStore.create(out, storage)
    folder = store.root / RUNS_FOLDER
    _require_none(store, table)
    with locked(folder, f"{table}.lock", LEASE_SECONDS) as lock:
        _require_none(store, table)
        files = SortedFiles(table, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{table}", folder / table)
        with disk_errors(str(files.folder)):
            files.folder.remove()
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
        # It is published, so nothing fails here any more.
        with suppress(OutputError, StorageError, OSError):
            files.folder.remove()
            if folder.is_local:
                (folder.path / f"{table}.lock").unlink()
    return store


def _require_none(store: TableStore, table: str) -> None:
    if table in store.read("derivations", columns=["table"])["table"].to_pylist():
        raise OutputError(
            f"there is a table {table} already", where=str(store.root / table), remedy="name another --out"
        )

"""Claims by DuckDB: it sorts all rows on this machine, in memory and beyond it on disk; then they are judged.

DuckDB reads no file by itself (`enable_external_access`): it gets batches of our own reader, which knows our
storage and compares checksums. Beside the rows it sorts it writes to a scratch folder alone.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.claims.inputs import INPUT, ONE_BY_ONE, ORDER, USED, Knowledge, input_batches
from presswatch_spark.claims.judge import Judge
from presswatch_spark.errors import ConfigError, OutputError, PresswatchError
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore

BATCH_ROWS = 20_000
INSTALL = "pip install 'duckdb>=2.0,<3'"


def is_installed() -> bool:
    """Whether this Python has DuckDB."""
    try:
        import duckdb  # noqa: F401
    except ImportError:
        return False
    return True


def write(
    store: TableStore,
    runs: Sequence[str],
    knowledge: Knowledge,
    files: SortedFiles,
    memory: str,
    cores: int | None,
) -> list[Written]:
    """Judge the rows of published runs and write them as one file.

    Args:
        memory: what DuckDB may take before it sorts on disk, such as `2GB`.
        cores: threads that sort; None: one for each core.

    Raises:
        ConfigError: DuckDB is not installed, or knows no such size of memory.
        OutputError: there is no room for the rows that are sorted, or rows cannot be read.
    """
    with _scratch() as scratch:
        claims = Judge(knowledge).claims(sorted_rows(store, runs, memory, cores, scratch))
        return [files.write_all(claims)]


def sorted_rows(
    store: TableStore, runs: Sequence[str], memory: str, cores: int | None, scratch: Path
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of published runs, as `inputs.INPUT`, in `inputs.ORDER`."""
    if not runs:
        return
    rows = store.open_table("matches", *runs)
    batches = rows.to_batches(columns=list(USED), batch_size=BATCH_ROWS, **ONE_BY_ONE)
    feed = _Feed(input_batches(batches))
    reader = pa.RecordBatchReader.from_batches(INPUT, iter(feed))
    connection = _connection(memory, cores, scratch)
    import duckdb

    try:
        connection.register("rows", reader)
        order = ", ".join(f"{column} nulls first" for column in ORDER)
        yield from connection.sql(f"select * from rows order by {order}").to_arrow_reader(BATCH_ROWS)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if feed.error is not None:
            raise _unreadable(store, feed.error) from feed.error
        raise OutputError(
            f"DuckDB cannot sort the rows: {str(error).splitlines()[0]}",
            where=str(scratch),
            remedy=f"make room there, name another disk with TMPDIR, or give more than {memory} (--memory)",
        ) from error
    finally:
        connection.close()


@dataclass(slots=True)
class _Feed:
    """Gives batches to DuckDB, which makes an error of its own of any: `error` is what went wrong before."""

    batches: Iterable[pa.RecordBatch]
    error: Exception | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self.batches
        except (PresswatchError, pa.ArrowException, OSError) as error:
            self.error = error
            raise


def _unreadable(store: TableStore, error: Exception) -> PresswatchError:
    """Return the error that says that rows cannot be read."""
    if isinstance(error, PresswatchError):
        return error
    return OutputError(
        f"the rows of matches cannot be read: {str(error).splitlines()[0]}",
        where=str(store.root),
        remedy="give the same command again; if a file has changed meanwhile, restore it from a copy",
    )


@contextmanager
def _scratch() -> Iterator[Path]:
    """Give a scratch folder; `OutputError` if none can be made."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(scratch_folder())
        except OSError as error:
            raise OutputError(
                f"there is no folder for temporary files: {error.strerror or error}",
                where=error.filename or os.environ.get("TMPDIR", "/tmp"),
                remedy="make room there, or name another disk with TMPDIR",
            ) from error
        yield folder


def _connection(memory: str, cores: int | None, scratch: Path) -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise ConfigError(
            "DuckDB is not installed", where="--engine duckdb", remedy=f"{INSTALL}, or --engine spark"
        ) from error
    settings: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(scratch)}
    if cores:
        settings["threads"] = cores
    try:
        connection = duckdb.connect(":memory:", config=settings)
        connection.execute("set enable_progress_bar = false; set enable_external_access = false")
    except duckdb.Error as error:
        raise ConfigError(
            f"DuckDB refuses its settings: {str(error).splitlines()[0]}",
            where="--memory",
            remedy="write a size as 2GB or 500MB",
        ) from error
    return connection

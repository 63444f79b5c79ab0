"""Claims by DuckDB: it sorts all rows on this machine, in memory and beyond it on disk; then they are judged.

DuckDB reads no file by itself (`enable_external_access`): it gets batches of our own reader, which knows our
storage and compares checksums. Beside the rows it sorts it writes to a scratch folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from presswatch_spark.claims.inputs import INPUT, ORDER, USED, Knowledge, input_batches
from presswatch_spark.claims.judge import Judge
from presswatch_spark.errors import ConfigError, OutputError
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.schemas.scan_tables import MATCHES
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
        OutputError: the disk is full.
    """
    with scratch_folder() as scratch:
        claims = Judge(knowledge).claims(sorted_rows(store, runs, memory, cores, scratch))
        return [files.write_all(claims)]


def sorted_rows(
    store: TableStore, runs: Sequence[str], memory: str, cores: int | None, scratch: Path
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of published runs, as `inputs.INPUT`, in `inputs.ORDER`."""
    paths = store.files("matches", *runs) if runs else []
    if not paths:
        return
    table = store.dataset(paths, MATCHES)
    batches = table.to_batches(columns=list(USED), batch_size=BATCH_ROWS)
    reader = pa.RecordBatchReader.from_batches(INPUT, input_batches(batches))
    connection = _connection(memory, cores, scratch)
    import duckdb

    try:
        connection.register("rows", reader)
        order = ", ".join(f"{column} nulls first" for column in ORDER)
        yield from connection.sql(f"select * from rows order by {order}").to_arrow_reader(BATCH_ROWS)
    except duckdb.OutOfMemoryException as error:
        raise OutputError(
            "DuckDB has neither memory nor disk left to sort the rows",
            where=str(scratch),
            remedy="give it more with --memory, or make room there",
        ) from error
    finally:
        connection.close()


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

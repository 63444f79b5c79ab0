"""Claims by DuckDB: it sorts all rows on this machine, in memory and beyond it on disk; then they are judged.

DuckDB reads no file by itself (`enable_external_access`): it gets batches of our own reader, which knows our
storage and compares checksums. Beside the rows it sorts it writes to a scratch folder alone.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from presswatch_spark.claims.inputs import INPUT, ONE_BY_ONE, ORDER, USED, Knowledge, input_batches
from presswatch_spark.claims.judge import Judge
from presswatch_spark.errors import OutputError, PresswatchError
from presswatch_spark.queries.duckdb_session import BATCH_ROWS, duckdb_session, first_line
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import SortedFiles
from presswatch_spark.tables.store import TableStore


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
        ConfigError: DuckDB knows no such size of memory.
        OutputError: there is no room for the rows that are sorted, or rows cannot be read.
    """
    return [files.write_all(Judge(knowledge).claims(sorted_rows(store, runs, memory, cores)))]


def sorted_rows(
    store: TableStore, runs: Sequence[str], memory: str, cores: int | None
) -> Iterator[pa.RecordBatch]:
    """Yield all rows of published runs, as `inputs.INPUT`, in `inputs.ORDER`; raises as `write`."""
    if not runs:
        return
    rows = store.open_table("matches", *runs)
    feed = _Feed(input_batches(rows.to_batches(columns=list(USED), batch_size=BATCH_ROWS, **ONE_BY_ONE)))
    import duckdb

    with duckdb_session(memory, cores) as session:
        try:
            session.register("rows", pa.RecordBatchReader.from_batches(INPUT, iter(feed)))
            query = f"select * from rows order by {', '.join(ORDER)}"
            yield from session.sql(query).to_arrow_reader(BATCH_ROWS)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            if feed.error is not None:
                raise _unreadable(store, feed.error) from feed.error
            raise OutputError(
                f"DuckDB cannot sort the rows: {first_line(error)}",
                where=tempfile.gettempdir(),
                remedy=f"make room there, name another disk with TMPDIR, or give more than --memory {memory}",
            ) from error


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
        f"the rows of matches cannot be read: {first_line(error)}",
        where=str(store.root),
        remedy="give the same command again; if a file has changed meanwhile, restore it from a copy",
    )

"""Changes by DuckDB, bucket by bucket: all rows of some articles meet in memory, whatever the runs hold.

Of each bucket DuckDB sees what decides, and numbers of rows. It does not see pairs that each run has once in
the same text, which are most. The sightings, which are most of the bytes, stay in Arrow, and are taken by
their numbers when files are written. Each of `WORKERS` has a bucket of its own, from its scratch files to the
file that is written.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from presswatch_spark.changes.dealing import Dealt
from presswatch_spark.changes.inputs import Inputs
from presswatch_spark.changes.meeting import FOUND, Meeting
from presswatch_spark.changes.states import STORED, steps
from presswatch_spark.changes.table_rows import identified, table_rows
from presswatch_spark.changes.totals import Totals
from presswatch_spark.errors import OutputError
from presswatch_spark.queries.duckdb_session import duckdb_session, first_line
from presswatch_spark.storage.scratch import scratch_folder
from presswatch_spark.tables.published_files import Written
from presswatch_spark.tables.sorted_files import GROUP_ROWS, SortedFiles

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

WORKERS = 2
"""Buckets that are in memory at once."""


def write(
    inputs: Inputs, files: SortedFiles, memory: str, cores: int | None, totals: Totals
) -> list[Written]:
    """Write the changes of two runs as files, one for each bucket, and add them to `totals`.

    Args:
        memory: what DuckDB may take, such as `500MB`, before it goes on on disk.
        cores: how many cores the workers have; None: all.

    Raises:
        ConfigError: DuckDB knows no such size of memory.
        OutputError: there is no room, or rows cannot be read.
    """
    import duckdb

    # A worker is a thread of DuckDB itself. With one more for each core, they would wait for each other.
    threads = max(1, (cores or os.cpu_count() or 1) // WORKERS)
    with scratch_folder() as folder, duckdb_session(memory, threads) as session:
        # What Spark has under this name.
        session.execute("create macro sha2(x, bits) as sha256(x)")
        dealt = Dealt.of(inputs, folder)
        with ThreadPoolExecutor(WORKERS, "buckets") as pool:
            try:
                found = pool.map(
                    lambda number: _written(session, inputs, dealt, number, files), range(len(dealt.cuts))
                )
                written = []
                for file, of_bucket in filter(None, found):
                    written.append(file)
                    totals.add(of_bucket)
            except duckdb.Error as error:
                raise _no_room(error, folder, memory) from error
    pa.default_memory_pool().release_unused()
    return written or [files.write_all([])]


def _written(
    session: "DuckDBPyConnection", inputs: Inputs, dealt: Dealt, number: int, files: SortedFiles
) -> tuple[Written, Totals] | None:
    """Write the changes of a bucket, and count them; None if there are none."""
    tables = {name: stream.read(number) for name, stream in dealt.streams.items()}
    meeting = Meeting.of(tables)
    # What a connection registers or makes for a while, others do not see.
    with session.cursor() as connection:
        others = _changes_by(connection, meeting.judged(tables), steps(inputs.question, ("pair",)))
    found = pa.concat_tables([meeting.persisting(), others])
    if not len(found):
        return None
    changes = identified(found, meeting)
    written = files.write_all(table_rows(changes, meeting, (inputs.before, inputs.after)))
    return written, Totals.of(changes)


def _changes_by(
    connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table], queries: Mapping[str, str]
) -> pa.Table:
    """Return the columns of `FOUND` that queries, of which the last is `changes`, give of tables."""
    for name, rows in tables.items():
        connection.register(name, rows)
    for name, query in queries.items():
        kind = "temp table" if name in STORED else "temp view"
        connection.execute(f"create or replace {kind} {name} as {query}")
    return connection.sql(f"select {', '.join(FOUND)} from changes").to_arrow_reader(GROUP_ROWS).read_all()


def _no_room(error: Exception, folder: Path, memory: str) -> OutputError:
    return OutputError(
        f"DuckDB cannot compare the rows: {first_line(error)}",
        where=str(folder),
        remedy=f"make room there, name another disk with TMPDIR, or give more than --memory {memory}",
    )

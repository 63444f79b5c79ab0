"""Queries by DuckDB over published tables, in sessions that reach no file, network or setting.

DuckDB parses a query before anything is opened. The query must only read, and may name tables and views of
presswatch, its own definitions, and functions that make rows from their arguments alone. Only the tables that
it names are opened and compared with their published digests.
"""

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from presswatch_spark.core.errors import ConfigError, OutputError, first_line
from presswatch_spark.query.sql import QueryResult, whole
from presswatch_spark.query.views import VIEWS, in_order, no_call, no_query, no_table, refused, views_for
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore, bounded_dataset, runs_publishing

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

BATCH_ROWS = 20_000

SETTINGS = {
    "default_null_order": "nulls_first_on_asc_last_on_desc",
    "ieee_floating_point_ops": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
"""With these, DuckDB sorts nulls and refuses division by zero as Spark does, and downloads nothing."""
CLOSED = (
    "set enable_progress_bar = false",
    "set timezone = 'UTC'",
    "set python_enable_replacements = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)

MEMORY = "1GB"
SPARK_NAMES = (
    "xxhash64(value) as hash(value)",
    "size(list) as len(list)",
    "explode(list) as unnest(list)",
    "collect_set(x) as list(distinct x)",
    "unix_micros(value) as epoch_us(value)",
    "arrays_overlap(one, other) as list_has_any(one, other)",
)
"""Names of functions for queries and views of both engines; Spark has other names for them."""
ROW_MAKERS = frozenset({"unnest", "range", "generate_series", "repeat", "json_each"})
"""Table functions that read nothing but their arguments."""
OURS = frozenset({"", "main", "memory"})
AGAIN = "run the query again; if a file has changed meanwhile, restore it from a copy"


@contextmanager
def duckdb_session(memory: str, cores: int | None = None) -> Iterator["DuckDBPyConnection"]:
    """Yield a connection to an empty DuckDB, which uses the disk beyond `memory`, such as `2GB`.

    Raises `ConfigError` if `memory` is no size, `OutputError` if there is no scratch folder, and
    `KeyboardInterrupt` at Ctrl-C, also in the middle of a query.
    """
    import duckdb

    with ExitStack() as stack:
        try:
            scratch = stack.enter_context(scratch_folder())
        except OSError as error:
            raise OutputError(
                f"there is no folder for temporary files: {error.strerror or error}",
                where=error.filename or os.environ.get("TMPDIR", "/tmp"),
                remedy="free some space there, or set TMPDIR to another disk",
            ) from error
        settings: dict[str, Any] = {**SETTINGS, "memory_limit": memory, "temp_directory": str(scratch)}
        if cores:
            settings["threads"] = cores
        try:
            connection = duckdb.connect(":memory:", config=settings)
            stack.callback(connection.close)
            for statement in CLOSED:
                connection.execute(statement)
        except duckdb.Error as error:
            raise ConfigError(
                f"DuckDB refuses its settings: {first_line(error)}",
                where="--memory",
                remedy="write a size as 2GB or 500MB",
            ) from error
        stack.enter_context(_stopped_by_ctrl_c(connection))
        yield connection


def unreadable(store: TableStore, error: Exception) -> OutputError:
    """Return the error of rows that cannot be read."""
    return OutputError(
        f"the rows of matches cannot be read: {first_line(error)}",
        where=str(store.root),
        remedy="run the same command again; if a file has changed meanwhile, restore it from a copy",
    )


def no_room(work: str, error: Exception, memory: str) -> OutputError:
    """Return the error of work that DuckDB cannot do within its memory and scratch folder."""
    return OutputError(
        f"DuckDB cannot {work}: {first_line(error)}",
        where=tempfile.gettempdir(),
        remedy=f"free some space there, set TMPDIR to another disk, or raise --memory above {memory}",
    )


@contextmanager
def _stopped_by_ctrl_c(connection: "DuckDBPyConnection") -> Iterator[None]:
    # DuckDB checks for signals only between tasks, and a task may take half a minute.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(write_end, False)

    def interrupt() -> None:
        while numbers := os.read(read_end, 64):
            if signal.SIGINT in numbers:
                connection.interrupt()

    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    listener = threading.Thread(target=interrupt, name="ctrl-c", daemon=True)
    listener.start()
    try:
        yield
    except RuntimeError as error:
        if str(error) != "Query interrupted":
            raise
        raise KeyboardInterrupt from error
    finally:
        # Of two sessions, the later one receives signals, and either may end first.
        if (last := signal.set_wakeup_fd(-1)) != write_end:
            signal.set_wakeup_fd(last, warn_on_full_buffer=False)
        os.close(write_end)
        # Rows may be released as late as the exit of Python, when 3.13 has already stopped daemon threads.
        if not sys.is_finalizing():
            listener.join()
            os.close(read_end)


def run(store: TableStore, query: str, runs: Sequence[str] = ()) -> QueryResult:
    """Run a query as `sql.answer_of` does; raises `OutputError` also if there is no room to sort."""
    with ExitStack() as stack:
        connection = stack.enter_context(duckdb_session(MEMORY))
        found = _found(store, connection, query, runs, set())
        return _result(found, stack.pop_all())


def table(store: TableStore, query: str, runs: Sequence[str]) -> "pa.Table":
    """Run a query as `run` does, and return all rows in Arrow's types."""
    with duckdb_session(MEMORY) as connection, _refusals():
        return _found(store, connection, query, runs, set()).read_all()


def run_each(store: TableStore, queries: Iterable[str], runs: Sequence[str] = ()) -> Iterator[QueryResult]:
    """Run queries one after the other; raises as `run`. Read each answer before you ask for the next."""
    with duckdb_session(MEMORY) as connection:
        there = set[str]()
        for query in queries:
            yield _result(_found(store, connection, query, runs, there), ExitStack())


def _result(found: "pa.RecordBatchReader", kept: ExitStack) -> QueryResult:
    return QueryResult(found.schema.names, _rows(found, kept), lambda: found.schema, "duckdb")


def _found(
    store: TableStore, connection: "DuckDBPyConnection", query: str, runs: Sequence[str], there: set[str]
) -> "pa.RecordBatchReader":
    """Return the rows of a query; the tables and views that it names are added to those that are `there`."""
    with _refusals():
        for name in () if there else SPARK_NAMES:
            connection.execute(f"create or replace macro {name}")
        named = names_in(connection, query)
        views = views_for(named, store, runs)
        for name in in_order(named, views):
            if name in there:
                continue
            if name in SCHEMAS:
                rows = store.open_table(name, *runs_publishing(name, runs))
                connection.register(name, bounded_dataset(rows))
            else:
                connection.execute(f"create view {name} as {views[name]}")
            there.add(name)
        return connection.sql(query).to_arrow_reader(BATCH_ROWS)


def names_in(connection: "DuckDBPyConnection", query: str) -> set[str]:
    """Return the tables and views of presswatch that a query names; raises `ConfigError` as `run`."""
    ((text,),) = connection.execute("select json_serialize_sql(?)", [query]).fetchall()
    try:
        parsed = json.loads(text)
    except RecursionError as error:
        raise refused("the query is nested too deeply", "write it with fewer levels") from error
    if parsed.get("error_type") == "parser":
        raise refused(f"DuckDB refuses the query: {parsed['error_message']}")
    if not parsed.get("statements"):
        raise no_query()
    if len(parsed["statements"]) > 1:
        raise refused("there is more than one query", "give one at a time")
    nodes, waiting = list[Mapping[str, Any]](), [parsed["statements"]]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            nodes.append(value)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    own = {each["key"].lower() for node in nodes for each in (node.get("cte_map") or {}).get("map", ())}
    named = set[str]()
    for node in nodes:
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            function = node["function"]["function_name"]
            if function not in ROW_MAKERS:
                raise no_call(function)
        elif kind == "SHOW_REF" and node.get("show_type") == "SHOW_SPECIAL":
            named |= {*SCHEMAS, *VIEWS}
        elif kind == "BASE_TABLE":
            name, place = node["table_name"].lower(), {node["schema_name"], node["catalog_name"]}
            ours = name in SCHEMAS or name in VIEWS
            if not {each.lower() for each in place} <= OURS or not (ours or name in own):
                raise no_table(node["table_name"])
            if ours:
                named.add(name)
    return named


def _rows(batches: "pa.RecordBatchReader", kept: ExitStack) -> Iterator[tuple[object, ...]]:
    with kept, _refusals():
        for batch in batches:
            try:
                columns = [column.to_pylist() for column in batch.columns]
            except (OverflowError, ValueError) as error:
                # Python times have no year before 1 or after 9999, and no parts of a microsecond.
                raise refused("the result contains a time that cannot be shown", "cast it to text") from error
            yield from (tuple(map(whole, row)) for row in zip(*columns, strict=True))


@contextmanager
def _refusals() -> Iterator[None]:
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        raise OutputError(
            f"DuckDB cannot finish the query: {first_line(error)}",
            where="sql",
            remedy="free some space on the disk of TMPDIR, or run the query in Spark (--engine spark)",
        ) from error
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        cause = first_line(error)
        if "the stream registered as" in cause or not isinstance(error, duckdb.Error):
            raise OutputError(f"a table cannot be read: {cause}", where="sql", remedy=AGAIN) from error
        like = [line for line in str(error).splitlines()[1:] if line.startswith("Candidate bindings: ")]
        raise refused(" ".join((f"DuckDB refuses the query: {cause}", *like))) from error

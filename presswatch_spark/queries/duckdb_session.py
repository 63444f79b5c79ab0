"""A DuckDB that reads what it is given, and nothing else: no file, no network, no setting is in its reach.

It sorts and joins in memory and, beyond that, in a scratch folder. Ctrl-C stops it.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presswatch_spark.errors import ConfigError, OutputError
from presswatch_spark.storage.scratch import scratch_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH_ROWS = 20_000
"""Rows of a batch that goes in or comes out."""

SETTINGS = {
    "default_null_order": "nulls_first_on_asc_last_on_desc",
    "ieee_floating_point_ops": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
"""Nulls are sorted, and division by zero is refused, as by Spark; nothing is downloaded."""

CLOSED = (
    "set enable_progress_bar = false",
    "set timezone = 'UTC'",
    "set python_enable_replacements = false",
    "set enable_external_access = false",
    "set lock_configuration = true",
)

INTERRUPTED = "Query interrupted"
"""What DuckDB says in the place of `KeyboardInterrupt`."""


@contextmanager
def duckdb_session(memory: str, cores: int | None = None) -> Iterator["DuckDBPyConnection"]:
    """Give a connection to an empty DuckDB.

    Args:
        memory: what it may take before it goes on on disk, such as `2GB`.
        cores: threads; None: one for each core.

    Raises:
        ConfigError: it knows no such size of memory.
        OutputError: no scratch folder can be made.
        KeyboardInterrupt: Ctrl-C, also in the middle of a query.
    """
    with _scratch() as scratch:
        connection = _connection(memory, cores, scratch)
        try:
            with _stopped_by_ctrl_c(connection):
                yield connection
        finally:
            connection.close()


def first_line(error: Exception) -> str:
    """Return what an error of DuckDB says, without the lines that show the place in the query."""
    return str(error).strip().partition("\n")[0]


@contextmanager
def _stopped_by_ctrl_c(connection: "DuckDBPyConnection") -> Iterator[None]:
    """Stop what runs at Ctrl-C, and raise `KeyboardInterrupt`; DuckDB looks for signals between tasks."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(told, False)

    def interrupt() -> None:
        while numbers := os.read(heard, 64):
            if signal.SIGINT in numbers:
                connection.interrupt()

    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    listener = threading.Thread(target=interrupt, name="ctrl-c", daemon=True)
    listener.start()
    try:
        yield
    except RuntimeError as error:
        if str(error) != INTERRUPTED:
            raise
        raise KeyboardInterrupt from error
    finally:
        # Of two sessions, that which began last is heard of signals, and either may end first.
        if (last := signal.set_wakeup_fd(-1)) != told:
            signal.set_wakeup_fd(last, warn_on_full_buffer=False)
        os.close(told)
        listener.join()
        os.close(heard)


@contextmanager
def _scratch() -> Iterator[Path]:
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


def _connection(memory: str, cores: int | None, scratch: Path) -> "DuckDBPyConnection":
    import duckdb

    settings: dict[str, Any] = {**SETTINGS, "memory_limit": memory, "temp_directory": str(scratch)}
    if cores:
        settings["threads"] = cores
    try:
        connection = duckdb.connect(":memory:", config=settings)
        for statement in CLOSED:
            connection.execute(statement)
    except duckdb.Error as error:
        raise ConfigError(
            f"DuckDB refuses its settings: {first_line(error)}",
            where="--memory",
            remedy="write a size as 2GB or 500MB",
        ) from error
    return connection

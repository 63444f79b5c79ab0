"""SQL over published tables, by DuckDB on this machine for what fits, by Spark for what does not.

Both engines give the same rows; the size of the tables decides between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.storage.objects import StorageOptions
    from presswatch_spark.tables.store import TableStore

ENGINES = ("auto", "duckdb", "spark")
ENGINE_NAMES = {"duckdb": "DuckDB", "spark": "Spark"}
ROWS_OF_ONE_MACHINE = 50_000_000
"""Beyond so many rows, `auto` takes Spark."""

COUNTED = {"runs": "matches", "censuses": "captures", "derivations": "rows"}
"""Columns of publishers' rows with the rows of their largest table."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query: its rows, made while they are read, and the engine that makes them.

    `schema`: names and types of the columns.
    """

    columns: list[str]
    rows: Iterator[tuple[object, ...]]
    schema: Callable[[], pa.Schema]
    engine: str

    def table(self) -> pa.Table:
        """Return all rows as one table; DuckDB's sums of whole numbers as `int64`, if they fit."""
        import pyarrow as pa

        rows, schema = list(self.rows), self.schema()
        whole = [pa.types.is_decimal(field.type) and field.type.scale == 0 for field in schema]
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
        fields = [
            field.with_type(pa.int64())
            if is_whole
            and all(isinstance(each, int) and abs(each) < 1 << 63 for each in column if each is not None)
            else field
            for field, is_whole, column in zip(schema, whole, columns, strict=True)
        ]
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, fields, strict=True)]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def whole(value: object) -> object:
    """Return a decimal without fraction, such as DuckDB's sums and Spark's rounded numbers, as an integer."""
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value


def require_apart(columns: Sequence[str]) -> None:
    """Refuse columns of one name; raises `ConfigError`."""
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise ConfigError(
            printable(f"two columns are called {twice[0]}"), where="sql", remedy="name one of them by `as`"
        )


def chosen_engine(engine: str, rows: int) -> str:
    """Return `duckdb` or `spark`: the named one, or the one that suits so many rows."""
    if engine != "auto":
        return engine
    return "duckdb" if rows <= ROWS_OF_ONE_MACHINE else "spark"


def rows_of(store: TableStore) -> int:
    """Return the number of rows of the large published tables, without reading them."""
    return sum(row[column] or 0 for by, column in COUNTED.items() for row in store.rows(by))


def runs_of(table: str, runs: Sequence[str]) -> Sequence[str]:
    """Return the publishers of a table's rows, if only those of some scans are wanted."""
    from presswatch_spark.tables.declarations import PUBLISHED_BY

    return runs if PUBLISHED_BY[table] == "runs" else ()


def literal(text: str) -> str:
    """Return a text as SQL for both engines, which differ in quotes, backslashes and variables (`${…}`)."""
    pieces = [piece for piece in re.split(r"(['\\$])", text) if piece]
    quoted = [f"chr({ord(piece)})" if piece in "'\\$" else f"'{piece}'" for piece in pieces]
    return quoted[0] if len(quoted) == 1 else f"concat({', '.join(quoted)})" if quoted else "''"


def run_query(
    tables: str, query: str, storage: StorageOptions | None = None, engine: str = "auto"
) -> QueryResult:
    """Run `query` over the tables and views by one of `ENGINES`; its rows are made while they are read.

    Raises `ConfigError` if the engine refuses it, `OutputError` if a table is not as it was published, and
    `PresswatchError` if Spark's Java has ended.
    """
    from presswatch_spark.tables.store import TableStore

    store = TableStore.open(tables, storage)
    return answer_of(store, query, engine_of(store, engine))


def engine_of(store: TableStore, engine: str) -> str:
    """Return `duckdb` or `spark`: the named one, or the one that suits the rows of the tables."""
    return chosen_engine(engine, rows_of(store) if engine == "auto" else 0)


def answer_of(store: TableStore, query: str, engine: str, runs: Sequence[str] = ()) -> QueryResult:
    """Run `query` by `duckdb` or `spark`, over the rows of all scans or of `runs`; raises as `run_query`."""
    if engine == "duckdb":
        from presswatch_spark.query import in_duckdb

        return in_duckdb.run(store, query, runs)
    from presswatch_spark.query import in_spark

    return in_spark.run(store, query, runs)


def answers_of(store: TableStore, queries: Iterable[str], engine: str) -> Iterator[QueryResult]:
    """Run queries in turn; raises as `run_query`. Read each answer before the next is asked for."""
    if engine == "duckdb":
        from presswatch_spark.query import in_duckdb

        yield from in_duckdb.run_each(store, queries)
    else:
        yield from (answer_of(store, query, engine) for query in queries)

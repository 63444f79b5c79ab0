"""SQL over published tables: by DuckDB if they are small enough for this machine, otherwise by Spark.

Both engines give the same rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from presswatch_spark.tables.store import TableStore

ENGINES = ("auto", "duckdb", "spark")
ENGINE_NAMES = {"duckdb": "DuckDB", "spark": "Spark"}
ROWS_OF_ONE_MACHINE = 50_000_000
"""Most rows for which `auto` chooses DuckDB."""

COUNTED = {"runs": "matches", "sealed_scans": "candidates", "censuses": "captures", "derivations": "rows"}
"""By table of publications, the column with the number of rows of a publication's largest table."""


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The result of a query: the schema of its columns, its rows, computed during reading, and the engine."""

    columns: list[str]
    rows: Iterator[tuple[object, ...]]
    schema: Callable[[], pa.Schema]
    engine: str

    def table(self) -> pa.Table:
        """Return all rows as one table; DuckDB's sums of integers become `int64` if they fit."""
        import pyarrow as pa

        def array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
            if pa.types.is_decimal(kind) and kind.scale == 0:
                with suppress(OverflowError):
                    return pa.array(values, pa.int64())
            return pa.array(values, kind)

        rows, schema = list(self.rows), self.schema()
        columns = zip(*rows, strict=True) if rows else [()] * len(schema)
        arrays = [array(values, kind) for values, kind in zip(columns, schema.types, strict=True)]
        return pa.Table.from_arrays(arrays, names=schema.names)


def whole(value: object) -> object:
    """Return a decimal without fraction (DuckDB's sums, Spark's rounded numbers) as an integer."""
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value


def require_apart(columns: Sequence[str]) -> None:
    """Raise `ConfigError` if two columns have one name."""
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise ConfigError(
            printable(f"two columns are called {twice[0]}"), where="sql", remedy="rename one with `as`"
        )


def chosen_engine(engine: str, rows: int) -> str:
    """Return `duckdb` or `spark`: the named engine, or the one for this number of rows."""
    if engine != "auto":
        return engine
    return "duckdb" if rows <= ROWS_OF_ONE_MACHINE else "spark"


def literal(text: str) -> str:
    """Return a text as SQL for both engines, which differ in quotes, backslashes and variables (`${…}`)."""
    pieces = [piece for piece in re.split(r"(['\\$])", text) if piece]
    quoted = [f"chr({ord(piece)})" if piece in "'\\$" else f"'{piece}'" for piece in pieces]
    return quoted[0] if len(quoted) == 1 else f"concat({', '.join(quoted)})" if quoted else "''"


def engine_of(store: TableStore, engine: str) -> str:
    """Return `duckdb` or `spark`: the named engine, or the one for the number of rows of the tables."""
    if engine != "auto":
        return engine
    counts = (row[column] or 0 for by, column in COUNTED.items() for row in store.rows(by))
    return chosen_engine(engine, sum(counts))


def answer_of(store: TableStore, query: str, engine: str, runs: Sequence[str] = ()) -> QueryResult:
    """Run `query` by one of `ENGINES`, over the rows of all scans or of `runs`; rows are computed when read.

    Raises `ConfigError` if the engine refuses it, `OutputError` if a table differs from its publication, and
    `PresswatchError` if Spark's Java has ended.
    """
    if engine_of(store, engine) == "duckdb":
        from presswatch_spark.query import duckdb_engine

        return duckdb_engine.run(store, query, runs)
    from presswatch_spark.query import spark_engine

    return spark_engine.run(store, query, runs)


def answers_of(
    store: TableStore, queries: Iterable[str], engine: str, runs: Sequence[str] = ()
) -> Iterator[QueryResult]:
    """Run queries in turn; raises as `answer_of`. Read each answer before you ask for the next."""
    if engine == "duckdb":
        from presswatch_spark.query import duckdb_engine

        yield from duckdb_engine.run_each(store, queries, runs)
    else:
        yield from (answer_of(store, query, engine, runs) for query in queries)

"""SQL over published tables, by DuckDB or Spark as the size asks."""

from collections.abc import Iterable, Iterator, Sequence

from presswatch_spark.queries import in_duckdb
from presswatch_spark.queries.engines import QueryResult, chosen_engine, rows_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


def run_query(
    tables: str, query: str, storage: StorageOptions | None = None, engine: str = "auto"
) -> QueryResult:
    """Run `query` over the tables and views; its rows are made while they are read.

    Args:
        engine: one of `engines.ENGINES`.

    Raises:
        ConfigError: it is no query, or the engine refuses it.
        OutputError: `tables` is no folder of tables, or one that the query names is not as it was published.
        PresswatchError: Spark's Java has ended.
    """
    store = TableStore.open(tables, storage)
    return answer_of(store, query, engine_of(store, engine))


def engine_of(store: TableStore, engine: str) -> str:
    """Return `duckdb` or `spark`: the one that is asked for, or the one that suits the rows of the tables."""
    return chosen_engine(engine, rows_of(store) if engine == "auto" else 0)


def answer_of(store: TableStore, query: str, engine: str, runs: Sequence[str] = ()) -> QueryResult:
    """Run `query` by `duckdb` or `spark`; raises as `run_query`.

    Args:
        runs: only rows of these published scans are read, and only their files are looked at; none: all.
    """
    if engine == "duckdb":
        return in_duckdb.run(store, query, runs)
    from presswatch_spark.queries import in_spark

    return in_spark.run(store, query, runs)


def answers_of(store: TableStore, queries: Iterable[str], engine: str) -> Iterator[QueryResult]:
    """Run queries one after the other by `duckdb` or `spark`; raises as `run_query`.

    Read each answer before the next is asked for: DuckDB opens once what they share.
    """
    if engine == "duckdb":
        yield from in_duckdb.run_each(store, queries)
    else:
        yield from (answer_of(store, query, engine) for query in queries)

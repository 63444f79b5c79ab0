"""SQL over published tables, by DuckDB or Spark as the size asks."""

from presswatch_spark.queries import in_duckdb
from presswatch_spark.queries.engines import Answer, chosen_engine, rows_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


def run_query(tables: str, query: str, storage: StorageOptions | None = None, engine: str = "auto") -> Answer:
    """Run `query` over the tables and views; its rows are made while they are read.

    Args:
        engine: one of `engines.ENGINES`.

    Raises:
        ConfigError: it is no query, or the engine refuses it.
        OutputError: `tables` is no folder of tables, or one that the query names is not as it was published.
        PresswatchError: Spark's Java has ended.
    """
    store = TableStore.open(tables, storage)
    chosen = chosen_engine(engine, rows_of(store) if engine == "auto" else 0)
    if chosen == "duckdb":
        return in_duckdb.run(store, query)
    from presswatch_spark.queries import in_spark

    return in_spark.run(store, query)

"""Declarations of the tables in the SQL of other engines: what is pasted there gives all rows."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from presswatch_spark.tables.catalog import DDL_ENGINES
from presswatch_spark.tables.catalog.ddl import STATEMENTS
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from tests.world.catalogs import publish, publish_everything
from tests.world.commands import presswatch

FOLDER = "d'été [1] ${x} 100%"


def test_duckdb_reads_what_was_printed_also_with_files_of_earlier_versions(tmp_path: Path) -> None:
    store = publish_everything(str(tmp_path / FOLDER))
    publish(store, "r0", names=("run_id", "document_url", "spans"))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(presswatch("catalog", "ddl", "--for", "duckdb", store.root.path))
        for table, schema in SCHEMAS.items():
            nullable = pa.schema([(column.name, column.type) for column in schema])
            found = connection.sql(f'select * from "{table}"').to_arrow_table().cast(nullable)
            assert sorted(map(repr, found.to_pylist())) == sorted(map(repr, store.read(table).to_pylist()))


@pytest.mark.parametrize("engine", DDL_ENGINES)
def test_each_engine_parses_a_statement_for_each_table_that_has_files(tmp_path: Path, engine: str) -> None:
    sqlglot = pytest.importorskip("sqlglot")
    store = TableStore.create(str(tmp_path / FOLDER))
    assert presswatch("catalog", "ddl", "--for", engine, store.root.path) == ""
    publish(store, "r1")
    parsed = sqlglot.parse(presswatch("catalog", "ddl", "--for", engine, store.root.path), read=engine)
    tables = ["matches", "rights_signals", "scan_log", "metrics", "corpus_articles", "runs"]
    assert [statement.find(sqlglot.exp.Table).name for statement in parsed if statement] == tables


def test_there_is_a_statement_for_each_engine() -> None:
    assert tuple(STATEMENTS) == DDL_ENGINES

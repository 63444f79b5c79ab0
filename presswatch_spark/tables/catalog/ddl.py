"""Statements that declare the tables to engines without an Iceberg catalog."""

import re
from collections.abc import Iterator

import pyarrow as pa

from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.row_types import UTC_MICROS
from presswatch_spark.tables.store import TableStore

HIVE, TRINO, DUCKDB = range(3)
LANGUAGES = {"athena": HIVE, "spark": HIVE, "trino": TRINO, "duckdb": DUCKDB}
TYPES = {
    pa.string(): ("string", "varchar", "varchar"),
    pa.int32(): ("int", "integer", "integer"),
    pa.int64(): ("bigint", "bigint", "bigint"),
    pa.float64(): ("double", "double", "double"),
    pa.bool_(): ("boolean", "boolean", "boolean"),
    UTC_MICROS: ("timestamp", "timestamp", "timestamptz"),
}
"""Names of types in each language."""
LIST = ("array<{}>", "array({})", "{}[]")
STRUCT = ("struct<{}>", "row({})", "struct({})")
FIELD = ("`{}`: {}", '"{}" {}', '"{}" {}')
COLUMN = ("  `{}` {}", '  "{}" {}', '  null::{1} as "{0}"')
STATEMENTS = {
    "athena": "create external table if not exists `{}` (\n{}\n)\nstored as parquet\nlocation '{}';",
    "spark": "create table if not exists `{}` (\n{}\n)\nusing parquet\nlocation '{}';",
    "trino": 'create table if not exists "{}" (\n{}\n)\n'
    "with (format = 'PARQUET', external_location = '{}');",
    # Files of older versions lack columns, which the first query has.
    "duckdb": 'create or replace view "{}" as select\n{}\nwhere false\n'
    "union all by name select * from read_parquet('{}/*.parquet', union_by_name = true);",
}


def declarations(store: TableStore, engine: str) -> Iterator[str]:
    """Yield a statement of `engine`, a key of `STATEMENTS`, for each table that has files."""
    language = LANGUAGES[engine]
    for table, schema in SCHEMAS.items():
        if store.present(table):
            columns = (COLUMN[language].format(each.name, _type(each.type, language)) for each in schema)
            place = _place(store.root.at(table), engine)
            yield STATEMENTS[engine].format(table, ",\n".join(columns), place)


def _type(kind: pa.DataType, language: int) -> str:
    if pa.types.is_list(kind):
        return LIST[language].format(_type(kind.value_type, language))
    if pa.types.is_struct(kind):
        fields = (FIELD[language].format(field.name, _type(field.type, language)) for field in kind)
        return STRUCT[language].format(", ".join(fields))
    return TYPES[kind][language]


def _place(uri: str, engine: str) -> str:
    # The result goes between the quotes of a statement.
    if engine == "duckdb":
        return re.sub(r"([*?\[])", r"[\1]", uri).replace("'", "''")
    uri = f"file://{uri}" if uri.startswith("/") else uri
    if engine == "trino":
        return uri.replace("'", "''")
    if engine == "spark":
        # Locations are globs in Spark, and `s3:` is EMR's.
        uri = re.sub(r"([\[\]{}*?\\])", r"\\\1", uri).replace("s3://", "s3a://", 1)
    # Spark replaces `${…}` by variables before it parses.
    return re.sub(r"(['\\])", r"\\\1", uri).replace("$", r"\u0024")

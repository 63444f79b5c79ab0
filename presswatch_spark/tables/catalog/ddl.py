"""The published tables as tables of Athena: statements that create them over our own files, and views.

Athena reads all files of a folder, also of a run that is not published yet. So each table has a view with the
rows of those files that published rows name.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.terminal import printable
from presswatch_spark.tables.declarations import (
    DERIVED,
    HISTORY_TABLES,
    PUBLISHED_BY,
    PUBLISHERS,
    SCHEMAS,
    PublishedFile,
)
from presswatch_spark.tables.row_types import UTC_MICROS, struct_of

TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float64(): "double",
    UTC_MICROS: "timestamp",
}
PUBLISHED = "_published"
"""What the name of a view ends with."""


def statements(location: str, database: str) -> Iterator[str]:
    """Yield the statements that create all tables, then those that create their views, each without `;`.

    `location`: the folder of tables on S3. `database`: one of Glue, which must exist. `ConfigError`: they
    cannot be such names.
    """
    if not location.startswith("s3://") or not printable(location) == location or "'" in location:
        raise ConfigError(
            "Athena reads only tables on S3", where=printable(location), remedy="give --location s3://…"
        )
    if not database or "`" in database or '"' in database or printable(database) != database:
        raise ConfigError(
            "this is not a name of a database", where="--database", remedy="use letters, digits, _"
        )
    for table in SCHEMAS:
        yield table_statement(table, location.rstrip("/"), database)
    for table in SCHEMAS:
        if table in PUBLISHERS:
            continue
        by, fields = PUBLISHED_BY[table], ", ".join(f'"{field.name}"' for field in struct_of(PublishedFile))
        files = (
            f'SELECT f."name" FROM "{database}"."{by}" AS r CROSS JOIN UNNEST(r."files") AS f ({fields})'
            f"\n  WHERE f.\"table\" = '{table}'"
        )
        if table in HISTORY_TABLES:
            # Until those of before are moved away, there are two.
            newest = f'SELECT max("run_id") FROM "{database}"."{by}" WHERE "table" = \'{table}\''
            files += f'\n  AND r."run_id" = ({newest})'
        older = ""
        if table not in DERIVED:
            # Runs of older versions do not say which files are theirs; their rows are known by the run.
            runs = f'SELECT "run_id" FROM "{database}"."{by}" WHERE "files" IS NULL'
            older = f'\nOR t."run_id" IN (\n  {runs}\n)'
        yield (
            f'CREATE OR REPLACE VIEW "{database}"."{table}{PUBLISHED}" AS\n'
            f'SELECT t.* FROM "{database}"."{table}" AS t\n'
            f"WHERE regexp_extract(t.\"$path\", '[^/]+$') IN (\n  {files}\n){older}"
        )


def table_statement(table: str, location: str, database: str) -> str:
    """Return the statement that creates a table over the files of its folder."""
    columns = ",\n".join(
        f"  `{column.name}` {athena_type(column.type)} COMMENT {_text(comment_of(column))}"
        for column in SCHEMAS[table]
    )
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{table}` (\n{columns}\n)\n"
        f"STORED AS PARQUET\nLOCATION '{location}/{table}/'"
    )


def athena_type(kind: pa.DataType) -> str:
    """Return the type of a column in Athena's DDL."""
    if pa.types.is_list(kind):
        return f"array<{athena_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        fields = (f"`{field.name}`:{athena_type(field.type)}" for field in kind)
        return f"struct<{','.join(fields)}>"
    return TYPES[kind]


def _text(value: str) -> str:
    """Return a text as a literal that no reader of statements can take for the end of one."""
    escaped = value.replace("\\", "\\\\").replace("'", "’").replace(";", ",")
    return f"'{escaped}'"


LONGEST = 255
"""Bytes of a comment, by Glue's own limit."""
CUT = "…"


def comment_of(column: pa.Field) -> str:
    """Return the meaning of a column, cut after a word where it is longer than Glue takes."""
    meaning: str = column.metadata[b"meaning"].decode()
    if len(meaning.encode()) <= LONGEST:
        return meaning
    room = LONGEST - len(CUT.encode())
    whole = meaning.encode()[: room + 1].decode(errors="ignore")
    return whole.rpartition(" ")[0].rstrip(" ,;:") + CUT

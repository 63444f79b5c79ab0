"""The statements for Athena can be parsed, name every column with its type, and keep published rows alone."""

import re
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import expressions as sql

from presswatch_spark.cli.main import run
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.tables import derived
from presswatch_spark.tables.catalog.ddl import LONGEST, PUBLISHED, athena_type, statements
from presswatch_spark.tables.declarations import PUBLISHERS, SCHEMAS
from presswatch_spark.tables.store import TableStore
from tests.world.catalogs import derive, publish_everything
from tests.world.proofs import each_time

LOCATION = "s3://bucket/tables"


def parsed() -> tuple[dict[str, sql.Create], dict[str, sql.Create]]:
    """The statements that create tables, and those that create views, by their names."""
    found = [sqlglot.parse_one(each, dialect="athena") for each in statements(LOCATION + "/", "press")]
    assert all(isinstance(each, sql.Create) for each in found)
    kinds: dict[str, dict[str, sql.Create]] = {"TABLE": {}, "VIEW": {}}
    for each in found:
        named = each.find(sql.Table)
        assert named.db == "press"
        kinds[each.args["kind"]][named.name] = each
    return kinds["TABLE"], kinds["VIEW"]


def test_every_table_has_a_statement_with_all_its_columns() -> None:
    tables, _ = parsed()
    assert list(tables) == list(SCHEMAS)
    for table, statement in tables.items():
        columns = statement.this.expressions
        assert [column.name for column in columns] == SCHEMAS[table].names
        for column, field in zip(columns, SCHEMAS[table], strict=True):
            expected = sql.DataType.build(athena_type(field.type), dialect="hive")
            assert column.args["kind"].sql("hive") == expected.sql("hive")
        text = statement.sql("athena")
        assert f"LOCATION '{LOCATION}/{table}/'" in text
        assert "STORED AS PARQUET" in text
        assert statement.find(sql.ExternalProperty)


def test_types_are_those_that_athena_has_for_ours() -> None:
    types = {athena_type(column.type) for schema in SCHEMAS.values() for column in schema}
    words = set(re.findall(r"(?<!`)\b[a-z]+\b(?!`)", " ".join(types)))
    assert words == {"string", "boolean", "int", "bigint", "double", "timestamp", "array", "struct"}
    span = SCHEMAS["matches"].field("spans").type
    assert athena_type(span).startswith("array<struct<`document_start`:bigint,")


def test_comments_say_what_columns_mean_and_are_no_longer_than_glue_takes() -> None:
    for table, statement in parsed()[0].items():
        for column in statement.this.expressions:
            (comment,) = (each.kind.this.this for each in column.constraints)
            meaning = SCHEMAS[table].field(column.name).metadata[b"meaning"].decode()
            said = meaning.replace("'", "’").replace(";", ",")
            assert comment == said or (comment.endswith("…") and said.startswith(comment[:-1]))
            assert 0 < len(comment.encode()) <= LONGEST


def test_statements_hold_no_semicolon_within() -> None:
    assert not [each for each in statements(LOCATION, "press") if ";" in each]


def test_every_table_of_runs_has_a_view_of_its_published_rows() -> None:
    _, views = parsed()
    assert list(views) == [f"{table}{PUBLISHED}" for table in SCHEMAS if table not in PUBLISHERS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table, with files of runs that are not published, and claims that are not moved away yet."""
    folder = tmp_path_factory.mktemp("athena") / "tables"
    publish_everything(str(folder))
    for table in SCHEMAS:
        if table not in PUBLISHERS:
            whole = min((folder / table).iterdir())
            (folder / table / "r9-00000.parquet").write_bytes(whole.read_bytes())
    return folder


def seen(folder: Path, table: str) -> tuple[list[str], int]:
    """What the view has of a table in DuckDB, by its `key`, and how many rows lie in the folder."""
    (view,) = (each for each in statements(LOCATION, "press") if f'"{table}{PUBLISHED}"' in each)
    # DuckDB gives the structs of a list as one column, and Athena as one for each field.
    here = re.sub(r'AS f \("table".*?\)', "AS f (f)", view)
    with duckdb.connect() as connection:
        connection.execute("create schema press")
        for each in SCHEMAS:
            files = f"read_parquet('{folder}/{each}/*.parquet', filename = '$path', union_by_name = true)"
            connection.execute(f"create view press.{each} as select * from {files}")
        connection.execute(here)
        query = f'select "{key(table)}" from press.{table}{PUBLISHED}'
        found = sorted(str(value) for (value,) in connection.sql(query).fetchall())
        ((everything,),) = connection.sql(f"select count(*) from press.{table}").fetchall()
    return found, everything


def key(table: str) -> str:
    names = SCHEMAS[table].names
    return "row_sha256" if "row_sha256" in names else names[0]


TABLES = [table for table in SCHEMAS if table not in PUBLISHERS]


@pytest.mark.parametrize("table", each_time(["matches", "captures", "claims"], TABLES))
def test_the_view_has_the_rows_that_are_published_and_no_others(folder: Path, table: str) -> None:
    found, everything = seen(folder, table)
    ours = TableStore.open(str(folder)).read(table)[key(table)].to_pylist()
    assert found == sorted(map(str, ours))
    assert 0 < len(found) < everything


def test_of_claims_that_are_made_anew_this_moment_the_view_has_the_last_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = publish_everything(str(tmp_path / "tables"))
    monkeypatch.setattr(derived, "_move_away", lambda *asked: None)
    derive(store, "claims", rows=8)
    found, everything = seen(tmp_path / "tables", "claims")
    assert (len(found), everything) == (8, 8 + 3)


def test_the_command_prints_them_and_refuses_what_athena_cannot_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["catalog", "ddl", "--location", LOCATION, "--database", "press"]) == 0
    printed = capsys.readouterr().out
    assert printed.count(";\n") == len(list(statements(LOCATION, "press")))
    assert run(["catalog", "ddl", "--location", "/srv/tables"]) == 1
    assert "S3" in capsys.readouterr().err
    for database in ("a`b", 'a"b', ""):
        with pytest.raises(ConfigError, match="no name of a database"):
            list(statements(LOCATION, database))
    with pytest.raises(ConfigError, match="S3"):
        list(statements("s3://b/o'clock", "press"))

"""`presswatch catalog`: published tables in an Iceberg catalog, or as tables of Athena."""

from __future__ import annotations

from typing import Any

import click

from presswatch_spark.catalog.connect import KINDS, NAME
from presswatch_spark.cli.options import print_lines, scan_settings, storage_options
from presswatch_spark.errors import ConfigError
from presswatch_spark.terminal import counted, table_lines, terminal_width

COLUMNS = ("table", "added", "taken_out", "files")


@click.group()
def catalog() -> None:
    """Show the published tables to other engines: in an Iceberg catalog, or in Athena."""


@catalog.command()
@click.argument("tables")
@click.option("--catalog", "kind", type=click.Choice(KINDS), required=True, help="Which catalog it is.")
@click.option("--namespace", required=True, metavar="NAME", help="Namespace, or database, for the tables.")
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="KEY=VALUE",
    help="A property of pyiceberg's, such as uri or warehouse; no secret. Repeatable.",
)
@click.option(
    "--catalog-name",
    default=NAME,
    show_default=True,
    metavar="NAME",
    help="Its name in pyiceberg's settings.",
)
@storage_options
def sync(
    tables: str, kind: str, namespace: str, properties: tuple[str, ...], catalog_name: str, **flags: Any
) -> None:
    """Bring the tables of an Iceberg catalog to what is published.

    TABLES is the folder of scans. Each published table becomes a table of the catalog, which names our own
    files: nothing is copied or written anew. Only published files are named. A second sync changes nothing,
    and one that was killed is finished by the next. Needs the extra `catalog`. Secrets come from
    .pyiceberg.yaml, from the environment (PYICEBERG_CATALOG__PRESSWATCH__…), or from the AWS chain.

    \b
    presswatch catalog sync tables --catalog sql --namespace press
      --property uri=sqlite:///catalog.db --property warehouse=file:///srv/warehouse
    """
    from presswatch_spark.catalog.connect import open_catalog
    from presswatch_spark.catalog.sync import sync as bring
    from presswatch_spark.tables.store import TableStore

    storage = scan_settings(flags).storage
    store = TableStore.open(tables, storage)
    opened = open_catalog(kind, _given(properties), storage, catalog_name)
    changes = bring(store, opened, namespace)
    shown = [change for change in changes if change.files or change.taken_out]
    rows = [[getattr(change, name) for name in COLUMNS] for change in shown]
    print_lines(table_lines(COLUMNS, rows, terminal_width()))
    added, out = (sum(getattr(change, name) for change in changes) for name in ("added", "taken_out"))
    click.echo(f"{counted(added, 'file')} added, {out:,} taken out, in {counted(len(changes), 'table')}")


@catalog.command()
@click.option(
    "--location",
    default="s3://BUCKET/tables",
    show_default=True,
    metavar="S3",
    help="Where the folder of tables lies on S3.",
)
@click.option("--database", default=NAME, show_default=True, metavar="NAME", help="The database in Glue.")
def ddl(location: str, database: str) -> None:
    """Print the statements that create all tables in Athena, and a view of each with published rows alone.

    Athena takes one statement at a time; each ends with a semicolon and an empty line.

    Example: presswatch catalog ddl --location s3://bucket/tables --database press
    """
    from presswatch_spark.catalog.ddl import statements

    print_lines(f"{statement};\n" for statement in statements(location, database))


def _given(properties: tuple[str, ...]) -> dict[str, str]:
    pairs = [each.partition("=") for each in properties]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise ConfigError("is no KEY=VALUE", where=f"--property {key}", remedy="write uri=…")
    return {key: value for key, _, value in pairs}

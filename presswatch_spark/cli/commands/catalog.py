"""`presswatch catalog`: published tables in an Iceberg catalog, or as tables of Athena."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from presswatch_spark.catalog.connect import KINDS, NAME
from presswatch_spark.cli.options import STORAGE, argument, option
from presswatch_spark.cli.replies import Reply, ReplyForm, Table, command
from presswatch_spark.errors import ConfigError
from presswatch_spark.terminal import counted

if TYPE_CHECKING:
    from presswatch_spark.settings.config import ScanConfig

COLUMNS = ("table", "added", "taken_out", "files")


def _pairs(context: click.Context, option: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise ConfigError("is no KEY=VALUE", where=f"--property {key}", remedy="write uri=…")
    return {key: value for key, _, value in pairs}


@click.group()
def catalog() -> None:
    """Show the tables to other engines: Iceberg catalogs, Athena."""


@command("sync", catalog, settings=STORAGE)
def sync(
    *,
    tables: str = argument(),
    kind: str = option("--catalog", None, "Which catalog it is.", type=click.Choice(KINDS), required=True),
    namespace: str = option("--namespace", "NAME", "Namespace, or database, for the tables.", required=True),
    properties: dict[str, str] = option(
        "--property",
        "KEY=VALUE",
        "A property of pyiceberg's, such as uri or warehouse; no secret. Repeatable.",
        multiple=True,
        callback=_pairs,
    ),
    catalog_name: str = option("--catalog-name", "NAME", "Its name in pyiceberg's settings.", default=NAME),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Bring an Iceberg catalog up to date with the published tables.

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

    storage = settings.storage
    store = TableStore.open(tables, storage)
    changes = bring(store, open_catalog(kind, properties, storage, catalog_name), namespace)
    shown = [change for change in changes if change.files or change.taken_out]
    rows = [[getattr(change, name) for name in COLUMNS] for change in shown]
    added, out = (sum(getattr(change, name) for change in changes) for name in ("added", "taken_out"))
    total = f"{counted(added, 'file')} added, {out:,} taken out, in {counted(len(changes), 'table')}"
    return Reply([Table(COLUMNS, rows), total])


@command("ddl", catalog)
def ddl(
    *,
    location: str = option(
        "--location", "S3", "Where the folder of tables lies on S3.", default="s3://BUCKET/tables"
    ),
    database: str = option("--database", "NAME", "The database in Glue.", default=NAME),
    form: ReplyForm,
) -> Reply:
    """Print the statements that create all tables in Athena.

    Each table has a view with its published rows alone.

    Athena takes one statement at a time; each ends with a semicolon and an empty line.

    Example: presswatch catalog ddl --location s3://bucket/tables --database press
    """
    from presswatch_spark.catalog.ddl import statements

    return Reply(line for text in statements(location, database) for line in f"{text};\n".split("\n"))

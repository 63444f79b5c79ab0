"""`presswatch forget`: removes a member's or an article's rows from tables."""

from typing import Any

import click

from presswatch_spark.cli.options import scan_settings, storage_options


@click.command()
@click.argument("tables")
@click.option("--publisher", metavar="ID", help="Forget all rows of this publisher.")
@click.option("--article", metavar="ID", help="Forget all rows of this article.")
@click.option("--operator", metavar="NAME", help="Who asks for it; written into the tombstone.")
@storage_options
def forget(
    tables: str, publisher: str | None, article: str | None, operator: str | None, **flags: Any
) -> None:
    """Forget a publisher or an article: remove its rows from all tables, and leave a tombstone.

    TABLES is the folder of scans. Files that hold such rows are written anew, and so is what their runs say
    of them. The table `tombstones` keeps the digests before and after, and the SHA-256 of the id. A removal
    that was killed is finished by the next one. Corpora, exports and copies of the tables are not touched.

    Example: presswatch forget --publisher rives-sa tables
    """
    from presswatch_spark.claims.forget import Subject
    from presswatch_spark.claims.forget import forget as remove
    from presswatch_spark.show import counted

    named = [(kind, name) for kind, name in (("publisher", publisher), ("article", article)) if name]
    if len(named) != 1:
        raise click.UsageError("give --publisher or --article")
    removal = remove(tables, Subject(*named[0]), scan_settings(flags).storage, operator)
    if removal.resumed:
        click.echo("a removal that was begun before is finished now; give the command again for this one")
    tables_of = {each["table"] for each in removal.row["removed"]}
    click.echo(f"removed {counted(removal.rows, 'row')} of {', '.join(sorted(tables_of))}")
    click.echo(f"tombstone {removal.row['run_id']}")

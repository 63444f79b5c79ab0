"""`presswatch forget`: removes a member's or an article's rows from tables."""

from pathlib import Path
from typing import Any

import click

from presswatch_spark.cli.options import scan_settings, storage_options


@click.command()
@click.argument("tables")
@click.option("--publisher", metavar="ID", help="Forget all rows of this publisher.")
@click.option("--article", metavar="ID", help="Forget all rows of this article.")
@click.option("--operator", metavar="NAME", help="Who asks for it; written into the tombstone.")
@click.option(
    "--also",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Search this file or folder, too, for copies of the rows. Repeatable.",
)
@storage_options
def forget(
    tables: str,
    publisher: str | None,
    article: str | None,
    operator: str | None,
    also: tuple[Path, ...],
    **flags: Any,
) -> None:
    """Forget a publisher or an article: remove its rows from all tables, and leave a tombstone.

    TABLES is the folder of scans. Files that hold such rows are written anew, and so is what their runs say
    of them. The table `tombstones` keeps the digests before and after, and the SHA-256 of the id. A removal
    that was killed is finished by the next one, and files that killed commands left are removed.

    Copies outside the tables are listed and not touched: exports, claims in folders of their own, cases,
    bags, notices, corpora and caches, beside TABLES and below --also.

    Example: presswatch forget --publisher rives-sa tables
    """
    from presswatch_spark.claims.copies import copies_near
    from presswatch_spark.claims.forget import Subject
    from presswatch_spark.claims.forget import forget as remove
    from presswatch_spark.storage.disk import Folder
    from presswatch_spark.terminal import counted

    named = [(kind, name) for kind, name in (("publisher", publisher), ("article", article)) if name]
    if len(named) != 1:
        raise click.UsageError("give --publisher or --article")
    subject, storage = Subject(*named[0]), scan_settings(flags).storage
    try:
        removal = remove(tables, subject, storage, operator)
    finally:
        folder = Folder.of(tables, storage)
        for line in copies_near(folder.path if folder.is_local else None, [subject.id], also):
            click.echo(f"still names the {subject.kind}, and was not touched: {line}")
    if removal.resumed:
        click.echo("a removal that was begun before is finished now; give the command again for this one")
    if removal.leftovers:
        click.echo(f"removed {counted(len(removal.leftovers), 'file')} that killed commands had left")
    tables_of = {each["table"] for each in removal.row["removed"]}
    click.echo(f"removed {counted(removal.rows, 'row')} of {', '.join(sorted(tables_of))}")
    click.echo(f"tombstone {removal.row['run_id']}")

"""`presswatch forget`: removes a member's or an article's rows from tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import STORAGE, argument, option
from presswatch_spark.cli.replies import Reply, ReplyForm, command, print_lines
from presswatch_spark.terminal import counted

if TYPE_CHECKING:
    from presswatch_spark.settings.config import ScanConfig


@command("forget", settings=STORAGE)
def forget(
    *,
    tables: str = argument(),
    publisher: str | None = option("--publisher", "ID", "Forget all rows of this publisher."),
    article: str | None = option("--article", "ID", "Forget all rows of this article."),
    operator: str | None = option("--operator", "NAME", "Who asks for it; written into the tombstone."),
    also: tuple[Path, ...] = option(
        "--also",
        "PATH",
        "Search this file or folder, too, for copies of the rows. Repeatable.",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
    ),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Remove all rows of a publisher or of an article.

    TABLES is the folder of scans. Files that hold such rows are written anew, and so is what their runs say
    of them. The table `tombstones` keeps the digests before and after, and the SHA-256 of the id. A removal
    that was killed is finished by the next one, and files that killed commands left are removed.

    Copies outside the tables are listed and not touched: exports, claims in folders of their own, cases,
    bags, notices, corpora and caches, beside TABLES and below --also.

    Example: presswatch forget --publisher rives-sa tables
    """
    from presswatch_spark.claims.forget import Subject, copies_near
    from presswatch_spark.claims.forget import forget as remove
    from presswatch_spark.storage.disk import Folder

    named = [(kind, name) for kind, name in (("publisher", publisher), ("article", article)) if name]
    if len(named) != 1:
        raise click.UsageError("give --publisher or --article")
    subject, storage = Subject(*named[0]), settings.storage
    try:
        removal = remove(tables, subject, storage, operator)
    finally:
        folder = Folder.of(tables, storage)
        copies = copies_near(folder.path if folder.is_local else None, [subject.id], also)
        print_lines(f"still names the {subject.kind}, and was not touched: {line}" for line in copies)
    lines = []
    if removal.resumed:
        lines.append("a removal that was begun before is finished now; give the command again for this one")
    if removal.leftovers:
        lines.append(f"removed {counted(len(removal.leftovers), 'file')} that killed commands had left")
    tables_of = {each["table"] for each in removal.row["removed"]}
    lines.append(f"removed {counted(removal.rows, 'row')} of {', '.join(sorted(tables_of))}")
    return Reply([*lines, f"tombstone {removal.row['run_id']}"])

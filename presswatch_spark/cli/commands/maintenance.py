"""`presswatch doctor`, `demo`, `forget`: check this machine, try the program, remove a publisher's rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.commands.scan import incomplete_lines
from presswatch_spark.cli.options import argument, option, refuse
from presswatch_spark.cli.replies import Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import counted

DEMO_MARKER = ".presswatch-demo"


@command("forget")
def forget(
    form: ReplyForm,
    tables: str = argument(),
    publisher: str | None = option("--publisher", "ID", "Forget all rows of this publisher."),
    article: str | None = option("--article", "ID", "Forget all rows of this article."),
    operator: str | None = option("--operator", "NAME", "Name of the requester, written into the tombstone."),
    also: tuple[Path, ...] = options.repeated(
        "--also",
        "PATH",
        "Another place to search for copies of the rows.",
        type=click.Path(exists=True, path_type=Path),
    ),
) -> Reply:
    """Remove all rows of a publisher or of an article.

    TABLES is the folder of scans. The command rewrites the files with such rows, and the rows of their
    runs. The table `tombstones` keeps the digests before and after, and the SHA-256 of the id. If a removal
    is killed, the next one finishes it.

    Copies outside the tables are listed, but not changed: exports, claims in other folders, cases, bags,
    notices, corpora and caches, next to TABLES and below --also.

    Example: presswatch forget --publisher rives-sa tables
    """
    from presswatch_spark.claims.forget import Subject, copies_near
    from presswatch_spark.claims.forget import forget as remove
    from presswatch_spark.storage.disk import Folder

    named = [(kind, name) for kind, name in (("publisher", publisher), ("article", article)) if name]
    refuse(len(named) != 1, "pass either --publisher or --article")
    subject = Subject(*named[0])
    try:
        removal = remove(tables, subject, form.storage, operator)
    finally:
        folder = Folder.of(tables, form.storage)
        copies = copies_near(folder.path if folder.is_local else None, [subject.id], also)
        replies.print_lines(
            f"still mentions the {subject.kind}, and was not touched: {line}" for line in copies
        )
    lines = []
    if removal.resumed:
        lines.append("a removal that was begun before is finished now; run the command again for this one")
    if removal.leftovers:
        lines.append(f"removed {counted(len(removal.leftovers), 'file')} that killed commands had left")
    tables_of = {each["table"] for each in removal.row["removed"]}
    lines.append(f"removed {counted(removal.rows, 'row')} of {', '.join(sorted(tables_of))}")
    return Reply([*lines, f"tombstone {removal.row['run_id']}"])


@command("doctor", json=True, lang="en", settings=("run.cores",), config=True)
def doctor(form: ReplyForm, places: tuple[str, ...] = argument("[PLACE …]", nargs=-1)) -> Reply:
    """Check this machine for a scan, with a remedy for each fault.

    PLACE is a file, a folder (with / at its end) or an address that scans will read. With a fault, the exit
    code is 1.

    \b
    presswatch doctor --region eu-west-3 s3://bucket/shards/
    """
    from presswatch_spark.deploy.check import FAULT
    from presswatch_spark.deploy.doctor import Asked, examine

    _, columns = form.language, ("point", "is", "because")
    rows = list(examine(Asked(form.settings, places, _)))
    shown = [(_.name(point), _.name(outcome), finding) for point, outcome, finding in rows]
    faults = sum(outcome == FAULT for _point, outcome, _finding in rows)
    values = ReplyRows(dict(zip(columns, row, strict=True)) for row in rows)
    lines: list[Line] = [
        Table(columns, shown, columns[:2], columns[2:]),
        _.n("{n} fault", "{n} faults", faults),
    ]
    return Reply(lines, rows=values, exit_code=replies.FAILED if faults else 0)


@command("demo", storage=False)
def demo(
    form: ReplyForm,
    out: str = option("--out", "DIR", "Folder for everything that is generated.", default="demo"),
) -> Reply:
    """Scan a generated press and web, and report the copies.

    The command makes a small press corpus, and shards with copies of it, from texts written for this project.
    It seals the claims in a bag and drafts a notice. It replaces the folder of an earlier demo.
    """
    from presswatch_spark.cli.demo.run import run_demo

    folder = Path(out)
    if (folder / DEMO_MARKER).is_file():
        shutil.rmtree(folder)
    elif folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        what = "this is not a folder, or contains other files than a demo's"
        raise OutputError(what, where=out, remedy="choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DEMO_MARKER).touch()

    demonstration = run_demo(folder, lambda stage: replies.tell(f"{stage} …"))
    lines = (line for text in demonstration.lines() for line in text.split("\n"))
    warnings = incomplete_lines(demonstration.summary, str(folder / "tables"))
    return Reply(
        lines, warnings=warnings, exit_code=replies.INCOMPLETE if demonstration.summary.incomplete else 0
    )

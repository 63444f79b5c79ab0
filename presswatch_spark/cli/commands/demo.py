"""`presswatch demo`: goes from nothing to a report, and on to a dossier, in one command."""

import shutil
from pathlib import Path

import click

from presswatch_spark.cli.commands.scan import incomplete_message
from presswatch_spark.cli.exits import INCOMPLETE
from presswatch_spark.cli.options import print_lines, tell
from presswatch_spark.errors import OutputError

MARKER = ".presswatch-demo"


@click.command()
@click.option(
    "--out", default="demo", show_default=True, metavar="DIR", help="Folder for all that is generated."
)
@click.pass_context
def demo(context: click.Context, /, out: str) -> None:
    """Scan a generated press and web, and write a report of what was found.

    A small press corpus, and shards with copies of it, are made from texts written for this project. Its
    claims are sealed in a bag, and a notice is drafted. A folder of an earlier demo is replaced.
    """
    from presswatch_spark.demo.run import run_demo

    folder = Path(out)
    _make_room(folder)
    demonstration = run_demo(folder, lambda stage: tell(f"{stage} …"))
    print_lines(demonstration.lines())
    if demonstration.summary.incomplete:
        click.echo(incomplete_message(demonstration.summary, str(folder / "tables")), err=True)
        context.exit(INCOMPLETE)


def _make_room(folder: Path) -> None:
    """Empty the folder of an earlier demo; raise `OutputError` for a folder that holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise OutputError("this is not a folder", where=str(folder), remedy="name another --out")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise OutputError(
                "the folder holds files that are no demo's", where=str(folder), remedy="name another --out"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()

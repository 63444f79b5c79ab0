"""`presswatch demo`: from nothing to a match table in one command."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

MARKER = ".presswatch-demo"


@click.command()
@click.option(
    "--out", default="demo", show_default=True, metavar="DIR", help="Folder for all that is generated."
)
def demo(out: str) -> None:
    """Generate a small press corpus and shards with copies of it, scan them, and show what was found.

    Everything is invented for this project. A folder of an earlier demo is replaced.
    """
    from presswatch_spark.demo.run import run_demo
    from presswatch_spark.show import terminal_width

    folder = Path(out)
    _make_room(folder)
    for line in run_demo(folder, terminal_width()):
        click.echo(line)


def _make_room(folder: Path) -> None:
    """Empty the folder of an earlier demo; raise `OutputError` for a folder that holds anything else."""
    from presswatch_spark.errors import OutputError

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

"""`presswatch compare`: what became of the copies that an earlier run found."""

from typing import Any

import click

from presswatch_spark.cli.options import print_lines, scan_settings, storage_options
from presswatch_spark.show import counted, table_lines, terminal_width

MEANING = {
    "gone": "found before, not found after",
    "still_there": "found before and after",
    "new": "found after only",
    "unknown": "not found after, but absence cannot be said",
}


@click.command()
@click.argument("tables")
@click.option("--before", required=True, metavar="RUN", help="Id of the earlier run.")
@click.option("--after", required=True, metavar="RUN", help="Id of the later run, or `latest`.")
@click.option("--out", required=True, metavar="DIR", help="Folder, or s3://, for the table `comparison`.")
@storage_options
def compare(tables: str, before: str, after: str, out: str, **flags: Any) -> None:
    """Compare two runs, pair by pair of article and document.

    TABLES is the folder that a scan was given as --out.

    A copy is `gone` only if the after run read every shard to its end, with the same corpus and settings. It
    must also have as many shards of the copy's subset of the release (`warc`, `wet`). Otherwise what it did
    not find is `unknown`. What is gone is gone from the shards that the after run read.
    """
    from presswatch_spark.queries.compare import compare as run_compare

    summary = run_compare(tables, before, after, out, scan_settings(flags).storage)
    rows = [(f"{count:,}", status, MEANING[status]) for status, count in summary.counts.items()]
    headers = ("pairs", "status", "meaning")
    print_lines(table_lines(headers, rows, terminal_width(), headers[:2], headers[2:]))
    click.echo(f"{counted(sum(summary.counts.values()), 'pair')} of an article and a document")
    if summary.doubt:
        click.echo(f"absence cannot be said: {summary.doubt}")
    if summary.counts["new"] and summary.doubt_of_new:
        click.echo(f"what is new may have been there before: {summary.doubt_of_new}")
    click.echo(f"written to {summary.folder}")

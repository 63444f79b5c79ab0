"""`presswatch rights`: what a member's site declared about its pages when they were captured."""

from collections import Counter
from typing import Any

import click

from presswatch_spark.cli.commands.tables import as_json
from presswatch_spark.cli.options import print_lines, scan_settings, storage_options
from presswatch_spark.show import counted, json_line, table_lines, terminal_width

MEANING = {
    "both": "reserved before and after the capture",
    "before": "reserved before it; after it nothing is known",
    "after": "reserved after it; before it nothing is known",
    "conflicting": "reserved on one side of it, and not on the other; or captures of one moment differ",
    "none": "robots.txt lets it in, and nothing else reserves, as far as is known",
    "unknown": "nothing was captured that tells, or it cannot be read",
}


@click.command()
@click.argument("tables")
@click.option(
    "--signals",
    multiple=True,
    metavar="TABLES",
    help="Tables of other scans whose signals count as well, such as of a release's robots.txt. Repeatable.",
)
@click.option("--run", "run_id", metavar="RUN", help="Only this run; `latest` for the newest. Default: all.")
@click.option("--out", metavar="DIR", help="Folder, or s3://, for the table `reservations`.")
@as_json
@storage_options
def rights(
    tables: str, signals: tuple[str, ...], run_id: str | None, out: str | None, as_json: bool, **flags: Any
) -> None:
    """Say which reservation was in force when a member's own pages were captured.

    TABLES is the folder that a scan was given as --out. There is an answer for each match on a site of its
    article's publisher (of WARC and WET), and for CCBot, GPTBot, Google-Extended and any other agent. The
    last declaration that was captured before the page and the first one after it count. One that cannot be
    told apart from the page by its time counts as both.
    """
    from presswatch_spark.queries.reservations import Reservations

    if out and as_json:
        raise click.UsageError("give --out or --json")
    reservations = Reservations(tables, signals, run_id, scan_settings(flags).storage)
    if as_json:
        print_lines(map(json_line, reservations.rows()))
    elif out:
        folder, counts = reservations.write(out)
        _summarise(counts)
        click.echo(f"written to {folder}")
    else:
        _summarise(Counter((row["agent"], row["status"]) for row in reservations.rows()))
    unread, planned = reservations.shards_unread()
    if unread:
        click.echo(
            f"incomplete: {unread:,} of {planned:,} shards of responses were not read whole; what was"
            " declared there does not count",
            err=True,
        )


def _summarise(counts: Counter[tuple[str, str]]) -> None:
    if not counts:
        click.echo("no match on a publisher's own site in WARC or WET")
        return
    agents = list(dict.fromkeys(agent for agent, _ in counts))
    rows = [
        (agent, counts[agent, status], status, meaning)
        for agent in agents
        for status, meaning in MEANING.items()
        if counts[agent, status]
    ]
    headers = ("agent", "matches", "reserved", "meaning")
    print_lines(table_lines(headers, rows, terminal_width(), headers[:3], headers[3:]))
    matches = counted(counts.total() // len(agents), "match")
    click.echo(f"{matches} on publishers' own sites, each for {len(agents)} agents")

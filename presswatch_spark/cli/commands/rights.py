"""`presswatch rights`: what a member's site declared about its pages when they were captured."""

from collections import Counter
from typing import Any

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.language import Language
from presswatch_spark.cli.options import as_json, print_lines, run_option, scan_settings, storage_options
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.terminal import json_line, table_lines, terminal_width
from presswatch_spark.translation import N_

MEANING = {
    "both": N_("reserved before and after the capture"),
    "before": N_("reserved before it; after it nothing is known"),
    "after": N_("reserved after it; before it nothing is known"),
    "conflicting": N_("reserved on one side of it, and not on the other; or captures of one moment differ"),
    "none": N_("robots.txt lets it in, and nothing else reserves, as far as is known"),
    "unknown": N_("nothing was captured that tells, or it cannot be read"),
}


@click.command()
@click.argument("tables")
@click.option(
    "--signals",
    multiple=True,
    metavar="TABLES",
    help="Tables of other scans whose signals count as well, such as of a release's robots.txt. Repeatable.",
)
@run_option
@click.option("--out", metavar="DIR", help="Folder, or s3://, for the table `reservations`.")
@as_json
@export_option
@screen_options()
@storage_options
def rights(
    tables: str,
    signals: tuple[str, ...],
    run_id: str | None,
    out: str | None,
    as_json: bool,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Say which reservation was in force when a member's own pages were captured.

    TABLES is the folder that a scan was given as --out. There is an answer for each match on a site of its
    article's publisher (of WARC and WET), and for CCBot, GPTBot, Google-Extended and any other agent. The
    last declaration that was captured before the page and the first one after it count. One that cannot be
    told apart from the page by its time counts as both.
    """
    leave_pandas_out()
    from presswatch_spark.queries.reservations import Reservations
    from presswatch_spark.tables.declarations import Reservation

    if out and (as_json or export):
        raise click.UsageError(f"give --out or {'--json' if as_json else '--export'}")
    storage, _ = scan_settings(flags).storage, screen.language
    require_new(export, storage)
    reservations = Reservations(tables, signals, run_id, storage)
    if export:
        export.write(Reservation.schema, reservations.rows(), storage, _)
    elif as_json:
        screen.show(map(json_line, reservations.rows()))
    elif out:
        folder, counts = reservations.write(out)
        _summarise(counts, _)
        click.echo(_("written to {folder}", folder=folder))
    else:
        _summarise(Counter((row["agent"], row["status"]) for row in reservations.rows()), _)
    unread, planned = reservations.shards_unread()
    if unread:
        said = _(
            "incomplete: {unread} of {planned} shards of responses were not read whole; what was declared"
            " there does not count",
            unread=_.number(unread),
            planned=_.number(planned),
        )
        click.echo(said, err=True)


def _summarise(counts: Counter[tuple[str, str]], _: Language) -> None:
    if not counts:
        click.echo(_("no match on a publisher's own site in WARC or WET"))
        return
    agents = list(dict.fromkeys(agent for agent, __ in counts))
    rows = [
        (agent, _.number(counts[agent, status]), _.name(status), _(meaning))
        for agent in agents
        for status, meaning in MEANING.items()
        if counts[agent, status]
    ]
    headers = _.names(("agent", "matches", "reserved", "meaning"))
    print_lines(table_lines(headers, rows, terminal_width(), headers[:3], headers[3:]))
    matches = _.n("{n} match", "{n} matches", counts.total() // len(agents))
    click.echo(
        _("{matches} on publishers' own sites, each for {agents} agents", matches=matches, agents=len(agents))
    )

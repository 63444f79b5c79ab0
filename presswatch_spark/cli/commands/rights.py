"""`presswatch rights`: reservations of a member's site when its pages were captured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.options import STORAGE, argument, option, run_option
from presswatch_spark.cli.replies import (
    AS_JSON,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
)
from presswatch_spark.translation import N_

if TYPE_CHECKING:
    from presswatch_spark.settings.config import ScanConfig

MEANING = {
    "both": N_("reserved before and after the capture"),
    "before": N_("reserved before it; after it nothing is known"),
    "after": N_("reserved after it; before it nothing is known"),
    "conflicting": N_("reserved on one side of it, and not on the other; or captures of one moment differ"),
    "none": N_("robots.txt lets it in, and nothing else reserves, as far as is known"),
    "unknown": N_("nothing was captured that tells, or it cannot be read"),
}


@command("rights", json=AS_JSON, export=True, lang="en", pager=True, settings=STORAGE)
def rights(
    *,
    tables: str = argument(),
    signals: tuple[str, ...] = option(
        "--signals",
        "TABLES",
        "Tables of other scans whose signals count as well, such as of a release's robots.txt. Repeatable.",
        multiple=True,
    ),
    run_id: str | None = run_option(),
    out: str | None = option("--out", "DIR", "Folder, or s3://, for the table `reservations`."),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Show the reservations in force when own pages were captured.

    TABLES is the folder that a scan was given as --out. There is an answer for each match on a site of its
    article's publisher (of WARC and WET), and for CCBot, GPTBot, Google-Extended and any other agent. The
    last declaration that was captured before the page and the first one after it count. One that cannot be
    told apart from the page by its time counts as both.
    """
    leave_pandas_out()
    from presswatch_spark.queries.reservations import Reservations
    from presswatch_spark.tables.declarations import Reservation

    if out and not form.is_for_people:
        raise click.UsageError(f"give --out or {'--json' if form.as_json else '--export'}")
    _ = form.language
    reservations = Reservations(tables, signals, run_id, settings.storage)

    def lines() -> Iterator[Line]:
        if out is None:
            yield from _summary_lines(
                Counter((row["agent"], row["status"]) for row in reservations.rows()), _
            )
            return
        folder, counts = reservations.write(out)
        yield from _summary_lines(counts, _)
        yield _("written to {folder}", folder=folder)

    def warnings() -> Iterator[str]:
        unread, planned = reservations.shards_unread()
        if unread:
            yield _(
                "incomplete: {unread} of {planned} shards of responses were not read whole; what was declared"
                " there does not count",
                unread=_.number(unread),
                planned=_.number(planned),
            )

    rows = ReplyRows(reservations.rows(), lambda: Reservation.schema)
    return Reply(lines(), rows=rows, warnings=warnings())


def _summary_lines(counts: Counter[tuple[str, str]], _: Language) -> Iterator[Line]:
    if not counts:
        yield _("no match on a publisher's own site in WARC or WET")
        return
    agents = list(dict.fromkeys(agent for agent, __ in counts))
    rows = [
        (agent, _.number(counts[agent, status]), _.name(status), _(meaning))
        for agent in agents
        for status, meaning in MEANING.items()
        if counts[agent, status]
    ]
    columns = ("agent", "matches", "reserved", "meaning")
    yield Table(columns, rows, columns[:3], columns[3:])
    matches = _.n("{n} match", "{n} matches", counts.total() // len(agents))
    yield _(
        "{matches} on publishers' own sites, each for {agents} agents", matches=matches, agents=len(agents)
    )

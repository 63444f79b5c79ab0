"""`presswatch reservations`: publishes, checks and dates the declarations of a title's sites."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import argument, option
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command

if TYPE_CHECKING:
    from presswatch_spark.query.timeline import Period

PERIOD = {
    "origin": str, "signal": str, "source": str, "agent": str, "path": str, "verdict": str, "value": str,
    "note": str, "first_at": datetime, "last_at": datetime, "captures": int,
}  # fmt: skip
"""Columns of a timeline."""
RULES = ("robots_txt", "ai_txt")
AGENTS_SHOWN = 3


@click.group()
def reservations() -> None:
    """Publish, check and date a site's reservations.

    `pack` writes the files that a publisher should serve, `check` reads those that a site serves now, and
    `timeline` shows those that crawlers captured.
    """


@command("timeline", reservations, json=True, export=True, lang="en", pager=True)
def timeline(
    *,
    tables: str = argument(),
    title: str = option("--title", "ID", "The title, by its id in the members file.", required=True),
    chart: str | None = option("--chart", "FILE", "Also draw the periods into a new .svg file."),
    form: ReplyForm,
) -> Reply:
    """Show when each declaration of a title was first and last captured.

    TABLES is the --out folder of scans of its pages, and of robots.txt; all published runs are read. A
    line is a series of captures of a file with the same declaration, or all captures of pages with it;
    nothing is known about the time between two lines. Agents with the same captures share a line.

    \b
    presswatch reservations timeline --title courrier-des-rives \\
      --chart courrier.svg tables
    """
    from presswatch_spark.query.exports import require_new
    from presswatch_spark.query.timeline import by_agents
    from presswatch_spark.query.timeline import timeline as periods_of
    from presswatch_spark.tables.store import TableStore

    if chart:
        if not chart.endswith(".svg"):
            raise click.UsageError("call the --chart FILE.svg")
        require_new(chart, form.storage)
    periods = periods_of(TableStore.open(tables, form.storage), title)
    shown, _ = by_agents(periods), form.language
    if chart:
        _draw(chart, title, shown, form)

    def lines() -> Iterator[Line]:
        for origin in dict.fromkeys(period.origin for period, __ in shown):
            cells = [
                (
                    _declared(period),
                    _agents(agents, _),
                    _.name(period.verdict or "no verdict"),
                    _.day(period.first_at),
                    _.day(period.last_at),
                    period.captures,
                )
                for period, agents in shown
                if period.origin == origin
            ]
            columns = ("declaration", "agent", "verdict", "first", "last", "captures")
            yield origin
            yield Table(columns, cells, columns[2:], columns[:2])
        if chart:
            yield _("written to {folder}", folder=chart)

    return Reply(lines(), rows=ReplyRows(map(asdict, periods), PERIOD))


def _form(period: Period) -> str:
    """Return the form of a declaration, with its source if that is no file, and its path unless the root."""
    places = (period.source, period.path)
    place = " ".join(each for each in places if each not in (None, "file", "/"))
    return f"{period.signal} ({place})" if place else period.signal


def _declared(period: Period) -> str:
    """Return form and value of a declaration; a remark in place of the rules of robots.txt."""
    value = period.note if period.value is None or period.signal in RULES else period.value
    return f"{_form(period)}: {value}" if value else _form(period)


def _agents(agents: Sequence[str], _: Language) -> str:
    names = ", ".join(agents[:AGENTS_SHOWN])
    more = len(agents) - AGENTS_SHOWN
    return _("{names} and {more} more", names=names, more=_.number(more)) if more > 0 else names


def _draw(path: str, title: str, shown: Sequence[tuple[Period, Sequence[str]]], form: ReplyForm) -> None:
    from presswatch_spark.core.extras import library
    from presswatch_spark.storage.objects import write_object

    for name in ("altair", "vl_convert"):
        library(name, "reservations timeline --chart")
    from presswatch_spark.legal.report.figures import BREAK, timeline_svg

    _ = form.language
    has_origins = len({period.origin for period, __ in shown}) > 1
    bars = []
    for period, agents in shown:
        names = [_form(period), _agents(agents, _), period.origin if has_origins else ""]
        word = _.name(period.verdict or "no verdict")
        bars.append((BREAK.join(filter(None, names)), word, period.first_at, period.last_at))
    heading = _("Reservations of {title} in the captures that were read", title=title)
    write_object(path, timeline_svg(bars, heading, _).encode(), form.storage, absent=True)

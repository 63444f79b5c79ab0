"""`presswatch rights`, `reservations`: declarations of sites at a capture, and today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, option, refuse
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import leave_pandas_out
from presswatch_spark.core.terminal import did_you_mean
from presswatch_spark.core.translation import N_
from presswatch_spark.storage.uris import is_web
from presswatch_spark.tables.column_values import USES, VERDICTS, Use

if TYPE_CHECKING:
    from presswatch_spark.legal.reservations.pack import SiteReport

MEANING = {
    "both": N_("reserved before and after the capture"),
    "before": N_("reserved before the capture; unknown after it"),
    "after": N_("reserved after the capture; unknown before it"),
    "conflicting": N_("reserved only before or only after the capture; or captures of one moment conflict"),
    "none": N_("robots.txt allows it, and no other reservation is known"),
    "unknown": N_("no declaration was captured, or it cannot be read"),
}
NO_VERDICT = "no verdict"
AGENTS_SHOWN = 3


@command("rights", json=True, export=True, lang="en", pager=True)
def rights(
    form: ReplyForm,
    tables: str = argument(),
    signals: tuple[str, ...] = options.repeated(
        "--signals", "TABLES", "Tables of other scans whose signals also count, such as scans of robots.txt."
    ),
    run_id: str | None = options.RUN,
    out: str | None = option("--out", "DIR", "Folder, or s3://, for the table `reservations`."),
) -> Reply:
    """Show reservations in force when pages were captured.

    TABLES is the --out folder of a scan. For each match in WARC or WET on a site of the article's
    publisher, the command reports the reservation against CCBot, GPTBot, Google-Extended and any other
    agent. Two declarations count: the last one captured before the page, and the first one after it. One
    captured at the same time as the page counts as both. A second table counts verdicts on each use:
    training, search, and other text and data mining.
    """
    leave_pandas_out()
    from presswatch_spark.query.reservations import Reservations, counted
    from presswatch_spark.tables.declarations import Reservation

    other = "--json" if form.as_json else "--export"
    refuse(out and not form.is_for_people, f"pass either --out or {other}")
    _ = form.language
    reservations = Reservations(tables, signals, run_id, form.storage)

    def lines() -> Iterator[Line]:
        if out:
            folder, counts = reservations.write(out)
        else:
            folder = None
            counts = Counter(each for row in reservations.rows() for each in counted(row))
        if counts:
            yield from _summary(counts, _)
        else:
            yield _("no match on a publisher's own site in WARC or WET")
        if folder:
            yield _("written to {folder}", folder=folder)

    def warnings() -> Iterator[str]:
        unread, planned = reservations.shards_unread()
        if unread:
            yield _(
                "incomplete: {unread} of {planned} shards of responses were not read to their end; their"
                " declarations do not count",
                unread=_.number(unread),
                planned=_.number(planned),
            )

    rows = ReplyRows(reservations.rows(), lambda: Reservation.schema)
    return Reply(lines(), rows=rows, warnings=warnings())


def _summary(counts: Counter[tuple[str, ...]], _: Language) -> Iterator[Line]:
    agents = list(dict.fromkeys(agent for agent, *__ in counts))
    cells = [
        (agent, _.number(counts[agent, status]), _.name(status), _(meaning))
        for agent in agents
        for status, meaning in MEANING.items()
        if counts[agent, status]
    ]
    columns = ("agent", "matches", "reserved", "meaning")
    yield Table(columns, cells, columns[:3], columns[3:])
    matches = sum(counts[agents[0], status] for status in MEANING)
    total = {"matches": _.n("{n} match", "{n} matches", matches), "agents": len(agents)}
    yield _("{matches} on publishers' own sites, each for {agents} agents", **total)
    of_uses = [
        (agent, _.number(counts[agent, use, verdict]), _.name(use), _.name(verdict))
        for agent in agents
        for use in USES
        for verdict in VERDICTS
        if counts[agent, use, verdict]
    ]
    if of_uses:
        yield ""
        yield Table(("agent", "matches", "use", "verdict"), of_uses)


@click.group()
def reservations() -> None:
    """Publish, check and date a site's reservations.

    `pack` writes the files that a publisher should serve, `check` reads those that a site serves now, and
    `timeline` shows those that crawlers captured.
    """


@command("pack", reservations, lang="en")
def pack(
    form: ReplyForm,
    members: str = option("--members", "FILE", "The members file.", required=True),
    title: str = option("--title", "ID", "The title, by its id in the members file.", required=True),
    reserved: tuple[Use, ...] = options.repeated(
        "--reserve", USES, "A use to reserve; all others are allowed.", default=("train", "tdm")
    ),
    policy: str | None = option("--policy", "URL", "Page of the licensing policy, for TDMRep."),
    licence: str | None = option("--licence", "URL", "Page with terms of a licence, for RSL."),
    contact: str | None = option("--contact", "ADDRESS", "E-mail or page for requests, for RSL."),
    out: str = option("--out", "DIR", "A new folder, or s3://, for the files.", required=True),
) -> Reply:
    """Write the files that a publisher serves to reserve its rights.

    Uses are training of models, other text and data mining, and search. For each host of the title, there
    are robots.txt, tdmrep.json (TDMRep), headers, elements for pages and an RSL document; README.md tells
    the webmaster where they go. Before the folder appears, the files are read as `check` reads a site.

    \b
    presswatch reservations pack --members members.yaml \\
      --title courrier-des-rives --contact droits@rives.example --out pack
    """
    from presswatch_spark.corpus.members import load_registry
    from presswatch_spark.legal.reservations.pack import Pack, write_pack
    from presswatch_spark.matching.reservations.verdicts import agents_to_refuse

    registry, _ = load_registry(members), form.language
    found = registry.titles.get(title)
    if found is None:
        near = did_you_mean(title, registry.titles)
        raise click.UsageError(f"the members file has no title {title}{near}")
    publisher = registry.by_id[found.publisher_id]
    order = Pack(found, publisher.legal_name or publisher.name, reserved, policy, licence, contact)
    names = write_pack(order, out, form.storage, _)
    uses = ", ".join(_.name(use) for use in USES if use in reserved)
    lines = [
        *names,
        _("written to {folder}, and read again: these files reserve {uses}", folder=out, uses=uses),
    ]
    agents = ", ".join(agents_to_refuse(reserved)[1])
    note = _("not refused by robots.txt, as they also make allowed uses: {agents}", agents=agents)
    return Reply(lines, warnings=[note] if agents else ())


@command("check", reservations, json=True, lang="en")
def check(
    form: ReplyForm,
    place: str = argument("URL|FOLDER"),
    page: str = option("--page", "PATH", "With FOLDER: the path of the page.", default="/"),
) -> Reply:
    """Check the declarations that a site serves now.

    URL is a page: the page, robots.txt, ai.txt, tdmrep.json and licence documents are requested once each.
    FOLDER contains the same files, as `pack` writes them, and is named as the host. Each form is listed with
    its verdict on each use, then conflicts between forms, agents that robots.txt does not refuse although
    all their uses are reserved, and missing forms.

    The exit code is 1 if forms conflict, or else 3 if something could not be read.

    Example: presswatch reservations check https://courrier-des-rives.example/
    """
    from presswatch_spark.legal.reservations.pack import report_of_folder, report_of_url
    from presswatch_spark.storage.disk import Folder

    if is_web(place):
        report = report_of_url(place, form.storage)
    else:
        report = report_of_folder(Folder.of(place, form.storage), page)
    code = replies.FAILED if report.conflicts() else replies.INCOMPLETE if report.unread else 0
    return Reply(_report_lines(report, form.language), rows=ReplyRows([asdict(report)]), exit_code=code)


def _report_lines(report: SiteReport, _: Language) -> Iterator[Line]:
    rows = []
    for form in report.forms:
        path = urlsplit(form.address).path.removeprefix("/.well-known")
        declared = ", ".join(form.values) or _agents(form.agents, _)
        verdicts = [_.name(form.verdicts[use] or "") for use in USES]
        rows.append(
            (path[1:] if form.source == "file" else form.source, f"{form.signal}: {declared}", *verdicts)
        )
    total = (_("together"), "", *(_.name(report.verdicts[use] or NO_VERDICT) for use in USES))
    yield report.url
    yield Table(("where", "declaration", *USES), [*rows, total], USES, ("declaration",))
    if conflicts := report.conflicts():
        yield _("forms conflict about: {uses}", uses=", ".join(map(_.name, conflicts)))
    if report.agents_let_in:
        yield _("robots.txt does not refuse: {agents}", agents=_agents(report.agents_let_in, _))
    if report.missing:
        yield _("not declared: {forms}", forms=", ".join(report.missing))
    for address, reason in report.unread.items():
        yield _("not read: {address}: {reason}", address=address, reason=reason)


@command("timeline", reservations, json=True, export=True, lang="en", pager=True)
def timeline(
    form: ReplyForm,
    tables: str = argument(),
    title: str = option("--title", "ID", "The title, by its id in the members file.", required=True),
    chart: str | None = option("--chart", "FILE", "Also draw the periods into a new .svg file."),
) -> Reply:
    """Show when each declaration was first and last captured.

    TABLES is the --out folder of scans of its pages, and of robots.txt; all published runs are read. A
    line is a series of captures of a file with the same declaration, or all captures of pages with it;
    nothing is known about the time between two lines. Agents with the same captures share a line.

    \b
    presswatch reservations timeline --title courrier-des-rives \\
      --chart courrier.svg tables
    """
    from presswatch_spark.matching.reservations.verdicts import RULE_FILES
    from presswatch_spark.query.exports import require_new
    from presswatch_spark.query.reservations import timeline as timeline_of

    if chart:
        refuse(not chart.endswith(".svg"), "call the --chart FILE.svg")
        require_new(chart, form.storage)
    found = timeline_of(form.open_tables(tables), title)
    rows, _ = found.to_pylist(), form.language
    if chart and rows:
        _draw(chart, title, rows, form)

    def lines() -> Iterator[Line]:
        columns = ("declaration", "agent", "verdict", "first", "last", "captures")
        for origin, group in groupby(rows, key=lambda row: row["origin"]):
            cells = []
            for row in group:
                value = row["value"] if row["signal"] not in RULE_FILES else None
                declared = ": ".join(filter(None, (_form(row), value or row["note"])))
                days = _.day(row["first_at"]), _.day(row["last_at"])
                agents = _agents(row["agents"] or (), _)
                cells.append((declared, agents, _verdict(row, _), *days, row["captures"]))
            yield origin
            yield Table(columns, cells, columns[2:], columns[:2])
        if not rows:
            yield _("no declaration of this title was captured")
        elif chart:
            yield _("written to {folder}", folder=chart)

    return Reply(lines(), rows=ReplyRows(rows, lambda: found.schema))


def _form(row: Mapping[str, Any]) -> str:
    """Return the form of a declaration, with its source if that is no file, and its path unless the root."""
    place = " ".join(row[name] for name in ("source", "path") if row[name] not in (None, "file", "/"))
    return f"{row['signal']} ({place})" if place else str(row["signal"])


def _verdict(row: Mapping[str, Any], _: Language) -> str:
    return _.name(row["verdict"] or NO_VERDICT)


def _agents(agents: Sequence[str], _: Language) -> str:
    # "and 1 more" would be no shorter than a name.
    more = len(agents) - AGENTS_SHOWN
    names = ", ".join(agents if more == 1 else agents[:AGENTS_SHOWN])
    return _("{names} and {more} more", names=names, more=_.number(more)) if more > 1 else names


def _draw(path: str, title: str, rows: Sequence[Mapping[str, Any]], form: ReplyForm) -> None:
    from presswatch_spark.core.extras import library
    from presswatch_spark.storage.objects import write_object

    for name in ("altair", "vl_convert"):
        library(name, "reservations timeline --chart")
    from presswatch_spark.legal.report.figures import BREAK, timeline_svg

    _, bars = form.language, []
    for row in rows:
        names = (_form(row), _agents(row["agents"] or (), _), row["origin"])
        bars.append((BREAK.join(filter(None, names)), _verdict(row, _), row["first_at"], row["last_at"]))
    heading = _("Reservations of {title} in the captures that were read", title=title)
    write_object(path, timeline_svg(bars, heading, _).encode(), form.storage, absent=True)

"""`presswatch rights`, `exposure`, `reservations`: declarations of sites, and stated training on the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from presswatch_spark.cli.options import (
    argument,
    engine_option,
    option,
    repeated_option,
    run_option,
)
from presswatch_spark.cli.replies import (
    FAILED,
    INCOMPLETE,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
)
from presswatch_spark.core.processes import leave_pandas_out
from presswatch_spark.core.terminal import did_you_mean
from presswatch_spark.core.translation import N_
from presswatch_spark.tables.literals import USES, VERDICTS, Use

if TYPE_CHECKING:
    from presswatch_spark.claims.exposures import Exposed
    from presswatch_spark.matching.rights.current import SiteReport

MEANING = {
    "both": N_("reserved before and after the capture"),
    "before": N_("reserved before the capture; unknown after it"),
    "after": N_("reserved after the capture; unknown before it"),
    "conflicting": N_("reserved only before or only after the capture; or captures of one moment conflict"),
    "none": N_("robots.txt allows it, and no other reservation is known"),
    "unknown": N_("no declaration was captured, or it cannot be read"),
}
STATED = {
    "exposure": str, "model": str, "model_publisher": str, "extent": str, "through": str, "says": str,
    "sources": list,
}  # fmt: skip
FOUND = {
    "publisher_id": str, "title_id": str, "article_id": str, "dataset": str, "release": str,
    "release_is": str, "pages": int, "pages_elsewhere": int, "letter": str, "most_copied_words": int,
}  # fmt: skip
UNKNOWN_SHOWN = 3
NO_VERDICT = "no verdict"
AGENTS_SHOWN = 3


@command("rights", json=True, export=True, lang="en", pager=True)
def rights(
    *,
    tables: str = argument(),
    signals: tuple[str, ...] = repeated_option(
        "--signals", "TABLES", "Tables of other scans whose signals also count, such as scans of robots.txt."
    ),
    run_id: str | None = run_option(),
    out: str | None = option("--out", "DIR", "Folder, or s3://, for the table `reservations`."),
    form: ReplyForm,
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

    if out and not form.is_for_people:
        raise click.UsageError(f"pass either --out or {'--json' if form.as_json else '--export'}")
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


@command("exposure", json=True, export=True, lang="en", pager=True)
def exposure(
    *,
    tables: str = argument(),
    exposures: str | None = option(
        "--exposures", "FILE", "Statements to use in place of conf/exposure.yaml."
    ),
    engine: str = engine_option("Engine of the query"),
    form: ReplyForm,
) -> Reply:
    """List publishers of models that state use of the data.

    The data are the datasets in which copies of the articles were found. TABLES is the --out folder of a
    scan. conf/exposure.yaml contains all statements, with document, date and quotation.

    A row with the letter A, B or C counts if its dataset is the stated one, the documents name or may mean
    its release, and they name its language. It does not count for derived datasets: a row of a crawl is no
    evidence about C4. A statement proves neither that a model read a text nor any wrongdoing.

    Example: presswatch exposure tables --export exposure.csv
    """
    from presswatch_spark.claims.exposures import BY_ARTICLE, Exposed, load_exposures, source_told
    from presswatch_spark.query.sql import engine_of
    from presswatch_spark.tables.store import TableStore

    entries, _ = load_exposures(exposures, form.storage), form.language
    stated = dict[str, dict[str, object]]()
    for entry in entries:
        columns = asdict(entry) | {"exposure": entry.id, "model_publisher": entry.publisher}
        if form.export:
            # A cell of an exported file has each source as a text.
            columns["sources"] = [f"“{each.quotation}” {source_told(each, _)}" for each in entry.sources]
        stated[entry.id] = {name: columns[name] for name in STATED}
    store = TableStore.open(tables, form.storage)
    exposed = Exposed.of(store, entries, engine_of(store, engine))
    joined = (
        {name: row[name] for name in FOUND} | stated[row["exposure"]] for row in exposed.totals(BY_ARTICLE)
    )
    rows = ReplyRows(joined, FOUND | STATED)
    return Reply(_exposed_lines(exposed, _), rows=rows, warnings=_exposure_notes(exposed, _))


def _exposed_lines(exposed: Exposed, _: Language) -> Iterator[Line]:
    from presswatch_spark.claims.exposures import source_told

    entries = {entry.id: entry for entry in exposed.exposures}
    found = list(exposed.totals())
    if not found:
        yield _("no row comes from a dataset on which a publisher states that it trained a model")
        return
    rows = [
        (
            entries[row["exposure"]].model,
            row["dataset"],
            row["release"] or _("unknown"),
            _("yes") if row["release_is"] == "named" else _("no"),
            _.name(entries[row["exposure"]].extent),
            _.number(row["articles"]),
            _.number(row["pages"]),
        )
        for row in found
    ]
    columns = ("model", "dataset", "release", "release named", "extent", "articles", "pages")
    yield Table(columns, rows, columns[1:5], columns[:1])
    for name in dict.fromkeys(row["exposure"] for row in found):
        entry = entries[name]
        yield ""
        yield _(
            "{publisher} states that it trained {model} on {dataset}: {extent}{through}",
            publisher=entry.publisher,
            model=entry.model,
            dataset=entry.dataset,
            extent=_.name(entry.extent),
            through=f" ({entry.through})" if entry.through else "",
        )
        yield from (f"  “{source.quotation}” {source_told(source, _)}" for source in entry.sources)


def _exposure_notes(exposed: Exposed, _: Language) -> Iterator[str]:
    yield _("rows of letters A to C count; publishers' statements prove neither use of a text nor wrongdoing")
    if unknown := exposed.unknown:
        names = [" ".join([group.form, group.release or _("release unknown")]) for group in unknown]
        shown = [*dict.fromkeys(names)][: UNKNOWN_SHOWN + 1]
        more = ["…"] if len(shown) > UNKNOWN_SHOWN else []
        yield _(
            "left out, as their dataset is unknown: {rows} ({names})",
            rows=_.n("{n} row", "{n} rows", sum(group.rows for group in unknown)),
            names=", ".join([*shown[:UNKNOWN_SHOWN], *more]),
        )
    if count := exposed.without_language:
        yield _(
            "not counted for models that were trained on some languages: {rows} without a language",
            rows=_.n("{n} row", "{n} rows", count),
        )


@click.group()
def reservations() -> None:
    """Publish, check and date a site's reservations.

    `pack` writes the files that a publisher should serve, `check` reads those that a site serves now, and
    `timeline` shows those that crawlers captured.
    """


@command("pack", reservations, lang="en")
def pack(
    *,
    members: str = option("--members", "FILE", "The members file.", required=True),
    title: str = option("--title", "ID", "The title, by its id in the members file.", required=True),
    reserved: tuple[Use, ...] = repeated_option(
        "--reserve",
        None,
        "A use to reserve; all others are allowed.",
        type=click.Choice(USES),
        default=("train", "tdm"),
    ),
    policy: str | None = option("--policy", "URL", "Page of the licensing policy, for TDMRep."),
    licence: str | None = option("--licence", "URL", "Page with terms of a licence, for RSL."),
    contact: str | None = option("--contact", "ADDRESS", "E-mail or page for requests, for RSL."),
    out: str = option("--out", "DIR", "A new folder, or s3://, for the files.", required=True),
    form: ReplyForm,
) -> Reply:
    """Write the files that a publisher serves to reserve its rights.

    Uses are training of models, other text and data mining, and search. For each host of the title, there
    are robots.txt, tdmrep.json (TDMRep), headers, elements for pages and an RSL document; README.md tells
    the webmaster where they go. Before the folder appears, the files are read as `check` reads a site.

    \b
    presswatch reservations pack --members members.yaml \\
      --title courrier-des-rives --contact droits@rives.example --out pack
    """
    from presswatch_spark.corpus.registry import load_registry
    from presswatch_spark.legal.reservations.pack import Pack, write_pack
    from presswatch_spark.matching.rights.agents import agents_to_refuse

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
    *,
    place: str = argument("URL|FOLDER"),
    page: str = option("--page", "PATH", "With FOLDER: the path of the page.", default="/"),
    form: ReplyForm,
) -> Reply:
    """Check the declarations that a site serves now.

    URL is a page: the page, robots.txt, ai.txt, tdmrep.json and licence documents are requested once each.
    FOLDER contains the same files, as `pack` writes them, and is named as the host. Each form is listed with
    its verdict on each use, then conflicts between forms, agents that robots.txt does not refuse although
    all their uses are reserved, and missing forms.

    The exit code is 1 if forms conflict, or else 3 if something could not be read.

    Example: presswatch reservations check https://courrier-des-rives.example/
    """
    from presswatch_spark.matching.rights.current import report_of_folder, report_of_url
    from presswatch_spark.storage.disk import Folder
    from presswatch_spark.storage.uris import scheme_of

    if scheme_of(place) in ("http", "https"):
        report = report_of_url(place, form.storage)
    else:
        report = report_of_folder(Folder.of(place, form.storage), page)
    code = FAILED if report.conflicts() else INCOMPLETE if report.unread else 0
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
    *,
    tables: str = argument(),
    title: str = option("--title", "ID", "The title, by its id in the members file.", required=True),
    chart: str | None = option("--chart", "FILE", "Also draw the periods into a new .svg file."),
    form: ReplyForm,
) -> Reply:
    """Show when each declaration was first and last captured.

    TABLES is the --out folder of scans of its pages, and of robots.txt; all published runs are read. A
    line is a series of captures of a file with the same declaration, or all captures of pages with it;
    nothing is known about the time between two lines. Agents with the same captures share a line.

    \b
    presswatch reservations timeline --title courrier-des-rives \\
      --chart courrier.svg tables
    """
    from presswatch_spark.matching.rights.declaration import RULE_FILES
    from presswatch_spark.query.exports import require_new
    from presswatch_spark.query.timeline import timeline as timeline_of
    from presswatch_spark.tables.store import TableStore

    if chart:
        if not chart.endswith(".svg"):
            raise click.UsageError("call the --chart FILE.svg")
        require_new(chart, form.storage)
    found = timeline_of(TableStore.open(tables, form.storage), title)
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

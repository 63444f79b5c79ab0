"""`presswatch rights`, `exposure`: rights reservations at the capture, and stated training on the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.options import (
    argument,
    engine_option,
    option,
    repeated_option,
    run_option,
)
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import leave_pandas_out
from presswatch_spark.core.translation import N_
from presswatch_spark.tables.literals import USES, VERDICTS

if TYPE_CHECKING:
    from presswatch_spark.claims.exposures import Exposed

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

"""`presswatch claims`: what holds of the rows of all runs, judged by all that is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.language import ENGLISH, Language
from presswatch_spark.cli.options import (
    day_option,
    engine_option,
    memory_option,
    print_lines,
    scan_settings,
    setting_options,
    storage_options,
    tell,
)
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.queries.engines import ENGINE_NAMES

if TYPE_CHECKING:
    from presswatch_spark.claims.make import ClaimsSummary


@click.command()
@click.argument("tables")
@click.option("--corpus", required=True, metavar="CORPUS", help="The corpus that the runs were made with.")
@click.option(
    "--licences", metavar="FILE", help="YAML of licences: licensee, hosts, titles, from, to, document."
)
@click.option(
    "--press", metavar="FILE", help="More domains of the press, or fewer, in the form of conf/press.yaml."
)
@click.option(
    "--reviews",
    multiple=True,
    metavar="FILE",
    help="Verdicts of people: JSONL, CSV, Parquet, or a folder of these; the newest counts. Repeatable.",
)
@click.option(
    "--known",
    multiple=True,
    metavar="PATH",
    help="Laws, speeches, old books, wires: words that stand there once are not the article's. Repeatable.",
)
@day_option("--as-of", "The day that mandates and rights are judged for. Default: today, in UTC.")
@engine_option("What sorts the rows")
@memory_option("2GB", "sorts on disk")
@click.option("--out", required=True, metavar="DIR", help="Folder, or s3://, for the table `claims`.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/scan.yaml.")
@export_option
@screen_options()
@storage_options
@setting_options("run.master", "run.cores")
def claims(
    tables: str,
    corpus: str,
    licences: str | None,
    press: str | None,
    reviews: tuple[str, ...],
    known: tuple[str, ...],
    as_of: datetime | None,
    engine: str,
    memory: str,
    out: str,
    config: str | None,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Judge every row of all runs by all runs, and say which claims hold.

    TABLES is the folder that scans were given as --out. A row of `matches` gives a row of `claims`, with its
    kind, its letter and the reasons. A letter is never better than that of the row. Words that were there
    before publication count for nothing, nor do those that another page credits to somebody else. The same
    holds for words that the press prints, that several hosts share, or that a known text has.

    Claims may be made anew in the same folder: those before go to its table `claims_before`. --export writes
    them to a file as well, all columns.

    \b
    presswatch claims --corpus corpus --licences licences.yaml --out claims tables
    """
    leave_pandas_out()
    from presswatch_spark.claims.make import Sources, known_beside, make_claims
    from presswatch_spark.queries.sql import run_query
    from presswatch_spark.tables.store import TableStore

    settings = scan_settings(flags, config)
    require_new(export, settings.storage)
    sources = Sources(corpus, licences, press, reviews, known, as_of.date() if as_of else None)
    store = TableStore.open(tables, settings.storage)
    knowledge = known_beside(store, sources, settings, tell)
    summary = make_claims(store, knowledge, out, engine=engine, memory=memory)
    print_lines(summary_lines(summary, screen.language))
    if export:
        answer = run_query(out, "select * from claims", settings.storage, "duckdb")
        export.write(answer.schema(), answer.rows, settings.storage, screen.language)


def summary_lines(summary: ClaimsSummary, _: Language = ENGLISH) -> Iterator[str]:
    """Yield what the claims add up to, by kind and letter, and the totals below."""
    from presswatch_spark.claims.counts import KINDS, OWN_KINDS, THINGS
    from presswatch_spark.terminal import table_lines, terminal_width

    counts = summary.counts
    columns = ("rows", *THINGS)
    rows = [
        (_.name(kind), letter, *(_.number(numbers[name]) for name in columns))
        for (kind, letter), numbers in counts.cells.items()
    ]
    if len(rows) > 1:
        rows.append((_.name("all"), "", *(_.number(counts.total(name)) for name in columns)))
    headers = _.names(("kind", "letter", *columns))
    if rows:
        yield from table_lines(headers, rows, terminal_width(), headers)
        yield _("each address, page and the like counts once, where its strongest row does")
    elsewhere = [kind for kind in KINDS if kind not in OWN_KINDS]
    a, b = (_.n("{n} page", "{n} pages", counts.total("pages", elsewhere, letter)) for letter in "AB")
    made, of_rows = (
        _.n("{n} claim", "{n} claims", counts.total("claims")),
        _.n("{n} row", "{n} rows", summary.rows),
    )
    yield _(
        "{claims} in {rows}, by {engine}; elsewhere {a} of A and {b} of B",
        claims=made,
        rows=of_rows,
        engine=ENGINE_NAMES[summary.engine],
        a=a,
        b=b,
    )
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)

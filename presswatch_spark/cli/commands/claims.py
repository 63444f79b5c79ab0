"""`presswatch claims`: what holds of the rows of all runs, judged by all that is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import (
    engine_option,
    print_lines,
    scan_settings,
    setting_options,
    storage_options,
)

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
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day that mandates and rights are judged for. Default: today, in UTC.",
)
@engine_option("What sorts the rows")
@click.option(
    "--memory",
    default="2GB",
    show_default=True,
    metavar="SIZE",
    help="What DuckDB may take before it sorts on disk.",
)
@click.option("--out", required=True, metavar="DIR", help="Folder, or s3://, for the table `claims`.")
@click.option("--config", metavar="FILE", help="Settings in YAML; see conf/scan.yaml.")
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
    **flags: Any,
) -> None:
    """Judge every row of all runs by all runs, and say which claims hold.

    TABLES is the folder that scans were given as --out. A row of `matches` gives a row of `claims`, with its
    kind, its letter and the reasons. A letter is never better than that of the row. Words that were there
    before publication count for nothing, nor do those that another page credits to somebody else. The same
    holds for words that the press prints, that several hosts share, or that a known text has.

    Claims may be made anew in the same folder: those before go to its table `claims_before`.

    \b
    presswatch claims --corpus corpus --licences licences.yaml --out claims tables
    """
    from presswatch_spark.claims.make import Sources, make_claims

    settings = scan_settings(flags, config)
    sources = Sources(corpus, licences, press, reviews, known, as_of.date() if as_of else None)
    summary = make_claims(tables, out, sources, settings, engine=engine, memory=memory)
    print_lines(summary_lines(summary))


def summary_lines(summary: ClaimsSummary) -> Iterator[str]:
    """Yield what the claims add up to, by kind and letter, and the totals below."""
    from presswatch_spark.claims.counts import KINDS, THINGS
    from presswatch_spark.show import counted, table_lines, terminal_width

    counts = summary.counts
    columns = ("rows", *THINGS)
    rows = [(*cell, *(f"{numbers[name]:,}" for name in columns)) for cell, numbers in counts.cells.items()]
    if len(rows) > 1:
        rows.append(("all", "", *(f"{counts.total(name):,}" for name in columns)))
    headers = ("kind", "letter", *columns)
    if rows:
        yield from table_lines(headers, rows, terminal_width(), headers)
        yield "each page, article, text and host counts once, where its strongest row does"
    elsewhere = [kind for kind in KINDS if kind != "own_page"]
    named = (f"{counted(counts.total('pages', elsewhere, letter), 'page')} of {letter}" for letter in "AB")
    yield f"{counted(summary.rows, 'claim')}, by {summary.engine}; elsewhere {' and '.join(named)}"
    yield f"table digest {summary.table_digest}"
    yield f"written to {summary.folder}"

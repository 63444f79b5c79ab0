"""`presswatch claims`: judges the rows of all runs by all that is known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.options import STORAGE, argument, day_option, engine_option, memory_option, option
from presswatch_spark.cli.replies import ENGLISH, Language, Line, Reply, ReplyForm, Table, command, tell
from presswatch_spark.queries.sql import ENGINE_NAMES

if TYPE_CHECKING:
    from presswatch_spark.claims.make import ClaimsSummary
    from presswatch_spark.settings.config import ScanConfig


@command(
    "claims",
    export=True,
    lang="en",
    pager=True,
    settings=(*STORAGE, "run.master", "run.cores"),
    config="Settings in YAML; see conf/scan.yaml.",
)
def claims(
    *,
    tables: str = argument(),
    corpus: str = option("--corpus", "CORPUS", "The corpus that the runs were made with.", required=True),
    licences: str | None = option(
        "--licences", "FILE", "YAML of licences: licensee, hosts, titles, from, to, document."
    ),
    press: str | None = option(
        "--press", "FILE", "More domains of the press, or fewer, in the form of conf/press.yaml."
    ),
    reviews: tuple[str, ...] = option(
        "--reviews",
        "FILE",
        "Verdicts of people: JSONL, CSV, Parquet, or a folder of these; the newest counts. Repeatable.",
        multiple=True,
    ),
    known: tuple[str, ...] = option(
        "--known",
        "PATH",
        "Laws, speeches, old books, wires: words that stand there once are not the article's. Repeatable.",
        multiple=True,
    ),
    as_of: date | None = day_option(
        "--as-of", "The day that mandates and rights are judged for. Default: today, in UTC."
    ),
    engine: str = engine_option("What sorts the rows"),
    memory: str = memory_option("2GB", "sorts on disk"),
    out: str = option("--out", "DIR", "Folder, or s3://, for the table `claims`.", required=True),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Judge the rows of all runs: which claims hold, and why.

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

    sources = Sources(corpus, licences, press, reviews, known, as_of)
    store = TableStore.open(tables, settings.storage)
    knowledge = known_beside(store, sources, settings, tell)
    summary = make_claims(store, knowledge, out, engine=engine, memory=memory)
    rows = run_query(out, "select * from claims", settings.storage, "duckdb") if form.export else None
    return Reply(summary_lines(summary, form.language), rows=rows)


def summary_lines(summary: ClaimsSummary, _: Language = ENGLISH) -> Iterator[Line]:
    """Yield totals of the claims by kind and letter, then of all."""
    from presswatch_spark.claims.counts import KINDS, OWN_KINDS, THINGS

    counts = summary.counts
    columns = ("rows", *THINGS)
    rows = [
        (_.name(kind), letter, *(_.number(numbers[name]) for name in columns))
        for (kind, letter), numbers in counts.cells.items()
    ]
    if len(rows) > 1:
        rows.append((_.name("all"), "", *(_.number(counts.total(name)) for name in columns)))
    if rows:
        headers = ("kind", "letter", *columns)
        yield Table(headers, rows, headers)
        yield _("each address, page and the like counts once, where its strongest row does")
    elsewhere = [kind for kind in KINDS if kind not in OWN_KINDS]
    a, b = (_.n("{n} page", "{n} pages", counts.total("pages", elsewhere, letter)) for letter in "AB")
    yield _(
        "{claims} in {rows}, by {engine}; elsewhere {a} of A and {b} of B",
        claims=_.n("{n} claim", "{n} claims", counts.total("claims")),
        rows=_.n("{n} row", "{n} rows", summary.rows),
        engine=ENGINE_NAMES[summary.engine],
        a=a,
        b=b,
    )
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)

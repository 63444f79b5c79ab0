"""`presswatch claims`, `review`, `report`, `exposure`: judge rows; report copies and use by models."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli import options, replies
from presswatch_spark.cli.options import argument, flag, option
from presswatch_spark.cli.replies import Language, Line, Reply, ReplyForm, ReplyRows, Table, command
from presswatch_spark.core.processes import leave_pandas_out
from presswatch_spark.core.terminal import fits, terminal_width
from presswatch_spark.query.sql import ENGINE_NAMES, answer_of, engine_of

if TYPE_CHECKING:
    from presswatch_spark.claims.exposures import Exposed
    from presswatch_spark.claims.make import ClaimCounts, ClaimsSummary

NAME_CHARACTERS = 200
DISPENSABLE = ("captures", "texts")
"""Counts left out on a terminal that is too narrow for all."""
STATED = {
    "exposure": str, "model": str, "model_publisher": str, "extent": str, "through": str, "says": str,
    "sources": list,
}  # fmt: skip
FOUND = {
    "publisher_id": str, "title_id": str, "article_id": str, "dataset": str, "release": str,
    "release_is": str, "pages": int, "pages_elsewhere": int, "letter": str, "most_copied_words": int,
}  # fmt: skip
UNKNOWN_SHOWN = 3


@command("claims", export=True, lang="en", pager=True, settings=("run.master", "run.cores"), config=True)
def claims(
    form: ReplyForm,
    tables: str = argument(),
    corpus: str = option("--corpus", "CORPUS", "The corpus that the runs were made with.", required=True),
    licences: str | None = option(
        "--licences", "FILE", "Licences in YAML: licensee, hosts, titles, document."
    ),
    press: str | None = option("--press", "FILE", "Domains of the press, in the form of conf/press.yaml."),
    reviews: tuple[str, ...] = options.repeated(
        "--reviews", "FILE", "Verdicts of reviewers: JSONL, CSV, Parquet, or a folder; the newest counts."
    ),
    known: tuple[str, ...] = options.repeated(
        "--known", "PATH", "Laws, speeches, old books, wires: their words do not count as the article's own."
    ),
    as_of: date | None = options.day(
        "--as-of", "Day on which mandates and rights are judged. Default: today, in UTC."
    ),
    engine: str = options.engine("Engine that sorts the rows"),
    memory: str = options.memory("2GB", "sorts on disk"),
    out: str = option("--out", "DIR", "Folder, or s3://, for the table `claims`.", required=True),
) -> Reply:
    """Judge the rows of all runs: which claims are valid, and why.

    TABLES is the --out folder of scans. For each row of `matches`, the command writes a row of `claims`
    with kind, letter and reasons. The letter of a claim is never better than that of the row. Copied words
    do not count if a page had them before publication, if another page credits them to a third party, or if
    they are also in the press, on several hosts or in a known text.

    If the --out folder already contains claims, these move to its table `claims_before`.

    \b
    presswatch claims --corpus corpus --licences licences.yaml --out claims tables
    """
    leave_pandas_out()
    from presswatch_spark.claims.make import KnowledgePaths, make_claims, read_knowledge
    from presswatch_spark.query.views import was_read_again

    sources = KnowledgePaths(corpus, licences, press, reviews, known, as_of)
    store = form.open_tables(tables)
    knowledge = read_knowledge(store, sources, form.settings, replies.telling(form.language))
    summary = make_claims(store, knowledge, out, engine=engine, memory=memory)
    rows = answer_of(form.open_tables(out), "select * from claims", "duckdb") if form.export else None
    lines, _ = list(_summary_lines(summary, form.language)), form.language
    if not summary.store.published() and was_read_again(store, tuple(store.published())):
        lines.append(
            _("rows of all runs were counted; with --out {tables}, only current ones are", tables=tables)
        )
    return Reply(lines, rows=rows)


def _summary_lines(summary: ClaimsSummary, _: Language) -> Iterator[Line]:
    from presswatch_spark.claims.confidence import KINDS, OWN_KINDS
    from presswatch_spark.claims.make import THINGS

    counts = summary.counts
    if counts.cells:
        columns = ["rows", *THINGS]
        table = _table_of_counts(counts, columns, _)
        names = _.names(table.columns)
        if not fits(names, table.rows, terminal_width(), names):
            table = _table_of_counts(counts, [name for name in columns if name not in DISPENSABLE], _)
        yield table
        yield _("every item except rows is counted once, with its strongest row")
    elsewhere = [kind for kind in KINDS if kind not in OWN_KINDS]
    a, b = (_.n("{n} page", "{n} pages", counts.total("pages", elsewhere, letter)) for letter in "AB")
    yield _(
        "{claims} in {rows}, by {engine}; elsewhere: {a} of letter A, {b} of letter B",
        claims=_.n("{n} claim", "{n} claims", counts.total("claims")),
        rows=_.n("{n} row", "{n} rows", summary.rows),
        engine=ENGINE_NAMES[summary.engine],
        a=a,
        b=b,
    )
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)


def _table_of_counts(counts: ClaimCounts, columns: Sequence[str], _: Language) -> Table:
    rows = [
        (_.name(kind), letter, *(_.number(numbers[name]) for name in columns))
        for (kind, letter), numbers in counts.cells.items()
    ]
    if len(rows) > 1:
        rows.append((_.name("all"), "", *(_.number(counts.total(name)) for name in columns)))
    headers = ("kind", "letter", *columns)
    return Table(headers, rows, headers)


@command("review")
def review(
    form: ReplyForm,
    path: str = argument("CASE|CLAIMS"),
    reviewer: str = option(
        "--reviewer", "NAME", "Name of the reviewer, stored with each verdict.", required=True
    ),
    reviews: str = option(
        "--reviews", "FILE", "JSONL file that verdicts are added to.", default="reviews.jsonl"
    ),
    corpus: str | None = option("--corpus", "DIR", "The corpus of the scan, for words, owners and mandates."),
    tables: str | None = option(
        "--tables", "DIR", "Tables of the claims. Default: CLAIMS, or those of CASE."
    ),
    mirrors: options.Mirrors = options.mirrors(),
    language: str = options.language("Language of the page at first.", default="fr"),
    port: int = option(
        "--port", click.IntRange(0, 65535), "Port of 127.0.0.1; 0 selects a free one.", default=0
    ),
    open_browser: bool = flag("--open", "Open the page in a browser."),
) -> Reply:
    """Review claims in a browser, article and page side by side.

    CLAIMS is the folder that claims were written to; a CASE of `presswatch removal` already contains its
    claims. The page is served on this machine only, and the token in its address opens it once. Claims of
    letter C without a verdict come first. Verdicts are added to a file, for `presswatch claims --reviews`;
    several reviewers may share one. Ctrl-C ends the review.

    \b
    presswatch review --reviewer "A. Blum" --corpus corpus --tables tables claims
    presswatch claims --corpus corpus --reviews reviews.jsonl --out claims tables
    """
    from presswatch_spark.core.extras import library

    reviewer = reviewer.strip()
    if not reviewer or not reviewer.isprintable() or len(reviewer) > NAME_CHARACTERS:
        message = f"write a name of at most {NAME_CHARACTERS} printable characters"
        raise click.BadParameter(message, param_hint="'--reviewer'")
    for name in ("starlette", "jinja2", "uvicorn"):
        library(name, "review")
    from presswatch_spark.legal.review.app import serve
    from presswatch_spark.legal.review.desk import open_desk

    desk = open_desk(path, reviews, reviewer, form.storage, corpus, tables, mirrors, language=language)

    _ = Language(language)

    def show(address: str) -> None:
        replies.tell(_("open this address once, in the browser used for the review; Ctrl-C ends the review"))
        click.echo(address)
        if open_browser:
            webbrowser.open(address)

    serve(desk, port, show)
    count = len(desk.session.judged)
    return Reply([_.n("{n} verdict added to {file}", "{n} verdicts added to {file}", count, file=desk.file)])


@command("report")
def report(
    form: ReplyForm,
    tables: str = argument(),
    out: str = option("--out", "PAGE.html", "The page, on disk or s3://; it is replaced.", required=True),
    corpus: str | None = option("--corpus", "DIR", "The corpus of the scan, for names of titles, and texts."),
    case: str | None = option("--case", "CASE", "A case of removal, to show the states of its places."),
    mirrors: options.Mirrors = options.mirrors(),
    language: str = options.language("Language of the page.", default="fr"),
    engine: str = options.engine("Engine of the queries"),
) -> Reply:
    """Write an HTML report about the copies, for general readers.

    TABLES is the --out folder of a scan. Letters are those of the claims in TABLES, if there are any; else
    those of rows. The page loads nothing from the network, and shows the query of each figure. Five copied
    pages are read again from their files, as examples.

    Example: presswatch report --corpus corpus --out report.html tables
    """
    from presswatch_spark.legal.report.make import ReportOrder, make_report

    order = ReportOrder(tables, form.storage, case=case, corpus=corpus, mirrors=mirrors, engine=engine)
    _ = Language(language)
    make_report(order, {language: out}, replies.telling(_, " …"))
    return Reply([_("written to {folder}", folder=out)])


@command("exposure", json=True, export=True, lang="en", pager=True)
def exposure(
    form: ReplyForm,
    tables: str = argument(),
    exposures: str | None = option(
        "--exposures", "FILE", "Statements to use in place of conf/exposure.yaml."
    ),
    engine: str = options.engine("Engine of the query"),
) -> Reply:
    """List publishers of models that state use of the data.

    The data are the datasets in which copies of the articles were found. TABLES is the --out folder of a
    scan. conf/exposure.yaml contains all statements, with document, date and quotation.

    A row with the letter A, B or C counts if its dataset is the stated one, the documents name or may mean
    its release, and they name its language. It does not count for derived datasets: a row of a crawl is no
    evidence about C4. A statement proves neither that a model read a text nor any wrongdoing.

    Example: presswatch exposure tables --export exposure.csv
    """
    from presswatch_spark.claims.exposures import BY_ARTICLE, Exposed, load_exposures, source_line

    entries, _ = load_exposures(exposures, form.storage), form.language
    stated = dict[str, dict[str, object]]()
    for entry in entries:
        columns = asdict(entry) | {"exposure": entry.id, "model_publisher": entry.publisher}
        if form.export:
            # A cell of an exported file has each source as a text.
            columns["sources"] = [f"“{each.quotation}” {source_line(each, _)}" for each in entry.sources]
        stated[entry.id] = {name: columns[name] for name in STATED}
    store = form.open_tables(tables)
    exposed = Exposed.of(store, entries, engine_of(store, engine))
    joined = (
        {name: row[name] for name in FOUND} | stated[row["exposure"]] for row in exposed.totals(BY_ARTICLE)
    )
    rows = ReplyRows(joined, FOUND | STATED)
    return Reply(_exposed_lines(exposed, _), rows=rows, warnings=_exposure_notes(exposed, _))


def _exposed_lines(exposed: Exposed, _: Language) -> Iterator[Line]:
    from presswatch_spark.claims.exposures import source_line

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
        yield from (f"  “{source.quotation}” {source_line(source, _)}" for source in entry.sources)


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

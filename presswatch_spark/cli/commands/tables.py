"""`presswatch runs`, `matches` and `sql`: reading published tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

import click

from presswatch_spark.cli.options import (
    engine_option,
    export_options,
    print_lines,
    scan_settings,
    storage_options,
    tell_total,
)
from presswatch_spark.judgement.grading import CONFIDENCES, GRADES
from presswatch_spark.queries.engines import ENGINE_NAMES
from presswatch_spark.show import (
    block_lines,
    counted,
    fits,
    json_line,
    printable,
    table_lines,
    terminal_width,
)

RUN_COLUMNS = (
    "run_id", "finished_at", "dataset", "release", "sample", "shards_planned", "shards_complete", "documents",
    "matches", "table_digest",
)  # fmt: skip
CENSUS_COLUMNS = (
    "run_id", "finished_at", "release", "shards_planned", "shards_complete", "rows", "captures",
    "table_digest",
)  # fmt: skip
# What a narrow terminal does without, the first first: the id says when a run began.
DISPENSABLE = ("documents", "finished_at", "rows")
COUNTS = ("documents", "rows", "matches", "captures")
DIGEST_DIGITS = 8
MATCH_COLUMNS = (
    "row_sha256", "confidence", "confidence_reasons", "grade", "longest_run_words", "article_coverage",
    "document_coverage", "own_site", "title_id", "article_id", "http_status", "document_url", "shard_uri",
    "record_offset", "row_index",
)  # fmt: skip
MATCHES_READ = ("run_id", *MATCH_COLUMNS, "copied_words")
# What the next command needs to be told.
WHOLE_COLUMNS = ("run_id",)
MATCHES_SHOWN = 50
ROWS_SHOWN = 1000

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, every column.")


@click.command()
@click.argument("tables")
@as_json
@storage_options
def runs(tables: str, as_json: bool, **flags: Any) -> None:
    """List the published runs and censuses, and those that are not finished.

    TABLES is the folder that a scan was given as --out. As JSON, only published runs of scans are printed;
    how to go on with an unfinished one, or to drop it, is said on stderr. On S3, a run whose process was
    killed is watched for its lease (a minute) before it is called unfinished.

    The files of each run are held against what its row says of them: which are there, and how large. Where
    that differs, it is said on stderr, and the exit code is 1. `presswatch verify-rows` reads them, too.
    """
    from presswatch_spark.runs.unfinished import DamagedRun, UnfinishedRun, unfinished_runs
    from presswatch_spark.tables.store import TableStore

    store = TableStore.open(tables, scan_settings(flags).storage)
    # What is published between the two looks is listed once, as what it was at the first.
    unfinished = list(unfinished_runs(store))
    begun = {run.begun.run_id: run for run in unfinished if isinstance(run, UnfinishedRun)}
    published = {
        by: [row for row in store.rows(by) if row["run_id"] not in begun]
        for by in ("runs", "censuses", "derivations", "tombstones")
    }
    start = itemgetter("started_at")
    if as_json:
        print_lines(map(json_line, sorted(published["runs"], key=start)))
    else:
        listed = (
            sorted([*published[by], *(run.row() for run in begun.values() if run.begun.by == by)], key=start)
            for by in ("runs", "censuses")
        )
        print_lines(run_lines(*listed))
        counts = [counted(len(published["runs"]), "run")]
        counts += [f"{len(begun):,} not finished"] if begun else []
        others = (("censuses", "census"), ("derivations", "derived table"), ("tombstones", "removal"))
        counts += [counted(len(published[by]), one) for by, one in others if published[by]]
        tell_total(", ".join(counts))
    print_lines((run.note() for run in unfinished), err=True)
    if not any(isinstance(run, DamagedRun) for run in unfinished):
        for run_id in sorted(store.unpublished() - begun.keys()):
            click.echo(f"files of {run_id} lie in the tables, and no row publishes it: not read", err=True)
    if damage := list(store.damage()):
        print_lines((f"error: {printable(str(error))}" for error in damage), err=True)
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("tables")
@as_json
@click.option("--run", "run_id", metavar="RUN", help="Only this run; `latest` for the newest. Default: all.")
@click.option("--title", "title_id", metavar="ID", help="Only this title.")
@click.option("--publisher", "publisher_id", metavar="ID", help="Only this publisher.")
@click.option("--article", "article_id", metavar="ID", help="Only this article.")
@click.option("--grade", "grades", type=click.Choice(GRADES), multiple=True, help="Only these; repeatable.")
@click.option(
    "--confidence",
    "confidences",
    type=click.Choice(CONFIDENCES),
    multiple=True,
    help="Only these; repeatable.",
)
@click.option("--own-site", is_flag=True, help="Only documents on the publisher's own sites.")
@click.option("--elsewhere", is_flag=True, help="Only documents that are known to stand on other sites.")
@click.option("--unknown-site", is_flag=True, help="Only documents without a known URL: nobody knows where.")
@click.option(
    "--corpus", metavar="DIR", help="The corpus: its titles are known though nothing of them was found."
)
@click.option("--long", "in_blocks", is_flag=True, help="Print more columns, one below the other.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Rows at most (default {MATCHES_SHOWN}; all with --json and --export).",
)
@export_options
@storage_options
def matches(
    tables: str,
    as_json: bool,
    run_id: str | None,
    corpus: str | None,
    in_blocks: bool,
    limit: int | None,
    export: str | None,
    lang: str,
    **options: Any,
) -> None:
    """Print the match table, and what it adds up to.

    TABLES is the folder that a scan was given as --out. All its published runs are read, and named if they
    are several. --own-site, --elsewhere and --unknown-site add up: two of them list the documents of both.
    `row` begins the row's row_sha256: `presswatch explain ROW TABLES` says why it has its letter, and
    `presswatch fetch TABLES --row ROW` fetches its page. On a terminal URLs are shortened in their middle;
    elsewhere nothing is cut, and there are more columns, such as the codes of the letter's reasons.
    """
    from presswatch_spark.cli.match_table import total_lines
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.queries.exports import export as write_export
    from presswatch_spark.queries.named import require_known
    from presswatch_spark.tables.reading import MatchFilter, chosen_runs, match_rows, match_totals
    from presswatch_spark.tables.schemas import SCHEMAS
    from presswatch_spark.tables.store import TableStore

    storage = scan_settings(options).storage
    wanted = MatchFilter(**{name: value for name, value in options.items() if "__" not in name})
    store = TableStore.open(tables, storage)
    named = {"title": wanted.title_id, "publisher": wanted.publisher_id, "article": wanted.article_id}
    require_known(store, named, Corpus.open(corpus, check=False, storage=storage) if corpus else None)
    if export:
        found = (tuple(row.values()) for row in match_rows(store, run_id, wanted, limit))
        rows = write_export(export, SCHEMAS["matches"], found, storage, lang)
        click.echo(f"{counted(rows, 'row')} in {export}")
        return
    if as_json:
        print_lines(map(json_line, match_rows(store, run_id, wanted, limit)))
        return
    shown = list(match_rows(store, run_id, wanted, limit or MATCHES_SHOWN, list(MATCHES_READ)))
    print_lines(_match_lines(shown, in_blocks=in_blocks, several=len(chosen_runs(store, run_id)) > 1))
    for line in total_lines(match_totals(store, run_id, wanted), len(shown)):
        tell_total(line)


def _match_lines(rows: Sequence[Mapping[str, Any]], *, in_blocks: bool, several: bool) -> Iterator[str]:
    from presswatch_spark.cli.match_table import WHERE, match_lines

    names = ("run_id", *MATCH_COLUMNS) if several else MATCH_COLUMNS
    shown = [
        {
            **row,
            "own_site": WHERE[row["own_site"]],
            "confidence_reasons": ",".join(row["confidence_reasons"] or ()),
        }
        for row in rows
    ]
    values = _cells(names, shown)
    if in_blocks:
        yield from block_lines(names, values)
    elif (width := terminal_width()) is None:
        yield from table_lines(names, values, None)
    elif rows:
        yield from match_lines(rows, width, several=several)


@click.command()
@click.argument("tables")
@click.argument("query")
@as_json
@engine_option("What answers")
@export_options
@storage_options
def sql(
    tables: str, query: str, as_json: bool, engine: str, export: str | None, lang: str, **flags: Any
) -> None:
    """Query the tables with SQL.

    TABLES is the folder that a scan was given as --out. A query reads its published rows: the tables
    `matches`, `rights_signals`, `scan_log` and `runs`; of a census, `captures`, `census_log` and `censuses`;
    of `compare`, `rights` and `claims`, `changes`, `reservations` and `claims`; and views of these, such
    as `pages`, `by_host` and `trend`. `claims_before` has the claims that others took the place of. It can
    read nothing else, and change nothing.

    \b
    presswatch sql out "select title_id, pages, articles from by_title order by pages desc"
    """
    from presswatch_spark.queries.exports import export as write_export
    from presswatch_spark.queries.exports import writer_of
    from presswatch_spark.queries.sql import run_query

    storage = scan_settings(flags).storage
    if export:
        writer_of(export)
    answer = run_query(tables, query, storage, engine)
    if export:
        rows = write_export(export, answer.schema(), answer.rows, storage, lang)
        click.echo(f"{counted(rows, 'row')} in {export}, by {ENGINE_NAMES[answer.engine]}")
        return
    if as_json:
        print_lines(json_line(dict(zip(answer.columns, row, strict=True))) for row in answer.rows)
        return
    shown = list(islice(answer.rows, ROWS_SHOWN + 1))
    print_lines(query_lines(answer.columns, shown[:ROWS_SHOWN]))
    if len(shown) > ROWS_SHOWN:
        click.echo(f"more than {ROWS_SHOWN} rows: add a limit, or use --json", err=True)
    else:
        tell_total(f"{counted(len(shown), 'row')}, by {ENGINE_NAMES[answer.engine]}")


def query_lines(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """What a query gave as a table; one column below the other where the terminal is too narrow for it."""
    width = terminal_width()
    if not rows or fits(headers, rows, width, WHOLE_COLUMNS):
        yield from table_lines(headers, rows, width, WHOLE_COLUMNS)
    else:
        yield from block_lines(headers, rows)


def run_lines(runs: Sequence[Mapping[str, Any]], censuses: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Runs, then censuses, as tables."""
    width = terminal_width()
    for columns, listed in ((RUN_COLUMNS, runs), (CENSUS_COLUMNS, censuses)):
        if not listed and (columns is CENSUS_COLUMNS or censuses):
            continue
        if width is None:
            yield from table_lines(columns, _cells(columns, listed), None)
        else:
            yield from _run_table(columns, listed, width)


def _run_table(columns: Sequence[str], listed: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    """For a terminal. What tells runs apart is never cut: what does not fit is left out, and that is said."""
    rows = [
        {**row, "shards": _shards(row)}
        | {name: f"{row[name]:,}" for name in COUNTS if row.get(name) is not None}
        for row in listed
    ]
    begun = ((row, str(row.get("table_digest") or "")[:DIGEST_DIGITS]) for row in rows)
    short = [{**row, "table_digest": digest and f"{digest}…"} for row, digest in begun]
    names = ["shards" if name == "shards_complete" else name for name in columns if name != "shards_planned"]
    if not any(row.get("sample") for row in rows):
        names = [name for name in names if name != "sample"]

    def fit(listed: Sequence[Mapping[str, Any]]) -> bool:
        return fits(names, _cells(names, listed), width, names)

    shown = rows if fit(rows) else short
    dropped = []
    for name in DISPENSABLE:
        if name in names and not fit(shown):
            dropped.append(name)
            names.remove(name)
    whole = (*WHOLE_COLUMNS, "release")
    wrapped = [name for name in names if name not in whole]
    yield from table_lines(names, _cells(names, shown), width, whole, wrapped)
    if dropped:
        yield f"not shown in {width} columns: {', '.join(dropped)} (--json has all)"


def _cells(names: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> list[list[object]]:
    return [[row.get(name) for name in names] for row in rows]


def _shards(row: Mapping[str, Any]) -> str:
    complete, planned = row.get("shards_complete"), row.get("shards_planned")
    if planned is None:
        return f"{complete:,}"
    return f"all {planned:,}" if complete == planned else f"{complete:,} of {planned:,}"

"""`presswatch runs`, `matches` and `sql`: reading published tables. Only `sql` starts Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from presswatch_spark.commands.options import storage_of, storage_options
from presswatch_spark.matching.confidence import CONFIDENCES
from presswatch_spark.matching.grade import GRADES
from presswatch_spark.show import printable

RUN_COLUMNS = (
    "run_id", "finished_at", "dataset", "release", "sample", "shards_planned", "shards_complete", "documents",
    "matches", "table_digest",
)  # fmt: skip
CENSUS_COLUMNS = (
    "run_id", "finished_at", "release", "shards_planned", "shards_complete", "rows", "captures",
    "table_digest",
)  # fmt: skip
MATCH_COLUMNS = (
    "confidence", "grade", "longest_run_words", "article_coverage", "document_coverage", "title_id",
    "article_id", "http_status", "document_url", "shard_uri", "record_offset", "row_index",
)  # fmt: skip
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
    from presswatch_spark.output.tables import TableStore
    from presswatch_spark.output.unfinished import DamagedRun, UnfinishedRun, unfinished_runs

    store = TableStore.open(tables, storage_of(flags))
    # What is published between the two looks is listed once, as what it was at the first.
    unfinished = list(unfinished_runs(store))
    begun = {run.run_id: run.row() for run in unfinished if isinstance(run, UnfinishedRun)}
    rows = [row for row in store.rows() if row["run_id"] not in begun]
    if not as_json:
        rows += begun.values()
    censuses = [] if as_json else store.rows("censuses")
    for columns, listed in ((RUN_COLUMNS, rows), (CENSUS_COLUMNS, censuses)):
        if listed or (columns is RUN_COLUMNS and not censuses):
            _print(columns, sorted(listed, key=lambda row: row["started_at"]), as_json)
    for run in unfinished:
        click.echo(run.note(), err=True)
    if not any(isinstance(run, DamagedRun) for run in unfinished):
        for run_id in sorted(store.unpublished() - begun.keys()):
            click.echo(f"files of {run_id} lie in the tables, and no row publishes it: not read", err=True)
    if damage := [str(error) for error in store.damage()]:
        raise click.exceptions.Exit(_told_damage(damage))


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
    "--limit", type=click.IntRange(min=1), help=f"Rows at most (default {MATCHES_SHOWN}; all with --json)."
)
@storage_options
def matches(tables: str, as_json: bool, run_id: str | None, limit: int | None, **options: Any) -> None:
    """Print the match table.

    TABLES is the folder that a scan was given as --out; all its published runs are read, and named if
    they are several. --own-site, --elsewhere and --unknown-site add up: two of them list the documents of
    both.
    """
    from presswatch_spark.output.tables import TableStore
    from presswatch_spark.queries.matches import MatchFilter, chosen_runs, match_rows

    flags = {name: options.pop(name) for name in list(options) if name.startswith("storage__")}
    store, wanted = TableStore.open(tables, storage_of(flags)), MatchFilter(**options)
    if as_json:
        _print((), match_rows(store, run_id, wanted, limit), as_json=True)
        return
    shown = limit or MATCHES_SHOWN
    several = len(chosen_runs(store, run_id)) > 1
    columns = ("run_id", *MATCH_COLUMNS) if several else MATCH_COLUMNS
    rows = list(match_rows(store, run_id, wanted, shown + 1, list(columns)))
    _print(columns, rows[:shown], as_json=False, in_blocks=True)
    if len(rows) > shown:
        click.echo(f"more than {shown} rows: see --limit, --json, or `presswatch sql`", err=True)


@click.command()
@click.argument("tables")
@click.argument("query")
@as_json
@storage_options
def sql(tables: str, query: str, as_json: bool, **flags: Any) -> None:
    """Query the tables with Spark SQL.

    TABLES is the folder that a scan was given as --out. Its published rows are the views `matches`,
    `rights_signals`, `scan_log` and `runs`; of a census, `captures`, `census_log` and `censuses`.

    \b
    presswatch sql out "select title_id, count(*) from matches group by 1 order by 2 desc"
    """
    from itertools import islice

    from presswatch_spark.queries.sql import run_query

    headers, rows = run_query(tables, query, storage_of(flags))
    if as_json:
        _print((), (dict(zip(headers, row, strict=True)) for row in rows), as_json=True)
        return
    shown = list(islice(rows, ROWS_SHOWN + 1))
    _print(headers, shown[:ROWS_SHOWN], as_json=False)
    if len(shown) > ROWS_SHOWN:
        click.echo(f"more than {ROWS_SHOWN} rows: add a limit, or use --json", err=True)


def _told_damage(lines: Iterable[str]) -> int:
    """Say what is wrong with runs; the exit code."""
    for line in lines:
        click.echo(f"error: {printable(line)}", err=True)
    return 1


def _print(columns: Iterable[str], rows: Iterable[Any], as_json: bool, *, in_blocks: bool = False) -> None:
    """Print rows; `in_blocks`: one below the other, where the terminal is too narrow for a table of them."""
    from presswatch_spark.show import block_lines, columns_of, json_line, table_lines, terminal_width

    names = tuple(columns)
    if as_json:
        lines: Iterable[str] = map(json_line, rows)
    else:
        values = [[row.get(name) for name in names] if isinstance(row, Mapping) else row for row in rows]
        width = terminal_width()
        whole = table_lines(names, values, None)
        if in_blocks and values and width is not None and columns_of(max(whole, key=columns_of)) > width:
            lines = block_lines(names, values)
        else:
            lines = table_lines(names, values, width, WHOLE_COLUMNS)
    for line in lines:
        click.echo(line)

"""`presswatch sql`: any question to the published tables."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.options import as_json, engine_option, scan_settings, storage_options, tell_total
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.queries.engines import ENGINE_NAMES, require_apart
from presswatch_spark.terminal import block_lines, fits, json_line, table_lines, terminal_width

# What the next command needs to be told.
WHOLE_COLUMNS = ("run_id",)
ROWS_SHOWN = 1000
BEGINS = re.compile(r"\s*(?:select|from|with|describe|show)\s", re.IGNORECASE)
"""How a query begins, and no folder of tables."""


@click.command()
@click.argument("tables")
@click.argument("query")
@as_json
@engine_option("What answers")
@export_option
@screen_options()
@storage_options
def sql(
    tables: str,
    query: str,
    as_json: bool,
    engine: str,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
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
    if BEGINS.match(tables):
        raise click.UsageError('TABLES comes first, then QUERY: presswatch sql tables "select …"')
    leave_pandas_out()
    from presswatch_spark.queries.sql import run_query

    storage, _ = scan_settings(flags).storage, screen.language
    require_new(export, storage)
    answer = run_query(tables, query, storage, engine)
    if export:
        export.write(answer.schema(), answer.rows, storage, _, answer.engine)
        return
    if as_json:
        require_apart(answer.columns)
        screen.show(json_line(dict(zip(answer.columns, row, strict=True))) for row in answer.rows)
        return
    shown = list(islice(answer.rows, ROWS_SHOWN + 1))
    screen.show(query_lines(answer.columns, shown[:ROWS_SHOWN]))
    if len(shown) > ROWS_SHOWN:
        limit = _.number(ROWS_SHOWN)
        click.echo(_("more than {rows} rows: add a limit, or use --json", rows=limit), err=True)
    else:
        by = ENGINE_NAMES[answer.engine]
        tell_total(_("{rows}, by {engine}", rows=_.n("{n} row", "{n} rows", len(shown)), engine=by))


def query_lines(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """What a query gave as a table; one column below the other where the terminal is too narrow for it."""
    width = terminal_width()
    if not rows or fits(headers, rows, width, WHOLE_COLUMNS):
        yield from table_lines(headers, rows, width, WHOLE_COLUMNS)
    else:
        yield from block_lines(headers, rows)

"""`presswatch sql`: any question to the published tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.arrow_manners import leave_pandas_out
from presswatch_spark.cli.options import STORAGE, argument, engine_option
from presswatch_spark.cli.replies import AS_JSON, Reply, ReplyForm, command
from presswatch_spark.queries.sql import ENGINE_NAMES
from presswatch_spark.terminal import block_lines, fits, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.settings.config import ScanConfig

# What the next command needs to be told.
WHOLE_COLUMNS = ("run_id",)
ROWS_SHOWN = 1000
BEGINS = re.compile(r"\s*(?:select|from|with|describe|show)\s", re.IGNORECASE)
"""How a query begins, and no folder of tables."""


@command("sql", json=AS_JSON, export=True, lang="en", pager=True, settings=STORAGE)
def sql(
    *,
    tables: str = argument(),
    query: str = argument(),
    engine: str = engine_option("What answers"),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
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

    answer, _ = run_query(tables, query, settings.storage, engine), form.language
    if not form.is_for_people:
        return Reply(rows=answer)
    shown = list(islice(answer.rows, ROWS_SHOWN + 1))
    lines = query_lines(answer.columns, shown[:ROWS_SHOWN])
    if len(shown) > ROWS_SHOWN:
        limit = _.number(ROWS_SHOWN)
        return Reply(lines, warnings=[_("more than {rows} rows: add a limit, or use --json", rows=limit)])
    rows, by = _.n("{n} row", "{n} rows", len(shown)), ENGINE_NAMES[answer.engine]
    return Reply(lines, totals=[_("{rows}, by {engine}", rows=rows, engine=by)])


def query_lines(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Yield the answer to a query as a table; as blocks where the terminal is too narrow for it."""
    width = terminal_width()
    if not rows or fits(headers, rows, width, WHOLE_COLUMNS):
        yield from table_lines(headers, rows, width, WHOLE_COLUMNS)
    else:
        yield from block_lines(headers, rows)

"""`presswatch compare`: what became of the copies that an earlier run found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.arrow_manners import keep_memory, leave_pandas_out
from presswatch_spark.cli.language import ENGLISH, Language
from presswatch_spark.cli.options import (
    engine_option,
    memory_option,
    print_lines,
    scan_settings,
    setting_options,
    storage_options,
)
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.translation import N_

if TYPE_CHECKING:
    from presswatch_spark.changes.make import ChangesSummary

MEANING = {
    "gone": N_("found before; not there after, in shards that were read to their end"),
    "reduced": N_("found again, with fewer words of the article"),
    "altered": N_("found again, with other words of the article"),
    "moved": N_("found again at another URL, in the very same text"),
    "persists": N_("found again, with the same words of the article"),
    "new": N_("found after, and in no run before"),
    "reappeared": N_("found after and not before, but in an earlier run"),
    "unknown": N_("not found after, but it may be there"),
}
DOUBTS_SHOWN = 5


@click.command()
@click.argument("tables")
@click.option("--before", required=True, metavar="RUN", help="Id of the earlier run.")
@click.option("--after", required=True, metavar="RUN", help="Id of the later run, or `latest`.")
@engine_option("What compares the rows")
@memory_option("500MB", "goes on on disk")
@click.option("--out", required=True, metavar="DIR", help="Folder, or s3://, for the table `changes`.")
@export_option
@screen_options()
@storage_options
@setting_options("run.master", "run.cores")
def compare(
    tables: str,
    before: str,
    after: str,
    engine: str,
    memory: str,
    out: str,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Compare two runs, pair by pair of article and document.

    TABLES is the folder that a scan was given as --out.

    A copy is `gone` only if every shard that it may stand in was read to its end, and the article is the same
    in both corpora. Otherwise what was not found again is `unknown`, and `doubt` names the shard or article.
    What is gone is gone from the shards that the after run read.

    \b
    presswatch compare --before RUN --after latest --out changes tables
    """
    keep_memory()
    leave_pandas_out()
    from presswatch_spark.changes.make import compare as run_compare

    settings = scan_settings(flags)
    require_new(export, settings.storage)
    summary = run_compare(tables, before, after, out, settings, engine=engine, memory=memory)
    print_lines(summary_lines(summary, screen.language))
    if export:
        _write(summary, export, screen.language)


def summary_lines(summary: ChangesSummary, _: Language = ENGLISH) -> Iterator[str]:
    """Yield how many pairs there are of each state, why some are in doubt, and where the table is."""
    from presswatch_spark.queries.engines import ENGINE_NAMES
    from presswatch_spark.terminal import table_lines, terminal_width

    rows = [(_.number(count), _.name(state), _(MEANING[state])) for state, count in summary.counts.items()]
    headers = _.names(("pairs", "state", "meaning"))
    yield from table_lines(headers, rows, terminal_width(), headers[:2], headers[2:])
    pairs = _.n("{n} pair", "{n} pairs", sum(summary.counts.values()))
    yield _(
        "{pairs} of an article and a document, by {engine}", pairs=pairs, engine=ENGINE_NAMES[summary.engine]
    )
    if summary.doubts:
        yield from _doubt_lines(summary, _)
    yield _("table digest {digest}", digest=summary.table_digest)
    yield _("written to {folder}", folder=summary.folder)


def _doubt_lines(summary: ChangesSummary, _: Language) -> Iterator[str]:
    from presswatch_spark.terminal import printable, table_lines, terminal_width

    ordered = sorted(summary.doubts.items(), key=lambda each: (-each[1], each[0]))
    # Doubts are texts of the table, which is in no language.
    rows = [
        (_.number(count), _.name(state), printable(doubt)) for (state, doubt), count in ordered[:DOUBTS_SHOWN]
    ]
    headers = _.names(("pairs", "state", "doubt"))
    yield ""
    yield from table_lines(headers, rows, terminal_width(), headers[:2], headers[2:])
    if others := ordered[DOUBTS_SHOWN:]:
        yield _(
            "and {pairs} in doubt for {reasons}: see the column doubt",
            pairs=_.n("{n} pair", "{n} pairs", sum(count for _, count in others)),
            reasons=_.n("{n} other reason", "{n} other reasons", len(others)),
        )
    if any(state == "new" for state, _ in summary.doubts):
        yield _("what is new, and in doubt, may have been there before")


def _write(summary: ChangesSummary, export: Export, _: Language) -> None:
    """Write the rows of the table to a file."""
    from presswatch_spark.tables.declarations import SCHEMAS
    from presswatch_spark.tables.reading import column_batches

    schema, tables = SCHEMAS["changes"], summary.tables
    batches = column_batches(tables, "changes", tables.made("changes"), schema.names)
    rows = (row for batch in batches for row in batch.to_pylist())
    export.write(schema, rows, tables.root.storage, _)

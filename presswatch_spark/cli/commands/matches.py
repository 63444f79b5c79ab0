"""`presswatch matches`: what was found, the strongest first, and what it adds up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.arrow_manners import give_memory_back, leave_pandas_out
from presswatch_spark.cli.match_table import WHERE, left_out_lines, match_lines, total_lines
from presswatch_spark.cli.options import (
    as_json,
    confidence_option,
    day_option,
    engine_option,
    print_lines,
    run_option,
    scan_settings,
    storage_options,
)
from presswatch_spark.cli.replies import Export, ReplyScreen, export_option, require_new, screen_options
from presswatch_spark.judgement.grading import GRADES
from presswatch_spark.terminal import block_lines, json_line, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.cli.language import Language
    from presswatch_spark.corpus.store import Corpus
    from presswatch_spark.queries.engines import QueryResult
    from presswatch_spark.queries.matches import Matches
    from presswatch_spark.storage.objects import StorageOptions

MATCH_COLUMNS = (
    "row_sha256", "confidence", "confidence_reasons", "grade", "longest_run_words", "article_coverage",
    "document_coverage", "own_site", "title_id", "article_id", "http_status", "document_url", "shard_uri",
    "record_offset", "row_index", "copied_words", "captured_at", "document_host", "publisher_id", "headline",
)  # fmt: skip
MATCHES_SHOWN = 50
RUNS_NAMED = 3
ORDER_NAMES = ("weight", "date", "host", "title", "shard")
FILTERS = (
    "title_id", "publisher_id", "article_id", "grades", "confidences", "own_site", "elsewhere",
    "unknown_site", "dataset", "release", "document_host",
)  # fmt: skip


@click.command()
@click.argument("tables")
@as_json
@click.option("--count", is_flag=True, help="Print the totals alone.")
@run_option
@click.option("--title", "title_id", metavar="ID", help="Only this title.")
@click.option("--publisher", "publisher_id", metavar="ID", help="Only this publisher.")
@click.option("--article", "article_id", metavar="ID", help="Only this article.")
@click.option("--host", "document_host", metavar="HOST", help="Only documents of this host.")
@click.option("--dataset", metavar="NAME", help="Only this dataset, as `wet`.")
@click.option("--release", metavar="ID", help="Only this release, as CC-MAIN-2024-22.")
@day_option("--since", "Only documents captured on this day (UTC) or later.")
@click.option("--grade", "grades", type=click.Choice(GRADES), multiple=True, help="Only these; repeatable.")
@confidence_option("Only these letters; repeatable.")
@click.option("--own-site", is_flag=True, help="Only documents on the publisher's own sites.")
@click.option("--elsewhere", is_flag=True, help="Only documents that are known to stand on other sites.")
@click.option("--unknown-site", is_flag=True, help="Only documents without a known URL: nobody knows where.")
@click.option(
    "--corpus", metavar="DIR", help="The corpus: its titles are known though nothing of them was found."
)
@click.option(
    "--order",
    type=click.Choice(ORDER_NAMES),
    help="What comes first. Default: weight; with --json and --export, shard.",
)
@click.option("--long", "in_blocks", is_flag=True, help="Print more columns, one below the other.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Rows at most (default {MATCHES_SHOWN}; all with --json and --export).",
)
@engine_option("What counts and sorts")
@export_option
@screen_options()
@storage_options
def matches(
    tables: str,
    as_json: bool,
    count: bool,
    run_id: str | None,
    since: datetime | None,
    corpus: str | None,
    order: str | None,
    in_blocks: bool,
    limit: int | None,
    engine: str,
    export: Export | None,
    screen: ReplyScreen,
    **options: Any,
) -> None:
    """Print what the matches add up to, and the strongest of them.

    TABLES is the folder that a scan was given as --out. All its published runs are read, and named if they
    are several. --own-site, --elsewhere and --unknown-site add up: two of them list the documents of both.

    By weight, the best letter comes first, and of one letter the most copied words. Letters are those of the
    claims if these are published in TABLES, and --confidence asks for these letters. What --since, --host
    and --release cannot know of a row is counted, and the row is left out.

    `reason` is the first of those for the letter; for C and D, the first that leaves no better letter.
    `row` begins the row's row_sha256: `presswatch explain ROW TABLES` says why it has its letter, and
    `presswatch fetch TABLES --row ROW` fetches its page. Elsewhere than on a terminal nothing is cut, and
    there are more columns, such as URLs and the codes of all reasons.

    Example: presswatch matches tables --elsewhere --confidence A --since 2024-05-01
    """
    leave_pandas_out()
    from presswatch_spark.queries.matches import Matches, MatchFilter
    from presswatch_spark.queries.named import require_known
    from presswatch_spark.tables.store import TableStore

    if export and count:
        raise click.UsageError("give --export or --count")
    storage, _ = scan_settings(options).storage, screen.language
    require_new(export, storage)
    asked = {name: options[name] for name in FILTERS}
    wanted = MatchFilter(**asked, since=since and since.replace(tzinfo=UTC))
    store = TableStore.open(tables, storage)
    named = {kind: asked[f"{kind}_id"] for kind in ("title", "publisher", "article")}
    named |= {"host": wanted.document_host, "release": wanted.release, "dataset": wanted.dataset}
    require_known(store, named, _opened(corpus, storage) if corpus else None)
    found = Matches.of(store, run_id, wanted, engine)
    if found.judged:
        # DuckDB holds what it needs to find the claims of rows, up to its limit, beside what is read.
        give_memory_back()
    if count:
        _print_totals(found, _, as_json)
    elif export:
        answer = _all_rows(found, order, limit, with_letter=found.judged)
        export.write(answer.schema(), answer.rows, storage, _, answer.engine)
    elif as_json:
        answer = _all_rows(found, order, limit)
        screen.show(json_line(dict(zip(answer.columns, row, strict=True))) for row in answer.rows)
    else:
        order, limit = order or "weight", limit or MATCHES_SHOWN
        rows = _strongest(found, order, limit)
        totals = [*_total_lines(found, _, len(rows), order)]
        screen.show_table(totals, _match_lines(rows, found, _, in_blocks=in_blocks))


def _opened(corpus: str, storage: StorageOptions) -> Corpus:
    from presswatch_spark.corpus.store import Corpus

    return Corpus.open(corpus, check=False, storage=storage)


def _all_rows(found: Matches, order: str | None, limit: int | None, with_letter: bool = False) -> QueryResult:
    """Return whole rows of `matches`, as they are stored; in a file, with the letter of the claim."""
    from presswatch_spark.tables.declarations import Match

    columns = [*Match.schema.names, "letter"] if with_letter else Match.schema.names
    return found.rows(columns, order or "shard", limit)


def _strongest(found: Matches, order: str, limit: int) -> list[dict[str, Any]]:
    """Return the first rows, with the reasons of their letters."""
    columns = list(dict.fromkeys(("run_id", *MATCH_COLUMNS, "letter")))
    rows = [dict(zip(columns, row, strict=True)) for row in found.rows(columns, order, limit).rows]
    reasons = found.reasons(rows)
    for row in rows:
        row["reasons"] = reasons.get((row["run_id"], row["row_sha256"]), row["confidence_reasons"])
    return rows


def _print_totals(found: Matches, _: Language, as_json: bool) -> None:
    totals, left_out = found.totals(), found.left_out()
    if as_json:
        click.echo(json_line({**asdict(totals), "records": totals.documents, "left_out": left_out}))
    else:
        print_lines([*total_lines(totals, _), *left_out_lines(left_out, _), *_source_lines(found, _)])


def _total_lines(found: Matches, _: Language, shown: int, order: str) -> Iterator[str]:
    """Yield the totals, where they are from, and which part of the rows is shown."""
    totals = found.totals()
    yield from total_lines(totals, _)
    yield from left_out_lines(found.left_out(), _)
    yield from _source_lines(found, _)
    if shown < totals.rows:
        rows = _.n("{n} row", "{n} rows", shown)
        yield _(
            "shown: {rows}, by {order}; for more, see --limit, --export",
            rows=rows,
            order=_.word("order", order),
        )


def _source_lines(found: Matches, _: Language) -> Iterator[str]:
    """Yield which runs were read if they are several, and whose the letters are if there are claims."""
    if len(found.runs) > 1:
        named = [*found.runs[-RUNS_NAMED:]]
        named += ["…"] if len(found.runs) > RUNS_NAMED else []
        count = _.n("{n} run", "{n} runs", len(found.runs))
        yield _("found by {runs}: {names}", runs=count, names=", ".join(named))
    if found.judged:
        yield _("letters and reasons are those of the claims; a row without a claim has its own")


def _match_lines(
    rows: Sequence[Mapping[str, Any]], found: Matches, _: Language, *, in_blocks: bool
) -> Iterator[str]:
    names = ("run_id", *MATCH_COLUMNS) if len(found.runs) > 1 else MATCH_COLUMNS
    names = (*names, "letter") if found.judged else names
    width = terminal_width()
    if width is not None and not in_blocks:
        yield from match_lines(rows, width, _)
        return
    shown = [
        {**row, "own_site": _(WHERE[row["own_site"]]), "confidence_reasons": ",".join(row["reasons"] or ())}
        for row in rows
    ]
    values = [[_cell(row[name], _) for name in names] for row in shown]
    yield from block_lines(names, values) if in_blocks else table_lines(names, values, None)


def _cell(value: object, _: Language) -> object:
    """Return a value as it is shown; a number stays one, and is aligned as such."""
    return _.cell(value) if _.is_french and not isinstance(value, int) else value

"""`presswatch estimate`: estimates from a sample what a whole release holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.arrow_manners import give_memory_back, leave_pandas_out
from presswatch_spark.cli.language import ENGLISH, Language
from presswatch_spark.cli.options import scan_settings, storage_options, tell_total
from presswatch_spark.cli.replies import (
    Export,
    ReplyScreen,
    export_option,
    require_new,
    schema_of,
    screen_options,
)
from presswatch_spark.terminal import json_line, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.sampling.extrapolation import Estimated, SampleEstimate

KINDS = {
    "run_id": str, "seed": int, "listed": int, "strata": int, "read": int, "missing": int, "measure": str,
    "of": str, "seen": float, "estimate": float, "low": float, "high": float, "files": int, "files_high": int,
}  # fmt: skip
HEADERS = ("in the release", "seen", "estimate", "at least", "at most", "in shards")
BY = {"title": "title_id", "publisher": "publisher_id"}
# With fewer shards, limits of 95 % are less sure where few shards hold most of a total
# (docs/explanation/decisions.md).
ENOUGH_SHARDS = 1000
# What a scan shows at its end; `presswatch estimate` shows all.
HEADLINES = (
    "documents",
    "matches",
    "documents with matches, own sites",
    "documents with matches, elsewhere",
    "documents with matches, site unknown",
    "articles",
)


@click.command()
@click.argument("tables")
@click.option("--run", "run_id", default="latest", show_default=True, metavar="RUN", help="Which run.")
@click.option("--by", type=click.Choice(list(BY)), help="Also for each title or publisher that was found.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line, with all that is known.")
@export_option
@screen_options()
@storage_options
def estimate(
    tables: str,
    run_id: str,
    by: str | None,
    as_json: bool,
    export: Export | None,
    screen: ReplyScreen,
    **flags: Any,
) -> None:
    """Estimate what a whole release holds, from the sample of it that a run read.

    TABLES is the folder that a scan with --sample was given as --out. In 95 of 100 samples, a total lies
    within its limits; docs/reference/estimates.md says what they mean. A total that was seen in fewer than
    seven shards has no upper limit.
    """
    leave_pandas_out()
    give_memory_back()
    from presswatch_spark.queries.estimates import estimate_of
    from presswatch_spark.tables.reading import chosen_runs
    from presswatch_spark.tables.store import TableStore

    storage, _ = scan_settings(flags).storage, screen.language
    require_new(export, storage)
    store = TableStore.open(tables, storage)
    (chosen,) = chosen_runs(store, run_id)
    totals = estimate_of(store, chosen, BY[by] if by else None)
    sample = {name: value for name, value in asdict(totals).items() if name != "measures"}
    rows = (sample | asdict(measure) for measure in totals.measures)
    if export:
        export.write(schema_of(**KINDS), rows, storage, _)
    elif as_json:
        screen.show(map(json_line, rows))
    else:
        screen.show(estimate_lines(totals, totals.measures, _))
        if by:
            seen = {measure.of for measure in totals.measures} - {None}
            titles = _.n("{n} title", "{n} titles", len(seen))
            publishers = _.n("{n} publisher", "{n} publishers", len(seen))
            named = titles if by == "title" else publishers
            tell_total(_("{named} in the sample; of others nothing can be said", named=named))


def estimate_lines(
    totals: SampleEstimate, measures: Iterable[Estimated], _: Language = ENGLISH
) -> Iterator[str]:
    """Yield the sample in a few lines, then a table of `measures`."""
    counts = {name: _.number(getattr(totals, name)) for name in ("read", "listed", "strata")}
    yield _(
        "run {run}: {read} of {listed} shards read to their end, drawn in {strata} segments or folders;"
        " totals of all {listed} within limits of 95 %",
        run=totals.run_id,
        **counts,
    )
    if totals.read < ENOUGH_SHARDS:
        yield _(
            "fewer than {enough} shards were read: where few shards of the release hold most of a total, its"
            " limits are less sure",
            enough=_.number(ENOUGH_SHARDS),
        )
    if totals.missing:
        yield _(
            "{missing} drawn shards were not read to their end: the limits allow for anything from nothing to"
            " twice what the others hold",
            missing=_.number(totals.missing),
        )
    headers = _.names(HEADERS)
    yield from table_lines(headers, _rows(measures, _), terminal_width(), wrapped=headers[:1])


def _rows(measures: Iterable[Estimated], _: Language) -> Iterator[tuple[str, ...]]:
    """Yield a row for each measure of all, then those of each title or publisher below its id."""
    of = None
    for measure in sorted(measures, key=lambda measure: measure.of or ""):
        if measure.of != of:
            of = measure.of
            yield (str(of), *[""] * (len(HEADERS) - 1))
        numbers = (measure.seen, measure.estimate, measure.low, measure.high, measure.files)
        name = _.name(measure.measure)
        shown = ("?" if number is None else _.number(number) for number in numbers)
        yield (name if of is None else f"  {name}", *shown)

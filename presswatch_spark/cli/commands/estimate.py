"""`presswatch estimate`: estimates from a sample what a whole release holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import print_lines, scan_settings, storage_options, tell_total
from presswatch_spark.show import counted, json_line, table_lines, terminal_width

if TYPE_CHECKING:
    from presswatch_spark.sampling.extrapolation import Estimated, SampleEstimate

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
@storage_options
def estimate(tables: str, run_id: str, by: str | None, as_json: bool, **flags: Any) -> None:
    """Estimate what a whole release holds, from the sample of it that a run read.

    TABLES is the folder that a scan with --sample was given as --out. In 95 of 100 samples, a total lies
    within its limits; docs/reference/estimates.md says what they mean. A total that was seen in fewer than
    seven shards has no upper limit.
    """
    from presswatch_spark.queries.estimates import estimate_of
    from presswatch_spark.tables.reading import chosen_runs
    from presswatch_spark.tables.store import TableStore

    store = TableStore.open(tables, scan_settings(flags).storage)
    for chosen in chosen_runs(store, run_id):
        totals = estimate_of(store, chosen, BY[by] if by else None)
        if as_json:
            sample = {name: value for name, value in asdict(totals).items() if name != "measures"}
            print_lines(json_line(sample | asdict(measure)) for measure in totals.measures)
        else:
            print_lines(estimate_lines(totals, totals.measures))
        if by and not as_json:
            seen = {measure.of for measure in totals.measures} - {None}
            tell_total(f"{counted(len(seen), by)} in the sample; of others nothing can be said")


def estimate_lines(totals: SampleEstimate, measures: Iterable[Estimated]) -> Iterator[str]:
    """Yield the sample in a few lines, then a table of `measures`."""
    yield (
        f"run {totals.run_id}: {totals.read:,} of {totals.listed:,} shards read to their end, drawn in"
        f" {totals.strata:,} segments or folders; totals of all {totals.listed:,} within limits of 95 %"
    )
    if totals.read < ENOUGH_SHARDS:
        yield (
            f"fewer than {ENOUGH_SHARDS:,} shards were read: where few shards of the release hold most of a"
            " total, its limits are less sure"
        )
    if totals.missing:
        yield (
            f"{totals.missing:,} drawn shards were not read to their end: the limits allow for anything from"
            " nothing to twice what the others hold"
        )
    yield from table_lines(HEADERS, _rows(measures), terminal_width(), wrapped=HEADERS[:1])


def _rows(measures: Iterable[Estimated]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each measure of all, then those of each title or publisher below its id."""
    of = None
    for measure in sorted(measures, key=lambda measure: measure.of or ""):
        if measure.of != of:
            of = measure.of
            yield (str(of), *[""] * (len(HEADERS) - 1))
        numbers = (measure.seen, measure.estimate, measure.low, measure.high, measure.files)
        name = measure.measure if of is None else f"  {measure.measure}"
        yield (name, *("?" if number is None else f"{number:,.0f}" for number in numbers))

"""`presswatch estimate`: what a whole release holds, by a sample of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from presswatch_spark.cli.options import storage_of, storage_options, tell_total

if TYPE_CHECKING:
    from presswatch_spark.sampling.extrapolation import Estimated, SampleEstimate

HEADERS = ("in the release", "seen", "estimate", "at least", "at most", "in shards")
BY = {"title": "title_id", "publisher": "publisher_id"}
# Of fewer shards, limits of 95 % are less sure than that where few of them hold most:
# see docs/explanation/decisions.md.
ENOUGH_SHARDS = 1000
# What a scan says at its end; `presswatch estimate` says the rest.
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
    """Say what a whole release holds, by the sample of it that a run read.

    TABLES is the folder that a scan with --sample was given as --out. Every total has the limits between
    which it lies, in 95 of 100 samples; docs/reference/estimates.md says what they mean. Without an upper
    limit, it was seen in fewer than seven shards, and nobody can say.
    """
    from presswatch_spark.queries.estimates import estimate_of
    from presswatch_spark.show import counted, json_line
    from presswatch_spark.tables.reading import chosen_runs
    from presswatch_spark.tables.store import TableStore

    store = TableStore.open(tables, storage_of(flags))
    for chosen in chosen_runs(store, run_id):
        found = estimate_of(store, chosen, BY[by] if by else None)
        for line in map(json_line, json_rows(found)) if as_json else estimate_lines(found, found.measures):
            click.echo(line)
        if by and not as_json:
            seen = {measure.of for measure in found.measures} - {None}
            tell_total(f"{counted(len(seen), by)} in the sample; of others nothing can be said")


def json_rows(found: SampleEstimate) -> Iterator[dict[str, object]]:
    """Each measure as a row, with the sample that it is from."""
    sample = {name: value for name, value in asdict(found).items() if name != "measures"}
    for measure in found.measures:
        yield sample | asdict(measure)


def estimate_lines(found: SampleEstimate, measures: Iterable[Estimated]) -> Iterator[str]:
    """The sample in a few lines, then a table of `measures`."""
    from presswatch_spark.show import table_lines, terminal_width

    yield (
        f"run {found.run_id}: {found.read:,} of {found.listed:,} shards read to their end, drawn in"
        f" {found.strata:,} segments or folders; totals of all {found.listed:,} within limits of 95 %"
    )
    if found.read < ENOUGH_SHARDS:
        yield (
            f"fewer than {ENOUGH_SHARDS:,} shards were read: where few shards of the release hold most of a"
            " total, its limits are less sure"
        )
    if found.missing:
        yield (
            f"{found.missing:,} drawn shards were not read to their end: the limits allow for anything from"
            " nothing to twice what the others hold"
        )
    rows = list(_rows(measures))
    yield from table_lines(HEADERS, rows, terminal_width(), wrapped=HEADERS[:1])


def _rows(measures: Iterable[Estimated]) -> Iterator[tuple[str, ...]]:
    """A row for each measure; below those of all, those of each title or publisher under its id."""
    of = None
    for measure in sorted(measures, key=lambda measure: measure.of or ""):
        if measure.of != of:
            of = measure.of
            yield (str(of), *[""] * (len(HEADERS) - 1))
        numbers = (measure.seen, measure.estimate, measure.low, measure.high, measure.files)
        name = measure.measure if of is None else f"  {measure.measure}"
        yield (name, *("?" if number is None else f"{number:,.0f}" for number in numbers))

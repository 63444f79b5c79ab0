"""`presswatch estimate`: estimates totals of a whole release from a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from presswatch_spark.cli.arrow_manners import give_memory_back, leave_pandas_out
from presswatch_spark.cli.options import STORAGE, argument, option
from presswatch_spark.cli.replies import (
    ENGLISH,
    Language,
    Line,
    Reply,
    ReplyForm,
    ReplyRows,
    Table,
    command,
    schema_of,
)

if TYPE_CHECKING:
    from presswatch_spark.sampling.extrapolation import Estimated, SampleEstimate
    from presswatch_spark.settings.config import ScanConfig

KINDS = {
    "run_id": str, "seed": int, "listed": int, "strata": int, "read": int, "missing": int, "measure": str,
    "of": str, "seen": float, "estimate": float, "low": float, "high": float, "files": int, "files_high": int,
}  # fmt: skip
HEADERS = ("in the release", "seen", "estimate", "at least", "at most", "in shards")
BY = {"title": "title_id", "publisher": "publisher_id"}
# With fewer shards, limits of 95 % are less sure where few shards hold most of a total
# (docs/explanation/decisions.md).
ENOUGH_SHARDS = 1000
HEADLINES = (
    "documents",
    "matches",
    "documents with matches, own sites",
    "documents with matches, elsewhere",
    "documents with matches, site unknown",
    "articles",
)
"""Measures that a scan shows at its end; `presswatch estimate` shows all."""


@command(
    "estimate",
    json="Print one JSON object a line, with all that is known.",
    export=True,
    lang="en",
    pager=True,
    settings=STORAGE,
)
def estimate(
    *,
    tables: str = argument(),
    run_id: str = option("--run", "RUN", "Which run.", default="latest"),
    by: str | None = option(
        "--by", None, "Also for each title or publisher that was found.", type=click.Choice(list(BY))
    ),
    form: ReplyForm,
    settings: ScanConfig,
) -> Reply:
    """Estimate totals of a whole release from a sample of it.

    TABLES is the folder that a scan with --sample was given as --out. In 95 of 100 samples, a total lies
    within its limits; docs/reference/estimates.md says what they mean. A total that was seen in fewer than
    seven shards has no upper limit.
    """
    leave_pandas_out()
    give_memory_back()
    from presswatch_spark.queries.estimates import estimate_of
    from presswatch_spark.tables.store import TableStore, chosen_runs

    _ = form.language
    store = TableStore.open(tables, settings.storage)
    (chosen,) = chosen_runs(store, run_id)
    totals = estimate_of(store, chosen, BY[by] if by else None)
    sample = {name: value for name, value in asdict(totals).items() if name != "measures"}
    rows = (sample | asdict(measure) for measure in totals.measures)
    named = []
    if by:
        seen = len({measure.of for measure in totals.measures} - {None})
        titles = _.n("{n} title", "{n} titles", seen)
        publishers = _.n("{n} publisher", "{n} publishers", seen)
        found = titles if by == "title" else publishers
        named = [_("{named} in the sample; of others nothing can be said", named=found)]
    return Reply(
        estimate_lines(totals, totals.measures, _), rows=ReplyRows(rows, schema_of(**KINDS)), totals=named
    )


def estimate_lines(
    totals: SampleEstimate, measures: Iterable[Estimated], _: Language = ENGLISH
) -> Iterator[Line]:
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
    yield Table(HEADERS, _rows(measures, _), wrapped=HEADERS[:1])


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

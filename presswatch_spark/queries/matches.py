"""Rows of `matches` by filter, streamed from the Parquet files without Spark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from presswatch_spark.errors import InputError
from presswatch_spark.output.tables import TableStore
from presswatch_spark.tables import MATCHES

BATCH_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Which rows are wanted; None, empty and False ask for nothing in particular.

    `own_site`, `elsewhere` and `unknown_site` each ask for documents that stand there: on the publisher's own
    sites, not there, and nobody knows where. Of several, all that are named.
    """

    title_id: str | None = None
    publisher_id: str | None = None
    article_id: str | None = None
    grades: tuple[str, ...] = ()
    confidences: tuple[str, ...] = ()
    own_site: bool = False
    elsewhere: bool = False
    unknown_site: bool = False

    def expression(self) -> Any:
        """The filter as an Arrow expression, or None for all rows."""
        terms = [
            ds.field(name) == value
            for name in ("title_id", "publisher_id", "article_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.grades:
            terms.append(ds.field("grade").isin(self.grades))
        if self.confidences:
            terms.append(ds.field("confidence").isin(self.confidences))
        if sites := self._sites():
            terms.append(reduce(or_, sites))
        return reduce(and_, terms) if terms else None

    def _sites(self) -> list[Any]:
        """A term for each kind of site that is asked for; false, never null, where it does not hold."""
        known, own = pc.is_valid(ds.field("own_site")), ds.field("own_site")
        terms = {"own_site": known & own, "elsewhere": known & ~own, "unknown_site": ~known}
        return [term for name, term in terms.items() if getattr(self, name)]


def match_rows(
    store: TableStore,
    run_id: str | None = None,
    wanted: MatchFilter | None = None,
    limit: int | None = None,
    columns: list[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield at most `limit` rows of one published run (`latest`: the newest), or of all, oldest first.

    Raises:
        InputError: no such run is published.
    """
    files = store.files("matches", *chosen_runs(store, run_id))
    if not files:
        return
    batches = store.dataset(files, MATCHES).to_batches(
        columns=columns, filter=(wanted or MatchFilter()).expression(), batch_size=BATCH_ROWS
    )
    yield from islice((row for batch in batches for row in batch.to_pylist()), limit)


def chosen_runs(store: TableStore, run_id: str | None) -> list[str]:
    """The published runs that `run_id` names: all for None, the newest for `latest`.

    Raises:
        InputError: no such run is published.
    """
    published = store.published()
    if run_id is None:
        return published
    found = published[-1:] if run_id == "latest" else [run_id] if run_id in published else []
    if not found:
        raise InputError(
            f"no run {run_id} is published",
            where=str(store.root),
            remedy="`presswatch runs` lists those that are",
        )
    return found

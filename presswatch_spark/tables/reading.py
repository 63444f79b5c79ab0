"""Rows of `matches` by filter, streamed from the Parquet files without Spark."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.errors import InputError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.show import printable
from presswatch_spark.tables.store import TableStore

BATCH_ROWS = 10_000
# Of more rows than these, documents and articles are not told apart: their names would fill the memory.
ROWS_TOLD_APART = 500_000
DOCUMENT = ("document_url", "shard_uri", "record_offset", "row_index")


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """Which rows are wanted; None, empty and False ask for nothing in particular.

    `own_site`, `elsewhere` and `unknown_site` ask for documents on the publisher's own sites, on others, and
    where nobody knows. They add up.
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
        """Return the filter as an Arrow expression, or None for all rows."""
        terms = [
            pc.field(name) == value
            for name in ("title_id", "publisher_id", "article_id")
            if (value := getattr(self, name)) is not None
        ]
        if self.grades:
            terms.append(pc.field("grade").isin(self.grades))
        if self.confidences:
            terms.append(pc.field("confidence").isin(self.confidences))
        known, own = pc.is_valid(pc.field("own_site")), pc.field("own_site")
        # False, never null, where they do not hold.
        sites = {"own_site": known & own, "elsewhere": known & ~own, "unknown_site": ~known}
        if asked := [term for name, term in sites.items() if getattr(self, name)]:
            terms.append(reduce(or_, asked))
        return reduce(and_, terms) if terms else None


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
    # It loads pandas, as the table does once it is opened.
    from presswatch_spark.tables.bounded import bounded_batches

    rows = store.open_table("matches", *chosen_runs(store, run_id))
    chosen = (wanted or MatchFilter()).expression()
    batches = bounded_batches(rows, columns, chosen, BATCH_ROWS)
    yield from islice((row for batch in batches for row in batch.to_pylist()), limit)


def match_table(
    store: TableStore, run_id: str | None, wanted: MatchFilter, columns: list[str] | None = None
) -> pa.Table:
    """Return as one table what `match_rows` yields without a limit; raises `InputError` as that does."""
    rows = store.open_table("matches", *chosen_runs(store, run_id))
    return rows.to_table(columns=columns, filter=wanted.expression())


def chosen_runs(store: TableStore, run_id: str | None, by: str = "runs") -> list[str]:
    """Return the published runs that `run_id` names: all for None, the newest for `latest`.

    Args:
        by: `runs` for scans, `censuses` for censuses.

    Raises:
        InputError: no such run is published.
    """
    published = store.published(by)
    if run_id is None:
        return published
    found = published[-1:] if run_id == "latest" else [run_id] if run_id in published else []
    if not found:
        if by == "runs" and run_id in store.published("censuses"):
            remedy = "`presswatch sql` reads its rows, in the table captures"
            raise InputError(f"{run_id} is a census and no scan", where=str(store.root), remedy=remedy)
        what = f"no run {run_id} is published" if run_id != "latest" else "no run is published"
        newest = f"; the newest is {published[-1]}" if published else ""
        raise InputError(
            printable(f"{what}{did_you_mean(run_id, published) or newest}"),
            where=str(store.root),
            remedy="`presswatch runs` lists those that are, and those that are not finished",
        )
    return found


@dataclass(frozen=True, slots=True)
class MatchTotals:
    """How many rows a filter lets through: all, by confidence; and the articles and documents they name.

    The last two are None of more than `ROWS_TOLD_APART` rows.
    """

    rows: int
    letters: Mapping[str, int]
    articles: int | None
    documents: int | None


def match_totals(store: TableStore, run_id: str | None, wanted: MatchFilter) -> MatchTotals:
    """Count the rows that `match_rows` yields without a limit; raises `InputError` as that does."""
    letters, articles, documents = Counter[str](), set[int](), set[int]()
    table, rows = store.open_table("matches", *chosen_runs(store, run_id)), 0
    few = table.count_rows() <= ROWS_TOLD_APART
    columns = ["confidence", *(("article_id", *DOCUMENT) if few else ())]
    for batch in table.to_batches(columns=columns, filter=wanted.expression(), batch_size=BATCH_ROWS):
        rows += len(batch)
        letters.update(batch["confidence"].drop_null().to_pylist())
        if few:
            # As numbers: names of all would take several times the memory.
            articles.update(map(hash, batch["article_id"].drop_null().to_pylist()))
            places = zip(*(batch[name].to_pylist() for name in DOCUMENT), strict=True)
            documents.update(hash(place[0] or place[1:]) for place in places)
    return MatchTotals(rows, letters, *((len(articles), len(documents)) if few else (None, None)))

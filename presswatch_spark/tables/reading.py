"""Which published runs are read, and their rows without more in memory than a few row groups."""

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from presswatch_spark.errors import InputError
from presswatch_spark.tables.declarations import SCHEMAS
from presswatch_spark.tables.store import TableStore
from presswatch_spark.terminal import did_you_mean, printable


def column_batches(
    store: TableStore,
    table: str,
    runs: Sequence[str],
    columns: Sequence[str],
    coded: Collection[str] = (),
    batch_rows: int = 10_000,
) -> Iterator[pa.RecordBatch]:
    """Yield columns of the rows of published runs, in their order; a few row groups are in memory.

    Columns that a file lacks are null; strings of the columns `coded` come as dictionaries.
    """
    # It loads pandas, as the tables do once they are opened.
    from presswatch_spark.tables.bounded import bounded_batches

    code = pa.dictionary(pa.int32(), pa.string())
    fields = [SCHEMAS[table].field(name).remove_metadata().with_nullable(True) for name in columns]
    schema = pa.schema([each.with_type(code) if each.name in coded else each for each in fields])
    files = store.files(table, *runs) if runs else []
    yield from bounded_batches(store.dataset(files, schema, coded=coded), columns, rows=batch_rows)


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

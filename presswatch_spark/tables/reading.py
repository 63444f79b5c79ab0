"""Which published runs are read."""

from presswatch_spark.errors import InputError
from presswatch_spark.nearest import did_you_mean
from presswatch_spark.show import printable
from presswatch_spark.tables.store import TableStore


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

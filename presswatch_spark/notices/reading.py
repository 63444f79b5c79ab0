"""Reads the rows of a notice again at their public places, as `verify-rows` does."""

from collections.abc import Sequence

import pyarrow.compute as pc

from presswatch_spark.notices.grounds import Grounds, Place
from presswatch_spark.notices.sealed import read_sealed_again
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


def read_again(
    grounds: Grounds, places: Sequence[Place], mirrors: Sequence[Mirror], storage: StorageOptions
) -> list[str]:
    """Return the `row_sha256` of the places whose documents are still what their rows say, in order."""
    if grounds.source == "bag":
        rows_of_bag = [str(place.match["row_sha256"]) for place in places]
        return read_sealed_again(grounds.where, rows_of_bag, mirrors, storage)
    store = TableStore.open(grounds.tables, storage)
    wanted = {(place.target["run_id"], place.match["row_sha256"]) for place in places}
    names = sorted({row for _, row in wanted})
    table = store.open_table("matches").to_table(filter=pc.field("row_sha256").isin(names))
    rows = [row for row in table.to_pylist() if (row["run_id"], row["row_sha256"]) in wanted]
    verdicts = Audit(store, storage, mirrors).verdicts(rows)
    return sorted({verdict.row["row_sha256"] for verdict in verdicts if verdict.failure is None})

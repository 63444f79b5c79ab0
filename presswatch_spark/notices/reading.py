"""Reads the rows of a notice again at their public places, as `verify-rows` does."""

from collections.abc import Sequence

import pyarrow.compute as pc

from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.notices.grounds import Grounds, Place
from presswatch_spark.notices.sealed import SealedOnce
from presswatch_spark.pointers.audit import Audit
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.tables.store import TableStore


def read_again(
    grounds: Grounds, places: Sequence[Place], mirrors: Sequence[Mirror], bag: SealedOnce
) -> list[str]:
    """Return the `row_sha256` of the places whose documents are still what their rows say, in order.

    Args:
        bag: the bag that the notice rests on, if it rests on one, as it was read and verified.
    """
    storage = bag.storage
    if grounds.source == "bag":
        sealed = bag.claims()
        rows_of_bag = [sealed.rows[place.match["row_sha256"]] for place in places]
        audit = Audit(None, storage, mirrors, readings=sealed.readings)
        return _as_their_rows_say(audit, rows_of_bag)
    store = TableStore.open(grounds.tables, storage)
    wanted = {(place.target["run_id"], place.match["row_sha256"]) for place in places}
    names = sorted({row for _, row in wanted})
    table = store.open_table("matches").to_table(filter=pc.field("row_sha256").isin(names))
    rows = [row for row in table.to_pylist() if (row["run_id"], row["row_sha256"]) in wanted]
    return _as_their_rows_say(Audit(store, storage, mirrors), rows)


def _as_their_rows_say(audit: Audit, rows: Sequence[Row]) -> list[str]:
    verdicts = audit.verdicts(rows)
    return sorted({verdict.row["row_sha256"] for verdict in verdicts if verdict.failure is None})

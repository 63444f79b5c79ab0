"""Opens a case: the claims that are to go, and what later probes must know of the runs that found them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from presswatch_spark.pointers.audit import reading_of
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.targets import Chosen, rows_in, targets_of
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore


@dataclass(frozen=True, slots=True)
class Opened:
    """A new case, and what it was opened of."""

    case: Case
    chosen: Chosen


def open_case(
    tables: str,
    out: str,
    *,
    claims: str | None = None,
    rows: str | None = None,
    confidences: Sequence[str] = (),
    noticed_at: date | None = None,
    storage: StorageOptions | None = None,
) -> Opened:
    """Open a case of claims in a new folder; nothing is asked of any server yet.

    Args:
        tables: the tables of the runs that the claims were made of.
        claims: the folder of the claims; default: `tables`.
        rows: a file that names claims by `row_sha256`.
        confidences: letters of claims, in the place of `rows`.
        noticed_at: the day of the notice; default: today, in UTC.

    Raises:
        InputError: there are no such claims; see `targets_of` and `rows_in`.
        OutputError: `out` holds something, or a table is not as it was published.
    """
    storage = storage or StorageOptions()
    store, judged = TableStore.open(tables, storage), TableStore.open(claims or tables, storage)
    chosen = targets_of(store, judged, rows_in(rows, storage) if rows else (), confidences)
    runs = sorted({target["run_id"] for target in chosen.targets})
    about = {
        "tables": str(store.root),
        "claims": str(judged.root),
        "claims_run": judged.made("claims")[-1],
        "confidences": [] if rows else list(confidences),
        "noticed_at": (noticed_at or datetime.now(UTC).date()).isoformat(),
        "reading": {run_id: reading_of(store, run_id) for run_id in runs},
        "others": chosen.others,
    }
    return Opened(Case.create(out, chosen.targets, about, storage), chosen)

"""Which claims go into a bag: claims of tables, or those of a case of removal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from presswatch_spark.errors import InputError
from presswatch_spark.pointers.audit import rows_by_digest
from presswatch_spark.removal.case import Case
from presswatch_spark.removal.targets import claims_wanted, require_rows, rows_in
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.schemas.claim_tables import CLAIMS
from presswatch_spark.tables.store import TableStore

Row = dict[str, Any]

LETTERS = ("A", "B")
"""The letters of claims that are chosen if nobody says which."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Claims and their rows of `matches`, both by `row_sha256`, and the tables that they are of.

    `licensed`: claims that were left out. `case`: the case that named them, if one did.
    """

    store: TableStore
    judged: TableStore
    claims: Mapping[str, Row]
    rows: Mapping[str, Row]
    licensed: int
    case: Case | None = None

    @property
    def runs(self) -> list[str]:
        """Return the runs that found the rows."""
        return sorted({row["run_id"] for row in self.rows.values()})


def choose(
    path: str,
    storage: StorageOptions,
    *,
    claims: str | None = None,
    rows: str | None = None,
    confidences: Sequence[str] = (),
) -> Chosen:
    """Return the claims of tables, or of a case of removal.

    Args:
        path: the folder of the tables, or of a case, which names its claims itself.
        claims: the folder of the table `claims`; default: the tables, or what the case names.
        rows: a file that names claims by `row_sha256`.
        confidences: letters of claims, in the place of `rows`; default: A and B.

    Raises:
        InputError: there are no such claims, or their rows are not in the tables.
        BrokenCaseError: the case is not as it was written.
    """
    case = Case.at(path, storage)
    if case and (rows or confidences):
        raise InputError("a case names its claims itself", where=path, remedy="leave out the choice of rows")
    tables = str(case.about["tables"]) if case else path
    where = claims or (str(case.about["claims"]) if case else path)
    named = {target["row_sha256"] for target in case.targets()} if case else set[str]()
    named |= rows_in(rows, storage) if rows else set()
    store, judged = TableStore.open(tables, storage), TableStore.open(where, storage)
    wanted, licensed = claims_wanted(judged, named, confidences or LETTERS, CLAIMS.names)
    newest = _newest(wanted)
    found = _newest(rows_by_digest(store, newest.keys()))
    require_rows(newest.keys() - found.keys(), store)
    return Chosen(store, judged, newest, found, licensed, case)


def _newest(rows: Iterable[Row]) -> dict[str, Row]:
    """Return one row of each digest: of the newest run, and there of the first shard by name."""
    found = dict[str, Row]()
    for row in sorted(rows, key=lambda row: str(row.get("shard_uri")), reverse=True):
        before = found.get(row["row_sha256"])
        if before is None or before["run_id"] <= row["run_id"]:
            found[row["row_sha256"]] = row
    return found

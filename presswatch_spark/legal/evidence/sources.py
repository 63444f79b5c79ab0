"""Sources of claims: tables, a removal case, or a sealed bag. See `claims.selection`."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial

from presswatch_spark.claims import selection
from presswatch_spark.claims.selection import REMOVED, Choice, ClaimSource, RecordReading, Selection
from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.legal.evidence import verify
from presswatch_spark.legal.evidence.bag import PROTOCOL, SETTINGS, bag_on_disk
from presswatch_spark.legal.evidence.reading import OpenedBag, require_sound
from presswatch_spark.legal.removal.case import MARKER, RemovalCase
from presswatch_spark.legal.removal.places import target_of, targets_of
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.query.pointers.audit import Audit, rows_with, settings_of
from presswatch_spark.query.reservations import declarations_in_force
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Claim, Match, RightsSignal, Target
from presswatch_spark.tables.seals import UNREADABLE, opened_sealed
from presswatch_spark.tables.store import TableStore

UNREADABLE_BAG = (OSError, ValueError, LookupError, TypeError, *UNREADABLE)


def source_at(path: str, storage: StorageOptions, claims: str | None = None) -> ClaimSource:
    """Open the source of claims in a folder: a removal case, a sealed bag, or the tables of a scan.

    `claims`: the folder of the claims; default: that of the case, the bag itself, or `path`. Raises
    `OutputError` for any other folder or a bag that does not verify, `BrokenCaseError` for a changed case.
    """
    entries = set(Folder.of(path, storage).entries())
    if MARKER in entries:
        return CaseSource(RemovalCase.open(path, storage), storage, claims)
    if verify.SEAL in entries:
        return BagSource(path, storage, claims)
    return TableSource(path, storage, claims)


class TableSource(ClaimSource):
    """The tables of a scan, with claims."""

    kind = "tables"
    judged: TableStore

    def __init__(self, tables: str, storage: StorageOptions, claims: str | None = None) -> None:
        self.store = TableStore.open(tables, storage)
        self.judged = TableStore.open(claims or tables, storage)
        self.audit = Audit(partial(settings_of, self.store), storage)
        self.where, self.claims_at = str(self.store.root), str(self.judged.root)

    def targets(self, choice: Choice) -> tuple[Sequence[Target], dict[str, str], int]:
        """Return the targets of the claims with the chosen rows or letters."""
        chosen = targets_of(self.store, self.judged, choice)
        return chosen.targets, {}, chosen.licensed

    def select_claims(self, choice: Choice) -> Selection:
        """Select the claims with the chosen rows or letters, without licensed ones, and their rows."""
        claims, licensed = selection.chosen_claims(self.judged, choice)
        rows = selection.rows_of_claims(self.store, claims)
        declared = declarations_in_force(self.store, rows)
        return Selection(self, self.store, self.judged, claims, rows, declared, licensed)

    def matches(self, texts: Collection[str]) -> Iterable[Match]:
        """Return the rows of the store."""
        return rows_with(self.store, "text_sha256", texts)

    def declared(self, reservations: Mapping[str, str]) -> Iterator[RightsSignal]:
        """Yield the declarations of the store."""
        found = declarations_in_force(self.store, selection.rows_of_claims(self.store, reservations.keys()))
        for row, status in reservations.items():
            for side in selection.SIDES[status] if row in found else ():
                declaration = getattr(found[row], side)
                if declaration and declaration.row:
                    yield declaration.row


class CaseSource(TableSource):
    """A removal case, which already names its claims; removed places are left out."""

    kind = "case"

    def __init__(self, case: RemovalCase, storage: StorageOptions, claims: str | None = None) -> None:
        super().__init__(str(case.about["tables"]), storage, claims or str(case.about["claims"]))
        self.where, self.case = str(case.folder), case

    @cached_property
    def _status(self) -> CaseStatus:
        return CaseStatus.of(self.case)

    def select_claims(self, choice: Choice) -> Selection:
        """Select all claims of the case, also removed ones, and their rows."""
        if choice:
            raise InputError(
                "a case already selects its claims", where=self.where, remedy="leave out --rows, --confidence"
            )
        return super().select_claims(
            Choice(rows=frozenset(target.row_sha256 for target in self.case.targets()))
        )

    def targets(self, choice: Choice) -> tuple[Sequence[Target], dict[str, str], int]:
        """Return the targets of the case's claims; removed ones are left out."""
        rows = {target.row_sha256 for target in self._status.targets}
        chosen = self.chosen_among(rows, choice)
        wanted = [target for target in self._status.targets if target.row_sha256 in chosen]
        states = self._status.states
        gone = {each.target_sha256: REMOVED for each in wanted if states[each.target_sha256].removed}
        return wanted, gone, 0

    def readings(self, row: str, target: str) -> tuple[RecordReading, ...]:
        """Return the readings of the case's probes."""
        return self._status.readings.get(target, ())


class BagSource(ClaimSource):
    """A whole sealed bag that verifies; its places are the records of its rows."""

    kind = "bag"

    def __init__(self, path: str, storage: StorageOptions, claims: str | None = None) -> None:
        self.where = str(Folder.of(path, storage))
        self.claims_at = claims or self.where
        if self.claims_at not in (path, self.where):
            self.judged = TableStore.open(self.claims_at, storage)
        with bag_on_disk(path, storage) as folder:
            require_sound(folder, path)
            try:
                self._bag = bag = OpenedBag(folder)
                log = opened_sealed((folder / "data/tables/scan_log.parquet").read_bytes()).read().to_pylist()
                shards = {each["shard_uri"]: (each["etag"], each["bytes_expected"]) for each in log}
                rows = {digest: row.as_dict() for digest, row in bag.rows.items()}
                self._targets = {row: target_of(of, of, "record", shards) for row, of in rows.items()}
                self.own_claims = {row: Claim.from_dict(line["claim"]) for row, line in bag.lines.items()}
                began_at = datetime.fromisoformat(parse_json((folder / PROTOCOL).read_bytes())["began_at"])
                self._readings = {
                    row: (RecordReading(began_at, read_from),)
                    for row, line in bag.lines.items()
                    if line["record"]["reason"] is None
                    and (read_from := line[verify.BETWEEN_RUNS].get("read_from"))
                }
                self._declared = {row: line["declared"] for row, line in bag.lines.items()}
                self.seal = {name: str(bag.seal[name]) for name in ("bag_root", "claims_root", "sealed_at")}
                self.own_inputs = dict(parse_json((folder / SETTINGS).read_bytes())["claims"] or {})
                self.audit = Audit(bag.settings_of, storage)
            except UNREADABLE_BAG as error:
                raise OutputError(
                    "this bag lacks what a notice needs",
                    where=path,
                    remedy="pass a bag of `presswatch evidence build`, not a part of one",
                ) from error

    def select_claims(self, choice: Choice) -> Selection:
        """Raise `InputError`: a bag is made from tables or a case, not from a bag."""
        remedy = "pass the tables or the case that the bag was made from"
        raise InputError("this is already a bag", where=self.where, remedy=remedy)

    def targets(self, choice: Choice) -> tuple[Sequence[Target], dict[str, str], int]:
        """Return the records of the chosen rows; those that did not verify in the bag are left out."""
        chosen = self.chosen_among(self._bag.rows.keys(), choice)
        targets = {row: self._targets[row] for row in self._bag.rows if row in chosen}
        unsealed = (targets[row].target_sha256 for row in chosen - self._readings.keys())
        return list(targets.values()), dict.fromkeys(unsealed, selection.UNSEALED), 0

    def matches(self, texts: Collection[str]) -> Iterable[Match]:
        """Return the rows of the bag."""
        return [row for row in self._bag.rows.values() if row.text_sha256 in texts]

    def declared(self, reservations: Mapping[str, str]) -> Iterator[RightsSignal]:
        """Yield the declarations of the bag."""
        for row, status in reservations.items():
            for side in selection.SIDES[status]:
                if signal := self._bag.signals.get(self._declared.get(row, {}).get(side) or ""):
                    yield signal

    def readings(self, row: str, target: str) -> tuple[RecordReading, ...]:
        """Return the reading by which the bag was made."""
        return self._readings.get(row, ())

"""The claims that a person may judge, in one order; those that filters select; and the case of each."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from threading import Lock

from presswatch_spark.claims.case import ExplainedRow, case_of
from presswatch_spark.claims.reviews import VERDICTS
from presswatch_spark.claims.selection import LICENSED, newest_claims
from presswatch_spark.errors import InputError
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.review.verdicts import DISPUTED, NONE
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

ANY = "any"
LETTERS = ("A", "B", "C", "D")
STATES = (NONE, *VERDICTS, DISPUTED)
KEPT = 16
"""Cases that are kept in memory: a page of 200,000 words and its article take about 3 MB."""


@dataclass(frozen=True, slots=True)
class DocketClaim:
    """Columns of `claims` by which a person finds a claim."""

    row_sha256: str
    run_id: str
    kind: str
    confidence: str
    document_host: str | None
    title_id: str
    reasons: Sequence[str]
    review: str | None
    copied_words: int


@dataclass(frozen=True, slots=True)
class Filters:
    """The claims that a person wants to see; `any` letter or verdict, and an empty text, select all."""

    letter: str = "C"
    verdict: str = NONE
    host: str = ""
    title: str = ""
    reason: str = ""

    def select(self, claim: DocketClaim) -> bool:
        """Return whether a claim is selected, whatever its verdict."""
        return (
            self.letter in (ANY, claim.confidence)
            and (not self.host or self.host == claim.document_host)
            and (not self.title or self.title == claim.title_id)
            and (not self.reason or self.reason in claim.reasons)
        )


@dataclass(frozen=True, slots=True)
class Docket:
    """Claims but those under a licence: by host, and there those with most words first.

    `tables`: the folder with the rows that the claims rest on; `claims_at`: the folder of the claims.
    `positions`: the place of each claim by its `row_sha256`. `licensed`: claims that were left out.
    `host_names`, `title_ids` and `codes` of reasons: each once, sorted.
    """

    tables: str
    claims_at: str
    claims: Sequence[DocketClaim]
    positions: Mapping[str, int]
    licensed: int
    host_names: Sequence[str]
    title_ids: Sequence[str]
    codes: Sequence[str]

    @classmethod
    def open(cls, path: str, storage: StorageOptions, tables: str | None = None) -> "Docket":
        """Read the claims of a folder, or of a case of removal.

        Args:
            path: the folder that claims were written to, or a case, which names its claims itself.
            tables: the folder of the scans that the claims were made of; default: the one that the case
                names, or `path`.

        Raises:
            InputError: there are no claims, or no rows that they rest on.
            OutputError: a folder is none of tables.
            BrokenCaseError: the case is not as it was written.
        """
        case = RemovalCase.at(path, storage)
        claims_at = str(case.about["claims"]) if case else path
        tables = tables or (str(case.about["tables"]) if case else path)
        judged, store = TableStore.open(claims_at, storage), TableStore.open(tables, storage)
        if not judged.made("claims"):
            raise InputError(
                "there are no claims here",
                where=str(judged.root),
                remedy="make them (`presswatch claims`), and name their folder",
            )
        if not store.files("matches"):
            raise InputError(
                "the rows that the claims rest on are not here",
                where=str(store.root),
                remedy="name the folder that the claims were made of with --tables",
            )
        columns = [each.name for each in fields(DocketClaim)]
        read = judged.open_table("claims").to_table(columns=columns).to_pylist()
        found = newest_claims(DocketClaim(**row) for row in read)
        if case:
            named = {target.row_sha256 for target in case.targets()}
            found = {row: claim for row, claim in found.items() if row in named}
        claims = [claim for claim in found.values() if claim.kind != LICENSED]
        claims.sort(key=lambda claim: (claim.document_host or "", -claim.copied_words, claim.row_sha256))
        return cls(
            tables=tables,
            claims_at=claims_at,
            claims=claims,
            positions={claim.row_sha256: position for position, claim in enumerate(claims)},
            licensed=len(found) - len(claims),
            host_names=sorted({claim.document_host for claim in claims if claim.document_host is not None}),
            title_ids=sorted({claim.title_id for claim in claims}),
            codes=sorted({code for claim in claims for code in claim.reasons}),
        )

    def select(self, filters: Filters, states: Mapping[str, str]) -> dict[int, str]:
        """Return the positions of claims that filters select, in order, with the state of their verdicts.

        Args:
            states: the state of the verdicts on a row; without one, the claim's own verdict counts.
        """
        return {
            position: states.get(claim.row_sha256, claim.review or NONE)
            for position, claim in enumerate(self.claims)
            if filters.select(claim)
        }


@dataclass(slots=True)
class CaseReader:
    """Reads cases one after the other, for any thread.

    `corpus`: the folder of the corpus; without it, articles and owners are not known. `mirrors`: where
    shards are today.
    """

    docket: Docket
    corpus: str | None
    storage: StorageOptions
    mirrors: Sequence[Mirror] = ()
    _kept: OrderedDict[str, ExplainedRow] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, row: str) -> ExplainedRow:
        """Return the case of a row. A page that could not be read is requested again the next time.

        Raises:
            PresswatchError: the row, its claim or the corpus cannot be read. A page that cannot be read is
                none of these: its case names the reason.
        """
        with self._lock:
            if row not in self._kept:
                ask_anew()
                docket = self.docket
                case = case_of(
                    docket.tables, row, self.corpus, self.storage, self.mirrors, claims=docket.claims_at
                )
                if case.page is None:
                    return case
                self._kept[row] = case
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(row)
            return self._kept[row]

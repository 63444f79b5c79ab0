"""The claims that a person may judge, in one order: those that a filter leaves, and the case of each."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from threading import Lock

import numpy as np
import numpy.typing as npt

from presswatch_spark.claims.case import ExplainedRow, case_of
from presswatch_spark.claims.reviews import VERDICTS
from presswatch_spark.claims.selection import newest_claims
from presswatch_spark.errors import InputError, PresswatchError
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.review.verdicts import DISPUTED, NONE
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.store import TableStore

ANY = "any"
LETTERS = ("A", "B", "C", "D")
STATES = (NONE, *VERDICTS, DISPUTED)
LICENSED = "licensed"
KEPT = 16
"""Cases that are kept in memory: a page of 200,000 words and its article take some 3 MB."""


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
    """What a person wants to see; `any` letter or verdict is every one, and so is an empty text."""

    letter: str = "C"
    verdict: str = NONE
    host: str = ""
    title: str = ""
    reason: str = ""

    def of_verdict(self, verdict: str) -> "Filters":
        """Return the same with another wish for a verdict."""
        return replace(self, verdict=verdict)


@dataclass(frozen=True, slots=True)
class Docket:
    """Claims but those under a licence: by host, and there those with most words first.

    Columns have a value for each claim, in this order; `positions` leads from a row to its place. `tables`:
    the folder with the rows that the claims rest on; `claims`: the folder of the claims. `licensed`: claims
    that were left out. `host_names`, `title_ids` and `codes`: what there is of each, once and sorted.
    """

    tables: str
    claims: str
    rows: Sequence[str]
    letters: npt.NDArray[np.object_]
    hosts: npt.NDArray[np.object_]
    titles: npt.NDArray[np.object_]
    reasons: Sequence[Sequence[str]]
    reviews: npt.NDArray[np.object_]
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
            tables: the folder of the scans that the claims were made of; default: what the case names, or
                `path`.

        Raises:
            InputError: there are no claims, or no rows that they rest on.
            OutputError: a folder is none of tables.
            BrokenCaseError: the case is not as it was written.
        """
        case = RemovalCase.at(path, storage)
        claims = str(case.about["claims"]) if case else path
        tables = tables or (str(case.about["tables"]) if case else path)
        judged, store = TableStore.open(claims, storage), TableStore.open(tables, storage)
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
        wanted = {target.row_sha256 for target in case.targets()} if case else None
        return cls._of(
            tables, claims, [claim for row, claim in found.items() if wanted is None or row in wanted]
        )

    @classmethod
    def _of(cls, tables: str, claims: str, found: Sequence[DocketClaim]) -> "Docket":
        left = [claim for claim in found if claim.kind != LICENSED]
        left.sort(key=lambda claim: (claim.document_host or "", -claim.copied_words, claim.row_sha256))
        rows = [claim.row_sha256 for claim in left]
        return cls(
            tables=tables,
            claims=claims,
            rows=rows,
            letters=_column(left, "confidence"),
            hosts=_column(left, "document_host"),
            titles=_column(left, "title_id"),
            reasons=[claim.reasons for claim in left],
            reviews=_column(left, "review"),
            positions={row: position for position, row in enumerate(rows)},
            licensed=len(found) - len(left),
            host_names=sorted({claim.document_host for claim in left if claim.document_host is not None}),
            title_ids=sorted({claim.title_id for claim in left}),
            codes=sorted({code for claim in left for code in claim.reasons}),
        )

    def select(self, filters: Filters, states: Mapping[str, str]) -> list[int]:
        """Return the positions that filters leave, in order.

        Args:
            states: what the verdicts on a row come to. For one that it lacks, the claim's own verdict holds.
        """
        left = np.ones(len(self.rows), bool)
        if filters.letter != ANY:
            left &= self.letters == filters.letter
        if filters.host:
            left &= self.hosts == filters.host
        if filters.title:
            left &= self.titles == filters.title
        if filters.reason:
            left &= np.array([filters.reason in reasons for reasons in self.reasons], bool)
        if filters.verdict != ANY:
            left &= self._states(states) == filters.verdict
        return [int(position) for position in np.flatnonzero(left)]

    def _states(self, states: Mapping[str, str]) -> npt.NDArray[np.object_]:
        found = np.where(self.reviews == None, NONE, self.reviews)  # noqa: E711 it compares each element
        for row, state in states.items():
            if row in self.positions:
                found[self.positions[row]] = state
        return found


def _column(claims: Sequence[DocketClaim], name: str) -> npt.NDArray[np.object_]:
    column = np.empty(len(claims), object)
    column[:] = [getattr(claim, name) for claim in claims]
    return column


@dataclass(slots=True)
class CaseReader:
    """Reads cases one after the other, whichever thread asks.

    `corpus`: the folder of the corpus, or None; then nothing is known of articles and owners. `mirrors`:
    where shards lie today.
    """

    docket: Docket
    corpus: str | None
    storage: StorageOptions
    mirrors: Sequence[Mirror] = ()
    _kept: OrderedDict[str, ExplainedRow] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, row: str) -> ExplainedRow:
        """Return the case of a row. What could not be read is asked for again the next time.

        Raises:
            PresswatchError: the row, its claim or the corpus cannot be read. A page that cannot be read is
                none of these: its case says why.
        """
        with self._lock:
            if row not in self._kept:
                ask_anew()
                docket = self.docket
                case = case_of(
                    docket.tables, row, self.corpus, self.storage, self.mirrors, claims=docket.claims
                )
                if case.page is None:
                    return case
                self._kept[row] = case
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(row)
            return self._kept[row]

    def read_ahead(self, row: str | None) -> None:
        """Read a case that will be wanted; what fails is told when it is wanted."""
        if row is None:
            return
        try:
            self.read(row)
        except PresswatchError:
            pass

"""Reads the case of a claim, with both texts, and keeps those that were read last."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from presswatch_spark.claims.case import ExplainedRow, case_of
from presswatch_spark.errors import PresswatchError
from presswatch_spark.pointers.pointer import Mirror
from presswatch_spark.review.docket import Docket
from presswatch_spark.storage.host_limits import ask_anew
from presswatch_spark.storage.objects import StorageOptions

KEPT = 16
"""Cases that are kept in memory: a page of 200,000 words and its article take some 3 MB."""


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

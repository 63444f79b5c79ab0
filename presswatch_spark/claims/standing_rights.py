"""Licence, mandate, rights and reservation of each row: what holds for the claim beside its words."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from presswatch_spark.claims.inputs import Knowledge
from presswatch_spark.claims.legal_rights import rights_of
from presswatch_spark.claims.mandates import mandate_of
from presswatch_spark.claims.pages import NO_TIME, day_of
from presswatch_spark.claims.reservations import OwnSites
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.rights.declaration import UNKNOWN

KEPT = 1 << 16


class StandingRights:
    """Answers for one row at a time, and keeps the answers it gave last."""

    def __init__(self, knowledge: Knowledge, registry: Registry) -> None:
        self._licences, self._as_of = knowledge.licences, knowledge.as_of
        self._publishers = {publisher.id: publisher for publisher in registry.publishers}
        signals = knowledge.signals
        self._sites = OwnSites(signals, knowledge.pages) if signals is not None and len(signals) else None
        self.mandate = lru_cache(KEPT)(self._mandate)
        self.rights = lru_cache(KEPT)(self._rights)

    @property
    def are_signals_read(self) -> bool:
        """Whether there are declarations of sites to ask; without them no reservation is known."""
        return self._sites is not None

    def licence(self, host: str | None, title_id: str, captured: int) -> str | None:
        """Return the licence that covers a title on a host at a time of capture, in microseconds."""
        if not self._licences.licences:
            return None
        day = None if captured == NO_TIME else day_of(captured).date()
        licence = self._licences.covering(host, title_id, day)
        return licence.id if licence else None

    def reservation(self, url: str | None, at: datetime | None) -> str:
        """Return what the article's own site declared of its URL around a capture."""
        return self._sites.status(url, at) if self._sites else UNKNOWN

    def _mandate(self, publisher_id: str, published_day: date | None) -> str:
        return mandate_of(self._publishers.get(publisher_id), published_day, self._as_of)

    def _rights(self, published_day: date | None, captured_day: date | None) -> Sequence[str]:
        return rights_of(_midnight(published_day), _midnight(captured_day), self._as_of)


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)

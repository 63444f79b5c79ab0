"""From a capture to rows of `rights_signals`: whether it is a member's, whose, and what it declares."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from presswatch_spark.formats.http.message import site_file
from presswatch_spark.judgement.sites import SiteIndex, may_be_known
from presswatch_spark.judgement.urls import hosts_above, page_url
from presswatch_spark.model import Article, Capture
from presswatch_spark.rights.declaration import place_of
from presswatch_spark.rights.signals import signals_of
from presswatch_spark.tables.declarations import RightsSignal
from presswatch_spark.tables.digests import row_digest, storable


class CorpusTitles(Protocol):
    """What `Members` asks of a corpus. Articles go by their ordinals."""

    @property
    def sites(self) -> SiteIndex: ...  # noqa: D102
    def article(self, ordinal: int) -> Article: ...  # noqa: D102
    def urls(self, ordinal: int) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a capture is; None for the title or the publisher if several share the host."""

    title_id: str | None
    publisher_id: str | None


@dataclass(frozen=True, slots=True)
class Members:
    """Finds the member that a capture belongs to, by its URL."""

    corpus: CorpusTitles

    def wants(self, url: str) -> bool:
        """Whether a response at this URL may declare something for a member; 5 µs for other hosts."""
        return may_be_known(url, self.corpus.sites.hosts) and self.owner(url) is not None

    def owner(self, url: str) -> Owner | None:
        """Return who owns a page or a host's file; None if no member does.

        A page belongs to the title whose site it is on, or else to the article at its URL. A file belongs to
        the titles on its host or on a part of it.
        """
        if site_file(url):
            return self._owner_of_host(url)
        match = self.corpus.sites.match(url, self.corpus.urls)
        if match is None:
            return None
        if match.title_id is None:
            article = self.corpus.article(match.articles[0])
            return Owner(article.title_id, article.publisher_id)
        return Owner(match.title_id, match.publisher_id)

    def _owner_of_host(self, url: str) -> Owner | None:
        page = page_url(url)
        names = hosts_above(page.host) if page else ()
        sites = next((sites for name in names if (sites := self.corpus.sites.sites.get(name))), ())
        if not sites:
            return None
        titles, publishers = {site.title_id for site in sites}, {site.publisher_id for site in sites}
        return Owner(*(ids.pop() if len(ids) == 1 else None for ids in (titles, publishers)))


def signal_rows(
    capture: Capture, members: Members, shard_uri: str, release: str | None
) -> Iterator[RightsSignal]:
    """Yield the rows of `rights_signals` of a capture, digested, and without a run id.

    A capture that is no member's gives none. `release` is used for captures that do not name their own.
    """
    owner, place = members.owner(capture.url), place_of(capture.url)
    if owner is None or place is None:
        return
    locator = capture.locator
    digest: str | None = None
    for signal in signals_of(capture):
        if digest is None and signal.source != "header":
            digest = hashlib.sha256(capture.body).hexdigest()
        row = RightsSignal(
            run_id="",
            release=storable(locator.release or release),
            document_url=storable(capture.url),
            host=storable(place.host),
            title_id=owner.title_id,
            publisher_id=owner.publisher_id,
            content_sha256=digest if signal.source != "header" else None,
            shard_uri=shard_uri,
            record_id=storable(locator.record_id),
            record_offset=locator.record_offset,
            record_length=locator.record_length,
            record_encoding=locator.record_encoding,
            captured_at=locator.captured_at,
            http_status=locator.http_status,
            row_sha256="",
            **asdict(signal),
        )
        yield row.with_columns(row_sha256=row_digest(row))

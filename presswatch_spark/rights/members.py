"""Whose captures are of interest: members' pages, and the files of the hosts that they are on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from presswatch_spark.formats.http.site_files import site_file
from presswatch_spark.judgement.hosts import may_be_known
from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.judgement.urls import page_url


class Owned(Protocol):
    """What is asked of an article."""

    @property
    def title_id(self) -> str: ...  # noqa: D102
    @property
    def publisher_id(self) -> str: ...  # noqa: D102


class Corpus(Protocol):
    """What is asked of a corpus. Articles go by their ordinals."""

    @property
    def sites(self) -> SiteIndex: ...  # noqa: D102
    def article(self, ordinal: int) -> Owned: ...  # noqa: D102
    def urls(self, ordinal: int) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a capture is. Of a host that several titles or publishers share, there is no one of them."""

    title_id: str | None
    publisher_id: str | None


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a corpus, by the URLs of captures."""

    corpus: Corpus

    def wants(self, url: str) -> bool:
        """Whether a response at this URL may declare something for a member. Some 5 µs for other hosts."""
        return may_be_known(url, self.corpus.sites.hosts) and self.owner(url) is not None

    def owner(self, url: str) -> Owner | None:
        """Who owns a page or a host's file; None if no member does.

        A page is the title's on whose site it is; on no title's site, that of the article at its URL. A file
        is that of the titles on its host or a part of it.
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
        labels = page.host.split(".") if page else []
        domains = (".".join(labels[k:]) for k in range(len(labels)))
        sites = next((found for name in domains if (found := self.corpus.sites.sites.get(name))), ())
        if not sites:
            return None
        titles, publishers = {site.title_id for site in sites}, {site.publisher_id for site in sites}
        return Owner(*(found.pop() if len(found) == 1 else None for found in (titles, publishers)))

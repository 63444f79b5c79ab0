"""Where pages stand: their host and registered domain, and whose site that is by the members file of today.

A run knows the members of its day. If a site was named a member's since, its pages are that member's now: a
claim against them would be one against an own site, or against another member. So a row's own word is kept,
and what the corpus knows beyond it is added.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.judgement.suffixes import registered_domain
from presswatch_spark.judgement.urls import (
    AMP_CACHES,
    GOOGLE_HOSTS,
    host_of,
    hosts_above,
    page_url,
    without_www,
)

Text = str | None
_HOSTS_KEPT = 1 << 16


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pages of n rows stand; None where that is not known.

    `hosts` and `domains`: of the URL. `sites`: the host of the page; it is another one if the URL is that of
    an AMP cache, which holds pages of all hosts. `own`: whether it is the publisher's; `others`: whether it
    is another member's.
    """

    hosts: Sequence[Text]
    domains: Sequence[Text]
    sites: Sequence[Text]
    own: Sequence[bool]
    others: Sequence[bool]


class PlaceReader:
    """Finds where pages stand by their URLs, what their rows say, and the sites of a corpus."""

    def __init__(self, sites: SiteIndex) -> None:
        self._sites = sites
        self._may_be_members = lru_cache(_HOSTS_KEPT)(self._asks_whose)

    def read(self, rows: pa.Table) -> Places:
        """Return where the pages of rows of `inputs.INPUT` stand."""
        urls, hosts = rows["document_url"].to_pylist(), rows["document_host"].to_pylist()
        domains, sites = rows["document_domain"].to_pylist(), list[Text]()
        own = [bool(said) for said in rows["own_site"].to_pylist()]
        others = [
            title is not None and not own[i] for i, title in enumerate(rows["site_title_id"].to_pylist())
        ]
        publishers = rows["publisher_id"].to_pylist()
        for i, url in enumerate(urls):
            if url is not None and hosts[i] is None and (host := host_of(url)):
                # Older runs do not say it.
                hosts[i], domains[i] = host, registered_domain(host)
            sites.append(_page_host(url, hosts[i]))
            if not own[i] and url is not None and self._may_be_members(sites[i]):
                site = self._sites.match(url, lambda _: ())
                publisher = site and site.publisher_id
                own[i] = publisher == publishers[i]
                others[i] = not own[i] and (others[i] or publisher is not None)
        return Places(hosts, domains, sites, own, others)

    def _asks_whose(self, host: Text) -> bool:
        """Whether a host is one on which a member has a site, or below one."""
        return any(name in self._sites.sites for name in hosts_above(host or ""))


def _page_host(url: Text, host: Text) -> Text:
    """Return the host of the page at a URL, whose own host is given."""
    if url is None or host is None or not is_amp_cache(host):
        return host
    page = page_url(url)
    return page.host if page else host


@lru_cache(_HOSTS_KEPT)
def is_amp_cache(host: str) -> bool:
    """Whether a host shows pages of other hosts as AMP pages, at some of its addresses."""
    return f".{host}".endswith(AMP_CACHES) or without_www(host) in GOOGLE_HOSTS

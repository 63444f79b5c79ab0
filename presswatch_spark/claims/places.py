"""Where pages stand: their host and registered domain, and whose site that is by the members file of today.

A run knows the members of its day. If a site was named a member's since, its pages are that member's now: a
claim against them would be one against an own site, or against another member. So a row's own word is kept,
and what the corpus knows beyond it is added.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.distinct import Marks, marks_of, whole
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
    """Where the pages of n rows stand; null where that is not known.

    `hosts` and `domains`: of the URL. `sites`: the host of the page; it is another one if the URL is that of
    an AMP cache, which holds pages of all hosts. `own` bool[n]: whether it is the publisher's; `others`
    bool[n]: whether it is another member's.
    """

    hosts: pa.Array
    domains: pa.Array
    sites: pa.Array
    own: Marks
    others: Marks


class PlaceReader:
    """Finds where pages stand by their URLs, what their rows say, and the sites of a corpus."""

    def __init__(self, sites: SiteIndex) -> None:
        self._sites = sites
        self._may_be_members = lru_cache(_HOSTS_KEPT)(self._asks_whose)

    def read(self, rows: pa.Table) -> Places:
        """Return where the pages of rows of `inputs.INPUT` stand."""
        urls, publishers = whole(rows["document_url"]), whole(rows["publisher_id"])
        hosts, domains = _named(urls, whole(rows["document_host"]), whole(rows["document_domain"]))
        sites = _page_hosts(urls, hosts)
        own = _numpy(pc.fill_null(whole(rows["own_site"]), False)).copy()
        others = _numpy(pc.is_valid(whole(rows["site_title_id"]))) & ~own
        asked = ~own & _numpy(pc.is_valid(urls)) & marks_of(sites, self._may_be_members)
        for i in np.flatnonzero(asked).tolist():
            site = self._sites.match(urls[i].as_py(), lambda _: ())
            publisher = site and site.publisher_id
            own[i] = publisher == publishers[i].as_py()
            others[i] = not own[i] and (others[i] or publisher is not None)
        return Places(hosts, domains, sites, own, others)

    def _asks_whose(self, host: Text) -> bool:
        """Whether a host is one on which a member has a site, or below one."""
        return any(name in self._sites.sites for name in hosts_above(host or ""))


def _named(urls: pa.Array, hosts: pa.Array, domains: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return hosts and domains; rows of older runs do not say them, so they are those of the URLs."""
    silent = np.flatnonzero(_numpy(pc.and_(pc.is_valid(urls), pc.is_null(hosts))))
    if not len(silent):
        return hosts, domains
    named, registered = hosts.to_pylist(), domains.to_pylist()
    for i in silent.tolist():
        if host := host_of(urls[i].as_py()):
            named[i], registered[i] = host, registered_domain(host)
    return pa.array(named, pa.string()), pa.array(registered, pa.string())


def _page_hosts(urls: pa.Array, hosts: pa.Array) -> pa.Array:
    """Return the hosts of the pages at URLs, whose own hosts are given."""
    cached = np.flatnonzero(marks_of(hosts, _is_cache) & _numpy(pc.is_valid(urls)))
    if not len(cached):
        return hosts
    found = hosts.to_pylist()
    for i in cached.tolist():
        page = page_url(urls[i].as_py())
        found[i] = page.host if page else found[i]
    return pa.array(found, pa.string())


def _is_cache(host: Text) -> bool:
    return host is not None and is_amp_cache(host)


def _numpy(marks: pa.Array) -> Marks:
    found: Marks = marks.to_numpy(zero_copy_only=False)
    return found


@lru_cache(_HOSTS_KEPT)
def is_amp_cache(host: str) -> bool:
    """Whether a host shows pages of other hosts as AMP pages, at some of its addresses."""
    return f".{host}".endswith(AMP_CACHES) or without_www(host) in GOOGLE_HOSTS

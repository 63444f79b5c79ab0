"""Facts of the pages of rows: their sites, the owners of the sites, and times of capture.

Facts that a row states are kept. Sites that became sites of members after its run are added from the corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.licences import PressList
from presswatch_spark.claims.other_sources import CREDITED, EARLY, NOWHERE, OF_PRESS, PRINTED
from presswatch_spark.claims.row_groups import Counts, Marks, as_array, group_rows, marks_of, values_of
from presswatch_spark.core.times import EPOCH
from presswatch_spark.corpus.members import Registry
from presswatch_spark.matching.judgement.grading import CAPTURE_YEARS, publication_of
from presswatch_spark.matching.judgement.originals import copy_at, may_be_copy, original_page
from presswatch_spark.matching.judgement.public_suffixes import registered_domain
from presswatch_spark.matching.judgement.sites import SiteIndex
from presswatch_spark.matching.judgement.urls import host_of, hosts_above

MICROS_A_DAY = 86_400_000_000
NO_TIME = np.iinfo(np.int64).min
_HOSTS_KEPT = 1 << 16
_FIRST, _AFTER = (
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    for year in (CAPTURE_YEARS.start, CAPTURE_YEARS.stop)
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """Facts of the pages of n rows; null if unknown or not listed.

    `sites`: the hosts of the original pages, even if URLs are those of copies. `kinds`: of the claim, except
    `licensed`. `captured` and `published` int64[n]: microseconds since 1970, or `NO_TIME`. `domain_numbers`
    int64[n]: of each page's domain, from 0; `NOWHERE` on own sites and without a URL. `fact_bits` int64[n]:
    `EARLY`, `CREDITED`, `PRINTED` and `OF_PRESS` of `other_sources`.
    """

    hosts: pa.Array
    domains: pa.Array
    sites: pa.Array
    press_kinds: pa.Array
    kinds: pa.Array
    captured: Counts
    published: Counts
    domain_numbers: Counts
    fact_bits: Counts


class PageReader:
    """Finds the facts of pages by their URLs, the rows, the sites of a corpus, and the press list."""

    def __init__(self, registry: Registry, sites: SiteIndex, press: PressList, early_days: int) -> None:
        self._sites = sites
        self._may_be_members = lru_cache(_HOSTS_KEPT)(
            lambda host: any(name in sites.sites for name in hosts_above(host or ""))
        )
        self._own = {
            publisher.id: {
                registered_domain(site.partition("/")[0])
                for title in publisher.titles
                for site in (*title.domains, *title.url_prefixes)
            }
            for publisher in registry.publishers
        }
        self._early = early_days * MICROS_A_DAY
        self._kind = lru_cache(_HOSTS_KEPT)(press.kind_of)

    def read(self, rows: pa.Table) -> PageFacts:
        """Return the facts of the pages of rows of `make.INPUT`."""
        urls, publishers = as_array(rows["document_url"]), as_array(rows["publisher_id"])
        has_url = np.asarray(pc.is_valid(urls))
        hosts, domains = _named(urls, as_array(rows["document_host"]), as_array(rows["document_domain"]))
        sites, copies = hosts, marks_of(hosts, may_be_copy) & has_url
        if copies.any():
            # A copy counts for the host of its original.
            originals = hosts.to_pylist()
            for i in np.flatnonzero(copies).tolist():
                url = urls[i].as_py()
                copies[i] = copy_at(url) is not None
                if page := original_page(url):
                    originals[i] = page.host
            sites = pa.array(originals, pa.string())
        own = np.asarray(pc.fill_null(as_array(rows["own_site"]), False)).copy()
        others = np.asarray(pc.is_valid(as_array(rows["site_title_id"]))) & ~own
        asked = ~own & has_url & marks_of(sites, self._may_be_members)
        for i in np.flatnonzero(asked).tolist():
            site = self._sites.match(urls[i].as_py(), lambda _: ())
            publisher = site and site.publisher_id
            own[i] = publisher == publishers[i].as_py()
            others[i] = not own[i] and (others[i] or publisher is not None)

        same = group_rows(sites, publishers, own, others, copies)
        marks = (each[same.first].tolist() for each in (own, others, copies))
        distinct = zip(values_of(sites, same.first), values_of(publishers, same.first), *marks, strict=True)
        kinds, press_kinds, numbers, facts = self._of_each(list(distinct))
        captured, published = _micros(rows["captured_at"]), _micros(rows["article_published_at"])
        # A time that no crawler can have written counts as unknown.
        captured = np.where((captured >= _FIRST) & (captured < _AFTER), captured, NO_TIME)
        facts = facts[same.group_of]
        facts |= EARLY * (captured < self._early_until(rows, own)) * (captured != NO_TIME)
        facts |= CREDITED * pc.fill_null(rows["credits_others"], False).to_numpy()
        of_press, of_claims = (same.expand(each, pa.string()) for each in (press_kinds, kinds))
        number = numbers[same.group_of]
        return PageFacts(hosts, domains, sites, of_press, of_claims, captured, published, number, facts)

    def _early_until(self, rows: pa.Table, own: Marks) -> Counts:
        """Return the time until which pages count as captured before publication: int64[n] as in `PageFacts`.

        For own pages, it is the publication; else its latest possible time plus `early_days` minus one.
        """
        moments, zones = rows["article_published_at"], rows["article_time_zone"]
        same = group_rows(moments, zones, own)
        found = np.full(len(same.first), NO_TIME)
        given = (values_of(moments, same.first), values_of(zones, same.first), own[same.first].tolist())
        for i, (published_at, zone, is_own) in enumerate(zip(*given, strict=True)):
            if published_at is None:
                continue
            publication = publication_of(published_at, zone)
            last = publication.begins if is_own or not self._early else publication.latest
            more = 0 if is_own else max(0, self._early - MICROS_A_DAY)
            found[i] = (last - EPOCH) // timedelta(microseconds=1) + more
        return found[same.group_of]

    def _of_each(
        self, pages: Sequence[tuple[str | None, str, bool, bool, bool]]
    ) -> tuple[list[str], list[str | None], Counts, Counts]:
        numbers_of: dict[str, int] = {}
        numbers, facts = np.full(len(pages), NOWHERE), np.zeros(len(pages), np.int64)
        kinds, press_kinds = list[str](), list[str | None]()
        for i, (site, publisher, own_site, other, is_copy) in enumerate(pages):
            domain = site and registered_domain(site)
            own = own_site or domain in self._own.get(publisher, ())
            kind = None if own else self._kind(site)
            facts[i] = OF_PRESS * (kind is not None)
            if domain is not None and not own:
                numbers[i] = numbers_of.setdefault(domain, len(numbers_of))
                facts[i] |= PRINTED * (kind is not None or other)
            press_kinds.append(kind)
            own_kind = "own_page_copy" if is_copy else "own_page"
            kinds.append(own_kind if own_site else "reprint" if other else "copy")
        return kinds, press_kinds, numbers, facts


def _named(urls: pa.Array, hosts: pa.Array, domains: pa.Array) -> tuple[pa.Array, pa.Array]:
    # Rows of older runs lack hosts and domains.
    unnamed = np.flatnonzero(np.asarray(pc.and_(pc.is_valid(urls), pc.is_null(hosts))))
    if not len(unnamed):
        return hosts, domains
    named, registered = hosts.to_pylist(), domains.to_pylist()
    for i in unnamed.tolist():
        if host := host_of(urls[i].as_py()):
            named[i], registered[i] = host, registered_domain(host)
    return pa.array(named, pa.string()), pa.array(registered, pa.string())


def _micros(column: pa.ChunkedArray) -> Counts:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), NO_TIME))

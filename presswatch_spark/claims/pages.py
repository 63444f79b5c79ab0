"""What is known of the pages that rows are about: whose they are, and whether they were there before."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from presswatch_spark.claims.distinct import Counts, alike, values_of
from presswatch_spark.claims.explained import CREDITED, EARLY, NOWHERE, OF_PRESS, PRINTED
from presswatch_spark.claims.places import PlaceReader, Places, Text
from presswatch_spark.claims.press import PressList
from presswatch_spark.corpus.registry import Registry
from presswatch_spark.judgement.grading import CAPTURE_YEARS
from presswatch_spark.judgement.sites import SiteIndex
from presswatch_spark.judgement.suffixes import registered_domain

MICROS_A_DAY = 86_400_000_000
NO_TIME = np.iinfo(np.int64).min
_HOSTS_KEPT = 1 << 16
_FIRST, _AFTER = (
    int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)
    for year in (CAPTURE_YEARS.start, CAPTURE_YEARS.stop)
)


@dataclass(frozen=True, slots=True)
class Pages:
    """Facts of the pages of n rows.

    `hosts`, `domains`, `sites` and `press_kinds`: null where not known, or not listed; `sites` are the
    hosts of the pages themselves, as in `Places`. `kinds`: of the claim, but for `licensed`. `captured` and
    `published` int64[n]: microseconds since 1970, `NO_TIME` if not known. `numbers` int64[n] of the domains,
    or `NOWHERE`. `facts` int64[n]: see `explained.EARLY`.
    """

    hosts: pa.Array
    domains: pa.Array
    sites: pa.Array
    press_kinds: pa.Array
    kinds: pa.Array
    captured: Counts
    published: Counts
    numbers: Counts
    facts: Counts


class PageReader:
    """Finds the facts of pages by the members' file and the press list."""

    def __init__(self, registry: Registry, sites: SiteIndex, press: PressList, early_days: int) -> None:
        self._places = PlaceReader(sites)
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

    def read(self, rows: pa.Table) -> Pages:
        """Return the facts of the pages of rows of `inputs.INPUT`."""
        places = self._places.read(rows)
        same = alike(places.sites, rows["publisher_id"], places.own, places.others)
        kinds, press_kinds, numbers, facts = self._of_each(places, rows["publisher_id"], same.first)
        captured, published = captured_at(rows), _micros(rows["article_published_at"])
        known = (captured != NO_TIME) & (published != NO_TIME)
        facts = facts[same.kind_of]
        early = known & (captured < published + np.where(places.own, 0, self._early))
        facts |= EARLY * early
        facts |= CREDITED * pc.fill_null(rows["credits_others"], False).to_numpy()
        return Pages(
            places.hosts,
            places.domains,
            places.sites,
            same.spread(press_kinds, pa.string()),
            same.spread(kinds, pa.string()),
            captured,
            published,
            numbers[same.kind_of],
            facts,
        )

    def _of_each(
        self, places: Places, publishers: pa.ChunkedArray, rows: Counts
    ) -> tuple[list[str], list[Text], Counts, Counts]:
        """Return kinds, press kinds, numbers and facts of pages, as far as sites and publishers decide."""
        numbers_of: dict[str, int] = {}
        numbers, facts = np.empty(len(rows), np.int64), np.zeros(len(rows), np.int64)
        kinds, press_kinds = list[str](), list[Text]()
        given = (
            values_of(places.sites, rows),
            values_of(publishers, rows),
            places.own[rows].tolist(),
            places.others[rows].tolist(),
        )
        for i, (site, publisher, own_site, other) in enumerate(zip(*given, strict=True)):
            domain = site and registered_domain(site)
            own = own_site or domain in self._own.get(publisher, ())
            kind = None if own else self._kind(site)
            if domain is None or own:
                numbers[i], printed = NOWHERE, False
            else:
                numbers[i] = numbers_of.setdefault(domain, len(numbers_of))
                printed = kind is not None or other
            facts[i] = PRINTED * printed + OF_PRESS * (kind is not None)
            press_kinds.append(kind)
            kinds.append("own_page" if own_site else "reprint" if other else "copy")
        return kinds, press_kinds, numbers, facts


def captured_at(rows: pa.Table) -> Counts:
    """Return the times of capture, int64 as in `Pages`; what no crawler can have written is not known."""
    captured = _micros(rows["captured_at"])
    return np.where((captured >= _FIRST) & (captured < _AFTER), captured, NO_TIME)


def day_of(micros: int) -> datetime:
    """Return the moment of so many microseconds since 1970."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC)


def _micros(column: pa.ChunkedArray) -> Counts:
    found: Counts = pc.fill_null(column.cast(pa.int64()), NO_TIME).to_numpy()
    return found

"""Whether a document stands on a member's site: at an article's very URL, on a title's site, or neither.

A kernel (`url_bytes`) drops the documents on foreign hosts by their URL's bytes; the others are decided
exactly, on normal forms compared as strings. Host names match by whole labels from the right:
`blogs.journal.example` is on `journal.example`. Paths match by whole names from the left: `/eco/budget` is
under `/eco`, and `/economie` is not. If several sites match, the most specific host wins, then the longest
prefix.

A folder of the corpus holds `hosts.npy` (uint64, a host table), `url_hashes.npy` (uint64, sorted) with
`url_ordinals.npy` (uint32), and `titles.json`.
"""

import json
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.judgement.page_copies import SERVICE_HOSTS, original_page
from presswatch_spark.judgement.url_bytes import Hashes, host_table, known_hosts
from presswatch_spark.judgement.urls import (
    PageUrl,
    hosts_above,
    page_url,
    path_prefix,
    without_www,
)
from presswatch_spark.model import DocumentBatch

HOSTS_FILE, HASHES_FILE, ORDINALS_FILE, TITLES_FILE = (
    "hosts.npy",
    "url_hashes.npy",
    "url_ordinals.npy",
    "titles.json",
)


class TitleFacts(Protocol):
    """The facts of a title that an index needs: `domains` are host names, `url_prefixes` are `host/path`."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def publisher_id(self) -> str: ...  # noqa: D102
    @property
    def domains(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def url_prefixes(self) -> tuple[str, ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class SiteMatch:
    """Where a document stands: the title whose site it is on, if any; the ordinals of articles at its URL."""

    title_id: str | None
    publisher_id: str | None
    articles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Site:
    path: str
    title_id: str
    publisher_id: str


@dataclass(frozen=True, slots=True)
class TitleSites:
    """The sites of all titles; `title_ids` are those titles."""

    title_ids: frozenset[str]
    by_host: Mapping[str, tuple[_Site, ...]]

    @classmethod
    def of(cls, titles: Iterable[TitleFacts]) -> Self:
        """Return the sites of titles."""
        owners = _owners(titles)
        return cls(frozenset(owners), _by_host(owners))

    def title_at(self, url: str) -> str | None:
        """Return the title on whose site a URL is; None if it is on none, or is not a URL."""
        page = page_url(url)
        site = _site_of(page, self.by_host) if page else None
        return site.title_id if site else None


@dataclass(frozen=True, slots=True)
class UrlKeys:
    """Articles' URLs as an index takes them: `hashes` uint64[u] of their normal forms, `ordinals` uint32[u].

    `sites` are the hosts of those normal forms.
    """

    sites: frozenset[str]
    hashes: Hashes
    ordinals: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, article_urls: Iterable[tuple[int, str]]) -> Self:
        """Return the keys of pairs of an ordinal and one of its URLs; a string that is no URL has no key."""
        sites, hashes, ordinals = set[str](), array("Q"), array("I")
        for ordinal, url in article_urls:
            if page := page_url(url):
                sites.add(page.site)
                hashes.append(url_hash(page.text))
                ordinals.append(ordinal)
        return cls(frozenset(sites), np.array(hashes, np.uint64), np.array(ordinals, np.uint32))


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """The sites of all titles and the URLs of all articles; the arrays may be memory maps."""

    hosts: Hashes
    url_hashes: Hashes
    url_ordinals: npt.NDArray[np.uint32]
    sites: Mapping[str, tuple[_Site, ...]]

    @staticmethod
    def build(folder: Path, titles: Iterable[TitleFacts], sites: Iterable[str]) -> None:
        """Write the index, but for the keys of URLs, which are many: `url_keys` makes them in order.

        Args:
            folder: exists, and gets two files.
            sites: those of `UrlKeys` of all articles.
        """
        owners = _owners(titles)
        names = {site.partition("/")[0] for _, sites in owners.values() for site in sites}
        names.update(SERVICE_HOSTS)
        names.update(sites)
        np.save(folder / HOSTS_FILE, host_table(names))
        (folder / TITLES_FILE).write_text(
            json.dumps(owners, ensure_ascii=False, indent=1, sort_keys=True), "utf-8"
        )

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the index that `build` wrote."""
        hosts, hashes, ordinals = (
            np.load(folder / name, mmap_mode="r") for name in (HOSTS_FILE, HASHES_FILE, ORDINALS_FILE)
        )
        owners = json.loads((folder / TITLES_FILE).read_text("utf-8"))
        return cls(np.asarray(hosts), np.asarray(hashes), np.asarray(ordinals), _by_host(owners))

    def matches(self, batch: DocumentBatch, urls_of: Callable[[int], Iterable[str]]) -> dict[int, SiteMatch]:
        """Return the documents of a batch that stand on a member's site or at an article's URL, in order.

        `urls_of(ordinal)` returns an article's URLs as the member gave them; equal hashes are checked against
        these.
        """
        matches: dict[int, SiteMatch] = {}
        for i in known_hosts(batch, self.hosts):
            if match := self.match(batch.url_of(int(i)), urls_of):
                matches[int(i)] = match
        return matches

    def match(self, url: str, urls_of: Callable[[int], Iterable[str]]) -> SiteMatch | None:
        """Return where the page at one URL, or a copy's original, stands; None if that is nobody's site."""
        page = original_page(url)
        if page is None:
            return None
        articles = tuple(self._articles_at(page.text, urls_of))
        site = _site_of(page, self.sites)
        if site is None:
            return SiteMatch(None, None, articles) if articles else None
        return SiteMatch(site.title_id, site.publisher_id, articles)

    def _articles_at(self, text: str, urls_of: Callable[[int], Iterable[str]]) -> Iterable[int]:
        key = np.uint64(url_hash(text))
        first, last = (int(np.searchsorted(self.url_hashes, key, side)) for side in ("left", "right"))
        for ordinal in dict.fromkeys(self.url_ordinals[first:last].tolist()):
            pages = (page_url(url) for url in urls_of(ordinal))
            if any(page is not None and page.text == text for page in pages):
                yield ordinal


def _site_of(page: PageUrl, by_host: Mapping[str, tuple[_Site, ...]]) -> _Site | None:
    for name in hosts_above(page.host):
        for site in by_host.get(name, ()):
            if f"{page.path}/".startswith(site.path):
                return site
    return None


def url_keys(hashes: Hashes, ordinals: Hashes) -> Mapping[str, npt.NDArray[Any]]:
    """Return the files of the keys of URLs: uint64[u] hashes and ordinals, by hash, then by ordinal."""
    return {HASHES_FILE: hashes, ORDINALS_FILE: ordinals.astype(np.uint32)}


def url_hash(text: str) -> int:
    """Return the 64-bit key of a normalised URL."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _owners(titles: Iterable[TitleFacts]) -> dict[str, tuple[str, list[str]]]:
    """Return the publisher and the sites of each title, by its id."""
    return {title.id: (title.publisher_id, _sites_of(title)) for title in titles}


def _sites_of(title: TitleFacts) -> list[str]:
    """Return a title's sites as `host/path`: its prefixes, and its domains without a prefix on them."""
    prefixes = [without_www(prefix) for prefix in title.url_prefixes]
    prefixed = {prefix.partition("/")[0] for prefix in prefixes}
    domains = [without_www(domain) for domain in title.domains]
    return sorted([f"{domain}/" for domain in domains if domain not in prefixed] + prefixes)


def _by_host(owners: Mapping[str, tuple[str, list[str]]]) -> dict[str, tuple[_Site, ...]]:
    """Return sites by host, longest path first; paths in normal form, with a slash at their end."""
    by_host: dict[str, list[_Site]] = {}
    for title_id, (publisher_id, sites) in sorted(owners.items()):
        for site in sites:
            host, _, path = site.partition("/")
            by_host.setdefault(host, []).append(_Site(path_prefix(f"/{path}"), title_id, publisher_id))
    return {host: tuple(sorted(sites, key=lambda site: -len(site.path))) for host, sites in by_host.items()}

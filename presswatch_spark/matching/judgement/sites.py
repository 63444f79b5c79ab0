"""Finds the site of a document: the URL of an article, a title's site, or neither.

Kernels drop documents on foreign hosts by the bytes of their URLs; for the others, the normal form of the URL
decides. Host names match by whole labels from the right, paths by whole names from the left. The most
specific host wins, then the longest prefix. Files: a host table (open addressing over hashes of host names, 0
is an empty slot), sorted hashes of URLs with ordinals, and the titles' sites.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.core.scan_values import Bytes, DocumentBatch, Offsets, Title
from presswatch_spark.matching.judgement.originals import SERVICE_HOSTS, original_page
from presswatch_spark.matching.judgement.urls import (
    PageUrl,
    hosts_above,
    normalise_url,
    page_url,
    path_prefix,
    without_www,
)
from presswatch_spark.reading.text.word_kernels import Hashes, plain, plain_column

HOSTS_FILE, TITLES_FILE = "hosts.npy", "titles.json"
HASHES_FILE, ORDINALS_FILE = "url_hashes.npy", "url_ordinals.npy"


@dataclass(frozen=True, slots=True)
class SiteMatch:
    """The title on whose site a document is, if any, and the ordinals of the articles at its URL."""

    title_id: str | None
    publisher_id: str | None
    articles: tuple[int, ...]


class Owner(NamedTuple):
    """The member that a page or a file belongs to; no title or no publisher if several share the host."""

    title_id: str | None
    publisher_id: str | None


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
    def of(cls, titles: Iterable[Title]) -> Self:
        """Return the sites of titles."""
        owners = _owners(titles)
        return cls(frozenset(owners), _by_host(owners))

    def title_at(self, url: str) -> str | None:
        """Return the title on whose site a URL is; None if it is on none, or is not a URL."""
        page = page_url(url)
        site = _site_of(page, self.by_host) if page else None
        return site.title_id if site else None


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """The sites of all titles and the URLs of all articles; the arrays may be memory maps."""

    hosts: Hashes
    url_hashes: Hashes
    url_ordinals: npt.NDArray[np.uint32]
    sites: Mapping[str, tuple[_Site, ...]]

    @staticmethod
    def build(folder: Path, titles: Iterable[Title], sites: Iterable[str]) -> None:
        """Write the index of titles and of the hosts of articles' URLs, without the keys of `url_keys`."""
        owners = _owners(titles)
        names = {site.partition("/")[0] for _, its_sites in owners.values() for site in its_sites}
        np.save(folder / HOSTS_FILE, host_table({*names, *sites, *SERVICE_HOSTS}))
        (folder / TITLES_FILE).write_text(
            json.dumps(owners, ensure_ascii=False, indent=1, sort_keys=True), "utf-8"
        )

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the index that `build` wrote."""
        files = (folder / name for name in (HOSTS_FILE, HASHES_FILE, ORDINALS_FILE))
        hosts, hashes, ordinals = (np.asarray(np.load(file, mmap_mode="r")) for file in files)
        owners = json.loads((folder / TITLES_FILE).read_text("utf-8"))
        return cls(hosts, hashes, ordinals, _by_host(owners))

    def matches(self, batch: DocumentBatch, urls_of: Callable[[int], Iterable[str]]) -> dict[int, SiteMatch]:
        """Return the pages of a batch that are on a member's site or at an article's URL, in order.

        `urls_of` returns an article's URLs by its ordinal; equal hashes are checked against these.
        """
        pages = (i for i in known_hosts(batch, self.hosts).tolist() if batch.main_of(i) == i)
        return {i: match for i in pages if (match := self.match(batch.url_of(i), urls_of))}

    def match(self, url: str, urls_of: Callable[[int], Iterable[str]]) -> SiteMatch | None:
        """Return the site of the page at one URL, or of a copy's original; None if it is no member's."""
        page = original_page(url)
        if page is None:
            return None
        key = np.uint64(url_hash(page.text))
        first, last = (int(np.searchsorted(self.url_hashes, key, side)) for side in ("left", "right"))
        articles = tuple(
            ordinal
            for ordinal in dict.fromkeys(self.url_ordinals[first:last].tolist())
            if any(normalise_url(each) == page.text for each in urls_of(ordinal))
        )
        site = _site_of(page, self.sites)
        if site is None:
            return SiteMatch(None, None, articles) if articles else None
        return SiteMatch(site.title_id, site.publisher_id, articles)


def _site_of(page: PageUrl, by_host: Mapping[str, tuple[_Site, ...]]) -> _Site | None:
    # A title with prefixes on a host owns only these, even if it owns a host above.
    limited = set[str]()
    for name in hosts_above(page.host):
        sites = by_host.get(name, ())
        for site in sites:
            if f"{page.path}/".startswith(site.path) and site.title_id not in limited:
                return site
        limited.update(site.title_id for site in sites)
    return None


def keys_of_urls(urls: Iterable[tuple[int, str]]) -> tuple[Hashes, Hashes, frozenset[str]]:
    """Return hashes of URLs' normal forms, their ordinals (uint64[u] each), and their hosts.

    Args: pairs of an article's ordinal and one of its URLs; a string that is no URL has no key.
    """
    pages = [(ordinal, page) for ordinal, url in urls if (page := page_url(url))]
    hashes = np.array([url_hash(page.text) for _, page in pages], np.uint64)
    ordinals = np.array([ordinal for ordinal, _ in pages], np.uint64)
    return hashes, ordinals, frozenset(page.site for _, page in pages)


def url_keys(hashes: Hashes, ordinals: Hashes) -> Mapping[str, npt.NDArray[Any]]:
    """Return the arrays of the key files by name; hashes and ordinals, uint64[u], are sorted by hash."""
    return {HASHES_FILE: hashes, ORDINALS_FILE: ordinals.astype(np.uint32)}


def url_hash(text: str) -> int:
    """Return the 64-bit key of a normalised URL."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def _owners(titles: Iterable[Title]) -> dict[str, tuple[str, list[str]]]:
    """Return by id the publisher and the sites of each title: prefixes, and domains without a prefix."""
    owners = {}
    for title in titles:
        prefixes = [without_www(prefix) for prefix in title.url_prefixes]
        prefixed = {prefix.partition("/")[0] for prefix in prefixes}
        domains = [without_www(domain) for domain in title.domains]
        sites = sorted([f"{domain}/" for domain in domains if domain not in prefixed] + prefixes)
        owners[title.id] = (title.publisher_id, sites)
    return owners


def _by_host(owners: Mapping[str, tuple[str, list[str]]]) -> dict[str, tuple[_Site, ...]]:
    by_host: dict[str, list[_Site]] = {}
    for title_id, (publisher_id, sites) in sorted(owners.items()):
        for site in sites:
            host, _, path = site.partition("/")
            by_host.setdefault(host, []).append(_Site(path_prefix(f"/{path}"), title_id, publisher_id))
    return {host: tuple(sorted(sites, key=lambda site: -len(site.path))) for host, sites in by_host.items()}


# --- URLs as bytes

_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_DOT, _AT, _COLON, _SLASH, _BACKSLASH, _PERCENT = (np.uint8(ord(c)) for c in ".@:/\\%")
_A, _Z, _SPACE, _TOP_BIT = np.uint8(ord("A")), np.uint8(ord("Z")), np.uint8(0x20), np.uint8(0x80)
_QUESTION, _NUMBER, _BRACKET, _S = (np.uint8(ord(c)) for c in "?#[s")
_IN_NAMES = np.array([(chr(byte).isalnum() and byte < 0x80) or chr(byte) in "-_." for byte in range(256)])
_HTTP, _SEPARATOR = (np.frombuffer(text, np.uint8) for text in (b"http", b"://"))
# A normal form is at most nine times as long as the URL: from a URL below this limit, it is never too long.
_SHORT_BYTES, _LONGEST_HOST = 1024, 253


def known_hosts(batch: DocumentBatch, hosts: Hashes) -> npt.NDArray[np.int64]:
    """Return the documents whose host, or a parent of it, may be in a host table, or is not parsed here."""
    return _known_hosts(*plain_column(batch.urls), plain(hosts))


def may_be_known(url: str, hosts: Hashes) -> bool:
    """Return whether `known_hosts` names a document with this URL, in about 5 µs."""
    text = np.frombuffer(url.encode("utf-8", "replace"), np.uint8)
    bounds = plain(np.array([0, len(text)], np.int64))
    return len(_known_hosts(plain(text), bounds[:1], bounds[1:], plain(hosts))) > 0


def host_table(names: Iterable[str]) -> Hashes:
    """Make a host table of some host names."""
    return table_of({int(_whole_hash(plain(np.frombuffer(name.encode(), np.uint8)))) for name in names})


def table_of(hashes: Collection[int]) -> Hashes:
    """Make a host table of hashes of host names, which are not 0."""
    size = 16
    while size < 4 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint64)
    for value in sorted(hashes):
        slot = value & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = value
    return table


@inner_njit
def _step(value: np.uint64, byte: np.uint8) -> np.uint64:
    # A step of FNV-1a over the name from its end, with letters in lower case.
    lower = byte | _SPACE if _A <= byte <= _Z else byte
    return (value ^ np.uint64(lower)) * _PRIME


@inner_njit
def _finish(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(32))) * _MIX
    return (value ^ (value >> np.uint64(29))) | np.uint64(1)


@cached_njit
def _whole_hash(name: Bytes) -> np.uint64:
    value = np.uint64(0)
    for k in range(len(name) - 1, -1, -1):
        value = _step(value, name[k])
    return _finish(value)


@inner_njit
def host_bounds(urls: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the host name in a URL; (-1, -1) if only `page_url` can parse it."""
    i = start
    while i < end and urls[i] != _SLASH and urls[i] != _BACKSLASH:
        if urls[i] <= _SPACE:
            return -1, -1
        i += 1
    while i < end and (urls[i] == _SLASH or urls[i] == _BACKSLASH):
        i += 1
    first, last = i, -1
    while i < end:
        byte = urls[i]
        if byte in (_SLASH, _QUESTION, _NUMBER, _BACKSLASH):
            break
        if byte <= _SPACE or byte >= _TOP_BIT or byte in (_PERCENT, _BRACKET):
            return -1, -1
        if byte == _AT:
            first, last = i + 1, -1
        elif byte == _COLON and last < 0:
            last = i
        i += 1
    if last < 0:
        last = i
    if last > first and urls[last - 1] == _DOT:
        last -= 1
    return first, last


@inner_njit
def in_table(hosts: Hashes, value: np.uint64) -> bool:
    """Return whether a host table has a hash."""
    slot = int(np.int64(value & np.uint64(len(hosts) - 1)))
    while hosts[slot] != 0:
        if hosts[slot] == value:
            return True
        slot = (slot + 1) & (len(hosts) - 1)
    return False


@cached_njit
def _known_hosts(urls: Bytes, starts: Offsets, ends: Offsets, hosts: Hashes) -> Offsets:
    kept = np.empty(len(starts), np.int64)
    count = 0
    for i in range(len(starts)):
        first, last = host_bounds(urls, starts[i], ends[i])
        known = first < 0
        value = np.uint64(0)
        k = last - 1
        while k >= first and not known:
            value = _step(value, urls[k])
            if k == first or urls[k - 1] == _DOT:
                known = in_table(hosts, _finish(value))
            k -= 1
        kept[count] = i
        count += int(known)
    return kept[:count]


def documents_without_url(batch: DocumentBatch) -> int:
    """Count the pages of a batch without a URL, or with one that does not name a host of http(s)."""
    urls = batch.urls if batch.mains is None else batch.urls.take(batch.main_documents)
    unclear = _unclear_urls(*plain_column(urls))
    unknown = sum(page_url(urls[i].tobytes().decode("utf-8", "replace")) is None for i in unclear)
    return int(np.count_nonzero(urls.sizes <= 0)) + unknown


@cached_njit
def _unclear_urls(urls: Bytes, starts: Offsets, ends: Offsets) -> Offsets:
    kept, count = np.empty(len(starts), np.int64), 0
    for i in range(len(starts)):
        kept[count] = i
        count += int(starts[i] < ends[i] and not _names_host(urls, starts[i], ends[i]))
    return kept[:count]


@uncounted_njit
def _names_host(urls: Bytes, start: int, end: int) -> bool:
    # Return True for http(s) and a plain host name without port; `page_url` decides about other URLs.
    if end - start > _SHORT_BYTES or end - start <= len(_HTTP) + len(_SEPARATOR):
        return False
    i = start
    for k in range(4):
        if urls[i + k] | _SPACE != _HTTP[k]:
            return False
    i += 4 + int(urls[i + 4] | _SPACE == _S)
    for k in range(3):
        if urls[i + k] != _SEPARATOR[k]:
            return False
    i += 3
    first, before = i, _DOT
    while i < end and _IN_NAMES[urls[i]] and (urls[i] != _DOT or before != _DOT):
        before = urls[i]
        i += 1
    if i < end and urls[i] not in (_SLASH, _QUESTION, _NUMBER, _BACKSLASH):
        return False
    return before != _DOT and i - first <= _LONGEST_HOST

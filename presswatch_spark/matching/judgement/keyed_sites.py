"""Finds documents on members' sites and at articles' URLs by hashes with a key: SipHash-2-4 and BLAKE2b.

Without the key, no hash of a guessed host or URL can be calculated, so that none can be looked up. Files: a
host table (see `sites`), and sorted hashes of sites and of URLs' normal forms, each with its owners.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, lean_njit
from presswatch_spark.core.model import Bytes, DocumentBatch, Offsets
from presswatch_spark.matching.judgement.sites import host_bounds, in_table, table_of
from presswatch_spark.matching.judgement.urls import hosts_above, original_page
from presswatch_spark.reading.text.kernels import U64, Hashes, plain, plain_column

Owners = npt.NDArray[np.uint32]

HOSTS, SITES, SITE_PARTS, URLS, URL_ARTICLES = (
    f"{name}.npy" for name in ("hosts", "sites", "site_parts", "urls", "url_articles")
)


class SiteKey(NamedTuple):
    """Secret numbers: two for the hashes of hosts, and keys of BLAKE2b for those of sites and of URLs."""

    first: np.uint64
    second: np.uint64
    sites: bytes
    urls: bytes

    def host_hash(self, name: str) -> int:
        """Return the hash of a host name, as in the host table."""
        text = plain(np.frombuffer(name.encode(), np.uint8))
        return int(_whole_hash(text, self.first, self.second))

    def site_hash(self, site: str) -> int:
        """Return the hash of a site: `host/`, or `host/path/`."""
        return _digest(site, self.sites)

    def url_hash(self, text: str) -> int:
        """Return the hash of the normal form of a URL."""
        return _digest(text, self.urls)


def _digest(text: str, key: bytes) -> int:
    return int.from_bytes(blake2b(text.encode(), key=key, digest_size=8).digest(), "little")


class KeyedMatch(NamedTuple):
    """The parts of a corpus on whose members' sites a page is, and the articles at its URL."""

    parts: frozenset[int]
    articles: frozenset[int]


@dataclass(frozen=True, slots=True)
class KeyedSites:
    """Hashes of the hosts, sites and URLs of a sealed corpus. The arrays may be memory maps.

    `site_parts`: the part of a joined corpus that a site is of. `depth`: names in the longest path of a site.
    """

    hosts: Hashes
    sites: Hashes
    site_parts: Owners
    urls: Hashes
    url_articles: Owners
    depth: int
    key: SiteKey

    @staticmethod
    def write(folder: Path, hosts: Iterable[int], sites: Hashes, urls: Hashes) -> None:
        """Write hashes of hosts; of sites, each with its part; and of URLs, each with its article.

        `sites`, `urls`: uint64[n, 2], in any order.
        """
        folder.mkdir()
        np.save(folder / HOSTS, table_of(set(hosts)))
        for pairs, names in ((sites, (SITES, SITE_PARTS)), (urls, (URLS, URL_ARTICLES))):
            ordered = np.unique(pairs, axis=0)
            np.save(folder / names[0], ordered[:, 0].copy())
            np.save(folder / names[1], ordered[:, 1].astype(np.uint32))

    @classmethod
    def join(cls, folders: Iterable[Path], offsets: Iterable[tuple[int, int]], out: Path) -> None:
        """Join folders in order; `offsets`: the first part and article of each (more are ignored)."""
        hosts, sites, urls = set[int](), list[Hashes](), list[Hashes]()
        for folder, (part, article) in zip(folders, offsets, strict=False):
            table, of_sites, parts, of_urls, articles = _mapped(folder)
            hosts.update(table[table > 0].tolist())
            sites.append(np.column_stack((of_sites, parts.astype(np.uint64) + np.uint64(part))))
            urls.append(np.column_stack((of_urls, articles.astype(np.uint64) + np.uint64(article))))
        cls.write(out, hosts, np.concatenate(sites), np.concatenate(urls))

    @classmethod
    def open(cls, folder: Path, depth: int, key: SiteKey) -> Self:
        """Map the arrays that `write` wrote."""
        hosts, sites, parts, urls, articles = _mapped(folder)
        return cls(hosts, sites, parts, urls, articles, depth, key)

    def matches(self, batch: DocumentBatch) -> dict[int, KeyedMatch]:
        """Return the pages of a batch that are on a member's site or at an article's URL."""
        known = _known_hosts(*plain_column(batch.urls), plain(self.hosts), self.key.first, self.key.second)
        matches = dict[int, KeyedMatch]()
        for i in known.tolist():
            if batch.main_of(i) == i and (match := self.match(batch.url_of(i))):
                matches[i] = match
        return matches

    def match(self, url: str) -> KeyedMatch | None:
        """Return the owners of the page at a URL, or of a copy's original; None if it has none."""
        page = original_page(url)
        if page is None:
            return None
        parts = frozenset(
            part
            for host in hosts_above(page.host)
            for path in islice(_prefixes(f"{page.path}/"), self.depth + 1)
            for part in _owners(self.sites, self.site_parts, self.key.site_hash(host + path))
        )
        articles = frozenset(_owners(self.urls, self.url_articles, self.key.url_hash(page.text)))
        return KeyedMatch(parts, articles) if parts or articles else None


def _mapped(folder: Path) -> list[npt.NDArray[Any]]:
    files = (HOSTS, SITES, SITE_PARTS, URLS, URL_ARTICLES)
    return [np.asarray(np.load(folder / name, mmap_mode="r")) for name in files]


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.find("/", end + 1)


def _owners(hashes: Hashes, owners: Owners, wanted: int) -> list[int]:
    first, last = (int(np.searchsorted(hashes, np.uint64(wanted), side)) for side in ("left", "right"))
    found: list[int] = owners[first:last].tolist()
    return found


# --- SipHash-2-4 (Aumasson and Bernstein, 2012) of host names, with letters in lower case

_DOT, _SPACE, _A, _Z = (np.uint8(ord(letter)) for letter in ". AZ")
_LONGEST_HOST = 253
_V0, _V1, _V2, _V3 = map(
    U64, (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
)
_0, _1, _8, _13, _16, _17, _21, _32, _56, _64, _255 = map(U64, (0, 1, 8, 13, 16, 17, 21, 32, 56, 64, 255))

State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@lean_njit
def _turned(x: np.uint64, bits: np.uint64) -> np.uint64:
    return (x << bits) | (x >> (_64 - bits))


@lean_njit
def _round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64) -> State:
    a += b
    c += d
    b = _turned(b, _13) ^ a
    d = _turned(d, _16) ^ c
    a = _turned(a, _32) + d
    c += b
    d = _turned(d, _21) ^ a
    b = _turned(b, _17) ^ c
    return a, b, _turned(c, _32), d


@inner_njit
def _host_hash(text: Bytes, first: int, last: int, key: np.uint64, second: np.uint64) -> np.uint64:
    a, b, c, d = key ^ _V0, second ^ _V1, key ^ _V2, second ^ _V3
    block, filled = _0, _0
    for k in range(first, last):
        byte = text[k] | _SPACE if _A <= text[k] <= _Z else text[k]
        block |= U64(byte) << filled
        filled += _8
        if filled == _64:
            a, b, c, d = _round(*_round(a, b, c, d ^ block))
            a ^= block
            block, filled = _0, _0
    block |= (U64(last - first) & _255) << _56
    a, b, c, d = _round(*_round(a, b, c, d ^ block))
    a, b, c, d = _round(*_round(*_round(*_round(a ^ block, b, c ^ _255, d))))
    # In the table, 0 is an empty slot.
    value: np.uint64 = a ^ b ^ c ^ d | _1
    return value


@cached_njit
def _whole_hash(name: Bytes, first: np.uint64, second: np.uint64) -> np.uint64:
    value: np.uint64 = _host_hash(name, 0, len(name), first, second)
    return value


@cached_njit
def _known_hosts(
    urls: Bytes, starts: Offsets, ends: Offsets, hosts: Hashes, key: np.uint64, second: np.uint64
) -> Offsets:
    kept = np.empty(len(starts), np.int64)
    count = 0
    for i in range(len(starts)):
        first, last = host_bounds(urls, starts[i], ends[i])
        known = first < 0
        k = last - 1
        while k >= max(first, last - _LONGEST_HOST) and not known:
            if k == first or urls[k - 1] == _DOT:
                known = in_table(hosts, _host_hash(urls, k, last, key, second))
            k -= 1
        kept[count] = i
        count += int(known)
    return kept[:count]

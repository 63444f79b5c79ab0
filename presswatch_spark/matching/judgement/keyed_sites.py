"""Finds documents on members' sites and at articles' URLs by hashes with a key: SipHash-2-4 and BLAKE2b.

Without the key, no hash of a guessed host or URL can be calculated, so that none can be looked up. A *place*
is a site (`host/`, `host/path/`) or the normal form of a URL. Files: a host table (see `sites`), and sorted
hashes of places with their owners: the number of an article, or `SITE` plus that of a part of the corpus.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from presswatch_spark.core.compiled import cached_njit, inner_njit, lean_njit
from presswatch_spark.core.model import Bytes, DocumentBatch, Offsets
from presswatch_spark.matching.judgement.sites import host_bounds, in_table, table_of
from presswatch_spark.matching.judgement.urls import hosts_above, original_page
from presswatch_spark.reading.text.kernels import U64, Hashes, plain, plain_column

HOSTS, PLACES = "hosts.npy", "places.npy"
SITE = 1 << 32
"""From here on, an owner is a part, and not an article."""


class SiteKey(NamedTuple):
    """Secret numbers: two for the hashes of hosts, and the key of BLAKE2b for those of places."""

    first: np.uint64
    second: np.uint64
    places: bytes

    def host_hash(self, name: str) -> int:
        """Return the hash of a host name, as in the host table."""
        text = plain(np.frombuffer(name.encode(), np.uint8))
        return int(_whole_hash(text, self.first, self.second))

    def place_hash(self, place: str) -> int:
        """Return the hash of a site or of the normal form of a URL; the latter begins with `https://`."""
        return int.from_bytes(blake2b(place.encode(), key=self.places, digest_size=8).digest(), "little")


class KeyedMatch(NamedTuple):
    """The parts of a corpus on whose members' sites a page is, and the articles at its URL."""

    parts: frozenset[int]
    articles: frozenset[int]


@dataclass(frozen=True, slots=True)
class KeyedSites:
    """Hashes of hosts and places of a sealed corpus; the arrays may be memory maps.

    `places` uint64[2, n]: hashes, sorted, and owners. `depth`: the names in the longest path of a site.
    """

    hosts: Hashes
    places: Hashes
    depth: int
    key: SiteKey

    @staticmethod
    def write(folder: Path, hosts: Iterable[int], places: Hashes) -> None:
        """Write hashes of hosts and, in any order, of places with their owners: uint64[n, 2]."""
        folder.mkdir()
        np.save(folder / HOSTS, table_of(set(hosts)))
        np.save(folder / PLACES, np.ascontiguousarray(np.unique(places, axis=0).T))

    @classmethod
    def join(cls, folders: Iterable[Path], offsets: Iterable[tuple[int, int]], out: Path) -> None:
        """Join folders in order; `offsets`: the first part and article of each (more are ignored)."""
        hosts, places = set[int](), list[Hashes]()
        for folder, (part, article) in zip(folders, offsets, strict=False):
            hosts.update(np.load(folder / HOSTS).tolist())
            hashes, owners = np.load(folder / PLACES)
            moved = np.where(owners >= SITE, U64(part), U64(article)) + owners
            places.append(np.column_stack((hashes, moved)))
        cls.write(out, hosts - {0}, np.concatenate(places))

    @classmethod
    def open(cls, folder: Path, depth: int, key: SiteKey) -> Self:
        """Map the arrays that `write` wrote."""
        hosts, places = (np.load(folder / name, mmap_mode="r") for name in (HOSTS, PLACES))
        return cls(np.asarray(hosts), np.asarray(places), depth, key)

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
        prefixes = list(islice(_prefixes(f"{page.path}/"), self.depth + 1))
        places = (page.text, *(host + path for host in hosts_above(page.host) for path in prefixes))
        owners = {owner for place in places for owner in self._owners(place)}
        if not owners:
            return None
        articles = frozenset(owner for owner in owners if owner < SITE)
        return KeyedMatch(frozenset(owner - SITE for owner in owners - articles), articles)

    def _owners(self, place: str) -> list[int]:
        hashes, wanted = self.places[0], U64(self.key.place_hash(place))
        first, last = (int(np.searchsorted(hashes, wanted, side)) for side in ("left", "right"))
        found: list[int] = self.places[1, first:last].tolist()
        return found


def _prefixes(path: str) -> Iterator[str]:
    end = path.find("/")
    while end >= 0:
        yield path[: end + 1]
        end = path.find("/", end + 1)


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

"""Keys of an index (SURT), and the hosts and ranges of keys of the rows that can belong to a member.

A key has the host's labels from the right, then the path, in lower case and without `www.`: the key of
`https://a.fr/Une` is `fr,a)/une`. The keys of a host and of all hosts below it form three ranges: those that
begin with `fr,a)`, `fr,a,` and, with a port, `fr,a:`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from presswatch_spark.matching.judgement.urls import (
    AMP_CACHES,
    ascii_name,
    hosts_above,
    page_url,
    unicode_name,
)
from presswatch_spark.matching.reservations.verdicts import DEFAULT_PORTS

_WWW = re.compile(r"^www\d*\.(?=.)")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_PATH, _PLAIN_QUERY = re.compile(r"(/[a-z0-9._~-]+)*/?"), re.compile(r"[a-z0-9._~=&+:/-]*")
_SESSION = re.compile(r"(?:jsessionid|phpsessid|aspsession|sid|cfid|cftoken)", re.IGNORECASE)

Range = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hosts, each with all hosts below it, and the sorted ranges [first, last) of their SURT keys."""

    hosts: frozenset[str]
    ranges: tuple[Range, ...]

    @classmethod
    def of(cls, sites: Mapping[str, Iterable[str]]) -> Self:
        """Return the keys of hosts, each with the paths of its wanted pages, and of AMP caches.

        Google's AMP viewer is left out: being on all Google hosts, it costs a row group of every subset.
        """
        paths = {host: set(below) for host, below in sites.items()}
        for cache in AMP_CACHES:
            paths.setdefault(cache.removeprefix("."), set()).add("/")
        ranges = list[Range]()
        for host, below in paths.items():
            # Only the first name of a path is used, if all its spellings give the same key.
            firsts = {path.split("/")[1].lower() for path in below}
            for key, first in product(_keys(host), firsts):
                if _PLAIN_NAME.fullmatch(first):
                    ranges.append((f"{key})/{first}", f"{key})/{first[:-1]}{chr(ord(first[-1]) + 1)}"))
                    # Hosts below it.
                    ranges.append((f"{key},", f"{key}-"))
                else:
                    ranges.append((f"{key})", f"{key}-"))
                ranges.append((f"{key}:", f"{key};"))
        merged = list[Range]()
        for low, high in sorted(ranges):
            if merged and low <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], high)
            else:
                merged.append((low, high))
        return cls(frozenset(paths), tuple(merged))

    def in_keys(self, low: str, high: str) -> bool:
        """Return whether a key between `low` and `high`, both included, can be wanted."""
        place = bisect_right(self.ranges, low, key=lambda range_: range_[1])
        return place < len(self.ranges) and self.ranges[place][0] <= high

    def is_host(self, name: str | None) -> bool:
        """Return whether a host of the index can be wanted; an unreadable host can."""
        page = page_url(f"https://{name}/") if name else None
        return page is None or not self.hosts.isdisjoint(hosts_above(page.host))


def _keys(host: str) -> Iterator[str]:
    """Yield the possible starts of a host's keys: with and without `www.`; IP addresses in both orders."""
    for name in {*_spellings(host), *_spellings(_WWW.sub("", host, count=1))}:
        labels = name.split(".")
        if name.startswith("[") or all(map(str.isdigit, labels)):
            yield name
        yield ",".join(reversed(labels))


def _spellings(host: str) -> set[str]:
    letters = unicode_name(host)
    return {host, letters} if ascii_name(letters) == host else {host}


class Key(NamedTuple):
    """The SURT of a URL, as written by the crawler's canonicaliser, and whether it is certain.

        https://www.journal.example/Une/?b=2&a=1      example,journal)/une?a=1&b=2

    The canonicaliser has more rules, such as those for session ids, so a page may have another key there.
    """

    surt: str
    is_sure: bool


def key_of(url: str) -> Key | None:
    """Return the key of a URL; None for a text that is no URL of a page."""
    try:
        parts = urlsplit(url.strip())
        host = ascii_name(parts.hostname or "")
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in DEFAULT_PORTS or not host:
        return None
    labels = ",".join(reversed(_WWW.sub("", host, count=1).strip(".").split(".")))
    shown = "" if port in (None, DEFAULT_PORTS[parts.scheme.lower()]) else f":{port}"
    path = (re.sub("/+", "/", parts.path.lower()) or "/").rstrip("/") or "/"
    query = "&".join(sorted(filter(None, parts.query.lower().split("&"))))
    is_sure = bool(_PLAIN_PATH.fullmatch(path) and _PLAIN_QUERY.fullmatch(query)) and not shown
    is_sure = is_sure and not _SESSION.search(parts.path + parts.query) and "/." not in path
    is_plain_host = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]+", host) is not None
    return Key(f"{labels}{shown}){path}{'?' * bool(query)}{query}", is_sure and is_plain_host)

"""The list of crawls: from Common Crawl (`collinfo.json`), the user's cache, or this version's list.

    <user's cache>/releases/<hash of the list's address>.json

All are JSON arrays of objects with `id`, `from` and `to`; the last two also begin with the time of the list
(`noted`). If a request fails, the last list is used. `scripts/crawls.py` writes the list of this version.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from presswatch_spark.core.errors import CorruptError, PresswatchError
from presswatch_spark.core.processes import own_folder, user_caches
from presswatch_spark.core.times import record_time
from presswatch_spark.scanning.releases.release import CRAWL, OLD_CRAWL, Release
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    canonical,
    open_stream,
    shown_uri,
    write_object,
)
from presswatch_spark.storage.uris import join, scheme_of

CRAWLS_MAX = 10_000
SHIPPED = Path(__file__).with_name("crawls.json")
LIST_NAME = "collinfo.json"
LIST_BYTES_MAX = 4 << 20
# Short, since the last list is good enough to save users minutes of waiting.
ATTEMPTS, CONNECT_SECONDS, READ_SECONDS = 2, 5.0, 20.0
FRESH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Listing:
    """Crawls known at a time, the newest first; the origin of the list, and why there is no newer one."""

    noted: datetime
    crawls: tuple[Release, ...]
    origin: str = field(default="", compare=False)
    trouble: str | None = field(default=None, compare=False)

    def to_json(self) -> bytes:
        """Return the list in the format that `from_collinfo` reads, one line per crawl."""
        crawls = [{"id": crawl.name, "from": crawl.first, "to": crawl.last} for crawl in self.crawls]
        lines = [json.dumps(entry, default=datetime.isoformat) for entry in ({"noted": self.noted}, *crawls)]
        return ("[\n" + ",\n".join(lines) + "\n]\n").encode("ascii")


def from_collinfo(data: bytes, where: str, noted: datetime | None = None) -> Listing:
    """Read a list of crawls; entries without the name of a crawl are left out.

    `noted`: the time of the request; if None, the time that the list names, or its last capture. Raises
    `CorruptError` (at `where`) if the data is no list, or names no crawl.
    """
    entries: object = None
    with suppress(ValueError, RecursionError):
        entries = parse_json(data)
    entries = entries if isinstance(entries, list) and len(entries) <= CRAWLS_MAX else []
    entries = [entry for entry in entries if isinstance(entry, dict)]
    crawls = [
        Release(name, record_time(entry.get("from")), record_time(entry.get("to")))
        for entry in entries
        # A name becomes part of paths and is printed, so nothing but names of crawls may pass.
        if CRAWL.fullmatch(name := str(entry.get("id"))) or OLD_CRAWL.fullmatch(name)
    ]
    if not crawls:
        remedy = "pass a collinfo.json like that of index.commoncrawl.org"
        raise CorruptError("this is not a list of crawls", where=where, remedy=remedy)
    times = [time for crawl in crawls for time in (crawl.first, crawl.last) if time]
    latest = max(times, default=datetime.fromtimestamp(0, UTC))
    return Listing(noted or record_time(entries[0].get("noted")) or latest, _newest_first(crawls))


def _newest_first(releases: list[Release]) -> tuple[Release, ...]:
    # Each name counts once; crawls without times are placed by their year.
    def age(release: Release) -> tuple[str, str]:
        began = release.first.isoformat() if release.first else ""
        return (began or release.name.removeprefix("CC-MAIN-"), release.name)

    unique = {release.name: release for release in reversed(releases)}
    return tuple(sorted(unique.values(), key=age, reverse=True))


def list_uri(base: str) -> str:
    """Return the canonical address of the list: `base` itself, or a file in this site, bucket or folder."""
    uri = canonical(base)
    return uri if shown_uri(uri).endswith(".json") else join(uri, LIST_NAME)


def current(uri: str, options: StorageOptions, now: datetime, *, again: bool = False) -> Listing:
    """Return the list at canonical `uri`, or the newest available; a copy in the cache may be a day old.

    `again`: request it despite a fresh copy. Raises `PresswatchError` if `uri` is a missing file or no list.
    """
    if scheme_of(uri) == "file":
        return replace(fetched(uri, options), origin=uri)
    cached = _cached(uri)
    # A list from the future was noted by a wrong clock.
    if cached and not again and timedelta() <= now - cached.noted < FRESH:
        return replace(cached, origin=f"{shown_uri(uri)}, {_as_of(cached)}, from the cache")
    try:
        listing = fetched(uri, options, now)
    except PresswatchError as error:
        return replace(at_hand(uri), trouble=str(error))
    if path := _cache_path(uri):
        with suppress(PresswatchError):
            write_object(str(path), listing.to_json(), StorageOptions())
    return replace(listing, origin=f"{shown_uri(uri)}, {_as_of(listing)}")


def at_hand(uri: str) -> Listing:
    """Return the newest list of `uri` that is available without network."""
    if scheme_of(uri) != "file" and (cached := _cached(uri)):
        return replace(cached, origin=f"an earlier answer, {_as_of(cached)}, from the cache")
    return replace(shipped(), origin=f"the list that came with this version, {_as_of(shipped())}")


@cache
def shipped() -> Listing:
    """Return the list of this version."""
    return from_collinfo(SHIPPED.read_bytes(), str(SHIPPED))


def _as_of(listing: Listing) -> str:
    return f"as of {listing.noted:%Y-%m-%d}"


def fetched(uri: str, options: StorageOptions, noted: datetime | None = None) -> Listing:
    """Request the list at canonical `uri`; raises `PresswatchError` if none comes within seconds."""
    quick = replace(
        options,
        max_attempts=min(ATTEMPTS, options.max_attempts),
        connect_timeout=min(CONNECT_SECONDS, options.connect_timeout),
        read_timeout=min(READ_SECONDS, options.read_timeout),
        longest_wait=min(READ_SECONDS, options.longest_wait),
        refusal_pause=0.0,
    )
    data = b""
    with open_stream(ObjectInfo(uri), quick) as stream:
        while len(data) <= LIST_BYTES_MAX and (piece := stream.read(LIST_BYTES_MAX)):
            data += piece
    # A longer list is cut, and therefore fails as JSON.
    return from_collinfo(data[:LIST_BYTES_MAX], shown_uri(uri), noted)


def _cache_path(uri: str) -> Path | None:
    name = f"{hashlib.sha256(uri.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.json"
    folder = own_folder(user_caches(), "releases")
    return folder / name if folder else None


def _cached(uri: str) -> Listing | None:
    path = _cache_path(uri)
    try:
        return from_collinfo(path.read_bytes(), str(path)) if path else None
    except (OSError, PresswatchError):
        return None

"""Lists the crawls there are: from Common Crawl (`collinfo.json`), the user's cache, or this version's list.

    <user's cache>/releases/<hash of the list's address>.txt

Our form is text: a heading with the time of the list, then a line a crawl with its name and the
times of its first and last capture, tabs between, `-` for an unknown time. If a list cannot be had, the last
one is used, and the caller can say so. `scripts/crawls.py` writes the list that comes with this version.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.processes import own_folder, user_caches
from presswatch_spark.releases.release import CRAWL, OLD_CRAWL, Release, newest_first
from presswatch_spark.storage.json_documents import parse_json
from presswatch_spark.storage.objects import (
    ObjectInfo,
    StorageOptions,
    canonical,
    open_stream,
    printable,
    write_object,
)
from presswatch_spark.storage.uris import join, scheme_of
from presswatch_spark.terminal import utc

HEADING = "# crawls, newest first, as of "
CRAWLS_MAX = 10_000
SHIPPED = Path(__file__).with_name("crawls.txt")
LIST_NAME = "collinfo.json"
LIST_BYTES_MAX = 4 << 20
# Nobody should wait minutes for the list.
ATTEMPTS, CONNECT_SECONDS, READ_SECONDS = 2, 5.0, 20.0
FRESH = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Listing:
    """Crawls, newest first, as they were known at a time."""

    noted: datetime
    crawls: tuple[Release, ...]

    def to_text(self) -> str:
        """Return the list in our form."""
        lines = [f"{HEADING}{self.noted.isoformat()}"]
        lines += ["\t".join((crawl.name, _shown(crawl.first), _shown(crawl.last))) for crawl in self.crawls]
        return "\n".join([*lines, ""])

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the list that `to_text` wrote; `ValueError` for anything else."""
        heading, *lines = text.splitlines()
        if not heading.startswith(HEADING) or not lines:
            raise ValueError("is no list of crawls")
        rows = [line.split("\t") for line in lines]
        crawls = [Release(_name(name), _time(first), _time(last)) for name, first, last in rows]
        noted = _time(heading.removeprefix(HEADING))
        if noted is None:
            raise ValueError("does not say when it was noted")
        return cls(noted, newest_first(crawls))


def from_collinfo(data: bytes, where: str, noted: datetime | None = None) -> Listing:
    """Read a `collinfo.json`: an array of objects with `id`, `from` and `to`. Other entries are left out.

    Args:
        where: its URI, for messages.
        noted: when it was asked for; without it, the last capture it names.

    Raises:
        CorruptError: it is something else, or names no crawl.
    """
    try:
        entries = parse_json(data)
    except (ValueError, RecursionError) as error:
        raise _no_list("is not JSON", where) from error
    if not isinstance(entries, list) or len(entries) > CRAWLS_MAX:
        raise _no_list("is JSON, but no list of crawls", where)
    crawls = [crawl for entry in entries if isinstance(entry, dict) and (crawl := _crawl(entry))]
    if not crawls:
        raise _no_list("names no crawl", where)
    times = [time for crawl in crawls for time in (crawl.first, crawl.last) if time]
    return Listing(noted or max(times, default=datetime.fromtimestamp(0, UTC)), newest_first(crawls))


def _crawl(entry: dict[str, object]) -> Release | None:
    try:
        name = _name(str(entry.get("id")))
    except ValueError:
        return None
    return Release(name, _time_or_none(entry.get("from")), _time_or_none(entry.get("to")))


def _name(name: str) -> str:
    # A name becomes part of paths, and is printed: nothing else may pass.
    if not (CRAWL.fullmatch(name) or OLD_CRAWL.fullmatch(name)):
        raise ValueError("is no name of a crawl")
    return name


def _time(text: str) -> datetime | None:
    if text == "-":
        return None
    return utc(datetime.fromisoformat(text))


def _time_or_none(value: object) -> datetime | None:
    try:
        return _time(str(value))
    except (ValueError, OverflowError):
        return None


def _shown(time: datetime | None) -> str:
    return time.isoformat() if time else "-"


def _no_list(what: str, where: str) -> CorruptError:
    return CorruptError(
        f"the list of crawls {what}",
        where=where,
        remedy="name a collinfo.json as index.commoncrawl.org has it",
    )


@dataclass(frozen=True, slots=True)
class ReleaseList:
    """A list of crawls, where it is from, and why a newer one could not be had, if so."""

    listing: Listing
    origin: str
    trouble: str | None = None


def list_uri(base: str) -> str:
    """Return the canonical address of the list that `base` names or, as a site, bucket or folder, holds."""
    uri = canonical(base)
    return uri if printable(uri).endswith(".json") else join(uri, LIST_NAME)


def current(uri: str, options: StorageOptions, now: datetime, *, again: bool = False) -> ReleaseList:
    """Return the list at canonical `uri`, or the best there is.

    Args:
        now: a copy in the cache may be a day old.
        again: request it, however fresh the copy is.

    Raises:
        PresswatchError: `uri` is a file of this machine that is missing or no list.
    """
    if scheme_of(uri) == "file":
        return ReleaseList(fetched(uri, options), uri)
    cached = _cached(uri)
    # A list from the future was noted by a clock that was wrong.
    if cached and not again and timedelta() <= now - cached.noted < FRESH:
        return ReleaseList(cached, f"{printable(uri)}, {_as_of(cached)}, from the cache")
    try:
        listing = fetched(uri, options, now)
    except PresswatchError as error:
        return replace(_at_hand(cached), trouble=str(error))
    if path := _copy(uri):
        with suppress(PresswatchError):
            write_object(str(path), listing.to_text().encode("ascii"), StorageOptions())
    return ReleaseList(listing, f"{printable(uri)}, {_as_of(listing)}")


def at_hand(uri: str) -> ReleaseList:
    """Return the newest list of `uri` that needs no network."""
    return _at_hand(None if scheme_of(uri) == "file" else _cached(uri))


def shipped() -> Listing:
    """Return the list that came with this version."""
    return Listing.from_text(SHIPPED.read_text(encoding="ascii"))


def _at_hand(cached: Listing | None) -> ReleaseList:
    if cached:
        return ReleaseList(cached, f"an earlier answer, {_as_of(cached)}, from the cache")
    came = shipped()
    return ReleaseList(came, f"the list that came with this version, {_as_of(came)}")


def _as_of(listing: Listing) -> str:
    return f"as of {listing.noted:%Y-%m-%d}"


def fetched(uri: str, options: StorageOptions, noted: datetime | None = None) -> Listing:
    """Return the list at canonical `uri`, asked for now; `noted`: see `from_collinfo`.

    Raises:
        PresswatchError: it is missing, is no list, or cannot be had within seconds.
    """
    quick = replace(
        options,
        max_attempts=min(ATTEMPTS, options.max_attempts),
        connect_timeout=min(CONNECT_SECONDS, options.connect_timeout),
        read_timeout=min(READ_SECONDS, options.read_timeout),
        longest_wait=min(READ_SECONDS, options.longest_wait),
        refusal_pause=0.0,
    )
    with open_stream(ObjectInfo(uri), quick) as stream:
        data = b""
        while piece := stream.read(LIST_BYTES_MAX):
            data += piece
            if len(data) > LIST_BYTES_MAX:
                raise CorruptError(
                    f"is longer than {LIST_BYTES_MAX:,} bytes, so no list of crawls", where=printable(uri)
                )
    return from_collinfo(data, printable(uri), noted)


def _copy(uri: str) -> Path | None:
    name = f"{hashlib.sha256(uri.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.txt"
    folder = own_folder(user_caches(), "releases")
    return folder / name if folder else None


def _cached(uri: str) -> Listing | None:
    path = _copy(uri)
    try:
        return Listing.from_text(path.read_text(encoding="ascii")) if path else None
    except (OSError, ValueError):
        return None

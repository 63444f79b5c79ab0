"""Which crawls there are: asked of Common Crawl, kept in the user's cache, or as they came with us.

    <user's cache>/releases/<hash of the list's address>.txt    see `listing`

A list that cannot be had costs nothing but its news: the last one is used instead, and that is said.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.releases.listing import Listing, from_collinfo
from presswatch_spark.storage.objects import ObjectInfo, StorageOptions, canonical, open_stream, printable
from presswatch_spark.storage.uris import join, scheme_of
from presswatch_spark.user_cache import is_ours, user_caches

SHIPPED = Path(__file__).with_name("crawls.txt")
LIST_NAME = "collinfo.json"
LIST_BYTES_MAX = 4 << 20
# The list is a convenience: nobody waits minutes for it.
ATTEMPTS, CONNECT_SECONDS, READ_SECONDS = 2, 5.0, 20.0


@dataclass(frozen=True, slots=True)
class Known:
    """A list of crawls, where it is from, and what stood in the way of a newer one, if anything."""

    listing: Listing
    origin: str
    trouble: str | None = None


def list_uri(base: str) -> str:
    """The canonical address of the list that `base` names or, as a site, bucket or folder, holds."""
    uri = canonical(base)
    return uri if printable(uri).endswith(".json") else join(uri, LIST_NAME)


def current(uri: str, options: StorageOptions, now: datetime, fresh: timedelta, again: bool = False) -> Known:
    """The list at canonical `uri`, or the best there is.

    Args:
        fresh: how old a copy in the cache may be. again: ask anew, however fresh it is.

    Raises:
        PresswatchError: `uri` is a file of this machine that is missing or no list.
    """
    if scheme_of(uri) == "file":
        return Known(fetched(uri, options), uri)
    cached = _cached(uri)
    # One from the future was noted by a clock that was wrong.
    if cached and not again and timedelta() <= now - cached.noted < fresh:
        return Known(cached, f"{printable(uri)}, {_as_of(cached)}, from the cache")
    try:
        listing = fetched(uri, options, now)
    except PresswatchError as error:
        return replace(_at_hand(cached), trouble=str(error))
    _keep(uri, listing)
    return Known(listing, f"{printable(uri)}, {_as_of(listing)}")


def at_hand(uri: str) -> Known:
    """The newest list of `uri` that needs no network."""
    return _at_hand(None if scheme_of(uri) == "file" else _cached(uri))


def shipped() -> Listing:
    """The list that came with this version."""
    return Listing.from_text(SHIPPED.read_text(encoding="ascii"))


def _at_hand(cached: Listing | None) -> Known:
    if cached:
        return Known(cached, f"an earlier answer, {_as_of(cached)}, from the cache")
    came = shipped()
    return Known(came, f"the list that came with this version, {_as_of(came)}")


def _as_of(listing: Listing) -> str:
    return f"as of {listing.noted:%Y-%m-%d}"


def fetched(uri: str, options: StorageOptions, noted: datetime | None = None) -> Listing:
    """The list at canonical `uri`, asked for now; `noted`: see `from_collinfo`.

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


def _copies(uri: str) -> Iterator[Path]:
    """Where a copy is kept: in the first cache that is this user's alone."""
    name = f"{hashlib.sha256(uri.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.txt"
    return (
        root / "releases" / name for root in user_caches() if is_ours(root) and is_ours(root / "releases")
    )


def _cached(uri: str) -> Listing | None:
    """The copy in the cache; none if it is missing or damaged: then it is asked for again."""
    path = next(_copies(uri), None)
    try:
        return Listing.from_text(path.read_text(encoding="ascii")) if path else None
    except (OSError, ValueError):
        return None


def _keep(uri: str, listing: Listing) -> None:
    """Put a copy into the cache, whole or not at all; a cache that is full or closed to us is no failure."""
    path = next(_copies(uri), None)
    if path is None:
        return
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii", delete=False) as draft:
            draft.write(listing.to_text())
        os.replace(draft.name, path)
    except OSError:
        pass

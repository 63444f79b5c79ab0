"""From signals to rows of `rights_signals`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from presswatch_spark.model import Capture
from presswatch_spark.rights.declaration import Signal, storable
from presswatch_spark.rights.members import Members
from presswatch_spark.rights.origins import place_of
from presswatch_spark.rights.signals import signals_of
from presswatch_spark.tables.digests import row_digest


def signal_rows(
    capture: Capture, members: Members, shard_uri: str, release: str | None
) -> Iterator[dict[str, Any]]:
    """Rows of `rights_signals` for a capture of a member's; all columns but `run_id`, and digested.

    `release` is used for captures that do not name their own. Who is no member's has no rows.
    """
    owner, place = members.owner(capture.url), place_of(capture.url)
    if owner is None or place is None:
        return
    locator = capture.locator
    facts = {
        "release": _storable(locator.release or release),
        "document_url": storable(capture.url),
        "host": storable(place.host),
        "title_id": owner.title_id,
        "publisher_id": owner.publisher_id,
        "shard_uri": shard_uri,
        "record_id": _storable(locator.record_id),
        "record_offset": locator.record_offset,
        "record_length": locator.record_length,
        "record_encoding": locator.record_encoding,
        "captured_at": locator.captured_at,
        "http_status": locator.http_status,
    }
    digest: str | None = None
    for signal in signals_of(capture):
        if digest is None and signal.source != "header":
            digest = hashlib.sha256(capture.body).hexdigest()
        row = facts | _columns(signal) | {"content_sha256": digest if signal.source != "header" else None}
        yield row | {"row_sha256": row_digest(row)}


def _columns(signal: Signal) -> dict[str, Any]:
    return {name: getattr(signal, name) for name in Signal.__dataclass_fields__}


def _storable(text: str | None) -> str | None:
    return text and storable(text)

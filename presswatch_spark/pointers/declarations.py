"""Whether a response still declares what a row of `rights_signals` says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from presswatch_spark.pointers.outcomes import (
    OTHER_FACTS,
    OTHER_PAYLOAD,
    OTHER_RECORD,
    OTHER_SIGNAL,
    OTHER_URI,
    UNREADABLE,
    Failure,
    Record,
)
from presswatch_spark.rights.declaration import Signal, storable
from presswatch_spark.rights.signals import signals_of

Row = Mapping[str, Any]

_COMPARED = (
    ("record_id", OTHER_RECORD),
    ("captured_at", OTHER_FACTS),
    ("http_status", OTHER_FACTS),
    ("record_offset", OTHER_FACTS),
    ("record_length", OTHER_FACTS),
    ("record_encoding", OTHER_FACTS),
)
_SAID = tuple(Signal.__dataclass_fields__)


def other_declaration(row: Row, record: Record) -> Failure | None:
    """The first thing in which the response differs from what the row says of it; it is read anew."""
    capture = record.capture
    if capture is None:
        return Failure(UNREADABLE, "no response is there")
    if storable(capture.url) != row["document_url"]:
        return Failure(OTHER_URI, "`document_url` is another")
    for column, reason in _COMPARED:
        if row[column] != record.facts[column]:
            return Failure(reason, f"`{column}` is another")
    if row["content_sha256"] not in (None, hashlib.sha256(capture.body).hexdigest()):
        return Failure(OTHER_PAYLOAD, "`content_sha256` is another")
    told = [{name: getattr(signal, name) for name in _SAID} for signal in signals_of(capture)]
    if {name: row.get(name) for name in _SAID} in told:
        return None
    read_by = {signal["parser"] for signal in told if signal["signal"] == row["signal"]}
    return Failure(OTHER_SIGNAL, "" if row["parser"] in read_by else f"the row is by {row['parser']}")

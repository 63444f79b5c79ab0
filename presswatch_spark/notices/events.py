"""What happened to a notice, in order: files that are only added, in a chain of digests."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from presswatch_spark.errors import OutputError
from presswatch_spark.storage.disk import disk_errors
from presswatch_spark.storage.folders import Folder
from presswatch_spark.tables.seals import sealed_json, unsealed_json

FOLDER = "events"
DRAFTED, EDITED, READ, CHECKED, SIGNED, SENT, ANSWERED = (
    "drafted", "edited", "read", "checked", "signed", "sent", "answered",
)  # fmt: skip
RESTORE = "restore the notice from a copy, or draft it again"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: its number from 1, one of the kinds above, when it was noted, and more facts.

    `sums`: SHA-256 (hex) of the notice's SHA256SUMS at that time.
    """

    number: int
    kind: str
    noted_at: datetime
    sums: str
    facts: Mapping[str, Any]
    sha256: str

    @property
    def day(self) -> date:
        """Return the day on which it happened, as a person said it; else that on which it was noted."""
        said = self.facts.get("on")
        return date.fromisoformat(str(said)) if said else self.noted_at.date()


def events_in(folder: Folder) -> list[Event]:
    """Return the events of a notice; `OutputError` names the first that has changed, or is missing."""
    events, before = list[Event](), ""
    for name in sorted(name for name in folder.names() if name.startswith(f"{FOLDER}/")):
        data = folder.read(name)[0]
        try:
            facts = dict(unsealed_json(data))
            event = _event(facts, data)
            if facts["previous"] != before or event.number != len(events) + 1:
                raise ValueError("it follows another event")
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                "the event has changed, or one before it is missing", where=folder.at(name), remedy=RESTORE
            ) from error
        events.append(event)
        before = event.sha256
    return events


def add_event(folder: Folder, events: Sequence[Event], kind: str, sums: str, **facts: Any) -> Event:
    """Add an event behind those that are known; `OutputError` if another process added one meanwhile."""
    number = len(events) + 1
    noted = {
        "number": number,
        "kind": kind,
        "noted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "sums": sums,
        "previous": events[-1].sha256 if events else "",
        **{name: value for name, value in facts.items() if value is not None},
    }
    data = sealed_json(noted)
    with disk_errors(str(folder)):
        folder.write(f"{FOLDER}/{number:04}.json", data, absent=True)
    return _event(noted, data)


def newest(events: Sequence[Event], kind: str) -> Event | None:
    """Return the newest event of a kind; None if there is none."""
    return next((event for event in reversed(events) if event.kind == kind), None)


def _event(facts: Mapping[str, Any], data: bytes) -> Event:
    known = {"number", "kind", "noted_at", "sums", "previous"}
    return Event(
        number=int(facts["number"]),
        kind=str(facts["kind"]),
        noted_at=datetime.fromisoformat(str(facts["noted_at"])),
        sums=str(facts["sums"]),
        facts={name: value for name, value in facts.items() if name not in known},
        sha256=hashlib.sha256(data).hexdigest(),
    )

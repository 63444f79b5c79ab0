"""The journal of a notice, or of all notices of a campaign: events in a sealed chain that only grows.

N/events/0001.json …                 the events of a notice in no campaign
CAMPAIGN/_presswatch_register.json   the plan, sealed, never changed
CAMPAIGN/notices/ID/                 the notices
CAMPAIGN/events/0001.json …          the events of all its notices
CAMPAIGN/head.json                   digest of the newest event, sealed
CAMPAIGN/register.lock               lock of the one process that adds events

Each event has the digest of the one before it, the first one of a campaign that of the plan. An event is
written before the head: after a kill between the two, the head is older, which is no fault. The chain cannot
show that its newest events were removed and the head rewritten: keep a dated copy of the head, as a
chronology has it.
"""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal, Self

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.file_locks import CAMPAIGN
from presswatch_spark.storage.locks_and_leases import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json

MARKER, LAYOUT = "_presswatch_register.json", 2
NOTICES, EVENTS, HEAD, SUMS = "notices", "events", "head.json", "SHA256SUMS"
LOCK = "register"
RESTORE = "restore it from a copy; nothing that rests on it is sure until then"
EventKind = Literal[
    "drafted", "edited", "read", "checked", "signed", "sent", "delivered", "refused", "returned", "answered",
    "reminded", "escalated", "closed",
]  # fmt: skip
"""Kinds of events. `refused`: the recipient refused to take the letter; an answer may decline the request."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a notice: its number from 1, its kind, and when it was noted.

    `sums`: SHA-256 (hex) of the notice's SHA256SUMS at that time. `notice`: its id in a campaign, or empty.
    `facts`: the content of its file.
    """

    number: int
    kind: str
    noted_at: datetime
    sums: str
    notice: str
    facts: Mapping[str, Any]
    sha256: str

    @classmethod
    def of(cls, noted: Mapping[str, Any], data: bytes) -> "Event":
        """Return the event of a file with the content `noted` and the bytes `data`."""
        noted_at, notice = datetime.fromisoformat(noted["noted_at"]), noted.get("notice", "")
        return cls(noted["number"], noted["kind"], noted_at, noted["sums"], notice, noted, _sha256(data))

    @property
    def day(self) -> date:
        """Return the day of the event, if a person gave it (`on`), else the day on which it was noted."""
        given = self.facts.get("on")
        return date.fromisoformat(str(given)) if given else self.noted_at.date()


@dataclass(frozen=True, slots=True)
class Journal:
    """The events in a folder, of a campaign or of a notice that is in none, in the order of their chain.

    `plan`: the content of the campaign's marker; empty for a notice. `start`: the digest that the first event
    follows. `is_held`: this process has locked the campaign.
    """

    folder: Folder
    plan: Mapping[str, Any]
    start: str
    events: tuple[Event, ...] = ()
    is_held: bool = False

    @classmethod
    def at(cls, path: str, storage: StorageOptions) -> Self | None:
        """Read the journal of a campaign; None if the folder is none, `OutputError` if it was changed."""
        folder = Folder.of(path, storage)
        # Read the head first: another process may add events meanwhile.
        head, marker = _content(folder, HEAD), _content(folder, MARKER) or b""
        if head is None and not marker:
            return None
        plan = _unsealed(folder, MARKER, marker)
        if plan.get("layout") != LAYOUT:
            raise OutputError(
                f"the campaign has layout {plan.get('layout')}, and this version reads {LAYOUT}",
                where=str(folder),
                remedy="use the version that planned it",
            )
        names = folder.names()
        journal = cls(folder, plan, _sha256(marker))._with_events(names)
        if head is not None:
            digests = [journal.start, *(event.sha256 for event in journal.events)]
            if _unsealed(folder, HEAD, head).get("newest") not in digests:
                raise broken(folder, event_name(len(digests)), "the event is missing")
        # A notice counts from the moment at which its last file is written.
        whole = {name.split("/")[1] for name in names if re.fullmatch(f"{NOTICES}/[^/]+/{SUMS}", name)}
        for id in (whole - plan["notices"].keys()) | (journal.notices - whole):
            raise broken(folder, f"{NOTICES}/{id}", "the notice is missing, or not in the plan")
        return journal

    @classmethod
    def of(cls, notice: Folder) -> Self:
        """Read the journal of the campaign in which a notice is; its own one if it is in none."""
        parent, _, _ = notice.uri.rpartition("/")
        campaign, _, name = parent.rpartition("/")
        journal = cls.at(campaign, notice.storage) if name == NOTICES and campaign else None
        return journal or cls(notice, {}, "")._with_events(notice.names())

    def _with_events(self, names: Collection[str]) -> Self:
        count = sum(name.startswith(f"{EVENTS}/") for name in names)
        events, newest = list[Event](), self.start
        expected = [event_name(number) for number in range(1, count + 1)]
        with ThreadPoolExecutor(8, "journal") as pool:
            for name, data in zip(expected, pool.map(partial(_content, self.folder), expected), strict=True):
                try:
                    noted = unsealed_json(data or b"")
                    event = Event.of(noted, data or b"")
                    if (event.number, noted["previous"]) != (len(events) + 1, newest):
                        raise ValueError("it follows another event")
                except (ValueError, KeyError, TypeError) as error:
                    raise broken(self.folder, name, "the event is missing, or has changed") from error
                events.append(event)
                newest = event.sha256
        return replace(self, events=tuple(events))

    @property
    def head(self) -> str:
        """Return the digest of the newest event, or that which the first one will follow."""
        return self.events[-1].sha256 if self.events else self.start

    @property
    def notices(self) -> set[str]:
        """Return the ids of the notices that have events."""
        return {event.notice for event in self.events}

    def events_of(self, notice: str) -> tuple[Event, ...]:
        """Return the events of a notice."""
        return tuple(event for event in self.events if event.notice == notice)

    def require_file(self, name: str, sha256: str) -> None:
        """Raise `OutputError` if a file is changed, or missing while there are notices."""
        data = _content(self.folder, name)
        if data is not None and _sha256(data) != sha256:
            raise broken(self.folder, name, "the file has changed")
        if self.events and data is None:
            raise broken(self.folder, name, "the file is missing")

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Lock a campaign, to add events; give its journal as it is now. A notice in none needs no lock.

        Raises `InUseError` if another process has locked it, `OutputError` if it was changed.
        """
        if self.is_held or not self.plan:
            yield self
            return
        with locked_campaign(self.folder):
            yield self.at(self.folder.uri, self.folder.storage) or self

    def with_event(self, notice: str, kind: EventKind, sums: str, facts: Mapping[str, Any]) -> Self:
        """Write an event and the head; return the journal with the event. Only under the lock of a campaign.

        Raises `StorageError` if another process has written an event of this number.
        """
        noted = {
            "number": len(self.events) + 1,
            "kind": kind,
            "noted_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "sums": sums,
            "previous": self.head,
            **({"notice": notice} if notice else {}),
            **facts,
        }
        data = sealed_json(noted)
        event = Event.of(noted, data)
        self.folder.write(event_name(event.number), data, absent=True)
        if self.plan:
            self.folder.write(HEAD, sealed_json({"newest": event.sha256}))
        return replace(self, events=(*self.events, event))


def locked_campaign(folder: Folder) -> AbstractContextManager[Lock]:
    """Hold the lock of a campaign; `InUseError` if another process holds it."""
    return locked(folder, LOCK, rule=CAMPAIGN)


def event_name(number: int) -> str:
    """Return the name of an event."""
    return f"{EVENTS}/{number:04}.json"


def _content(folder: Folder, name: str) -> bytes | None:
    try:
        return folder.read(name)[0]
    except MissingError:
        return None


def _unsealed(folder: Folder, name: str, data: bytes) -> Mapping[str, Any]:
    try:
        return unsealed_json(data)
    except ValueError as error:
        raise broken(folder, name, "the file is missing, or has changed") from error


def broken(folder: Folder, name: str, what: str) -> OutputError:
    """Return the error of a file of a notice or a campaign."""
    return OutputError(what, where=folder.at(name), remedy=RESTORE)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

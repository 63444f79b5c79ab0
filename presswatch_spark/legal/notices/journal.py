"""The journal of a campaign: a sealed chain of all events of its notices, so that every change is noticed.

CAMPAIGN/_presswatch_register.json   the plan, sealed, never changed
CAMPAIGN/notices/ID/                 the notices
CAMPAIGN/journal/000001.json …       each event with its digest, and the digest of the entry before it
CAMPAIGN/register.lock               lock of the one process that adds events

The first entry has the digest of the plan. An event is written before its entry: if a process is killed
between the two, the next process that adds an event writes the entry. The chain cannot show that its newest
entries were removed together with their events: keep a dated copy of its head, as a chronology has it.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from presswatch_spark.core.errors import OutputError
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.file_locks import CAMPAIGN
from presswatch_spark.storage.locks import Lock, locked
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json

MARKER, LAYOUT = "_presswatch_register.json", 1
NOTICES, JOURNAL, EVENTS, SUMS = "notices", "journal", "events", "SHA256SUMS"
ENTRY = ("number", "previous", "notice", "event", "event_sha256")
_EVENT = re.compile(f"{NOTICES}/([^/]+)/{EVENTS}/.*")
LOCK = "register.lock"
RESTORE = "restore the campaign from a copy; nothing that rests on it is sure until then"


class BrokenCampaignError(OutputError):
    """Error for a campaign whose files were changed, exchanged or removed."""


@dataclass(frozen=True)
class Journal:
    """The journal of the campaign in a folder, whose events all fit it.

    `plan`: the content of the marker. `entries`: the entries in their order; `head`: digest of the newest.
    `pending`: notice, number, kind and digest of the event that has no entry yet.
    """

    folder: Folder
    plan: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]]
    head: str
    pending: tuple[str, int, str, str] | None = None

    @classmethod
    def at(cls, path: str, storage: StorageOptions) -> Self | None:
        """Read the journal of a campaign; None if the folder is none. Raises `BrokenCampaignError`."""
        folder = Folder.of(path, storage)
        try:
            folder.read(MARKER)
        except MissingError:
            if any(name.startswith(f"{JOURNAL}/") for name in folder.names()):
                raise broken(folder, MARKER, "the plan is missing") from None
            return None
        try:
            return cls._read(folder)
        except BrokenCampaignError:
            # Another process may have added events between the listing of the journal and that of notices.
            return cls._read(folder)

    @classmethod
    def around(cls, notice: Folder) -> Self | None:
        """Read the journal of the campaign in which a notice is; None if it is in none."""
        parent, _, _ = notice.uri.rpartition("/")
        campaign, _, name = parent.rpartition("/")
        return cls.at(campaign, notice.storage) if name == NOTICES and campaign else None

    @classmethod
    def _read(cls, folder: Folder) -> Self:
        marker, names = folder.read(MARKER)[0], folder.names()
        plan, entries = _unsealed(folder, MARKER, marker, "notices"), list[Mapping[str, Any]]()
        head = _sha256(marker)
        if plan.get("layout") != LAYOUT:
            raise OutputError(
                f"the campaign has layout {plan.get('layout')}, and this version reads {LAYOUT}",
                where=str(folder),
                remedy="use the version that planned it",
            )
        # A notice counts from the moment at which its last file is written.
        whole = {name.split("/")[1] for name in names if re.fullmatch(f"{NOTICES}/[^/]+/{SUMS}", name)}
        if strange := whole - plan["notices"].keys():
            raise broken(folder, f"{NOTICES}/{min(strange)}", "the plan has no such notice")
        noted = [name for name in names if name.startswith(f"{JOURNAL}/")]
        events = [name for name in names if (at := _EVENT.fullmatch(name)) and at[1] in whole]
        with ThreadPoolExecutor(8, "journal") as pool:
            data = pool.map(lambda name: folder.read(name)[0], [*noted, *events])
            files = dict(zip([*noted, *events], data, strict=True))
        expected = dict[str, str]()
        for name in noted:
            if name != (right := entry_name(len(entries) + 1)):
                raise broken(folder, right, "the entry of the journal is missing")
            entry = _unsealed(folder, name, files[name], *ENTRY)
            if (entry["number"], entry["previous"]) != (len(entries) + 1, head):
                raise broken(folder, name, "the entry follows another one, or another plan")
            entries.append(entry)
            head = _sha256(files[name])
            expected[event_name(entry["notice"], entry["event"])] = entry["event_sha256"]
        for name, sha256 in expected.items():
            if name not in files:
                raise broken(folder, name, "the event is missing")
            if _sha256(files[name]) != sha256:
                raise broken(folder, name, "the event is not the one that the journal names")
        journal = cls(folder, plan, entries, head)
        for name in sorted(set(events) - expected.keys()):
            notice = name.split("/")[1]
            number = len(journal.digests.get(notice, ())) + 1
            if journal.pending or name != event_name(notice, number):
                raise broken(folder, name, "the journal does not name this event")
            kind = str(_unsealed(folder, name, files[name]).get("kind"))
            journal = replace(journal, pending=(notice, number, kind, _sha256(files[name])))
        return journal

    @cached_property
    def digests(self) -> dict[str, list[str]]:
        """Return the SHA-256 (hex) of the events of each notice."""
        found = defaultdict[str, list[str]](list)
        for entry in self.entries:
            found[entry["notice"]].append(entry["event_sha256"])
        return dict(found)

    def require_file(self, name: str, sha256: str) -> None:
        """Raise `BrokenCampaignError` if a file is changed, or missing while there are notices."""
        is_there = name in self.folder.names()
        if is_there and _sha256(self.folder.read(name)[0]) != sha256:
            raise broken(self.folder, name, "the file has changed")
        if self.entries and not is_there:
            raise broken(self.folder, name, "the file is missing")

    @contextmanager
    def held(self) -> Iterator[Self]:
        """Lock the campaign, to add events; give its journal as it is now, with all its entries.

        Raises `InUseError` if another process has locked it, `BrokenCampaignError` if it was changed.
        """
        with locked_campaign(self.folder):
            yield self._read(self.folder).completed()

    def completed(self) -> Self:
        """Write the entry of the pending event, if there is one. Only under the lock of the campaign."""
        return self.with_event(*self.pending) if self.pending else self

    def with_event(self, notice: str, number: int, kind: str, sha256: str) -> Self:
        """Write the entry of an event; return the journal with it. Only under the lock of the campaign."""
        place = {"number": len(self.entries) + 1, "previous": self.head}
        entry = {"notice": notice, "event": number, "kind": kind, "event_sha256": sha256, **place}
        data = sealed_json(entry)
        with disk_errors(str(self.folder)):
            self.folder.write(entry_name(len(self.entries) + 1), data, absent=True)
        return replace(self, entries=[*self.entries, entry], head=_sha256(data), pending=None)


def locked_campaign(folder: Folder) -> AbstractContextManager[Lock]:
    """Hold the lock of a campaign; `InUseError` if another process holds it."""
    return locked(folder, LOCK, rule=CAMPAIGN)


def entry_name(number: int) -> str:
    """Return the name of an entry."""
    return f"{JOURNAL}/{number:06}.json"


def event_name(notice: str, number: int) -> str:
    """Return the name of an event in its campaign."""
    return f"{NOTICES}/{notice}/{EVENTS}/{number:04}.json"


def _unsealed(folder: Folder, name: str, data: bytes, *keys: str) -> Mapping[str, Any]:
    try:
        found = unsealed_json(data)
        if missing := set(keys) - found.keys():
            raise ValueError(f"there is no {min(missing)}")
        return found
    except ValueError as error:
        raise broken(folder, name, "the file has changed") from error


def broken(folder: Folder, name: str, what: str) -> BrokenCampaignError:
    """Return the error of a file of a campaign."""
    return BrokenCampaignError(what, where=folder.at(name), remedy=RESTORE)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

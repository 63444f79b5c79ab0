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
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Self

from presswatch_spark.core.errors import InUseError, OutputError
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.locks import locked
from presswatch_spark.storage.objects import MissingError, StorageOptions
from presswatch_spark.tables.seals import sealed_json, unsealed_json

MARKER, LAYOUT = "_presswatch_register.json", 1
NOTICES, JOURNAL, EVENTS, SUMS = "notices", "journal", "events", "SHA256SUMS"
LOCK, LEASE_SECONDS = "register.lock", 60.0
RESTORE = "restore the campaign from a copy; nothing that rests on it is sure until then"


class BrokenCampaignError(OutputError):
    """Error for a campaign whose files were changed, exchanged or removed."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of the campaign in a folder, whose events all fit it.

    `plan`: the content of the marker. `entries`: the entries in their order. `digests`: SHA-256 (hex) of the
    events of each notice. `pending`: an event without an entry, as notice, number, kind and digest.
    """

    folder: Folder
    plan: Mapping[str, Any]
    entries: Sequence[Mapping[str, Any]]
    head: str
    digests: Mapping[str, Sequence[str]]
    pending: tuple[str, int, str, str] | None

    @classmethod
    def at(cls, path: str, storage: StorageOptions) -> Self | None:
        """Read the journal of a campaign; None if the folder is none. Raises `BrokenCampaignError`."""
        folder = Folder.of(path, storage)
        try:
            folder.read(MARKER)
        except MissingError:
            if any(name.startswith(f"{JOURNAL}/") for name in folder.names()):
                raise _broken(folder, MARKER, "the plan is missing") from None
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
        plan = _unsealed(folder, MARKER, marker)
        if plan.get("layout") != LAYOUT:
            raise OutputError(
                f"the campaign has layout {plan.get('layout')}, and this version reads {LAYOUT}",
                where=str(folder),
                remedy="use the version that planned it",
            )
        noted = [name for name in names if name.startswith(f"{JOURNAL}/")]
        listed = [name for name in names if name.startswith(f"{NOTICES}/")]
        events = [name for name in listed if name.split("/")[2:3] == [EVENTS]]
        with ThreadPoolExecutor(8, "journal") as pool:
            data = pool.map(lambda name: folder.read(name)[0], [*noted, *events])
            files = dict(zip([*noted, *events], data, strict=True))
        entries, head = list[Mapping[str, Any]](), _sha256(marker)
        for name in noted:
            if name != (expected := entry_name(len(entries) + 1)):
                raise _broken(folder, expected, "the entry of the journal is missing")
            entry = _unsealed(folder, name, files[name])
            if (entry.get("number"), entry.get("previous")) != (len(entries) + 1, head):
                raise _broken(folder, name, "the entry follows another one, or another plan")
            entries.append(entry)
            head = _sha256(files[name])
        # A notice counts from the moment at which its last file is written.
        whole = {name.split("/")[1] for name in listed if name.endswith(f"/{SUMS}") and name.count("/") == 2}
        known = whole | {str(entry.get("notice")) for entry in entries}
        if strange := known - plan.get("notices", {}).keys():
            raise _broken(folder, f"{NOTICES}/{min(strange)}", "the plan has no such notice")
        if lost := known - whole:
            raise _broken(folder, f"{NOTICES}/{min(lost)}", "the notice is missing")
        digests = {
            notice: [_sha256(files[name]) for name in events if name.split("/")[1] == notice]
            for notice in sorted(known)
        }
        pending = _pending_in(folder, entries, {name: files[name] for name in events}, known)
        return cls(folder, plan, entries, head, digests, pending)

    def require_file(self, name: str, sha256: str) -> None:
        """Raise `BrokenCampaignError` if a file of the plan is changed or missing while there are notices."""
        is_there = name in self.folder.names()
        if is_there and _sha256(self.folder.read(name)[0]) != sha256:
            raise _broken(self.folder, name, "the file has changed")
        if self.entries and not is_there:
            raise _broken(self.folder, name, "the file is missing")

    def broken(self, name: str, what: str) -> BrokenCampaignError:
        """Return the error of a file of the campaign."""
        return _broken(self.folder, name, what)

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
        entry = {
            "number": len(self.entries) + 1,
            "notice": notice,
            "event": number,
            "kind": kind,
            "sha256": sha256,
            "previous": self.head,
        }
        data = sealed_json(entry)
        with disk_errors(str(self.folder)):
            self.folder.write(entry_name(len(self.entries) + 1), data, absent=True)
        digests = {**self.digests, notice: [*self.digests.get(notice, [])[: number - 1], sha256]}
        entries = [*self.entries, entry]
        return type(self)(self.folder, self.plan, entries, _sha256(data), digests, None)


@contextmanager
def locked_campaign(folder: Folder) -> Iterator[None]:
    """Hold the lock of a campaign; `InUseError` if another process holds it."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder, LOCK, LEASE_SECONDS))
        except InUseError as error:
            what = "another process is adding to this campaign"
            raise InUseError(what, where=str(folder), remedy="wait for its end, and try again") from error
        yield


def entry_name(number: int) -> str:
    """Return the name of an entry."""
    return f"{JOURNAL}/{number:06}.json"


def _pending_in(
    folder: Folder, entries: Sequence[Mapping[str, Any]], files: Mapping[str, bytes], notices: Collection[str]
) -> tuple[str, int, str, str] | None:
    """Compare the events of `notices` with the journal; return the event without an entry, or None."""
    pending = list[tuple[str, int, str, str]]()
    of_notice = defaultdict[str, list[Mapping[str, Any]]](list)
    for entry in entries:
        of_notice[entry["notice"]].append(entry)
    for notice in sorted(notices):
        of_events = sorted(name for name in files if name.split("/")[1] == notice)
        for number, (noted, name) in enumerate(zip_longest(of_notice[notice], of_events), 1):
            if name != (expected := f"{NOTICES}/{notice}/{EVENTS}/{number:04}.json"):
                raise _broken(folder, expected, "the event is missing")
            digest = _sha256(files[name])
            if noted is None:
                pending.append(
                    (notice, number, str(_unsealed(folder, name, files[name]).get("kind")), digest)
                )
            elif (noted.get("event"), noted.get("sha256")) != (number, digest):
                raise _broken(folder, name, "the event is not the one that the journal states")
    if len(pending) > 1:
        notice, number, _, _ = pending[-1]
        name = f"{NOTICES}/{notice}/{EVENTS}/{number:04}.json"
        raise _broken(folder, name, "the journal does not name this event")
    return pending[0] if pending else None


def _unsealed(folder: Folder, name: str, data: bytes) -> Mapping[str, Any]:
    try:
        return unsealed_json(data)
    except ValueError as error:
        raise _broken(folder, name, "the file has changed") from error


def _broken(folder: Folder, name: str, what: str) -> BrokenCampaignError:
    return BrokenCampaignError(what, where=folder.at(name), remedy=RESTORE)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

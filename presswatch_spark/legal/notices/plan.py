"""The plan of a campaign: a notice for each sender, recipient, law and case that has places to name.

CAMPAIGN/_presswatch_register.json   the plan, sealed, written first
CAMPAIGN/exclusions.csv              each place without a notice, with the reason
CAMPAIGN/reuploaders.yaml            owners on a hub that no recipient names, for a person to complete
CAMPAIGN/notices/ID/                 the notices

A killed plan resumes with the same command: notices that are not whole are drafted.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from presswatch_spark.claims.rights_and_mandates import AUTHOR, PRESS_PUBLISHER, mandate_of
from presswatch_spark.claims.selection import DOUBTFUL, Choice, ClaimPlace, PlaceSelection
from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.core.settings.checked_yaml import file_bytes
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.registry import load_registry
from presswatch_spark.legal.evidence.sources import CaseSource, source_at
from presswatch_spark.legal.notices.journal import (
    EVENTS,
    LAYOUT,
    LOCK,
    MARKER,
    NOTICES,
    BrokenCampaignError,
    Journal,
    locked_campaign,
)
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import NoticeOrder, rights_claimed
from presswatch_spark.legal.notices.notice import DRAFTED, draft_notice, today
from presswatch_spark.legal.notices.parties import Recipient, Sender, load_recipients, load_sender
from presswatch_spark.query.exports import export
from presswatch_spark.query.pointers.pointer import Mirror
from presswatch_spark.storage.disk import Folder, disk_errors
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.tables.declarations import Target
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.seals import sealed_json

EXCLUSIONS, REUPLOADERS = "exclusions.csv", "reuploaders.yaml"
EXCLUSION_COLUMNS = (
    "case", "target_sha256", "publisher", "file", "document_url", "recipient", "law", "reason",
)  # fmt: skip
NO_SENDER, NO_MANDATE, NO_RIGHT = (
    "of no sender's publisher",
    "without a mandate in force",
    "without a right in force",
)
NO_RECIPIENT, NO_LAW = "of no recipient", "under no known law of the recipient"
"""Reasons of a plan for excluding places, besides those of a selection."""
_HUBS = ("hf://datasets/", "https://huggingface.co/datasets/")


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """A campaign to be planned: its cases and files. `lang`: None for the language of each recipient."""

    cases: Sequence[str]
    members: str
    recipients: str | None
    senders: Sequence[str]
    days: int
    claims: str | None = None
    mirrors: Sequence[Mirror] = ()
    lang: str | None = None
    drafted: date | None = None


@dataclass
class _Division:
    """The notices of a campaign by id, each as the plan describes it and as an order; and the exclusions."""

    planned: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, NoticeOrder] = field(default_factory=dict)
    exclusions: list[tuple[str, ...]] = field(default_factory=list)
    places: int = 0

    def exclude(
        self, case: str, of: Target | ClaimPlace, reason: str, recipient: str = "", law: str = ""
    ) -> None:
        """Add a place that gets no notice."""
        file = of.file if isinstance(of, ClaimPlace) else of.shard_uri
        where = (of.publisher_id, file, of.document_url or "")
        self.exclusions.append((case, of.target_sha256, *where, recipient, law, reason))

    def groups(self) -> list[list[Any]]:
        """Return number of places by publisher, recipient, law and reason."""
        counts = Counter((row[2], *row[5:]) for row in self.exclusions)
        return [[*key, count] for key, count in sorted(counts.items())]


def plan_campaign(
    order: PlanOrder, out: str, storage: StorageOptions, tell: Callable[[str], None] = lambda id: None
) -> Journal:
    """Plan a campaign, or resume its plan, and draft its notices; return its journal. `tell`: gets each id.

    Raises `ConfigError` or `InputError` if the files do not fit each other or the plan, `OutputError` if
    there is something else in the folder, `InUseError` if another process adds to the campaign.
    """
    folder, arguments = Folder.of(out, storage), _arguments(order, storage)
    known = Journal.at(out, storage)
    if known is None and set(folder.entries()) - {LOCK, REUPLOADERS}:
        raise OutputError("there is something already", where=str(folder), remedy="name a new --out")
    if folder.is_local:
        with disk_errors(out):
            folder.path.mkdir(parents=True, exist_ok=True)
    with locked_campaign(folder):
        journal = Journal.at(out, storage)
        if journal:
            _require_same(journal, arguments, order.drafted)
        day = date.fromisoformat(journal.plan["day"]) if journal else order.drafted or today()
        if journal and journal.plan["notices"].keys() == journal.digests.keys() and not journal.pending:
            return journal
        division = _divide(order, folder, day, storage)
        if not division.orders:
            counts = Counter(row[-1] for row in division.exclusions)
            named = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
            remedy = "see the reasons in the reference of notices, and plan again"
            raise InputError(f"no place can be named in a notice: {named}", where=out, remedy=remedy)
        exclusions = _csv(division.exclusions, storage)
        facts = {"notices": division.planned, "places": division.places, "exclusions": division.groups()}
        facts["exclusions_sha256"] = hashlib.sha256(exclusions).hexdigest()
        if journal is None:
            about = {
                "layout": LAYOUT,
                "tool_version": __version__,
                "day": day.isoformat(),
                "arguments": arguments,
            }
            about["planned_at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            folder.write(MARKER, sealed_json(about | facts), absent=True)
            journal = Journal.at(out, storage)
            assert journal
        elif any(journal.plan[name] != value for name, value in facts.items()):
            what = "its cases, their claims or the re-uploaders have changed since it was planned"
            raise InputError(what, where=str(folder), remedy="plan a new campaign in another folder")
        if EXCLUSIONS not in folder.names():
            with folder.new_file(EXCLUSIONS, private=True) as draft:
                draft.write_bytes(exclusions)
        if journal.pending:
            journal = journal.with_event(*journal.pending)
        for id, notice in division.orders.items():
            if id not in journal.digests:
                draft_notice(notice, folder.at(f"{NOTICES}/{id}"), storage)
                data = folder.read(f"{NOTICES}/{id}/{EVENTS}/0001.json")[0]
                journal = journal.with_event(id, 1, DRAFTED, hashlib.sha256(data).hexdigest())
                tell(id)
    return journal


def require_exclusions(journal: Journal) -> None:
    """Raise `BrokenCampaignError` if the table of exclusions has changed."""
    name = EXCLUSIONS if EXCLUSIONS in journal.folder.names() else ""
    data = journal.folder.read(name)[0] if name else b""
    is_begun = bool(journal.digests)
    if hashlib.sha256(data).hexdigest() != journal.plan["exclusions_sha256"] and (name or is_begun):
        what = "the file has changed" if name else "the file is missing"
        raise BrokenCampaignError(what, where=journal.folder.at(EXCLUSIONS), remedy="restore it from a copy")


def _arguments(order: PlanOrder, storage: StorageOptions) -> dict[str, Any]:
    """Return what identifies the arguments of a plan: digests of files and cases, and the other options."""
    files = {"--members": [order.members], "--sender": list(order.senders)}
    files["--recipients"] = [order.recipients or str(shipped("recipients.yaml"))]
    digests = {
        name: [hashlib.sha256(file_bytes(path, "the file", name)).hexdigest() for path in paths]
        for name, paths in files.items()
    }
    cases = [str(_case(path, order, storage).case.about["targets_digest"]) for path in order.cases]
    mirrors = [[mirror.place, mirror.copy] for mirror in order.mirrors]
    others = {"--mirror": mirrors, "--claims": order.claims, "--lang": order.lang, "--days": order.days}
    return {**digests, "CASE": cases, **others}


def _case(path: str, order: PlanOrder, storage: StorageOptions) -> CaseSource:
    source = source_at(path, storage, order.claims)
    if not isinstance(source, CaseSource):
        raise InputError(
            "a campaign is planned from cases of removal",
            where=path,
            remedy="open one: `presswatch removal open`",
        )
    return source


def _require_same(journal: Journal, arguments: Mapping[str, Any], drafted: date | None) -> None:
    planned = journal.plan["arguments"]
    other = [name for name, value in arguments.items() if planned.get(name) != value]
    if drafted and drafted.isoformat() != journal.plan["day"]:
        other.append("--date")
    if other:
        what = f"this campaign was planned with other arguments: {', '.join(other)}"
        remedy = "give the same ones, with unchanged files, or name a new --out"
        raise InputError(what, where=str(journal.folder), remedy=remedy)


def _senders(order: PlanOrder) -> dict[str, Sender]:
    """Return the senders by their files; their publishers must be those of the members file, each once."""
    members, senders, of_publisher = (
        load_registry(Path(order.members)).by_id,
        dict[str, Sender](),
        dict[str, str](),
    )
    for path in order.senders:
        senders[path] = load_sender(path)
        for publisher in senders[path].publishers:
            if members.get(publisher.id) != publisher:
                raise ConfigError(
                    f"this sender's members file describes `{publisher.id}` otherwise than {order.members}",
                    where=path,
                    remedy="name the same members file in both",
                )
            other = of_publisher.setdefault(publisher.id, path)
            if other != path:
                what = f"the publisher `{publisher.id}` has two senders: {other} is another one"
                raise ConfigError(what, where=path, remedy="list it under `publishers` of one of them")
    return senders


def _divide(order: PlanOrder, folder: Folder, day: date, storage: StorageOptions) -> _Division:
    """Divide the places of the cases among notices and exclusions; write the file of re-uploaders."""
    senders, division = _senders(order), _Division()
    selections = {path: _case(path, order, storage).sift(Choice(), order.mirrors) for path in order.cases}
    recipients = {id: (each, order.recipients) for id, each in load_recipients(order.recipients).items()}
    files = {place.file for selection in selections.values() for place in selection.places}
    recipients |= _reuploaders(files, [each for each, _ in recipients.values()], folder)
    for path, selection in selections.items():
        groups = _grouped(division, path, selection, senders, [each for each, _ in recipients.values()], day)
        for (file, recipient, law), places in groups.items():
            own = replace(selection, places=tuple(places))
            to, recipients_file = recipients[recipient]
            notice = NoticeOrder(
                selection=own,
                recipient=to,
                law=laws()[law],
                lang=order.lang or to.language,
                sender=senders[file],
                drafted=day,
                sender_file=file,
                recipients_file=recipients_file,
                days=order.days,
            )
            id = _id(senders, file, recipient, law, division.planned)
            division.orders[id] = notice
            division.planned[id] = {
                "case": selection.source.where,
                "sender": senders[file].name,
                "recipient": recipient,
                "recipient_name": to.name,
                "law": law,
                "lang": notice.lang,
                "publishers": {
                    each.id: each.name
                    for each in senders[file].publishers
                    if any(place.publisher_id == each.id for place in places)
                },
                "places": len(places),
                "targets_digest": table_digest(place.target_sha256 for place in places),
            }
    return division


def _grouped(
    division: _Division,
    case: str,
    selection: PlaceSelection,
    senders: Mapping[str, Sender],
    recipients: Sequence[Recipient],
    day: date,
) -> dict[tuple[str, str, str], list[ClaimPlace]]:
    """Return the places of each sender, recipient and law, in this order; exclude the others."""
    source, groups = selection.source, defaultdict[tuple[str, str, str], list[ClaimPlace]](list)
    assert isinstance(source, CaseSource)
    targets = source.case.targets()
    division.places += len(targets)
    for target in targets:
        if reason := selection.reasons.get(target.target_sha256):
            division.exclude(case, target, reason)
    sender_of = {each.id: file for file, sender in senders.items() for each in sender.publishers}
    for place in selection.places:
        file = sender_of.get(place.publisher_id)
        if reason := _reason(place, senders[file] if file else None, day):
            division.exclude(case, place, reason)
            continue
        concerned = [each for each in recipients if each.concerns(place.dataset, place.file)]
        if not concerned:
            division.exclude(case, place, NO_RECIPIENT)
        for recipient in concerned:
            if not recipient.laws:
                division.exclude(case, place, NO_LAW, recipient.id)
            for law in recipient.laws:
                groups[str(file), recipient.id, law].append(place)
    senders_in_order, recipients_in_order = list(senders), [each.id for each in recipients]
    return dict(
        sorted(
            groups.items(),
            key=lambda each: (
                senders_in_order.index(each[0][0]),
                recipients_in_order.index(each[0][1]),
                list(laws()).index(each[0][2]),
            ),
        )
    )


def _reason(place: ClaimPlace, sender: Sender | None, day: date) -> str | None:
    """Return the reason why no notice of a day may name a place; None if one may."""
    if sender is None:
        return NO_SENDER
    publisher = sender.by_id[place.publisher_id]
    is_covered = publisher.mandate_document and mandate_of(publisher, day) == "in_force"
    if not (sender.is_owner or is_covered):
        return NO_MANDATE
    if place.is_doubtful:
        return DOUBTFUL
    return None if rights_claimed(place, sender, day) & {AUTHOR, PRESS_PUBLISHER} else NO_RIGHT


def _reuploaders(
    files: set[str], recipients: Sequence[Recipient], folder: Folder
) -> dict[str, tuple[Recipient, str]]:
    """Return recipients for the owners of a hub's files that no recipient names, with their file.

    A file that a person has completed since is read, not written.
    """
    specific = [
        place
        for each in recipients
        for place in each.places
        if place.startswith(_HUBS) and place not in _HUBS
    ]
    hub = next((each for each in recipients if _HUBS[0].startswith(each.places or "\0")), None)
    owners = set[str]()
    for file in files:
        root = next(filter(file.startswith, _HUBS), None)
        owner, slash, _ = file.removeprefix(root).partition("/") if root else ("", "", "")
        if slash and not file.startswith(tuple(specific)):
            owners.add(owner)
    if not owners:
        return {}
    entries = [dict(_entry(owner, hub)) for owner in sorted(owners)]
    text = "# Owners on a hub whose files are in this campaign. Complete and check each address.\n"
    text += yaml.safe_dump({"recipients": entries}, allow_unicode=True, sort_keys=False)
    if REUPLOADERS in folder.names():
        text = folder.read(REUPLOADERS)[0].decode("utf-8", "replace")
    else:
        folder.write(REUPLOADERS, text.encode(), absent=True)
    with scratch_folder() as scratch:
        (scratch / REUPLOADERS).write_text(text, encoding="utf-8")
        found = load_recipients(str(scratch / REUPLOADERS))
    return {id: (each, folder.at(REUPLOADERS)) for id, each in found.items()}


def _entry(owner: str, hub: Recipient | None) -> Iterator[tuple[str, Any]]:
    source = f"https://huggingface.co/{owner}"
    yield from {"id": f"hf-{owner}", "name": owner, "datasets": []}.items()
    yield "places", [f"{root}{owner}/" for root in _HUBS]
    yield "route", {"value": None, "source": source, "checked": None}
    for name in ("laws", "columns"):
        if hub and (value := list(getattr(hub, name))):
            yield name, {"value": value, "source": f"as of {hub.id}", "checked": None}


def _id(senders: Mapping[str, Sender], file: str, recipient: str, law: str, taken: Mapping[str, Any]) -> str:
    """Return a new id such as `alliance-common-crawl-fr`; `-2` for a second case."""
    names = {path: _slug(sender.name) for path, sender in senders.items()}
    first = names[file].partition("-")[0]
    is_clear = sum(name.partition("-")[0] == first for name in names.values()) == 1
    id = f"{first if is_clear else names[file]}-{_slug(recipient)}-{law}"
    numbers = (f"-{number}" for number in range(2, len(taken) + 2))
    return next(new for new in (id, *(f"{id}{number}" for number in numbers)) if new not in taken)


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().casefold()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "x"


def _csv(rows: Sequence[tuple[str, ...]], storage: StorageOptions) -> bytes:
    schema = pa.schema([(name, pa.string()) for name in EXCLUSION_COLUMNS])
    with scratch_folder() as scratch:
        export(str(scratch / EXCLUSIONS), schema, rows, storage)
        return (scratch / EXCLUSIONS).read_bytes()

"""A campaign: a notice for each sender, recipient, law and case that has places to name, and their register.

CAMPAIGN/_presswatch_register.json   the plan, sealed, written first
CAMPAIGN/exclusions.csv              each place without a notice, with the reason
CAMPAIGN/reuploaders.yaml            owners on a hub that no recipient names, for a person to complete
CAMPAIGN/notices/ID/                 the notices

A killed plan resumes with the same command: notices that are not whole are drafted. The register has the
notices with their states on a day, tasks, calendar and chronology.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import yaml

from presswatch_spark.claims.rights_and_mandates import AUTHOR, PRESS_PUBLISHER, mandate_of
from presswatch_spark.claims.selection import DOUBTFUL, Choice, ClaimPlace
from presswatch_spark.core.errors import ConfigError, InputError, OutputError
from presswatch_spark.core.settings.load import shipped
from presswatch_spark.core.terminal import folded, printable
from presswatch_spark.core.translation import N_, n
from presswatch_spark.core.version import __version__
from presswatch_spark.corpus.members import load_registry
from presswatch_spark.legal import typesetting
from presswatch_spark.legal.evidence.sources import CaseSource, source_at
from presswatch_spark.legal.notices.follow_up import STEPS, NoticeState, state_of
from presswatch_spark.legal.notices.journal import (
    LAYOUT,
    LOCK,
    MARKER,
    NOTICES,
    SUMS,
    Event,
    Journal,
    broken,
    locked_campaign,
)
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import LetterWords, NoticeOrder, rights_claimed
from presswatch_spark.legal.notices.notice import PROOFS, Notice, draft_notice, today
from presswatch_spark.legal.notices.parties import Recipient, Sender, load_recipients, load_sender
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.legal.typesetting import with_character_codes
from presswatch_spark.query.exports import export
from presswatch_spark.query.pointers.pointer import Mirror, mirrored
from presswatch_spark.storage.disk import Folder
from presswatch_spark.storage.drafts import scratch_folder
from presswatch_spark.storage.locks_and_leases import LOCK_SUFFIX
from presswatch_spark.storage.objects import StorageOptions, canonical, read_object
from presswatch_spark.tables.digests import table_digest
from presswatch_spark.tables.seals import sealed_json

EXCLUSIONS, REUPLOADERS = "exclusions.csv", "reuploaders.yaml"
EXCLUSION_COLUMNS = ("case", "target_sha256", "publisher", "file", "document_url", "recipient", "reason")
NO_SENDER, NO_MANDATE, NO_RIGHT = (
    "of no sender's publisher",
    "without a mandate in force",
    "without a right in force",
)
NO_RECIPIENT, NO_LAW = "of no recipient", "under no known law of the recipient"
"""Reasons of a plan for excluding places, besides those of a selection."""
_HUBS = ("hf://datasets/", "https://huggingface.co/datasets/")
_OWNER = re.compile(f"(?:{'|'.join(map(re.escape, _HUBS))})([^/]+)/")
CHRONOLOGY = Path(__file__).with_name("chronology_layout.typ")
OCTETS = 75
"""Most octets of a line in a calendar (RFC 5545, 3.1)."""


@dataclass(frozen=True, slots=True)
class PlanOrder:
    """A campaign to be planned: its cases and files.

    `laws`: for recipients whose entry names none. `lang`: None for the language of each recipient.
    """

    cases: Sequence[str]
    members: str
    recipients: str | None
    senders: Sequence[str]
    days: int
    claims: str | None = None
    mirrors: Sequence[Mirror] = ()
    laws: Sequence[str] = ()
    lang: str | None = None
    drafted: date | None = None


def plan_campaign(
    order: PlanOrder, out: str, storage: StorageOptions, tell: Callable[[str], None] = lambda id: None
) -> Journal:
    """Plan a campaign, or resume its plan, and draft its notices; return its journal. `tell`: gets each id.

    Raises `ConfigError` or `InputError` if the files do not fit each other or the plan, `OutputError` if
    there is something else in the folder, `InUseError` if another process adds to the campaign.
    """
    folder = Folder.of(out, storage)
    with locked_campaign(folder):
        journal = Journal.at(out, storage)
        if journal is None and set(folder.entries()) - {f"{LOCK}{LOCK_SUFFIX}", REUPLOADERS}:
            raise OutputError("there is something already", where=str(folder), remedy="name a new --out")
        planned_on = date.fromisoformat(journal.plan["arguments"]["--date"]) if journal else today()
        day = order.drafted or planned_on
        sources = {path: _case(path, order, storage) for path in order.cases}
        arguments = _arguments(order, day, map(sources.__getitem__, order.cases), storage)
        if journal:
            _require_same(journal, "arguments", arguments, journal.plan["arguments"])
            if journal.plan["notices"].keys() == journal.notices:
                return journal
        orders, excluded = _divide(order, folder, day, sources)
        schema = pa.schema([(name, pa.string()) for name in EXCLUSION_COLUMNS])
        with scratch_folder() as scratch:
            export(str(scratch / EXCLUSIONS), schema, excluded, storage)
            exclusions = (scratch / EXCLUSIONS).read_bytes()
        named = {each.target.target_sha256 for of in orders.values() for each in of.selection.places}
        facts = {
            "named": len(named),
            "notices": {id: _planned(each) for id, each in orders.items()},
            "places": sum(int(source.case.about["targets"]) for source in sources.values()),
            "exclusions_sha256": hashlib.sha256(exclusions).hexdigest(),
        }
        if journal is None:
            about = {"layout": LAYOUT, "tool_version": __version__, "arguments": arguments, **facts}
            about["planned_at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            counts = Counter((row[2], *row[5:]) for row in excluded)
            about["exclusions"] = [[*key, number] for key, number in sorted(counts.items())]
            folder.write(MARKER, sealed_json(about), absent=True)
        else:
            _require_same(journal, "cases or re-uploaders", facts, journal.plan)
        if EXCLUSIONS not in folder.names():
            with folder.new_file(EXCLUSIONS, private=True) as draft:
                draft.write_bytes(exclusions)
        journal = Journal.at(out, storage)
        assert journal
        return _draft(replace(journal, is_held=True), orders, tell)


def _draft(journal: Journal, orders: Mapping[str, NoticeOrder], tell: Callable[[str], None]) -> Journal:
    folder, there = journal.folder, set(journal.folder.names())
    for id in [id for id in orders if id not in journal.notices]:
        place = folder.at(f"{NOTICES}/{id}")
        try:
            # A process that is killed between a notice and its event leaves a whole notice.
            if f"{NOTICES}/{id}/{SUMS}" not in there:
                draft_notice(orders[id], place, folder.storage, journal)
        except InputError:
            # A plan whose first letter cannot be written, such as one of a day before its facts, is void.
            if not journal.events:
                folder.delete([EXCLUSIONS, MARKER])
            raise
        journal = Notice.open(place, folder.storage, journal).add_event("drafted").journal
        tell(id)
    return journal


def _arguments(
    order: PlanOrder, day: date, sources: Iterable[CaseSource], storage: StorageOptions
) -> dict[str, Any]:
    """Return the arguments of a plan, with digests of files and cases."""
    files = {"--members": [order.members], "--sender": order.senders}
    files["--recipients"] = [order.recipients or str(shipped("recipients.yaml"))]
    digests = {
        name: [hashlib.sha256(read_object(canonical(path), storage)[0]).hexdigest() for path in paths]
        for name, paths in files.items()
    }
    cases = [str(source.case.about["targets_digest"]) for source in sources]
    mirrors = [[mirror.place, mirror.copy] for mirror in order.mirrors]
    others = {"--mirror": mirrors, "--claims": order.claims, "--lang": order.lang, "--days": order.days}
    return {**digests, **others, "--law": list(order.laws), "CASE": cases, "--date": day.isoformat()}


def _require_same(journal: Journal, what: str, now: Mapping[str, Any], planned: Mapping[str, Any]) -> None:
    if other := [name for name, value in now.items() if planned.get(name) != value]:
        raise InputError(
            f"this campaign was planned with other {what}: {', '.join(other)}",
            where=str(journal.folder),
            remedy="give the same ones, with unchanged files, or name a new --out",
        )


def _case(path: str, order: PlanOrder, storage: StorageOptions) -> CaseSource:
    source = source_at(path, storage, order.claims)
    if not isinstance(source, CaseSource):
        raise InputError(
            "a campaign is planned from cases of removal",
            where=path,
            remedy="open one: `presswatch removal open`",
        )
    return source


def _senders(order: PlanOrder) -> dict[str, Sender]:
    """Return the sender of each publisher, by its id; publishers must be those of the members file."""
    members = load_registry(Path(order.members)).by_id
    sender_of = dict[str, Sender]()
    for path in order.senders:
        sender = load_sender(path)
        for publisher in sender.publishers:
            if members.get(publisher.id) != publisher:
                raise ConfigError(
                    f"this sender's members file describes `{publisher.id}` otherwise than {order.members}",
                    where=path,
                    remedy="name the same members file in both",
                )
            other = sender_of.setdefault(publisher.id, sender)
            if other.file != path:
                what = f"the publisher `{publisher.id}` has two senders: {other.file} is another one"
                raise ConfigError(what, where=path, remedy="list it under `publishers` of one of them")
    return sender_of


def _divide(
    order: PlanOrder, folder: Folder, day: date, sources: Mapping[str, CaseSource]
) -> tuple[dict[str, NoticeOrder], list[tuple[str, ...]]]:
    """Return the notices of the cases by id, and rows of exclusions; write the file of re-uploaders."""
    sender_of, orders, exclusions = _senders(order), dict[str, NoticeOrder](), list[tuple[str, ...]]()
    senders = {sender.file: sender for sender in sender_of.values()}.values()
    selections = {path: source.sift(Choice(), order.mirrors) for path, source in sources.items()}
    files = {place.file for selection in selections.values() for place in selection.places}
    recipients = list(load_recipients(order.recipients, folder.storage).values())
    recipients += _reuploaders(files, recipients, folder)
    for case, selection in selections.items():
        excluded = [(target, "", reason) for target, reason in selection.reasons.items()]
        usable = list[ClaimPlace]()
        for place in selection.places:
            concerned = [each for each in recipients if each.concerns(place.row.dataset, place.file)]
            reason = _reason(place, sender_of.get(place.row.publisher_id), day)
            if reason or not concerned:
                excluded.append((place.target.target_sha256, "", reason or NO_RECIPIENT))
                continue
            usable.append(place)
            lawless = [each.id for each in concerned if not (each.laws or order.laws)]
            excluded += [(place.target.target_sha256, id, NO_LAW) for id in lawless]
        targets = {each.target_sha256: each for each in sources[case].case.targets()}
        for digest, recipient, reason in excluded:
            target = targets[digest]
            file = mirrored(target.shard_uri, selection.mirrors)
            where = (target.publisher_id, file, target.document_url or "")
            exclusions.append((case, digest, *where, recipient, reason))
        for sender, to in product(senders, recipients):
            places = tuple(
                place
                for place in usable
                if place.row.publisher_id in sender.by_id and to.concerns(place.row.dataset, place.file)
            )
            own, lang = replace(selection, places=places), order.lang or to.language
            for law in (to.laws or order.laws) if places else ():
                notice = NoticeOrder(own, to, laws()[law], lang, sender, day, order.days)
                orders[_id(sender.file, to.id, law, orders)] = notice
    if not orders:
        counts = Counter(row[-1] for row in exclusions)
        raise InputError(
            "no place can be named in a notice: "
            + ", ".join(f"{number:,} {reason}" for reason, number in sorted(counts.items())),
            where=str(folder),
            remedy="complete the members and recipients files, or pass --law, and plan again",
        )
    return orders, exclusions


def _planned(order: NoticeOrder) -> dict[str, Any]:
    places = order.selection.places
    publishers, to = {place.row.publisher_id for place in places}, order.recipient
    return {
        "case": order.selection.source.where,
        "sender": order.sender.name,
        "recipient": to.id,
        "recipient_name": to.legal_name or to.name,
        "law": order.law.id,
        "publishers": {each.id: each.name for each in order.sender.publishers if each.id in publishers},
        "places": len(places),
        "targets_digest": table_digest(place.target.target_sha256 for place in places),
    }


def _reason(place: ClaimPlace, sender: Sender | None, day: date) -> str | None:
    """Return the reason why no notice of a day may name a place; None if one may."""
    if sender is None:
        return NO_SENDER
    publisher = sender.by_id[place.row.publisher_id]
    is_covered = publisher.mandate_document and mandate_of(publisher, day) == "in_force"
    if not (sender.is_owner or is_covered):
        return NO_MANDATE
    if place.is_doubtful:
        return DOUBTFUL
    return None if rights_claimed(place, sender, day) & {AUTHOR, PRESS_PUBLISHER} else NO_RIGHT


def _reuploaders(files: set[str], recipients: Sequence[Recipient], folder: Folder) -> list[Recipient]:
    """Return recipients for the owners of a hub's files that no recipient names.

    A file that a person has completed since is read, not written.
    """
    named = tuple(
        each for of in recipients for each in of.places if each.startswith(_HUBS) and each not in _HUBS
    )
    hub = next((each for each in recipients if _HUBS[0].startswith(each.places or "\0")), None)
    found = (_OWNER.match(file) for file in files if not file.startswith(named))
    owners = sorted({match[1] for match in found if match})
    if not owners:
        return []
    if REUPLOADERS not in folder.names():
        entries = [_entry(owner, hub) for owner in owners]
        text = "# Owners on a hub whose files are in this campaign. Complete and check each address.\n"
        text += yaml.safe_dump({"recipients": entries}, allow_unicode=True, sort_keys=False)
        folder.write(REUPLOADERS, text.encode(), absent=True)
    return list(load_recipients(folder.at(REUPLOADERS), folder.storage).values())


def _entry(owner: str, hub: Recipient | None) -> dict[str, Any]:
    source = f"https://huggingface.co/{owner}"
    places = [f"{root}{owner}/" for root in _HUBS]
    facts = {
        "route": None,
        **({name: list(getattr(hub, name)) for name in ("laws", "columns")} if hub else {}),
    }
    known = {name: {"value": value, "source": source, "checked": None} for name, value in facts.items()}
    return {"id": f"hf-{owner}", "name": owner, "datasets": [], "places": places, **known}


def _id(file: str, recipient: str, law: str, taken: Collection[str]) -> str:
    """Return a new id such as `alliance-common-crawl-fr` for alliance.yaml; `-2` for a second case."""
    id = f"{_slug(Path(file).stem)}-{_slug(recipient)}-{law}"
    cases = sum(each == id or each.startswith(f"{id}-") for each in taken)
    return f"{id}-{cases + 1}" if cases else id


def _slug(text: str) -> str:
    return "-".join(folded(text).encode("ascii", "ignore").decode().split()) or "x"


# --- its register


@dataclass(frozen=True, slots=True)
class RegisteredNotice:
    """A notice of a campaign: as it was planned, as it is (None until its draft), and its state."""

    id: str
    planned: Mapping[str, Any]
    notice: Notice | None
    found: NoticeState

    @property
    def facts(self) -> dict[str, Any]:
        """Return its facts for tables."""
        names = ("state", "receipt", "deadline", "step", "due", "removed", "days_left")
        planned = {name: self.planned[name] for name in ("recipient", "law", "places")}
        return {"notice": self.id, **planned, **{name: getattr(self.found, name) for name in names}}


@dataclass(frozen=True, slots=True)
class Register:
    """All notices of a campaign, in the order of the plan, on a day."""

    journal: Journal
    notices: Sequence[RegisteredNotice]
    day: date

    @classmethod
    def open(cls, path: str, day: date, storage: StorageOptions) -> Self:
        """Open a campaign; `OutputError` if there is none, or a plan, event, proof or sent notice changed."""
        journal, statuses = Journal.at(path, storage), dict[str, CaseStatus]()
        if journal is None:
            raise OutputError(
                "this is not a campaign", where=path, remedy="pass the folder that `notice plan` made"
            )
        journal.require_file(EXCLUSIONS, journal.plan["exclusions_sha256"])
        notices = list[RegisteredNotice]()
        for id, planned in journal.plan["notices"].items():
            notice, found = None, NoticeState("planned", step="draft")
            if id in journal.notices:
                notice = Notice.open(journal.folder.at(f"{NOTICES}/{id}"), storage, journal)
                found = state_of(notice, day, statuses=statuses)
                for name in found.changed:
                    # Before dispatch, a lawyer may edit a letter, and the next check looks at it.
                    if notice.newest("sent") or name.startswith(f"{PROOFS}/"):
                        raise broken(journal.folder, f"{NOTICES}/{id}/{name}", "the file has changed")
            notices.append(RegisteredNotice(id, planned, notice, found))
        return cls(journal, notices, day)

    def tasks(self, days: int) -> list[RegisteredNotice]:
        """Return the notices whose next step is due within some days, or has no day; overdue ones first."""
        tasks = [
            each
            for each in self.notices
            if each.found.step not in (None, "follow") and (each.found.days_left or 0) <= days
        ]
        return sorted(tasks, key=lambda each: (each.found.due is None, each.found.days_left or 0, each.id))

    def calendar(self, _: LetterWords) -> bytes:
        """Return the last day of each next step as a calendar (RFC 5545), the same for the same register."""
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//presswatch-spark//notices//EN"]
        plan = self.journal.plan["planned_at"].translate(str.maketrans("", "", "-:"))
        for each in self.notices:
            due = each.found.due
            if due is None or each.notice is None:
                continue
            step, about = _(STEPS[str(each.found.step)]), _("{recipient} ({law})", **_parties(each))
            lines += [
                "BEGIN:VEVENT",
                f"UID:{each.id}-{plan}@presswatch-spark",
                f"DTSTAMP:{each.notice.events[-1].noted_at:%Y%m%dT%H%M%SZ}",
                f"DTSTART;VALUE=DATE:{due:%Y%m%d}",
                f"DTEND;VALUE=DATE:{due + timedelta(days=1):%Y%m%d}",
                f"SUMMARY:{_escaped(f'{each.id}: {step}')}",
                f"DESCRIPTION:{_escaped(about)}",
                "TRANSP:TRANSPARENT",
                "END:VEVENT",
            ]
        return "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"]).encode()


def _escaped(text: str) -> str:
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    return printable(text)


def _folded(line: str) -> str:
    """Return a line in parts of at most `OCTETS` octets, each with whole characters."""
    parts = [""]
    for letter in line:
        if len((parts[-1] + letter).encode()) > OCTETS:
            parts.append(" ")
        parts[-1] += letter
    return "\r\n".join(parts)


# --- its chronology

_KINDS = {
    "drafted": N_("The letter was drafted."),
    "edited": N_("The letter was edited."),
    "read": N_("The records of the annex were read again."),
    "checked": N_("The notice was checked; no rule refused it."),
    "signed": N_("The letter was signed."),
    "sent": N_("The letter was sent."),
    "delivered": N_("The letter was delivered."),
    "refused": N_("The recipient refused to take the letter."),
    "returned": N_("The letter came back."),
    "acknowledged": N_("The recipient acknowledged the letter."),
    "says_complied": N_("The recipient stated that it complied."),
    "declined": N_("The recipient declined the request."),
    "reminded": N_("The recipient was reminded."),
    "escalated": N_("The matter was taken to a court or an authority."),
    "closed": N_("The notice was closed."),
}
_PLACES, _EVENTS = n("{n} place", "{n} places"), n("{n} event", "{n} events")


def chronology(register: Register, languages: Sequence[str]) -> bytes:
    """Return a dated account of a campaign as PDF, in each language; raises as `typesetting.pdf_of`.

    It states only facts: the plan, the events with their proofs, the findings of probes, and the head of the
    journal.
    """
    events = [(each, event) for each in register.notices if each.notice for event in each.notice.events]
    events.sort(key=lambda each: (each[1].day, each[1].noted_at, each[0].id, each[1].number))
    newest = max((event.noted_at for _, event in events), default=datetime.now(UTC))
    paths = sorted({str(each.planned["case"]) for each in register.notices})
    cases = [RemovalCase.open(path, register.journal.folder.storage) for path in paths]
    probed = [(case.folder.name, *found) for case in cases for found in _rounds(case)]
    parts = [_part(register, events, probed, LetterWords(language)) for language in languages]
    return typesetting.pdf_of(CHRONOLOGY, with_character_codes({"parts": parts}), newest, command="notice")


def _rounds(case: RemovalCase) -> Iterator[tuple[datetime, Counter[str], str]]:
    """Yield the end of each round of a case, the number of places in each state then, and its last digest."""
    status = CaseStatus(case)
    for probes in case.each_round(status.begun):
        status.add(probes)
        if status.asked_at:
            yield status.asked_at, status.counts(), status.newest


def _part(
    register: Register,
    events: Sequence[tuple[RegisteredNotice, Event]],
    probed: Sequence[tuple[str, datetime, Counter[str], str]],
    _: LetterWords,
) -> dict[str, Any]:
    journal, planned = register.journal, datetime.fromisoformat(register.journal.plan["planned_at"])
    notices = [
        _item(
            each.id,
            _("{sender} to {recipient} ({law})", **_parties(each), sender=each.planned["sender"]),
            _.set(laws()[each.planned["law"]].title[_.language]),
            _("publishers: {publishers}", publishers=", ".join(each.planned["publishers"].values())),
            _.n(*_PLACES, each.planned["places"]),
            *([_("digest of its files: {sha256}", sha256=each.notice.digest)] if each.notice else []),
        )
        for each in register.notices
    ]
    happened = [_item(_.day(event.day), *_lines(each, event, _)) for each, event in events]
    found = [
        _item(
            _.day(at.date()),
            # The path of the case would tell the other side of our machines.
            _("The places of the case {case} were probed.", case=case),
            _.n(*_PLACES, counts.total()),
            ", ".join(f"{_.word('column', state)} ({_.number(counts[state])})" for state in sorted(counts)),
            _("digest of the last probe: {sha256}", sha256=newest),
        )
        for case, at, counts, newest in sorted(probed, key=lambda each: each[1])
    ]
    facts = {"events": _.n(*_EVENTS, len(journal.events)), "sha256": journal.head}
    chain = N_("Each event contains the digest of the one before it, the first one that of {file}.")
    dates = N_("Planned on {day}. Events have the days that persons recorded. Times are in UTC.")
    head = [
        _("The journal has {events}; the digest of the newest is {sha256}.", **facts),
        _(chain, file=MARKER),
    ]
    return {
        "lang": _.language,
        "title": _("Chronology of the notices"),
        "intro": _(dates, day=_.day(planned.date())),
        "sections": [
            {"heading": _("Notices"), "items": notices},
            {"heading": _("Events"), "items": happened},
            {"heading": _("Findings of probes"), "items": found},
            {"heading": _("Journal"), "items": [_item("", *head)]},
        ],
    }


def _parties(each: RegisteredNotice) -> dict[str, Any]:
    return {"recipient": each.planned["recipient_name"], "law": each.planned["law"]}


def _item(mark: str, *lines: str) -> dict[str, Any]:
    return {"mark": printable(mark), "lines": [printable(line) for line in lines if line]}


def _lines(each: RegisteredNotice, event: Event, _: LetterWords) -> Iterator[str]:
    facts = {name: str(value) for name, value in event.facts.items()}
    yield _(_KINDS[facts["answer"] if event.kind == "answered" and facts["answer"] in _KINDS else event.kind])
    yield _("{notice}: {recipient} ({law})", **_parties(each), notice=each.id)
    yield _("publishers: {publishers}", publishers=", ".join(each.planned["publishers"].values()))
    texts = {"by": N_("person: {fact}"), "via": N_("channel: {fact}"), "note": N_("note: {fact}")}
    yield from (_(text, fact=facts[name]) for name, text in texts.items() if name in facts)
    if "proof" in facts:
        yield _("proof: {file}, SHA-256 {sha256}", file=facts["proof"], sha256=facts["file"])
    yield _(
        "recorded on {moment}; digest of the event: {sha256}",
        moment=_.moment(event.noted_at),
        sha256=event.sha256,
    )

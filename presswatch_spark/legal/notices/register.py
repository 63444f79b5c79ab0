"""The register of a campaign: its notices with their states on a day, tasks, calendar and chronology."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from presswatch_spark.core.errors import OutputError
from presswatch_spark.core.terminal import printable
from presswatch_spark.core.translation import N_, n
from presswatch_spark.legal.evidence import typesetting
from presswatch_spark.legal.evidence.typesetting import in_print
from presswatch_spark.legal.notices.journal import MARKER, NOTICES, Event, Journal, broken
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.letter import LetterWords
from presswatch_spark.legal.notices.notice import PROOFS, Notice
from presswatch_spark.legal.notices.plan import EXCLUSIONS
from presswatch_spark.legal.notices.states import STEPS, NoticeState, state_of
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions

CHRONOLOGY = Path(__file__).with_name("chronology.typ")
OCTETS = 75
"""Most octets of a line in a calendar (RFC 5545, 3.1)."""


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
        last = self.day + timedelta(days=days)
        tasks = [
            each
            for each in self.notices
            if each.found.step not in (None, "follow") and (each.found.due or last) <= last
        ]
        return sorted(tasks, key=lambda each: (each.found.due is None, each.found.due or last, each.id))

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
    cases = sorted({str(each.planned["case"]) for each in register.notices})
    opened = [RemovalCase.open(case, register.journal.folder.storage) for case in cases]
    probed = [(case.folder.name, *found) for case in opened for found in _rounds(case)]
    parts = [_part(register, events, probed, LetterWords(language)) for language in languages]
    return typesetting.pdf_of(CHRONOLOGY, in_print({"parts": parts}), newest, command="notice")


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

"""Events that persons record about a notice, and what follows from them: its state, next step and deadline.

Deadlines are counted from receipt: the day of delivery, the day on which the recipient refused to take the
letter, or that of an answer, whichever is first. A letter that came back starts none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from presswatch_spark.core.errors import InputError, OutputError
from presswatch_spark.core.translation import N_
from presswatch_spark.legal.notices.journal import Event, EventKind
from presswatch_spark.legal.notices.laws import laws
from presswatch_spark.legal.notices.notice import (
    NOTICE,
    EventDetails,
    Notice,
    schema_fault,
)
from presswatch_spark.legal.notices.parties import load_recipient
from presswatch_spark.legal.removal.case import RemovalCase
from presswatch_spark.legal.removal.status import CaseStatus

STATES: Mapping[str, str] = {
    "closed": N_("a person closed it"),
    "complied": N_("according to the case, the text is gone from every place of its annex"),
    "escalated": N_("a person took it to a court or an authority"),
    "partly": N_("according to the case, the text is gone from some places of its annex"),
    "answered": N_("the latest answer decides about the request"),
    "acknowledged": N_("the recipient acknowledged it, and has not decided"),
    "silent": N_("the deadline from receipt is over, without an answer"),
    "delivered": N_("the recipient received it"),
    "refused": N_("the recipient refused to take the letter, which counts as receipt"),
    "returned": N_("the letter came back without having been presented"),
    "sent": N_("sent; its receipt is not proven"),
    "signed": N_("its signatory signed its present form"),
    "checked": N_("no rule refused it"),
    "drafted": N_("not checked in its present form"),
}
"""Meaning of each state. The first one whose condition is met counts; of deliveries, the latest."""
STEPS: Mapping[str, str] = {
    "draft": N_("plan again, to draft it"),
    "check": N_("check it"),
    "sign": N_("have it signed"),
    "send": N_("send it"),
    "prove_receipt": N_("record its delivery, with a proof"),
    "find_address": N_("find another address, and send it again"),
    "await_answer": N_("wait for the answer"),
    "probe": N_("probe the case"),
    "remind": N_("send a reminder"),
    "escalate": N_("escalate or close it"),
    "follow": N_("follow the proceedings"),
    "close": N_("close it"),
}
"""Next steps, for people."""
EASTERNMOST = 14
"""Hours by which the easternmost time zone is ahead of UTC."""
SILENT_DAYS = 30
"""Days from receipt after which a notice without a deadline counts as not answered."""
RECEIPT_DAYS, ACT_DAYS = 15, 8
"""Days for a proof of receipt (a post office keeps a letter so long), and for steps of the sender."""
ADDRESS_DAYS = 90
"""Greatest age of a person's check of the address, on the day of sending."""
DELIVERIES: tuple[EventKind, ...] = ("delivered", "refused", "returned")
"""Kinds of events by which the outcome of a dispatch is known."""
NUMBER_DIGITS = 9
"""Digits of a registered letter's number (UPU S10); French ones have more."""


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One of `STATES` on a day, with the newest answer, and the files that have changed since the draft.

    `removed` of `places` are removed according to the case; both are None without a case. `receipt`,
    `deadline`: None before receipt. `step`: one of `STEPS`, None if nothing is to be done; `due`: its last
    day, None if it has none; `days_left`: the days until then, negative if it is over.
    """

    state: str
    removed: int | None = None
    places: int | None = None
    receipt: date | None = None
    deadline: date | None = None
    due: date | None = None
    step: str | None = None
    answer: str | None = None
    changed: tuple[str, ...] = ()
    days_left: int | None = None


def state_of(
    notice: Notice, today: date, case: str | None = None, statuses: dict[str, CaseStatus] | None = None
) -> NoticeState:
    """Return the state of a notice on a day. Only a removal case can show that copies are gone.

    `case`: the case that follows its places; by default the one that it was drafted from. `statuses`: cases
    that were read already; others are added. Raises `InputError` if the case lacks places of the notice,
    `BrokenCaseError` if it was changed, `OutputError` if notice.json was changed and no longer fits its
    schema.
    """
    changed = tuple(name for name, _ in notice.changes(notice.files()))
    if NOTICE in changed and (fault := schema_fault(notice.about)):
        raise OutputError(
            f"{NOTICE} does not fit its schema: {fault}",
            where=str(notice.folder),
            remedy="restore the notice from a copy, or draft it again",
        )
    removed, places = _removed(notice, case, {} if statuses is None else statuses)
    received = [event.day for event in notice.events if event.kind in ("delivered", "refused", "answered")]
    receipt = min(received, default=None)
    deadline = receipt and receipt + timedelta(days=notice.about.get("deadline_days") or SILENT_DAYS)
    answered = _latest(notice, "answered")
    answer = str(answered.facts["answer"]) if answered else None
    found = NoticeState("", removed, places, receipt, deadline, answer=answer, changed=changed)
    state, step, due = _situation(notice, found, today)
    left = (due - today).days if due else None
    return replace(found, state=state, step=step, due=due, days_left=left)


def _situation(notice: Notice, found: NoticeState, today: date) -> tuple[str, str | None, date | None]:
    """Return the state of a notice, its next step (one of `STEPS`), and the last day of this step."""
    law, act = laws()[notice.about["law"]], timedelta(days=ACT_DAYS)
    deadline = found.deadline
    latest, answered = _latest(notice, "sent", *DELIVERIES), _latest(notice, "answered")
    if notice.newest("closed"):
        return "closed", None, None
    if latest is None:
        checked, signed = notice.lasting("checked"), notice.lasting("signed")
        # After a change of files, earlier checks and signatures no longer count.
        if found.changed or checked is None:
            return "drafted", "sign" if law.sworn and not signed else "check", None
        until = checked.day + timedelta(days=int(checked.facts["days"]))
        if signed:
            return "signed", "send", until
        return "checked", "sign" if "signature" in law.required() else "send", until
    if found.removed and found.removed == found.places:
        return "complied", "close", None
    if notice.newest("escalated"):
        return "escalated", "follow", None
    if answered and found.answer != "acknowledged" and not found.removed:
        return "answered", "probe" if found.answer == "says_complied" else "escalate", answered.day + act
    is_over = deadline is not None and today > deadline
    state = "partly" if found.removed else found.answer or ("silent" if is_over else latest.kind)
    if deadline is None:
        if latest.kind == "returned":
            return state, "find_address", latest.day + act
        return state, "prove_receipt", latest.day + timedelta(days=RECEIPT_DAYS)
    if not is_over:
        return state, "await_answer", deadline
    reminded = _latest(notice, "reminded")
    step, since = ("escalate", max(reminded.day, deadline)) if reminded else ("remind", deadline)
    return state, step, since + act


def _latest(notice: Notice, *kinds: EventKind) -> Event | None:
    """Return the event of these kinds with the latest day: events may be noted out of order."""
    events = (event for event in notice.events if event.kind in kinds)
    return max(events, key=lambda event: (event.day, event.number), default=None)


def _removed(
    notice: Notice, case: str | None, statuses: dict[str, CaseStatus]
) -> tuple[int | None, int | None]:
    query = notice.about["query"]
    path = case or (query["where"] if query["source"] == "case" else None)
    if path is None:
        return None, None
    if path not in statuses:
        statuses[path] = CaseStatus.of(RemovalCase.open(path, notice.folder.storage))
    states, targets = statuses[path].states, query["targets"]
    if lost := set(targets) - states.keys():
        raise InputError(
            f"the case does not follow {len(lost):,} of {len(targets):,} places of this notice",
            where=path,
            remedy="pass the case that was opened for the same claims",
        )
    return sum(states[target].removed for target in targets), len(targets)


def record(notice: Notice, kind: EventKind, details: EventDetails, recipients: str | None = None) -> Event:
    """Note an event of a person: `signed`, `sent`, `answered`, a delivery, `reminded`, `escalated`, `closed`.

    `recipients`: for a dispatch, the recipients file of today; by default the draft's.

    Raises `InputError` if the notice has changed, is closed already (answers and deliveries can still be
    noted), or was not sent before an event that follows the dispatch; if a delivery lacks its proof, another
    person signs than it names, or the day is impossible. A notice can be sent only if it was checked
    recently, and signed if its law requires that, both in its present form; a person must have checked the
    address recently, and no mandate may have ended. Raises `ConfigError` if the file lacks the recipient.
    """
    closed = notice.newest("closed")
    if closed and kind not in ("answered", *DELIVERIES):
        remedy = "draft another notice; answers and deliveries can still be noted"
        raise _refused(notice, f"this notice was closed on {closed.day}", remedy)
    if kind not in ("signed", "sent", "closed") and not notice.newest("sent"):
        raise _refused(notice, "this notice was not sent", "record it with `presswatch notice sent`")
    for name, change in notice.changes(notice.files()):
        remedy = "run `presswatch notice check`, or draft it again"
        raise _refused(notice, f"the notice has changed: {name}: {change}", remedy)
    if kind == "signed":
        named = str(notice.about["sender"]["signatory"])
        if (details.by or "").casefold().split() != named.casefold().split():
            what, remedy = "another person must sign this notice", f"the sender's file designates {named}"
            raise _refused(notice, what, remedy)
        details = replace(details, by=named)
    day = _require_day(notice, details, *_earliest_day(notice, kind))
    if kind == "sent":
        _require_in_force(notice, day)
        _require_address(notice, recipients, day)
    if kind in DELIVERIES and not details.proof and len(re.findall(r"\d", details.via or "")) < NUMBER_DIGITS:
        remedy = "give its receipt with --file, or the number of the registered letter with --via"
        raise _refused(notice, f"there is no proof that it was {kind}", remedy)
    return notice.add_event(kind, details).events[-1]


def _earliest_day(notice: Notice, kind: EventKind) -> tuple[date, str]:
    """Return the first possible day of an event, and what happened then; `InputError` if there is none."""
    drafted = notice.drafted_on, "it was drafted"
    if kind == "signed":
        return drafted
    if kind == "closed":
        newest = _latest(notice, "sent", *DELIVERIES, "answered", "reminded", "escalated")
        return newest.day if newest else notice.drafted_on, "its newest event happened"
    if kind != "sent":
        return min(event.day for event in notice.events if event.kind == "sent"), "it was sent"
    if not notice.lasting("checked"):
        raise _refused(notice, "this notice was not checked as it is now", "run `presswatch notice check`")
    if signed := notice.lasting("signed"):
        return max(drafted, (signed.day, "it was signed"), key=lambda each: each[0])
    if "signature" in laws()[notice.about["law"]].required():
        remedy = "record the signature with `presswatch notice sign`"
        raise _refused(notice, "this notice is not signed in its present form", remedy)
    return drafted


def _require_in_force(notice: Notice, day: date) -> None:
    """Raise `InputError` if the check of a notice, or a mandate, has expired on the day of its dispatch."""
    checked = notice.newest("checked")
    assert checked
    if day > checked.day + timedelta(days=int(checked.facts["days"])):
        what = f"this notice was checked on {checked.day}, more than {checked.facts['days']} days before"
        remedy = "run `presswatch notice check` again"
        raise _refused(notice, f"{what}: mandates, licences and places may have changed", remedy)
    until = checked.facts.get("mandates_until")
    if until and day > date.fromisoformat(until):
        what = f"on {day} the sender cannot act for all publishers of this notice"
        remedy = "renew the mandate, record it in the members file, and check the notice again"
        raise _refused(notice, f"a mandate ended on {until}: {what}", remedy)


def _require_address(notice: Notice, recipients: str | None, day: date) -> None:
    file = recipients or notice.about["query"]["recipients_file"]
    recipient = load_recipient(notice.about["recipient"]["id"], file, notice.folder.storage)
    address, fact = recipient.address_for(notice.about["law"])
    if address is None:
        what = f"the address of {recipient.name} is not known"
        remedy = "note it in a copy of the recipients file with the day of your check, and draft it again"
        raise _refused(notice, what, f"{remedy} with --recipients")
    if fact.checked is None or day - fact.checked > timedelta(days=ADDRESS_DAYS):
        since = "never" if fact.checked is None else f"last on {fact.checked}"
        what = f"a person must have checked the address of {recipient.name} within {ADDRESS_DAYS} days: "
        remedy = f"read {fact.source}, note the day as `checked` in a recipients file, and give --recipients"
        raise _refused(notice, f"{what}it was checked {since}", remedy)
    if address != notice.about["recipient"]["route"]:
        what = f"the letter was drafted for another address of {recipient.name} than {address}"
        raise _refused(notice, what, "draft it again with --recipients")


def _refused(notice: Notice, what: str, remedy: str) -> InputError:
    return InputError(what, where=str(notice.folder), remedy=remedy)


def _require_day(notice: Notice, details: EventDetails, first: date, what: str) -> date:
    now = datetime.now(UTC)
    # It may be tomorrow already in the user's time zone.
    last, happened = (now + timedelta(hours=EASTERNMOST)).date(), details.on or now.date()
    if happened > last:
        raise _refused(notice, f"{happened} is to come", "pass the right day with --on")
    # Refuse an impossible order of events, even if a wrong clock or a postdated letter is the cause.
    if happened < first:
        remedy = "pass the right day with --on, or check this machine's clock"
        raise _refused(notice, f"{happened} is before the day on which {what}: {first}", remedy)
    return happened

"""The state of a notice: how far it got, and what came of it. That copies are gone, only a case says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from presswatch_spark.errors import InputError
from presswatch_spark.notices.checks import broken_files
from presswatch_spark.notices.events import ANSWERED, CHECKED, SENT, SIGNED, Event, add_event, newest
from presswatch_spark.notices.folder import Notice
from presswatch_spark.notices.laws import laws
from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.standing import CaseStatus
from presswatch_spark.storage.objects import StorageOptions

STATES = (
    "draft", "checked", "signed", "sent", "acknowledged", "complied", "partly", "refused", "silent",
)  # fmt: skip
EASTERNMOST = 14
"""Hours by which the first time zone is ahead of UTC."""
SILENT_DAYS = 30
"""Days after which a notice without deadline counts as not answered."""


@dataclass(frozen=True, slots=True)
class NoticeState:
    """One of `STATES`.

    `removed` of `places` are gone, by the case; both None without a case. `answer`: the newest answer.
    `changed`: files that are not as they were drafted.
    """

    state: str
    removed: int | None
    places: int | None
    answer: Event | None
    changed: tuple[str, ...]


def state_of(notice: Notice, today: date, storage: StorageOptions, case: str | None = None) -> NoticeState:
    """Return the state of a notice on a day.

    Args:
        case: the case that follows its places; default: the one that it was drafted of.

    Raises:
        InputError: the case does not have the notice's places; `BrokenCaseError` if it has changed.
    """
    changed = tuple(refusal.about for refusal in broken_files(notice, notice.files()))
    removed, places = _removed(notice, storage, case)
    answer, sent = _last_answer(notice), newest(notice.events, SENT)
    if sent is None:
        # What was checked and signed is no longer there.
        state = "draft" if changed else _before_sending(notice)
    else:
        state = _after_sending(notice, sent, answer, removed, places, today)
    return NoticeState(state, removed, places, answer, changed)


def sign(notice: Notice, by: str, on: date | None, file: str | None) -> Event:
    """Note that a person signed the notice.

    Args:
        file: SHA-256 (hex) of the signed copy.

    Raises:
        InputError: it is another person than the one named in it, or the day cannot be.
    """
    named = str(notice.about["sender"]["signatory"])
    if by.casefold().split() != named.casefold().split():
        raise _refused(notice, "somebody else is to sign this notice", f"it is {named}, by the sender's file")
    _require_whole(notice)
    _require_day(notice, on, date.fromisoformat(notice.about["drafted_on"]), "it was drafted")
    return add_event(notice.folder, notice.events, SIGNED, notice.digest, by=named, on=_day(on), file=file)


def send(notice: Notice, on: date | None, via: str | None, file: str | None) -> Event:
    """Note that a person sent the notice.

    Raises:
        InputError: it was not checked, or not signed, as it is now; its check is too old, or its
            deadline is over; a mandate has ended; the day cannot be.
    """
    _require_whole(notice)
    checked = newest(notice.events, CHECKED)
    if checked is None or not notice.holds(CHECKED):
        raise _refused(notice, "this notice was not checked as it is now", "run `presswatch notice check`")
    wants_signature = "signature" in laws()[notice.about["law"]].required()
    if wants_signature and not notice.holds(SIGNED):
        raise _refused(
            notice, "nobody signed this notice as it is now", "note who did: `presswatch notice sign`"
        )
    sent_on = _require_day(notice, on, *_earliest(notice))
    days = int(checked.facts["days"])
    if sent_on > checked.day + timedelta(days=days):
        raise _refused(
            notice,
            f"this notice was checked on {checked.day}, more than {days} days before: mandates,"
            f" licences and"
            " places may have changed",
            "run `presswatch notice check` again",
        )
    until = checked.facts.get("mandates_until")
    if until and sent_on > date.fromisoformat(until):
        raise _refused(
            notice,
            f"a mandate ended on {until}: on {sent_on} the sender cannot act for all publishers of"
            f" this notice",
            "renew the mandate, note it in the members file, and check the notice again",
        )
    deadline = notice.about["deadline"]
    if deadline and sent_on > date.fromisoformat(deadline):
        raise _refused(
            notice,
            f"the deadline in this notice is over: {deadline}",
            "draft it again; nobody can answer before the letter comes",
        )
    return add_event(notice.folder, notice.events, SENT, notice.digest, on=_day(on), via=via, file=file)


def answer(notice: Notice, kind: str, on: date | None, note: str | None, file: str | None) -> Event:
    """Note an answer, one of `choices.ANSWERS`; `InputError` if the notice was not sent before."""
    sent = next((event for event in notice.events if event.kind == SENT), None)
    if sent is None:
        raise _refused(notice, "this notice was not sent", "note it: `presswatch notice sent`")
    _require_day(notice, on, sent.day, "it was sent")
    facts = {"answer": kind, "on": _day(on), "note": note, "file": file}
    return add_event(notice.folder, notice.events, ANSWERED, notice.digest, **facts)


def _refused(notice: Notice, what: str, remedy: str) -> InputError:
    return InputError(what, where=str(notice.folder), remedy=remedy)


def _last_answer(notice: Notice) -> Event | None:
    """Return the answer of the latest day: an older one may be noted after it."""
    answers = [event for event in notice.events if event.kind == ANSWERED]
    return max(answers, key=lambda event: (event.day, event.number), default=None)


def _before_sending(notice: Notice) -> str:
    if not notice.holds(CHECKED):
        return "draft"
    return "signed" if notice.holds(SIGNED) else "checked"


def _after_sending(
    notice: Notice,
    sent: Event,
    answer: Event | None,
    removed: int | None,
    places: int | None,
    today: date,
) -> str:
    """Return the state of a notice that was sent. What is gone counts before what was answered."""
    if removed:
        return "complied" if removed == places else "partly"
    if answer is not None:
        return "refused" if answer.facts["answer"] == "refused" else "acknowledged"
    deadline = notice.about["deadline"]
    last = date.fromisoformat(deadline) if deadline else sent.day + timedelta(days=SILENT_DAYS)
    return "silent" if today > last else "sent"


def _removed(notice: Notice, storage: StorageOptions, case: str | None) -> tuple[int | None, int | None]:
    query = notice.about["query"]
    path = case or (query["where"] if query["source"] == "case" else None)
    if path is None:
        return None, None
    standing = CaseStatus.of(RemovalCase.open(path, storage))
    targets: Sequence[str] = query["targets"]
    if lost := set(targets) - standing.states.keys():
        raise InputError(
            f"the case does not follow {len(lost):,} of {len(targets):,} places of this notice",
            where=path,
            remedy="name the case that was opened of the same claims",
        )
    return sum(standing.states[target].removed for target in targets), len(targets)


def _require_whole(notice: Notice) -> None:
    if broken := list(broken_files(notice, notice.files())):
        raise InputError(f"the notice has changed: {broken[0]}", where=str(notice.folder))


def _require_day(notice: Notice, on: date | None, first: date, what: str) -> date:
    """Return the day of an event, today if none is named; `InputError` if it is to come, or too early."""
    now = datetime.now(UTC)
    # In Auckland it is tomorrow already.
    last, happened = (now + timedelta(hours=EASTERNMOST)).date(), on or now.date()
    if happened > last:
        raise _refused(notice, f"{happened} is to come", "give --on the day")
    # A clock behind ours, or a letter with a later day, is no reason to note what cannot have been.
    if happened < first:
        raise _refused(
            notice,
            f"{happened} is before the day on which {what}: {first}",
            "give --on the day, or check this machine's clock",
        )
    return happened


def _earliest(notice: Notice) -> tuple[date, str]:
    """Return the first day on which a notice can have been sent, and what happened on it."""
    drafted = date.fromisoformat(notice.about["drafted_on"])
    signed = newest(notice.events, SIGNED) if notice.holds(SIGNED) else None
    if signed is not None and signed.day > drafted:
        return signed.day, "it was signed"
    return drafted, "it was drafted"


def _day(on: date | None) -> str | None:
    return on.isoformat() if on else None

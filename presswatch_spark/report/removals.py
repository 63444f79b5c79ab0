"""The section about removal: the status of a case, by recipient and by state."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.states import STATES
from presswatch_spark.removal.status import CaseStatus
from presswatch_spark.report.cells import table_of
from presswatch_spark.report.questions import AnsweredQuestion
from presswatch_spark.report.wording import ReportWords, safe
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import canonical
from presswatch_spark.translation import N_

NOBODY = ""
"""The recipient of places that no known one answers for."""
REMOVED, READABLE, UNDECIDED = "removed", "readable", "undecided"
GROUPS = (REMOVED, READABLE, UNDECIDED)
"""The groups of places that a board wants to know: gone, there, or neither is known."""
MEANINGS = {
    "present": N_("The text can be read."),
    "altered": N_("Another text is there, which removes nothing."),
    "hidden": N_("The index has no entry, but it reads."),
    "overwritten": N_("Nothing is at its place, and controls of the file read."),
    "dropped": N_("The whole file was read, and the text is not in it."),
    "withdrawn": N_("The file was missing twice, a day apart."),
    "superseded": N_("An older revision serves it, the newest does not."),
    "restricted": N_("Access was refused, which removes nothing."),
    "reappeared": N_("It was removed, and is there again."),
    "recaptured": N_("A later capture of its address has the article."),
    "undecided": N_("Nobody can say."),
}
"""Meanings of the states of removal."""
ALARMS = {
    "reappeared": N_("text is back"),
    "recaptured": N_("page captured again"),
    "index disagrees": N_("index and file disagree"),
    "control lost": N_("a control is lost"),
    "file changed": N_("a file changed"),
    "clock set back": N_("clock set back"),
    "head missing": N_("the end of the chain has no note"),
}


class NoticeRecipient(Protocol):
    """Who is asked to remove rows, as `notices.parties` has it."""

    @property
    def name(self) -> str:
        """Return its name."""

    def concerns(self, dataset: str, file: str) -> bool:
        """Return whether a place is a matter for it, by the format of its row and the address of its file."""


@dataclass(frozen=True, slots=True)
class FollowedCase:
    """The status of a case.

    `recipients`: counts of places by `GROUPS`, by the name of each recipient; a place may be a matter for
    several. `states` and `alarms`: counts by state and kind. `asked_at`: time of the newest probe; None if
    there is none. `newest`: digest of the newest probe, or of the targets.
    """

    case: str
    opened_at: str
    targets: int
    claims: int
    claims_removed: int
    recipients: Mapping[str, Mapping[str, int]]
    states: Mapping[str, int]
    alarms: Mapping[str, int]
    rounds: int
    asked_at: datetime | None
    newest: str


def followed(path: str, storage: StorageOptions, recipients: Sequence[NoticeRecipient] = ()) -> FollowedCase:
    """Read a case of removal, and count its places.

    Args:
        recipients: those that places are counted for.

    Raises:
        OutputError: there is no case.
        BrokenCaseError: any of it has changed.
    """
    case = RemovalCase.open(path, storage)
    status = CaseStatus.of(case)
    removed, claims = status.claims()
    counts = defaultdict[str, Counter[str]](Counter)
    for row in status.rows():
        concerned = [each.name for each in recipients if each.concerns(row["dataset"], row["shard_uri"])]
        for name in concerned or [NOBODY]:
            counts[name][group_of(row)] += 1
    names = sorted(counts, key=lambda name: (name == NOBODY, name))
    return FollowedCase(
        case=canonical(path),
        opened_at=str(case.about["opened_at"]),
        targets=len(status.targets),
        claims=claims,
        claims_removed=removed,
        recipients={name: dict(counts[name]) for name in names},
        states=dict(status.counts()),
        alarms=dict(Counter(alarm.kind for alarm in status.alarms)),
        rounds=status.course.rounds,
        asked_at=status.course.asked_at,
        newest=status.course.newest or str(case.about["targets_digest"]),
    )


def group_of(row: Mapping[str, Any]) -> str:
    """Return which of `GROUPS` a place is in; a refusal, or a failure, is neither removed nor readable."""
    if row["removed"]:
        return REMOVED
    return UNDECIDED if row["state"] in ("undecided", "restricted") else READABLE


def removal_of(found: FollowedCase | None, _: ReportWords) -> dict[str, Any] | None:
    """Return the status of a case, as the page shows it; None without a case."""
    if found is None:
        return None
    recipients = [
        {"recipient": safe(name) if name != NOBODY else _("no recipient that is known"),
         "places": sum(counts.values()), **{group: counts.get(group, 0) for group in GROUPS}}
        for name, counts in found.recipients.items()
    ]  # fmt: skip
    states = [
        {"removal_state": state, "means": _.known(MEANINGS, state), "places": found.states[state]}
        for state in STATES
        if found.states.get(state)
    ]
    of_recipients = AnsweredQuestion("recipients", "", recipients)
    of_states = AnsweredQuestion("states", "", states)
    return {
        "case": found,
        "opened": datetime.fromisoformat(found.opened_at),
        "last": found.asked_at and found.asked_at.replace(microsecond=0),
        "alarms": [(_.known(ALARMS, kind), count) for kind, count in found.alarms.items()],
        "recipients": table_of(of_recipients, ("recipient", "places", *GROUPS), _),
        "states": table_of(of_states, ("removal_state", "means", "places"), _),
    }

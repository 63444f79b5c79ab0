"""The section about removal: how a case stands, by recipient and by state."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from presswatch_spark.removal.case import RemovalCase
from presswatch_spark.removal.status import CaseStatus
from presswatch_spark.storage.objects import StorageOptions
from presswatch_spark.storage.uris import canonical

NOBODY = ""
"""Stands for the recipient of places that none of the known ones answers for."""
REMOVED, READABLE, UNDECIDED = "removed", "readable", "undecided"
GROUPS = (REMOVED, READABLE, UNDECIDED)
"""What a board asks of a place: is it gone, is it there, or can nobody say?"""


class NoticeRecipient(Protocol):
    """Who is asked to remove rows, as `notices.parties` has it."""

    @property
    def name(self) -> str:
        """Return its name."""

    def concerns(self, dataset: str, file: str) -> bool:
        """Say whether a place is a matter for it, by the format of its row and the address of its file."""


@dataclass(frozen=True, slots=True)
class FollowedCase:
    """How a case stands.

    `recipients`: counts of places by `GROUPS`, by the name of each recipient; a place may be a matter for
    several. `states`: how many places are in each state. `alarms`: how many of each kind. `asked_at`: when a
    place was asked for last; None if none was. `newest`: digest of the newest probe, or of the targets.
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
    standing = CaseStatus.of(case)
    removed, claims = standing.claims()
    course = standing.course
    return FollowedCase(
        case=canonical(path),
        opened_at=str(case.about["opened_at"]),
        targets=len(standing.targets),
        claims=claims,
        claims_removed=removed,
        recipients=_by_recipient(list(standing.rows()), recipients),
        states=dict(standing.counts()),
        alarms=dict(Counter(alarm.kind for alarm in standing.alarms())),
        rounds=course.rounds,
        asked_at=course.asked_at,
        newest=course.newest or str(case.about["targets_digest"]),
    )


def _by_recipient(
    rows: Sequence[Mapping[str, Any]], recipients: Sequence[NoticeRecipient]
) -> dict[str, dict[str, int]]:
    counts = defaultdict[str, Counter[str]](Counter)
    for row in rows:
        concerned = [each.name for each in recipients if each.concerns(row["dataset"], row["shard_uri"])]
        for name in concerned or [NOBODY]:
            counts[name][group_of(row)] += 1
    return {name: dict(counts[name]) for name in sorted(counts, key=lambda name: (name == NOBODY, name))}


def group_of(row: Mapping[str, Any]) -> str:
    """Return which of `GROUPS` a place is in; a refusal, or a failure, is neither removed nor readable."""
    if row["removed"]:
        return REMOVED
    return UNDECIDED if row["state"] in ("undecided", "restricted") else READABLE

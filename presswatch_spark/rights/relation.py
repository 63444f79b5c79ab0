"""Which reservation was in force when a page was captured, by what was captured before and after it.

A site's file is captured now and then. What its last capture before the page's and its first one after it
say of the page is known; what held between them is not, and is not guessed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN

BOTH, BEFORE, AFTER, NONE, CONFLICTING = "both", "before", "after", "none", "conflicting"
STATUSES = (BOTH, BEFORE, AFTER, CONFLICTING, NONE, UNKNOWN)

# What a side says where several say something: one reservation is one, and one doubt leaves a doubt.
_WEIGHT: Mapping[str | None, int] = {RESERVED: 3, UNKNOWN: 2, ALLOWED: 1, None: 0}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one capture says of a page to an agent.

    `verdict`: as in `Signal`; None: it was captured, and says nothing of the page. `row`: the row of
    `rights_signals` that says so; None if there is none. `disputed`: it reserves, and another capture of that
    moment does not.
    """

    at: datetime
    verdict: str | None
    row: Mapping[str, Any] | None = None
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """The status, and the declarations that decided it, on each side of the page's capture."""

    status: str
    before: Declaration | None = None
    after: Declaration | None = None


def strongest(declarations: Iterable[Declaration]) -> Declaration | None:
    """The declaration that counts among several of one side; the first of equals."""
    return max(declarations, key=lambda each: (_WEIGHT[each.verdict], not each.disputed), default=None)


def in_force(at: datetime, series: Iterable[Sequence[Declaration]], read: bool = True) -> InForce:
    """What held at the moment `at`.

    `series`: the declarations of each source (a file of the site, the page itself), each in order of time.
    What cannot be told apart from `at` stands on both sides. `read`: whether the page's own response and
    robots.txt of its site were; what they declare is in doubt otherwise, as if they could not be read.

    `both`: reserved before and after. `before`, `after`: on that side, and what reserved there was not
    captured on the other, or cannot be read. `conflicting`: whatever reserved on one side is known not to on
    the other, or captures of one moment differ. `none`: some source allows it, none reserves it, and none is
    in doubt. `unknown`: everything else.
    """
    sides = [_sides(at, declarations) for declarations in series]
    before = strongest(side for side, _ in sides if side)
    after = strongest(side for _, side in sides if side)
    said = {side.verdict for side in (before, after) if side}
    reserved = [side is not None and side.verdict == RESERVED for side in (before, after)]
    if any(side and side.disputed for side in (before, after)):
        status = CONFLICTING
    elif any(reserved):
        others = [pair[1 - near] for pair in sides for near in (0, 1) if _reserves(pair[near])]
        if all(other is not None and other.verdict in (ALLOWED, None) for other in others):
            status = CONFLICTING
        else:
            status = BOTH if all(reserved) else BEFORE if reserved[0] else AFTER
    elif UNKNOWN in said or ALLOWED not in said or not read:
        status = UNKNOWN
    else:
        status = NONE
    return InForce(status, before, after)


def _sides(
    at: datetime, declarations: Sequence[Declaration]
) -> tuple[Declaration | None, Declaration | None]:
    """What counts of a source before a moment, and what after it."""
    moments = [declaration.at for declaration in declarations]
    before, after = (_of_one_moment([declarations[k] for k in _nearest(at, moments, way)]) for way in (-1, 1))
    return before, after


def _of_one_moment(declarations: Sequence[Declaration]) -> Declaration | None:
    """What captures of a source say whose order is not known: the strongest, disputed if others differ."""
    counted = strongest(declarations)
    if counted is None or counted.verdict != RESERVED:
        return counted
    return replace(counted, disputed=any(each.verdict in (ALLOWED, None) for each in declarations))


def sides_of(at: datetime, moments: Sequence[datetime]) -> list[int]:
    """Which of some moments, in order, count for a moment, on either side; in order."""
    return sorted({*_nearest(at, moments, -1), *_nearest(at, moments, 1)})


def _nearest(at: datetime, moments: Sequence[datetime], way: int) -> list[int]:
    """The moments nearest to `at` before it (`way` -1) or after it (1); several if their order is not known.

    A moment without a fraction may lie anywhere in its second.
    """
    if way < 0:
        outward = range(bisect_right(moments, second(at), key=second) - 1, -1, -1)
    else:
        outward = range(bisect_left(moments, second(at), key=second), len(moments))
    group: list[int] = []
    for k in outward:
        if group and second(moments[k]) != second(moments[group[0]]):
            break
        if may_be_one(moments[k], at) or (moments[k] > at) == (way > 0):
            group.append(k)
    exact = next((moments[k] for k in group if moments[k].microsecond), None)
    if exact is None or (second(exact) == second(at) and not at.microsecond):
        return group
    return [k for k in group if may_be_one(moments[k], exact)]


def _reserves(declaration: Declaration | None) -> bool:
    return declaration is not None and declaration.verdict == RESERVED


def second(moment: datetime) -> datetime:
    """The second that a moment lies in."""
    return moment.replace(microsecond=0)


def may_be_one(one: datetime, other: datetime) -> bool:
    """Whether two moments cannot be told apart: the same, or of one second, where one has no fraction."""
    if one.microsecond and other.microsecond:
        return one == other
    return second(one) == second(other)

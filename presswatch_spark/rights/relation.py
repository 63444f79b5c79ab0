"""The reservation in force when a page was captured, from captures of its declarations before and after.

A site's file is captured now and then. Its last capture before the page's says what held then, its first one
after it says what held later. Nobody knows what held between them, and nothing here guesses.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from presswatch_spark.rights.declaration import ALLOWED, RESERVED, UNKNOWN

BOTH, BEFORE, AFTER, NONE, CONFLICTING = "both", "before", "after", "none", "conflicting"
STATUSES = (BOTH, BEFORE, AFTER, CONFLICTING, NONE, UNKNOWN)

# If several sources speak on one side, a reservation counts before a doubt, and a doubt before an allowance.
_WEIGHT: Mapping[str | None, int] = {RESERVED: 3, UNKNOWN: 2, ALLOWED: 1, None: 0}


@dataclass(frozen=True, slots=True)
class Declaration:
    """The statement of one capture about a page, to an agent.

    `verdict`: as in `Signal`; None: the capture says nothing of the page. `row`: its row of `rights_signals`,
    if there is one. `disputed`: it reserves, and another capture of that moment does not.
    """

    at: datetime
    verdict: str | None
    row: Mapping[str, Any] | None = None
    disputed: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """The status, and the declarations on each side of the page's capture that decided it."""

    status: str
    before: Declaration | None = None
    after: Declaration | None = None


def strongest(declarations: Iterable[Declaration]) -> Declaration | None:
    """Return the declaration that counts among several of one side; the first of equals."""
    return max(declarations, key=lambda each: (_WEIGHT[each.verdict], not each.disputed), default=None)


def in_force(at: datetime, series: Iterable[Sequence[Declaration]], read: bool = True) -> InForce:
    """Say what held at the moment `at`.

    Args:
        series: the declarations of each source (a file of the site, the page itself), in order of time. One
            that cannot be told apart from `at` stands on both sides.
        read: whether the page's own response and robots.txt of its site were read; if not, they are in doubt.

    Returns: the status and the declarations that decide it. `both`: reserved before and after. `before`,
    `after`: reserved on that side; on the other, the same source was not captured, or cannot be read.
    `conflicting`: each source that reserves on one side does not on the other, or captures of one moment
    differ. `none`: some source allows it, none reserves it, none is in doubt. `unknown`: everything else.
    """
    sides = [_sides(at, declarations) for declarations in series]
    before = strongest(side for side, _ in sides if side)
    after = strongest(side for _, side in sides if side)
    verdicts = {side.verdict for side in (before, after) if side}
    reserved = [side is not None and side.verdict == RESERVED for side in (before, after)]
    if any(side and side.disputed for side in (before, after)):
        status = CONFLICTING
    elif any(reserved):
        others = [pair[1 - near] for pair in sides for near in (0, 1) if _reserves(pair[near])]
        if all(other is not None and other.verdict in (ALLOWED, None) for other in others):
            status = CONFLICTING
        else:
            status = BOTH if all(reserved) else BEFORE if reserved[0] else AFTER
    elif UNKNOWN in verdicts or ALLOWED not in verdicts or not read:
        status = UNKNOWN
    else:
        status = NONE
    return InForce(status, before, after)


def _sides(
    at: datetime, declarations: Sequence[Declaration]
) -> tuple[Declaration | None, Declaration | None]:
    """Return the declaration of a source that counts before a moment, and the one after it."""
    # Most sources have none: a site has few of the files that can declare something.
    if not declarations:
        return None, None
    moments = [declaration.at for declaration in declarations]
    before, after = (_of_one_moment([declarations[k] for k in _nearest(at, moments, way)]) for way in (-1, 1))
    return before, after


def _of_one_moment(declarations: Sequence[Declaration]) -> Declaration | None:
    """Return the strongest of declarations in unknown order, disputed if it reserves and others do not."""
    counted = strongest(declarations)
    if counted is None or counted.verdict != RESERVED:
        return counted
    return replace(counted, disputed=any(each.verdict in (ALLOWED, None) for each in declarations))


def sides_of(at: datetime, moments: Sequence[datetime]) -> list[int]:
    """Return the places of the moments that count for a moment on either side; both are in order."""
    return sorted({*_nearest(at, moments, -1), *_nearest(at, moments, 1)})


def _nearest(at: datetime, moments: Sequence[datetime], way: int) -> list[int]:
    """Return the places of the moments nearest to `at`, before it (`way` -1) or after it (1).

    There are several if their order is not known: without a fraction one may lie anywhere in its second.
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
    """Return the second that a moment lies in."""
    return moment.replace(microsecond=0)


def may_be_one(one: datetime, other: datetime) -> bool:
    """Whether two moments may be one: they are the same, or of one second and one has no fraction."""
    if one.microsecond and other.microsecond:
        return one == other
    return second(one) == second(other)

"""Which reservation was in force when a page was captured, by what was captured before and after it.

A site's file is captured now and then. What its last capture before the page's and its first one after it
say of the page is known; what held between them is not, and is not guessed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from presswatch_spark.rights.model import ALLOWED, RESERVED, UNKNOWN

BOTH, BEFORE, AFTER, NONE, CONFLICTING = "both", "before", "after", "none", "conflicting"
STATUSES = (BOTH, BEFORE, AFTER, CONFLICTING, NONE, UNKNOWN)

# What a side says where several say something: one reservation is one, and one doubt leaves a doubt.
_WEIGHT: Mapping[str | None, int] = {RESERVED: 3, UNKNOWN: 2, ALLOWED: 1, None: 0}


@dataclass(frozen=True, slots=True)
class Declaration:
    """What one capture says of a page to an agent.

    `verdict`: as in `Signal`; None: it was captured, and says nothing of the page. `row`: the row of
    `rights_signals` that says so; None if there is none.
    """

    at: datetime
    verdict: str | None
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """The status, and the declarations that decided it, on each side of the page's capture."""

    status: str
    before: Declaration | None = None
    after: Declaration | None = None


def strongest(declarations: Iterable[Declaration]) -> Declaration | None:
    """The declaration that counts among several of one moment or side; the first of equals."""
    return max(declarations, key=lambda each: _WEIGHT[each.verdict], default=None)


def in_force(at: datetime, series: Iterable[Sequence[Declaration]]) -> InForce:
    """What held at the second `at`.

    `series`: the declarations of each source (a file of the site, the page itself), each in order of time.
    One of the same second stands on both sides.

    `both`: reserved before and after. `before`, `after`: on that side, and what reserved there was not
    captured on the other, or cannot be read. `conflicting`: what reserved on one side is known not to on the
    other. `none`: some source allows it, none reserves it, and none is in doubt. `unknown`: everything else.
    """
    sides = [_sides(at, declarations) for declarations in series]
    before = strongest(side for side, _ in sides if side)
    after = strongest(side for _, side in sides if side)
    said = {side.verdict for side in (before, after) if side}
    reserved = [side is not None and side.verdict == RESERVED for side in (before, after)]
    if all(reserved):
        status = BOTH
    elif any(reserved):
        near, far = (0, 1) if reserved[0] else (1, 0)
        others = [pair[far] for pair in sides if _reserves(pair[near])]
        withdrawn = all(other is not None and other.verdict in (ALLOWED, None) for other in others)
        status = CONFLICTING if withdrawn else (BEFORE, AFTER)[near]
    elif UNKNOWN in said or ALLOWED not in said:
        status = UNKNOWN
    else:
        status = NONE
    return InForce(status, before, after)


def _sides(
    at: datetime, declarations: Sequence[Declaration]
) -> tuple[Declaration | None, Declaration | None]:
    """The last declaration up to a second, and the first one from it on."""
    last, first = _bounds(at, [declaration.at for declaration in declarations])
    return (
        declarations[last] if last >= 0 else None,
        declarations[first] if first < len(declarations) else None,
    )


def sides_of(at: datetime, moments: Sequence[datetime]) -> list[int]:
    """Which of some moments, in order, count for a second: at most two, in order."""
    return sorted({k for k in _bounds(at, moments) if 0 <= k < len(moments)})


def _bounds(at: datetime, moments: Sequence[datetime]) -> tuple[int, int]:
    """The last moment up to a second, or -1; the first from it on, or their number."""
    at = second(at)
    return bisect_right(moments, at, key=second) - 1, bisect_left(moments, at, key=second)


def _reserves(declaration: Declaration | None) -> bool:
    return declaration is not None and declaration.verdict == RESERVED


def second(moment: datetime) -> datetime:
    """The second that a moment lies in."""
    return moment.replace(microsecond=0)

"""What a gate before the inflater is asked: which members of a gzip file may be passed over unread."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Stretch(NamedTuple):
    """Members in a row that may be passed over.

    `end`: index behind them in the view. `members`, `documents`: how many of each they are. `inflated`: the
    bytes that they would inflate to.
    """

    end: int
    members: int
    documents: int
    inflated: int


MORE = Stretch(-1, 0, 0, 0)
"""More of the file must be in view before anything can be said."""


class Gate(Protocol):
    """Says which members are left out. It is asked about each member in order, from a proven beginning.

    It may name a stretch only where the end of each member in it is proven, and another member that reads as
    a record follows.
    """

    def look(self, view: memoryview, starts: Sequence[int], *, final: bool) -> None:
        """Take a new view of the file.

        Args:
            view: stored bytes in a row.
            starts: where the magic of a member stands in it, be it by chance; ascending.
            final: the file ends with `view`.
        """

    def at(self, start: int) -> Stretch | None:
        """Return what may be passed over from index `start` on; `MORE` if that is not known; else None."""

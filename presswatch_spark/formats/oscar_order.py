"""Which documents of an OSCAR 21.09 text file stand where its metadata says, and which only seem to.

Lost lines move all documents behind them up. Where documents have equally many lines, one then stands at the
place of another, and would get its URL. So the two files are compared as wholes before any document is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Place = tuple[int, int]
"""The first line of a document, and its number of lines."""


@dataclass(frozen=True, slots=True)
class Order:
    """Which documents are certain: those before `ahead` and from `behind` on, by their number from 0.

    Before `ahead`, entries have the numbers of their documents; from `behind` on, numbers higher by `shift`.
    """

    ahead: int = 0
    behind: int = 1 << 62
    shift: int = 0

    def entry_of(self, document: int) -> int | None:
        """The number of the entry of a document; None if none is certain."""
        if document < self.ahead:
            return document
        return document + self.shift if document >= self.behind else None


def certain(documents: Sequence[Place], entries: Sequence[Place]) -> Order:
    """Return which documents are those of the entries at their places.

    Where the last ones stand at one place, lines were lost in the metadata only, and places can be believed;
    an entry next to what is lost may be made of two. Where they do not, text was lost or added somewhere, and
    the documents that fit the entries from the end, too, may have moved.
    """
    if documents == entries:
        return Order(len(documents))
    ahead = _common(documents, entries)
    behind = _common(documents[::-1], entries[::-1])
    if behind:
        return Order(ahead, max(ahead, len(documents) - behind + 1), len(entries) - len(documents))
    moved = _common([lines for _, lines in documents[::-1]], [lines for _, lines in entries[::-1]])
    return Order(max(0, min(ahead, len(documents) - moved) - 1))


def _common(these: Sequence[object], those: Sequence[object]) -> int:
    """How many of these and those are equal from the start."""
    pairs = enumerate(zip(these, those, strict=False))
    return next((i for i, (this, that) in pairs if this != that), min(len(these), len(those)))

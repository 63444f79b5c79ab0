"""Lines that are held until those beside them are known, since damage to one may reach into the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# The line beside, and one more: what is cut is the last line, and harms no other.
HELD = 2


class Ending:
    """Chunks as they come, and how they end."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._end = b""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._end = chunk[-1:] or self._end
            yield chunk

    @property
    def was_cut(self) -> bool:
        """Whether the last line has no end, neither that of a line nor that of an object."""
        return self._end != b"}" and not self._end.isspace()


@dataclass(slots=True)
class _Line(Generic[T]):
    index: int
    item: T | None
    is_odd: bool


class Beside(Generic[T]):
    """Gives lines on, in order, and says which are in doubt: odd ones, and those beside an odd one.

    `settled`: the index of the last line that was given on.
    """

    def __init__(self) -> None:
        self.settled = -1
        self._held: deque[_Line[T]] = deque()
        self._was_odd = False

    def add(self, index: int, item: T | None, is_odd: bool) -> Iterator[tuple[T | None, bool]]:
        """Take a line, and yield those that are settled by it: each with whether it is in doubt."""
        self._held.append(_Line(index, item, is_odd))
        while len(self._held) > HELD:
            yield self._next()

    def doubt_held(self) -> None:
        """Take all lines that are held for odd ones."""
        for line in self._held:
            line.is_odd = True

    def rest(self, was_cut: bool) -> Iterator[tuple[T | None, bool]]:
        """Yield what is held. `was_cut`: the last line has no end, so that it is no row and harms none."""
        if was_cut and self._held:
            self._held[-1].is_odd = False
        while self._held:
            yield self._next()

    def _next(self) -> tuple[T | None, bool]:
        line = self._held.popleft()
        in_doubt = line.is_odd or self._was_odd or bool(self._held and self._held[0].is_odd)
        self._was_odd, self.settled = line.is_odd, line.index
        return line.item, in_doubt

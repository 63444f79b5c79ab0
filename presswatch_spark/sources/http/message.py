"""The head of a stored HTTP response, read as leniently as browsers do (RFC 9112, with their habits)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

BytesLike = bytes | bytearray | memoryview

# What Chrome allows; beyond it no end of a head is looked for.
MAX_HEAD_BYTES = 256 << 10

_END = re.compile(rb"\n\r*\n")
_STATUS_LINE = re.compile(
    rb"(?i)[\r\n]*(?:HTTP(?:/[0-9.]*)?|ICY)[ \t]*(?:(?<=[ \t])([0-9]{3})(?![0-9]))?[^\n]*\n?"
)
_FIRST_FIELD = re.compile(rb"[\r\n]*[A-Za-z0-9-]+:[ \t]")
_BLANK = re.compile(rb"[\r\n]*\Z")
_FOLD = re.compile(r"\r*\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a response.

    `status`: None where the block has no readable one. `headers`: names and values in the order stored,
    decoded as ISO-8859-1, folded lines joined. `body_at`: where the body begins in the block, in bytes.
    """

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body_at: int
    _values: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values: dict[str, list[str]] = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(value)
        object.__setattr__(self, "_values", values)

    def header(self, name: str) -> tuple[str, ...]:
        """Every value of the header `name` (in lower case), in order."""
        return tuple(self._values.get(name, ()))

    def last(self, name: str) -> str | None:
        """The last value of the header `name` (in lower case): of several, it counts."""
        values = self.header(name)
        return values[-1] if values else None


def parse_message(block: BytesLike) -> Message | None:
    """Read the head of the block of a `response` record; None if there is nothing in the block.

    Lines may end with LF alone; lines without a colon are passed over. A block that begins with no head is
    all body, as in HTTP/0.9. A head that does not end within `MAX_HEAD_BYTES` leaves no body.
    """
    status = _STATUS_LINE.match(block)
    fields_at = status.end() if status else 0
    # The line end before it is the status line's own: a head may be nothing but that.
    end = _END.search(block, max(0, fields_at - 1), MAX_HEAD_BYTES)
    if status is None and (end is None or not _FIRST_FIELD.match(block)):
        return None if _BLANK.match(block) else Message(None, (), 0)
    head_end = min(len(block), MAX_HEAD_BYTES) if end is None else end.start()
    code = int(status[1]) if status and status[1] else None
    headers = _fields(bytes(block[fields_at:head_end]).decode("latin-1"))
    return Message(code, headers, len(block) if end is None else end.end())


def _fields(head: str) -> tuple[tuple[str, str], ...]:
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    found = []
    for line in head.split("\n"):
        name, colon, value = line.partition(":")
        if colon and (name := name.strip(" \t\r")):
            found.append((name, value.strip(" \t\r")))
    return tuple(found)

"""The head of a stored HTTP response, read as leniently as browsers do (RFC 9112, with their habits)."""

import re
from dataclasses import dataclass
from functools import lru_cache

BytesLike = bytes | bytearray | memoryview

# What Chrome allows; fields beyond it do not count.
MAX_HEAD_BYTES = 256 << 10
# `100 Continue` and its like, of which a server may send some before it answers.
MOST_INTERIM = 20

_END = re.compile(rb"\n\r*\n")
_MARKUP = re.compile(rb"\n(?=<)")
_STATUS_LINE = re.compile(
    rb"(?i)[\r\n]*(?:HTTP(?:/[0-9.]*)?|ICY)[ \t]*(?:(?<=[ \t])([0-9]{3})(?![0-9]))?[^\n]*\n?"
)
_FIRST_FIELD = re.compile(rb"[\r\n]*[A-Za-z0-9-]+:[ \t]")
_BLANK = re.compile(rb"[\r\n]*\Z")
_BLANKS = " \t\r"
_FOLD = re.compile(r"(?<!\r)\r*\n[ \t]+")


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a response.

    `status`: None where the block has no readable one. `head`: the lines after the status line, decoded as
    ISO-8859-1, folded ones joined. `body_at`: where the body begins in the block, in bytes.
    """

    status: int | None
    head: str
    body_at: int

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return names and values in the order stored."""
        found = []
        for line in self.head.split("\n"):
            name, colon, value = line.partition(":")
            if colon and (name := name.strip(_BLANKS)):
                found.append((name, value.strip(_BLANKS)))
        return tuple(found)

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (in lower case), in order."""
        # Of most pages three headers are asked for: to split all lines for them takes four times as long.
        lowered = f"\n{self.head.lower()}"
        may_be_indented = "\n " in lowered or "\n\t" in lowered or "\n\r" in lowered
        if f"\n{name}" not in lowered and not may_be_indented:
            # Most pages name no coding, and a pattern takes ten times as long to say so.
            return ()
        return tuple(
            self.head[found.start(1) - 1 : found.end(1) - 1].strip(_BLANKS)
            for found in _named(name).finditer(lowered)
        )

    def last(self, name: str) -> str | None:
        """Return the last value of the header `name` (in lower case): it counts if there are several."""
        values = self.header(name)
        return values[-1] if values else None


@lru_cache(maxsize=64)
def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"\n[ \t\r]*{re.escape(name)}[ \t\r]*:([^\n]*)")


def parse_message(block: BytesLike) -> Message | None:
    """Return the head of a `response` record's block; None if there is nothing in the block.

    Lines may end with LF alone; lines without a colon are passed over. A block that begins with no head is
    all body, as in HTTP/0.9. Of a head longer than `MAX_HEAD_BYTES`, the first fields are read. Of several
    heads, as after `100 Continue`, the last counts.
    """
    message = _message_at(block, 0)
    for _ in range(MOST_INTERIM):
        if message is None or message.status is None or not 100 <= message.status < 200:
            break
        if not _STATUS_LINE.match(block, message.body_at):
            break
        message = _message_at(block, message.body_at)
    return message


def _message_at(block: BytesLike, at: int) -> Message | None:
    status = _STATUS_LINE.match(block, at)
    fields_at = status.end() if status else at
    # The line end before it is the status line's own: a head may be nothing but that.
    end = _END.search(block, max(at, fields_at - 1))
    if status is None and (end is None or not _FIRST_FIELD.match(block)):
        return None if _BLANK.match(block) else Message(None, "", 0)
    head_end = len(block) if end is None else end.start()
    body_at = len(block) if end is None else end.end()
    # No header begins so: the blank line is missing, and this is the body.
    if markup := _MARKUP.search(block, max(at, fields_at - 1), head_end):
        head_end, body_at = markup.start(), markup.end()
    code = int(status[1]) if status and status[1] else None
    head = bytes(block[fields_at : min(head_end, at + MAX_HEAD_BYTES)]).decode("latin-1")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    return Message(code, head, body_at)

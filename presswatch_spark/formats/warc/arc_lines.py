"""The line that begins an ARC record: `URL IP date type length`; in version 2, more fields before the length.

After Burner and Kahle, "Arc File Format", version 1.0, Internet Archive, 1996. A URL may hold spaces, against
the format: what stands before the first IP address and date is the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from presswatch_spark.formats.table.values import as_time

MAX_LINE_BYTES = 64 << 10
VERSION_BLOCK = b"filedesc:"

_SCHEME_PATTERN = rb"[A-Za-z][A-Za-z0-9+.-]{0,30}:"
_PLACE_PATTERN = rb" ([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|-) ([0-9]{8,20}) "
_SCHEME = re.compile(_SCHEME_PATTERN)
_PLACE = re.compile(_PLACE_PATTERN)
# Where a line must be, one of the two may be anything: crawlers wrote `unknown` and `null`.
_HALF_A_PLACE = re.compile(
    rb" ([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+|-) ([!-~]{1,32}) "
    rb"| ([!-~]{1,64}) ([0-9]{8,20}) "
)
_CANDIDATE = re.compile(rb"\n(?=%s[^\n]{0,%d}?%s)" % (_SCHEME_PATTERN, MAX_LINE_BYTES, _PLACE_PATTERN))
_LINE_END = re.compile(rb"\n")
_DATE = re.compile(rb"[0-9]{14,20}")
_LENGTH = re.compile(rb"[0-9]{1,17}")


@dataclass(frozen=True, slots=True)
class ArcLine:
    """One such line. `length`: bytes of the block, None if it is no number; `end`: where the block begins."""

    url: bytes
    ip: bytes
    date: bytes
    media_type: bytes
    length: int | None
    end: int

    @property
    def captured_at(self) -> datetime | None:
        """The date in UTC, without what may follow the seconds; None if it is none."""
        return as_time(self.date[:14].decode()) if _DATE.fullmatch(self.date) else None


def read_line(data: memoryview | bytes, at: int, limit: int, *, expected: bool = False) -> ArcLine | None:
    """The record line at `at`; None if there is none that ends before `limit`.

    `expected`: the record before ends here, so that a line is believed whose IP address or date is none.
    """
    if not _SCHEME.match(data, at, limit):
        return None
    end = _LINE_END.search(data, at, min(limit, at + MAX_LINE_BYTES))
    line = bytes(data[at : end.start()]) if end else b""
    place = _PLACE.search(line) or (_HALF_A_PLACE.search(line) if expected else None)
    if end is None or place is None:
        return None
    media_type, _, length = line[place.end() :].strip(b" \r").rpartition(b" ")
    number = int(length) if _LENGTH.fullmatch(length) else None
    if number is None and not _PLACE.match(place[0]):
        return None
    ip, date = place[0].strip(b" ").split(b" ")
    return ArcLine(line[: place.start()], ip, date, media_type, number, end.end())


def version_end(data: memoryview, at: int, limit: int) -> int:
    """Where a version block ends that begins at `at`, if it holds what the format says: two lines."""
    for _ in range(2):
        line_end = _LINE_END.search(data, at, limit)
        at = line_end.end() if line_end else limit
    return at


def next_line(data: memoryview, at: int, limit: int) -> int | None:
    """Where the next record line begins, after a line end in [at, limit); None if nowhere."""
    for candidate in _CANDIDATE.finditer(data, at, limit):
        if read_line(data, candidate.end(), limit):
            return candidate.end()
    return None


def begins_with_arc_record(head: bytes) -> bool:
    """Whether an ARC record begins here; of a line that `head` cuts, its beginning decides."""
    head = head.lstrip(b"\r\n")
    if b"\n" not in head[:MAX_LINE_BYTES]:
        return _SCHEME.match(head) is not None
    return read_line(head, 0, len(head)) is not None

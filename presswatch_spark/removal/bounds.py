"""Where records of WARC and ARC begin and end in a part of a file: gzip members, or plain records."""

import re
import zlib

from presswatch_spark.formats.arc import next_line, read_line
from presswatch_spark.formats.warc.fields import begins_with_record, header_fields

GZIP, PLAIN = b"\x1f\x8b\x08", b"WARC/"
INFLATED_MOST = 64 << 20
_GZIP_WINDOW, _HEAD_BYTES = 31, 64
_HEADER_END = re.compile(rb"\n\r*\n")
_RECORD_END = re.compile(rb"(?:\r?\n){0,2}")
_ARC_END = re.compile(rb"(?:\r?\n)?")


def end_of_record(data: bytes, start: int) -> int | None:
    """Return where the record that begins at `start` ends; None if none does, or it ends beyond the data."""
    if data.startswith(GZIP, start):
        inflater, fed = zlib.decompressobj(_GZIP_WINDOW), memoryview(data)[start:]
        try:
            inflater.decompress(fed, INFLATED_MOST)
        except zlib.error:
            return None
        return len(data) - len(inflater.unused_data) if inflater.eof else None
    if not begins_with_record(data[start : start + 64]):
        return _end_of_arc(data, start)
    head = _HEADER_END.search(data, start)
    length = header_fields(data[start : head.start() + 1]).get("content-length", "") if head else ""
    if head is None or not re.fullmatch("[0-9]{1,17}", length):
        return None
    end = head.end() + int(length)
    closing = _RECORD_END.match(data, end)
    return closing.end() if closing and end <= len(data) else None


def _end_of_arc(data: bytes, start: int) -> int | None:
    """Return where the plain record of ARC that begins at `start` ends; None if there is no whole one."""
    line = read_line(data, start, len(data))
    end = len(data) + 1 if line is None or line.length is None else line.end + line.length
    closing = _ARC_END.match(data, end)
    return closing.end() if closing and end <= len(data) else None


def begins_member_of_record(data: bytes) -> bool:
    """Whether a gzip member begins these bytes, and a record of WARC begins it."""
    try:
        head = zlib.decompressobj(_GZIP_WINDOW).decompress(data, _HEAD_BYTES)
    except zlib.error:
        return False
    return data.startswith(GZIP) and begins_with_record(head)


def start_of_record_before(data: bytes, end: int) -> int | None:
    """Return where the record begins that ends just before `end`; None if the data holds no whole one."""
    for magic in (GZIP, PLAIN):
        at = data.rfind(magic, 0, end)
        while at >= 0:
            if end_of_record(data[:end], at) == end:
                return at
            at = data.rfind(magic, 0, at)
    return _start_of_arc_before(data, end)


def _start_of_arc_before(data: bytes, end: int) -> int | None:
    """Return where the plain record of ARC begins that ends just before `end`: only its line says so."""
    view, starts = memoryview(data)[:end], [0]
    while (start := next_line(view, starts[-1], end)) is not None:
        starts.append(start)
    return next((start for start in reversed(starts) if _end_of_arc(data[:end], start) == end), None)

"""Tombstones: records of a fixed form that replace removed records, in exactly the same number of bytes.

A tombstone of WARC and WET is a `metadata` record, one of ARC a record with a `urn:uuid:` as its URL. After
its fields come spaces up to the wanted length. In a gzip file it is one member of stored blocks, which every
inflater reads; Go's gzip refuses a comment of more than 511 bytes, and an extra field has at most 65,535. If
stored blocks do not fit, the record is deflated, and a short comment of spaces fills the rest.

Any other text than the fixed one makes a record that is no tombstone, so that none can hide a page.
"""

import re
import uuid
import zlib
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from presswatch_spark.reading.inflate import GZIP_MAGIC, first_member

SKIPPED = "tombstone of a removed record"
"""The reason by which readers count tombstones."""
MOST_BYTES = 64 << 20
STORED_BYTES, STORED_OVERHEAD, GZIP_BYTES = 65_535, 5, 18
LONGEST_COMMENT = 511
_REASON = b"reason: removed at the request of its rights holder\r\n"
_GZIP_HEAD, _COMMENT = GZIP_MAGIC + b"%c\0\0\0\0\0\xff", 16
_BODY = rb"(?P<body>removed: \d{4}-\d\d-\d\d\r\n(?:%s)?(?:\r\n {0,%d})?)" % (_REASON, MOST_BYTES)
_ID = re.compile("[!-~]{1,200}")
_UUID = rb"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WARC = re.compile(
    rb"WARC/1\.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: <%s>\r\nWARC-Date: [0-9:TZ-]{20}\r\n"
    rb"(?:WARC-Refers-To: (?P<of>[!-~]{1,200})\r\n)?(?:Content-Type: application/warc-fields\r\n)?"
    rb"Content-Length: (?P<size>[ 0-9]{10})\r\n\r\n%s\r\n\r\n" % (_UUID, _BODY)
)
_ARC = re.compile(
    rb"%s 0\.0\.0\.0 \d{14} application/warc-fields (?P<size>\d{1,10})\n%s\n\n?" % (_UUID, _BODY)
)


class Removed(NamedTuple):
    """A record to remove: its bytes as stored, its id if it has one, and the time of the removal."""

    stored: bytes
    record_id: str | None
    at: datetime
    is_arc: bool = False


def tombstone(removed: Removed) -> bytes | None:
    """Return a tombstone as long as the stored record; None if even the shortest one is longer.

    A short one has no reason, and then no id of the removed record.
    """
    length = len(removed.stored)
    for parts in range(2, -1, -1):
        if not removed.stored.startswith(GZIP_MAGIC):
            if (record := _record(removed, parts, length)) is not None:
                return record
            continue
        blocks = -(-(length - GZIP_BYTES) // (STORED_BYTES + STORED_OVERHEAD))
        record = _record(removed, parts, length - GZIP_BYTES - blocks * STORED_OVERHEAD)
        if record is not None:
            return _member(record, b"".join(_stored(record)), length)
        record = _record(removed, parts, None) or b""
        inflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = inflater.compress(record) + inflater.flush()
        if 0 <= length - GZIP_BYTES - len(body) <= LONGEST_COMMENT:
            return _member(record, body, length)
    return None


def _record(removed: Removed, parts: int, length: int | None) -> bytes | None:
    """Return a record of `length` bytes, None: the shortest; `parts`: 2 id and reason, 1 the id, 0 none."""
    own_id = uuid.uuid5(uuid.NAMESPACE_OID, sha256(removed.stored).hexdigest())
    body = b"removed: %s\r\n%s" % (f"{removed.at:%Y-%m-%d}".encode(), _REASON if parts > 1 else b"")
    if removed.is_arc:
        fields = [f"urn:uuid:{own_id} 0.0.0.0 {removed.at:%Y%m%d%H%M%S} application/warc-fields "]
    else:
        fields = [
            "WARC/1.0",
            "WARC-Type: metadata",
            f"WARC-Record-ID: <urn:uuid:{own_id}>",
            f"WARC-Date: {removed.at:%Y-%m-%dT%H:%M:%SZ}",
        ]
        if parts and _ID.fullmatch(removed.record_id or ""):
            fields.append(f"WARC-Refers-To: {removed.record_id}")
        if parts:
            fields.append("Content-Type: application/warc-fields")
        fields.append("Content-Length: ")
    head, tail = "\r\n".join(fields).encode(), b"\n" if removed.is_arc else b"\r\n\r\n"
    if length is None:
        return _with(removed.is_arc, head, body, tail)
    least = _with(removed.is_arc, head, body + b"\r\n", tail)
    # A longer number in an ARC line may take the byte that is missing: then another line end fills it.
    for end in (tail, tail + b"\n") if removed.is_arc else (tail,):
        for spaces in range(length - len(least), length - len(least) - 12, -1):
            if spaces < 0:
                break
            record = _with(removed.is_arc, head, body + b"\r\n" + b" " * spaces, end)
            if len(record) == length:
                return record
    return None


def _with(is_arc: bool, head: bytes, body: bytes, tail: bytes) -> bytes:
    size = b"%d\n" % len(body) if is_arc else b"%10d\r\n\r\n" % len(body)
    return head + size + body + tail


def _stored(record: bytes) -> Iterator[bytes]:
    for at in range(0, len(record), STORED_BYTES):
        part = record[at : at + STORED_BYTES]
        size = len(part).to_bytes(2, "little")
        yield bytes([at + STORED_BYTES >= len(record)]) + size + bytes(255 - byte for byte in size) + part


def _member(record: bytes, deflated: bytes, length: int) -> bytes:
    room = length - GZIP_BYTES - len(deflated)
    comment = b" " * (room - 1) + b"\0" if room else b""
    trailer = zlib.crc32(record).to_bytes(4, "little") + len(record).to_bytes(4, "little")
    return _GZIP_HEAD % (_COMMENT if room else 0) + comment + deflated + trailer


def is_tombstone(record: bytes | memoryview) -> bool:
    """Return whether an inflated record, from its first byte to its last, is a tombstone."""
    return _of(record) is not None


def _of(record: bytes | memoryview) -> re.Match[bytes] | None:
    found = _WARC.fullmatch(record) or _ARC.fullmatch(record)
    return found if found and int(found["size"]) == len(found["body"]) else None


def removed_id_in(stored: bytes) -> str | None:
    """Return the id of the record that a stored tombstone replaces, perhaps empty; None if it is none."""
    record = stored
    if stored.startswith(GZIP_MAGIC):
        member = first_member(stored, MOST_BYTES)
        comment_end = stored.find(b"\0", 10) if stored[3] == _COMMENT else 9
        has_blank_comment = 9 <= comment_end <= 10 + LONGEST_COMMENT and not stored[10:comment_end].strip(
            b" "
        )
        if (
            member is None
            or member.end != len(stored)
            or stored[3] not in (0, _COMMENT)
            or not has_blank_comment
        ):
            return None
        record = member.data
    found = _of(record)
    return None if found is None else (found.groupdict().get("of") or b"").decode()

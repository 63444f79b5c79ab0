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

TOMBSTONE_START = b"removed: "
SKIPPED = "tombstone of a removed record"
"""The reason by which readers count tombstones."""
MOST_BYTES = 64 << 20
STORED_BYTES, STORED_OVERHEAD, GZIP_BYTES = 65_535, 5, 18
LONGEST_COMMENT = 511
_REASON = b"reason: removed at the request of its rights holder\r\n"
_GZIP_HEAD, _COMMENT = GZIP_MAGIC + b"%c\0\0\0\0\0\xff", 16
_BODY = rb"(?P<body>removed: \d{4}-\d\d-\d\d\r\n(?:%s)?(?:\r\n {0,%d})?)" % (_REASON, MOST_BYTES)
_BLANK_HEAD = re.compile(rb"(?s)...(?:\0.{6}|\x10.{6} {0,511}\0)")
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
            if record := _record(removed, parts, length):
                # One of ARC may lack a byte, as the length in its line has a variable number of digits.
                return record + b"\n" * (length - len(record))
            continue
        room = length - GZIP_BYTES
        blocks = -(-room // (STORED_BYTES + STORED_OVERHEAD))
        record = _record(removed, parts, room - blocks * STORED_OVERHEAD)
        if record:
            deflated = b"".join(_stored(record))
        else:
            record = _record(removed, parts)
            deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
            deflated = deflater.compress(record) + deflater.flush()
        if 0 <= room - len(deflated) <= LONGEST_COMMENT:
            comment = (b" " * (room - len(deflated)))[1:] + b"\0" if room > len(deflated) else b""
            trailer = zlib.crc32(record).to_bytes(4, "little") + len(record).to_bytes(4, "little")
            return _GZIP_HEAD % (_COMMENT if comment else 0) + comment + deflated + trailer
    return None


def _record(removed: Removed, parts: int, most: int | None = None) -> bytes:
    """Return the longest record of at most `most` bytes, empty if there is none; by default, the shortest.

    `parts`: 2 with a reason and the id of the removed record, 1 with the id, 0 with neither.
    """
    own_id = uuid.uuid5(uuid.NAMESPACE_OID, sha256(removed.stored).hexdigest())
    if removed.is_arc:
        head = f"urn:uuid:{own_id} 0.0.0.0 {removed.at:%Y%m%d%H%M%S} application/warc-fields "
        form = b"%s%d\n%s\n"
    else:
        about = f"WARC-Refers-To: {removed.record_id}\r\n" if _ID.fullmatch(removed.record_id or "") else ""
        head = (
            f"WARC/1.0\r\nWARC-Type: metadata\r\nWARC-Record-ID: <urn:uuid:{own_id}>\r\n"
            f"WARC-Date: {removed.at:%Y-%m-%dT%H:%M:%SZ}\r\n"
        ) + f"{about}Content-Type: application/warc-fields\r\n" * bool(parts)
        form = b"%sContent-Length: %10d\r\n\r\n%s\r\n\r\n"
    day = f"{removed.at:%Y-%m-%d}".encode()
    body = TOMBSTONE_START + day + b"\r\n" + _REASON * (parts > 1)
    if most is None:
        return form % (head.encode(), len(body), body)
    body += b"\r\n"
    record = form % (head.encode(), len(body), body)
    spaces = most - len(record)
    while spaces >= 0:
        record = form % (head.encode(), len(body) + spaces, body + b" " * spaces)
        if len(record) <= most:
            return record
        spaces -= 1
    return b""


def _stored(record: bytes) -> Iterator[bytes]:
    for at in range(0, len(record), STORED_BYTES):
        part = record[at : at + STORED_BYTES]
        size = len(part).to_bytes(2, "little")
        yield bytes([at + STORED_BYTES >= len(record)]) + size + bytes(255 - byte for byte in size) + part


def is_tombstone(record: bytes | memoryview) -> bool:
    """Return whether an inflated record, from its first byte to its last, is a tombstone."""
    return _parsed(record) is not None


def _parsed(record: bytes | memoryview) -> re.Match[bytes] | None:
    found = _WARC.fullmatch(record) or _ARC.fullmatch(record)
    return found if found and int(found["size"]) == len(found["body"]) else None


def removed_id_in(stored: bytes) -> str | None:
    """Return the id of the record that a stored tombstone replaces, perhaps empty; None if it is none."""
    record = stored
    if stored.startswith(GZIP_MAGIC):
        member = first_member(stored, MOST_BYTES)
        if member is None or member.end != len(stored) or not _BLANK_HEAD.match(stored):
            return None
        record = member.data
    found = _parsed(record)
    return None if found is None else (found.groupdict().get("of") or b"").decode()

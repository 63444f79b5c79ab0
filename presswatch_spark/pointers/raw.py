"""A record of WARC by itself, be it a document or not: a robots.txt, a redirect, an error without a body.

What declares something, or was captured at all, need hold no text that a scan reads. Such a record is given
as it is stored, with what its own headers say and the digests of what is there.


---

The record that a row of `captures` points at, and whether it is still the same."""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats.http.codings import decoded_body
from presswatch_spark.formats.http.message import parse_message
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.values import as_time
from presswatch_spark.formats.warc.fields import begins_with_record, header_fields
from presswatch_spark.judgement.match_rows import Row
from presswatch_spark.pointers.checks import (
    GONE,
    OTHER_DIGEST,
    OTHER_FACTS,
    OTHER_URI,
    UNREADABLE,
    Failure,
    Record,
    edited,
)
from presswatch_spark.pointers.documents import HEADERS_BYTES, Outcome, failure_of, records_at, stored_record
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.storage.objects import read_range
from presswatch_spark.storage.uris import canonical, join

# What other formats and documents have.
_OF_DOCUMENTS = ("row_index", "charset", "text_sha256", "text_extraction")
_HEADER_END = re.compile(rb"\n\r*\n")
_GZIP_WINDOW = 31


def raw_record(pointer: Pointer, options: ReadOptions) -> Outcome:
    """The WARC record that fills the range of `pointer`.

    Its facts are those of a document, as far as it has them; also `record_type`, and `content_sha256`: the
    SHA-256 of its content, of a response of its body with all codings undone. Its text is its headers, and
    the content if that is UTF-8.
    """
    offset, length = pointer.offset or 0, pointer.length or 0
    most = options.max_document_bytes + HEADERS_BYTES
    if not 0 < length <= most:
        return Failure(UNREADABLE, "the range is none of a record")
    try:
        if pointer.encoding == "inflated":
            place = {"record_offset": offset, "record_length": length}
            stored = stored_record(pointer, Record(place, b"", None, 0), options)
        else:
            stored = read_range(pointer.uri, offset, length, options.storage)
        if not stored:
            return Failure(GONE, "the shard ends before it")
        plain = _inflated(stored, most) if stored[:2] == b"\x1f\x8b" else stored
        parts = _parts(plain)
    except CorruptError:
        return Failure(UNREADABLE, "no whole record of WARC fills the range")
    except PresswatchError as error:
        return failure_of(error)
    facts, text = _described(*parts, options.max_document_bytes)
    by_range = pointer.encoding != "inflated"
    encoding = pointer.encoding or ("plain" if plain is stored else "gzip")
    facts |= {"record_offset": offset, "record_length": length, "record_encoding": encoding}
    return Record(facts, text, stored if by_range else plain, length)


def _inflated(stored: bytes, most: int) -> bytes:
    """What a gzip member holds; `CorruptError` if it is none, not just one, or holds too much."""
    member = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = member.decompress(stored, most)
    except zlib.error:
        plain = b""
    if not member.eof or member.unused_data:
        raise CorruptError("no gzip member, or more than one")
    return plain


def _parts(record: bytes) -> tuple[Mapping[str, str], bytes]:
    """The header fields and the block of a record; `CorruptError` if it is not just one, and whole."""
    end = _HEADER_END.search(record)
    fields = header_fields(record[: end.start() + 1]) if end and begins_with_record(record) else {}
    length, rest = fields.get("content-length", ""), record[end.end() :] if end else b""
    if (
        not re.fullmatch(r"[0-9]{1,17}", length)
        or len(rest) < int(length)
        or rest[int(length) :].strip(b"\r\n")
    ):
        raise CorruptError("no record of WARC that ends where it says")
    return fields, rest[: int(length)]


def _described(fields: Mapping[str, str], block: bytes, most: int) -> tuple[dict[str, Any], bytes]:
    """The facts and the text of a record; no more than `most` bytes of its content are looked at."""
    kind, is_http = fields.get("warc-type", "").lower(), "application/http" in fields.get("content-type", "")
    message = parse_message(block) if is_http and kind in ("response", "revisit") else None
    asked = _HEADER_END.search(block) if is_http and kind == "request" else None
    body_at = message.body_at if message else asked.end() if asked else 0
    head, payload = block[:body_at], block[body_at:]
    content = bytes(decoded_body(message, block, most).data) if message else payload[:most]
    # A revisit has none of the payload whose digest it declares.
    sha1 = None if kind == "revisit" else hashlib.sha1(payload, usedforsecurity=False).digest()
    facts = {
        "dataset": "warc",
        "record_type": kind,
        "document_url": fields.get("warc-target-uri", "").removeprefix("<").removesuffix(">") or None,
        "record_id": fields.get("warc-record-id"),
        "captured_at": as_time(fields.get("warc-date")),
        "http_status": message.status if message else None,
        "payload_digest": fields.get("warc-payload-digest"),
        "payload_digest_computed": sha1 and f"sha1:{b32encode(sha1).decode()}",
        "content_sha256": hashlib.sha256(content).hexdigest(),
    }
    lines = head.decode("latin-1").encode()
    return dict.fromkeys(_OF_DOCUMENTS) | facts | {"languages": ()}, lines + readable(content)


def readable(content: bytes) -> bytes:
    """Content that is UTF-8, as a person can read it; nothing of any other."""
    try:
        return b"" if "\0" in content.decode() else content
    except UnicodeDecodeError:
        return b""


# Column of the row, fact of the record, and why a row fails if they differ.
COMPARED = (
    ("url", "document_url", OTHER_URI),
    ("payload_digest", "payload_digest", OTHER_DIGEST),
    ("captured_at", "captured_at", OTHER_FACTS),
    ("http_status", "http_status", OTHER_FACTS),
)
CHECKED = "URL, declared digest, time and status of the record"
# Common Crawl's digests are over other bytes in some years: said, and nothing is refused for it.
CONTRADICTED = "; but its payload has another digest than it declares"


@dataclass(frozen=True, slots=True)
class Captured:
    """A row of `captures`; `base` is what its `warc_filename` is relative to."""

    row: Row
    base: str

    @property
    def uri(self) -> str:
        """Where its shard was.

        Raises:
            InputError: the row names none, or one outside of the base.
        """
        name = self.row["warc_filename"]
        if not name or self.row["record_offset"] is None or self.row["record_length"] is None:
            raise InputError("the index named no WARC file for this capture", where=self.row["row_sha256"])
        if ".." in name.split("/"):
            raise InputError("the row names a file outside of its release", where=self.row["row_sha256"])
        return join(canonical(self.base), name)

    def pointer(self, uri: str) -> Pointer:
        """The pointer of the record, whose shard is now at canonical `uri`."""
        return Pointer(uri, self.row["record_offset"], self.row["record_length"])

    def record(self, pointer: Pointer, options: ReadOptions) -> Outcome:
        """The record at its pointer, if it is the one that the row speaks of."""
        if failure := edited(self.row):
            return failure
        outcome = raw_record(pointer, options)
        if isinstance(outcome, Failure):
            # ARC has other records.
            ((_, found),) = records_at([pointer], options)
            outcome = found if isinstance(found, Record) else outcome
        return outcome if isinstance(outcome, Failure) else self._difference(outcome) or outcome

    def checked(self, record: Record) -> str:
        """By what the record is known to be the right one."""
        declared, computed = (
            _alike(record.facts.get(name)) for name in ("payload_digest", "payload_digest_computed")
        )
        contradicts = None not in (declared, computed) and declared != computed
        what = CHECKED + (CONTRADICTED if contradicts else "")
        return f"row {self.row['row_sha256']}: its digest; {what}"

    def _difference(self, record: Record) -> Failure | None:
        for column, fact, reason in COMPARED:
            said, found = _alike(self.row[column]), _alike(record.facts.get(fact))
            # Headers have no digest, ARC declares none, and a revisit has not what it declares one of.
            is_known = found is not None or fact in ("document_url", "captured_at")
            if said is not None and is_known and said != found:
                return Failure(reason, f"`{column}` is another")
        return None


def _alike(value: Any) -> Any:
    """A value as an index and a record write it alike: times to the second, digests without algorithm."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value.removeprefix("sha1:") if isinstance(value, str) else value

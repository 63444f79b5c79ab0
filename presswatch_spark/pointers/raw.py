"""A record of WARC by itself, be it a document or not: a robots.txt, a redirect, an error without a body.

What declares something, or was captured at all, need hold no text that a scan reads. Such a record is given
as it is stored, with what its own headers say and the digests of what is there.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b32encode
from collections.abc import Mapping
from typing import Any

from presswatch_spark.errors import CorruptError, PresswatchError
from presswatch_spark.formats.http.codings import decoded_body
from presswatch_spark.formats.http.message import parse_message
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.values import as_time
from presswatch_spark.formats.warc.fields import begins_with_record, header_fields
from presswatch_spark.formats.warc_format import WARC
from presswatch_spark.pointers.documents import HEADERS_BYTES, Outcome, failure_of, stored_record
from presswatch_spark.pointers.outcomes import GONE, UNREADABLE, Failure, Record
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.storage.objects import read_range

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
        "dataset": WARC.name,
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

"""A record of WARC by itself, with a document or without: a robots.txt, a redirect, an error without a body.

A record that declares something, or that a row of `captures` points at, need hold no text that a scan reads.
It is read as it is stored, with the facts of its own headers and the digests of its bytes. It is compared
with its row of `captures`, and written as a file of its own, which any WARC tool reads.
"""

import gzip
import hashlib
import io
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.warcwriter import WARCWriter

from presswatch_spark.errors import CorruptError, InputError, PresswatchError
from presswatch_spark.formats.http.codings import decoded_body
from presswatch_spark.formats.http.message import parse_message
from presswatch_spark.formats.inflate import first_member
from presswatch_spark.formats.source import ReadOptions
from presswatch_spark.formats.table.columns import as_time
from presswatch_spark.formats.warc.fields import HEADER_END, begins_with_record, header_fields
from presswatch_spark.formats.warc_format import WARC
from presswatch_spark.pointers.checks import (
    GONE,
    OTHER_DIGEST,
    OTHER_FACTS,
    OTHER_URI,
    UNREADABLE,
    Failure,
    Record,
    Row,
    edited,
)
from presswatch_spark.pointers.documents import HEADERS_BYTES, Outcome, failure_of, records_at, stored_record
from presswatch_spark.pointers.pointer import Pointer
from presswatch_spark.storage.disk import disk_errors, on_disk, private_opener
from presswatch_spark.storage.objects import read_range
from presswatch_spark.storage.uris import canonical, join

# Facts that only other formats and documents have.
_OF_DOCUMENTS = ("row_index", "charset", "text_sha256", "text_extraction")


def raw_record(pointer: Pointer, options: ReadOptions) -> Outcome:
    """Read the WARC record that fills the range of `pointer`.

    Its facts are those of a document, as far as it has them, `record_type`, and `content_sha256`. That is the
    SHA-256 of its content, which for a response is its body with all codings undone. Its text is its headers,
    and the content if that is UTF-8.
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
    except PresswatchError as error:
        return failure_of(error)
    return raw_record_in(stored, pointer, options)


def raw_record_in(stored: bytes, pointer: Pointer, options: ReadOptions) -> Outcome:
    """Describe the WARC record that fills `stored`, the bytes of its range, as `raw_record` does."""
    if not stored:
        return Failure(GONE, "the shard ends before it")
    try:
        most = options.max_document_bytes + HEADERS_BYTES
        plain = _inflated(stored, most) if stored[:2] == b"\x1f\x8b" else stored
        parts = _parts(plain)
    except CorruptError:
        return Failure(UNREADABLE, "no whole record of WARC fills the range")
    facts, text = _described(*parts, options.max_document_bytes)
    facts |= {
        "record_offset": pointer.offset or 0,
        "record_length": pointer.length or 0,
        "record_encoding": pointer.encoding or ("plain" if plain is stored else "gzip"),
    }
    by_range = pointer.encoding != "inflated"
    return Record(facts, text, stored if by_range else plain, pointer.length or 0)


def _inflated(stored: bytes, most: int) -> bytes:
    """Inflate a gzip member; `CorruptError` if there is none, more than one, or too much in it."""
    member = first_member(stored, most)
    if member is None or member.end != len(stored):
        raise CorruptError("no gzip member, or more than one")
    return member.data


def _parts(record: bytes) -> tuple[Mapping[str, str], bytes]:
    """Return the header fields and the block of a record; `CorruptError` if it is not one whole record."""
    end = HEADER_END.search(record)
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
    """Return the facts and the text of a record; at most `most` bytes of its content are read."""
    kind, is_http = fields.get("warc-type", "").lower(), "application/http" in fields.get("content-type", "")
    message = parse_message(block) if is_http and kind in ("response", "revisit") else None
    asked = HEADER_END.search(block) if is_http and kind == "request" else None
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
    """Return content that is UTF-8, as a person can read it; nothing of any other."""
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
# Common Crawl's digests are over other bytes in some years: a note says so, and nothing is refused for it.
CONTRADICTED = "; but its payload has another digest than it declares"


@dataclass(frozen=True, slots=True)
class Captured:
    """A row of `captures`; its `warc_filename` is relative to `base`."""

    row: Row
    base: str

    @property
    def uri(self) -> str:
        """Return where its shard was; `InputError` if the row names none, or one outside of the base."""
        name = self.row["warc_filename"]
        if not name or self.row["record_offset"] is None or self.row["record_length"] is None:
            raise InputError("the index named no WARC file for this capture", where=self.row["row_sha256"])
        if ".." in name.split("/"):
            raise InputError("the row names a file outside of its release", where=self.row["row_sha256"])
        return join(canonical(self.base), name)

    def pointer(self, uri: str) -> Pointer:
        """Return the pointer of the record, whose shard is now at canonical `uri`."""
        return Pointer(uri, self.row["record_offset"], self.row["record_length"])

    def record(self, pointer: Pointer, options: ReadOptions) -> Outcome:
        """Read the record at a pointer, if it is the one that the row speaks of."""
        if failure := edited(self.row):
            return failure
        outcome = raw_record(pointer, options)
        if isinstance(outcome, Failure):
            # ARC has other records.
            ((_, document),) = records_at([pointer], options)
            outcome = document if isinstance(document, Record) else outcome
        return outcome if isinstance(outcome, Failure) else self._difference(outcome) or outcome

    def checked(self, record: Record) -> str:
        """Say what shows that the record is the right one."""
        declared, computed = (
            _alike(record.facts.get(name)) for name in ("payload_digest", "payload_digest_computed")
        )
        contradicts = None not in (declared, computed) and declared != computed
        what = CHECKED + (CONTRADICTED if contradicts else "")
        return f"row {self.row['row_sha256']}: its digest; {what}"

    def _difference(self, record: Record) -> Failure | None:
        for column, fact, reason in COMPARED:
            indexed, actual = _alike(self.row[column]), _alike(record.facts.get(fact))
            # Headers have no digest, ARC declares none, and a revisit lacks the payload of its digest.
            is_known = actual is not None or fact in ("document_url", "captured_at")
            if indexed is not None and is_known and indexed != actual:
                return Failure(reason, f"`{column}` is another")
        return None


def _alike(value: Any) -> Any:
    """Write a value as index and record both do: times to the second, digests without algorithm."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    return value.removeprefix("sha1:") if isinstance(value, str) else value


_RECORD_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RECORD_ENDS = (b"\r\n\r\n", b"\n\n", b"")


class _AsStored(WARCWriter):  # type: ignore[misc]
    """Writes the headers that a record has, without a digest that it does not declare."""

    def ensure_digest(self, record: Any, block: bool = True, payload: bool = True) -> None:
        """Add nothing."""


def warc_of(stored: bytes, *, packed: bool) -> bytes:
    """Return a WARC file with the one record in `stored`, a gzip member or the record itself.

    `CorruptError` if a reader of that file would not find the same record in it.
    """
    plain = gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored
    written = io.BytesIO()
    try:
        record = _only_record(plain)
        if record.rec_type == "revisit":
            # warcio writes of a revisit its parsed HTTP headers only, and here nothing is parsed.
            record.rec_type = "response"
        _AsStored(written, gzip=packed).write_record(record)
        read_back = _only_record(written.getvalue()).raw_stream.read()
        header = _RECORD_HEADER_END.search(plain)
        body = plain[header.end() :] if header else b""
        same = body.startswith(read_back) and body[len(read_back) :] in _RECORD_ENDS
    except (ArchiveLoadFailed, StopIteration, ValueError):
        same = False
    if not same:
        raise CorruptError(
            "the record contradicts its own Content-Length, so WARC tools would read another text",
            remedy="leave --out out, and fetch the bytes of the range by themselves",
        )
    return written.getvalue()


def save(path: str, content: bytes) -> None:
    """Write a new file; `OutputError` if there is one already, or it cannot be written."""
    place = on_disk(path)
    with disk_errors(place), open(place, "xb", opener=private_opener) as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            # Half a record is no evidence, and would stand in the way of the next try.
            place.unlink()
            raise


def _only_record(data: bytes) -> Any:
    return next(iter(ArchiveIterator(io.BytesIO(data), no_record_parse=True)))

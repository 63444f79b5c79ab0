"""One record as a file of its own: a WARC that any WARC tool reads, or the text where there is no record."""

from __future__ import annotations

import gzip
import io
import re
from typing import Any

from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.warcwriter import WARCWriter

from presswatch_spark.errors import CorruptError
from presswatch_spark.storage.disk import disk_errors, on_disk

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RECORD_ENDS = (b"\r\n\r\n", b"\n\n", b"")


class _AsStored(WARCWriter):  # type: ignore[misc]
    """Writes the headers that a record has: a digest that it does not declare is none of its own."""

    def ensure_digest(self, record: Any, block: bool = True, payload: bool = True) -> None:
        """Add nothing."""


def warc_of(stored: bytes, *, packed: bool) -> bytes:
    """A WARC file with the one record that `stored` (a gzip member, or the record itself) holds.

    `CorruptError` if a reader of that file would not find in it what stands there.
    """
    plain = gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored
    written = io.BytesIO()
    try:
        record = _only_record(plain)
        if record.rec_type == "revisit":
            # Of those warcio writes parsed HTTP headers only, and here nothing is parsed.
            record.rec_type = "response"
        _AsStored(written, gzip=packed).write_record(record)
        found = _only_record(written.getvalue()).raw_stream.read()
        header = _HEADER_END.search(plain)
        body = plain[header.end() :] if header else b""
        same = body.startswith(found) and body[len(found) :] in _RECORD_ENDS
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
    with disk_errors(place), place.open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            # Half a record is no evidence, and would stand in the way of the next try.
            place.unlink()
            raise


def _only_record(data: bytes) -> Any:
    return next(iter(ArchiveIterator(io.BytesIO(data), no_record_parse=True)))

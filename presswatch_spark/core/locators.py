"""Locators: the pointers by which anyone can fetch a document again, and the part of its page that it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

RecordEncoding = Literal["gzip", "plain", "inflated"]
TextSource = Literal["visible", "hidden", "json_ld", "script", "attribute", "feed", "json"]
"""The parts of a page that text is taken from; a passage counts for the first one that contains it."""
EMBEDDED_SOURCES: tuple[TextSource, ...] = get_args(TextSource)[2:]
"""The sources of embedded documents; visible and hidden words are in the main document of a page."""


def embedded(source: str | None) -> str | None:
    """Return a source if it is that of an embedded document, else None."""
    return source if source in EMBEDDED_SOURCES else None


@dataclass(frozen=True, slots=True)
class Locator:
    """The pointer that lets a third party fetch the same document.

    `record_offset` and `record_length` (bytes) refer to the stored file if `record_encoding` is `gzip` (one
    member) or `plain` (the record itself), else to the inflated stream. `row_index`: line of JSONL or row of
    Parquet, from 0. `payload_digest`: as declared; `payload_digest_computed`: of the stored bytes.
    `extraction`: the extractor of a page's text. `damage`: a key of `DAMAGES`. `upstream_…`: the web archive
    that a row was made from. `text_source`: of an embedded document, see `DocumentBatch`.
    """

    record_id: str | None = None
    record_offset: int | None = None
    record_length: int | None = None
    record_encoding: RecordEncoding | None = None
    row_index: int | None = None
    payload_digest: str | None = None
    payload_digest_computed: str | None = None
    captured_at: datetime | None = None
    http_status: int | None = None
    languages: tuple[str, ...] = ()
    release: str | None = None
    extraction: str | None = None
    charset: str | None = None
    damage: str | None = None
    upstream_uri: str | None = None
    upstream_offset: int | None = None
    text_source: TextSource = "visible"

"""The columns of a notice's annex. None of them has text of an article or of a page."""

import pyarrow as pa

from presswatch_spark.tables.row_types import UTC_MICROS

TEXT, NUMBER = pa.string(), pa.int64()

ROW_COLUMNS = pa.schema(
    [
        ("number", NUMBER),
        ("dataset", TEXT),
        ("release", TEXT),
        ("file", TEXT),
        ("revision", TEXT),
        ("path", TEXT),
        ("record_offset", NUMBER),
        ("record_length", NUMBER),
        ("row_index", NUMBER),
        ("record_id", TEXT),
        ("document_url", TEXT),
        ("captured_at", UTC_MICROS),
        ("payload_digest", TEXT),
        ("text_sha256", TEXT),
        ("publisher", TEXT),
        ("title", TEXT),
        ("article_id", TEXT),
        ("article_url", TEXT),
        ("article_published_at", UTC_MICROS),
        ("copied_words", NUMBER),
        ("reservation", TEXT),
        ("row_sha256", TEXT),
    ]
)
ALWAYS = (
    "number", "file", "record_offset", "record_length", "row_index", "document_url", "text_sha256",
    "publisher", "title", "article_url", "copied_words", "reservation", "row_sha256",
)  # fmt: skip
"""Columns that every recipient gets: what letters refer to, and what leads to the record."""

URL_COLUMNS = pa.schema(
    [
        ("document_url", TEXT),
        ("host", TEXT),
        ("rows", NUMBER),
        ("articles", NUMBER),
        ("first_captured_at", UTC_MICROS),
        ("last_captured_at", UTC_MICROS),
        ("reservation", TEXT),
    ]
)
DOMAIN_COLUMNS = pa.schema(
    [
        ("domain", TEXT),
        ("hosts", NUMBER),
        ("urls", NUMBER),
        ("rows", NUMBER),
        ("articles", NUMBER),
        ("reservation", TEXT),
    ]
)
OWN_DOMAIN_COLUMNS = pa.schema(
    [("publisher", TEXT), ("title", TEXT), ("site", TEXT), ("surt_prefix", TEXT), ("covers", TEXT)]
)

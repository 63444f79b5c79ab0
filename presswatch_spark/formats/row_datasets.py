"""Any dataset of rows, by a mapping of columns or by the names that public datasets use.

The table below is read from left to right: the first name that a file has is taken. It covers FineWeb and
FinePDFs (`dump`, `id`), mC4, CulturaX (`source`), CCNet, RedPajama (`raw_content`; also `meta` as a string of
JSON), HPLT (`u`, `ts`), Dolma and OLMo (`metadata.…`), and their like.
"""

from __future__ import annotations

from types import MappingProxyType

from presswatch_spark.formats.row_source import TabularSource
from presswatch_spark.formats.table.columns import Columns

TRIED = MappingProxyType(
    {
        "text": ("text", "raw_content", "content", "body", "document", "page_content"),
        "url": ("url", "uri", "metadata.url", "meta.url", "source_url", "metadata.source_url", "metadata.uri",
                "warc_headers.warc-target-uri", "meta.warc_headers.warc-target-uri", "target_uri", "u"),
        "record_id": ("record_id", "warc_record_id", "metadata.warc_record_id", "warc_headers.warc-record-id",
                      "doc_id", "id"),
        "captured_at": ("date", "timestamp", "date_download", "crawl_date", "metadata.date_download",
                        "metadata.timestamp", "warc_date", "warc_headers.warc-date", "ts", "created",
                        "metadata.date", "meta.date_download", "meta.timestamp", "meta.date"),
        "payload_digest": ("payload_digest", "digest", "metadata.digest", "content_digest",
                           "warc_headers.warc-block-digest", "meta.digest"),
        "languages": ("languages", "language", "lang", "metadata.language", "meta.language",
                      "warc_headers.warc-identified-content-language"),
        "release": ("dump", "crawl", "snapshot", "cc_dump", "metadata.dump", "metadata.cc_segment",
                    "cc_segment", "file_path"),
        "http_status": ("http_status", "fetch_status"),
    }
)  # fmt: skip

ROWS = TabularSource(
    name="rows",
    columns=Columns(TRIED),
    marks=tuple(frozenset({name}) for name in TRIED["text"]),
)

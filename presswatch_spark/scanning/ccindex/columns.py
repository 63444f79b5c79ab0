"""The names of an index's columns: flat, or with dots in the nested schema.

Old releases lack columns (`content_charset` and `content_languages` before CC-MAIN-2018-39); `crawl` and
`subset` are in the path of a file (`crawl=…/subset=…/`), as Hive partitions do, or in its columns.
"""

import re
from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "key": ("url_surtkey", "url.surtkey"),
    "host": ("url_host_name", "url.host.name"),
    # In the nested schema, `url` is a struct.
    "url": ("url.url", "url"),
    "captured_at": ("fetch_time", "fetch.time"),
    "http_status": ("fetch_status", "fetch.status"),
    "payload_digest": ("content_digest", "content.digest"),
    "mime_declared": ("content_mime_type", "content.mime_type"),
    "mime_detected": ("content_mime_detected", "content.mime_detected"),
    "charset": ("content_charset", "content.charset"),
    "languages": ("content_languages", "content.languages"),
    "truncated": ("content_truncated", "content.truncated"),
    "warc_filename": ("warc_filename", "warc.filename"),
    "record_offset": ("warc_record_offset", "warc.record_offset"),
    "record_length": ("warc_record_length", "warc.record_length"),
    "release": ("crawl",),
    "subset": ("subset",),
}
"""Each column's name here, and the names to try, in order, in an index."""
SEARCHED = ("key", "host")
"""Columns that only narrow the search."""
WITHOUT_PAGES = frozenset(("robotstxt", "crawldiagnostics"))
"""Subsets of a release that have no pages, or other pages than `warc` and `wet`."""

_OURS = {"crawl": "release", "subset": "subset"}
_PARTITION = re.compile(r"(?:^|/)(crawl|subset)=([^/]+)(?=/)")
# The folder of the older index.
_COLLECTION = re.compile(r"(?:^|/)collections/(CC-[^/]+)/indexes/[^/]+$")
_IN_FILENAME = re.compile(r"(?:^|/)crawl-data/([^/]+)/segments/[^/]+/([^/]+)/")


def partitions(uri: str) -> dict[str, str]:
    """Return release and subset, if the path of a file names them."""
    named = dict(_PARTITION.findall(uri))
    if collection := _COLLECTION.search(uri):
        named.setdefault("crawl", collection[1])
    return {_OURS[name]: value for name, value in named.items()}


def in_filename(warc_filename: str | None) -> dict[str, str]:
    """Return release and subset, if the path of a WARC file within the bucket names them."""
    match = _IN_FILENAME.search(warc_filename or "")
    return {"release": match[1], "subset": match[2]} if match else {}

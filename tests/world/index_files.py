"""An index that never was, with the true schema, order and encodings of Common Crawl's.

Files by hand are here, whole indices in `benchmarks.census.indices`. Spark wrote the real files: gzip,
dictionaries, statistics, times as INT96, `crawl` and `subset` in the path.
"""

import json
import random
from base64 import b32encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from tests.world.servers import Reply, Server

CRAWL = "CC-MAIN-2026-34"
TEXT, TIME = pa.string(), pa.timestamp("us")
# The flat schema of cc-index-table, without the columns that are folders.
SCHEMA = pa.schema(
    [
        pa.field(name, kind, nullable)
        for name, kind, nullable in (
            ("url_surtkey", TEXT, False), ("url", TEXT, False), ("url_host_name", TEXT, False),
            ("url_host_tld", TEXT, True), ("url_host_2nd_last_part", TEXT, True),
            ("url_host_3rd_last_part", TEXT, True), ("url_host_4th_last_part", TEXT, True),
            ("url_host_5th_last_part", TEXT, True), ("url_host_registry_suffix", TEXT, True),
            ("url_host_registered_domain", TEXT, True), ("url_host_private_suffix", TEXT, True),
            ("url_host_private_domain", TEXT, True), ("url_host_name_reversed", TEXT, True),
            ("url_protocol", TEXT, False), ("url_port", pa.int32(), True), ("url_path", TEXT, False),
            ("url_query", TEXT, True), ("fetch_time", TIME, False), ("fetch_status", pa.int16(), False),
            ("fetch_redirect", TEXT, True), ("content_digest", TEXT, True), ("content_mime_type", TEXT, True),
            ("content_mime_detected", TEXT, True), ("content_charset", TEXT, True),
            ("content_languages", TEXT, True), ("content_truncated", TEXT, True),
            ("warc_filename", TEXT, False), ("warc_record_offset", pa.int32(), False),
            ("warc_record_length", pa.int32(), False), ("warc_segment", TEXT, False),
        )
    ]
)  # fmt: skip
SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "ha", "jo", "ke", "lu", "me", "no", "pa", "qui", "ra", "so", "ti", "va",
    "xe", "yo", "zu", "ar", "el", "in", "on", "ur",
)  # fmt: skip
WORDS = tuple(f"{first}{second}{third}" for first in SYLLABLES for second in SYLLABLES for third in SYLLABLES)
# Words in each name of a path.
SLUGS = ((1,), (1, 4), (1, 2, 6), (1, 1, 1, 8))
HOSTS = ("www.", "www.", "www.", "", "blog.", "m.", "shop.", "news.")
STATUSES = {"warc": (200,), "crawldiagnostics": (301, 302, 404, 403, 500, 304), "robotstxt": (200, 404)}
LANGUAGES = ("eng", "deu", "rus", "fra", "fra,eng", "spa", "zho", "jpn", None)
START = datetime(2026, 8, 10, tzinfo=UTC)

Row = dict[str, Any]


def file_of(folder: Path, partition: int, subset: str) -> Path:
    return folder / f"crawl={CRAWL}" / f"subset={subset}" / f"part-{partition:05}.c000.gz.parquet"


def write_file(path: Path, rows: Sequence[Row], row_groups: int, schema: pa.Schema = SCHEMA) -> None:
    """Write rows as Spark wrote the real index: sorted, in row groups of the same size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["url_surtkey"]), schema)
    size, int96 = max(1, -(-len(rows) // row_groups)), {"use_deprecated_int96_timestamps": True}
    pq.write_table(table, path, row_group_size=size, compression="gzip", store_schema=False, **int96)


def row_of(
    rng: random.Random, domain: str, subset: str, url: str | None = None, host: str | None = None
) -> Row:
    """A capture of a page of a domain, or of `url` on `host`."""
    host = host or f"{rng.choice(HOSTS)}{domain}"
    if url is None:
        is_robots = subset == "robotstxt"
        names = [("robots.txt",)] if is_robots else [rng.choices(WORDS, k=n) for n in rng.choice(SLUGS)]
        path = "".join(f"/{'-'.join(words)}" for words in names)
        query = f"id={rng.randrange(10**6)}" if subset != "robotstxt" and rng.random() < 0.15 else None
        url = f"https://{host}{path}" + (f"?{query}" if query else "")
    else:
        path, query = "/" + url.split("/", 3)[-1], None
    labels = host.split(".")
    number = rng.randrange(90)
    segment = f"17{number:04}{number * 7919:06}.{number}"
    language = rng.choice(LANGUAGES) if subset == "warc" else None
    parts = [labels[-n] if n <= len(labels) else None for n in range(1, 6)]
    return {
        "url_surtkey": surt(host, path, query),
        "url": url,
        "url_host_name": host,
        **dict(zip(SCHEMA.names[3:8], parts, strict=True)),
        "url_host_registry_suffix": labels[-1],
        "url_host_registered_domain": domain,
        "url_host_private_suffix": labels[-1],
        "url_host_private_domain": domain,
        "url_host_name_reversed": ".".join(reversed(labels)),
        "url_protocol": "https",
        "url_path": path,
        "url_query": query,
        "fetch_time": (START + timedelta(seconds=rng.randrange(10**6))).replace(tzinfo=None),
        "fetch_status": rng.choice(STATUSES[subset]),
        "content_digest": b32encode(rng.randbytes(20)).decode(),
        "content_mime_type": "text/plain" if subset == "robotstxt" else "text/html",
        "content_mime_detected": "text/plain" if subset == "robotstxt" else "application/xhtml+xml",
        "content_charset": "UTF-8" if subset == "warc" else None,
        "content_languages": language,
        "warc_filename": f"crawl-data/{CRAWL}/segments/{segment}/{subset}/{CRAWL}-{number:05}.warc.gz",
        "warc_record_offset": rng.randrange(10**9),
        "warc_record_length": rng.randrange(500, 60_000),
        "warc_segment": segment,
    }


def surt(host: str, path: str, query: str | None = None) -> str:
    """The key of a plain URL: labels from the right without `www.`, then the path, in lower case."""
    key = f"{','.join(reversed(host.removeprefix('www.').split('.')))}){path}"
    return (f"{key}?{query}" if query else key).lower()


def listed(url: str, at: datetime, filename: str, offset: int, length: int) -> dict[str, str]:
    """A capture as a server of an index lists it."""
    return {
        "url": url, "timestamp": f"{at:%Y%m%d%H%M%S}", "filename": filename, "offset": str(offset),
        "length": str(length), "status": "200",
    }  # fmt: skip


def lists(site: Server, crawl: str, url: str, *captures: Mapping[str, str], status: int = 200) -> None:
    """Let a site answer as the server of an index that lists these captures of a URL in a crawl."""
    body = "\n".join(map(json.dumps, captures)).encode()
    site.queries[f"/{crawl}-index?url={quote(url, safe='')}&output=json"] = Reply(status, {}, body)

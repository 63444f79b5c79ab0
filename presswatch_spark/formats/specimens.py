"""Small shards of each format, of one document each: the driver compiles kernels by reading them."""

import gzip
import html
import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

URL = "https://rehearsal.invalid/page"
DATE = "2024-05-18T01:58:10Z"


def wet(folder: Path, text: str) -> Iterable[Path]:
    """Write a WET file."""
    info = _record("warcinfo", "application/warc-fields", b"isPartOf: rehearsal\r\n")
    page = _record("conversion", "text/plain", text.encode())
    yield _packed(folder / "rehearsal.warc.wet.gz", info, page)


def warc(folder: Path, text: str) -> Iterable[Path]:
    """Write a WARC file."""
    body = f"<html><head><title>-</title></head><body><p>{html.escape(text)}</p></body></html>".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    page = _record("response", "application/http; msgtype=response", head.encode() + body)
    yield _packed(folder / "rehearsal.warc.gz", page)


def rows(folder: Path, text: str) -> Iterable[Path]:
    """Write rows as JSONL and as Parquet, in the columns of C4."""
    row = {"text": text, "timestamp": DATE, "url": URL}
    yield _packed(folder / "rehearsal.json.gz", f"{json.dumps(row)}\n".encode())
    pq.write_table(pa.Table.from_pylist([row]), folder / "rehearsal.parquet")
    yield folder / "rehearsal.parquet"


def _record(kind: str, media_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {URL}\r\nWARC-Date: {DATE}\r\n"
        f"WARC-Record-ID: <urn:uuid:{kind}>\r\nContent-Type: {media_type}\r\nContent-Length: {len(block)}\r\n"
    )
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def _packed(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(map(gzip.compress, records)))
    return path

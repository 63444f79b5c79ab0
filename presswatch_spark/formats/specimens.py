"""Small shards of each format, of one document each: the driver rehearses on them what workers will do."""

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
    page = _record("response", "application/http; msgtype=response", _reply(text))
    yield _packed(folder / "rehearsal.warc.gz", page)


def arc(folder: Path, text: str) -> Iterable[Path]:
    """Write an ARC file."""
    head = b"1 0 rehearsal\nURL IP-address Archive-date Content-type Archive-length\n"
    begin = f"filedesc://rehearsal.arc 127.0.0.1 20120518015810 text/plain {len(head)}\n".encode()
    reply = _reply(text)
    page = f"{URL} 127.0.0.1 20120518015810 text/html {len(reply)}\n".encode()
    yield _packed(folder / "rehearsal.arc.gz", begin + head + b"\n", page + reply + b"\n")


def rows(folder: Path, text: str) -> Iterable[Path]:
    """Write rows as JSONL and as Parquet, in the columns of C4."""
    row = {"text": text, "timestamp": DATE, "url": URL}
    yield _packed(folder / "rehearsal.json.gz", f"{json.dumps(row)}\n".encode())
    pq.write_table(pa.Table.from_pylist([row]), folder / "rehearsal.parquet")
    yield folder / "rehearsal.parquet"


def oscar(folder: Path, text: str) -> Iterable[Path]:
    """Write a row of OSCAR as JSONL."""
    headers = {"warc-target-uri": URL, "warc-record-id": "<urn:uuid:0>", "warc-date": DATE}
    row = {"content": text, "warc_headers": headers}
    yield _packed(folder / "rehearsal.jsonl.gz", f"{json.dumps(row)}\n".encode())


def _record(kind: str, media_type: str, block: bytes) -> bytes:
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {URL}\r\nWARC-Date: {DATE}\r\n"
        f"WARC-Record-ID: <urn:uuid:{kind}>\r\nContent-Type: {media_type}\r\nContent-Length: {len(block)}\r\n"
    )
    return head.encode() + b"\r\n" + block + b"\r\n\r\n"


def _reply(text: str) -> bytes:
    page = f"<html><head><title>-</title></head><body><p>{html.escape(text)}</p></body></html>".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n\r\n"
    return head.encode() + page


def _packed(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(map(gzip.compress, records)))
    return path

"""Helpers of the tests that read WARC: responses made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path

from presswatch_spark.core.model import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import Document, read

HTML = "Content-Type: text/html; charset=utf-8"


def http(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """An HTTP response as a server sends it."""
    return "\r\n".join([status, *(headers or (HTML,)), "", ""]).encode() + body


def warc_record(
    block: bytes, url: str | bytes = "https://exemple.fr/", *headers: str, kind: str = "response"
) -> bytes:
    """A WARC record; the headers of a page by default."""
    url = url if isinstance(url, bytes) else url.encode()
    fields = [
        b"WARC/1.0",
        b"WARC-Type: " + kind.encode(),
        b"WARC-Target-URI: " + url,
        b"WARC-Date: 2024-05-18T01:58:10Z",
        b"Content-Type: application/http; msgtype=response",
        *map(str.encode, headers),
        b"Content-Length: %d" % len(block),
    ]
    return b"\r\n".join([*fields, b"", b""]) + block + b"\r\n\r\n"


def page(body: bytes, *headers: str, url: str | bytes = "https://exemple.fr/") -> bytes:
    """The record of a page."""
    return warc_record(http(body, *headers), url)


def record(body: bytes, *, length: int | None = None, headers: str = "", newline: str = "\r\n") -> bytes:
    """A conversion record, whose Content-Length may lie."""
    lines = [
        "WARC/1.0",
        "WARC-Type: conversion",
        "WARC-Target-URI: https://exemple.fr/seul",
        *headers.splitlines(),
        f"Content-Length: {len(body) if length is None else length}",
    ]
    return newline.join([*lines, "", ""]).encode() + body + newline.encode() * 2


def packed_as(packing: str, records: list[bytes]) -> bytes:
    """Records as a file: a gzip member each, all in one, or plain."""
    if packing == "record":
        return b"".join(gzip.compress(each, mtime=0) for each in records)
    return gzip.compress(b"".join(records), mtime=0) if packing == "single" else b"".join(records)


def read_bytes(tmp_path: Path, data: bytes, **options: object) -> tuple[list[Document], ReadReport]:
    path = tmp_path / "some.wet.gz"
    path.write_bytes(data)
    return read(path, "wet", ReadOptions(**options))  # type: ignore[arg-type]


def stored_record(path: Path, document: Document) -> bytes:
    """Fetch a record by its locator alone, as a third party would."""
    place, data = document.locator, path.read_bytes()
    assert place.record_offset is not None
    assert place.record_length is not None
    if place.record_encoding == "inflated":
        data = gzip.decompress(data)
    found = data[place.record_offset : place.record_offset + place.record_length]
    return gzip.decompress(found) if place.record_encoding == "gzip" else found

"""Helpers of the tests that read WARC: responses made by hand."""

from __future__ import annotations

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

"""Helpers of the tests that read WARC: responses made by hand."""

import gzip
from collections.abc import Sequence
from pathlib import Path

from presswatch_spark.core.scan_values import ReadReport
from presswatch_spark.reading.source import ReadOptions
from tests.world.shards import Document, read

HTML = "Content-Type: text/html; charset=utf-8"


def http(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """An HTTP response as a server sends it."""
    return "\r\n".join([status, *(headers or (HTML,)), "", ""]).encode() + body


def chunked(data: bytes, size: int = 1000, *, newline: bytes = b"\r\n") -> bytes:
    """A body as HTTP's chunked coding sends it."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x%s%s%s" % (len(part), newline, part, newline) for part in [*parts, b""])


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


PDF = "Content-Type: application/pdf"


def pdf(*lines: str) -> bytes:
    """A PDF of one page, its text in a font that every reader has."""
    shown = b" T* ".join(b"(" + line.encode("cp1252") + b") Tj" for line in lines)
    content = b"BT /F1 12 Tf 14 TL 72 720 Td " + shown + b" ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


def read_warc(
    folder: Path, records: Sequence[bytes], packing: str = "record", **options: object
) -> tuple[list[Document], ReadReport]:
    """Read a WARC file of these records."""
    (folder / "some.warc.gz").write_bytes(packed_as(packing, records))
    return read(folder / "some.warc.gz", "warc", ReadOptions(**options))  # type: ignore[arg-type]


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


def erratum(release: str, off: int, bodies: Sequence[bytes]) -> list[bytes]:
    """The records of a WET file of `release`, each declaring `off` bytes more than it has."""
    info = f"isPartOf: {release}\r\npublisher: nous\r\n".encode()
    named = record(info, length=len(info) + off).replace(b"conversion", b"warcinfo")
    return [named, *(record(body, length=len(body) + off) for body in bodies)]


def packed_as(packing: str, records: Sequence[bytes]) -> bytes:
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
    if place.record_encoding == "inflated":
        data = gzip.decompress(data)
    found = data[place.record_offset : place.record_offset + place.record_length]
    return gzip.decompress(found) if place.record_encoding == "gzip" else found

"""Writers of shards in the forms that datasets are published in. Same pages, same bytes.

A name's last suffix decides the compression: `.gz`, `.zst`, or none. Pages are anything with `url`, `text`
and `language` (an ISO 639-3 code, or several with commas).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

RELEASE = "CC-MAIN-2024-51"
FIRST_CAPTURE = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
ISO_639_1 = {"fra": "fr", "eng": "en", "deu": "de", "spa": "es", "ita": "it"}


class Page(Protocol):
    """A document of a release."""

    @property
    def url(self) -> str:
        """Its URL."""
        ...

    @property
    def text(self) -> str:
        """Its text."""
        ...

    @property
    def language(self) -> str:
        """Its language."""
        ...


def write_wet(path: Path, pages: Iterable[Page], *, one_member: bool = False, release: str = RELEASE) -> None:
    """Write a WET file: `.gz` is one gzip member a record, or one around all records if `one_member`."""
    packed = path.suffix == ".gz"
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=packed and not one_member, warc_version="1.0")
    info = f"isPartOf: {release}\r\npublisher: the demo\r\n".encode()
    headers = {**when(0), "WARC-Record-ID": record_id(release), "Content-Type": "application/warc-fields"}
    _add_record(writer, None, "warcinfo", info, headers)
    for number, page in enumerate(pages):
        text = page.text.encode("utf-8", "surrogatepass")
        _add_record(writer, page.url, "conversion", text, warc_headers(page, number))
    path.write_bytes(_packed(".gz" if packed and one_member else "", buffer.getvalue()))


def warc_headers(page: Page, number: int) -> dict[str, str]:
    """The WARC headers of the `number`th page of a crawl."""
    return {
        **when(number),
        "WARC-Record-ID": record_id(f"{number} {page.url}"),
        "WARC-Block-Digest": digest_of(page.text.encode("utf-8", "surrogatepass")),
        "WARC-Identified-Content-Language": page.language,
        "Content-Type": "text/plain",
    }


def digest_of(text: bytes) -> str:
    """A digest as Common Crawl writes it: SHA-1, base 32."""
    return f"sha1:{base64.b32encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode()}"


def write_c4_json(path: Path, pages: Iterable[Page]) -> None:
    """Write C4 as published: JSONL with `text`, `timestamp`, `url`."""
    _write_lines(path, _c4_rows(pages))


def write_c4_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write C4 as Parquet."""
    _write_parquet(path, _c4_rows(pages), row_group_rows)


def write_oscar_2109(path: Path, pages: Iterable[Page]) -> Path:
    """Write OSCAR 21.09: text to `path` (`fr_part_1.txt.gz`), metadata beside it; return that one's path.

    Blank lines part documents there, so those of a page are left out.
    """
    line, documents, entries = 0, [], []
    for number, page in enumerate(pages):
        sentences = [sentence for sentence in page.text.split("\n") if sentence.strip()]
        entries.append(
            {"headers": _oscar_headers(page, number), "offset": line, "nb_sentences": len(sentences)}
        )
        documents.append("\n".join(sentences))
        line += len(sentences) + 1
    stem, _, suffixes = path.name.partition(".txt")
    language, _, part = stem.partition("_part_")
    meta = path.with_name(f"{language}_meta{f'_part_{part}' if part else ''}.jsonl{suffixes}")
    path.write_bytes(_packed(path.suffix, "".join(f"{text}\n\n" for text in documents).encode()))
    _write_lines(meta, entries)
    return meta


def write_oscar_2201(path: Path, pages: Iterable[Page]) -> None:
    """Write OSCAR 22.01: JSONL with `content`, `warc_headers`, `metadata`."""
    _write_lines(path, _oscar_rows(pages, {"annotation": ["short_sentences"]}))


def write_oscar_2301(path: Path, pages: Iterable[Page]) -> None:
    """Write OSCAR 23.01: as 22.01, with other metadata."""
    _write_lines(
        path, _oscar_rows(pages, {"harmful_pp": 512.5, "quality_warnings": None, "categories": None})
    )


def write_oscar_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write OSCAR's rows as Parquet, nested as they are in JSON."""
    _write_parquet(path, _oscar_rows(pages, {"harmful_pp": 512.5}), row_group_rows)


def write_rows_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write rows with FineWeb's columns."""
    rows = (
        {
            "text": page.text,
            "id": warc_headers(page, number)["WARC-Record-ID"],
            "dump": RELEASE,
            "url": page.url,
            "date": when(number)["WARC-Date"],
            "language": ISO_639_1.get(page.language, page.language),
            "language_score": 0.99,
        }
        for number, page in enumerate(pages)
    )
    _write_parquet(path, rows, row_group_rows)


def record_id(name: str) -> str:
    """A record id for a name."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def when(number: int) -> dict[str, str]:
    """The WARC header that dates the `number`th capture of a crawl."""
    return {"WARC-Date": f"{FIRST_CAPTURE + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"}


def _add_record(
    writer: WARCWriter, url: str | None, kind: str, body: bytes, headers: Mapping[str, str]
) -> None:
    record = writer.create_warc_record(
        url,
        kind,
        payload=io.BytesIO(body),
        length=len(body),
        warc_content_type=headers["Content-Type"],
        warc_headers_dict={name: value for name, value in headers.items() if name != "Content-Type"},
        http_headers=StatusAndHeaders("", [], ""),
    )
    writer.write_record(record)


def _c4_rows(pages: Iterable[Page]) -> Iterator[dict[str, Any]]:
    for number, page in enumerate(pages):
        yield {"text": page.text, "timestamp": when(number)["WARC-Date"], "url": page.url}


def _oscar_headers(page: Page, number: int) -> dict[str, str]:
    headers = {name.lower(): value for name, value in warc_headers(page, number).items()}
    return {"warc-type": "conversion", "warc-target-uri": page.url, **headers}


def _oscar_rows(pages: Iterable[Page], metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for number, page in enumerate(pages):
        label = {"label": ISO_639_1.get(page.language, page.language), "prob": 0.99}
        yield {
            "content": page.text,
            "warc_headers": _oscar_headers(page, number),
            "metadata": {"identification": label, **metadata, "sentence_identifications": [label]},
        }


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    path.write_bytes(_packed(path.suffix, lines.encode()))


def _write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], row_group_rows: int) -> None:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path, row_group_size=row_group_rows)


def _packed(suffix: str, data: bytes) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data) if suffix == ".zst" else data

"""Writers of shards in the formats of published datasets. The same pages give the same bytes.

The last suffix of a name decides the compression: `.gz` or none, and for JSON Lines also `.zst`.
"""

import base64
import gzip
import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from presswatch_spark.cli.demo.generate import Page

RELEASE = "CC-MAIN-2024-51"
FIRST_CAPTURE = datetime(2024, 12, 14, 1, 58, 10, tzinfo=UTC)
AGENT = "CCBot/2.0 (https://commoncrawl.org/faq/)"
REQUEST = "application/http; msgtype=request"
RESPONSE = "application/http; msgtype=response"
FIELDS = "application/warc-fields"
ISO_639_1 = {"fra": "fr", "eng": "en", "deu": "de", "spa": "es", "ita": "it"}


@dataclass(frozen=True, slots=True)
class CannedResponse:
    """A server's answer, as stored by a crawler; `headers`: those of HTTP, without the status line.

    `language`: as in `Page`; empty if the crawl identified none.
    """

    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    language: str


def write_wet(path: Path, pages: Iterable[Page], *, one_member: bool = False, release: str = RELEASE) -> None:
    """Write a WET file; as `.gz`, with one gzip member per record, or for all records if `one_member`."""
    packed = path.suffix == ".gz"
    buffer = io.BytesIO()
    writer = WARCWriter(buffer, gzip=packed and not one_member, warc_version="1.0")
    _write_warcinfo(writer, release, record_id(release))
    for number, page in enumerate(pages):
        text, headers = page.text.encode("utf-8", "surrogatepass"), warc_headers(page, number)
        kind = headers.pop("Content-Type")
        _write(writer, page.url, "conversion", text, kind, headers)
    path.write_bytes(_packed(".gz" if packed and one_member else "", buffer.getvalue()))


def web_page(page: Page) -> CannedResponse:
    """Return a page as a server sends it: each line of its text a paragraph, between a menu and a footer."""
    paragraphs = "\n".join(f"<p>{escape(line, quote=False)}</p>" for line in page.text.split("\n"))
    body = (
        f'<!DOCTYPE html>\n<html lang="{ISO_639_1.get(page.language, page.language)}">\n'
        "<head>\n<meta charset=utf-8>\n<title>Une page</title>\n"
        "<style>p { margin: 1em }</style>\n<script>var seen = '<p>';</script>\n</head>\n"
        '<body>\n<nav><a href="/">Accueil</a> <a href="/contact">Contact</a></nav>\n'
        f"<article>\n{paragraphs}\n</article>\n<footer>Tous droits r&eacute;serv&eacute;s</footer>\n"
        "</body>\n</html>\n"
    ).encode("utf-8", "replace")
    # Common Crawl stores decoded bodies, and keeps the name of their coding.
    headers = [("Content-Type", "text/html; charset=UTF-8"), ("X-Crawler-Content-Encoding", "gzip")]
    return CannedResponse(page.url, [*headers, ("Content-Length", str(len(body)))], body, page.language)


def write_warc(path: Path, responses: Iterable[CannedResponse]) -> None:
    """Write a WARC file with request, response and metadata of each answer; as `.gz`, a member for each."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz", warc_version="1.0")
        _write_warcinfo(writer, RELEASE, record_id(f"warc {RELEASE}"))
        for number, response in enumerate(responses):
            kinds = ("request", "response", "metadata")
            ids = {kind: record_id(f"{kind} {number} {response.url}") for kind in kinds}
            heads = {kind: {**when(number), "WARC-Record-ID": ids[kind]} for kind in kinds}
            heads["response"] |= {
                "WARC-Concurrent-To": ids["request"],
                "WARC-Identified-Payload-Type": "text/html",
            }
            heads["metadata"] |= {"WARC-Concurrent-To": ids["response"]}
            parts = urlsplit(response.url)
            asked = [("User-Agent", AGENT), ("Accept-Encoding", "br,gzip"), ("Host", parts.netloc)]
            request = StatusAndHeaders(f"GET {parts.path or '/'} HTTP/1.1", asked, is_http_request=True)
            answer = StatusAndHeaders("200 OK", list(response.headers), protocol="HTTP/1.1")
            for kind, body, content_type, http in (
                ("request", b"", REQUEST, request),
                ("response", response.body, RESPONSE, answer),
                ("metadata", _metadata(response), FIELDS, None),
            ):
                _write(writer, response.url, kind, body, content_type, heads[kind], http)


def warc_headers(page: Page, number: int) -> dict[str, str]:
    """Return the WARC headers of the `number`th page of a crawl."""
    return {
        **when(number),
        "WARC-Record-ID": record_id(f"{number} {page.url}"),
        "WARC-Block-Digest": digest_of(page.text.encode("utf-8", "surrogatepass")),
        "WARC-Identified-Content-Language": page.language,
        "Content-Type": "text/plain",
    }


def digest_of(text: bytes) -> str:
    """Return a digest as Common Crawl writes it: SHA-1, base 32."""
    return f"sha1:{base64.b32encode(hashlib.sha1(text, usedforsecurity=False).digest()).decode()}"


def write_c4_json(path: Path, pages: Iterable[Page]) -> None:
    """Write C4 as published: JSONL with `text`, `timestamp`, `url`."""
    write_lines(path, _c4_rows(pages))


def write_c4_parquet(path: Path, pages: Iterable[Page], *, row_group_rows: int = 1000) -> None:
    """Write C4 as Parquet."""
    pq.write_table(pa.Table.from_pylist(list(_c4_rows(pages))), path, row_group_size=row_group_rows)


def write_oscar_2109(path: Path, pages: Iterable[Page]) -> Path:
    """Write OSCAR 21.09: text to `path` (`fr_part_1.txt.gz`), metadata beside it; return the metadata's path.

    Blank lines separate documents in this format, so the blank lines of a page are left out.
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
    write_lines(meta, entries)
    return meta


def write_oscar_2301(path: Path, pages: Iterable[Page]) -> None:
    """Write OSCAR 23.01: JSONL with `content`, `warc_headers`, `metadata`."""
    metadata = {"harmful_pp": 512.5, "quality_warnings": None, "categories": None}
    write_lines(path, oscar_rows(pages, metadata))


def record_id(name: str) -> str:
    """Return a record id for a name."""
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def when(number: int) -> dict[str, str]:
    """Return the WARC header that dates the `number`th capture of a crawl."""
    return {"WARC-Date": f"{FIRST_CAPTURE + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}"}


def _c4_rows(pages: Iterable[Page]) -> Iterator[dict[str, Any]]:
    for number, page in enumerate(pages):
        yield {"text": page.text, "timestamp": when(number)["WARC-Date"], "url": page.url}


def _oscar_headers(page: Page, number: int) -> dict[str, str]:
    headers = {name.lower(): value for name, value in warc_headers(page, number).items()}
    return {"warc-type": "conversion", "warc-target-uri": page.url, **headers}


def oscar_rows(pages: Iterable[Page], metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield rows of OSCAR 22.01 and later."""
    for number, page in enumerate(pages):
        label = {"label": ISO_639_1.get(page.language, page.language), "prob": 0.99}
        yield {
            "content": page.text,
            "warc_headers": _oscar_headers(page, number),
            "metadata": {"identification": label, **metadata, "sentence_identifications": [label]},
        }


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL."""
    lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    path.write_bytes(_packed(path.suffix, lines.encode()))


def _packed(suffix: str, data: bytes) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data, mtime=0)
    return zstandard.ZstdCompressor(write_checksum=True).compress(data) if suffix == ".zst" else data


def _write_warcinfo(writer: WARCWriter, release: str, id_: str) -> None:
    info = f"isPartOf: {release}\r\npublisher: the demo\r\n".encode()
    _write(writer, None, "warcinfo", info, FIELDS, {**when(0), "WARC-Record-ID": id_})


def _write(
    writer: WARCWriter,
    url: str | None,
    kind: str,
    body: bytes,
    content_type: str,
    headers: Mapping[str, str],
    http: StatusAndHeaders | None = None,
) -> None:
    record = writer.create_warc_record(
        url, kind, payload=io.BytesIO(body), length=len(body) if http is None else None,
        warc_content_type=content_type, warc_headers_dict=dict(headers), http_headers=http,
    )  # fmt: skip
    writer.write_record(record)


def _metadata(response: CannedResponse) -> bytes:
    lines = ["fetchTimeMs: 258"]
    if response.language:
        measured = {"text-covered": 0.99, "score": 1200.0}
        languages = [
            {"code": ISO_639_1.get(code, code), "code-iso-639-3": code, **measured, "name": code.upper()}
            for code in response.language.split(",")
        ]
        cld2 = {"reliable": True, "text-bytes": len(response.body), "languages": languages}
        lines.append(f"languages-cld2: {json.dumps(cld2, separators=(',', ':'))}")
    return "\r\n".join([*lines, "", ""]).encode()

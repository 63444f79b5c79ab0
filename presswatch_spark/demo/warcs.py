"""Writer of WARC shards as Common Crawl publishes them. Same responses, same bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from presswatch_spark.demo.generate import Page
from presswatch_spark.demo.shards import ISO_639_1, RELEASE, record_id, when

AGENT = "CCBot/2.0 (https://commoncrawl.org/faq/)"
REQUEST = "application/http; msgtype=request"
RESPONSE = "application/http; msgtype=response"
FIELDS = "application/warc-fields"


class Response(Protocol):
    """What a server answered, as a crawler stored it."""

    @property
    def url(self) -> str:
        """What was asked for."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """HTTP headers, but for the status line."""
        ...

    @property
    def body(self) -> bytes:
        """What follows the headers."""
        ...

    @property
    def language(self) -> str:
        """ISO 639-3 code of its language, or several with commas; empty if the crawl identified none."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with nothing but its values."""

    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    language: str


def web_page(page: Page) -> Answer:
    """A page as a server sends it: each line of its text a paragraph between a menu and a footer."""
    paragraphs = "\n".join(f"<p>{escape(line, quote=False)}</p>" for line in page.text.split("\n"))
    body = (
        f'<!DOCTYPE html>\n<html lang="{ISO_639_1.get(page.language, page.language)}">\n'
        "<head>\n<meta charset=utf-8>\n<title>Une page</title>\n"
        "<style>p { margin: 1em }</style>\n<script>var seen = '<p>';</script>\n</head>\n"
        '<body>\n<nav><a href="/">Accueil</a> <a href="/contact">Contact</a></nav>\n'
        f"<article>\n{paragraphs}\n</article>\n<footer>Tous droits r&eacute;serv&eacute;s</footer>\n"
        "</body>\n</html>\n"
    ).encode("utf-8", "replace")
    headers = [("Content-Type", "text/html; charset=UTF-8"), ("X-Crawler-Content-Encoding", "gzip")]
    return Answer(page.url, [*headers, ("Content-Length", str(len(body)))], body, page.language)


def write_warc(path: Path, responses: Iterable[Response], *, release: str = RELEASE) -> None:
    """Write a WARC file with request, response and metadata of each answer; each a gzip member in a `.gz`."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz", warc_version="1.0")
        info = f"isPartOf: {release}\r\npublisher: the demo\r\n".encode()
        dated = {**when(0), "WARC-Record-ID": record_id(f"warc {release}")}
        writer.write_record(_record(writer, None, "warcinfo", info, FIELDS, dated))
        for number, response in enumerate(responses):
            for record in _records(writer, number, response):
                writer.write_record(record)


def _records(writer: WARCWriter, number: int, response: Response) -> Iterable[ArcWarcRecord]:
    ids = {kind: record_id(f"{kind} {number} {response.url}") for kind in ("request", "response", "metadata")}
    heads = {kind: {**when(number), "WARC-Record-ID": ids[kind]} for kind in ids}
    heads["response"] |= {"WARC-Concurrent-To": ids["request"], "WARC-Identified-Payload-Type": "text/html"}
    heads["metadata"] |= {"WARC-Concurrent-To": ids["response"]}
    parts = urlsplit(response.url)
    asked = [("User-Agent", AGENT), ("Accept-Encoding", "br,gzip"), ("Host", parts.netloc)]
    request = StatusAndHeaders(f"GET {parts.path or '/'} HTTP/1.1", asked, is_http_request=True)
    answer = StatusAndHeaders("200 OK", list(response.headers), protocol="HTTP/1.1")
    yield _record(writer, response.url, "request", b"", REQUEST, heads["request"], request)
    yield _record(writer, response.url, "response", response.body, RESPONSE, heads["response"], answer)
    yield _record(writer, response.url, "metadata", _metadata(response), FIELDS, heads["metadata"])


def _record(
    writer: WARCWriter,
    url: str | None,
    kind: str,
    body: bytes,
    content_type: str,
    headers: Mapping[str, str],
    http: StatusAndHeaders | None = None,
) -> ArcWarcRecord:
    return writer.create_warc_record(
        url,
        kind,
        payload=io.BytesIO(body),
        length=len(body) if http is None else None,
        warc_content_type=content_type,
        warc_headers_dict=dict(headers),
        http_headers=http,
    )


def _metadata(response: Response) -> bytes:
    lines = ["fetchTimeMs: 258"]
    if response.language:
        found = [
            {
                "code": ISO_639_1.get(code, code),
                "code-iso-639-3": code,
                "text-covered": 0.99,
                "score": 1200.0,
                "name": code.upper(),
            }
            for code in response.language.split(",")
        ]
        told = {"reliable": True, "text-bytes": len(response.body), "languages": found}
        lines.append(f"languages-cld2: {json.dumps(told, separators=(',', ':'))}")
    return "\r\n".join([*lines, "", ""]).encode()

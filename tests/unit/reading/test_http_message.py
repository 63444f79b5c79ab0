"""Heads of HTTP responses, right and wrong, and what kind of content they announce."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presswatch_spark.reading.http.message import (
    MAX_HEAD_BYTES,
    Message,
    kind_of_content,
    media_type,
    parse_message,
)

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Crawler-Content-Encoding: gzip\r\n"
    b"Set-Cookie: a=1\r\nset-cookie: b=2\r\n\r\n"
)


def parsed(block: bytes) -> Message:
    message = parse_message(block)
    assert message is not None
    return message


def test_a_head_gives_status_headers_in_order_and_the_place_of_the_body() -> None:
    message = parsed(HEAD + b"<p>\r\n\r\n</p>")
    assert (message.status, message.body_at) == (200, len(HEAD))
    assert message.headers == (
        ("Content-Type", "text/html"),
        ("X-Crawler-Content-Encoding", "gzip"),
        ("Set-Cookie", "a=1"),
        ("set-cookie", "b=2"),
    )
    assert (message.header("set-cookie"), message.last("set-cookie")) == (("a=1", "b=2"), "b=2")
    assert (message.header("etag"), message.last("etag")) == ((), None)
    for kind in (bytes, bytearray, memoryview):
        assert parsed(kind(HEAD + b"x")) == parsed(HEAD)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 404 Not Found", 404),
        (b"HTTP/1.0 302 ", 302),
        (b"HTTP/1.0 302", 302),
        (b"HTTP/2 200", 200),
        (b"http/1.1  200 ok", 200),
        (b"ICY 200 OK", 200),
        (b"HTTP 200 OK", 200),
        (b"HTTP/1.1", None),
        (b"HTTP/1.1 OK", None),
        (b"HTTP/1.1 2000", None),
        (b"HTTPX/1.1 200 OK", None),
        (b"\r\nHTTP/1.1 200 OK", 200),
    ],
)
def test_a_status_line_may_be_odd(line: bytes, status: int | None) -> None:
    for newline in (b"\r\n", b"\n"):
        head = newline.join([line, b"A: b", b"", b""])
        found = parsed(head + b"body")
        assert (found.status, found.headers, found.body_at) == (status, (("A", "b"),), len(head))
        bare = newline.join([line, b"", b""])
        assert parsed(bare + b"body") == Message(status, "", len(bare))


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_of_several_heads_the_last_counts(newline: str) -> None:
    interim = ["HTTP/1.1 100 Continue", "", "HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload", ""]
    head = newline.join([*interim, "HTTP/1.1 404 Not Found", "A: b", "", ""]).encode()
    assert parsed(head + b"body") == Message(404, parsed(head).head, len(head))
    assert parsed(head).headers == (("A", "b"),)


def test_an_interim_head_with_nothing_behind_it_is_the_head() -> None:
    assert parsed(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81\x05").status == 101
    for interim in (1, 1_000):
        assert parsed(b"HTTP/1.1 100 Continue\n\n" * interim).status == 100
    # A page that shows a head is a body.
    assert parsed(HEAD + b"HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n").body_at == len(HEAD)


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        (b"A: \xe9t\xe9 \r\nB: un\r\n  deux\r\n\ttrois", (("A", "été"), ("B", "un deux trois"))),
        (b"\xa0A\x85 :\t \xa0b\x85 ", (("\xa0A\x85", "\xa0b\x85"),)),
        (b"garbage\r\n: nameless\r\nA:b:c\r\n\0\xff\r\nC :d", (("A", "b:c"), ("C", "d"))),
    ],
    ids=["in ISO 8859-1, folded lines joined", "only blanks are left out", "other lines are passed over"],
)
def test_headers_are_lines_with_a_name_and_a_colon(
    lines: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    assert parsed(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\n<p>").headers == headers


def test_a_head_without_status_line_or_without_end_is_a_head() -> None:
    head = b"Content-Type: text/html\r\nServer: x\r\n\r\n"
    message = parsed(head + b"<p>")
    assert (message.status, message.body_at, len(message.headers)) == (None, len(head), 2)
    message = parsed(HEAD[:60])
    assert (message.body_at, message.header("content-type")) == (60, ("text/html",))


@pytest.mark.parametrize(
    "block",
    [b"<html>\n\nHTTP/1.1 200 OK", b" \r\n<p>", b"\xef\xbb\xbf<p>", b"Un texte", b"Date: x", b"\0\xff"],
)
def test_what_begins_with_no_head_is_all_body(block: bytes) -> None:
    assert parsed(block) == Message(None, "", 0)
    assert parse_message(b"") is parse_message(b"\n") is parse_message(b"\r\n\r\n") is None


def test_a_head_of_any_length_is_followed_by_its_body() -> None:
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + b"A: b\r\n" * MAX_HEAD_BYTES + b"\r\n<p>"
    message = parsed(block)
    assert block[message.body_at :] == b"<p>"
    assert message.last("content-type") == "text/html"
    assert len(message.headers) <= MAX_HEAD_BYTES // 6 + 2


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Type: text/xml\n\n<?xml version='1.0'?>" + b"<!-- -->" * 20 + b"<rss>",
        b"A: b\n c\nD: " + b"\r" * 100_000 + b"e\n\n<p>",
        b"A: " + b"\r" * 100_000 + b"\n b\n\n<p>",
    ],
    ids=["comments before a root", "line ends within a line", "line ends within a folded line"],
)
def test_no_head_or_beginning_takes_long(lines: bytes) -> None:
    """Of a pattern that goes back and forth, each of these would take hours."""
    block = b"HTTP/1.1 200 OK\n" + lines
    message = parsed(block)
    assert message.headers
    assert kind_of_content(media_type(message.last("content-type")), block[message.body_at :]) != "pdf"


@given(st.binary(max_size=300), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"<", b"A: "]))
def test_no_bytes_are_too_much(garbage: bytes, start: bytes) -> None:
    block = start + garbage
    message = parse_message(block)
    assert message is None or 0 <= message.body_at <= len(block)


@pytest.mark.parametrize(
    ("value", "media"),
    [
        ("Text/HTML; charset=UTF-8", "text/html"),
        (" text/html", "text/html"),
        ("text/html charset=utf-8", "text/html"),
        ("text/html, text/plain", "text/html"),
        ("html", None),
        ("", None),
        (None, None),
        ("text/\x1b[31m", None),
        ("tex\u00e9/html", None),
        ("a/" + "b" * 500, "a/" + "b" * 98),
    ],
)
def test_a_media_type_is_a_short_clean_name(value: str | None, media: str | None) -> None:
    assert media_type(value) == media


@pytest.mark.parametrize(
    ("media", "body", "kind"),
    [
        ("text/html", b"anything", "html"),
        ("application/xhtml+xml", b"<?xml version='1.0'?>", "html"),
        ("text/html", b"%PDF-1.4", "pdf"),
        ("application/pdf", b"", "pdf"),
        ("application/octet-stream", b"%PDF-1.7", "pdf"),
        ("application/octet-stream", b"<!doctype html><p>", "html"),
        ("binary/octet-stream", "Été".encode(), "text"),
        ("application/octet-stream", b"PK\x03\x04", "other"),
        ("text/plain", b"<html>", "text"),
        ("text/markdown", b"# Titre", "text"),
        ("text/csv", b"a;b", "text"),
        ("text/x-rst", b"Titre", "text"),
        ("text/css", b"p {}", "other"),
        ("text/javascript", b"var a", "other"),
        ("text/x-javascript", b"var a", "other"),
        ("image/png", b"<html>", "other"),
        ("application/json", b"{}", "other"),
        ("text/xml", b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>\n<html lang='fr'>", "html"),
        ("application/xml", b"<?xml version='1.0'?><!-- un --><html>", "html"),
        ("application/xml", b"<?xml version='1.0'?>" + b"<!-- > --> <!> <?a?>" * 30 + b"<html>", "html"),
        ("application/xml", b"<?xml version='1.0'?><!-- <html> -->", "other"),
        ("text/xml", b"<?xml version='1.0'?><rss>", "other"),
        (None, b"\n <!DOCTYPE html>", "html"),
        (None, b"\xef\xbb\xbf<html>", "html"),
        (None, b"<!--x-->", "html"),
        ("*/*", b"<p>un", "html"),
        (None, b"<pre>", "text"),
        (None, b"<?xml version='1.0'?><rss>", "other"),
        (None, "Été".encode(), "text"),
        (None, b"\x89PNG\r\n\x1a\n\0\0", "other"),
        (None, b"", "other"),
        (None, b"  \n", "other"),
    ],
)
def test_the_kind_of_content_is_its_type_or_what_its_bytes_show(
    media: str | None, body: bytes, kind: str
) -> None:
    assert kind_of_content(media, body) == kind
    assert kind_of_content(media, memoryview(body)) == kind

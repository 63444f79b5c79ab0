"""HTTP responses: heads right and wrong, kinds of content, codings that are undone, and charsets."""

import codecs
import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from presswatch_spark.reading.http import codings
from presswatch_spark.reading.http.codings import DecodedBody, decoded_body
from presswatch_spark.reading.http.message import (
    MAX_HEAD_BYTES,
    Message,
    encoding_named,
    encoding_of,
    kind_of_content,
    media_type,
    parse_message,
    to_utf8,
)
from tests.world.proofs import cases, each_time
from tests.world.warc import chunked

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


@cases(
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
def test_of_several_heads_the_last_counts_and_an_interim_one_alone_is_the_head(newline: str) -> None:
    interim = ["HTTP/1.1 100 Continue", "", "HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload", ""]
    head = newline.join([*interim, "HTTP/1.1 404 Not Found", "A: b", "", ""]).encode()
    assert parsed(head + b"body") == Message(404, parsed(head).head, len(head))
    assert parsed(head).headers == (("A", "b"),)
    assert parsed(b"HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81\x05").status == 101
    for count in (1, 1_000):
        assert parsed(b"HTTP/1.1 100 Continue\n\n" * count).status == 100
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


@cases(
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


@cases(
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


@cases(
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


LIMIT = 1 << 20
PAGE = "<html><p>Un texte, à la page.</p>".encode() * 300


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


SKIPPABLE = b"\x50\x2a\x4d\x18\x05\0\0\0bytes"
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
    "ZSTD": lambda data: SKIPPABLE + zstandard.compress(data[:9]) + SKIPPABLE + zstandard.compress(data[9:]),
}


def decoded(body: bytes, *headers: str, limit: int = LIMIT) -> DecodedBody:
    block = "\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode() + body
    return decoded_body(parsed(block), block, limit)


@given(
    st.binary(max_size=5000),
    st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3),
    st.one_of(st.none(), st.integers(1, 3000)),
    st.booleans(),
)
def test_what_was_encoded_comes_back(data: bytes, codings: list[str], chunk: int | None, apart: bool) -> None:
    assume(not data.startswith(b"\x1f\x8b\x08"))  # taken for gzip even where no header names it
    body = data
    for name in codings:
        body = ENCODERS[name](body)
    headers = [f"Content-Encoding: {name}" for name in (codings if apart else [", ".join(codings)])]
    if chunk:
        body = chunked(body, chunk)
        headers.append("Transfer-Encoding: chunked")
    found = decoded(body, *headers)
    assert bytes(found.data) == data
    assert found.problem is None


def test_transfer_codings_are_undone_in_their_order_and_those_that_the_crawler_has_undone_are_not() -> None:
    assert decoded(chunked(gzip.compress(PAGE)), "Transfer-Encoding: gzip, chunked") == DecodedBody(PAGE)
    inner = zlib.compress(PAGE)
    found = decoded(inner, "X-Crawler-Content-Encoding: deflate", "X-Crawler-Transfer-Encoding: chunked")
    assert (bytes(found.data), found.problem) == (inner, None)


@cases("coding", ["identity", "none", "gzip", ""])
@cases("media", ["text/html; charset=utf-8", "text/plain", "application/octet-stream"])
def test_a_page_that_is_gzip_though_no_header_says_so_is_inflated(coding: str, media: str) -> None:
    stored = gzip.compress(gzip.compress(PAGE) if coding == "gzip" else PAGE)
    found = decoded(stored, f"Content-Encoding: {coding}", f"Content-Type: {media}")
    assert (bytes(found.data), found.problem) == (PAGE, None)
    found = decoded(stored[:-9], f"Content-Encoding: {coding}", f"Content-Type: {media}")
    assert found.problem is not None
    assert bytes(decoded(stored, "Content-Type: application/gzip").data) == stored, "an archive stays one"


def test_a_body_without_codings_is_not_copied_and_what_is_no_coding_is_of_no_consequence() -> None:
    block = memoryview(b"HTTP/1.1 200 OK\r\n\r\n" + PAGE)
    data = decoded_body(parsed(block), block, LIMIT).data
    assert isinstance(data, memoryview)
    assert data.obj is block.obj
    assert data == PAGE
    for coding in ("utf-8", "none", "text/html", "binary", ""):
        assert decoded(b"\0\1" + PAGE, f"Content-Encoding: {coding}") == DecodedBody(b"\0\1" + PAGE)


NOT_UNDONE = "body is in a coding that cannot be undone"


@cases(
    ("coding", "body", "problem"),
    [
        *((coding, b"\0\1\2" * 9, "is declared as") for coding in ("gzip", "deflate", "br", "zstd")),
        *(
            (coding, b"\x1f\x9d\x90<\xd0\x80\x01" * 9, NOT_UNDONE)
            for coding in ("compress", "X-Bzip2", "xz, identity", "dcz")
        ),
    ],
)
def test_a_body_whose_coding_cannot_be_undone_is_named_unless_it_is_text(
    coding: str, body: bytes, problem: str
) -> None:
    assert problem in str(decoded(body, f"Content-Encoding: {coding}").problem)
    assert decoded(PAGE, f"Content-Encoding: {coding}") == DecodedBody(PAGE)


@cases(
    ("body", "kept", "problem"),
    [
        (b"5\r\nabcde\r\n5\r\nfg", b"abcdefg", "chunked body is cut"),
        (b"5\r\nabcde\r\n", b"abcde", "chunked body is cut"),
        (b"5\r\nabcde", b"abcde", "chunked body is cut"),
        (b"fffffffff\r\nabcde", b"abcde", "chunked body is cut"),
        (b"3\r\nabcde\r\n0\r\n\r\n", b"abcde\r\n0\r\n\r\n", "chunk sizes are wrong"),
        (b"2\r\nab\r\n0\r\n\r\nla suite", b"ab", "bytes follow the last chunk"),
        # Extensions, trailers and bare line ends are no mistakes; what is not chunked at all stays as it is.
        (b"0005 ;name=value\r\nun de\r\n4;x\nux t\n00\r\nX-Trailer: a\r\n\r\n", b"un deux t", None),
        (chunked(PAGE, 70, newline=b"\n"), PAGE, None),
        *(
            (body, body, None)
            for body in (PAGE, b"0\n<html>", b"", b"5 colonnes \xe0 la une", b"face\xe0face")
        ),
    ],
)
def test_chunks_are_joined_and_wrong_ones_give_what_is_there(
    body: bytes, kept: bytes, problem: str | None
) -> None:
    found = decoded(body, "Transfer-Encoding: chunked")
    assert bytes(found.data) == kept
    assert str(found.problem).startswith(str(problem))


@cases("coding", ["gzip", "deflate", "Deflate", "br", "zstd"])
def test_of_a_body_that_is_cut_what_came_before_is_kept(coding: str) -> None:
    random_text = random.Random(3).randbytes(20_000).hex().encode()
    whole = ENCODERS[coding](random_text)
    for keep in (len(whole) - 1, len(whole) * 3 // 4):
        found = decoded(whole[:keep], f"Content-Encoding: {coding}", limit=LIMIT)
        assert str(found.problem).endswith("body is cut")
        assert random_text.startswith(bytes(found.data))
        # Brotli and zstd make of one block what they give at once.
        assert len(found.data) > (20_000 if coding.lower() in ("gzip", "deflate") else -1)


def test_of_a_damaged_gzip_body_what_came_before_is_kept() -> None:
    whole = bytearray(gzip.compress(PAGE))
    whole[-6] ^= 1
    assert decoded(bytes(whole), "Content-Encoding: gzip") == DecodedBody(PAGE, "gzip body is damaged")
    text = random.Random(3).randbytes(20_000).hex().encode()
    deflater = zlib.compressobj(wbits=31)
    no_block = deflater.compress(text) + deflater.flush(zlib.Z_FULL_FLUSH) + b"\x07" * 9000
    assert decoded(no_block, "Content-Encoding: gzip") == DecodedBody(text, "gzip body is damaged")


@cases("coding", ["gzip", "zstd", "br"])
@cases("size", [10, 3000, 200_000])
def test_what_follows_a_compressed_body_is_left(coding: str, size: int) -> None:
    text = random.Random(3).randbytes(size // 2).hex().encode()
    assert decoded(ENCODERS[coding](text) + b"\0\0more", f"Content-Encoding: {coding}") == DecodedBody(text)


@pytest.mark.parametrize(
    "coding", each_time(["gzip", "br", "zstd"], ["gzip", "deflate", "Deflate", "br", "zstd"])
)
def test_a_bomb_is_stopped_at_the_limit_and_a_body_of_just_the_limit_is_whole(coding: str) -> None:
    bomb = ENCODERS[coding](bytes(100 << 20))
    tracemalloc.start()
    found = decoded(bomb, f"Content-Encoding: {coding}", limit=LIMIT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.data == bytes(LIMIT)
    assert found.problem == "body inflates to more than 1,048,576 bytes; the rest was not read"
    assert peak < 70 << 20
    for name in (coding, "identity"):
        assert decoded(ENCODERS[name](PAGE), f"Content-Encoding: {name}", limit=len(PAGE)).problem is None
    left = f"body is longer than {len(PAGE) - 1:,} bytes; the rest was not read"
    assert decoded(PAGE, limit=len(PAGE) - 1) == DecodedBody(PAGE[:-1], left)


def test_bombs_within_bombs_and_chunks_without_number_are_not_followed_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = decoded(PAGE, f"Content-Encoding: {', '.join(['gzip'] * 1000)}")
    assert found.problem == "1,000 codings are named, of which the last 4 were undone"
    monkeypatch.setattr(codings, "MOST_CHUNKS", 1 << 10)
    found = decoded(b"1\r\nx\r\n" * (1029), "Transfer-Encoding: chunked", limit=1 << 30)
    assert found.data == b"x" * (1 << 10)
    assert "the rest was not read" in str(found.problem)


MAGIC = [b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"5\r\n", b"\x0b", b"\x1b"]
NAMES = st.sampled_from(["gzip", "deflate", "br", "zstd", "chunked", "compress", "x"])


@given(st.binary(max_size=400), st.sampled_from(MAGIC), st.lists(NAMES, max_size=5), st.integers(0, 100))
def test_garbage_never_raises_and_never_exceeds_the_limit(
    garbage: bytes, magic: bytes, codings: list[str], limit: int
) -> None:
    names = ", ".join(codings)
    for header in ("Content-Encoding", "Transfer-Encoding"):
        assert len(decoded(magic + garbage, f"{header}: {names}", limit=limit).data) <= limit


@given(st.data())
def test_a_body_with_one_byte_changed_never_raises(data: st.DataObject) -> None:
    coding = data.draw(st.sampled_from(["gzip", "deflate", "Deflate", "br", "zstd"]))
    body = bytearray(ENCODERS[coding](PAGE[:2000]))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert len(decoded(bytes(body), f"Content-Encoding: {coding}").data) <= LIMIT


FRENCH = (
    "L’été dernier, à Paris, le ministre de l’Intérieur a déclaré que « la forêt brûlée » coûterait 10 € par "
    "hectare. Où que l’on aille, l’œuvre est là ; le maïs, les bûches et les hôpitaux n’y ont rien changé."
)
RUSSIAN = "Ещё раз о том, как русский язык узнаётся без подсказки"
TEXT_HTML = "text/html"


def utf8_of(data: bytes, content_type: str | None = None) -> str:
    return bytes(to_utf8(data, encoding_of(content_type, data))).decode()


def meta(label: str) -> bytes:
    return f'<html><head><meta charset="{label}"><title>é'.encode("latin-1")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")],
)
def test_a_byte_order_mark_overrules_all(mark: bytes, encoding: str) -> None:
    body = mark + FRENCH.encode(encoding)
    assert encoding_of("text/html; charset=iso-8859-2", body) == encoding
    assert utf8_of(body) == FRENCH
    assert utf8_of(mark + body) == f"\ufeff{FRENCH}"


@cases(
    ("content_type", "encoding"),
    [
        ("text/html; charset=UTF-8", "utf-8"),
        ("text/html;charset=ISO-8859-1", "cp1252"),
        ("text/html; Charset = 'latin1'", "cp1252"),
        ('text/html; charset="iso-8859-15"', "iso8859-15"),
        ("text/html; foo=bar; charset=koi8-r", "koi8-r"),
        ("text/html charset=windows-1251", "cp1251"),
        ("charset=us-ascii", "cp1252"),
        ("text/html; charset=utf-16", "utf-16-le"),
        ("text/html; charset=x-mac-cyrillic", "mac_cyrillic"),
        ("text/html; charset=x-user-defined", "cp1252"),
        ("text/html; charset=GB2312", "gb18030"),
        ("text/html; charset=Shift_JIS", "cp932"),
    ],
)
def test_the_header_overrules_the_page(content_type: str, encoding: str) -> None:
    assert encoding_of(content_type, meta("iso-8859-7")) == encoding


@cases(
    "label",
    [
        *("nonsense", "", "hex", "rot13", "zip", "utf-7", "replacement", "iso-2022-kr", "hz-gb-2312", "none"),
        *("undefined", "unicode_escape", "idna", "mbcs", "x" * 100_000, "utf-8\0", "\u00e9", "utf\u20118"),
    ],
)
def test_a_name_that_is_no_charset_is_passed_over(label: str) -> None:
    assert encoding_named(label) is None
    assert encoding_of(f"text/html; charset={label}", meta("iso-8859-7")) == "iso8859-7"
    assert encoding_of(None, f'<meta charset="{label}">'.encode() + FRENCH.encode("cp1252")) == "cp1252"


DECLARED = (
    "<meta charset=iso-8859-7>",
    "<META CHARSET = 'ISO-8859-7' />",
    "<meta/charset=iso-8859-7>",
    '<meta name=x content="a > b"><meta charset="iso-8859-7">',
    '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-7">',
    "<meta content='text/html;charset = \"iso-8859-7\"' http-equiv=content-type>",
    '<?xml version="1.0" encoding="iso-8859-7"?><html>',
    "<!-- <meta charset=koi8-r> --><meta charset=iso-8859-7>",
    "<script>'<meta charset=koi8-r>'</script><meta charset=iso-8859-7>",
    "<meta http-equiv=refresh content='charset=koi8-r'><meta charset=iso-8859-7>",
    '<a title="<meta charset=koi8-r>"><meta charset=iso-8859-7>',
    "<meta charset='{{ charset }}'><meta charset=iso-8859-7>",
    "<?xml version='1.0' encoding='nonsense'?><meta charset=iso-8859-7>",
    "<meta charset=nonsense>" + " " * 1100 + "<meta charset=iso-8859-7></head>",
    "<!--><meta charset=iso-8859-7><!-- -->",
    "<!-- --!><meta charset=iso-8859-7><!-- -->",
    "<title>charset</title>" + "<link href=x>" * 500 + "<meta charset=iso-8859-7></head>",
    "<head>" + " " * 1000 + "<meta charset=iso-8859-7></head>",
    "<p>" + "." * 30 + "<meta charset=iso-8859-7>",
)
UNDECLARED = (
    "<!-- <meta charset=koi8-r> -->",
    "<!-- <meta charset=koi8-r>",
    "<script>'<meta charset=koi8-r>'",
    "<metacharset=koi8-r>",
    "<meta name=charset content=koi8-r>",
    "<meta name=x content='charset=koi8-r'>",
    "<meta charset='koi8-r>",
    "<body>" + " " * 1100 + "<meta charset=koi8-r>",
    "<head></head>" + " " * 1100 + "<meta charset=koi8-r>",
    "<head>" + " " * (64 << 10) + "<meta charset=koi8-r>",
    '<p encoding="koi8-r">',
)


def test_the_page_declares_its_charset_and_what_only_looks_like_a_declaration_is_none() -> None:
    for pages, encoding in ((DECLARED, "iso8859-7"), (UNDECLARED, "cp1252")):
        for markup in pages:
            page = markup.encode() + FRENCH.encode("cp1252")
            assert encoding_of(TEXT_HTML, page) == encoding, markup


def test_a_page_that_declares_nothing_or_cannot_be_what_it_declares_is_read_by_what_its_bytes_are() -> None:
    assert encoding_of(TEXT_HTML, meta("utf-16le")) == "utf-8"
    for padding in (b"", b"<div></div>" * 20_000):
        assert encoding_of(TEXT_HTML, padding + FRENCH.encode()) == "utf-8"
        assert encoding_of(TEXT_HTML, padding + FRENCH.encode("cp1252")) == "cp1252"
    assert encoding_of(TEXT_HTML, b"<p>plain") == encoding_of(None, b"") == "utf-8"
    assert encoding_of(None, RUSSIAN.encode("cp1251")) == "cp1251"


@pytest.mark.parametrize("encoding", ["iso8859-15", "mac_roman", "cp850"])
def test_french_of_old_systems_is_read_right_without_declaration_and_nothing_else_is_taken_for_it(
    encoding: str,
) -> None:
    text = "Le cœur de la forêt brûlait déjà, a-t-on répété à l'évêché : sa sœur s'est inquiétée."
    text = text if encoding != "cp850" else text.replace("œ", "oe")
    assert utf8_of(text.encode(encoding)) == text
    assert utf8_of("<p>½ tasse de lait, à l'été, très près".encode("cp1252")).endswith("très près")
    for other, written in (
        ("Dnes je hezký den a žluťoučký kůň úpěl ďábelské ódy, říká moje žena", "cp1250"),
        (RUSSIAN, "cp866"),
        ("ÉCOLE PRIMAIRE À VENDRE", "cp1252"),
        ("Der Fluß fließt über die Straße, sagt der Bäcker für fünf Ähren", "cp1252"),
    ):
        assert encoding_of(None, other.encode(written)) != encoding


def test_utf_8_with_a_few_bytes_of_another_charset_is_utf_8() -> None:
    page = FRENCH.encode() + "<p>copyright é".encode("latin-1") + FRENCH.encode()
    assert encoding_of(TEXT_HTML, page) == "utf-8"
    assert to_utf8(page, "utf-8") is page


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("encoding", "characters"),
    each_time([("cp1252", 400), ("utf-8", 100_000)], list(product(("cp1252", "utf-8"), (400, 100_000)))),
)
def test_real_french_press_is_read_right_without_declaration(
    real_data: Path, encoding: str, characters: int
) -> None:
    with (real_data / "press" / "articles.jsonl").open(encoding="utf-8") as lines:
        bodies = [json.loads(line)["text"][:characters].encode(encoding, "ignore") for line in lines]
    assert len(bodies) > 1000
    assert [utf8_of(body) for body in bodies] == [body.decode(encoding) for body in bodies]


def test_all_bytes_of_windows_1252_are_characters() -> None:
    text = bytes(to_utf8(bytes(range(256)), "cp1252")).decode()
    assert [text[byte] for byte in (0x41, 0x80, 0x81, 0x8D, 0x8F, 0x90, 0x9D, 0xE9)] == list(
        "A€\x81\x8d\x8f\x90\x9dé"
    )
    assert len(set(text)) == 256


LABELS = ["iso-8859-1", "iso-8859-2", "iso-8859-8-i", "iso-8859-15", "koi8-u", "macintosh", "windows-874"]
LABELS += ["windows-1250", "windows-1254", "x-mac-cyrillic", "ibm866", "gbk", "gb18030", "big5", "euc-jp"]
LABELS += ["iso-2022-jp", "shift_jis", "euc-kr", "utf-16le", "utf-16be"]


@given(st.sampled_from(LABELS), st.binary(max_size=300))
def test_any_bytes_become_utf_8_in_any_charset(label: str, data: bytes) -> None:
    encoding = encoding_named(label)
    assert encoding is not None
    assert codecs.lookup(encoding)
    bytes(to_utf8(data, encoding)).decode("utf-8", "strict")


@cases("label", LABELS)
def test_long_texts_are_read_like_short_ones(label: str) -> None:
    encoding = encoding_named(label)
    assert encoding is not None
    text = "".join(
        c for c in "aé\u0142\u0436\u05d0\u0e01\u4e2d\u3042\uac00 " * 7 if c.encode(encoding, "ignore")
    )
    data = text.encode(encoding) * 200_000
    assert bytes(to_utf8(data[: 3 << 20], encoding)) == data[: 3 << 20].decode(encoding, "replace").encode()


@given(st.binary(max_size=400), st.one_of(st.none(), st.text(max_size=60)))
def test_any_bytes_have_a_charset(data: bytes, content_type: str | None) -> None:
    assert codecs.lookup(encoding_of(content_type, data))
    assert codecs.lookup(encoding_of(content_type, b"<meta charset=" + data))

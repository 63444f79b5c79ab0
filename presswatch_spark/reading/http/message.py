"""Reads head, kind of content and character encoding of stored HTTP responses, as leniently as browsers do.

The encoding is that of the first which is given: byte order mark, Content-Type, `meta` (HTML Standard,
"prescan a byte stream to determine its encoding"); else it is detected. Labels are those of the WHATWG
Encoding Standard (`iso-8859-1` is windows-1252).
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from presswatch_spark.core.locators import TextSource
from presswatch_spark.tables.column_values import SignalName

BytesLike = bytes | bytearray | memoryview

# Chrome's limit.
MAX_HEAD_BYTES = 256 << 10
# The most interim responses (`100 Continue`) before the final one.
MOST_INTERIM = 20

_END = re.compile(rb"\n\r*\n")
_MARKUP = re.compile(rb"\n(?=<)")
_STATUS_LINE = re.compile(
    rb"(?i)[\r\n]*(?:HTTP(?:/[0-9.]*)?|ICY)[ \t]*(?:(?<=[ \t])([0-9]{3})(?![0-9]))?[^\n]*\n?"
)
_FIRST_FIELD = re.compile(rb"[\r\n]*[A-Za-z0-9-]+:[ \t]")
_BLANK = re.compile(rb"[\r\n]*\Z")
_BLANKS = " \t\r"
_FOLD = re.compile(r"(?<!\r)\r*\n[ \t]+")

Kind = Literal["html", "text", "pdf", "other"]

LONGEST_TYPE = 100
SNIFFED_BYTES = 1445

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_TOKEN}/{_TOKEN})", re.ASCII)
_HTML_TYPES = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
_XML_TYPES = ("text/xml", "application/xml")
# Sent for unknown types: the body decides.
_NO_TYPES = (
    None,
    "unknown/unknown",
    "application/unknown",
    "*/*",
    "application/octet-stream",
    "application/x-unknown",
    "binary/octet-stream",
)
# Types of text that is no prose.
_CODE = re.compile(
    r"text/(?:css|dns|rtf|richtext|json|x-json|x-component|(?:x-)?(?:java|ecma|j|live)script.*)"
)

# MIME Sniffing Standard, section 7.1.
_HTML = re.compile(
    rb"(?i)(?:\xef\xbb\xbf)?[\t\n\f\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style"
    rb"|title|b|body|br|p|!--)(?:[ >]|(?<=<!--))"
)
_XHTML = re.compile(
    # Possessive: a few dozen comments would else take hours.
    rb"(?is)(?:\xef\xbb\xbf)?\s*<\?xml[^>]*>\s*(?:(?><!--.*?-->|<(?!!--)[!?][^>]*>)\s*)*+<html[\s>]"
)
_FEED = re.compile(
    rb"(?is)(?:\xef\xbb\xbf)?\s*(?:(?><!--.*?-->|<(?:\?|!doctype\s+rss\b)[^>]*>)\s*)*+<(?:rss|feed|rdf:rdf)[\s>]"
)
_JSON_TYPES = ("application/json", "text/json")
_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*\"|\[\s*[\[{\"])")
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_EMPTY = re.compile(rb"<([A-Za-z][^\s<>/]*+)([^<>]*)/>")
_NO_END = frozenset(
    b"area base basefont bgsound br col embed frame hr image img input keygen link meta param source track"
    b" wbr".split()
)
# What is never closed is read to the end of the page once, and not again for each of its beginnings.
_CDATA = re.compile(rb"<!\[CDATA\[(.*?)(\]\]>|\Z)", re.DOTALL)
_SUBSET = re.compile(rb"<!DOCTYPE[^<>\[]*+\[((?:[^\]<]++|<(?!!DOCTYPE))*+)\]\s*+>")
_ENTITY = re.compile(rb"<!ENTITY\s++([^\s%\"'<>&;]++)\s++(?:\"([^\"]*+)\"|'([^']*+)')\s*+>")
_REFERENCE = re.compile(rb"&([^\s#&;<>]++);")
ENTITY_DEPTH, GROWTH = 4, 4
"""Rounds of replacing entities in entities, and the most bytes inserted for each byte of the page."""


@dataclass(frozen=True)
class Message:
    """The head of a response.

    `status`: None if unreadable. `head`: the lines after the status line, in ISO-8859-1, folded ones joined.
    `body_at`: offset of the body in the block.
    """

    status: int | None
    head: str
    body_at: int

    @cached_property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return names and values in the order stored."""
        found = []
        for line in self.head.split("\n"):
            name, colon, value = line.partition(":")
            if colon and (name := name.strip(_BLANKS)):
                found.append((name, value.strip(_BLANKS)))
        return tuple(found)

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (in lower case), in order."""
        return tuple(value for stored, value in self.headers if stored.lower() == name)

    def last(self, name: str) -> str | None:
        """Return the last value of the header `name` (in lower case): it counts if there are several."""
        values = self.header(name)
        return values[-1] if values else None


def parse_message(block: BytesLike) -> Message | None:
    """Return the head of a `response` record's block; None if there is nothing in the block.

    Lines may end with LF; lines without a colon are ignored. A block without a head is all body, as in
    HTTP/0.9. If there are several heads (after `100 Continue`), the last counts.
    """
    message = _message_at(block, 0)
    for _ in range(MOST_INTERIM):
        if message is None or message.status is None or not 100 <= message.status < 200:
            break
        if not _STATUS_LINE.match(block, message.body_at):
            break
        message = _message_at(block, message.body_at)
    return message


def _message_at(block: BytesLike, at: int) -> Message | None:
    status = _STATUS_LINE.match(block, at)
    fields_at = status.end() if status else at
    # Search from the status line's own line end: the head may consist of that line only.
    end = _END.search(block, max(at, fields_at - 1))
    if status is None and (end is None or not _FIRST_FIELD.match(block)):
        return None if _BLANK.match(block) else Message(None, "", 0)
    head_end = len(block) if end is None else end.start()
    body_at = len(block) if end is None else end.end()
    # No header begins with `<`: the blank line is missing, and the body begins here.
    if markup := _MARKUP.search(block, max(at, fields_at - 1), head_end):
        head_end, body_at = markup.start(), markup.end()
    code = int(status[1]) if status and status[1] else None
    head = bytes(block[fields_at : min(head_end, at + MAX_HEAD_BYTES)]).decode("latin-1")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    return Message(code, head, body_at)


def media_type(value: str | None) -> str | None:
    """Return the media type in a Content-Type, in lower case, without parameters; None if there is none."""
    found = _TYPE.match(value or "")
    return found[1].lower()[:LONGEST_TYPE] if found else None


def kind_of_content(media: str | None, body: BytesLike) -> Kind:
    """Return the kind of a body, without codings, by its media type (see `media_type`) and first bytes.

    The media type decides, except for PDF, which its first bytes show, and for XML, which may have an `html`
    root. Every `text/…` is text, except code. Without a type, or with one for any bytes, the MIME Sniffing
    Standard decides.
    """
    head = bytes(body[:SNIFFED_BYTES])
    if media == "application/pdf" or head.startswith(b"%PDF-"):
        return "pdf"
    if media in _HTML_TYPES:
        return "html"
    if media in _XML_TYPES:
        return "html" if _XHTML.match(head) or _HTML.match(head) else "other"
    if media is not None and media.startswith("text/"):
        return "other" if _CODE.fullmatch(media) else "text"
    if media not in _NO_TYPES or not head.strip():
        return "other"
    if _HTML.match(head) or _XHTML.match(head):
        return "html"
    return "text" if is_text(head) and not head.lstrip().startswith(b"<?xml") else "other"


def data_source(kind: Kind, media: str | None, body: BytesLike) -> TextSource | None:
    """Return the source of text in a response that is data, by its media type; None if it is none.

    A page or a text is read as data, too, if it begins like a feed or JSON: programs ignore media types.
    """
    if kind != "other":
        head = body[:SNIFFED_BYTES]
        return "feed" if _FEED.match(head) else "json" if _JSON.match(head) else None
    if media is None or media.startswith("image/"):
        return None
    if media in _JSON_TYPES or media.endswith("+json"):
        return "json"
    return "feed" if media.endswith(("/xml", "+xml")) else None


def may_hide_gzip(media: str | None) -> bool:
    """Return True for a type whose body is compressed only by mistake or in transfer."""
    return media in (*_NO_TYPES, *_HTML_TYPES, *_XML_TYPES) or (media or "").startswith("text/")


def is_text(head: bytes) -> bool:
    """Return True if `head` begins with a byte order mark, or has no byte that the standard calls binary."""
    return head.startswith((b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")) or not _BINARY.search(head)


def as_html(content: bytes | memoryview, media: str | None) -> bytes | memoryview:
    """Return a page in UTF-8 so that it can be read as HTML; only pages of XML types (XHTML) change.

    Declared entities are replaced, CDATA sections become text, and empty elements get an end tag: in HTML,
    `<script src="a"/>` opens a script that hides the rest of the page.
    """
    if not (media and media.endswith("xml")):
        return content
    page = bytes(content)
    if subset := _SUBSET.search(page):
        entities = {name: double or single for name, double, single in reversed(_ENTITY.findall(subset[1]))}
        left = GROWTH * len(page)

        def replaced(found: re.Match[bytes]) -> bytes:
            nonlocal left
            value: bytes | None = entities.get(found[1])
            if value is None or len(value) > left:
                return bytes(found[0])
            left -= len(value)
            return value

        for _ in range(ENTITY_DEPTH):
            entities = {name: _REFERENCE.sub(replaced, value) for name, value in entities.items()}
        page = _REFERENCE.sub(replaced, page[subset.end() :])
    page = _CDATA.sub(
        lambda found: found[1].replace(b"&", b"&amp;").replace(b"<", b"&lt;") if found[2] else found[0], page
    )
    return _EMPTY.sub(
        lambda found: found[0] if found[1] in _NO_END else b"<%b%b></%b>" % found.group(1, 2, 1), page
    )


SITE_FILES: Mapping[str, SignalName] = {
    "/robots.txt": "robots_txt",
    "/ai.txt": "ai_txt",
    "/.well-known/ai.txt": "ai_txt",
    "/.well-known/tdmrep.json": "tdm_reservation",
}
"""Declarations for a whole site, by the path of their file: they are no pages, and no documents."""


def site_file(url: str) -> SignalName | None:
    """Return the declaration that the file at a URL makes for a whole site; None for pages."""
    url = url.strip()
    if not url.endswith(tuple(SITE_FILES)):
        return None
    try:
        parts = urlsplit(url)
        # An invalid port raises.
        on_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != -1
    except ValueError:
        return None
    return SITE_FILES.get(parts.path) if on_web and not parts.query else None


PRESCAN_BYTES = 1024
# A longer `head` element is not searched to its end.
HEAD_BYTES = 64 << 10

_XML = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?[\s"']encoding\s*=\s*["']([^"'>]+)""")
_TAG = re.compile(
    rb"(?is)<!--(?:-?>|.*?(?:--!?>|\Z))|<(script|style|title|textarea)\b.*?(?:</\1|\Z)|<[!/?][^>]*|<(?P<tag>[a-z]+)"
)
_ATTRIBUTE = re.compile(
    rb"""(?s)[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?"""
)
_CONTENT = re.compile(rb"""(?i)charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""")

UTF_8, WINDOWS_1252 = "utf-8", "cp1252"
SAMPLE_BYTES = 64 << 10
LONGEST_LABEL = 40
SLICE_BYTES = 1 << 20
_MARKS = ((b"\xef\xbb\xbf", UTF_8), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_CHARSET = re.compile(r"""(?i)[\s;"',]charset\s*=\s*(?:"([^"]*)"|["']?([^\s;"',]+))""")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_HIGH_BYTES = bytes(range(0x80, 0x100))
_FRENCH = "àâäçéèêëîïôöùûüÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŸŒÆ«»‹›‘’‚“”„–—…•·€°§©®\xa0\xad"
_FRENCH_LETTERS = "àâäçéèêëîïôöùûüÿœæ"
# Encodings of Western text, the likeliest for French first: they differ only in the letters beyond ASCII.
_WESTERN = (WINDOWS_1252, "iso8859-15", "mac_roman", "cp850")
_WESTERN_FRENCH: Mapping[str, bytes] = {
    encoding: bytes(range(0x80)) + _FRENCH.encode(encoding, "ignore") for encoding in _WESTERN
}
_LEAST_FRENCH = 0.8
_IN_WORDS = re.compile(rf"(?i)(?<=[a-z])[{_FRENCH_LETTERS}]|[{_FRENCH_LETTERS}](?=[a-z])")
_OE_IN_WORDS = re.compile(r"(?i)œ[a-z]")
# Python's names of encodings, and labels, that resiliparse lacks.
_DECODERS: Mapping[str, str] = {
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-11": "cp874",
}
_LABELS: Mapping[str, str] = {
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ukrainian": "mac_cyrillic",
    "x-user-defined": WINDOWS_1252,
}
# windows-1252 as the standard defines it: bytes that Python leaves undefined are control characters.
_CP1252 = "".join(
    chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode(WINDOWS_1252)
    for byte in range(256)
)


def declared_labels(body: BytesLike) -> Iterator[str]:
    """Yield the labels of encodings in the page's XML declaration and `meta`, from its first KiB first."""
    for size in (PRESCAN_BYTES, HEAD_BYTES):
        head = bytes(body[:size])
        lowered = head.lower()
        if b"charset" in lowered or b"encoding" in lowered:
            xml = _XML.match(head)
            ends = [at for mark in (b"</head", b"<body") if (at := lowered.find(mark)) >= 0]
            end = max(PRESCAN_BYTES, min(ends)) if ends else size
            if xml:
                yield xml[1].decode("latin-1")
            for name, attributes in start_tags(head[: head.rfind(b">", 0, end) + 1]):
                if name != b"meta":
                    continue
                label = attributes.get(b"charset")
                is_type = attributes.get(b"http-equiv", b"").strip().lower() == b"content-type"
                if not label and is_type and (named := _CONTENT.search(attributes.get(b"content", b""))):
                    label = next(filter(None, named.groups()), None)
                if label:
                    yield label.decode("latin-1")
        if len(head) < size:
            break


def start_tags(head: bytes) -> Iterator[tuple[bytes, Mapping[bytes, bytes]]]:
    """Yield the start tags in `head` outside of comments and raw text, with names in lower case."""
    at = 0
    while token := _TAG.search(head, at):
        at = token.end()
        if token["tag"] is None:
            continue
        attributes: dict[bytes, bytes] = {}
        while attribute := _ATTRIBUTE.match(head, at):
            name, *values = attribute.groups()
            attributes.setdefault(name.lower(), next(filter(None, values), b""))
            at = attribute.end()
        yield token["tag"].lower(), attributes


def encoding_of(content_type: str | None, body: BytesLike) -> str:
    """Return Python's name of the encoding that a browser reads `body` in; `utf-8` if all is ASCII."""
    head = bytes(body[:3])
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    named = _CHARSET.search(f";{content_type or ''}")
    found = encoding_named(named[1] or named[2] or "") if named else None
    if found is None:
        found = next(filter(None, map(encoding_named, declared_labels(body))), None)
        found = UTF_8 if found and found.startswith("utf-16") else found
    return found or _detected(body)


def encoding_named(label: str) -> str | None:
    """Return Python's name of the standard's encoding for `label`; None if there is none."""
    label = label.strip(" \t\n\f\r").lower()
    if len(label) > LONGEST_LABEL:
        return None
    found = _LABELS.get(label) or map_encoding_to_html5(label, fallback_utf8=False)
    return _DECODERS.get(found, found) if found else None


def _detected(body: BytesLike) -> str:
    first = _NOT_ASCII.search(body)
    if first is None:
        return UTF_8
    sample = bytes(body[max(0, first.start() - 64) : first.start() + SAMPLE_BYTES])
    text = sample.decode(UTF_8, "replace")
    wrong = text.count("\N{REPLACEMENT CHARACTER}")
    ascii_bytes = len(sample.translate(None, _HIGH_BYTES))
    # Other encodings hardly ever look like UTF-8; pages of UTF-8 with a few bytes of another do occur.
    if len(text) - ascii_bytes - wrong > wrong:
        return UTF_8
    # The detector takes one short French text in ten for Polish or Turkish, and never finds MacRoman.
    possible = [each for each in _WESTERN if not sample.translate(None, _WESTERN_FRENCH[each])]
    for encoding in possible:
        if _reads_as_french(sample.decode(encoding), encoding):
            return encoding
    if WINDOWS_1252 in possible:
        return WINDOWS_1252
    found = detect_encoding(sample)
    return (_DECODERS.get(found, found) if found and found != UTF_8 else None) or WINDOWS_1252


def _reads_as_french(text: str, encoding: str) -> bool:
    # Return True if letters beyond ASCII are nearly all in lower case and within words.
    letters = sum(text.lower().count(letter) for letter in _FRENCH_LETTERS)
    lower = sum(text.count(letter) for letter in _FRENCH_LETTERS)
    within = sum(1 for _ in _IN_WORDS.finditer(text))
    if encoding == "iso8859-15" and not _OE_IN_WORDS.search(text):
        # Only `œ` distinguishes it from windows-1252 in French.
        return False
    return min(lower, within) >= max(1, _LEAST_FRENCH * letters)


def to_utf8(data: bytes | memoryview, encoding: str) -> bytes | memoryview:
    """Return `data` in UTF-8, without a byte order mark. UTF-8 is returned unchanged, valid or not."""
    for mark, marked in _MARKS:
        if marked == encoding and bytes(data[: len(mark)]) == mark:
            data = memoryview(data)[len(mark) :]
    return data if encoding == UTF_8 else b"".join(_transcoded(memoryview(data), encoding))


def _transcoded(data: memoryview, encoding: str) -> Iterator[bytes]:
    if encoding == WINDOWS_1252:
        for at in range(0, len(data), SLICE_BYTES):
            yield codecs.charmap_decode(data[at : at + SLICE_BYTES], "strict", _CP1252)[0].encode()
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    # Python's decoder of ISO-2022-JP fails at a long escape sequence that a slice cuts: decode all at once.
    step = max(1, len(data)) if encoding == "iso2022_jp" else SLICE_BYTES
    for at in range(0, len(data), step):
        yield decoder.decode(data[at : at + step], at + step >= len(data)).encode("utf-8", "replace")

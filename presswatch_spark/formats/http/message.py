"""Stored HTTP responses: their head, read as leniently as browsers do (RFC 9112, with their habits), and the
kind of their content, by its Content-Type, else by its first bytes; XHTML made HTML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

BytesLike = bytes | bytearray | memoryview

# What Chrome allows; fields beyond it do not count.
MAX_HEAD_BYTES = 256 << 10
# `100 Continue` and its like, of which a server may send some before it answers.
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
# Servers send these when they know no type: the body decides.
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
    # Possessive: what could be tried in two ways would take hours for a few dozen comments.
    rb"(?is)(?:\xef\xbb\xbf)?\s*<\?xml[^>]*>\s*(?:(?><!--.*?-->|<(?!!--)[!?][^>]*>)\s*)*+<html[\s>]"
)
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

_EMPTY = re.compile(rb"<([A-Za-z][^\s<>/]*+)([^<>]*)/>")
_NO_END = frozenset(
    b"area base basefont bgsound br col embed frame hr image img input keygen link meta param source track"
    b" wbr".split()
)
_CDATA = re.compile(rb"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_SUBSET = re.compile(rb"<!DOCTYPE[^<>\[]*+\[([^\]]*+)\]\s*+>")
_ENTITY = re.compile(rb"<!ENTITY\s++([^\s%\"'<>&;]++)\s++(?:\"([^\"]*+)\"|'([^']*+)')\s*+>")
_REFERENCE = re.compile(rb"&([^\s#&;<>]++);")
ENTITY_DEPTH, GROWTH = 4, 4
"""Rounds of replacing entities in entities, and the most bytes put in for each byte of the page."""


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a response.

    `status`: None where the block has no readable one. `head`: the lines after the status line, decoded as
    ISO-8859-1, folded ones joined. `body_at`: where the body begins in the block, in bytes.
    """

    status: int | None
    head: str
    body_at: int

    @property
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
        # Of most pages three headers are asked for: to split all lines for them takes four times as long.
        lowered = f"\n{self.head.lower()}"
        may_be_indented = "\n " in lowered or "\n\t" in lowered or "\n\r" in lowered
        if f"\n{name}" not in lowered and not may_be_indented:
            # Most pages name no coding, and a pattern takes ten times as long to say so.
            return ()
        return tuple(
            self.head[found.start(1) - 1 : found.end(1) - 1].strip(_BLANKS)
            for found in _named(name).finditer(lowered)
        )

    def last(self, name: str) -> str | None:
        """Return the last value of the header `name` (in lower case): it counts if there are several."""
        values = self.header(name)
        return values[-1] if values else None


@lru_cache(maxsize=64)
def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"\n[ \t\r]*{re.escape(name)}[ \t\r]*:([^\n]*)")


def parse_message(block: BytesLike) -> Message | None:
    """Return the head of a `response` record's block; None if there is nothing in the block.

    Lines may end with LF alone; lines without a colon are passed over. A block that begins with no head is
    all body, as in HTTP/0.9. Of a head longer than `MAX_HEAD_BYTES`, the first fields are read. Of several
    heads, as after `100 Continue`, the last counts.
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
    # The line end before it is the status line's own: a head may be nothing but that.
    end = _END.search(block, max(at, fields_at - 1))
    if status is None and (end is None or not _FIRST_FIELD.match(block)):
        return None if _BLANK.match(block) else Message(None, "", 0)
    head_end = len(block) if end is None else end.start()
    body_at = len(block) if end is None else end.end()
    # No header begins so: the blank line is missing, and this is the body.
    if markup := _MARKUP.search(block, max(at, fields_at - 1), head_end):
        head_end, body_at = markup.start(), markup.end()
    code = int(status[1]) if status and status[1] else None
    head = bytes(block[fields_at : min(head_end, at + MAX_HEAD_BYTES)]).decode("latin-1")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    return Message(code, head, body_at)


def media_type(value: str | None) -> str | None:
    """Return the media type in a Content-Type, in lower case, without parameters; None if there is none.

    It has at most `LONGEST_TYPE` characters, all of them of an RFC 9110 token.
    """
    found = _TYPE.match(value or "")
    return found[1].lower()[:LONGEST_TYPE] if found else None


def kind_of_content(media: str | None, body: BytesLike) -> Kind:
    """Return the kind of a body, without codings, by its media type (see `media_type`) and first bytes.

    The type is believed, but PDF shows itself, and XML may have an `html` root. Every `text/…` is text, but
    code. Without a type, or with one that means any bytes, the MIME Sniffing Standard decides what is HTML,
    PDF or text.
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


def may_hide_gzip(media: str | None) -> bool:
    """Return True if a body of a type is compressed only by mistake or in transfer."""
    return media in (*_NO_TYPES, *_HTML_TYPES, *_XML_TYPES) or (media or "").startswith("text/")


def is_text(head: bytes) -> bool:
    """Return True if `head` begins with a byte order mark or holds no byte that the standard calls binary."""
    return head.startswith((b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")) or not _BINARY.search(head)


def as_html(content: bytes | memoryview, media: str | None) -> bytes | memoryview:
    """Return a page in UTF-8 so that it reads as HTML; only pages of XML types change (XHTML).

    Entities that the page declares are replaced, CDATA sections become text, and empty elements get an end
    tag: to a parser of HTML, `<script src="a"/>` opens a script that hides the page to its end.
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
    page = _CDATA.sub(lambda found: found[1].replace(b"&", b"&amp;").replace(b"<", b"&lt;"), page)
    return _EMPTY.sub(
        lambda found: found[0] if found[1] in _NO_END else b"<%b%b></%b>" % found.group(1, 2, 1), page
    )


SITE_FILES: Mapping[str, str] = {
    "/robots.txt": "robots_txt",
    "/ai.txt": "ai_txt",
    "/.well-known/ai.txt": "ai_txt",
    "/.well-known/tdmrep.json": "tdm_reservation",
}
"""Declarations for a whole site, by the path of their file: they are no pages, and no documents."""

_ENDS = tuple(SITE_FILES)


def site_file(url: str) -> str | None:
    """Return the declaration that the file at a URL makes for a whole site; None for pages."""
    url = url.strip()
    if not url.endswith(_ENDS):
        return None
    try:
        parts = urlsplit(url)
        # A port that is none raises.
        on_web = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != -1
    except ValueError:
        return None
    return SITE_FILES.get(parts.path) if on_web and not parts.query else None

"""The character encoding of a page, found as browsers do, and its text in UTF-8.

In order: byte order mark, Content-Type, `meta`, detection. Labels mean what the WHATWG Encoding Standard says
(`iso-8859-1` is windows-1252). One that it does not know, or knows as `replacement` (`iso-2022-kr`,
`hz-gb-2312`: nothing useful comes of those), is passed over. Then the next rule decides. For `meta`, see the
HTML Standard, "prescan a byte stream to determine its encoding". Browsers do more: a declaration further down
the `head` counts, one in the text of a script does not.
"""

import codecs
import re
from collections.abc import Iterator, Mapping

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from presswatch_spark.formats.http.message import BytesLike

PRESCAN_BYTES = 1024
# A `head` that is longer is not searched to its end.
HEAD_BYTES = 64 << 10

_XML = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?[\s"']encoding\s*=\s*["']([^"'>]+)""")
_TOKEN = re.compile(
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
# Encodings of Western text, by how likely a French text is in them; each reads the letters of the others as
# other characters. Nothing else tells them apart.
_WESTERN = (WINDOWS_1252, "iso8859-15", "mac_roman", "cp850")
_WESTERN_FRENCH: Mapping[str, bytes] = {
    encoding: bytes(range(0x80)) + _FRENCH.encode(encoding, "ignore") for encoding in _WESTERN
}
_LEAST_FRENCH = 0.8
_IN_WORDS = re.compile(rf"(?i)(?<=[a-z])[{_FRENCH_LETTERS}]|[{_FRENCH_LETTERS}](?=[a-z])")
_OE_IN_WORDS = re.compile(r"(?i)œ[a-z]")
# Where resiliparse's names fall short: of the standard's encodings, or of labels.
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
# windows-1252 as the standard has it: what Python leaves undefined are controls.
_CP1252 = "".join(
    chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode(WINDOWS_1252)
    for byte in range(256)
)


def declared_labels(body: BytesLike) -> Iterator[str]:
    """Yield the labels of encodings that the page's XML declaration and its `meta` name, as written.

    First those in the first `PRESCAN_BYTES`; if more are asked for, those up to the end of the `head`.
    """
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
    """Yield the start tags in `head`, names and attributes in lower case; none in comments or raw text."""
    at = 0
    while token := _TOKEN.search(head, at):
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
    """Return Python's name of the encoding that a browser reads `body` in; `utf-8` if all is ASCII.

    `content_type`: value of that header, if there is one.
    """
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
    """Return Python's name of the encoding that the standard means by `label`; None if it knows none."""
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
    # The detector takes one short French text in ten for Polish or Turkish, and knows no MacRoman.
    possible = [each for each in _WESTERN if not sample.translate(None, _WESTERN_FRENCH[each])]
    for encoding in possible:
        if _reads_as_french(sample.decode(encoding), encoding):
            return encoding
    if WINDOWS_1252 in possible:
        return WINDOWS_1252
    found = detect_encoding(sample)
    return (_DECODERS.get(found, found) if found and found != UTF_8 else None) or WINDOWS_1252


def _reads_as_french(text: str, encoding: str) -> bool:
    """Return True if letters beyond ASCII are as in French: nearly all in lower case, and within words."""
    letters = sum(text.lower().count(letter) for letter in _FRENCH_LETTERS)
    lower = sum(text.count(letter) for letter in _FRENCH_LETTERS)
    within = sum(1 for _ in _IN_WORDS.finditer(text))
    if encoding == "iso8859-15" and not _OE_IN_WORDS.search(text):
        # It differs from windows-1252 in nothing else that French has.
        return False
    return min(lower, within) >= max(1, _LEAST_FRENCH * letters)


def to_utf8(data: bytes | memoryview, encoding: str) -> bytes | memoryview:
    """Return `data` in UTF-8, without a byte order mark: parsers take it for text before the doctype.

    What is no character becomes U+FFFD, but UTF-8 is returned as it is. `encoding`: see `encoding_of`.
    """
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
    # The decoder of ISO-2022-JP cannot hold back a long escape sequence that a slice cuts.
    step = max(1, len(data)) if encoding == "iso2022_jp" else SLICE_BYTES
    for at in range(0, len(data), step):
        yield decoder.decode(data[at : at + step], at + step >= len(data)).encode("utf-8", "replace")

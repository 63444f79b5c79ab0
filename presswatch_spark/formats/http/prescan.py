"""The charset that a page declares in its markup.

After the HTML Standard, "prescan a byte stream to determine its encoding", with what browsers do beyond it: a
declaration further down the `head` counts, one in the text of a script does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

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


def declared_labels(body: BytesLike) -> Iterator[str]:
    """Yield the labels of encodings that the page's XML declaration and its `meta` name, as written.

    Looked for in the first `PRESCAN_BYTES`, and if more are asked for, beyond them to the end of the `head`.
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
            for label in _in_metas(head[: head.rfind(b">", 0, end) + 1]):
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


def _in_metas(head: bytes) -> Iterator[bytes]:
    labels = (_label(attributes) for name, attributes in start_tags(head) if name == b"meta")
    return filter(None, labels)


def _label(attributes: Mapping[bytes, bytes]) -> bytes | None:
    """What a `meta` with these attributes declares."""
    if label := attributes.get(b"charset"):
        return label
    if attributes.get(b"http-equiv", b"").strip().lower() != b"content-type":
        return None
    named = _CONTENT.search(attributes.get(b"content", b""))
    return next(filter(None, named.groups()), None) if named else None

"""Reads responses that are data only (JSON, feeds), and locates the strings of embedded text.

A string's place is a JSON path, an element with an attribute, or an element of a feed, for third parties.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from presswatch_spark.core.model import TextSource, TextString
from presswatch_spark.reading.html.parts import FEED, JSON, MARKUP, NO_PARTS, REFERENCED, STRINGS
from presswatch_spark.reading.html.reader import Piece
from presswatch_spark.reading.text.kernels import U64, Bytes, Hashes

SOURCES: dict[TextSource, int] = {"json_ld": 0, "script": 1, "attribute": 2, "feed": 3, "json": 4}
"""Sources of embedded text, and their places in `PageTexts.embedded`."""
DEEPEST_PATH, KEY_CHARACTERS = 64, 100
"""Deeper strings, and those below longer keys, get no path."""

_JSON_TYPES = ("application/json", "text/json")
# Text and elements of a feed; paragraphs are markup up to their end tag.
_NODE = re.compile(
    rb"<!\[CDATA\[(?P<raw>.*?)(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<(?P<block>(?:\w{1,20}:)?(?:p|div))(?=[\s>])"
    rb"|(?P<tag><[^<>]*>?)|(?P<text>[^<]+)",
    re.DOTALL,
)
# An escaped quote opens no string: each of many would else be read to the end of its line or of the page.
_TOKEN = re.compile(
    rb"<!\[CDATA\[|\\.|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|[\[\]{},:]|[A-Za-z_$][\w$]*+", re.DOTALL
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_ELEMENT = re.compile(rb"<([^\s<>/\"'=]{1,60})")
_ATTRIBUTE = re.compile(rb"([^\s<>/\"'=]{1,60})\s*=\s*[\"']?\Z")
_META = re.compile(rb"(?i)\s(?:name|property|itemprop)\s*=\s*[\"']?([^\s\"'<>]{1,60})")


def data_source(media: str | None) -> TextSource | None:
    """Return the source of text in a response that is neither page nor text, by its media type."""
    if media is None or media.startswith("image/"):
        return None
    if media in _JSON_TYPES or media.endswith("+json"):
        return "json"
    return "feed" if media.endswith(("/xml", "+xml")) else None


def parts_of(source: TextSource, data: bytes) -> Hashes:
    """Return the parts (see `html.parts`) of data in UTF-8 that may contain text; none for pages."""
    if source == "json":
        return np.array([0, 0, len(data) | int(JSON | STRINGS)], U64)
    if source != "feed":
        return NO_PARTS
    # An array, since a feed may have millions of texts.
    found, at, tag = array("Q"), 0, 0
    markup, referenced = int(FEED | MARKUP), int(FEED | REFERENCED)
    ends: dict[bytes, int] = {}
    while node := _NODE.match(data, at):
        at, what = node.end(), node.lastgroup
        if what == "tag":
            tag = node.start()
        elif what == "block":
            # Look for each kind of end tag once more only after the last one.
            name = b"</" + node["block"]
            if ends.get(name, 0) < at:
                end = data.find(name, at)
                ends[name] = end if end >= 0 else len(data)
            at = ends[name]
            found.extend((node.start(), node.start(), at | markup))
        elif what == "raw":
            found.extend((tag, node.start("raw"), node.end("raw") | markup))
        elif what == "text" and not node["text"].isspace():
            found.extend((tag, node.start(), at | referenced))
    return np.array(found or (0, 0, referenced), U64)


def strings_of(page: bytes, source: TextSource, text: Bytes, pieces: Sequence[Piece]) -> list[TextString]:
    """Return the strings of an embedded document of a page, from its `pieces`, with their paths."""
    strings, before, characters = list[TextString](), 0, 0
    for piece, path in zip(pieces, _paths(page, source, pieces), strict=True):
        bounds = []
        for place in (piece.text_begin, piece.text_end):
            characters += len(str(text[before:place].data, "utf-8", "replace"))
            before = place
            bounds.append(characters)
        strings.append(
            TextString(
                document_start=bounds[0], document_end=bounds[1], path=path, start=piece.begin, end=piece.end
            )
        )
    return strings


def _paths(page: bytes, source: TextSource, pieces: Sequence[Piece]) -> Iterator[str | None]:
    for (tag, begin), group in groupby(pieces, lambda piece: (piece.tag, piece.part)):
        if source in ("attribute", "feed"):
            yield from (_place(page, tag, piece) for piece in group)
        else:
            yield from json_paths(page, begin, [piece.begin for piece in group])


def _place(page: bytes, tag: int, piece: Piece) -> str | None:
    element = _ELEMENT.match(page, tag)
    if not element:
        return None
    name = element[1].decode("utf-8", "replace")
    attribute = _ATTRIBUTE.search(page, max(tag, piece.begin - 80), piece.begin)
    if attribute and name.lower() == "meta":
        attribute = (
            _META.search(page, max(tag, piece.begin - 2_000), piece.begin)
            or _META.search(page, piece.end, piece.end + 200)
            or attribute
        )
    return f"{name}[{attribute[1].decode('utf-8', 'replace')}]" if attribute else name


def json_paths(page: bytes, begin: int, places: Sequence[int]) -> Iterator[str | None]:
    """Yield the JSON path of each string, by the place after its quote, ascending; None if it is in no JSON.

    The root is the outermost bracket around the string. `begin`: of the script.
    """
    tokens, token = _TOKEN.finditer(page, begin), None
    stack, last = list[int | str | None](), b""
    for place in places:
        while token is None or token.start() < place - 1:
            token = next(tokens, None)
            if token is None or token.start() >= place - 1:
                break
            mark = token[0]
            if mark in (b"{", b"["):
                stack.append(None if mark == b"{" else 0)
            elif mark in (b"}", b"]") and stack:
                stack.pop()
            elif mark == b"," and stack:
                stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else None
            elif mark == b":" and stack and not isinstance(stack[-1], int):
                stack[-1] = last.strip(b"\"'").decode("utf-8", "replace")[: KEY_CHARACTERS + 1]
            last = mark
        steps = [step for each in stack[:DEEPEST_PATH] if (step := _step(each))]
        is_known = token is not None and token.start() == place - 1 and 0 < len(stack) == len(steps)
        yield "$" + "".join(steps) if is_known else None


def _step(step: int | str | None) -> str | None:
    if isinstance(step, int):
        return f"[{step}]"
    if step is None or len(step) > KEY_CHARACTERS:
        return None
    return f".{step}" if _IDENTIFIER.fullmatch(step) else f'["{step}"]'

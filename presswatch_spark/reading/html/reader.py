"""Reads the text and the embedded text of pages, feeds and JSON, and locates the strings of embedded text.

One kernel reads both texts, with memory that is kept for the next pages. The place of a string, for third
parties, is a JSON path, an element with an attribute, or an element of a feed.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from presswatch_spark.core.compiled import entry_njit
from presswatch_spark.core.locators import EMBEDDED_SOURCES, TextSource
from presswatch_spark.core.scan_values import TextString
from presswatch_spark.reading.html.embedded_text import DEPTH, PIECE, Memory, write_source
from presswatch_spark.reading.html.visible_text import load_entities, write_text

from presswatch_spark.reading.html.tags import (  # isort: skip
    ANY_SOURCE, ATTRIBUTE, CONTINUED, FEED, JSON, JSON_LD, K, LEAST_BYTES, MARKUP, PART, PARTS, PIECES,
    REFERENCED, SCRIPT_SOURCE, STRINGS, load_tags, workspace,
)  # fmt: skip
from presswatch_spark.reading.html.visibility import MOST_REVIVED
from presswatch_spark.reading.text.word_kernels import SLACK, U64, Bytes, Hashes, plain

KEPT_BYTES = 64 << 20
"""Larger buffers are not kept for the next pages."""
DEEPEST_PATH, KEY_CHARACTERS = 64, 100
"""Deeper strings, and those below longer keys, get no path."""

# Text and elements of a feed; paragraphs are markup up to their end tag. Comments and inline elements, the
# nodes without a name, separate no words.
_NODE = re.compile(
    rb"<!\[CDATA\[(?P<raw>.*?)(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)"
    rb"|</?(?:\w{1,20}:)?(?:abbr|acronym|bd[io]|big|cite|code|del|dfn|em|font|ins|kbd|mark|samp|small|span|strike"
    rb"|strong|su[bp]|tt|var|wbr|[abiqsu])(?=[\s/>])[^<>]*>"
    rb"|<(?P<block>(?:\w{1,20}:)?(?:p|div))(?=[\s>])|(?P<tag><[^<>]*>?)|(?P<text>[^<]+)",
    re.DOTALL,
)
_CDATA_MARK = re.compile(rb"<!\[CDATA\[|\]\]>")
# An escaped quote opens no string: each of many would else be read to the end of its line or of the page.
_TOKEN = re.compile(
    rb"<!\[CDATA\[|\\.|\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\\n]|\\.)*+'|[\[\]{},:]|[A-Za-z_$][\w$]*+", re.DOTALL
)
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_ELEMENT = re.compile(rb"<([^\s<>/\"'=]{1,60})")
_ATTRIBUTE = re.compile(rb"([^\s<>/\"'=]{1,60})\s*=\s*[\"']?\Z")
_META = re.compile(rb"(?i)\s(?:name|property|itemprop)\s*=\s*[\"']?([^\s\"'<>]{1,60})")


_0 = U64(0)
_SOURCES = (JSON_LD, SCRIPT_SOURCE, ATTRIBUTE, FEED, JSON)
_NUMBERS = {source: number for number, source in enumerate(EMBEDDED_SOURCES)}
_NOTHING, _NO_PARTS = np.empty(0, np.uint8), np.empty(0, U64)


@entry_njit
def _read(m: Memory, ends: Hashes, used: U64, given: U64, chosen: U64) -> tuple[U64, np.uint8]:
    """Write the text of a page and of the parts in it, or (if some are `given`) only theirs, to `m.out`.

    `used`: bytes of the buffer before that. `ends`: gets the end of the page's text and of the text of each
    source; only the `chosen` one has any. Returns where hidden words begin, and the bits for scripts.
    """
    w = m.w
    end, hidden, unread, count = _0, _0, np.uint8(0), given
    if given == _0:
        end, hidden, unread = write_text(m.tags, m.entities, m.page, m.out, w, m.parts)
        count = w[PARTS]
    w[K], w[PIECES], ends[0] = end, _0, used + end
    for n in range(len(_SOURCES)):
        if chosen in (_SOURCES[n], ANY_SOURCE):
            write_source(m, _SOURCES[n], count)
        ends[n + 1] = used + w[K]
    return hidden, unread


def room_for(size: int) -> int:
    """Return the bytes of room that the text of a page of `size` bytes needs."""
    # Text may be a quarter longer than the page, since a reference of 5 bytes may become 6. Hidden words with
    # their context may take as much again, their places 8 bytes for a tag of 5, and formatting elements that
    # begin again up to 20 each.
    return 5 * size + 256 + 20 * MOST_REVIVED


def text_of_page(page: bytes | memoryview) -> bytes:
    """Return the text of a page, both in UTF-8, with a line end where tags separate words."""
    reader = TextReader(embedded=False)
    reader.read(page)
    return reader.taken().tobytes()


class PageTexts(NamedTuple):
    """Bounds of a page's texts in the buffer of its reader: its own, and of each source of embedded text.

    `hidden`: bytes before the hidden words. `unread`: the bits `DATA` and `ARTICLE` for the content of
    scripts, if embedded text is not read.
    """

    text: tuple[int, int]
    embedded: dict[TextSource, tuple[int, int]]
    hidden: int
    unread: int


@dataclass(slots=True)
class TextReader:
    """Reads pages (UTF-8) one after the other; the texts are in `buffer` up to `used` until taken."""

    embedded: bool = True
    buffer: Bytes = field(default_factory=lambda: _NOTHING, init=False)
    used: int = 0
    _arena: Bytes = field(default_factory=lambda: _NOTHING)
    _parts: Hashes = field(default_factory=lambda: _NO_PARTS)
    _ends: Hashes = field(default_factory=lambda: np.empty(1 + len(_SOURCES), U64))
    _workspace: Hashes = field(default_factory=workspace)

    def read(self, page: bytes | memoryview, data: TextSource | None = None) -> PageTexts:
        """Read a page; or a response that is only `data` (see `data_source`), without text of its own."""
        start = self.used
        hidden, unread = self._call(page, _parts_of(data, bytes(page)) if data else _NO_PARTS, data)
        end, *ends = self._ends.tolist()
        self.used = ends[-1]
        # Leave out the line end that ends the text of a source.
        bounds = {
            source: (first, last - 1)
            for source, (first, last) in zip(EMBEDDED_SOURCES, pairwise((end, *ends)), strict=True)
            if first < last - 1
        }
        return PageTexts((start, end), bounds, int(hidden), int(unread))

    def add(self, text: bytes | memoryview) -> tuple[int, int]:
        """Add a text as it is; return its bounds in the buffer."""
        start, self.used = self.used, self.used + len(text)
        self._make_room(start, self.used)
        self.buffer[start : self.used] = np.frombuffer(text, np.uint8)
        return start, self.used

    def taken(self) -> Bytes:
        """Return the texts so far, and forget them."""
        texts, self.used = self.buffer[: self.used].copy(), 0
        if len(self.buffer) + len(self._arena) > KEPT_BYTES:
            self.buffer = self._arena = _NOTHING
        return texts

    def strings(self, page: bytes, source: TextSource, text: Bytes) -> list[TextString]:
        """Return the strings of a page of which the `text` of a source consists, in order."""
        room = np.empty(PIECE * (len(page) // 3 + 1), U64)
        parts = _parts_of(source, page)
        self._call(page, parts, source, room)
        noted, start = parts if len(parts) else self._parts, int(self._ends[_NUMBERS[source]])
        pieces = room[: PIECE * int(self._workspace[PIECES])].reshape(-1, PIECE).tolist()
        strings, before, characters = list[TextString](), 0, 0
        for part, group in groupby(pieces, itemgetter(2)):
            literals = [(literal, list(texts)) for literal, texts in groupby(group, itemgetter(3, 4))]
            tag, begin = int(noted[part]), int(noted[part + 1])
            if source in ("attribute", "feed"):
                paths = [_place(page, tag, *literal) for literal, _ in literals]
            else:
                paths = [*json_paths(page, begin, [first for (first, _), _ in literals])]
            for ((first, last), texts), path in zip(literals, paths, strict=True):
                bounds = []
                for place in (texts[0][0] - start, texts[-1][1] - start):
                    characters += len(str(text[before:place].data, "utf-8", "replace"))
                    before = place
                    bounds.append(characters)
                strings.append(
                    TextString(
                        document_start=bounds[0], document_end=bounds[1], path=path, start=first, end=last
                    )
                )
        return strings

    def _call(
        self, page: bytes | memoryview, parts: Hashes, source: TextSource | None, pieces: Hashes = _NO_PARTS
    ) -> tuple[U64, np.uint8]:
        size, needed = len(page), self.used + room_for(len(page))
        if self.embedded:
            needed += 3 * size + (16 << 10)
            # A string of the page may be in the arena once for each level, a copy of it, its text, and before
            # these the text of parts that continue in others.
            room = (DEPTH + 6) * size + 16 * SLACK
            if len(self._arena) < room:
                self._arena = np.empty(room, np.uint8)
                self._parts = np.empty(PART * (size // LEAST_BYTES + 2), U64)
        self._make_room(self.used, needed)
        out = self.buffer[self.used :]
        memory = Memory(
            load_tags(), load_entities(), plain(np.frombuffer(page, np.uint8)), self._arena,
            plain(self._arena), out, plain(out), self._workspace, parts if len(parts) else self._parts,
            pieces, _NO_PARTS,
        )  # fmt: skip
        chosen = ANY_SOURCE if source is None else _SOURCES[_NUMBERS[source]]
        return _read(memory, self._ends, U64(self.used), U64(len(parts) // PART), chosen)

    def _make_room(self, used: int, needed: int) -> None:
        if needed > len(self.buffer):
            larger = np.empty(max(needed, 2 * len(self.buffer)), np.uint8)
            larger[:used] = self.buffer[:used]
            self.buffer = larger


def _parts_of(source: TextSource, data: bytes) -> Hashes:
    """Return the parts (see `html.tags`) of data in UTF-8 that may contain text; none for pages."""
    if source == "json":
        return np.array([0, 0, len(data) | int(JSON | STRINGS)], U64)
    if source != "feed":
        return _NO_PARTS
    # An array, since a feed may have millions of texts. `blank`: a part that counts only between two texts.
    found, at, tag, blank = array("Q"), 0, 0, tuple[int, ...]()
    markup, referenced, continued = int(FEED | MARKUP), int(FEED | REFERENCED), int(CONTINUED)
    ends: dict[bytes, int] = {}
    continues = False
    while node := _NODE.match(data, at):
        at, what = node.end(), node.lastgroup
        if what == "text" and node["text"].isspace():
            blank = (tag, node.start(), at | referenced | continued) if continues else ()
        elif what in ("raw", "text"):
            if continues:
                found[-1] |= continued
                found.extend(blank)
            found.extend((tag, node.start(what), node.end(what) | (markup if what == "raw" else referenced)))
            continues, blank = True, ()
        elif what == "block":
            # Look for each kind of end tag once more only after the last one.
            name = b"</" + node["block"]
            if ends.get(name, 0) < at:
                end = data.find(name, at)
                ends[name] = end if end >= 0 else len(data)
            begin = tag = node.start()
            at = ends[name]
            for mark in _CDATA_MARK.finditer(data, begin, at):
                found.extend((tag, begin, mark.start() | markup | continued))
                begin = mark.end()
            found.extend((tag, begin, at | markup))
            continues, blank = False, ()
        elif what == "tag":
            tag, continues, blank = node.start(), False, ()
    return np.array(found or (0, 0, referenced), U64)


def _place(page: bytes, tag: int, begin: int, end: int) -> str | None:
    element = _ELEMENT.match(page, tag)
    if not element:
        return None
    name = element[1].decode("utf-8", "replace")
    attribute = _ATTRIBUTE.search(page, max(tag, begin - 80), begin)
    if attribute and name.lower() == "meta":
        attribute = (
            _META.search(page, max(tag, begin - 2_000), begin)
            or _META.search(page, end, end + 200)
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

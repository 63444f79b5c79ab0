"""Reads the text and the embedded text of pages: one kernel for both, and the memory that it keeps."""

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from presswatch_spark.core.compiled import entry_njit
from presswatch_spark.reading.html.embedded import DEPTH, PIECE, PIECES, K, Memory, write_source
from presswatch_spark.reading.html.markup import EntityTable, load_entities, write_text

from presswatch_spark.reading.html.parts import (  # isort: skip
    ANY_SOURCE, ATTRIBUTE, FEED, JSON, JSON_LD, LEAST_BYTES, NO_PARTS, PART, SCRIPT,
)  # fmt: skip
from presswatch_spark.reading.html.tags import PARTS, TagTable, load_tags, workspace
from presswatch_spark.reading.html.visibility import MOST_REVIVED
from presswatch_spark.reading.text.kernels import SLACK, U64, Bytes, Hashes, plain

KEPT_BYTES = 64 << 20
"""Larger buffers are not kept for the next pages."""
_0, _1 = U64(0), U64(1)
_SOURCES = (JSON_LD, SCRIPT, ATTRIBUTE, FEED, JSON)
_NOTHING = np.empty(0, np.uint8)


@entry_njit
def _read(
    tags: TagTable,
    entities: EntityTable,
    page: Bytes,
    buffers: Any,
    w: Hashes,
    no_parts: Hashes,
    ends: Hashes,
    used: U64,
    given: U64,
    chosen: U64,
) -> tuple[U64, np.uint8, U64]:
    """Write the text of a page and of the parts in it, or (if some are `given`) only theirs, after `used`.

    `ends`: gets the end of the page's text and of the text of each source; only the `chosen` one has any.
    Returns where hidden words begin, the bits for scripts, and the number of pieces.
    """
    out, written, arena, decoded, parts, pieces = buffers
    m = Memory(tags, entities, page, arena, decoded, out[used:], written[used:], w, parts, pieces, no_parts)
    end, hidden, unread, count = _0, _0, np.uint8(0), given
    if given == _0:
        end, hidden, unread = write_text(tags, entities, page, m.out, w, parts)
        count = w[PARTS]
    w[K], w[PIECES], ends[0] = end, _0, used + end
    for n in range(len(_SOURCES)):
        if chosen in (_SOURCES[n], ANY_SOURCE):
            write_source(m, _SOURCES[n], count)
        ends[n + 1] = used + w[K]
    return hidden, unread, w[PIECES]


def room_for(size: int) -> int:
    """Return the bytes of room that the text of a page of `size` bytes needs."""
    # Text may be a quarter longer than the page, since a reference of 5 bytes may become 6. Hidden words with
    # their context may take as much again, their places 8 bytes for a tag of 5, and formatting elements that
    # begin again up to 20 each.
    return 5 * size + 256 + 20 * MOST_REVIVED


def text_of_page(page: bytes | memoryview) -> bytes:
    """Return the text of a page, both in UTF-8, with a line end where tags separate words."""
    reader = TextReader(embedded=False)
    reader.read(np.frombuffer(page, np.uint8))
    return reader.taken().tobytes()


class Piece(NamedTuple):
    """A string of a page: its bytes in its source's text and in the page; begin of its tag and part."""

    text_begin: int
    text_end: int
    begin: int
    end: int
    tag: int
    part: int


class PageTexts(NamedTuple):
    """Bounds of a page's texts in the buffer of its reader: its own, and of each source of embedded text.

    `hidden`: bytes before the hidden words. `unread`: the bits `DATA` and `ARTICLE` for the content of
    scripts, if embedded text is not read.
    """

    text: tuple[int, int]
    embedded: list[tuple[int, int]]
    hidden: int
    unread: int


@dataclass(slots=True)
class TextReader:
    """Reads pages (uint8, UTF-8) one after the other; the texts are in `buffer` up to `used` until taken."""

    embedded: bool = True
    buffer: Bytes = field(default_factory=lambda: _NOTHING, init=False)
    used: int = 0
    _written: Bytes = field(default_factory=lambda: plain(_NOTHING))
    _arena: Bytes = field(default_factory=lambda: _NOTHING)
    _decoded: Bytes = field(default_factory=lambda: plain(_NOTHING))
    _parts: Hashes = field(default_factory=lambda: NO_PARTS)
    _ends: Hashes = field(default_factory=lambda: np.empty(1 + len(_SOURCES), U64))
    _workspace: Hashes = field(default_factory=workspace)

    def read(self, page: Bytes, parts: Hashes = NO_PARTS, source: int | None = None) -> PageTexts:
        """Read a page, or only `parts` of it; of one `source`, if it is named."""
        start = self.used
        hidden, unread, _ = self._call(page, parts, source, NO_PARTS)
        end, *ends = self._ends.tolist()
        self.used = ends[-1]
        # Leave out the line end that ends the text of a source.
        bounds = [(first, last - 1 if first < last else last) for first, last in pairwise((end, *ends))]
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

    def pieces(self, page: Bytes, source: int, parts: Hashes = NO_PARTS) -> list[Piece]:
        """Return the strings of which the text of a source consists, in order."""
        room = np.empty(PIECE * (len(page) // 3 + 1), U64)
        _, _, count = self._call(page, parts, source, room)
        noted, start = parts if len(parts) else self._parts, int(self._ends[source])
        rows = room[: PIECE * int(count)].reshape(-1, PIECE).tolist()
        found = []
        for (part, begin, end), group in groupby(rows, itemgetter(2, 3, 4)):
            texts = list(group)
            first, last = texts[0][0] - start, texts[-1][1] - start
            found.append(Piece(first, last, begin, end, int(noted[part]), int(noted[part + 1])))
        return found

    def _call(
        self, page: Bytes, parts: Hashes, source: int | None, pieces: Hashes
    ) -> tuple[U64, np.uint8, U64]:
        size, needed = len(page), self.used + room_for(len(page))
        if self.embedded:
            needed += 3 * size + (16 << 10)
            # A string of the page may be in the arena once for each level, a copy of it, and its text.
            room = (DEPTH + 4) * size + 16 * SLACK
            if len(self._arena) < room:
                self._arena = np.empty(room, np.uint8)
                self._decoded = plain(self._arena)
                self._parts = np.empty(PART * (size // LEAST_BYTES + 2), U64)
        self._make_room(self.used, needed)
        noted = parts if len(parts) else self._parts
        buffers = self.buffer, self._written, self._arena, self._decoded, noted, pieces
        chosen = ANY_SOURCE if source is None else _SOURCES[source]
        return _read(
            load_tags(), load_entities(), plain(page), buffers, self._workspace, NO_PARTS, self._ends,
            U64(self.used), U64(len(parts) // PART), chosen,
        )  # fmt: skip

    def _make_room(self, used: int, needed: int) -> None:
        if needed > len(self.buffer):
            larger = np.empty(max(needed, 2 * len(self.buffer)), np.uint8)
            larger[:used] = self.buffer[:used]
            self.buffer, self._written = larger, plain(larger)

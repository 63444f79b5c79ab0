"""Values that travel through a scan: batches of documents, their places, responses, reports of reading."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self, TypedDict

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.locators import Locator

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

DEFECTS_KEPT = 20
REASONS_KEPT = 50

DAMAGES: Mapping[str, str] = {
    "length": "the length that it declares is missing, unreadable, or not what is there",
    "header": "its header is damaged, or it has none of its own; its URL is given only if it is certain",
    "boundary": "it was found by looking for a record after damage; nothing proves that it is one",
    "digest": "its bytes do not match the SHA-1 that its header declares",
    "checksum": "the member that contains it, with others, fails its checksum, or is broken and has none",
    "row": "it, or a row near it, is broken or lacks a field, and no checksum covers their bytes",
}
"""Kinds of damage to a record (`matches.record_damage`), each with its meaning."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One HTTP response as a crawler stored it, whatever its status and type.

    `headers`: in the order stored, decoded as ISO-8859-1. `body`: without codings, as far as they can be
    undone. `encoding`: Python's name of the encoding that a browser would use for text. `media_type`: in
    lower case, without parameters. `cut`: the end of the body is missing.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    media_type: str | None
    encoding: str | None
    body: bytes
    locator: Locator
    cut: bool = False

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (in lower case), in order."""
        return tuple(value for key, value in self.headers if key.lower() == name)


PUBLISHER_SOURCES = ("json_ld", "meta", "site_name")
"""Places where a page names its publisher; `site_name` (`og:site_name`) names only the site."""


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """Statements of a page about itself, in JSON-LD or in its head; None if there is none.

    `publisher_source`: one of `PUBLISHER_SOURCES`. `published_at`: without a time zone, the day at 00:00 UTC.
    """

    publisher: str | None = None
    publisher_source: str | None = None
    author: str | None = None
    published_at: datetime | None = None
    based_on: str | None = None
    canonical_url: str | None = None


@dataclass(frozen=True, slots=True)
class Title:
    """A newspaper, magazine or site. `domains` are ASCII host names in lower case, prefixes `host/path/`.

    `timezone`: the IANA time zone in which it dates its articles; None if the members file names none.
    """

    id: str
    name: str
    publisher_id: str
    domains: tuple[str, ...]
    url_prefixes: tuple[str, ...]
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """An article with all that verification and match rows need; `body` is UTF-8, `words` its length.

    `time_zone`: of its title. `is_excerpt`: the body is a teaser or breaks off before its end.
    """

    article_id: str
    title_id: str
    publisher_id: str
    url: str | None
    headline: str | None
    published_at: datetime | None
    body: bytes
    cluster_id: str | None
    words: int
    time_zone: str | None = None
    is_excerpt: bool = False


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts in a shared buffer: text i is `data[starts[i]:ends[i]]`. `data` uint8; bounds int64 (n,)."""

    data: Bytes
    starts: Offsets
    ends: Offsets

    @classmethod
    def empty(cls, texts: int) -> Self:
        """Return a column of empty texts."""
        return cls(np.empty(0, np.uint8), np.zeros(texts, np.int64), np.zeros(texts, np.int64))

    @classmethod
    def joined(cls, texts: Sequence[bytes | memoryview]) -> Self:
        """Return a column of these texts."""
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
        starts = np.concatenate((np.zeros(min(1, len(texts)), np.int64), ends[:-1]))
        return cls(np.frombuffer(b"".join(texts), np.uint8), starts, ends)

    @property
    def sizes(self) -> Offsets:
        """Return the bytes of each text: int64 (n,)."""
        sizes: Offsets = self.ends - self.starts
        return sizes

    def take(self, chosen: Offsets | slice) -> Self:
        """Return a column of some of the texts; it shares the buffer."""
        return replace(self, starts=self.starts[chosen], ends=self.ends[chosen])

    def __getitem__(self, i: int) -> Bytes:
        return self.data[self.starts[i] : self.ends[i]]

    def __len__(self) -> int:
        return len(self.starts)


class TextString(TypedDict):
    """A string of an embedded document: its characters there, and its literal in the page.

    `path`: a JSON path, or element and attribute; None if unknown. `start`, `end`: bytes of the literal, of
    one in several pieces (CDATA sections, scripts of a stream) those from the first to the last.
    """

    document_start: int
    document_end: int
    path: str | None
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Documents as ranges of shared buffers: no Python object exists per document.

    A page has a main document, possibly without text, and directly after it its embedded documents: one for
    each `TextSource` of strings, in the order of that type, with the URL and the place of the page. `mains`
    int64 (n,): the main document of each document's page; None if no page has embedded ones.
    `hidden_from(i)`: the first byte of the hidden words in main document i, None if it has none.
    `strings(i)`: the strings of embedded document i, in the order of its text.

    `texts`: of the documents, in UTF-8, possibly invalid. `urls`: likewise. `captures`: the responses that
    `ReadOptions.wants` selects. `main_text(i)`: the text of the main content of page i, None if unknown.
    `page_metadata(i)`: statements of page i about itself. `is_audit`: the language gate leaves these
    documents out; they are read only to measure the gate's cost.
    """

    texts: TextColumn
    urls: TextColumn
    locate: Callable[[int], Locator]
    captures: Sequence[Capture] = ()
    main_text: Callable[[int], bytes | None] | None = None
    page_metadata: Callable[[int], PageMetadata | None] | None = None
    is_audit: bool = False
    mains: Offsets | None = None
    hidden_from: Callable[[int], int | None] | None = None
    strings: Callable[[int], Sequence[TextString]] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def text_of(self, i: int) -> bytes:
        """Return the text of document i: as stored, or as extracted from the page."""
        return self.texts[i].tobytes()

    @property
    def main_documents(self) -> Offsets:
        """Return the main document of each page, in order: int64 (pages,)."""
        return np.arange(len(self)) if self.mains is None else np.unique(self.mains)

    def main_of(self, i: int) -> int:
        """Return the main document of the page of document i."""
        return i if self.mains is None else int(self.mains[i])

    def single(self, i: int) -> Self:
        """Return a batch of the page of document i only, without captures; it shares the buffers."""
        main = self.main_of(i)
        count = 1 if self.mains is None else int(np.count_nonzero(self.mains == main))
        mains = None if self.mains is None else np.zeros(count, np.int64)
        changed: dict[str, Any] = {"captures": (), "mains": mains}
        for each in fields(self):
            value = getattr(self, each.name)
            if callable(value):
                changed[each.name] = lambda i, question=value: question(main + i)
            elif isinstance(value, TextColumn):
                changed[each.name] = value.take(slice(main, main + count))
        return replace(self, **changed)

    def url_of(self, i: int) -> str:
        """Return the URL of document i; undecodable bytes become U+FFFD."""
        return self.urls[i].tobytes().decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Defect:
    """A part that was not read; `offset` counts bytes, inflated bytes, lines, rows or row groups."""

    what: str
    offset: int | None = None
    unit: str = "byte"

    def __str__(self) -> str:
        return self.what if self.offset is None else f"{self.what} ({self.unit} {self.offset:,})"


@dataclass(slots=True)
class ReadReport:
    """Report of reading one shard; filled while batches are drawn. A shard with a defect is never `complete`.

    `interrupted`: the transfer broke off; another try may get further. `blocked`: a site refuses everything.
    `late`: it took longer than allowed. `faulty`: our code failed. `unverified`: a checksum over several
    records failed, or lines without checksum are broken, so any of these records may contain text of others.
    `unchecked`: the compression (`plain`, `zstd`) of bytes without checksum. `skipped`: documents left out on
    purpose, by reason; `unread`: pages with parts that are never read, by kind. `members_passed`,
    `bytes_passed`: gzip members that a language gate skipped. `notes`: findings that are no loss, each once.
    """

    bytes_read: int = 0
    documents: int = 0
    documents_skipped: int = 0
    text_bytes: int = 0
    defects: list[Defect] = field(default_factory=list)
    defects_total: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    interrupted: bool = False
    blocked: bool = False
    late: bool = False
    faulty: bool = False
    unverified: bool = False
    unchecked: str | None = None
    release: str | None = None
    notes: list[str] = field(default_factory=list)
    members_passed: int = 0
    bytes_passed: int = 0

    def add_defect(self, what: str, offset: int | None = None, unit: str = "byte") -> None:
        """Record a defect; the first `DEFECTS_KEPT` are kept in full, all are counted."""
        self.defects_total += 1
        if len(self.defects) < DEFECTS_KEPT:
            self.defects.append(Defect(what, offset, unit))

    @property
    def room(self) -> int:
        """Return how many more defects would be kept in full."""
        return DEFECTS_KEPT - len(self.defects)

    @property
    def complaints(self) -> list[str]:
        """Return the defects that were kept, as text, and the number of the others."""
        more = self.defects_total - len(self.defects)
        return [*map(str, self.defects), *([f"and {more:,} more"] if more else [])]

    def add_skipped(self, why: str, documents: int = 1) -> None:
        """Count documents left out on purpose. Reasons beyond `REASONS_KEPT` are counted as one."""
        if documents:
            self.documents_skipped += documents
            known = why in self.skipped or len(self.skipped) < REASONS_KEPT
            why = why if known else "other reasons"
            self.skipped[why] = self.skipped.get(why, 0) + documents

    def add_note(self, what: str) -> None:
        """Note something that is no loss, once."""
        if what not in self.notes:
            self.notes.append(what)

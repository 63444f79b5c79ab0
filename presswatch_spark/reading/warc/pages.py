"""Makes documents from stored responses: head, codings, charset, kind, text (`html.visible_text`)."""

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.core.locators import Locator, TextSource
from presswatch_spark.core.scan_values import (
    Capture,
    DocumentBatch,
    PageMetadata,
    ReadReport,
    TextColumn,
    TextString,
)
from presswatch_spark.reading.html.embedded_text import EXTRACTION as EMBEDDED_EXTRACTION
from presswatch_spark.reading.html.reader import TextReader, text_of_page
from presswatch_spark.reading.html.tags import ARTICLE, DATA
from presswatch_spark.reading.html.visible_text import EXTRACTION
from presswatch_spark.reading.http.codings import decoded_body
from presswatch_spark.reading.http.message import (
    Kind,
    Message,
    as_html,
    data_source,
    encoding_of,
    kind_of_content,
    media_type,
    parse_message,
    site_file,
    to_utf8,
)
from presswatch_spark.reading.page_metadata import PAGE_BYTES, page_metadata_of
from presswatch_spark.reading.pdf_and_main_content import (
    PDF_EXTRACTION,
    ParserDiedError,
    UnparsablePageError,
    has_prose_of,
    parse_in_subprocess,
)
from presswatch_spark.reading.pdf_and_main_content import Kind as ParsedKind
from presswatch_spark.reading.source import ReadOptions
from presswatch_spark.reading.warc.language_gates import AuditDraw, declared

# The most pages of a shard that may kill the parser, since each may cost a minute.
MOST_BROKEN = 20

EXTRACTIONS: Mapping[Kind, str | None] = {"html": EXTRACTION, "text": None, "pdf": PDF_EXTRACTION}
_BLANK = ord(" ")
# Statuses without a body, whatever their Content-Length.
_BODILESS = frozenset((204, 304))
# Pages keep the blocks that contain them in memory: after so many bytes of responses, a batch is full.
PINNED_BYTES = 32 << 20
# Data in scripts, invisible on the page.
UNREAD: Mapping[int, str] = {int(DATA): "JSON in scripts", int(ARTICLE): "articleBody in scripts"}
ARTICLE_NOTE = "articles' text in scripts (articleBody) is not read; `scan_log.unread` counts the pages"
DOUBTFUL = "record may contain a page, though it seems to have none: it is damaged, and was not read"
CUT_NOTE = "pages that the crawler cut (WARC-Truncated) were read as far as they go"


@dataclass(slots=True)
class Stored:
    """The content of a record.

    `block`: HTTP head and body; without HTTP the body only, and `resource` is its type. `pointer`: builds the
    locator, without facts of the response. `place`: offset and unit for a defect. `languages`: as the crawler
    identified them, None if it did not. `cut`: the crawler cut it. `verified`: the record is the content of
    a verified gzip member. `noted`: the media type that the crawler recorded. `proven`: the digest that the
    record declares is that of `block`.
    """

    url: bytes
    block: memoryview
    pointer: Callable[[], Locator]
    place: Callable[[], tuple[int, str]]
    languages: tuple[str, ...] | None = None
    resource: str | None = None
    cut: bool = False
    verified: Callable[[], bool] = lambda: True
    noted: str | None = None
    proven: Callable[[], bool] = lambda: False

    @property
    def message(self) -> Message | None:
        """Return the head of the response; of a resource, one with its type."""
        if self.resource is not None:
            return Message(None, f"Content-Type: {self.resource}", 0)
        return parse_message(self.block)


@dataclass(frozen=True, slots=True)
class _WarcPage:
    """A page; `content`: its source, or the text of a PDF, in UTF-8."""

    stored: Stored
    message: Message
    kind: Kind
    content: bytes | memoryview
    charset: str | None = None


@dataclass(slots=True)
class PageBatches:
    """Makes batches of documents from stored responses; counts and notes go to `report`."""

    options: ReadOptions
    report: ReadReport
    _size: int = 0
    _passed: int = 0
    _broken: int = 0
    _reader: TextReader = field(init=False)
    _bounds: list[tuple[int, int]] = field(default_factory=list)
    _pages: list[_WarcPage] = field(default_factory=list)
    _sources: list[TextSource] = field(default_factory=list)
    _hidden: list[int | None] = field(default_factory=list)
    _captures: list[Capture] = field(default_factory=list)
    _drawn: list[Stored] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = TextReader(self.options.embedded_text)

    def add(self, stored: Stored) -> None:
        """Add a response: as a document if its text passes the gate, as a capture if it is wanted."""
        self._passed = self._passed + len(stored.block) if self._held else 0
        url = stored.url.decode("utf-8", "replace")
        wanted = self.options.wants is not None and self.options.wants(url)
        gated = self.options.skips_languages(stored.languages or ())
        if gated and not wanted:
            self.report.add_skipped("language")
            self._draw(stored)
            return
        message = stored.message
        if message is None:
            self._skip("empty response", stored)
            return
        body = decoded_body(message, stored.block, self.options.max_document_bytes)
        content_type = message.last("content-type")
        media = media_type(content_type)
        kind = kind_of_content(media, body.data)
        data = data_source(kind, media, body.data) if self.options.embedded_text else None
        textual = kind in ("html", "text") or data is not None
        encoding = encoding_of(content_type, body.data) if textual else None
        if wanted:
            locator = _located(stored, message)
            cut = stored.cut or body.problem is not None
            self._captures.append(
                Capture(url, message.headers, media, encoding, bytes(body.data), locator, cut)
            )
            self._size += len(body.data) + len(message.head)
        if gated:
            self.report.add_skipped("language")
            self._draw(stored)
        elif site_file(url) and kind_of_content(None, body.data) != "html":
            self.report.add_skipped("file about the site")
        elif encoding is not None:
            self._note(stored, body.problem)
            content = to_utf8(body.data, encoding)
            content = as_html(content, media) if kind == "html" else content
            add = self._add_data if kind == "other" else self._add_page
            add(_WarcPage(stored, message, kind, content, encoding), data)
        elif kind == "pdf" and self.options.pdf:
            self._note(stored, body.problem)
            try:
                text, problem = self._parsed("pdf", body.data)
            except UnparsablePageError as error:
                text, problem = b"", str(error)
            self._note(stored, problem)
            self._add_page(_WarcPage(stored, message, "pdf", text))
        else:
            why = media or ("unknown media type" if len(body.data) else "no text")
            self._skip(why, stored, body.data)

    def of(self, responses: Iterable[Stored]) -> Iterator[DocumentBatch]:
        """Yield the batches of responses; those before an error are yielded before it is raised."""
        try:
            for stored in responses:
                self.add(stored)
                if self._size >= self.options.batch_bytes or (self._held and self._passed >= PINNED_BYTES):
                    yield self.take()
                if self._drawn:
                    yield from self._audit()
        except PresswatchError:
            if self._held:
                yield self.take()
            raise
        if self._held:
            yield self.take()

    @property
    def _held(self) -> bool:
        return bool(self._pages or self._captures)

    def take(self) -> DocumentBatch:
        """Return the documents and captures so far, and begin the next batch."""
        pages, sources, hidden, captures = self._pages, self._sources, self._hidden, self._captures
        is_main = np.array([source == "visible" for source in sources], np.bool_)
        texts = TextColumn(self._reader.taken(), *np.array(self._bounds, np.int64).reshape(-1, 2).T.copy())
        self.report.documents += int(is_main.sum())
        self.report.text_bytes += int(texts.sizes.sum())
        self._bounds, self._pages, self._sources, self._hidden, self._captures = [], [], [], [], []
        self._size = self._passed = 0

        def page_metadata(i: int) -> PageMetadata | None:
            page = pages[i]
            if page.kind != "html":
                return None
            url = page.stored.url.decode("utf-8", "replace")
            return page_metadata_of(bytes(page.content[:PAGE_BYTES]), url)

        def locate(i: int) -> Locator:
            page, source = pages[i], sources[i]
            extraction = EXTRACTIONS.get(page.kind) if source == "visible" else EMBEDDED_EXTRACTION
            return replace(_located(page.stored, page.message, extraction, page.charset), text_source=source)

        def strings(i: int) -> list[TextString]:
            return TextReader().strings(bytes(pages[i].content), sources[i], texts[i])

        return DocumentBatch(
            texts,
            urls=TextColumn.joined([page.stored.url for page in pages]),
            locate=locate,
            captures=captures,
            main_text=lambda i: self._main_text(pages[i], texts[i].tobytes()) if is_main[i] else None,
            page_metadata=page_metadata,
            mains=None if is_main.all() else np.maximum.accumulate(np.arange(len(pages)) * is_main),
            hidden_from=hidden.__getitem__,
            strings=strings,
        )

    def _draw(self, stored: Stored) -> None:
        # Draw for the audit from the responses that the language gate leaves out.
        if self.options.audit and AuditDraw(self.options.audit).takes(stored.pointer().record_id):
            self._drawn.append(stored)

    def _audit(self) -> Iterator[DocumentBatch]:
        """Yield batches of the drawn responses, which do not count in the report."""
        options = replace(self.options, languages=frozenset(), wants=None)
        drawn, self._drawn = self._drawn, []
        for batch in PageBatches(options, ReadReport()).of(drawn):
            yield replace(batch, is_audit=True)

    def _skip(self, why: str, stored: Stored, body: bytes | memoryview | None = None) -> None:
        """Count a response that is left out on purpose, or note a defect if damage may hide a page.

        `body`: the content, if it is of no kind that is read; the crawler may have noted another kind.
        """
        if not stored.verified() and _is_doubtful(stored, body):
            self.report.add_defect(DOUBTFUL, *stored.place())
        else:
            self.report.add_skipped(why)

    def _note(self, stored: Stored, problem: str | None) -> None:
        if stored.cut:
            # The bytes that the crawler left out are not in the dataset, so they are no loss of this scan.
            self.report.add_note(CUT_NOTE)
        elif problem:
            self.report.add_defect(problem, *stored.place())

    def _add_page(self, page: _WarcPage, data: TextSource | None = None) -> None:
        """Add a page; `data`: the source of its content as data, if that is mislabelled data."""
        if (
            page.stored.languages is None
            and page.kind == "html"
            and self.options.skips_languages(declared(page.content))
        ):
            self._skip("language", page.stored)
            self._draw(page.stored)
            return
        embedded, hidden, unread = dict[TextSource, tuple[int, int]](), None, 0
        if page.kind == "html":
            text, embedded, hidden, unread = self._reader.read(page.content)
        else:
            text = self._reader.add(page.content)
        if data:
            embedded |= self._reader.read(page.content, data).embedded
        for bit, what in UNREAD.items():
            if unread & bit:
                self.report.unread[what] = self.report.unread.get(what, 0) + 1
        if unread & ARTICLE:
            self.report.add_note(ARTICLE_NOTE)
        if not embedded and not (self._reader.buffer[slice(*text)] > _BLANK).any():
            stored = page.stored
            # If damage puts zeros into a tag, the tag may hide the text that follows.
            if b"\0" in bytes(page.content) and not stored.verified() and not stored.proven():
                self.report.add_defect(DOUBTFUL, *stored.place())
            else:
                self._skip("no text", stored, None if len(page.content) else b"")
            return
        self._append(page, "visible", text, hidden)
        for source, bounds in embedded.items():
            self._append(page, source, bounds)
        self._size += len(page.content)

    def _append(
        self, page: _WarcPage, source: TextSource, bounds: tuple[int, int], hidden: int | None = None
    ) -> None:
        self._bounds.append(bounds)
        self._pages.append(page)
        self._sources.append(source)
        is_known = self.options.embedded_text and hidden != bounds[1] - bounds[0]
        self._hidden.append(hidden if is_known else None)

    def _add_data(self, page: _WarcPage, source: TextSource | None) -> None:
        """Add a response that is only data as a page without text, if there are strings in it."""
        texts = self._reader.read(page.content, source)
        if source is None or source not in texts.embedded:
            media = media_type(page.message.last("content-type"))
            self._skip(media or "no text", page.stored, page.content)
            return
        self._append(page, "visible", texts.text)
        self._append(page, source, texts.embedded[source])
        self._size += len(page.content)

    def _main_text(self, page: _WarcPage, whole_text: bytes) -> bytes | None:
        if page.kind != "html":
            return None
        try:
            content, unchosen = self._parsed("main", page.content)
        except UnparsablePageError:
            return None
        text = text_of_page(content)
        return text if unchosen or has_prose_of(text, whole_text) else None

    def _parsed(self, kind: ParsedKind, page: bytes | memoryview) -> tuple[bytes, str | None]:
        """Call `parse_in_subprocess`; a shard with many pages that kill the parser gets no more time."""
        if self._broken == MOST_BROKEN:
            raise UnparsablePageError("too many pages of the shard killed the parser before this one")
        try:
            return parse_in_subprocess(kind, page)
        except ParserDiedError:
            self._broken += 1
            raise


def _is_doubtful(stored: Stored, body: bytes | memoryview | None) -> bool:
    """Return True if damage may hide a page in a record, and nothing proves that it does not.

    The content looks like a page, the HTTP head may be lost or taken for the body, or only the head is left.
    """
    if stored.pointer().damage:
        return True
    if body is None:
        return False
    if stored.noted is not None:
        # The crawler recorded the type, as in ARC.
        may_have_body = len(body) > 0 or not _is_closed(stored.block)
        return may_have_body and kind_of_content(stored.noted, b"") in ("html", "text")
    message = stored.message
    if len(body):
        has_no_head = message is not None and stored.resource is None and message.body_at == 0
        may_be_page = has_no_head or kind_of_content(None, body) == "html"
    elif message is None or stored.resource is not None or stored.cut:
        may_be_page = False
    elif (length := message.last("content-length") or "").isdecimal():
        is_head_only = message.body_at == len(stored.block)
        may_be_page = is_head_only and length.strip("0") != "" and message.status not in _BODILESS
    else:
        # Some writers leave out the blank line after a head without a body.
        may_be_page = message.body_at == len(stored.block) and not _is_closed(stored.block)
    return may_be_page and not stored.proven()


def _is_closed(block: memoryview) -> bool:
    """Return True if a block ends with a blank line, as a head does."""
    return bytes(block[-3:]).replace(b"\r", b"").endswith(b"\n\n")


def _located(
    stored: Stored, message: Message, extraction: str | None = None, charset: str | None = None
) -> Locator:
    """Return the locator of a response, with its status and the digest of the payload that is there."""
    digest = b32encode(hashlib.sha1(stored.block[message.body_at :], usedforsecurity=False).digest()).decode()
    return replace(
        stored.pointer(),
        http_status=message.status,
        languages=stored.languages or (),
        payload_digest_computed=f"sha1:{digest}",
        extraction=extraction,
        charset=charset,
    )

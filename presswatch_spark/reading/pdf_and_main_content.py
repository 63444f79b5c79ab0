"""Parses main contents, elements under selectors, and PDF, with other libraries in a separate process.

That process may hang, swell or crash without harm to the scan. The main content of a page is the article,
without menus, teasers, comments and notices; it never filters the verified text. As in Readability (arc90,
2009), it is the smallest element with most of the paragraphs of prose, and all from the headline to it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from itertools import takewhile
from select import POLLIN, poll
from threading import Lock
from typing import Literal

from resiliparse.parse.html import CSSParserException, HTMLTree
from resiliparse.parse.html.node import ElementNode, Node

from presswatch_spark.core.processes import begin_child


class UnparsablePageError(ValueError):
    """A page cannot be parsed; the message has no text of the page."""


MOST = 0.7
"""The main content has at least this share of the prose."""
PROSE_CHARACTERS = 60
"""Shorter paragraphs are no prose; the characters of links are subtracted twice."""
FURNITURE_AT_MOST = 0.3
"""An element with a larger share of the prose is no furniture (menus, teasers, notices)."""
LISTS_AT_MOST = 0.1
"""The same for lists and tables that are links for the most part."""
LINE_CHARACTERS, LINES_AT_LEAST = 100, 0.2
"""Lines from this length on are prose; the main content has at least this share of their characters."""
STEPS = 20_000
"""A page with more elements, or one nested deeper, is not judged."""
READINGS = 16
"""The most characters that are read, in lengths of the page: hostile pages nest elements without end."""

_OUTSIDE = frozenset({"nav", "aside", "footer", "form", "dialog"})
_TAGS = _OUTSIDE | {"header", "button", "figcaption", "select", "fieldset"}
_ROLES = frozenset({"dialog", "navigation", "complementary", "contentinfo", "banner", "search", "alert"})
_NAMES = re.compile(
    "side-?bar|widget|newsletter|popup|modal|related|comment|breadcrumb|share|social|cookie|promo|sponsor"
    "|teaser|recommend|caption|footer|paywall|menu",
    re.IGNORECASE,
)
_NAMED = "[role], div[class], div[id], section[class], section[id], p[class], ul[class], figure[class]"


UNCHOSEN = "no element was chosen"


def main_content(page: bytes) -> tuple[bytes, str | None]:
    """Return the main content of a page, HTML in UTF-8, and `UNCHOSEN` if it is the whole page.

    `UnparsablePageError`: the page exceeds `STEPS` or `READINGS`. `ValueError`: the parser refuses it.
    """
    tree = HTMLTree.parse(page.decode("utf-8", "replace"))
    if tree.body is None:
        return b"", UNCHOSEN
    chosen = _PageTree(tree.body).cut()
    return tree.body.html.encode("utf-8", "replace"), None if chosen else UNCHOSEN


def has_prose_of(text: bytes, page_text: bytes) -> bool:
    """Return True if the text of a chosen element has enough of its page's long lines to be main content."""
    chosen, total = (
        sum(len(line) for line in each.decode("utf-8", "replace").split("\n") if len(line) >= LINE_CHARACTERS)
        for each in (text, page_text)
    )
    return chosen >= LINES_AT_LEAST * total


class _PageTree:
    """The elements of a page, and the characters of prose in each."""

    def __init__(self, body: ElementNode) -> None:
        self._body = body
        self._steps = STEPS
        self._characters = READINGS * len(body.text or "")
        self._prose = self._weighed()
        self._total = self._prose.get(body, 0)

    def cut(self) -> bool:
        """Reduce the page to its main content; return True if an element was chosen."""
        holder = self._body
        for element, n in self._prose.items():
            if n >= MOST * self._total and isinstance(element, ElementNode) and holder.contains(element):
                holder = element
        top, around = self._from_headline(self._up(holder))
        _remove(around)
        spared = {element for headline in self._all(top, "h1") for element in self._up(headline)}
        suspects = self._all(top, f"{', '.join(sorted(_TAGS))}, {_NAMED}")
        _remove(one for one in suspects if one not in spared and self._is_furniture(one))
        _remove(
            one
            for one in self._all(top, "ul, ol, table")
            if self._prose.get(one, 0) <= LISTS_AT_MOST * self._total
            and self._length_of_links(one) > self._length(one) / 2
        )
        if top == self._body:
            return False
        self._body.replace_children(top)
        return True

    def _weighed(self) -> dict[Node, int]:
        own: dict[ElementNode, int] = {}
        for paragraph in self._all(self._body, "p, blockquote, pre"):
            n = self._length(paragraph)
            if n >= PROSE_CHARACTERS:
                n -= 2 * self._length_of_links(paragraph)
            if n >= PROSE_CHARACTERS and (above := paragraph.parent_element) is not None:
                own[above] = own.get(above, 0) + n
        prose: dict[Node, int] = {}
        for holder, n in own.items():
            path = self._up(holder)
            if not any(element.tag in _OUTSIDE for element in path):
                for element in path:
                    prose[element] = prose.get(element, 0) + n
        return prose

    def _from_headline(self, path: Sequence[ElementNode]) -> tuple[ElementNode, list[Node]]:
        """Return the element with both headline and holder, and the nodes in it before and after the two.

        `path`: the holder and the elements around it. Without a headline before it, return the holder.
        """
        shared, headline = 1, None
        for one in self._all(self._body, "h1"):
            other = self._up(one)
            pairs = zip(path[::-1], other[::-1], strict=False)
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if common == len(path):
                return path[0], []
            if common > shared and (one.text or "").strip():
                shared, headline = common, other
        if headline is None or path[-shared - 1] not in self._beside(headline[-shared - 1], after=True):
            return path[0], []
        before = [node for element in headline[:-shared] for node in self._beside(element, after=False)]
        behind = [node for element in path[:-shared] for node in self._beside(element, after=True)]
        return path[-shared], before + behind

    def _is_furniture(self, element: ElementNode) -> bool:
        if self._prose.get(element, 0) > FURNITURE_AT_MOST * self._total:
            return False
        if element.tag in _TAGS or element.getattr("role") in _ROLES:
            return True
        return _NAMES.search(f"{element.class_name or ''} {element.id or ''}") is not None

    def _length(self, element: ElementNode) -> int:
        n = len(element.text or "")
        self._spend(characters=n)
        return n

    def _length_of_links(self, element: ElementNode) -> int:
        return sum(map(self._length, self._all(element, "a")))

    def _all(self, element: ElementNode, selector: str) -> Sequence[ElementNode]:
        # Take a slice, since the library selects again at every step of a loop.
        elements = element.query_selector_all(selector)[:]
        self._spend(steps=len(elements))
        return elements

    def _up(self, element: ElementNode) -> list[ElementNode]:
        path = [element]
        while path[-1] != self._body and (above := path[-1].parent_element) is not None:
            path.append(above)
            self._spend(steps=1)
        return path

    def _beside(self, element: Node, after: bool) -> list[Node]:
        siblings = []
        node = element.next_sibling if after else element.previous_sibling
        while node is not None:
            siblings.append(node)
            self._spend(steps=1)
            node = node.next_sibling if after else node.previous_sibling
        return siblings

    def _spend(self, steps: int = 0, characters: int = 0) -> None:
        self._steps -= steps
        self._characters -= characters
        if min(self._steps, self._characters) < 0:
            raise UnparsablePageError("the main content cannot be determined")


def _remove(nodes: Iterable[Node]) -> None:
    for node in nodes:
        if (above := node.parent_node) is not None:
            above.remove_child(node)


PARSER = f"resiliparse {version('resiliparse')}"
ELEMENTS = 200
"""The most elements of a selector."""


def request_of(selectors: Sequence[str], page: bytes) -> bytes:
    """Write the request to `selected_elements`: selectors as a line of JSON, then the page in UTF-8."""
    return json.dumps(selectors).encode() + b"\n" + page


def selected_elements(request: bytes) -> tuple[bytes, None]:
    """Return the elements under each selector, HTML in JSON, null for an invalid selector."""
    selectors, _, page = request.partition(b"\n")
    text = page.decode("utf-8", "replace")
    return json.dumps([elements_under(selector, text) for selector in json.loads(selectors)]).encode(), None


def elements_under(selector: str, page: str) -> str | None:
    """Return the HTML of the elements under one selector, a line end between them.

    None for an invalid selector, and if the first `ELEMENTS` contain no text but there are more.
    """
    found: list[str] = []
    has_text = False
    tree = HTMLTree.parse(page)
    document, body = tree.document, tree.body
    if document is None or body is None:
        return ""
    try:
        root = document.query_selector(selector)
        if root is not None and root.node_name in ("HTML", "BODY"):
            return body.html
        # Remove each element with its content, so that nothing counts twice. (A step through the list of all
        # elements would take 7 ms.)
        for _ in range(ELEMENTS):
            element = body.query_selector(selector)
            if element is None:
                return "\n".join(found)
            found.append(element.html)
            has_text = has_text or bool((element.text or "").strip())
            element.remove()
        more = body.query_selector(selector) is not None
    except CSSParserException:
        return None
    return None if more and not has_text else "\n".join(found)


PDF_EXTRACTION = f"pypdf {version('pypdf')}"
MOST_PAGES = 2_000


def pdf_text(body: bytes) -> tuple[bytes, str | None]:
    """Return the text of a PDF in UTF-8, and a note on pages not read; raises `UnparsablePageError`."""
    # Imported here, since every scanning process imports this module, and few parse PDF.
    import pypdf

    # pypdf's warnings quote the file.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    texts, failed = [], 0
    try:
        pages = pypdf.PdfReader(io.BytesIO(body), strict=False).pages
        count = len(pages)
    except Exception as error:  # noqa: BLE001 - a damaged file makes it raise nearly anything
        raise UnparsablePageError(f"PDF cannot be read: {type(error).__name__}") from None
    for number in range(min(count, MOST_PAGES)):
        try:
            texts.append(pages[number].extract_text())
        except Exception:  # noqa: BLE001
            failed += 1
    notes = [f"{failed:,} of {count:,} pages of a PDF cannot be read"] if failed else []
    if count > MOST_PAGES:
        notes.append(f"a PDF has {count:,} pages, of which the first {MOST_PAGES:,} were read")
    return "\n\n".join(texts).encode("utf-8", "replace"), "; ".join(notes) or None


Kind = Literal["main", "css", "pdf"]
_PARSERS: Mapping[str, Callable[[bytes], tuple[bytes, str | None]]] = {
    "main": main_content,
    "css": selected_elements,
    "pdf": pdf_text,
}

# Processor time for one page (100 MB of HTML take 7 to 15 s), and time to the answer on a busy machine.
MOST_SECONDS = 60
MOST_WAITING_SECONDS = 1_200
# Address space: 100 MB of HTML take 3 GB.
LEAST_MEMORY, MEMORY_PER_BYTE = 1 << 30, 64
LARGE_BYTES = 8 << 20

# Threads share one parser process, and take turns.
_LOCK = Lock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)

_REQUEST = struct.Struct(">4sQ")
_ANSWER = struct.Struct(">?QQ")


class ParserDiedError(UnparsablePageError):
    """The page killed the process: it took too long (`late`), or all memory, or made the parser crash."""

    def __init__(self, why: str, *, late: bool) -> None:
        super().__init__(why)
        self.late = late


def parse_in_subprocess(kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
    """Return the text of a page in UTF-8, and a note on the parts that were not read, or None.

    `kind`: `pdf` for the text of a PDF, `main` for the main content of HTML, as HTML; `css`: `request_of`.
    `UnparsablePageError`: the parser refuses the page. `ParserDiedError`: it died of the page.
    """
    with _LOCK:
        try:
            return _answer(kind, page)
        except ParserDiedError as error:
            if error.late:
                raise
            # Try once more: the parser may have died earlier, or for another reason.
            return _answer(kind, page)


def _answer(kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
    parser = _parser(os.getpid())
    # End the parser after a large page: it keeps that memory, and the next page's limit may be less.
    ends = len(page) > LARGE_BYTES
    try:
        return parser.text_of(kind, page)
    except ParserDiedError:
        ends = True
        raise
    except UnparsablePageError:
        raise
    except BaseException:
        # Otherwise the answer would be taken for the answer to the next request.
        parser.kill()
        ends = True
        raise
    finally:
        if ends:
            parser.end()
            _parser.cache_clear()


@lru_cache(maxsize=1)
def _parser(_pid: int) -> _Parser:
    return _Parser()


class _Parser:
    """The parser process. It ends when all processes have closed its input."""

    def __init__(self) -> None:
        self._killed = False
        self._process, self._requests, self._answers = begin_child(__name__, new_session=True)

    def text_of(self, kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
        requests, answers = self._requests, self._answers
        try:
            requests.write(_REQUEST.pack(kind.encode(), len(page)))
            requests.write(page)
            requests.flush()
            waiting = poll()
            waiting.register(answers, POLLIN)
            if not waiting.poll(1_000 * MOST_WAITING_SECONDS):
                self.kill()
            read, text_bytes, note_bytes = _ANSWER.unpack(answers.read(_ANSWER.size))
            text, note = answers.read(text_bytes), answers.read(note_bytes)
            if len(text) + len(note) < text_bytes + note_bytes:
                raise EOFError
        except (OSError, EOFError, struct.error):
            code = self.end()
            if code == -signal.SIGPROF:
                why = f"the parser needs more than {MOST_SECONDS} s for the page"
                raise ParserDiedError(why, late=True) from None
            late = code == -signal.SIGKILL and self._killed
            why = "did not answer" if late else "died on the page: it crashed or ran out of memory"
            raise ParserDiedError(f"the parser {why}", late=late) from None
        if not read:
            raise UnparsablePageError(note.decode())
        return text, note.decode() or None

    def end(self) -> int:
        """Let the process end, and return its exit code."""
        with suppress(OSError):
            self._requests.close()
        self._answers.close()
        return self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        self._killed = True
        self._process.kill()


def serve() -> None:
    """Answer requests on stdin until it ends, in a child process; other output to stdout goes to stderr."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while len(request := requests.read(_REQUEST.size)) == _REQUEST.size:
        kind, size = _REQUEST.unpack(request)
        page = requests.read(size)
        # The system ends the process if a page takes too long, and refuses it too much memory.
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        hard, most = resource.getrlimit(resource.RLIMIT_AS)[1], LEAST_MEMORY + MEMORY_PER_BYTE * size
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
        text, note, read = b"", "", False
        try:
            text, remark = _PARSERS[kind.rstrip(b"\0").decode()](page)
            note, read = remark or "", True
        except MemoryError:
            note = "the parser needs too much memory for the page"
        except UnparsablePageError as error:
            note = str(error)
        except ValueError:
            note = "the parser refuses the page"
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(_ANSWER.pack(read, len(text), len(note.encode())))
        answers.write(text)
        answers.write(note.encode())
        answers.flush()

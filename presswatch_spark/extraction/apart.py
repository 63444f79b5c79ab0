"""The process of the parsers, which may hang, swell or crash without harm to the scan.

Parsing HTML is quadratic in things that a page may hold by the hundred thousand: attributes of one tag,
options of a list. Unclosed `<b>` are repeated in every paragraph after them, until the memory is full. The
process is started with the first page, and again after one that killed it.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from select import POLLIN, poll
from threading import Lock
from typing import BinaryIO, Literal

from presswatch_spark.processes import begin_child

Kind = Literal["main", "css", "pdf"]
_MODULES = {"main": "main_content", "css": "selected", "pdf": "pdf"}

# Processor time for one page: 100 MB of HTML take 7 to 15.
MOST_SECONDS = 60
# Time to the answer: on a busy machine the parser may wait for its turn.
MOST_WAITING_SECONDS = 1_200
# Address space: 100 MB of HTML take 3 GB.
LEAST_MEMORY, MEMORY_PER_BYTE = 1 << 30, 64
LARGE_BYTES = 8 << 20

# Threads take turns: one question, one answer.
_LOCK = Lock()
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)

_REQUEST = struct.Struct(">4sQ")
_ANSWER = struct.Struct(">?QQ")


class RefusedPageError(ValueError):
    """A parser can make nothing of a page; the message is a sentence without text of the page."""


class UnparsablePageError(ValueError):
    """A page cannot be parsed; the message says why, without text of the page."""


class ParserDiedError(UnparsablePageError):
    """The page killed the process: it took too long (`late`), or all memory, or made the parser crash."""

    def __init__(self, why: str, *, late: bool) -> None:
        super().__init__(why)
        self.late = late


def text_apart(kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
    """Return the text of a page in UTF-8, and a note on what was not read of it, or None.

    Args:
        kind: `pdf` asks for all text, `main` for the main content, which is HTML; `css`: see
            `selected.request_of`.
        page: HTML in UTF-8, or PDF.

    Raises:
        PageError: nothing was read: the parser refuses the page.
        ParserDiedError: the parser died of the page.
    """
    with _LOCK:
        try:
            return _asked(kind, page)
        except ParserDiedError as error:
            if error.late:
                raise
            # The parser may have died of something else, or long ago.
            return _asked(kind, page)


def _asked(kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
    parser = _parser(os.getpid())
    try:
        answer = parser.text_of(kind, page)
    except ParserDiedError:
        _parser.cache_clear()
        raise
    except UnparsablePageError:
        raise
    except BaseException:
        # Its answer would be taken for the answer to the next question.
        parser.kill()
        parser.end()
        _parser.cache_clear()
        raise
    if len(page) > LARGE_BYTES:
        # The parser keeps the memory of such a page, and the next one's limit may be less.
        parser.end()
        _parser.cache_clear()
    return answer


@lru_cache(maxsize=1)
def _parser(_pid: int) -> _Parser:
    """Return the parser of this process; a fork gets its own."""
    return _Parser()


class _Parser:
    """The parsers' process, seen from outside. It ends when nobody holds its input any more."""

    def __init__(self) -> None:
        self._killed = False
        self._process, self._requests, self._answers = begin_child(__name__, new_session=True)

    def text_of(self, kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
        requests, answers = self._requests, self._answers
        try:
            requests.write(_REQUEST.pack(kind.encode(), len(page)))
            requests.write(page)
            requests.flush()
            if not _comes(answers, MOST_WAITING_SECONDS):
                self.kill()
            read, text_bytes, note_bytes = _ANSWER.unpack(answers.read(_ANSWER.size))
            text, note = answers.read(text_bytes), answers.read(note_bytes)
            if len(text) + len(note) < text_bytes + note_bytes:
                raise EOFError
        except (OSError, EOFError, struct.error):
            raise self._death() from None
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

    def _death(self) -> ParserDiedError:
        code = self.end()
        if code == -signal.SIGPROF:
            return ParserDiedError(f"the parser needs more than {MOST_SECONDS} s for the page", late=True)
        late = code == -signal.SIGKILL and self._killed
        why = "gave no answer" if late else "died of the page: too little memory, or a crash"
        return ParserDiedError(f"the parser {why}", late=late)


def _comes(answers: BinaryIO, seconds: float) -> bool:
    """Wait until there is something to read, or the end; say whether it came in time."""
    waiting = poll()
    waiting.register(answers, POLLIN)
    return bool(waiting.poll(1_000 * seconds))


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while len(request := requests.read(_REQUEST.size)) == _REQUEST.size:
        kind, size = _REQUEST.unpack(request)
        page = requests.read(size)
        _limit(size)
        read, text, note = _parsed(kind.rstrip(b"\0").decode(), page)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(_ANSWER.pack(read, len(text), len(note)))
        answers.write(text)
        answers.write(note)
        answers.flush()


def _limit(page_bytes: int) -> None:
    """Let the system end the process if a page takes too long, and refuse it too much memory."""
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = LEAST_MEMORY + MEMORY_PER_BYTE * page_bytes
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _parsed(kind: str, page: bytes) -> tuple[bool, bytes, bytes]:
    """Return whether anything was read, the text, and a note."""
    module = import_module(f"presswatch_spark.extraction.{_MODULES[kind]}")
    try:
        text, note = module.answer(page)
    except MemoryError:
        return False, b"", b"the parser needs too much memory for the page"
    except RefusedPageError as error:
        return False, b"", str(error).encode()
    except ValueError:
        return False, b"", b"the parser refuses the page"
    return True, text, (note or "").encode()


def serve() -> None:
    """Answer requests on stdin until it ends; anything else written to stdout goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, answers)

"""The parsers of pages in a process of their own, which may hang, swell or crash without harm to the scan.

Parsing HTML is quadratic in what a page may hold by the hundred thousand: attributes of one tag, options of a
list; unclosed `<b>` are repeated in every paragraph after them, until the memory is full. The process is
started with the first page, and again after one that killed it.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from typing import BinaryIO, Literal, cast

from presswatch_spark.parsing.refusal import RefusedError

Kind = Literal["html", "main", "css", "pdf"]
_MODULES = {"html": "extraction", "main": "main_content", "css": "selected", "pdf": "pdf"}

# Of processor time, for one page: 100 MB of HTML take 7 to 15.
MOST_SECONDS = 60
# Of address space: 100 MB of HTML take 3 GB.
LEAST_MEMORY, MEMORY_PER_BYTE = 1 << 30, 64
LARGE_BYTES = 8 << 20

_REQUEST = struct.Struct(">4sQ")
_ANSWER = struct.Struct(">?QQ")


class PageError(ValueError):
    """A page cannot be parsed; the message says why, in a sentence without text of the page."""


class ParserDiedError(PageError):
    """The page cost the process: it took too long, or all memory, or made the parser crash."""


def text_apart(kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
    """The text of a page (HTML in UTF-8, or PDF), in UTF-8; what was not read of it, None if nothing.

    `main`: of HTML, that of the main content alone. `css`: see `selected.request_of`.

    Raises:
        PageError: nothing was read: the parser refuses the page.
        ParserDiedError: it died of the page.
    """
    parser = _parser(os.getpid())
    try:
        answer = parser.text_of(kind, page)
    except ParserDiedError:
        _parser.cache_clear()
        raise
    if len(page) > LARGE_BYTES:
        # It keeps the memory of such a page, and the next one's limit may be less.
        parser.end()
        _parser.cache_clear()
    return answer


@lru_cache(maxsize=1)
def _parser(_pid: int) -> _Parser:
    """The parser of this process; a fork gets its own."""
    return _Parser()


class _Parser:
    """The process, seen from outside. It ends when nobody holds its input any more."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What parsers complain of quotes the page.
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,
        )

    def text_of(self, kind: Kind, page: bytes | memoryview) -> tuple[bytes, str | None]:
        requests, answers = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)
        try:
            requests.write(_REQUEST.pack(kind.encode(), len(page)))
            requests.write(page)
            requests.flush()
            read, text_bytes, said_bytes = _ANSWER.unpack(answers.read(_ANSWER.size))
            text, said = answers.read(text_bytes), answers.read(said_bytes).decode()
        except (OSError, struct.error):
            raise ParserDiedError(self._death()) from None
        if not read:
            raise PageError(said)
        return text, said or None

    def end(self) -> int:
        """Let the process end, and return its exit code."""
        with suppress(OSError):
            cast(BinaryIO, self._process.stdin).close()
        cast(BinaryIO, self._process.stdout).close()
        return self._process.wait()

    def _death(self) -> str:
        if self.end() == -signal.SIGPROF:
            return f"the parser needs more than {MOST_SECONDS} s for the page"
        return "the parser died of the page: too little memory, or a crash"


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    while len(request := requests.read(_REQUEST.size)) == _REQUEST.size:
        kind, size = _REQUEST.unpack(request)
        page = requests.read(size)
        _limit(size)
        read, text, said = _parsed(kind.rstrip(b"\0").decode(), page)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(_ANSWER.pack(read, len(text), len(said)))
        answers.write(text)
        answers.write(said)
        answers.flush()


def _limit(page_bytes: int) -> None:
    """Let the system end the process if a page takes too long, and refuse it too much memory."""
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    wanted = LEAST_MEMORY + MEMORY_PER_BYTE * page_bytes
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _parsed(kind: str, page: bytes) -> tuple[bool, bytes, bytes]:
    """Whether anything was read, the text, and what is to be said."""
    module = import_module(f"presswatch_spark.parsing.{_MODULES[kind]}")
    try:
        text, said = module.answer(page)
    except MemoryError:
        return False, b"", b"the parser needs too much memory for the page"
    except RefusedError as error:
        return False, b"", str(error).encode()
    except ValueError:
        return False, b"", b"the parser refuses the page"
    return True, text, (said or "").encode()


if __name__ == "__main__":
    _pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, _pipe)

"""Bodies without their transfer and content codings (RFC 9110, 9112), of headers that may lie.

`X-Crawler-Content-Encoding` and its like tell what a crawler has undone already; they are never applied.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presswatch_spark.formats.http.inflating import Damage, NotSo, brotlied, deflated, gzipped, zstandarded
from presswatch_spark.formats.http.media import SNIFFED_BYTES, is_text
from presswatch_spark.formats.http.message import BytesLike, Message

# Each may make its input a thousand times longer, and each takes its time.
MOST_CODINGS = 4
# A hostile body is all chunks of one byte, each of which costs as much as a long one.
MOST_CHUNKS = 1 << 21

# What else stands there (`utf-8`, `none`) is a mistake, and of no consequence.
_NOT_UNDONE = frozenset(
    ("aes128gcm", "bzip2", "compress", "dcb", "dcz", "exi", "lzma", "sdch", "x-bzip2", "x-compress", "xz")
)

_CHUNK_LINE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_TRAILERS = re.compile(rb"(?:[^\r\n:]{1,256}:[^\n]{0,4096}\n|\r?\n){0,100}")
_LINE_END = re.compile(rb"\r?\n")


@dataclass(frozen=True, slots=True)
class Body:
    """The entity of a response.

    `data`: a view of the block where nothing had to be undone. `problem`: what is missing or wrong, in one
    sentence; None if nothing.
    """

    data: bytes | memoryview
    problem: str | None = None


def decoded_body(message: Message, block: BytesLike, limit: int) -> Body:
    """The body of `block`, whose head is `message`, with its codings undone, last applied first.

    A body that is not in the coding that a header names is left as it is, and so is one in a coding that
    cannot be undone here; that is a problem only where what is left is no text. What cannot be undone to its
    end is what came before. No more than `limit` bytes are given.
    """
    data: bytes | memoryview = memoryview(block)[message.body_at :]
    named = [
        name for header in ("content-encoding", "transfer-encoding") for name in _listed(message, header)
    ]
    codings = [name for name in named if name not in _NOT_UNDONE]
    problems = []
    if len(codings) > MOST_CODINGS:
        problems.append(f"{len(codings):,} codings are named, of which the last {MOST_CODINGS} were undone")
    for name in codings[: -MOST_CODINGS - 1 : -1]:
        data, problem = _undone(name, data, limit)
        if problem:
            problems.append(problem)
    if len(codings) < len(named) and not _is_plain(data):
        problems.append("body is in a coding that cannot be undone")
    if len(data) > limit:
        data = memoryview(data)[:limit]
        problems.append(f"body is longer than {limit:,} bytes; the rest was left")
    return Body(data, "; ".join(problems) or None)


def _listed(message: Message, header: str) -> Iterator[str]:
    """Names of the codings in a header that are codings, in the order applied."""
    for name in ",".join(message.header(header)).split(","):
        if (name := name.strip(" \t").lower()) in _CODINGS or name in _NOT_UNDONE:
            yield name


def _is_plain(data: bytes | memoryview) -> bool:
    """Whether a body shows itself as text or as PDF."""
    head = bytes(data[:SNIFFED_BYTES])
    return is_text(head) or head.startswith(b"%PDF-")


def _undone(name: str, data: bytes | memoryview, limit: int) -> tuple[bytes | memoryview, str | None]:
    undone, said = _CODINGS[name], io.BytesIO()
    size, problem = 0, None
    try:
        for piece in undone(memoryview(data)):
            room = limit - size
            size += said.write(piece[:room])
            if len(piece) > room:
                problem = f"body inflates to more than {limit:,} bytes; the rest was left"
                break
    except NotSo as error:
        return data, None if _is_plain(data) else str(error)
    except Damage as error:
        problem = str(error)
    return said.getvalue(), problem


def _chunks(data: memoryview) -> Iterator[memoryview]:
    """Yield the chunks of a chunked body; trailers are passed over."""
    at = 0
    for _ in range(MOST_CHUNKS):
        line = _CHUNK_LINE.match(data, at)
        if line is None:
            if not at:
                raise NotSo("body is not chunked as declared")
            yield from _misplaced(data[at:])
            return
        size = int(line[1], 16)
        if not size:
            return _check_end(data, line.end(), first=not at)
        end = line.end() + size
        if not at and end > len(data) and not line[0].endswith(b"\r\n"):
            # A text that begins with a number: no server ends the lines of chunks so.
            raise NotSo("body is not chunked as declared")
        yield data[line.end() : end]
        if end > len(data) or (line_end := _LINE_END.match(data, end)) is None:
            yield from _misplaced(data[end:])
            return
        at = line_end.end()
    raise Damage(f"body has more than {MOST_CHUNKS:,} chunks; the rest was left")


def _misplaced(rest: memoryview) -> Iterator[memoryview]:
    """Yield what stands where a chunk should begin or end."""
    yield rest
    raise Damage("chunk sizes are wrong; the rest was taken as it stands" if rest else "chunked body is cut")


def _check_end(data: memoryview, at: int, *, first: bool) -> None:
    """Let nothing but trailers follow the last chunk; if it is the `first` too, what follows is the body."""
    trailers = _TRAILERS.match(data, at)
    if trailers and trailers.end() == len(data):
        return
    if first:
        raise NotSo("body is not chunked as declared")
    raise Damage("bytes follow the last chunk; they were left")


_CODINGS: Mapping[str, Callable[[memoryview], Iterator[bytes | memoryview]]] = MappingProxyType(
    {
        "chunked": _chunks,
        "gzip": gzipped,
        "x-gzip": gzipped,
        "deflate": deflated,
        "br": brotlied,
        "zstd": zstandarded,
    }
)

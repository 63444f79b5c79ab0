"""What a reader still gets of a record that cannot be read as one: what inflates of it, and what is text.

A record is not gone because its header is broken. One wrong bit makes a gzip member invalid, and `zcat`
prints all that stands before it. So a place counts as overwritten or blanked only if its bytes give no text,
or none of the article's words.
"""

import re
import string
import zlib
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from presswatch_spark.formats.warc.fields import begins_with_record
from presswatch_spark.removal.bounds import GZIP
from presswatch_spark.text.words import word_hashes

INFLATED_MOST = 64 << 20
MEMBERS_MOST = 64
"""At so many places of a range a gzip member is looked for."""
WORDS_OF_TEXT = 8
"""Bytes with fewer different words than these are no text: filler, and what looks like letters by chance."""
HEADER_MOST = 4_096
"""A record's header of up to so many bytes is none of its text."""

_RUN = re.compile(rb"[^\x00-\x08\x0e-\x1f\x7f]{32,}")
_HEADER_END = re.compile(rb"\n\r*\n")
_WIDE_RUN = re.compile(rb"(?:[^\x00-\x08\x0e-\x1f\x7f]\x00){32,}|(?:\x00[^\x00-\x08\x0e-\x1f\x7f]){32,}")
_CHANCE, _LETTERS = 0.02, 0.75
"""In a run of text so few of its characters are no UTF-8, or so many of its bytes are letters and spaces."""
_NO_LETTER = bytes(set(range(256)) - set(b" " + string.ascii_letters.encode()))
_HEAD_BYTES = 10
_BY_MAGIC, _BARE = 31, -15
_SLICE_BYTES = 256


def remains_of_damaged(stored: bytes) -> bytes:
    """Return the text in the bytes of a place where no record can be read; nothing if they hold none."""
    return _text(b"\n".join(_found_in(stored)))


def remains_of_empty(stored: bytes) -> bytes:
    """Return the text in the bytes of a place whose record has no content, beside its header."""
    if not stored.startswith(GZIP):
        return _text(_beside_header(stored))
    member = zlib.decompressobj(_BY_MAGIC)
    try:
        plain = member.decompress(stored, INFLATED_MOST)
    except zlib.error:
        return remains_of_damaged(stored)
    found = (
        _beside_header(plain),
        *_runs(stored[_HEAD_BYTES : _body_of(stored)]),
        *_found_in(member.unused_data),
    )
    return _text(b"\n".join(found))


def _text(found: bytes) -> bytes:
    return found if np.unique(word_hashes(found)).size >= WORDS_OF_TEXT else b""


def _found_in(stored: bytes) -> Iterator[bytes]:
    yield from _runs(stored)
    yield from _inflated(stored)


def _beside_header(plain: bytes) -> bytes:
    """Return what stands behind the headers of a record; all of it if these are unusual."""
    if not begins_with_record(plain[:HEADER_MOST]):
        return plain
    content = _behind_head(plain)
    return _behind_head(content) if content.startswith(b"HTTP/") else content


def _behind_head(plain: bytes) -> bytes:
    end = _HEADER_END.search(plain)
    if end is None:
        return plain[HEADER_MOST:]
    return plain[end.end() :] if end.end() <= HEADER_MOST else plain


def _body_of(member: bytes) -> int:
    """Return where the body of a member begins: behind its head, and the name and comment in that."""
    flags, at = member[3], _HEAD_BYTES
    if flags & 4:
        at += 2 + int.from_bytes(member[at : at + 2], "little")
    for _ in range(bool(flags & 8) + bool(flags & 16)):
        at = member.find(b"\0", at) + 1 or len(member)
    return at + (2 if flags & 2 else 0)


def _runs(data: bytes) -> Iterator[bytes]:
    """Yield the longer runs of bytes that are text."""
    for found in _RUN.finditer(data):
        if _is_text(found[0]):
            yield found[0]
    for found in _WIDE_RUN.finditer(data):
        text = found[0].replace(b"\0", b"")
        if _is_text(text):
            yield text


def _is_text(run: bytes) -> bool:
    """Whether bytes are text: in UTF-8, or mostly letters in an encoding of one byte each."""
    text = run.decode("utf-8", "replace")
    if text.count("\N{REPLACEMENT CHARACTER}") <= _CHANCE * len(text):
        return True
    return len(run.translate(None, _NO_LETTER)) >= _LETTERS * len(run)


def _inflated(stored: bytes) -> Iterator[bytes]:
    """Yield what inflates, be it in part: of each member that begins there, and of one without its magic."""
    left, places, at = INFLATED_MOST, {0}, stored.find(GZIP)
    while at >= 0 and len(places) < MEMBERS_MOST:
        places.add(at)
        at = stored.find(GZIP, at + 1)
    for start in sorted(places):
        member = stored[start:]
        if left <= 0 or len(member) <= _HEAD_BYTES:
            return
        data = _as_far_as_it_goes(member[_body_of(member) :], left)
        left -= len(data)
        yield from _runs(_beside_header(data))


def _as_far_as_it_goes(deflated: bytes, most: int) -> bytes:
    """Inflate up to `most` bytes of a body, whatever its checksum says; stop where it is damaged."""
    inflater, parts, got = zlib.decompressobj(_BARE), list[bytes](), 0
    for first in range(0, len(deflated), _SLICE_BYTES):
        fed, before = deflated[first : first + _SLICE_BYTES], inflater.copy()
        try:
            parts.append(inflater.decompress(fed, max(1, most - got)))
        except zlib.error:
            # A slice that fails gives nothing, so its bytes are fed one by one.
            with suppress(zlib.error):
                parts.extend(before.decompress(fed[i : i + 1], max(1, most - got)) for i in range(len(fed)))
            break
        got += len(parts[-1])
        if inflater.eof or got >= most:
            break
    return b"".join(parts)

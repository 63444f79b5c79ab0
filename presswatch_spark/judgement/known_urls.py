"""Which documents have a URL that says whose page they are, from the URLs' bytes: some 30 ns each.

Known is what `page_url` reads. A kernel tells the plain cases; what is hard to read (escapes, other scripts,
ports, user names, very long) is decided by `page_url` itself.
"""

from __future__ import annotations

from string import ascii_letters, digits

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, uncounted_njit
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.model import Bytes, DocumentBatch, Offsets
from presswatch_spark.text.kernels import plain

Verdicts = npt.NDArray[np.uint8]

_UNKNOWN, _KNOWN, _HARD = (np.uint8(n) for n in range(3))
# A normal form is at most nine times as long as a URL: a shorter one than this is never too long.
_SHORT_BYTES = 1024
_SHORTEST_BYTES = len("http://a")
_LONGEST_HOST = 253
_TO_LOWER = np.uint8(0x20)
_S = np.uint8(ord("s"))
_HTTP, _SEPARATOR = (np.frombuffer(text, np.uint8) for text in (b"http", b"://"))
_OTHER, _NAME, _DOT, _END = (np.uint8(n) for n in range(4))


def _kinds_of_bytes() -> Bytes:
    """What each byte is to a host name: a letter of it, the dot in it, its end, or something hard to read."""
    kinds = np.full(256, _OTHER)
    for characters, kind in (
        (ascii_letters + digits + "-_", _NAME),
        (".", _DOT),
        ("/\\?#", _END),
    ):
        kinds[[ord(character) for character in characters]] = kind
    return kinds


_KINDS = _kinds_of_bytes()


def documents_without_url(batch: DocumentBatch) -> int:
    """How many documents of a batch have no URL, or one that names no host."""
    verdicts = _verdicts(plain(batch.urls), plain(batch.url_starts), plain(batch.url_ends), _KINDS)
    hard = np.flatnonzero(verdicts == _HARD)
    unknown = sum(page_url(batch.url_of(int(i))) is None for i in hard)
    return int(np.count_nonzero(verdicts == _UNKNOWN)) + unknown


@cached_njit
def _verdicts(urls: Bytes, starts: Offsets, ends: Offsets, kinds: Bytes) -> Verdicts:
    verdicts = np.empty(len(starts), np.uint8)
    for i in range(len(starts)):
        verdicts[i] = _verdict(urls, starts[i], ends[i], kinds)
    return verdicts


@uncounted_njit
def _verdict(urls: Bytes, start: int, end: int, kinds: Bytes) -> np.uint8:
    """`_UNKNOWN` for nothing at all, `_KNOWN` for http(s) and a plain host name, else `_HARD`."""
    if start >= end:
        return _UNKNOWN
    if end - start > _SHORT_BYTES or end - start < _SHORTEST_BYTES:
        return _HARD
    for k in range(4):
        if urls[start + k] | _TO_LOWER != _HTTP[k]:
            return _HARD
    i = start + 4 + int(urls[start + 4] | _TO_LOWER == _S)
    for k in range(3):
        if urls[i + k] != _SEPARATOR[k]:
            return _HARD
    first = i = i + 3
    before = _DOT
    while i < end:
        kind = kinds[urls[i]]
        if kind == _END:
            break
        if kind == _OTHER or kind == _DOT == before:
            return _HARD
        before = kind
        i += 1
    return _HARD if before == _DOT or i - first > _LONGEST_HOST else _KNOWN

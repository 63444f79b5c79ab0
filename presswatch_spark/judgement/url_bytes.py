"""Questions that a kernel answers from the bytes of a batch's URLs, in 30 to 100 ns a document.

`known_hosts` names the documents that may be on a host of interest. `documents_without_url` counts those
whose URL does not say whose page they are. URLs that are hard to read (escapes, other scripts, IPv6, ports)
are for `page_url`: the first counts them as matches, the second asks it.

A host table is uint64: open addressing over hashes of host names, at most a quarter full, 0 marking empty
slots. A host matches by whole labels from the right.
"""

from collections.abc import Iterable
from string import ascii_letters, digits

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit, uncounted_njit
from presswatch_spark.judgement.urls import page_url
from presswatch_spark.model import Bytes, DocumentBatch, Offsets
from presswatch_spark.text.kernels import plain

Hashes = npt.NDArray[np.uint64]

_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_DOT, _AT, _COLON, _SLASH, _BACKSLASH, _PERCENT = (np.uint8(ord(c)) for c in ".@:/\\%")
_A, _Z, _SPACE, _TOP_BIT = np.uint8(ord("A")), np.uint8(ord("Z")), np.uint8(0x20), np.uint8(0x80)
_QUESTION, _NUMBER, _BRACKET = (np.uint8(ord(c)) for c in "?#[")


def known_hosts(batch: DocumentBatch, hosts: Hashes) -> npt.NDArray[np.int64]:
    """Return the documents whose host, or a parent of it, may be in a host table, or is hard to read."""
    documents: npt.NDArray[np.int64] = _known_hosts(
        plain(batch.urls), plain(batch.url_starts), plain(batch.url_ends), plain(hosts)
    )
    return documents


def may_be_known(url: str, hosts: Hashes) -> bool:
    """Whether `known_hosts` names a document with this URL; some 5 µs, nearly all of them Python's."""
    text = np.frombuffer(url.encode("utf-8", "replace"), np.uint8)
    whole = plain(np.array([0, len(text)], np.int64))
    return len(_known_hosts(plain(text), whole[:1], whole[1:], plain(hosts))) > 0


def host_table(names: Iterable[str]) -> Hashes:
    """Make a host table of some host names."""
    hashes = {int(_whole_hash(plain(np.frombuffer(name.encode(), np.uint8)))) for name in names}
    size = 16
    while size < 4 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint64)
    for value in sorted(hashes):
        slot = value & (size - 1)
        while table[slot]:
            slot = (slot + 1) & (size - 1)
        table[slot] = value
    return table


@inner_njit
def _step(value: np.uint64, byte: np.uint8) -> np.uint64:
    """FNV-1a, over the name from its end; letters in lower case."""
    lower = byte | _SPACE if _A <= byte <= _Z else byte
    return (value ^ np.uint64(lower)) * _PRIME


@inner_njit
def _finish(value: np.uint64) -> np.uint64:
    value = (value ^ (value >> np.uint64(32))) * _MIX
    return (value ^ (value >> np.uint64(29))) | np.uint64(1)


@cached_njit
def _whole_hash(name: Bytes) -> np.uint64:
    value = np.uint64(0)
    for k in range(len(name) - 1, -1, -1):
        value = _step(value, name[k])
    finished: np.uint64 = _finish(value)
    return finished


@inner_njit
def _host_bounds(urls: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of the host name in a URL; (-1, -1) if the URL is hard to read."""
    i = start
    while i < end and urls[i] != _SLASH and urls[i] != _BACKSLASH:
        if urls[i] <= _SPACE:
            return -1, -1
        i += 1
    while i < end and (urls[i] == _SLASH or urls[i] == _BACKSLASH):
        i += 1
    first, last = i, -1
    while i < end:
        byte = urls[i]
        if byte in (_SLASH, _QUESTION, _NUMBER, _BACKSLASH):
            break
        if byte <= _SPACE or byte >= _TOP_BIT or byte in (_PERCENT, _BRACKET):
            return -1, -1
        if byte == _AT:
            first, last = i + 1, -1
        elif byte == _COLON and last < 0:
            last = i
        i += 1
    if last < 0:
        last = i
    if last > first and urls[last - 1] == _DOT:
        last -= 1
    return first, last


@inner_njit
def _in_table(hosts: Hashes, value: np.uint64) -> bool:
    slot = int(np.int64(value & np.uint64(len(hosts) - 1)))
    while hosts[slot] != 0:
        if hosts[slot] == value:
            return True
        slot = (slot + 1) & (len(hosts) - 1)
    return False


@cached_njit
def _known_hosts(urls: Bytes, starts: Offsets, ends: Offsets, hosts: Hashes) -> Offsets:
    kept = np.empty(len(starts), np.int64)
    count = 0
    for i in range(len(starts)):
        first, last = _host_bounds(urls, starts[i], ends[i])
        known = first < 0
        value = np.uint64(0)
        k = last - 1
        while k >= first and not known:
            value = _step(value, urls[k])
            if k == first or urls[k - 1] == _DOT:
                known = _in_table(hosts, _finish(value))
            k -= 1
        kept[count] = i
        count += int(known)
    return kept[:count]


Verdicts = npt.NDArray[np.uint8]

_UNKNOWN, _KNOWN, _HARD = (np.uint8(n) for n in range(3))
# A normal form is at most nine times as long as a URL: a shorter one than this is never too long.
_SHORT_BYTES = 1024
_SHORTEST_BYTES = len("http://a")
_LONGEST_HOST = 253
_TO_LOWER = np.uint8(0x20)
_S = np.uint8(ord("s"))
_HTTP, _SEPARATOR = (np.frombuffer(text, np.uint8) for text in (b"http", b"://"))
_OTHER, _NAME, _NAME_DOT, _END = (np.uint8(n) for n in range(4))


def _kinds_of_bytes() -> Bytes:
    """Return the kind of each byte in a host name: a letter, a dot, the end, or something hard to read."""
    kinds = np.full(256, _OTHER)
    for characters, kind in (
        (ascii_letters + digits + "-_", _NAME),
        (".", _NAME_DOT),
        ("/\\?#", _END),
    ):
        kinds[[ord(character) for character in characters]] = kind
    return kinds


_KINDS = _kinds_of_bytes()


def documents_without_url(batch: DocumentBatch) -> int:
    """Count the documents of a batch without a URL, or with one that names no host."""
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
    before = _NAME_DOT
    while i < end:
        kind = kinds[urls[i]]
        if kind == _END:
            break
        if kind == _OTHER or kind == _NAME_DOT == before:
            return _HARD
        before = kind
        i += 1
    return _HARD if before == _NAME_DOT or i - first > _LONGEST_HOST else _KNOWN

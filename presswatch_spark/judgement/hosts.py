"""Which documents of a batch may be on a host that is of interest, from their URLs' bytes: some 100 ns each.

The host table is uint64: open addressing over hashes of host names, at most a quarter full, 0 marking empty
slots. A host matches by whole labels from the right. What is hard to read (escapes, other scripts, IPv6)
counts as a match: those who ask decide exactly.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.model import Bytes, DocumentBatch, Offsets
from presswatch_spark.text.kernels import plain

Hashes = npt.NDArray[np.uint64]

_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_DOT, _AT, _COLON, _SLASH, _BACKSLASH, _PERCENT = (np.uint8(ord(c)) for c in ".@:/\\%")
_A, _Z, _SPACE = np.uint8(ord("A")), np.uint8(ord("Z")), np.uint8(0x20)
_QUESTION, _NUMBER, _BRACKET, _TOP_BIT = (
    np.uint8(ord("?")),
    np.uint8(ord("#")),
    np.uint8(ord("[")),
    np.uint8(0x80),
)


def known_hosts(batch: DocumentBatch, hosts: Hashes) -> npt.NDArray[np.int64]:
    """Documents whose host, or a parent domain of it, may be in a host table, or is hard to read."""
    kept: npt.NDArray[np.int64] = _known_hosts(
        plain(batch.urls), plain(batch.url_starts), plain(batch.url_ends), plain(hosts)
    )
    return kept


def may_be_known(url: str, hosts: Hashes) -> bool:
    """The same for one URL: some 5 µs, nearly all of them Python's."""
    text = np.frombuffer(url.encode("utf-8", "replace"), np.uint8)
    whole = np.array([0, len(text)], np.int64)
    return len(_known_hosts(plain(text), whole[:1], whole[1:], plain(hosts))) > 0


def host_table(names: Iterable[str]) -> Hashes:
    """Open-addressing table of the hashes of host names, at most a quarter full."""
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


@cached_njit
def _step(value: np.uint64, byte: np.uint8) -> np.uint64:
    """FNV-1a, over the name from its end; letters in lower case."""
    lower = byte | _SPACE if _A <= byte <= _Z else byte
    return (value ^ np.uint64(lower)) * _PRIME


@cached_njit
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


@cached_njit
def _host_bounds(urls: Bytes, start: int, end: int) -> tuple[int, int]:
    """Bounds of the host name in a URL; (-1, -1) if it takes more than this to find them."""
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


@cached_njit
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

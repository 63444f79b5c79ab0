"""The screen: it refuses in a few microseconds most candidates that verification would refuse in a hundred.

A lone shingle of eight words is often a stock phrase, and a page may have such phrases of hundreds of
articles. A pair can only be reported if the two texts share a window as long as the least run to report. The
screen compares the hashes of these windows. Equal windows have equal hashes, so it never refuses a pair that
would be reported. All that pass are verified.
"""

import secrets

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit

Hashes = npt.NDArray[np.uint64]
Table = npt.NDArray[np.uint32]

_BASE = np.uint64(0xD6E8FEB86659FD93)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

SECRET = np.uint64(secrets.randbits(64) | 1)
"""Decides the slots, anew in each process: no page can be written to make them collide. Changes no result."""


class DocumentWindows:
    """The windows of one document.

    Args:
        document: hashes of its windows, from `window_hashes`.
    """

    def __init__(self, document: Hashes) -> None:
        self._table: Table = _table_of(document, SECRET)

    def passes(self, article: Hashes) -> bool:
        """Whether article and document share a window (from `window_hashes`, of the same width)."""
        return bool(_any_in(self._table, article, SECRET))


@cached_njit
def window_hashes(words: Hashes, width: int) -> Hashes:
    """Hash all windows of `width` words: uint64[max(0, n - width + 1)] for words uint64[n]; no hash is 0.

    A polynomial modulo 2**64, rolled (Karp and Rabin, 1987), then mixed.
    """
    out = np.empty(max(0, len(words) - width + 1), np.uint64)
    leaving = np.uint64(1)
    for _ in range(width):
        leaving *= _BASE
    value = np.uint64(0)
    for i in range(len(words)):
        value = value * _BASE + words[i]
        if i >= width:
            value -= words[i - width] * leaving
        if i >= width - 1:
            mixed = (value ^ (value >> _HALF)) * _SPREAD
            out[i - width + 1] = (mixed ^ (mixed >> _HALF)) | np.uint64(1)
    return out


@cached_njit
def _table_of(hashes: Hashes, secret: np.uint64) -> Table:
    """An open-addressing table of the last 32 bits of each hash, at most a quarter full; 0 is an empty slot.

    Of 10,000 pairs that share nothing, two or so have such bits in common: these are verified in vain.
    """
    size = 16
    while size < 4 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint32)
    mask = np.uint64(size - 1)
    for h in hashes:
        slot, bits = ((h * secret) >> _HALF) & mask, np.uint32(h)
        while table[slot] != 0 and table[slot] != bits:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = bits
    return table


@cached_njit
def _any_in(table: Table, hashes: Hashes, secret: np.uint64) -> bool:
    mask = np.uint64(len(table) - 1)
    for h in hashes:
        slot, bits = ((h * secret) >> _HALF) & mask, np.uint32(h)
        while table[slot] != 0:
            if table[slot] == bits:
                return True
            slot = (slot + np.uint64(1)) & mask
    return False

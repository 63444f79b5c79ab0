"""Shingles: windows of eight words, hashed at every position, indexed at every fourth.

A run of n words holds n - 7 shingles in a row, and one of any four in a row is indexed. So every run of
SHINGLE_WORDS + STRIDE - 1 = 11 words holds an indexed shingle, wherever it stands in the article. The last
shingle is indexed as well, so that runs at an article's end are found from 8 words on.
"""

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, entry_njit
from presswatch_spark.text.kernels import U64, Hashes

SHINGLE_WORDS = 8
STRIDE = 4

_MULTIPLIER = 0xD6E8FEB86659FD93
_C, _C2, _C4 = (U64(pow(_MULTIPLIER, power, 1 << 64)) for power in (1, 2, 4))
_MIX = U64(0xFF51AFD7ED558CCD)


@entry_njit
def combine(hashes: Hashes, n: int) -> int:
    """Turn the n word hashes at the head of `hashes` into the hashes of their 8-word windows, in place.

    The window at i is the sum of C**j * W[i + j] modulo 2**64, by doubling (two, four, eight words), mixed at
    last. Returns the number of windows, max(0, n - 7).
    """
    for i in range(n - 1):
        hashes[i] += _C * hashes[i + 1]
    for i in range(n - 3):
        hashes[i] += _C2 * hashes[i + 2]
    for i in range(n - 7):
        x = hashes[i] + _C4 * hashes[i + 4]
        x = (x ^ (x >> U64(32))) * _MIX
        hashes[i] = x ^ (x >> U64(29))
    return max(0, n - 7)


def shingle_hashes(word_hashes: Hashes) -> Hashes:
    """Return hashes of the 8-word shingles at every position: uint64[max(0, n - 7)] for uint64[n]."""
    windows = word_hashes.copy()
    return windows[: combine(windows, len(windows))]


def are_among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Return which hashes are among those that are `known`, uint64[k], sorted: bool[n]."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes
    return found


@cached_njit
def indexed_positions(n_words: int, stride: int = STRIDE) -> npt.NDArray[np.int64]:
    """Return the positions to index in a text of `n_words`: every `stride`-th from 0, and the last."""
    last = n_words - SHINGLE_WORDS
    whole = last // stride + 1 if last >= 0 else 0
    positions = np.empty(whole + 1 if last > 0 and last % stride else whole, np.int64)
    for i in range(whole):
        positions[i] = i * stride
    positions[whole:] = last
    return positions

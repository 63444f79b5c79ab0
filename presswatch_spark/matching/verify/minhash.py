"""Estimates the similarity of whole documents by MinHash signatures over shingles of `shingle_words` words.

Signatures are bit for bit those of datasketch's `MinHash` (scheme `affine32`) over the same hashes, so that
anyone can compare them. datasketch itself is not used: it needs a Python number for each shingle, and imports
scipy, which would cost every worker a third of a second.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit
from presswatch_spark.core.errors import ConfigError
from presswatch_spark.core.settings.config import MinHashRules
from presswatch_spark.reading.text.word_kernels import Edges, Hashes
from presswatch_spark.reading.text.words import TextWords

Signature = npt.NDArray[np.uint32]
Signatures = npt.NDArray[np.uint32]
Shingles = npt.NDArray[np.uint32]

SCHEME = "affine32"
_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)
_MURMUR_1, _MURMUR_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_13, _16 = np.uint32(13), np.uint32(16)


def signature(words: TextWords, rules: MinHashRules) -> Signature:
    """Return the MinHash signature of a text: uint32[permutations]; without words, that of the empty set."""
    [signed] = signatures(words.hashes, np.array([0, len(words)], np.int64), rules)
    return np.asarray(signed)


def signatures(hashes: Hashes, bounds: Edges, rules: MinHashRules) -> Signatures:
    """Return signatures of n texts, uint32[n, permutations]: of `hashes[bounds[i] : bounds[i + 1]]`."""
    permutations = _permutations(rules)
    minima = np.full((len(bounds) - 1, rules.permutations), 0xFFFFFFFF, np.uint32)
    _sign(hashes, bounds, rules.shingle_words, permutations[0], permutations[1], minima)
    return minima


def jaccard(first: Signature, second: Signature) -> float:
    """Estimate the Jaccard similarity of two shingle sets, 0 to 1, from signatures made by the same rules."""
    return int(np.count_nonzero(first == second)) / len(first)


@cached_njit
def shingle_hashes(words: Hashes, size: int) -> Shingles:
    """Return hashes of all shingles of `size` words, from the hashes of words: uint32[n], the high halves."""
    size = min(size, len(words))
    shingles = np.empty(len(words) - size + 1 if size else 0, np.uint32)
    for i in range(len(shingles)):
        total = np.uint64(0)
        for k in range(size):
            total = total * _FACTOR + words[i + k]
        shingles[i] = np.uint32(((total ^ (total >> _HALF)) * _MIX) >> _HALF)
    return shingles


@inner_njit
def _minimise(shingles: Shingles, factors: Shingles, addends: Shingles, minima: Signature) -> None:
    """Lower `minima` to each permutation's least value over the shingles.

    A permutation is x → factor * x + addend modulo 2**32, of the shingle mixed by MurmurHash3's finalizer.
    """
    mixed = np.empty_like(shingles)
    for i in range(len(shingles)):
        # numba widens products to 64 bits.
        x = np.uint32((shingles[i] ^ (shingles[i] >> _16)) * _MURMUR_1)
        x = np.uint32((x ^ (x >> _13)) * _MURMUR_2)
        mixed[i] = np.uint32(x ^ (x >> _16))
    # Take four shingles at a time, since loading permutations and minima takes half the time.
    fours = len(mixed) // 4 * 4
    for i in range(0, fours, 4):
        a, b, c, d = mixed[i], mixed[i + 1], mixed[i + 2], mixed[i + 3]
        for k in range(len(minima)):
            f, g = factors[k], addends[k]
            low = min(np.uint32(f * a + g), np.uint32(f * b + g))
            high = min(np.uint32(f * c + g), np.uint32(f * d + g))
            minima[k] = min(minima[k], min(low, high))
    for i in range(fours, len(mixed)):
        for k in range(len(minima)):
            minima[k] = min(minima[k], np.uint32(factors[k] * mixed[i] + addends[k]))


@cached_njit
def _sign(
    words: Hashes, bounds: Edges, size: int, factors: Shingles, addends: Shingles, minima: Signatures
) -> None:
    for i in range(len(bounds) - 1):
        _minimise(shingle_hashes(words[bounds[i] : bounds[i + 1]], size), factors, addends, minima[i])


@lru_cache(maxsize=8)
def _permutations(rules: MinHashRules) -> npt.NDArray[np.uint32]:
    """Return factors and addends, uint32[2, permutations], drawn as datasketch draws them."""
    if rules.scheme != SCHEME:
        raise ConfigError(
            f"the minhash scheme `{rules.scheme}` is unknown",
            where="corpus.minhash.scheme",
            remedy=f"set it to {SCHEME}",
        )
    draw = np.random.RandomState(rules.seed)
    factors = 2 * draw.randint(0, 1 << 31, rules.permutations, dtype=np.uint32) + np.uint32(1)
    return np.stack((factors, draw.randint(0, 1 << 32, rules.permutations, dtype=np.uint32)))

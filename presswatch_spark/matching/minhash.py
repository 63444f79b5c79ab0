"""Whole-document similarity: datasketch's MinHash over shingles of `shingle_words` words.

The shingles are hashed here (64 bits, cut to the 32 that datasketch's `affine32` and `legacy` take);
permutations, signatures and the estimate are datasketch's own, through its public interface, so that anybody
can compare.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from datasketch import MinHash

from presswatch_spark.compiled import cached_njit
from presswatch_spark.config import MinHashRules
from presswatch_spark.errors import ConfigError
from presswatch_spark.text.words import Words

Signature = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]

# Shingles given to datasketch at once: it makes a table of this many rows, one column a permutation.
_BATCH = 4096
_SCHEMES = ("affine32", "legacy")
_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_HALF = np.uint64(32)


def signature(words: Words, rules: MinHashRules) -> Signature:
    """MinHash signature: uint32[permutations].

    A text shorter than a shingle is one shingle; a text without words has the signature of the empty set.
    """
    sketch = _sketch(rules)
    shingles = np.unique(_shingle_hashes(words.hashes, rules.shingle_words))
    for start in range(0, len(shingles), _BATCH):
        sketch.update_batch(shingles[start : start + _BATCH].tolist())
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


def jaccard(first: Signature, second: Signature, rules: MinHashRules) -> float:
    """Estimated Jaccard similarity of two shingle sets, 0 to 1, from signatures made by these rules."""
    return float(_sketch(rules, first).jaccard(_sketch(rules, second)))


@cached_njit
def _shingle_hashes(words: Hashes, size: int) -> npt.NDArray[np.uint32]:
    size = min(size, len(words))
    shingles = np.empty(len(words) - size + 1 if size else 0, np.uint32)
    for i in range(len(shingles)):
        total = np.uint64(0)
        for k in range(size):
            total = total * _FACTOR + words[i + k]
        shingles[i] = np.uint32(((total ^ (total >> _HALF)) * _MIX) >> _HALF)
    return shingles


def _sketch(rules: MinHashRules, hashvalues: Signature | None = None) -> MinHash:
    return MinHash(
        num_perm=rules.permutations,
        seed=rules.seed,
        hashfunc=_identity,
        hashvalues=hashvalues,
        permutations=_permutations(rules),
        scheme=rules.scheme,
    )


@lru_cache(maxsize=8)
def _permutations(rules: MinHashRules) -> npt.NDArray[np.uint64]:
    if rules.scheme not in _SCHEMES:
        raise ConfigError(
            f"minhash scheme `{rules.scheme}` does not make 32-bit signatures",
            where="corpus.minhash.scheme",
            remedy=f"take one of {', '.join(_SCHEMES)}",
        )
    permutations: npt.NDArray[np.uint64] = MinHash(
        num_perm=rules.permutations, seed=rules.seed, scheme=rules.scheme
    ).permutations
    return permutations


def _identity(value: int) -> int:
    return value

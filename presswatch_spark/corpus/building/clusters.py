"""Clusters of articles with the same text, so that a copied agency report keeps all its owners.

Candidates come from datasketch's MinHash LSH: its banding for the threshold, its signatures, its Jaccard
estimate. Band keys are sorted on disk instead of held in tables, since memory must not grow with the corpus.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit
from presswatch_spark.corpus.building.index import Keys, groups, read_bucket
from presswatch_spark.corpus.layout import ALONE
from presswatch_spark.verify.minhash import jaccard

Signatures = npt.NDArray[np.uint32]
Edges = npt.NDArray[np.int32]
Clusters = npt.NDArray[np.int32]

# Every candidate is checked, so only a missed pair does harm. At a threshold of 0.9, nine bands of fourteen
# values find 90 % of pairs at 0.9 and 99.8 % at 0.95; even weights find 31 % and 80 %.
_LSH_WEIGHTS = (0.05, 0.95)
_MIX = np.uint64(0x9E3779B97F4A7C15)


@lru_cache(maxsize=8)
def banding(threshold: float, permutations: int) -> tuple[int, int]:
    """Return the number of bands, and of values in each."""
    from datasketch import MinHashLSH  # brings scipy, which no scan needs

    lsh = MinHashLSH(threshold=threshold, num_perm=permutations, weights=_LSH_WEIGHTS)
    return lsh.b, lsh.r


def band_keys(signatures: Signatures, threshold: float) -> Keys:
    """Return a 64-bit key for every band of every signature: uint64[bands, n] for uint32[n, permutations].

    Articles with one key share a band, except for chance collisions, which the check of candidates removes.
    """
    bands, width = banding(threshold, signatures.shape[1])
    keys = np.empty((bands, len(signatures)), np.uint64)
    for band in range(bands):
        key = np.full(len(signatures), band + 1, np.uint64) * _MIX
        for column in range(band * width, (band + 1) * width):
            key = (key ^ signatures[:, column]) * _MIX
            key ^= key >> np.uint64(29)
        keys[band] = key
    return keys


def edges_of_bucket(
    runs: Sequence[Path], bucket: int, bits: int, signatures: Signatures, least: float
) -> Edges:
    """Return the pairs of ordinals in a bucket whose Jaccard estimate is at least `least`: int32[e, 2].

    In a group of one key, an article is compared with the group's leaders, not with all: stars, not cliques.
    """
    keys, ordinals = read_bucket(runs, bucket, bits)
    bounds = groups(keys)
    edges: list[tuple[int, int]] = []
    for group in np.flatnonzero(np.diff(bounds) > 1):
        leaders: list[int] = []
        for member in np.sort(ordinals[bounds[group] : bounds[group + 1]]).astype(np.int64).tolist():
            alike = (each for each in leaders if jaccard(signatures[each], signatures[member]) >= least)
            if (leader := next(alike, None)) is None:
                leaders.append(member)
            else:
                edges.append((leader, member))
    return np.array(edges, np.int32).reshape(-1, 2)


def clusters_of(n_articles: int, edges: Iterable[Edges]) -> Clusters:
    """Return the smallest ordinal in the cluster of every article, `ALONE` for one without others.

    A cluster is a connected component of the edges.
    """
    parents = np.arange(n_articles, dtype=np.int32)
    for some in edges:
        _unite(parents, some)
    while not np.array_equal(roots := parents[parents], parents):
        parents = roots
    is_root, has_others = parents == np.arange(n_articles), np.zeros(n_articles, np.bool_)
    has_others[parents[~is_root]] = True
    parents[is_root & ~has_others] = ALONE
    return parents


@inner_njit
def _root(parents, i):  # type: ignore[no-untyped-def]
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@cached_njit
def _unite(parents, edges):  # type: ignore[no-untyped-def]
    """Union-find with path halving; the smaller ordinal becomes the root."""
    for e in range(len(edges)):
        a, b = _root(parents, edges[e, 0]), _root(parents, edges[e, 1])
        if a < b:
            parents[b] = a
        elif b < a:
            parents[a] = b

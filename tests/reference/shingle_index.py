"""A shingle index made at once, in memory: what an index that is built bucket by bucket must equal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from presswatch_spark.matching.shingle_index import (
    Hashes,
    ShingleIndex,
    build_directory,
    build_filter,
    directory_bits,
    filter_blocks,
)


def index_of(hashes: Hashes, articles: npt.NDArray[np.uint32], filter_bits_per_key: int) -> ShingleIndex:
    """The index of postings (two arrays of the same length) in any order, each given once."""
    order = np.lexsort((articles, hashes))
    keys = hashes[order]
    bits = build_filter(keys, filter_blocks(len(keys), filter_bits_per_key))
    return ShingleIndex(keys, articles[order], bits, build_directory(keys, directory_bits(len(keys))))

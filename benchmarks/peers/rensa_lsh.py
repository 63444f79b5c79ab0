"""rensa, R-MinHash with its LSH: articles are inserted, documents are queries, candidates are checked.

The check of a candidate's estimated similarity is what the library's own deduplicator does; that one is not
used because it keeps only the first of two similar articles.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rensa import RMinHash, RMinHashLSH

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.texts import Texts, shingles

PERMUTATIONS = 128
SEED = 42
BANDS = {0.5: 32, 0.8: 8}
"""Eight bands at .8 as in the library's benchmark; at .5 bands of four, steepest near (1/32)**(1/4) = .42."""


def signatures(texts: Texts) -> int:
    """Make all signatures, in the library's batches."""
    matrix = RMinHash.digest_matrix_from_token_sets(map(shingles, texts.texts), PERMUTATIONS, SEED)
    return int(matrix.len())


def at(threshold: float) -> Peer:
    """The peer at a threshold of Jaccard similarity."""

    def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterator[Pair]:
        index = RMinHashLSH(threshold, PERMUTATIONS, BANDS[threshold])
        known = RMinHash.from_token_sets(map(shingles, articles.texts), PERMUTATIONS, SEED)
        index.insert_pairs(list(enumerate(known)))
        asked = RMinHash.from_token_sets(map(shingles, documents.texts), PERMUTATIONS, SEED)
        for name, minhash in zip(documents.ids, asked, strict=True):
            for key in index.query(minhash):
                score = minhash.jaccard(known[key])
                if score >= threshold:
                    yield name, articles.ids[key], score

    settings = {
        "threshold": threshold,
        "num_perm": PERMUTATIONS,
        "num_bands": BANDS[threshold],
        "shingles": "5 words",
    }
    return Peer("rensa", settings, pairs, signatures)

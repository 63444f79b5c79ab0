"""datasketch, MinHashLSHEnsemble: documents are indexed, each article is a query for texts that contain it.

Containment is of the query in what is indexed, so the sides are the other way round than with MinHashLSH.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasketch import MinHashLSHEnsemble

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.datasketch_lsh import PERMUTATIONS, signature, signatures
from benchmarks.peers.texts import Texts, shingles

PARTITIONS = 32


def at(threshold: float) -> Peer:
    """The peer at a threshold of containment."""

    def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterator[Pair]:
        index = MinHashLSHEnsemble(threshold=threshold, num_perm=PERMUTATIONS, num_part=PARTITIONS)
        index.index(
            (name, signature(text), len(set(shingles(text))))
            for name, text in zip(documents.ids, documents.texts, strict=True)
        )
        for name, text in zip(articles.ids, articles.texts, strict=True):
            for document in index.query(signature(text), len(set(shingles(text)))):
                yield document, name, None

    settings = {
        "threshold": threshold,
        "num_perm": PERMUTATIONS,
        "num_part": PARTITIONS,
        "shingles": "5 words",
    }
    return Peer("datasketch", settings, pairs, signatures)

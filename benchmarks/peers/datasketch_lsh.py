"""datasketch, MinHashLSH: articles are inserted, each document is a query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from datasketch import MinHash, MinHashLSH

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.texts import Texts, shingles

PERMUTATIONS = 128


def signature(text: str) -> MinHash:
    """The MinHash of a text, by the library's quickest documented way."""
    minhash = MinHash(num_perm=PERMUTATIONS)
    minhash.update_batch([shingle.encode() for shingle in shingles(text)])
    return minhash


def signatures(texts: Texts) -> int:
    """Make all signatures."""
    return sum(1 for _ in map(signature, texts.texts))


def at(threshold: float) -> Peer:
    """The peer at a threshold of Jaccard similarity."""

    def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterator[Pair]:
        index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
        made = {name: signature(text) for name, text in zip(articles.ids, articles.texts, strict=True)}
        for name, minhash in made.items():
            index.insert(name, minhash)
        for name, text in zip(documents.ids, documents.texts, strict=True):
            minhash = signature(text)
            for article in index.query(minhash):
                yield name, article, minhash.jaccard(made[article])

    settings = {"threshold": threshold, "num_perm": PERMUTATIONS, "shingles": "5 words"}
    return Peer("datasketch", settings, pairs, signatures)

"""Run one peer; prints one line of JSON. See the package's docstring."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.names import NAMES, peer_of
from benchmarks.peers.texts import load


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--articles", type=Path, help="JSONL with id and text")
    parser.add_argument("--documents", type=Path, required=True, help="JSONL with id and text")
    parser.add_argument("--out", type=Path, help="pairs to write: document, article, score; tabs between")
    parser.add_argument("--signatures-only", action="store_true", help="time words to MinHash only")
    parser.add_argument("--rounds", type=int, default=1, help="with --signatures-only: the best of so many")
    asked = parser.parse_args()
    if asked.signatures_only:
        # rensa's batches take all cores otherwise; the figure is one of a single core.
        os.environ["RAYON_NUM_THREADS"] = "1"
    elif not (asked.articles and asked.out):
        parser.error("--articles and --out are needed, unless --signatures-only")
    peer = peer_of(asked.name)
    figures = time_signatures(peer, asked) if asked.signatures_only else time_pairs(peer, asked)
    version = importlib.metadata.version(peer.package)
    line = {"peer": asked.name, "package": peer.package, "version": version, **figures}
    print(json.dumps({**line, "settings": dict(peer.settings)}))


def time_signatures(peer: Peer, asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds from text to signatures, the texts being in memory, in one thread."""
    if peer.signatures is None:
        sys.exit(f"{asked.name} has no signature stage that can be run alone")
    texts = load(asked.documents)
    seconds = []
    for _ in range(asked.rounds):
        began = time.perf_counter()
        made = peer.signatures(texts)
        seconds.append(time.perf_counter() - began)
    return {
        "seconds": round(min(seconds), 4),
        "text_bytes": texts.size,
        "documents": len(texts),
        "signatures": made,
    }


def time_pairs(peer: Peer, asked: argparse.Namespace) -> dict[str, Any]:
    """Seconds from texts in memory to pairs in a file."""
    articles, documents = load(asked.articles), load(asked.documents)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        found = write_pairs(peer.pairs(articles, documents, Path(scratch)), asked.out)
        seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 3),
        "text_bytes": articles.size + documents.size,
        "articles": len(articles),
        "documents": len(documents),
        "pairs": found,
    }


def write_pairs(pairs: Iterable[Pair], path: Path) -> int:
    """Write pairs, each once, sorted; returns how many."""
    scores = {(document, article): score for document, article, score in pairs}
    with path.open("w", encoding="utf-8") as file:
        for (document, article), score in sorted(scores.items()):
            file.write(f"{document}\t{article}\t{'' if score is None else round(score, 4)}\n")
    return len(scores)


if __name__ == "__main__":
    main()

"""What a peer is to the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.peers.texts import Texts

Pair = tuple[str, str, float | None]
"""Document id, article id, and the score the peer gives the pair, if it gives one."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool with its parameters.

    `package` is the distribution whose version is told; `settings` goes into the results. `pairs(articles,
    documents, folder)` gives the pairs that it takes for copies, a scratch folder being its own.
    `signatures(texts)` makes only the signatures, from text on, in one thread, and returns how many.
    """

    package: str
    settings: Mapping[str, Any]
    pairs: Callable[[Texts, Texts, Path], Iterable[Pair]]
    signatures: Callable[[Texts], int] | None = field(default=None)


def across(clusters: Iterable[Iterable[str]], articles: Texts, documents: Texts) -> Iterable[Pair]:
    """Pairs of a document and an article in one cluster: how tools that deduplicate one set are read."""
    are_articles, are_documents = set(articles.ids), set(documents.ids)
    for cluster in clusters:
        members = sorted(set(cluster))
        inside = [name for name in members if name in are_articles]
        for document in members:
            if document in are_documents:
                yield from ((document, article, None) for article in inside)

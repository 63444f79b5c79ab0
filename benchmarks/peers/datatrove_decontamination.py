"""datatrove's n-gram decontamination: each article is an evaluation set, each document training data.

Words, normalisation and hash are those of its `NGramsDecontFilter`. That filter stops at a document's first
n-gram, and its indexer needs lighteval, so all n-grams of a document are looked up here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from datatrove.pipeline.decont.n_grams import NGramsDecontConfig, NGramsDecontFilter
from datatrove.utils.text import ngrams, simplify_text
from datatrove.utils.typeshelper import Languages

from benchmarks.peers.base import Pair, Peer
from benchmarks.peers.texts import Texts

N_GRAMS = 11


class Hashes:
    """The hashes of a text's n-grams, as the filter makes them."""

    def __init__(self, folder: Path) -> None:
        self.config = NGramsDecontConfig(n_grams=N_GRAMS)
        self.step = NGramsDecontFilter(str(folder), self.config, language=Languages.french)

    def of(self, text: str) -> set[int]:
        """Return the hashes of a text."""
        words = self.step.tokenizer.word_tokenize(simplify_text(text, self.config.norm_config))
        return set(map(self.step.hash_func, map(" ".join, ngrams(words, N_GRAMS))))


def pairs(articles: Texts, documents: Texts, folder: Path) -> Iterator[Pair]:
    """Return every document with every article that it shares an n-gram with."""
    hashes = Hashes(folder)
    articles_with: dict[int, list[str]] = defaultdict(list)
    for name, text in zip(articles.ids, articles.texts, strict=True):
        for each in hashes.of(text):
            articles_with[each].append(name)
    for name, text in zip(documents.ids, documents.texts, strict=True):
        found = {article for each in hashes.of(text) for article in articles_with.get(each, ())}
        yield from ((name, article, None) for article in sorted(found))


PEER = Peer(
    "datatrove",
    {"n_grams": N_GRAMS, "words": "its own, spaCy", "lookup": "every n-gram of a document", "processes": 1},
    pairs,
)

"""Pairs of documents and articles they copy from, by brute force: sets of all runs of n words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from tests.reference.words import reference_words

Run = tuple[str, ...]


def pairs_with_common_run(
    documents: Mapping[str, str], articles: Mapping[str, str], run_words: int
) -> set[tuple[str, str]]:
    """Every (document, article) with a common run of `run_words` words or more."""
    holders: dict[Run, set[str]] = defaultdict(set)
    for name, body in articles.items():
        for run in runs_of(body, run_words):
            holders[run].add(name)
    return {
        (document, article)
        for document, text in documents.items()
        for run in runs_of(text, run_words)
        for article in holders.get(run, ())
    }


def runs_of(text: str, n: int) -> set[Run]:
    """All runs of `n` words of a text."""
    words = [word.folded for word in reference_words(text.encode("utf-8", "surrogatepass"))]
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

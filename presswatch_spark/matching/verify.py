"""Verification: which words of an article stand in a document, compared word by word on their folded bytes.

The numbers are exact for runs of `anchor_words` and more: every word of either text that lies in such a
common run is counted, once, and the longest run is the longest there is. Shorter runs count only as bridges
of edits, in or next to a passage that such runs already prove.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presswatch_spark.config import VerifyRules
from presswatch_spark.matching.bridges import Pair, bridge, passages, select
from presswatch_spark.matching.common_runs import (
    Names,
    Runs,
    all_runs,
    common_pairs,
    covering_runs,
    name_windows,
    name_words,
)
from presswatch_spark.text.words import Words, words_of

# Up to this many equal pairs of windows (and a few per word), runs are enumerated; beyond, chosen. Numbers
# stay exact.
PAIRS_ENUMERATED = 1 << 20
PAIRS_PER_WORD = 8

# A page of one phrase, endlessly repeated, has millions of spans: the longest are kept, the numbers count
# all.
SPANS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a document and an article have in common; all numbers in words.

    `longest_run_words` is 0 if no common run reaches `anchor_words`. `copied_words` and
    `document_copied_words` count the words of article and document that lie in a span, each once. `spans` is
    int64 of shape (s, 4): first word in the document, first word in the article, words, passage; by document
    position. A span's words are the same on both sides; spans of one passage continue each other on both
    sides. At most `SPANS_KEPT` are kept.
    """

    longest_run_words: int
    copied_words: int
    document_copied_words: int
    article_words: int
    document_words: int
    spans: npt.NDArray[np.int64]

    @property
    def article_coverage(self) -> float:
        """Share of the article's words that lie in a span, 0 to 1."""
        return self.copied_words / self.article_words if self.article_words else 0.0

    @property
    def document_coverage(self) -> float:
        """Share of the document's words that lie in a span, 0 to 1."""
        return self.document_copied_words / self.document_words if self.document_words else 0.0


def verify(document: Words, article: Words, rules: VerifyRules) -> Overlap:
    """Compare a document with an article, word by word. The cost is linear in both, whatever they repeat."""
    pair = _pair(document, article)
    runs = anchors(pair.article, pair.document, rules.anchor_words)
    if not len(runs):
        return Overlap(0, 0, 0, len(article), len(document), np.empty((0, 4), np.int64))
    chosen = bridge(pair, select(pair, runs), rules.bridge_gap_words, rules.bridge_run_words)
    spans = np.column_stack((chosen, passages(chosen, rules.bridge_gap_words)))
    return Overlap(
        longest_run_words=int(runs[:, 2].max()),
        copied_words=int(np.count_nonzero(pair.article_seen)),
        document_copied_words=int(np.count_nonzero(pair.document_seen)),
        article_words=len(article),
        document_words=len(document),
        spans=_longest(spans),
    )


def anchors(article: Names, document: Names, words: int) -> Runs:
    """Common runs of at least `words` words: all maximal ones or, if repetition makes them too many, enough.

    Enough are the longest, and so many that every word that lies in any of them on either side lies in one.
    """
    wide_article, wide_document = name_windows(article, document, words)
    pairs = common_pairs(wide_article, wide_document)
    if pairs == 0:
        return np.empty((0, 3), np.int64)
    few = pairs <= PAIRS_ENUMERATED + PAIRS_PER_WORD * (len(article) + len(document))
    runs: Runs = (all_runs if few else covering_runs)(article, document, wide_article, wide_document, words)
    return runs


def warm_up() -> None:
    """Compile every kernel of verification, or load it from numba's cache, so that no document waits."""
    sentence = words_of(" ".join(map(str, range(24))).encode())
    verify(sentence, sentence, VerifyRules())
    names = np.arange(24, dtype=np.int32)
    covering_runs(names, names, *name_windows(names, names, 8), 8)


def _pair(document: Words, article: Words) -> Pair:
    article_names, document_names = name_words(
        article.hashes,
        article.folded,
        article.folded_starts,
        article.folded_ends,
        document.hashes,
        document.folded,
        document.folded_starts,
        document.folded_ends,
    )
    seen = np.zeros(len(document), np.bool_), np.zeros(len(article), np.bool_)
    return Pair(document_names, article_names, *seen)


def _longest(spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if len(spans) <= SPANS_KEPT:
        return spans
    kept = np.argsort(-spans[:, 2], kind="stable")[:SPANS_KEPT]
    return spans[np.sort(kept)]

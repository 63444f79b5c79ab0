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
from presswatch_spark.matching.named import NamedDocument
from presswatch_spark.text.words import Words

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


def verify(document: NamedDocument, article: Words, rules: VerifyRules) -> Overlap:
    """Compare a document, named by windows of `rules.anchor_words` words, with an article, word by word.

    The cost is linear in the article and in what both have in common; where they repeat too much, in both.
    """
    names = document.name(article)
    runs = document.runs(names)
    n, m = len(document.names), len(names)
    if not len(runs):
        return Overlap(0, 0, 0, m, n, np.empty((0, 4), np.int64))
    pair = Pair(document.names, names, np.zeros(n, np.bool_), np.zeros(m, np.bool_))
    chosen = bridge(pair, select(pair, runs), rules.bridge_gap_words, rules.bridge_run_words)
    spans = np.column_stack((chosen, passages(chosen, rules.bridge_gap_words)))
    return Overlap(
        longest_run_words=int(runs[:, 2].max()),
        copied_words=int(np.count_nonzero(pair.article_seen)),
        document_copied_words=int(np.count_nonzero(pair.document_seen)),
        article_words=m,
        document_words=n,
        spans=_longest(spans),
    )


def _longest(spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if len(spans) <= SPANS_KEPT:
        return spans
    kept = np.argsort(-spans[:, 2], kind="stable")[:SPANS_KEPT]
    return spans[np.sort(kept)]

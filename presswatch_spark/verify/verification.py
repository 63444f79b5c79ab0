"""Verification: which words of an article stand in a document, compared word by word on their folded bytes.

The numbers are exact for runs of `anchor_words` and more: every word of either text that lies in such a
common run is counted, once, and the longest run is the longest there is. Shorter runs count only as bridges
of edits, in or next to a passage that such runs already prove.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.settings.config import VerifyRules
from presswatch_spark.text.words import Words
from presswatch_spark.verify.bridges import bridge, passages
from presswatch_spark.verify.common_runs import Runs
from presswatch_spark.verify.named_document import NamedDocument
from presswatch_spark.verify.names import Names
from presswatch_spark.verify.tiles import Pair, select

# A page of one phrase, endlessly repeated, has millions of spans: the longest are kept, the numbers count
# all. So many of one pair; of all pairs of a document together, but some of each.
SPANS_KEPT, SPANS_OF_DOCUMENT, SPANS_AT_LEAST = 10_000, 100_000, 100


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a document and an article have in common; all numbers in words.

    `longest_run_words` is 0 if no common run reaches `anchor_words`. `copied_words` and
    `document_copied_words` count the words of article and document that lie in a span, each once. `spans` is
    int64 of shape (s, 4): first word in the document, first word in the article, words, passage; by document
    position. A span's words are the same on both sides; spans of one passage continue each other on both
    sides. The longest are kept: see `spans_kept`.
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


def spans_kept(articles: int) -> int:
    """How many spans are kept of each pair, of a document that is compared with so many articles."""
    return min(SPANS_KEPT, max(SPANS_AT_LEAST, SPANS_OF_DOCUMENT // max(1, articles)))


def verify(
    document: NamedDocument, article: Words, rules: VerifyRules, most_spans: int = SPANS_KEPT
) -> Overlap:
    """Compare a document, named by windows of `rules.anchor_words` words, with an article, word by word.

    The cost is linear in the article and in what both have in common; where they repeat too much, in both.
    """
    names, runs = document.runs(article)
    n, m = len(document.words), len(article)
    if not len(runs):
        return Overlap(0, 0, 0, m, n, np.empty((0, 4), np.int64))
    longest, copied, document_copied, spans = _spans(
        document.naming.words, names, runs, rules.bridge_gap_words, rules.bridge_run_words
    )
    return Overlap(longest, copied, document_copied, m, n, _longest(spans, most_spans))


@cached_njit
def _spans(
    document: Names, article: Names, runs: Runs, gap_words: int, run_words: int
) -> tuple[int, int, int, Runs]:
    """Length of the longest run; words that a span covers in article and document; the spans."""
    pair = Pair(document, article, np.zeros(len(document), np.bool_), np.zeros(len(article), np.bool_))
    chosen = bridge(pair, select(pair, runs), gap_words, run_words)
    spans, numbers = np.empty((len(chosen), 4), np.int64), passages(chosen, gap_words)
    for k in range(len(chosen)):
        spans[k, 0], spans[k, 1], spans[k, 2] = chosen[k, 0], chosen[k, 1], chosen[k, 2]
        spans[k, 3] = numbers[k]
    longest = 0
    for k in range(len(runs)):
        longest = max(longest, runs[k, 2])
    return longest, np.sum(pair.article_seen), np.sum(pair.document_seen), spans


def _longest(spans: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    if len(spans) <= most:
        return spans
    kept = np.argsort(-spans[:, 2], kind="stable")[:most]
    return spans[np.sort(kept)]

"""Which words of an article stand in a document, compared word by word on their folded bytes.

The numbers are exact for runs of `anchor_words` and more. Every word of either text in such a run counts
once, and the longest run is the longest there is. Shorter runs count only as bridges of edits, in or next to
a passage that such runs already prove.

A document is named once for all the articles that it is compared with. A comparison takes microseconds, so
Python must have little part in it: one kernel names a document, one finds the runs of an article.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.settings.config import VerifyRules
from presswatch_spark.text.kernels import Bytes, Edges, Hashes
from presswatch_spark.text.words import TextWords
from presswatch_spark.verify.bridges import bridge, passages
from presswatch_spark.verify.common_runs import Runs, all_runs, common_pairs, covering_runs, in_order_of
from presswatch_spark.verify.names import (
    Names,
    Spelt,
    look_up_windows,
    look_up_words,
    name_windows,
    name_words,
    repetitions,
    table_for,
    table_of,
)
from presswatch_spark.verify.readings import Joined, ReadText, readings_of_pair
from presswatch_spark.verify.screen import SECRET
from presswatch_spark.verify.tiles import Pair, select

# Up to this many equal pairs of windows (and a few per word), all runs are enumerated; beyond, enough of them
# are chosen. Numbers stay exact.
PAIRS_ENUMERATED = 1 << 16
PAIRS_PER_WORD = 2
# A page of one phrase, endlessly repeated, has millions of spans: the longest are kept, the numbers count
# all. At most as many of one pair, of all pairs of a document, and at least of each pair.
READINGS_KEPT = 8
SPANS_KEPT, SPANS_OF_DOCUMENT, SPANS_AT_LEAST = 10_000, 100_000, 100


class Naming(NamedTuple):
    """The names of a document's n words and of its windows, and the slots of the tables of both.

    `words` int32[n], `windows` int32[max(0, n - width + 1)]. `times` and `following`: see `repetitions`.
    """

    words: Names
    word_slots: Names
    windows: Names
    window_slots: Names
    times: Names
    following: Names


class NamedDocument:
    """Compares a document with articles, by windows of `width` words.

    Naming costs time and memory (some 100 bytes a word) linear in the document. A comparison costs time
    linear in the article and in the number of windows that both have.
    """

    def __init__(self, text: Joined, width: int) -> None:
        self.words = text.words
        self.width = width
        self.joined = text
        self._readings: dict[bytes, NamedDocument] = {}
        self.naming = Naming(*_name_document(*_keys(self.words), width, SECRET))

    def read_like(self, article: Joined) -> "tuple[NamedDocument, ReadText, ReadText] | None":
        """Return the document named in the reading that an article has, and both readings.

        None if nothing is joined in either text.
        """
        if not self.joined.in_common(article):
            return None
        document, other = readings_of_pair(self.joined, article)
        if document.words is self.words:
            return self, document, other
        key = document.first.tobytes()
        if key not in self._readings:
            # Most articles have few of the joined words, and agree in them.
            while len(self._readings) >= READINGS_KEPT:
                self._readings.pop(next(iter(self._readings)))
            self._readings[key] = NamedDocument(Joined(document.words), self.width)
        return self._readings[key], document, other

    def runs(self, article: TextWords) -> tuple[Names, Runs]:
        """Return the names of an article's words, int32[m], and common runs of `width` words and more.

        The runs are all maximal ones, by document position, then article position. If these are too many,
        some are chosen that cover the same words on both sides; then the longest run comes first.
        """
        names, runs = _runs(
            self.naming, *_keys(self.words), *_keys(article), self.width, SECRET,
            PAIRS_ENUMERATED, PAIRS_PER_WORD,
        )  # fmt: skip
        return names, runs


def _keys(words: TextWords) -> tuple[Hashes, Bytes, Edges, Edges]:
    return words.hashes, words.folded, words.folded_starts, words.folded_ends


@cached_njit
def _name_document(
    hashes: Hashes, folded: Bytes, starts: Edges, ends: Edges, width: int, factor: np.uint64
) -> tuple[Names, Names, Names, Names, Names, Names]:
    """Return the fields of `Naming` as a plain tuple: numba unpickles a class at each return."""
    table = table_for(len(hashes), factor)
    words = name_words(table, Spelt(hashes, folded, starts, ends))
    windows, window_slots = name_windows(words, width, factor)
    times, following = repetitions(windows)
    return words, table.slots, windows, window_slots, times, following


@cached_njit
def _runs(
    naming: Naming,
    hashes: Hashes,
    folded: Bytes,
    starts: Edges,
    ends: Edges,
    article_hashes: Hashes,
    article_folded: Bytes,
    article_starts: Edges,
    article_ends: Edges,
    width: int,
    factor: np.uint64,
    pairs_enumerated: int,
    pairs_per_word: int,
) -> tuple[Names, Runs]:
    document = Spelt(hashes, folded, starts, ends)
    article = Spelt(article_hashes, article_folded, article_starts, article_ends)
    names = look_up_words(table_of(naming.word_slots, factor), document, naming.words, article)
    windows = look_up_windows(naming.words, naming.windows, naming.window_slots, names, width, factor)
    pairs = common_pairs(naming.times, windows)
    if pairs > pairs_enumerated + pairs_per_word * (len(names) + len(naming.words)):
        chosen: Runs = covering_runs(naming.words, names, naming.windows, windows, width, factor)
        return names, chosen
    runs: Runs = all_runs(naming.words, names, windows, naming.following, width)
    # Found in the order of the article; the sort by document keeps it among equals.
    return names, runs[in_order_of(runs, 0, 1)]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What a document and an article have in common; all numbers in words.

    `longest_run_words` is 0 if no common run reaches `anchor_words`. `copied_words` and
    `document_copied_words` count the words of article and document that lie in a span, each once. `spans` is
    int64 of shape (s, 4): first word in the document, first word in the article, words, passage; by document
    position. A span's words are the same on both sides; spans of one passage continue each other on both
    sides. Only the longest are kept: see `most_spans`. Words that a hyphen parts at a line end in one text
    and that the other has whole are one word in a run; places and sums count words as they are written.
    `lengths` int64 (s, 2): of how many written words a span is in document and article; None: as in `spans`.
    """

    longest_run_words: int
    copied_words: int
    document_copied_words: int
    article_words: int
    document_words: int
    spans: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64] | None = None

    def seen_from(self, side: int) -> npt.NDArray[np.int64]:
        """Return the spans with their lengths in words as one text writes them.

        They differ from those of `spans` only where a hyphen at a line end parts a word.

        Args:
            side: 0 for the document, 1 for the article.
        """
        if self.lengths is None:
            return self.spans
        seen = self.spans.copy()
        seen[:, 2] = self.lengths[:, side]
        return seen

    @property
    def article_coverage(self) -> float:
        """Return the share of the article's words that lie in a span, 0 to 1."""
        return self.copied_words / self.article_words if self.article_words else 0.0

    @property
    def unbroken_words(self) -> int:
        """Return the words of the longest part of the article that the document has without a gap.

        The document may have other words in between: what a page puts between paragraphs breaks nothing.
        """
        longest = begins = after = document_after = 0
        seen = self.seen_from(1).tolist()
        document_counts = self.seen_from(0)[:, 2].tolist()
        for k in sorted(range(len(seen)), key=lambda k: seen[k][1]):
            (first, begin, count, _), document_count = seen[k], document_counts[k]
            # The last word of one span may be the first of the next.
            if begin > after or first < document_after:
                begins = begin
            after, document_after = max(after, begin + count), first + document_count
            longest = max(longest, after - begins)
        return longest

    @property
    def document_coverage(self) -> float:
        """Return the share of the document's words that lie in a span, 0 to 1."""
        return self.document_copied_words / self.document_words if self.document_words else 0.0


def most_spans(articles: int) -> int:
    """Return how many spans each pair may keep if a document is compared with so many articles."""
    return min(SPANS_KEPT, max(SPANS_AT_LEAST, SPANS_OF_DOCUMENT // max(1, articles)))


def verify(document: NamedDocument, article: Joined, rules: VerifyRules, most: int = SPANS_KEPT) -> Overlap:
    """Compare a document, named by windows of `rules.anchor_words` words, with an article, word by word.

    At most `most` spans are kept. The cost is linear in the article and in what both have in common, or in
    both texts if they repeat too much.
    """
    read = document.read_like(article)
    if read is None:
        return _verified(document, article.words, rules, most)[0]
    named, of_document, of_article = read
    overlap, spans = _verified(named, of_article.words, rules, most)
    return _as_written(overlap, spans, of_document, of_article)


def _verified(
    document: NamedDocument, article: TextWords, rules: VerifyRules, most: int
) -> tuple[Overlap, Runs]:
    """Return the overlap of two texts as they are read, and all spans, whose number is not limited."""
    names, runs = document.runs(article)
    n, m = len(document.words), len(article)
    if not len(runs):
        nothing = np.empty((0, 4), np.int64)
        return Overlap(0, 0, 0, m, n, nothing), nothing
    longest, copied, document_copied, spans = _spans(
        document.naming.words, names, runs, rules.bridge_gap_words, rules.bridge_run_words
    )
    return Overlap(longest, copied, document_copied, m, n, _longest(spans, most)), spans


def _as_written(overlap: Overlap, spans: Runs, document: ReadText, article: ReadText) -> Overlap:
    """Return an overlap of two readings with places and sums in words as the texts write them."""
    sums = []
    for side, reading in enumerate((document, article)):
        seen = np.zeros(len(reading.written) + 1, np.int64)
        first, length = reading.first[spans[:, side]], reading.lengths(spans[:, side], spans[:, 2])
        np.add.at(seen, first, 1)
        np.add.at(seen, first + length, -1)
        sums.append(int(np.count_nonzero(np.cumsum(seen))))
    kept = overlap.spans.copy()
    lengths = [reading.lengths(kept[:, side], kept[:, 2]) for side, reading in enumerate((document, article))]
    kept[:, 0], kept[:, 1] = document.first[kept[:, 0]], article.first[kept[:, 1]]
    return Overlap(
        overlap.longest_run_words, sums[1], sums[0], len(article.written), len(document.written),
        kept, np.stack(lengths, axis=1),
    )  # fmt: skip


@cached_njit
def _spans(
    document: Names, article: Names, runs: Runs, gap_words: int, run_words: int
) -> tuple[int, int, int, Runs]:
    """Return the length of the longest run, the words that spans cover in article and document, the spans."""
    pair = Pair(document, article, np.zeros(len(document), np.bool_), np.zeros(len(article), np.bool_))
    chosen = bridge(pair, select(pair, runs), gap_words, run_words)
    spans, numbers = np.empty((len(chosen), 4), np.int64), passages(chosen, gap_words)
    for k in range(len(chosen)):
        spans[k, 0], spans[k, 1], spans[k, 2] = chosen[k, 0], chosen[k, 1], chosen[k, 2]
        spans[k, 3] = numbers[k]
    longest = 0
    for k in range(len(runs)):
        longest = max(longest, runs[k, 2])
    return longest, int(np.sum(pair.article_seen)), int(np.sum(pair.document_seen)), spans


def _longest(spans: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    if len(spans) <= most:
        return spans
    longest = np.argsort(-spans[:, 2], kind="stable")[:most]
    return spans[np.sort(longest)]

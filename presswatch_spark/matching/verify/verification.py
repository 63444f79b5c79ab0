"""Finds the words of an article that a document has, compared word by word on their folded bytes.

Counts are exact for runs of `anchor_words` words and more; shorter runs count only as bridges across edits,
in or next to a passage with such a run. The *screen* refuses most pairs in microseconds: both texts must
share a window as long as the shortest run to report, and equal windows have equal hashes.

A hyphen at a line end may split a word (a *parting*): `infor-` / `mation` is one word if the other text has
`information`, two if it has `infor mation`, and as written if it has neither. If it has both, the reading
with the longer run around it counts.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit
from presswatch_spark.core.settings.config import VerifyRules
from presswatch_spark.matching.verify.bridges import bridge, passages
from presswatch_spark.matching.verify.common_runs import (
    Names,
    Pair,
    Runs,
    Spelt,
    all_runs,
    common_pairs,
    covering_runs,
    in_order_of,
    look_up_windows,
    look_up_words,
    name_windows,
    name_words,
    repetitions,
    select,
    table_for,
    table_of,
)
from presswatch_spark.reading.text.word_kernels import Edges, Hashes
from presswatch_spark.reading.text.words import TextWords, word_hashes

Table = npt.NDArray[np.uint32]

_BASE = np.uint64(0xD6E8FEB86659FD93)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)

SECRET = np.uint64(secrets.randbits(64) | 1)
"""Decides the hash slots of a process, so no page can be written to make them collide. Changes no result."""


MOST_PARTS = 4
"""The most parts of a split word."""
MOST_PARTINGS = 50_000
"""The most partings of a text that are read in two ways: hostile texts have nothing else."""
MOST_PLACES = 64
"""The most places of a word in the other text that are compared to choose a reading."""
CONTEXT = 24
"""The words on either side that are compared to choose a reading."""
# Up to so many pairs of equal windows (and a few per word), all runs are enumerated; beyond, only as many as
# cover the same words. Counts are exact in both cases.
PAIRS_ENUMERATED = 1 << 16
PAIRS_PER_WORD = 2
READINGS_KEPT = 8
# A page that repeats one phrase has millions of spans. All are counted, but only the longest are kept: the
# most of one pair, the most of all pairs of a document, and the number that each pair may keep in any case.
SPANS_KEPT, SPANS_OF_DOCUMENT, SPANS_AT_LEAST = 10_000, 100_000, 100


class DocumentWindows:
    """The windows of one document, by their hashes from `window_hashes`."""

    def __init__(self, document: Hashes) -> None:
        self._table: Table = _table_of(document, SECRET)

    def passes(self, article: Hashes) -> bool:
        """Return whether article and document share a window (from `window_hashes`, of the same width)."""
        return bool(_any_in(self._table, article, SECRET))


@cached_njit
def window_hashes(words: Hashes, width: int) -> Hashes:
    """Hash all windows of `width` words: uint64[max(0, n - width + 1)] for words uint64[n]; no hash is 0.

    A polynomial modulo 2**64, rolled (Karp and Rabin, 1987), then mixed.
    """
    out = np.empty(max(0, len(words) - width + 1), np.uint64)
    leaving = np.uint64(1)
    for _ in range(width):
        leaving *= _BASE
    value = np.uint64(0)
    for i in range(len(words)):
        value = value * _BASE + words[i]
        if i >= width:
            value -= words[i - width] * leaving
        if i >= width - 1:
            mixed = (value ^ (value >> _HALF)) * _SPREAD
            out[i - width + 1] = (mixed ^ (mixed >> _HALF)) | np.uint64(1)
    return out


@cached_njit
def _table_of(hashes: Hashes, secret: np.uint64) -> Table:
    """Return a table (open addressing, a quarter full) of the last 32 bits of each hash; 0 is empty."""
    size = 16
    while size < 4 * len(hashes):
        size *= 2
    table = np.zeros(size, np.uint32)
    mask = np.uint64(size - 1)
    for h in hashes:
        slot, bits = ((h * secret) >> _HALF) & mask, np.uint32(h)
        while table[slot] != 0 and table[slot] != bits:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = bits
    return table


@cached_njit
def _any_in(table: Table, hashes: Hashes, secret: np.uint64) -> bool:
    mask = np.uint64(len(table) - 1)
    for h in hashes:
        slot, bits = ((h * secret) >> _HALF) & mask, np.uint32(h)
        while table[slot] != 0:
            if table[slot] == bits:
                return True
            slot = (slot + np.uint64(1)) & mask
    return False


@dataclass(frozen=True, slots=True)
class ReadText:
    """A reading of a text: its word i is made of the `written` words from `first[i]` to `last[i]`."""

    words: TextWords
    written: TextWords
    first: Edges
    last: Edges

    @classmethod
    def as_written(cls, words: TextWords) -> "ReadText":
        """Return the reading in which no words are joined."""
        every = np.arange(len(words))
        return cls(words, words, every, every)

    def lengths(self, first: Edges, count: Edges) -> Edges:
        """Return the number of written words in runs of words: int64[k]; `first`, `count` int64[k]."""
        written: Edges = self.last[first + count - 1] - self.first[first] + 1
        return written


class Joined:
    """The words that the partings of a text may have split: for each, its span of written words, its hash."""

    def __init__(self, words: TextWords) -> None:
        self.words = words
        self.spans: list[tuple[int, int]] = []
        self.hashes: Hashes = np.empty(0, np.uint64)
        if not len(words.partings):
            return
        partings = set(words.partings[:MOST_PARTINGS].tolist())
        self.spans = [
            (first, last)
            for first in sorted(partings)
            for last in range(first + 1, first + MOST_PARTS)
            if all(part in partings for part in range(first, last))
        ]
        texts = [self.spelt(*span) for span in self.spans]
        self.hashes = word_hashes(b" ".join(texts))

    def __len__(self) -> int:
        return len(self.spans)

    def spelt(self, first: int, last: int) -> bytes:
        """Return the folded bytes of the word with the parts `first` to `last`."""
        starts, ends = self.words.folded_starts, self.words.folded_ends
        return self.words.folded[starts[first] : ends[last]].tobytes().replace(b"\0", b"")

    def in_common(self, other: "Joined") -> bool:
        """Return whether a joined word of one text may be a word of the other; False is certain."""
        return (
            (bool(self.spans) and self._screen.passes(_screen_keys(other.words.hashes)))
            or (bool(other.spans) and other._screen.passes(_screen_keys(self.words.hashes)))
            or (bool(self.spans and other.spans) and self._screen.passes(_screen_keys(other.hashes)))
        )

    @cached_property
    def _screen(self) -> DocumentWindows:
        return DocumentWindows(_screen_keys(self.hashes))

    def read_like(self, other: TextWords, also: "Joined | None" = None) -> ReadText:
        """Return the reading that has most in common with another text, or its joined words (`also`)."""
        if not len(self):
            return ReadText.as_written(self.words)
        there = np.isin(self.hashes, other.hashes)
        if also is not None:
            there |= np.isin(self.hashes, also.hashes)
        known = {self.spans[k]: int(self.hashes[k]) for k in np.flatnonzero(there).tolist()}
        chosen = list(_chosen(self.words, other, known)) if known else []
        return _joined(self, chosen, known) if chosen else ReadText.as_written(self.words)


def _screen_keys(hashes: Hashes) -> Hashes:
    return hashes | np.uint64(1)


def readings_of_pair(document: Joined, article: Joined) -> tuple[ReadText, ReadText]:
    """Return the readings of two texts in which they have most in common."""
    of_article = article.read_like(document.words, document)
    return document.read_like(of_article.words), of_article


def _chosen(
    words: TextWords, other: TextWords, known: dict[tuple[int, int], int]
) -> Iterator[tuple[int, int]]:
    hashes, others = words.hashes.tolist(), other.hashes.tolist()
    places, joins = dict[int, list[int]](), dict[int, list[tuple[int, int]]]()
    for (first, last), whole in known.items():
        joins.setdefault(first, []).append((whole, last + 1))
    # Find the places of these words only, since a text may be long.
    parts = (words.hashes[first : last + 1] for first, last in known)
    ends = np.concatenate([np.array([*known.values()], np.uint64), *parts])
    for j in np.flatnonzero(np.isin(other.hashes, ends)).tolist():
        places.setdefault(others[j], []).append(j)

    def longest_run(head: Sequence[int], at: int, longest: int) -> int:
        # Return the length of the longest run in the other text with the last word of `head`, or `longest`.
        # Words from `at` on are read as the run needs them.
        for j in places.get(head[-1], [])[:MOST_PLACES]:
            if longest >= len(head) + CONTEXT - 1:
                break
            left, right, after = 1, j + 1, at
            while left < len(head) and left <= j and others[j - left] == head[-1 - left]:
                left += 1
            limit = min(len(others), j + CONTEXT) if left + CONTEXT > longest + 1 else 0
            while right < limit and after < len(hashes):
                word = others[right]
                if hashes[after] == word:
                    after += 1
                elif found := [end for whole, end in joins.get(after, ()) if whole == word]:
                    after = found[0]
                else:
                    break
                right += 1
            longest = max(longest, left + right - j - 1)
        return longest

    before, done = list[int](), 0
    for first, last in sorted(known, key=lambda span: (span[0], -span[1])):
        if first < done:
            continue
        before = (before + hashes[done:first])[-CONTEXT:]
        joined, written = [*before, known[first, last]], [*before, *hashes[first : last + 1]]
        longest = longest_run(joined, last + 1, 0)
        # A run as written may begin or end between the parts.
        heads = ((written[: end - last - 1 or None], end) for end in range(first + 1, last + 2))
        if any(longest_run(*head, longest) > longest for head in heads):
            before, done = written[: first - last or None][-CONTEXT:], first + 1
        else:
            yield first, last
            before, done = joined, last + 1


def _joined(
    joined: Joined, spans: Sequence[tuple[int, int]], hashes_of: Mapping[tuple[int, int], int]
) -> ReadText:
    words = joined.words
    starts, ends = words.folded_starts, words.folded_ends
    kept = np.ones(len(words), np.bool_)
    for first, last in spans:
        kept[first + 1 : last + 1] = False
    firsts = np.flatnonzero(kept)
    lasts = np.append(firsts[1:], len(words)) - 1
    # Append joined words to the folded bytes: a word must be contiguous, with 7 readable bytes after it.
    extra, at = [words.folded.tobytes()], len(words.folded)
    folded_starts, folded_ends, hashes = (
        starts[firsts].copy(),
        ends[firsts].copy(),
        words.hashes[firsts].copy(),
    )
    places = np.searchsorted(firsts, [first for first, _ in spans])
    for place, (first, last) in zip(places.tolist(), spans, strict=True):
        text = joined.spelt(first, last)
        folded_starts[place], folded_ends[place] = at, at + len(text)
        hashes[place] = hashes_of[first, last]
        extra.append(text + b"\0")
        at += len(text) + 1
    folded = np.frombuffer(b"".join(extra) + bytes(8), np.uint8)
    return ReadText(TextWords(words.text, hashes, folded, folded_starts, folded_ends), words, firsts, lasts)


class Naming(NamedTuple):
    """The names of a document's n words (int32[n]) and of its windows, and the slots of both tables."""

    words: Names
    word_slots: Names
    windows: Names
    window_slots: Names
    times: Names
    following: Names


class NamedDocument:
    """Compares a document with articles, by windows of `width` words, in time linear in the article."""

    def __init__(self, text: Joined, width: int) -> None:
        self.words = text.words
        self.width = width
        self.joined = text
        self._readings: dict[bytes, NamedDocument] = {}
        self.naming = Naming(*_name_document(_spelt(self.words), width, SECRET))

    def read_like(self, article: Joined) -> "tuple[NamedDocument, ReadText, ReadText] | None":
        """Return the document in the reading closest to an article, and both readings; None if as written."""
        if not self.joined.in_common(article):
            return None
        document, other = readings_of_pair(self.joined, article)
        if document.words is self.words:
            return self, document, other
        key = document.first.tobytes()
        if key not in self._readings:
            # Few readings are kept: most articles have few of the joined words, and the same ones.
            while len(self._readings) >= READINGS_KEPT:
                self._readings.pop(next(iter(self._readings)))
            self._readings[key] = NamedDocument(Joined(document.words), self.width)
        return self._readings[key], document, other

    def runs(self, article: TextWords) -> tuple[Names, Runs]:
        """Return the names of an article's words, int32[m], and common runs of `width` words and more.

        These are all maximal runs, in the order of document and article; if there are too many, some that
        cover the same words, the longest first.
        """
        names, runs = _runs(
            self.naming, _spelt(self.words), _spelt(article), self.width, SECRET,
            PAIRS_ENUMERATED, PAIRS_PER_WORD,
        )  # fmt: skip
        return names, runs


def _spelt(words: TextWords) -> Spelt:
    return Spelt(words.hashes, words.folded, words.folded_starts, words.folded_ends)


@cached_njit
def _name_document(
    document: Spelt, width: int, factor: np.uint64
) -> tuple[Names, Names, Names, Names, Names, Names]:
    """Return the fields of `Naming` as a plain tuple: numba unpickles a class at each return."""
    table = table_for(len(document.hashes), factor)
    words = name_words(table, document)
    windows, window_slots = name_windows(words, width, factor)
    times, following = repetitions(windows)
    return words, table.slots, windows, window_slots, times, following


@cached_njit
def _runs(
    naming: Naming, document: Spelt, article: Spelt, width: int, factor: np.uint64,
    pairs_enumerated: int, pairs_per_word: int,
) -> tuple[Names, Runs]:  # fmt: skip
    names = look_up_words(table_of(naming.word_slots, factor), document, naming.words, article)
    windows = look_up_windows(naming.words, naming.windows, naming.window_slots, names, width, factor)
    pairs = common_pairs(naming.times, windows)
    if pairs > pairs_enumerated + pairs_per_word * (len(names) + len(naming.words)):
        return names, covering_runs(naming.words, names, naming.windows, windows, width, factor)
    runs = all_runs(naming.words, names, windows, naming.following, width)
    # The runs are in the order of the article; the stable sort by document keeps that order among equals.
    return names, runs[in_order_of(runs, 0, 1)]


@dataclass(frozen=True, slots=True)
class Overlap:
    """The common words of a document and an article; all numbers in words, as they are written.

    `longest_run_words` is 0 if no common run reaches `anchor_words`. Copied words are those in a span; each
    counts once on each side. `spans` int64 (s, 4): first word in the document, first word in the article,
    words, passage; by document position, only the longest (see `most_spans`). `lengths` int64 (s, 2): the
    written words of each span on both sides; None if they are as in `spans`, since no hyphen splits a word.
    """

    longest_run_words: int
    copied_words: int
    document_copied_words: int
    article_words: int
    document_words: int
    spans: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64] | None = None

    def seen_from(self, side: int) -> npt.NDArray[np.int64]:
        """Return the spans with lengths in words as the document (`side` 0) or the article (1) has them."""
        if self.lengths is None:
            return self.spans
        seen = self.spans.copy()
        seen[:, 2] = self.lengths[:, side]
        return seen

    def beyond(self, earlier: Sequence[npt.NDArray[np.int64]], least: int) -> "Overlap":
        """Return the overlap without passages that have no `least` words in a row outside of `earlier`.

        `earlier`: spans of other documents and the same article, as `seen_from(1)`.
        """
        spans, words = self.seen_from(1), self.article_words
        others = np.concatenate(earlier)
        known = _words_in(others[:, 1], others[:, 2], words)
        before = np.concatenate(([0], np.cumsum(known)))
        # The number of new windows of `least` words that begin before each word.
        windows = np.concatenate(([0], np.cumsum(before[least:] == before[:-least])))
        first, last = spans[:, 1], spans[:, 1] + np.maximum(0, spans[:, 2] - least + 1)
        new = windows[np.minimum(last, len(windows) - 1)] > windows[np.minimum(first, len(windows) - 1)]
        kept = np.isin(spans[:, 3], spans[new, 3])
        if kept.all():
            return self
        of_document, of_article = self.seen_from(0)[kept], spans[kept]
        return Overlap(
            longest_run_words=int(self.spans[kept, 2].max(initial=0)),
            copied_words=int(_words_in(of_article[:, 1], of_article[:, 2], words).sum()),
            document_copied_words=int(
                _words_in(of_document[:, 0], of_document[:, 2], self.document_words).sum()
            ),
            article_words=words,
            document_words=self.document_words,
            spans=self.spans[kept],
            lengths=None if self.lengths is None else self.lengths[kept],
        )

    @property
    def article_coverage(self) -> float:
        """Return the share of the article's words that are in a span, 0 to 1."""
        return self.copied_words / self.article_words if self.article_words else 0.0

    @property
    def unbroken_words(self) -> int:
        """Return the words of the longest part of the article that the document has without a gap.

        The document may have other words in between, such as teasers between paragraphs.
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
        """Return the share of the document's words that are in a span, 0 to 1."""
        return self.document_copied_words / self.document_words if self.document_words else 0.0


def _words_in(first: Edges, count: Edges, size: int) -> npt.NDArray[np.bool_]:
    """Return for each word of a text of `size` words whether it is in one of the spans."""
    changes = np.zeros(size + 1, np.int64)
    np.add.at(changes, first, 1)
    np.add.at(changes, first + count, -1)
    return np.cumsum(changes)[:size] > 0


def most_spans(articles: int) -> int:
    """Return how many spans each pair may keep if a document is compared with so many articles."""
    return min(SPANS_KEPT, max(SPANS_AT_LEAST, SPANS_OF_DOCUMENT // max(1, articles)))


def verify(document: NamedDocument, article: Joined, rules: VerifyRules, most: int = SPANS_KEPT) -> Overlap:
    """Compare a document, named by windows of `rules.anchor_words` words, with an article, word by word.

    At most `most` spans are kept. The cost is linear in both texts.
    """
    read = document.read_like(article)
    if read is None:
        return _verified(document, article.words, rules, most)[0]
    named, of_document, of_article = read
    overlap, spans = _verified(named, of_article.words, rules, most)

    # Convert places and sums to words as written.
    sums, kept = [], overlap.spans.copy()
    for side, reading in enumerate((of_document, of_article)):
        first, length = reading.first[spans[:, side]], reading.lengths(spans[:, side], spans[:, 2])
        sums.append(int(_words_in(first, length, len(reading.written)).sum()))
    lengths = [r.lengths(kept[:, k], kept[:, 2]) for k, r in enumerate((of_document, of_article))]
    kept[:, 0], kept[:, 1] = of_document.first[kept[:, 0]], of_article.first[kept[:, 1]]
    return Overlap(
        overlap.longest_run_words, sums[1], sums[0], len(of_article.written), len(of_document.written),
        kept, np.stack(lengths, axis=1),
    )  # fmt: skip


def _verified(
    document: NamedDocument, article: TextWords, rules: VerifyRules, most: int
) -> tuple[Overlap, Runs]:
    names, runs = document.runs(article)
    n, m = len(document.words), len(article)
    if not len(runs):
        nothing = np.empty((0, 4), np.int64)
        return Overlap(0, 0, 0, m, n, nothing), nothing
    longest, copied, document_copied, spans = _spans(
        document.naming.words, names, runs, rules.bridge_gap_words, rules.bridge_run_words
    )
    kept = spans
    if len(spans) > most:
        kept = spans[np.sort(np.argsort(-spans[:, 2], kind="stable")[:most])]
    return Overlap(longest, copied, document_copied, m, n, kept), spans


@cached_njit
def _spans(
    document: Names, article: Names, runs: Runs, gap_words: int, run_words: int
) -> tuple[int, int, int, Runs]:
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

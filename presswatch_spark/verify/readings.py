"""The reading of two texts in which they have most in common: where a hyphen at a line end may part a word.

`infor-` / `mation` is one word if the other text has `information`, and two words if it has `infor mation`.
Where it has neither, the words stay as they are written. Where it has both, the longer run around decides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from presswatch_spark.text.kernels import Edges, Hashes
from presswatch_spark.text.words import TextWords, word_at, word_hashes
from presswatch_spark.verify.screen import DocumentWindows

MOST_PARTS = 4
"""A word may be parted at so many line ends but one."""
MOST_PARTINGS = 50_000
"""Of the partings of a text, so many are read in two ways: hostile texts have nothing else."""
MOST_PLACES = 64
"""So many places of a word decide between two readings that the other text has."""
CONTEXT = 24
"""So many words on either side decide between two readings that the other text has."""


@dataclass(frozen=True, slots=True)
class ReadText:
    """The n words of a text as they are compared, and the words as written, `written`, that each stands for.

    Word i stands for those from `first[i]` to `last[i]`, both int64[n].
    """

    words: TextWords
    written: TextWords
    first: Edges
    last: Edges

    @classmethod
    def as_written(cls, words: TextWords) -> "ReadText":
        """Return the reading in which nothing is joined."""
        every = np.arange(len(words))
        return cls(words, words, every, every)

    @property
    def packed(self) -> bytes:
        """Return the folded words in order, with one zero byte after each."""
        return b"".join(f"{word_at(self.words, i)}\0".encode() for i in range(len(self.words)))

    def lengths(self, first: Edges, count: Edges) -> Edges:
        """Return of how many written words runs of words are, int64[k]; `first`, `count` int64[k]."""
        written: Edges = self.last[first + count - 1] - self.first[first] + 1
        return written


class Joined:
    """The words that the partings of a text may have parted: each a span of words as written, and a hash."""

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
        """Return the folded bytes of the word whose parts are those from `first` to `last`."""
        starts, ends = self.words.folded_starts, self.words.folded_ends
        return self.words.folded[starts[first] : ends[last]].tobytes().replace(b"\0", b"")

    def in_common(self, other: "Joined") -> bool:
        """Return whether a joined word of one text may be a word of the other, joined or as written.

        False is certain.
        """
        return (
            (bool(self.spans) and self._screen.passes(_keys(other.words.hashes)))
            or (bool(other.spans) and other._screen.passes(_keys(self.words.hashes)))
            or (bool(self.spans and other.spans) and self._screen.passes(_keys(other.hashes)))
        )

    @cached_property
    def _screen(self) -> DocumentWindows:
        return DocumentWindows(_keys(self.hashes))

    def read_like(self, other: TextWords, also: "Joined | None" = None) -> ReadText:
        """Return the reading of the text that has most in common with another.

        Args:
            also: the joined words of the other text, which may be read so.
        """
        if not len(self):
            return ReadText.as_written(self.words)
        there = np.isin(self.hashes, other.hashes)
        if also is not None:
            there |= np.isin(self.hashes, also.hashes)
        known = {self.spans[k]: int(self.hashes[k]) for k in np.flatnonzero(there).tolist()}
        chosen = list(_chosen(self.words, other, known)) if known else []
        return _joined(self, chosen, known) if chosen else ReadText.as_written(self.words)


def _keys(hashes: Hashes) -> Hashes:
    """Return hashes as a screen takes them: none is 0."""
    keys: Hashes = hashes | np.uint64(1)
    return keys


def readings_of_pair(document: Joined, article: Joined) -> tuple[ReadText, ReadText]:
    """Return the readings of two texts in which they have most in common."""
    of_article = article.read_like(document.words, document)
    return document.read_like(of_article.words), of_article


def _chosen(
    words: TextWords, other: TextWords, known: dict[tuple[int, int], int]
) -> Iterator[tuple[int, int]]:
    """Yield the spans of words that are joined, in order; none overlap."""
    # Only the places of these words are needed, and a text may be long.
    ends = np.array([*known.values(), *(words.hashes[first] for first, _ in known)], np.uint64)
    hashes, others = words.hashes.tolist(), other.hashes.tolist()
    places = dict[int, list[int]]()
    for j in np.flatnonzero(np.isin(other.hashes, ends)).tolist():
        places.setdefault(others[j], []).append(j)
    before, done = list[int](), 0
    for first, last in sorted(known, key=lambda span: (span[0], -span[1])):
        if first < done:
            continue
        before = (before + hashes[done:first])[-CONTEXT:]
        behind = hashes[last + 1 : last + 1 + CONTEXT]
        joined = [*before, known[first, last]], behind
        as_written = [*before, hashes[first]], [*hashes[first + 1 : last + 1], *behind]
        if _longest(*joined, others, places) > _longest(*as_written, others, places) - (last - first):
            yield first, last
            before, done = joined[0], last + 1
        else:
            done = max(done, first)
            before, done = [*before, hashes[first]][-CONTEXT:], first + 1


def _longest(
    head: Sequence[int], tail: Sequence[int], others: Sequence[int], places: dict[int, list[int]]
) -> int:
    """Return the length of the longest run in another text that has the last word of `head`."""
    longest = 0
    for j in places.get(head[-1], [])[:MOST_PLACES]:
        left = 1
        while left < len(head) and left <= j and others[j - left] == head[-1 - left]:
            left += 1
        right = 0
        while right < len(tail) and j + 1 + right < len(others) and others[j + 1 + right] == tail[right]:
            right += 1
        longest = max(longest, left + right)
    return longest


def _joined(
    joined: Joined, spans: Sequence[tuple[int, int]], hashes_of: Mapping[tuple[int, int], int]
) -> ReadText:
    """Return the reading in which the words of each span are one."""
    words = joined.words
    starts, ends = words.folded_starts, words.folded_ends
    kept = np.ones(len(words), np.bool_)
    for first, last in spans:
        kept[first + 1 : last + 1] = False
    firsts = np.flatnonzero(kept)
    lasts = np.append(firsts[1:], len(words)) - 1
    # Joined words go behind the others: a word's bytes are in a row, with room to read 7 bytes more.
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

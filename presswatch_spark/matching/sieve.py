"""The sieve finds the articles that each document may copy from, in one pass over the documents' bytes.

A document is cut into segments that stay in the cache. Each goes through short loops: fold, find words, hash
them, combine windows, probe the filter, look up in the index. The folded bytes of a cut word (of a long one,
the state of its hash) and the last seven word hashes are carried to the next segment.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, entry_njit, uncounted_njit
from presswatch_spark.core.scan_values import DocumentBatch
from presswatch_spark.matching.keyed_hashes import encrypt, encrypt_in_place
from presswatch_spark.matching.shingle_index import (
    ALL_HASHES,
    HashRange,
    IndexArrays,
    ShingleIndex,
    entry_of,
    filter_bits,
    passing_places,
    probe_of,
)
from presswatch_spark.reading.text.hyphens import Partings, find_partings, write_readings
from presswatch_spark.reading.text.simd import nonzero_bits_64, trailing_zeros
from presswatch_spark.reading.text.word_kernels import (
    GROWTH,
    SLACK,
    U64,
    Bytes,
    Edges,
    FoldTable,
    Hashes,
    Integer,
    WordBuffers,
    absorb_from,
    begin,
    find_words,
    finish,
    fold,
    hash_words,
    load8,
    load_table,
    plain,
    plain_column,
    store8,
)
from presswatch_spark.reading.text.words import SHINGLE_WORDS, combine, shingle_hashes, word_hashes

Counts = npt.NDArray[np.int64]
Ids = npt.NDArray[np.uint32]
Documents = npt.NDArray[np.int32]

SEGMENT_BYTES = 1 << 16
_PAIRS_AT_FIRST = 1 << 12
READINGS_BYTES = 1 << 20
# Shingles and articles of a document that are remembered, to follow them up once; twice would be harmless.
_REMEMBERED = 1 << 14
CARRIED_BYTES = 1 << 10
_CARRIED_BYTES = U64(CARRIED_BYTES)
_CARRIED_WORDS = U64(SHINGLE_WORDS - 1)
_0, _1, _2, _7, _8, _16, _64 = (U64(n) for n in (0, 1, 2, 7, 8, 16, 64))


class Scratch(NamedTuple):
    """Buffers of one segment. `windows` is the same array as `words.heads`, `blocks` as `words.rests`."""

    folded: Bytes
    words: WordBuffers
    windows: Hashes
    carried: Hashes
    blocks: Hashes
    passes: Bytes


class Found(NamedTuple):
    """Positions of indexed shingles: document, and the shingle's first entry in the index."""

    documents: npt.NDArray[np.int32]
    entries: Counts


PROGRESS = np.dtype(
    [
        ("document", np.uint64),
        ("byte", np.uint64),  # next to fold
        ("carried", np.uint64),  # word hashes at the head of the windows
        ("tail", np.uint64),  # folded bytes of a cut word at the head of the buffer
        ("long", np.uint64),  # 1 if the cut word began before these bytes
        ("state", np.uint64),  # of the cut word's hash
        ("words", np.uint64),  # of all documents so far
        ("partings", np.uint64),  # found since the caller last set it to zero
    ]
)


@uncounted_njit
def _hash_segment(scratch: Scratch, size: np.uint64, last: bool, at: Any) -> np.uint64:
    # Hashes of the segment's words follow those carried over; a word that its end cuts is carried on.
    folded, found = scratch.folded, scratch.words
    words = find_words(folded, size, found, at.carried)
    cut = size
    if not last and size > _0 and folded[size - _1] != np.uint8(0):
        words -= _1
        cut = U64(found.starts[words])
    hash_words(folded, words, found, at.carried)
    if at.long != _0 and words > _0:
        ended = absorb_from(at.state, folded, U64(found.starts[_0]), U64(found.ends[_0]))
        scratch.windows[at.carried] = finish(ended)
        at.long = _0
    if size - cut > _CARRIED_BYTES:
        absorbed = (size - cut - _1) & ~_7
        if at.long == _0:
            at.state = begin(load8(folded, cut), load8(folded, cut + _8), size - cut)
            at.state = absorb_from(at.state, folded, cut + _16, cut + absorbed)
            at.long = _1
        else:
            at.state = absorb_from(at.state, folded, cut, cut + absorbed)
        cut += absorbed
    at.tail = size - cut
    for j in range(at.tail):
        folded[j] = folded[cut + j]
    return words


@uncounted_njit
def _look_up(
    probe: IndexArrays, scratch: Scratch, windows: Integer, at: Any, found: Found, n_found: int
) -> int:
    """Append the windows that are indexed to `found`; returns the new length."""
    hashes, blocks, passes = scratch.windows, scratch.blocks, scratch.passes
    # In a loop that only loads, the processor waits for many loads at once.
    for j in range(windows):
        blocks[j] = probe.filter[(hashes[j] >> _1) >> probe.filter_shift]
    for j in range(windows):
        passes[j] = np.uint8((filter_bits(hashes[j]) & ~blocks[j]) == _0)
    for g in range(SLACK // 8):
        store8(passes, U64(windows) + U64(g) * _8, _0)
    base, n_passing = _0, 0
    while base < U64(windows):
        passing = nonzero_bits_64(passes, base)
        while passing != _0:
            j = base + trailing_zeros(passing)
            passing &= passing - _1
            blocks[n_passing] = hashes[j]
            n_passing += 1
        base += _64
    encrypt_in_place(blocks, n_passing, probe.keys)
    for k in range(n_passing):
        entry = entry_of(probe, blocks[k])
        if entry >= 0:
            found.documents[n_found] = np.int32(at.document)
            found.entries[n_found] = entry
            n_found += 1
    return n_found


@uncounted_njit
def _keep_within(windows: Hashes, n: Integer, first: np.uint64, width: np.uint64) -> Integer:
    # Move the windows of a range of hashes to the front; return their number.
    kept = 0
    for j in range(n):
        h = windows[j]
        windows[kept] = h
        # Below `first` the difference wraps around, and is larger than any width.
        if h - first < width:
            kept += 1
    return kept


@uncounted_njit
def _keep_last(scratch: Scratch, n: np.uint64) -> np.uint64:
    # Copy the last seven of n word hashes before `combine` overwrites them; return their number.
    kept = min(n, _CARRIED_WORDS)
    for j in range(kept):
        scratch.carried[j] = scratch.windows[n - kept + j]
    return kept


@entry_njit
def scan(
    text: Bytes,
    starts: Edges,
    ends: Edges,
    segment: np.uint64,
    table: FoldTable,
    probe: IndexArrays,
    scratch: Scratch,
    found: Found,
    partings: Partings,
    progress: npt.NDArray[Any],
) -> int:
    """Scan on from `progress` until all documents are done, or `found` or `partings` has too little room.

    `partings`: rows for those of two segments, `progress.partings` of them filled; none: they are not needed.
    Returns the number of positions found. The scan is over once `progress.document` is beyond the last one.
    """
    at = progress[0]
    room = len(found.documents) - len(scratch.windows)
    parting_room = U64(len(partings)) - U64(len(partings)) // _2
    n_found = 0
    while at.document < U64(len(starts)):
        start, end = U64(starts[at.document]), U64(ends[at.document])
        last = False
        while not last:
            if n_found > room or at.partings > parting_room:
                return n_found
            first = start + at.byte
            i, size = fold(table, text, first, min(first + segment, end), end, scratch.folded, at.tail)
            if len(partings) > 0:
                # Now, while the segment is in the cache.
                at.partings = find_partings(
                    table, text, np.int64(start), np.int64(first), np.int64(i), np.int64(end), partings,
                    np.int64(at.partings),
                )  # fmt: skip
            at.byte = i - start
            last = bool(i >= end)
            words = _hash_segment(scratch, size, last, at)
            at.words += words
            kept = _keep_last(scratch, at.carried + words)
            windows = combine(scratch.windows, np.int64(at.carried + words))
            if probe.width != _0:
                windows = _keep_within(scratch.windows, windows, probe.first, probe.width)
            n_found = _look_up(probe, scratch, windows, at, found, n_found)
            at.carried = kept
            for j in range(kept):
                scratch.windows[j] = scratch.carried[j]
        at.document += _1
        at.byte = at.carried = at.tail = _0
    return n_found


@dataclass(frozen=True, slots=True)
class Hits:
    """The k articles with an indexed shingle of a document, by document and shingle.

    `documents` int32[k], index in the batch; `hashes` uint64[k], of the shingle; `articles` uint32[k].
    """

    documents: Documents
    hashes: Hashes
    articles: Ids


@dataclass(frozen=True, slots=True)
class Candidates:
    """The k pairs (document, article) with at least one hit, sorted by document, then article.

    `documents` int32[k], index in the batch; `articles` uint32[k]. `words`: of all documents of the batch.
    """

    documents: Documents
    articles: Ids
    words: int

    def __len__(self) -> int:
        return len(self.documents)


def joined(found: Iterable[Candidates]) -> Candidates:
    """Return the pairs of several candidates of one batch, each once."""
    parts = list(found)
    pairs = [part.documents.astype(np.uint64) << np.uint64(32) | part.articles for part in parts]
    return _candidates(np.unique(np.concatenate(pairs)), parts[0].words)


def _candidates(pairs: Hashes, words: int) -> Candidates:
    return Candidates((pairs >> np.uint64(32)).astype(np.int32), pairs.astype(np.uint32), words)


class Sieve:
    """An index and the buffers to scan against it; one for each thread.

    `segment_bytes`: bytes of a document scanned at once. `hashes`: shingles beyond this range do not count.
    """

    def __init__(
        self,
        index: ShingleIndex,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        hashes: HashRange = ALL_HASHES,
    ) -> None:
        self._probe = probe_of(index, hashes)
        self._articles = plain(index.articles)
        self._segment = U64(segment_bytes)
        folded = CARRIED_BYTES + GROWTH * (segment_bytes + 16) + SLACK
        words = folded // 2 + SLACK
        windows, blocks = np.empty(words, np.uint64), np.empty(words, np.uint64)
        self._scratch = Scratch(
            np.zeros(folded + SLACK, np.uint8),
            WordBuffers(np.empty(words, np.int64), np.empty(words, np.int64), windows, blocks),
            windows,
            np.empty(SHINGLE_WORDS, np.uint64),
            blocks,
            np.empty(words + SLACK, np.uint8),
        )
        room = 2 * words
        self._found = Found(np.empty(room, np.int32), np.empty(room, np.int64))
        self._partings = np.empty((2 * (segment_bytes // 2 + SLACK), 2), np.int64)
        # Used for all batches: a new megabyte for each would cost a page fault for every 4 KB.
        self._readings = np.empty(READINGS_BYTES, np.uint8)
        self._reading_bounds = np.empty((2, READINGS_BYTES // 64), np.int64)

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return every pair of a document and an article that share an indexed shingle.

        Words that a hyphen splits at a line end are also looked up as one word, after all documents.
        """
        pairs, n, progress = np.empty(_PAIRS_AT_FIRST, np.uint64), 0, np.zeros(1, PROGRESS)
        followed, met = _Remembered.nothing(), _Remembered.nothing()
        texts, partings = plain_column(batch.texts), list[Partings]()
        for found in chain(self._scan(*texts, progress, partings), self._scan_readings(*texts, partings)):
            done = 0
            while done < len(found.entries):
                done, n = _attribute(found, done, self._probe.hashes, self._articles, followed, met, pairs, n)
                if done < len(found.entries):
                    kept = np.unique(pairs[:n])
                    is_small = len(kept) == n or 2 * len(kept) > len(pairs)
                    pairs, n = np.empty(len(pairs) << is_small, np.uint64), len(kept)
                    pairs[:n] = kept
        return _candidates(np.unique(pairs[:n]), int(progress["words"][0]))

    def extents(self, text: Bytes, articles: Ids) -> Counts:
        """Return hits in a text, and words from the first to the end of the last, per article: int64[k, 2].

        `articles` uint32[k], sorted. Hits are places with an indexed shingle, without joining split words.
        """
        windows = shingle_hashes(word_hashes(text))
        found = np.zeros((len(articles), 3), np.int64)
        _count_hits(windows, self._probe, self._articles, plain(articles), found)
        words = found[:, 2] - found[:, 1] + SHINGLE_WORDS
        return np.column_stack((found[:, 0], np.where(found[:, 0], words, 0)))

    def hits(self, batch: DocumentBatch) -> Hits:
        """Return every hit of the batch; memory grows with their number."""
        texts = plain_column(batch.texts)
        found_at = self._scan(*texts, np.zeros(1, PROGRESS))
        parts = [_distinct(found.documents, found.entries) for found in found_at]
        documents, entries = _distinct(*np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1))
        postings = np.searchsorted(self._probe.hashes, self._probe.hashes[entries], "right") - entries
        hit = np.repeat(np.arange(len(entries)), postings)
        posting = np.arange(len(hit)) - np.repeat(np.cumsum(postings) - postings, postings) + entries[hit]
        return Hits(documents[hit].astype(np.int32), self._probe.hashes[posting], self._articles[posting])

    def _scan(
        self,
        text: Bytes,
        starts: Edges,
        ends: Edges,
        progress: npt.NDArray[Any],
        partings: list[Partings] | None = None,
    ) -> Iterator[Found]:
        """Yield positions of indexed shingles, as views of one buffer: use them before the next.

        `progress`: zeros of type `PROGRESS`. `partings`: a list to which those of the documents are added.
        """
        table, room = load_table(), self._partings[: 0 if partings is None else None]
        while progress["document"][0] < len(starts):
            n = scan(
                text, starts, ends, self._segment, table, self._probe, self._scratch, self._found, room,
                progress,
            )  # fmt: skip
            if partings is not None and (count := int(progress["partings"][0])):
                partings.append(room[:count].copy())
                progress["partings"] = 0
            if n:
                yield Found(self._found.documents[:n], self._found.entries[:n])

    def _scan_readings(
        self, text: Bytes, starts: Edges, ends: Edges, found_partings: Sequence[Partings]
    ) -> Iterator[Found]:
        # Scan the readings in which split words are joined.
        if not found_partings:
            return
        partings = np.concatenate(found_partings)
        order = np.argsort(starts, kind="stable")
        bounds = np.stack((starts, ends), axis=1)[order]
        # Documents may be stored in any order, but partings must be in the order of the text.
        partings, done = partings[np.argsort(partings[:, 0], kind="stable")], 0
        out, (reading_ends, sources) = self._readings, self._reading_bounds
        while done < len(partings):
            done, count = write_readings(text, bounds, partings, done, out, reading_ends, sources)
            reading_starts = np.concatenate([[0], reading_ends[: count - 1]]).astype(np.int64)
            readings = plain(out), plain(reading_starts), plain(reading_ends[:count])
            for found in self._scan(*readings, np.zeros(1, PROGRESS)):
                yield Found(order[sources[found.documents]].astype(np.int32), found.entries)


@cached_njit
def _count_hits(windows: Hashes, probe: IndexArrays, owners: Ids, articles: Ids, found: Counts) -> None:
    places = passing_places(probe, windows)
    sought = encrypt(windows[places], probe.keys)
    for k in range(len(places)):
        entry = entry_of(probe, sought[k])
        while 0 <= entry < len(owners) and probe.hashes[entry] == sought[k]:
            place = np.searchsorted(articles, owners[entry])
            if place < len(articles) and articles[place] == owners[entry]:
                # Columns: hits, the first of them, the last.
                if found[place, 0] == 0:
                    found[place, 1] = places[k]
                found[place, 0] += 1
                found[place, 2] = places[k]
            entry += 1


def _distinct(documents: npt.NDArray[np.integer], entries: Counts) -> Counts:
    return np.unique(np.stack((documents.astype(np.int64), entries)), axis=1)


class _Remembered(NamedTuple):
    """Numbers that were met last, by their last bits, and in which document."""

    numbers: Counts
    documents: Documents

    @classmethod
    def nothing(cls) -> Self:
        return cls(np.full(_REMEMBERED, -1, np.int64), np.full(_REMEMBERED, -1, np.int32))


@uncounted_njit
def _is_remembered(remembered: _Remembered, number: Integer, document: Integer) -> bool:
    place = number & (_REMEMBERED - 1)
    return bool(remembered.numbers[place] == number and remembered.documents[place] == document)


@uncounted_njit
def _remember(remembered: _Remembered, number: Integer, document: Integer) -> None:
    place = number & (_REMEMBERED - 1)
    remembered.numbers[place], remembered.documents[place] = number, document


@entry_njit
def _attribute(
    found: Found, done: int, hashes: Hashes, articles: Ids, followed: _Remembered, met: _Remembered,
    pairs: Hashes, n: int,
) -> tuple[int, int]:  # fmt: skip
    """Add pairs of a document (upper half) and an article of `found[done:]` to the n pairs so far.

    It ends early if there is no room; few pairs are added again. `followed`: entries of the index whose
    articles were looked up; `met`: articles. Returns the new `done` and n.
    """
    for f in range(done, len(found.entries)):
        document, entry = np.int64(found.documents[f]), found.entries[f]
        if _is_remembered(followed, entry, document):
            continue
        after = entry + 1
        while after < len(hashes) and hashes[after] == hashes[entry]:
            after += 1
        if n + after - entry > len(pairs):
            return f, n
        for e in range(entry, after):
            article = np.int64(articles[e])
            if not _is_remembered(met, article, document):
                _remember(met, article, document)
                pairs[n] = U64(document) << U64(32) | U64(article)
                n += 1
        _remember(followed, entry, document)
    return len(found.entries), n

"""The sieve: it names the articles that each document may copy from, in one pass over the documents' bytes.

The kernels of `hot_loop` find the positions whose shingle is indexed; here their postings become candidates.
Memory depends on the segment and on the number of candidates, not on the length of a document, nor on how
often it repeats a shingle. Time does neither: a shingle that a document repeats is followed up once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit, inner_njit
from presswatch_spark.model import DocumentBatch
from presswatch_spark.sieve.hot_loop import PROGRESS, Found, parting_rows, probe_of, scan, scratch_of
from presswatch_spark.sieve.shingle_index import ALL_HASHES, HashRange, ShingleIndex
from presswatch_spark.text.folding import load_table
from presswatch_spark.text.hyphens import Partings, write_readings
from presswatch_spark.text.kernels import U64, Bytes, Edges, Hashes, plain

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]
Documents = npt.NDArray[np.int32]

SEGMENT_BYTES = 1 << 16
_PAIRS_AT_FIRST = 1 << 12
READINGS_BYTES = 1 << 20
# So many shingles of a document are remembered; one that was pushed out is followed up again, in vain.
_REMEMBERED = 1 << 14
_SPREAD, _SLOT_SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@dataclass(frozen=True, slots=True)
class Hits:
    """Every article that has an indexed shingle of a document, each once, by document and shingle; k in all.

    `documents` int32[k], index in the batch; `hashes` uint64[k], of the shingle; `articles` uint32[k].
    """

    documents: Documents
    hashes: Hashes
    articles: Ids


@dataclass(frozen=True, slots=True)
class Candidates:
    """Pairs (document, article) with at least one hit, sorted by document, then article; k in all.

    `documents` int32[k], index in the batch; `articles` uint32[k]. `words`: those of all documents of the
    batch, with or without a hit.
    """

    documents: Documents
    articles: Ids
    words: int

    def __len__(self) -> int:
        return len(self.documents)


def joined(found: Iterable[Candidates]) -> Candidates:
    """Return the pairs of candidates that were found in one batch, each once."""
    parts = list(found)
    pairs = [part.documents.astype(np.uint64) << np.uint64(32) | part.articles for part in parts]
    pair: npt.NDArray[np.uint64] = np.unique(np.concatenate(pairs))
    documents = (pair >> np.uint64(32)).astype(np.int32)
    return Candidates(documents, pair.astype(np.uint32), parts[0].words)


class Sieve:
    """An index and the buffers to scan against it; one for each thread.

    Args:
        index: its arrays may be memory-mapped.
        segment_bytes: how much of a document is worked on at once; changes speed, never results.
        hashes: shingles outside of this range are passed over, as if they were not indexed.
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
        self._scratch = scratch_of(segment_bytes)
        room = 2 * len(self._scratch.windows)
        self._found = Found(np.empty(room, np.int32), np.empty(room, np.int64))
        self._partings = np.empty((parting_rows(segment_bytes), 2), np.int64)
        # Kept: a new megabyte for each batch would cost a page fault for every 4 KB, here and elsewhere.
        self._readings = np.empty(READINGS_BYTES, np.uint8)
        self._reading_bounds = np.empty((2, READINGS_BYTES // 64), np.int64)

    def candidates(self, batch: DocumentBatch) -> Candidates:
        """Return every pair of a document of the batch and an article that share an indexed shingle.

        Words that a hyphen parts at a line end are looked up as one word, too, after all documents.
        """
        pairs, n_pairs, progress = _pairs(_PAIRS_AT_FIRST), 0, np.zeros(1, PROGRESS)
        followed = _Followed(np.full(_REMEMBERED, -1, np.int64), np.full(_REMEMBERED, -1, np.int32))
        texts = plain(batch.text), plain(batch.text_starts), plain(batch.text_ends)
        partings = list[Partings]()
        for found in chain(self._scan(*texts, progress, partings), self._scan_readings(*texts, partings)):
            done = 0
            while done < len(found.entries):
                done, n_pairs = _attribute(
                    found, done, self._probe.hashes, self._articles, followed, pairs, n_pairs
                )
                if done < len(found.entries):
                    pairs = _grown(pairs, n_pairs)
        order = np.lexsort((pairs.articles[:n_pairs], pairs.documents[:n_pairs]))
        found_pairs = Candidates(pairs.documents[order], pairs.articles[order], int(progress["words"][0]))
        # Readings may find a pair again.
        return joined([found_pairs]) if partings else found_pairs

    def hits(self, batch: DocumentBatch) -> Hits:
        """Return every hit of the batch; memory grows with their number."""
        texts = plain(batch.text), plain(batch.text_starts), plain(batch.text_ends)
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

        Args:
            progress: of type `PROGRESS`, and of zeros.
            partings: takes the partings of the documents, document by document, if there are any.
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
        """Yield the positions of the readings in which words are joined, each with its document."""
        if not found_partings:
            return
        partings = np.concatenate(found_partings)
        order = np.argsort(starts, kind="stable")
        bounds = np.stack((starts, ends), axis=1)[order]
        # Documents may lie in the text in any order, and partings must be in that of the text.
        partings, done = partings[np.argsort(partings[:, 0], kind="stable")], 0
        out, (reading_ends, sources) = self._readings, self._reading_bounds
        while done < len(partings):
            done, count = write_readings(text, bounds, partings, done, out, reading_ends, sources)
            reading_starts = np.concatenate([[0], reading_ends[: count - 1]]).astype(np.int64)
            readings = plain(out), plain(reading_starts), plain(reading_ends[:count])
            for found in self._scan(*readings, np.zeros(1, PROGRESS)):
                yield Found(order[sources[found.documents]].astype(np.int32), found.entries)


def _distinct(documents: npt.NDArray[np.integer], entries: Counts) -> Counts:
    """Return the distinct pairs of two arrays of one length, sorted: int64[2, k]."""
    pairs: Counts = np.unique(np.stack((documents.astype(np.int64), entries)), axis=1)
    return pairs


class _Pairs(NamedTuple):
    """Candidates in the making, and an open-addressing table of those of the document at hand."""

    documents: Documents
    articles: Ids
    slots: Counts


class _Followed(NamedTuple):
    """Entries of the index that a document followed up last, by their last bits."""

    entries: Counts
    documents: Documents


def _pairs(room: int) -> _Pairs:
    return _Pairs(np.empty(room, np.int32), np.empty(room, np.uint32), np.empty(2 * room, np.int64))


def _grown(pairs: _Pairs, n: int) -> _Pairs:
    grown = _pairs(2 * len(pairs.documents))
    grown.documents[:n] = pairs.documents[:n]
    grown.articles[:n] = pairs.articles[:n]
    return grown


@inner_njit
def _slot(pairs: _Pairs, first: int, article: np.uint32) -> np.int64:
    """Return the slot of the article's pair, or its free one, which points before `first`."""
    last_slot = len(pairs.slots) - 1
    slot = np.int64((np.uint64(article) * _SPREAD) >> _SLOT_SHIFT) & last_slot
    while pairs.slots[slot] >= first and pairs.articles[pairs.slots[slot]] != article:
        slot = (slot + 1) & last_slot
    return slot


@cached_njit
def _attribute(
    found: Found, done: int, hashes: Hashes, articles: Ids, followed: _Followed, pairs: _Pairs, n: int
) -> tuple[int, int]:
    """Add the postings of `found[done:]` to the n pairs until the room ends; return the new `done` and n."""
    pairs.slots[:] = -1
    document = np.int64(pairs.documents[n - 1]) if n > 0 else np.int64(-1)
    first = n
    while first > 0 and pairs.documents[first - 1] == document:
        first -= 1
    for k in range(first, n):
        pairs.slots[_slot(pairs, first, pairs.articles[k])] = k
    for f in range(done, len(found.entries)):
        if found.documents[f] != document:
            document = np.int64(found.documents[f])
            first = n
        entry = found.entries[f]
        place = entry & (_REMEMBERED - 1)
        if followed.entries[place] == entry and followed.documents[place] == document:
            continue
        after = entry + 1
        while after < len(hashes) and hashes[after] == hashes[entry]:
            after += 1
        if n + after - entry > len(pairs.documents):
            return f, n
        for e in range(entry, after):
            slot = _slot(pairs, first, articles[e])
            if pairs.slots[slot] < first:
                pairs.slots[slot] = n
                pairs.documents[n] = found.documents[f]
                pairs.articles[n] = articles[e]
                n += 1
        followed.entries[place] = entry
        followed.documents[place] = found.documents[f]
    return len(found.entries), n

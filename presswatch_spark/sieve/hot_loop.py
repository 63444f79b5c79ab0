"""The sieve's hot loop: documents go in, positions of indexed shingles come out.

A document is cut into segments that stay in the cache. Each goes through short loops: fold, find words, hash
them, combine windows, probe the filter, look up in the index what passed. The folded bytes of a cut word and
the last seven word hashes are carried to the next segment. Of a word longer than `CARRIED_BYTES`, the state
of its hash is carried.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import entry_njit, uncounted_njit
from presswatch_spark.sieve.shingle_index import (
    ALL_HASHES,
    HashRange,
    ShingleIndex,
    block_shift,
    filter_bits,
)
from presswatch_spark.text.folding import FoldTable
from presswatch_spark.text.hyphens import Partings, find_partings
from presswatch_spark.text.kernels import (
    GROWTH,
    SLACK,
    U64,
    Bytes,
    Edges,
    Hashes,
    WordBuffers,
    absorb_from,
    begin,
    find_words,
    finish,
    fold,
    hash_words,
    load8,
    plain,
    store8,
)
from presswatch_spark.text.shingles import SHINGLE_WORDS, combine
from presswatch_spark.text.vectors import nonzero_bits_64, trailing_zeros

Counts = npt.NDArray[np.int64]

CARRIED_BYTES = 1 << 10
_CARRIED_BYTES = U64(CARRIED_BYTES)
_CARRIED_WORDS = U64(SHINGLE_WORDS - 1)
_0, _1, _2, _7, _8, _16, _64 = (U64(n) for n in (0, 1, 2, 7, 8, 16, 64))


class IndexArrays(NamedTuple):
    """The arrays of an index that the kernels read. The shifts are those of `block_shift`.

    `first`, `width`: the range of hashes that is looked up, as in `HashRange`.
    """

    filter: Hashes
    filter_shift: np.uint64
    directory: Counts
    directory_shift: np.uint64
    hashes: Hashes
    first: np.uint64
    width: np.uint64


class Scratch(NamedTuple):
    """Buffers of one segment. `windows` are the `heads` of `words`, `blocks` are their `rests`."""

    folded: Bytes
    words: WordBuffers
    windows: Hashes
    carried: Hashes
    blocks: Hashes
    passes: Bytes


class Found(NamedTuple):
    """Positions of indexed shingles: the document, and the shingle's first entry in the index."""

    documents: npt.NDArray[np.int32]
    entries: Counts


PROGRESS = np.dtype(
    [
        ("document", np.uint64),
        ("byte", np.uint64),  # next to fold
        ("carried", np.uint64),  # word hashes at the head of the windows
        ("tail", np.uint64),  # folded bytes of a cut word at the head of the buffer
        ("long", np.uint64),  # 1 if the cut word has begun before that
        ("state", np.uint64),  # of its hash
        ("words", np.uint64),  # of all documents so far
        ("partings", np.uint64),  # found since the caller last set it to zero
    ]
)


def probe_of(index: ShingleIndex, hashes: HashRange = ALL_HASHES) -> IndexArrays:
    """Return the arrays of an index as the kernels want them: views, nothing is copied."""
    return IndexArrays(
        plain(index.filter),
        block_shift(len(index.filter)),
        plain(index.directory),
        block_shift(len(index.directory) - 1),
        plain(index.hashes),
        U64(hashes.first),
        U64(hashes.width),
    )


def parting_rows(segment_bytes: int) -> int:
    """Return the rows that `scan` wants for partings: twice as many as a segment may have."""
    return 2 * (segment_bytes // 2 + SLACK)


def scratch_of(segment_bytes: int) -> Scratch:
    """Make buffers for segments of so many bytes of text."""
    folded = CARRIED_BYTES + GROWTH * (segment_bytes + 16) + SLACK
    words = folded // 2 + SLACK
    windows, blocks = np.empty(words, np.uint64), np.empty(words, np.uint64)
    return Scratch(
        np.zeros(folded + SLACK, np.uint8),
        WordBuffers(np.empty(words, np.int64), np.empty(words, np.int64), windows, blocks),
        windows,
        np.empty(SHINGLE_WORDS, np.uint64),
        blocks,
        np.empty(words + SLACK, np.uint8),
    )


@uncounted_njit
def _hash_segment(scratch: Scratch, size: np.uint64, last: bool, at: Any) -> np.uint64:
    """Hash the words of the folded segment, behind those carried over; carry on the word that it cuts."""
    folded, found = scratch.folded, scratch.words
    words: np.uint64 = find_words(folded, size, found, at.carried)
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
def _look_up(probe: IndexArrays, scratch: Scratch, windows: int, at: Any, found: Found, n_found: int) -> int:
    """Append the windows that are indexed to `found`; returns the new length."""
    hashes, blocks, passes = scratch.windows, scratch.blocks, scratch.passes
    # Loads of the filter wait for memory: a loop that does nothing else keeps the most of them under way.
    for j in range(windows):
        blocks[j] = probe.filter[(hashes[j] >> _1) >> probe.filter_shift]
    for j in range(windows):
        passes[j] = np.uint8((filter_bits(hashes[j]) & ~blocks[j]) == _0)
    for g in range(SLACK // 8):
        store8(passes, U64(windows) + U64(g) * _8, _0)
    base = _0
    while base < U64(windows):
        passing = nonzero_bits_64(passes, base)
        while passing != _0:
            j = base + trailing_zeros(passing)
            passing &= passing - _1
            h = hashes[j]
            bucket = (h >> _1) >> probe.directory_shift
            low, after = probe.directory[bucket], probe.directory[bucket + _1]
            high = after
            while low < high:
                middle = (low + high) >> 1
                if probe.hashes[middle] < h:
                    low = middle + 1
                else:
                    high = middle
            if low < after and probe.hashes[low] == h:
                found.documents[n_found] = np.int32(at.document)
                found.entries[n_found] = low
                n_found += 1
        base += _64
    return n_found


@uncounted_njit
def _keep_within(windows: Hashes, n: int, first: np.uint64, width: np.uint64) -> int:
    """Move the windows of a range of hashes, of n, to the front; returns how many there are."""
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
    """Save the last seven of n word hashes before `combine` overwrites them; returns how many there are."""
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

    Args:
        partings: with `parting_rows` rows takes the partings of the documents, `progress.partings` of them;
            without rows none are looked for.

    Returns:
        The number of positions found. The scan is over once `progress.document` has passed the last one.
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
                # While the cache holds the segment.
                at.partings = find_partings(
                    table, text, np.int64(start), np.int64(first), np.int64(i), np.int64(end), partings,
                    np.int64(at.partings),
                )  # fmt: skip
            at.byte = i - start
            last = i >= end
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

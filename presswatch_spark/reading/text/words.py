"""Finds the words of a text for sieve, index and verification: hashes, bytes and places; and their shingles.

`word_kernels` folds, finds and hashes words. Shingles are windows of eight words. A document's shingles are
looked up at every position; an article's are indexed at every fourth. A run of n words has n - 7 shingles,
and one of any four in a row is indexed. So every run of SHINGLE_WORDS + STRIDE - 1 = 11 words has an indexed
shingle. The last shingle is indexed as well, so that runs at an article's end are found from 8 words on.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, entry_njit, uncounted_njit
from presswatch_spark.core.scan_values import TextColumn
from presswatch_spark.reading.text.hyphens import partings_of
from presswatch_spark.reading.text.simd import exceptional_bits_64, trailing_zeros
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
    decode,
    find_words,
    fold,
    hash_words,
    load_table,
    plain,
)

_0, _1, _2, _64 = (U64(n) for n in (0, 1, 2, 64))
# Makes a number of characters negative as int64.
_NOT_UTF8 = U64(1 << 63)
_FIRST_SURROGATE, _AFTER_SURROGATES = U64(0xD800), U64(0xE000)


@dataclass(eq=False)
class TextWords:
    """The n words of a text, in order.

    `text` uint8. `hashes` uint64[n]. `folded` uint8: the folded words, with zero bytes between them and at
    least 7 bytes after the last; word i is `folded[folded_starts[i]:folded_ends[i]]`, both int64[n].
    """

    text: Bytes
    hashes: Hashes
    folded: Bytes
    folded_starts: Edges
    folded_ends: Edges

    def __len__(self) -> int:
        return len(self.hashes)

    @cached_property
    def partings(self) -> Edges:
        """Return the words that a hyphen at a line end may split from the next: int64 (k,), ascending."""
        found = partings_of(load_table(), self.text)[:, 0]
        # Usually no word is split, and the places of words are not needed.
        if not len(found):
            return found
        every = np.arange(len(self))
        before: Edges = np.searchsorted(self.bounds(every, every)[:, 0], found) - 1
        return before

    @property
    def packed(self) -> bytes:
        """Return the folded words with one zero byte after each."""
        folded, ends = self.folded.tobytes(), self.folded_ends.tolist()
        places = zip(self.folded_starts.tolist(), ends, strict=True)
        return b"".join(folded[start:end] + b"\0" for start, end in places)

    def bounds(self, first: Edges, last: Edges) -> Edges:
        """Return the bytes of the text of runs of words: int64[k, 2] for `first`, `last`, both int64[k]."""
        return self._found(first, last)[0]

    def characters(self, first: Edges, last: Edges) -> Edges:
        """Return the same in characters: indices into `text.decode("utf-8", "replace")`."""
        bounds, characters = self._found(first, last)
        if (characters < 0).any():
            # Decode as Python does with `replace`.
            places, inverse = np.unique(bounds, return_inverse=True)
            counts, before, count = np.empty(len(places), np.int64), 0, 0
            for k, place in enumerate(places.tolist()):
                count += len(str(self.text.data[before:place], "utf-8", "replace"))
                counts[k], before = count, place
            characters = counts[inverse].reshape(-1, 2)
        return characters

    def _found(self, first: Edges, last: Edges) -> tuple[Edges, Edges]:
        bounds, characters = _bounds(
            load_table().entries, self.text, self.folded_starts, self.folded_ends,
            first, last, np.argsort(first),
        )  # fmt: skip
        return bounds, characters


def words_of(text: bytes | Bytes) -> TextWords:
    """Find the words of a text in UTF-8; invalid bytes separate. Never fails."""
    data = _as_bytes(text)
    return TextWords(data, *_words(load_table(), data))


def word_hashes(text: bytes | Bytes) -> Hashes:
    """Return the hashes of the words of a text, uint64[n], as `words_of` does, in a third of the time."""
    return _hashes(load_table(), _as_bytes(text))


def words_of_each(texts: TextColumn) -> tuple[Hashes, Edges]:
    """Return the word hashes of n texts, text by text, and the bounds of each text's words: int64[n + 1]."""
    found = [word_hashes(texts[i]) for i in range(len(texts))]
    word_bounds = np.cumsum([0, *map(len, found)])
    return np.concatenate([np.empty(0, np.uint64), *found]), word_bounds


def word_count(text: bytes | Bytes) -> int:
    """Count the words of a text."""
    return int(_find(load_table(), _as_bytes(text))[2])


def word_at(words: TextWords, i: int) -> str:
    """Return word i, folded."""
    return words.folded[words.folded_starts[i] : words.folded_ends[i]].tobytes().decode()


def _as_bytes(text: bytes | Bytes) -> Bytes:
    return plain(np.frombuffer(text, np.uint8) if isinstance(text, bytes) else text)


@cached_njit
def _find(table: FoldTable, text: Bytes) -> tuple[Bytes, WordBuffers, np.uint64]:
    n = U64(len(text))
    folded = np.empty(GROWTH * len(text) + SLACK, np.uint8)
    _, size = fold(table, text, _0, n, n, folded, _0)
    room = size // _2 + U64(SLACK)
    found = WordBuffers(
        np.empty(room, np.int64),
        np.empty(room, np.int64),
        np.empty(room, np.uint64),
        np.empty(room, np.uint64),
    )
    return folded, found, find_words(folded, size, found, _0)


@cached_njit
def _hashes(table: FoldTable, text: Bytes) -> Hashes:
    folded, found, count = _find(table, text)
    hash_words(folded, count, found, _0)
    hashes: Hashes = found.heads[:count].copy()
    return hashes


@cached_njit
def _words(table: FoldTable, text: Bytes) -> tuple[Hashes, Bytes, Edges, Edges]:
    folded, found, count = _find(table, text)
    hash_words(folded, count, found, _0)
    size = found.ends[count - _1] + 8 if count else 0
    # Return copies: the buffers have room for many more words.
    return (
        found.heads[:count].copy(),
        folded[:size].copy(),
        found.starts[:count].copy(),
        found.ends[:count].copy(),
    )


@cached_njit
def _bounds(
    entries: npt.NDArray[np.uint32],
    text: Bytes,
    folded_starts: Edges,
    folded_ends: Edges,
    first: Edges,
    last: Edges,
    order: Edges,
) -> tuple[Edges, Edges]:
    """Return the bounds of runs of words in bytes and in characters, both int64[k, 2].

    The latter are negative if the text up to there is no UTF-8. `order`: the runs by their first words, so
    that one pass over the text finds all of them.
    """
    bounds, in_characters = np.empty((len(first), 2), np.int64), np.empty((len(first), 2), np.int64)
    i, k, characters = _0, _0, _0
    for run in order:
        start, end = U64(folded_starts[first[run]]), U64(folded_ends[last[run]] - 1)
        i, _, k, characters = _character_of(entries, text, i, k, characters, start)
        _, after, _, before_last = _character_of(entries, text, i, k, characters, end)
        bounds[run, 0], bounds[run, 1] = np.int64(i), np.int64(after)
        in_characters[run, 0], in_characters[run, 1] = np.int64(characters), np.int64(before_last + _1)
    return bounds, in_characters


@uncounted_njit
def _character_of(
    entries: npt.NDArray[np.uint32],
    text: Bytes,
    i: np.uint64,
    k: np.uint64,
    characters: np.uint64,
    byte: np.uint64,
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    # Find the character that folds to `byte`, from the one at i on, whose folding begins at k.
    # Returns its begin, its end, the begin of its folding, and the number of characters before it.
    n = U64(len(text))
    while True:
        while i + _64 <= n and k < byte:
            # Up to the next exceptional byte, a byte is a character, and folds to one byte.
            plain_bytes = trailing_zeros(exceptional_bits_64(text, i))
            ahead = min(plain_bytes, byte - k)
            i += ahead
            k += ahead
            characters += ahead
            if plain_bytes < _64:
                break
        code, size = decode(text, i, n)
        after = k + U64(entries[code] >> np.uint32(24))
        if byte < after:
            return i, i + size, k, characters
        if (size == _1 and text[i] >= np.uint8(0x80)) or _FIRST_SURROGATE <= code < _AFTER_SURROGATES:
            characters |= _NOT_UTF8
        i += size
        k = after
        characters += _1


SHINGLE_WORDS = 8
STRIDE = 4

_MULTIPLIER = 0xD6E8FEB86659FD93
_C, _C2, _C4 = (U64(pow(_MULTIPLIER, power, 1 << 64)) for power in (1, 2, 4))
_MIX = U64(0xFF51AFD7ED558CCD)


@entry_njit
def combine(hashes: Hashes, n: Integer) -> Integer:
    """Turn the n word hashes at the head of `hashes` into the hashes of their 8-word windows, in place.

    The window at i is the sum of C**j * W[i + j] modulo 2**64, calculated by doubling, then mixed. Returns
    the number of windows, max(0, n - 7).
    """
    for i in range(n - 1):
        hashes[i] += _C * hashes[i + 1]
    for i in range(n - 3):
        hashes[i] += _C2 * hashes[i + 2]
    for i in range(n - 7):
        x = hashes[i] + _C4 * hashes[i + 4]
        x = (x ^ (x >> U64(32))) * _MIX
        hashes[i] = x ^ (x >> U64(29))
    return max(0, n - 7)


def shingle_hashes(word_hashes: Hashes) -> Hashes:
    """Return hashes of the 8-word shingles at every position: uint64[max(0, n - 7)] for uint64[n]."""
    windows = word_hashes.copy()
    return windows[: combine(windows, len(windows))]


def are_among(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Return for each hash whether it is among `known`, uint64[k], sorted: bool[n]."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes
    return found


@cached_njit
def indexed_positions(n_words: int, stride: int = STRIDE) -> npt.NDArray[np.int64]:
    """Return the positions to index in a text of `n_words`: every `stride`-th from 0, and the last."""
    last = n_words - SHINGLE_WORDS
    regular = last // stride + 1 if last >= 0 else 0
    positions = np.empty(regular + 1 if last > 0 and last % stride else regular, np.int64)
    for i in range(regular):
        positions[i] = i * stride
    positions[regular:] = last
    return positions

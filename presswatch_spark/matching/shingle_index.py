"""The shingle index: sorted hashes with postings, a directory into them, and a blocked Bloom filter in front.

Filter block, directory bucket and sort order all follow from the top bits of a hash. So the hashes with one
prefix fill one slice of each array, and slices can be built independently, then concatenated.
"""

import mmap
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from presswatch_spark.core.compiled import cached_njit, inner_njit, lean_njit, uncounted_njit
from presswatch_spark.matching.keyed_hashes import RoundKeys, decrypt
from presswatch_spark.reading.text.word_kernels import Hashes, plain

KEYS_PER_BUCKET = 8
HASHES = 1 << 64
# A lookup reads these arrays at every position that passes the filter; `articles` only for a shingle found.
SEARCHED = ("filter", "directory", "hashes")
DECRYPTED_AT_ONCE = 1 << 20

_0, _1 = np.uint64(0), np.uint64(1)
_BIT = np.uint64(63)


class HashRange(NamedTuple):
    """The hashes from `first` on, `width` of them; a width of 0 means all hashes."""

    first: int
    width: int


ALL_HASHES = HashRange(0, 0)


def hash_ranges(count: int) -> list[HashRange]:
    """Cut all hashes into `count` ranges of nearly equal width. Each fills one slice of an index."""
    if count == 1:
        return [ALL_HASHES]
    firsts = [number * HASHES // count for number in range(count + 1)]
    return [HashRange(first, after - first) for first, after in pairwise(firsts)]


def passes_for(searched_bytes: int, memory_bytes: float | None) -> int:
    """Return the number of ranges of which each fits into memory (`SEARCHED` arrays); None: no limit."""
    return 1 if memory_bytes is None else max(1, ceil(searched_bytes / memory_bytes))


@dataclass(frozen=True, slots=True)
class ShingleIndex:
    """The index; its arrays may be memory-mapped, and are never written.

    `hashes` uint64[m], sorted: one for each posting, so equal hashes repeat. `articles` uint32[m]: ordinals.
    `filter` uint64[f]: f is a power of two. `directory` int64[2**b + 1], b >= 1: entry p is the first index
    in `hashes` with p or more in the top b bits. `keys`: those of the cipher, if `hashes` are
    encrypted; the filter has them as they are.
    """

    hashes: Hashes
    articles: npt.NDArray[np.uint32]
    filter: Hashes
    directory: npt.NDArray[np.int64]
    keys: RoundKeys = field(default_factory=lambda: np.empty(0, np.uint32))

    @classmethod
    def open(cls, folder: Path, *, scattered: bool = False) -> Self:
        """Map the index in a folder, a file `NAME.npy` for each array; `scattered`: without read-ahead."""
        names = ("hashes", "articles", "filter", "directory")
        mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in names}
        if scattered:
            for array in mapped.values():
                # numpy has no public attribute for the memory map.
                array._mmap.madvise(mmap.MADV_RANDOM)
        return cls(**mapped)

    @classmethod
    def encrypted(
        cls, hashes: Hashes, articles: npt.NDArray[np.uint32], keys: RoundKeys, bits_per_key: int
    ) -> Self:
        """Make the filter and the directory of encrypted hashes: 3 to 5 bytes of memory for each."""
        blocks = np.zeros(filter_blocks(len(hashes), bits_per_key), np.uint64)
        for first in range(0, len(hashes), DECRYPTED_AT_ONCE):
            some = decrypt(hashes[first : first + DECRYPTED_AT_ONCE], keys)
            _set_bits(some, blocks, block_shift(len(blocks)), np.uint64(0))
        return cls(hashes, articles, blocks, build_directory(hashes, directory_bits(len(hashes))), keys)


class IndexArrays(NamedTuple):
    """The arrays of an index that the kernels read, `block_shift` of each, and the `HashRange` looked up."""

    filter: Hashes
    filter_shift: np.uint64
    directory: npt.NDArray[np.int64]
    directory_shift: np.uint64
    hashes: Hashes
    first: np.uint64
    width: np.uint64
    keys: RoundKeys


def probe_of(index: ShingleIndex, hashes: HashRange = ALL_HASHES) -> IndexArrays:
    """Return views of the arrays of an index for the kernels."""
    return IndexArrays(
        plain(index.filter),
        block_shift(len(index.filter)),
        plain(index.directory),
        block_shift(len(index.directory) - 1),
        plain(index.hashes),
        np.uint64(hashes.first),
        np.uint64(hashes.width),
        plain(index.keys),
    )


def filter_blocks(keys: int, bits_per_key: int) -> int:
    """Return the number of 64-bit blocks of a filter: the power of two that gives a key `bits_per_key`."""
    return 1 << max(0, (keys * bits_per_key - 1) // 64).bit_length()


def directory_bits(keys: int) -> int:
    """Return the length of a prefix, in bits, in a directory for so many keys: 8 to 16 keys a bucket."""
    return max(1, (keys // KEYS_PER_BUCKET).bit_length() - 1)


def build_filter(
    hashes: Hashes, n_blocks: int, first_block: int = 0, slice_blocks: int | None = None
) -> Hashes:
    """Build the filter of `n_blocks` (a power of two), or the `slice_blocks` that all the hashes belong to.

    The block of a hash is its top log2(n_blocks) bits.
    """
    blocks = np.zeros(n_blocks if slice_blocks is None else slice_blocks, np.uint64)
    _set_bits(np.asarray(hashes), blocks, block_shift(n_blocks), np.uint64(first_block))
    return blocks


def build_directory(
    hashes: Hashes, bits: int, first_prefix: int = 0, prefixes: int | None = None
) -> npt.NDArray[np.int64]:
    """Build the directory by `bits` bits over sorted `hashes`, or `prefixes` of it from `first_prefix` on.

    Returns int64[prefixes + 1], counted from the start of `hashes`; the last element is their number.
    """
    count = (1 << bits) - first_prefix if prefixes is None else prefixes
    wanted = np.arange(first_prefix, first_prefix + count, dtype=np.uint64) << np.uint64(64 - bits)
    starts = np.searchsorted(hashes, wanted)
    return np.append(starts, len(hashes)).astype(np.int64)


def block_shift(n_blocks: int) -> np.uint64:
    """Return the shift that turns a hash, already shifted by one, into its block."""
    # The caller shifts once before, since a shift by 64 has no defined result.
    return np.uint64(64 - n_blocks.bit_length())


@lean_njit
def filter_bits(h: np.uint64) -> np.uint64:
    """Return the four bits that a hash sets in its block, from its lowest 24 bits."""
    return (
        _1 << (h & _BIT)
        | _1 << ((h >> np.uint64(6)) & _BIT)
        | _1 << ((h >> np.uint64(12)) & _BIT)
        | _1 << ((h >> np.uint64(18)) & _BIT)
    )


@uncounted_njit
def place_of_hash(hashes: Hashes, h: np.uint64, low: int, high: int) -> int:
    """Return the first place in the sorted slice `hashes[low:high]` with h or a greater hash; else high.

    Steps multiply instead of branching: a branch would be mispredicted every other time.
    """
    size = high - low
    while size > 0:
        half = (size + 1) >> 1
        low += half * (hashes[low + half - 1] < h)
        size -= half
    return low


@uncounted_njit
def first_entry(hashes: Hashes, h: np.uint64, low: int, high: int) -> int:
    """Return the first place in the sorted slice `hashes[low:high]` with h; -1 if there is none."""
    place = place_of_hash(hashes, h, low, high)
    return place if place < high and hashes[place] == h else -1


@lean_njit
def entry_of(probe: IndexArrays, h: np.uint64) -> int:
    """Return the first entry of an index with a hash, or -1."""
    bucket = (h >> _1) >> probe.directory_shift
    return first_entry(probe.hashes, h, probe.directory[bucket], probe.directory[bucket + _1])


@inner_njit
def passing_places(probe: IndexArrays, hashes: Hashes) -> npt.NDArray[np.int64]:
    """Return the places of the hashes, not encrypted, that pass the filter of an index."""
    passing, count = np.empty(len(hashes), np.int64), 0
    for w in range(len(hashes)):
        h = hashes[w]
        passing[count] = w
        # No branch, so that the processor reads the filter for many hashes at once.
        count += filter_bits(h) & ~probe.filter[(h >> _1) >> probe.filter_shift] == _0
    return passing[:count]


@cached_njit
def _set_bits(hashes: Hashes, blocks: Hashes, shift: np.uint64, first_block: np.uint64) -> None:
    for i in range(len(hashes)):
        blocks[((hashes[i] >> _1) >> shift) - first_block] |= filter_bits(hashes[i])

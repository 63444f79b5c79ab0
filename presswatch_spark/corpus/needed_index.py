"""The index of a corpus that lies elsewhere: a range of its hashes is there whole, or lookups by need."""

import weakref
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import layout
from presswatch_spark.corpus.needed import NeededArray, NeededFiles
from presswatch_spark.sieve.shingle_index import (
    ALL_HASHES,
    HASHES,
    HashRange,
    ShingleIndex,
    block_shift,
)

Hashes = npt.NDArray[np.uint64]

_1, _BIT = np.uint64(1), np.uint64(63)
_BITS_AT = tuple(np.uint64(6 * each) for each in range(4))


class NeededIndex:
    """An index, of which ranges and lookups are fetched before they are searched."""

    def __init__(self, files: NeededFiles, unit: str) -> None:
        self._files, self._unit = files, unit
        release = files.hold(unit)
        names = [array.name for array in fields(ShingleIndex)]
        opened = {name: files.file(f"{layout.INDEX_FOLDER}/{name}.npy", unit) for name in names}
        # Views of the arrays keep the maps, and whoever has one searches the index.
        weakref.finalize(opened["hashes"].map, release)
        self._arrays = {name: NeededArray(file) for name, file in opened.items()}
        self.index = ShingleIndex(**{name: each.array for name, each in self._arrays.items()})

    def need_range(self, hashes: HashRange) -> None:
        """Have all that lookups of hashes of a range read."""
        ends = np.array([hashes.first, (hashes.first + hashes.width - 1) % HASHES], np.uint64)
        blocks, buckets = self._arrays["filter"], self._arrays["directory"]
        begin, end = _places(ends, len(blocks.array)).tolist()
        with self._files.filling(self._unit):
            blocks.need_slice(begin, end + 1)
            begin, end = _places(ends, len(buckets.array) - 1).tolist()
            buckets.need_slice(begin, end + 2)
            low, high = int(buckets.array[begin]), int(buckets.array[end + 1])
            # Whoever follows equal hashes looks at the one behind them.
            for name in ("hashes", "articles"):
                self._arrays[name].need_slice(low, high + 1)

    def need_lookups(self, hashes: Hashes) -> None:
        """Have all that lookups of some hashes, uint64[n], read; postings too."""
        index = self.index
        places = _places(hashes, len(index.filter))
        self._arrays["filter"].need(places, places + 1)
        hashes = hashes[(_filter_bits(hashes) & ~index.filter[places]) == 0]
        buckets = _places(hashes, len(index.directory) - 1)
        self._arrays["directory"].need(buckets, buckets + 2)
        low, high = index.directory[buckets], index.directory[buckets + 1]
        self._arrays["hashes"].need(low, high + 1)
        self._arrays["articles"].need(low, high)


def _places(hashes: Hashes, count: int) -> npt.NDArray[np.int64]:
    """Return the blocks or buckets of hashes, of so many; see `block_shift`."""
    return ((hashes >> _1) >> block_shift(count)).astype(np.int64)


def _filter_bits(hashes: Hashes) -> Hashes:
    """Return what `filter_bits` returns of each hash."""
    bits: Hashes = np.bitwise_or.reduce([_1 << ((hashes >> each) & _BIT) for each in _BITS_AT])
    return bits


def unit_of(hashes: HashRange) -> str:
    """Name the folder of a range of the index."""
    return "index-all" if hashes == ALL_HASHES else f"index-{hashes.first:016x}-{hashes.width:x}"

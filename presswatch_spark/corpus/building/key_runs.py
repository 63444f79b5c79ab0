"""Sorting more keys than memory holds: sorted runs on disk, read back one range of keys (bucket) at a time.

Keys are hashes, hence evenly spread. Their top bits name a bucket, whose share of every run is one slice
(the distribution pass of a sample sort, with known splitters). Runs bring keys into order without a shuffle
through the JVM; they must lie where all executors see them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.compiled import cached_njit
from presswatch_spark.corpus import arrays

Keys = npt.NDArray[np.uint64]

# Buckets are made of 2**12 finest slices a run, so their number can be chosen once all runs are written.
_FINEST_BITS = 12
BUCKET_KEYS = 4 << 20

# Two passes over this many bits leave hashes a place or two from where they belong.
_PASS_BITS = 11
_MOVES_PER_KEY = 8
_1 = np.uint64(1)


def sort_pairs(keys: Keys, values: Keys, known_bits: int = 0) -> tuple[Keys, Keys]:
    """Return keys and values sorted by key; equal keys keep their order. The input stays as it is.

    Radix sort on the bits below the top `known_bits`, which all keys share, then insertion (Sedgewick,
    "Algorithms in C", 10.4): a seventh of the time of numpy's stable sort. That one sorts keys whose upper
    bits say too little to be hashes.
    """
    passes = 2
    low = max(0, 64 - known_bits - passes * _PASS_BITS)
    for shift in range(low, low + passes * _PASS_BITS, _PASS_BITS):
        keys, values = _scatter(keys, values, np.uint64(shift))
    if not _insert(keys, values, _MOVES_PER_KEY * len(keys)):
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], values[order]
    return keys, values


def write_run(folder: Path, keys: Keys, values: Keys) -> None:
    """Write keys and their values (uint64[n] each) as a run, sorted by key; equal keys keep their order."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, values = sort_pairs(keys, values)
    firsts = np.arange(1 << _FINEST_BITS, dtype=np.uint64) << np.uint64(64 - _FINEST_BITS)
    arrays.save(folder / "starts.npy", np.append(np.searchsorted(keys, firsts), len(keys)))
    arrays.save(folder / "keys.npy", keys)
    arrays.save(folder / "values.npy", values)


def bucket_bits(total_keys: int) -> int:
    """Return the bits that name a bucket, so that a bucket holds about `BUCKET_KEYS` keys at most."""
    return min(_FINEST_BITS, max(0, -(-total_keys // BUCKET_KEYS) - 1).bit_length())


def read_bucket(runs: Sequence[Path], bucket: int, bits: int) -> tuple[Keys, Keys]:
    """Read keys and values of one of `2**bits` buckets, sorted by key; equal keys in order of the runs."""
    width = 1 << (_FINEST_BITS - bits)
    starts = np.empty((len(runs), width + 1), np.int64)
    for run, of_run in zip(runs, starts, strict=True):
        arrays.read_rows(run / "starts.npy", bucket * width, of_run)
    places = np.append(0, np.cumsum(starts[:, -1] - starts[:, 0])).tolist()
    keys, values = np.empty(places[-1], np.uint64), np.empty(places[-1], np.uint64)
    for run, first, place, end in zip(runs, starts[:, 0].tolist(), places[:-1], places[1:], strict=True):
        arrays.read_rows(run / "keys.npy", first, keys[place:end])
        arrays.read_rows(run / "values.npy", first, values[place:end])
    return sort_pairs(keys, values, bits)


def groups(keys: Keys) -> npt.NDArray[np.int64]:
    """Return the bounds of the groups of equal keys: group g is `keys[bounds[g] : bounds[g + 1]]`."""
    if not len(keys):
        return np.zeros(1, np.int64)
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate(([0], changes, [len(keys)])).astype(np.int64)


@cached_njit
def _scatter(keys: Keys, values: Keys, shift: np.uint64) -> tuple[Keys, Keys]:
    """Return copies, stably sorted by `_PASS_BITS` bits of the keys from `shift` on."""
    mask = np.uint64((1 << _PASS_BITS) - 1)
    places = np.zeros((1 << _PASS_BITS) + 1, np.int64)
    for i in range(len(keys)):
        places[((keys[i] >> shift) & mask) + _1] += 1
    for digit in range(1 << _PASS_BITS):
        places[digit + 1] += places[digit]
    out_keys, out_values = np.empty_like(keys), np.empty_like(values)
    for i in range(len(keys)):
        digit = (keys[i] >> shift) & mask
        place = places[digit]
        out_keys[place], out_values[place] = keys[i], values[i]
        places[digit] = place + 1
    return out_keys, out_values


@cached_njit
def _insert(keys: Keys, values: Keys, moves: int) -> bool:
    """Insertion sort in place; gives up, the pairs still a permutation, after about `moves` moves."""
    for i in range(1, len(keys)):
        key, value = keys[i], values[i]
        j = i
        while j > 0 and keys[j - 1] > key and moves > 0:
            keys[j], values[j] = keys[j - 1], values[j - 1]
            j -= 1
            moves -= 1
        keys[j], values[j] = key, value
    return moves > 0

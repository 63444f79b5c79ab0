"""Sorting more keys than memory holds: sorted runs on disk, read back one range of keys (bucket) at a time.

Keys are hashes, hence evenly spread: a bucket is named by their top bits, and its share of every run is one
slice. (The distribution pass of a sample sort, with known splitters.) Runs bring keys into order without a
shuffle through the JVM; they must lie where all executors see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from presswatch_spark.corpus import arrays

Keys = npt.NDArray[np.uint64]

# Buckets are made of 2**12 finest slices a run, so their number can be chosen once all runs are written.
_FINEST_BITS = 12
BUCKET_KEYS = 4 << 20


def write_run(folder: Path, keys: Keys, values: Keys) -> None:
    """Write keys and their values (uint64[n] each) as a run, sorted by key; equal keys keep their order."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    firsts = np.arange(1 << _FINEST_BITS, dtype=np.uint64) << np.uint64(64 - _FINEST_BITS)
    arrays.save(folder / "starts.npy", np.append(np.searchsorted(keys, firsts), len(keys)))
    arrays.save(folder / "keys.npy", keys)
    arrays.save(folder / "values.npy", values[order])


def bucket_bits(total_keys: int) -> int:
    """Bits that name a bucket, so that one holds about `BUCKET_KEYS` keys at most."""
    return min(_FINEST_BITS, max(0, -(-total_keys // BUCKET_KEYS) - 1).bit_length())


def read_bucket(runs: Sequence[Path], bucket: int, bits: int) -> tuple[Keys, Keys]:
    """Keys and values of one of `2**bits` buckets, sorted by key; equal keys in the order of the runs."""
    width = 1 << (_FINEST_BITS - bits)
    keys, values = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for run in runs:
        first, last = arrays.load(run / "starts.npy")[[bucket * width, (bucket + 1) * width]]
        keys.append(arrays.load(run / "keys.npy")[first:last])
        values.append(arrays.load(run / "values.npy")[first:last])
    merged = np.concatenate(keys)
    order = np.argsort(merged, kind="stable")
    return merged[order], np.concatenate(values)[order]


def groups(keys: Keys) -> npt.NDArray[np.int64]:
    """Bounds of the groups of equal keys: group g is `keys[bounds[g] : bounds[g + 1]]`."""
    if not len(keys):
        return np.zeros(1, np.int64)
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate(([0], changes, [len(keys)])).astype(np.int64)

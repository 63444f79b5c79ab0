"""The shingle index and the vocabulary, built from sorted runs of keys on disk.

Keys are hashes, hence evenly spread. Each part of the articles writes its keys as a sorted run. The top bits
of a key name a bucket, whose share of every run is one slice (the distribution pass of a sample sort, with
known splitters). So more keys are sorted than memory can take, without a shuffle through the JVM. Runs must
be where all executors see them.

A bucket fills its own slice of every array of an index, so buckets are built apart and joined as streams.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.compiled import cached_njit
from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.building.workspace import WORDS, BuildWorkspace, spread
from presswatch_spark.corpus.layout import BITS, HASHES, VOCABULARY_FOLDER
from presswatch_spark.corpus.store import ArticleFiles
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.sieve.shingle_index import build_directory, build_filter, directory_bits, filter_blocks
from presswatch_spark.tables.declarations import SuppressedShingle
from presswatch_spark.text.words import SHINGLE_WORDS, combine, indexed_positions, word_at, words_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Keys = npt.NDArray[np.uint64]
Bounds = npt.NDArray[np.int64]
BucketArrays = Callable[[Keys, Keys], Mapping[str, arrays.Array]]
"""Makes flat arrays, by the names of their files, of the keys and values of one bucket, sorted by key."""

# Buckets are made of 2**12 finest slices a run, so their number can be chosen once all runs are written.
_FINEST_BITS = 12
BUCKET_KEYS = 4 << 20
# Two passes over this many bits leave hashes a place or two from where they belong.
_PASS_BITS = 11
_MOVES_PER_KEY = 8
_1 = np.uint64(1)

SUPPRESSED_FILE = "suppressed.arrow"
_ARRAYS = ("hashes", "articles", "filter", "directory")
# In a run of postings, a value is article ordinal << 32 | word position.
_ARTICLE_SHIFT = np.uint64(32)

_FIRST_SLOTS = 1 << 16
# Room is made for as many new words before they are counted; a table that is too large leaves the cache.
_AT_ONCE = 4096
_ONCE = np.ones(_AT_ONCE, np.uint64)
_SPREAD, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def sort_pairs(keys: Keys, values: Keys, known_bits: int = 0) -> tuple[Keys, Keys]:
    """Return keys and values sorted by key; equal keys keep their order. The input stays as it is.

    Radix sort on the bits below the top `known_bits`, which all keys share, then insertion (Sedgewick,
    "Algorithms in C", 10.4): a seventh of the time of numpy's stable sort. That one sorts keys whose upper
    bits differ too little for hashes.
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
    """Return the bits that name a bucket, so that a bucket has about `BUCKET_KEYS` keys at most."""
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


def groups(keys: Keys) -> Bounds:
    """Return the bounds of the groups of equal keys: group g is `keys[bounds[g] : bounds[g + 1]]`."""
    if not len(keys):
        return np.zeros(1, np.int64)
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate(([0], changes, [len(keys)])).astype(np.int64)


def join_runs(
    spark: SparkSession,
    work: BuildWorkspace,
    runs: Sequence[Path],
    keys: int,
    make: BucketArrays,
    out: str,
) -> int:
    """Merge sorted runs of so many keys, bucket by bucket, into arrays under `out`; return their length."""
    bits = bucket_bits(keys)
    folders = [work.scratch / f"{out}-{bucket:05d}" for bucket in range(1 << bits)]
    spread(spark, work.scratch, partial(_write_bucket, make, runs, bits), enumerate(folders))
    (work.corpus / out).mkdir()
    names = sorted(path.name for path in folders[0].iterdir())
    for name in names:
        arrays.join(work.corpus / out / name, [folder / name for folder in folders])
    for run in runs:
        shutil.rmtree(run)
    return len(arrays.load(work.corpus / out / names[0]))


def _write_bucket(make: BucketArrays, runs: Sequence[Path], bits: int, item: tuple[int, Path]) -> None:
    bucket, folder = item
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in make(*read_bucket(runs, bucket, bits)).items():
        arrays.save(folder / name, array)


# --- the shingle index


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """The cut of a shingle index: `bits` name a bucket, sizes follow from the postings before suppression."""

    runs: tuple[Path, ...]
    bits: int
    filter_blocks: int
    directory_bits: int

    @classmethod
    def of(cls, runs: Sequence[Path], postings: int, config: CorpusConfig) -> Self:
        """Return the plan for so many postings in `runs`, which are in the order of the articles."""
        return cls(
            runs=tuple(runs),
            bits=bucket_bits(postings),
            filter_blocks=filter_blocks(postings, config.filter_bits_per_key),
            directory_bits=directory_bits(postings),
        )


@cached_njit
def postings_of(first: np.uint64, hashes: Keys, bounds: Bounds, stride: int) -> tuple[Keys, Keys]:
    """Return hashes and values of the postings of n articles, in the order of articles and positions.

    Their ordinals begin at `first`. The words of article i are `hashes[bounds[i] : bounds[i + 1]]`.
    """
    total = 0
    for i in range(len(bounds) - 1):
        total += len(indexed_positions(bounds[i + 1] - bounds[i], stride))
    keys, values = np.empty(total, np.uint64), np.empty(total, np.uint64)
    k = 0
    for i in range(len(bounds) - 1):
        windows = hashes[bounds[i] : bounds[i + 1]].copy()
        combine(windows, len(windows))
        owner = (first + np.uint64(i)) << _ARTICLE_SHIFT
        for position in indexed_positions(len(windows), stride):
            keys[k] = windows[position]
            values[k] = owner | np.uint64(position)
            k += 1
    return keys, values


def build_bucket(
    plan: IndexPlan, bucket: int, folder: Path, articles: ArticleFiles, limit: int
) -> tuple[int, int]:
    """Write a bucket's slices of all arrays, and its suppressed shingles, into `folder`.

    A shingle of more than `limit` articles is suppressed. Returns: postings indexed, shingles suppressed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    hashes, values = read_bucket(plan.runs, bucket, plan.bits)
    owners = (values >> _ARTICLE_SHIFT).astype(np.uint32)
    bounds = groups(hashes)
    # The first posting of each article in the group of a shingle, whose owners are sorted.
    new = np.ones(len(owners), np.int64)
    new[1:] = owners[1:] != owners[:-1]
    new[bounds[:-1]] = 1
    counts = np.add.reduceat(new, bounds[:-1]) if len(new) else np.empty(0, np.int64)
    indexed = np.repeat(counts <= limit, np.diff(bounds)) & (new > 0)
    firsts = bounds[:-1][counts > limit]
    shingles = list[str]()
    for value in values[firsts].tolist():
        words, position = words_of(articles.body(value >> 32)), value & 0xFFFFFFFF
        shingles.append(" ".join(word_at(words, i) for i in range(position, position + SHINGLE_WORDS)))
    suppressed = pa.table([shingles, hashes[firsts], counts[counts > limit]], SuppressedShingle.schema)
    arrays.write_arrow(folder / SUPPRESSED_FILE, suppressed)
    hashes, owners = hashes[indexed], owners[indexed]
    blocks, prefixes = plan.filter_blocks >> plan.bits, (1 << plan.directory_bits) >> plan.bits
    arrays.save(folder / "hashes.npy", hashes)
    arrays.save(folder / "articles.npy", owners)
    arrays.save(folder / "filter.npy", build_filter(hashes, plan.filter_blocks, bucket * blocks, blocks))
    directory = build_directory(hashes, plan.directory_bits, bucket * prefixes, prefixes)
    arrays.save(folder / "directory.npy", directory)
    return len(hashes), len(suppressed)


def join_buckets(folders: Sequence[Path], out: Path) -> None:
    """Join the slices of all buckets, in order, into the arrays of the index under `out`."""
    out.mkdir(parents=True)
    # Directories count from the start of the whole index; all but the last lose their closing entry.
    first = 0
    for folder in folders:
        path = folder / "directory.npy"
        entries = arrays.load(path) + first
        first = int(entries[-1])
        arrays.save(path, entries if folder is folders[-1] else entries[:-1])
    for name in _ARRAYS:
        arrays.join(out / f"{name}.npy", [folder / f"{name}.npy" for folder in folders])


# --- the vocabulary


class WordCounter:
    """Counts words by their hashes; memory grows with the distinct ones."""

    def __init__(self) -> None:
        self._keys = np.zeros(_FIRST_SLOTS, np.uint64)
        self._counts = np.zeros(_FIRST_SLOTS, np.uint64)
        self._distinct = 0

    def add(self, hashes: Keys) -> None:
        """Count the words of texts, uint64[n]."""
        for first in range(0, len(hashes), _AT_ONCE):
            some = hashes[first : first + _AT_ONCE]
            while 2 * (self._distinct + len(some)) > len(self._keys):
                keys, counts = self.counts()
                slots = 2 * len(self._keys)
                self._keys, self._counts = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
                _count(self._keys, self._counts, keys, counts)
            self._distinct += _count(self._keys, self._counts, some, _ONCE[: len(some)])

    def counts(self) -> tuple[Keys, Keys]:
        """Return the distinct hashes and how often each was met, uint64[d] each, in no order."""
        used = np.flatnonzero(self._counts)
        return self._keys[used], self._counts[used]


def write_vocabulary(
    spark: SparkSession, work: BuildWorkspace, words: Sequence[int], distinct: Sequence[int]
) -> None:
    """Join the words that the parts counted: so many in each part, and so many `distinct` ones."""
    runs = [work.run(WORDS, part) for part in range(len(words))]
    with_bits, keys = partial(word_bits, sum(words)), sum(distinct)
    join_runs(spark, work, runs, keys, with_bits, VOCABULARY_FOLDER)


def word_bits(total: int, hashes: Keys, counts: Keys) -> Mapping[str, arrays.Array]:
    """Return distinct words and their bits, in a corpus of `total` words; equal `hashes` are neighbours.

    A word has k bits of information if its share of the corpus's words is at most one in 2**k, but more than
    one in 2**(k + 1) (Shannon, 1948, rounded down). Whole bits and their sums are the same on every machine.
    """
    bounds = groups(hashes)
    summed = np.add.reduceat(counts, bounds[:-1]) if len(hashes) else counts
    # Exact for shares below 2**53: `frexp` gives the place after the highest bit.
    _, places = np.frexp((np.uint64(total) // summed).astype(np.float64))
    return {HASHES: hashes[bounds[:-1]], BITS: (places - 1).astype(np.uint8)}


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


@cached_njit
def _count(keys: Keys, counts: Keys, hashes: Keys, times: Keys) -> int:
    mask = np.uint64(len(keys) - 1)
    new = 0
    for i in range(len(hashes)):
        h = hashes[i]
        slot = ((h * _SPREAD) >> _HALF) & mask
        while counts[slot] != 0 and keys[slot] != h:
            slot = (slot + _1) & mask
        if counts[slot] == 0:
            keys[slot] = h
            new += 1
        counts[slot] += times[i]
    return new

"""The making of the shingle index: sorted runs of postings, one for each part of the articles, and buckets.

In a run, a posting is a hash and a value, article ordinal << 32 | word position. The index has one for each
article with a shingle. A bucket of hashes fills its own slice of every array of the index, so buckets are
built apart and joined as streams.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.compiled import cached_njit, is_cached
from presswatch_spark.corpus import arrays
from presswatch_spark.corpus.article_files import ArticleFiles
from presswatch_spark.corpus.building.key_runs import Keys, bucket_bits, groups, read_bucket
from presswatch_spark.settings.config import CorpusConfig
from presswatch_spark.sieve.shingle_index import build_directory, build_filter, directory_bits, filter_blocks
from presswatch_spark.tables.declarations import SuppressedShingle
from presswatch_spark.text.shingles import SHINGLE_WORDS, combine, indexed_positions
from presswatch_spark.text.words import word_at, words_of

SUPPRESSED_FILE = "suppressed.arrow"
_ARRAYS = ("hashes", "articles", "filter", "directory")

Bounds = npt.NDArray[np.int64]

_ARTICLE_SHIFT = np.uint64(32)


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How an index is cut: `bits` name a bucket, sizes follow from the postings before suppression."""

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

    @property
    def buckets(self) -> range:
        """Return the buckets, in the order of their hashes."""
        return range(1 << self.bits)


def postings_of(first: int, hashes: Keys, bounds: Bounds, stride: int) -> tuple[Keys, Keys]:
    """Return hashes and values of the postings of n articles, in the order of articles and positions.

    Their ordinals begin at `first`. The words of article i are `hashes[bounds[i] : bounds[i + 1]]`.
    """
    keys, values = _post(np.uint64(first), hashes, bounds, stride)
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
    new = _first_of_each(owners, bounds)
    counts = np.add.reduceat(new, bounds[:-1]) if len(new) else np.empty(0, np.int64)
    indexed = np.repeat(counts <= limit, np.diff(bounds)) & (new > 0)
    firsts = bounds[:-1][counts > limit]
    common = _described(hashes[firsts], values[firsts], counts[counts > limit], articles)
    arrays.write_arrow(folder / SUPPRESSED_FILE, common)
    hashes, owners = hashes[indexed], owners[indexed]
    blocks, prefixes = plan.filter_blocks >> plan.bits, (1 << plan.directory_bits) >> plan.bits
    arrays.save(folder / "hashes.npy", hashes)
    arrays.save(folder / "articles.npy", owners)
    arrays.save(folder / "filter.npy", build_filter(hashes, plan.filter_blocks, bucket * blocks, blocks))
    directory = build_directory(hashes, plan.directory_bits, bucket * prefixes, prefixes)
    arrays.save(folder / "directory.npy", directory)
    return len(hashes), len(common)


def join_buckets(folders: Sequence[Path], out: Path) -> None:
    """Join the slices of all buckets, in order, into the arrays of the index under `out`."""
    out.mkdir(parents=True)
    _rebase_directories(folders)
    for name in _ARRAYS:
        arrays.join(out / f"{name}.npy", [folder / f"{name}.npy" for folder in folders])


def _rebase_directories(folders: Sequence[Path]) -> None:
    """Let every slice count from the start of the whole index; all but the last lose their closing entry."""
    first = 0
    for folder in folders:
        path = folder / "directory.npy"
        entries = arrays.load(path) + first
        first = int(entries[-1])
        arrays.save(path, entries if folder is folders[-1] else entries[:-1])


def _first_of_each(owners: npt.NDArray[np.uint32], bounds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return 1 at the first posting of an article in its group, else 0; owners in a group are sorted."""
    new = np.ones(len(owners), np.int64)
    new[1:] = owners[1:] != owners[:-1]
    new[bounds[:-1]] = 1
    return new


def _described(hashes: Keys, values: Keys, counts: npt.NDArray[np.int64], articles: ArticleFiles) -> pa.Table:
    """Return rows of the `suppressed` table; the first article with a shingle gives its words."""
    shingles = []
    for value in values.tolist():
        words, position = words_of(articles.body(value >> 32)), value & 0xFFFFFFFF
        shingles.append(" ".join(word_at(words, i) for i in range(position, position + SHINGLE_WORDS)))
    return pa.table([shingles, hashes, counts], SuppressedShingle.schema)


def knows_kernels() -> bool:
    """Whether this host has compiled the kernels of a build; `_post` is the last one."""
    return is_cached(_post)


@cached_njit
def _post(first: np.uint64, hashes: Keys, bounds: Bounds, stride: int) -> tuple[Keys, Keys]:
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

"""The folder in which a corpus is built, the distribution of work by Spark, and sorted runs of keys on disk.

The folder is a draft of the output (`storage.drafts`). All executors must see it.

Keys are hashes, hence evenly distributed. Each part of the articles writes its keys as a sorted file (*run*).
The top bits of a key name its bucket, whose share of every run is one slice. So more keys than memory holds
are sorted without a shuffle through the JVM.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from presswatch_spark.core.errors import PresswatchError
from presswatch_spark.corpus import layout
from presswatch_spark.storage.objects import ObjectInfo

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Item = TypeVar("Item")
Result = TypeVar("Result")
Keys = npt.NDArray[np.uint64]
Bounds = npt.NDArray[np.int64]
BucketFiles = Callable[[Keys, Keys], Mapping[str, layout.Array | pa.Table]]
"""Makes arrays and tables, by file name, from the keys and values of one bucket, which are sorted by key."""

POSTINGS, BANDS, WORDS, URLS = "postings", "bands", "words", "urls"
"""Kinds of keys; each part writes a run of each kind."""
TASKS_PER_CORE = 4
"""Tasks that read files, for each core."""
Files = tuple[int, tuple[ObjectInfo, ...]]
"""The number of the first file in the order of URIs, and the files of one task."""
# Each run has 2**12 slices, of which buckets consist: so the number of buckets can be chosen afterwards.
_FINEST_BITS = 12
BUCKET_KEYS = 4 << 20


@dataclass(frozen=True, slots=True)
class BuildWorkspace:
    """A draft of an output, which becomes the corpus, and a folder beside it for temporary files."""

    corpus: Path

    @property
    def scratch(self) -> Path:
        """Return the folder of temporary files."""
        return self.corpus.with_name("scratch")

    def run(self, kind: str, part: int) -> Path:
        """Return the folder of the sorted run of a part's keys of a kind (see `write_run`)."""
        return self.scratch / kind / f"part-{part:05d}"

    def runs(self, kind: str, parts: int) -> list[Path]:
        """Return the folders of the runs of all parts, in order."""
        return [self.run(kind, part) for part in range(parts)]

    def piece(self, file: str, part: int) -> Path:
        """Return the file with a part's share of a file of the corpus."""
        return self.scratch / f"part-{part:05d}-{file}"


def grouped(files: Sequence[ObjectInfo], spark: SparkSession) -> list[Files]:
    """Cut the files, in their order, into at most `TASKS_PER_CORE` groups for each core."""
    size = -(-len(files) // (TASKS_PER_CORE * spark.sparkContext.defaultParallelism)) or 1
    return [(first, tuple(files[first : first + size])) for first in range(0, len(files), size)]


def spread(
    spark: SparkSession, place: str | Path, function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Apply `function`, which writes below `place`, to every item in a task of its own; results in order.

    Errors that users may see come back as values: Spark neither retries nor logs them.
    """
    # Imported here since the sealing of a corpus needs no Spark.
    from presswatch_spark.core.spark.errors import spark_errors

    work = list(items)
    guarded = partial(_guarded, place, function)
    with spark_errors(place):
        outcomes = spark.sparkContext.parallelize(work, max(1, len(work))).map(guarded).collect()
    errors = [outcome for outcome in outcomes if isinstance(outcome, PresswatchError)]
    if len(errors) > 1:
        lines = [f"{len(errors)} tasks failed:", *(f"  {error}" for error in errors)]
        raise type(errors[0])("\n".join(lines))
    if errors:
        raise errors[0]
    return [outcome for outcome in outcomes if not isinstance(outcome, PresswatchError)]


def _guarded(place: str | Path, function: Callable[[Item], Result], item: Item) -> Result | PresswatchError:
    from presswatch_spark.core.spark.worker import task

    try:
        with task(), layout.writing(place):
            return function(item)
    except PresswatchError as error:
        return error


# --- sorted runs


def sort_pairs(keys: Keys, values: Keys) -> tuple[Keys, Keys]:
    """Return keys and values sorted by key, then by value; the input stays as it is."""
    order = np.argsort(keys)
    keys, values = keys[order], values[order]
    same = keys[1:] == keys[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    values[tied] = values[tied][np.lexsort((values[tied], keys[tied]))]
    return keys, values


def write_run(folder: Path, keys: Keys, values: Keys) -> None:
    """Write keys and their values (uint64[n] each) as a run, sorted by key, then by value."""
    folder.mkdir(parents=True, exist_ok=True)
    keys, values = sort_pairs(keys, values)
    firsts = np.arange(1 << _FINEST_BITS, dtype=np.uint64) << np.uint64(64 - _FINEST_BITS)
    layout.save(folder / "starts.npy", np.append(np.searchsorted(keys, firsts), len(keys)))
    layout.save(folder / "keys.npy", keys)
    layout.save(folder / "values.npy", values)


def bucket_bits(total_keys: int) -> int:
    """Return the number of bits that name a bucket, so that it has at most about `BUCKET_KEYS` keys."""
    return min(_FINEST_BITS, max(0, -(-total_keys // BUCKET_KEYS) - 1).bit_length())


def read_bucket(runs: Sequence[Path], bucket: int, bits: int) -> tuple[Keys, Keys]:
    """Read keys and values of one of `2**bits` buckets, sorted by key, then by value."""
    width = 1 << (_FINEST_BITS - bits)
    starts = np.empty((len(runs), width + 1), np.int64)
    for run, of_run in zip(runs, starts, strict=True):
        layout.read_rows(run / "starts.npy", bucket * width, of_run)
    places = np.append(0, np.cumsum(starts[:, -1] - starts[:, 0])).tolist()
    keys, values = np.empty(places[-1], np.uint64), np.empty(places[-1], np.uint64)
    for run, first, place, end in zip(runs, starts[:, 0].tolist(), places[:-1], places[1:], strict=True):
        layout.read_rows(run / "keys.npy", first, keys[place:end])
        layout.read_rows(run / "values.npy", first, values[place:end])
    return sort_pairs(keys, values)


def groups(keys: Keys) -> Bounds:
    """Return the bounds of the groups of equal keys: group g is `keys[bounds[g] : bounds[g + 1]]`."""
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    return np.concatenate(([0], changes, [len(keys)] if len(keys) else [])).astype(np.int64)


def write_buckets(
    spark: SparkSession | None, folder: Path, runs: Sequence[Path], make: BucketFiles
) -> list[Path]:
    """Merge sorted runs, and remove them; return the folders, below `folder`, of the files of each bucket.

    Without Spark, memory has one bucket at a time.
    """
    bits = bucket_bits(sum(len(layout.load(run / "keys.npy")) for run in runs))
    folders = [folder / f"bucket-{bucket:05d}" for bucket in range(1 << bits)]
    write = partial(_write_bucket, make, runs, bits)
    if spark is None:
        for item in enumerate(folders):
            write(item)
    else:
        spread(spark, folder, write, enumerate(folders))
    for run in runs:
        shutil.rmtree(run)
    return folders


def _write_bucket(make: BucketFiles, runs: Sequence[Path], bits: int, item: tuple[int, Path]) -> None:
    bucket, folder = item
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in make(*read_bucket(runs, bucket, bits)).items():
        write = layout.write_arrow if isinstance(made, pa.Table) else layout.save
        write(folder / name, made)


def join_arrays(folders: Sequence[Path], out: Path) -> int:
    """Join the arrays of all buckets, in order, in a new folder; return the length of the first by name."""
    out.mkdir()
    names = sorted(path.name for path in folders[0].glob("*.npy"))
    for name in names:
        layout.join(out / name, [folder / name for folder in folders])
    return len(layout.load(out / names[0]))


def join_runs(
    spark: SparkSession | None, work: BuildWorkspace, out: str, runs: Sequence[Path], make: BucketFiles
) -> int:
    """Merge sorted runs into arrays of the corpus, under `out`, as `write_buckets`; return their length."""
    return join_arrays(write_buckets(spark, work.scratch / out, runs, make), work.corpus / out)
